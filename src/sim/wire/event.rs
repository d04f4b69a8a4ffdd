//! The `data` of a webhook delivery: ids and who, never content.
//!
//! That of a membership is the [`super::Membership`] itself, that of a press the [`super::Action`] without inputs.

use serde::Serialize;

use super::RoomType;

/// messages/created and, with `updated`, messages/updated.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MessageData {
    pub(crate) id: String,
    pub(crate) room_id: String,
    pub(crate) room_type: RoomType,
    pub(crate) person_id: String,
    pub(crate) person_email: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) mentioned_people: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) files: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) parent_id: Option<String>,
    pub(crate) created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) updated: Option<String>,
}

/// messages/deleted: the message itself can no longer be read.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DeletedMessageData {
    pub(crate) id: String,
    pub(crate) room_id: String,
    pub(crate) room_type: RoomType,
    pub(crate) person_id: String,
    pub(crate) person_email: String,
}

/// rooms/created, updated.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RoomData {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(rename = "type")]
    pub(crate) kind: RoomType,
    pub(crate) is_locked: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team_id: Option<String>,
    pub(crate) last_activity: String,
    pub(crate) creator_id: String,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> MessageData {
        MessageData {
            id: "M".into(),
            room_id: "R".into(),
            room_type: RoomType::Group,
            person_id: "P".into(),
            person_email: "alice@example.com".into(),
            mentioned_people: vec![],
            files: vec![],
            parent_id: None,
            created: "2026-01-01T00:00:00.000Z".into(),
            updated: None,
        }
    }

    #[test]
    fn data_of_a_message_keeps_its_golden_form() {
        assert_eq!(
            serde_json::to_string(&message()).unwrap(),
            concat!(
                r#"{"id":"M","roomId":"R","roomType":"group","personId":"P","personEmail":"alice@example.com","#,
                r#""created":"2026-01-01T00:00:00.000Z"}"#
            )
        );
        let full = MessageData {
            mentioned_people: vec!["E".into()],
            files: vec!["http://127.0.0.1:7070/v1/contents/C".into()],
            parent_id: Some("T".into()),
            updated: Some("2026-01-01T00:00:01.000Z".into()),
            ..message()
        };
        assert_eq!(
            serde_json::to_string(&full).unwrap(),
            concat!(
                r#"{"id":"M","roomId":"R","roomType":"group","personId":"P","personEmail":"alice@example.com","#,
                r#""mentionedPeople":["E"],"files":["http://127.0.0.1:7070/v1/contents/C"],"parentId":"T","created":"2026-01-01T00:00:00.000Z","#,
                r#""updated":"2026-01-01T00:00:01.000Z"}"#
            )
        );
    }

    #[test]
    fn data_of_a_deleted_message_has_no_dates() {
        let data = DeletedMessageData {
            id: "M".into(),
            room_id: "R".into(),
            room_type: RoomType::Direct,
            person_id: "P".into(),
            person_email: "alice@example.com".into(),
        };
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            r#"{"id":"M","roomId":"R","roomType":"direct","personId":"P","personEmail":"alice@example.com"}"#
        );
    }

    #[test]
    fn data_of_a_room_keeps_its_golden_form() {
        let data = RoomData {
            id: "R".into(),
            title: "Ops".into(),
            kind: RoomType::Group,
            is_locked: false,
            team_id: None,
            last_activity: "2026-01-01T00:00:00.000Z".into(),
            creator_id: "P".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        assert_eq!(
            serde_json::to_string(&data).unwrap(),
            concat!(
                r#"{"id":"R","title":"Ops","type":"group","isLocked":false,"lastActivity":"2026-01-01T00:00:00.000Z","#,
                r#""creatorId":"P","created":"2026-01-01T00:00:00.000Z"}"#
            )
        );
        let in_team = RoomData { team_id: Some("T".into()), ..data };
        assert!(serde_json::to_string(&in_team).unwrap().contains(r#""isLocked":false,"teamId":"T","lastActivity""#));
    }
}
