//! One turn as plain data: what the brain is given, and what it answers.

use std::collections::BTreeMap;

use super::delivery::Delivery;
use crate::{
    base::{Event, Millis, StateOp, StateScope, Version},
    webex::model,
};

/// Who the bot is at Webex, as far as deciding needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Me {
    /// Person id.
    pub id: String,
    /// Display name: what people mention.
    pub name: String,
    /// Address.
    pub email: String,
}

/// What a step is given.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    /// What happened.
    pub event: &'a Event,
    /// Who we are.
    pub me: &'a Me,
    /// What was read so far.
    pub facts: &'a Facts,
    /// The moment of the turn; the same in every repetition.
    pub now: Millis,
}

/// Something a step wants to know. Idempotent, so asking twice harms nobody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Read {
    /// A message by id.
    Message(String),
    /// A person by id; bounded cache.
    Person(String),
    /// A room by id; bounded cache.
    Room(String),
    /// A key of the bot's memory.
    State(StateScope, String),
}

impl Read {
    /// For records and logs: `message`, `person`, `room`, `state`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Person(_) => "person",
            Self::Room(_) => "room",
            Self::State(..) => "state",
        }
    }
}

/// What a read found.
#[derive(Debug, Clone, PartialEq)]
pub enum Fact {
    /// A message.
    Message(Box<model::Message>),
    /// A person.
    Person(Box<model::Person>),
    /// A room.
    Room(Box<model::Room>),
    /// A value of the bot's memory, and its version.
    State(Version, Option<serde_json::Value>),
    /// Webex says it is not there, or not for us to see. For a person or a room the brain falls back
    /// to the address and an empty title; a message that is gone ends the turn without effects.
    Missing,
}

/// What was read so far in a turn.
pub type Facts = BTreeMap<Read, Fact>;

/// What a step comes to.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Read these (all not yet in the facts), then step again.
    Need(Vec<Read>),
    /// Decided.
    Done(Decision),
    /// This event cannot be handled by this program: bury it with this sentence.
    Fail(String),
}

/// What was decided.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Decision {
    /// What the turn asks for, in order.
    pub effects: Vec<Effect>,
    /// Which rule matched, for people: `command "ping"`, `on memberships.created`, `fallback`, `none: from a bot`.
    pub rule: String,
    /// What is worth knowing about it: a lenient template value that was missing, a name that fell back.
    pub notes: Vec<String>,
}

/// What a turn asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Say something. One delivery: already split to Webex's limit, in order.
    Say(Delivery),
    /// Change the bot's memory.
    Remember(StateOp),
}
