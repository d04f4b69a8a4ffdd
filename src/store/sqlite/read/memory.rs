//! A bot's memory.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use crate::{
    base::{BotId, Cell, Millis, StateScope, Version},
    store::{DialogueRow, StateValue, StoreError},
};

pub(in super::super) async fn state(
    conn: &mut SqliteConnection,
    bot: &BotId,
    keys: &[(StateScope, String)],
    now: Millis,
) -> Result<Vec<StateValue>, StoreError> {
    type Row = (i64, i64, Option<String>, Option<i64>);
    let wanted: Vec<_> = keys.iter().map(|(scope, key)| (scope.column(), key)).collect();
    let wanted = serde_json::to_string(&wanted).map_err(|error| StoreError::Refused(error.to_string()))?;
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT t.key, s.version, s.value, s.expires_at
         FROM json_each($2) AS t JOIN state AS s ON s.bot = $1 AND s.scope = t.value->>0 AND s.key = t.value->>1",
    )
    .bind(bot.as_str())
    .bind(wanted)
    .fetch_all(conn)
    .await?;
    let mut found = HashMap::with_capacity(rows.len());
    for (index, version, value, expires_at) in rows {
        let cell = Cell { version, value: value.map(parsed).transpose()?, expires_at };
        let value = StateValue { version: Version(version), value: cell.at(now).cloned() };
        found.insert(usize::try_from(index).unwrap_or(usize::MAX), value);
    }
    let absent = StateValue { version: Version(0), value: None };
    Ok((0..keys.len()).map(|index| found.remove(&index).unwrap_or_else(|| absent.clone())).collect())
}

pub(in super::super) async fn dialogue(
    conn: &mut SqliteConnection,
    bot: &BotId,
    room: &str,
    person: &str,
    now: Millis,
) -> Result<Option<DialogueRow>, StoreError> {
    let row: Option<(i64, String, i64)> = sqlx::query_as(
        "SELECT version, value, until FROM dialogues
         WHERE bot = $1 AND room = $2 AND person = $3 AND value IS NOT NULL AND until > $4",
    )
    .bind(bot.as_str())
    .bind(room)
    .bind(person)
    .bind(now.0)
    .fetch_optional(conn)
    .await?;
    row.map(|(version, value, until)| {
        Ok(DialogueRow { version: Version(version), value: parsed(value)?, until: Millis(until) })
    })
    .transpose()
}

#[expect(clippy::needless_pass_by_value, reason = "reads well in `map`")]
fn parsed(text: String) -> Result<serde_json::Value, StoreError> {
    serde_json::from_str(&text).map_err(|error| StoreError::Engine(format!("a stored value is no JSON: {error}")))
}
