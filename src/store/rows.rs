//! Events and deliveries as plain data, and what the looking verbs answer.

use serde::{Deserialize, Serialize};

use super::{
    letters::Reason,
    sent::{FailureEvent, SentChange},
};
use crate::base::{BotId, Epoch, EventId, Millis, Seq};

/// Whether a row is urgent: lower goes first when a bot must choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    /// A person waits for it.
    Interactive = 0,
    /// Nobody waits: schedules, alerts.
    Background = 1,
}

/// Who works a delivery off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lane {
    /// The api: it goes to Webex.
    #[default]
    Webex = 0,
    /// The runner: it is a call of a handler.
    Calls = 1,
}

/// An event to be accepted.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Whose.
    pub bot: BotId,
    /// Its public id.
    pub id: EventId,
    /// `messages.created`, …: for people and metrics.
    pub kind: &'static str,
    /// What it keeps its order with; never empty.
    pub order_key: String,
    /// What makes it the same event when Webex delivers it again; never empty.
    pub dedupe_key: String,
    /// Until when `seen` remembers the key.
    pub seen_until: Millis,
    /// How urgent.
    pub class: Class,
    /// Not before.
    pub due_at: Millis,
    /// `Event::encode`.
    pub payload: Vec<u8>,
    /// The webhook as it came, for a bot that forwards it.
    pub envelope: Option<Vec<u8>>,
    /// The call that it answers: what is erased of the one is erased of the other.
    pub answers: Option<EventId>,
}

/// How an accept ended. All three are durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    /// Stored as a new row.
    New(Seq),
    /// The key was seen: nothing to do.
    Duplicate,
}

/// Which due rows of a bot to read.
#[derive(Debug, Clone)]
pub struct DueQuery {
    /// Whose.
    pub bot: BotId,
    /// The reader's own epoch: rows claimed (sent) by an older one count as pending.
    pub epoch: Epoch,
    /// The moment to compare `due_at` with.
    pub now: Millis,
    /// Order keys not wanted.
    pub skip_keys: Vec<String>,
    /// At most this many rows.
    pub limit: u32,
}

/// A pending event.
#[derive(Debug, Clone)]
pub struct EventRow {
    /// Its number.
    pub seq: Seq,
    /// Its public id.
    pub id: EventId,
    /// What it keeps its order with.
    pub order_key: String,
    /// How urgent.
    pub class: Class,
    /// How often it was claimed so far.
    pub attempt: u32,
    /// Since when it waits: when it was accepted, or last replayed.
    pub accepted_at: Millis,
    /// `Event::encode`.
    pub payload: Vec<u8>,
}

/// With so many claims that ended with the process an event is under suspicion: it may be what ends it. The next
/// claim that ends so convicts it.
pub const SUSPECT: u32 = 2;

/// An event that the lease now holds, or would if it were not [under suspicion](SUSPECT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claimed {
    /// Which.
    pub seq: Seq,
    /// Which claim of it this is, from 1.
    pub attempt: u32,
    /// How many of its claims ended with the process going down.
    pub doubts: u32,
}

/// A pending delivery.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// Its number.
    pub seq: Seq,
    /// Its public id.
    pub id: EventId,
    /// Whose.
    pub bot: BotId,
    /// The event it answers.
    pub event: EventId,
    /// Its destination: one in flight per key, a waiting head holds its key.
    pub order_key: String,
    /// How urgent.
    pub class: Class,
    /// Tries so far.
    pub attempt: u32,
    /// It may have been sent: a try was marked by a dead epoch and has no outcome, or the answer to one was lost.
    pub doubtful: bool,
    /// Since when it waits: when the turn promised it, or it was last replayed.
    pub created_at: Millis,
    /// `brain::Delivery::encode`.
    pub payload: Vec<u8>,
}

/// A delivery whose try may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Marked {
    /// Which.
    pub seq: Seq,
    /// Which try this is, from 1.
    pub attempt: u32,
}

/// How a try ended.
#[derive(Debug, Clone)]
pub struct DeliveryResult {
    /// Which delivery.
    pub seq: Seq,
    /// The epoch of the mark.
    pub epoch: Epoch,
    /// The attempt of the mark.
    pub attempt: u32,
    /// What happened.
    pub outcome: DeliveryOutcome,
    /// The try may have arrived all the same: kept with the delivery, so that nobody sends it again unawares.
    pub doubtful: bool,
    /// Webex's TrackingID, if it answered.
    pub tracking_id: Option<String>,
    /// What it changed of what is kept of sent messages, in order; together with the outcome, or not at all.
    pub sent: Vec<SentChange>,
    /// What the bot's program is told, should it be given up.
    pub failure: Option<Box<FailureEvent>>,
    /// Events that follow from it, accepted in the same commit if the mark still holds. However full the bot is:
    /// what is recorded must not lack what it brought.
    pub then: Vec<NewEvent>,
}

impl DeliveryResult {
    /// A try of which nothing else is known than how it ended.
    #[must_use]
    pub fn new(seq: Seq, epoch: Epoch, attempt: u32, outcome: DeliveryOutcome) -> Self {
        let (sent, failure, then) = (Vec::new(), None, Vec::new());
        Self { seq, epoch, attempt, outcome, doubtful: false, tracking_id: None, sent, failure, then }
    }
}

