//! The shape of the ways to have a program answer.

use schemars::JsonSchema;

use super::{TextOrMore, rule::Reply};

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Http {
    Url(String),
    Table(HttpTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct HttpTable {
    /// `http://…` or `https://…`; no template.
    url: String,
    /// Where the secret is that calls are signed with (Standard Webhooks): `env:NAME` or `file:/path`.
    secret: Option<String>,
    /// How long it may take, with all its answers. Default: `30s`; at most `10m`.
    timeout: Option<String>,
    /// What becomes of a call while another of the same room, person and rule is being made. Default: `queue`.
    busy: Option<Busy>,
    /// Calls of this rule at once.
    max_in_flight: Option<u32>,
    /// Keys of the bot's memory that it is told, like `room.count`.
    state: Option<TextOrMore>,
}

#[derive(Debug, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Busy {
    /// It waits.
    Queue,
    /// It is made all the same.
    Parallel,
    /// It is not made: `on_error` is said, with `response.cause` = `busy`.
    Refuse,
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct Call {
    /// `http://…` or `https://…`; behind the host it may be a template.
    url: String,
    /// Default: `POST` with a body, `GET` without.
    method: Option<String>,
    /// What follows the `?`; each value may be a template.
    query: Option<std::collections::BTreeMap<String, String>>,
    /// Headers; each value may be a template, with `secret:NAME` for a secret of `secrets`.
    headers: Option<std::collections::BTreeMap<String, String>>,
    /// Names for secrets: `env:NAME` or `file:/path`.
    secrets: Option<std::collections::BTreeMap<String, String>>,
    /// A JSON body; texts in it may be templates.
    json: Option<serde_json::Value>,
    /// A form; each value may be a template.
    form: Option<std::collections::BTreeMap<String, String>>,
    /// A text body; may be a template.
    text: Option<String>,
    /// How long it may take. Default: `30s`; at most `10m`.
    timeout: Option<String>,
    /// What becomes of a call while another of the same room, person and rule is being made. Default: `queue`.
    busy: Option<Busy>,
    /// Calls of this rule at once.
    max_in_flight: Option<u32>,
    /// What to say of the response; several with `when` for a branch each.
    reply: Option<Reply>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Forward {
    Url(String),
    Table(ForwardTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct ForwardTable {
    /// `http://…` or `https://…`; no template.
    url: String,
    /// Where the secret is that the program checks `X-Spark-Signature` with: `env:NAME` or `file:/path`.
    secret: Option<String>,
    /// How long it may take. Default: `30s`; at most `10m`.
    timeout: Option<String>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Script {
    Source(String),
    Table(ScriptTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct ScriptTable {
    /// Its text, or the path of a file that ends in `.rhai`, from the definition's folder.
    source: String,
    /// Keys of the bot's memory that it sees, like `room.count`.
    state: Option<TextOrMore>,
}

#[derive(Debug, JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) enum Exec {
    Command(Vec<String>),
    Table(ExecTable),
}

#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[expect(dead_code, reason = "only its shape is used")]
pub(super) struct ExecTable {
    /// Program and arguments; no shell, no templates. A path with `/` is meant from the definition's folder.
    command: Vec<String>,
    /// Variables of its environment besides `PATH` and `LANG`: a text, `env:NAME` or `file:/path`.
    env: Option<std::collections::BTreeMap<String, String>>,
    /// It stays, and takes a turn a line.
    worker: Option<bool>,
    /// How long it may take. Default: `30s`; at most `10m`.
    timeout: Option<String>,
    /// What becomes of a call while another of the same room, person and rule is being made. Default: `queue`.
    busy: Option<Busy>,
    /// Calls of this rule at once.
    max_in_flight: Option<u32>,
    /// Keys of the bot's memory that it is told, like `room.count`.
    state: Option<TextOrMore>,
}
