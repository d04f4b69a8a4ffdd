//! Roles, licences and the organisation.

use serde::Serialize;

/// `GET /roles/{id}`.
#[derive(Debug, Serialize)]
pub(crate) struct Role {
    pub(crate) id: String,
    pub(crate) name: &'static str,
}

/// `GET /licenses/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct License {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) total_units: usize,
    pub(crate) consumed_units: usize,
    pub(crate) consumed_by_users: usize,
    pub(crate) consumed_by_workspaces: usize,
}

/// `GET /organizations/{id}`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Organization {
    pub(crate) id: String,
    pub(crate) display_name: &'static str,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: &impl Serialize) -> String {
        serde_json::to_string(value).unwrap()
    }

    #[test]
    fn roles_licences_and_the_organisation_keep_their_golden_forms() {
        assert_eq!(
            json(&Role { id: "R".into(), name: "Full Administrator" }),
            r#"{"id":"R","name":"Full Administrator"}"#
        );
        let license = License {
            id: "L".into(),
            name: "Messaging",
            total_units: 50,
            consumed_units: 5,
            consumed_by_users: 5,
            consumed_by_workspaces: 0,
        };
        assert_eq!(
            json(&license),
            concat!(
                r#"{"id":"L","name":"Messaging","totalUnits":50,"consumedUnits":5,"#,
                r#""consumedByUsers":5,"consumedByWorkspaces":0}"#
            )
        );
        let organization =
            Organization { id: "O".into(), display_name: "Example", created: "2026-01-01T00:00:00.000Z".into() };
        assert_eq!(json(&organization), r#"{"id":"O","displayName":"Example","created":"2026-01-01T00:00:00.000Z"}"#);
    }
}
