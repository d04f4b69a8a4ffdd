//! The shape of a definition file as a JSON schema, for completion and checks in editors
//! (`#:schema ../schema/bot.schema.json` on the first line). Nothing is parsed with these types: the
//! parser says more than "does not match". Tests hold the keys of the two equal.

mod access;
mod flow;
mod handler;
mod rule;
mod timed;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use self::{
    access::{Membership, TopAccess},
    flow::Flow,
    rule::Body,
    timed::{Inbound, Schedule},
};

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
    /// Who may use the bot at all, and where. Without it everybody at Webex may.
    access: Option<TopAccess>,
    /// Who may bring it into a room.
    membership: Option<Membership>,
    /// How the generated help looks: `text` (the default), `card`, or `none`.
    help: Option<HelpForm>,
    /// Snippets of `_shared` whose rules follow the bot's own.
    #[serde(rename = "use")]
    used: Option<TextOrMore>,
    /// Names for room ids, to be used as `@name` in `to`.
    #[serde(default)]
    rooms: BTreeMap<String, String>,
    /// What the bot listens for. Tried from top to bottom; the first that matches answers.
    #[serde(default)]
    command: Vec<Command>,
    /// What it does when people come and go.
    #[serde(default)]
    on: Vec<On>,
    /// Dialogues with steps, each started by a rule with `flow = "NAME"`.
    #[serde(default)]
    flow: BTreeMap<String, Flow>,
    /// What it does at its time.
    #[serde(default)]
    schedule: Vec<Schedule>,
    /// Hooks that other programs post to: `POST /in/<bot>/<name>`.
    #[serde(default)]
    inbound: Vec<Inbound>,
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

/// A command: `words`, `usage` or `pattern`, and what to do.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Command {
    /// The first word or words of the message, whatever their case.
    #[schemars(length(min = 1))]
    words: Option<Vec<String>>,
    /// The command's words and its arguments: `page <team> [count:int] [--urgent] [message...]`. Types are `word`,
    /// `int`, `number`, `bool`, `person`, `email`, `duration`, `date`, `rest`, and choices: `size:small|large`.
    usage: Option<String>,
    /// Other words for the same `usage`.
    #[schemars(length(min = 1))]
    aliases: Option<Vec<String>>,
    /// A regular expression anywhere in the message. `(?<name>…)` is `{{ match.name }}`. ASCII unless it
    /// begins with `(?u)`. Write it in single quotes.
    pattern: Option<String>,
    /// Its line in the generated `help`.
    help: Option<String>,
    /// The generated `help` leaves it out.
    hidden: Option<bool>,
}

/// A reaction to something that happens: `event` or `card`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct On {
    /// What happened.
    event: Option<OnEvent>,
    /// A press of a button whose data says this in `action`.
    card: Option<String>,
    /// Of `event = "timer"`: only the timer of this name.
    name: Option<String>,
    /// Whose membership. Default: `bot` for `memberships.created`, `others` for the rest.
    who: Option<Who>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum OnEvent {
    /// Any message.
    Message,
    /// A message in a group room; there the bot is shown only what mentions it.
    Mention,
    /// A message in a direct room.
    Direct,
    /// A message with a file.
    File,
    /// A message was edited.
    Edit,
    /// A message was deleted.
    Delete,
    #[serde(rename = "memberships.created")]
    MembershipCreated,
    #[serde(rename = "memberships.updated")]
    MembershipUpdated,
    #[serde(rename = "memberships.deleted")]
    MembershipDeleted,
    #[serde(rename = "rooms.created")]
    RoomCreated,
    #[serde(rename = "rooms.updated")]
    RoomUpdated,
    /// A timer that a rule set.
    Timer,
    /// A message of the bot was given up.
    #[serde(rename = "deliveries.failed")]
    DeliveryFailed,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum Who {
    Bot,
    Others,
    Anyone,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum HelpForm {
    Text,
    Card,
    None,
}

/// What to say when nothing else matched.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Fallback {}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum OneOrMore<T> {
    One(T),
    More(Vec<T>),
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum TextOrMore {
    One(String),
    More(Vec<String>),
}

/// The kinds of rules that have a body.
const RULES: &[&str] = &["Command", "On", "Schedule", "Inbound", "Fallback"];

/// The schema's title, by which a file of it is known.
pub const TITLE: &str = "A bot of Botyard";

/// The schema as it is committed in `schema/bot.schema.json`.
#[must_use]
pub fn schema() -> String {
    let mut generator = SchemaSettings::draft07().into_generator();
    let _ = generator.subschema_for::<Body>();
    let schema: Schema = generator.into_root_schema_for::<Bot>();
    let mut schema = serde_json::to_value(&schema).unwrap_or_default();
    for rule in RULES {
        share(&mut schema, "Body", rule);
    }
    share(&mut schema, "AccessLists", "TopAccessLists");
    if let Some(definitions) = schema["definitions"].as_object_mut() {
        // It has no table of its own in the file.
        definitions.remove("Body");
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// Puts the keys of one table into another: `flatten` would let unknown keys through.
fn share(schema: &mut serde_json::Value, from: &str, into: &str) {
    let shared = schema["definitions"][from]["properties"].as_object().cloned().unwrap_or_default();
    let Some(table) = schema["definitions"][into].as_object_mut() else { return };
    let own = table.entry("properties").or_insert_with(|| serde_json::json!({}));
    if let Some(own) = own.as_object_mut() {
        own.extend(shared);
    }
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
            let (file, above) = if path.is_dir() { (path.join("bot.toml"), "../..") } else { (path, "..") };
            if file.to_string_lossy().ends_with(".test.toml") || !file.is_file() {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            assert!(text.starts_with(&format!("#:schema {above}/schema/bot.schema.json\n")), "{}", file.display());
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
        check(&schema["definitions"]["HttpTable"], parser::HTTP);
        check(&schema["definitions"]["Call"], parser::CALL);
        check(&schema["definitions"]["ForwardTable"], parser::FORWARD);
        check(&schema["definitions"]["ExecTable"], parser::EXEC);
        check(&schema["definitions"]["ScriptTable"], parser::SCRIPT);
        check(&schema["definitions"]["Remember"], parser::REMEMBER);
        check(&schema["definitions"]["Timer"], parser::TIMER);
        check(&schema["definitions"]["Flow"], parser::FLOW);
        check(&schema["definitions"]["FlowStep"], parser::STEP);
        check(&schema["definitions"]["OnTimeoutTable"], parser::ON_TIMEOUT);
        check(&schema["definitions"]["ExpectTable"], parser::EXPECT);
        check(&schema["definitions"]["Way"], parser::BRANCH);
        check(&schema["definitions"]["StartTable"], parser::START);
        check(&schema["definitions"]["Schedule"], parser::SCHEDULE);
        check(&schema["definitions"]["Inbound"], parser::INBOUND);
        check(&schema["definitions"]["Auth"], parser::AUTH);
        check(&schema["definitions"]["BearerTable"], parser::BEARER);
        check(&schema["definitions"]["Basic"], parser::BASIC);
        check(&schema["definitions"]["Hmac"], parser::HMAC);
        check(&schema["definitions"]["TopAccessLists"], parser::TOP_ACCESS);
        check(&schema["definitions"]["AccessLists"], parser::ACCESS);
        check(&schema["definitions"]["Deny"], parser::DENY);
        check(&schema["definitions"]["Approve"], parser::APPROVE);
        check(&schema["definitions"]["Membership"], parser::MEMBERSHIP);
    }
}
