//! A copy of the store, taken while it works: what is asked for, how far it is, what it came to.

use std::{
    fs, io,
    path::PathBuf,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

use super::{By, StoreError};
use crate::base::Millis;

/// A backup to be made.
#[derive(Debug, Clone)]
pub struct BackupOrder {
    /// Where it goes: an absolute path in a folder that is there.
    pub file: PathBuf,
    /// An older backup of that name is replaced. Nothing else ever is.
    pub force: bool,
    /// The instance it is taken of.
    pub instance: String,
    /// What that instance runs on: `serve` or `simulator`. A backup is put back for the same only.
    pub purpose: String,
    /// Who asked for it.
    pub by: By,
    /// Shows how far it is, to whoever keeps a clone.
    pub progress: BackupProgress,
}

/// What a copy says of itself, in itself: so a start on it is recognised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupMark {
    /// The moment it is of: all that was committed before it is in it, and nothing that came later.
    pub taken_at: Millis,
    /// The instance it was taken of.
    pub instance: String,
    /// What that instance ran on: `serve` or `simulator`.
    pub purpose: String,
    /// Version of the program that took it.
    pub version: String,
    /// Who put it back by command; written when that is done, for the audit of the store it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored_by: Option<By>,
}

/// A backup that was made and checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupTaken {
    /// Where it is.
    pub file: PathBuf,
    /// The moment it is of.
    pub taken_at: Millis,
    /// Its size.
    pub bytes: u64,
    /// The number of its schema.
    pub schema: i64,
    /// Bots in it.
    pub bots: u64,
    /// Events and deliveries that wait in it.
    pub pending: u64,
}

/// Why there is no backup. Whatever the reason, no half file is left behind.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// It cannot go where it was to go; the sentence says what to do.
    #[error("{0}")]
    Place(String),
    /// There is not enough room.
    #[error("the disk of `{dir}` has no room for the backup: it takes about {needs} MB{}; make room or name another \
             folder", has.map(|has| format!(", {has} MB are free")).unwrap_or_default())]
    Full {
        /// The folder.
        dir: PathBuf,
        /// Megabytes.
        needs: u64,
        /// Megabytes, if the system says so.
        has: Option<u64>,
    },
    /// A file could not be written.
    #[error("`{path}` cannot be written: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// It was written and is not good.
    #[error("the copy was made and is not good, so it was taken away again: {0}")]
    Unfit(String),
    /// The store is being closed.
    #[error("the backup was broken off, because the service is being stopped")]
    Stopped,
    /// The store cannot be read, or not written to.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupStage {
    /// It is being written.
    Copying,
    /// It is being checked.
    Checking,
}

/// How far a backup is, seen from outside: by the size of what is written so far.
#[derive(Debug, Clone, Default)]
pub struct BackupProgress(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    draft: OnceLock<PathBuf>,
    of: AtomicU64,
    checking: AtomicBool,
}

impl BackupProgress {
    /// What is done, bytes written, bytes there will be (about).
    #[must_use]
    pub fn look(&self) -> (BackupStage, u64, u64) {
        let of = self.0.of.load(Ordering::Relaxed);
        if self.0.checking.load(Ordering::Relaxed) {
            return (BackupStage::Checking, of, of);
        }
        let done = self.0.draft.get().and_then(|draft| fs::metadata(draft).ok()).map_or(0, |meta| meta.len());
        (BackupStage::Copying, done.min(of), of)
    }

    pub(in crate::store) fn begins(&self, draft: PathBuf, of: u64) {
        self.0.of.store(of, Ordering::Relaxed);
        // One progress is of one backup.
        let _ = self.0.draft.set(draft);
    }

    pub(in crate::store) fn checks(&self) {
        self.0.checking.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_what_is_written_of_what_there_will_be() {
        let dir = tempfile::tempdir().unwrap();
        let (draft, progress) = (dir.path().join("draft"), BackupProgress::default());
        assert_eq!(progress.look(), (BackupStage::Copying, 0, 0));
        progress.begins(draft.clone(), 1000);
        fs::write(&draft, [0; 300]).unwrap();
        assert_eq!(progress.clone().look(), (BackupStage::Copying, 300, 1000));
        progress.checks();
        assert_eq!(progress.look(), (BackupStage::Checking, 1000, 1000));
    }
}
