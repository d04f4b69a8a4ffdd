//! Opening: is the place fit, is it ours alone, is it whole, is it our schema, is it our key?

use std::{
    fmt, fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{SqliteConnection, migrate::MigrateError};

use super::{
    Faults, NextKey, OnFatal, StoreLimits, WriterHost, backup,
    change::{self, CHECK, CHECK_TEXT},
    damage,
    engine::{self, Role, Trouble},
    lock::{self, Lock, LockError},
    open_error::{OpenError, explain},
    place, restored,
    seal::{SealKey, UnsealError, sealed_with},
    seal_next::old_file,
    seal_ring::KeyRing,
    snapshot::{self, SnapshotError},
};
use crate::{
    base::{Clock, Point},
    store::{By, Doorbell, EraseAtEnd},
};

/// What a store needs to open.
pub struct OpenOptions {
    /// The folder that holds the database, its lock and, unless given otherwise, the seal key.
    pub data_dir: PathBuf,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Opens and closes sealed secrets.
    pub seal: SealKey,
    /// Where the key comes from that will take its place.
    pub next_key: NextKey,
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
            next_key: NextKey::default(),
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

/// An open database that is ours alone.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) conn: SqliteConnection,
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
    pub(super) ring: KeyRing,
    /// Who asked for the rotation of the seal key that is to be gone on with.
    pub(super) rotating: Option<By>,
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
    create(&path).map_err(|error| OpenError::Unwritable(place::unwritable_file(&path, &error)))?;
    let mut conn = whole(&path).await?;
    let refused = |error: sqlx::Error| explain(&path, error.into());
    let found = engine::schema(&mut conn).await.map_err(refused)?.unwrap_or_default();
    if found > engine::NEWEST {
        return Err(OpenError::Newer { path, found, snapshot: snapshot::for_program(dir, engine::NEWEST) });
    }
    // A wrong key is no reason to change anything.
    let keys = match found {
        0 => None,
        _ => Some(keys_of(&mut conn, options, &path).await?),
    };
    bring_up_to_date(&mut conn, options, &path, found).await?;
    options.faults.breaking.pass(Point::Migrated, None).await;
    let (ring, rotating) = match keys {
        Some(keys) => keys,
        None => keys_of(&mut conn, options, &path).await?,
    };
    restored::recognise(&mut conn, options.clock.now()).await.map_err(|trouble| explain(&path, trouble))?;
    match engine::make_able_to_shrink(&mut conn).await {
        Ok(false) => {}
        Ok(true) => tracing::info!("the store was written anew, once: from now on its file can become smaller"),
        // It needs as much room again as the store takes; the next start tries again, and meanwhile nothing is lost.
        Err(error) => tracing::warn!(%error, "the store could not be written anew: its file does not become smaller"),
    }
    Ok(Opened { conn, path, lock, ring, rotating })
}

/// The engine gives the files beside the database the same rights as the database itself.
fn create(path: &Path) -> io::Result<()> {
    fs::OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path).map(drop)
}

/// Connects, unless there is something wrong with the files.
async fn whole(path: &Path) -> Result<SqliteConnection, OpenError> {
    let damaged = |why| explain(path, Trouble::Corrupt(why));
    let log = path.with_file_name(format!("{}-wal", engine::FILE));
    let unclean = damage::stopped_unclean(&log);
    if let Some(missing) = damage::of_log(&log) {
        return Err(damaged(missing));
    }
    let looked_at = async {
        let mut conn = engine::connect(path, Role::Writer).await?;
        let damage = damage::of_database(&mut conn, path, unclean).await?;
        Ok::<_, Trouble>((conn, damage))
    };
    match looked_at.await {
        Ok((conn, None)) => Ok(conn),
        Ok((_, Some(why))) => Err(damaged(why)),
        Err(trouble) => Err(explain(path, trouble)),
    }
}

