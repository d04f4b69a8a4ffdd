//! What one may say to the api actor, and what it says to others.

use std::time::Duration;

use actix::Message;

use super::snapshot::ApiSnapshot;
use crate::{
    base::{BotId, Epoch, Lease, Secret},
    webex::{ForeignUrl, Reply, Request},
};

/// Opens a bot's lane, or replaces its lease and token. A lane in the penalty box of a 429 stays in it
/// when the token is the same.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct OpenLane {
    /// The right to mark deliveries.
    pub lease: Lease,
    /// Goes into `Authorization` and nowhere else.
    pub token: Secret,
    /// A delivery that may have been sent before a crash is sent again (`true`) or skipped.
    pub repeat_doubtful: bool,
}

/// No delivery of a bot leaves any more, until its lane is opened anew. Calls go on: turns in hand finish.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct QuietLane {
    /// Whose.
    pub bot: BotId,
}

/// From now on a delivery that may have been sent before is sent again, or skipped: the program changed.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct DoubtPolicy {
    /// Whose; another incarnation's lane is left alone.
    pub lease: Lease,
    /// As in [`OpenLane`].
    pub repeat_doubtful: bool,
}

/// Closes a bot's lane: calls in line are refused with [`CallError::NoLane`], what is on the wire finishes
/// and is recorded.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct CloseLane {
    /// Whose.
    pub bot: BotId,
    /// Only if this incarnation or an older one opened it.
    pub epoch: Epoch,
}

/// The api's bell: the doorbell holds deliveries for it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Ring;

/// Nothing new leaves from now on; answered when nothing is on its way any more and every outcome is recorded.
/// How long to wait is the caller's affair.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// How the api is.
#[derive(Debug, Message)]
#[rtype(result = "ApiSnapshot")]
pub struct Snapshot;

/// An idempotent request with an answer, for turns, registrar and start-up checks.
#[derive(Debug, Message)]
#[rtype(result = "Result<Reply, CallError>")]
pub struct Call {
    /// With whose token.
    pub bot: BotId,
    /// What.
    pub request: Request,
    /// Who waits for it.
    pub class: CallClass,
    /// How long the caller waits, queueing and retries included.
    pub deadline: Duration,
}

/// Who waits for a call: a lower one goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CallClass {
    /// A turn: a person waits.
    Turn,
    /// The registrar, a check at start.
    Upkeep,
}

/// Why a call has no usable answer. A 404 is an answer ([`Reply`] with that status), so are other 4xx.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The bot has no open lane.
    #[error("the bot is not running")]
    NoLane,
    /// 401: the token is dead.
    #[error("Webex refuses the token")]
    Unauthorized,
    /// The deadline passed; the last trouble is named.
    #[error("no answer in time ({0})")]
    Deadline(String),
    /// The lane's queue is full.
    #[error("too many requests of this bot are waiting")]
    Busy,
    /// The answer is larger than is read: a file, mostly.
    #[error("the answer is larger than 1 MiB")]
    TooLarge,
    /// A next page that leads to another host than the API's: the token is not sent there.
    #[error(transparent)]
    Elsewhere(#[from] ForeignUrl),
}

/// Tells the supervisor that Webex refused a bot's token.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct TokenRefused {
    /// Whose.
    pub bot: BotId,
    /// The lease the token came with.
    pub epoch: Epoch,
}
