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
    /// What calls keep their order with; empty: each on its own.
    pub order: String,
    /// How long the handler may take, in milliseconds.
    pub timeout_ms: u64,
    /// What to do.
    pub target: Target,
}

/// What a call goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "to", rename_all = "snake_case")]
pub enum Target {
    /// The turn, posted as signed JSON to a program of the bot's owner.
    Http {
        /// Address.
        url: String,
        /// The turn in the handler contract's form.
        turn: Value,
    },
    /// A request to any API.
    Call {
        /// Method, upper case.
        method: String,
        /// Address.
        url: String,
        /// Headers. A value may be a reference to a secret: `env:NAME`, `file:/path`.
        headers: Vec<(String, String)>,
        /// Body.
        body: Option<String>,
    },
    /// The stored Webex envelope, signed anew, to an existing bot program.
    Forward {
        /// Address.
        url: String,
        /// Where the secret is that it is signed with: `env:NAME`, `file:/path`.
        secret: String,
    },
    /// The turn as JSON on the standard input of a program.
    Exec {
        /// Program and arguments.
        command: Vec<String>,
        /// The turn in the handler contract's form.
        turn: Value,
        /// Whether the program stays and takes a turn a line.
        worker: bool,
    },
}

impl Target {
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
