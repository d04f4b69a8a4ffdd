//! One turn as plain data: what the brain is given, and what it answers.

use std::{collections::BTreeMap, sync::Arc};

use chrono::NaiveDate;
use chrono_tz::Tz;
use serde_json::Value;

use super::{call::HandlerCall, delivery::Delivery};
use crate::{
    base::{Event, Millis, StateOp, StateScope, Version},
    handlers::script::Scripts,
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
    /// The zone of the house: in it `today` begins and ends.
    pub zone: Tz,
}

impl Turn<'_> {
    /// The day that it is.
    #[must_use]
    pub fn today(&self) -> NaiveDate {
        chrono::DateTime::from_timestamp_millis(self.now.0).unwrap_or_default().with_timezone(&self.zone).date_naive()
    }
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
    /// Everybody in a room, by its id; bounded cache.
    Members(String),
    /// What somebody entered into a card, by the id of the press.
    Press(String),
    /// What was kept of a message that the bot itself sent, by its id.
    Sent(String),
    /// What a script comes to. It does nothing outside, so running it twice harms nobody.
    Script(ScriptRun),
    /// A key of the bot's memory.
    State(StateScope, String),
    /// The dialogue of a person in a room.
    Dialogue {
        /// Room id.
        room: String,
        /// Person id.
        person: String,
    },
}

impl Read {
    /// For records and logs: `message`, `person`, `room`, `members`, `press`, `sent`, `state`, `dialogue`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Message(_) => "message",
            Self::Person(_) => "person",
            Self::Room(_) => "room",
            Self::Members(_) => "members",
            Self::Press(_) => "press",
            Self::Sent(_) => "sent",
            Self::Script(_) => "script",
            Self::State(..) => "state",
            Self::Dialogue { .. } => "dialogue",
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
    /// Everybody in a room.
    Members(Vec<model::Membership>),
    /// What somebody entered into a card.
    Press(Box<model::AttachmentAction>),
    /// What was kept of a sent message.
    Sent(Box<SentMessage>),
    /// The answer of a script, in the handler contract's form; or why there is none.
    Script(Result<Value, String>),
    /// A value of the bot's memory, and its version.
    State(Version, Option<Value>),
    /// Where a dialogue stands, its version (0: there never was one), and when it lapses.
    Dialogue(Version, Option<(Value, Millis)>),
    /// Webex says it is not there, or not for us to see. For a person or a room the brain falls back
    /// to the address and an empty title; a message that is gone ends the turn without effects.
    Missing,
}

/// A script and the turn it is run over.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ScriptRun {
    /// Its text.
    pub source: Arc<str>,
    /// The turn in the handler contract's form, as JSON.
    pub turn: String,
}

impl ScriptRun {
    /// Runs it; takes its time, within bounds: never on a thread that others wait for.
    #[must_use]
    pub fn run(&self, scripts: &Scripts) -> Fact {
        let turn = serde_json::from_str(&self.turn).unwrap_or_default();
        let answer = scripts.run(&self.source, &turn);
        Fact::Script(match answer {
            Ok(answer) => Ok(serde_json::to_value(answer).unwrap_or_default()),
            Err(error) => Err(error.to_string()),
        })
    }
}

/// What is kept of a message that the bot sent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SentMessage {
    /// The `context` its reply gave along. Never shown to clients, so no client can forge it.
    pub context: Value,
    /// The `key` it was sent under.
    pub key: Option<String>,
    /// Root of the thread it was sent into.
    pub parent: Option<String>,
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
    /// The event could not be handled as the rule says: it is buried under this sentence, and what is said here
    /// instead goes out in the same commit. Such a decision has no effects but [`Effect::Say`].
    pub buried: Option<String>,
    /// What is worth knowing about it: a lenient template value that was missing, a name that fell back.
    pub notes: Vec<String>,
}

/// What a turn asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Something for Webex: a message, an edit, a deletion, leaving a room. One delivery: already split to Webex's
    /// limit, in order.
    Say(Delivery),
    /// Change the bot's memory.
    Remember(StateOp),
    /// Change the dialogue of one person in one room.
    Dialogue(DialogueStep),
    /// Ask a handler. Its answer is a new event.
    Call(HandlerCall),
    /// Have an event come later. Setting the same name again replaces it.
    Timer(SetTimer),
    /// Forget a timer that was set.
    CancelTimer(String),
}

/// A change of the dialogue of one person in one room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialogueStep {
    /// Room id.
    pub room: String,
    /// Person id.
    pub person: String,
    /// The version that was read; 0: there was none.
    pub read: Version,
    /// Where it stands now and until when; `None` ends it.
    pub value: Option<(Value, Millis)>,
}

/// A timer to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetTimer {
    /// Its name, one a bot.
    pub name: String,
    /// When.
    pub at: Millis,
    /// What then happens; its trigger is a [`Trigger::Timer`](crate::base::Trigger::Timer).
    pub event: Event,
}
