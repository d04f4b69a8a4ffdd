//! Copies of the store, and putting one back.
//!
//! A copy is made by the engine's `VACUUM INTO`, on a connection of its own. Under a write-ahead log that reads one
//! snapshot: the writer commits on, and neither waits for the other. What the snapshot costs is that the log cannot
//! be begun anew while it is held, so it grows by what is written meanwhile. The copy is one plain file without a
//! log, holds no page of what was erased, and is read whole once more before it counts.

mod check;
mod restore;
mod target;

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use sqlx::Connection as _;

pub use self::restore::{PutBack, RestoreError, RestoreOrder, restore};
pub(super) use self::{check::MARK, restore::unfinished};
use self::{
    check::{Flaw, Found},
    target::{Draft, Target},
};
use super::{
    engine::{self, Look, Trouble},
    seal_ring::KeyRing,
};
use crate::{
    base::{Breaking, Clock, Millis, Point},
    store::{BackupError, BackupMark, BackupOrder, BackupTaken, StoreError},
};

const MEGABYTE: u64 = 1 << 20;
/// What it takes to mark a copy as one, a journal included.
const MARK_TAKES: u64 = 64 * 1024;

/// What copying needs of the store.
#[derive(Debug, Clone)]
pub(super) struct Copier {
    /// The database.
    pub(super) path: PathBuf,
    pub(super) seal: KeyRing,
    pub(super) clock: Clock,
    /// The store is being closed: a copy that is being made is broken off, or its snapshot would hold up the end.
    pub(super) stop: Arc<AtomicBool>,
    /// Where tests break it.
    pub(super) breaking: Breaking,
}

impl Copier {
    /// Makes a copy, checks it, and puts it in its place.
    pub(super) async fn copy(&self, order: &BackupOrder) -> Result<BackupTaken, BackupError> {
        let data_dir = self.path.parent().unwrap_or(Path::new("/")).to_owned();
        let (file, force) = (order.file.clone(), order.force);
        let (target, draft) = off_the_thread(move || {
            let target = Target::check(&file, &data_dir, force)?;
            let draft = target.draft()?;
            Ok((target, draft))
        })
        .await?;
        let (taken_at, needs) = self.write(order, &target, &draft).await?;
        self.breaking.pass(Point::BackingUp, None).await;
        order.progress.checks();
        let mark = BackupMark {
            taken_at,
            instance: order.instance.clone(),
            purpose: order.purpose.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            restored_by: None,
        };
        // The disk may have become full since the copy was whole.
        check::mark(&draft.path, &mark).await.map_err(|flaw| match flaw {
            Flaw::Full => full(&target, needs),
            flaw => BackupError::Unfit(flaw.to_string()),
        })?;
        let found = check::check(&draft.path, &self.seal).await;
        let found = found.map_err(|flaw| BackupError::Unfit(flaw.to_string()))?;
        let Found { schema, bots, pending, .. } = found;
        let kept = off_the_thread(move || {
            let file = target.file().to_owned();
            let bytes = std::fs::metadata(&draft.path).map_or(0, |meta| meta.len());
            target.keep(draft)?;
            Ok((file, bytes))
        });
        let (file, bytes) = kept.await?;
        Ok(BackupTaken { file, taken_at, bytes, schema, bots, pending })
    }

    /// Answers the moment the copy is of, and how much room it takes.
    async fn write(&self, order: &BackupOrder, target: &Target, draft: &Draft) -> Result<(Millis, u64), BackupError> {
        let engine_says = |trouble: Trouble, needs: u64| match trouble {
            _ if self.stop.load(Ordering::Relaxed) => BackupError::Stopped,
            Trouble::Full => full(target, needs),
            Trouble::Corrupt(_) => BackupError::Store(StoreError::Engine(
                "it cannot be read whole: it is damaged. Stop the service, and put back the last backup that is good"
                    .to_owned(),
            )),
            other => BackupError::Store(other.into()),
        };
        if self.stop.load(Ordering::Relaxed) {
            return Err(BackupError::Stopped);
        }
        let before = |error: sqlx::Error| engine_says(error.into(), 0);
        let mut conn = engine::connect_copier(&self.path, Arc::clone(&self.stop)).await.map_err(before)?;
        let needs = engine::size(&mut conn).await.map_err(before)? + MARK_TAKES;
        if free(target.dir()).is_some_and(|free| free < needs) {
            return Err(full(target, needs));
        }
        order.progress.begins(draft.path.clone(), needs);
        // Before the snapshot: what is said to be in the copy must be.
        let taken_at = self.clock.now();
        let mut copied = engine::copy_into(&mut conn, &draft.path).await.map_err(Trouble::from);
        // The engine calls the disk full over damaged pages, too. How much is free does not tell the two apart: what
        // did not fit is given back before one can look.
        if copied == Err(Trouble::Full)
            && let Ok(Some(damage)) = engine::damage(&mut conn, Look::Quick).await
        {
            copied = Err(Trouble::Corrupt(damage));
        }
        // Closed in any case: a snapshot that is held keeps the log from beginning anew.
        let closed = conn.close().await;
        copied.and(closed.map_err(Trouble::from)).map_err(|trouble| engine_says(trouble, needs))?;
        Ok((taken_at, needs))
    }
}

fn full(target: &Target, needs: u64) -> BackupError {
    let has = free(target.dir()).map(|bytes| bytes / MEGABYTE);
    BackupError::Full { dir: target.dir().to_owned(), needs: needs.div_ceil(MEGABYTE), has }
}

/// Bytes that a folder's disk has left for us; nothing when the system does not say.
fn free(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// Syncing a large file takes seconds, and no arbiter has those to give.
async fn off_the_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, BackupError> + Send + 'static,
) -> Result<T, BackupError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(BackupError::Store(StoreError::Engine(error.to_string()))))
}
