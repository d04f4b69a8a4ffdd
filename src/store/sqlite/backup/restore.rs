//! Puts a backup back: into a data dir that nobody uses, checked first, what stood there kept aside.
//!
//! Between taking the old database away and the new one being in its place the data dir must not look like an empty
//! one, or a start would begin from nothing. So a file says that something is under way, and a start refuses while
//! it is there. The old log goes before the new database comes: the engine would play it into whatever it finds.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    MEGABYTE,
    check::{self, Flaw, Found},
    free,
    target::{self, beside},
};
use crate::{
    base::{Clock, Millis},
    store::{
        BackupMark, By,
        sqlite::{
            engine,
            lock::{self, LockError},
            place,
            seal::SealKey,
            seal_ring::KeyRing,
        },
    },
};

/// There while a restore is under way.
const UNDER_WAY: &str = "restore.unfinished";
/// The copy until it is in its place.
const DRAFT: &str = "botyard.db.restoring";

/// A backup to be put back.
#[derive(Debug)]
pub struct RestoreOrder {
    /// Where to.
    pub data_dir: PathBuf,
    /// The backup.
    pub file: PathBuf,
    /// The key that it must have been sealed with.
    pub seal: SealKey,
    /// Names what is kept aside.
    pub clock: Clock,
    /// Who asked for it.
    pub by: By,
    /// A database is taken that does not say that it is a backup.
    pub force: bool,
    /// The instance that it is for.
    pub instance: String,
    /// What the data dir is used for: `serve` or `simulator`; none: nothing so far.
    pub purpose: Option<String>,
}

/// A backup that is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PutBack {
    /// The moment it is of.
    pub taken_at: Millis,
    /// The instance it was taken of.
    pub instance: String,
    /// What that one ran on, and so this one has to: `serve` or `simulator`.
    pub purpose: String,
    /// Bots in it.
    pub bots: u64,
    /// Events and deliveries that wait in it.
    pub pending: u64,
    /// Where what stood there before is now.
    pub replaced: Option<PathBuf>,
}

/// Why a backup was not put back. The data dir is as it was, unless the text says otherwise.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Somebody uses the data dir.
    #[error("the data dir `{path}` is in use by {holder}: stop that process first")]
    InUse {
        /// The data dir.
        path: PathBuf,
        /// Process id and command.
        holder: String,
    },
    /// The data dir cannot be made or written.
    #[error("{0}")]
    Unwritable(String),
    /// The file cannot be taken.
    #[error("`{file}` cannot be put back: {why}")]
    Unfit {
        /// Which.
        file: PathBuf,
        /// Why not, and what to do.
        why: String,
    },
    /// Files cannot be moved.
    #[error("`{path}`: {error}")]
    Io {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
}

/// Whether a restore was broken off in this data dir.
pub(in super::super) fn unfinished(data_dir: &Path) -> bool {
    data_dir.join(UNDER_WAY).exists()
}

/// Puts a backup back. No service may run on the data dir, and none gets in while this goes on.
///
/// # Errors
/// [`RestoreError`] names what to do.
pub async fn restore(order: RestoreOrder) -> Result<PutBack, RestoreError> {
    let dir = &order.data_dir;
    place::make(dir).map_err(RestoreError::Unwritable)?;
    let lock = lock::take(dir, Duration::ZERO).await.map_err(|error| match error {
        LockError::Held { holder } => RestoreError::InUse { path: dir.clone(), holder },
        LockError::Io(error) => RestoreError::Unwritable(place::unwritable(dir, &error)),
    })?;
    let draft = dir.join(DRAFT);
    let put_back = prepare(&order, &draft).await;
    let put_back = match put_back {
        Ok(found) => swap(&order, &draft, found),
        Err(error) => Err(error),
    };
    for suffix in ["", "-journal", "-wal", "-shm"] {
        // In its place it has another name; what is here is left over.
        let _ = fs::remove_file(beside(&draft, suffix));
    }
    drop(lock);
    put_back
}

