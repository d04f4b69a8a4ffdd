//! One delivery on its way out: marked before it leaves, recorded after.
//!
//! It runs as a task of its own so that a send once marked is recorded whatever becomes of the actor.

use std::{panic::AssertUnwindSafe, rc::Rc, time::Duration};

use futures_util::FutureExt as _;
use tracing::{debug, info, warn};

use super::{
    Done, Office,
    act::{self, Tried},
    messages::OpenLane,
};
use crate::{
    actors::outcome,
    base::{Lease, Secret, spawn::spawn},
    store::{DeliveryOutcome, DeliveryResult, DeliveryRow, Marked},
};

/// What a lane's requests go out with.
#[derive(Debug)]
pub(super) struct Pass {
    /// The right to mark.
    pub(super) lease: Lease,
    pub(super) token: Secret,
    /// Counts the openings of the lane: a 401 for a former token says nothing about this one.
    pub(super) generation: u64,
    pub(super) repeat_doubtful: bool,
    /// Which wire carries them.
    pub(super) wire: usize,
}

impl Pass {
    pub(super) fn new(open: OpenLane, wire: usize, generation: u64) -> Self {
        let OpenLane { lease, token, repeat_doubtful } = open;
        Self { lease, token, generation, repeat_doubtful, wire }
    }

    /// The same with another way to deal with doubt. What is on its way goes by the old one.
    pub(super) fn with(&self, repeat_doubtful: bool) -> Self {
        Self {
            lease: self.lease.clone(),
            token: self.token.clone(),
            generation: self.generation,
            repeat_doubtful,
            wire: self.wire,
        }
    }
}

/// What a try says about its lane.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    /// Nothing.
    Fine,
    /// Webex asked to wait.
    Wait(Duration),
    /// The token is dead.
    Refused,
    /// Webex, or the way to it, is in trouble.
    Trouble(String),
}

/// Marks the rows and sends those that may leave, each on its own.
pub(super) async fn carry(office: Rc<Office>, pass: Rc<Pass>, mut rows: Vec<DeliveryRow>) {
    let seqs = rows.iter().map(|row| row.seq).collect();
    let (marked, error) = match office.store.mark(pass.lease.clone(), seqs).await {
        Ok(marked) => (marked, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    for mark in marked {
        if let Some(at) = rows.iter().position(|row| row.seq == mark.seq) {
            let row = rows.swap_remove(at);
            spawn(attempt(Rc::clone(&office), Rc::clone(&pass), row, mark));
        }
    }
    for row in rows {
        let (bot, error) = (pass.lease.bot.clone(), error.clone());
        office.tell(Done::Unmarked { bot, epoch: pass.lease.epoch, row, error }).await;
    }
}

/// One marked try: send, give the permit back, record, let the destination go on.
async fn attempt(office: Rc<Office>, pass: Rc<Pass>, mut row: DeliveryRow, mark: Marked) {
    let (bot, epoch, generation) = (pass.lease.bot.clone(), pass.lease.epoch, pass.generation);
    let carried = AssertUnwindSafe(act::carry_out(&office, &pass, &mut row, mark.attempt)).catch_unwind().await;
    let tried = carried.unwrap_or_else(|_logged| {
        // Where it panicked is not known here, so it counts as sent without an answer.
        let message = "Botyard panicked on it; please report this as a fault of Botyard".to_owned();
        act::lost(&office, &pass, &mut row, mark.attempt, message)
    });
    let (news, requests) = (tried.news.clone(), tried.requests);
    office.tell(Done::Off { bot: bot.clone(), generation, news, requests }).await;
    report(&office, &row, &tried);
    let again = match tried.outcome {
        DeliveryOutcome::Retry { at, .. } => Some(at),
        _ => None,
    };
    let result = DeliveryResult {
        seq: row.seq,
        epoch,
        attempt: mark.attempt,
        outcome: tried.outcome,
        doubtful: row.doubtful,
        tracking_id: tried.tracking_id,
        sent: tried.sent,
        failure: tried.failure,
        then: Vec::new(),
    };
    outcome::record(&*office.store, &row, result).await;
    office.tell(Done::Ended { bot, epoch, row, again }).await;
}

/// Counts and logs, before the outcome is written: a person reading the log need not wait for the disk.
fn report(office: &Office, row: &DeliveryRow, tried: &Tried) {
    let counters = &office.metrics.outbound;
    let (bot, delivery, event) = (&row.bot, row.id, row.event);
    let tracking_id = tried.tracking_id.as_deref().unwrap_or("none");
    match &tried.outcome {
        DeliveryOutcome::Sent { .. } => {
            counters.sent.inc();
            counters.delivery_took(office.clock.now().since(row.created_at));
            debug!(bot.id = %bot, delivery.id = %delivery, event.id = %event, tracking_id, "delivered");
        }
        DeliveryOutcome::Retry { at, reason, .. } => {
            counters.retried.inc();
            info!(bot.id = %bot, delivery.id = %delivery, event.id = %event, tracking_id, reason, %at, "a delivery waits for its next try");
        }
        DeliveryOutcome::Failed { reason } => {
            counters.failed.inc();
            warn!(bot.id = %bot, delivery.id = %delivery, event.id = %event, tracking_id, cause = reason.cause.as_str(), reason = reason.text, "a delivery was given up");
        }
        DeliveryOutcome::Needless { reason } => {
            debug!(bot.id = %bot, delivery.id = %delivery, event.id = %event, reason, "a delivery had nothing to do");
        }
        DeliveryOutcome::Skipped => {
            counters.skipped.inc();
            warn!(bot.id = %bot, delivery.id = %delivery, event.id = %event, "a delivery that may have been sent is not repeated");
        }
    }
}
