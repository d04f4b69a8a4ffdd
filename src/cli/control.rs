//! The simulator's control API as the commands here use it: act as a person, and see what was said.
//!
//! The shapes are written down again rather than shared with the simulator: it answers any client with JSON, and
//! what is read here is only what is shown to a person.

mod contents;

use std::{fmt, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

pub(super) use self::contents::{Facts, MOST_FILE, Upload};
use crate::{
    base::Secret,
    net::{HttpClient, HttpRequest, HttpResponse, NetErrorKind},
};

/// Longest answer: a room of ten thousand long messages.
const MOST_BODY: usize = 256 << 20;
/// How long a call may take that waits for nothing.
const AT_ONCE: Duration = Duration::from_secs(10);

/// Why the simulator could not be asked.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum ControlError {
    /// Nobody answers there.
    #[error("no simulator answers at `{url}` ({reason}): start one with `botyard dev` or `botyard sim`")]
    Unreachable {
        /// Where.
        url: String,
        /// What went wrong.
        reason: String,
    },
    /// It says no.
    #[error("{message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Its own words.
        message: String,
    },
    /// Somebody else answers there.
    #[error("what answers at `{url}` is no simulator ({reason}): say where it is with `--sim URL`")]
    Strange {
        /// Where.
        url: String,
        /// What did not fit.
        reason: String,
    },
}

impl ControlError {
    /// Whether the simulator does not know somebody or something that was named.
    pub(super) fn is_missing(&self) -> bool {
        matches!(self, Self::Refused { status: 404, .. })
    }
}

/// One simulator's control API.
#[derive(Clone)]
pub(super) struct Control {
    http: HttpClient,
    /// As in `http://127.0.0.1:7070`.
    url: String,
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("url", &self.url).finish_non_exhaustive()
    }
}

/// A person or a bot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Person {
    pub(super) email: String,
    /// As shown; what a mention shows too.
    pub(super) name: String,
    #[serde(default)]
    pub(super) bot: bool,
    #[serde(default)]
    pub(super) tokens: Vec<String>,
}

/// A room with the addresses of its members.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Room {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: RoomKind,
    pub(super) title: String,
    pub(super) members: Vec<String>,
}

/// For two, or for many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum RoomKind {
    /// Of exactly two.
    Direct,
    /// Of any number; bots hear only what mentions them.
    Group,
}

/// A message. Written as JSON it is what was read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) id: String,
    /// The first message of its thread.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) parent_id: Option<String>,
    pub(super) room_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) markdown: Option<String>,
    pub(super) person_email: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) attachments: Vec<Attachment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) files: Vec<String>,
    /// All that is not looked at here.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

/// A card.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Attachment {
    pub(super) content: Value,
    /// Its type.
    #[serde(flatten)]
    pub(super) more: Map<String, Value>,
}

/// What somebody said, and the simulator's running number at it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Said {
    pub(super) seq: u64,
    pub(super) message: Message,
}

/// What to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Words {
    /// As typed.
    Text(String),
    /// With mentions in front, as a client sends them: addresses, and the rest of the line.
    Mentioning(Vec<String>, String),
    /// With mentions anywhere.
    Markdown(String),
}

/// A part of the journal.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Events {
    /// The world's running number at the answer.
    pub(super) seq: u64,
    pub(super) entries: Vec<Entry>,
}

/// Something that happened.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Entry {
    pub(super) seq: u64,
    #[serde(default)]
    pub(super) resource: String,
    #[serde(default)]
    pub(super) event: String,
    /// Whose doing.
    pub(super) person: Option<String>,
    pub(super) room: Option<String>,
    pub(super) id: Option<String>,
    pub(super) text: Option<String>,
}

impl Control {
    /// `url` is the simulator's, as in `http://127.0.0.1:7070`.
    pub(super) fn new(url: &str) -> Result<Self, ControlError> {
        let url = base_url(url);
        let unbuilt =
            |error: crate::net::NetError| ControlError::Unreachable { url: url.clone(), reason: error.to_string() };
        Ok(Self { http: HttpClient::direct().map_err(unbuilt)?, url: url.clone() })
    }

