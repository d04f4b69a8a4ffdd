//! Deliveries that turns promise: rows of the outbox, made in the commit that ends the turns.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{
    Round,
    pack::{self, Heap},
    trips::Query,
};
use crate::{
    base::{BotId, EventId, Millis, Seq},
    store::{
        key_mark,
        sqlite::{change::erase, engine::Trouble, request::TurnJob},
    },
};

pub(super) const PROMISE: &str = "
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

/// A delivery, as [`PROMISE`] reads it.
type Row<'a> = (usize, &'a BotId, &'a String, i64, Millis, usize, usize, Option<String>, i64);

/// For each job the event's id and the number of its first delivery.
pub(super) type Promised = Vec<Option<(EventId, Seq)>>;

/// What the turns of a batch promise.
#[derive(Debug)]
pub(super) struct Promises<'a> {
    jobs: &'a [TurnJob],
    rows: Vec<Row<'a>>,
    heap: Heap,
    /// Which turn made how many of them, in their order: the job's place, the event, and how many.
    of: Vec<(usize, EventId, usize)>,
}

impl<'a> Promises<'a> {
    /// Of those that commit: their places, and the public ids of their events.
    pub(super) fn of(jobs: &'a [TurnJob], committed: &[(usize, EventId)]) -> Self {
        let (mut rows, mut heap, mut of) = (Vec::with_capacity(committed.len()), Heap::default(), Vec::new());
        for &(i, event) in committed {
            let turn = &jobs[i].input;
            for delivery in &turn.deliveries {
                let (ids, _) = heap.put(delivery.id.0.as_bytes());
                heap.put(event.0.as_bytes());
                let (at, len) = heap.put(&delivery.payload);
                let mark = delivery.takes_place.as_deref().map(key_mark);
                let (class, lane) = (delivery.class as i64, delivery.lane as i64);
                rows.push((ids, &turn.lease.bot, &delivery.order_key, class, delivery.due_at, at, len, mark, lane));
            }
            if !turn.deliveries.is_empty() {
                of.push((i, event, turn.deliveries.len()));
            }
        }
        Self { jobs, rows, heap, of }
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What [`PROMISE`] reads.
    pub(super) fn bind<'q>(&self, query: Query<'q>, round: &Round<'_>) -> Result<Query<'q>, Trouble> {
        Ok(query.bind(pack::json(&self.rows)?).bind(self.heap.bytes()).bind(round.now.0))
    }

    /// What they came to, once they are written and the last has the number `last`: the first of each job, and which
    /// deliveries gave their places to them, with whose those were.
    pub(super) async fn end(
        self,
        tx: &mut SqliteConnection,
        round: &Round<'_>,
        last: i64,
    ) -> Result<(Promised, HashMap<i64, BotId>), Trouble> {
        let mut promised = vec![None; self.jobs.len()];
        if self.rows.is_empty() {
            return Ok((promised, HashMap::new()));
        }
        let (mut index, mut doubtful) = (0, Vec::new());
        for &(i, event, count) in &self.of {
            let first = pack::seq_of(last, self.rows.len(), index);
            promised[i] = Some((event, Seq(first)));
            if round.book.is_restored(self.jobs[i].input.event) {
                doubtful.extend((first..).take(count));
            }
            index += count;
        }
        if !doubtful.is_empty() {
            sqlx::query(DOUBT).bind(pack::json(&doubtful)?).execute(&mut *tx).await?;
        }
        let first = pack::seq_of(last, self.rows.len(), 0);
        let named = (first..).zip(&self.rows).filter_map(|(seq, (_, bot, order_key, .., mark, _lane))| {
            mark.as_ref().map(|mark| (*bot, *order_key, mark, seq))
        });
        let displaced = displace(tx, round, &named.collect::<Vec<_>>()).await?;
        Ok((promised, displaced))
    }
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
