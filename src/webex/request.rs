//! A request as plain data, and how each one that we make looks.

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;

use super::{form, link};
use crate::{base::Secret, net::HttpRequest};

/// A request to Webex, without base URL and token: the api actor adds both.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`, `POST`, `PUT`, `DELETE`.
    pub method: &'static str,
    /// Path and query below the base URL, e.g. `/people/me`; or, for a next page, the absolute URL that
    /// Webex gave, byte for byte.
    pub path: String,
    /// Its body.
    pub body: Option<Body>,
}

/// What a request carries.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// JSON.
    Json(Bytes),
    /// A form with a file in it.
    Form {
        /// What stands between its parts, and in none of them.
        boundary: String,
        /// All of it.
        bytes: Bytes,
    },
}

/// Without the content: it holds what people wrote, or a webhook's secret.
impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes().len())
    }
}

impl Body {
    /// As it is on the wire.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        match self {
            Self::Json(bytes) | Self::Form { bytes, .. } => bytes,
        }
    }

    fn content_type(&self) -> String {
        match self {
            Self::Json(_) => "application/json; charset=utf-8".to_owned(),
            Self::Form { boundary, .. } => format!("multipart/form-data; boundary={boundary}"),
        }
    }
}

/// Without the body: it holds what people wrote, or a webhook's secret.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({} bytes)", self.method, self.path, self.body.as_ref().map_or(0, |body| body.bytes().len()))
    }
}

/// A next page that leads to another host than the API's: it would carry the token there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("Webex named a next page on another host than `webex.api_url`: the token is not sent there")]
pub struct ForeignUrl;

/// Who gets a message. Exactly one of the three may be given to Webex.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Recipient<'a> {
    /// A room by id.
    #[serde(rename = "roomId")]
    Room(&'a str),
    /// A person by id: their direct room.
    #[serde(rename = "toPersonId")]
    Person(&'a str),
    /// A person by address: their direct room.
    #[serde(rename = "toPersonEmail")]
    Email(&'a str),
}

/// A message to be written, within Webex's limits already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NewMessage<'a> {
    /// Where to.
    #[serde(flatten)]
    pub to: Recipient<'a>,
    /// Root of the thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent_id: Option<&'a str>,
    /// Plain text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<&'a str>,
    /// Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub markdown: Option<&'a str>,
    /// A file, by its public address: a message has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<[&'a str; 1]>,
    /// A card: a message has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attachments: Option<[AttachedCard<'a>; 1]>,
}

/// An adaptive card, as a message carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachedCard<'a> {
    content_type: &'static str,
    content: &'a Value,
}

impl<'a> AttachedCard<'a> {
    /// Puts the one content type that cards have to it.
    #[must_use]
    pub fn new(content: &'a Value) -> Self {
        Self { content_type: "application/vnd.microsoft.card.adaptive", content }
    }
}

impl<'a> NewMessage<'a> {
    /// A message that says nothing yet.
    #[must_use]
    pub fn to(to: Recipient<'a>) -> Self {
        Self { to, parent_id: None, text: None, markdown: None, files: None, attachments: None }
    }
}

/// A file to be sent along.
#[derive(Clone, PartialEq, Eq)]
pub struct Upload {
    /// What it is called there.
    pub name: String,
    /// All of it.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.bytes.len())
    }
}

/// A webhook to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSpec<'a> {
    /// The owner tag.
    pub name: &'a str,
    /// Where it posts.
    pub target_url: &'a str,
    /// `messages`, …
    pub resource: &'a str,
    /// `created`, …
    pub event: &'a str,
    /// What it signs with.
    pub secret: &'a Secret,
}

impl Request {
    /// Who the token is.
    #[must_use]
    pub fn people_me() -> Self {
        Self::get("/people/me".to_owned())
    }

    /// A person by id.
    #[must_use]
    pub fn person(id: &str) -> Self {
        Self::get(format!("/people/{}", segment(id)))
    }

    /// A room by id.
    #[must_use]
    pub fn room(id: &str) -> Self {
        Self::get(format!("/rooms/{}", segment(id)))
    }

    /// A message by id.
    #[must_use]
    pub fn message(id: &str) -> Self {
        Self::get(format!("/messages/{}", segment(id)))
    }

    /// The first page of the token's webhooks. The answer holds their secrets.
    #[must_use]
    pub fn webhooks() -> Self {
        Self::get("/webhooks?max=100".to_owned())
    }

    /// The page after the answer to this request, under the URL that the answer named.
    ///
    /// The URL is kept byte for byte, but for one known fault: the next link of `/messages` can lose
    /// `mentionedPeople`, without which a bot is refused the second page.
    #[must_use]
    pub fn following(&self, next: &str) -> Self {
        Self::get(link::with_lost_mention(next, &self.path))
    }

