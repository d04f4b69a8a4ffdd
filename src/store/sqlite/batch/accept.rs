//! Accepts of a batch: one INSERT into `seen`, which says who is new, and one into the inbox.

use std::collections::{HashMap, HashSet};

use sqlx::SqliteConnection;

use super::{
    Round,
    pack::{self, Heap},
};
use crate::{
    base::{BotId, Digest, Seq},
    store::{
        Accepted, NewEvent, StoreError,
        sqlite::{book::Book, engine::Trouble, request::AcceptJob},
    },
};

/// What is there already stays as it is, and only the count of the others comes back.
const SEEN: &str = "
    INSERT OR ROLLBACK INTO seen (bot, key, until, event)
    SELECT value->>0, value->>1, value->>2, substr($2, value->>3, 16) FROM jsonb_each($1) WHERE true
    ON CONFLICT (bot, key) DO NOTHING";

/// Which keys were there before, and whether their time is not over: where the count says that some were, which is
/// rare.
pub(super) const KNOWN: &str = "
    SELECT json_group_array(json_array(t.key, s.until > $3))
    FROM jsonb_each($1) AS t
    JOIN seen AS s ON s.bot = t.value->>0 AND s.key = t.value->>1
    WHERE s.event IS NOT substr($2, t.value->>3, 16)";

/// Keys whose time is over and that were not cleared away yet: they count as new.
pub(super) const LAPSED: &str = "
    DELETE FROM seen WHERE (bot, key) IN (SELECT value->>0, value->>1 FROM jsonb_each($1))";

const STORE: &str = "
    INSERT OR ROLLBACK INTO inbox (public_id, bot, kind, order_key, class, due_at, accepted_at, payload, envelope,
                                  answers)
    SELECT substr($2, value->>0, 16), value->>1, value->>2, value->>3, value->>4, value->>5, $3,
           substr($2, value->>6, value->>7), CASE WHEN value->>9 > 0 THEN substr($2, value->>8, value->>9) END,
           CASE WHEN value->>10 > 0 THEN substr($2, value->>10, 16) END
    FROM jsonb_each($1)";

type Answers = Vec<Result<Accepted, StoreError>>;

/// Answers in the order of the jobs; nothing of it is true before the commit.
pub(super) async fn run(tx: &mut SqliteConnection, round: &Round<'_>, jobs: &[AcceptJob]) -> Result<Answers, Trouble> {
    let events: Vec<&NewEvent> = jobs.iter().map(|job| &job.input).collect();
    accept_events(tx, round, &events).await
}

/// As [`run`], for events that come in with a change.
pub(in super::super) async fn accept_events(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[&NewEvent],
) -> Result<Answers, Trouble> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let (mut answers, fresh) = admit(round.book, round.pending_per_bot, events);
    if fresh.is_empty() {
        return Ok(answers);
    }

    let wanted: Vec<&NewEvent> = fresh.iter().map(|&i| events[i]).collect();
    let seqs = insert(tx, round, &wanted).await?;
    for (&i, seq) in fresh.iter().zip(seqs) {
        if let Some(seq) = seq {
            answers[i] = Ok(Accepted::New(seq));
        }
    }
    Ok(answers)
}

