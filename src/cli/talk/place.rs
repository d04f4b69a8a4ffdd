//! Where a line goes: to which room, and whom it mentions. Pure.

use crate::cli::control::{Person, Room, RoomKind, Words};

/// Who is talked to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Bot {
    /// What people type: `echo`.
    pub(in crate::cli) name: String,
    /// `echo@webex.bot`.
    pub(in crate::cli) email: String,
}

impl Bot {
    /// By its address.
    pub(in crate::cli) fn of(email: &str) -> Self {
        let name = email.strip_suffix("@webex.bot").unwrap_or(email);
        Self { name: name.to_owned(), email: email.to_owned() }
    }

    /// By what people type: a name or an address.
    pub(in crate::cli) fn named(name: &str) -> Self {
        Self::of(&address(name, "webex.bot"))
    }
}

/// Where it is talked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    /// In the room for two.
    Direct,
    /// In a group room.
    Group {
        /// Its id.
        id: String,
        /// Its title.
        title: String,
    },
}

/// `bob` is `bob@example.com`; an address is itself.
pub(in crate::cli) fn address(name: &str, domain: &str) -> String {
    let name = name.trim().trim_start_matches('@').to_lowercase();
    if name.contains('@') { name } else { format!("{name}@{domain}") }
}

/// What to do for a group room of this title.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// There is none: make it.
    Make,
    /// There is one: these have to join first.
    Join {
        /// Which.
        room: Room,
        /// Addresses.
        missing: Vec<String>,
    },
}

/// Chooses the group room of a title: one that I am in, else any.
pub(super) fn choose(rooms: Vec<Room>, title: &str, me: &str, bot: &str) -> Choice {
    let titled =
        rooms.into_iter().filter(|room| room.kind == RoomKind::Group && room.title.eq_ignore_ascii_case(title));
    let absent = |room: &Room, email: &str| !room.members.iter().any(|member| member == email);
    match titled.min_by_key(|room| (absent(room, me), absent(room, bot))) {
        None => Choice::Make,
        Some(room) => {
            let missing = [me, bot].into_iter().filter(|email| absent(&room, email)).map(str::to_owned).collect();
            Choice::Join { room, missing }
        }
    }
}

/// A line as it is said in a group room: `@echo`, `@Echo` and `@echo@webex.bot` mention whoever of the members it is.
pub(super) fn words(line: &str, members: &[Person]) -> Words {
    let mut parts = Vec::new();
    let mut rest = line;
    while let Some(at) = next_at(rest) {
        let (before, from) = rest.split_at(at);
        if let Some((person, length)) = mentioned(from, members) {
            parts.push(Part::Text(before));
            parts.push(Part::Mention(person));
            rest = from.get(length..).unwrap_or_default();
        } else {
            let (text, after) = rest.split_at(at + 1);
            parts.push(Part::Text(text));
            rest = after;
        }
    }
    parts.push(Part::Text(rest));

    let first_text = parts.iter().position(|part| matches!(part, Part::Text(text) if !text.trim().is_empty()));
    let (front, back) = parts.split_at(first_text.unwrap_or(parts.len()));
    let emails = |parts: &[Part<'_>]| -> Vec<String> {
        parts
            .iter()
            .filter_map(|part| if let Part::Mention(person) = part { Some(person.email.clone()) } else { None })
            .collect()
    };
    if !emails(back).is_empty() {
        return Words::Markdown(parts.iter().map(Part::markdown).collect());
    }
    match emails(front) {
        front if front.is_empty() => Words::Text(line.to_owned()),
        front => Words::Mentioning(front, back.iter().map(Part::text).collect::<String>().trim().to_owned()),
    }
}

enum Part<'a> {
    Text(&'a str),
    Mention(&'a Person),
}

impl Part<'_> {
    fn text(&self) -> &str {
        match self {
            Self::Text(text) => text,
            Self::Mention(_) => "",
        }
    }

    fn markdown(&self) -> String {
        match self {
            Self::Text(text) => escaped(text),
            Self::Mention(person) => format!("<@personEmail:{}|{}>", person.email, person.name),
        }
    }
}

/// What was typed is meant as typed, so nothing in it is markdown.
fn escaped(text: &str) -> String {
    text.chars().flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c])).collect()
}

/// The same words as fields of a message, for whoever cannot mention in another way: name and value.
pub(super) fn field(words: Words) -> (&'static str, String) {
    match words {
        Words::Text(text) => ("text", text),
        Words::Markdown(markdown) => ("markdown", markdown),
        Words::Mentioning(whom, text) => {
            let mut parts: Vec<String> = whom.iter().map(|email| format!("<@personEmail:{email}>")).collect();
            parts.push(escaped(&text));
            ("markdown", parts.join(" "))
        }
    }
}

