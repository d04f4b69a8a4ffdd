//! Our own form of "one thing to react to", independent of how it reached us.
//!
//! An event is written to the inbox in a versioned envelope, because old rows outlive old code.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    id::{Digest, EventId},
    time::Millis,
};

/// One thing to react to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, as far as its source says; otherwise when we accepted it.
    pub at: Millis,
    /// Who caused it (a person id), where known. For a membership this is who added the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<String>,
    /// What happened.
    pub trigger: Trigger,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Trigger {
    /// A message was written, edited or deleted.
    Message {
        /// Which of the three.
        change: Change,
        /// Message id.
        id: String,
        /// Room id.
        room: String,
        /// `direct` or `group`; absent when the source does not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room_type: Option<String>,
        /// Author: person id.
        person: String,
        /// Author: address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// Root of the thread, when it is a reply.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<String>,
    },
    /// A person was added to, changed in, or removed from a room.
    Membership {
        /// Which of the three.
        change: Change,
        /// Membership id.
        id: String,
        /// Room id.
        room: String,
        /// `direct` or `group`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room_type: Option<String>,
        /// The member: person id.
        person: String,
        /// The member: address.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// The member: display name.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    },
    /// A room was made or changed.
    Room {
        /// Created or updated.
        change: Change,
        /// Room id.
        room: String,
    },
    /// Somebody pressed a card's button.
    CardAction {
        /// Attachment action id.
        id: String,
        /// The message that holds the card.
        message: String,
        /// Room id.
        room: String,
        /// Who pressed: person id.
        person: String,
    },
    /// A `[[schedule]]` of the definition came due.
    Schedule {
        /// Its name in the definition.
        name: String,
        /// The moment it was meant for.
        planned: Millis,
        /// The zone of the house: for people who say none, where the schedule names none either.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        zone: String,
        /// The person it came due for, where each has a time zone of their own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
    },
    /// Another program posted to an `[[inbound]]` hook.
    Inbound {
        /// Its name in the definition.
        name: String,
        /// The body: JSON as it is, a form as an object of strings (a list where a name comes again), anything
        /// else as a string.
        payload: Value,
        /// The request's headers, names in lower case; those that carry secrets are left out.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        headers: BTreeMap<String, String>,
    },
    /// A timer that a turn had set.
    Timer {
        /// Its name, as set.
        name: String,
        /// The room it was set in; empty: none.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        room: String,
        /// The person it was set for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        /// What the turn gave it along.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        value: Value,
    },
    /// A handler answered, or will never do so.
    Answer {
        /// Public id of the call: the handler has seen it as its idempotency key.
        call: EventId,
        /// Which answer to this call it is, from 1.
        part: u32,
        /// The rule that asked, by its label: `command "ping"`, `schedule "standup"`.
        rule: String,
        /// The event that was being handled when the call was asked for.
        origin: Box<Event>,
        /// The answer, in the handler contract's form.
        result: Value,
    },
    /// A promised delivery was given up.
    DeliveryFailed {
        /// Its public id.
        delivery: EventId,
        /// The room it was meant for; empty: it was meant for a person.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        room: String,
        /// The person it was meant for.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        person: Option<String>,
        /// Why, as a sentence.
        reason: String,
        /// The rule that had promised it.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        rule: String,
    },
}

/// What was done to a thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// It is new.
    Created,
    /// It was changed.
    Updated,
    /// It is gone.
    Deleted,
}

impl Change {
    /// The word Webex uses for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
        }
    }

    /// Reads Webex's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "created" => Some(Self::Created),
            "updated" => Some(Self::Updated),
            "deleted" => Some(Self::Deleted),
            _ => None,
        }
    }
}

