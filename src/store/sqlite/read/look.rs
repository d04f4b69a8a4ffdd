//! What people look at: events, one event with all that belongs to it, the backlog.

use sqlx::{FromRow, SqliteConnection};

use super::due::{count, known};
use crate::{
    base::{EventId, Millis},
    store::{
        BacklogRow, DeliverySummary, EventDetail, EventQuery, EventState, EventSummary, Lane, Pressing, StoreError,
        sqlite::uuid_column::Id,
    },
};

/// However many are asked for.
const MOST: u32 = 1000;

macro_rules! summaries {
    ($rest:literal) => {
        concat!(
            "SELECT public_id, bot, kind, state, attempt, accepted_at, claimed_at, finished_at, due_at, reason,
                    record ->> '$.rule' AS rule, order_key, replays, replayed_at, erased_at, record
             FROM inbox ",
            $rest
        )
    };
}

const PENDING: &str =
    summaries!("WHERE finished_at IS NULL AND ($1 IS NULL OR bot = $1) AND state = $2 ORDER BY seq DESC LIMIT $3");
const BURIED: &str = summaries!(
    "WHERE finished_at IS NOT NULL AND ($1 IS NULL OR bot = $1) AND state = $2 ORDER BY finished_at DESC LIMIT $3"
);
/// There is no index by bot over finished events, it would cost every event; so for a quiet bot in a busy house
/// this walks back through the events of the others, and not further than this many.
const NEWEST: &str = summaries!(
    "WHERE seq > (SELECT coalesce(max(seq), 0) - 200000 FROM inbox)
       AND ($1 IS NULL OR bot = $1) AND ($2 IS NULL OR state = $2) ORDER BY seq DESC LIMIT $3"
);
const ONE: &str = summaries!("WHERE public_id = $1");

#[derive(FromRow)]
struct Row {
    public_id: Id,
    bot: String,
    kind: String,
    state: i64,
    attempt: i64,
    accepted_at: i64,
    claimed_at: Option<i64>,
    finished_at: Option<i64>,
    due_at: i64,
    reason: Option<String>,
    rule: Option<String>,
    order_key: String,
    replays: i64,
    replayed_at: Option<i64>,
    erased_at: Option<i64>,
    record: Option<String>,
}

impl Row {
    fn summary(self) -> Result<EventSummary, StoreError> {
        Ok(EventSummary {
            id: self.public_id.0,
            bot: known(&self.bot)?,
            kind: self.kind,
            state: match self.state {
                0 => EventState::Waiting,
                1 => EventState::Claimed,
                2 => EventState::Finished,
                _ => EventState::Buried,
            },
            attempt: count(self.attempt),
            accepted_at: Millis(self.accepted_at),
            claimed_at: self.claimed_at.map(Millis),
            finished_at: self.finished_at.map(Millis),
            due_at: Millis(self.due_at),
            reason: self.reason,
            rule: self.rule,
        })
    }
}

pub(in super::super) async fn events(
    conn: &mut SqliteConnection,
    query: &EventQuery,
) -> Result<Vec<EventSummary>, StoreError> {
    let (text, state) = match query.state {
        Some(EventState::Waiting) => (PENDING, Some(0)),
        Some(EventState::Claimed) => (PENDING, Some(1)),
        Some(EventState::Finished) => (NEWEST, Some(2)),
        Some(EventState::Buried) => (BURIED, Some(3)),
        None => (NEWEST, None),
    };
    let rows: Vec<Row> = sqlx::query_as(text)
        .bind(query.bot.as_ref().map(crate::base::BotId::as_str))
        .bind::<Option<i64>>(state)
        .bind(i64::from(query.limit.min(MOST)))
        .fetch_all(conn)
        .await?;
    rows.into_iter().map(Row::summary).collect()
}

#[derive(FromRow)]
struct Delivery {
    public_id: Id,
    lane: i64,
    state: i64,
    attempt: i64,
    created_at: i64,
    due_at: i64,
    marked_at: Option<i64>,
    finished_at: Option<i64>,
    remote_id: Option<String>,
    tracking_id: Option<String>,
    reason: Option<String>,
    doubtful: bool,
    replays: i64,
    erased_at: Option<i64>,
}

impl From<Delivery> for DeliverySummary {
    fn from(row: Delivery) -> Self {
        let state = match row.state {
            // Made doubtful because a backup was put back: nobody has marked it since.
            1 if row.doubtful && row.marked_at.is_none() => "waiting",
            0 => "waiting",
            1 => "sending",
            2 => "sent",
            3 => "failed",
            _ => "skipped",
        };
        Self {
            id: row.public_id.0,
            lane: if row.lane == 0 { Lane::Webex } else { Lane::Calls },
            state: state.to_owned(),
            attempt: count(row.attempt),
            created_at: Millis(row.created_at),
            due_at: Millis(row.due_at),
            marked_at: row.marked_at.map(Millis),
            finished_at: row.finished_at.map(Millis),
            remote_id: row.remote_id,
            tracking_id: row.tracking_id,
            reason: row.reason,
            doubtful: row.doubtful,
            replays: count(row.replays),
            erased_at: row.erased_at.map(Millis),
        }
    }
}

