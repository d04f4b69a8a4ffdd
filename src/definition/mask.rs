//! Keeps secrets out of excerpts: an error shows the line it is about, and that line may hold a token.

/// A line with its secrets masked, and where the caret belongs now.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Masked {
    pub(super) line: String,
    /// From 0, in characters.
    pub(super) column: usize,
    pub(super) width: usize,
}

const MASK: &str = "********";

/// Keys whose value may be a secret, by a part of their name.
const SECRET_KEYS: &[&str] = &["token", "secret", "password", "passwd", "bearer", "apikey", "api_key", "authorization"];

/// The beginning of every Webex id in base64 (`ciscospark://`): long, but no secret.
const WEBEX_ID: &str = "Y2lzY29zcGFyazov";

/// Whether a key may hold a secret: named like one, or a slip of the keyboard away from `token`.
#[must_use]
pub fn secret_key(key: &str) -> bool {
    let key = key.to_lowercase();
    // `then` is a word of the language, and as near to `token` as a slip.
    SECRET_KEYS.iter().any(|part| key.contains(part)) || (strsim::osa_distance(&key, "token") <= 2 && key != "then")
}

/// Masks the secrets of one line and moves the caret along.
pub(super) fn line(line: &str, column: usize, width: usize, inside_secret: bool) -> Masked {
    let mut out = String::new();
    let (mut new_column, mut new_end) = (None, None);
    let end = column + width;
    let chars: Vec<char> = line.chars().collect();
    let hidden = if inside_secret { vec![true; chars.len()] } else { hidden(&chars) };
    let mut index = 0;
    let mut written = 0;
    while index < chars.len() {
        let run = hidden[index..].iter().take_while(|&&h| h == hidden[index]).count();
        if hidden[index] {
            if new_column.is_none() && column < index + run {
                new_column = Some(written);
            }
            out.push_str(MASK);
            written += MASK.len();
            if new_end.is_none() && end <= index + run && end > index {
                new_end = Some(written);
            }
            index += run;
            continue;
        }
        for &c in &chars[index..index + run] {
            if new_column.is_none() && column == index {
                new_column = Some(written);
            }
            if new_end.is_none() && end == index {
                new_end = Some(written);
            }
            out.push(c);
            written += 1;
            index += 1;
        }
    }
    let column = new_column.unwrap_or(column.min(written));
    let width = new_end.unwrap_or(written.max(column)).saturating_sub(column);
    Masked { line: out, column, width }
}

/// Whether the text before a line ends inside a multi-line string that belongs to a secret key.
pub(super) fn inside_secret(before: &str) -> bool {
    let mut open: Option<(&str, bool)> = None;
    for line in before.lines() {
        let mut rest = line;
        let mut key = line.split('=').next().unwrap_or_default();
        loop {
            if let Some((quote, secret)) = open {
                let Some((_, after)) = rest.split_once(quote) else {
                    open = Some((quote, secret));
                    break;
                };
                rest = after;
                open = None;
            }
            let double = rest.find("\"\"\"");
            let single = rest.find("'''");
            let quote = match (double, single) {
                (None, None) => break,
                (Some(d), Some(s)) if s < d => "'''",
                (None, Some(_)) => "'''",
                _ => "\"\"\"",
            };
            let Some((head, after)) = rest.split_once(quote) else { break };
            if let Some((before_equals, _)) = head.rsplit_once('=') {
                key = before_equals;
            }
            open = Some((quote, secret_key(last_word(key))));
            rest = after;
        }
    }
    matches!(open, Some((_, true)))
}

fn last_word(text: &str) -> &str {
    text.trim().trim_matches(['"', '\'']).rsplit(['.', ' ', '{', ',']).next().unwrap_or_default()
}

