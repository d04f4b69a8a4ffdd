//! The shape of a definition file as a JSON schema, for completion and checks in editors
//! (`#:schema ../schema/bot.schema.json` on the first line). Nothing is parsed with these types: the
//! parser says more than "does not match". Tests hold the keys of the two equal.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

/// A bot, as a file `bots.d/<bot>.toml` or `bots.d/<bot>/bot.toml`.
#[derive(Debug, JsonSchema)]
#[schemars(title = "A bot of Botyard", deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Bot {
    /// What the bot is for; stands at the top of its `help`.
    description: Option<String>,
    /// Where its token is: `env:NAME` or `file:/path` below `secrets.dirs`. Never the token itself. Leave it
    /// out and use `botyard token set BOT`.
    #[schemars(regex(pattern = r"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/.*)$"))]
    token: Option<String>,
    /// How what it sends is dealt with.
    deliveries: Option<Deliveries>,
    /// Names for room ids, to be used as `@name` in `to`.
    #[serde(default)]
    rooms: BTreeMap<String, String>,
    /// What the bot listens for. Tried from top to bottom; the first that matches answers.
    #[serde(default)]
    command: Vec<Command>,
    /// What it does when people come and go.
    #[serde(default)]
    on: Vec<On>,
    /// What it says when nothing else matched.
    fallback: Option<Fallback>,
}

/// How what the bot sends is dealt with.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Deliveries {
    /// What becomes of a message that may have been sent before a crash, or before a backup was put back:
    /// `resend` (said twice rather than not at all, the default) or `skip` (not at all rather than twice).
    doubt: Option<Doubt>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum Doubt {
    Resend,
    Skip,
}

/// A command: `words` or `pattern`, and what to say.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Command {
    /// The first word or words of the message, whatever their case.
    #[schemars(length(min = 1))]
    words: Option<Vec<String>>,
    /// A regular expression anywhere in the message. `(?<name>…)` is `{{ match.name }}`. ASCII unless it
    /// begins with `(?u)`. Write it in single quotes.
    pattern: Option<String>,
    /// Its line in the generated `help`.
    help: Option<String>,
    /// What to say.
    reply: Reply,
    /// Where: `@name` of `[rooms]`, a room id, an address, `person` or `room`. Default: where it was asked.
    to: Option<String>,
}

/// A reaction to people coming and going.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct On {
    /// What happened.
    event: OnEvent,
    /// Whose membership. Default: `bot` for `memberships.created`, `others` for the rest.
    who: Option<Who>,
    /// What to say.
    reply: Reply,
    /// Where: see `[[command]]`.
    to: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[expect(dead_code, reason = "only its shape is used")]
enum OnEvent {
    #[serde(rename = "memberships.created")]
    Created,
    #[serde(rename = "memberships.updated")]
    Updated,
    #[serde(rename = "memberships.deleted")]
    Deleted,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum Who {
    Bot,
    Others,
    Anyone,
}

/// What to say when nothing else matched.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Fallback {
    /// What to say.
    reply: Reply,
    /// Where: see `[[command]]`.
    to: Option<String>,
}

/// Plain text, or a table.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Reply {
    /// Plain text; a template if it holds `{{` or `{%`.
    Text(String),
    /// More.
    Table(ReplyTable),
}

/// `text` or `markdown`, and how to say it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct ReplyTable {
    /// Plain text; may be a template.
    text: Option<String>,
    /// Markdown; may be a template. Values make no mention, link or code block unless marked `| raw`.
    markdown: Option<String>,
    /// `true` begins a thread at the message, `false` stays out of the thread the message is in.
    thread: Option<bool>,
    /// Where: see `[[command]]`.
    to: Option<String>,
}

/// The schema as it is committed in `schema/bot.schema.json`.
#[must_use]
pub fn schema() -> String {
    let schema: Schema = SchemaSettings::draft07().into_generator().into_root_schema_for::<Bot>();
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::definition::parse as parser;

    #[test]
    fn the_committed_schema_is_current() {
        crate::definition::golden::assert_current("schema/bot.schema.json", &schema());
    }

    #[test]
    fn every_shipped_definition_names_the_schema() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("bots.d");
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            assert!(text.starts_with("#:schema ../schema/bot.schema.json\n"), "{}", path.display());
        }
    }

    #[test]
    fn schema_and_parser_know_the_same_keys() {
        let schema: Value = serde_json::from_str(&schema()).unwrap();
        let keys = |table: &Value| table["properties"].as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let check = |table: &Value, known: &[&str]| {
            let mut known: Vec<_> = known.iter().map(|key| (*key).to_owned()).collect();
            known.sort();
            assert_eq!(keys(table), known);
        };
        check(&schema, parser::TOP);
        check(&schema["definitions"]["Deliveries"], parser::DELIVERIES);
        check(&schema["definitions"]["Command"], parser::COMMAND);
        check(&schema["definitions"]["On"], parser::ON);
        check(&schema["definitions"]["Fallback"], parser::FALLBACK);
        check(&schema["definitions"]["ReplyTable"], parser::REPLY);
    }
}
