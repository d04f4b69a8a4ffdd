//! The engine's own words: connections, PRAGMAs, transactions, migrations, error codes. They stand only here.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, SqlStr, SqliteConnection,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
    sqlite::{SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
};

use crate::base::{Breaking, Point};

/// Name of the database file in the data dir.
pub(super) const FILE: &str = "botyard.db";

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The one that writes.
    Writer,
    /// One of those that only look.
    Reader,
    /// The one that writes the log back, see [`super::log`].
    Checkpointer,
}

/// Opens a connection. The file exists already, made with the rights we want it to have.
pub(super) async fn connect(path: &Path, role: Role) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Wal)
        // NORMAL would lose the last commits on a power cut, and "200 means stored".
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // Before the first table is made, or never: so that the file can become smaller again, see `make_able_to_shrink`.
        .auto_vacuum(SqliteAutoVacuum::Incremental)
        // What is deleted is overwritten.
        .pragma("secure_delete", "on")
        .pragma("temp_store", "memory")
        // Never inside a commit, which would wait for it: the log is written back beside, see `log`.
        .pragma("wal_autocheckpoint", "0")
        // A reader may keep it from beginning anew; then it shrinks to this, 96 MiB, once it does. Above what it
        // usually becomes (`log`), or each time the file would be cut and made longer again.
        .pragma("journal_size_limit", "100663296")
        // In KiB when negative. Little for readers: there are several, and the system has the pages as well.
        .pragma("cache_size", if role == Role::Writer { "-4096" } else { "-256" })
        .pragma("query_only", if role == Role::Reader { "on" } else { "off" })
        .statement_cache_capacity(64)
        // Rows cross a channel: with room for all of a read, the engine's thread never waits for who takes them.
        .row_buffer_size(512)
        .thread_name(move |n| match role {
            Role::Writer => "store-writer".to_owned(),
            Role::Reader => format!("store-reader-{n}"),
            Role::Checkpointer => "store-log".to_owned(),
        })
        // Failures are logged where they are handled.
        .disable_statement_logging();
    options.connect().await
}

/// Opens a connection that copies the database. Whatever it does ends soon after `stop` is true.
pub(super) async fn connect_copier(path: &Path, stop: Arc<AtomicBool>) -> Result<SqliteConnection, sqlx::Error> {
    let mut conn = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(Duration::from_secs(5))
        .pragma("temp_store", "memory")
        .thread_name(|n| format!("store-copier-{n}"))
        .disable_statement_logging()
        .connect()
        .await?;
    conn.lock_handle().await?.set_progress_handler(1000, move || !stop.load(Ordering::Relaxed));
    Ok(conn)
}

/// Opens a copy, which nobody else has open. It stays one plain file.
pub(super) async fn connect_copy(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .journal_mode(SqliteJournalMode::Delete)
        .synchronous(SqliteSynchronous::Full)
        .thread_name(|n| format!("store-copy-{n}"))
        .disable_statement_logging();
    options.connect().await
}

/// How a transaction begins. A deferred one that writes fails under load: only IMMEDIATE takes its place in the line.
pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";

/// Begins a transaction.
pub(super) async fn begin(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(BEGIN).execute(conn).await.map(drop)
}

/// Makes durable what was written since `begin`.
pub(super) async fn commit(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("COMMIT").execute(conn).await.map(drop)
}

/// Gives back the pages that the connection has in memory and does not need.
pub(super) async fn give_back_memory(conn: &mut SqliteConnection) {
    if let Err(error) = sqlx::query("PRAGMA shrink_memory").execute(conn).await {
        tracing::debug!(%error, "the engine keeps its memory");
    }
}

/// Undoes what was written since `begin`. A statement that failed may have undone it already, or nothing was begun: no
/// error then.
pub(super) async fn rollback(conn: &mut SqliteConnection) {
    if let Err(error) = sqlx::query("ROLLBACK").execute(conn).await {
        tracing::debug!(%error, "nothing to roll back");
    }
}

/// Makes the file as good as full, or lets it grow again. A limit below the present size means that size.
pub(super) async fn let_grow(conn: &mut SqliteConnection, grows: bool) {
    let limit = if grows { "PRAGMA max_page_count = 4294967294" } else { "PRAGMA max_page_count = 1" };
    if let Err(error) = sqlx::query(limit).execute(conn).await {
        tracing::warn!(%error, "the size of the store could not be limited");
    }
}

