//! What may be claimed or sent at a moment, found through the partial indexes of what is pending.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use crate::{
    base::{BotId, Millis, Seq},
    store::{Class, DeliveryRow, DueBot, DueQuery, EventRow, StoreError, sqlite::uuid_column::Id},
};

/// The due rows of a bot, oldest first. A row may be taken when it is waiting and due, or was left behind by a dead
/// epoch, and every earlier pending row of its key may be taken too: a key whose head waits for its retry waits as a
/// whole.
///
/// There is one index of what is pending, by key: a second one, by age, would be two more writes for each row. So the
/// heads of the bot's keys are gathered from the index alone and looked at in the table, the oldest first (it is the
/// head that is in a turn, on its way, or waits), until as many may go as rows are asked for: the oldest rows are of
/// those keys. Their numbers are picked from the index again, and only the rows that are answered are read. It takes
/// microseconds for what bots have pending as a rule, and milliseconds for ten thousand. Of the rows behind a head that
/// may be taken the last column says which may not (a clock that was set back leaves such), and [`until_barred`] ends
/// the key there.
///
/// The `+` before the limit is for the planner: it takes a bare parameter there for a hint, and makes the plan
/// anew for every read. `LIMIT -1` keeps the order of the heads, which it drops inside of FROM without one, and which
/// the limit outside rests on.
macro_rules! due {
    ($columns:literal, $table:literal, $pending:literal, $head:literal, $row:literal) => {
        concat!(
            "SELECT ",
            $columns,
            ", (r.state = 0 AND r.due_at <= $2) OR (r.state = 1 AND r.epoch < $3)
             FROM (
                SELECT n.seq AS seq
                FROM (
                    SELECT keys.order_key AS order_key
                    FROM (SELECT n.order_key AS order_key, min(n.seq) AS head FROM ",
            $table,
            " AS n
                          WHERE n.bot = $1 AND n.finished_at IS NULL",
            $pending,
            "
                          GROUP BY n.order_key ORDER BY head LIMIT -1) AS keys
                    CROSS JOIN ",
            $table,
            " AS h ON h.seq = keys.head
                    WHERE keys.order_key NOT IN (SELECT value FROM json_each($4))
                      AND ((h.state = 0 AND h.due_at <= $2) OR (h.state = 1 AND h.epoch < $3))",
            $head,
            "
                    LIMIT +$5) AS free
                CROSS JOIN ",
            $table,
            " AS n ON n.bot = $1 AND n.order_key = free.order_key AND n.finished_at IS NULL",
            $pending,
            "
                ORDER BY n.seq LIMIT +$5) AS oldest
             CROSS JOIN ",
            $table,
            " AS r ON r.seq = oldest.seq",
            $row
        )
    };
}

const EVENTS: &str = due!(
    "r.seq, r.public_id, r.order_key, r.class, r.attempt, coalesce(r.replayed_at, r.accepted_at), r.payload",
    "inbox",
    "",
    "",
    ""
);

/// Whoever replays what may have arrived has decided about that doubt: it is shown, and keeps nothing back. A key is of
/// one lane, so its head says which.
const DELIVERIES: &str = due!(
    "r.seq, r.public_id, r.event, r.order_key, r.class, r.attempt, r.state = 1 OR (r.doubtful = 1 AND r.replays = 0),
     coalesce(r.replayed_at, r.created_at), r.payload",
    "outbox",
    "",
    " AND h.lane = 0",
    " AND r.lane = 0"
);

/// Few rows are calls, and they have an index of their own.
const CALLS: &str = due!(
    "r.seq, r.public_id, r.event, r.order_key, r.class, r.attempt, r.state = 1 OR (r.doubtful = 1 AND r.replays = 0),
     coalesce(r.replayed_at, r.created_at), r.payload",
    "outbox",
    " AND n.lane = 1",
    "",
    ""
);

#[cfg(test)]
pub(in super::super) const HOT_READS: &[&str] = &[EVENTS, DELIVERIES, CALLS];

const BOTS: &str = "
    WITH due AS MATERIALIZED (
        SELECT b.bot,
            EXISTS (SELECT 1 FROM inbox AS e WHERE e.bot = b.bot AND e.finished_at IS NULL
                AND ((e.state = 0 AND e.due_at <= $1) OR (e.state = 1 AND e.epoch < b.epoch))) AS events,
            EXISTS (SELECT 1 FROM outbox AS d WHERE d.bot = b.bot AND d.finished_at IS NULL AND d.lane = 0
                AND ((d.state = 0 AND d.due_at <= $1) OR (d.state = 1 AND d.epoch < b.epoch))) AS deliveries,
            EXISTS (SELECT 1 FROM outbox AS c WHERE c.bot = b.bot AND c.finished_at IS NULL AND c.lane = 1
                AND ((c.state = 0 AND c.due_at <= $1) OR (c.state = 1 AND c.epoch < b.epoch))) AS calls
        FROM bots AS b)
    SELECT bot, events, deliveries, calls FROM due WHERE events OR deliveries OR calls";

