//! What is sent to the writer: the hot verbs as data, so that a batch of them becomes a few statements; the
//! rare ones as a [`Change`] each.

use tokio::sync::oneshot;

use super::{change::AnyChange, shares::Share};
use crate::{
    base::{Lease, Seq},
    store::{Accepted, Claimed, DeliveryResult, Marked, NewEvent, StoreError, TurnAnswer, TurnCommit},
};

/// Where an answer goes.
pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

/// One verb on its way through the writer.
#[derive(Debug)]
pub(super) struct Job<I, O> {
    /// What is asked.
    pub(super) input: I,
    /// Who asked.
    pub(super) reply: Reply<O>,
    /// The place in the queue, free again when the job is answered. Accepts only.
    pub(super) share: Option<Share>,
}

impl<I, O> Job<I, O> {
    /// Answers; whoever gave up waiting is not missed: what was committed stays committed.
    pub(super) fn answer(self, answer: Result<O, StoreError>) {
        drop(self.share);
        if self.reply.send(answer).is_err() {
            tracing::trace!("an answer of the store was not waited for");
        }
    }
}

/// Rows and the lease that asks for them.
#[derive(Debug)]
pub(super) struct Hold {
    pub(super) lease: Lease,
    pub(super) rows: Vec<Seq>,
}

/// A claim; `suspects`: holds those under suspicion too.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) hold: Hold,
    pub(super) suspects: bool,
}

pub(super) type AcceptJob = Job<NewEvent, Accepted>;
pub(super) type TurnJob = Job<TurnCommit, TurnAnswer>;
pub(super) type ReleaseJob = Job<Hold, ()>;
pub(super) type ClaimJob = Job<Claim, Vec<Claimed>>;
pub(super) type RecordJob = Job<DeliveryResult, bool>;
pub(super) type MarkJob = Job<Hold, Vec<Marked>>;

/// One message to the writer.
pub(super) enum Request {
    Accept(AcceptJob),
    Turn(Box<TurnJob>),
    Release(ReleaseJob),
    Claim(ClaimJob),
    Record(RecordJob),
    Mark(MarkJob),
    Change(Box<dyn AnyChange>),
    /// Finish what is queued, then end.
    Close(oneshot::Sender<()>),
}