/// How the log is written back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Checkpoint {
    /// Not at all: only its length is asked for.
    Look,
    /// As far as readers allow, beside a writer that goes on.
    Beside,
    /// Wholly, so that it begins anew. Waits a second for readers; the writer must wait outside.
    Anew,
    /// Wholly, and the file is cut off: nothing of what was overwritten stays in it. Waits for a reader no longer
    /// than a short read takes; the writer must wait outside.
    CutOff,
}

/// Pages in the log, and how many of them stand in the database already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogLength {
    pub(super) pages: i64,
    pub(super) written_back: i64,
}

/// Writes the log back.
pub(super) async fn checkpoint(conn: &mut SqliteConnection, how: Checkpoint) -> Result<LogLength, sqlx::Error> {
    let (patience, words) = match how {
        Checkpoint::Look => (None, "PRAGMA wal_checkpoint(NOOP)"),
        Checkpoint::Beside => (None, "PRAGMA wal_checkpoint(PASSIVE)"),
        Checkpoint::Anew => (Some("PRAGMA busy_timeout = 1000"), "PRAGMA wal_checkpoint(RESTART)"),
        Checkpoint::CutOff => (Some("PRAGMA busy_timeout = 20"), "PRAGMA wal_checkpoint(TRUNCATE)"),
    };
    if let Some(patience) = patience {
        sqlx::query(patience).execute(&mut *conn).await?;
    }
    let (_busy, pages, written_back): (i64, i64, i64) = sqlx::query_as(words).fetch_one(conn).await?;
    Ok(LogLength { pages, written_back })
}

/// Pages of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pages {
    /// All of them.
    pub(super) all: i64,
    /// Those that hold nothing.
    pub(super) free: i64,
}

/// How many pages there are.
pub(super) async fn pages(conn: &mut SqliteConnection) -> Result<Pages, sqlx::Error> {
    let (all, free) = sqlx::query_as("SELECT page_count, freelist_count FROM pragma_page_count, pragma_freelist_count")
        .fetch_one(conn)
        .await?;
    Ok(Pages { all, free })
}

/// Bytes of a page.
pub(super) async fn page_size(conn: &mut SqliteConnection) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("PRAGMA page_size").fetch_one(conn).await
}

/// Cuts so many free pages off the file, within the transaction.
pub(super) async fn give_back(conn: &mut SqliteConnection, pages: i64) -> Result<(), sqlx::Error> {
    // A number of ours; a PRAGMA takes no parameters. Each page is a step of the statement: all must be asked for.
    let words = AssertSqlSafe(format!("PRAGMA incremental_vacuum({pages})"));
    sqlx::query(words).fetch_all(conn).await.map(drop)
}

/// Makes a database that was made without it able to give pages back: once, by writing it anew.
pub(super) async fn make_able_to_shrink(conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let mode: i64 = sqlx::query_scalar("PRAGMA auto_vacuum").fetch_one(&mut *conn).await?;
    if mode != 0 {
        return Ok(false);
    }
    sqlx::query("PRAGMA auto_vacuum = incremental").execute(&mut *conn).await?;
    sqlx::query("VACUUM").execute(conn).await?;
    Ok(true)
}

/// The log beside a database.
pub(super) fn log_of(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

/// Writes the log back into the file and closes.
pub(super) async fn close(mut conn: SqliteConnection) {
    if let Err(error) = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut conn).await {
        tracing::warn!(%error, "the store's log could not be written back at close; the next start does it");
    }
    if let Err(error) = conn.close().await {
        tracing::warn!(%error, "the store did not close cleanly; nothing that was committed is lost");
    }
}

/// The highest row number that a table with AUTOINCREMENT ever gave out.
pub(super) async fn newest_number(conn: &mut SqliteConnection, table: Numbered) -> Result<i64, sqlx::Error> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT seq FROM sqlite_sequence WHERE name = $1")
        .bind(table.name())
        .fetch_optional(conn)
        .await?;
    Ok(newest.unwrap_or_default())
}

/// Gives out the next `count` row numbers of a table for rows that are there already; answers the first of them.
pub(super) async fn take_numbers(tx: &mut SqliteConnection, table: Numbered, count: usize) -> Result<i64, sqlx::Error> {
    let newest = newest_number(tx, table).await?;
    sqlx::query("UPDATE sqlite_sequence SET seq = $2 WHERE name = $1")
        .bind(table.name())
        .bind(newest.saturating_add(i64::try_from(count).unwrap_or(i64::MAX)))
        .execute(tx)
        .await?;
    Ok(newest + 1)
}

