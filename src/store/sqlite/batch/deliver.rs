//! Marks and records of a batch: a send is written down before it leaves, and how it ended afterwards.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::{
    Round,
    claim::{count, wanted},
    fence::Fences,
    pack, sent,
};
use crate::{
    base::{BotId, Epoch, Millis, Seq},
    store::{
        Cause, DeliveryOutcome, DeliveryResult, EraseAtEnd, EventRow, Marked,
        sqlite::{
            change::erase,
            engine::Trouble,
            request::{Job, MarkJob, RecordJob},
        },
    },
};

pub(super) const MARK: &str = "
    UPDATE OR ROLLBACK outbox SET
        state = 1, attempt = attempt + 1, doubtful = max(doubtful, state = 1), epoch = t.epoch, marked_at = $2
    FROM (SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch FROM jsonb_each($1)) AS t
    JOIN bots AS b ON b.bot = t.bot AND b.epoch = t.epoch
    WHERE outbox.seq = t.seq AND outbox.bot = t.bot AND outbox.finished_at IS NULL
      AND (outbox.state = 0 OR outbox.epoch < t.epoch)
      AND NOT EXISTS (
        SELECT 1 FROM outbox AS p
        WHERE p.bot = outbox.bot AND p.order_key = outbox.order_key AND p.seq < outbox.seq
          AND p.finished_at IS NULL)
    RETURNING seq, attempt";

/// Fenced by the mark, not by the newest lease: what is known to have been sent counts, whoever sent it.
pub(super) const RECORD: &str = "
    UPDATE OR ROLLBACK outbox SET
        state = t.state, attempt = outbox.attempt - t.free, due_at = coalesce(t.due_at, outbox.due_at),
        reason = coalesce(t.reason, outbox.reason), cause = coalesce(t.cause, outbox.cause),
        doubtful = max(outbox.doubtful, t.doubtful), remote_id = t.remote_id,
        tracking_id = coalesce(t.tracking_id, outbox.tracking_id),
        finished_at = CASE WHEN t.state >= 2 THEN $2 END
    FROM (SELECT value->>0 AS seq, value->>1 AS epoch, value->>2 AS attempt, value->>3 AS state, value->>4 AS free,
                 value->>5 AS due_at, value->>6 AS reason, value->>7 AS cause, value->>8 AS remote_id,
                 value->>9 AS tracking_id, value->>10 AS doubtful
          FROM jsonb_each($1)) AS t
    WHERE outbox.seq = t.seq AND outbox.state = 1 AND outbox.epoch = t.epoch AND outbox.attempt = t.attempt
    RETURNING seq, bot, finished_at IS NOT NULL";

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

/// Who may send now.
pub(super) async fn mark(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[MarkJob],
) -> Result<Vec<Vec<Marked>>, Trouble> {
    let wanted = wanted(jobs)?;
    if wanted.is_empty() {
        return Ok(jobs.iter().map(|_| Vec::new()).collect());
    }
    let held: Vec<(i64, i64)> = sqlx::query_as(MARK).bind(pack::json(&wanted)?).bind(round.now.0).fetch_all(tx).await?;
    let mut held: HashMap<i64, u32> = held.into_iter().map(|(seq, attempt)| (seq, count(attempt))).collect();
    // Taken out of the map, so that of two marks of one row in one batch only the first may send.
    let answers = jobs.iter().map(|job| {
        let rows = job.input.rows.iter();
        rows.filter_map(|&seq| held.remove(&seq.0).map(|attempt| Marked { seq, attempt })).collect()
    });
    Ok(answers.collect())
}

/// What records came to.
#[derive(Debug, Default)]
pub(super) struct Recorded {
    /// Whether each counted.
    pub(super) held: Vec<bool>,
    /// Whose deliveries are pending no more.
    pub(super) ended: Vec<BotId>,
    /// Events that came of those given up, and whose.
    pub(super) events: Vec<(BotId, EventRow)>,
}

/// How tries ended.
pub(super) async fn record(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[RecordJob],
) -> Result<Recorded, Trouble> {
    if jobs.is_empty() {
        return Ok(Recorded::default());
    }
    let mut fences = Fences::with_capacity(jobs.len());
    let mut rows = Vec::with_capacity(jobs.len());
    for Job { input: result, .. } in jobs {
        if fences.is_first(result.seq.0, (result.epoch, result.attempt))? {
            rows.push(row(result));
        }
    }
    let held: Vec<(i64, String, bool)> =
        sqlx::query_as(RECORD).bind(pack::json(&rows)?).bind(round.now.0).fetch_all(&mut *tx).await?;
    erase_at_end(tx, round, jobs, &held).await?;
    let mut recorded = Recorded::default();
    let whose: HashMap<i64, BotId> =
        held.iter().filter_map(|(seq, bot, _)| Some((*seq, BotId::parse(bot).ok()?))).collect();
    let mut seqs = HashSet::with_capacity(held.len());
    if held.len() < rows.len() {
        let late: Vec<i64> =
            sqlx::query_scalar(ARRIVED).bind(pack::json(&rows)?).bind(round.now.0).fetch_all(&mut *tx).await?;
        seqs.extend(late);
    }
    for (seq, bot, ended) in held {
        seqs.insert(seq);
        if ended && let Ok(bot) = BotId::parse(&bot) {
            recorded.ended.push(bot);
        }
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

/// Of those that held, what must not be kept at all.
async fn erase_at_end(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[RecordJob],
    held: &[(i64, String, bool)],
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
    let held: HashSet<i64> = held.iter().map(|(seq, ..)| *seq).collect();
    let seqs: Vec<i64> = jobs.iter().filter(goes).map(|job| job.input.seq.0).filter(|seq| held.contains(seq)).collect();
    erase::deliveries(tx, round, &seqs).await.map(drop)
}

/// What `RECORD` reads of a result, in its order.
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
