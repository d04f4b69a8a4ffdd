//! The bearer token of the admin listener: made at first start, readable by its owner, found by the CLI.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use crate::base::{Secret, secret_file::too_open};

/// The name of the file in the data dir.
pub const FILE_NAME: &str = "admin.token";
/// Shorter than this can be guessed.
const SHORTEST: usize = 32;
/// Longer than this is some other file.
const LONGEST: usize = 1024;

/// The admin token and the file it stands in.
#[derive(Debug, Clone)]
pub struct AdminToken {
    /// What `Authorization: Bearer` must carry.
    pub secret: Secret,
    /// Where it is kept.
    pub path: PathBuf,
}

/// Why there is no usable admin token.
#[derive(Debug, thiserror::Error)]
pub enum AdminTokenError {
    /// The file is not there: `admin.token_file` names a wrong one, or no service was ever started here.
    #[error("there is no admin token at `{}`; a first `botyard serve` makes one in its data dir", .0.display())]
    Missing(PathBuf),
    /// Somebody else may read or change it.
    #[error("others can use the admin token in `{0}` (mode {1:03o}); run `chmod 600 {0}`")]
    Open(String, u32),
    /// It holds something else.
    #[error(
        "`{}` is no admin token: it must hold {SHORTEST} to {LONGEST} printable characters in one line; \
         remove it to have a new one made",
        .0.display()
    )]
    Unusable(PathBuf),
    /// It cannot be read or written.
    #[error("the admin token `{0}` cannot be used: {1}")]
    Io(String, io::Error),
}

impl AdminToken {
    /// The token in `file`, or else the one in the data dir, which is made if there is none yet.
    ///
    /// # Errors
    /// [`AdminTokenError`] says what is wrong with the file, and the fix. A `file` that was named and is not
    /// there is not made: it was meant to come from somewhere else.
    pub fn load_or_create(data_dir: &Path, file: Option<&Path>) -> Result<Self, AdminTokenError> {
        match Self::load(data_dir, file) {
            Err(AdminTokenError::Missing(path)) if file.is_none() => {
                create(&path).map_err(|error| AdminTokenError::Io(path.display().to_string(), error))?;
                Self::load(data_dir, None)
            }
            loaded => loaded,
        }
    }

    /// The token as the CLI reads it: never made, only found.
    ///
    /// # Errors
    /// As [`AdminToken::load_or_create`].
    pub fn load(data_dir: &Path, file: Option<&Path>) -> Result<Self, AdminTokenError> {
        let path = file.map_or_else(|| data_dir.join(FILE_NAME), Path::to_path_buf);
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => AdminTokenError::Missing(path.clone()),
            io::ErrorKind::InvalidData => AdminTokenError::Unusable(path.clone()),
            _ => AdminTokenError::Io(path.display().to_string(), error),
        };
        let meta = fs::metadata(&path).map_err(failed)?;
        if let Some(mode) = too_open(&path).map_err(failed)? {
            return Err(AdminTokenError::Open(path.display().to_string(), mode));
        }
        if !meta.is_file() || meta.len() > LONGEST as u64 {
            return Err(AdminTokenError::Unusable(path));
        }
        let text = fs::read_to_string(&path).map_err(failed)?;
        let token = text.trim_end();
        let usable = token.len() >= SHORTEST && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !usable {
            return Err(AdminTokenError::Unusable(path));
        }
        Ok(Self { secret: Secret::new(token), path })
    }
}

/// Writes 32 random bytes beside the place and moves them there, so that no half token is ever found.
fn create(path: &Path) -> io::Result<()> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    let draft = path.with_extension("token.new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    // A draft left behind by another umask keeps its mode when it is opened again.
    file.set_permissions(fs::Permissions::from_mode(0o600))?;
    writeln!(file, "{}", hex::encode(bytes))?;
    file.sync_all()?;
    fs::rename(&draft, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_first_start_makes_a_token_that_only_its_owner_reads_and_later_ones_find_it() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(AdminToken::load(dir.path(), None), Err(AdminTokenError::Missing(_))));
        let made = AdminToken::load_or_create(dir.path(), None).unwrap();
        assert_eq!(made.secret.expose().len(), 64);
        assert_eq!(fs::metadata(&made.path).unwrap().permissions().mode() & 0o777, 0o600);
        let found = AdminToken::load_or_create(dir.path(), None).unwrap();
        assert!(found.secret == made.secret && AdminToken::load(dir.path(), None).unwrap().secret == made.secret);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no draft stays behind");
    }

    #[test]
    fn a_file_that_others_can_use_is_refused_with_the_line_to_run() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shared");
        for mode in [0o604, 0o620, 0o602, 0o644] {
            write(&path, &"a".repeat(40), mode);
            let error = AdminToken::load_or_create(dir.path(), Some(&path)).unwrap_err().to_string();
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{mode:o}: {error}");
            assert!(!error.contains("aaa"), "{error}");
        }
        write(&path, &"a".repeat(40), 0o440);
        assert!(AdminToken::load_or_create(dir.path(), Some(&path)).is_ok());
    }

    #[test]
    fn a_file_that_is_no_token_is_refused_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE_NAME);
        for text in ["", "short", &"two words ".repeat(5), &"x".repeat(2000)] {
            write(&path, text, 0o600);
            let error = AdminToken::load_or_create(dir.path(), None).unwrap_err();
            assert!(matches!(error, AdminTokenError::Unusable(_)), "{error}");
            assert!(text.is_empty() || !error.to_string().contains(text));
        }
        fs::write(&path, [0xff; 40]).unwrap();
        assert!(matches!(AdminToken::load(dir.path(), None), Err(AdminTokenError::Unusable(_))));
    }

    #[test]
    fn a_named_file_that_is_missing_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("elsewhere");
        assert!(matches!(AdminToken::load_or_create(dir.path(), Some(&path)), Err(AdminTokenError::Missing(_))));
        assert!(!path.exists());
    }
}
