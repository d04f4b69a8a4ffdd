//! Accepts of a batch: one INSERT into `seen`, which says who is new, and one into the inbox.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use sqlx::SqliteConnection;

use super::{
    Round,
    pack::{self, Heap},
    trips::Query,
};
use crate::{
    base::{BotId, Digest, Millis, Seq},
    store::{
        Accepted, NewEvent, StoreError,
        sqlite::{engine::Trouble, request::AcceptJob},
    },
};

/// What is there already stays as it is, and only the count of the others comes back.
pub(super) const SEEN: &str = "
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

/// As [`STORE`], unless the statement before it, [`SEEN`], found some of the `$4` keys there already.
pub(super) fn store_if_all_new() -> String {
    format!("{STORE} WHERE (SELECT changes()) = $4")
}

type Answers = Vec<Result<Accepted, StoreError>>;

/// Events that ask to come in, and what each will be answered.
#[derive(Debug)]
pub(super) struct Incoming<'a> {
    /// Those that may, unless they were seen before.
    fresh: Vec<&'a NewEvent>,
    /// Where each of them stands among the answers.
    places: Vec<usize>,
    answers: Answers,
}

impl<'a> Incoming<'a> {
    pub(super) fn of(jobs: &'a [AcceptJob], round: &Round<'_>) -> Self {
        Self::admit(jobs.iter().map(|job| &job.input), round)
    }

    /// Who may come in at all.
    ///
    /// A key that comes twice in one batch makes one row, of the first.
    fn admit(events: impl Iterator<Item = &'a NewEvent>, round: &Round<'_>) -> Self {
        let count = events.size_hint().0;
        let mut keys: HashSet<(&BotId, &str)> = HashSet::with_capacity(count);
        let mut room: HashMap<&BotId, u64> = HashMap::new();
        let (mut fresh, mut places) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let answers = events.enumerate().map(|(i, event)| {
            let bot = &event.bot;
            let Some(pending) = round.book.pending(bot) else {
                return Err(StoreError::Refused(format!("there is no bot `{bot}`")));
            };
            if round.book.is_retired(bot) {
                return Err(StoreError::Refused(format!("the bot `{bot}` has left")));
            }
            let left = room.entry(bot).or_insert_with(|| round.pending_per_bot.saturating_sub(pending));
            if *left == 0 {
                return Err(StoreError::BotFull(bot.clone()));
            }
            if keys.insert((bot, event.dedupe_key.as_str())) {
                *left -= 1;
                fresh.push(event);
                places.push(i);
            }
            Ok(Accepted::Duplicate)
        });
        let answers = answers.collect();
        Self { fresh, places, answers }
    }

    /// How many may come in, unless they were seen before.
    pub(super) fn len(&self) -> usize {
        self.fresh.len()
    }

    /// What [`SEEN`] and [`store_if_all_new`] read.
    pub(super) fn bind<'q>(&self, query: Query<'q>, round: &Round<'_>) -> Result<Query<'q>, Trouble> {
        let (marks, ids) = marks(&self.fresh);
        let (rows, heap) = rows(&self.fresh);
        let query = query.bind(pack::json(&marks)?).bind(ids.into_bytes());
        let query = query.bind(pack::json(&rows)?).bind(heap.into_bytes()).bind(round.now.0);
        Ok(query.bind(i64::try_from(self.fresh.len()).unwrap_or(i64::MAX)))
    }

    /// What they came to, now that `seen` keys were noted and, if that is all, the last event has the number `last`.
    pub(super) async fn end(
        self,
        tx: &mut SqliteConnection,
        round: &Round<'_>,
        seen: usize,
        last: i64,
    ) -> Result<Answers, Trouble> {
        let count = self.fresh.len();
        let seqs = if seen == count {
            (0..count).map(|index| Some(Seq(pack::seq_of(last, count, index)))).collect()
        } else {
            let fresh = unknown(tx, round, &self.fresh).await?;
            store(tx, round, &self.fresh, &fresh).await?
        };
        Ok(self.answered(seqs))
    }

