//! Cuts Rust source into words and marks, and leaves out what is no code: comments, strings, characters, numbers.

#[derive(Debug, PartialEq, Eq, Clone)]
pub(super) enum Token {
    Word(String),
    /// `::`
    Sep,
    Mark(char),
}

/// Words, `::` and single marks with their lines; comments, strings, characters, lifetimes and numbers left out.
pub(super) fn tokens(source: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = source.chars().collect();
    let (mut out, mut at, mut line) = (vec![], 0, 1);
    let get = |at: usize| chars.get(at).copied().unwrap_or('\0');
    while at < chars.len() {
        let start = at;
        match get(at) {
            '/' if get(at + 1) == '/' => at += chars[at..].iter().take_while(|&&c| c != '\n').count(),
            '/' if get(at + 1) == '*' => at = end_of_block_comment(&chars, at),
            '"' => at = end_of_string(&chars, at),
            'r' | 'b' | 'c' if string_starts(&chars, at).is_some() => {
                at = string_starts(&chars, at).map_or(at + 1, |quote| match quote {
                    Quote::Plain(quote) => end_of_string(&chars, quote),
                    Quote::Raw(quote, hashes) => end_of_raw_string(&chars, quote, hashes),
                });
            }
            'b' if get(at + 1) == '\'' => at = end_of_char(&chars, at + 1),
            'r' if get(at + 1) == '#' && is_word(get(at + 2)) => at += 2,
            '\'' if get(at + 1) == '\\' || get(at + 2) == '\'' => at = end_of_char(&chars, at),
            '\'' => at += 1 + chars[at + 1..].iter().take_while(|&&c| is_word(c)).count(),
            c if c.is_ascii_digit() => at += chars[at..].iter().take_while(|&&c| is_word(c)).count(),
            c if is_word(c) => {
                let word: String = chars[at..].iter().take_while(|&&c| is_word(c)).collect();
                at += word.chars().count();
                out.push((line, Token::Word(word)));
            }
            ':' if get(at + 1) == ':' => {
                out.push((line, Token::Sep));
                at += 2;
            }
            c => {
                if !c.is_whitespace() {
                    out.push((line, Token::Mark(c)));
                }
                at += 1;
            }
        }
        at = at.min(chars.len());
        line += chars[start..at].iter().filter(|&&c| c == '\n').count();
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

enum Quote {
    Plain(usize),
    Raw(usize, usize),
}

/// Whether `r`, `b`, `c` and their pairs at `at` begin a string, and where its quote is.
fn string_starts(chars: &[char], at: usize) -> Option<Quote> {
    let prefix = chars[at..].iter().take(2).take_while(|&&c| matches!(c, 'r' | 'b' | 'c')).count();
    let raw = chars[at..at + prefix].contains(&'r');
    let hashes = chars[at + prefix..].iter().take_while(|&&c| c == '#').count();
    match chars.get(at + prefix + hashes) {
        Some('"') if raw => Some(Quote::Raw(at + prefix + hashes, hashes)),
        Some('"') if hashes == 0 => Some(Quote::Plain(at + prefix)),
        _ => None,
    }
}

fn end_of_string(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_raw_string(chars: &[char], quote: usize, hashes: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() {
        let closing = chars[at] == '"' && chars[at + 1..].iter().take(hashes).filter(|&&c| c == '#').count() == hashes;
        if closing {
            return at + 1 + hashes;
        }
        at += 1;
    }
    at
}

fn end_of_char(chars: &[char], quote: usize) -> usize {
    let mut at = quote + 1;
    while at < chars.len() && chars[at] != '\'' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

fn end_of_block_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start + 2, 1);
    while at < chars.len() && depth > 0 {
        match (chars[at], chars.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}
