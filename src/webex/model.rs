//! Webex's objects as far as we read them. Only `id` is required of anything: bots often get a reduced
//! set of fields, and a field that is missing must never cost an event.

use serde::{Deserialize, Deserializer, Serialize};

/// `GET /people/{id}`, `GET /people/me`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Person {
    /// Person id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// Addresses; the first is the main one.
    #[serde(deserialize_with = "or_default")]
    pub emails: Vec<String>,
    /// Display name.
    pub display_name: Option<String>,
    /// First name.
    pub first_name: Option<String>,
    /// The organization the person belongs to.
    pub org_id: Option<String>,
    /// The time zone the person has set, as in `Europe/Berlin`.
    pub timezone: Option<String>,
    /// `person`, `bot` or `appuser`.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// `GET /rooms/{id}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Room {
    /// Room id.
    #[serde(deserialize_with = "or_default")]
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
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// Root of the thread, when it is a reply.
    pub parent_id: Option<String>,
    /// Room id.
    #[serde(deserialize_with = "or_default")]
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
    #[serde(deserialize_with = "or_default")]
    pub files: Vec<String>,
    /// Author: person id.
    #[serde(deserialize_with = "or_default")]
    pub person_id: String,
    /// Author: address.
    pub person_email: Option<String>,
    /// Mentioned people: person ids.
    #[serde(deserialize_with = "or_default")]
    pub mentioned_people: Vec<String>,
}

/// An item of `GET /memberships`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Membership {
    /// Membership id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// The member: person id.
    #[serde(deserialize_with = "or_default")]
    pub person_id: String,
    /// The member: address.
    pub person_email: Option<String>,
    /// The member: display name.
    pub person_display_name: Option<String>,
}

/// `GET /attachment/actions/{id}`: what somebody entered into a card.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct AttachmentAction {
    /// Id of the press.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// The message that holds the card.
    #[serde(deserialize_with = "or_default")]
    pub message_id: String,
    /// Who pressed: person id.
    #[serde(deserialize_with = "or_default")]
    pub person_id: String,
    /// Room id.
    #[serde(deserialize_with = "or_default")]
    pub room_id: String,
    /// What was entered, and the `data` of the button. Comes from the client and can be forged.
    pub inputs: serde_json::Map<String, serde_json::Value>,
}

/// An item of `GET /webhooks`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
pub struct Webhook {
    /// Webhook id.
    #[serde(deserialize_with = "or_default")]
    pub id: String,
    /// Name: our owner tag, or somebody else's words.
    #[serde(deserialize_with = "or_default")]
    pub name: String,
    /// Where it posts.
    #[serde(deserialize_with = "or_default")]
    pub target_url: String,
    /// `messages`, `all`, …
    #[serde(deserialize_with = "or_default")]
    pub resource: String,
    /// `created`, `all`, …
    #[serde(deserialize_with = "or_default")]
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

/// `null` is as good as missing.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_missing_null_or_new_costs_nothing() {
        let message: Message = serde_json::from_str(r#"{"id":"M","files":null,"personId":null,"x":[1]}"#).unwrap();
        assert_eq!(message, Message { id: "M".into(), ..Message::default() });
        let page: Page<Webhook> = serde_json::from_str(r#"{"items":[{"id":"W","name":null},{}]}"#).unwrap();
        assert_eq!(page.items.len(), 2);
        assert!(serde_json::from_str::<Page<Webhook>>("{}").unwrap().items.is_empty());
    }

    #[test]
    fn a_real_message_is_read_whole() {
        let text = r#"{"id":"M","roomId":"R","roomType":"group","text":"Echo hi","html":"<p>hi</p>","personId":"P",
            "personEmail":"ann@example.com","mentionedPeople":["B"],"parentId":"M0","files":["https://x/1"],
            "created":"2016-04-21T19:12:48.920Z"}"#;
        let expected = Message {
            id: "M".into(),
            parent_id: Some("M0".into()),
            room_id: "R".into(),
            room_type: Some("group".into()),
            text: Some("Echo hi".into()),
            markdown: None,
            html: Some("<p>hi</p>".into()),
            files: vec!["https://x/1".into()],
            person_id: "P".into(),
            person_email: Some("ann@example.com".into()),
            mentioned_people: vec!["B".into()],
        };
        assert_eq!(serde_json::from_str::<Message>(text).unwrap(), expected);
    }
}