impl Event {
    /// `resource.event` in Webex's words, as in `[[on]] event = "…"`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.trigger {
            Trigger::Message { change: Change::Created, .. } => "messages.created",
            Trigger::Message { change: Change::Updated, .. } => "messages.updated",
            Trigger::Message { change: Change::Deleted, .. } => "messages.deleted",
            Trigger::Membership { change: Change::Created, .. } => "memberships.created",
            Trigger::Membership { change: Change::Updated, .. } => "memberships.updated",
            Trigger::Membership { change: Change::Deleted, .. } => "memberships.deleted",
            Trigger::Room { change: Change::Created, .. } => "rooms.created",
            Trigger::Room { .. } => "rooms.updated",
            Trigger::CardAction { .. } => "attachmentActions.created",
            Trigger::Schedule { .. } => "schedule",
            Trigger::Inbound { .. } => "inbound",
            Trigger::Timer { .. } => "timer",
            Trigger::Answer { .. } => "answer",
            Trigger::DeliveryFailed { .. } => "deliveries.failed",
        }
    }

    /// The room the event is in; empty: it is in none.
    #[must_use]
    pub fn room(&self) -> &str {
        match &self.trigger {
            Trigger::Message { room, .. }
            | Trigger::Membership { room, .. }
            | Trigger::Room { room, .. }
            | Trigger::CardAction { room, .. }
            | Trigger::Timer { room, .. }
            | Trigger::DeliveryFailed { room, .. } => room,
            Trigger::Answer { origin, .. } => origin.room(),
            Trigger::Schedule { .. } | Trigger::Inbound { .. } => "",
        }
    }

    /// The person the event is about: author, member or presser. A room event is about nobody.
    #[must_use]
    pub fn person(&self) -> Option<&str> {
        match &self.trigger {
            Trigger::Message { person, .. }
            | Trigger::Membership { person, .. }
            | Trigger::CardAction { person, .. } => Some(person),
            Trigger::Schedule { person, .. }
            | Trigger::Timer { person, .. }
            | Trigger::DeliveryFailed { person, .. } => person.as_deref(),
            Trigger::Answer { origin, .. } => origin.person(),
            Trigger::Room { .. } | Trigger::Inbound { .. } => None,
        }
    }

    /// The event that a chain of answers began with: this one, unless it is an answer.
    #[must_use]
    pub fn origin(&self) -> &Self {
        match &self.trigger {
            Trigger::Answer { origin, .. } => origin.origin(),
            _ => self,
        }
    }

    /// What the event keeps its order with: a mark of the room and the person it is about, of the room alone, or
    /// of the trigger where there is neither.
    ///
    /// Strict inside a key, parallel across; never empty. A mark of 22 characters instead of two ids of 80: it
    /// stands in every row of a backlog, in an index and in memory.
    #[must_use]
    pub fn order_key(&self) -> String {
        if let (Trigger::Schedule { name, .. } | Trigger::Inbound { name, .. }, None) = (&self.trigger, self.person()) {
            return Digest::of([self.kind().as_bytes(), name.as_bytes()]).mark();
        }
        if let Trigger::Answer { origin, .. } = &self.trigger {
            return origin.order_key();
        }
        let room = self.room().as_bytes();
        match self.person() {
            Some(person) => Digest::of([room, person.as_bytes()]).mark(),
            None => Digest::of([room]).mark(),
        }
    }

    /// The versioned JSON that goes into the inbox.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec(&Borrowed::V1(self)).unwrap_or_default();
        // It grew by doubling, and waits in memory when the bot is busy.
        bytes.shrink_to_fit();
        bytes
    }

    /// Reads what [`Event::encode`] wrote, in this version of the program or an older one.
    ///
    /// # Errors
    /// When the bytes are no event of a known version.
    pub fn decode(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(|Stored::V1(event)| event)
    }
}

/// The envelope of a stored event. A change of meaning is a new variant; old ones stay readable.
#[derive(Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1(Event),
}

/// The same, for writing what somebody else owns.
#[derive(Serialize)]
#[serde(tag = "v")]
enum Borrowed<'a> {
    #[serde(rename = "1")]
    V1(&'a Event),
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn message() -> Event {
        Event {
            at: Millis(1),
            actor: None,
            trigger: Trigger::Message {
                change: Change::Created,
                id: "M".into(),
                room: "R".into(),
                room_type: None,
                person: "P".into(),
                email: None,
                parent: None,
            },
        }
    }

    #[test]
    fn a_stored_event_keeps_its_golden_form() {
        let text =
            r#"{"v":"1","at":1,"trigger":{"kind":"message","change":"created","id":"M","room":"R","person":"P"}}"#;
        assert_eq!(String::from_utf8(message().encode()).unwrap(), text);
        assert_eq!(Event::decode(text.as_bytes()).unwrap(), message());
    }

    #[test]
    fn order_is_by_room_and_person_and_never_empty() {
        let room =
            |id: &str| Event { trigger: Trigger::Room { change: Change::Updated, room: id.into() }, ..message() };
        let keys = [message().order_key(), room("R").order_key(), room("P").order_key(), room("RP").order_key()];
        assert!(keys.iter().all(|key| key.len() == 22));
        assert_eq!(keys.iter().collect::<BTreeSet<_>>().len(), keys.len());
        assert_eq!(message().order_key(), Event { at: Millis(9), ..message() }.order_key());
    }
}
