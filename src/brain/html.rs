//! The little HTML that Webex makes of a message: text out of it, and the mentions in it.

/// A piece of HTML.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name …>`: lower-cased name and the rest of the tag.
    Open(String, &'a str),
    /// `</name>`
    Close(String),
    /// Text, still with entities.
    Text(&'a str),
}

/// Cuts HTML into tags and texts. Never fails: what is no tag is text.
pub(super) fn tokens(html: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = html;
    while let Some((text, tail)) = rest.split_once('<') {
        let body = tail.trim_start_matches('/');
        let closing = body.len() < tail.len();
        let end = if body.starts_with(|c: char| c.is_ascii_alphabetic()) { tag_end(body) } else { None };
        let Some((tag, after)) = end else {
            // A lone `<` belongs to the text.
            let length = text.len() + 1;
            tokens.extend(rest.get(..length).map(Token::Text));
            rest = tail;
            continue;
        };
        if !text.is_empty() {
            tokens.push(Token::Text(text));
        }
        let end_of_name = tag.find(|c: char| c.is_whitespace() || c == '/').unwrap_or(tag.len());
        let (name, attributes) = tag.split_at_checked(end_of_name).unwrap_or((tag, ""));
        let name = name.to_lowercase();
        tokens.push(if closing { Token::Close(name) } else { Token::Open(name, attributes) });
        rest = after;
    }
    if !rest.is_empty() {
        tokens.push(Token::Text(rest));
    }
    tokens
}

/// Splits behind the `>` that ends the tag; one inside quotes does not.
fn tag_end(body: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    for (at, c) in body.char_indices() {
        match (quote, c) {
            (None, '>') => return Some((body.get(..at)?, body.get(at + 1..)?)),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    None
}

/// The value of an attribute, entities resolved.
pub(super) fn attribute(attributes: &str, wanted: &str) -> Option<String> {
    let mut rest = attributes;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        let end = rest.find(|c: char| c.is_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if name.is_empty() && after.is_empty() {
            return None;
        }
        let value;
        (value, rest) = match after.trim_start().strip_prefix('=').map(str::trim_start) {
            None => ("", after),
            Some(after) => match after.chars().next() {
                Some(quote @ ('"' | '\'')) => {
                    let after = after.strip_prefix(quote)?;
                    after.split_once(quote).unwrap_or((after, ""))
                }
                _ => after.split_at_checked(after.find(char::is_whitespace).unwrap_or(after.len()))?,
            },
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(unescape(value));
        }
    }
}

/// The text as a person sees it: blocks and `<br>` become line breaks.
pub(super) fn text(html: &str) -> String {
    let mut out = String::new();
    for token in tokens(html) {
        match token {
            Token::Text(text) => out.push_str(&unescape(text)),
            Token::Open(name, _) if name == "br" => out.push('\n'),
            Token::Close(name) if is_block(&name) && !out.is_empty() && !out.ends_with('\n') => out.push('\n'),
            _ => {}
        }
    }
    out.trim().to_owned()
}

fn is_block(name: &str) -> bool {
    matches!(name, "p" | "div" | "li" | "blockquote" | "pre")
}

/// Resolves the entities that Webex and its clients write.
pub(super) fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('&') {
        out.push_str(before);
        let resolved = tail.split_once(';').and_then(|(name, after)| Some((entity(name)?, after)));
        let (c, after) = resolved.unwrap_or(('&', tail));
        out.push(c);
        rest = after;
    }
    out.push_str(rest);
    out
}

fn entity(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => '\u{a0}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn text_has_line_breaks_where_blocks_end_and_no_entities() {
        assert_eq!(text("<p>a &lt;b&gt;&nbsp;c</p><div>d<br/>e</div>"), "a <b>\u{a0}c\nd\ne");
        assert_eq!(text("1 < 2 &amp; &unknown; &#228;&#xe4;"), "1 < 2 & &unknown; ää");
    }

    #[test]
    fn attributes_are_found_in_any_order_and_quoting() {
        for tag in [
            r#" data-object-type="person" data-object-id="A&amp;B" "#,
            " data-object-id='A&amp;B' x",
            " x data-object-id = A&amp;B y=1/",
        ] {
            assert_eq!(attribute(tag, "data-object-id").as_deref(), Some("A&B"), "{tag}");
        }
        assert_eq!(attribute(" a=\"data-object-id=x\"", "data-object-id"), None);
    }

    proptest! {
        #[test]
        fn no_input_panics_and_no_text_without_markup_changes(html in any::<String>(), plain in "[^<&]*") {
            let _ = text(&html);
            for token in tokens(&html) {
                if let Token::Open(_, attributes) = token {
                    let _ = attribute(attributes, "x");
                }
            }
            prop_assert_eq!(text(&plain), plain.trim());
        }
    }
}
