//! What becomes of an actor that crashed: back after a wait; a bot that keeps crashing is quarantined. Pure.

use std::time::Duration;

use crate::base::{Millis, backoff::Backoff};

/// Crashes within [`WINDOW`] that lead to quarantine.
const LIMIT: usize = 5;
/// Older crashes are forgiven.
const WINDOW: Duration = Duration::from_mins(10);

/// The recent crashes of one actor.
#[derive(Debug, Clone, Default)]
pub(super) struct Crashes(Vec<Millis>);

/// What to do after a crash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AfterCrash {
    /// Make a new value after this long.
    StartAgain(Duration),
    /// Leave it down until its definition changes or somebody says so.
    Quarantine,
}

impl Crashes {
    /// Notes a crash and says what to do.
    pub(super) fn note(&mut self, now: Millis, backoff: &Backoff, seed: u64) -> AfterCrash {
        let wait = self.wait(now, backoff, seed);
        if self.0.len() >= LIMIT { AfterCrash::Quarantine } else { AfterCrash::StartAgain(wait) }
    }

    /// Notes a crash and says how long to stay away, however often it happened.
    pub(super) fn wait(&mut self, now: Millis, backoff: &Backoff, seed: u64) -> Duration {
        self.0.retain(|at| now.since(*at) < WINDOW);
        self.0.push(now);
        backoff.delay(u32::try_from(self.0.len()).unwrap_or(u32::MAX), seed)
    }

    /// A changed program or token deserves a fresh count.
    pub(super) fn forgive(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn backoff() -> Backoff {
        Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) }
    }

    #[test]
    fn the_fifth_crash_in_ten_minutes_is_quarantine() {
        let mut crashes = Crashes::default();
        for minute in 0..4 {
            assert!(matches!(crashes.note(Millis(minute * 60_000), &backoff(), 1), AfterCrash::StartAgain(_)));
        }
        assert_eq!(crashes.note(Millis(240_000), &backoff(), 1), AfterCrash::Quarantine);
    }

    #[test]
    fn old_crashes_are_forgiven() {
        let mut crashes = Crashes::default();
        for hour in 0..20 {
            assert!(matches!(crashes.note(Millis(hour * 3_600_000), &backoff(), 1), AfterCrash::StartAgain(_)));
        }
    }
}
