//! Marks and records of a batch: a send is written down before it leaves, and how it ended afterwards.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::{Round, accept, fence::Fences, pack, sent, trips::Query};
use crate::{
    base::{BotId, Epoch, Millis, Seq},
    store::{
        Cause, DeliveryOutcome, DeliveryResult, EraseAtEnd, EventRow, Marked, NewEvent,
        sqlite::{
            change::erase,
            engine::Trouble,
            request::{Job, MarkJob, RecordJob},
        },
    },
};

/// Which of the deliveries may leave: number, and which try it will be.
pub(super) const MARKABLE: &str = "
    SELECT json_group_array(json_array(outbox.seq, outbox.attempt + 1))
    FROM (SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch FROM jsonb_each($1)) AS t
    JOIN bots AS b ON b.bot = t.bot AND b.epoch = t.epoch
    JOIN outbox ON outbox.seq = t.seq AND outbox.bot = t.bot
    WHERE outbox.finished_at IS NULL AND (outbox.state = 0 OR outbox.epoch < t.epoch)
      AND NOT EXISTS (
        SELECT 1 FROM outbox AS p
        WHERE p.bot = outbox.bot AND p.order_key = outbox.order_key AND p.seq < outbox.seq
          AND p.finished_at IS NULL)";

/// Marks deliveries that may leave. Without a function, for which the engine would copy each page first.
pub(super) const MARK: &str = "
    UPDATE OR ROLLBACK outbox SET
        state = 1, attempt = attempt + 1, doubtful = CASE WHEN state = 1 THEN 1 ELSE doubtful END, marked_at = $2,
        epoch = (SELECT b.epoch FROM bots AS b WHERE b.bot = outbox.bot)
    WHERE seq IN (SELECT value FROM jsonb_each($1))";

/// Whose tries are still the ones that were marked: number and bot. Fenced by the mark, not by the newest lease: what is
/// known to have been sent counts, whoever sent it.
pub(super) const MARKED: &str = "
    SELECT json_group_array(json_array(outbox.seq, outbox.bot))
    FROM (SELECT value->>0 AS seq, value->>1 AS epoch, value->>2 AS attempt FROM jsonb_each($1)) AS t
    JOIN outbox ON outbox.seq = t.seq
    WHERE outbox.state = 1 AND outbox.epoch = t.epoch AND outbox.attempt = t.attempt";

/// How those tries ended.
pub(super) const RECORD: &str = "
    UPDATE OR ROLLBACK outbox SET
        state = t.state, attempt = outbox.attempt - t.free, due_at = coalesce(t.due_at, outbox.due_at),
        reason = coalesce(t.reason, outbox.reason), cause = coalesce(t.cause, outbox.cause),
        doubtful = max(outbox.doubtful, t.doubtful), remote_id = t.remote_id,
        tracking_id = coalesce(t.tracking_id, outbox.tracking_id),
        finished_at = CASE WHEN t.state >= 2 THEN $2 END
    FROM (SELECT value->>0 AS seq, value->>3 AS state, value->>4 AS free, value->>5 AS due_at, value->>6 AS reason,
                 value->>7 AS cause, value->>8 AS remote_id, value->>9 AS tracking_id, value->>10 AS doubtful
          FROM jsonb_each($1)) AS t
    WHERE outbox.seq = t.seq";

/// For the few that no longer held: what was given up with its bot while it was on the wire, and is now known to
/// have arrived, is no dead letter.
pub(super) const ARRIVED: &str = "
    UPDATE outbox SET
        state = 2, remote_id = t.remote_id, tracking_id = coalesce(t.tracking_id, outbox.tracking_id), finished_at = $2
    FROM (SELECT value->>0 AS seq, value->>1 AS epoch, value->>2 AS attempt, value->>8 AS remote_id,
                 value->>9 AS tracking_id
          FROM jsonb_each($1) WHERE value->>3 = 2) AS t
    WHERE outbox.seq = t.seq AND outbox.state = 3 AND outbox.cause = 'removed'
      AND outbox.epoch = t.epoch AND outbox.attempt = t.attempt
    RETURNING seq";

