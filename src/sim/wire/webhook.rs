//! A webhook's registration.

use serde::Serialize;

/// `GET /webhooks/{id}`. Webex returns the secret, so a listing is a secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Webhook {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) target_url: String,
    pub(crate) resource: &'static str,
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) secret: Option<String>,
    pub(crate) org_id: String,
    pub(crate) created_by: String,
    pub(crate) app_id: String,
    pub(crate) owned_by: &'static str,
    pub(crate) status: &'static str,
    pub(crate) created: String,
}

#[cfg(test)]
mod tests {
    use super::{super::golden, *};

    #[test]
    fn a_webhook_keeps_its_golden_form() {
        let webhook = Webhook {
            id: "W".into(),
            name: "all of it".into(),
            target_url: "http://127.0.0.1:8080/hooks/echo".into(),
            resource: "messages",
            event: "created",
            filter: Some("roomType=direct".into()),
            secret: Some("s".into()),
            org_id: "O".into(),
            created_by: "P".into(),
            app_id: "A".into(),
            owned_by: "creator",
            status: "active",
            created: "2026-01-01T00:00:00.000Z".into(),
        };
        insta::assert_snapshot!(golden(&webhook), @r#"
        {
          "id": "W",
          "name": "all of it",
          "targetUrl": "http://127.0.0.1:8080/hooks/echo",
          "resource": "messages",
          "event": "created",
          "filter": "roomType=direct",
          "secret": "s",
          "orgId": "O",
          "createdBy": "P",
          "appId": "A",
          "ownedBy": "creator",
          "status": "active",
          "created": "2026-01-01T00:00:00.000Z"
        }
        "#);
    }
}
