//! What keeps the house, or single bots, silent.

use serde::de::DeserializeOwned;
use sqlx::SqliteConnection;

use super::due::known;
use crate::{
    base::Millis,
    store::{By, Paused, Silence, StoreError},
};

/// Rows of `meta`.
pub(in super::super) const PAUSED: &str = "house.paused";
/// As above.
pub(in super::super) const RESTORED: &str = "house.restored";

pub(in super::super) async fn all(conn: &mut SqliteConnection) -> Result<Silence, StoreError> {
    let house = house(conn).await?;
    let rows: Vec<(String, i64, Option<String>)> =
        sqlx::query_as("SELECT bot, paused_at, paused_by FROM bots WHERE paused_at IS NOT NULL ORDER BY bot")
            .fetch_all(conn)
            .await?;
    let bots = rows.into_iter().map(|(bot, at, by)| {
        Ok((known(&bot)?, Paused { at: Millis(at), by: By::stored(by.unwrap_or_else(|| "somebody".to_owned())) }))
    });
    Ok(Silence { bots: bots.collect::<Result<_, StoreError>>()?, ..house })
}

/// Without the bots that are paused by name.
pub(in super::super) async fn house(conn: &mut SqliteConnection) -> Result<Silence, StoreError> {
    Ok(Silence { restored: meta(conn, RESTORED).await?, paused: meta(conn, PAUSED).await?, bots: Vec::new() })
}

async fn meta<T: DeserializeOwned>(conn: &mut SqliteConnection, key: &str) -> Result<Option<T>, StoreError> {
    let found: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(key).fetch_optional(conn).await?;
    let read = |value: Vec<u8>| {
        serde_json::from_slice(&value).map_err(|error| StoreError::Engine(format!("`{key}` cannot be read: {error}")))
    };
    found.map(read).transpose()
}
