//! What happened in a room, as lines for a terminal. Pure.

use serde_json::Value;

use super::{
    follow::Happening,
    markdown,
    place::{Bot, Place},
};
use crate::cli::control::{Message, Room, RoomKind};

/// Who looks, and from where: what is said here needs no name in front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) me: &'a str,
    pub(super) bot: &'a Bot,
    pub(super) place: &'a Place,
    /// Whether the terminal shows bold and italic.
    pub(super) style: bool,
}

/// What a person sees of it; `None` when it is none of theirs: their own words, and rooms they are not in.
pub(super) fn lines(what: &Happening, here: Here<'_>) -> Option<String> {
    if what.who == here.me || !what.room.members.iter().any(|member| member == here.me) {
        return None;
    }
    let body = match &what.message {
        Some(message) => body(message, here.style),
        None => plain(what.text.as_deref().unwrap_or_default()),
    };
    let body = match what.event.as_str() {
        "updated" => format!("{body} (edited)"),
        "deleted" if body.is_empty() => "(deleted a message)".to_owned(),
        "deleted" => format!("(deleted: {body})"),
        _ if body.is_empty() => "(an empty message)".to_owned(),
        _ => body,
    };
    let in_thread = what.message.as_ref().is_some_and(|message| message.parent_id.is_some());
    let head = head(what, here);
    Some(laid_out(&head, &body, in_thread))
}

/// A message in full, several lines without a newline at the end.
pub(in crate::cli) fn body(message: &Message, style: bool) -> String {
    let words = match (&message.markdown, &message.text) {
        (Some(markdown), _) => markdown::terminal(&plain(markdown), style),
        (None, text) => plain(text.as_deref().unwrap_or_default()),
    };
    let cards = message.attachments.iter().map(|card| format!("[card] {}", plain(&card_text(&card.content))));
    let files = message.files.iter().map(|file| format!("[file] {}", plain(file)));
    let parts = [words].into_iter().filter(|words| !words.is_empty()).chain(cards).chain(files);
    parts.collect::<Vec<_>>().join("\n")
}

