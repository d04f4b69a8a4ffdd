//! What a person said to the bot, without the mention that made Webex show it to us.
//!
//! Webex leaves the mention in the text as plain words: the bot's whole name, or only the first word of it,
//! depending on the client. The HTML tells where it stands, by an element whose id may be either form.

mod others;

pub(super) use self::others::others;
use super::{
    html::{self, Token},
    ids,
    turn::Me,
};
use crate::webex::model::Message;

/// The text of a message with every mention of the bot removed.
#[must_use]
pub fn stripped(message: &Message, me: &Me) -> String {
    let html = message.html.as_deref().unwrap_or_default();
    let mentions = own_mentions(html, me);
    let text = match message.text.as_deref().map(str::trim) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => html::text(html),
    };
    if mentions.is_empty() {
        return if mentioned_without_trace(message, me) { without_name_at_start(&text, me) } else { text };
    }
    let mut out = text;
    // From the last to the first, so that the places of the others stay true.
    for mention in mentions.iter().rev() {
        if let Some(range) = place_in_text(&out, mention, me) {
            out = join(out.get(..range.0).unwrap_or_default(), out.get(range.1..).unwrap_or_default());
        }
    }
    out
}

/// A mention of the bot in the HTML.
#[derive(Debug)]
struct Mention {
    /// Its words.
    words: String,
    /// How often these words stand in the text before it.
    before: usize,
    /// The text that follows it.
    after: String,
}

fn own_mentions(html: &str, me: &Me) -> Vec<Mention> {
    let mut mentions: Vec<Mention> = Vec::new();
    let mut text = String::new();
    let mut open: Option<usize> = None;
    let mut ends = Vec::new();
    for token in html::tokens(html) {
        match token {
            Token::Open(name, attributes) if name == "spark-mention" => {
                let id = html::attribute(attributes, "data-object-id").unwrap_or_default();
                open = ids::same(&id, &me.id).then_some(text.len());
            }
            Token::Close(name) if name == "spark-mention" => {
                if let Some(start) = open.take() {
                    let words = text.get(start..).unwrap_or_default().trim().to_owned();
                    let before = count(text.get(..start).unwrap_or_default(), &words);
                    mentions.push(Mention { words, before, after: String::new() });
                    ends.push(text.len());
                }
            }
            Token::Text(piece) => text.push_str(&html::unescape(piece)),
            // Where one element ends and another begins, words must not grow together.
            _ => text.push(' '),
        }
    }
    for (mention, end) in mentions.iter_mut().zip(ends) {
        text.get(end..).unwrap_or_default().trim_start().clone_into(&mut mention.after);
    }
    mentions.retain(|mention| !mention.words.is_empty());
    mentions
}

/// Where a mention stands in the plain text.
fn place_in_text(text: &str, mention: &Mention, me: &Me) -> Option<(usize, usize)> {
    let name = me.name.trim();
    let first_word = name.split_whitespace().next().unwrap_or(name);
    let (start, found) = [mention.words.as_str(), name, first_word].into_iter().find_map(|words| {
        let words = words.trim_start_matches('@');
        let at = nth(text, words, mention.before).or_else(|| nth(text, words, 0))?;
        Some((at, words))
    })?;
    let mut end = start + found.len();
    // The text may hold the whole name where the HTML holds its first word, unless the person typed the rest.
    if let Some(rest) = name.strip_prefix(found).filter(|rest| !rest.is_empty()) {
        let typed = mention.after.starts_with(rest.trim());
        let written = text.get(end..).unwrap_or_default().strip_prefix(rest);
        if let Some(after) = written.filter(|after| !typed && at_boundary(after)) {
            end = text.len() - after.len();
        }
    }
    let start = if text.get(..start)?.ends_with('@') { start - 1 } else { start };
    Some((start, end))
}

/// A mention that only the list of mentioned people (or the room) tells of.
fn mentioned_without_trace(message: &Message, me: &Me) -> bool {
    let listed = message.mentioned_people.iter().any(|id| ids::same(id, &me.id));
    let must_be = message.mentioned_people.is_empty() && message.room_type.as_deref() == Some("group");
    listed || must_be
}

fn without_name_at_start(text: &str, me: &Me) -> String {
    let name = me.name.trim();
    let first_word = name.split_whitespace().next().unwrap_or(name);
    let bare = text.strip_prefix('@').unwrap_or(text);
    for words in [name, first_word] {
        let Some((head, rest)) = bare.split_at_checked(words.len()) else { continue };
        if !words.is_empty() && head.to_lowercase() == words.to_lowercase() && at_boundary(rest) {
            return join("", rest);
        }
    }
    text.to_owned()
}

