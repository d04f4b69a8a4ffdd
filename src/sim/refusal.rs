//! How the simulated Webex says no: a status, Webex's sentence, and what some answers add to it.

use serde::Serialize;
use serde_json::{Value, json};

/// A request that is refused.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Refusal {
    /// HTTP status.
    pub(crate) status: u16,
    /// The sentence, in Webex's words where they are known.
    pub(crate) message: String,
    /// What stands in `errors` when it is not the sentence once more.
    pub(crate) errors: Option<Value>,
    /// Raw text of `Retry-After`.
    pub(crate) retry_after: Option<String>,
    /// The methods a path does have, for 405.
    pub(crate) allow: Option<String>,
}

/// The wire form: its fields in Webex's order.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Body<'a> {
    message: &'a str,
    errors: Value,
    tracking_id: &'a str,
}

impl Refusal {
    /// Any status.
    pub(crate) fn new(status: u16, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), errors: None, retry_after: None, allow: None }
    }

    /// 400.
    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(400, message)
    }

    /// 403.
    pub(crate) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(403, message)
    }

    /// 404.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self::new(404, message)
    }

    /// 404 for what does not exist or may not be seen: Webex does not tell the two apart.
    pub(crate) fn no_such_resource() -> Self {
        Self::missing("The requested resource could not be found.")
    }

    /// 400 for a webhook to be deleted that is not there: Webex's own answer, unlike that of reading one.
    pub(crate) fn no_webhook_to_delete() -> Self {
        Self::bad("Invalid webhookId for Delete Webhook request.")
    }

    /// 401.
    pub(crate) fn no_token() -> Self {
        Self::new(401, "The request requires a valid access token set in the Authorization request header.")
    }

    /// 429 with whole seconds to wait.
    pub(crate) fn too_many(seconds: u64) -> Self {
        Self {
            retry_after: Some(seconds.to_string()),
            ..Self::new(
                429,
                "Too many requests have been sent in a given amount of time and the request has been rate limited. Please check the Retry-After header for the number of seconds to wait.",
            )
        }
    }

    /// 400 for a card that cannot be shown: here `errors` is an object keyed by field.
    pub(crate) fn bad_card(reason: &str) -> Self {
        Self {
            errors: Some(json!({ "attachments": {
                "code": "invalid_attachments",
                "reason": reason,
                "attachmentErrors": [{ "index": 0, "message": reason }],
            }})),
            ..Self::bad(format!("Unable to post message to room: {reason}"))
        }
    }

    /// The body, as Webex writes it.
    pub(crate) fn body<'a>(&'a self, tracking_id: &'a str) -> Body<'a> {
        let errors = self.errors.clone().unwrap_or_else(|| json!([{ "description": self.message }]));
        Body { message: &self.message, errors, tracking_id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_of_an_error_keeps_its_golden_form() {
        assert_eq!(
            serde_json::to_string(&Refusal::missing("Room not found").body("SIM_1")).unwrap(),
            r#"{"message":"Room not found","errors":[{"description":"Room not found"}],"trackingId":"SIM_1"}"#
        );
    }

    #[test]
    fn a_bad_card_names_its_errors_by_field() {
        let body = serde_json::to_value(Refusal::bad_card("no `type`").body("SIM_1")).unwrap();
        assert_eq!(body["errors"]["attachments"]["code"], "invalid_attachments");
        assert_eq!(body["errors"]["attachments"]["attachmentErrors"][0]["message"], "no `type`");
    }

    #[test]
    fn a_spent_budget_says_how_many_seconds_to_wait() {
        let refusal = Refusal::too_many(42);
        assert_eq!((refusal.status, refusal.retry_after.as_deref()), (429, Some("42")));
    }
}
