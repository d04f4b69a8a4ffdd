//! Is a copy good: a whole database, a store of ours, of a schema we know, sealed with our key?

use std::path::Path;

use sqlx::{Connection as _, SqliteConnection};

use crate::store::{
    BackupMark,
    sqlite::{
        engine::{self, Trouble},
        open,
        seal::UnsealError,
        seal_ring::KeyRing,
    },
};

/// Row of `meta` that stands in a copy alone.
pub(in super::super) const MARK: &str = "backup";

/// What is wrong with a copy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Flaw {
    #[error("it is damaged or no database ({0})")]
    Damaged(String),
    #[error("it is no store of Botyard")]
    Foreign,
    #[error("a newer version of this program wrote it (schema {found}, this one knows {known})")]
    Newer { found: i64, known: i64 },
    #[error("it was sealed with another key")]
    OtherKey,
    #[error("the disk is full")]
    Full,
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl From<sqlx::Error> for Flaw {
    fn from(error: sqlx::Error) -> Self {
        match Trouble::from(error) {
            Trouble::Corrupt(why) => Self::Damaged(why),
            Trouble::Full => Self::Full,
            Trouble::Guilty(why) | Trouble::Unwritable(why) | Trouble::Sync(why) | Trouble::Other(why) => {
                Self::Unreadable(why)
            }
        }
    }
}

/// What a good copy holds.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) mark: Option<BackupMark>,
    pub(super) schema: i64,
    pub(super) bots: u64,
    pub(super) pending: u64,
}

/// Reads all of it.
pub(super) async fn check(path: &Path, keys: &KeyRing) -> Result<Found, Flaw> {
    let mut conn = engine::connect_copy(path).await?;
    let found = look(&mut conn, keys).await;
    let closed = conn.close().await;
    let found = found?;
    closed?;
    Ok(found)
}

/// Writes into a copy that it is one.
pub(super) async fn mark(path: &Path, mark: &BackupMark) -> Result<(), Flaw> {
    let value = serde_json::to_vec(mark).map_err(|error| Flaw::Unreadable(error.to_string()))?;
    let mut conn = engine::connect_copy(path).await?;
    let marked = sqlx::query(
        "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(MARK)
    .bind(value)
    .execute(&mut conn)
    .await;
    let closed = conn.close().await;
    marked?;
    closed?;
    Ok(())
}

async fn look(conn: &mut SqliteConnection, keys: &KeyRing) -> Result<Found, Flaw> {
    let problems = engine::integrity(conn).await?;
    if !problems.is_empty() {
        return Err(Flaw::Damaged(problems.join("; ")));
    }
    let schema = engine::schema(conn).await?.ok_or(Flaw::Foreign)?;
    if schema > engine::NEWEST {
        return Err(Flaw::Newer { found: schema, known: engine::NEWEST });
    }
    match open::key_fits(conn, keys).await? {
        None => return Err(Flaw::Foreign),
        Some(Err(UnsealError::OtherKey)) => return Err(Flaw::OtherKey),
        Some(Err(UnsealError::Damaged)) => return Err(Flaw::Damaged("the key check does not open".to_owned())),
        Some(Ok(())) => {}
    }
    let mark: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(MARK).fetch_optional(&mut *conn).await?;
    let mark = mark.map(|mark| serde_json::from_slice(&mark).map_err(|error| Flaw::Damaged(error.to_string())));
    let (bots, pending): (i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM bots WHERE retired_at IS NULL),
                (SELECT count(*) FROM inbox WHERE finished_at IS NULL)
              + (SELECT count(*) FROM outbox WHERE finished_at IS NULL)",
    )
    .fetch_one(conn)
    .await?;
    let count = |column| u64::try_from(column).unwrap_or_default();
    Ok(Found { mark: mark.transpose()?, schema, bots: count(bots), pending: count(pending) })
}