    /// Where it is.
    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The world's running number now.
    pub(super) async fn seq(&self) -> Result<u64, ControlError> {
        #[derive(Deserialize)]
        struct Totals {
            seq: u64,
        }
        Ok(self.get::<Totals>("", AT_ONCE).await?.seq)
    }

    /// Everybody.
    pub(super) async fn people(&self) -> Result<Vec<Person>, ControlError> {
        self.get("/people", AT_ONCE).await
    }

    /// Every room.
    pub(super) async fn rooms(&self) -> Result<Vec<Room>, ControlError> {
        self.get("/rooms", AT_ONCE).await
    }

    /// Kinds of things that somebody is told of by this bot's webhooks: `messages`, `attachmentActions`, `all`.
    pub(super) async fn hears_of(&self, bot: &str) -> Result<Vec<String>, ControlError> {
        #[derive(Deserialize)]
        struct Shown {
            owner: String,
            webhook: Webhook,
        }
        #[derive(Deserialize)]
        struct Webhook {
            resource: String,
            status: String,
        }
        let all: Vec<Shown> = self.get("/webhooks", AT_ONCE).await?;
        let own = all.into_iter().filter(|shown| shown.owner == bot && shown.webhook.status == "active");
        Ok(own.map(|shown| shown.webhook.resource).collect())
    }

    /// Says something as a person; `to` is an address or a room's id.
    pub(super) async fn say(&self, me: &str, to: &str, words: &Words) -> Result<Said, ControlError> {
        let body = match words {
            Words::Text(text) => json!({ "as": me, "to": to, "text": text }),
            Words::Mentioning(whom, text) => json!({ "as": me, "to": to, "text": text, "mention": whom }),
            Words::Markdown(markdown) => json!({ "as": me, "to": to, "markdown": markdown }),
        };
        self.post("/say", &body, AT_ONCE).await
    }

    /// Presses a button as a person; answers the running number at it.
    pub(super) async fn press(
        &self,
        me: &str,
        message: &str,
        inputs: &Map<String, Value>,
    ) -> Result<u64, ControlError> {
        #[derive(Deserialize)]
        struct Done {
            seq: u64,
        }
        let body = json!({ "as": me, "message": message, "inputs": inputs });
        Ok(self.post::<Done>("/press", &body, AT_ONCE).await?.seq)
    }

