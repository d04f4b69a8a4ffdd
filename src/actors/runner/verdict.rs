//! What a reply over HTTP means for the call it answers.

use std::time::Duration;

use serde_json::{Value, json};

use super::form::Made;
use crate::{
    handlers::HandlerAnswer,
    net::{HttpResponse, NetError, NetErrorKind},
    store::Cause,
};

/// The longest wait that a program may ask for.
const LONGEST_WAIT: Duration = Duration::from_mins(10);

/// A call that had no reply.
pub(super) fn lost(error: &NetError) -> Made {
    match error.kind {
        // Nothing of it gets better by itself.
        NetErrorKind::Guarded | NetErrorKind::BadRequest | NetErrorKind::TooLarge | NetErrorKind::Settings => {
            Made::Never(Cause::Refused.because(error.to_string()))
        }
        _ => Made::Again { reason: error.to_string(), wait: None, answer: None },
    }
}

/// The reply of a program that speaks the contract. `None`: it was taken over (202), and answers are posted.
pub(super) fn of_handler(reply: &HttpResponse) -> Option<Made> {
    match reply.status {
        202 => None,
        200..=299 => Some(match HandlerAnswer::read(&reply.body, is_json(reply)) {
            Ok(answer) => Made::answer(&answer),
            Err(error) => Made::Never(Cause::Refused.because(format!("its answer cannot be used: {error}"))),
        }),
        _ => Some(refused(reply, None)),
    }
}

/// The reply to a forwarded webhook: Webex would be content with any 2xx.
pub(super) fn of_forward(reply: &HttpResponse) -> Made {
    match reply.status {
        200..=299 => Made::Answer(None),
        _ => refused(reply, None),
    }
}

/// The reply of an API: any status is an answer, except for those that ask to come again.
pub(super) fn of_api(reply: &HttpResponse) -> Made {
    let text = String::from_utf8_lossy(&reply.body);
    let answer = json!({ "response": { "status": reply.status, "text": text, "json_type": is_json(reply) } });
    match reply.status {
        429 | 502..=504 => refused(reply, Some(answer)),
        _ => Made::Answer(Some(answer)),
    }
}

fn refused(reply: &HttpResponse, answer: Option<Value>) -> Made {
    let reason = format!("it answered {}", reply.status);
    match reply.status {
        408 | 425 | 429 | 500..=599 => Made::Again { reason, wait: retry_after(reply), answer },
        300..=399 => Made::Never(Cause::Refused.because(format!("{reason}: redirects are not followed"))),
        _ => Made::Never(Cause::Refused.because(reason)),
    }
}

fn is_json(reply: &HttpResponse) -> bool {
    let kind = reply.header("content-type").and_then(|kind| kind.split(';').next()).unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json") || kind.to_ascii_lowercase().ends_with("+json")
}

/// In seconds; a date is not looked into, the table of retries waits then.
fn retry_after(reply: &HttpResponse) -> Option<Duration> {
    let seconds: u64 = reply.header("retry-after")?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, kind: &str, body: &'static str) -> HttpResponse {
        let headers = vec![("content-type".to_owned(), kind.to_owned()), ("retry-after".to_owned(), "7".to_owned())];
        HttpResponse { status, headers, body: body.into() }
    }

    fn again(made: &Made) -> bool {
        matches!(made, Made::Again { wait: Some(wait), .. } if wait.as_secs() == 7)
    }

    #[test]
    fn a_programs_reply_is_effects_text_a_take_over_or_trouble() {
        let text = of_handler(&reply(200, "text/plain", "hello")).unwrap();
        assert_eq!(text, Made::Answer(Some(json!({"effects": [{"say": "hello"}]}))));
        let effects = of_handler(&reply(200, "application/json", r#"{"effects":[{"say":{"text":"x"}}]}"#)).unwrap();
        assert_eq!(effects, Made::Answer(Some(json!({"effects": [{"say": {"text": "x"}}]}))));
        assert_eq!(of_handler(&reply(204, "", "")), Some(Made::Answer(None)));
        assert_eq!(of_handler(&reply(202, "", "")), None);
        assert!(matches!(of_handler(&reply(200, "application/json", "hello")), Some(Made::Never(_))));
        for status in [500, 503, 429, 408] {
            assert!(again(&of_handler(&reply(status, "", "")).unwrap()), "{status}");
        }
        for status in [400, 401, 404, 302] {
            assert!(matches!(of_handler(&reply(status, "", "")), Some(Made::Never(_))), "{status}");
        }
    }

    #[test]
    fn every_status_of_an_api_is_an_answer_in_the_end() {
        let Made::Answer(Some(answer)) = of_api(&reply(404, "application/json", r#"{"a":1}"#)) else { panic!() };
        assert_eq!(answer, json!({"response": {"status": 404, "text": "{\"a\":1}", "json_type": true}}));
        let Made::Again { answer: Some(_), .. } = of_api(&reply(503, "", "down")) else { panic!("it is tried again") };
    }

    #[test]
    fn a_forward_is_over_with_any_2xx() {
        assert_eq!(of_forward(&reply(204, "", "")), Made::Answer(None));
        assert!(again(&of_forward(&reply(500, "", ""))) && matches!(of_forward(&reply(404, "", "")), Made::Never(_)));
    }
}
