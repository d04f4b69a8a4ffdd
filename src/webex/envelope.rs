//! The body of a webhook: one borrowed parse, tolerant of everything but what an event cannot be without.
//!
//! Only `resource`, `event` and `data.id` are required. A field that is missing, null or of another type never
//! costs an event: what is needed beyond them is fetched later anyway.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use super::{ids, kinds};
use crate::base::{Change, Digest, Event, Millis, Trigger};

/// How long an event counts as seen that has nothing to tell two of them apart but their content.
const CONTENT_WINDOW: Duration = Duration::from_mins(1);

/// A parsed webhook body.
#[derive(Debug)]
pub struct Envelope<'a> {
    resource: Cow<'a, str>,
    event: Cow<'a, str>,
    actor: Option<Cow<'a, str>>,
    data: Data<'a>,
    /// `data` as sent, for the digest.
    raw: &'a RawValue,
}

/// Why a body is no webhook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// No JSON object.
    #[error("the body is no JSON object of a webhook: {0}")]
    Json(String),
    /// One of the three fields that are needed is missing or empty.
    #[error("the body has no `{0}`")]
    Missing(&'static str),
}

/// What makes an event the same when it is delivered again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dedupe {
    /// Never empty; unique within a bot.
    pub key: String,
    /// How long the key counts; nothing: as long as keys are kept.
    pub window: Option<Duration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Outer<'a> {
    #[serde(borrow, default)]
    resource: Lenient<'a>,
    #[serde(borrow, default)]
    event: Lenient<'a>,
    #[serde(borrow, default)]
    actor_id: Lenient<'a>,
    #[serde(borrow)]
    data: Option<&'a RawValue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow, default)]
    id: Lenient<'a>,
    #[serde(borrow, default)]
    room_id: Lenient<'a>,
    #[serde(borrow, default)]
    room_type: Lenient<'a>,
    #[serde(borrow, default)]
    person_id: Lenient<'a>,
    #[serde(borrow, default)]
    person_email: Lenient<'a>,
    #[serde(borrow, default)]
    person_display_name: Lenient<'a>,
    #[serde(borrow, default)]
    parent_id: Lenient<'a>,
    #[serde(borrow, default)]
    message_id: Lenient<'a>,
    #[serde(borrow, default)]
    created: Lenient<'a>,
    #[serde(borrow, default)]
    updated: Lenient<'a>,
}

impl<'a> Envelope<'a> {
    /// Reads a body whose signature was found right.
    ///
    /// # Errors
    /// [`EnvelopeError`], for a 400.
    pub fn parse(body: &'a [u8]) -> Result<Self, EnvelopeError> {
        // serde_json's message names a place, never content.
        let json = |error: serde_json::Error| EnvelopeError::Json(error.to_string());
        // serde would also take a list for a struct, field by field.
        let object = |json: &[u8]| json.trim_ascii_start().starts_with(b"{");
        let outer: Outer<'a> = serde_json::from_slice(body).map_err(json)?;
        let raw = outer.data.ok_or(EnvelopeError::Missing("data"))?;
        if !object(body) || !object(raw.get().as_bytes()) {
            return Err(EnvelopeError::Json("an object is needed".to_owned()));
        }
        let data: Data<'a> = serde_json::from_str(raw.get()).map_err(json)?;
        if data.id.0.is_none() {
            return Err(EnvelopeError::Missing("data.id"));
        }
        Ok(Self {
            resource: outer.resource.0.ok_or(EnvelopeError::Missing("resource"))?,
            event: outer.event.0.ok_or(EnvelopeError::Missing("event"))?,
            actor: outer.actor_id.0,
            data,
            raw,
        })
    }

