//! Opens the store as the settings say: for the running house, or alone for a command that only looks.

use std::{fs, io, path::Path, sync::Arc, time::Duration};

use super::{StartError, Threads};
use crate::{
    base::{Breaking, Clock},
    settings::Settings,
    store::{
        Doorbell, EraseAtEnd, Wake,
        sqlite::{Faults, NextKey, OnFatal, OpenOptions, SealKey, SqliteStore, StoreLimits, WriterHost},
    },
};

/// Opens the store of the running house. `on_fatal` is told when the disk no longer keeps its word.
pub(super) async fn open_store(
    settings: &Settings,
    clock: &Clock,
    doorbell: Arc<dyn Doorbell>,
    on_fatal: OnFatal,
    breaking: Breaking,
    threads: Threads,
) -> Result<SqliteStore, StartError> {
    let mut options = options(settings, clock, doorbell)?;
    options.lock_wait = Duration::from_secs(settings.store.lock_wait_seconds);
    options.writer = match threads {
        Threads::One => WriterHost::Here,
        Threads::Many => WriterHost::Thread,
    };
    options.on_fatal = on_fatal;
    options.faults.breaking = breaking;
    Ok(SqliteStore::open(options).await?)
}

/// Opens the store for a command, when no service runs on the data dir.
///
/// # Errors
/// [`StartError`]; that the data dir is locked means that a service does run.
pub async fn open_store_alone(settings: &Settings, clock: &Clock) -> Result<SqliteStore, StartError> {
    let mut options = options(settings, clock, Arc::new(Silent))?;
    options.lock_wait = Duration::ZERO;
    Ok(SqliteStore::open(options).await?)
}

fn options(settings: &Settings, clock: &Clock, doorbell: Arc<dyn Doorbell>) -> Result<OpenOptions, StartError> {
    make_dir(&settings.data_dir).map_err(|reason| StartError::DataDir { path: settings.data_dir.clone(), reason })?;
    let seal =
        SealKey::load_or_create(&settings.data_dir, settings.seal.key.clone(), settings.seal.key_file.as_deref())?;
    let own = settings.seal.key.is_none() && settings.seal.key_file.is_none();
    let (next, next_file) = (settings.seal.next_key.clone(), settings.seal.next_key_file.as_deref());
    let mut options = OpenOptions::new(settings.data_dir.clone(), clock.clone(), seal, doorbell);
    options.next_key = NextKey::from_settings(&settings.data_dir, own, next, next_file)?;
    options.limits = StoreLimits {
        queue: settings.store.queue,
        pending_per_bot: settings.ingress.max_pending_per_bot,
        readers: settings.store.readers as usize,
        ..StoreLimits::default()
    };
    options.erase = EraseAtEnd {
        content: settings.retention.content_days == 0,
        dead_content: settings.retention.dead_content_days == 0,
    };
    let delay = Duration::from_millis(settings.store.sync_delay_ms);
    options.faults = Faults { sync_delay: (!delay.is_zero()).then_some(delay), ..Faults::default() };
    Ok(options)
}

/// Makes the data dir, for its owner only: tokens live in it.
fn make_dir(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// The doorbell of a store that nobody lives in.
struct Silent;

impl Doorbell for Silent {
    fn ring(&self, _: Wake) {}
}
