//! What a running service leaves in its data dir so that the command line finds it, and what the data dir was
//! used for: a folder with real tokens is never run on the simulator, nor the other way round.

use std::{
    fs,
    io::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::store::sqlite::unwritable;

/// The file that a running service leaves.
const ENDPOINT: &str = "service.json";
/// The file that says what the data dir is used for.
const USE: &str = "used-for";

/// What the app runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Use {
    /// Webex, with real tokens.
    Serve,
    /// The simulator, with tokens that are worth nothing.
    Simulator {
        /// Where it is, as in `http://127.0.0.1:7070`.
        url: String,
    },
}

/// Where a running service is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// The process.
    pub pid: u32,
    /// Its ingress.
    pub listen: SocketAddr,
    /// Its admin listener.
    pub admin: SocketAddr,
    /// The simulator it runs on, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub simulator: Option<String>,
}

/// A data dir that is used for the other thing.
#[derive(Debug, thiserror::Error)]
pub enum UseError {
    /// Real tokens live there.
    #[error(
        "`{}` is the data dir of a service that runs against Webex; the simulator does not run on it. \
         Say `serve` to run the service (with BOTYARD_PUBLIC_URL), or give `dev` a folder of its own: --data-dir DIR",
        .0.display()
    )]
    Real(PathBuf),
    /// Simulated tokens live there.
    #[error(
        "`{}` is the data dir of `botyard dev`: its tokens belong to the simulator. \
         Set `data_dir` (BOTYARD_DATA_DIR) to another folder for `serve`",
        .0.display()
    )]
    Simulated(PathBuf),
    /// What it is used for cannot be told.
    #[error(
        "`{}` says neither `serve` nor `simulator`: write into it which of the two its folder is used for, `serve` when \
         its tokens are real",
        .0.join(USE).display()
    )]
    Unclear(PathBuf),
    /// The folder cannot be read or written.
    #[error("{}", unwritable(data_dir, reason))]
    Io {
        /// The folder.
        data_dir: PathBuf,
        /// What the operating system says.
        reason: io::Error,
    },
}

impl Use {
    /// `serve` or `simulator`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Simulator { .. } => "simulator",
        }
    }

    /// What a data dir was used for so far, in that word.
    #[must_use]
    pub fn so_far(data_dir: &Path) -> Option<String> {
        let word = fs::read_to_string(data_dir.join(USE)).ok()?;
        Some(word.trim().to_owned())
    }

    /// Writes down what a data dir is for that was filled from a backup.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn note(data_dir: &Path, word: &str) -> io::Result<()> {
        fs::write(data_dir.join(USE), word)
    }

    /// Refuses a backup that was taken of the other thing.
    pub(super) fn check_restored(&self, data_dir: &Path, purpose: &str) -> Result<(), UseError> {
        match self {
            _ if purpose == self.word() => Ok(()),
            Self::Serve => Err(UseError::Simulated(data_dir.to_owned())),
            Self::Simulator { .. } => Err(UseError::Real(data_dir.to_owned())),
        }
    }

    /// Refuses a data dir that was used for the other thing. Changes nothing.
    pub fn check(&self, data_dir: &Path) -> Result<(), UseError> {
        self.find(data_dir).map(drop)
    }

    /// Whether it is written down that the data dir is used for this; an error when it is used for the other thing.
    fn find(&self, data_dir: &Path) -> Result<bool, UseError> {
        let dir = || data_dir.to_owned();
        match fs::read_to_string(data_dir.join(USE)) {
            Ok(word) => match (word.trim(), self) {
                ("serve", Self::Serve) | ("simulator", Self::Simulator { .. }) => Ok(true),
                ("simulator", Self::Serve) => Err(UseError::Simulated(dir())),
                ("serve", Self::Simulator { .. }) => Err(UseError::Real(dir())),
                _ => Err(UseError::Unclear(dir())),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(UseError::Unclear(dir())),
            Err(reason) => Err(UseError::Io { data_dir: dir(), reason }),
        }
    }

    /// Writes down what the data dir is used for, once. Called with the lock held.
    pub(super) fn claim(&self, data_dir: &Path) -> Result<(), UseError> {
        if self.find(data_dir)? {
            return Ok(());
        }
        put(data_dir, USE, self.word().as_bytes())
            .map_err(|reason| UseError::Io { data_dir: data_dir.to_owned(), reason })
    }
}

