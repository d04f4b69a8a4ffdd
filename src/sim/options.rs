//! How a simulator is started, and why it may not start.

use std::{net::SocketAddr, path::PathBuf};

use crate::base::Clock;

/// How a simulator runs.
#[derive(Debug, Clone)]
pub struct SimOptions {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Whether `listen` may be beyond loopback. The control API needs no token, so this is a decision.
    pub allow_remote: bool,
    /// Where "now" comes from.
    pub clock: Clock,
    /// Threads of its own. 0: it runs on the caller's thread, so that a test with a paused clock has one thread.
    pub threads: usize,
    /// Requests a minute and token before 429; 0: no limit.
    pub requests_per_minute: u32,
    /// TOML file with what is there at first start besides, or instead of, the usual people.
    pub seed: Option<PathBuf>,
    /// TOML or JSON file with faults that are in force from the start.
    pub faults: Option<PathBuf>,
    /// What the generator behind faults starts from; `None`: what the files say, else 1.
    pub chance_seed: Option<u64>,
    /// File that the state is loaded from at start and saved to after changes and at the end.
    pub state: Option<PathBuf>,
    /// How much is kept.
    pub retention: Retention,
    /// Largest file that is taken, in bytes, uploaded or fetched; never more than `retention.file_bytes`.
    pub upload_bytes: usize,
}

/// How much is kept; the oldest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Messages over all rooms.
    pub messages: usize,
    /// Presses of buttons.
    pub actions: usize,
    /// Entries of the journal; 0 switches it off.
    pub journal: usize,
    /// Bytes of files over all messages.
    pub file_bytes: usize,
}

/// What Webex takes: 100 MB.
const WEBEX_FILE: usize = 100 << 20;

impl Default for Retention {
    fn default() -> Self {
        Self { messages: 100_000, actions: 10_000, journal: 10_000, file_bytes: 256 << 20 }
    }
}

impl SimOptions {
    /// The usual way: listens on `listen`, one thread of its own, 300 requests a minute, files of up to
    /// 100 MB, no state file.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            allow_remote: false,
            clock: Clock::System,
            threads: 1,
            requests_per_minute: 300,
            seed: None,
            faults: None,
            chance_seed: None,
            state: None,
            retention: Retention::default(),
            upload_bytes: WEBEX_FILE,
        }
    }

    /// Whether the simulator may listen where it is told to.
    pub(crate) fn check(&self) -> Result<(), SimError> {
        if self.listen.ip().is_loopback() || self.allow_remote { Ok(()) } else { Err(SimError::Remote(self.listen)) }
    }
}

/// Why a simulator does not start, or ends.
#[derive(Debug, thiserror::Error)]
pub enum SimError {
    /// An address that others can reach, without leave.
    #[error(
        "the simulator lets everyone who reaches it act as anyone, and `{0}` can be reached from other machines: \
         listen on `127.0.0.1`, or allow it with `sim.allow_remote = true` or `--allow-remote`"
    )]
    Remote(SocketAddr),
    /// The port is taken.
    #[error("cannot listen on `{address}`, it is in use: stop what listens there, or choose another with `--listen`")]
    Busy {
        /// Which address.
        address: SocketAddr,
    },
    /// Another trouble with the address.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The state file cannot be read or written.
    #[error("cannot use the state file `{}`", path.display())]
    StateFile {
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The state file holds something else.
    #[error("the state file `{}` holds no state of the simulator: {reason}", path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it, with line and column.
        reason: String,
    },
    /// A file to start with cannot be read.
    #[error("cannot read the {kind} file `{}`", path.display())]
    File {
        /// `seed` or `faults`.
        kind: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A file to start with holds something that cannot be meant.
    #[error("the {kind} file `{}` is wrong, {reason}", path.display())]
    Content {
        /// `seed` or `faults`.
        kind: &'static str,
        /// Which file.
        path: PathBuf,
        /// Where, what, and what to do.
        reason: String,
    },
    /// A thread or its client cannot be started.
    #[error("cannot start the simulator: {0}")]
    Start(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_others_reach_needs_leave() {
        let options = SimOptions::new("0.0.0.0:7070".parse().unwrap());
        let error = options.check().unwrap_err().to_string();
        assert!(error.contains("sim.allow_remote") && error.contains("--allow-remote"), "{error}");
        assert!(SimOptions { allow_remote: true, ..options }.check().is_ok());
        assert!(SimOptions::new("[::1]:0".parse().unwrap()).check().is_ok());
    }
}
