//! A start on a backup: recognised by the mark that stands in a copy alone.
//!
//! The life that the backup is of went on after it was taken, and nobody knows how far. So what waited to be sent
//! then may have been sent since: it is made doubtful, and the policy of its bot decides when the house goes on. The
//! same holds for the answers to events that waited: the house remembers the newest of those, and whatever a turn of
//! an event up to it promises is doubtful from the beginning. Until somebody says `resume --all`, nobody works.

use sqlx::SqliteConnection;

use super::{
    backup::MARK,
    batch::Round,
    book::Book,
    change::{Stop, audit},
    engine::{self, Numbered, Trouble},
    read::silence::RESTORED,
};
use crate::{
    base::Millis,
    store::{Act, ActKind, BackupMark, By, EraseAtEnd, Restored},
};

/// Row of `meta` with the newest event that stood in the backup.
const THROUGH: &str = "restored.through";

/// What could have been sent meanwhile: all that was due by now. What is due later cannot have been.
const DOUBT: &str = "
    UPDATE outbox SET
        state = 1, doubtful = 1,
        epoch = CASE state WHEN 0 THEN coalesce((SELECT b.epoch FROM bots AS b WHERE b.bot = outbox.bot), 0) ELSE epoch END
    WHERE finished_at IS NULL AND (state = 1 OR due_at <= $1)";

/// Makes a copy a store again, once.
pub(super) async fn recognise(conn: &mut SqliteConnection, now: Millis) -> Result<(), Trouble> {
    let mark: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(MARK).fetch_optional(&mut *conn).await?;
    let Some(mark) = mark else { return Ok(()) };
    let mark: BackupMark = serde_json::from_slice(&mark).map_err(|error| Trouble::Corrupt(error.to_string()))?;
    engine::begin(conn).await?;
    match convert(conn, &mark, now).await {
        Ok(()) => Ok(engine::commit(conn).await?),
        Err(trouble) => {
            engine::rollback(conn).await;
            Err(trouble)
        }
    }
}

async fn convert(conn: &mut SqliteConnection, mark: &BackupMark, now: Millis) -> Result<(), Trouble> {
    let doubtful = sqlx::query(DOUBT).bind(now.0).execute(&mut *conn).await?.rows_affected();
    let restored = Restored {
        taken_at: mark.taken_at,
        instance: mark.instance.clone(),
        purpose: mark.purpose.clone(),
        opened_at: now,
        doubtful,
    };
    let restored = serde_json::to_vec(&restored).map_err(|error| Trouble::Other(error.to_string()))?;
    let newest = engine::newest_number(&mut *conn, Numbered::Inbox).await?;
    for (key, value) in [(RESTORED, restored), (THROUGH, newest.to_string().into_bytes())] {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&mut *conn)
        .await?;
    }
    sqlx::query("DELETE FROM meta WHERE key = $1").bind(MARK).execute(&mut *conn).await?;
    let act = Act {
        by: mark.restored_by.clone().unwrap_or_else(|| By::house("start")),
        kind: ActKind::Restore,
        bot: None,
        subject: format!("the backup of {}, taken at {}", mark.instance, mark.taken_at),
        rows: doubtful,
        note: None,
    };
    let round =
        Round { now, book: &Book::default(), pending_per_bot: 0, keys_per_bot: 0, erase: EraseAtEnd::default() };
    audit::write(conn, &round, &act).await.map_err(|stop| match stop {
        Stop::Trouble(trouble) => trouble,
        Stop::Refused(why) => Trouble::Other(why),
    })
}

/// The newest event that stood in the backup put back last; 0 when none was.
pub(super) async fn through(conn: &mut SqliteConnection) -> Result<i64, Trouble> {
    let kept: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = $1").bind(THROUGH).fetch_optional(conn).await?;
    let Some(kept) = kept else { return Ok(0) };
    let number = std::str::from_utf8(&kept).ok().and_then(|text| text.parse().ok());
    number.ok_or_else(|| Trouble::Corrupt(format!("`{THROUGH}` is no number")))
}
