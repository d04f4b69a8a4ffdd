//! When a schedule runs. Pure: every moment is handed in, and the same plan answers the same moments, always.
//!
//! A plan is a text, a zone and a few dates; what a cron expression means is worked out where it is asked for.

mod dates;
mod expression;
mod jitter;
mod zone;

use std::{sync::Arc, time::Duration};

use chrono::{DateTime, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;

pub use self::{
    dates::dates,
    expression::{CronError, check},
    jitter::jitter,
    zone::{every_zone, parse as zone},
};
use crate::base::Millis;

/// Days without a run that are passed over in search of one that runs: four years of them.
const PASSED_OVER: usize = 1_500;

/// The zone in which a day begins first. A run that each person has at a time of their own is prepared by its clock.
const FIRST_ZONE: Tz = Tz::Etc__GMTMinus14;

/// When a schedule runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What makes it due.
    pub timing: Timing,
    /// Its zone; none: the house's.
    pub zone: Option<Tz>,
    /// Each run waits up to this long.
    pub jitter: Duration,
    /// Days without a run, sorted.
    pub except: Arc<[NaiveDate]>,
    /// Each person has it at their own local time.
    pub per_person: bool,
    /// What becomes of runs that nobody was there for.
    pub missed: Missed,
}

/// What makes a schedule due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Timing {
    /// A cron expression of five fields, checked.
    Cron(Arc<str>),
    /// Every so many milliseconds since 1970-01-01T00:00:00Z.
    Every(i64),
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

impl Plan {
    /// A plan with nothing but its timing.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self {
            timing,
            zone: None,
            jitter: Duration::ZERO,
            except: Arc::default(),
            per_person: false,
            missed: Missed::default(),
        }
    }

    /// What would make it another plan: with another text its runs are counted from anew.
    #[must_use]
    pub fn text(&self, house: Tz) -> String {
        match &self.timing {
            Timing::Cron(cron) => format!("{cron} {}", self.clock(house)),
            Timing::Every(millis) => format!("every {millis} ms"),
        }
    }

    /// The zone whose clock it goes by.
    #[must_use]
    pub fn clock(&self, house: Tz) -> Tz {
        if self.per_person { FIRST_ZONE } else { self.zone.unwrap_or(house) }
    }

    /// The first run after a moment; none: there is none any more.
    #[must_use]
    pub fn next(&self, after: Millis, house: Tz) -> Option<Millis> {
        let clock = self.clock(house);
        let mut at = after;
        for _ in 0..PASSED_OVER {
            at = match &self.timing {
                Timing::Cron(cron) => expression::next(cron, at, clock)?,
                Timing::Every(millis) => next_multiple(at, *millis)?,
            };
            let Some(day) = self.is_excepted(at, clock) else { return Some(at) };
            // The rest of a day without a run need not be looked at run by run.
            at = at.max(Millis(zone::at(day.succ_opt()?.and_hms_opt(0, 0, 0)?, clock)?.0 - 1));
        }
        None
    }

    /// The next runs after a moment, as moments and as people write them.
    pub fn coming(&self, after: Millis, house: Tz) -> impl Iterator<Item = (Millis, String)> {
        let clock = self.clock(house);
        let shown = if self.per_person { "where each person is" } else { "" };
        let first = self.next(after, house);
        std::iter::successors(first, move |at| self.next(*at, house)).map(move |at| (at, written(at, clock, shown)))
    }

    fn is_excepted(&self, at: Millis, clock: Tz) -> Option<NaiveDate> {
        if self.except.is_empty() {
            return None;
        }
        let day = local(at, clock)?.date();
        self.except.binary_search(&day).is_ok().then_some(day)
    }

    /// The last runs after a moment and up to another, oldest first, at most `most` of them; and whether there are
    /// more than those.
    ///
    /// Looked for backwards in windows that grow, so that neither a year of minutes nor a hundred years of days cost
    /// more than what is answered.
    #[must_use]
    pub fn last(&self, after: Millis, until: Millis, most: usize, house: Tz) -> (Vec<Millis>, bool) {
        let mut window = 3_600_000_i64;
        loop {
            let from = Millis(until.0.saturating_sub(window)).max(after);
            let mut runs = Vec::new();
            let mut at = from;
            while let Some(run) = self.next(at, house).filter(|run| *run <= until) {
                runs.push(run);
                at = run;
            }
            if runs.len() > most {
                return (runs.split_off(runs.len() - most), true);
            }
            if from == after {
                return (runs, false);
            }
            window = window.saturating_mul(4);
        }
    }

    /// The moment of a run for one person, who lives in a zone of their own; `None` for a plan that has no local time.
    #[must_use]
    pub fn for_person(&self, planned: Millis, person: Option<Tz>, house: Tz) -> Option<Millis> {
        let wall = local(planned, FIRST_ZONE)?;
        zone::at(wall, person.or(self.zone).unwrap_or(house))
    }
}

fn next_multiple(after: Millis, millis: i64) -> Option<Millis> {
    let millis = millis.max(1);
    after.0.div_euclid(millis).checked_add(1)?.checked_mul(millis).map(Millis)
}

fn local(at: Millis, zone: Tz) -> Option<NaiveDateTime> {
    Some(DateTime::from_timestamp_millis(at.0)?.with_timezone(&zone).naive_local())
}

/// A moment as people in a zone write it: `Mon 2026-11-30 09:00 CET`.
fn written(at: Millis, zone: Tz, shown: &str) -> String {
    let Some(at) = DateTime::from_timestamp_millis(at.0) else { return at.to_string() };
    let text = at.with_timezone(&zone).format("%a %Y-%m-%d %H:%M:%S").to_string();
    let zone = if shown.is_empty() { at.with_timezone(&zone).format("%Z").to_string() } else { shown.to_owned() };
    format!("{} {zone}", text.strip_suffix(":00").unwrap_or(&text))
}

#[cfg(test)]
mod tests;
