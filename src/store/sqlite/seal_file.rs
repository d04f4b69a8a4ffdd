//! Where the seal key comes from: given as text, given as a file, or made at the first start.

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{engine, place, seal::SealKey};
use crate::base::{Secret, secret_file::too_open};

/// Name of the key file that is made when none is given.
pub(super) const FILE: &str = "seal.key";

/// What names another place for it.
const SETTING: &str = "seal.key_file";

/// Why there is no seal key.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// Both were given.
    #[error("`seal.key` and `seal.key_file` are both set: keep one of them")]
    Both,
    /// Both next ones were given.
    #[error("`seal.next_key` and `seal.next_key_file` are both set: keep one of them")]
    BothNext,
    /// A given key is to be replaced, and no next one is given.
    #[error(
        "the seal key is given by a setting, so the next one has to be as well: make one with `openssl rand -hex 32`, \
         and name it by `seal.next_key_file` (BOTYARD_SEAL__NEXT_KEY_FILE) or `seal.next_key`"
    )]
    NoNext,
    /// The file of the next key is not there.
    #[error(
        "the next seal key `{path}` of `seal.next_key_file` is not there: put it there, 64 hex digits as \
         `openssl rand -hex 32` prints them"
    )]
    NoNextFile {
        /// Which file.
        path: PathBuf,
    },
    /// The text is no key.
    #[error("{place} is no seal key: 64 hex digits are expected, as `openssl rand -hex 32` prints them")]
    Form {
        /// `seal.key`, or the file with its setting.
        place: String,
    },
    /// The file that was named cannot be read.
    #[error(
        "the seal key file `{path}` cannot be read ({error}): put it right in `{setting}` (BOTYARD_{})",
        setting.replace('.', "__").to_ascii_uppercase()
    )]
    Unreadable {
        /// Which setting names it.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Others can read it.
    #[error(
        "the seal key file `{path}` of `{setting}` can be read by others (mode {mode:04o}): run `chmod 600 {path}`"
    )]
    Open {
        /// Which setting names it.
        setting: &'static str,
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// There is a store, but not its key.
    #[error(
        "`{store}` holds sealed secrets, but its key `{path}` is gone: put the key back, or name where it is by \
         `seal.key_file` (BOTYARD_SEAL__KEY_FILE); a new key could not open them"
    )]
    Gone {
        /// The database.
        store: PathBuf,
        /// Where the key should be.
        path: PathBuf,
    },
    /// What is to be put back was sealed with a key that is not here.
    #[error(
        "there is no seal key at `{path}`: put the one there that was kept beside the backup (mode 0600), or name where \
         it is by `seal.key_file` (BOTYARD_SEAL__KEY_FILE)"
    )]
    Missing {
        /// Where the key should be.
        path: PathBuf,
    },
    /// The data dir cannot be written.
    #[error("{0}")]
    Unwritable(String),
    /// The operating system has no randomness.
    #[error("no randomness to make a seal key with: {0}")]
    Random(getrandom::Error),
}

impl SealKey {
    /// The key as given by `seal.key` or `seal.key_file`; with neither, `seal.key` in the data dir, which is
    /// made (0600) at the first start. It is not made when a store is already there: that one has a key.
    ///
    /// # Errors
    /// [`SealError`] names the setting or the file, and what to do.
    pub fn load_or_create(data_dir: &Path, key: Option<Secret>, key_file: Option<&Path>) -> Result<Self, SealError> {
        match (key, key_file) {
            (Some(_), Some(_)) => Err(SealError::Both),
            (Some(text), None) => {
                Self::from_hex(text.expose()).ok_or_else(|| SealError::Form { place: "`seal.key`".into() })
            }
            (None, Some(path)) => read(path, SETTING),
            (None, None) => own(data_dir),
        }
    }
}

impl SealKey {
    /// As [`SealKey::load_or_create`], but no key is made: what it is wanted for was sealed before.
    ///
    /// # Errors
    /// [`SealError`] names the setting or the file, and what to do.
    pub fn load(data_dir: &Path, key: Option<Secret>, key_file: Option<&Path>) -> Result<Self, SealError> {
        if key.is_some() || key_file.is_some() {
            return Self::load_or_create(data_dir, key, key_file);
        }
        let path = data_dir.join(FILE);
        read(&path, SETTING).map_err(|error| match error {
            SealError::Unreadable { error, path, .. } if error.kind() == io::ErrorKind::NotFound => {
                SealError::Missing { path }
            }
            other => other,
        })
    }
}

