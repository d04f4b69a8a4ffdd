//! How a command ends, in the numbers that scripts rely on.

use std::process::ExitCode;

/// The exit codes of every command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what it was asked.
    Fine = 0,
    /// Something in the user's input is wrong, and was named.
    Problem = 1,
    /// The command line is wrong.
    Usage = 64,
    /// A fault of ours.
    Fault = 70,
    /// Refused to start: settings, data dir or key must be put right first.
    Refused = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
