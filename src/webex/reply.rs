//! A reply as plain data, and what it means for the one who asked.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{link, retry_after};
use crate::net::HttpResponse;

/// Longest sentence of Webex that is passed on, in characters.
const MAX_SENTENCE: usize = 300;

/// What came back.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// `TrackingID`, for Webex's support.
    pub tracking_id: Option<String>,
    /// `Retry-After` as sent (a date: as seconds after the answer's own `Date`); read leniently.
    pub retry_after: Option<String>,
    /// The URL of the next page, from `Link`.
    pub next: Option<String>,
    /// The body, within the size limit.
    pub body: Bytes,
}

/// Without the body: a list of webhooks holds their secrets.
impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("status", &self.status)
            .field("tracking_id", &self.tracking_id)
            .field("retry_after", &self.retry_after)
            .field("next", &self.next)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// What a reply means for the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Any 2xx.
    Fine,
    /// 401: the token is dead. That bot is parked, nobody else.
    Unauthorized,
    /// 429, or 423 with a wait: come back after this; says nothing against the request.
    Wait(Duration),
    /// 5xx, 408, 425, or 423 without a wait: try again with back-off.
    Retry(String),
    /// 404 or 410: not there, or not for us to see.
    Missing,
    /// Never going to work as it is; the sentence is Webex's.
    Refused(String),
}

impl From<HttpResponse> for Reply {
    fn from(response: HttpResponse) -> Self {
        let owned = |name| response.header(name).map(str::to_owned);
        let retry_after = owned("retry-after").map(|header| {
            let date = response.header("date").unwrap_or_default();
            retry_after::seconds(&header, date).map_or(header, |seconds| seconds.to_string())
        });
        // Several `Link` headers mean the same as one with commas.
        let next = response.headers.iter().filter(|(name, _)| name == "link").find_map(|(_, link)| link::next(link));
        Self {
            status: response.status,
            tracking_id: owned("trackingid"),
            retry_after,
            next: next.map(str::to_owned),
            body: response.body,
        }
    }
}

/// A body that is not the object it should be. Names the place and nothing of the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Webex's answer is not the object it should be (line {line}, column {column})")]
pub struct UnreadableBody {
    line: usize,
    column: usize,
}

impl Reply {
    /// What the reply means. Never needs the body of an error to be JSON: a 429 may come as HTML.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.status {
            200..=299 => Verdict::Fine,
            401 => Verdict::Unauthorized,
            429 => Verdict::Wait(retry_after::wait(self.retry_after.as_deref())),
            423 if self.retry_after.is_some() => Verdict::Wait(retry_after::wait(self.retry_after.as_deref())),
            // 501 and 505 say that the server will never do this.
            408 | 423 | 425 | 500 | 502..=504 | 506..=599 => Verdict::Retry(self.sentence()),
            404 | 410 => Verdict::Missing,
            _ => Verdict::Refused(self.sentence()),
        }
    }

    /// The body as one of Webex's objects.
    ///
    /// # Errors
    /// When it is not that object; the text holds nothing of the body.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, UnreadableBody> {
        // serde's own sentence quotes the value that it stumbled over: that may be what a person wrote.
        serde_json::from_slice(&self.body)
            .map_err(|error| UnreadableBody { line: error.line(), column: error.column() })
    }

    /// Webex's words about an error and the status, in one bounded line.
    fn sentence(&self) -> String {
        let said = serde_json::from_slice::<Value>(&self.body).map(|body| words(&body)).unwrap_or_default();
        if said.is_empty() { format!("Webex answered {}", self.status) } else { format!("{said} ({})", self.status) }
    }
}

/// `message`, and what `errors` adds: a list of `description`, or (cards) an object of `reason`.
fn words(body: &Value) -> String {
    let mut sentences: Vec<String> = Vec::new();
    let mut add = |value: Option<&Value>| {
        let line = value.and_then(Value::as_str).map(one_line).unwrap_or_default();
        if !line.is_empty() && !sentences.contains(&line) {
            sentences.push(line);
        }
    };
    add(body.get("message"));
    match body.get("errors") {
        Some(Value::Array(errors)) => errors.iter().take(5).for_each(|error| add(error.get("description"))),
        Some(Value::Object(errors)) => errors.values().take(5).for_each(|error| add(error.get("reason"))),
        _ => (),
    }
    bounded(&sentences.join("; "))
}

