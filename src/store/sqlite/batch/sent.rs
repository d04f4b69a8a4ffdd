//! What a recorded try changes beside its delivery: what is kept of sent messages, and the event that tells of a
//! delivery that was given up. In the commit of its outcome, so that neither is ever there without the other.

use sqlx::SqliteConnection;

use super::Round;
use crate::{
    base::{BotId, Seq},
    store::{
        DeliveryOutcome, DeliveryResult, EventRow, FailureEvent, NewEvent, SentChange, SentRow, key_mark,
        sqlite::engine::Trouble,
    },
};

/// A key names one message of a destination: the newest. The others stay known by their ids.
pub(in super::super) const RENAME: &str = "
    UPDATE sent SET key_mark = NULL
    WHERE bot = $1 AND key_mark = $2 AND (order_key = $3 OR room = $4) AND remote_id <> $5";

const KEEP: &str = "
    INSERT INTO sent (bot, remote_id, delivery, order_key, room, person, key_mark, key, context, parent, rule, edits, until)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (bot, remote_id) DO UPDATE SET
        delivery = excluded.delivery, order_key = excluded.order_key, room = excluded.room, person = excluded.person,
        key_mark = excluded.key_mark, key = excluded.key, context = excluded.context, parent = excluded.parent,
        rule = excluded.rule, edits = excluded.edits, until = excluded.until";

const GONE: &str = "DELETE FROM sent WHERE bot = $1 AND remote_id = $2";

/// Not for a bot that has left: nothing is accepted for it any more.
const TELL: &str = "
    INSERT INTO inbox (public_id, bot, kind, order_key, class, due_at, accepted_at, payload)
    SELECT $1, b.bot, $3, $4, $5, $6, $6, $7 FROM bots AS b
    WHERE b.bot = $2 AND b.kinds & $8 <> 0 AND b.retired_at IS NULL
    RETURNING seq";

/// Applies what a try that counted brings along; answers the event that came of it.
pub(super) async fn apply(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    bot: &BotId,
    result: &DeliveryResult,
) -> Result<Option<EventRow>, Trouble> {
    for change in &result.sent {
        match change {
            SentChange::Keep(row) => keep(tx, bot, row).await?,
            SentChange::Gone(id) => {
                sqlx::query(GONE).bind(bot.as_str()).bind(id).execute(&mut *tx).await?;
            }
        }
    }
    match (&result.outcome, &result.failure) {
        (DeliveryOutcome::Failed { .. }, Some(failure)) => tell(tx, round, bot, failure).await,
        _ => Ok(None),
    }
}

async fn keep(tx: &mut SqliteConnection, bot: &BotId, row: &SentRow) -> Result<(), Trouble> {
    let mark = row.key.as_deref().map(key_mark);
    if let Some(mark) = &mark {
        sqlx::query(RENAME)
            .bind(bot.as_str())
            .bind(mark)
            .bind(&row.order_key)
            .bind(&row.room)
            .bind(&row.remote_id)
            .execute(&mut *tx)
            .await?;
    }
    sqlx::query(KEEP)
        .bind(bot.as_str())
        .bind(&row.remote_id)
        .bind(row.delivery.0.as_bytes().as_slice())
        .bind(&row.order_key)
        .bind(&row.room)
        .bind(&row.person)
        .bind(mark)
        .bind(&row.key)
        .bind((!row.context.is_null()).then(|| row.context.to_string()))
        .bind(&row.parent)
        .bind(&row.rule)
        .bind(i64::from(row.edits))
        .bind(row.until.0)
        .execute(tx)
        .await?;
    Ok(())
}

async fn tell(
    tx: &mut SqliteConnection,
    round: &Round<'_>,
    bot: &BotId,
    failure: &FailureEvent,
) -> Result<Option<EventRow>, Trouble> {
    let FailureEvent { wanted, event } = failure;
    let NewEvent { id, kind, order_key, class, payload, .. } = event;
    let seq: Option<i64> = sqlx::query_scalar(TELL)
        .bind(id.0.as_bytes().as_slice())
        .bind(bot.as_str())
        .bind(*kind)
        .bind(order_key)
        .bind(*class as i64)
        .bind(round.now.0)
        .bind(payload)
        .bind(i64::from(*wanted))
        .fetch_optional(tx)
        .await?;
    Ok(seq.map(|seq| EventRow {
        seq: Seq(seq),
        id: *id,
        order_key: order_key.clone(),
        class: *class,
        attempt: 0,
        accepted_at: round.now,
        payload: payload.clone(),
    }))
}