/// A table whose row numbers are the order in which its rows are handled, each given out once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Numbered {
    /// Events.
    Inbox,
    /// Deliveries.
    Outbox,
}

impl Numbered {
    fn name(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Outbox => "outbox",
        }
    }
}

fn migrator() -> Migrator {
    let migrations = MIGRATIONS.iter().map(|(number, name, text)| {
        Migration::new(*number, (*name).into(), MigrationType::Simple, SqlStr::from_static(text), false)
    });
    Migrator::with_migrations(migrations.collect::<Vec<_>>())
}

/// The number of a migration that is written down as begun and not ended. Ours are never: see [`migrate`].
pub(super) async fn half_done(conn: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar("SELECT version FROM _sqlx_migrations WHERE NOT success LIMIT 1").fetch_optional(conn).await
}

/// Brings the schema up to what this program knows: in one transaction, however many steps it takes. So whatever
/// interrupts it leaves the old schema or the new one and nothing between, and the snapshot that was made before it
/// is of the schema that the older program knows.
pub(super) async fn migrate(conn: &mut SqliteConnection, breaking: &Breaking) -> Result<(), MigrateError> {
    let mut tx = conn.begin_with("BEGIN IMMEDIATE").await?;
    let migrator = migrator();
    for step in migrator.iter() {
        migrator.run_to(step.version, &mut *tx).await?;
        breaking.pass(Point::Migrating, None).await;
    }
    Ok(tx.commit().await?)
}

/// A database as an older program left it.
#[cfg(test)]
pub(super) async fn migrate_to(conn: &mut SqliteConnection, schema: i64) {
    migrator().run_to(schema, conn).await.unwrap();
}

/// Opens a file that nobody writes, to look at it as it is; makes no files beside it.
pub(super) async fn connect_frozen(path: &Path) -> Result<SqliteConnection, sqlx::Error> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    options.disable_statement_logging().connect().await
}

/// Writes the log back into the file and cuts it off, so that the file alone is the whole database.
pub(super) async fn fold_log(conn: &mut SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(conn).await.map(drop)
}

/// How closely a database is looked at for damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Every page, and whether the tables are sound: 0.25 s for 100 MB, from memory.
    Quick,
    /// Also whether each index says what its table says: 1 s for 100 MB.
    Close,
}

/// What is wrong with a database, if anything is.
pub(super) async fn damage(conn: &mut SqliteConnection, look: Look) -> Result<Option<String>, sqlx::Error> {
    let found = match look {
        Look::Quick => sqlx::query_scalar("PRAGMA quick_check(1)").fetch_all(conn).await?,
        Look::Close => integrity(conn).await?,
    };
    Ok(found.into_iter().find(|line: &String| line != "ok"))
}

/// Makes every write fail as on a file system that became read-only, or lets it write again.
pub(super) async fn let_write(conn: &mut SqliteConnection, writes: bool) {
    let words = if writes { "PRAGMA query_only = off" } else { "PRAGMA query_only = on" };
    if let Err(error) = sqlx::query(words).execute(conn).await {
        tracing::warn!(%error, "the store could not be made read-only");
    }
}

/// Every change of the schema, in order. Listed by hand and not by `migrate!`: so the build sees a changed file
/// without a build script.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "init", include_str!("../../../migrations/0001_init.sql")),
    (2, "audit", include_str!("../../../migrations/0002_audit.sql")),
    (3, "retention", include_str!("../../../migrations/0003_retention.sql")),
    (4, "pause", include_str!("../../../migrations/0004_pause.sql")),
    (5, "letters", include_str!("../../../migrations/0005_letters.sql")),
    (7, "sent", include_str!("../../../migrations/0007_sent.sql")),
    (8, "schedules", include_str!("../../../migrations/0008_schedules.sql")),
    (9, "state_keys", include_str!("../../../migrations/0009_state_keys.sql")),
    (10, "calls", include_str!("../../../migrations/0010_calls.sql")),
    (11, "answers", include_str!("../../../migrations/0011_answers.sql")),
    (12, "one_order", include_str!("../../../migrations/0012_one_order.sql")),
];