/// Copies the file beside its place, and checks the copy: what was checked is what is put there.
async fn prepare(order: &RestoreOrder, draft: &Path) -> Result<(BackupMark, Found), RestoreError> {
    let file = &order.file;
    let unfit = |why: String| RestoreError::Unfit { file: file.clone(), why };
    let meta = fs::metadata(file).map_err(|error| unfit(error.to_string()))?;
    if !meta.is_file() || !target::is_database(file) {
        return Err(unfit("it is no database".to_owned()));
    }
    if fs::metadata(beside(file, "-wal")).is_ok_and(|log| log.len() > 0) {
        let why = "there is a log beside it (`-wal`), so it is the database of a store and no backup of one: start \
                   Botyard on a copy of that folder, and stop it, to have the log written back";
        return Err(unfit(why.to_owned()));
    }
    if free(&order.data_dir).is_some_and(|free| free < meta.len()) {
        let needs = meta.len().div_ceil(MEGABYTE);
        return Err(unfit(format!("the disk of the data dir has no room for it: it takes {needs} MB")));
    }
    let _ = fs::remove_file(draft);
    copy(file, draft).map_err(|error| RestoreError::Io { path: draft.to_owned(), error })?;
    let found =
        check::check(draft, &KeyRing::new(order.seal.clone(), None)).await.map_err(|flaw| unfit(advice(&flaw)))?;
    let mark = match &found.mark {
        Some(mark) if order.purpose.as_ref().is_some_and(|purpose| *purpose != mark.purpose) => {
            let own = order.purpose.as_deref().unwrap_or_default();
            let why = format!("it was taken of a `{}`, and this data dir is for `{own}`", mark.purpose);
            return Err(unfit(why));
        }
        Some(mark) => BackupMark { restored_by: Some(order.by.clone()), ..mark.clone() },
        None if !order.force => {
            let why = "it does not say that it is a backup: it was not made by `botyard backup`, or a service has \
                       been started on it since; `--force` takes it all the same";
            return Err(unfit(why.to_owned()));
        }
        None => BackupMark {
            taken_at: meta.modified().map_or_else(|_| order.clock.now(), since_1970),
            instance: order.instance.clone(),
            purpose: order.purpose.clone().unwrap_or_else(|| "serve".to_owned()),
            version: "unknown".to_owned(),
            restored_by: Some(order.by.clone()),
        },
    };
    check::mark(draft, &mark).await.map_err(|flaw| unfit(flaw.to_string()))?;
    Ok((mark, found))
}

fn since_1970(at: std::time::SystemTime) -> Millis {
    Millis(0).plus(at.duration_since(std::time::UNIX_EPOCH).unwrap_or_default())
}

fn advice(flaw: &Flaw) -> String {
    let todo = match flaw {
        Flaw::Damaged(_) => "take another backup",
        Flaw::Foreign => "name a file that `botyard backup` made",
        Flaw::Newer { .. } => "run that version, or take a backup from before the upgrade",
        Flaw::OtherKey => {
            "put the key it was sealed with where `seal.key_file` (BOTYARD_SEAL__KEY_FILE) says, or as `seal.key` \
             into the data dir"
        }
        Flaw::Full | Flaw::Unreadable(_) => "see to that first",
    };
    format!("{flaw}: {todo}")
}

fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut from = fs::File::open(from)?;
    let mut to = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut from, &mut to)?;
    to.sync_all()
}

/// From here on every step can be repeated by another run.
fn swap(order: &RestoreOrder, draft: &Path, (mark, found): (BackupMark, Found)) -> Result<PutBack, RestoreError> {
    let dir = &order.data_dir;
    let io = |path: &Path| {
        let path = path.to_owned();
        move |error| RestoreError::Io { path, error }
    };
    let (under_way, place) = (dir.join(UNDER_WAY), dir.join(engine::FILE));
    fs::write(&under_way, order.file.display().to_string()).map_err(io(&under_way))?;
    target::sync_dir(&under_way).map_err(io(dir))?;
    let aside = dir.join(format!("replaced-{}", order.clock.now().compact()));
    let mut replaced = None;
    for suffix in ["-wal", "-shm", ""] {
        let old = beside(&place, suffix);
        if old.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&aside).map_err(io(&aside))?;
            fs::rename(&old, aside.join(format!("{}{suffix}", engine::FILE))).map_err(io(&old))?;
            replaced = Some(aside.clone());
        }
    }
    target::sync_dir(&place).map_err(io(dir))?;
    target::put(draft, &place).map_err(io(&place))?;
    fs::remove_file(&under_way).map_err(io(&under_way))?;
    target::sync_dir(&place).map_err(io(dir))?;
    let BackupMark { taken_at, instance, purpose, .. } = mark;
    Ok(PutBack { taken_at, instance, purpose, bots: found.bots, pending: found.pending, replaced })
}
