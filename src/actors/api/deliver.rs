//! One delivery on its way out: marked before it leaves, recorded after.
//!
//! It runs as a task of its own so that a send once marked is recorded whatever becomes of the actor.

use std::{borrow::Cow, panic::AssertUnwindSafe, rc::Rc, time::Duration};

use futures_util::FutureExt as _;
use serde::Deserialize;
use tracing::{debug, info, warn};

use super::{Done, Office, messages::OpenLane, wire::WireError};
use crate::{
    actors::retries::Trouble,
    base::{Lease, Millis, Point, Secret, spawn::spawn},
    brain::{Delivery, Destination},
    store::{Cause, DeliveryOutcome, DeliveryResult, DeliveryRow, Marked, StoreError},
    webex::{NewMessage, Recipient, Reply, Request, Verdict},
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
    let tried = match AssertUnwindSafe(send(&office, &pass, &mut row, &mark)).catch_unwind().await {
        Ok(tried) => tried,
        Err(_logged) => {
            // Where it panicked is not known here, so it counts as sent without an answer.
            let message = "Botyard panicked on it; please report this as a fault of Botyard".to_owned();
            row.doubtful = true;
            let lost = Err(WireError { message, may_have_arrived: true });
            judge(&lost, mark.attempt, &row, pass.repeat_doubtful, &office)
        }
    };
    office.tell(Done::Off { bot: bot.clone(), generation, news: tried.news.clone() }).await;
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
        then: Vec::new(),
    };
    record(&office, &row, result).await;
    office.tell(Done::Ended { bot, epoch, row, again }).await;
}

/// Sends a marked row and reads the answer.
async fn send(office: &Office, pass: &Pass, row: &mut DeliveryRow, mark: &Marked) -> Tried {
    let request = match prepare(row, pass.repeat_doubtful) {
        Ok(request) => request,
        Err(outcome) => return Tried { outcome, news: News::Fine, tracking_id: None },
    };
    if row.doubtful {
        office.metrics.outbound.doubtful.inc();
        info!(bot.id = %row.bot, delivery.id = %row.id, "repeating a delivery that may have been sent before");
    }
    office.breaking.pass(Point::BeforeSend, Some(&row.bot)).await;
    let answer = office.send(pass, &request, office.settings.timeout).await;
    office.breaking.pass(Point::AfterSend, Some(&row.bot)).await;
    // Once in doubt it stays so: what a later try comes to says nothing about the one before.
    row.doubtful |= answer.as_ref().is_err_and(|error| error.may_have_arrived);
    judge(&answer, mark.attempt, row, pass.repeat_doubtful, office)
}

/// What a try came to.
#[derive(Debug, PartialEq, Eq)]
struct Tried {
    outcome: DeliveryOutcome,
    news: News,
    tracking_id: Option<String>,
}

/// The request of a row, or the outcome of one that is not sent at all.
fn prepare(row: &DeliveryRow, repeat_doubtful: bool) -> Result<Request, DeliveryOutcome> {
    if row.doubtful && !repeat_doubtful {
        return Err(DeliveryOutcome::Skipped);
    }
    let delivery = Delivery::decode(&row.payload).map_err(|error| DeliveryOutcome::Failed {
        // The place only: serde's own words may quote the text.
        reason: Cause::Unreadable.because(format!(
            "the stored delivery cannot be read (line {}, column {})",
            error.line(),
            error.column()
        )),
    })?;
    let to = match &delivery.to {
        Destination::Room(id) => Recipient::Room(id),
        Destination::Person(id) => Recipient::Person(id),
        Destination::Email(address) => Recipient::Email(address),
    };
    Ok(Request::create_message(&NewMessage {
        to,
        parent_id: delivery.parent.as_deref(),
        text: delivery.text.as_deref(),
        markdown: delivery.markdown.as_deref(),
    }))
}

/// What the answer to a delivery means. `POST /messages` has no idempotency key: what may have arrived is doubtful.
fn judge(
    answer: &Result<Reply, WireError>,
    attempt: u32,
    row: &DeliveryRow,
    repeat_doubtful: bool,
    office: &Office,
) -> Tried {
    let now = office.clock.now();
    let tracking_id = answer.as_ref().ok().and_then(|reply| reply.tracking_id.clone());
    let again = |reason: String, may_have_arrived: bool| {
        let news = News::Trouble(reason.clone());
        if may_have_arrived && !repeat_doubtful {
            return (DeliveryOutcome::Skipped, news);
        }
        let outcome = if Trouble::Delivery.is_over(attempt, Duration::ZERO, office.settings.delivery_attempts) {
            let reason = Cause::GaveUp.because(format!("given up after {attempt} tries: {reason}"));
            DeliveryOutcome::Failed { reason }
        } else {
            let at = now.plus(Trouble::Delivery.wait(attempt, row.seq.0.unsigned_abs()));
            DeliveryOutcome::Retry { at, reason, counts: true }
        };
        (outcome, news)
    };
    let uncounted = |at: Millis, reason: &str| {
        let reason = reason.to_owned();
        DeliveryOutcome::Retry { at, reason, counts: false }
    };
    let (outcome, news) = match answer {
        Ok(reply) => match reply.verdict() {
            Verdict::Fine => (DeliveryOutcome::Sent { remote_id: posted_id(&reply.body) }, News::Fine),
            Verdict::Wait(wait) => (uncounted(now.plus(wait), "Webex asked to wait"), News::Wait(wait)),
            Verdict::Unauthorized => (uncounted(now, "Webex refuses the token"), News::Refused),
            Verdict::Retry(reason) => again(reason, false),
            Verdict::Missing => {
                let reason = format!("Webex does not show this room or person to the bot ({})", reply.status);
                (DeliveryOutcome::Failed { reason: Cause::Refused.because(reason) }, News::Fine)
            }
            Verdict::Refused(reason) => {
                (DeliveryOutcome::Failed { reason: Cause::Refused.because(reason) }, News::Fine)
            }
        },
        Err(error) => again(error.message.clone(), error.may_have_arrived),
    };
    Tried { outcome, news, tracking_id }
}

/// The id of a message just posted, if the answer names it.
fn posted_id(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Posted<'a> {
        #[serde(borrow)]
        id: Cow<'a, str>,
    }
    serde_json::from_slice::<Posted<'_>>(body).ok().map(|posted| posted.id.into_owned())
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
        DeliveryOutcome::Skipped => {
            counters.skipped.inc();
            warn!(bot.id = %bot, delivery.id = %delivery, event.id = %event, "a delivery that may have been sent is not repeated");
        }
    }
}

/// Writes the outcome down, however long the disk is full: until then its destination is held.
async fn record(office: &Office, row: &DeliveryRow, result: DeliveryResult) {
    for attempt in 1.. {
        match office.store.record(result.clone()).await {
            // Not held: a newer incarnation has settled the row meanwhile.
            Ok(_held) => return,
            Err(StoreError::Closed) => return,
            Err(error @ StoreError::Refused(_)) => {
                warn!(bot.id = %row.bot, delivery.id = %row.id, %error, "the outcome of a delivery cannot be stored");
                return;
            }
            Err(error) => {
                if attempt == 1 {
                    warn!(bot.id = %row.bot, delivery.id = %row.id, %error, "the outcome of a delivery waits for the store");
                }
                tokio::time::sleep(Trouble::Outcome.wait(attempt, row.seq.0.unsigned_abs())).await;
            }
        }
    }
}
