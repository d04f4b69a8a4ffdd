//! Whom else a message mentions, and where these mentions stand in its text: there a name of several words is one
//! argument of a command.

use super::super::{
    html::{self, Token},
    ids,
    turn::Me,
    usage::Mentioned,
};
use crate::webex::model::Message;

/// The mentions of others, in the order of the text (the one that [`super::stripped`] gives).
pub(in crate::brain) fn others(message: &Message, me: &Me, text: &str) -> Vec<Mentioned> {
    let mut found = Vec::new();
    let mut open: Option<(String, String)> = None;
    let mut at = 0;
    for token in html::tokens(message.html.as_deref().unwrap_or_default()) {
        match token {
            Token::Open(name, attributes) if name == "spark-mention" => {
                let id = html::attribute(attributes, "data-object-id").unwrap_or_default();
                open = (!id.is_empty() && !ids::same(&id, &me.id)).then(|| (id, String::new()));
            }
            Token::Close(name) if name == "spark-mention" => {
                let Some((id, words)) = open.take() else { continue };
                let name = words.trim().trim_start_matches('@').to_owned();
                if let Some(range) = place(text, at, &name) {
                    at = range.end;
                    found.push(Mentioned { range, id, name });
                }
            }
            Token::Text(piece) => {
                if let Some((_, words)) = &mut open {
                    words.push_str(&html::unescape(piece));
                }
            }
            _ => {}
        }
    }
    found
}

/// Where the words stand in the text from a place on, with the `@` before them.
fn place(text: &str, from: usize, words: &str) -> Option<std::ops::Range<usize>> {
    if words.is_empty() {
        return None;
    }
    let start = from + text.get(from..)?.find(words)?;
    let end = start + words.len();
    let start = if text.get(from..start)?.ends_with('@') { start - 1 } else { start };
    Some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_found_where_they_stand_and_the_bot_is_not_among_them() {
        let mention = |id: &str, name: &str| {
            format!(r#"<spark-mention data-object-type="person" data-object-id="{id}">{name}</spark-mention>"#)
        };
        let html = format!(
            "<p>{} tell {} and {} &amp; all</p>",
            mention("ME", "Bot"),
            mention("A", "Alice Example"),
            mention("B", "Alice")
        );
        let message = Message { html: Some(html), ..Message::default() };
        let me = Me { id: "ME".into(), name: "Bot".into(), email: "bot@webex.bot".into() };
        let text = "tell Alice Example and @Alice & all";
        let found = others(&message, &me, text);
        let shown: Vec<_> =
            found.iter().map(|m| (text.get(m.range.clone()).unwrap(), m.id.as_str(), m.name.as_str())).collect();
        assert_eq!(shown, [("Alice Example", "A", "Alice Example"), ("@Alice", "B", "Alice")]);
        assert_eq!(others(&message, &me, "nobody"), []);
    }
}
