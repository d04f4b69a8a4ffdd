//! Where a dialogue stands, as it is kept in the store.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::base::Millis;

/// Answers by name.
pub(in crate::brain) type Answers = Map<String, Value>;

/// Most bytes that the answers of one dialogue may take together, as JSON.
pub(super) const MAX_ANSWERS: usize = 64 * 1024;

/// Where a dialogue stands. Fields may be added; what is stored stays readable.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::brain) struct Talk {
    /// Name of its flow.
    pub(in crate::brain) flow: String,
    /// Name of the step whose answer it waits for.
    pub(in crate::brain) step: String,
    /// What was answered so far.
    #[serde(default)]
    pub(in crate::brain) answers: Answers,
    /// Answers that it was started with, for steps that it has not come to.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(in crate::brain) given: Answers,
    /// Answers to this step that could not be taken.
    #[serde(default)]
    pub(in crate::brain) tries: u32,
    /// Short digest of the program that last moved it.
    pub(in crate::brain) program: String,
    /// When it began.
    pub(in crate::brain) started: Millis,
    /// Counts its moves: a timer of an earlier one is stale.
    pub(in crate::brain) serial: u32,
    /// Counts its questions: the card of an earlier one is stale, that of this one is not after a wrong answer.
    #[serde(default)]
    pub(in crate::brain) asked: u32,
    /// When the present step times out.
    pub(in crate::brain) deadline: Millis,
    /// It is held in a room with others, where the bot sees only what mentions it.
    #[serde(default)]
    pub(in crate::brain) group: bool,
    /// The person was told so.
    #[serde(default)]
    pub(in crate::brain) hinted: bool,
    /// A time-out led to the present step, and nothing was heard since.
    #[serde(default)]
    pub(in crate::brain) late: bool,
    /// Root of the thread it is held in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::brain) parent: Option<String>,
}

impl Talk {
    /// What is stored.
    pub(in crate::brain) fn encode(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }

    /// Reads what [`Talk::encode`] made, in this version of the program or another.
    pub(in crate::brain) fn decode(value: &Value) -> Option<Self> {
        serde_json::from_value(value.clone()).ok()
    }

    /// What its present timer carries.
    pub(in crate::brain) fn mark(&self) -> Mark {
        Mark { started: self.started, serial: self.serial }
    }

    /// What the card of its present question carries.
    pub(in crate::brain) fn question(&self) -> Mark {
        Mark { started: self.started, serial: self.asked }
    }
}

/// Tells one moment of a dialogue, or one of its questions, from all others of a person in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::brain) struct Mark {
    pub(in crate::brain) started: Millis,
    pub(in crate::brain) serial: u32,
}

/// Under this name the mark stands in the context of a card and in the value of a timer.
pub(in crate::brain) const MARK: &str = "$dialogue";

impl Mark {
    pub(in crate::brain) fn encode(self) -> Value {
        let mut map = Map::new();
        map.insert(MARK.to_owned(), serde_json::to_value(self).unwrap_or_default());
        Value::Object(map)
    }

    pub(in crate::brain) fn decode(value: &Value) -> Option<Self> {
        serde_json::from_value(value.get(MARK)?.clone()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_dialogue_keeps_its_golden_form() {
        let text = r#"{"answers":{"day":"2026-12-31"},"asked":2,"deadline":9,"flow":"booking","group":false,"hinted":false,"late":false,"program":"ab","serial":2,"started":1,"step":"people","tries":0}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        let talk = Talk::decode(&value).unwrap();
        assert_eq!(talk.encode(), value);
        assert_eq!(Mark::decode(&talk.mark().encode()), Some(Mark { started: Millis(1), serial: 2 }));
        assert_eq!(Talk::decode(&Value::from("x")), None);
    }
}