fn hidden(chars: &[char]) -> Vec<bool> {
    let mut hidden = vec![false; chars.len()];
    for (index, _) in chars.iter().enumerate().filter(|(_, c)| **c == '=' || **c == ':') {
        let before: String = chars[..index].iter().collect();
        if !secret_key(last_word(&before)) {
            continue;
        }
        let value: String = chars[index + 1..].iter().collect();
        if !reference(value.trim()) {
            let skip = value.len() - value.trim_start().len();
            hidden.iter_mut().skip(index + 1 + skip).for_each(|h| *h = true);
        }
    }
    hide_long_runs(chars, &mut hidden);
    hidden
}

/// Whether a value only says where a secret is: `"env:NAME"` or `"file:/path"`, whole and closed.
fn reference(value: &str) -> bool {
    let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) else { return false };
    let inner = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote)).map_or("", |(inner, _)| inner);
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    inner.strip_prefix("env:").is_some_and(|rest| !rest.is_empty() && rest.chars().all(name))
        || inner.strip_prefix("file:").is_some_and(|rest| !rest.contains(char::is_whitespace))
}

/// Whether a text is a long run of letters and digits, as tokens are and words are not.
#[must_use]
pub fn looks_secret(text: &str) -> bool {
    let mixed = text.bytes().any(|b| b.is_ascii_digit()) && text.bytes().any(|b| b.is_ascii_alphabetic());
    text.len() >= 48 && mixed && !text.starts_with(WEBEX_ID) && !text.contains(char::is_whitespace)
}

/// A token that stands anywhere else is still a long run without a gap, of letters and digits.
fn hide_long_runs(chars: &[char], hidden: &mut [bool]) {
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/');
    let mut index = 0;
    while index < chars.len() {
        let run = chars[index..].iter().take_while(|&&c| part(c)).count();
        let text: String = chars[index..index + run].iter().collect();
        if looks_secret(&text) {
            hidden[index..index + run].fill(true);
        }
        index += run.max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(text: &str) -> String {
        line(text, 0, 1, false).line
    }

    #[test]
    fn the_value_of_a_secret_key_is_masked_and_a_reference_is_not() {
        assert_eq!(masked("token = \"abc\""), "token = ********");
        assert_eq!(masked("tokn = \"abc\""), "tokn = ********");
        assert_eq!(masked("then = \"abc\""), "then = \"abc\"");
        assert_eq!(masked("x = { password = 'abc', y = 1 }"), "x = { password = ********");
        assert_eq!(masked("\"token\" = abc"), "\"token\" = ********");
        assert_eq!(masked("token = \"env:ECHO_TOKEN\""), "token = \"env:ECHO_TOKEN\"");
        assert_eq!(masked("token = \"env:not-a-name\""), "token = ********");
        assert_eq!(masked("reply = \"token please\""), "reply = \"token please\"");
    }

    #[test]
    fn a_long_run_is_masked_wherever_it_stands_but_an_id_is_not() {
        let run = "NzA1YjY4".repeat(8);
        assert_eq!(masked(&format!("xyz = \"{run}\" # x")), "xyz = \"********\" # x");
        let id = format!("{WEBEX_ID}{run}");
        assert_eq!(masked(&format!("ops = \"{id}\"")), format!("ops = \"{id}\""));
    }

    #[test]
    fn the_caret_moves_with_the_text() {
        let text = "token = \"abcdefghijklmnopqrstuvwxyz\"";
        assert_eq!(line(text, 8, 28, false), Masked { line: "token = ********".into(), column: 8, width: 8 });
        assert_eq!(line(text, 0, 5, false).width, 5);
        assert_eq!(line("a = 1", 4, 1, false), Masked { line: "a = 1".into(), column: 4, width: 1 });
    }

    #[test]
    fn lines_of_a_multi_line_secret_are_known() {
        assert!(inside_secret("token = \"\"\"\n"));
        assert!(!inside_secret("token = \"\"\"x\"\"\"\n"));
        assert!(!inside_secret("reply = '''\n"));
        assert!(inside_secret("reply = '''x'''\ntoken = '''\nabc\n"));
    }
}
