//! A batch: what queued while the last one was being committed, as a few statements in one transaction.
//!
//! Everything in it is concurrent, since nobody has an answer yet; so the kinds go in an order that serves the
//! most: ends before claims (a finished head frees its key at once), the outcome of a try before what takes its place
//! (as if it had come a moment before), and the rare changes last, so that a lease taken over does not fence off an end
//! that was sent before it.
//!
//! The statements say OR ROLLBACK: when one fails, the transaction is undone anyway, and told so the engine need not
//! copy every page it touches to be able to undo that statement alone. It does so all the same where a statement calls
//! a function, `->>` among them, since any of them may fail: so those that can do without.
//!
//! What a statement finds comes as one row (`pack::list`), and a write that has to say which rows it changed is two
//! statements: one that finds them and one that changes them.

mod accept;
mod claim;
mod deliver;
mod fence;
mod memory;
mod pack;
mod promise;
mod sent;
mod trips;
mod turn;

pub(super) use self::{
    accept::{accept_events, mark},
    memory::{COUNT_KEYS, too_many},
    pack::{json, list},
};

use std::collections::HashMap;

use sqlx::SqliteConnection;

use self::{accept::Incoming, deliver::Results, turn::Ends};
use super::{
    book::Book,
    change::{AnyChange, Asked, Probe},
    engine::Trouble,
    request::{AcceptJob, ClaimJob, Job, MarkJob, RecordJob, ReleaseJob, Request, TurnJob},
};
use crate::{
    base::{BotId, Millis, Seq},
    store::{
        Accepted, Claimed, DeliveryRow, Doorbell, EraseAtEnd, EventRow, Lane, Marked, StoreError, TurnAnswer,
        TurnOutcome, Wake,
    },
};

/// For the test of their plans.
#[cfg(test)]
pub(super) const HOT_WRITES: &[&str] = &[
    accept::KNOWN,
    accept::LAPSED,
    claim::CLAIMABLE,
    claim::CLAIM,
    claim::RELEASE,
    turn::HELD,
    turn::FINISH,
    promise::DISPLACE,
    deliver::MARKABLE,
    deliver::MARK,
    deliver::MARKED,
    deliver::RECORD,
    deliver::ARRIVED,
    memory::LOAD_STATE,
    memory::LOAD_TALKS,
    memory::COUNT_KEYS,
];

/// What every statement of a batch needs to know.
#[derive(Debug)]
pub(super) struct Round<'a> {
    pub(super) now: Millis,
    pub(super) book: &'a Book,
    pub(super) pending_per_bot: u64,
    pub(super) keys_per_bot: u64,
    pub(super) erase: EraseAtEnd,
}

/// Requests of one commit, by kind, each kind in the order of arrival.
#[derive(Default)]
pub(super) struct Batch {
    accepts: Vec<AcceptJob>,
    turns: Vec<TurnJob>,
    releases: Vec<ReleaseJob>,
    claims: Vec<ClaimJob>,
    records: Vec<RecordJob>,
    marks: Vec<MarkJob>,
    changes: Vec<Box<dyn AnyChange>>,
}

/// What a batch came to, once it is committed.
#[derive(Debug, Default)]
pub(super) struct Answers {
    accepts: Vec<Result<Accepted, StoreError>>,
    turns: turn::Turns,
    claims: Vec<Vec<Claimed>>,
    recorded: deliver::Recorded,
    marks: Vec<Vec<Marked>>,
}

impl Batch {
    /// Takes a request in; `Close` is none and comes back.
    pub(super) fn push(&mut self, request: Request) -> Option<tokio::sync::oneshot::Sender<()>> {
        match request {
            Request::Accept(job) => self.accepts.push(job),
            Request::Turn(job) => self.turns.push(*job),
            Request::Release(job) => self.releases.push(job),
            Request::Claim(job) => self.claims.push(job),
            Request::Record(job) => self.records.push(job),
            Request::Mark(job) => self.marks.push(job),
            Request::Change(job) => self.changes.push(job),
            Request::Close(done) => return Some(done),
        }
        None
    }

