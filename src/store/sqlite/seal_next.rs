//! Where the next seal key comes from, and how it takes the place of the present one.
//!
//! A key that Botyard made itself, it also replaces itself, as files in the data dir:
//!
//! ```text
//! seal.key             the present one
//! seal.key.next        the next one: there, synced, before the first secret is sealed with it
//! seal.key.old-1a2b…   one that was: backups and snapshots from its time need it
//! ```
//!
//! A key that was given by a setting is its giver's to replace: the next one comes by a second setting.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use super::{
    place,
    seal::SealKey,
    seal_file::{self, FILE, SealError},
};
use crate::base::Secret;

/// Where the next key comes from when it is asked for.
#[derive(Debug, Clone, Default)]
pub enum NextKey {
    /// From nowhere: the present one was given, and no next one is.
    #[default]
    Nowhere,
    /// Made, in this data dir, where the present one is too.
    Made(PathBuf),
    /// Given as text.
    Text(Secret),
    /// Given as a file, which may come only when it is needed.
    File(PathBuf),
}

impl NextKey {
    /// From the settings; `own`: the present key is the one that was made in the data dir.
    ///
    /// # Errors
    /// When both are given.
    pub fn from_settings(
        data_dir: &Path,
        own: bool,
        key: Option<Secret>,
        key_file: Option<&Path>,
    ) -> Result<Self, SealError> {
        Ok(match (key, key_file) {
            (Some(_), Some(_)) => return Err(SealError::BothNext),
            (Some(text), None) => Self::Text(text),
            (None, Some(file)) => Self::File(file.to_owned()),
            (None, None) if own => Self::Made(data_dir.to_owned()),
            (None, None) => Self::Nowhere,
        })
    }

    /// The next key, if it is there already.
    pub(super) fn waiting(&self) -> Result<Option<SealKey>, SealError> {
        let file = match self {
            Self::Nowhere => return Ok(None),
            Self::Text(text) => {
                let key = SealKey::from_hex(text.expose());
                return key.map(Some).ok_or_else(|| SealError::Form { place: "`seal.next_key`".into() });
            }
            Self::Made(dir) => dir.join(next_name()),
            Self::File(file) => file.clone(),
        };
        match seal_file::read(&file, "seal.next_key_file") {
            Ok(key) => Ok(Some(key)),
            Err(SealError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The next key; made if it is ours to make.
    pub(super) fn take(&self) -> Result<SealKey, SealError> {
        if let Some(key) = self.waiting()? {
            return Ok(key);
        }
        match self {
            Self::Made(dir) => {
                let key = SealKey::random().map_err(SealError::Random)?;
                seal_file::create(dir, &dir.join(next_name()), &key)
                    .map_err(|error| SealError::Unwritable(place::unwritable(dir, &error)))?;
                Ok(key)
            }
            Self::File(file) => Err(SealError::NoNextFile { path: file.clone() }),
            Self::Nowhere | Self::Text(_) => Err(SealError::NoNext),
        }
    }

    /// Everything is sealed with the next key: puts it in the place of the present one, if that is ours. Answers
    /// where the old one is kept. Whatever interrupts this, doing it again ends it well.
    pub(super) fn put_in_place(&self, old: &SealKey) -> Result<Option<PathBuf>, SealError> {
        let Self::Made(dir) = self else { return Ok(None) };
        let moved = || {
            let kept = old_file(dir, &old.name());
            match fs::hard_link(dir.join(FILE), &kept) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            let dir_itself = fs::File::open(dir)?;
            dir_itself.sync_all()?;
            fs::rename(dir.join(next_name()), dir.join(FILE))?;
            dir_itself.sync_all()?;
            Ok(kept)
        };
        moved().map(Some).map_err(|error| SealError::Unwritable(place::unwritable(dir, &error)))
    }

    /// What is left to do for whoever gives the keys, as a sentence.
    pub(super) fn to_do(&self) -> Option<String> {
        let (given, setting) = match self {
            Self::Nowhere | Self::Made(_) => return None,
            Self::Text(_) => ("`seal.next_key` (BOTYARD_SEAL__NEXT_KEY)", "`seal.key` (BOTYARD_SEAL__KEY)"),
            Self::File(_) => {
                ("`seal.next_key_file` (BOTYARD_SEAL__NEXT_KEY_FILE)", "`seal.key_file` (BOTYARD_SEAL__KEY_FILE)")
            }
        };
        Some(format!(
            "every secret is sealed with the key of {given}: give that key by {setting} from now on, and no next one"
        ))
    }
}

fn next_name() -> String {
    format!("{FILE}.next")
}

/// Where a key that was is kept, by its name.
pub(super) fn old_file(data_dir: &Path, name: &str) -> PathBuf {
    data_dir.join(format!("{FILE}.old-{name}"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn an_own_key_is_made_once_taken_again_and_put_in_place_however_often_it_is_interrupted() {
        let dir = tempfile::tempdir().unwrap();
        let old = SealKey::load_or_create(dir.path(), None, None).unwrap();
        let next = NextKey::from_settings(dir.path(), true, None, None).unwrap();
        assert!(next.waiting().unwrap().is_none());
        let key = next.take().unwrap();
        assert_eq!(next.take().unwrap().name(), key.name(), "the one that waits is the one that is taken");
        let file = dir.path().join("seal.key.next");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // Stopped after the old key was linked, and once more.
        fs::hard_link(dir.path().join(FILE), old_file(dir.path(), &old.name())).unwrap();
        let kept = next.put_in_place(&old).unwrap().unwrap();
        assert_eq!(SealKey::load_or_create(dir.path(), None, None).unwrap().name(), key.name());
        assert_eq!(seal_file::read(&kept, "x").unwrap().name(), old.name());
        assert!(!file.exists());
    }

    #[test]
    fn a_given_key_is_replaced_by_its_giver_who_is_told_how() {
        let dir = tempfile::tempdir().unwrap();
        let nowhere = NextKey::from_settings(dir.path(), false, None, None).unwrap();
        let text = nowhere.take().unwrap_err().to_string();
        assert!(text.contains("openssl rand -hex 32") && text.contains("BOTYARD_SEAL__NEXT_KEY_FILE"), "{text}");

        let path = dir.path().join("next");
        let file = NextKey::from_settings(dir.path(), true, None, Some(&path)).unwrap();
        assert!(file.waiting().unwrap().is_none(), "it may come later");
        let text = file.take().unwrap_err().to_string();
        assert!(text.contains("is not there") && text.contains("seal.next_key_file"), "{text}");
        fs::write(&path, "hunter2").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let text = file.take().unwrap_err().to_string();
        assert!(text.contains("seal.next_key_file") && !text.contains("hunter2"), "{text}");
        fs::write(&path, "ab".repeat(32)).unwrap();
        let key = file.take().unwrap();
        assert_eq!(file.put_in_place(&key).unwrap(), None);
        assert!(file.to_do().unwrap().contains("BOTYARD_SEAL__KEY_FILE"));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is written beside it");

        let hex = "cd".repeat(32);
        let text = NextKey::from_settings(dir.path(), false, Some(Secret::new(&*hex)), None).unwrap();
        assert_eq!(*text.take().unwrap().to_hex(), hex);
        let both = NextKey::from_settings(dir.path(), false, Some(Secret::new("x")), Some(&path)).unwrap_err();
        assert!(both.to_string().contains("keep one"), "{both}");
    }
}
