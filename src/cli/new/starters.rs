//! What to start from: each a small bot that does one thing, whole, with tests beside it.

use crate::base::BotId;

/// A bot to start from.
#[derive(Debug)]
pub(super) struct Starter {
    /// What `--starter` calls it.
    pub(super) name: &'static str,
    /// What it is.
    pub(super) about: &'static str,
    /// Something to say to it.
    pub(super) try_it: &'static str,
    /// What else its owner must know.
    pub(super) note: Option<&'static str>,
    /// Its files: name and text. `BOTNAME` stands for the bot's id in both.
    files: &'static [(&'static str, &'static str)],
}

macro_rules! files {
    ($starter:literal: $($name:literal from $file:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("starters/", $starter, "/", $file)))),+]
    };
}

/// All of them.
pub(super) const ALL: &[Starter] = &[
    Starter {
        name: "echo",
        about: "says back what it hears; the smallest bot there is",
        try_it: "hello",
        note: None,
        files: files!("echo": "BOTNAME.toml" from "bot.toml", "BOTNAME.test.toml" from "bot.test.toml"),
    },
    Starter {
        name: "commands",
        about: "commands, patterns, a little memory, a welcome",
        try_it: "help",
        note: None,
        files: files!("commands": "BOTNAME.toml" from "bot.toml", "BOTNAME.test.toml" from "bot.test.toml"),
    },
    Starter {
        name: "form",
        about: "a card to fill in, what was filled in checked, pressed once",
        try_it: "order",
        note: None,
        files: files!(
            "form": "BOTNAME/bot.toml" from "bot.toml",
            "BOTNAME/cards/order.json" from "cards/order.json",
            "BOTNAME/BOTNAME.test.toml" from "bot.test.toml",
        ),
    },
    Starter {
        name: "http",
        about: "a program of yours answers, over HTTP",
        try_it: "hello",
        note: Some(
            "Calls are shown and not made unless dev is started with `--calls real`; then run `python3 service.py` in the bot's folder first.",
        ),
        files: files!(
            "http": "BOTNAME/bot.toml" from "bot.toml",
            "BOTNAME/service.py" from "service.py",
            "BOTNAME/BOTNAME.test.toml" from "bot.test.toml",
        ),
    },
    Starter {
        name: "python",
        about: "a Python program beside the definition answers",
        try_it: "hello",
        note: Some("Programs run only where the setting `handlers.exec` allows it; SECURITY.md says why."),
        files: files!(
            "python": "BOTNAME/bot.toml" from "bot.toml",
            "BOTNAME/answer.py" from "answer.py",
            "BOTNAME/BOTNAME.test.toml" from "bot.test.toml",
        ),
    },
    Starter {
        name: "schedule",
        about: "something said at its time, and reminders",
        try_it: "remind 10s tea",
        note: Some("In the file an id stands for your room that no room has: put yours there before it goes live."),
        files: files!("schedule": "BOTNAME.toml" from "bot.toml", "BOTNAME.test.toml" from "bot.test.toml"),
    },
    Starter {
        name: "alerts",
        about: "a hook that other programs post to, one message an alert",
        try_it: "hello",
        note: Some("Programs post to /in/BOTNAME/alert. In the file an id stands for your room that no room has."),
        files: files!("alerts": "BOTNAME.toml" from "bot.toml", "BOTNAME.test.toml" from "bot.test.toml"),
    },
];

impl Starter {
    /// Its files for a bot of this name.
    pub(super) fn files(&self, bot: &BotId) -> Vec<(String, String)> {
        let named =
            |text: &str| text.replace("BOTNAME_", &format!("{}_", variable(bot))).replace("BOTNAME", bot.as_str());
        self.files.iter().map(|(name, text)| (named(name), named(text))).collect()
    }
}

/// The bot's name as the beginning of an environment variable's.
fn variable(bot: &BotId) -> String {
    let name = bot.as_str().to_uppercase().replace('-', "_");
    // A variable does not begin with a digit, and those of `BOTYARD_` are not for bots.
    if name.starts_with(|c: char| c.is_ascii_digit()) || name == "BOTYARD" { format!("BOT_{name}") } else { name }
}

/// One of them by name.
pub(super) fn find(name: &str) -> Result<&'static Starter, String> {
    ALL.iter().find(|starter| starter.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|starter| format!("`{}`", starter.name)).collect();
        format!("there is no starter `{name}`: there are {}", names.join(", "))
    })
}

/// All of them, a line each.
pub(super) fn list() -> String {
    let lines = ALL.iter().map(|starter| format!("  {:<10} {}\n", starter.name, starter.about));
    format!("botyard new NAME --starter STARTER\n\n{}", lines.collect::<String>())
}
