//! The shape of a definition file as a JSON schema, for completion and checks in editors
//! (`#:schema ../schema/bot.schema.json` on the first line). Nothing is parsed with these types: the
//! parser says more than "does not match". Tests hold the keys of the two equal.

mod timed;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, generate::SchemaSettings};

use self::timed::{Inbound, Schedule};

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

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum Anyone {
    Anyone,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum TopAccess {
    /// Everybody, on purpose.
    Anyone(Anyone),
    Lists(Box<TopAccessLists>),
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Access {
    /// Everybody whom `[access]` lets in.
    Anyone(Anyone),
    Lists(Box<AccessLists>),
}

/// Who is allowed: any list of people will do; then in which rooms, and where.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct TopAccessLists {
    /// Domains of addresses: `example.com`; `*.example.com` for those below it.
    domains: Option<TextOrMore>,
    /// Organizations, by id.
    orgs: Option<TextOrMore>,
    /// Addresses and person ids.
    people: Option<TextOrMore>,
    /// Groups of `_shared/groups.toml`.
    groups: Option<TextOrMore>,
    /// `@name` of `[rooms]`, or room ids.
    rooms: Option<TextOrMore>,
    /// In which kind of room.
    #[serde(rename = "where")]
    place: Option<RoomKind>,
    /// Who is not allowed, whatever else is said: anything here that fits denies.
    deny: Option<Deny>,
    /// What those are told who may not. Default: a sentence in direct rooms, nothing in groups.
    denied: Option<String>,
}

/// Who is allowed: any list of people will do; then in which rooms, and where.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct AccessLists {
    /// Domains of addresses: `example.com`; `*.example.com` for those below it.
    domains: Option<TextOrMore>,
    /// Organizations, by id.
    orgs: Option<TextOrMore>,
    /// Addresses and person ids.
    people: Option<TextOrMore>,
    /// Groups of `_shared/groups.toml`.
    groups: Option<TextOrMore>,
    /// `@name` of `[rooms]`, or room ids.
    rooms: Option<TextOrMore>,
    /// In which kind of room.
    #[serde(rename = "where")]
    place: Option<RoomKind>,
    /// Who is not allowed, whatever else is said: anything here that fits denies.
    deny: Option<Deny>,
}

/// Anything here that fits denies.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Deny {
    /// Domains of addresses.
    domains: Option<TextOrMore>,
    /// Organizations, by id.
    orgs: Option<TextOrMore>,
    /// Addresses and person ids.
    people: Option<TextOrMore>,
    /// Groups of `_shared/groups.toml`.
    groups: Option<TextOrMore>,
    /// `@name` of `[rooms]`, or room ids.
    rooms: Option<TextOrMore>,
    /// In which kind of room.
    #[serde(rename = "where")]
    place: Option<RoomKind>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum RoomKind {
    Direct,
    Group,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum People {
    /// Addresses and person ids.
    Listed(TextOrMore),
    /// As in `access`.
    Lists(Box<AccessLists>),
}

/// Others must agree first, on a card.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Approve {
    /// Who may agree.
    by: People,
    /// How many must. Default: 1.
    count: Option<u32>,
    /// Whether the one who asks may not be among them. Default: `true`.
    not_requester: Option<bool>,
    /// How long there is to agree. Default: `24h`.
    within: Option<String>,
    /// Where it is asked. Default: where the rule was used.
    to: Option<String>,
}

/// Who may bring the bot into a room; brought by others, it leaves.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Membership {
    /// Who may.
    added_by: People,
    /// What it says before it leaves.
    denied: Option<String>,
}

/// What to say when nothing else matched.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
struct Fallback {}

