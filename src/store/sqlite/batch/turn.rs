//! Ends of turns. First it is found out whose claims still hold, and what stands in the memory that they rely on; then
//! who may commit; and the events, state, dialogues, deliveries and timers of those are written, and of nobody else.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{
    Round,
    fence::Fences,
    memory::{Applied, Memory},
    pack::{self, Heap},
    promise::{Promised, Promises},
    trips::{Query, Remembered},
};
use crate::{
    base::{BotId, Epoch, EventId, Millis, Seq},
    store::{
        Cause, StoreError, TurnAnswer, TurnCommit, TurnOutcome,
        sqlite::{change::erase, engine::Trouble, request::TurnJob},
    },
};

/// Whose claims still hold: number and public id, the latter as hex.
pub(super) const HELD: &str = "
    SELECT json_group_array(json_array(inbox.seq, hex(inbox.public_id)))
    FROM (SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch, value->>3 AS attempt FROM jsonb_each($1)) AS t
    JOIN bots AS b ON b.bot = t.bot AND b.epoch = t.epoch
    JOIN inbox ON inbox.seq = t.seq AND inbox.bot = t.bot
    WHERE inbox.state = 1 AND inbox.epoch = t.epoch AND inbox.attempt = t.attempt";

/// Ends those.
pub(super) const FINISH: &str = "
    UPDATE OR ROLLBACK inbox SET
        state = t.state, due_at = coalesce(t.due_at, inbox.due_at), reason = coalesce(t.reason, inbox.reason),
        cause = coalesce(t.cause, inbox.cause), record = t.record, finished_at = CASE WHEN t.state >= 2 THEN $2 END
    FROM (SELECT value->>0 AS seq, value->>1 AS state, value->>2 AS due_at, value->>3 AS reason, value->>4 AS cause,
                 value->>5 AS record
          FROM jsonb_each($1)) AS t
    WHERE inbox.seq = t.seq";

const SET_TIMERS: &str = "
    INSERT INTO timers (bot, name, due_at, order_key, created_at, payload)
    SELECT value->>0, value->>1, value->>2, value->>3, $3, substr($2, value->>4, value->>5)
    FROM jsonb_each($1) WHERE true
    ON CONFLICT (bot, name) DO UPDATE SET
        due_at = excluded.due_at, order_key = excluded.order_key, payload = excluded.payload,
        created_at = excluded.created_at";

const CANCEL_TIMERS: &str = "
    DELETE FROM timers WHERE (bot, name) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))";

/// A claim, as [`HELD`] reads it.
type Claim<'a> = (Seq, &'a BotId, Epoch, u32);

/// How an event ends, as [`FINISH`] reads it.
type End<'a> = (Seq, u8, Option<&'a Millis>, Option<&'a String>, Option<Cause>, &'a Option<String>);

/// Ends of turns, before it is known who may commit.
#[derive(Debug)]
pub(super) struct Ends<'a> {
    jobs: &'a [TurnJob],
    answers: Vec<Result<TurnAnswer, StoreError>>,
    /// Places of those that make sense at all.
    able: Vec<usize>,
    claims: Vec<Claim<'a>>,
    memory: Memory,
}

impl<'a> Ends<'a> {
    pub(super) fn of(jobs: &'a [TurnJob]) -> Result<Self, Trouble> {
        let answers: Vec<_> = jobs.iter().map(|job| check(&job.input).map(|()| TurnAnswer::Fenced)).collect();
        let able: Vec<usize> = (0..jobs.len()).filter(|&i| answers[i].is_ok()).collect();
        let mut fences = Fences::with_capacity(able.len());
        let mut claims = Vec::with_capacity(able.len());
        for turn in able.iter().map(|&i| &jobs[i].input) {
            if fences.is_first(turn.event.0, (&turn.lease, turn.attempt))? {
                claims.push((turn.event, &turn.lease.bot, turn.lease.epoch, turn.attempt));
            }
        }
        let memory = Memory::of(able.iter().map(|&i| &jobs[i].input));
        Ok(Self { jobs, answers, able, claims, memory })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.claims.is_empty()
    }

    /// What [`HELD`] and the memory's looks read.
    pub(super) fn bind<'q>(&self, query: Query<'q>) -> Result<Query<'q>, Trouble> {
        self.memory.bind_look(query.bind(pack::json(&self.claims)?))
    }

    /// Who may commit, now that it is known whose claims hold and what the memory is.
    pub(super) fn decide(
        mut self,
        round: &Round<'_>,
        held: &str,
        remembered: &Remembered,
    ) -> Result<Decided<'a>, Trouble> {
        let mut ids: HashMap<i64, EventId> = pack::list(held)?.into_iter().collect();
        self.memory.found(remembered)?;
        let mut committed = Vec::with_capacity(ids.len());
        for i in self.able {
            let turn = &self.jobs[i].input;
            // Taken out of the map, so that of two ends of one turn in one batch only the first counts.
            let Some(id) = ids.remove(&turn.event.0) else { continue };
            self.answers[i] = match self.memory.apply(turn, round.now, round.keys_per_bot) {
                Applied::Yes => {
                    committed.push((i, id));
                    Ok(TurnAnswer::Committed)
                }
                Applied::Conflict => Ok(TurnAnswer::Conflict),
                Applied::Refused(why) => Err(StoreError::Refused(why)),
            };
        }
        let promises = Promises::of(self.jobs, &committed);
        Ok(Decided { jobs: self.jobs, answers: self.answers, committed, memory: self.memory, promises })
    }
}