    /// With the numbers of those that were stored.
    fn answered(mut self, seqs: Vec<Option<Seq>>) -> Answers {
        for (&i, seq) in self.places.iter().zip(seqs) {
            if let Some(seq) = seq {
                self.answers[i] = Ok(Accepted::New(seq));
            }
        }
        self.answers
    }
}

/// Accepts events that come in with a change.
pub(in super::super) async fn accept_events(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[&NewEvent],
) -> Result<Answers, Trouble> {
    let incoming = Incoming::admit(events.iter().copied(), round);
    let seqs = insert(tx, round, &incoming.fresh).await?;
    Ok(incoming.answered(seqs))
}

/// Stores those of these events that were not seen before, and answers their numbers. No two may have one key, and none
/// an id that was offered before.
pub(super) async fn insert(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[&NewEvent],
) -> Result<Vec<Option<Seq>>, Trouble> {
    if events.is_empty() {
        return Ok(Vec::new());
    }
    let (marks, ids) = marks(events);
    let seen = sqlx::query(SEEN).bind(pack::json(&marks)?).bind(ids.into_bytes()).execute(&mut *tx).await?;
    let fresh = if seen.rows_affected() == events.len() as u64 {
        (0..events.len()).collect()
    } else {
        unknown(tx, round, events).await?
    };
    store(tx, round, events, &fresh).await
}

/// Stores those of these events whose places are given.
async fn store(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    events: &[&NewEvent],
    fresh: &[usize],
) -> Result<Vec<Option<Seq>>, Trouble> {
    let mut seqs = vec![None; events.len()];
    if fresh.is_empty() {
        return Ok(seqs);
    }
    let events: Vec<&NewEvent> = fresh.iter().map(|&i| events[i]).collect();
    let (rows, heap) = rows(&events);
    let store = sqlx::query(STORE).bind(pack::json(&rows)?).bind(heap.into_bytes()).bind(round.now.0);
    let done = store.execute(tx).await?;
    for (index, &i) in fresh.iter().enumerate() {
        seqs[i] = Some(Seq(pack::seq_of(done.last_insert_rowid(), fresh.len(), index)));
    }
    Ok(seqs)
}

/// The places of those events that were not seen before, after [`SEEN`] did not note them all.
async fn unknown(tx: &mut SqliteConnection, round: &Round<'_>, events: &[&NewEvent]) -> Result<Vec<usize>, Trouble> {
    let (marks, ids) = marks(events);
    let ids = ids.into_bytes();
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

/// Keys of events, as [`SEEN`] reads them.
fn marks<'a>(events: &[&'a NewEvent]) -> (Vec<(&'a BotId, String, Millis, usize)>, Heap) {
    let mut ids = Heap::default();
    let marks = events
        .iter()
        .map(|event| (&event.bot, mark(&event.dedupe_key), event.seen_until, ids.put(event.id.0.as_bytes()).0));
    (marks.collect(), ids)
}

/// Events, as [`STORE`] reads them.
fn rows<'a>(events: &[&'a NewEvent]) -> (Vec<impl Serialize + use<'a>>, Heap) {
    let mut heap = Heap::default();
    let rows = events.iter().map(|event| {
        let (id, _) = heap.put(event.id.0.as_bytes());
        let (at, len) = heap.put(&event.payload);
        let (kept, kept_len) = event.envelope.as_ref().map_or((0, 0), |envelope| heap.put(envelope));
        let answers = event.answers.map_or(0, |call| heap.put(call.0.as_bytes()).0);
        let class = event.class as i64;
        (id, &event.bot, event.kind, &event.order_key, class, event.due_at, at, len, kept, kept_len, answers)
    });
    (rows.collect(), heap)
}

/// What stands in `seen` for a key: 22 characters instead of a hundred. That is two trees with rows a third the
/// size, and it is there that each accept writes a page of its own.
pub(in super::super) fn mark(key: &str) -> String {
    Digest::of([key.as_bytes()]).mark()
}