/// Stores those of these events that were not seen before, and answers their numbers. No two may have one key, and none
/// an id that was offered before.
pub(super) async fn insert(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[&NewEvent],
) -> Result<Vec<Option<Seq>>, Trouble> {
    let mut seqs = vec![None; events.len()];
    if events.is_empty() {
        return Ok(seqs);
    }
    let fresh = note(tx, round, events).await?;
    if fresh.is_empty() {
        return Ok(seqs);
    }

    let mut heap = Heap::default();
    let rows: Vec<_> = fresh
        .iter()
        .map(|&i| {
            let event = events[i];
            let (id, _) = heap.put(event.id.0.as_bytes());
            let (at, len) = heap.put(&event.payload);
            let (kept, kept_len) = event.envelope.as_ref().map_or((0, 0), |envelope| heap.put(envelope));
            let answers = event.answers.map_or(0, |call| heap.put(call.0.as_bytes()).0);
            let class = event.class as i64;
            (id, &event.bot, event.kind, &event.order_key, class, event.due_at, at, len, kept, kept_len, answers)
        })
        .collect();
    let store = sqlx::query(STORE).bind(pack::json(&rows)?).bind(heap.into_bytes()).bind(round.now.0);
    let done = store.execute(tx).await?;
    for (index, &i) in fresh.iter().enumerate() {
        seqs[i] = Some(Seq(pack::seq_of(done.last_insert_rowid(), fresh.len(), index)));
    }
    Ok(seqs)
}

/// Notes the keys of these events as seen; answers the places of those that were not seen before.
async fn note(tx: &mut SqliteConnection, round: &Round<'_>, events: &[&NewEvent]) -> Result<Vec<usize>, Trouble> {
    let mut ids = Heap::default();
    let marks: Vec<_> = events
        .iter()
        .map(|event| (&event.bot, mark(&event.dedupe_key), event.seen_until, ids.put(event.id.0.as_bytes()).0))
        .collect();
    let ids = ids.into_bytes();
    let noted = sqlx::query(SEEN).bind(pack::json(&marks)?).bind(ids.as_slice()).execute(&mut *tx).await?;
    if noted.rows_affected() == marks.len() as u64 {
        return Ok((0..marks.len()).collect());
    }
    let known = sqlx::query_scalar(KNOWN).bind(pack::json(&marks)?).bind(ids.as_slice()).bind(round.now.0);
    let known: String = known.fetch_one(&mut *tx).await?;
    let known: HashMap<usize, u8> = pack::list(&known)?.into_iter().collect();
    let lapsed: Vec<_> = known.iter().filter(|(_, alive)| **alive == 0).filter_map(|(&i, _)| marks.get(i)).collect();
    if !lapsed.is_empty() {
        sqlx::query(LAPSED).bind(pack::json(&lapsed)?).execute(&mut *tx).await?;
        sqlx::query(SEEN).bind(pack::json(&lapsed)?).bind(ids.as_slice()).execute(tx).await?;
    }
    Ok((0..marks.len()).filter(|i| known.get(i) != Some(&1)).collect())
}

/// What stands in `seen` for a key: 22 characters instead of a hundred. That is two trees with rows a third the
/// size, and it is there that each accept writes a page of its own.
pub(in super::super) fn mark(key: &str) -> String {
    Digest::of([key.as_bytes()]).mark()
}

fn key(event: &NewEvent) -> (&BotId, &str) {
    (&event.bot, &event.dedupe_key)
}

/// Who may come in at all: answers for everybody, and the places of those that still have to be looked at.
///
/// A key that comes twice in one batch makes one row, of the first.
fn admit(book: &Book, limit: u64, events: &[&NewEvent]) -> (Answers, Vec<usize>) {
    let mut keys: HashSet<(&BotId, &str)> = HashSet::with_capacity(events.len());
    let mut room: HashMap<&BotId, u64> = HashMap::new();
    let mut fresh = Vec::with_capacity(events.len());
    let answers = events.iter().enumerate().map(|(i, event)| {
        let bot = &event.bot;
        let Some(pending) = book.pending(bot) else {
            return Err(StoreError::Refused(format!("there is no bot `{bot}`")));
        };
        if book.is_retired(bot) {
            return Err(StoreError::Refused(format!("the bot `{bot}` has left")));
        }
        let left = room.entry(bot).or_insert_with(|| limit.saturating_sub(pending));
        if *left == 0 {
            return Err(StoreError::BotFull(bot.clone()));
        }
        if keys.insert(key(event)) {
            *left -= 1;
            fresh.push(i);
        }
        Ok(Accepted::Duplicate)
    });
    (answers.collect(), fresh)
}
