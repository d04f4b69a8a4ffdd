//! Claims and releases of a batch. The order rule and the fence are in the statements: whatever a caller's cache
//! says, an event behind another of its key, or of a bot with a newer lease, is not given out.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{fence::Fences, pack};
use crate::{
    base::{BotId, Seq},
    store::{
        Claimed,
        sqlite::{
            engine::Trouble,
            request::{ClaimJob, Hold, Job, ReleaseJob},
        },
    },
};

/// Which of the events may be claimed, and as what: number, attempt, doubts, and 0 for those under suspicion, which are
/// not held.
pub(super) const CLAIMABLE: &str = "
    SELECT json_group_array(json_array(
        inbox.seq, inbox.attempt + 1, inbox.doubts + (inbox.state = 1),
        t.suspects OR inbox.doubts + (inbox.state = 1) <> $2))
    FROM (
        SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch, value->>3 AS suspects FROM jsonb_each($1)
    ) AS t
    JOIN bots AS b ON b.bot = t.bot AND b.epoch = t.epoch
    JOIN inbox ON inbox.seq = t.seq AND inbox.bot = t.bot
    WHERE inbox.finished_at IS NULL AND (inbox.state = 0 OR inbox.epoch < t.epoch)
      AND NOT EXISTS (
        SELECT 1 FROM inbox AS p
        WHERE p.bot = inbox.bot AND p.order_key = inbox.order_key AND p.seq < inbox.seq AND p.finished_at IS NULL)";

/// Claims events that may be; `$3`: 1 to hold them, 0 only to note that a claim of theirs was left behind.
pub(super) const CLAIM: &str = "
    UPDATE OR ROLLBACK inbox SET
        state = $3, attempt = attempt + $3, doubts = doubts + (state = 1),
        epoch = (SELECT b.epoch FROM bots AS b WHERE b.bot = inbox.bot), claimed_at = $2
    WHERE seq IN (SELECT value FROM jsonb_each($1))";

/// Fenced by the row alone: a claim that nobody took over is given back even by an incarnation that was replaced
/// meanwhile, so that its clean stop is not counted as a doubt.
pub(super) const RELEASE: &str = "
    UPDATE inbox SET state = 0, attempt = attempt - 1
    FROM (SELECT value->>0 AS seq, value->>1 AS bot, value->>2 AS epoch FROM jsonb_each($1)) AS t
    WHERE inbox.seq = t.seq AND inbox.bot = t.bot AND inbox.finished_at IS NULL
      AND inbox.state = 1 AND inbox.epoch = t.epoch";

/// What [`CLAIMABLE`] found: number, attempt, doubts, and 1 where it is held.
pub(super) type Free = (i64, u32, u32, u8);

/// The numbers of those that are held, and of those under suspicion.
pub(super) fn claimed(free: &[Free]) -> (Vec<i64>, Vec<i64>) {
    let (held, suspects): (Vec<&Free>, Vec<&Free>) = free.iter().partition(|row| row.3 == 1);
    let seqs = |rows: Vec<&Free>| rows.into_iter().map(|row| row.0).collect();
    (seqs(held), seqs(suspects))
}

/// What each is answered.
pub(super) fn told(jobs: &[ClaimJob], free: Vec<Free>) -> Vec<Vec<Claimed>> {
    let claimed = |(seq, attempt, doubts, hold)| (seq, (Claimed { seq: Seq(seq), attempt, doubts }, hold == 1));
    let mut told: HashMap<i64, (Claimed, bool)> = free.into_iter().map(claimed).collect();
    let answers = jobs.iter().map(|job| {
        let rows = job.input.hold.rows.iter();
        rows.filter_map(|seq| match told.get(&seq.0).copied()? {
            // Taken out, so that of two claims for one row in one batch only the first has it.
            (claimed, true) => told.remove(&seq.0).map(|_| claimed),
            (claimed, false) => Some(claimed),
        })
        .collect()
    });
    answers.collect()
}

/// Gives claims back.
pub(super) async fn release(tx: &mut SqliteConnection, jobs: &[ReleaseJob]) -> Result<(), Trouble> {
    let wanted = wanted(jobs)?;
    if !wanted.is_empty() {
        sqlx::query(RELEASE).bind(pack::json(&wanted)?).execute(tx).await?;
    }
    Ok(())
}

/// What is claimed, each with its lease and whether suspects are wanted too.
pub(super) fn claims(jobs: &[ClaimJob]) -> Result<Vec<Wanted<'_, bool>>, Trouble> {
    told_apart(jobs.iter().map(|job| (&job.input.hold, job.input.suspects)))
}

/// A row, the lease it is asked for under, and what the request says besides.
pub(super) type Wanted<'a, T> = (i64, &'a BotId, i64, T);

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