fn own(data_dir: &Path) -> Result<SealKey, SealError> {
    let path = data_dir.join(FILE);
    match read(&path, SETTING) {
        Err(SealError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let store = data_dir.join(engine::FILE);
    if fs::metadata(&store).is_ok_and(|found| found.len() > 0) {
        return Err(SealError::Gone { store, path });
    }
    let key = SealKey::random().map_err(SealError::Random)?;
    create(data_dir, &path, &key).map_err(|error| SealError::Unwritable(place::unwritable(data_dir, &error)))?;
    // Whoever was first to put it there decides.
    read(&path, SETTING)
}

/// Puts the whole file in its place at once: a start that is killed half-way leaves no half key.
pub(super) fn create(data_dir: &Path, path: &Path, key: &SealKey) -> io::Result<()> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(data_dir)?;
    let draft = data_dir.join(format!("{FILE}.{}", uuid::Uuid::new_v4().simple()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    let text = Zeroizing::new(format!("{}\n", *key.to_hex()));
    let done = file
        .write_all(text.as_bytes())
        .and_then(|()| file.sync_all())
        .and_then(|()| match fs::hard_link(&draft, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        })
        .and_then(|()| fs::File::open(data_dir)?.sync_all());
    fs::remove_file(&draft)?;
    done
}

pub(super) fn read(path: &Path, setting: &'static str) -> Result<SealKey, SealError> {
    let unreadable = |error| SealError::Unreadable { setting, path: path.to_owned(), error };
    if let Some(mode) = too_open(path).map_err(unreadable)? {
        return Err(SealError::Open { setting, path: path.to_owned(), mode });
    }
    let text = Zeroizing::new(fs::read(path).map_err(unreadable)?);
    std::str::from_utf8(&text)
        .ok()
        .and_then(SealKey::from_hex)
        .ok_or_else(|| SealError::Form { place: format!("`{}` (`{setting}`)", path.display()) })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn refusal(answer: Result<SealKey, SealError>) -> String {
        answer.unwrap_err().to_string()
    }

    fn file(dir: &Path, text: &str, mode: u32) -> PathBuf {
        let path = dir.join("given.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn the_first_start_makes_a_key_only_the_owner_can_read_and_the_second_finds_it() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        let first = SealKey::load_or_create(&data, None, None).unwrap();
        let second = SealKey::load_or_create(&data, None, None).unwrap();
        assert_eq!(*first.to_hex(), *second.to_hex());
        assert_eq!(fs::metadata(data.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&data).unwrap().permissions().mode() & 0o777, 0o700);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_store_without_its_key_gets_no_new_one() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(engine::FILE), "rows").unwrap();
        let text = refusal(SealKey::load_or_create(dir.path(), None, None));
        assert!(text.contains("seal.key` is gone") && text.contains("BOTYARD_SEAL__KEY_FILE"), "{text}");
        assert!(!dir.path().join(FILE).exists());
    }

    #[test]
    fn a_key_may_be_given_as_text_or_as_file_but_not_both() {
        let dir = tempfile::tempdir().unwrap();
        let hex = "ab".repeat(32);
        let path = file(dir.path(), &format!("{hex}\n"), 0o600);
        let by_text = SealKey::load_or_create(dir.path(), Some(Secret::new(&*hex)), None).unwrap();
        let by_file = SealKey::load_or_create(dir.path(), None, Some(&path)).unwrap();
        assert_eq!(*by_text.to_hex(), hex);
        assert_eq!(*by_file.to_hex(), hex);
        let both = refusal(SealKey::load_or_create(dir.path(), Some(Secret::new(&*hex)), Some(&path)));
        assert!(both.contains("keep one"), "{both}");
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), "hunter2", 0o600);
        let by_file = refusal(SealKey::load_or_create(dir.path(), None, Some(&path)));
        assert!(by_file.contains("given.key") && by_file.contains("64 hex digits"), "{by_file}");
        let by_text = refusal(SealKey::load_or_create(dir.path(), Some(Secret::new("hunter2")), None));
        assert!(by_text.contains("`seal.key`"), "{by_text}");
        assert!(!by_file.contains("hunter2") && !by_text.contains("hunter2"));
    }

    #[test]
    fn a_key_file_that_others_can_read_is_refused_with_the_chmod_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = file(dir.path(), &"ab".repeat(32), 0o644);
        let text = refusal(SealKey::load_or_create(dir.path(), None, Some(&path)));
        assert!(text.contains("0644") && text.contains("chmod 600") && text.contains("seal.key_file"), "{text}");
    }

    #[test]
    fn what_was_sealed_before_gets_no_new_key() {
        let dir = tempfile::tempdir().unwrap();
        let text = refusal(SealKey::load(dir.path(), None, None));
        assert!(text.contains("kept beside the backup") && text.contains("seal.key`"), "{text}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        let made = SealKey::load_or_create(dir.path(), None, None).unwrap();
        assert_eq!(*SealKey::load(dir.path(), None, None).unwrap().to_hex(), *made.to_hex());
    }

    #[test]
    fn a_key_file_that_is_not_there_names_its_setting() {
        let dir = tempfile::tempdir().unwrap();
        let text = refusal(SealKey::load_or_create(dir.path(), None, Some(&dir.path().join("none"))));
        assert!(text.contains("none") && text.contains("BOTYARD_SEAL__KEY_FILE"), "{text}");
    }
}
