//! Claims and releases of a batch. The order rule and the fence are in the statement: whatever a caller's cache
//! says, an event behind another of its key, or of a bot with a newer lease, is not given out.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{Round, fence::Fences, pack};
use crate::{
    base::{BotId, Seq},
    store::{
        Claimed, SUSPECT,
        sqlite::{
            engine::Trouble,
            request::{ClaimJob, Hold, Job, ReleaseJob},
        },
    },
};

pub(super) const CLAIM: &str = "
    UPDATE OR ROLLBACK inbox SET
        state = (t.suspects OR doubts + (state = 1) <> $3),
        attempt = attempt + (t.suspects OR doubts + (state = 1) <> $3),
        doubts = doubts + (state = 1), epoch = t.epoch, claimed_at = $2
    FROM (
        SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch, value->>3 AS suspects FROM jsonb_each($1)
    ) AS t
    JOIN bots AS b ON b.bot = t.bot AND b.epoch = t.epoch
    WHERE inbox.seq = t.seq AND inbox.bot = t.bot AND inbox.finished_at IS NULL
      AND (inbox.state = 0 OR inbox.epoch < t.epoch)
      AND NOT EXISTS (
        SELECT 1 FROM inbox AS p
        WHERE p.bot = inbox.bot AND p.order_key = inbox.order_key AND p.seq < inbox.seq AND p.finished_at IS NULL)
    RETURNING seq, attempt + (state = 0), doubts, state = 1";

/// Fenced by the row alone: a claim that nobody took over is given back even by an incarnation that was replaced
/// meanwhile, so that its clean stop is not counted as a doubt.
pub(super) const RELEASE: &str = "
    UPDATE inbox SET state = 0, attempt = attempt - 1
    FROM (SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch FROM jsonb_each($1)) AS t
    WHERE inbox.seq = t.seq AND inbox.bot = t.bot AND inbox.finished_at IS NULL
      AND inbox.state = 1 AND inbox.epoch = t.epoch";

pub(super) async fn run(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[ClaimJob],
) -> Result<Vec<Vec<Claimed>>, Trouble> {
    let holds = jobs.iter().map(|job| (&job.input.hold, job.input.suspects));
    let wanted = told_apart(holds)?;
    if wanted.is_empty() {
        return Ok(jobs.iter().map(|_| Vec::new()).collect());
    }
    let told: Vec<(i64, i64, i64, bool)> =
        sqlx::query_as(CLAIM).bind(pack::json(&wanted)?).bind(round.now.0).bind(SUSPECT).fetch_all(tx).await?;
    let mut told: HashMap<i64, (Claimed, bool)> = told
        .into_iter()
        .map(|(seq, attempt, doubts, held)| {
            (seq, (Claimed { seq: Seq(seq), attempt: count(attempt), doubts: count(doubts) }, held))
        })
        .collect();
    let answers = jobs.iter().map(|job| {
        let rows = job.input.hold.rows.iter();
        rows.filter_map(|seq| match told.get(&seq.0).copied()? {
            // Taken out, so that of two claims for one row in one batch only the first has it.
            (claimed, true) => told.remove(&seq.0).map(|_| claimed),
            (claimed, false) => Some(claimed),
        })
        .collect()
    });
    Ok(answers.collect())
}

pub(super) async fn release(tx: &mut SqliteConnection, jobs: &[ReleaseJob]) -> Result<(), Trouble> {
    let wanted = wanted(jobs)?;
    if !wanted.is_empty() {
        sqlx::query(RELEASE).bind(pack::json(&wanted)?).execute(tx).await?;
    }
    Ok(())
}

/// A row, the lease it is asked for under, and what the request says besides.
type Wanted<'a, T> = (i64, &'a BotId, i64, T);

/// Every row with the lease it is asked for under.
pub(super) fn wanted<O>(jobs: &[Job<Hold, O>]) -> Result<Vec<Wanted<'_, ()>>, Trouble> {
    told_apart(jobs.iter().map(|job| (&job.input, ())))
}

fn told_apart<'a, T: PartialEq + Copy>(
    holds: impl Iterator<Item = (&'a Hold, T)> + Clone,
) -> Result<Vec<Wanted<'a, T>>, Trouble> {
    let count = holds.clone().map(|(hold, _)| hold.rows.len()).sum();
    let mut fences = Fences::with_capacity(count);
    let mut wanted = Vec::with_capacity(count);
    for (Hold { lease, rows }, more) in holds {
        for seq in rows {
            if fences.is_first(seq.0, (lease, more))? {
                wanted.push((seq.0, &lease.bot, lease.epoch.0, more));
            }
        }
    }
    Ok(wanted)
}

/// A counter of the database in the width we use; it never gets near the end.
pub(super) fn count(column: i64) -> u32 {
    u32::try_from(column).unwrap_or(if column < 0 { 0 } else { u32::MAX })
}