    /// Makes a webhook.
    #[must_use]
    pub fn create_webhook(webhook: &WebhookSpec<'_>) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            name: &'a str,
            target_url: &'a str,
            resource: &'a str,
            event: &'a str,
            secret: &'a str,
        }
        let WebhookSpec { name, target_url, resource, event, secret } = *webhook;
        let body = Body { name, target_url, resource, event, secret: secret.expose() };
        Self { method: "POST", path: "/webhooks".to_owned(), body: Some(json(&body)) }
    }

    /// Changes a webhook and switches it on. Resource, event and filter cannot be changed. The secret always
    /// goes along, because nothing says what happens to it otherwise.
    #[must_use]
    pub fn update_webhook(id: &str, name: &str, target_url: &str, secret: &Secret) -> Self {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Body<'a> {
            name: &'a str,
            target_url: &'a str,
            secret: &'a str,
            status: &'static str,
        }
        let body = Body { name, target_url, secret: secret.expose(), status: "active" };
        Self { method: "PUT", path: format!("/webhooks/{}", segment(id)), body: Some(json(&body)) }
    }

    /// What somebody entered into a card.
    #[must_use]
    pub fn attachment_action(id: &str) -> Self {
        Self::get(format!("/attachment/actions/{}", segment(id)))
    }

    /// Removes a webhook.
    #[must_use]
    pub fn delete_webhook(id: &str) -> Self {
        Self { method: "DELETE", path: format!("/webhooks/{}", segment(id)), body: None }
    }

    /// Writes a message. There is no idempotency key: repeating it can post twice.
    #[must_use]
    pub fn create_message(message: &NewMessage<'_>) -> Self {
        Self { method: "POST", path: "/messages".to_owned(), body: Some(json(message)) }
    }

    /// Writes a message with a file that lies here. `boundary` may be anything that nobody else chose.
    #[must_use]
    pub fn upload_message(message: &NewMessage<'_>, file: &Upload, boundary: &str) -> Self {
        let body = form::body(message, file, boundary);
        Self { method: "POST", path: "/messages".to_owned(), body: Some(body) }
    }

    /// Changes a message: ten times at most, and none that holds a file or a card.
    #[must_use]
    pub fn edit_message(id: &str, room: &str, text: Option<&str>, markdown: Option<&str>) -> Self {
        let message = NewMessage { text, markdown, ..NewMessage::to(Recipient::Room(room)) };
        Self { method: "PUT", path: format!("/messages/{}", segment(id)), body: Some(json(&message)) }
    }

    /// Deletes a message.
    #[must_use]
    pub fn delete_message(id: &str) -> Self {
        Self { method: "DELETE", path: format!("/messages/{}", segment(id)), body: None }
    }

    /// The first page of who is in a room.
    #[must_use]
    pub fn memberships(room: &str) -> Self {
        Self::get(format!("/memberships?roomId={}&max=1000", segment(room)))
    }

    /// Whether a person is in a room: a page of one, or of none.
    #[must_use]
    pub fn membership_of(room: &str, person: &str) -> Self {
        Self::get(format!("/memberships?roomId={}&personId={}", segment(room), segment(person)))
    }

    /// Ends a membership: one's own to leave the room.
    #[must_use]
    pub fn delete_membership(id: &str) -> Self {
        Self { method: "DELETE", path: format!("/memberships/{}", segment(id)), body: None }
    }

    fn get(path: String) -> Self {
        Self { method: "GET", path, body: None }
    }

    /// The absolute URL below `base` (`webex.api_url`).
    ///
    /// # Errors
    /// When the request is a next page on another scheme, host or port than `base`.
    pub fn url(&self, base: &str) -> Result<String, ForeignUrl> {
        if self.path.starts_with('/') {
            return Ok(format!("{}{}", base.trim_end_matches('/'), self.path));
        }
        match (link::origin(&self.path), link::origin(base)) {
            (Some(there), Some(here)) if there == here => Ok(self.path.clone()),
            _ => Err(ForeignUrl),
        }
    }

    /// The request as `net` carries it.
    ///
    /// # Errors
    /// As [`Request::url`]: the token goes nowhere else.
    pub fn to_http(
        &self,
        base: &str,
        token: &Secret,
        timeout: Duration,
        max_body: usize,
    ) -> Result<HttpRequest, ForeignUrl> {
        let mut headers = vec![("accept".to_owned(), "application/json".to_owned())];
        if let Some(body) = &self.body {
            headers.push(("content-type".to_owned(), body.content_type()));
        }
        Ok(HttpRequest {
            method: self.method,
            url: self.url(base)?,
            headers,
            bearer: Some(token.clone()),
            body: self.body.as_ref().map(|body| body.bytes().clone()),
            timeout,
            max_body,
        })
    }
}

fn json(body: &impl Serialize) -> Body {
    // Strings and JSON only: there is nothing in these bodies that serde_json could refuse.
    Body::Json(serde_json::to_vec(body).unwrap_or_default().into())
}

