//! Where schedules stand, and when the next timer is due.

use sqlx::SqliteConnection;

use super::due::known;
use crate::{
    base::{BotId, Millis},
    store::{ScheduleRow, StoreError},
};

pub(in super::super) async fn all(
    conn: &mut SqliteConnection,
    bot: Option<&BotId>,
) -> Result<Vec<ScheduleRow>, StoreError> {
    let rows: Vec<(String, String, String, i64)> =
        sqlx::query_as("SELECT bot, name, plan, through FROM schedules WHERE $1 IS NULL OR bot = $1")
            .bind(bot.map(BotId::as_str))
            .fetch_all(conn)
            .await?;
    rows.into_iter()
        .map(|(bot, name, plan, through)| Ok(ScheduleRow { bot: known(&bot)?, name, plan, through: Millis(through) }))
        .collect()
}

pub(in super::super) async fn next_timer(conn: &mut SqliteConnection) -> Result<Option<Millis>, StoreError> {
    let due: Option<i64> =
        sqlx::query_scalar("SELECT due_at FROM timers ORDER BY due_at LIMIT 1").fetch_optional(conn).await?;
    Ok(due.map(Millis))
}
