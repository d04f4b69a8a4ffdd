//! Why a store does not open: each sentence names the path or setting, and the way out.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{SealError, engine, engine::Trouble, snapshot};
use crate::store::StoreError;

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
        "the seal key does not fit `{path}`, which was sealed with the key `{wanted}`: give that key by \
         `seal.key_file` (BOTYARD_SEAL__KEY_FILE) or `seal.key`{}",
        kept_key(.kept.as_deref())
    )]
    WrongKey {
        /// The database.
        path: PathBuf,
        /// The name of the key that it needs.
        wanted: String,
        /// A file in the data dir that holds it.
        kept: Option<PathBuf>,
    },
    /// Its secrets are sealed with one key in part and with another one in part, and only one is here.
    #[error(
        "`{path}` was being sealed with the new key `{wanted}` when it was stopped, and needs it to go on: give it by \
         `seal.next_key_file` (BOTYARD_SEAL__NEXT_KEY_FILE) or `seal.next_key`, and the old one as before"
    )]
    HalfSealed {
        /// The database.
        path: PathBuf,
        /// The name of the new key.
        wanted: String,
    },
    /// A newer program made it.
    #[error(
        "`{path}` was written by a newer version of this program (schema {found}; this one knows {}): run that \
         version; or, to go back, put back {}",
        engine::NEWEST,
        way_back(.snapshot.as_deref(), "a backup from before the upgrade")
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The number of its schema.
        found: i64,
        /// A snapshot that this program can open.
        snapshot: Option<PathBuf>,
    },
    /// A migration is written down as half done, or as another one than the program's.
    #[error(
        "the schema of `{path}` is not one that this program made ({why}): put back {}",
        way_back(.snapshot.as_deref(), "a backup")
    )]
    Schema {
        /// The database.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// The newest snapshot that this program can open.
        snapshot: Option<PathBuf>,
    },
    /// There is no room for the snapshot that is made before a migration.
    #[error(
        "before `{path}` is brought up to date a snapshot of it is made, which needs {needed} bytes, and its disk has \
         {free} left: make room; nothing was changed"
    )]
    NoRoom {
        /// The database.
        path: PathBuf,
        /// Bytes that have to be free.
        needed: u64,
        /// Bytes that are.
        free: u64,
    },
    /// The snapshot cannot be made.
    #[error(
        "before `{path}` is brought up to date a snapshot of it is made, and that failed ({why}); nothing was changed"
    )]
    NoSnapshot {
        /// The database.
        path: PathBuf,
        /// What went wrong.
        why: String,
    },
    /// It is damaged, or no database.
    #[error(
        "`{path}` is damaged or no database ({why}): put back a backup with `botyard restore FILE`{}, or move it away \
         to start empty; keep the damaged files, what came in since the backup is only there",
        and_snapshot(.snapshot.as_deref())
    )]
    Corrupt {
        /// The database.
        path: PathBuf,
        /// What the engine says.
        why: String,
        /// The newest snapshot that this program can open.
        snapshot: Option<PathBuf>,
    },
    /// The keys of a rotation cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
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

/// What to put back, as the end of a sentence.
fn way_back(snapshot: Option<&Path>, otherwise: &str) -> String {
    match snapshot {
        Some(snapshot) => format!(
            "the snapshot that was made before the upgrade, with `botyard restore --force {}` (what came in since is not in it)",
            snapshot.display()
        ),
        None => format!("{otherwise}, with `botyard restore FILE`"),
    }
}

fn and_snapshot(snapshot: Option<&Path>) -> String {
    snapshot.map_or_else(String::new, |snapshot| {
        format!(" (or, with `--force`, the snapshot of before the last upgrade, `{}`)", snapshot.display())
    })
}

fn kept_key(file: Option<&Path>) -> String {
    file.map_or_else(String::new, |file| format!("; it is kept in `{}`", file.display()))
}

/// What the engine says, as a refusal to open.
pub(super) fn explain(path: &Path, trouble: Trouble) -> OpenError {
    let dir = path.parent().unwrap_or(path);
    let path = path.to_owned();
    match trouble {
        Trouble::Full => OpenError::DiskFull { path: dir.to_owned() },
        Trouble::Unwritable(why) => OpenError::Unwritable(format!(
            "the data dir `{}` cannot be written ({why}): look for a read-only file or file system, a quota, or a \
             limit on the size of files; or set `data_dir` (BOTYARD_DATA_DIR)",
            dir.display()
        )),
        Trouble::Corrupt(why) => OpenError::Corrupt { path, why, snapshot: snapshot::for_program(dir, engine::NEWEST) },
        Trouble::Guilty(why) | Trouble::Sync(why) | Trouble::Other(why) => OpenError::Engine { path, why },
    }
}

/// A rotation that was begun before could not be gone on with.
pub(super) fn unfinished(path: &Path, error: &StoreError) -> OpenError {
    OpenError::Engine { path: path.to_owned(), why: format!("the seal key that was being changed: {error}") }
}
