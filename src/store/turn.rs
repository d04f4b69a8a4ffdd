//! The end of a turn as plain data: the store never hands out a transaction.

use serde_json::Value;

use super::{
    letters::Reason,
    rows::{Class, Lane},
};
use crate::base::{EventId, Lease, Millis, Seq, StateOp, StateScope, Version};

/// Everything a turn does, committed together or not at all.
#[derive(Debug, Clone)]
pub struct TurnCommit {
    /// The right to commit; refused when a newer incarnation holds it.
    pub lease: Lease,
    /// The event that was handled.
    pub event: Seq,
    /// The claim it was handled under.
    pub attempt: u32,
    /// Versions of shared state that the turn relied on.
    pub reads: Vec<(StateScope, String, Version)>,
    /// Changes of state.
    pub state: Vec<StateOp>,
    /// Change of the dialogue.
    pub dialogue: Option<DialogueChange>,
    /// Promised deliveries, in order.
    pub deliveries: Vec<NewDelivery>,
    /// Timers to be set.
    pub timers: Vec<NewTimer>,
    /// Names of timers to be forgotten, before any is set.
    pub cancelled: Vec<String>,
    /// What becomes of the event.
    pub outcome: TurnOutcome,
    /// The turn's record: JSON for people, as text. No content, no secrets.
    pub record: Option<String>,
}

/// What becomes of the event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnOutcome {
    /// Done.
    Finished,
    /// Set aside with its order key until a moment; carries no effects.
    Retry {
        /// When.
        at: Millis,
        /// Why.
        reason: String,
    },
    /// Dead letter; of effects it carries deliveries at most, which tell of it. A replay would make them again.
    Buried {
        /// Why.
        reason: Reason,
    },
}

/// A promised delivery.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its public id.
    pub id: EventId,
    /// Its destination; parts of one text share it and stay in order.
    pub order_key: String,
    /// How urgent.
    pub class: Class,
    /// Who works it off.
    pub lane: Lane,
    /// Not before.
    pub due_at: Millis,
    /// Under this key it takes the place of those before it that still wait, of the same destination and key.
    pub takes_place: Option<String>,
    /// `brain::Delivery::encode`, or `brain::HandlerCall::encode`.
    pub payload: Vec<u8>,
}

/// A timer to be set: an event that comes to this bot later.
#[derive(Debug, Clone)]
pub struct NewTimer {
    /// Its name; setting it again replaces it.
    pub name: String,
    /// When.
    pub due_at: Millis,
    /// What its event keeps its order with.
    pub order_key: String,
    /// `Event::encode`.
    pub payload: Vec<u8>,
}

/// A change of the dialogue of one person in one room.
#[derive(Debug, Clone)]
pub struct DialogueChange {
    /// Room id.
    pub room: String,
    /// Person id.
    pub person: String,
    /// The version the turn read; 0: there was none.
    pub read: Version,
    /// Where it stands now and until when; `None` ends it.
    pub value: Option<(Value, Millis)>,
}

/// How `commit_turn` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TurnAnswer {
    /// Everything is on the disk.
    Committed,
    /// The lease or the claim is no longer ours: nothing was written, somebody else handles the event.
    Fenced,
    /// State or dialogue that the turn relied on changed meanwhile: nothing was written, step again.
    Conflict,
}