pub(in super::super) async fn events(
    conn: &mut SqliteConnection,
    query: &DueQuery,
) -> Result<Vec<EventRow>, StoreError> {
    type Row = (i64, Id, String, i64, i64, i64, Vec<u8>, bool);
    let mut rows: Vec<Row> = sqlx::query_as(EVENTS)
        .bind(query.bot.as_str())
        .bind(query.now.0)
        .bind(query.epoch.0)
        .bind(keys(query))
        .bind(i64::from(query.limit))
        .fetch_all(conn)
        .await?;
    rows.sort_unstable_by_key(|row| row.0);
    let rows = rows.into_iter().map(|(seq, Id(id), order_key, class, attempt, accepted_at, payload, free)| {
        let (seq, class, attempt) = (Seq(seq), self::class(class), count(attempt));
        (free, EventRow { seq, id, order_key, class, attempt, accepted_at: Millis(accepted_at), payload })
    });
    Ok(until_barred(rows, |row| &row.order_key))
}

pub(in super::super) async fn deliveries(
    conn: &mut SqliteConnection,
    query: &DueQuery,
) -> Result<Vec<DeliveryRow>, StoreError> {
    outbox(conn, query, DELIVERIES).await
}

pub(in super::super) async fn calls(
    conn: &mut SqliteConnection,
    query: &DueQuery,
) -> Result<Vec<DeliveryRow>, StoreError> {
    outbox(conn, query, CALLS).await
}

async fn outbox(
    conn: &mut SqliteConnection,
    query: &DueQuery,
    text: &'static str,
) -> Result<Vec<DeliveryRow>, StoreError> {
    type Row = (i64, Id, Id, String, i64, i64, bool, i64, Vec<u8>, bool);
    let mut rows: Vec<Row> = sqlx::query_as(text)
        .bind(query.bot.as_str())
        .bind(query.now.0)
        .bind(query.epoch.0)
        .bind(keys(query))
        .bind(i64::from(query.limit))
        .fetch_all(conn)
        .await?;
    rows.sort_unstable_by_key(|row| row.0);
    let rows = rows.into_iter().map(
        |(seq, Id(id), Id(event), order_key, class, attempt, doubtful, created_at, payload, free)| {
            let row = DeliveryRow {
                seq: Seq(seq),
                id,
                bot: query.bot.clone(),
                event,
                order_key,
                class: self::class(class),
                attempt: count(attempt),
                doubtful,
                created_at: Millis(created_at),
                payload,
            };
            (free, row)
        },
    );
    Ok(until_barred(rows, |row| &row.order_key))
}

/// Of each key the rows up to the first that may not be taken.
fn until_barred<T>(rows: impl Iterator<Item = (bool, T)>, key: impl Fn(&T) -> &str) -> Vec<T> {
    let mut barred = HashSet::new();
    let mut taken = Vec::with_capacity(rows.size_hint().0);
    for (free, row) in rows {
        if !free {
            barred.insert(key(&row).to_owned());
        } else if !barred.contains(key(&row)) {
            taken.push(row);
        }
    }
    taken
}

pub(in super::super) async fn bots(conn: &mut SqliteConnection, now: Millis) -> Result<Vec<DueBot>, StoreError> {
    let rows: Vec<(String, bool, bool, bool)> = sqlx::query_as(BOTS).bind(now.0).fetch_all(conn).await?;
    let due = rows.into_iter();
    due.map(|(bot, events, deliveries, calls)| Ok(DueBot { bot: known(&bot)?, events, deliveries, calls })).collect()
}

fn keys(query: &DueQuery) -> String {
    serde_json::Value::from(query.skip_keys.as_slice()).to_string()
}

fn class(column: i64) -> Class {
    if column == 0 { Class::Interactive } else { Class::Background }
}

/// A counter of the database in the width we use; it never gets near the end.
pub(super) fn count(column: i64) -> u32 {
    u32::try_from(column).unwrap_or_default()
}

/// Ids were checked when they were written.
pub(super) fn known(bot: &str) -> Result<BotId, StoreError> {
    BotId::parse(bot).map_err(|error| StoreError::Engine(format!("a stored bot id is none: {error}")))
}
