//! Writes down who did what, inside the transaction that does it.

use sqlx::SqliteConnection;

use super::Stop;
use crate::store::{Act, sqlite::batch::Round};

pub(in super::super) async fn write(tx: &mut SqliteConnection, round: &Round<'_>, act: &Act) -> Result<(), Stop> {
    sqlx::query("INSERT INTO audit (at, who, act, bot, subject, rows, note) VALUES ($1, $2, $3, $4, $5, $6, $7)")
        .bind(round.now.0)
        .bind(act.by.as_str())
        .bind(act.kind.word())
        .bind(act.bot.as_ref().map(crate::base::BotId::as_str))
        .bind(act.subject.as_str())
        .bind(i64::try_from(act.rows).unwrap_or(i64::MAX))
        .bind(act.note.as_deref())
        .execute(tx)
        .await?;
    Ok(())
}