/// What [`MARKABLE`] found: number, and which try it will be.
pub(super) type Free = (i64, u32);

/// The numbers of those that leave.
pub(super) fn leaving(free: &[Free]) -> Vec<i64> {
    free.iter().map(|(seq, _)| *seq).collect()
}

/// Who may send now.
pub(super) fn marked(jobs: &[MarkJob], free: Vec<Free>) -> Vec<Vec<Marked>> {
    let mut held: HashMap<i64, u32> = free.into_iter().collect();
    // Taken out of the map, so that of two marks of one row in one batch only the first may send.
    let answers = jobs.iter().map(|job| {
        let rows = job.input.rows.iter();
        rows.filter_map(|&seq| held.remove(&seq.0).map(|attempt| Marked { seq, attempt })).collect()
    });
    answers.collect()
}

/// What records came to.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Whether each counted.
    pub(super) held: Vec<bool>,
    /// Whose deliveries are pending no more.
    pub(super) ended: Vec<BotId>,
    /// Events that came of them: answers of handlers, and of those given up the news. Each with whose it is.
    pub(super) events: Vec<(BotId, EventRow)>,
}

/// How tries ended, before it is known whose marks hold.
#[derive(Debug)]
pub(super) struct Results<'a> {
    jobs: &'a [RecordJob],
    /// One for each delivery, as the statements read it.
    rows: Vec<Row<'a>>,
}

impl<'a> Results<'a> {
    pub(super) fn of(jobs: &'a [RecordJob]) -> Result<Self, Trouble> {
        let mut fences = Fences::with_capacity(jobs.len());
        let mut rows = Vec::with_capacity(jobs.len());
        for Job { input: result, .. } in jobs {
            if fences.is_first(result.seq.0, (result.epoch, result.attempt))? {
                rows.push(row(result));
            }
        }
        Ok(Self { jobs, rows })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// What [`MARKED`] reads.
    pub(super) fn bind<'q>(&self, query: Query<'q>) -> Result<Query<'q>, Trouble> {
        Ok(query.bind(pack::json(&self.rows)?))
    }

    /// Which of them count, now that it is known whose marks hold.
    pub(super) fn decide(self, marked: &str) -> Result<Counted<'a>, Trouble> {
        let whose: HashMap<i64, BotId> = pack::list(marked)?.into_iter().collect();
        let (rows, lost) = self.rows.into_iter().partition(|(seq, ..)| whose.contains_key(&seq.0));
        Ok(Counted { jobs: self.jobs, rows, lost, whose })
    }
}

/// How tries ended, once it is known whose marks hold.
#[derive(Debug)]
pub(super) struct Counted<'a> {
    jobs: &'a [RecordJob],
    rows: Vec<Row<'a>>,
    /// Those whose mark does not hold any more.
    lost: Vec<Row<'a>>,
    /// Whose the others are.
    whose: HashMap<i64, BotId>,
}

impl Counted<'_> {
    /// How many count.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What [`RECORD`] reads.
    pub(super) fn bind<'q>(&self, query: Query<'q>, round: &Round<'_>) -> Result<Query<'q>, Trouble> {
        Ok(query.bind(pack::json(&self.rows)?).bind(round.now.0))
    }

    /// What is left to do for the few that need it, and what all came to.
    pub(super) async fn end(self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Recorded, Trouble> {
        let Self { jobs, rows, lost, whose } = self;
        erase_at_end(tx, round, jobs, &whose).await?;
        let mut recorded = Recorded { events: follow(tx, round, jobs, &whose).await?, ..Recorded::default() };
        let ended = rows.iter().filter(|(_, _, _, state, ..)| *state >= 2);
        recorded.ended.extend(ended.filter_map(|(seq, ..)| whose.get(&seq.0).cloned()));
        let mut seqs: HashSet<i64> = whose.keys().copied().collect();
        if !lost.is_empty() {
            let late: Vec<i64> =
                sqlx::query_scalar(ARRIVED).bind(pack::json(&lost)?).bind(round.now.0).fetch_all(&mut *tx).await?;
            seqs.extend(late);
        }
        for job in jobs {
            let (result, counts) = (&job.input, seqs.remove(&job.input.seq.0));
            recorded.held.push(counts);
            let brings = !result.sent.is_empty() || result.failure.is_some();
            if let Some(bot) = whose.get(&result.seq.0).filter(|_| counts && brings)
                && let Some(event) = sent::apply(tx, round, bot, result).await?
            {
                recorded.events.push((bot.clone(), event));
            }
        }
        Ok(recorded)
    }
}

