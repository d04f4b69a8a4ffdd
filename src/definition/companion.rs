//! Files beside a `bot.toml`: cards, scripts, tables of dates, files to be sent.
//!
//! A definition names them by their path from its own folder. They never lie outside of it: no `..`, no absolute
//! path, and no symbolic link that leads out, because whoever may write a definition need not be allowed to read
//! everything that Botyard can read.

use std::{
    fs::{self, File},
    io::Read,
    path::{Component, Path, PathBuf},
};

/// Largest file that is sent, in bytes. Webex takes more, but it is in memory while it is sent.
pub const MOST_SENT: u64 = 20 * 1024 * 1024;
/// Largest text that is kept with the definition, in bytes.
pub const MOST_TEXT: u64 = 256 * 1024;
/// Bytes of all texts that are kept with one definition.
pub const MOST_TEXTS: u64 = 2 * 1024 * 1024;

/// Whether a path stays inside of the folder it is meant from, as far as its words tell.
#[must_use]
pub fn stays_inside(path: &str) -> bool {
    let path = Path::new(path);
    path.components().next().is_some() && path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// Whether a file of this name is a text that belongs to the definition itself.
#[must_use]
pub fn is_text(name: &str) -> bool {
    const ENDINGS: &[&str] = &["json", "rhai", "txt", "ics", "md"];
    Path::new(name).extension().and_then(|ending| ending.to_str()).is_some_and(|ending| ENDINGS.contains(&ending))
}

/// Opens a file below a bot's folder, if it is really there: no link of it leads out.
///
/// # Errors
/// A sentence that says why not.
pub fn open(folder: &Path, inner: &str) -> Result<(File, u64), String> {
    if !stays_inside(inner) {
        return Err("the path leads out of the bot's folder".to_owned());
    }
    let told = |error: std::io::Error| error.to_string();
    let whole = fs::canonicalize(folder.join(inner)).map_err(told)?;
    if !whole.starts_with(fs::canonicalize(folder).map_err(told)?) {
        return Err("a link leads out of the bot's folder".to_owned());
    }
    let metadata = fs::metadata(&whole).map_err(told)?;
    if !metadata.is_file() {
        // Opening a pipe would wait for whoever writes to it.
        return Err("it is no regular file".to_owned());
    }
    Ok((File::open(&whole).map_err(told)?, metadata.len()))
}

/// Reads a file to be sent, by its path below one of the folders of definitions: `oncall/files/plan.pdf`.
///
/// # Errors
/// A sentence that says why not.
pub fn read(dirs: &[PathBuf], path: &str) -> Result<Vec<u8>, String> {
    let (bot, inner) = path.split_once('/').unwrap_or_default();
    if !stays_inside(bot) || !stays_inside(inner) {
        return Err("the path leads out of the bot's folder".to_owned());
    }
    let folder = dirs.iter().map(|dir| dir.join(bot)).find(|folder| folder.join(inner).exists());
    let (file, size) = open(&folder.ok_or("it is not there any more")?, inner)?;
    if size > MOST_SENT {
        return Err(format!("it has {size} bytes, and {MOST_SENT} may be sent"));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
    file.take(MOST_SENT + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if bytes.len() as u64 > MOST_SENT {
        return Err("it grew while it was read".to_owned());
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_path_stays_inside_by_its_words() {
        for path in ["a.json", "cards/a.json", "a/b/c.txt"] {
            assert!(stays_inside(path), "{path}");
        }
        for path in ["", "/etc/passwd", "../x", "a/../../x", "./x/..", ".."] {
            assert!(!stays_inside(path), "{path}");
        }
    }

    #[test]
    fn what_lies_outside_is_not_read_whatever_leads_there() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        fs::create_dir_all(at("bots.d/oncall/files")).unwrap();
        fs::write(at("secret"), "s").unwrap();
        fs::write(at("bots.d/oncall/files/plan.pdf"), "plan").unwrap();
        symlink(at("secret"), at("bots.d/oncall/out")).unwrap();
        symlink("files/plan.pdf", at("bots.d/oncall/in")).unwrap();
        let read = |path: &str| read(&[root.path().join("nowhere"), at("bots.d")], path);
        assert_eq!(read("oncall/files/plan.pdf").unwrap(), b"plan");
        assert_eq!(read("oncall/in").unwrap(), b"plan");
        assert!(read("oncall/out").unwrap_err().contains("a link leads out"));
        for path in ["oncall/../../secret", "../secret", "/secret", "oncall", "", "oncall//secret"] {
            assert!(read(path).is_err(), "{path}");
        }
        assert_eq!(read("oncall/none").unwrap_err(), "it is not there any more");
        assert!(read("oncall/files").unwrap_err().contains("no regular file"));
    }
}
