//! What happened in a room, as lines for a terminal. Pure.

use super::{
    follow::Happening,
    markdown,
    place::{Bot, Place},
};
use crate::cli::control::{Message, Room, RoomKind};

/// From where one looks: what is said here needs no name in front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Here<'a> {
    pub(super) bot: &'a Bot,
    pub(super) place: &'a Place,
    /// Whether the terminal shows bold and italic.
    pub(super) style: bool,
}

/// Characters of the message that is answered in a thread.
const QUOTED: usize = 40;

/// Whether a person sees it at all: it is neither their own doing nor in a room that they are not in.
pub(super) fn is_for(what: &Happening, me: &str) -> bool {
    what.who != me && what.room.members.iter().any(|member| member == me)
}

/// What a person sees of it. `extras` are its cards and files, drawn.
pub(super) fn lines(what: &Happening, extras: &[String], here: Here<'_>) -> String {
    let words = what.message.as_ref().map(|message| words(message, here.style));
    let head = head(what, here);
    laid_out(&head, &body(what, words, extras))
}

/// The same without who and where: for a program that waits for the answer.
pub(super) fn answer(what: &Happening, extras: &[String]) -> String {
    let words = what.message.as_ref().map(|message| plain(message.text.as_deref().unwrap_or_default()));
    body(what, words, extras)
}

