//! A promised call of a handler as plain, versioned data: written by a turn, read by whoever makes the call.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::Event;

/// One call. What it goes to and what it carries was decided by the turn; secrets are named, never held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandlerCall {
    /// The rule that asks, by its label: its answer is an event for the same rule.
    pub rule: String,
    /// The event that was being handled; the answer carries it on.
    pub origin: Box<Event>,
    /// What calls of one rule, room and person share: those that queue keep their order with it. Empty: each on its own.
    pub order: String,
    /// What becomes of a call while another of its order is being made.
    #[serde(default)]
    pub busy: Busy,
    /// Calls of this rule at once; 0: as many as the bot may have.
    #[serde(default)]
    pub max_in_flight: u32,
    /// How long the handler may take, in milliseconds.
    pub timeout_ms: u64,
    /// What to do.
    pub target: Target,
}

/// What becomes of a call while another of its order is being made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Busy {
    /// It waits.
    #[default]
    Queue,
    /// It is made all the same.
    Parallel,
    /// It is not made; its answer says that it was refused.
    Refuse,
}

/// A piece of a text: what a template came to, or a secret that is put in when the call is made.
///
/// Kept apart, because a text that people write must not be able to name a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// As it is.
    Text(String),
    /// A reference: `env:NAME`, `file:/path`.
    Secret(String),
}

/// What a call goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Target {
    /// The turn, posted as signed JSON to a program of the bot's owner.
    Http {
        /// Address.
        url: String,
        /// Where the secret is that it is signed with; none: it is not signed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
        /// The turn in the handler contract's form.
        turn: Value,
    },
    /// A request to any API.
    Call {
        /// Method, upper case.
        method: String,
        /// Address.
        url: String,
        /// Headers.
        headers: Vec<(String, Vec<Part>)>,
        /// Body.
        body: Option<String>,
    },
    /// The stored Webex envelope, signed anew, to an existing bot program.
    Forward {
        /// Address.
        url: String,
        /// Where the secret is that it is signed with: `env:NAME`, `file:/path`.
        secret: String,
        /// The envelope as it came, in base64. The bot actor puts it in: the brain does not see it.
        #[serde(default)]
        envelope: String,
    },
    /// The turn as JSON on the standard input of a program.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
        /// The definition's file, relative to its `bots.d`: the program runs in its folder.
        #[serde(default)]
        file: String,
        /// Variables of its environment, by name: a text or a secret.
        #[serde(default)]
        env: Vec<(String, Part)>,
        /// The turn in the handler contract's form.
        turn: Value,
        /// Whether the program stays and takes a turn a line.
        worker: bool,
    },
}

impl Target {
    /// For records, logs and counters: `http`, `call`, `forward`, `exec`.
    #[must_use]
    pub fn form(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Call { .. } => "call",
            Self::Forward { .. } => "forward",
            Self::Exec { .. } => "exec",
        }
    }

    /// What it goes to, for people: method and address without its query, or the program.
    #[must_use]
    pub fn shown(&self) -> String {
        let bare = |url: &str| url.split(['?', '#']).next().unwrap_or_default().to_owned();
        match self {
            Self::Http { url, .. } | Self::Forward { url, .. } => format!("POST {}", bare(url)),
            Self::Call { method, url, .. } => format!("{method} {}", bare(url)),
            Self::Exec { command, .. } => command.join(" "),
        }
    }

    /// Where it goes, for people: without a query, which may hold what was said or a key.
    #[must_use]
    pub fn place(&self) -> String {
        match self {
            Self::Http { url, .. } | Self::Call { url, .. } | Self::Forward { url, .. } => {
                url.split(['?', '#']).next().unwrap_or_default().to_owned()
            }
            Self::Exec { command, .. } => command.first().cloned().unwrap_or_default(),
        }
    }
}

/// The envelope of a stored call. A change of meaning is a new variant; old ones stay readable.
#[derive(Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1(HandlerCall),
}

/// The same, for writing what somebody else owns.
#[derive(Serialize)]
#[serde(tag = "v")]
enum Borrowed<'a> {
    #[serde(rename = "1")]
    V1(&'a HandlerCall),
}

impl HandlerCall {
    /// The versioned JSON that goes into the outbox.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(&Borrowed::V1(self)).unwrap_or_default()
    }

    /// Reads what [`HandlerCall::encode`] wrote, in this version of the program or an older one.
    ///
    /// # Errors
    /// When the bytes are no call of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(|Stored::V1(call)| call)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Change, Millis, Trigger};

    #[test]
    fn a_stored_call_keeps_its_golden_form() {
        let trigger = Trigger::Room { change: Change::Updated, room: "R".into() };
        let call = HandlerCall {
            rule: "fallback".into(),
            origin: Box::new(Event { at: Millis(1), actor: None, trigger }),
            order: "k".into(),
            busy: Busy::Refuse,
            max_in_flight: 2,
            timeout_ms: 5,
            target: Target::Call {
                method: "GET".into(),
                url: "https://h/p?q".into(),
                headers: vec![("a".into(), vec![Part::Text("b".into()), Part::Secret("env:X".into())])],
                body: None,
            },
        };
        let text = concat!(
            r#"{"v":"1","rule":"fallback","origin":{"at":1,"trigger":{"kind":"room","change":"updated","room":"R"}},"#,
            r#""order":"k","busy":"refuse","max_in_flight":2,"timeout_ms":5,"target":{"to":"call","method":"GET","#,
            r#""url":"https://h/p?q","headers":[["a",[{"text":"b"},{"secret":"env:X"}]]],"body":null}}"#
        );
        assert_eq!(String::from_utf8(call.encode()).unwrap(), text);
        assert_eq!(HandlerCall::decode(text.as_bytes()).unwrap(), call);
        assert_eq!(call.target.shown(), "GET https://h/p");
    }
}
