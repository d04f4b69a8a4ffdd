//! Where a backup goes: which places are refused, and how it gets there whole or not at all.

use std::{
    fs,
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use crate::store::BackupError;

/// With what every database file of the engine begins.
const HEADER: &[u8] = b"SQLite format 3\0";

/// A place that may be written to.
#[derive(Debug)]
pub(super) struct Target {
    file: PathBuf,
    dir: PathBuf,
}

/// A file that is not yet what it is to become. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) path: PathBuf,
    kept: bool,
}

impl Target {
    /// Refuses what would overwrite something, or could not be written. Changes nothing.
    pub(super) fn check(file: &Path, data_dir: &Path, force: bool) -> Result<Self, BackupError> {
        let place = |why: String| Err(BackupError::Place(why));
        let shown = file.display();
        if !file.is_absolute() {
            return place(format!("`{shown}` is no absolute path: say it from `/` on"));
        }
        let (Some(dir), Some(name)) = (file.parent(), file.file_name()) else {
            return place(format!("`{shown}` is no name of a file"));
        };
        let dir = match dir.canonicalize() {
            Ok(dir) if dir.is_dir() => dir,
            Ok(_) => return place(format!("`{}` is no folder", dir.display())),
            Err(error) => {
                return place(format!(
                    "the folder `{}` cannot be used ({error}): make it, writable for the user that runs Botyard",
                    dir.display()
                ));
            }
        };
        if data_dir.canonicalize().is_ok_and(|data_dir| data_dir == dir) {
            return place(format!(
                "`{shown}` lies in the data dir itself, among the files that are in use: name another folder, best on \
                 another disk"
            ));
        }
        // The name itself may be a link; what is replaced is the link, so it is the link that is looked at.
        match fs::symlink_metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return place(format!("`{shown}` cannot be looked at: {error}")),
            Ok(meta) if !meta.is_file() => return place(format!("`{shown}` is there already, and is no plain file")),
            Ok(_) if !force => return place(format!("`{shown}` is there already; `--force` replaces it")),
            Ok(_) if !is_database(file) => {
                return place(format!(
                    "`{shown}` is there already and is no backup: not even `--force` replaces anything else"
                ));
            }
            Ok(_) => {}
        }
        let file = dir.join(name);
        Ok(Self { file, dir })
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// An empty file beside the place, for its owner only. One that a killed run left is taken away.
    pub(super) fn draft(&self) -> Result<Draft, BackupError> {
        let mut name = self.file.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let path = self.dir.join(name);
        remove(&path);
        let made = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        made.map_err(|error| BackupError::Io { path: path.clone(), error })?;
        Ok(Draft { path, kept: false })
    }

    /// Puts the draft in its place, so that it is there after a power cut as well.
    pub(super) fn keep(&self, mut draft: Draft) -> Result<(), BackupError> {
        put(&draft.path, &self.file).map_err(|error| BackupError::Io { path: self.file.clone(), error })?;
        draft.kept = true;
        Ok(())
    }
}

/// Syncs a file, renames it and syncs the folder.
pub(super) fn put(from: &Path, to: &Path) -> io::Result<()> {
    fs::File::open(from)?.sync_all()?;
    fs::rename(from, to)?;
    sync_dir(to)
}

/// Makes what was done to a folder last; `path` is a file in it.
pub(super) fn sync_dir(path: &Path) -> io::Result<()> {
    fs::File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
}

/// Whether a file is one of the engine's databases, by how it begins.
pub(super) fn is_database(path: &Path) -> bool {
    let mut begin = [0; HEADER.len()];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut begin)).is_ok() && begin == HEADER
}

/// A draft, and what the engine may have put beside it.
fn remove(path: &Path) {
    for suffix in ["", "-journal", "-wal", "-shm"] {
        // Mostly there is none.
        let _ = fs::remove_file(beside(path, suffix));
    }
}

/// What the engine keeps beside a database: its name with something behind it.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.kept {
            remove(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn refused(file: &Path, data_dir: &Path, force: bool) -> String {
        Target::check(file, data_dir, force).unwrap_err().to_string()
    }

    #[test]
    fn places_that_would_overwrite_something_are_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let (data, out) = (dir.path().join("data"), dir.path().join("out"));
        for folder in [&data, &out] {
            fs::create_dir(folder).unwrap();
        }
        assert!(refused(Path::new("x.db"), &data, false).contains("no absolute path"));
        assert!(refused(Path::new("/"), &data, false).contains("no name of a file"));
        assert!(refused(&dir.path().join("none/x.db"), &data, false).contains("make it"));
        assert!(refused(&data.join("x.db"), &data, true).contains("another disk"));
        assert!(refused(&out.join("../data/x.db"), &data, true).contains("another disk"));
        fs::write(out.join("text"), "seal").unwrap();
        assert!(refused(&out.join("text"), &data, false).contains("`--force`"));
        assert!(refused(&out.join("text"), &data, true).contains("no backup"));
        assert!(refused(&out, &data, true).contains("no plain file"));
        symlink(out.join("text"), out.join("link")).unwrap();
        assert!(refused(&out.join("link"), &data, true).contains("no plain file"));
        fs::write(out.join("old.db"), [HEADER, b"rest"].concat()).unwrap();
        Target::check(&out.join("old.db"), &data, true).unwrap();
        Target::check(&out.join("new.db"), &data, false).unwrap();
    }

    #[test]
    fn a_draft_is_for_its_owner_and_gone_unless_it_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let target = Target::check(&dir.path().join("x.db"), Path::new("/nowhere"), false).unwrap();
        // As a killed run leaves it.
        fs::write(dir.path().join("x.db.partial"), "half").unwrap();
        let draft = target.draft().unwrap();
        let meta = fs::metadata(&draft.path).unwrap();
        assert_eq!((meta.len(), meta.permissions().mode() & 0o777), (0, 0o600));
        fs::write(dir.path().join("x.db.partial-journal"), "").unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        target.keep(target.draft().unwrap()).unwrap();
        let names: Vec<_> = fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
        assert_eq!(names, ["x.db"]);
    }
}