/// Ends of turns, once it is known who may commit.
#[derive(Debug)]
pub(super) struct Decided<'a> {
    jobs: &'a [TurnJob],
    answers: Vec<Result<TurnAnswer, StoreError>>,
    /// Places of those, with the public ids of their events.
    committed: Vec<(usize, EventId)>,
    /// What they leave.
    pub(super) memory: Memory,
    promises: Promises<'a>,
}

impl Decided<'_> {
    /// How many commit, and how many deliveries they promise.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.committed.len(), self.promises.len())
    }

    fn turns(&self) -> impl Iterator<Item = &TurnCommit> {
        self.committed.iter().map(|&(i, _)| &self.jobs[i].input)
    }

    /// What [`FINISH`] reads, and [`PROMISE`](super::promise::PROMISE).
    pub(super) fn bind<'q>(&self, query: Query<'q>, round: &Round<'_>) -> Result<Query<'q>, Trouble> {
        let ends: Vec<_> = self.turns().map(end).collect();
        self.promises.bind(query.bind(pack::json(&ends)?).bind(round.now.0), round)
    }

    /// What is left to do for the few that need it, and what all came to. `last`: the number of the last promise.
    pub(super) async fn end(self, tx: &mut SqliteConnection, round: &Round<'_>, last: i64) -> Result<Turns, Trouble> {
        erase_at_end(tx, round, self.turns()).await?;
        set_timers(tx, round, self.turns()).await?;
        let (promised, displaced) = self.promises.end(tx, round, last).await?;
        Ok(Turns { answers: self.answers, promised, displaced })
    }
}

/// What the turns of a batch came to.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// In the order of the jobs.
    pub(super) answers: Vec<Result<TurnAnswer, StoreError>>,
    /// For each job, what its deliveries need to be handed along.
    pub(super) promised: Promised,
    /// Deliveries that a newer one took the place of, and whose they were.
    pub(super) displaced: HashMap<i64, BotId>,
}

fn end(turn: &TurnCommit) -> End<'_> {
    let (state, due, reason, cause) = match &turn.outcome {
        TurnOutcome::Finished => (2, None, None, None),
        TurnOutcome::Retry { at, reason } => (0, Some(at), Some(reason), None),
        TurnOutcome::Buried { reason } => (3, None, Some(&reason.text), Some(reason.cause)),
    };
    (turn.event, state, due, reason, cause, &turn.record)
}

/// A statement of its own: hardly a house asks for it.
async fn erase_at_end(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    turns: impl Iterator<Item = &TurnCommit>,
) -> Result<(), Trouble> {
    let goes = |turn: &&TurnCommit| match turn.outcome {
        TurnOutcome::Finished => round.erase.content,
        TurnOutcome::Buried { .. } => round.erase.dead_content,
        TurnOutcome::Retry { .. } => false,
    };
    let seqs: Vec<i64> = turns.filter(goes).map(|turn| turn.event.0).collect();
    erase::events(tx, round, &seqs).await.map(drop)
}

/// A turn that did not end well changes nothing that a later try would find changed. One that ends with the event
/// buried may say so.
fn check(turn: &TurnCommit) -> Result<(), StoreError> {
    let changes =
        !turn.state.is_empty() || turn.dialogue.is_some() || !turn.timers.is_empty() || !turn.cancelled.is_empty();
    let refused = match turn.outcome {
        TurnOutcome::Finished => false,
        TurnOutcome::Buried { .. } => changes,
        TurnOutcome::Retry { .. } => changes || !turn.deliveries.is_empty(),
    };
    if refused { Err(StoreError::Refused("only a finished turn may have effects".into())) } else { Ok(()) }
}

async fn set_timers(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    turns: impl Iterator<Item = &TurnCommit>,
) -> Result<(), Trouble> {
    let mut heap = Heap::default();
    let (mut rows, mut cancelled) = (Vec::new(), Vec::new());
    for turn in turns {
        cancelled.extend(turn.cancelled.iter().map(|name| (&turn.lease.bot, name)));
        for timer in &turn.timers {
            let (at, len) = heap.put(&timer.payload);
            rows.push((&turn.lease.bot, &timer.name, timer.due_at, &timer.order_key, at, len));
        }
    }
    if !cancelled.is_empty() {
        sqlx::query(CANCEL_TIMERS).bind(pack::json(&cancelled)?).execute(&mut *tx).await?;
    }
    if !rows.is_empty() {
        let timers = sqlx::query(SET_TIMERS).bind(pack::json(&rows)?).bind(heap.into_bytes());
        timers.bind(round.now.0).execute(tx).await?;
    }
    Ok(())
}
