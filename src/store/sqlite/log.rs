//! Writes the log back into the database, beside the commits and not inside them.
//!
//! The engine would do it within the COMMIT that makes the log longer than a limit; that one, and all that queue
//! behind it, would wait for thousands of pages and two syncs. Here a connection of its own does it while the
//! writer goes on. A log that is written to all the time never ends, though, and only one that was written back
//! wholly can begin anew: so when it is long, the writer is held for what was added during the last write-back,
//! which is little. Readers pass; only one that stays in its snapshot keeps the log from beginning anew. Ours
//! never stay: each reads one statement to its end.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use sqlx::{Connection, SqliteConnection};
use tokio::sync::{Mutex, MutexGuard, Notify};

use super::{
    Faults,
    engine::{self, Checkpoint, LogLength, Trouble},
    writer::OnFatal,
};

/// Requests after which somebody looks how long the log has become. Each writes one to six pages.
const LOOK: u64 = 128;
/// What one of the rare changes counts for: keeping house writes a thousand rows.
const CHANGE: u64 = 128;

/// How long the log may become.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lengths {
    /// Pages worth writing back: fewer would write the same page again and again.
    step: i64,
    /// Pages after which it has to begin anew, with the writer held for what is left.
    long: i64,
    /// Pages after which the writer is also held for readers, a second at a time. So the log grows by no more than a
    /// look's worth of requests a second, and the queue before the writer says 503 long before the disk is full.
    too_long: i64,
    /// Requests that may be committed while the log is being written back: a disk that is slow at the one must not
    /// be filled by the other.
    ahead: u64,
}

impl Lengths {
    /// 24, 64 and 256 MiB. In a rush the same pages are written over and over: of 2,000 in the log three fifths are
    /// different ones, of 6,000 three tenths.
    const USUAL: Self = Self { step: 6000, long: 16_384, too_long: 65_536, ahead: 4096 };
    /// A test need not write as much.
    const SHORT: Self = Self { step: 64, long: 256, ahead: 256, ..Self::USUAL };

    pub(super) fn of(faults: &Faults) -> Self {
        if faults.short_log { Self::SHORT } else { Self::USUAL }
    }
}

/// What stands between the writer and whoever writes the log back.
#[derive(Debug)]
pub(super) struct Gate {
    lengths: Lengths,
    /// Held for each transaction, and by whoever needs that there is none.
    pass: Mutex<()>,
    news: Notify,
    /// Requests committed since the look before the last one began.
    written: AtomicU64,
    looked: Notify,
    /// Something was erased since the log was last cut off.
    erased: AtomicBool,
    cut_off: AtomicBool,
    closed: AtomicBool,
    broken: AtomicBool,
}

impl Gate {
    pub(super) fn new(lengths: Lengths) -> Self {
        Self {
            lengths,
            pass: Mutex::new(()),
            news: Notify::new(),
            written: AtomicU64::new(0),
            looked: Notify::new(),
            erased: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            broken: AtomicBool::new(false),
        }
    }

    /// The right to write, until it drops.
    pub(super) async fn enter(&self) -> MutexGuard<'_, ()> {
        while self.written.load(Ordering::Relaxed) >= self.lengths.ahead && !self.is_broken() {
            self.looked.notified().await;
        }
        self.pass.lock().await
    }

    /// So many requests were committed, and among them so many of the rare changes.
    pub(super) fn wrote(&self, requests: usize, changes: usize) {
        let weight = requests as u64 + CHANGE * changes as u64;
        if self.written.fetch_add(weight, Ordering::Relaxed) + weight >= LOOK {
            self.news.notify_one();
        }
    }

    /// Something was erased: it still stands in the log.
    pub(super) fn erased(&self) {
        self.erased.store(true, Ordering::Relaxed);
    }

    /// If something was erased, the log is cut off soon.
    pub(super) fn cut_off(&self) {
        if self.erased.swap(false, Ordering::Relaxed) {
            self.cut_off.store(true, Ordering::Relaxed);
            self.news.notify_one();
        }
    }

    /// The writer ends.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.news.notify_one();
    }

    /// The disk did not confirm what was written back: nothing may be written any more.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }
}

/// Writes back until the writer ends, then closes.
pub(super) async fn keep(gate: &Gate, mut conn: SqliteConnection, on_fatal: &OnFatal) {
    // What an unclean stop left may be long.
    gate.news.notify_one();
    let mut said = false;
    loop {
        gate.news.notified().await;
        if gate.closed.load(Ordering::Relaxed) {
            break;
        }
        let before = gate.written.load(Ordering::Relaxed);
        let looked = look(gate, &mut conn).await.map_err(Trouble::from);
        gate.broken.store(matches!(looked, Err(Trouble::Sync(_))), Ordering::Relaxed);
        gate.written.fetch_sub(before, Ordering::Relaxed);
        gate.looked.notify_one();
        match looked {
            Ok(log) => {
                let stuck = log.pages >= gate.lengths.too_long && log.written_back < log.pages;
                if stuck && !said {
                    tracing::warn!(pages = log.pages, "the store's log cannot begin anew: somebody reads for long");
                }
                said = stuck;
            }
            Err(Trouble::Sync(why)) => {
                // As for a commit: what the file holds is not known now, and a second sync may hide it.
                tracing::error!(error = why, "the disk did not confirm the log's write-back: the process must end");
                on_fatal(&why);
                break;
            }
            Err(trouble) => {
                if !said {
                    tracing::warn!(?trouble, "the store's log could not be written back; it is tried again");
                }
                said = true;
            }
        }
    }
    if let Err(error) = conn.close().await {
        tracing::debug!(%error, "the log's connection did not close cleanly");
    }
}

async fn look(gate: &Gate, conn: &mut SqliteConnection) -> Result<LogLength, sqlx::Error> {
    let lengths = gate.lengths;
    let mut log = engine::checkpoint(conn, Checkpoint::Look).await?;
    let cut_off = gate.cut_off.swap(false, Ordering::Relaxed);
    // Also when it is to begin anew, however little is left: what is written back beside need not be with the writer
    // held.
    if log.pages - log.written_back >= lengths.step || log.pages >= lengths.long || cut_off {
        log = engine::checkpoint(conn, Checkpoint::Beside).await?;
    }
    if cut_off || log.pages >= lengths.long {
        let how = match (cut_off, log.pages >= lengths.too_long) {
            (true, _) => Checkpoint::CutOff,
            (false, true) => Checkpoint::Anew,
            // Nobody is waited for: if a reader stands in the way, the next look tries again.
            (false, false) => Checkpoint::Beside,
        };
        let held = gate.pass.lock().await;
        log = engine::checkpoint(conn, how).await?;
        drop(held);
        if cut_off && log.pages > 0 {
            // Somebody reads what is in it. Whoever keeps the house asks again in a minute.
            gate.erased();
        }
    }
    Ok(log)
}
