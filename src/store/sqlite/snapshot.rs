//! The copy that is made before a migration: the way back to the older program.
//!
//! A plain copy of the file, after the log was written back into it and while the lock keeps everybody else out; so
//! it is, byte for byte, what the older program left. `VACUUM INTO` would give a smaller file, but one that is the
//! work of the newer engine, and on a file system that shares blocks a plain copy costs nothing.

use std::{
    fs, io,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sqlx::{Connection as _, SqliteConnection};

use super::engine::{self, Look, Trouble};

/// Copies that are kept: the last upgrade and the one before it.
const KEPT: usize = 2;

/// Bytes that must stay free beyond the copy, for the log of the migration. When they do not suffice, it is undone.
const RESERVE: u64 = 64 << 20;

/// Why there is no copy.
#[derive(Debug)]
pub(super) enum SnapshotError {
    /// Too little room.
    NoRoom { needed: u64, free: u64 },
    /// The files cannot be read or written.
    Io(io::Error),
    /// The copy is not what was copied.
    Unlike(String),
    /// What the engine says.
    Engine(Trouble),
}

impl From<io::Error> for SnapshotError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<sqlx::Error> for SnapshotError {
    fn from(error: sqlx::Error) -> Self {
        Self::Engine(error.into())
    }
}

/// `botyard.db.schema-3`, beside the database: what it holds is what matters to whoever looks for it.
fn name(schema: i64) -> String {
    format!("{}.schema-{schema}", engine::FILE)
}

/// Copies a database of an older schema; answers where the copy is. A copy of the same schema is replaced, once the
/// new one is known to be good.
pub(super) async fn take(conn: &mut SqliteConnection, path: &Path, schema: i64) -> Result<PathBuf, SnapshotError> {
    engine::fold_log(conn).await?;
    let dir = path.parent().unwrap_or(path);
    enough(fs::metadata(path)?.len(), free(dir)?)?;
    let copy = path.with_file_name(name(schema));
    let draft = path.with_file_name(format!("{}.draft", name(schema)));
    copy_synced(path, &draft)?;
    verify(&draft, schema).await?;
    fs::rename(&draft, &copy)?;
    fs::File::open(dir)?.sync_all()?;
    Ok(copy)
}

fn enough(length: u64, free: u64) -> Result<(), SnapshotError> {
    let needed = length.saturating_add(RESERVE);
    if free < needed { Err(SnapshotError::NoRoom { needed, free }) } else { Ok(()) }
}

/// Bytes that we may still write.
fn free(dir: &Path) -> io::Result<u64> {
    let room = rustix::fs::statvfs(dir)?;
    Ok(room.f_bavail.saturating_mul(room.f_frsize))
}

fn copy_synced(from: &Path, to: &Path) -> io::Result<()> {
    // What a start that was killed left here.
    if let Err(error) = fs::remove_file(to)
        && error.kind() != io::ErrorKind::NotFound
    {
        return Err(error);
    }
    let mut source = fs::File::open(from)?;
    let mut copy = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
    io::copy(&mut source, &mut copy)?;
    copy.sync_all()
}

async fn verify(copy: &Path, schema: i64) -> Result<(), SnapshotError> {
    let mut conn = engine::connect_frozen(copy).await?;
    let found = engine::schema(&mut conn).await?;
    let damage = engine::damage(&mut conn, Look::Quick).await?;
    conn.close().await?;
    match damage {
        None if found == Some(schema) => Ok(()),
        None => Err(SnapshotError::Unlike(format!("it has schema {found:?}, not {schema}"))),
        Some(damage) => Err(SnapshotError::Unlike(damage)),
    }
}

/// The newest copy that a program can open which knows this schema and no newer one.
pub(super) fn for_program(data_dir: &Path, schema: i64) -> Option<PathBuf> {
    let fitting = all(data_dir).into_iter().filter(|(found, _, _)| *found <= schema);
    fitting.max_by_key(|(found, _, _)| *found).map(|(_, _, path)| path)
}

/// Removes what is more than two upgrades old. Only after a new copy is good and the migration is done.
pub(super) fn prune(data_dir: &Path) {
    let mut all = all(data_dir);
    all.sort_by_key(|(_, made, _)| std::cmp::Reverse(*made));
    for (_, _, path) in all.into_iter().skip(KEPT) {
        match fs::remove_file(&path) {
            Ok(()) => tracing::info!(snapshot = %path.display(), "an old snapshot is removed"),
            Err(error) => {
                tracing::warn!(%error, snapshot = %path.display(), "an old snapshot could not be removed");
            }
        }
    }
}

/// Every copy: its schema, when it was made, where it is.
fn all(data_dir: &Path) -> Vec<(i64, SystemTime, PathBuf)> {
    let Ok(entries) = fs::read_dir(data_dir) else { return Vec::new() };
    let copies = entries.filter_map(|entry| {
        let entry = entry.ok()?;
        let file = entry.file_name();
        let schema = file.to_str()?.strip_prefix(engine::FILE)?.strip_prefix(".schema-")?.parse().ok()?;
        Some((schema, entry.metadata().ok()?.modified().ok()?, entry.path()))
    });
    copies.collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn snapshot(dir: &Path, schema: i64, age: u64) -> PathBuf {
        let path = dir.join(name(schema));
        let file = fs::File::create(&path).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age)).unwrap();
        path
    }

    #[test]
    fn two_copies_are_kept_the_newest_made() {
        let dir = tempfile::tempdir().unwrap();
        let (old, again) = (snapshot(dir.path(), 5, 300), snapshot(dir.path(), 2, 10));
        let last = snapshot(dir.path(), 6, 5);
        fs::write(dir.path().join("botyard.db.schema-7.draft"), "").unwrap();
        fs::write(dir.path().join("botyard.db"), "").unwrap();
        prune(dir.path());
        assert!(!old.exists() && again.exists() && last.exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 4, "nothing else is touched");
    }

    #[test]
    fn an_older_program_is_shown_the_newest_copy_that_it_can_open() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(for_program(dir.path(), 9), None);
        let (two, six) = (snapshot(dir.path(), 2, 1), snapshot(dir.path(), 6, 2));
        assert_eq!(for_program(dir.path(), 1), None);
        assert_eq!(for_program(dir.path(), 5), Some(two));
        assert_eq!(for_program(dir.path(), 6), Some(six));
    }

    #[test]
    fn the_room_that_is_left_is_asked_for() {
        assert!(enough(1000, RESERVE + 1000).is_ok());
        let refused = enough(1000, RESERVE + 999).unwrap_err();
        assert!(matches!(refused, SnapshotError::NoRoom { needed, free } if needed == RESERVE + 1000 && free < needed));
        assert!(free(Path::new("/")).unwrap() > 0);
        assert_eq!(free(Path::new("/proc")).unwrap(), 0, "where nothing can be written there is none");
    }
}