fn one_line(text: &str) -> String {
    let visible: String = text.chars().take(4 * MAX_SENTENCE).map(|c| if c.is_control() { ' ' } else { c }).collect();
    visible.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn bounded(text: &str) -> String {
    match text.char_indices().nth(MAX_SENTENCE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, headers: &[(&str, &str)], body: &str) -> Reply {
        let headers = headers.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect();
        HttpResponse { status, headers, body: Bytes::copy_from_slice(body.as_bytes()) }.into()
    }

    #[test]
    fn the_headers_that_matter_are_kept() {
        let reply = reply(
            200,
            &[("trackingid", "T"), ("link", "<https://a/1>; rel=\"prev\""), ("link", "<https://a/2>; rel=\"next\"")],
            "{}",
        );
        assert_eq!((reply.tracking_id.as_deref(), reply.next.as_deref()), (Some("T"), Some("https://a/2")));
        assert_eq!(reply.verdict(), Verdict::Fine);
    }

    #[test]
    fn every_status_has_its_meaning() {
        for status in [200, 202, 204] {
            assert_eq!(reply(status, &[], "").verdict(), Verdict::Fine);
        }
        assert_eq!(reply(401, &[], "").verdict(), Verdict::Unauthorized);
        for status in [404, 410] {
            assert_eq!(reply(status, &[], "").verdict(), Verdict::Missing);
        }
        for status in [408, 423, 500, 502, 503, 504, 599] {
            assert!(matches!(reply(status, &[], "").verdict(), Verdict::Retry(_)), "{status}");
        }
        for status in [301, 400, 403, 409, 415, 428, 501] {
            assert!(matches!(reply(status, &[], "").verdict(), Verdict::Refused(_)), "{status}");
        }
    }

    #[test]
    fn a_body_that_cannot_be_read_says_nothing_of_itself() {
        let reply = reply(200, &[], r#"{"id": "secret words"}"#);
        let error = reply.json::<std::collections::HashMap<String, u32>>().unwrap_err().to_string();
        assert!(error.contains("line 1") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn a_429_as_html_is_a_wait_like_any_other() {
        let html = "<html><body>Too Many Requests</body></html>";
        let wait = |headers| reply(429, headers, html).verdict();
        assert_eq!(wait(&[("retry-after", "7")]), Verdict::Wait(Duration::from_secs(7)));
        assert_eq!(wait(&[]), Verdict::Wait(retry_after::DEFAULT));
        let date = [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:40 GMT")];
        assert_eq!(wait(&date), Verdict::Wait(Duration::from_secs(40)));
        assert_eq!(reply(423, &[("retry-after", "3")], "").verdict(), Verdict::Wait(Duration::from_secs(3)));
    }

    #[test]
    fn what_webex_says_is_passed_on_in_one_bounded_line() {
        let refused = |body: &str| match reply(400, &[], body).verdict() {
            Verdict::Refused(sentence) => sentence,
            other => panic!("{other:?}"),
        };
        let body = r#"{"message":"Bad\n  things.","errors":[{"description":"Bad things."},{"description":"More."}]}"#;
        assert_eq!(refused(body), "Bad things.; More. (400)");
        let card = r#"{"message":"no","errors":{"attachments":{"code":"x","reason":"bad card"}}}"#;
        assert_eq!(refused(card), "no; bad card (400)");
        for nothing in ["", "<html>", "[]", "{\"message\":7}", "{\"errors\":\"x\"}", "null"] {
            assert_eq!(refused(nothing), "Webex answered 400", "{nothing}");
        }
        let long = refused(&format!(r#"{{"message":"{}"}}"#, "ü".repeat(5000)));
        assert!(long.chars().count() < 320, "{long}");
    }
}