/// The number of the schema that this program makes.
pub(super) const NEWEST: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// The number of a database's schema; nothing when it is no store of ours.
pub(super) async fn schema(conn: &mut SqliteConnection) -> Result<Option<i64>, sqlx::Error> {
    let ours: Option<i64> = sqlx::query_scalar("SELECT 1 FROM sqlite_master WHERE name = '_sqlx_migrations'")
        .fetch_optional(&mut *conn)
        .await?;
    if ours.is_none() {
        return Ok(None);
    }
    sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success").fetch_one(conn).await
}

/// What is wrong with a database, read whole, its indexes against its tables; nothing when it is well.
pub(super) async fn integrity(conn: &mut SqliteConnection) -> Result<Vec<String>, sqlx::Error> {
    let mut said: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(3)").fetch_all(conn).await?;
    said.retain(|line| line != "ok");
    Ok(said)
}

/// Bytes that a copy of a database takes.
pub(super) async fn size(conn: &mut SqliteConnection) -> Result<u64, sqlx::Error> {
    let bytes: i64 = sqlx::query_scalar(
        "SELECT (p.page_count - f.freelist_count) * s.page_size
         FROM pragma_page_count AS p, pragma_freelist_count AS f, pragma_page_size AS s",
    )
    .fetch_one(conn)
    .await?;
    Ok(u64::try_from(bytes).unwrap_or_default())
}

/// Copies what is committed at its begin into an empty file.
pub(super) async fn copy_into(conn: &mut SqliteConnection, file: &Path) -> Result<(), sqlx::Error> {
    let file = file.to_str().ok_or_else(|| sqlx::Error::Protocol("the path of the copy is no UTF-8".to_owned()))?;
    sqlx::query("VACUUM INTO $1").bind(file).execute(conn).await.map(drop)
}

/// What an error of the engine means for a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// One member broke a rule; the others may be fine.
    Guilty(String),
    /// There is no room on the disk.
    Full,
    /// Nothing can be written for now: a read-only file system, a quota, a limit on the size of files. Nothing was.
    Unwritable(String),
    /// The disk did not confirm a write: what the file holds is not known any more.
    Sync(String),
    /// It is no database, or a damaged one.
    Corrupt(String),
    /// Anything else.
    Other(String),
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        if matches!(error, sqlx::Error::WorkerCrashed) {
            // The connection is lost for good, and what its last write came to is not known.
            return Self::Sync("the engine's thread panicked".into());
        }
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        let code = code.and_then(|code| code.parse().ok());
        classify(code, error.to_string())
    }
}

/// By the extended result code; the low byte is the primary one. <https://www.sqlite.org/rescode.html>
fn classify(code: Option<u32>, message: String) -> Trouble {
    const FSYNC: u32 = 1034;
    const DIR_FSYNC: u32 = 1290;
    const WRITE: u32 = 778;
    const TRUNCATE: u32 = 1546;
    const SHM_SIZE: u32 = 4874;
    match code {
        Some(FSYNC | DIR_FSYNC) => Trouble::Sync(message),
        // The engine calls only "no space" a full disk; a quota, or a file system that became read-only, is a
        // failed write. The commit was not begun, so trying again is safe, as it is not after a failed sync.
        Some(WRITE | TRUNCATE | SHM_SIZE) => Trouble::Unwritable(message),
        Some(code) => match code & 0xff {
            8 => Trouble::Unwritable(message),
            11 | 26 => Trouble::Corrupt(message),
            13 => Trouble::Full,
            18..=20 => Trouble::Guilty(message),
            _ => Trouble::Other(message),
        },
        None => Trouble::Other(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_result_code_has_its_meaning_for_a_batch() {
        let of = |code| classify(Some(code), "m".into());
        assert_eq!(of(13), Trouble::Full);
        assert_eq!(of(1034), Trouble::Sync("m".into()), "a failed fsync");
        assert_eq!(of(778), Trouble::Unwritable("m".into()), "a failed write");
        assert_eq!(of(8), Trouble::Unwritable("m".into()), "read-only");
        assert_eq!(of(267), Trouble::Corrupt("m".into()), "a damaged index");
        assert_eq!(of(2067), Trouble::Guilty("m".into()), "a unique constraint");
        assert_eq!(of(275), Trouble::Guilty("m".into()), "a check constraint");
        assert_eq!(of(18), Trouble::Guilty("m".into()), "a value that is too big");
        assert_eq!(of(26), Trouble::Corrupt("m".into()), "not a database");
        assert_eq!(of(5), Trouble::Other("m".into()), "busy");
        assert_eq!(classify(None, "m".into()), Trouble::Other("m".into()));
    }
}