/// What every kind of rule may say; [`schema`] puts it into each of them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Body {
    /// An expression, as in a template without its braces: where it is false the next rule is tried.
    when: Option<String>,
    /// Who may use this rule, and where. The bot's `[access]` and the settings must allow it too.
    access: Option<Access>,
    /// What those are told who may not. Default: a sentence in direct rooms, nothing in groups.
    denied: Option<String>,
    /// How long one person waits before using it again: `30s`, `5m`.
    cooldown: Option<String>,
    /// Others must agree first, on a card.
    approve: Option<Approve>,
    /// The first press of a card alone counts.
    once: Option<bool>,
    /// What later presses are told.
    already: Option<String>,
    /// What to keep in the bot's memory.
    remember: Option<OneOrMore<Remember>>,
    /// Adds the room to a topic, for `to = "topic:…"`.
    subscribe: Option<String>,
    /// Takes the room out of a topic.
    unsubscribe: Option<String>,
    /// An event for later.
    timer: Option<Timer>,
    /// Forgets a timer.
    cancel_timer: Option<String>,
    /// `true`: the message whose card was pressed. A text: the message last sent under this key in the room.
    delete: Option<Delete>,
    /// The bot leaves the room.
    leave: Option<bool>,
    /// What to say.
    reply: Option<Reply>,
    /// Where: `@name` of `[rooms]`, a room id, an address, `person`, `room`, `members_of:@name`, `topic:name`, a
    /// template, or a list of these. Default: where it happened.
    to: Option<TextOrMore>,
    /// Starts this dialogue, in place of `reply`.
    flow: Option<Start>,
}