/// An id as one segment of a path: whatever stands in it, it stays one segment.
fn segment(id: &str) -> String {
    use std::fmt::Write as _;
    let mut segment = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'~') {
            segment.push(char::from(byte));
        } else {
            // Also the dot: `..` would climb.
            write!(segment, "%{byte:02X}").ok();
        }
    }
    segment
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://webexapis.com/v1";

    fn body(request: &Request) -> &str {
        std::str::from_utf8(request.body.as_ref().unwrap().bytes()).unwrap()
    }

    #[test]
    fn each_request_has_its_golden_form() {
        let message = NewMessage { parent_id: Some("P"), text: Some("hi"), ..NewMessage::to(Recipient::Room("R")) };
        let request = Request::create_message(&message);
        assert_eq!((request.method, request.path.as_str()), ("POST", "/messages"));
        assert_eq!(body(&request), r#"{"roomId":"R","parentId":"P","text":"hi"}"#);
        let direct = NewMessage { markdown: Some("*"), ..NewMessage::to(Recipient::Email("a@b")) };
        assert_eq!(body(&Request::create_message(&direct)), r#"{"toPersonEmail":"a@b","markdown":"*"}"#);

        let secret = Secret::new("s");
        let spec = WebhookSpec { name: "n", target_url: "u", resource: "messages", event: "created", secret: &secret };
        let expected = r#"{"name":"n","targetUrl":"u","resource":"messages","event":"created","secret":"s"}"#;
        assert_eq!(body(&Request::create_webhook(&spec)), expected);
        let request = Request::update_webhook("W", "n", "u", &secret);
        assert_eq!((request.method, request.path.as_str()), ("PUT", "/webhooks/W"));
        assert_eq!(body(&request), r#"{"name":"n","targetUrl":"u","secret":"s","status":"active"}"#);
        assert_eq!(Request::delete_webhook("W").method, "DELETE");
        assert_eq!(Request::webhooks().path, "/webhooks?max=100");
    }

    #[test]
    fn cards_files_and_edits_have_their_golden_form() {
        let card = serde_json::json!({"type": "AdaptiveCard"});
        let message = NewMessage {
            text: Some("x"),
            attachments: Some([AttachedCard::new(&card)]),
            ..NewMessage::to(Recipient::Person("P"))
        };
        let attachment =
            r#"{"contentType":"application/vnd.microsoft.card.adaptive","content":{"type":"AdaptiveCard"}}"#;
        let expected = format!(r#"{{"toPersonId":"P","text":"x","attachments":[{attachment}]}}"#);
        assert_eq!(body(&Request::create_message(&message)), expected);
        let message = NewMessage { files: Some(["https://h/a.pdf"]), ..NewMessage::to(Recipient::Room("R")) };
        assert_eq!(body(&Request::create_message(&message)), r#"{"roomId":"R","files":["https://h/a.pdf"]}"#);
        let edit = Request::edit_message("M/1", "R", None, Some("*x*"));
        assert_eq!((edit.method, edit.path.as_str()), ("PUT", "/messages/M%2F1"));
        assert_eq!(body(&edit), r#"{"roomId":"R","markdown":"*x*"}"#);
        assert_eq!(Request::membership_of("R", "P=").path, "/memberships?roomId=R&personId=P%3D");
    }

    #[test]
    fn a_request_prints_no_body() {
        let request = Request::update_webhook("W", "n", "u", &Secret::new("hunter2"));
        assert_eq!(format!("{request:?}"), "PUT /webhooks/W (65 bytes)");
    }

    #[test]
    fn an_id_stays_one_segment_of_the_path() {
        assert_eq!(Request::message("../people/me?x=ü").path, "/messages/%2E%2E%2Fpeople%2Fme%3Fx%3D%C3%BC");
        assert_eq!(Request::person("Y2lzY29z-_").path, "/people/Y2lzY29z-_");
    }

    #[test]
    fn the_token_goes_to_the_api_and_nowhere_else() {
        let token = Secret::new("t");
        let send = |path: &str| {
            let request = Request { method: "GET", path: path.to_owned(), body: None };
            request.to_http(BASE, &token, Duration::from_secs(1), 1).map(|request| request.url)
        };
        assert_eq!(send("/people/me").unwrap(), "https://webexapis.com/v1/people/me");
        for same in ["https://webexapis.com/v1/webhooks?cursor=a&before&x=", "HTTPS://WebexApis.com:443/v1/x"] {
            assert_eq!(send(same).unwrap(), same);
        }
        for foreign in [
            "https://evil.example/v1/webhooks",
            "http://webexapis.com/v1/webhooks",
            "https://webexapis.com:8443/v1/webhooks",
            "https://webexapis.com.evil.example/",
            "https://webexapis.com@evil.example/",
            "https://webexapis.com\\@evil.example/",
            "https:/webexapis.com/",
            "people/me",
            "",
        ] {
            assert_eq!(send(foreign), Err(ForeignUrl), "{foreign}");
        }
        assert_eq!(send("//evil.example/x").unwrap(), "https://webexapis.com/v1//evil.example/x", "below the base");
    }

    #[test]
    fn a_next_page_is_asked_for_as_webex_named_it() {
        let next = "https://webexapis.com/v1/webhooks?cursor=x&before&after=";
        assert_eq!(Request::webhooks().following(next).path, next);
    }
}