fn body(what: &Happening, words: Option<String>, extras: &[String]) -> String {
    let words = words.unwrap_or_else(|| plain(what.text.as_deref().unwrap_or_default()));
    let mut parts: Vec<&str> = extras.iter().map(String::as_str).collect();
    let words = match what.event.as_str() {
        "updated" => format!("{words} (edited)").trim_start().to_owned(),
        "deleted" if words.is_empty() => "(deleted a message)".to_owned(),
        "deleted" => format!("(deleted: {words})"),
        _ if words.is_empty() && parts.is_empty() => "(an empty message)".to_owned(),
        _ => words,
    };
    parts.insert(0, &words);
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

/// What is said, as it was meant to look.
fn words(message: &Message, style: bool) -> String {
    match (&message.markdown, &message.text) {
        (Some(markdown), _) => markdown::terminal(&plain(markdown), style),
        (None, text) => plain(text.as_deref().unwrap_or_default()),
    }
}

/// Without what a terminal would obey instead of show: a bot's words must not move the cursor.
pub(in crate::cli) fn plain(text: &str) -> String {
    text.trim_end().chars().filter(|c| !c.is_control() || matches!(c, '\n' | '\t')).collect()
}

/// Whose words and where, unless that is who and where one talks; and what they answer in a thread.
fn head(what: &Happening, here: Here<'_>) -> String {
    let who = Bot::of(&what.who).name;
    let group = |room: &Room| format!("{who} in {}: ", title(room));
    let head = match (what.room.kind, here.place) {
        (RoomKind::Direct, Place::Group { .. }) => format!("{who} to you alone: "),
        (RoomKind::Group, Place::Direct) => group(&what.room),
        (RoomKind::Group, Place::Group { id, .. }) if *id != what.room.id => group(&what.room),
        _ if what.who == here.bot.email => String::new(),
        _ => format!("{who}: "),
    };
    if what.message.as_ref().is_none_or(|message| message.parent_id.is_none()) {
        return head;
    }
    let quoted = what.answers.as_deref().map(|text| format!("to “{}”: ", quoted(text))).unwrap_or_default();
    format!("  ↳ {quoted}{head}")
}

/// The beginning of a text, on one line.
fn quoted(text: &str) -> String {
    let text = plain(text).split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= QUOTED {
        return text;
    }
    let start: String = text.chars().take(QUOTED).collect();
    format!("{}…", start.trim_end())
}

fn title(room: &Room) -> String {
    plain(&room.title).replace('\n', " ")
}

fn laid_out(head: &str, body: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    const ME: &str = "alice@example.com";

    fn room(kind: RoomKind, id: &str) -> Room {
        let members = vec![ME.to_owned(), "echo@webex.bot".to_owned()];
        Room { id: id.into(), kind, title: "ops".into(), members }
    }

    fn said(text: &str) -> Message {
        Message { text: Some(text.into()), ..Message::default() }
    }

    fn happening(who: &str, room: Room, event: &str, message: Option<Message>) -> Happening {
        Happening {
            seq: 1,
            id: "M".into(),
            who: who.into(),
            room,
            event: event.into(),
            message,
            files: vec![],
            text: None,
            answers: None,
        }
    }

    /// What Alice sees who talks to `echo` in the room for two.
    fn seen(what: &Happening) -> String {
        seen_with(what, &[])
    }

    fn seen_with(what: &Happening, extras: &[&str]) -> String {
        let extras: Vec<String> = extras.iter().map(|extra| (*extra).to_owned()).collect();
        let here = Here { bot: &Bot::named("echo"), place: &Place::Direct, style: false };
        lines(what, &extras, here)
    }

    #[test]
    fn a_conversation_reads_as_one() {
        let direct = || room(RoomKind::Direct, "1");
        let group = || room(RoomKind::Group, "2");
        let threaded = Message { parent_id: Some("T".into()), ..said("in a thread\nwith two lines") };
        let answered = Happening {
            answers: Some("what I asked\nlong ago and in so many words that nobody reads them".into()),
            ..happening("echo@webex.bot", direct(), "created", Some(threaded.clone()))
        };
        let deleted = Happening { text: Some("oops".into()), ..happening("echo@webex.bot", direct(), "deleted", None) };
        let with_card = happening("echo@webex.bot", direct(), "created", Some(said("your client shows no cards")));
        let only_file = happening("echo@webex.bot", group(), "created", Some(Message::default()));
        let markdown =
            Message { markdown: Some("**bold** in a [link](https://x.example)".into()), ..said("bold in a link") };
        let all = [
            seen(&happening("echo@webex.bot", direct(), "created", Some(said("hello there")))),
            seen(&happening("echo@webex.bot", direct(), "created", Some(said("two\nlines")))),
            seen(&happening("hello@webex.bot", direct(), "created", Some(said("Hello Alice!\nHow are you?")))),
            seen(&happening("echo@webex.bot", group(), "created", Some(said("hello all")))),
            seen(&happening("echo@webex.bot", direct(), "created", Some(threaded.clone()))),
            seen(&answered),
            seen(&happening("echo@webex.bot", group(), "created", Some(threaded))),
            seen(&happening("echo@webex.bot", direct(), "updated", Some(said("hello again")))),
            seen(&deleted),
            seen(&happening("echo@webex.bot", direct(), "deleted", None)),
            seen_with(&with_card, &["[card 1]\n  Approve?\n  [1] Yes"]),
            seen_with(&only_file, &["[file 1] report.pdf"]),
            seen(&happening("echo@webex.bot", direct(), "created", Some(markdown))),
            seen(&happening("echo@webex.bot", direct(), "created", Some(Message::default()))),
        ];
        insta::assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn ones_own_words_and_other_peoples_rooms_are_not_shown() {
        let echo = "echo@webex.bot";
        assert!(is_for(&happening(echo, room(RoomKind::Direct, "1"), "created", None), ME));
        assert!(!is_for(&happening(ME, room(RoomKind::Direct, "1"), "created", Some(said("me"))), ME));
        let others = Room { members: vec!["bob@example.com".into()], ..room(RoomKind::Direct, "1") };
        assert!(!is_for(&happening(echo, others, "created", Some(said("bob"))), ME));
    }

    #[test]
    fn in_a_group_room_its_own_messages_need_no_title() {
        let place = Place::Group { id: "2".into(), title: "ops".into() };
        let here = Here { bot: &Bot::named("echo"), place: &place, style: false };
        let show = |who: &str, room: Room| lines(&happening(who, room, "created", Some(said("hi"))), &[], here);
        assert_eq!(show("echo@webex.bot", room(RoomKind::Group, "2")), "hi");
        assert_eq!(show("bob@example.com", room(RoomKind::Group, "2")), "bob@example.com: hi");
        assert_eq!(show("echo@webex.bot", room(RoomKind::Direct, "1")), "echo to you alone: hi");
    }

    #[test]
    fn a_program_gets_the_words_as_they_are() {
        let marked = Message { markdown: Some("**hi**".into()), ..said("hi") };
        let told = happening("echo@webex.bot", room(RoomKind::Group, "2"), "created", Some(marked));
        assert_eq!(answer(&told, &["[file 1] a.txt".into()]), "hi\n[file 1] a.txt");
        assert_eq!(answer(&Happening { event: "updated".into(), ..told }, &[]), "hi (edited)");
    }

    #[test]
    fn a_bot_cannot_steer_the_terminal() {
        assert_eq!(plain("\u{1b}[2Jgone\r\u{7}\n\tnot\u{9b}"), "[2Jgone\n\tnot");
    }
}
