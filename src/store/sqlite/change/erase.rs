//! Erases content: what retention no longer keeps, a few hundred rows a step, and what an ended event or delivery
//! must not keep at all. A row whose content is gone says since when.

use sqlx::SqliteConnection;

use super::{Change, Stop};
use crate::store::{
    Erased, Retention,
    sqlite::{
        batch::{self, Round},
        engine::Trouble,
    },
};

/// Rows that one call erases of one part: each is read and written whole, about 10 ms for all parts.
const STEP: i64 = 250;

/// The guard of both: pending rows are never touched. Reasons go too: some are the words of others.
const EVENTS: &str = "
    UPDATE inbox SET payload = x'', envelope = NULL, reason = NULL, erased_at = $2
    WHERE seq IN (SELECT value FROM jsonb_each($1)) AND finished_at IS NOT NULL AND erased_at IS NULL";
const DELIVERIES: &str = "
    UPDATE outbox SET payload = x'', reason = NULL, erased_at = $2
    WHERE seq IN (SELECT value FROM jsonb_each($1)) AND finished_at IS NOT NULL AND erased_at IS NULL";

/// What ended after a place, oldest first.
macro_rules! done {
    ($table:literal) => {
        concat!(
            "SELECT finished_at, seq FROM ",
            $table,
            " WHERE state = $1 AND finished_at IS NOT NULL AND finished_at < $2
                AND finished_at >= $3 AND (finished_at > $3 OR seq > $4)
              ORDER BY finished_at, seq LIMIT +$5"
        )
    };
}

const EVENTS_DONE: &str = done!("inbox");
const DELIVERIES_DONE: &str = done!("outbox");

const ANSWERS: &str = "
    SELECT d.seq FROM jsonb_each($1) AS t
    JOIN inbox AS e ON e.seq = t.value
    JOIN outbox AS d ON d.event = e.public_id
    WHERE d.finished_at IS NOT NULL AND d.erased_at IS NULL";

const CONTEXTS: &str = "
    UPDATE sent SET context = NULL, key = NULL
    WHERE delivery IN (
        SELECT d.public_id FROM jsonb_each($1) AS t
        JOIN inbox AS e ON e.seq = t.value
        JOIN outbox AS d ON d.event = e.public_id)";

const FAMILY: &str = "
    WITH RECURSIVE family (seq, id) AS (
        SELECT e.seq, e.public_id FROM jsonb_each($1) AS t JOIN inbox AS e ON e.seq = t.value
        UNION
        SELECT a.seq, a.public_id FROM family AS f
        JOIN outbox AS d ON d.event = f.id AND d.lane = 1
        JOIN inbox AS a ON a.answers = d.public_id)
    SELECT seq FROM family";

const LATER: &str = "
    SELECT l.seq, e.seq FROM erase_later AS l LEFT JOIN inbox AS e ON e.public_id = l.event
    WHERE l.seq > $1 ORDER BY l.seq LIMIT +$2";

const OVER: &str = "
    DELETE FROM erase_later
    WHERE seq IN (SELECT value FROM jsonb_each($1)) AND NOT EXISTS (
        SELECT 1 FROM inbox AS e
        WHERE e.public_id = erase_later.event AND (e.finished_at IS NULL
            OR EXISTS (SELECT 1 FROM outbox AS d WHERE d.event = e.public_id AND d.finished_at IS NULL)))";

/// For the test of their plans: a pass comes every minute, and must not walk what it passed before.
#[cfg(test)]
pub(in super::super) const PASSES: &[&str] =
    &[EVENTS, DELIVERIES, EVENTS_DONE, DELIVERIES_DONE, ANSWERS, CONTEXTS, FAMILY, LATER, OVER];

/// Erases the content of those of these events that are over.
pub(in super::super) async fn events(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    seqs: &[i64],
) -> Result<u64, Trouble> {
    run(tx, round, seqs, EVENTS).await
}

/// Erases the texts of those of these deliveries that are over.
pub(in super::super) async fn deliveries(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    seqs: &[i64],
) -> Result<u64, Trouble> {
    run(tx, round, seqs, DELIVERIES).await
}

async fn run(tx: &mut SqliteConnection, round: &Round<'_>, seqs: &[i64], text: &'static str) -> Result<u64, Trouble> {
    if seqs.is_empty() {
        return Ok(0);
    }
    let done = sqlx::query(text).bind(batch::json(seqs)?).bind(round.now.0).execute(tx).await?;
    Ok(done.rows_affected())
}

/// Erases the texts of what was promised by these events and is over, and what its cards were given along.
pub(in super::super) async fn answers(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[i64],
) -> Result<u64, Trouble> {
    let seqs: Vec<i64> = sqlx::query_scalar(ANSWERS).bind(batch::json(events)?).fetch_all(&mut *tx).await?;
    // What a card was given along may be made of what was said. Then it is as if nothing had been given.
    sqlx::query(CONTEXTS).bind(batch::json(events)?).execute(&mut *tx).await?;
    deliveries(tx, round, &seqs).await
}

/// These events, what handlers answered to their calls, to the calls of those answers, and so on.
pub(in super::super) async fn family(tx: &mut SqliteConnection, events: &[i64]) -> Result<Vec<i64>, Trouble> {
    Ok(sqlx::query_scalar(FAMILY).bind(batch::json(events)?).fetch_all(tx).await?)
}

