//! How the supervisor learns that an actor ended: a guard inside the actor reports when it is dropped.
//!
//! `actix::Supervisor` re-uses the same, possibly half-changed value and does not survive a panic, so ours
//! makes a new value from a factory instead. Drop is the one thing that runs on every way out, a panic's
//! unwinding included, and it may touch nothing but the report.

use std::fmt;

use actix::{Message, Recipient};

use crate::base::BotId;

/// Who ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    /// A bot, and which of its incarnations.
    Bot(BotId, u64),
    /// A singleton, by the supervisor's name for it.
    Singleton(&'static str),
}

/// An actor ended.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Exited {
    /// Who.
    pub who: Who,
    /// Whether a panic ended it.
    pub panicked: bool,
}

/// Lives inside an actor and reports its end.
pub struct ExitGuard {
    who: Who,
    to: Option<Recipient<Exited>>,
}

impl ExitGuard {
    /// A guard that reports the end of `who`.
    #[must_use]
    pub fn new(who: Who, to: Recipient<Exited>) -> Self {
        Self { who, to: Some(to) }
    }

    /// A guard that reports to nobody, for an actor that is tested alone.
    #[cfg(test)]
    pub(crate) fn unwatched() -> Self {
        Self { who: Who::Singleton("test"), to: None }
    }
}

impl Drop for ExitGuard {
    fn drop(&mut self) {
        let exited = Exited { who: self.who.clone(), panicked: std::thread::panicking() };
        // A refusal (the supervisor is full or gone) is not lost work: its tick looks at every address too.
        let _ = self.to.as_ref().map(|to| to.try_send(exited));
    }
}

impl fmt::Debug for ExitGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExitGuard").field("who", &self.who).finish_non_exhaustive()
    }
}