fn at_boundary(rest: &str) -> bool {
    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

/// What is left when something between two texts is gone. "Echo: ping" and "Echo, ping" mean "ping".
fn join(before: &str, after: &str) -> String {
    let before = before.trim_end_matches([' ', '\u{a0}']);
    let mut after = after.trim_start_matches([' ', '\u{a0}']);
    if before.trim().is_empty() {
        after = after.trim_start_matches([':', ',']);
        return after.trim().to_owned();
    }
    let gap = if after.is_empty() || after.starts_with(['\n', '.', ',', '!', '?', ':', ';']) { "" } else { " " };
    format!("{before}{gap}{after}").trim().to_owned()
}

fn count(text: &str, words: &str) -> usize {
    if words.is_empty() { 0 } else { text.matches(words).count() }
}

fn nth(text: &str, words: &str, n: usize) -> Option<usize> {
    if words.is_empty() {
        return None;
    }
    text.match_indices(words).nth(n).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use base64::{Engine as _, engine::general_purpose};
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "705b68da-4b92-4a3f-9fc6-1eb65fdf0001";

    fn public() -> String {
        general_purpose::STANDARD_NO_PAD.encode(format!("ciscospark://us/PEOPLE/{UUID}"))
    }

    fn me() -> Me {
        Me { id: public(), name: "Echo Bot".into(), email: "echo@webex.bot".into() }
    }

    fn message(text: &str, html: &str) -> Message {
        let html = (!html.is_empty()).then(|| html.to_owned());
        Message { text: Some(text.into()), html, room_type: Some("group".into()), ..Message::default() }
    }

    fn strip(text: &str, html: &str) -> String {
        stripped(&message(text, html), &me())
    }

    fn mention(words: &str) -> String {
        format!(r#"<spark-mention data-object-type="person" data-object-id="{}">{words}</spark-mention>"#, public())
    }

    #[test]
    fn either_form_of_the_id_and_any_order_of_attributes_are_found() {
        let forms = [
            format!("<p>{} ping</p>", mention("Echo Bot")),
            format!(
                "<div><p><spark-mention data-object-id='{UUID}' data-object-type='person'>Echo</spark-mention> ping</p></div>"
            ),
            format!(r#"<spark-mention class="x" data-object-id="{}=" >Echo Bot</spark-mention>&nbsp;ping"#, public()),
        ];
        for html in forms {
            assert_eq!(strip("Echo Bot ping", &html), "ping", "{html}");
            assert_eq!(strip("Echo ping", &html), "ping", "{html}");
        }
    }

    #[test]
    fn the_mention_may_stand_anywhere_and_more_than_once() {
        assert_eq!(strip("hey Echo Bot, ping", &format!("hey {}, ping", mention("Echo Bot"))), "hey, ping");
        assert_eq!(strip("ping Echo", &format!("ping {}", mention("Echo"))), "ping");
        assert_eq!(strip("Echo: ping", &format!("{}: ping", mention("Echo"))), "ping");
        let twice = format!("{} a {} b", mention("Echo"), mention("Echo"));
        assert_eq!(strip("Echo a Echo b", &twice), "a b");
    }

    #[test]
    fn words_a_person_typed_stay_even_when_they_are_the_name() {
        assert_eq!(strip("Echo Bot is down", &format!("{} Bot is down", mention("Echo"))), "Bot is down");
        assert_eq!(strip("Echo Bot is down", &format!("{} is down", mention("Echo"))), "is down");
        assert_eq!(strip("Echo and Echo", &format!("Echo and {}", mention("Echo"))), "Echo and");
    }

    #[test]
    fn somebody_elses_mention_stays() {
        let other = "<spark-mention data-object-id=\"x\">Echo Bot</spark-mention> ping";
        let mut message = message("Echo Bot ping", other);
        message.mentioned_people = vec!["x".into()];
        assert_eq!(stripped(&message, &me()), "Echo Bot ping");
    }

    #[test]
    fn without_html_the_name_at_the_start_goes_if_the_bot_was_mentioned() {
        assert_eq!(strip("Echo Bot ping", ""), "ping");
        assert_eq!(strip("@echo ping", ""), "ping");
        assert_eq!(strip("Echoes of the past", ""), "Echoes of the past");
        let direct = Message { room_type: Some("direct".into()), ..message("echo ping", "") };
        assert_eq!(stripped(&direct, &me()), "echo ping");
        let listed = Message { mentioned_people: vec![UUID.into()], ..direct };
        assert_eq!(stripped(&listed, &me()), "ping");
    }

    #[test]
    fn a_message_without_text_is_read_from_its_html() {
        let only = Message { text: None, ..message("", &format!("<p>{} a &amp; b</p>", mention("Echo"))) };
        assert_eq!(stripped(&only, &me()), "a & b");
    }

    proptest! {
        #[test]
        fn a_leading_mention_leaves_exactly_what_was_said(said in "[a-zäß€🎈&<>\"][a-zA-Zäß€🎈&<> \"']{0,30}", short in any::<bool>(), bare in any::<bool>(), wrap in 0..3usize) {
            let said = said.trim();
            let words = if short { "Echo" } else { "Echo Bot" };
            let id = if bare { UUID.to_owned() } else { public() };
            let escaped = said.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let inner = format!(r#"<spark-mention data-object-id="{id}">{words}</spark-mention> {escaped}"#);
            let html = [inner.clone(), format!("<p>{inner}</p>"), format!("<div><p>{inner}</p></div>")][wrap].clone();
            prop_assert_eq!(strip(&format!("{words} {said}"), &html), said);
        }

        #[test]
        fn no_message_panics(text in any::<String>(), html in any::<String>()) {
            let _ = strip(&text, &html);
            let _ = strip(&text, &format!("{}{html}", mention(&text)));
        }
    }
}
