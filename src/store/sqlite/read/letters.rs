//! Dead letters, as they are listed, shown and chosen. The choosing is done here and not by the writer: a walk past
//! the letters of others must not hold up a commit.

use serde_json::Value;
use sqlx::{FromRow, SqliteConnection};

use super::due::{count, known};
use crate::{
    base::{EventId, Millis},
    store::{
        Cause, LETTERS_A_STEP, Letter, LetterDetail, LetterFilter, LetterKind, LetterPage, LetterPlace, LetterQuery,
        LetterStep, StepPlace, StoreError,
        sqlite::{
            engine::{self, Numbered},
            uuid_column::Id,
        },
    },
};

/// However many are asked for.
const MOST: u32 = 1000;

/// Dead rows of either table in one shape; `t` is the table.
macro_rules! dead {
    (event: $content:literal, $rest:expr) => {
        concat!(
            "SELECT t.seq, t.public_id, t.bot, t.kind AS what, NULL AS event, t.cause, t.reason, t.attempt,
                    t.accepted_at, t.finished_at, t.replays, 0 AS doubtful, t.order_key, t.claimed_at AS tried_at,
                    NULL AS tracking_id, ",
            $content,
            " FROM inbox AS t WHERE t.finished_at IS NOT NULL AND t.state = 3 AND ",
            $rest
        )
    };
    (delivery: $content:literal, $rest:expr) => {
        concat!(
            "SELECT t.seq, t.public_id, t.bot, NULL AS what, t.event, t.cause, t.reason, t.attempt,
                    t.created_at AS accepted_at, t.finished_at, t.replays, t.doubtful, t.order_key,
                    t.marked_at AS tried_at, t.tracking_id, ",
            $content,
            " FROM outbox AS t WHERE t.finished_at IS NOT NULL AND t.state = 3 AND ",
            $rest
        )
    };
}

/// What a filter leaves, of either table: bot, cause, since, until.
macro_rules! chosen {
    () => {
        "($1 IS NULL OR t.bot = $1) AND ($2 IS NULL OR t.cause = $2) AND t.finished_at >= $3 AND t.finished_at < $4 "
    };
}

/// From the last to die on, after a place. Without content: a list has no use for it.
macro_rules! newest {
    ($kind:ident) => {
        dead!(
            $kind: "NULL AS record, x'' AS payload, NULL AS envelope",
            concat!(chosen!(), "AND (t.finished_at, t.seq) < ($5, $6) ORDER BY t.finished_at DESC, t.seq DESC LIMIT $7")
        )
    };
}

/// From the first to die on, after a place, up to a number.
macro_rules! oldest {
    ($table:literal) => {
        concat!(
            "SELECT t.finished_at, t.seq FROM ",
            $table,
            " AS t WHERE t.finished_at IS NOT NULL AND t.state = 3 AND ",
            chosen!(),
            "AND (t.finished_at, t.seq) > ($5, $6) AND t.seq <= $7 ORDER BY t.finished_at, t.seq LIMIT $8"
        )
    };
}

#[derive(FromRow)]
struct Row {
    seq: i64,
    public_id: Id,
    bot: String,
    what: Option<String>,
    event: Option<Id>,
    cause: Option<String>,
    reason: Option<String>,
    attempt: i64,
    accepted_at: i64,
    finished_at: i64,
    replays: i64,
    doubtful: bool,
    order_key: String,
    tried_at: Option<i64>,
    tracking_id: Option<String>,
    record: Option<String>,
    payload: Vec<u8>,
    envelope: Option<Vec<u8>>,
}

impl Row {
    fn place(&self, kind: LetterKind) -> LetterPlace {
        LetterPlace { at: self.finished_at, kind, seq: self.seq }
    }

    fn letter(&self, kind: LetterKind) -> Result<Letter, StoreError> {
        Ok(Letter {
            id: self.public_id.0,
            kind,
            bot: known(&self.bot)?,
            what: self.what.clone(),
            event: self.event.map(|Id(id)| id),
            cause: self.cause.as_deref().and_then(Cause::parse),
            reason: self.reason.clone(),
            attempt: count(self.attempt),
            accepted_at: Millis(self.accepted_at),
            died_at: Millis(self.finished_at),
            replays: count(self.replays),
            doubtful: self.doubtful,
        })
    }

    fn detail(self, kind: LetterKind) -> Result<LetterDetail, StoreError> {
        Ok(LetterDetail {
            letter: self.letter(kind)?,
            order_key: self.order_key,
            tried_at: self.tried_at.map(Millis),
            tracking_id: self.tracking_id,
            record: self.record.and_then(|text| serde_json::from_str(&text).ok()),
            content: as_json(&self.payload),
            envelope: self.envelope.as_deref().and_then(as_json),
        })
    }
}

/// What is stored is JSON of ours; should it be anything else, that is just what somebody wants to see.
fn as_json(bytes: &[u8]) -> Option<Value> {
    let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
    (!bytes.is_empty()).then(|| serde_json::from_slice(bytes).unwrap_or_else(|_no_json| text()))
}

/// The order of the list: the last to die first; at the same moment events before deliveries, newer rows first.
fn rank(place: LetterPlace) -> (i64, bool, i64) {
    (place.at, place.kind == LetterKind::Event, place.seq)
}

