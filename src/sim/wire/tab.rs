//! A tab of a room.

use serde::Serialize;

use super::RoomType;

/// `GET /room/tabs/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Tab {
    pub(crate) id: String,
    pub(crate) room_id: String,
    pub(crate) room_type: RoomType,
    pub(crate) display_name: String,
    pub(crate) content_url: String,
    pub(crate) creator_id: String,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    #[test]
    fn a_tab_keeps_its_golden_form() {
        let tab = Tab {
            id: "T".into(),
            room_id: "R".into(),
            room_type: RoomType::Group,
            display_name: "Board".into(),
            content_url: "https://example.com/board".into(),
            creator_id: "P".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        insta::assert_snapshot!(golden(&tab), @r#"
        {
          "id": "T",
          "roomId": "R",
          "roomType": "group",
          "displayName": "Board",
          "contentUrl": "https://example.com/board",
          "creatorId": "P",
          "created": "2026-01-01T00:00:00.000Z"
        }
        "#);
    }
}
