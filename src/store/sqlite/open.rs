//! Opening: is the place fit, is it ours alone, is it our schema, is it our key?

use std::{
    fmt, fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{SqliteConnection, migrate::MigrateError};

use super::{
    Faults, OnFatal, StoreLimits, WriterHost, backup,
    engine::{self, Role, Trouble},
    lock::{self, Lock, LockError},
    place, restored,
    seal::{Place, SealKey, UnsealError},
};
use crate::{
    base::{Clock, Point},
    store::{Doorbell, EraseAtEnd},
};

/// What a store needs to open.
pub struct OpenOptions {
    /// The folder that holds the database, its lock and, unless given otherwise, the seal key.
    pub data_dir: PathBuf,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Opens and closes sealed secrets.
    pub seal: SealKey,
    /// Rings after each commit, on the writer's thread.
    pub doorbell: Arc<dyn Doorbell>,
    /// What is bounded.
    pub limits: StoreLimits,
    /// What is not even kept until a pass of [`Store::erase`](crate::store::Store::erase).
    pub erase: EraseAtEnd,
    /// How long to wait for another process to let go of the data dir.
    pub lock_wait: Duration,
    /// Where the writer runs.
    pub writer: WriterHost,
    /// Called, on the writer's thread, when the disk does not confirm a write; the process must end (70).
    pub on_fatal: OnFatal,
    /// Faults to be made, for benches and tests.
    pub faults: Faults,
}

impl OpenOptions {
    /// Options with the usual limits and patience; the writer has a thread of its own, and a fatal error is
    /// only logged.
    #[must_use]
    pub fn new(data_dir: PathBuf, clock: Clock, seal: SealKey, doorbell: Arc<dyn Doorbell>) -> Self {
        Self {
            data_dir,
            clock,
            seal,
            doorbell,
            limits: StoreLimits::default(),
            erase: EraseAtEnd::default(),
            lock_wait: Duration::from_secs(30),
            writer: WriterHost::Thread,
            on_fatal: Arc::new(|_| {}),
            faults: Faults::default(),
        }
    }
}

impl fmt::Debug for OpenOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenOptions")
            .field("data_dir", &self.data_dir)
            .field("limits", &self.limits)
            .field("lock_wait", &self.lock_wait)
            .field("writer", &self.writer)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

/// Why a store does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data dir cannot be made or written; the sentence holds the line that puts it right.
    #[error("{0}")]
    Unwritable(String),
    /// It is on a network file system.
    #[error(
        "the data dir `{path}` is on a network file system ({kind}), where the store's locks and log are not safe: \
         set `data_dir` (BOTYARD_DATA_DIR) to a folder on a local disk or a block volume"
    )]
    Network {
        /// The data dir.
        path: PathBuf,
        /// Which file system.
        kind: &'static str,
    },
    /// Another process has it.
    #[error(
        "the data dir `{path}` is in use by {holder}, and was not let go within {} s: stop that process, or set \
         another `data_dir` (BOTYARD_DATA_DIR)", waited.as_secs()
    )]
    Locked {
        /// The data dir.
        path: PathBuf,
        /// Process id and command of the holder.
        holder: String,
        /// How long it was waited for.
        waited: Duration,
    },
    /// It was sealed with another key.
    #[error(
        "the seal key does not fit `{path}`: give the key that store was made with, by `seal.key_file` \
         (BOTYARD_SEAL__KEY_FILE) or `seal.key`"
    )]
    WrongKey {
        /// The database.
        path: PathBuf,
    },
    /// A newer program made it.
    #[error(
        "`{path}` was written by a newer version of this program (schema {found}): run that version, or put back a \
         backup from before the upgrade"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The number of its schema.
        found: i64,
    },
    /// It is damaged, or no database.
    #[error("`{path}` is damaged or no database ({why}): put back a backup, or move it away to start empty")]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What the engine says.
        why: String,
    },
    /// Putting a backup back was broken off.
    #[error(
        "putting a backup back into `{path}` was broken off half-way: run `botyard restore FILE` again (what stood \
         there before is in a folder `replaced-…` in it)"
    )]
    Unfinished {
        /// The data dir.
        path: PathBuf,
    },
    /// The disk is full.
    #[error("the disk that holds the data dir `{path}` is full: make room")]
    DiskFull {
        /// The data dir.
        path: PathBuf,
    },
    /// Anything else the engine says.
    #[error("`{path}` cannot be opened: {why}")]
    Engine {
        /// The database.
        path: PathBuf,
        /// What the engine says.
        why: String,
    },
}

