//! What a webhook delivery carries around its `data`.

use serde::Serialize;
use serde_json::value::RawValue;

/// The body of a delivery. `id` and `created` are those of the registration; a delivery has none of its own.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Envelope<'a> {
    pub(crate) id: String,
    pub(crate) name: &'a str,
    pub(crate) target_url: &'a str,
    pub(crate) resource: &'static str,
    pub(crate) event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) filter: Option<&'a str>,
    pub(crate) org_id: &'a str,
    pub(crate) created_by: String,
    pub(crate) app_id: &'a str,
    pub(crate) owned_by: &'static str,
    pub(crate) status: &'static str,
    pub(crate) created: String,
    pub(crate) actor_id: &'a str,
    /// Written once for an event, however many webhooks want it.
    pub(crate) data: &'a RawValue,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delivery_is_compact_and_keeps_its_golden_form() {
        let data = RawValue::from_string(r#"{"id":"M"}"#.into()).unwrap();
        let envelope = Envelope {
            id: "W".into(),
            name: "n",
            target_url: "http://h/",
            resource: "messages",
            event: "created",
            filter: None,
            org_id: "O",
            created_by: "P".into(),
            app_id: "A",
            owned_by: "creator",
            status: "active",
            created: "2026-01-01T00:00:00.000Z".into(),
            actor_id: "P2",
            data: &data,
        };
        assert_eq!(
            serde_json::to_string(&envelope).unwrap(),
            concat!(
                r#"{"id":"W","name":"n","targetUrl":"http://h/","resource":"messages","event":"created","#,
                r#""orgId":"O","createdBy":"P","appId":"A","ownedBy":"creator","status":"active","#,
                r#""created":"2026-01-01T00:00:00.000Z","actorId":"P2","data":{"id":"M"}}"#
            )
        );
    }
}