/// Migrates, after a snapshot of what there is; an empty database needs none.
async fn bring_up_to_date(
    conn: &mut SqliteConnection,
    options: &OpenOptions,
    path: &Path,
    found: i64,
) -> Result<(), OpenError> {
    let dir = path.parent().unwrap_or(path);
    let upgrades = 0 < found && found < engine::NEWEST;
    let unfit = |why: String| OpenError::Schema {
        path: path.to_owned(),
        why,
        snapshot: snapshot::for_program(dir, engine::NEWEST),
    };
    // Before the snapshot, which would take the place of a good one.
    if found > 0
        && let Some(half) = engine::half_done(conn).await.map_err(|error| explain(path, error.into()))?
    {
        return Err(unfit(format!("its migration {half} is half done")));
    }
    if upgrades {
        let copy = snapshot::take(conn, path, found).await.map_err(|error| {
            let path = path.to_owned();
            match error {
                SnapshotError::NoRoom { needed, free } => OpenError::NoRoom { path, needed, free },
                SnapshotError::Io(error) => OpenError::NoSnapshot { path, why: error.to_string() },
                SnapshotError::Unlike(why) => OpenError::NoSnapshot { path, why },
                SnapshotError::Engine(trouble) => OpenError::NoSnapshot { path, why: format!("{trouble:?}") },
            }
        })?;
        tracing::info!(
            snapshot = %copy.display(),
            schema = found,
            to = engine::NEWEST,
            "the database is brought up to date; the snapshot is the way back"
        );
    }
    engine::migrate(conn, &options.faults.breaking).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => explain(path, error.into()),
        other => unfit(other.to_string()),
    })?;
    if upgrades {
        snapshot::prune(dir);
    }
    Ok(())
}

/// Whether a database was sealed with one of these keys; nothing when it does not say.
pub(super) async fn key_fits(
    conn: &mut SqliteConnection,
    keys: &KeyRing,
) -> Result<Option<Result<(), UnsealError>>, sqlx::Error> {
    Ok(change::check(conn).await?.map(|kept| keys.open(CHECK, &kept).map(drop)))
}

/// The keys that this store needs, of those that there are; and a rotation that was begun and not ended.
async fn keys_of(
    conn: &mut SqliteConnection,
    options: &OpenOptions,
    path: &Path,
) -> Result<(KeyRing, Option<By>), OpenError> {
    let refused = |error: sqlx::Error| explain(path, error.into());
    let (key, next) = (&options.seal, options.next_key.waiting()?);
    let Some(kept) = change::check(conn).await.map_err(refused)? else {
        let sealed = key.seal(CHECK, CHECK_TEXT).map_err(|why| explain(path, Trouble::Other(why)))?;
        sqlx::query("INSERT INTO meta (key, value) VALUES ('seal.check', $1)")
            .bind(sealed)
            .execute(conn)
            .await
            .map_err(refused)?;
        return Ok((KeyRing::new(key.clone(), next), None));
    };
    let opens = |key: &SealKey| match key.open(CHECK, &kept) {
        Ok(_) => Ok(true),
        Err(UnsealError::OtherKey) => Ok(false),
        Err(UnsealError::Damaged) => Err(explain(path, Trouble::Corrupt("the key check does not open".into()))),
    };
    if opens(key)? {
        let Some((wanted, by)) = change::unfinished(conn).await.map_err(refused)? else {
            return Ok((KeyRing::new(key.clone(), next), None));
        };
        return match next.filter(|next| next.name() == wanted) {
            Some(next) => Ok((KeyRing::new(next, Some(key.clone())), Some(by))),
            None => Err(OpenError::HalfSealed { path: path.to_owned(), wanted }),
        };
    }
    if let Some(next) = next
        && opens(&next)?
    {
        // Everything is sealed with it; only the keys themselves have not changed their places yet.
        options.next_key.put_in_place(key)?;
        if let Some(to_do) = options.next_key.to_do() {
            tracing::warn!("{to_do}");
        }
        return Ok((KeyRing::new(next, Some(key.clone())), None));
    }
    let wanted = sealed_with(&kept).unwrap_or_default();
    let file = old_file(&options.data_dir, &wanted);
    Err(OpenError::WrongKey { path: path.to_owned(), wanted, kept: file.exists().then_some(file) })
}
