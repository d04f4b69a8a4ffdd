//! `[[schedule]]`: what happens at its time.

use std::time::Duration;

use super::{place::Spanned, rule::Rule};

/// `[[schedule]]`
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// Its name, one a bot; none: what makes it due stands for it.
    pub name: Option<Spanned<String>>,
    /// What makes it due.
    pub timing: Timing,
    /// Its zone; none: the house's.
    pub timezone: Option<Spanned<String>>,
    /// Each run waits up to this long.
    pub jitter: Option<Spanned<Duration>>,
    /// Days without a run.
    pub except: Option<Except>,
    /// Each person of the room in `to` has it at their own local time.
    pub per_person_zone: Option<Spanned<bool>>,
    /// What becomes of runs that nobody was there for.
    pub missed: Option<Spanned<Missed>>,
    /// What it does.
    pub rule: Rule,
}

/// What makes a schedule due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    /// `cron = "0 9 * * MON-FRI"`
    Cron(Spanned<String>),
    /// `every = "15m"`: as written, and how long that is.
    Every(Spanned<String>, Duration),
}

/// Days without a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Except {
    /// A file of the definition's folder, a date a line.
    File(Spanned<String>),
    /// The dates themselves.
    Dates(Vec<Spanned<String>>),
}

/// What becomes of runs that nobody was there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missed {
    /// Nothing.
    Skip,
    /// The last of them is made up for.
    #[default]
    Once,
    /// Each is made up for, as far as there are not too many.
    All,
}
