//! Which files count, and whether they changed.
//!
//! A bot is `bots.d/echo.toml`, or a folder `bots.d/oncall/` with a `bot.toml`. Ignored on purpose:
//! anything that begins with `.` (Kubernetes' `..data` and `..2026_…`, hidden and swap files), what editors
//! leave behind (`x~`, `#x#`, `x.swp`, `x.tmp`, `x.bak`, `x.orig`, vim's `4913`), and conversation tests
//! (`x.test.toml`). Other files are nobody's business, except those that were probably meant as a
//! definition (`x.tml`, `x.yaml`, `x.TOML`): these get a warning. Symbolic links are followed. A folder `_shared` is
//! no bot: it holds what several use.
//!
//! [`scan`] only looks at names and metadata, so it is cheap enough for every second and works where
//! file notification is blind; what it finds is plain data to compare.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Folders are looked into this deep, for cards and scripts beside a `bot.toml`.
const MAX_DEPTH: usize = 3;
/// Files of one folder that are looked at.
const MAX_FILES_PER_UNIT: usize = 1_000;

/// The folder of what several definitions use.
pub const SHARED: &str = "_shared";

/// What a look tells about one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stat {
    /// Bytes.
    pub size: u64,
    /// Last change in nanoseconds since 1970.
    pub mtime: i128,
    /// Number of the file behind all links: a swapped link shows even when size and time are equal.
    pub inode: u64,
}

/// One definition on the disk: a file or a folder of a `bots.d`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Unit {
    /// The `bots.d` it is in.
    pub dir: Arc<Path>,
    /// Its name there: `echo.toml` or `oncall`.
    pub name: Arc<str>,
    /// The file to read, relative to its `bots.d` (with `/`): `echo.toml`, `oncall/bot.toml`.
    pub main: Arc<str>,
    /// Every file of it, in the order of their names. A list: a map has room for eleven where most have one.
    pub files: Box<[(Arc<str>, Stat)]>,
}

impl Unit {
    /// What should be the bot's id: the name without `.toml`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.name.strip_suffix(".toml").unwrap_or(&self.name)
    }

    /// Where it stands, for people.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.dir.join(&*self.name)
    }
}

/// One look at all folders. Comparing two of them is comparing plain data.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Snapshot {
    /// Every definition, by its path.
    pub units: BTreeMap<PathBuf, Arc<Unit>>,
    /// What several definitions use, by the `bots.d` it is in.
    pub shared: BTreeMap<PathBuf, Arc<Unit>>,
    /// What was probably meant as a definition: `bots.d`-relative name and why it is none.
    pub strays: Vec<(String, String)>,
    /// Folders that could not be read: nothing may be concluded from what is missing below them.
    pub unreadable: Vec<(PathBuf, String)>,
}

/// Looks at every definition below `dirs`. Reads names and metadata only.
#[must_use]
pub fn scan(dirs: &[PathBuf]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for dir in dirs {
        let entries = match fs::read_dir(dir) {
            Ok(entries) => entries,
            Err(error) => {
                snapshot.unreadable.push((dir.clone(), error.to_string()));
                continue;
            }
        };
        let shared: Arc<Path> = dir.as_path().into();
        for entry in entries {
            match entry {
                Ok(entry) => look(&mut snapshot, &shared, &entry.file_name()),
                Err(error) => snapshot.unreadable.push((dir.clone(), error.to_string())),
            }
        }
    }
    snapshot.strays.sort();
    snapshot
}

/// Whether a name is one of those that are ignored on purpose.
#[must_use]
pub fn ignored(name: &str) -> bool {
    const ENDINGS: &[&str] = &["~", ".swp", ".swx", ".tmp", ".bak", ".orig", ".test.toml"];
    name.starts_with('.')
        || name == "4913"
        || (name.starts_with('#') && name.ends_with('#'))
        || ENDINGS.iter().any(|ending| name.ends_with(ending))
}

fn look(snapshot: &mut Snapshot, dir: &Arc<Path>, name: &OsStr) {
    let Some(name) = name.to_str() else {
        let shown = name.to_string_lossy();
        if shown.ends_with(".toml") {
            snapshot.strays.push((shown.into_owned(), "its name is not UTF-8".into()));
        }
        return;
    };
    if ignored(name) {
        return;
    }
    let path = dir.join(name);
    // A file that vanished since the listing is simply not there; a dangling link neither.
    let Ok(metadata) = fs::metadata(&path) else { return };
    let mut files = Vec::new();
    let whole: Arc<str> = name.into();
    let main = if metadata.is_dir() {
        if let Err(error) = look_into(&path, name, 1, &mut files) {
            snapshot.unreadable.push((path, error.to_string()));
            return;
        }
        if name == SHARED {
            files.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            let unit = Unit { dir: Arc::clone(dir), name: Arc::clone(&whole), main: whole, files: files.into() };
            snapshot.shared.insert(dir.to_path_buf(), Arc::new(unit));
            return;
        }
        let main = format!("{name}/bot.toml");
        let Some((main, _)) = files.iter().find(|(file, _)| **file == *main) else {
            if files.iter().any(|(file, _)| misspelt(file) || is_toml(file)) {
                snapshot.strays.push((name.to_owned(), "the folder has no `bot.toml`".into()));
            }
            return;
        };
        Arc::clone(main)
    } else if is_toml(name) && !metadata.is_file() {
        // Opening a pipe would wait for whoever writes to it.
        snapshot.strays.push((name.to_owned(), "it is no regular file".into()));
        return;
    } else if is_toml(name) {
        files.push((Arc::clone(&whole), stat(&metadata)));
        Arc::clone(&whole)
    } else {
        if misspelt(name) {
            snapshot.strays.push((name.to_owned(), "definitions end in `.toml`".into()));
        }
        return;
    };
    files.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    let unit = Unit { dir: Arc::clone(dir), name: whole, main, files: files.into() };
    snapshot.units.insert(path, Arc::new(unit));
}