/// A flow by name, or with answers that are known already.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Start {
    Name(String),
    Table(StartTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct StartTable {
    /// Its name.
    name: String,
    /// Answers by name: a good one is not asked for. Empty ones do not count.
    answers: Option<serde_json::Map<String, serde_json::Value>>,
}

/// A dialogue: questions one after the other, each with what its answer must be.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Flow {
    /// How long one answer is waited for: `10s` to `30d`. Default: `10m`.
    timeout: Option<String>,
    /// What is said when nobody answered in time, and perhaps the step that it leads to.
    on_timeout: Option<OnTimeout>,
    /// Words that end it at any step. Default: `cancel`, `stop`.
    cancel: Option<TextOrMore>,
    /// What is said when it was cancelled.
    cancelled: Option<String>,
    /// What is said after too many wrong answers.
    gave_up: Option<String>,
    /// What is said when the step is gone from the definition.
    gone: Option<String>,
    /// Said once with a question in a room with others, where the bot sees only what mentions it.
    hint: Option<String>,
    /// Words for yes, in place of the English ones.
    yes: Option<TextOrMore>,
    /// Words for no, in place of the English ones.
    no: Option<TextOrMore>,
    /// Its steps; it begins with the first.
    #[schemars(length(min = 1))]
    step: Vec<FlowStep>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum OnTimeout {
    Text(String),
    Table(OnTimeoutTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct OnTimeoutTable {
    /// What is said.
    reply: Option<Reply>,
    /// The step that it leads to; a second time-out in a row ends it.
    goto: Option<String>,
}

/// A step: `ask` and what is expected, or `confirm`, or something said on the way.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct FlowStep {
    /// Its name; also that of its answer: `dialogue.NAME`.
    name: String,
    /// The question.
    ask: Option<Reply>,
    /// What is said without waiting for an answer.
    say: Option<Reply>,
    /// What the answer must be. Default: any text.
    expect: Option<Expect>,
    /// The inputs of the question's card by id, and what each must be; each is `dialogue.ID`.
    inputs: Option<BTreeMap<String, Expect>>,
    /// It asks whether all is right; without `ask` it shows all answers.
    confirm: Option<bool>,
    /// The step that a no leads to. Default: it cancels.
    no: Option<String>,
    /// What is said to a wrong answer. `dialogue.problem` says what is wrong, `dialogue.answer` what was said.
    retry: Option<String>,
    /// How many wrong answers end it. Default: 3.
    #[schemars(range(min = 1, max = 20))]
    tries: Option<u32>,
    /// An expression that must hold for the answer, which is `dialogue.answer`.
    check: Option<String>,
    /// The name of the answer. Default: the name of the step.
    into: Option<String>,
    /// What it keeps in the bot's memory when it is answered.
    remember: Option<OneOrMore<Remember>>,
    /// The step that follows, or the first way whose `when` holds. Default: the step below; the last one ends it.
    next: Option<Next>,
    /// What is said when it ends here.
    end: Option<Reply>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Next {
    Step(String),
    Ways(Vec<Way>),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Way {
    /// An expression that must hold.
    when: Option<String>,
    /// The step, or `end`.
    goto: String,
}

/// A kind, a list of choices, or more.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Expect {
    /// `text`, `int`, `number`, `bool`, `email`, `date`, `duration`; an input that may stay empty with `?` behind it.
    Kind(String),
    /// One of these.
    Choice(Vec<String>),
    /// More.
    Table(ExpectTable),
}

/// `type`, `choice` or `pattern`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct ExpectTable {
    /// The kind.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// One of these.
    choice: Option<Vec<String>>,
    /// A regular expression, anywhere in the answer.
    pattern: Option<String>,
    /// The least number; of a text its least length.
    min: Option<f64>,
    /// The greatest number; of a text its greatest length.
    max: Option<f64>,
    /// An input that may stay empty.
    optional: Option<bool>,
}

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

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Delete {
    Pressed(bool),
    Key(String),
}

/// `set`, `append`, `add` or `forget`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Remember {
    /// Whose memory. Default: `room`.
    scope: Option<Memory>,
    /// Under which key; may be a template. `state.room.KEY` in templates.
    key: String,
    /// Replaces the value. A text that is nothing but `{{ … }}` keeps the kind of its value.
    set: Option<serde_json::Value>,
    /// Becomes the last item of a list.
    append: Option<serde_json::Value>,
    /// Is added to a number.
    add: Option<serde_json::Value>,
    /// Forgets the key.
    forget: Option<bool>,
    /// How many items of a list stay. Default: 100.
    keep: Option<u32>,
    /// How long it is kept: `30s`, `5m`, `2h`, `7d`. Default: for good.
    expires: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum Memory {
    Bot,
    Room,
    Person,
}

/// `after` or `at`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct Timer {
    /// Its name; may be a template. Setting the same name again replaces it.
    name: String,
    /// After a while: `30s`, `5m`, `2h`; may be a template that gives this, or seconds.
    after: Option<String>,
    /// At a moment: a template that gives `2026-01-31T09:00:00Z`.
    at: Option<String>,
    /// What it brings along: `event.value`.
    value: Option<serde_json::Value>,
}

/// Plain text, a table, or several tables.
#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
enum Reply {
    /// Plain text; a template if it holds `{{` or `{%`.
    Text(String),
    /// More.
    Table(Box<ReplyTable>),
    /// Several, in order.
    Tables(Vec<ReplyTable>),
}

/// `text` or `markdown`, and how to say it.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
struct ReplyTable {
    /// An expression: where it is false this one is left out.
    when: Option<String>,
    /// Plain text; may be a template.
    text: Option<String>,
    /// Markdown; may be a template. Values make no mention, link or code block unless marked `| raw`.
    markdown: Option<String>,
    /// `true` begins a thread at the message, `false` stays out of the thread the message is in.
    thread: Option<bool>,
    /// Where: see `to` beside `reply`.
    to: Option<TextOrMore>,
    /// A name for the message, so that a later one of the same name can change it; may be a template.
    key: Option<String>,
    /// What becomes of the earlier message of that name. Default: `edit`.
    then: Option<Then>,
    /// Kept with the message and given back as `card.context` when its card is pressed; clients never see it.
    context: Option<serde_json::Map<String, serde_json::Value>>,
    /// The message whose card was pressed becomes this one.
    edit: Option<bool>,
    /// The message whose card was pressed is deleted, and this one is written: for cards.
    replace: Option<bool>,
    /// An adaptive card: the path of its JSON file from the folder of the definition, as in `cards/welcome.json`. The
    /// text stands for it where no card can be drawn.
    card: Option<String>,
    /// What the templates of the card see as `data`.
    data: Option<serde_json::Map<String, serde_json::Value>>,
    /// A file: its path from the folder of the definition, or its address, from where Webex fetches it.
    file: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
enum Then {
    /// It is changed.
    Edit,
    /// This one is written into its thread.
    Thread,
    /// It is deleted, and this one is written.
    Replace,
    /// This one is not written.
    Skip,
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
    let body = schema["definitions"].as_object_mut().and_then(|all| all.remove("Body")).unwrap_or_default();
    for rule in RULES {
        // A body has no table of its own in the file, and `flatten` would let unknown keys through.
        let Some(table) = schema["definitions"][*rule].as_object_mut() else { continue };
        let properties = table.entry("properties").or_insert_with(|| serde_json::json!({}));
        if let (Some(own), Some(shared)) = (properties.as_object_mut(), body["properties"].as_object()) {
            own.extend(shared.iter().map(|(name, shape)| (name.clone(), shape.clone())));
        }
    }
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
