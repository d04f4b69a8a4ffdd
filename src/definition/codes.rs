//! Every code a diagnostic may have. `docs/reference/diagnostics.md` is made from this table.

use std::fmt::Write as _;

use super::diagnostic::Severity::{self, Error, Warning};

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// Stable name: other people's scripts match on it.
    pub name: &'static str,
    /// How bad.
    pub severity: Severity,
    /// What it means.
    pub means: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $constant:ident = $name:literal, $severity:ident, $means:literal, $fix:literal;)*) => {
        $($(#[$doc])* pub const $constant: Code =
            Code { name: $name, severity: $severity, means: $means, fix: $fix };)*
        /// All of them, in the order of the reference.
        pub const ALL: &[(&str, Code)] = &[$((stringify!($constant), $constant)),*];
    };
}

codes! {
    /// The file is no TOML.
    SYNTAX = "syntax", Error,
        "The file is not valid TOML.",
        "Correct the place the caret shows; an unclosed quote or bracket is often a line further up.";
    /// The file is not UTF-8.
    NOT_UTF8 = "not-utf8", Error,
        "The file holds bytes that are not UTF-8.",
        "Save it as UTF-8.";
    /// The file is larger than 1 MiB.
    TOO_LARGE = "too-large", Error,
        "The file is larger than 1 MiB.",
        "Split the bot, or move what is not a definition elsewhere.";
    /// The file cannot be read.
    UNREADABLE = "unreadable", Error,
        "The file cannot be read.",
        "Let the user that runs Botyard read it (`chmod`, `chown`, or the mount's options).";
    /// A key nobody knows.
    UNKNOWN_KEY = "unknown-key", Error,
        "A key that means nothing here. A misspelt key would otherwise be silently without effect.",
        "Correct its spelling, or move it to the table it belongs to.";
    /// The value has the wrong type.
    WRONG_TYPE = "wrong-type", Error,
        "A value of another type is expected.",
        "Write the value as the hint shows.";
    /// A key that must be there is not.
    MISSING_KEY = "missing-key", Error,
        "A key that must be there is not.",
        "Add it.";
    /// Two keys exclude each other.
    CONFLICT = "conflict", Error,
        "Two keys of one table exclude each other.",
        "Keep one of them.";
    /// The value is not one of those allowed.
    BAD_VALUE = "bad-value", Error,
        "A value is empty, too long, or not one of those allowed.",
        "Use one of the values the message names.";
    /// The file name is no bot id.
    BAD_ID = "bad-id", Error,
        "The name of the file or folder is the bot's id, and this one cannot be an id: ids are 1 to 64 of `a-z`, `0-9` and `-`, begin with a letter or a digit, and are not reserved.",
        "Rename the file or folder.";
    /// Two definitions have one id.
    DUPLICATE_ID = "duplicate-id", Error,
        "Two definitions have the same id. Neither is used, because there is no telling which is meant.",
        "Rename or remove one of them.";
    /// Something that looks like a definition but is none.
    NOT_A_DEFINITION = "not-a-definition", Warning,
        "A file or folder looks like a definition but will not be read as one.",
        "Name it `<bot>.toml`, or put a `bot.toml` into the folder; hidden files and files ending in `~` are ignored on purpose.";
    /// A token in the file itself.
    LITERAL_TOKEN = "literal-token", Error,
        "The token itself stands in the definition. Definitions are copied, committed and shown; tokens must not be.",
        "Name where the token is: `env:NAME` or `file:/path`, or leave it out and use `botyard token set`. Treat the token as known to others: make a new one.";
    /// A token reference that cannot work.
    BAD_TOKEN = "bad-token", Error,
        "`token` names no usable place: the name of the variable or the path is not usable.",
        "Write `env:NAME` (not beginning with `BOTYARD_`) or `file:/absolute/path` below one of `secrets.dirs`.";
    /// Two definitions name one token.
    SAME_TOKEN = "same-token", Warning,
        "Two definitions name the same token. At Webex they are one bot, and one identity runs in one bot: whichever starts second is held.",
        "Give each its own token, or remove one of the two.";
    /// A secret in the file itself.
    LITERAL_SECRET = "literal-secret", Error,
        "A secret stands in the definition itself. Definitions are copied, committed and shown; secrets must not be.",
        "Name where the secret is: `env:NAME` or `file:/path`. Treat the secret as known to others: make a new one.";
    /// A hook without authentication.
    OPEN_HOOK = "open-hook", Warning,
        "A hook of `[[inbound]]` has no authentication. It is served only on the internal listener (the setting `inbound.listen`), and whoever reaches that can make the bot speak.",
        "Give it `auth` with a secret, unless the program that posts cannot send one.";
    /// The cron expression is none.
    BAD_CRON = "bad-cron", Error,
        "`cron` is no cron expression of five fields: minute, hour, day of month, month, day of week.",
        "Correct it; `0 9 * * MON-FRI` is nine o'clock on weekdays.";
    /// The cron expression never runs.
    NEVER_RUNS = "never-runs", Error,
        "`cron` describes a day that does not exist, such as the 30th of February: the schedule would never run.",
        "Correct the day or the month.";
    /// The zone is none.
    BAD_TIMEZONE = "bad-timezone", Error,
        "`timezone` is no zone of the IANA database.",
        "Write a zone like `Europe/Berlin` or `UTC`.";
    /// Dates that are none.
    BAD_DATES = "bad-dates", Error,
        "`except` names what is no date, or a file that is not there or holds a line that is no date.",
        "Write dates like `2026-12-25`, one a line in a file; what follows a `#` is for people.";
    /// The pattern is no regular expression.
    BAD_PATTERN = "bad-pattern", Error,
        "The pattern is not a valid regular expression, or it is too large.",
        "Correct the place the caret shows. In TOML write patterns in single quotes: there a backslash is only a backslash.";
    /// The template is no template.
    BAD_TEMPLATE = "bad-template", Error,
        "The template has a syntax error, or uses a filter, test or function that does not exist.",
        "Correct the place the caret shows. Text with `{{` or `{%` is a template; write `{{ '{{' }}` for the characters themselves.";
    /// The card is none that Webex draws.
    BAD_CARD = "bad-card", Error,
        "The card is no JSON, or holds what Webex does not draw: it takes cards of version 1.3 at most, with five buttons in a row, ten images and 80 KB.",
        "Correct the place the caret shows. Templates stand inside of strings; lists are made by `$each`.";
    /// A file that is not in the bot's folder.
    UNKNOWN_FILE = "unknown-file", Error,
        "The definition names a file that is not in the bot's folder, or that cannot be used.",
        "Put it beside `bot.toml`, in the same folder or below, and write its path from there.";
    /// The template never ends.
    ENDLESS_TEMPLATE = "endless-template", Error,
        "The template does more work, or writes more text, than one answer may.",
        "Loop over less.";
    /// A value of the template may grow without end.
    GROWING_TEMPLATE = "growing-template", Error,
        "A value of the template may become as large as nobody has room for: a list that is put into itself more than once with every round of a loop, that is wrapped into itself, or that is multiplied. What counts is what could happen: a name that is surely a number or a text never grows.",
        "Write `| int` or `| float` behind what is a number. Add to a list once a round: `{% set n.list = n.list + [item] %}`.";
    /// The template uses a name nobody knows.
    UNKNOWN_NAME = "unknown-name", Error,
        "The template uses a name that does not exist, or that is never there in this kind of rule.",
        "Use one of the names the hint lists.";
    /// `[[on]]` names an event nobody knows.
    UNKNOWN_EVENT = "unknown-event", Error,
        "`[[on]]` names an event that cannot be reacted to.",
        "Use one of the events the hint lists.";
    /// `to` names no place.
    BAD_DESTINATION = "bad-destination", Error,
        "`to` is no place a message can go to, or a name that `[rooms]` does not know.",
        "Write `@name` from `[rooms]`, a room id, an address, `person` or `room`.";
    /// `use` names no shared snippet.
    UNKNOWN_SNIPPET = "unknown-snippet", Error,
        "`use` names a snippet that is not in `_shared`.",
        "Correct its name, or write the file `_shared/NAME.toml` beside the bots.";
    /// `groups` names no shared group.
    UNKNOWN_GROUP = "unknown-group", Error,
        "`groups` names a group that `_shared/groups.toml` does not have.",
        "Correct its name, or add it there: `leads = [\"lead@example.com\"]`.";
    /// An entry of an access rule cannot be what it should be.
    BAD_ACCESS = "bad-access", Error,
        "An entry of `access` is no domain, organization, person or room, or there is nobody it could be asked of.",
        "Write domains without `@`, people as addresses or person ids, rooms as `@name` of `[rooms]` or ids.";
    /// The usage is none.
    BAD_USAGE = "bad-usage", Error,
        "The `usage` of a command has a mistake: an unknown type, a name twice, a bracket that is not closed, a wrong order.",
        "Correct the place the caret shows. A usage is words, then arguments: `page <team> [count:int] [--urgent] [message...]`.";
    /// A bot that everybody may use.
    OPEN_BOT = "open-bot", Warning,
        "Nothing says who may use the bot: all of Webex may. With `policy.require_access` this is an error.",
        "Add `[access]` with `domains = [\"example.com\"]`, or write `access = \"anyone\"` if it is meant.";
    /// The same where the settings ask for access rules.
    ACCESS_REQUIRED = "access-required", Error,
        "Nothing says who may use the bot, and `policy.require_access` of the settings asks for it.",
        "Add `[access]` with `domains = [\"example.com\"]`.";
    /// A rule that nobody may use.
    NEVER_ALLOWED = "never-allowed", Warning,
        "The access rules together let nobody in, so this can never be used.",
        "Change the rule that the message names; all layers must allow: the settings, `[access]` and the rule's `access`.";
    /// The script is none.
    BAD_SCRIPT = "bad-script", Error,
        "A script does not compile, is too long, or its file is not there.",
        "Correct the place that the message names. docs/guide/handlers.md says what a script may use.";
    /// A rule that can never match.
    SHADOWED = "shadowed", Warning,
        "A rule that can never be reached, because one before it always matches first.",
        "Remove the word, or change the order: rules are tried from top to bottom.";
    /// A rule starts a flow that is not there.
    UNKNOWN_FLOW = "unknown-flow", Error,
        "A rule starts a flow that is not in the definition.",
        "Correct its name, or write the `[flow.NAME]`.";
    /// A step that is not there.
    UNKNOWN_STEP = "unknown-step", Error,
        "A flow leads to a step that it does not have.",
        "Correct the name; `end` leads out of the flow.";
    /// A circle in a flow without a question.
    ENDLESS_FLOW = "endless-flow", Error,
        "Steps of a flow that ask nothing lead to each other in a circle: it would never wait for anybody and never end.",
        "Lead one of them to a step with `ask`, or to `end`.";
    /// A step that nothing leads to.
    UNREACHABLE_STEP = "unreachable-step", Warning,
        "Nothing leads to a step of a flow: not the step above it, no `next`, no `no` and no `goto`.",
        "Name it in the `next` of another step, or remove it.";
    /// A flow that no rule starts.
    UNUSED_FLOW = "unused-flow", Warning,
        "No rule starts the flow.",
        "Add a rule with `flow = \"NAME\"`, or remove the flow.";
    /// A bot without rules.
    NO_RULES = "no-rules", Warning,
        "The bot has no rule: it will never say anything.",
        "Add a `[[command]]`, an `[[on]]` or a `[fallback]`.";
}

/// The reference page.
#[must_use]
pub fn reference() -> String {
    let mut page = String::from(
        "# Diagnostics\n\n\
         What `botyard check` (and a running service) may say about a definition. Codes are stable.\n\
         An *error* keeps the definition from being used: the last good one stays. A *warning* does not.\n\
         This page is made from `src/definition/codes.rs`; a test keeps the two equal.\n",
    );
    for (_, code) in ALL {
        let Code { name, severity, means, fix } = code;
        let _ = write!(page, "\n## `{name}`\n\n*{}.* {means}\n\n**Fix:** {fix}\n", severity.as_str());
    }
    page
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    #[test]
    fn the_reference_page_is_current() {
        crate::definition::golden::assert_current("docs/reference/diagnostics.md", &reference());
    }

    #[test]
    fn no_code_is_dead() {
        let mut text = String::new();
        let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.ends_with("codes.rs") {
                    let file = fs::read_to_string(path).unwrap_or_default();
                    text.push_str(file.split("mod tests {").next().unwrap());
                }
            }
        }
        for (constant, _) in ALL {
            assert!(text.contains(&format!("codes::{constant}")), "`{constant}` is used nowhere");
        }
    }
}