/// An open database that is ours alone.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) conn: SqliteConnection,
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
}

pub(super) async fn open(options: &OpenOptions) -> Result<Opened, OpenError> {
    let dir = &options.data_dir;
    place::make(dir).map_err(OpenError::Unwritable)?;
    if let Some(kind) = place::network_file_system(dir) {
        return Err(OpenError::Network { path: dir.clone(), kind });
    }
    let lock = lock::take(dir, options.lock_wait).await.map_err(|error| match error {
        LockError::Held { holder } => OpenError::Locked { path: dir.clone(), holder, waited: options.lock_wait },
        LockError::Io(error) => OpenError::Unwritable(place::unwritable(dir, &error)),
    })?;
    if backup::unfinished(dir) {
        return Err(OpenError::Unfinished { path: dir.clone() });
    }
    let path = dir.join(engine::FILE);
    create(&path).map_err(|error| OpenError::Unwritable(place::unwritable(dir, &error)))?;
    let trouble = |trouble: Trouble| explain(&path, dir, trouble);
    let mut conn = engine::connect(&path, Role::Writer).await.map_err(|error| trouble(error.into()))?;
    engine::migrate(&mut conn).await.map_err(|error| match error {
        MigrateError::VersionMissing(found) | MigrateError::VersionTooNew(found, _) => {
            OpenError::Newer { path: path.clone(), found }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => trouble(error.into()),
        other => OpenError::Engine { path: path.clone(), why: other.to_string() },
    })?;
    options.faults.breaking.pass(Point::Migrating, None).await;
    check_key(&mut conn, &options.seal, &path).await?;
    restored::recognise(&mut conn, options.clock.now()).await.map_err(trouble)?;
    match engine::make_able_to_shrink(&mut conn).await {
        Ok(false) => {}
        Ok(true) => tracing::info!("the store was written anew, once: from now on its file can become smaller"),
        // It needs as much room again as the store takes; the next start tries again, and meanwhile nothing is lost.
        Err(error) => tracing::warn!(%error, "the store could not be written anew: its file does not become smaller"),
    }
    Ok(Opened { conn, path, lock })
}

/// The engine gives the files beside the database the same rights as the database itself.
fn create(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

const CHECK: Place<'_> = Place { column: "meta.seal.check", bot: "", row: 0 };
const CHECK_TEXT: &str = "the key fits";

/// A known text is sealed when the store is made; every later key must open it.
async fn check_key(conn: &mut SqliteConnection, seal: &SealKey, path: &Path) -> Result<(), OpenError> {
    let dir = path.parent().unwrap_or(path);
    if let Some(fits) = key_fits(conn, seal).await.map_err(|error| explain(path, dir, error.into()))? {
        return match fits {
            Ok(()) => Ok(()),
            Err(UnsealError::OtherKey) => Err(OpenError::WrongKey { path: path.to_owned() }),
            Err(UnsealError::Damaged) => {
                Err(OpenError::Corrupt { path: path.to_owned(), why: "the key check does not open".into() })
            }
        };
    }
    let sealed = seal.seal(CHECK, CHECK_TEXT).map_err(|why| explain(path, dir, Trouble::Other(why)))?;
    sqlx::query("INSERT INTO meta (key, value) VALUES ('seal.check', $1)")
        .bind(sealed)
        .execute(conn)
        .await
        .map_err(|error| explain(path, dir, error.into()))?;
    Ok(())
}

/// Whether a database was sealed with this key; nothing when it does not say.
pub(super) async fn key_fits(
    conn: &mut SqliteConnection,
    seal: &SealKey,
) -> Result<Option<Result<(), UnsealError>>, sqlx::Error> {
    let kept: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = 'seal.check'").fetch_optional(conn).await?;
    Ok(kept.map(|kept| seal.open(CHECK, &kept).map(drop)))
}

pub(super) fn explain(path: &Path, dir: &Path, trouble: Trouble) -> OpenError {
    let path = path.to_owned();
    match trouble {
        Trouble::Full => OpenError::DiskFull { path: dir.to_owned() },
        Trouble::Corrupt(why) => OpenError::Corrupt { path, why },
        Trouble::Guilty(why) | Trouble::Sync(why) | Trouble::Other(why) => OpenError::Engine { path, why },
    }
}
