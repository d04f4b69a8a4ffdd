//! A room.

use serde::Serialize;

use super::RoomType;

/// `GET /rooms/{id}`. A direct room's title is the name of the other one.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Room {
    pub(crate) id: String,
    pub(crate) title: String,
    #[serde(rename = "type")]
    pub(crate) kind: RoomType,
    pub(crate) is_locked: bool,
    pub(crate) last_activity: String,
    pub(crate) creator_id: String,
    pub(crate) created: String,
    pub(crate) owner_id: String,
    pub(crate) is_announcement_only: bool,
    pub(crate) is_read_only: bool,
    pub(crate) is_public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    #[test]
    fn a_room_keeps_its_golden_form() {
        let room = Room {
            id: "R".into(),
            title: "Ops".into(),
            kind: RoomType::Group,
            is_locked: false,
            last_activity: "2026-01-01T00:00:01.000Z".into(),
            creator_id: "P".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
            owner_id: "O".into(),
            is_announcement_only: false,
            is_read_only: false,
            is_public: false,
            description: None,
        };
        insta::assert_snapshot!(golden(&room), @r#"
        {
          "id": "R",
          "title": "Ops",
          "type": "group",
          "isLocked": false,
          "lastActivity": "2026-01-01T00:00:01.000Z",
          "creatorId": "P",
          "created": "2026-01-01T00:00:00.000Z",
          "ownerId": "O",
          "isAnnouncementOnly": false,
          "isReadOnly": false,
          "isPublic": false
        }
        "#);
    }
}