fn look_into(dir: &Path, prefix: &str, depth: usize, files: &mut Vec<(Arc<str>, Stat)>) -> std::io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let Ok(metadata) = fs::metadata(entry.path()) else { continue };
        if ignored(&name) || files.len() >= MAX_FILES_PER_UNIT {
            continue;
        }
        let relative = format!("{prefix}/{name}");
        if !metadata.is_dir() {
            files.push((relative.into(), stat(&metadata)));
        } else if depth < MAX_DEPTH {
            look_into(&entry.path(), &relative, depth + 1, files)?;
        }
    }
    Ok(())
}

fn is_toml(name: &str) -> bool {
    Path::new(name).extension() == Some(OsStr::new("toml"))
}

fn misspelt(name: &str) -> bool {
    const NEAR: &[&str] = &["toml", "tml", "tom", "toml.txt", "yaml", "yml", "json"];
    let name = name.to_lowercase();
    NEAR.iter().any(|ending| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.')))
}

fn stat(metadata: &fs::Metadata) -> Stat {
    use std::os::unix::fs::MetadataExt;
    let mtime = i128::from(metadata.mtime()) * 1_000_000_000 + i128::from(metadata.mtime_nsec());
    Stat { size: metadata.len(), mtime, inode: metadata.ino() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn names(snapshot: &Snapshot) -> Vec<&str> {
        snapshot.units.values().map(|unit| &*unit.main).collect()
    }

    #[test]
    fn files_and_folders_count_and_what_others_leave_behind_does_not() {
        let root = tempfile::tempdir().unwrap();
        for name in ["echo.toml", "oncall/bot.toml", "oncall/cards/a.json", "docs/readme.md"] {
            write(root.path(), name, "");
        }
        for name in [".x.toml", "..data/x.toml", "x.toml~", ".x.toml.swp", "#x.toml#", "x.tmp", "4913", "x.test.toml"] {
            write(root.path(), name, "");
        }
        let found = scan(&[root.path().to_owned()]);
        assert_eq!(names(&found), ["echo.toml", "oncall/bot.toml"]);
        assert!(found.strays.is_empty() && found.unreadable.is_empty());
    }

    #[test]
    fn what_was_probably_meant_as_a_definition_is_told() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a.tml", "b.yaml", "c.TOML", "notes.txt", "d/main.toml"] {
            write(root.path(), name, "");
        }
        let found = scan(&[root.path().to_owned()]);
        assert_eq!(
            found.strays.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["a.tml", "b.yaml", "c.TOML", "d"]
        );
    }

    /// Paths of the definitions that are new, changed or gone in `newer`.
    fn differences(older: &Snapshot, newer: &Snapshot) -> Vec<PathBuf> {
        let gone = older.units.keys().filter(|path| !newer.units.contains_key(*path));
        let changed = newer.units.iter().filter(|(path, unit)| older.units.get(*path) != Some(unit)).map(|(p, _)| p);
        gone.chain(changed).cloned().collect()
    }

    #[test]
    fn a_change_of_any_file_of_a_unit_is_a_difference() {
        let root = tempfile::tempdir().unwrap();
        let dirs = [root.path().to_owned()];
        write(root.path(), "a.toml", "1");
        write(root.path(), "b/bot.toml", "1");
        let first = scan(&dirs);
        assert_eq!(differences(&first, &scan(&dirs)), Vec::<PathBuf>::new());
        write(root.path(), "b/cards/x.json", "{}");
        fs::remove_file(root.path().join("a.toml")).unwrap();
        assert_eq!(differences(&first, &scan(&dirs)), [root.path().join("a.toml"), root.path().join("b")]);
    }

    #[test]
    fn what_is_shared_is_no_bot_and_a_change_of_it_is_seen() {
        let root = tempfile::tempdir().unwrap();
        let dirs = [root.path().to_owned()];
        write(root.path(), "a.toml", "1");
        write(root.path(), "_shared/groups.toml", "1");
        let first = scan(&dirs);
        assert_eq!((names(&first), first.shared.len(), first.strays.len()), (vec!["a.toml"], 1, 0));
        write(root.path(), "_shared/vars.toml", "1");
        assert_ne!(first, scan(&dirs));
    }

    #[test]
    fn a_mounted_config_map_that_swaps_its_link_is_a_difference() {
        use std::os::unix::fs::symlink;
        let root = tempfile::tempdir().unwrap();
        let dirs = [root.path().to_owned()];
        write(root.path(), "..one/echo.toml", "1");
        write(root.path(), "..two/echo.toml", "2");
        symlink("..one", root.path().join("..data")).unwrap();
        symlink("..data/echo.toml", root.path().join("echo.toml")).unwrap();
        let first = scan(&dirs);
        assert_eq!(names(&first), ["echo.toml"]);
        fs::remove_file(root.path().join("..data")).unwrap();
        symlink("..two", root.path().join("..data")).unwrap();
        assert_eq!(differences(&first, &scan(&dirs)).len(), 1);
    }

    #[test]
    fn a_folder_that_is_not_there_is_told_and_is_not_empty() {
        let found = scan(&[PathBuf::from("/nowhere/at/all")]);
        assert_eq!((found.units.len(), found.unreadable.len()), (0, 1));
    }
}
