//! Ends of turns. First it is found out whose claims still hold; those events are finished, all in one statement, and
//! state, dialogue, deliveries and timers are written for them alone.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{
    Round,
    fence::Fences,
    memory::{Applied, Memory},
    pack::{self, Heap},
};
use crate::{
    base::{BotId, EventId, Seq},
    store::{
        StoreError, TurnAnswer, TurnCommit, TurnOutcome, key_mark,
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

/// For the few whose state conflicts: as if they had not been finished.
pub(super) const REOPEN: &str = "
    UPDATE inbox SET state = 1, finished_at = NULL, record = NULL
    WHERE seq IN (SELECT value FROM jsonb_each($1))";

const PROMISE: &str = "
    INSERT OR ROLLBACK INTO outbox
        (public_id, event, bot, order_key, class, due_at, created_at, payload, key_mark, lane)
    SELECT substr($2, value->>0, 16), substr($2, value->>0 + 16, 16), value->>1, value->>2, value->>3, value->>4, $3,
           substr($2, value->>5, value->>6), value->>7, value->>8
    FROM jsonb_each($1)";

/// What waits for its turn and would be overwritten at once is not sent: the newest of a key says it all. What is on
/// its way, or may have been sent, stays as it is.
pub(super) const DISPLACE: &str = "
    UPDATE OR ROLLBACK outbox SET state = 4, finished_at = $2, reason = 'a newer message of its key took its place'
    WHERE seq IN (
        SELECT o.seq FROM jsonb_each($1) AS t
        JOIN outbox AS o ON o.bot = t.value->>0 AND o.order_key = t.value->>1 AND o.seq < t.value->>3
        WHERE o.finished_at IS NULL AND o.state = 0 AND o.doubtful = 0 AND o.key_mark = t.value->>2)
    RETURNING seq, bot";

/// As if a former life had marked them and not said how it ended: that is doubt, and the bot's policy decides.
const DOUBT: &str = "
    UPDATE OR ROLLBACK outbox SET
        state = 1, doubtful = 1, epoch = (SELECT b.epoch - 1 FROM bots AS b WHERE b.bot = outbox.bot)
    WHERE seq IN (SELECT value FROM jsonb_each($1))";

const SET_TIMERS: &str = "
    INSERT INTO timers (bot, name, due_at, order_key, created_at, payload)
    SELECT value->>0, value->>1, value->>2, value->>3, $3, substr($2, value->>4, value->>5)
    FROM jsonb_each($1) WHERE true
    ON CONFLICT (bot, name) DO UPDATE SET
        due_at = excluded.due_at, order_key = excluded.order_key, payload = excluded.payload,
        created_at = excluded.created_at";

const CANCEL_TIMERS: &str = "
    DELETE FROM timers WHERE (bot, name) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))";

/// What the turns of a batch came to.
#[derive(Debug, Default)]
pub(super) struct Turns {
    /// In the order of the jobs.
    pub(super) answers: Vec<Result<TurnAnswer, StoreError>>,
    /// For each job, what its deliveries need to be handed along: the event's id, the number of the first.
    pub(super) promised: Vec<Option<(EventId, Seq)>>,
    /// Deliveries that a newer one took the place of, and whose they were.
    pub(super) displaced: HashMap<i64, BotId>,
}

pub(super) async fn run(tx: &mut SqliteConnection, round: &Round<'_>, jobs: &[TurnJob]) -> Result<Turns, Trouble> {
    if jobs.is_empty() {
        return Ok(Turns::default());
    }
    let mut answers: Vec<_> = jobs.iter().map(|job| check(&job.input).map(|()| TurnAnswer::Fenced)).collect();
    let able: Vec<usize> = (0..jobs.len()).filter(|&i| answers[i].is_ok()).collect();
    let mut ids = finish(tx, round, able.iter().map(|&i| &jobs[i].input)).await?;

    // Taken out of the map, so that of two ends of one turn in one batch only the first counts.
    let held: Vec<(usize, EventId)> =
        able.into_iter().filter_map(|i| ids.remove(&jobs[i].input.event.0).map(|id| (i, id))).collect();
    let mut memory = Memory::load(tx, held.iter().map(|&(i, _)| &jobs[i].input)).await?;
    let mut committed = Vec::with_capacity(held.len());
    let mut reopened = Vec::new();
    for (i, id) in held {
        let turn = &jobs[i].input;
        answers[i] = match memory.apply(turn, round.now, round.keys_per_bot) {
            Applied::Yes => {
                committed.push((i, id));
                Ok(TurnAnswer::Committed)
            }
            Applied::Conflict => Ok(TurnAnswer::Conflict),
            Applied::Refused(why) => Err(StoreError::Refused(why)),
        };
        if !matches!(answers[i], Ok(TurnAnswer::Committed)) {
            reopened.push(turn.event);
        }
    }
    if !reopened.is_empty() {
        sqlx::query(REOPEN).bind(pack::json(&reopened)?).execute(&mut *tx).await?;
    }
    memory.save(tx).await?;
    erase_at_end(tx, round, committed.iter().map(|&(i, _)| &jobs[i].input)).await?;
    let (promised, displaced) = promise(tx, round, jobs, &committed).await?;
    set_timers(tx, round, committed.iter().map(|&(i, _)| &jobs[i].input)).await?;
    Ok(Turns { answers, promised, displaced })
}

