//! The shape of what every kind of rule may say.

use schemars::JsonSchema;

use super::{
    OneOrMore, TextOrMore,
    access::{Access, Approve},
    flow::Start,
    handler::{Call, Exec, Forward, Http, Script},
};

/// What every kind of rule may say; [`schema`](super::schema) puts it into each of them.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Body {
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
    /// Said at once, while a program works.
    ack: Option<String>,
    /// Said when the call of a program is given up; sees `response.error` and `response.cause`.
    on_error: Option<String>,
    /// The turn as signed JSON to a program: its address, or a table.
    http: Option<Http>,
    /// A request to any API, and a reply over `response.status`, `response.json` and `response.text`.
    call: Option<Call>,
    /// The webhook as it came, signed anew, to a bot program that runs today: its address, or a table.
    forward: Option<Forward>,
    /// The turn as JSON on the standard input of a program of this host; off unless `handlers.exec` allows it.
    exec: Option<Exec>,
    /// A script (Rhai): its text, the path of a file that ends in `.rhai`, or a table.
    script: Option<Script>,
    /// What to say.
    reply: Option<Reply>,
    /// Where: `@name` of `[rooms]`, a room id, an address, `person`, `room`, `members_of:@name`, `topic:name`, a
    /// template, or a list of these. Default: where it happened.
    to: Option<TextOrMore>,
    /// Starts this dialogue, in place of `reply`.
    flow: Option<Start>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Delete {
    Pressed(bool),
    Key(String),
}

/// `set`, `append`, `add` or `forget`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Remember {
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
pub(super) enum Memory {
    Bot,
    Room,
    Person,
}

/// `after` or `at`.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Timer {
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
pub(super) enum Reply {
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
pub(super) struct ReplyTable {
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
pub(super) enum Then {
    /// It is changed.
    Edit,
    /// This one is written into its thread.
    Thread,
    /// It is deleted, and this one is written.
    Replace,
    /// This one is not written.
    Skip,
}