    /// `resource.event` as far as we know it; nothing for kinds that we cannot handle.
    #[must_use]
    pub fn kind(&self) -> Option<&'static str> {
        let same = |kind: &str| kind.split_once('.') == Some((&self.resource, &self.event));
        kinds::Kinds::brought_by(|kind| same(kind))
    }

    /// Whether a bot hears itself: a message event about its own message. Being added to a room is no echo.
    #[must_use]
    pub fn is_own_echo(&self, me: &str) -> bool {
        self.resource == "messages" && self.author().is_some_and(|author| ids::same_thing(author, me))
    }

    fn author(&self) -> Option<&str> {
        self.data.person_id.0.as_deref().or(self.actor.as_deref())
    }

    /// What makes this event the same when it is delivered again. There is no delivery id.
    #[must_use]
    pub fn dedupe(&self) -> Dedupe {
        let Self { resource, event, .. } = self;
        let id = self.data.id.text();
        let stamp = match (&**resource, &**event) {
            ("messages", "created" | "deleted") | ("attachmentActions" | "rooms", "created") => Some(String::new()),
            ("messages", "updated") => self.data.updated.0.as_deref().map(|at| format!("@{at}")),
            // One person can leave a room and come back under the same membership id.
            ("memberships", "created" | "deleted") => self.data.created.0.as_deref().map(|at| format!("@{at}")),
            _ => None,
        };
        if let Some(stamp) = stamp {
            return Dedupe { key: format!("{resource}.{event}:{id}{stamp}"), window: None };
        }
        let digest = Digest::of([self.raw.get().as_bytes()]);
        Dedupe { key: format!("{resource}.{event}:{id}#{digest}"), window: Some(CONTENT_WINDOW) }
    }

    /// If it tells that a message was deleted: the key under which [`dedupe`](Self::dedupe) knows the message itself.
    #[must_use]
    pub fn deleted_message(&self) -> Option<String> {
        let deleted = self.kind() == Some("messages.deleted");
        deleted.then(|| format!("messages.created:{}", self.data.id.text()))
    }

    /// The event in our own form; `now` stands in where the body names no moment. Nothing for kinds that we
    /// cannot handle.
    #[must_use]
    pub fn into_event(self, now: Millis) -> Option<Event> {
        self.kind()?;
        let change = Change::parse(&self.event)?;
        let data = &self.data;
        let stamp = if change == Change::Updated { &data.updated } else { &data.created };
        // A deletion carries the moment of creation, if any.
        let at = stamp.0.as_deref().filter(|_| change != Change::Deleted).and_then(Millis::from_iso).unwrap_or(now);
        let person = self.author().unwrap_or_default().to_owned();
        let trigger = match &*self.resource {
            "messages" => Trigger::Message {
                change,
                id: data.id.text(),
                room: data.room_id.text(),
                room_type: data.room_type.owned(),
                person,
                email: data.person_email.owned(),
                parent: data.parent_id.owned(),
            },
            "memberships" => Trigger::Membership {
                change,
                id: data.id.text(),
                room: data.room_id.text(),
                room_type: data.room_type.owned(),
                person: data.person_id.text(),
                email: data.person_email.owned(),
                name: data.person_display_name.owned(),
            },
            "rooms" => Trigger::Room { change, room: data.id.text() },
            "attachmentActions" => Trigger::CardAction {
                id: data.id.text(),
                message: data.message_id.text(),
                room: data.room_id.text(),
                person,
            },
            _ => return None,
        };
        Some(Event { at, actor: self.actor.map(Cow::into_owned), trigger })
    }
}

/// A text that is there and not empty; anything else counts as missing.
#[derive(Debug, Default)]
struct Lenient<'a>(Option<Cow<'a, str>>);

impl Lenient<'_> {
    fn text(&self) -> String {
        self.0.as_deref().unwrap_or_default().to_owned()
    }

    fn owned(&self) -> Option<String> {
        self.0.as_deref().map(str::to_owned)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Lenient<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LenientVisitor)
    }
}

struct LenientVisitor;

impl<'de> Visitor<'de> for LenientVisitor {
    type Value = Lenient<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Lenient((!text.is_empty()).then_some(Cow::Borrowed(text))))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Lenient((!text.is_empty()).then(|| Cow::Owned(text.to_owned()))))
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(Lenient(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Lenient(None))
    }
}

#[cfg(test)]
mod tests;
