//! A message, and a press of a card's button.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::RoomType;

/// A card on a message.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Attachment {
    pub(crate) content_type: String,
    pub(crate) content: Value,
}

/// `GET /messages/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Message {
    pub(crate) id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_id: Option<String>,
    pub(crate) room_id: String,
    pub(crate) room_type: RoomType,
    /// Only in the answer to its creation, when the request named the person so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_person_id: Option<String>,
    /// As `to_person_id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) to_person_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    /// Only when the author sent markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) markdown: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) html: Option<String>,
    /// Where they are to be had, with a token.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
    pub(crate) person_id: String,
    pub(crate) person_email: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentioned_people: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentioned_groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) created: String,
    /// Only after an edit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated: Option<String>,
}

/// `GET /attachment/actions/{id}`; without inputs it is also the data of its webhook.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Action {
    pub(crate) id: String,
    /// Always `submit`.
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inputs: Option<Map<String, Value>>,
    pub(crate) person_id: String,
    pub(crate) room_id: String,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    #[test]
    fn a_message_keeps_its_golden_form() {
        let message = Message {
            id: "M".into(),
            parent_id: Some("T".into()),
            room_id: "R".into(),
            room_type: RoomType::Direct,
            to_person_id: None,
            to_person_email: Some("echo@webex.bot".into()),
            text: Some("hi Echo".into()),
            markdown: Some("**hi** <@personId:E|Echo>".into()),
            html: Some("<p><strong>hi</strong> …</p>".into()),
            files: vec!["http://127.0.0.1:7070/v1/contents/C".into()],
            person_id: "P".into(),
            person_email: "alice@example.com".into(),
            mentioned_people: vec!["E".into()],
            mentioned_groups: vec!["all".into()],
            attachments: vec![Attachment { content_type: "card".into(), content: Value::from(1) }],
            created: "2026-01-01T00:00:00.000Z".into(),
            updated: Some("2026-01-01T00:00:01.000Z".into()),
        };
        insta::assert_snapshot!(golden(&message), @r#"
        {
          "id": "M",
          "parentId": "T",
          "roomId": "R",
          "roomType": "direct",
          "toPersonEmail": "echo@webex.bot",
          "text": "hi Echo",
          "markdown": "**hi** <@personId:E|Echo>",
          "html": "<p><strong>hi</strong> …</p>",
          "files": [
            "http://127.0.0.1:7070/v1/contents/C"
          ],
          "personId": "P",
          "personEmail": "alice@example.com",
          "mentionedPeople": [
            "E"
          ],
          "mentionedGroups": [
            "all"
          ],
          "attachments": [
            {
              "contentType": "card",
              "content": 1
            }
          ],
          "created": "2026-01-01T00:00:00.000Z",
          "updated": "2026-01-01T00:00:01.000Z"
        }
        "#);
    }

    #[test]
    fn an_action_keeps_its_golden_form() {
        let action = Action {
            id: "A".into(),
            kind: "submit",
            message_id: "M".into(),
            inputs: Some(Map::from_iter([("choice".to_owned(), Value::from("yes"))])),
            person_id: "P".into(),
            room_id: "R".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        insta::assert_snapshot!(golden(&action), @r#"
        {
          "id": "A",
          "type": "submit",
          "messageId": "M",
          "inputs": {
            "choice": "yes"
          },
          "personId": "P",
          "roomId": "R",
          "created": "2026-01-01T00:00:00.000Z"
        }
        "#);
    }
}