    /// Lets so many webhooks tell this bot of the next message only after a while; answers the rule's id.
    pub(super) async fn hold_messages(&self, bot: &str, webhooks: usize, wait: Duration) -> Result<u64, ControlError> {
        let body = json!({ "on": "delivery", "email": bot, "path": "messages/created", "times": webhooks,
            "delay_ms": u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) });
        let rules: Vec<Rule> = self.post("/rules", &body, AT_ONCE).await?;
        Ok(rules.iter().map(|rule| rule.id).max().unwrap_or_default())
    }

    /// Takes a rule away that may be used up.
    pub(super) async fn remove_rule(&self, id: u64) -> Result<(), ControlError> {
        match self.call::<Vec<Rule>>("DELETE", "/rules", Some(&json!({ "id": id })), AT_ONCE).await {
            Ok(_) | Err(ControlError::Refused { status: 404, .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// What happened after `after`; waits for a first entry.
    pub(super) async fn events(&self, after: u64, wait: Duration) -> Result<Events, ControlError> {
        let path = format!("/journal?kind=event&after={after}&max=1000&wait_ms={}", wait.as_millis());
        self.get(&path, wait + AT_ONCE).await
    }

    /// The messages of a room after a running number, oldest first.
    pub(super) async fn messages(&self, room: &str, after: u64) -> Result<Vec<Message>, ControlError> {
        self.get(&format!("/rooms/{room}/messages?after={after}"), AT_ONCE).await
    }

    /// Makes a group room with somebody in it.
    pub(super) async fn open_room(&self, me: &str, title: &str, with: &str) -> Result<Room, ControlError> {
        self.post("/rooms", &json!({ "as": me, "title": title, "members": [with] }), AT_ONCE).await
    }

    /// Makes a group room of a chosen id, or lets these people into the one there is. The first of them makes it.
    pub(super) async fn keep_room(&self, id: &str, title: &str, members: &[&str]) -> Result<(), ControlError> {
        let body = json!({ "as": members.first(), "id": id, "title": title, "members": members });
        self.post::<Room>("/rooms", &body, AT_ONCE).await.map(|_room| ())
    }

    /// Puts somebody into a room.
    pub(super) async fn add_member(&self, room: &str, email: &str) -> Result<Room, ControlError> {
        self.post(&format!("/rooms/{room}/members"), &json!({ "email": email }), AT_ONCE).await
    }

    async fn get<T: DeserializeOwned>(&self, path: &str, timeout: Duration) -> Result<T, ControlError> {
        self.call("GET", path, None, timeout).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: &Value, timeout: Duration) -> Result<T, ControlError> {
        self.call("POST", path, Some(body), timeout).await
    }

    async fn call<T: DeserializeOwned>(
        &self,
        method: &'static str,
        path: &str,
        body: Option<&Value>,
        timeout: Duration,
    ) -> Result<T, ControlError> {
        let response = self
            .send(HttpRequest {
                method,
                url: format!("{}/sim{path}", self.url),
                headers: vec![("content-type".to_owned(), "application/json".to_owned())],
                bearer: None,
                body: body.map(|body| body.to_string().into()),
                timeout,
                max_body: MOST_BODY,
            })
            .await?;
        self.read(&response)
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ControlError> {
        self.http.send(request).await.map_err(|error| match error.kind {
            NetErrorKind::BadRequest => self.strange(error.to_string()),
            _ => ControlError::Unreachable { url: self.url.clone(), reason: error.to_string() },
        })
    }

    fn read<T: DeserializeOwned>(&self, response: &HttpResponse) -> Result<T, ControlError> {
        if response.status == 200 {
            return serde_json::from_slice(&response.body).map_err(|error| self.strange(error.to_string()));
        }
        Err(self.refused(response))
    }

    fn refused(&self, response: &HttpResponse) -> ControlError {
        match serde_json::from_slice::<Refusal>(&response.body) {
            Ok(Refusal { message }) => ControlError::Refused { status: response.status, message },
            Err(_no_webex_shape) => self.strange(format!("it answers {}", response.status)),
        }
    }

    fn strange(&self, reason: String) -> ControlError {
        ControlError::Strange { url: self.url.clone(), reason }
    }
}

/// A rule in force.
#[derive(Deserialize)]
struct Rule {
    id: u64,
}

/// What it says when it says no, in Webex's shape.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// Takes what people write for a simulator's address: with or without `http://`, `/v1`, `/sim`.
fn base_url(text: &str) -> String {
    let text = text.trim().trim_end_matches('/');
    let text = text.strip_suffix("/v1").or_else(|| text.strip_suffix("/sim")).unwrap_or(text);
    if text.contains("://") { text.to_owned() } else { format!("http://{text}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_in_every_form_that_people_write() {
        for form in ["127.0.0.1:7070", "http://127.0.0.1:7070/", "http://127.0.0.1:7070/v1", " 127.0.0.1:7070/sim/ "] {
            assert_eq!(base_url(form), "http://127.0.0.1:7070");
        }
    }

    #[test]
    fn a_message_is_read_with_only_what_it_must_have() {
        let message = json!({ "id": "M", "roomId": "R", "roomType": "direct", "personEmail": "echo@webex.bot" });
        let message: Message = serde_json::from_value(message).unwrap();
        assert_eq!((message.text, message.parent_id, message.attachments.len()), (None, None, 0));
    }

    #[test]
    fn a_message_is_written_as_it_was_read() {
        let card = json!({ "contentType": "application/vnd.microsoft.card.adaptive", "content": { "body": [] } });
        let read = json!({ "id": "M", "roomId": "R", "roomType": "direct", "personEmail": "echo@webex.bot",
            "text": "hi", "created": "2026-01-01T00:00:00.000Z", "attachments": [card], "files": ["http://x/1"] });
        let message: Message = serde_json::from_value(read.clone()).unwrap();
        assert_eq!(serde_json::to_value(message).unwrap(), read);
    }
}