/// A statement of its own, and after the conflicts: an event that is handled again needs what it says.
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

/// Ends the events whose claim still holds; answers their numbers and public ids.
async fn finish(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    turns: impl Iterator<Item = &TurnCommit>,
) -> Result<HashMap<i64, EventId>, Trouble> {
    let mut fences = Fences::with_capacity(turns.size_hint().0);
    let (mut claims, mut ends) = (Vec::new(), Vec::new());
    for turn in turns {
        if !fences.is_first(turn.event.0, (&turn.lease, turn.attempt))? {
            continue;
        }
        let (state, due, reason, cause) = match &turn.outcome {
            TurnOutcome::Finished => (2, None, None, None),
            TurnOutcome::Retry { at, reason } => (0, Some(at), Some(reason), None),
            TurnOutcome::Buried { reason } => (3, None, Some(&reason.text), Some(reason.cause)),
        };
        claims.push((turn.event, &turn.lease.bot, turn.lease.epoch, turn.attempt));
        ends.push((turn.event, state, due, reason, cause, &turn.record));
    }
    if claims.is_empty() {
        return Ok(HashMap::new());
    }
    let held: String = sqlx::query_scalar(HELD).bind(pack::json(&claims)?).fetch_one(&mut *tx).await?;
    let held: HashMap<i64, EventId> = pack::list(&held)?.into_iter().collect();
    ends.retain(|(event, ..)| held.contains_key(&event.0));
    if !ends.is_empty() {
        sqlx::query(FINISH).bind(pack::json(&ends)?).bind(round.now.0).execute(tx).await?;
    }
    Ok(held)
}

/// For each job the event's id and the number of its first delivery.
type Promised = Vec<Option<(EventId, Seq)>>;

async fn promise(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    jobs: &[TurnJob],
    committed: &[(usize, EventId)],
) -> Result<(Promised, HashMap<i64, BotId>), Trouble> {
    let mut heap = Heap::default();
    let mut rows = Vec::new();
    for &(i, event) in committed {
        let turn = &jobs[i].input;
        for delivery in &turn.deliveries {
            let (ids, _) = heap.put(delivery.id.0.as_bytes());
            heap.put(event.0.as_bytes());
            let (at, len) = heap.put(&delivery.payload);
            let mark = delivery.takes_place.as_deref().map(key_mark);
            rows.push((
                ids,
                &turn.lease.bot,
                &delivery.order_key,
                delivery.class as i64,
                delivery.due_at,
                at,
                len,
                mark,
                delivery.lane as i64,
            ));
        }
    }
    let mut promised = vec![None; jobs.len()];
    if rows.is_empty() {
        return Ok((promised, HashMap::new()));
    }
    let promise = sqlx::query(PROMISE).bind(pack::json(&rows)?).bind(heap.into_bytes()).bind(round.now.0);
    let done = promise.execute(&mut *tx).await?;
    let (mut index, mut doubtful) = (0, Vec::new());
    for &(i, event) in committed {
        let deliveries = jobs[i].input.deliveries.len();
        if deliveries > 0 {
            let first = pack::seq_of(done.last_insert_rowid(), rows.len(), index);
            promised[i] = Some((event, Seq(first)));
            if round.book.is_restored(jobs[i].input.event) {
                doubtful.extend((first..).take(deliveries));
            }
        }
        index += deliveries;
    }
    if !doubtful.is_empty() {
        sqlx::query(DOUBT).bind(pack::json(&doubtful)?).execute(&mut *tx).await?;
    }
    let first = pack::seq_of(done.last_insert_rowid(), rows.len(), 0);
    let named = (first..).zip(&rows).filter_map(|(seq, (_, bot, order_key, .., mark, _lane))| {
        mark.as_ref().map(|mark| (*bot, *order_key, mark, seq))
    });
    let displaced = displace(tx, round, &named.collect::<Vec<_>>()).await?;
    Ok((promised, displaced))
}

/// Whose place the new ones take: bot, destination, mark of the key, number of the new one.
async fn displace(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    named: &[(&BotId, &String, &String, i64)],
) -> Result<HashMap<i64, BotId>, Trouble> {
    if named.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<(i64, String)> =
        sqlx::query_as(DISPLACE).bind(pack::json(named)?).bind(round.now.0).fetch_all(&mut *tx).await?;
    if round.erase.content {
        let seqs: Vec<i64> = rows.iter().map(|(seq, _)| *seq).collect();
        erase::deliveries(tx, round, &seqs).await?;
    }
    Ok(rows.into_iter().filter_map(|(seq, bot)| Some((seq, BotId::parse(&bot).ok()?))).collect())
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
