//! What every answer must look like, whatever was asked: the yardstick of the property test and of the fuzz target.

use serde_json::Value;

use super::{Outcome, Reply};
use crate::sim::refusal::Refusal;

/// What Webex's document lists for every operation, and 413 for a body that no operation takes. 500 is not
/// among them: it would be a fault of ours.
const REFUSALS: [u16; 15] = [400, 401, 403, 404, 405, 409, 410, 413, 415, 423, 428, 429, 502, 503, 504];

/// Reads an answer: its JSON where it has some. The error says what is wrong with it.
///
/// # Errors
/// A status that no operation has, a body that is not what its status says, a link that leads out of `base`, an
/// error without Webex's shape.
pub(crate) fn read(outcome: &Outcome, base: &str) -> Result<Option<Value>, String> {
    match outcome {
        Ok(reply) => read_reply(reply, base),
        Err(refusal) => read_refusal(refusal).map(|()| None),
    }
}

fn read_reply(reply: &Reply, base: &str) -> Result<Option<Value>, String> {
    if let Some(next) = &reply.next
        && !next.strip_prefix(base).is_some_and(|rest| rest.starts_with('/'))
    {
        return Err(format!("the next link `{next}` leads out of `{base}`"));
    }
    if let Some(file) = &reply.download {
        // Both become headers, and a file has a body even when it is empty.
        let fits = |value: &str| !value.is_empty() && value.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        let fine = reply.status == 200 && reply.body.is_some() && fits(&file.media_type) && fits(&file.disposition);
        return if fine { Ok(None) } else { Err(format!("a file with {file:?}, status {}", reply.status)) };
    }
    let body = match (reply.status, &reply.body) {
        (204, None) => return Ok(None),
        (200, None) if reply.fetch.is_some() => return Ok(None),
        (200 | 202, Some(body)) => body,
        (status, body) => return Err(format!("status {status} with body: {}", body.is_some())),
    };
    let body: Value = serde_json::from_slice(body).map_err(|error| format!("no JSON: {error}"))?;
    if body.is_object() { Ok(Some(body)) } else { Err(format!("no object: {body}")) }
}

fn read_refusal(refusal: &Refusal) -> Result<(), String> {
    let body = serde_json::to_value(refusal.body("TRACKING_1")).map_err(|error| error.to_string())?;
    let told = |value: &Value| value.as_str().is_some_and(|text| !text.is_empty());
    let errors = match &body["errors"] {
        Value::Array(errors) => !errors.is_empty() && errors.iter().all(|error| told(&error["description"])),
        // By field: of a bad card.
        Value::Object(errors) => {
            !errors.is_empty() && errors.values().all(|error| told(&error["code"]) && told(&error["reason"]))
        }
        _ => false,
    };
    let allow = (refusal.status == 405) == refusal.allow.is_some();
    let fine = REFUSALS.contains(&refusal.status) && told(&body["message"]) && errors && allow;
    if fine && body["trackingId"] == "TRACKING_1" {
        return Ok(());
    }
    Err(format!("status {} with an error that is not of Webex's shape: {body}", refusal.status))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{super::call::Download, *};

    fn reply(status: u16, body: Option<&str>, next: Option<&str>) -> Reply {
        let body = body.map(|body| body.to_owned().into());
        Reply { status, body, next: next.map(str::to_owned), download: None, fetch: None }
    }

    #[test]
    fn a_good_answer_is_read() {
        let next = Some("http://sim/v1/rooms?cursor=x");
        let body = read(&Ok(reply(200, Some(r#"{"items":[]}"#), next)), "http://sim/v1").unwrap();
        assert_eq!(body, Some(json!({"items": []})));
        assert_eq!(read(&Ok(reply(204, None, None)), "http://sim/v1").unwrap(), None);
        let file = |name: &str| Download { media_type: "text/plain".into(), disposition: name.into() };
        let download = |name| Reply { download: Some(file(name)), ..reply(200, Some("not JSON"), None) };
        assert_eq!(read(&Ok(download("attachment")), "http://sim/v1"), Ok(None));
        assert!(read(&Ok(download("a\r\nX-Other: b")), "http://sim/v1").is_err());
        for refusal in [Refusal::no_such_resource(), Refusal::bad_card("no `type`"), Refusal::too_many(1)] {
            assert_eq!(read(&Err(refusal), "http://sim/v1"), Ok(None));
        }
    }

    #[test]
    fn an_answer_that_no_client_could_use_is_told() {
        let wrong = |outcome: Outcome| read(&outcome, "http://sim/v1").is_err();
        assert!(wrong(Ok(reply(200, None, None))));
        assert!(wrong(Ok(reply(200, Some("[]"), None))));
        assert!(wrong(Ok(reply(200, Some("{"), None))));
        assert!(wrong(Ok(reply(204, Some("{}"), None))));
        assert!(wrong(Ok(reply(201, Some("{}"), None))));
        assert!(wrong(Ok(reply(200, Some("{}"), Some("http://elsewhere/v1/rooms")))));
        assert!(wrong(Err(Refusal::new(500, "oh"))));
        assert!(wrong(Err(Refusal::new(405, "no"))));
        assert!(wrong(Err(Refusal::bad(""))));
        assert!(wrong(Err(Refusal { errors: Some(json!([])), ..Refusal::bad("no") })));
        assert!(wrong(Err(Refusal { errors: Some(json!({"text": "long"})), ..Refusal::bad("no") })));
    }
}
