//! The made-up organisation: its bots, people, rooms and messages, all computed from numbers, so that neither
//! the upstream nor the driver has to remember any of them.
//!
//! A *pair* is one person with one bot in their direct room: the order key of everything they say. Pair `p`
//! belongs to bot `p % bots`, so neighbouring pairs speak to different bots.

use std::{fmt::Write as _, fs, io, path::Path};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use uuid::Uuid;

use crate::definitions;

/// What stands before a message's number in its text and in every reply to it.
const MARK: &[u8] = b"INC";
/// Digits of that number.
const DIGITS: usize = 8;

/// What an id is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A person; number: the pair.
    Person = 1,
    /// A bot; number: the bot.
    Bot = 2,
    /// A room; number: the pair.
    Room = 3,
    /// A message of a person; numbers: the pair and the message.
    Message = 4,
    /// A reply of a bot.
    Reply = 5,
    /// A webhook.
    Webhook = 6,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Person | Self::Bot => "PEOPLE",
            Self::Room => "ROOM",
            Self::Message | Self::Reply => "MESSAGE",
            Self::Webhook => "WEBHOOK",
        }
    }
}

/// An id in Webex's form: the base64 of `ciscospark://us/<WORD>/<uuid>`, the uuid holding our two numbers.
pub(crate) fn id(kind: Kind, owner: u32, number: u64) -> String {
    let uuid = Uuid::from_u128((kind as u128) << 112 | u128::from(owner) << 64 | u128::from(number));
    STANDARD_NO_PAD.encode(format!("ciscospark://us/{}/{}", kind.word(), uuid.as_hyphenated()))
}

/// The two numbers of an id of that kind; none if it is of another kind or not ours.
pub(crate) fn numbers(kind: Kind, id: &str) -> Option<(u32, u64)> {
    let plain = STANDARD_NO_PAD.decode(id).ok()?;
    let uuid = plain.len().checked_sub(36).and_then(|at| plain.get(at..))?;
    let bits = Uuid::try_parse_ascii(uuid).ok()?.as_u128();
    let owner = u32::try_from(bits >> 64 & 0xffff_ffff).ok()?;
    let number = u64::try_from(bits & u128::from(u64::MAX)).ok()?;
    (bits >> 112 == kind as u128).then_some((owner, number))
}

/// `INC00000042`: in the text of a message, in what the patterns look for and in each reply.
pub(crate) fn mark(message: u64) -> String {
    format!("INC{message:0DIGITS$}")
}

/// The number of the first mark in some bytes.
pub(crate) fn marked(bytes: &[u8]) -> Option<u64> {
    bytes.windows(MARK.len() + DIGITS).filter(|window| window.starts_with(MARK)).find_map(|window| {
        window[MARK.len()..]
            .iter()
            .try_fold(0, |number, digit| digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0')))
    })
}

/// What the person writes: a quarter each for the pattern all bots share, the bot's own pattern, the command
/// word and the fallback.
pub(crate) fn text(bot: usize, message: u64) -> String {
    let mark = mark(message);
    match message % 4 {
        0 => format!("where is ticket {mark}"),
        1 => format!("deploy shop to site-{bot} as {mark}"),
        2 => format!("ping {mark}"),
        _ => format!("and what about {mark}, please?"),
    }
}

/// The bot's id at the service: its file's name.
pub(crate) fn bot_id(bot: usize) -> String {
    format!("storm-{bot:05}")
}

/// The environment variable that holds its token, and the token.
pub(crate) fn token(bot: usize) -> (String, String) {
    (format!("STORM_TOKEN_{bot:05}"), format!("storm-token-{bot:05}"))
}

/// Whose token it is.
pub(crate) fn owner_of(token: &str) -> Option<usize> {
    token.strip_prefix("storm-token-")?.parse().ok()
}

/// One bot as a person would write it: shared and own patterns, templates over the message, the person, the
/// room and a named group; plain text and markdown; a thread.
///
/// A `rich` one has what the whole language offers besides, for what definitions cost.
pub(crate) fn definition(bot: usize, rich: bool) -> String {
    let (variable, _) = token(bot);
    let mut file = String::new();
    let _ = write!(
        file,
        r#"description = "Answers for site {bot}: tickets, deployments and whether it is there"
token = "env:{variable}"

[[command]]
pattern = '\bticket INC(?<number>\d{{8}})\b'
help = "Where a ticket is: where is ticket INC00000001"
reply = {{ markdown = "**INC{{{{ match.number }}}}** is at https://tickets.example.com/site-{bot}/{{{{ match.number }}}}", thread = true }}

[[command]]
pattern = '^deploy (?<app>[a-z]+) to site-{bot} as INC(?<number>\d{{8}})$'
help = "Deploy to site {bot}: deploy shop to site-{bot} as INC00000001"
reply = "{{{{ person.first_name }}}}, {{{{ match.app }}}} goes to site {bot} (INC{{{{ match.number }}}})"

[[command]]
words = ["ping", "hello"]
help = "Check that I am alive"
reply = "pong from site {bot}, {{{{ person.first_name }}}}: {{{{ message.text }}}}"

[[on]]
event = "memberships.created"
reply = "Hello from site {bot}! Type `help`."

[fallback]
reply = "In {{{{ room.title }}}} you said: {{{{ message.text }}}}. I did not understand; try `help`."
"#
    );
    if rich {
        definitions::rich(bot, &mut file);
    }
    file
}

/// Writes a `bots.d`.
pub(crate) fn write_definitions(dir: &Path, bots: usize, rich: bool) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    for bot in 0..bots {
        fs::write(dir.join(bot_id(bot)).with_extension("toml"), definition(bot, rich))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_gives_its_numbers_back_and_only_as_its_own_kind() {
        let message = id(Kind::Message, 7_000, 12_345_678);
        assert_eq!(numbers(Kind::Message, &message), Some((7_000, 12_345_678)));
        assert_eq!(numbers(Kind::Room, &message), None);
        assert_eq!(numbers(Kind::Message, "no id"), None);
    }

    #[test]
    fn the_mark_is_found_wherever_it_stands() {
        for bot in [0, 42] {
            for message in [0, 1, 2, 99_999_999] {
                assert_eq!(marked(text(bot, message).as_bytes()), Some(message));
            }
        }
        assert_eq!(marked(b"INCORRECT: INC00000012"), Some(12));
        assert_eq!(marked(b"INC1234"), None);
    }

    #[test]
    fn a_token_names_its_bot() {
        assert_eq!(owner_of(&token(9_999).1), Some(9_999));
        assert_eq!(owner_of("another"), None);
    }

    #[test]
    fn the_definitions_have_nothing_wrong_with_them() {
        for rich in [false, true] {
            let dir = tempfile::tempdir().unwrap();
            write_definitions(dir.path(), 2, rich).unwrap();
            let set = botyard::definition::load(&[dir.path().to_owned()]);
            assert_eq!((set.definitions.len(), set.diagnostics), (2, vec![]));
            for definition in set.definitions.values() {
                assert_eq!(botyard::brain::compile(definition).diagnostics, []);
            }
        }
    }
}