/// What a try came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryOutcome {
    /// Webex took it, under this id.
    Sent {
        /// The message's id at Webex, if the reply named it.
        remote_id: Option<String>,
    },
    /// Try again at a moment.
    Retry {
        /// When.
        at: Millis,
        /// Why, for people.
        reason: String,
        /// Whether this try counts towards the limit of attempts (a 429 or a dead token does not).
        counts: bool,
    },
    /// Never again: Webex refuses it, or it was tried often enough.
    Failed {
        /// Why.
        reason: Reason,
    },
    /// Doubtful, and the bot prefers silence to saying it twice.
    Skipped,
    /// There was nothing to do.
    Needless {
        /// Why.
        reason: String,
    },
}

/// A bot with work that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueBot {
    /// Which.
    pub bot: BotId,
    /// It has events to claim.
    pub events: bool,
    /// It has deliveries to try.
    pub deliveries: bool,
    /// It has calls to make.
    pub calls: bool,
}

/// Which events to list.
#[derive(Debug, Clone)]
pub struct EventQuery {
    /// Of one bot, or of all.
    pub bot: Option<BotId>,
    /// Only those in this state (`waiting`, `claimed`, `finished`, `buried`).
    pub state: Option<EventState>,
    /// At most this many, newest first.
    pub limit: u32,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventState {
    /// Accepted, or set aside for a retry.
    Waiting,
    /// In a turn.
    Claimed,
    /// Done.
    Finished,
    /// Dead letter, with its reason.
    Buried,
}

impl EventState {
    /// The word for it, in JSON, queries and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Claimed => "claimed",
            Self::Finished => "finished",
            Self::Buried => "buried",
        }
    }

    /// Reads what [`EventState::as_str`] says.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Waiting, Self::Claimed, Self::Finished, Self::Buried].into_iter().find(|state| state.as_str() == word)
    }
}

/// One line of `botyard events`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventSummary {
    /// Public id.
    pub id: EventId,
    /// Whose.
    pub bot: BotId,
    /// `messages.created`, …
    pub kind: String,
    /// Where it stands.
    pub state: EventState,
    /// Claims so far.
    pub attempt: u32,
    /// When it was accepted.
    pub accepted_at: Millis,
    /// When it was last claimed.
    pub claimed_at: Option<Millis>,
    /// When it was finished or buried.
    pub finished_at: Option<Millis>,
    /// Not before; a retry waits for it.
    pub due_at: Millis,
    /// Why it waits or was buried.
    pub reason: Option<String>,
    /// The rule that matched, from its record.
    pub rule: Option<String>,
}

/// All of one event: the answer to "why did it not reply?".
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventDetail {
    /// The line.
    #[serde(flatten)]
    pub summary: EventSummary,
    /// What it keeps its order with.
    pub order_key: String,
    /// The turn's record: JSON, written by the bot actor. No content, no secrets.
    pub record: Option<serde_json::Value>,
    /// How often it was replayed after it had been buried.
    #[serde(default)]
    pub replays: u32,
    /// When it was last replayed.
    #[serde(default)]
    pub replayed_at: Option<Millis>,
    /// When its content was erased; what is shown here stayed.
    #[serde(default)]
    pub erased_at: Option<Millis>,
    /// What it promised.
    pub deliveries: Vec<DeliverySummary>,
}

/// One delivery of an event, for people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DeliverySummary {
    /// Public id.
    pub id: EventId,
    /// Whether it goes to Webex or is a call of a handler.
    #[serde(default)]
    pub lane: Lane,
    /// `waiting`, `sending`, `sent`, `failed`, `skipped`.
    pub state: String,
    /// Tries so far.
    pub attempt: u32,
    /// When it was promised.
    pub created_at: Millis,
    /// Not before.
    pub due_at: Millis,
    /// When its last try left.
    pub marked_at: Option<Millis>,
    /// When it was sent or given up.
    pub finished_at: Option<Millis>,
    /// The message's id at Webex.
    pub remote_id: Option<String>,
    /// Webex's TrackingID of the last try.
    pub tracking_id: Option<String>,
    /// Why it waits or failed.
    pub reason: Option<String>,
    /// A try of it may have been sent although nothing says so.
    pub doubtful: bool,
    /// How often it was replayed after it had been given up.
    #[serde(default)]
    pub replays: u32,
    /// When its text was erased.
    #[serde(default)]
    pub erased_at: Option<Millis>,
}

/// How much of a bot is pending.
#[derive(Debug, Clone, Serialize)]
pub struct BacklogRow {
    /// Whose.
    pub bot: BotId,
    /// Events waiting or claimed.
    pub events: u64,
    /// Deliveries waiting or sending.
    pub deliveries: u64,
    /// Events buried.
    pub buried: u64,
    /// Since when the oldest pending event waits: accepted, or last replayed.
    pub oldest: Option<Millis>,
}

/// What presses, over all bots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pressing {
    /// Since when the oldest pending event waits: accepted, or last replayed.
    pub oldest_event: Option<Millis>,
    /// Since when the oldest pending delivery waits: promised, or last replayed.
    pub oldest_delivery: Option<Millis>,
    /// Events buried.
    pub buried: u64,
    /// Deliveries given up.
    pub failed: u64,
}
