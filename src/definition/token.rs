//! Where a bot's token is. A definition never holds the token itself, only its place.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use crate::base::Secret;

/// Webex tokens are about 100 characters; a file far larger is not one.
const MAX_TOKEN: usize = 8 * 1024;

/// Where a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenSource {
    /// An environment variable.
    Env(String),
    /// A file, read again when it changes and when Webex refuses the token.
    File(PathBuf),
}

/// Why a text names no place of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefError {
    /// It is the token, or something else that is neither `env:` nor `file:`.
    #[error("the token itself stands in the definition")]
    Literal,
    /// The place cannot be.
    #[error("{0}")]
    Place(String),
}

/// Why a token could not be read. No variant holds anything of the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The variable is not set.
    #[error("the environment variable `{0}` is not set")]
    NotSet(String),
    /// The variable or file is empty.
    #[error("{0} is empty")]
    Empty(String),
    /// The text in it is no token.
    #[error("{0} holds no token: a token is one line without spaces")]
    NoToken(String),
    /// `file:` outside of `secrets.dirs`.
    #[error("`{file}` is not below one of `secrets.dirs` ({dirs})", file = file.display())]
    Outside {
        /// The file.
        file: PathBuf,
        /// The folders it could be in.
        dirs: String,
    },
    /// The file does not exist.
    #[error("`{file}` does not exist", file = .0.display())]
    Missing(PathBuf),
    /// The file may not be read.
    #[error("`{file}` may not be read by the user that runs Botyard", file = .0.display())]
    Permission(PathBuf),
    /// Anything else.
    #[error("`{file}` cannot be read: {reason}", file = file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the system says.
        reason: String,
    },
}

impl TokenSource {
    /// Reads `env:NAME` or `file:/path`.
    ///
    /// # Errors
    /// [`TokenRefError`] says what is wrong; its text holds nothing of a literal token.
    pub fn parse(text: &str) -> Result<Self, TokenRefError> {
        if let Some(name) = text.strip_prefix("env:") {
            let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || !name.chars().all(allowed) || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err(TokenRefError::Place("`env:` is followed by the name of an environment variable".into()));
            }
            if name.to_ascii_uppercase().starts_with("BOTYARD_") {
                return Err(TokenRefError::Place("`env:` may not name a setting of Botyard (`BOTYARD_…`)".into()));
            }
            return Ok(Self::Env(name.to_owned()));
        }
        if let Some(path) = text.strip_prefix("file:") {
            let path = Path::new(path);
            if !path.is_absolute() || path.components().any(|part| part == std::path::Component::ParentDir) {
                return Err(TokenRefError::Place("`file:` is followed by an absolute path without `..`".into()));
            }
            return Ok(Self::File(path.to_owned()));
        }
        Err(TokenRefError::Literal)
    }

    /// Reads the token. `dirs` are the folders that `file:` may read from (`secrets.dirs`); `env` looks a
    /// variable up. Spaces and newlines around the token are not part of it.
    ///
    /// # Errors
    /// [`TokenError`], a sentence with the place and without the token.
    pub fn read(&self, dirs: &[PathBuf], env: impl Fn(&str) -> Option<String>) -> Result<Secret, TokenError> {
        match self {
            Self::Env(name) => {
                let text = env(name).ok_or_else(|| TokenError::NotSet(name.clone()))?;
                token(&text, &format!("the environment variable `{name}`"))
            }
            Self::File(file) => {
                let bytes = read_file(file, dirs)?;
                let text = String::from_utf8(bytes).unwrap_or_else(|_| "\u{fffd} ".to_owned());
                token(&text, &format!("`{}`", file.display()))
            }
        }
    }
}

/// `env:NAME` or `file:/path`, as written.
impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "env:{name}"),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

