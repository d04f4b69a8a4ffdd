//! A person, and a person in a room.

use serde::{Deserialize, Serialize};

use super::RoomType;

/// `GET /people/{id}`. Bots have no first and last name.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) emails: Vec<String>,
    pub(crate) phone_numbers: Vec<PhoneNumber>,
    pub(crate) display_name: String,
    pub(crate) nick_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) first_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) avatar: Option<String>,
    pub(crate) org_id: String,
    /// Ids; only for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) roles: Option<Vec<String>>,
    /// As `roles`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) licenses: Option<Vec<String>>,
    pub(crate) created: String,
    pub(crate) last_modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timezone: Option<String>,
    /// Not when people are asked for by their ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) last_activity: Option<String>,
    /// As `last_activity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'static str>,
    /// Only for administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) invite_pending: Option<bool>,
    /// As `invite_pending`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) login_enabled: Option<bool>,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
}

/// One of a person's phone numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PhoneNumber {
    #[serde(rename = "type")]
    pub(crate) kind: PhoneType,
    pub(crate) value: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) primary: Option<bool>,
}

/// What a phone number is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum PhoneType {
    Work,
    WorkExtension,
    Mobile,
    Fax,
    Enterprise,
    Alternate1,
    Alternate2,
}

/// The answer to `POST` and `PUT /people` with `minResponse=true`.
#[derive(Debug, Serialize)]
pub(crate) struct PersonRef {
    pub(crate) id: String,
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

    fn person() -> Person {
        Person {
            id: "P".into(),
            emails: vec!["alice@example.com".into()],
            display_name: "Alice Example".into(),
            nick_name: "Alice".into(),
            first_name: Some("Alice".into()),
            last_name: Some("Example".into()),
            org_id: "O".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
            last_modified: "2026-01-01T00:00:00.000Z".into(),
            status: Some("unknown"),
            kind: "person",
            ..Person::default()
        }
    }

    #[test]
    fn a_person_keeps_its_golden_form() {
        insta::assert_snapshot!(golden(&person()), @r#"
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
    fn a_person_as_administrators_see_it_keeps_its_golden_form() {
        let number = PhoneNumber { kind: PhoneType::WorkExtension, value: "+1 555 0100".into(), primary: Some(true) };
        let person = Person {
            phone_numbers: vec![number],
            avatar: Some("https://example.com/alice.png".into()),
            roles: Some(vec!["R".into()]),
            licenses: Some(vec!["L".into()]),
            timezone: Some("Europe/Berlin".into()),
            last_activity: Some("2026-01-01T00:00:01.000Z".into()),
            status: Some("active"),
            invite_pending: Some(false),
            login_enabled: Some(true),
            ..person()
        };
        insta::assert_snapshot!(golden(&person), @r#"
        {
          "id": "P",
          "emails": [
            "alice@example.com"
          ],
          "phoneNumbers": [
            {
              "type": "work_extension",
              "value": "+1 555 0100",
              "primary": true
            }
          ],
          "displayName": "Alice Example",
          "nickName": "Alice",
          "firstName": "Alice",
          "lastName": "Example",
          "avatar": "https://example.com/alice.png",
          "orgId": "O",
          "roles": [
            "R"
          ],
          "licenses": [
            "L"
          ],
          "created": "2026-01-01T00:00:00.000Z",
          "lastModified": "2026-01-01T00:00:00.000Z",
          "timezone": "Europe/Berlin",
          "lastActivity": "2026-01-01T00:00:01.000Z",
          "status": "active",
          "invitePending": false,
          "loginEnabled": true,
          "type": "person"
        }
        "#);
    }

    #[test]
    fn the_short_answer_to_a_new_person_is_its_id() {
        assert_eq!(serde_json::to_string(&PersonRef { id: "P".into() }).unwrap(), r#"{"id":"P"}"#);
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