pub(in super::super) async fn page(conn: &mut SqliteConnection, query: &LetterQuery) -> Result<LetterPage, StoreError> {
    let limit = query.limit.clamp(1, MOST);
    let mut rows = Vec::new();
    for (kind, text) in [(LetterKind::Event, newest!(event)), (LetterKind::Delivery, newest!(delivery))] {
        if let Some(id) = query.filter.id {
            let found = one_of(conn, kind, id).await?;
            rows.extend(found.map(|row| (row.place(kind), row)));
        } else if query.filter.kind.is_none_or(|wanted| wanted == kind) {
            let (at, seq) = after(query.after, kind);
            let of_kind: Vec<Row> = choosing(sqlx::query_as(text), &query.filter)
                .bind(at)
                .bind(seq)
                .bind(i64::from(limit) + 1)
                .fetch_all(&mut *conn)
                .await?;
            rows.extend(of_kind.into_iter().map(|row| (row.place(kind), row)));
        }
    }
    rows.sort_by_key(|(place, _)| std::cmp::Reverse(rank(*place)));
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|(place, _)| place.to_string());
    let letters = rows.iter().map(|(place, row)| row.letter(place.kind)).collect::<Result<_, _>>()?;
    Ok(LetterPage { letters, next })
}

/// What rows of this kind come after a place: those that died before this moment, or at it with a lower number.
fn after(place: Option<LetterPlace>, kind: LetterKind) -> (i64, i64) {
    match place {
        None => (i64::MAX, i64::MAX),
        Some(place) if place.kind == kind => (place.at, place.seq),
        // Of one moment events are listed first: after an event all deliveries come, after a delivery no event.
        Some(place) if kind == LetterKind::Delivery => (place.at, i64::MAX),
        Some(place) => (place.at, i64::MIN),
    }
}

type Choosing<'q, T> = sqlx::query::QueryAs<'q, sqlx::Sqlite, T, sqlx::sqlite::SqliteArguments>;

fn choosing<'q, T>(query: Choosing<'q, T>, filter: &LetterFilter) -> Choosing<'q, T> {
    query
        .bind(filter.bot.as_ref().map(ToString::to_string))
        .bind(filter.cause.map(Cause::as_str))
        .bind(filter.since.map_or(i64::MIN, |at| at.0))
        .bind(filter.until.map_or(i64::MAX, |at| at.0))
}

async fn one_of(conn: &mut SqliteConnection, kind: LetterKind, id: EventId) -> Result<Option<Row>, StoreError> {
    let text = match kind {
        LetterKind::Event => dead!(event: "t.record, t.payload, t.envelope", "t.public_id = $1"),
        // Deliveries have no index by their own id: this walks the dead ones alone.
        LetterKind::Delivery => dead!(delivery: "NULL AS record, t.payload, NULL AS envelope", "t.public_id = $1"),
    };
    Ok(sqlx::query_as(text).bind(id.0.as_bytes().as_slice()).fetch_optional(conn).await?)
}

pub(in super::super) async fn one(
    conn: &mut SqliteConnection,
    id: EventId,
) -> Result<Option<LetterDetail>, StoreError> {
    for kind in [LetterKind::Event, LetterKind::Delivery] {
        if let Some(row) = one_of(conn, kind, id).await? {
            return row.detail(kind).map(Some);
        }
    }
    Ok(None)
}

/// What the next step of a replay or a drop works on: rows of one kind, in the order in which they died.
#[derive(Debug)]
pub(in super::super) struct Chosen {
    pub(in super::super) kind: LetterKind,
    /// When each died, and its number.
    pub(in super::super) rows: Vec<(i64, i64)>,
    /// Where this step begins.
    pub(in super::super) from: StepPlace,
    /// Where the next one does, if this one gets to its end.
    pub(in super::super) next: Option<StepPlace>,
}

pub(in super::super) async fn step(conn: &mut SqliteConnection, step: &LetterStep) -> Result<Chosen, StoreError> {
    let filter = &step.filter;
    let mut from = match step.from {
        Some(from) => from,
        None => start(conn).await?,
    };
    if let Some(id) = filter.id {
        for kind in [LetterKind::Event, LetterKind::Delivery] {
            if let Some(row) = one_of(conn, kind, id).await? {
                return Ok(Chosen { kind, rows: vec![(row.finished_at, row.seq)], from, next: None });
            }
        }
        return Err(StoreError::Refused(format!("there is no dead letter `{id}`")));
    }
    loop {
        let kind = from.kind;
        let (text, newest) = match kind {
            LetterKind::Event => (oldest!("inbox"), from.events),
            LetterKind::Delivery => (oldest!("outbox"), from.deliveries),
        };
        let mut rows: Vec<(i64, i64)> = Vec::new();
        if filter.kind.is_none_or(|wanted| wanted == kind) {
            rows = choosing(sqlx::query_as(text), filter)
                .bind(from.at)
                .bind(from.seq)
                .bind(newest)
                .bind(i64::try_from(LETTERS_A_STEP).unwrap_or(i64::MAX))
                .fetch_all(&mut *conn)
                .await?;
        }
        let whole = rows.len() >= LETTERS_A_STEP;
        let next = match (kind, rows.last()) {
            (_, Some(&(at, seq))) if whole => Some(StepPlace { at, seq, ..from }),
            (LetterKind::Event, _) => {
                Some(StepPlace { kind: LetterKind::Delivery, at: i64::MIN, seq: i64::MIN, ..from })
            }
            (LetterKind::Delivery, _) => None,
        };
        match next {
            // Nothing here: go on to the deliveries at once.
            Some(next) if rows.is_empty() => from = next,
            next => return Ok(Chosen { kind, rows, from, next }),
        }
    }
}

async fn start(conn: &mut SqliteConnection) -> Result<StepPlace, StoreError> {
    Ok(StepPlace {
        kind: LetterKind::Event,
        at: i64::MIN,
        seq: i64::MIN,
        events: engine::newest_number(conn, Numbered::Inbox).await?,
        deliveries: engine::newest_number(conn, Numbered::Outbox).await?,
    })
}