/// Without what a terminal would obey instead of show: a bot's words must not move the cursor.
pub(in crate::cli) fn plain(text: &str) -> String {
    text.trim_end().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Whose words and where, unless that is who and where one talks.
fn head(what: &Happening, here: Here<'_>) -> String {
    let who = Bot::of(&what.who).name;
    let place = match (what.room.kind, here.place) {
        (RoomKind::Direct, Place::Direct) => "",
        (RoomKind::Group, Place::Group { id, .. }) if *id == what.room.id => "",
        (RoomKind::Direct, Place::Group { .. }) => " to you alone",
        (RoomKind::Group, _) => return format!("{who} in {}: ", title(&what.room)),
    };
    if place.is_empty() && what.who == here.bot.email { String::new() } else { format!("{who}{place}: ") }
}

fn title(room: &Room) -> String {
    plain(&room.title).replace('\n', " ")
}

fn laid_out(head: &str, body: &str, in_thread: bool) -> String {
    let head = if in_thread { format!("  ↳ {head}") } else { head.to_owned() };
    // Further lines stand below the first one's words, but not far away when the head is long.
    let indent = " ".repeat(head.chars().count().min(4));
    let mut lines = body.lines();
    let mut out = format!("{head}{}", lines.next().unwrap_or_default());
    for line in lines {
        out.push('\n');
        if !line.is_empty() {
            out.push_str(&indent);
            out.push_str(line);
        }
    }
    out
}

/// The texts of a card, and its buttons in brackets.
fn card_text(card: &Value) -> String {
    let mut words = Vec::new();
    collect(card, 0, &mut words);
    words.join(" ")
}

fn collect(element: &Value, depth: usize, words: &mut Vec<String>) {
    // Deeper than any card that a client draws.
    if depth > 32 {
        return;
    }
    match element {
        Value::Array(elements) => elements.iter().for_each(|element| collect(element, depth + 1, words)),
        Value::Object(fields) => {
            let text = |name: &str| fields.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
            let kind = text("type").unwrap_or_default();
            if kind.starts_with("Action.") {
                words.extend(text("title").map(|title| format!("[{title}]")));
            } else {
                words.extend(text("text").map(str::to_owned));
            }
            for name in ["body", "items", "columns", "actions", "inlines", "facts"] {
                if let Some(inner) = fields.get(name) {
                    collect(inner, depth + 1, words);
                }
            }
            if kind.is_empty() {
                words.extend(text("title").zip(text("value")).map(|(title, value)| format!("{title}: {value}")));
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::cli::control::Attachment;

    const ME: &str = "alice@example.com";

    fn room(kind: RoomKind, id: &str) -> Room {
        let members = vec![ME.to_owned(), "echo@webex.bot".to_owned()];
        Room { id: id.into(), kind, title: "ops".into(), members }
    }

    fn said(text: &str) -> Message {
        Message { text: Some(text.into()), ..Message::default() }
    }

    fn happening(who: &str, room: Room, event: &str, message: Option<Message>) -> Happening {
        Happening { who: who.into(), room, event: event.into(), message, text: None }
    }

    /// What Alice sees who talks to `echo` in the room for two.
    fn seen(what: &Happening) -> String {
        let here = Here { me: ME, bot: &Bot::named("echo"), place: &Place::Direct, style: false };
        lines(what, here).unwrap_or_else(|| "(nothing)".into())
    }

    #[test]
    fn a_conversation_reads_as_one() {
        let direct = || room(RoomKind::Direct, "1");
        let group = || room(RoomKind::Group, "2");
        let threaded = Message { parent_id: Some("T".into()), ..said("in a thread\nwith two lines") };
        let card = json!({ "type": "AdaptiveCard", "body": [
            { "type": "TextBlock", "text": "Approve?" },
            { "type": "FactSet", "facts": [{ "title": "Cost", "value": "7" }] },
            { "type": "ColumnSet", "columns": [{ "type": "Column", "items": [{ "type": "TextBlock", "text": "now" }] }] },
        ], "actions": [{ "type": "Action.Submit", "title": "Yes" }, { "type": "Action.Submit", "title": "No" }] });
        let with_card =
            Message { attachments: vec![Attachment { content: card }], ..said("your client shows no cards") };
        let deleted = Happening { text: Some("oops".into()), ..happening("echo@webex.bot", direct(), "deleted", None) };
        let all = [
            happening("echo@webex.bot", direct(), "created", Some(said("hello there"))),
            happening("echo@webex.bot", direct(), "created", Some(said("two\nlines"))),
            happening("hello@webex.bot", direct(), "created", Some(said("Hello Alice!\nHow are you?"))),
            happening("echo@webex.bot", group(), "created", Some(said("hello all"))),
            happening("echo@webex.bot", direct(), "created", Some(threaded.clone())),
            happening("echo@webex.bot", group(), "created", Some(threaded)),
            happening("echo@webex.bot", direct(), "updated", Some(said("hello again"))),
            deleted,
            happening("echo@webex.bot", direct(), "deleted", None),
            happening("echo@webex.bot", direct(), "created", Some(with_card)),
            happening(
                "echo@webex.bot",
                direct(),
                "created",
                Some(Message {
                    markdown: Some("**bold** in a [link](https://x.example)".into()),
                    ..said("bold in a link")
                }),
            ),
            happening("echo@webex.bot", direct(), "created", Some(Message::default())),
        ];
        insta::assert_snapshot!(all.iter().map(seen).collect::<Vec<_>>().join("\n"));
    }

    #[test]
    fn ones_own_words_and_other_peoples_rooms_are_not_shown() {
        assert_eq!(seen(&happening(ME, room(RoomKind::Direct, "1"), "created", Some(said("me")))), "(nothing)");
        let others = Room { members: vec!["bob@example.com".into()], ..room(RoomKind::Direct, "1") };
        assert_eq!(seen(&happening("echo@webex.bot", others, "created", Some(said("bob")))), "(nothing)");
    }

    #[test]
    fn in_a_group_room_its_own_messages_need_no_title() {
        let place = Place::Group { id: "2".into(), title: "ops".into() };
        let here = Here { me: ME, bot: &Bot::named("echo"), place: &place, style: false };
        let show = |who: &str, room: Room| lines(&happening(who, room, "created", Some(said("hi"))), here).unwrap();
        assert_eq!(show("echo@webex.bot", room(RoomKind::Group, "2")), "hi");
        assert_eq!(show("bob@example.com", room(RoomKind::Group, "2")), "bob@example.com: hi");
        assert_eq!(show("echo@webex.bot", room(RoomKind::Direct, "1")), "echo to you alone: hi");
    }

    #[test]
    fn a_bot_cannot_steer_the_terminal() {
        assert_eq!(plain("\u{1b}[2Jgone\r\u{7}\n\tnot\u{9b}"), "[2Jgone\n\tnot");
    }
}
