//! Changes of a bot's memory as operations, so that two turns can change it without overwriting each other.

use std::io;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::time::Millis;

/// Most bytes of a key.
pub const MAX_STATE_KEY: usize = 200;
/// Most bytes of a value, as JSON.
pub const MAX_STATE_VALUE: usize = 64 * 1024;
/// Most bytes of the id of a room or person.
const MAX_ID: usize = 400;

/// Why a text cannot be a key, as what follows "the key …".
///
/// # Errors
/// When it is empty, too long, or holds what no line can show.
pub fn check_state_key(key: &str) -> Result<(), String> {
    if key.is_empty() {
        return Err("is empty".to_owned());
    }
    if key.len() > MAX_STATE_KEY {
        return Err(format!("has {} bytes, and may have {MAX_STATE_KEY}", key.len()));
    }
    if key.chars().any(char::is_control) {
        return Err("holds a control character".to_owned());
    }
    Ok(())
}

/// Keys that begin with `$` are those of Botyard itself.
#[must_use]
pub fn is_own_state_key(key: &str) -> bool {
    key.starts_with('$')
}

/// Bytes of a value, as JSON.
#[must_use]
pub fn state_value_size(value: &Value) -> usize {
    struct Count(usize);
    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // It writes into nothing, so it cannot fail.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

/// Why a value cannot be kept, as what follows "the value of `key` …".
///
/// # Errors
/// When it is too large.
pub fn check_state_value(value: &Value) -> Result<(), String> {
    match state_value_size(value) {
        size if size > MAX_STATE_VALUE => Err(format!("has {size} bytes as JSON, and may have {MAX_STATE_VALUE}")),
        _ => Ok(()),
    }
}

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

    /// Reads what [`StateScope::column`] says.
    ///
    /// # Errors
    /// A sentence that says what a scope is.
    pub fn parse(column: &str) -> Result<Self, String> {
        let id = |id: &str| {
            let fits = !id.is_empty() && id.len() <= MAX_ID && id.bytes().all(|byte| byte.is_ascii_graphic());
            fits.then(|| id.to_owned())
        };
        let scope = match column.split_once(':') {
            None if column == "bot" => Some(Self::Bot),
            Some(("room", room)) => id(room).map(Self::Room),
            Some(("person", person)) => id(person).map(Self::Person),
            _ => None,
        };
        scope.ok_or_else(|| "a scope is `bot`, `room:` and a room id, or `person:` and a person id".to_owned())
    }

    /// `bot`, `room` or `person`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Room(_) => "room",
            Self::Person(_) => "person",
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_scope_reads_as_it_is_written() {
        for scope in [StateScope::Bot, StateScope::Room("R:1".into()), StateScope::Person("P".into())] {
            assert_eq!(StateScope::parse(&scope.column()), Ok(scope));
        }
        for wrong in ["", "Bot", "room", "room:", "person:a b", "team:x"] {
            assert!(StateScope::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn keys_and_values_are_bounded() {
        assert!(check_state_key("topic of the day").is_ok() && check_state_key(&"k".repeat(MAX_STATE_KEY)).is_ok());
        for wrong in ["", "a\nb", &"k".repeat(MAX_STATE_KEY + 1)] {
            assert!(check_state_key(wrong).is_err(), "{wrong}");
        }
        assert_eq!(state_value_size(&json!({ "a": [1, "ä"] })), r#"{"a":[1,"ä"]}"#.len());
        assert!(check_state_value(&json!("x".repeat(MAX_STATE_VALUE - 2))).is_ok());
        assert!(check_state_value(&json!("x".repeat(MAX_STATE_VALUE))).is_err());
    }
}
