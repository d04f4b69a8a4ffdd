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
    /// Show a card again, the last one or that of this number, and mean it from now on.
    Card(Option<usize>),
    /// Fill an input of the card in.
    Set {
        /// Its id, label or number.
        name: String,
        /// What is typed into it.
        value: String,
    },
    /// Press a button of a card.
    Press {
        /// Its number or title.
        button: String,
        /// Which card; none for the last one.
        card: Option<usize>,
    },
    /// Send a file.
    File {
        /// Where it is.
        path: String,
        /// What is said with it.
        text: String,
    },
    /// Save a file that was shown.
    Save {
        /// Its number.
        file: usize,
        /// Where to; none for its own name, here.
        path: Option<String>,
    },
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
const COMMANDS: [(&str, &str); 12] = [
    ("/to BOT", "talk to another bot"),
    (
        "/room NAME",
        "talk in a group room (made if there is none): there a bot hears only what mentions it, `@echo hello`",
    ),
    ("/direct", "back to the room for two"),
    ("/me PERSON", "be somebody else: alice, bob, carol or an address"),
    ("/press BUTTON", "press a button of the last card, by number or title; `/press 2 of 1` is button 2 of card 1"),
    ("/set NAME VALUE", "fill an input of the card in; what is not filled in is asked for at a press"),
    ("/card [CARD]", "show a card as it is now; `/press` and `/set` mean it from then on"),
    ("/file PATH [TEXT]", "send a file"),
    ("/save FILE [PATH]", "save a file that was shown, by number"),
    ("/bots", "all bots, and how they are"),
    ("/help", "this list"),
    ("/quit", "end; so does Ctrl-D"),
];

/// The list of commands.
pub(super) fn help() -> String {
    let rows = COMMANDS.iter().map(|(usage, does)| format!("  {usage:<19}{does}\n"));
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
        "card" if rest.is_empty() => Line::Card(None),
        "card" => match number(rest) {
            Some(number) => Line::Card(Some(number)),
            None => Line::Unclear("`/card` takes the number of a card, as in `/card 1`".to_owned()),
        },
        "press" => with(press, "/press 1"),
        "set" => with(set, "/set reason it is urgent"),
        "file" => with(file, "/file report.pdf here it is"),
        "save" => save(rest),
        "direct" => Line::Direct,
        "bots" => Line::Bots,
        "help" | "?" => Line::Help,
        "quit" | "exit" | "q" => Line::Quit,
        word => Line::Unclear(unknown(word)),
    }
}

/// `2`, `Approve`, `2 of 1`.
fn press(rest: String) -> Line {
    let of_card = rest.rsplit_once(" of ").and_then(|(button, card)| Some((button.trim().to_owned(), number(card)?)));
    match of_card {
        Some((button, card)) => Line::Press { button, card: Some(card) },
        None => Line::Press { button: rest, card: None },
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as every other command that takes the rest of the line")]
fn set(rest: String) -> Line {
    let (name, value) = first_word(&rest);
    Line::Set { name, value }
}

#[expect(clippy::needless_pass_by_value, reason = "as every other command that takes the rest of the line")]
fn file(rest: String) -> Line {
    let (path, text) = first_word(&rest);
    Line::File { path, text }
}

fn save(rest: &str) -> Line {
    let (file, path) = first_word(rest);
    match number(&file) {
        Some(file) => Line::Save { file, path: Some(path).filter(|path| !path.is_empty()) },
        None => Line::Unclear("`/save` needs the number of a file, as in `/save 1` or `/save 1 report.pdf`".to_owned()),
    }
}

fn number(text: &str) -> Option<usize> {
    text.trim().parse().ok()
}

/// The first word, and what follows. A word with spaces in it stands in quotes; `""` alone is nothing.
fn first_word(text: &str) -> (String, String) {
    let quoted = text.strip_prefix('"').and_then(|rest| rest.split_once('"'));
    let (word, rest) = quoted.or_else(|| text.split_once(char::is_whitespace)).unwrap_or((text, ""));
    let rest = rest.trim();
    (word.to_owned(), if rest == "\"\"" { String::new() } else { rest.to_owned() })
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
        for line in ["/press", "/set", "/file", "/save", "/save it", "/card it"] {
            assert!(matches!(parse(line), Line::Unclear(said) if said.contains(" as in `")), "{line}");
        }
    }

    #[test]
    fn a_button_is_that_of_the_last_card_unless_another_is_named() {
        let press = |button: &str, card| Line::Press { button: button.into(), card };
        assert_eq!(parse("/press 2"), press("2", None));
        assert_eq!(parse("/press Approve it"), press("Approve it", None));
        assert_eq!(parse("/press Approve it of 3"), press("Approve it", Some(3)));
        assert_eq!(parse("/press out of order"), press("out of order", None));
        assert_eq!([parse("/card"), parse("/card 3")], [Line::Card(None), Line::Card(Some(3))]);
    }

    #[test]
    fn names_with_spaces_stand_in_quotes() {
        let set = |name: &str, value: &str| Line::Set { name: name.into(), value: value.into() };
        assert_eq!(parse("/set reason it is  urgent"), set("reason", "it is  urgent"));
        assert_eq!(parse("/set \"Due date\" 2026-11-22"), set("Due date", "2026-11-22"));
        assert_eq!([parse("/set reason"), parse("/set reason \"\"")], [set("reason", ""), set("reason", "")]);
        let file = Line::File { path: "my cat.png".into(), text: "look at it".into() };
        assert_eq!(parse("/file \"my cat.png\" look at it"), file);
        assert_eq!(parse("/save 2 cat.png"), Line::Save { file: 2, path: Some("cat.png".into()) });
        assert_eq!(parse("/save 2"), Line::Save { file: 2, path: None });
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