fn token(text: &str, place: &str) -> Result<Secret, TokenError> {
    let text = text.trim_start_matches('\u{feff}').trim();
    if text.is_empty() {
        return Err(TokenError::Empty(place.to_owned()));
    }
    if text.len() > MAX_TOKEN || !text.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(TokenError::NoToken(place.to_owned()));
    }
    Ok(Secret::new(text))
}

/// Symbolic links are followed first and compared after: a link inside a folder must not lead out of all of them.
fn read_file(file: &Path, dirs: &[PathBuf]) -> Result<Vec<u8>, TokenError> {
    use std::io::Read;
    let trouble = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => TokenError::Missing(file.to_owned()),
        std::io::ErrorKind::PermissionDenied => TokenError::Permission(file.to_owned()),
        _ => TokenError::Unreadable { file: file.to_owned(), reason: error.to_string() },
    };
    let outside = || {
        let names: Vec<_> = dirs.iter().map(|dir| format!("`{}`", dir.display())).collect();
        let dirs = if names.is_empty() { "none is set".to_owned() } else { names.join(", ") };
        TokenError::Outside { file: file.to_owned(), dirs }
    };
    // First as written: whether a file outside exists is nobody's business.
    if !dirs.iter().any(|dir| file.starts_with(dir)) {
        return Err(outside());
    }
    let real = file.canonicalize().map_err(trouble)?;
    if !dirs.iter().filter_map(|dir| dir.canonicalize().ok()).any(|dir| real.starts_with(dir)) {
        return Err(outside());
    }
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(&real).map_err(trouble)?;
    if !opened.metadata().map_err(trouble)?.is_file() {
        return Err(TokenError::Unreadable { file: file.to_owned(), reason: "it is no regular file".into() });
    }
    opened.take(MAX_TOKEN as u64 + 1).read_to_end(&mut bytes).map_err(trouble)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_read_and_a_literal_is_not_repeated() {
        assert_eq!(TokenSource::parse("env:ECHO_TOKEN"), Ok(TokenSource::Env("ECHO_TOKEN".into())));
        assert_eq!(TokenSource::parse("file:/run/x"), Ok(TokenSource::File("/run/x".into())));
        let error = TokenSource::parse("hunter2").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
        for wrong in ["env:", "env:1A", "env:A B", "env:BOTYARD_SEAL__KEY", "file:relative", "file:/run/../etc/x"] {
            assert!(matches!(TokenSource::parse(wrong), Err(TokenRefError::Place(_))), "{wrong}");
        }
    }

    #[test]
    fn a_variable_is_trimmed_and_its_absence_is_named() {
        let source = TokenSource::Env("T".into());
        assert_eq!(source.read(&[], |_| Some(" abc\n".into())).unwrap().expose(), "abc");
        let sentence = |value: Option<&str>| source.read(&[], |_| value.map(str::to_owned)).unwrap_err().to_string();
        assert_eq!(sentence(None), "the environment variable `T` is not set");
        assert_eq!(sentence(Some("\n")), "the environment variable `T` is empty");
        assert!(sentence(Some("two words")).contains("holds no token"));
    }

    #[test]
    fn a_file_is_read_only_below_the_folders_for_secrets() {
        let root = tempfile::tempdir().unwrap();
        let secrets = root.path().join("secrets");
        std::fs::create_dir(&secrets).unwrap();
        std::fs::write(secrets.join("echo"), "abc\n").unwrap();
        std::fs::write(root.path().join("other"), "xyz").unwrap();
        let dirs = [secrets.clone()];
        let read = |path: PathBuf| TokenSource::File(path).read(&dirs, |_| None);
        assert_eq!(read(secrets.join("echo")).unwrap().expose(), "abc");
        assert!(matches!(read(root.path().join("other")), Err(TokenError::Outside { .. })));
        assert!(matches!(read(secrets.join("none")), Err(TokenError::Missing(_))));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.path().join("other"), secrets.join("link")).unwrap();
            assert!(matches!(read(secrets.join("link")), Err(TokenError::Outside { .. })));
        }
    }
}
