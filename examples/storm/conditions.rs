//! Where it is measured: the machine, and the disk below the folder of the run.

use std::{
    fs::File,
    io::{Seek as _, Write as _},
    path::Path,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{figures::Conditions, process, stage::Setup};

/// Looks at the machine and at the disk below `dir`.
pub(crate) fn look(setup: &Setup) -> Result<Conditions> {
    Ok(Conditions {
        cores: cores(),
        busy: process::load_average()?,
        file_system: file_system(&setup.plan.dir)?,
        sync_ms: sync_time(&setup.plan.dir)?.as_secs_f64() * 1e3,
        connections: setup.connections,
        seconds: setup.time.as_secs(),
        driver_threads: setup.threads,
        debug_build: cfg!(debug_assertions),
    })
}

pub(crate) fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn file_system(dir: &Path) -> Result<String> {
    let kind = rustix::fs::statfs(dir).with_context(|| format!("`{}`", dir.display()))?.f_type;
    Ok(match kind {
        0xef53 => "ext4".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683e => "btrfs".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x794c_7630 => "overlayfs".to_owned(),
        other => format!("file system {other:#x}"),
    })
}

/// The median time to write a page and sync it, as a commit does to a log that was written before: the file has
/// its size already, so only data is synced.
fn sync_time(dir: &Path) -> Result<Duration> {
    const PAGES: usize = 100;
    let mut file = tempfile::Builder::new().prefix("storm-sync-").tempfile_in(dir)?;
    file.write_all(&vec![0; PAGES * 4096])?;
    file.as_file().sync_all()?;
    file.rewind()?;
    let mut times = (0..PAGES).map(|_| one_sync(file.as_file())).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(times[PAGES / 2])
}

fn one_sync(mut file: &File) -> Result<Duration> {
    let began = Instant::now();
    file.write_all(&[0x5a; 4096])?;
    file.sync_data()?;
    Ok(began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn syncs_can_be_timed_and_the_disk_has_a_name() {
        let dir = tempfile::tempdir().unwrap();
        assert!(sync_time(dir.path()).unwrap() > Duration::ZERO);
        assert!(!file_system(dir.path()).unwrap().is_empty());
    }
}
