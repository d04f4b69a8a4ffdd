//! What may be claimed or sent at a moment, found through the partial indexes of what is pending.

use std::collections::HashSet;

use sqlx::SqliteConnection;

use crate::{
    base::{BotId, Millis, Seq},
    store::{Class, DeliveryRow, DueBot, DueQuery, EventRow, StoreError, sqlite::uuid_column::Id},
};

/// An event may be claimed when it is waiting and due, or was left behind by a dead epoch, and every earlier
/// pending event of its key may be claimed too: a key whose head waits for its retry waits as a whole.
///
/// The head alone is asked here, one step in an index for each row, however long the key's backlog is: it is
/// the head that is in a turn or waits. Of the rows behind a claimable head the last column says which may not
/// be claimed (a clock that was set back leaves such), and [`events`] ends the key there.
///
/// The `+` before the limit is for the planner: it takes a bare parameter there for a hint, and makes the plan
/// anew for every read.
const EVENTS: &str = "
    SELECT e.seq, e.public_id, e.order_key, e.class, e.attempt, e.accepted_at, e.payload,
           (e.state = 0 AND e.due_at <= $2) OR (e.state = 1 AND e.epoch < $3)
    FROM inbox AS e
    WHERE e.bot = $1 AND e.finished_at IS NULL
      AND e.order_key NOT IN (SELECT value FROM json_each($4))
      AND (
        SELECT (h.state = 0 AND h.due_at <= $2) OR (h.state = 1 AND h.epoch < $3)
        FROM inbox AS h
        WHERE h.bot = e.bot AND h.order_key = e.order_key AND h.finished_at IS NULL
        ORDER BY h.seq LIMIT 1)
    ORDER BY e.seq LIMIT +$5";

/// As for events: whole destinations whose head may be sent.
const DELIVERIES: &str = "
    SELECT d.seq, d.public_id, d.event, d.order_key, d.class, d.attempt, d.state = 1, d.created_at, d.payload,
           (d.state = 0 AND d.due_at <= $2) OR (d.state = 1 AND d.epoch < $3)
    FROM outbox AS d
    WHERE d.bot = $1 AND d.finished_at IS NULL
      AND d.order_key NOT IN (SELECT value FROM json_each($4))
      AND (
        SELECT (h.state = 0 AND h.due_at <= $2) OR (h.state = 1 AND h.epoch < $3)
        FROM outbox AS h
        WHERE h.bot = d.bot AND h.order_key = d.order_key AND h.finished_at IS NULL
        ORDER BY h.seq LIMIT 1)
    ORDER BY d.seq LIMIT +$5";

#[cfg(test)]
pub(in super::super) const HOT_READS: &[&str] = &[EVENTS, DELIVERIES];

const BOTS: &str = "
    WITH due AS MATERIALIZED (
        SELECT b.bot,
            EXISTS (SELECT 1 FROM inbox AS e WHERE e.bot = b.bot AND e.finished_at IS NULL
                AND ((e.state = 0 AND e.due_at <= $1) OR (e.state = 1 AND e.epoch < b.epoch))) AS events,
            EXISTS (SELECT 1 FROM outbox AS d WHERE d.bot = b.bot AND d.finished_at IS NULL
                AND ((d.state = 0 AND d.due_at <= $1) OR (d.state = 1 AND d.epoch < b.epoch))) AS deliveries
        FROM bots AS b)
    SELECT bot, events, deliveries FROM due WHERE events OR deliveries";

pub(in super::super) async fn events(
    conn: &mut SqliteConnection,
    query: &DueQuery,
) -> Result<Vec<EventRow>, StoreError> {
    type Row = (i64, Id, String, i64, i64, i64, Vec<u8>, bool);
    let rows: Vec<Row> = sqlx::query_as(EVENTS)
        .bind(query.bot.as_str())
        .bind(query.now.0)
        .bind(query.epoch.0)
        .bind(keys(query))
        .bind(i64::from(query.limit))
        .fetch_all(conn)
        .await?;
    let mut events = Vec::with_capacity(rows.len());
    let mut ended = HashSet::new();
    for (seq, Id(id), order_key, class, attempt, accepted_at, payload, claimable) in rows {
        if !claimable {
            ended.insert(order_key);
        } else if !ended.contains(&order_key) {
            let (seq, class, attempt) = (Seq(seq), self::class(class), count(attempt));
            events.push(EventRow { seq, id, order_key, class, attempt, accepted_at: Millis(accepted_at), payload });
        }
    }
    Ok(events)
}

pub(in super::super) async fn deliveries(
    conn: &mut SqliteConnection,
    query: &DueQuery,
) -> Result<Vec<DeliveryRow>, StoreError> {
    type Row = (i64, Id, Id, String, i64, i64, bool, i64, Vec<u8>, bool);
    let rows: Vec<Row> = sqlx::query_as(DELIVERIES)
        .bind(query.bot.as_str())
        .bind(query.now.0)
        .bind(query.epoch.0)
        .bind(keys(query))
        .bind(i64::from(query.limit))
        .fetch_all(conn)
        .await?;
    let mut deliveries = Vec::with_capacity(rows.len());
    let mut ended = HashSet::new();
    for (seq, Id(id), Id(event), order_key, class, attempt, doubtful, created_at, payload, sendable) in rows {
        if !sendable {
            ended.insert(order_key);
        } else if !ended.contains(&order_key) {
            deliveries.push(DeliveryRow {
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
            });
        }
    }
    Ok(deliveries)
}

pub(in super::super) async fn bots(conn: &mut SqliteConnection, now: Millis) -> Result<Vec<DueBot>, StoreError> {
    let rows: Vec<(String, bool, bool)> = sqlx::query_as(BOTS).bind(now.0).fetch_all(conn).await?;
    rows.into_iter().map(|(bot, events, deliveries)| Ok(DueBot { bot: known(&bot)?, events, deliveries })).collect()
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
