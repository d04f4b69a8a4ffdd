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
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) team_id: Option<String>,
    pub(crate) last_activity: String,
    pub(crate) creator_id: String,
    pub(crate) created: String,
    pub(crate) owner_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) classification_id: Option<String>,
    pub(crate) is_announcement_only: bool,
    pub(crate) is_read_only: bool,
    pub(crate) is_public: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) made_public: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
}

/// `GET /rooms/{id}/meetingInfo`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MeetingInfo {
    pub(crate) room_id: String,
    pub(crate) meeting_link: String,
    pub(crate) sip_address: String,
    pub(crate) meeting_number: String,
    pub(crate) meeting_id: String,
    pub(crate) call_in_toll_free_number: String,
    pub(crate) call_in_toll_number: String,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    fn room() -> Room {
        Room {
            id: "R".into(),
            title: "Ops".into(),
            kind: RoomType::Group,
            is_locked: false,
            team_id: None,
            last_activity: "2026-01-01T00:00:01.000Z".into(),
            creator_id: "P".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
            owner_id: "O".into(),
            classification_id: None,
            is_announcement_only: false,
            is_read_only: false,
            is_public: false,
            made_public: None,
            description: None,
        }
    }

    #[test]
    fn a_room_keeps_its_golden_form() {
        insta::assert_snapshot!(golden(&room()), @r#"
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

    #[test]
    fn a_room_with_everything_keeps_its_golden_form() {
        let room = Room {
            team_id: Some("T".into()),
            classification_id: Some("C".into()),
            is_public: true,
            made_public: Some("2026-01-01T00:00:00.000Z".into()),
            description: Some("for all".into()),
            ..room()
        };
        insta::assert_snapshot!(golden(&room), @r#"
        {
          "id": "R",
          "title": "Ops",
          "type": "group",
          "isLocked": false,
          "teamId": "T",
          "lastActivity": "2026-01-01T00:00:01.000Z",
          "creatorId": "P",
          "created": "2026-01-01T00:00:00.000Z",
          "ownerId": "O",
          "classificationId": "C",
          "isAnnouncementOnly": false,
          "isReadOnly": false,
          "isPublic": true,
          "madePublic": "2026-01-01T00:00:00.000Z",
          "description": "for all"
        }
        "#);
    }

    #[test]
    fn meeting_details_keep_their_golden_form() {
        let info = MeetingInfo {
            room_id: "R".into(),
            meeting_link: "https://example.webex.com/m/1".into(),
            sip_address: "1@example.webex.com".into(),
            meeting_number: "1".into(),
            meeting_id: "2".into(),
            call_in_toll_free_number: "+1-800-555-0100".into(),
            call_in_toll_number: "+1-555-0100".into(),
        };
        insta::assert_snapshot!(golden(&info), @r#"
        {
          "roomId": "R",
          "meetingLink": "https://example.webex.com/m/1",
          "sipAddress": "1@example.webex.com",
          "meetingNumber": "1",
          "meetingId": "2",
          "callInTollFreeNumber": "+1-800-555-0100",
          "callInTollNumber": "+1-555-0100"
        }
        "#);
    }
}
