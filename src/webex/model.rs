//! Webex's objects as far as we read them. Only `id` is required of anything: bots often get a reduced
//! set of fields, and a field that is missing must never cost an event.

use serde::{Deserialize, Serialize};

/// `GET /people/{id}`, `GET /people/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Person {
    /// Person id.
    pub id: String,
    /// Addresses; the first is the main one.
    pub emails: Vec<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// `person`, `bot` or `appuser`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `GET /rooms/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Room {
    /// Room id.
    pub id: String,
    /// Title; of a direct room the other person's name.
    pub title: Option<String>,
    /// `direct` or `group`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `GET /messages/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Message {
    /// Message id.
    pub id: String,
    /// Root of the thread, when it is a reply.
    pub parent_id: Option<String>,
    /// Room id.
    pub room_id: String,
    /// `direct` or `group`.
    pub room_type: Option<String>,
    /// Plain text; a mention of the bot stands in it as plain words.
    pub text: Option<String>,
    /// Only present if the author sent markdown.
    pub markdown: Option<String>,
    /// Rendered; holds `spark-mention` elements.
    pub html: Option<String>,
    /// Content URLs.
    pub files: Vec<String>,
    /// Author: person id.
    pub person_id: String,
    /// Author: address.
    pub person_email: Option<String>,
    /// Mentioned people: person ids.
    pub mentioned_people: Vec<String>,
}

/// An item of `GET /webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Webhook {
    /// Webhook id.
    pub id: String,
    /// Name: our owner tag, or somebody else's words.
    pub name: String,
    /// Where it posts.
    pub target_url: String,
    /// `messages`, `all`, …
    pub resource: String,
    /// `created`, `all`, …
    pub event: String,
    /// Filter, if any.
    pub filter: Option<String>,
    /// `active`; anything else counts as off.
    pub status: Option<String>,
}

/// A list: `{ "items": [...] }`.
#[derive(Debug, Clone, Deserialize)]
pub struct Page<T> {
    /// The items of this page; a page may be empty while a next one exists.
    #[serde(default = "Vec::new")]
    pub items: Vec<T>,
}
