//! A line typed at the prompt, as what it asks for.

use strsim::osa_distance;

use crate::definition::diagnostic::nearest;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) enum Line {
    /// Nothing was typed.
    Nothing,
    /// Say this, here.
    Say(String),
    /// Talk to this bot from now on.
    To(String),
    /// Talk in this group room from now on.
    Room(String),
    /// Talk in the room for two again.
    Direct,
    /// Be this person from now on.
    Me(String),
    /// List the bots.
    Bots,
    /// List the commands.
    Help,
    /// End.
    Quit,
    /// Not understood; what to tell the person.
    Unclear(String),
}

/// Every command: how it is written, and what it does.
const COMMANDS: [(&str, &str); 7] = [
    ("/to BOT", "talk to another bot"),
    (
        "/room NAME",
        "talk in a group room (made if there is none): there a bot hears only what mentions it, `@echo hello`",
    ),
    ("/direct", "back to the room for two"),
    ("/me PERSON", "be somebody else: alice, bob, carol or an address"),
    ("/bots", "all bots, and how they are"),
    ("/help", "this list"),
    ("/quit", "end; so does Ctrl-D"),
];

/// The list of commands.
pub(super) fn help() -> String {
    let rows = COMMANDS.iter().map(|(usage, does)| format!("  {usage:<12}{does}\n"));
    let mut text: String = rows.collect();
    text.push_str("  Anything else is said to the bot. A line that begins with `//` is said with one `/`.");
    text
}

/// Reads a line.
pub(in crate::cli) fn parse(line: &str) -> Line {
    let line = line.trim();
    if line.is_empty() {
        return Line::Nothing;
    }
    let Some(command) = line.strip_prefix('/') else { return Line::Say(line.to_owned()) };
    if command.starts_with('/') {
        return Line::Say(command.to_owned());
    }
    let (word, rest) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let rest = rest.trim();
    let with = |make: fn(String) -> Line, example: &str| {
        if rest.is_empty() {
            Line::Unclear(format!("`/{word}` needs a name, as in `{example}`"))
        } else {
            make(rest.to_owned())
        }
    };
    match word {
        "to" => with(Line::To, "/to echo"),
        "room" => with(Line::Room, "/room ops"),
        "me" => with(Line::Me, "/me bob"),
        "direct" => Line::Direct,
        "bots" => Line::Bots,
        "help" | "?" => Line::Help,
        "quit" | "exit" | "q" => Line::Quit,
        word => Line::Unclear(unknown(word)),
    }
}

fn unknown(word: &str) -> String {
    let mut words = COMMANDS.iter().filter_map(|(usage, _)| usage.split(' ').next()?.strip_prefix('/'));
    // The names are so short that `nearest` alone would not dare to guess.
    let meant = nearest(word, words.clone()).or_else(|| {
        words.find(|known| !word.is_empty() && (known.starts_with(word) || osa_distance(known, word) == 1))
    });
    let shown: String = word.chars().take(40).collect();
    match meant {
        Some(known) => format!("there is no `/{shown}`; did you mean `/{known}`?"),
        None => format!("there is no `/{shown}`; `/help` lists what there is"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_command_is_said() {
        assert_eq!(parse("  hello there "), Line::Say("hello there".into()));
        assert_eq!(parse("//etc/hosts"), Line::Say("/etc/hosts".into()));
        assert_eq!(parse("   "), Line::Nothing);
    }

    #[test]
    fn commands_take_the_rest_of_the_line() {
        assert_eq!(parse("/to echo"), Line::To("echo".into()));
        assert_eq!(parse("/room  war room 7 "), Line::Room("war room 7".into()));
        assert_eq!(parse("/me bob"), Line::Me("bob".into()));
        assert_eq!([parse("/direct"), parse("/bots"), parse("/quit")], [Line::Direct, Line::Bots, Line::Quit]);
    }

    #[test]
    fn a_command_without_its_name_says_how_it_is_written() {
        assert_eq!(parse("/room"), Line::Unclear("`/room` needs a name, as in `/room ops`".into()));
    }

    #[test]
    fn an_unknown_command_is_answered_with_the_likely_one() {
        assert_eq!(parse("/romm ops"), Line::Unclear("there is no `/romm`; did you mean `/room`?".into()));
        assert_eq!(parse("/di"), Line::Unclear("there is no `/di`; did you mean `/direct`?".into()));
        assert_eq!(parse("/tp x"), Line::Unclear("there is no `/tp`; did you mean `/to`?".into()));
        assert_eq!(parse("/dance"), Line::Unclear("there is no `/dance`; `/help` lists what there is".into()));
        assert_eq!(parse("/"), Line::Unclear("there is no `/`; `/help` lists what there is".into()));
    }

    #[test]
    fn help_lists_every_command() {
        insta::assert_snapshot!(help());
    }

    proptest! {
        #[test]
        fn any_line_is_something(line in "/?\\PC{0,30}") {
            let parsed = parse(&line);
            prop_assert_eq!(parsed == Line::Nothing, line.trim().is_empty());
        }
    }
}