pub(in super::super) async fn envelope(
    conn: &mut SqliteConnection,
    id: EventId,
) -> Result<Option<Vec<u8>>, StoreError> {
    let found = sqlx::query_scalar("SELECT envelope FROM inbox WHERE public_id = $1");
    let found: Option<Option<Vec<u8>>> = found.bind(id.0.as_bytes().as_slice()).fetch_optional(conn).await?;
    Ok(found.flatten())
}

pub(in super::super) async fn event(
    conn: &mut SqliteConnection,
    id: EventId,
) -> Result<Option<EventDetail>, StoreError> {
    let row: Option<Row> = sqlx::query_as(ONE).bind(id.0.as_bytes().as_slice()).fetch_optional(&mut *conn).await?;
    let Some(mut row) = row else { return Ok(None) };
    let deliveries: Vec<Delivery> = sqlx::query_as(
        "SELECT public_id, lane, state, attempt, created_at, due_at, marked_at, finished_at, remote_id, tracking_id, reason,
                doubtful, replays, erased_at
         FROM outbox WHERE event = $1 ORDER BY seq",
    )
    .bind(id.0.as_bytes().as_slice())
    .fetch_all(conn)
    .await?;
    Ok(Some(EventDetail {
        order_key: std::mem::take(&mut row.order_key),
        replays: count(row.replays),
        replayed_at: row.replayed_at.map(Millis),
        erased_at: row.erased_at.map(Millis),
        record: row.record.take().and_then(|text| serde_json::from_str(&text).ok()),
        summary: row.summary()?,
        deliveries: deliveries.into_iter().map(Into::into).collect(),
    }))
}

pub(in super::super) async fn backlog(conn: &mut SqliteConnection) -> Result<Vec<BacklogRow>, StoreError> {
    let rows: Vec<(String, i64, i64, i64, Option<i64>)> = sqlx::query_as(
        "SELECT b.bot,
            (SELECT count(*) FROM inbox AS e WHERE e.bot = b.bot AND e.finished_at IS NULL),
            (SELECT count(*) FROM outbox AS d WHERE d.bot = b.bot AND d.finished_at IS NULL),
            coalesce(x.buried, 0),
            (SELECT coalesce(e.replayed_at, e.accepted_at) FROM inbox AS e WHERE e.seq = (
                SELECT min(o.seq) FROM inbox AS o INDEXED BY inbox_order
                WHERE o.bot = b.bot AND o.finished_at IS NULL))
         FROM bots AS b
         LEFT JOIN (SELECT bot, count(*) AS buried FROM inbox WHERE finished_at IS NOT NULL AND state = 3 GROUP BY bot)
            AS x ON x.bot = b.bot
         ORDER BY b.bot",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(bot, events, deliveries, buried, oldest)| {
            Ok(BacklogRow {
                bot: known(&bot)?,
                events: u64::try_from(events).unwrap_or_default(),
                deliveries: u64::try_from(deliveries).unwrap_or_default(),
                buried: u64::try_from(buried).unwrap_or_default(),
                oldest: oldest.map(Millis),
            })
        })
        .collect()
}

/// The oldest has the lowest number. It is looked for in the index of what is pending, whatever else stands in the
/// tables: there the planner would walk through all that is over.
pub(in super::super) async fn pressing(conn: &mut SqliteConnection) -> Result<Pressing, StoreError> {
    let (event, delivery, buried, failed): (Option<i64>, Option<i64>, i64, i64) = sqlx::query_as(
        "SELECT
            (SELECT coalesce(replayed_at, accepted_at) FROM inbox
                WHERE seq = (SELECT min(seq) FROM inbox INDEXED BY inbox_order WHERE finished_at IS NULL)),
            (SELECT coalesce(replayed_at, created_at) FROM outbox
                WHERE seq = (SELECT min(seq) FROM outbox INDEXED BY outbox_order WHERE finished_at IS NULL)),
            (SELECT count(*) FROM inbox WHERE finished_at IS NOT NULL AND state = 3),
            (SELECT count(*) FROM outbox WHERE finished_at IS NOT NULL AND state = 3)",
    )
    .fetch_one(conn)
    .await?;
    Ok(Pressing {
        oldest_event: event.map(Millis),
        oldest_delivery: delivery.map(Millis),
        buried: u64::try_from(buried).unwrap_or_default(),
        failed: u64::try_from(failed).unwrap_or_default(),
    })
}