    pub(super) fn len(&self) -> usize {
        self.accepts.len()
            + self.turns.len()
            + self.releases.len()
            + self.claims.len()
            + self.records.len()
            + self.marks.len()
            + self.changes.len()
    }

    /// How many of them are rare changes.
    pub(super) fn changes(&self) -> usize {
        self.changes.len()
    }

    /// Begins a transaction and does everything in it; the caller commits it, or rolls it back where this fails.
    pub(super) async fn run(&mut self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Answers, Trouble> {
        let incoming = Incoming::of(&self.accepts, round);
        let (ends, results) = (Ends::of(&self.turns)?, Results::of(&self.records)?);
        let found = trips::look(tx, &ends, &results).await?;
        let ends = ends.decide(round, &found.held, &found.memory)?;
        let results = results.decide(&found.marked)?;
        let written = trips::write(tx, round, &incoming, &ends, &results).await?;
        let accepts = incoming.end(tx, round, written.seen, written.stored).await?;
        let turns = ends.end(tx, round, written.promised).await?;
        let recorded = results.end(tx, round).await?;
        claim::release(tx, &self.releases).await?;
        let (claims, marks) = trips::go(tx, round, &self.claims, &self.marks).await?;
        for change in &mut self.changes {
            change.apply(tx, round).await?;
        }
        Ok(Answers { accepts, turns, claims, recorded, marks })
    }

    /// Whose events are accepted, one by one.
    pub(super) fn accepting(&self) -> impl Iterator<Item = &BotId> {
        self.accepts.iter().map(|job| &job.input.bot)
    }

    /// After the commit: brings the book up to date and answers everybody; what is left is to ring.
    pub(super) fn settle(self, answers: Answers, now: Millis, book: &mut Book) -> Wakes {
        let mut wakes = Wakes::default();
        for (job, answer) in self.accepts.into_iter().zip(answers.accepts) {
            if let Ok(Accepted::New(seq)) = answer {
                book.more(&job.input.bot, 1);
                let event = job.input;
                // What is not due yet is the sweeper's affair.
                if event.due_at <= now {
                    wakes.of(&event.bot).events.push(EventRow {
                        seq,
                        id: event.id,
                        order_key: event.order_key,
                        class: event.class,
                        attempt: 0,
                        accepted_at: now,
                        payload: event.payload,
                    });
                }
                drop(job.share);
                drop(job.reply.send(answer));
            } else {
                job.answer(answer);
            }
        }
        let turns = self.turns.into_iter().zip(answers.turns.answers).zip(answers.turns.promised);
        for ((mut job, answer), promised) in turns {
            let bot = job.input.lease.bot.clone();
            if matches!(answer, Ok(TurnAnswer::Committed)) && !matches!(job.input.outcome, TurnOutcome::Retry { .. }) {
                book.fewer(&bot, 1);
            }
            if let Some((event, Seq(first))) = promised {
                let deliveries = std::mem::take(&mut job.input.deliveries);
                book.more(&bot, deliveries.len());
                let doubtful = book.is_restored(job.input.event);
                let displaced = &answers.turns.displaced;
                let due = (first..).zip(deliveries);
                let due = due.filter(|(seq, delivery)| delivery.due_at <= now && !displaced.contains_key(seq));
                let wake = wakes.of(&bot);
                for (seq, delivery) in due {
                    let row = DeliveryRow {
                        seq: Seq(seq),
                        id: delivery.id,
                        bot: bot.clone(),
                        event,
                        order_key: delivery.order_key,
                        class: delivery.class,
                        attempt: 0,
                        doubtful,
                        created_at: now,
                        payload: delivery.payload,
                    };
                    match delivery.lane {
                        Lane::Webex => wake.deliveries.push(row),
                        Lane::Calls => wake.calls.push(row),
                    }
                }
            }
            job.answer(answer);
        }
        for bot in answers.recorded.ended.iter().chain(answers.turns.displaced.values()) {
            book.fewer(bot, 1);
        }
        for (bot, event) in answers.recorded.events {
            book.more(&bot, 1);
            wakes.of(&bot).events.push(event);
        }
        let released = vec![(); self.releases.len()];
        answer_all(self.releases, released);
        answer_all(self.claims, answers.claims);
        answer_all(self.records, answers.recorded.held);
        answer_all(self.marks, answers.marks);
        for change in self.changes {
            for wake in change.settle(book) {
                let known = wakes.of(&wake.bot);
                known.events.extend(wake.events);
                known.deliveries.extend(wake.deliveries);
                known.calls.extend(wake.calls);
            }
        }
        wakes
    }

    /// Nothing of it was done.
    pub(super) fn fail(self, error: &StoreError) {
        fail_all(self.turns, error);
        fail_all(self.releases, error);
        fail_all(self.records, error);
        fail_rest(self.accepts, self.claims, self.marks, self.changes, error);
    }

    /// One write that nobody waits for: can the disk be written?
    pub(super) fn trial() -> Self {
        let (reply, _) = tokio::sync::oneshot::channel();
        Self { changes: vec![Box::new(Asked { change: Probe, reply, answer: None })], ..Self::default() }
    }

    /// With a full disk: what can be asked again is refused; ends of turns and of sends cannot, so they are kept.
    pub(super) fn keep_outcomes(self, why: &StoreError, kept: &mut Self) {
        fail_rest(self.accepts, self.claims, self.marks, self.changes, why);
        kept.turns.extend(self.turns);
        kept.releases.extend(self.releases);
        kept.records.extend(self.records);
    }

    /// One batch per request, so that the guilty fails alone.
    pub(super) fn singles(self) -> Vec<Self> {
        let mut singles = Vec::with_capacity(self.len());
        singles.extend(self.accepts.into_iter().map(|job| Self { accepts: vec![job], ..Self::default() }));
        singles.extend(self.turns.into_iter().map(|job| Self { turns: vec![job], ..Self::default() }));
        singles.extend(self.releases.into_iter().map(|job| Self { releases: vec![job], ..Self::default() }));
        singles.extend(self.claims.into_iter().map(|job| Self { claims: vec![job], ..Self::default() }));
        singles.extend(self.records.into_iter().map(|job| Self { records: vec![job], ..Self::default() }));
        singles.extend(self.marks.into_iter().map(|job| Self { marks: vec![job], ..Self::default() }));
        singles.extend(self.changes.into_iter().map(|job| Self { changes: vec![job], ..Self::default() }));
        singles
    }
}

fn answer_all<I, O>(jobs: Vec<Job<I, O>>, answers: Vec<O>) {
    for (job, answer) in jobs.into_iter().zip(answers) {
        job.answer(Ok(answer));
    }
}

fn fail_all<I, O>(jobs: Vec<Job<I, O>>, error: &StoreError) {
    for job in jobs {
        job.answer(Err(error.clone()));
    }
}

fn fail_rest(
    accepts: Vec<AcceptJob>,
    claims: Vec<ClaimJob>,
    marks: Vec<MarkJob>,
    changes: Vec<Box<dyn AnyChange>>,
    error: &StoreError,
) {
    fail_all(accepts, error);
    fail_all(claims, error);
    fail_all(marks, error);
    for change in changes {
        change.fail(error.clone());
    }
}

/// One ring per bot and batch.
#[derive(Default)]
pub(super) struct Wakes {
    of: HashMap<BotId, usize>,
    list: Vec<Wake>,
}

impl Wakes {
    fn of(&mut self, bot: &BotId) -> &mut Wake {
        let Self { of, list } = self;
        let at = *of.entry(bot.clone()).or_insert_with(|| {
            list.push(Wake::of(bot.clone()));
            list.len() - 1
        });
        &mut list[at]
    }

    pub(super) fn bots(&self) -> impl Iterator<Item = &BotId> {
        self.list.iter().map(|wake| &wake.bot)
    }

    pub(super) fn ring(self, doorbell: &dyn Doorbell) {
        for wake in self.list {
            doorbell.ring(wake);
        }
    }
}
