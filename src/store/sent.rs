//! What is kept of messages that a bot sent, as plain data: to change them later, and to know what their cards meant.

use serde_json::Value;

use super::rows::NewEvent;
use crate::base::{BotId, Digest, EventId, Millis};

/// A message that a bot sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentRow {
    /// Its id at Webex.
    pub remote_id: String,
    /// The delivery that last made it what it is.
    pub delivery: EventId,
    /// Its destination, as [`DeliveryRow::order_key`](super::DeliveryRow::order_key).
    pub order_key: String,
    /// The room it stands in, as Webex said.
    pub room: Option<String>,
    /// Id or address, when it was sent to a person.
    pub person: Option<String>,
    /// Its name, by which later messages change it.
    pub key: Option<String>,
    /// What its reply gave along; never shown to clients.
    pub context: Value,
    /// Root of the thread it stands in.
    pub parent: Option<String>,
    /// The rule that promised it, by its label.
    pub rule: String,
    /// How often it was edited.
    pub edits: u32,
    /// Until when it is known.
    pub until: Millis,
}

impl SentRow {
    /// The root of the thread that an answer to it belongs into. Webex's threads are flat.
    #[must_use]
    pub fn root(&self) -> &str {
        self.parent.as_deref().unwrap_or(&self.remote_id)
    }
}

/// Which sent message is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentQuery {
    /// By its id at Webex.
    Id(String),
    /// The one that was last sent under a key to a destination. A message to a person stands in a room: the key
    /// is found there too, when the room is named instead.
    Key {
        /// The key.
        key: String,
        /// The destination, as [`DeliveryRow::order_key`](super::DeliveryRow::order_key).
        order_key: String,
        /// The destination, when it is a room.
        room: Option<String>,
    },
}

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentAnswer {
    /// This.
    Known(Box<SentRow>),
    /// Nothing yet: a delivery of the bot is on its way, and how it ends is not written down.
    NotYet,
    /// Nothing.
    Unknown,
}

/// What a try changed of what is kept of sent messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SentChange {
    /// This is known from now on, instead of what was known under the same id. Other messages of its key lose it.
    Keep(Box<SentRow>),
    /// This is gone at Webex.
    Gone(String),
}

/// The event that tells a bot's program of a delivery that was given up.
#[derive(Debug, Clone)]
pub struct FailureEvent {
    /// Only if the bot wants one of these kinds: a mask as in [`NewBot::kinds`](super::NewBot::kinds).
    pub wanted: u32,
    /// It.
    pub event: NewEvent,
}

/// What stands in the store for a key of a bot: short, and nothing that a person wrote.
#[must_use]
pub fn key_mark(key: &str) -> String {
    Digest::of([b"key".as_slice(), key.as_bytes()]).mark()
}

/// For how long a message is known.
pub const SENT_DAYS: u64 = 30;

/// Whose, and which.
#[derive(Debug, Clone)]
pub struct SentLook {
    /// The bot.
    pub bot: BotId,
    /// The message.
    pub query: SentQuery,
    /// The moment of the question.
    pub now: Millis,
}
