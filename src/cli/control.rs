//! The simulator's control API as the commands here use it: act as a person, and see what was said.
//!
//! The shapes are written down again rather than shared with the simulator: it answers any client with JSON, and
//! what is read here is only what is shown to a person.

use std::{fmt, time::Duration};

use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};

use crate::net::{HttpClient, HttpRequest, NetErrorKind};

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

/// A message.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) id: String,
    /// The first message of its thread.
    pub(super) parent_id: Option<String>,
    pub(super) room_id: String,
    pub(super) text: Option<String>,
    pub(super) markdown: Option<String>,
    pub(super) person_email: String,
    #[serde(default)]
    pub(super) attachments: Vec<Attachment>,
    #[serde(default)]
    pub(super) files: Vec<String>,
}

/// A card.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Attachment {
    pub(super) content: Value,
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

    /// Whether somebody is told of this bot's messages by a webhook.
    pub(super) async fn hears(&self, bot: &str) -> Result<bool, ControlError> {
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
        Ok(all.iter().any(|shown| {
            shown.owner == bot
                && shown.webhook.status == "active"
                && matches!(shown.webhook.resource.as_str(), "messages" | "all")
        }))
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

    /// The bot's first message in the room later than `after`; `None` when there is none in time.
    pub(super) async fn answer(
        &self,
        bot: &str,
        room: &str,
        after: u64,
        wait: Duration,
    ) -> Result<Option<Message>, ControlError> {
        #[derive(Deserialize)]
        struct Answered {
            messages: Vec<Message>,
        }
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let body = json!({ "bot": bot, "room": room, "after": after, "replies": 1, "timeout_ms": millis });
        match self.post::<Answered>("/wait", &body, wait + AT_ONCE).await {
            Ok(answered) => Ok(answered.messages.into_iter().next()),
            Err(ControlError::Refused { status: 504, .. }) => Ok(None),
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
        let request = HttpRequest {
            method,
            url: format!("{}/sim{path}", self.url),
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            bearer: None,
            body: body.map(|body| body.to_string().into()),
            timeout,
            max_body: MOST_BODY,
        };
        let strange = |reason: String| ControlError::Strange { url: self.url.clone(), reason };
        let response = self.http.send(request).await.map_err(|error| match error.kind {
            NetErrorKind::BadRequest => strange(error.to_string()),
            _ => ControlError::Unreachable { url: self.url.clone(), reason: error.to_string() },
        })?;
        if response.status == 200 {
            return serde_json::from_slice(&response.body).map_err(|error| strange(error.to_string()));
        }
        match serde_json::from_slice::<Refusal>(&response.body) {
            Ok(Refusal { message }) => Err(ControlError::Refused { status: response.status, message }),
            Err(_no_webex_shape) => Err(strange(format!("it answers {}", response.status))),
        }
    }
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
}
