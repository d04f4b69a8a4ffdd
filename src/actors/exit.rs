//! How the supervisor learns that an actor ended: a guard inside the actor reports when it is dropped.
//!
//! `actix::Supervisor` re-uses the same, possibly half-changed value and does not survive a panic, so ours
//! makes a new value from a factory instead. Drop is the one thing that runs on every way out, a panic's
//! unwinding included, and it may touch nothing but the report.

use std::{fmt, sync::Arc};

use actix::{Message, Recipient};

use crate::base::{BotId, Breaking, Point};

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

/// Lives inside an actor and reports its end. Every actor that is kept has one, so it also brings the breaking points.
pub struct ExitGuard {
    who: Who,
    to: Option<Recipient<Exited>>,
    breaking: Breaking,
}

impl ExitGuard {
    /// A guard that reports the end of `who`.
    #[must_use]
    pub fn new(who: Who, to: Recipient<Exited>, breaking: Breaking) -> Self {
        Self { who, to: Some(to), breaking }
    }

    /// Comes by a breaking point of the actor's own.
    pub fn pass(&self, point: Point) {
        self.breaking.pass_now(point, None);
    }

    /// The breaking points, for what the actor starts.
    #[must_use]
    pub fn breaking(&self) -> &Breaking {
        &self.breaking
    }

    /// A guard that reports to nobody, for an actor that is tested alone.
    #[cfg(test)]
    pub(crate) fn unwatched() -> Self {
        Self { who: Who::Singleton("test"), to: None, breaking: Breaking::default() }
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

/// Whom to tell when the process cannot go on; it ends then (70).
pub type OnFatal = Arc<dyn Fn(&str) + Send + Sync>;

/// Lives inside the one that keeps all others: nobody can make that one anew, so its panic ends the process.
pub struct LastGuard(pub OnFatal);

impl Drop for LastGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            (self.0)("the supervisor panicked; please report this as a fault of Botyard");
        }
    }
}

impl fmt::Debug for LastGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LastGuard")
    }
}
