//! The store over SQLite: one file, one writer, a few readers.
//!
//! ```text
//! accept, claim, commit_turn, …  ──bounded queue──▶ writer ──one transaction per batch──▶ botyard.db
//! due_events, routes, event, …   ──────────────────────────▶ readers (they see what is committed)
//! ```
//!
//! **Invariant:** nobody else writes. The lock on the data dir keeps other processes out, the queue is the only
//! way in from this one; so what the writer knows by heart (`book`) is exact, and rows are numbered without gaps.

mod backup;
mod batch;
mod book;
mod change;
mod damage;
mod engine;
mod lock;
mod log;
mod log_scan;
mod mention;
mod open;
mod open_error;
mod place;
mod read;
mod request;
mod restored;
mod rotate;
mod seal;
mod seal_file;
mod seal_next;
mod seal_ring;
mod shares;
mod snapshot;
mod store;
mod uuid_column;
mod writer;

/// Statements that every event goes through, for the test of their plans.
#[cfg(test)]
use self::{batch::HOT_WRITES, change::erase::PASSES, read::due::HOT_READS};

#[cfg(test)]
mod tests;

use std::{
    fmt,
    panic::AssertUnwindSafe,
    path::PathBuf,
    sync::{Arc, atomic::AtomicBool},
    time::Duration,
};

use futures_util::FutureExt as _;
use sqlx::SqliteConnection;
use tokio::sync::{Mutex, mpsc};

use self::{
    backup::Copier,
    book::Book,
    log::{Gate, Lengths},
    read::Readers,
    request::Request,
    seal_ring::KeyRing,
    shares::Shares,
    writer::Writer,
};
use crate::base::{self, Breaking, Clock};

pub use self::{
    backup::{PutBack, RestoreError, RestoreOrder, restore},
    open::OpenOptions,
    open_error::OpenError,
    place::unwritable,
    seal::SealKey,
    seal_file::SealError,
    seal_next::NextKey,
    writer::OnFatal,
};

/// What is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreLimits {
    /// Accepts queued at once, over all bots.
    pub queue: usize,
    /// Accepts queued at once, of one bot.
    pub queue_per_bot: usize,
    /// Events and deliveries that one bot may have pending before its accepts are refused.
    pub pending_per_bot: u64,
    /// Keys that the memory of one bot may have.
    pub keys_per_bot: u64,
    /// Connections that read.
    pub readers: usize,
}

impl Default for StoreLimits {
    fn default() -> Self {
        Self { queue: 4096, queue_per_bot: 512, pending_per_bot: 10_000, keys_per_bot: 100_000, readers: 4 }
    }
}

/// Queue places beyond those of accepts: turns and sends must not wait behind a flood of new events.
const RESERVED: usize = 1024;

/// Where the writer's task runs. What it does is mostly waiting for the engine's own thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WriterHost {
    /// On the current arbiter or `LocalSet`: everything on one thread, for tests.
    Here,
    /// On a thread of its own, named `store`.
    Thread,
}

/// Faults to be made on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Makes each commit take so much longer, as on a slower disk.
    pub sync_delay: Option<Duration>,
    /// After so many commits the next one fails as if the disk had not confirmed it.
    pub sync_fails_after: Option<u64>,
    /// The database may not grow while this is true, as on a full disk. Looked at before each batch.
    pub disk_full: Option<Arc<AtomicBool>>,
    /// A log of one megabyte counts as long.
    pub short_log: bool,
    /// Named places where it may break.
    pub breaking: Breaking,
    /// Nothing can be written while this is true, as on a file system that became read-only. Looked at before each
    /// batch.
    pub read_only: Option<Arc<AtomicBool>>,
}

