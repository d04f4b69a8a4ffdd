//! A team, and a person in a team.

use serde::Serialize;

/// `GET /teams/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Team {
    pub(crate) id: String,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    pub(crate) creator_id: String,
    pub(crate) created: String,
}

/// `GET /team/memberships/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TeamMembership {
    pub(crate) id: String,
    pub(crate) team_id: String,
    pub(crate) person_id: String,
    pub(crate) person_email: String,
    pub(crate) person_display_name: String,
    pub(crate) person_org_id: String,
    pub(crate) is_moderator: bool,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    #[test]
    fn a_team_keeps_its_golden_form() {
        let team = Team {
            id: "T".into(),
            name: "Builders".into(),
            description: Some("who build".into()),
            creator_id: "P".into(),
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        insta::assert_snapshot!(golden(&team), @r#"
        {
          "id": "T",
          "name": "Builders",
          "description": "who build",
          "creatorId": "P",
          "created": "2026-01-01T00:00:00.000Z"
        }
        "#);
    }

    #[test]
    fn a_team_membership_keeps_its_golden_form() {
        let membership = TeamMembership {
            id: "S".into(),
            team_id: "T".into(),
            person_id: "P".into(),
            person_email: "alice@example.com".into(),
            person_display_name: "Alice Example".into(),
            person_org_id: "O".into(),
            is_moderator: true,
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        insta::assert_snapshot!(golden(&membership), @r#"
        {
          "id": "S",
          "teamId": "T",
          "personId": "P",
          "personEmail": "alice@example.com",
          "personDisplayName": "Alice Example",
          "personOrgId": "O",
          "isModerator": true,
          "created": "2026-01-01T00:00:00.000Z"
        }
        "#);
    }
}
