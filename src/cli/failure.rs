//! A command that could not do its work: what to say, and how to end.

use std::{fmt::Display, io::Write};

use super::exit::Exit;

/// What to say on stderr, and the exit code.
#[derive(Debug)]
pub(super) struct Failure {
    exit: Exit,
    text: String,
}

impl Failure {
    /// Something in the user's input is wrong.
    pub(super) fn problem(text: impl Display) -> Self {
        Self { exit: Exit::Problem, text: text.to_string() }
    }

    /// The command line is wrong.
    pub(super) fn usage(text: impl Display) -> Self {
        Self { exit: Exit::Usage, text: text.to_string() }
    }

    /// A fault of ours.
    pub(super) fn fault(text: impl Display) -> Self {
        Self { exit: Exit::Fault, text: text.to_string() }
    }

    /// Settings, data dir or key must be put right first.
    pub(super) fn refused(text: impl Display) -> Self {
        Self { exit: Exit::Refused, text: text.to_string() }
    }

    /// The same, after something that must be said first.
    pub(super) fn after(self, first: &str) -> Self {
        Self { text: format!("{first}{}", self.text), ..self }
    }

    /// Says it, and answers how to end.
    pub(super) fn tell(self) -> Exit {
        // With stderr gone there is nobody left to tell.
        let _ = writeln!(std::io::stderr(), "botyard: {}", self.text);
        self.exit
    }
}

/// How every command ends.
pub(super) type Outcome = Result<Exit, Failure>;
