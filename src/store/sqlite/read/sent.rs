//! What is kept of sent messages.

use sqlx::SqliteConnection;

use crate::{
    base::{Millis, Seq},
    store::{SentAnswer, SentLook, SentQuery, SentRow, StoreError, key_mark, sqlite::uuid_column::Id},
};

#[derive(sqlx::FromRow)]
struct Row {
    remote_id: String,
    delivery: Id,
    order_key: String,
    room: Option<String>,
    person: Option<String>,
    key: Option<String>,
    context: Option<String>,
    parent: Option<String>,
    rule: String,
    edits: i64,
    until: i64,
}

macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT remote_id, delivery, order_key, room, person, key, context, parent, rule, edits, until FROM sent
             WHERE bot = $1 AND until > $2 AND ",
            $which
        )
    };
}

const BY_ID: &str = select!("remote_id = $3");
pub(in super::super) const BY_KEY: &str =
    select!("key_mark = $3 AND (order_key = $4 OR room = $5) ORDER BY seq DESC LIMIT 1");

pub(in super::super) async fn sent(conn: &mut SqliteConnection, look: &SentLook) -> Result<SentAnswer, StoreError> {
    let bot = look.bot.as_str();
    let (row, on_its_way): (Option<Row>, bool) = match &look.query {
        SentQuery::Id(id) => {
            // First this, then the row: whoever lands in between has left the row before it is looked for.
            let flies = sqlx::query_scalar(
                "SELECT EXISTS (SELECT 1 FROM outbox WHERE bot = $1 AND finished_at IS NULL AND state = 1)",
            );
            let flies = flies.bind(bot).fetch_one(&mut *conn).await?;
            (sqlx::query_as(BY_ID).bind(bot).bind(look.now.0).bind(id).fetch_optional(conn).await?, flies)
        }
        SentQuery::Key { key, order_key, room } => {
            let row = sqlx::query_as(BY_KEY).bind(bot).bind(look.now.0).bind(key_mark(key)).bind(order_key).bind(room);
            (row.fetch_optional(conn).await?, false)
        }
    };
    match row {
        Some(row) => row.told().map(|row| SentAnswer::Known(Box::new(row))),
        None if on_its_way => Ok(SentAnswer::NotYet),
        None => Ok(SentAnswer::Unknown),
    }
}

/// 3 is "failed".
const GIVEN_UP_BEFORE: &str = "
    SELECT before.state = 3 FROM outbox AS this
    JOIN outbox AS before ON before.event = this.event
    WHERE this.seq = $1 AND before.order_key = this.order_key AND before.seq < this.seq
    ORDER BY before.seq DESC LIMIT 1";

pub(in super::super) async fn given_up_before(conn: &mut SqliteConnection, delivery: Seq) -> Result<bool, StoreError> {
    let state: Option<bool> = sqlx::query_scalar(GIVEN_UP_BEFORE).bind(delivery.0).fetch_optional(conn).await?;
    Ok(state.unwrap_or(false))
}

impl Row {
    fn told(self) -> Result<SentRow, StoreError> {
        let context = self.context.as_deref().map(serde_json::from_str).transpose();
        let context = context.map_err(|error| StoreError::Engine(format!("a stored context is no JSON: {error}")))?;
        Ok(SentRow {
            remote_id: self.remote_id,
            delivery: self.delivery.0,
            order_key: self.order_key,
            room: self.room,
            person: self.person,
            key: self.key,
            context: context.unwrap_or_default(),
            parent: self.parent,
            rule: self.rule,
            edits: u32::try_from(self.edits).unwrap_or(u32::MAX),
            until: Millis(self.until),
        })
    }
}