/// Accepts what follows from those that held.
async fn follow(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[RecordJob],
    held: &HashMap<i64, BotId>,
) -> Result<Vec<(BotId, EventRow)>, Trouble> {
    if jobs.iter().all(|job| job.input.then.is_empty()) {
        return Ok(Vec::new());
    }
    let mut held: HashSet<i64> = held.keys().copied().collect();
    // Taken out, so that of two records of one mark in one batch only the first brings its events.
    let counted = jobs.iter().filter(|job| held.remove(&job.input.seq.0));
    let mut keys = HashSet::new();
    let events: Vec<&NewEvent> = counted
        .flat_map(|job| &job.input.then)
        .filter(|event| round.book.knows(&event.bot) && !round.book.is_retired(&event.bot))
        .filter(|event| keys.insert((&event.bot, &event.dedupe_key)))
        .collect();
    let seqs = accept::insert(tx, round, &events).await?;
    let rows = events.into_iter().zip(seqs).filter_map(|(event, seq)| {
        let row = EventRow {
            seq: seq?,
            id: event.id,
            order_key: event.order_key.clone(),
            class: event.class,
            attempt: 0,
            accepted_at: round.now,
            payload: event.payload.clone(),
        };
        Some((event.bot.clone(), row))
    });
    Ok(rows.collect())
}

/// Of those that held, what must not be kept at all.
async fn erase_at_end(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[RecordJob],
    held: &HashMap<i64, BotId>,
) -> Result<(), Trouble> {
    if round.erase == EraseAtEnd::default() {
        return Ok(());
    }
    let goes = |job: &&RecordJob| match job.input.outcome {
        DeliveryOutcome::Sent { .. } | DeliveryOutcome::Skipped | DeliveryOutcome::Needless { .. } => {
            round.erase.content
        }
        DeliveryOutcome::Failed { .. } => round.erase.dead_content,
        DeliveryOutcome::Retry { .. } => false,
    };
    let seqs: Vec<i64> =
        jobs.iter().filter(goes).map(|job| job.input.seq.0).filter(|seq| held.contains_key(seq)).collect();
    erase::deliveries(tx, round, &seqs).await.map(drop)
}

/// A result as `MARKED`, `RECORD` and `ARRIVED` read it.
type Row<'a> =
    (Seq, Epoch, u32, u8, u8, Option<Millis>, Option<&'a str>, Option<Cause>, Option<&'a str>, Option<&'a str>, u8);

fn row(result: &DeliveryResult) -> Row<'_> {
    let (mut free, mut due, mut reason, mut cause, mut remote) = (false, None, None, None, None);
    let state = match &result.outcome {
        DeliveryOutcome::Retry { at, reason: why, counts } => {
            (free, due, reason) = (!counts, Some(*at), Some(why.as_str()));
            0
        }
        DeliveryOutcome::Sent { remote_id } => {
            remote = remote_id.as_deref();
            2
        }
        DeliveryOutcome::Failed { reason: why } => {
            (reason, cause) = (Some(why.text.as_str()), Some(why.cause));
            3
        }
        DeliveryOutcome::Skipped => 4,
        DeliveryOutcome::Needless { reason: why } => {
            reason = Some(why.as_str());
            4
        }
    };
    let (tracking, doubtful) = (result.tracking_id.as_deref(), result.doubtful.into());
    let DeliveryResult { seq, epoch, attempt, .. } = *result;
    (seq, epoch, attempt, state, free.into(), due, reason, cause, remote, tracking, doubtful)
}