impl Faults {
    /// Counts one commit; says whether it is the one that fails.
    fn sync_fails(&mut self) -> bool {
        match &mut self.sync_fails_after {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

/// A handle to the store. Cheap to clone, usable from any thread.
#[derive(Clone)]
pub struct SqliteStore(Arc<Inner>);

struct Inner {
    requests: mpsc::Sender<Request>,
    shares: Arc<Shares>,
    readers: Arc<Readers>,
    gate: Arc<Gate>,
    /// The database.
    path: PathBuf,
    seal: KeyRing,
    next_key: NextKey,
    /// Held while the seal key is changed: one at a time.
    rotation: Mutex<()>,
    /// Where a note is left when the database turns out to be damaged.
    data_dir: PathBuf,
    on_fatal: OnFatal,
    clock: Clock,
    copier: Copier,
    breaking: Breaking,
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SqliteStore")
    }
}

impl SqliteStore {
    /// Opens the store of a data dir, makes it if there is none, and starts its writer.
    ///
    /// The writer ends, and lets go of the data dir, after `Store::close` or when the last handle is dropped.
    ///
    /// # Errors
    /// [`OpenError`] names the path or setting, and what to do.
    pub async fn open(options: OpenOptions) -> Result<Self, OpenError> {
        let mut opened = open::open(&options).await?;
        let explain = |trouble| open_error::explain(&opened.path, trouble);
        let book = Book::load(&mut opened.conn).await.map_err(explain)?;
        let log = engine::connect(&opened.path, engine::Role::Checkpointer).await;
        let log = log.map_err(|error| explain(error.into()))?;
        let OpenOptions { clock, data_dir, next_key, doorbell, limits, erase, writer: host, on_fatal, faults, .. } =
            options;
        let gate = Arc::new(Gate::new(Lengths::of(&faults)));
        let breaking = faults.breaking.clone();
        let (requests, receiver) = mpsc::channel(limits.queue.max(1) + RESERVED);
        let readers = Arc::new(Readers::new(opened.path.clone(), limits.readers));
        let writer = Writer {
            requests: receiver,
            conn: opened.conn,
            gate: Arc::clone(&gate),
            readers: Arc::clone(&readers),
            book,
            clock: clock.clone(),
            doorbell,
            pending_per_bot: limits.pending_per_bot,
            keys_per_bot: limits.keys_per_bot,
            erase,
            faults,
            grows: true,
            writes: true,
            told_full: false,
            data_dir: data_dir.clone(),
            on_fatal: Arc::clone(&on_fatal),
            lock: opened.lock,
        };
        match host {
            WriterHost::Here => drop(base::spawn::spawn(guarded(writer, log))),
            WriterHost::Thread => on_a_thread(writer, log, &opened.path)?,
        }
        let (seal, rotation, path) = (opened.ring, Mutex::default(), opened.path);
        let copier = Copier {
            path: path.clone(),
            seal: seal.clone(),
            clock: clock.clone(),
            stop: Arc::default(),
            breaking: breaking.clone(),
        };
        let shares = Shares::new(limits.queue.max(1), limits.queue_per_bot.max(1));
        let inner = Inner {
            requests,
            shares,
            readers,
            gate,
            path: path.clone(),
            seal,
            next_key,
            rotation,
            data_dir,
            on_fatal,
            clock,
            copier,
            breaking,
        };
        let store = Self(Arc::new(inner));
        if let Some(by) = opened.rotating {
            tracing::info!("the seal key was being changed when the store was closed: it is gone on with");
            store.finish_rotation(by).await.map_err(|error| open_error::unfinished(&path, &error))?;
        }
        Ok(store)
    }

    /// A reader found damage: what else it read or will read cannot be relied on, so the process must end.
    fn condemn(&self, why: &str) {
        tracing::error!(error = why, "the database is damaged: the process must end");
        damage::remember(&self.0.data_dir, why);
        (self.0.on_fatal)(&damage::sentence(why));
    }
}

/// Runs the writer. Without it every verb answers `Closed` for ever, so a panic in it ends the process: the next
/// start finds what was committed.
async fn guarded(writer: Writer, log: SqliteConnection) {
    let on_fatal = Arc::clone(&writer.on_fatal);
    if AssertUnwindSafe(writer.run(log)).catch_unwind().await.is_err() {
        on_fatal("the store's writer panicked; please report this as a fault of Botyard");
    }
}

fn on_a_thread(writer: Writer, log: SqliteConnection, path: &std::path::Path) -> Result<(), OpenError> {
    let failed = |why: std::io::Error| OpenError::Engine { path: path.to_owned(), why: why.to_string() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(failed)?;
    std::thread::Builder::new()
        .name("store".into())
        .spawn(move || runtime.block_on(guarded(writer, log)))
        .map(drop)
        .map_err(failed)
}
