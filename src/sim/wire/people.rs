//! A person, and a person in a room.

use serde::Serialize;

use super::RoomType;

/// `GET /people/{id}`. Bots have no first and last name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) emails: Vec<String>,
    pub(crate) phone_numbers: Vec<String>,
    pub(crate) display_name: String,
    pub(crate) nick_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_name: Option<String>,
    pub(crate) org_id: String,
    pub(crate) created: String,
    pub(crate) last_modified: String,
    /// `unknown`: presence is not simulated.
    pub(crate) status: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// `GET /memberships/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Membership {
    pub(crate) id: String,
    pub(crate) room_id: String,
    pub(crate) person_id: String,
    pub(crate) person_email: String,
    pub(crate) person_display_name: String,
    pub(crate) person_org_id: String,
    pub(crate) is_moderator: bool,
    pub(crate) is_monitor: bool,
    pub(crate) is_room_hidden: bool,
    pub(crate) room_type: RoomType,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    #[test]
    fn a_person_keeps_its_golden_form() {
        let person = Person {
            id: "P".into(),
            emails: vec!["alice@example.com".into()],
            phone_numbers: vec![],
            display_name: "Alice Example".into(),
            nick_name: "Alice".into(),
            first_name: Some("Alice".into()),
            last_name: Some("Example".into()),
            org_id: "O".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
            last_modified: "2026-01-01T00:00:00.000Z".into(),
            status: "unknown",
            kind: "person",
        };
        insta::assert_snapshot!(golden(&person), @r#"
        {
          "id": "P",
          "emails": [
            "alice@example.com"
          ],
          "phoneNumbers": [],
          "displayName": "Alice Example",
          "nickName": "Alice",
          "firstName": "Alice",
          "lastName": "Example",
          "orgId": "O",
          "created": "2026-01-01T00:00:00.000Z",
          "lastModified": "2026-01-01T00:00:00.000Z",
          "status": "unknown",
          "type": "person"
        }
        "#);
    }

    #[test]
    fn a_membership_keeps_its_golden_form() {
        let membership = Membership {
            id: "S".into(),
            room_id: "R".into(),
            person_id: "P".into(),
            person_email: "alice@example.com".into(),
            person_display_name: "Alice Example".into(),
            person_org_id: "O".into(),
            is_moderator: false,
            is_monitor: false,
            is_room_hidden: false,
            room_type: RoomType::Group,
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        insta::assert_snapshot!(golden(&membership), @r#"
        {
          "id": "S",
          "roomId": "R",
          "personId": "P",
          "personEmail": "alice@example.com",
          "personDisplayName": "Alice Example",
          "personOrgId": "O",
          "isModerator": false,
          "isMonitor": false,
          "isRoomHidden": false,
          "roomType": "group",
          "created": "2026-01-01T00:00:00.000Z"
        }
        "#);
    }
}
