//! A bot's memory.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use crate::{
    base::{BotId, Cell, Millis, StateScope, Version, dialogue_mark},
    store::{
        DialoguePage, DialogueQuery, DialogueRow, MOST_OF_A_PAGE, OpenDialogue, StatePage, StateQuery, StateRow,
        StateValue, StoreError,
    },
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

/// Keys that are there. From where the page begins the walk is along the primary key.
pub(in super::super) async fn list(
    conn: &mut SqliteConnection,
    query: &StateQuery,
    now: Millis,
) -> Result<StatePage, StoreError> {
    type Row = (String, String, i64, String, Option<i64>);
    let scope = query.scope.as_ref().map(StateScope::column);
    let (after, key) = query.after.clone().unwrap_or_else(|| (scope.clone().unwrap_or_default(), String::new()));
    let limit = query.limit.clamp(1, MOST_OF_A_PAGE);
    let mut rows: Vec<Row> = sqlx::query_as(
        "SELECT scope, key, version, value, expires_at FROM state
         WHERE bot = $1 AND (scope, key) > ($2, $3) AND scope <= coalesce($4, scope) AND scope >= coalesce($4, scope)
           AND key = coalesce($7, key) AND value IS NOT NULL AND (expires_at IS NULL OR expires_at > $5)
         ORDER BY scope, key LIMIT $6",
    )
    .bind(query.bot.as_str())
    .bind(after)
    .bind(key)
    .bind(scope)
    .bind(now.0)
    .bind(i64::from(limit) + 1)
    .bind(query.key.as_deref())
    .fetch_all(conn)
    .await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|(scope, key, ..)| (scope.clone(), key.clone()));
    let rows = rows.into_iter().map(|(scope, key, version, value, expires_at)| {
        Ok(StateRow { scope, key, value: parsed(value)?, version, expires_at: expires_at.map(Millis) })
    });
    Ok(StatePage { state: rows.collect::<Result<_, StoreError>>()?, next })
}

/// Dialogues that are open.
pub(in super::super) async fn dialogues(
    conn: &mut SqliteConnection,
    query: &DialogueQuery,
    now: Millis,
) -> Result<DialoguePage, StoreError> {
    let (room, person) = query.after.clone().unwrap_or_default();
    let limit = query.limit.clamp(1, MOST_OF_A_PAGE);
    let mut rows: Vec<(String, String, i64, String, i64)> = sqlx::query_as(
        "SELECT room, person, version, value, until FROM dialogues
         WHERE bot = $1 AND (room, person) > ($2, $3) AND value IS NOT NULL AND until > $4
         ORDER BY room, person LIMIT $5",
    )
    .bind(query.bot.as_str())
    .bind(room)
    .bind(person)
    .bind(now.0)
    .bind(i64::from(limit) + 1)
    .fetch_all(conn)
    .await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|(room, person, ..)| (room.clone(), person.clone()));
    let rows = rows.into_iter().map(|(room, person, version, value, until)| {
        let id = dialogue_mark(&room, &person);
        Ok(OpenDialogue { id, room, person, version, until: Millis(until), value: parsed(value)? })
    });
    Ok(DialoguePage { dialogues: rows.collect::<Result<_, StoreError>>()?, next })
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
