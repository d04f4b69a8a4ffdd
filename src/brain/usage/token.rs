//! Words, quoted words and mentions of what a person said.
//!
//! Phones and word processors make `“ ”` of `"` and `—` of `--`: both are read as what was typed.

use std::ops::Range;

/// Somebody else whom a message mentions, and where the mention stands in its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mentioned {
    /// Bytes of the text.
    pub range: Range<usize>,
    /// Person id.
    pub id: String,
    /// The words of the mention.
    pub name: String,
}

/// One thing that was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// Where it stands.
    pub(super) range: Range<usize>,
    pub(super) kind: TokenKind<'t>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TokenKind<'t> {
    /// Up to the next space.
    Bare(&'t str),
    /// What stood in quotes.
    Quoted(String),
    /// A mention, however many words it has.
    Mention(&'t Mentioned),
    /// A quote that is never closed, up to the end.
    Unclosed(&'t str),
}

impl Token<'_> {
    pub(super) fn text(&self) -> &str {
        match &self.kind {
            TokenKind::Bare(text) | TokenKind::Unclosed(text) => text,
            TokenKind::Quoted(text) => text,
            TokenKind::Mention(mentioned) => &mentioned.name,
        }
    }

    /// What follows the dashes, if it is a flag.
    pub(super) fn flag(&self) -> Option<&str> {
        let TokenKind::Bare(text) = self.kind else { return None };
        let name = text.strip_prefix("--").or_else(|| text.strip_prefix(['—', '–']))?;
        name.starts_with(|c: char| c.is_ascii_alphabetic()).then_some(name)
    }
}

/// The quote that closes what this one opens, if it opens anything.
fn closing(open: char) -> Option<&'static [char]> {
    Some(match open {
        '"' => &['"'],
        '“' | '”' => &['”', '"'],
        '„' => &['“', '”', '"'],
        '«' => &['»'],
        '\'' => &['\''],
        '‘' => &['’'],
        _ => return None,
    })
}

/// The next token from a place on; nothing when only spaces are left.
pub(super) fn next<'t>(text: &'t str, from: usize, mentions: &'t [Mentioned]) -> Option<Token<'t>> {
    let rest = text.get(from..)?;
    let start = from + (rest.len() - rest.trim_start().len());
    let rest = text.get(start..).filter(|rest| !rest.is_empty())?;
    if let Some(mentioned) = mentions.iter().find(|mentioned| mentioned.range.start == start)
        && text.get(mentioned.range.clone()).is_some_and(|words| !words.is_empty())
    {
        return Some(Token { range: mentioned.range.clone(), kind: TokenKind::Mention(mentioned) });
    }
    let first = rest.chars().next()?;
    if let Some(closers) = closing(first) {
        let inside = rest.get(first.len_utf8()..).unwrap_or_default();
        if let Some((quoted, length)) = quoted(inside, closers) {
            let end = start + first.len_utf8() + length;
            return Some(Token { range: start..end, kind: TokenKind::Quoted(quoted) });
        }
        // An apostrophe at the start of a word is one: 'tis.
        if !matches!(first, '\'' | '‘') {
            return Some(Token { range: start..text.len(), kind: TokenKind::Unclosed(rest) });
        }
    }
    let length = rest.find(char::is_whitespace).unwrap_or(rest.len());
    // A mention may touch the word before it.
    let end = mentions.iter().map(|m| m.range.start).filter(|at| *at > start && *at < start + length).min();
    let end = end.filter(|end| text.is_char_boundary(*end)).unwrap_or(start + length);
    Some(Token { range: start..end, kind: TokenKind::Bare(text.get(start..end).unwrap_or_default()) })
}

/// What stands before the closing quote, and how many bytes that is, the quote included. The quote closes only
/// where a word ends; `\"` is a quote that does not.
fn quoted(inside: &str, closers: &[char]) -> Option<(String, usize)> {
    let mut out = String::new();
    let mut chars = inside.char_indices().peekable();
    while let Some((at, char)) = chars.next() {
        if char == '\\'
            && let Some((_, next)) = chars.next_if(|(_, next)| *next == '\\' || closers.contains(next))
        {
            out.push(next);
        } else if closers.contains(&char) && chars.peek().is_none_or(|(_, next)| next.is_whitespace()) {
            return Some((out, at + char.len_utf8()));
        } else {
            out.push(char);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        let mut at = 0;
        let mut out = Vec::new();
        while let Some(token) = next(text, at, &[]) {
            at = token.range.end;
            out.push(match &token.kind {
                TokenKind::Unclosed(text) => format!("unclosed {text}"),
                TokenKind::Quoted(text) => format!("<{text}>"),
                _ => token.text().to_owned(),
            });
        }
        out
    }

    #[test]
    fn quotes_of_every_keyboard_hold_words_together() {
        assert_eq!(all(r#"a "b c"  d"#), ["a", "<b c>", "d"]);
        assert_eq!(all("“b c” „b c“ «b c» 'b c' ‘b c’"), ["<b c>"; 5]);
        assert_eq!(all(r#""" x"#), ["<>", "x"]);
        assert_eq!(all(r#""say \"hi\" \\ \n" x"#), [r#"<say "hi" \ \n>"#, "x"]);
    }

    #[test]
    fn what_is_no_quote_stays() {
        assert_eq!(all("it's 'tis 5\" x\"y"), ["it's", "'tis", "5\"", "x\"y"]);
        assert_eq!(all(r#""a"b c" d"#), [r#"<a"b c>"#, "d"]);
        assert_eq!(all(r#"a "b c"#), ["a", r#"unclosed "b c"#]);
    }

    #[test]
    fn a_mention_is_one_token_wherever_it_stands() {
        let text = "page Alice Example (Bob)";
        let mention = |range: Range<usize>, name: &str| Mentioned { range, id: name.into(), name: name.into() };
        let mentions = [mention(5..18, "Alice Example"), mention(20..23, "Bob")];
        let mut at = 4;
        let mut kinds = Vec::new();
        while let Some(token) = next(text, at, &mentions) {
            at = token.range.end;
            kinds.push((token.text().to_owned(), matches!(token.kind, TokenKind::Mention(_))));
        }
        let expected = [("Alice Example", true), ("(", false), ("Bob", true), (")", false)];
        assert_eq!(kinds, expected.map(|(text, is)| (text.to_owned(), is)));
    }

    #[test]
    fn dashes_of_every_keyboard_begin_a_flag() {
        let flag = |text: &'static str| {
            let token = next(text, 0, &[]).unwrap();
            token.flag().map(str::to_owned)
        };
        for text in ["--urgent", "—urgent", "–urgent"] {
            assert_eq!(flag(text).as_deref(), Some("urgent"));
        }
        for text in ["-urgent", "--", "—", "--5", "\"--urgent\""] {
            assert_eq!(flag(text), None, "{text}");
        }
    }
}
