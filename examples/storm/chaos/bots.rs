//! The bots of a run as somebody would write them, what people say to them, and what has to come of it.

use std::fmt::Write as _;

/// Lines of a long answer: about 18 KB, so three messages.
pub(crate) const LINES: u32 = 240;

/// Digits of a message's number.
const DIGITS: usize = 8;

/// What a bot is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Says what it hears.
    Echo,
    /// Patterns, markdown, the person's name.
    Ticket,
    /// Answers in threads.
    Thread,
    /// Answers where it was asked, in private, and in a room of its own.
    Elsewhere,
    /// Answers in several messages.
    Long,
    /// Some of what it hears is too much for its template.
    Fragile,
    /// Would rather be silent than say a thing twice.
    Careful,
}

impl Kind {
    /// All of them; the last needs a key that a service may not have.
    pub(crate) const ALL: [Self; 7] =
        [Self::Echo, Self::Ticket, Self::Thread, Self::Elsewhere, Self::Long, Self::Fragile, Self::Careful];

    /// What people say to it.
    pub(crate) fn words(self) -> &'static [Word] {
        match self {
            Self::Echo | Self::Thread | Self::Careful => &[Word::Plain],
            Self::Ticket => &[Word::Plain, Word::Ticket],
            Self::Elsewhere => &[Word::Plain, Word::Private, Word::Log],
            // Long answers are most of what Webex is asked for: not too many.
            Self::Long => &[Word::Plain, Word::Plain, Word::Plain, Word::Long],
            Self::Fragile => &[Word::Plain, Word::Plain, Word::Plain, Word::Boom],
        }
    }

    /// Its definition; `version` stands in what it says, `log` is a room it is in.
    pub(crate) fn definition(self, variable: &str, version: u32, log: &str) -> String {
        let mut file = format!("token = \"env:{variable}\"\n");
        let plain = "{{ message.text }}";
        let fallback = match self {
            Self::Thread => format!("{{ text = \"v{version}: {plain}\", thread = true }}"),
            Self::Fragile => format!(
                "\"\"\"{{% if \"boom\" in message.text %}}{{{{ message.text | int }}}}{{% endif %}}v{version}: {plain}\"\"\""
            ),
            _ => format!("\"v{version}: {plain}\""),
        };
        let command = |word: &str, reply: &str| {
            format!("[[command]]\npattern = '^CH(?<number>\\d{{{DIGITS}}}) {word}\\b'\nreply = {reply}\n")
        };
        match self {
            Self::Careful => file.push_str("deliveries = { doubt = \"skip\" }\n"),
            Self::Ticket => file.push_str(&command(
                "ticket",
                &format!("{{ markdown = \"**CH{{{{ match.number }}}}** is with _{{{{ person.first_name }}}}_ (v{version})\" }}"),
            )),
            Self::Elsewhere => {
                let _ = write!(file, "[rooms]\nlog = \"{log}\"\n");
                file.push_str(&command("private", &format!("{{ text = \"v{version}, between us: {plain}\", to = \"person\" }}")));
                file.push_str(&command("log", &format!("{{ text = \"v{version}, noted: {plain}\", to = \"@log\" }}")));
            }
            Self::Long => file.push_str(&command(
                "long",
                &format!(
                    "\"\"\"{{% for line in range({LINES}) %}}CH{{{{ match.number }}}} line {{{{ line }}}} of v{version}, filled up with words that say nothing at all\n{{% endfor %}}\"\"\""
                ),
            )),
            Self::Echo | Self::Thread | Self::Fragile => {}
        }
        let _ = write!(file, "[fallback]\nreply = {fallback}\n");
        file
    }
}

/// What somebody says to a bot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Word {
    Plain,
    Ticket,
    Private,
    Log,
    Long,
    /// What a fragile bot's template cannot do: its event is to be buried.
    Boom,
}

impl Word {
    pub(crate) fn text(self, number: u32) -> String {
        let word = match self {
            Self::Plain => "how are you?",
            Self::Ticket => "ticket, please",
            Self::Private => "private question",
            Self::Log => "log this",
            Self::Long => "long story",
            Self::Boom => "boom",
        };
        format!("CH{number:0DIGITS$} {word}")
    }
}

/// Which part of which answer a text is: its message's number, and for a long answer its first whole line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Piece {
    pub(crate) number: u32,
    pub(crate) line: u32,
}

impl Piece {
    /// None of a text that belongs to no message.
    pub(crate) fn of(text: &str) -> Option<Self> {
        marks(text).next()
    }
}

/// The lines of a long answer that a text has.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = u32> + '_ {
    marks(text).map(|piece| piece.line)
}

/// Every `CH00000042`, with the number of the line when `line 7` follows.
fn marks(text: &str) -> impl Iterator<Item = Piece> + '_ {
    text.match_indices("CH").filter_map(|(at, mark)| {
        let rest = text.get(at + mark.len()..)?;
        let number = rest.get(..DIGITS)?.parse().ok()?;
        let line = rest.get(DIGITS..)?.strip_prefix(" line ").and_then(|rest| {
            let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
            digits.parse().ok()
        });
        Some(Piece { number, line: line.unwrap_or(0) })
    })
}

#[cfg(test)]
mod tests {
    use botyard::{
        base::BotId,
        brain,
        definition::{DefinitionSource, parse},
    };

    use super::*;

    #[test]
    fn nothing_is_wrong_with_the_definitions() {
        for (number, kind) in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Careful).enumerate() {
            let text = kind.definition("TOKEN", 3, "Y2lzY29zcGFyazovL3VzL1JPT00vMQ");
            let bot = BotId::parse(&format!("chaos-{number}")).unwrap();
            let (definition, diagnostics) = parse(&DefinitionSource::new(bot, "bot.toml", &text));
            assert_eq!(diagnostics, [], "{text}");
            assert_eq!(brain::compile(&definition.unwrap()).diagnostics, [], "{text}");
        }
    }

    #[test]
    fn a_text_tells_which_part_of_which_answer_it_is() {
        assert_eq!(Piece::of(&Word::Boom.text(42)), Some(Piece { number: 42, line: 0 }));
        let part = "ds that say nothing\nCH00000007 line 81 of v1\nCH00000007 line 82 of v1";
        assert_eq!(Piece::of(part), Some(Piece { number: 7, line: 81 }));
        assert_eq!(lines(part).collect::<Vec<_>>(), [81, 82]);
        assert_eq!(Piece::of("CHEESE"), None);
        assert_eq!(Piece::of("CH1234 and CH00000009"), Some(Piece { number: 9, line: 0 }));
    }
}
