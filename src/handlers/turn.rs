//! What a program is told: the turn as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the contract. It is raised when a program that reads the old form could misread the new one; new
/// fields that can be ignored do not raise it.
pub const VERSION: &str = "1";

/// One turn, as a program sees it. Fields without a value are left out.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct HandlerTurn {
    /// Version of this contract.
    pub version: String,
    /// Id of the call. It stays the same however often the call is repeated: whoever has seen it has done the work.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub call: String,
    /// Which try of the call this is, from 1.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub attempt: u32,
    /// The bot that asks.
    pub bot: Bot,
    /// What happened, in Webex's words or ours: `messages.created`, `attachmentActions.created`, `schedule`, `inbound`,
    /// `timer`, …
    pub trigger: String,
    /// When it happened, ISO 8601.
    pub at: String,
    /// The rule that asks, by its label: `command "page"`.
    pub rule: String,
    /// The message, where one was written or a card of one was pressed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Message>,
    /// Who wrote, pressed or joined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Person>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
    /// The arguments of a command with `usage`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub args: BTreeMap<String, Value>,
    /// What the named groups of a pattern caught.
    #[serde(rename = "match", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub caught: BTreeMap<String, Value>,
    /// What was entered into a card. It comes from the presser's client: anybody in the room can forge it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub inputs: Value,
    /// Of the card that was pressed: its `context`, which nobody can forge, and more.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub card: Value,
    /// What another program posted to an inbound hook, or what a timer was given along.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub payload: Value,
    /// What was read of the bot's memory: `state.bot`, `state.room`, `state.person`.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub state: Value,
    /// Where more answers may be posted, for a program that was called over HTTP.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effects: Option<EffectsDoor>,
    /// Until when an answer is waited for, in milliseconds from the start of the call.
    #[serde(default, skip_serializing_if = "is_zero_ms")]
    pub timeout_ms: u64,
}

/// The bot, as Webex knows it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Bot {
    /// Its id here: the name of its definition.
    pub id: String,
    /// Its person id at Webex.
    pub person_id: String,
    /// Its display name.
    pub display_name: String,
    /// Its address.
    pub email: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Message {
    /// Message id.
    pub id: String,
    /// Its text without the mention of the bot.
    pub text: String,
    /// Its text as it is.
    pub raw: String,
    /// Its markdown, where the author sent some.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub markdown: String,
    /// Its HTML, where there is some.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub html: String,
    /// Root of the thread it was written in.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub parent_id: String,
    /// Links to its files. They lead to Botyard, which fetches the file with the bot's token: the token itself is
    /// never handed out. Without an address of Botyard's to link to they are Webex's own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Person {
    /// Person id.
    pub id: String,
    /// Address.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub email: String,
    /// Display name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub display_name: String,
    /// First name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub first_name: String,
}

/// A room.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct Room {
    /// Room id.
    pub id: String,
    /// Title.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub title: String,
    /// `direct` or `group`.
    #[serde(rename = "type", default, skip_serializing_if = "String::is_empty")]
    pub kind: String,
}

/// Where more answers may be posted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
pub struct EffectsDoor {
    /// Address; `POST` an answer there.
    pub url: String,
    /// Bearer token for it. It is good for this call alone, until the call is over.
    pub token: String,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_zero_ms(number: &u64) -> bool {
    *number == 0
}

impl HandlerTurn {
    /// As it is kept with a call.
    #[must_use]
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}