impl Endpoint {
    /// Leaves the file.
    pub(super) fn write(&self, data_dir: &Path) -> io::Result<()> {
        put(data_dir, ENDPOINT, &serde_json::to_vec_pretty(self)?)
    }

    /// Takes the file away at a clean stop.
    pub(super) fn remove(data_dir: &Path) {
        // Left behind, it names a process that is gone: whoever reads it finds nobody there.
        let _ = fs::remove_file(data_dir.join(ENDPOINT));
    }

    /// Reads where the service of a data dir is; `None` when none left a file. A killed one leaves it behind.
    #[must_use]
    pub fn read(data_dir: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(data_dir.join(ENDPOINT)).ok()?).ok()
    }
}

/// Puts a whole file in its place at once: a start that is killed half-way, or loses its power, leaves the old file or
/// the new one. An empty `used-for` would keep everybody out from then on.
fn put(data_dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let draft = data_dir.join(format!("{name}.new"));
    let mut file = fs::File::create(&draft)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(draft, data_dir.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_dir_serves_one_purpose_for_ever() {
        let dir = tempfile::tempdir().unwrap();
        let simulator = Use::Simulator { url: "http://127.0.0.1:7070".into() };
        simulator.claim(dir.path()).unwrap();
        simulator.claim(dir.path()).unwrap();
        assert!(matches!(Use::Serve.check(dir.path()), Err(UseError::Simulated(_))));

        let dir = tempfile::tempdir().unwrap();
        Use::Serve.claim(dir.path()).unwrap();
        let refused = simulator.claim(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("--data-dir"), "{refused}");
    }

    #[test]
    fn what_a_data_dir_is_used_for_is_written_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let mark = dir.path().join(USE);
        // A start before was killed while it wrote.
        fs::write(dir.path().join("used-for.new"), "ser").unwrap();
        Use::Serve.claim(dir.path()).unwrap();
        assert_eq!(fs::read_to_string(&mark).unwrap(), "serve");
        // Later starts leave it alone: a file that is not being written cannot be lost.
        let written = fs::metadata(&mark).unwrap().modified().unwrap();
        Use::Serve.claim(dir.path()).unwrap();
        assert_eq!(fs::metadata(&mark).unwrap().modified().unwrap(), written);
    }

    #[test]
    fn a_mark_that_says_nothing_is_refused_with_its_name_and_taken_for_neither() {
        for text in ["", "both", "\u{0}\u{0}"] {
            let dir = tempfile::tempdir().unwrap();
            fs::write(dir.path().join(USE), text).unwrap();
            for used_for in [Use::Serve, Use::Simulator { url: String::new() }] {
                let refused = used_for.claim(dir.path()).unwrap_err().to_string();
                assert!(refused.contains("used-for") && refused.contains("`serve`"), "{refused}");
            }
        }
    }

    #[test]
    fn a_service_is_found_by_the_file_it_leaves() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(Endpoint::read(dir.path()), None);
        let endpoint = Endpoint {
            pid: 7,
            listen: "127.0.0.1:8080".parse().unwrap(),
            admin: "127.0.0.1:8081".parse().unwrap(),
            simulator: None,
        };
        endpoint.write(dir.path()).unwrap();
        assert_eq!(Endpoint::read(dir.path()), Some(endpoint));
        Endpoint::remove(dir.path());
        assert_eq!(Endpoint::read(dir.path()), None);
    }
}
