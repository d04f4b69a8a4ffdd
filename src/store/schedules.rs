//! Where schedules stand, and what comes of timers, as plain data.

use super::rows::NewEvent;
use crate::base::{BotId, Millis};

/// Where a schedule stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScheduleRow {
    /// Whose.
    pub bot: BotId,
    /// Its name in the definition.
    pub name: String,
    /// Its expression and zone as one text.
    pub plan: String,
    /// All runs planned up to this moment are dealt with.
    pub through: Millis,
}

/// A schedule moves on: its runs, and where it stands then, in one commit.
#[derive(Debug, Clone)]
pub struct ScheduleMove {
    /// Where it stands afterwards.
    pub to: ScheduleRow,
    /// Where it stood when it was looked at; none: nowhere yet. If it is elsewhere now, nothing is done.
    pub from: Option<Millis>,
    /// Its runs, in order; none: it begins, or what it missed is passed over.
    pub runs: Vec<NewEvent>,
}

/// What became of a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ScheduleMoved {
    /// It is done.
    Done,
    /// The schedule is not where it was seen: nothing was done.
    Elsewhere,
    /// The bot has as many events waiting as it may have: nothing was done.
    Full,
    /// The store knows no such bot, or it has left: nothing was done.
    Gone,
}

/// What came of a look for due timers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TimersFired {
    /// Timers that became events.
    pub fired: u64,
    /// There are more that are due: look again.
    pub more: bool,
}