/// Where the next `@` stands that begins a word.
fn next_at(text: &str) -> Option<usize> {
    let starts =
        |at: usize| text.get(..at).and_then(|before| before.chars().next_back()).is_none_or(|c| !c.is_alphanumeric());
    text.match_indices('@').map(|(at, _)| at).find(|at| starts(*at))
}

/// Who is meant by a text that begins with `@`, and how long the mention is.
fn mentioned<'a>(text: &str, members: &'a [Person]) -> Option<(&'a Person, usize)> {
    let after = text.strip_prefix('@')?;
    let names = members.iter().flat_map(|person| {
        let local = person.email.split('@').next().unwrap_or_default();
        [person.email.as_str(), person.name.as_str(), local].map(|name| (person, name))
    });
    names
        .filter(|(_, name)| !name.is_empty() && begins_with(after, name))
        .max_by_key(|(_, name)| name.len())
        .map(|(person, name)| (person, 1 + name.len()))
}

/// Whether a text begins with a name, in any case, and the name ends there.
fn begins_with(text: &str, name: &str) -> bool {
    text.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name))
        && text.get(name.len()..).and_then(|rest| rest.chars().next()).is_none_or(|c| !c.is_alphanumeric() && c != '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(email: &str, name: &str) -> Person {
        Person { email: email.into(), name: name.into(), bot: email.ends_with("webex.bot"), tokens: vec![] }
    }

    fn members() -> Vec<Person> {
        vec![
            person("echo@webex.bot", "Echo"),
            person("on-call@webex.bot", "On call"),
            person("bob@example.com", "Bob Example"),
        ]
    }

    fn room(id: &str, title: &str, members: &[&str]) -> Room {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        Room { id: id.into(), kind: RoomKind::Group, title: title.into(), members }
    }

    #[test]
    fn a_mention_in_front_is_sent_as_a_client_sends_it() {
        let echo = || vec!["echo@webex.bot".to_owned()];
        for line in ["@echo hello", "@Echo hello", "@ECHO  hello", "@echo@webex.bot hello"] {
            assert_eq!(words(line, &members()), Words::Mentioning(echo(), "hello".into()), "{line}");
        }
        assert_eq!(
            words("@On call  @bob who is it?", &members()),
            Words::Mentioning(vec!["on-call@webex.bot".into(), "bob@example.com".into()], "who is it?".into())
        );
        assert_eq!(words("@echo", &members()), Words::Mentioning(echo(), String::new()));
    }

    #[test]
    fn a_mention_elsewhere_stays_where_it_is_and_the_rest_is_no_markdown() {
        assert_eq!(
            words("hi *there* @echo", &members()),
            Words::Markdown("hi \\*there\\* <@personEmail:echo@webex.bot|Echo>".into())
        );
    }

    #[test]
    fn words_with_a_file_mention_in_markdown() {
        assert_eq!(field(words("look", &members())), ("text", "look".into()));
        let markdown = field(words("@echo 1 * 2", &members()));
        assert_eq!(markdown, ("markdown", "<@personEmail:echo@webex.bot> 1 \\* 2".into()));
    }

    #[test]
    fn what_only_looks_like_a_mention_is_text() {
        for line in ["hello", "@echolot hello", "mail echo@webex.bot", "@", "@carol hi", "@echo-2 hi", "ünï@ @"] {
            assert_eq!(words(line, &members()), Words::Text(line.into()), "{line}");
        }
    }

    #[test]
    fn a_room_i_am_in_is_chosen_before_one_that_i_am_not_in() {
        let (me, bot) = ("alice@example.com", "echo@webex.bot");
        let rooms = vec![room("1", "ops", &[bot]), room("2", "Ops", &[me]), room("3", "dev", &[me, bot])];
        assert_eq!(
            choose(rooms.clone(), "ops", me, bot),
            Choice::Join { room: rooms[1].clone(), missing: vec![bot.into()] }
        );
        assert_eq!(choose(rooms.clone(), "dev", me, bot), Choice::Join { room: rooms[2].clone(), missing: vec![] });
        assert_eq!(choose(rooms, "war room", me, bot), Choice::Make);
    }

    #[test]
    fn a_direct_room_is_never_chosen_by_its_title() {
        let direct = Room { kind: RoomKind::Direct, ..room("1", "Echo", &["alice@example.com"]) };
        assert_eq!(choose(vec![direct], "Echo", "alice@example.com", "echo@webex.bot"), Choice::Make);
    }

    #[test]
    fn names_become_addresses() {
        assert_eq!(address("Bob", "example.com"), "bob@example.com");
        assert_eq!(address("@x@y.org", "example.com"), "x@y.org");
        assert_eq!(Bot::named("echo"), Bot { name: "echo".into(), email: "echo@webex.bot".into() });
    }
}
