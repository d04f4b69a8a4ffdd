//! What people see and change of a bot's memory and of its dialogues, as plain data.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use super::audit::By;
use crate::base::{BotId, Millis, StateScope, check_state_key, check_state_value};

/// Keys, or dialogues, that one page holds at most.
pub const MOST_OF_A_PAGE: u32 = 200;
/// Changes of memory that one edit takes: other writes wait for it.
pub const MOST_OF_AN_EDIT: usize = 500;

/// Which keys to list: those that are there, by scope and key.
#[derive(Debug, Clone)]
pub struct StateQuery {
    /// Whose.
    pub bot: BotId,
    /// Only of this scope.
    pub scope: Option<StateScope>,
    /// Only this key.
    pub key: Option<String>,
    /// Only keys after this scope and key: the next page.
    pub after: Option<(String, String)>,
    /// At most this many.
    pub limit: u32,
}

/// One key of a bot's memory.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StateRow {
    /// `bot`, `room:ID`, `person:ID`.
    pub scope: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: Value,
    /// How often it was changed.
    pub version: i64,
    /// When it is forgotten; `None`: never.
    pub expires_at: Option<Millis>,
}

/// Some keys, and whether there are more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatePage {
    /// By scope and key.
    pub state: Vec<StateRow>,
    /// There are more, after this scope and key.
    pub next: Option<(String, String)>,
}

/// What becomes of one key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StateChange {
    /// `bot`, `room:ID`, `person:ID`.
    pub scope: String,
    /// The key.
    pub key: String,
    /// The new value, which may be JSON's `null`; left out: the key goes.
    #[serde(default, deserialize_with = "there", skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// When it is forgotten; `None`: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Millis>,
}

/// A field that is there is there, also with `null` in it.
fn there<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl StateChange {
    /// What is wrong with it, as a sentence.
    ///
    /// # Errors
    /// When it has no such scope, or its key or value is none.
    pub fn check(&self) -> Result<(), String> {
        StateScope::parse(&self.scope)?;
        check_state_key(&self.key).map_err(|why| format!("the key {why}"))?;
        match &self.value {
            Some(value) => check_state_value(value).map_err(|why| format!("the value of `{}` {why}", self.key)),
            None => Ok(()),
        }
    }
}

/// Changes of a bot's memory by hand: all of them or none, and written down in the same commit.
#[derive(Debug, Clone)]
pub struct StateEdit {
    /// Whose.
    pub bot: BotId,
    /// At most [`MOST_OF_AN_EDIT`].
    pub changes: Vec<StateChange>,
    /// It is part of an import.
    pub import: bool,
    /// Who asked for it.
    pub by: By,
}

/// What an edit came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateEdited {
    /// Keys that have a new value.
    pub set: u64,
    /// Keys that were there and are gone.
    pub removed: u64,
}

/// Which dialogues to list: those that are open.
#[derive(Debug, Clone)]
pub struct DialogueQuery {
    /// Whose.
    pub bot: BotId,
    /// Only dialogues after this room and person: the next page.
    pub after: Option<(String, String)>,
    /// At most this many.
    pub limit: u32,
}

/// An open dialogue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenDialogue {
    /// A short name for it: a mark of room and person.
    pub id: String,
    /// Room id.
    pub room: String,
    /// Person id.
    pub person: String,
    /// How often it was changed.
    pub version: i64,
    /// When it lapses.
    pub until: Millis,
    /// Where it stands: flow, step, answers.
    pub value: Value,
}

/// Some dialogues, and whether there are more.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DialoguePage {
    /// By room and person.
    pub dialogues: Vec<OpenDialogue>,
    /// There are more, after this room and person.
    pub next: Option<(String, String)>,
}

/// A dialogue to be ended by hand, written down in the same commit.
#[derive(Debug, Clone)]
pub struct EndDialogue {
    /// Whose.
    pub bot: BotId,
    /// Room id.
    pub room: String,
    /// Person id.
    pub person: String,
    /// Who asked for it.
    pub by: By,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_of_null_is_a_value_and_one_that_is_left_out_is_none() {
        let read = |text: &str| serde_json::from_str::<StateChange>(text).unwrap().value;
        assert_eq!(read(r#"{"scope":"bot","key":"k","value":null}"#), Some(Value::Null));
        assert_eq!(read(r#"{"scope":"bot","key":"k"}"#), None);
    }

    #[test]
    fn what_is_wrong_with_a_change_is_a_sentence() {
        let change = |scope: &str, key: &str, value| StateChange {
            scope: scope.into(),
            key: key.into(),
            value: Some(value),
            expires_at: None,
        };
        assert_eq!(change("bot", "topic", json!(1)).check(), Ok(()));
        assert!(change("team:x", "topic", json!(1)).check().unwrap_err().contains("`room:`"));
        assert!(change("bot", "", json!(1)).check().unwrap_err().contains("the key is empty"));
        let large = change("bot", "topic", json!("x".repeat(70_000))).check().unwrap_err();
        assert!(large.contains("`topic` has 70002 bytes"), "{large}");
    }
}
