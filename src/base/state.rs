//! Changes of a bot's memory as operations, so that two turns can change it without overwriting each other.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Millis;

/// Whose memory a key belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateScope {
    /// The whole bot.
    Bot,
    /// One room (id).
    Room(String),
    /// One person (id).
    Person(String),
}

impl StateScope {
    /// The form stored in the `scope` column: `bot`, `room:ID`, `person:ID`.
    #[must_use]
    pub fn column(&self) -> String {
        match self {
            Self::Bot => "bot".to_owned(),
            Self::Room(id) => format!("room:{id}"),
            Self::Person(id) => format!("person:{id}"),
        }
    }
}

/// How often a key was changed; zero when it was never written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Version(pub i64);

/// One change of one key, applied by the store inside the turn's commit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum StateOp {
    /// Replace the value.
    Set {
        /// Whose memory.
        scope: StateScope,
        /// The key.
        key: String,
        /// The new value.
        value: Value,
    },
    /// Add to a number; an absent key counts as zero.
    Add {
        /// Whose memory.
        scope: StateScope,
        /// The key.
        key: String,
        /// May be negative.
        amount: i64,
    },
    /// Append to a list, keeping its last `keep` items; an absent key is an empty list.
    Append {
        /// Whose memory.
        scope: StateScope,
        /// The key.
        key: String,
        /// The new last item.
        value: Value,
        /// How many items stay.
        keep: u32,
    },
    /// Forget the key at a moment (now or in the past: at once).
    Expire {
        /// Whose memory.
        scope: StateScope,
        /// The key.
        key: String,
        /// When.
        at: Millis,
    },
}

impl StateOp {
    /// Whose memory, and which key.
    #[must_use]
    pub fn target(&self) -> (&StateScope, &str) {
        match self {
            Self::Set { scope, key, .. }
            | Self::Add { scope, key, .. }
            | Self::Append { scope, key, .. }
            | Self::Expire { scope, key, .. } => (scope, key),
        }
    }
}
