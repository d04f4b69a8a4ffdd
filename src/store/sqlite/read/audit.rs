//! What was done, newest first.

use sqlx::SqliteConnection;

use crate::{
    base::{BotId, Millis},
    store::{AuditQuery, AuditRow, By, StoreError},
};

/// However many are asked for.
const MOST: u32 = 1000;

/// One text for all questions would walk the whole table for each.
macro_rules! acts {
    ($of:literal) => {
        concat!(
            "SELECT seq, at, who, act, bot, subject, rows, note FROM audit
             WHERE ",
            $of,
            " AND ($2 IS NULL OR act = $2) AND seq < coalesce($3, 9223372036854775807)
             ORDER BY seq DESC LIMIT $4"
        )
    };
}

pub(in super::super) async fn acts(
    conn: &mut SqliteConnection,
    query: &AuditQuery,
) -> Result<Vec<AuditRow>, StoreError> {
    type Row = (i64, i64, String, String, Option<String>, String, i64, Option<String>);
    let text = if query.bot.is_some() { acts!("bot = $1") } else { acts!("$1 IS NULL") };
    let rows: Vec<Row> = sqlx::query_as(text)
        .bind(query.bot.as_ref().map(BotId::as_str))
        .bind(query.kind.map(crate::store::ActKind::word))
        .bind(query.before)
        .bind(i64::from(query.limit.min(MOST)))
        .fetch_all(conn)
        .await?;
    let told = rows.into_iter().map(|(seq, at, who, act, bot, subject, rows, note)| AuditRow {
        seq,
        at: Millis(at),
        who: By::stored(who),
        act,
        bot,
        subject,
        rows: u64::try_from(rows).unwrap_or_default(),
        note,
    });
    Ok(told.collect())
}