/// Puts down that what these events still need is erased when they do not need it any more: the event itself while
/// it is in a turn, its deliveries while they are on their way. Answers how many there are.
pub(in super::super) async fn later(tx: &mut SqliteConnection, events: &[i64]) -> Result<u64, Trouble> {
    let done = sqlx::query(
        "INSERT INTO erase_later (event, bot)
         SELECT e.public_id, e.bot FROM jsonb_each($1) AS t
         JOIN inbox AS e ON e.seq = t.value
         WHERE e.finished_at IS NULL
            OR EXISTS (SELECT 1 FROM outbox AS d WHERE d.event = e.public_id AND d.finished_at IS NULL)
         ON CONFLICT (event) DO UPDATE SET bot = excluded.bot",
    )
    .bind(batch::json(events)?)
    .execute(tx)
    .await?;
    Ok(done.rows_affected())
}

/// Erases what retention does not keep.
pub(in super::super) struct Erase(pub(in super::super) Retention);

impl Change for Erase {
    type Answer = Erased;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Erased, Stop> {
        let Retention { content_before, dead_content_before, .. } = self.0;
        let parts = [
            Part { name: "inbox 2", is_event: true, state: 2, before: content_before.0 },
            Part { name: "inbox 3", is_event: true, state: 3, before: dead_content_before.0 },
            Part { name: "outbox 2", is_event: false, state: 2, before: content_before.0 },
            Part { name: "outbox 3", is_event: false, state: 3, before: dead_content_before.0 },
            Part { name: "outbox 4", is_event: false, state: 4, before: content_before.0 },
        ];
        let mut erased = Erased::default();
        for part in parts {
            part.step(tx, round, &mut erased).await?;
        }
        overdue(tx, round, &mut erased).await?;
        Ok(erased)
    }
}

/// One table and state.
#[derive(Debug, Clone, Copy)]
struct Part {
    name: &'static str,
    is_event: bool,
    state: i64,
    before: i64,
}

impl Part {
    /// Goes on where the last step ended.
    async fn step(self, tx: &mut SqliteConnection, round: &Round<'_>, erased: &mut Erased) -> Result<(), Stop> {
        let (mut at, mut seq) = reached(tx, self.name).await?;
        // It stands beyond what may be erased: the clock was set back, or content is now to be kept for longer. What
        // ended since then is before it, so it goes back to the beginning, once: rows erased already cost a look.
        if at > self.before {
            (at, seq) = (0, 0);
        }
        let rows: Vec<(i64, i64)> = sqlx::query_as(if self.is_event { EVENTS_DONE } else { DELIVERIES_DONE })
            .bind(self.state)
            .bind(self.before)
            .bind(at)
            .bind(seq)
            .bind(STEP)
            .fetch_all(&mut *tx)
            .await?;
        let Some(&(last_at, last_seq)) = rows.last() else { return Ok(()) };
        let seqs: Vec<i64> = rows.iter().map(|&(_, seq)| seq).collect();
        erased.rows +=
            if self.is_event { events(tx, round, &seqs).await? } else { deliveries(tx, round, &seqs).await? };
        erased.more |= whole(rows.len());
        reach(tx, self.name, last_at, last_seq).await
    }
}

/// Erases what had to wait. All of it in turn, because what waits for a bot that is kept down stays in the list.
async fn overdue(tx: &mut SqliteConnection, round: &Round<'_>, erased: &mut Erased) -> Result<(), Stop> {
    const PART: &str = "later";
    let (_, after) = reached(tx, PART).await?;
    let rows: Vec<(i64, Option<i64>)> = sqlx::query_as(LATER).bind(after).bind(STEP).fetch_all(&mut *tx).await?;
    if rows.is_empty() && after == 0 {
        return Ok(());
    }
    let seqs: Vec<i64> = rows.iter().filter_map(|&(_, event)| event).collect();
    // A call that was on its way may have been answered meanwhile: with its end, in one commit.
    let family = family(tx, &seqs).await?;
    erased.rows += events(tx, round, &family).await? + answers(tx, round, &family).await?;
    later(tx, &family).await?;
    let places: Vec<i64> = rows.iter().map(|&(place, _)| place).collect();
    sqlx::query(OVER).bind(batch::json(&places)?).execute(&mut *tx).await?;
    let whole_step = whole(rows.len());
    erased.more |= whole_step;
    let next = places.last().filter(|_| whole_step).copied().unwrap_or_default();
    reach(tx, PART, 0, next).await
}

/// Whether a step was as long as it may be: then there may be more.
fn whole(rows: usize) -> bool {
    i64::try_from(rows).unwrap_or(i64::MAX) >= STEP
}

async fn reached(tx: &mut SqliteConnection, part: &str) -> Result<(i64, i64), Stop> {
    let found = sqlx::query_as("SELECT finished_at, seq FROM erased_to WHERE part = $1").bind(part);
    Ok(found.fetch_optional(tx).await?.unwrap_or_default())
}

async fn reach(tx: &mut SqliteConnection, part: &str, finished_at: i64, seq: i64) -> Result<(), Stop> {
    sqlx::query(
        "INSERT INTO erased_to (part, finished_at, seq) VALUES ($1, $2, $3)
         ON CONFLICT (part) DO UPDATE SET finished_at = excluded.finished_at, seq = excluded.seq",
    )
    .bind(part)
    .bind(finished_at)
    .bind(seq)
    .execute(tx)
    .await?;
    Ok(())
}
