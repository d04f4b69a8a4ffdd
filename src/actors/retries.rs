//! What is tried again, how long it waits in between, and when it is given up: one table for the whole house.
//!
//! The waits double up to the longest, and each is spread over the half above it ([`Backoff`]), so that what failed
//! together does not come back together. The same row gives the same waits: a test knows when.

use std::time::Duration;

use crate::base::Backoff;

/// What stands in the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// An event needs to read something at Webex, which cannot be reached, fails, or asks to wait.
    Webex,
    /// The message of an event cannot be read yet: reading can lag behind webhooks.
    NotThereYet,
    /// The memory that an event relies on keeps changing while it is handled.
    Conflict,
    /// A turn takes longer than it may, and waits for nobody.
    Stuck,
    /// The store cannot be read.
    Store,
    /// A delivery failed, and may fare better later.
    Delivery,
    /// A call of a handler failed, and may fare better later.
    Handler,
    /// How a turn or a try ended cannot be written down.
    Outcome,
    /// A question to Webex failed while somebody waits for the answer.
    Call,
    /// Whose a token is cannot be asked.
    Token,
}

/// When it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Never: there is nothing better to do.
    Never,
    /// When whoever asked does not wait any longer.
    Deadline,
    /// After so many tries.
    Tries(u32),
    /// After as many tries as this setting says.
    Setting(&'static str),
    /// When it has waited so long that an answer would help nobody.
    Age(Duration),
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    /// The waits.
    pub waits: Backoff,
    /// The end.
    pub end: End,
}

const DAY: Duration = Duration::from_hours(24);
const MINUTE: Duration = Duration::from_mins(1);

impl Trouble {
    /// All rows of the table.
    pub const ALL: [Self; 10] = [
        Self::Webex,
        Self::NotThereYet,
        Self::Conflict,
        Self::Stuck,
        Self::Store,
        Self::Delivery,
        Self::Handler,
        Self::Outcome,
        Self::Call,
        Self::Token,
    ];

    /// The table.
    #[must_use]
    pub const fn schedule(self) -> Schedule {
        let ms = Duration::from_millis;
        let (base, cap, end) = match self {
            Self::Webex | Self::Store => (ms(500), MINUTE, End::Age(DAY)),
            // It is there within a second or two, or it was deleted: then it counts as gone, and nothing is buried.
            Self::NotThereYet => (ms(500), ms(4_000), End::Tries(3)),
            Self::Conflict | Self::Stuck => (ms(500), MINUTE, End::Setting("bots.event_attempts")),
            Self::Delivery => (ms(2_000), Duration::from_mins(5), End::Setting("webex.delivery_attempts")),
            Self::Handler => (ms(1_000), MINUTE, End::Setting("handlers.attempts")),
            Self::Outcome => (ms(200), ms(10_000), End::Never),
            Self::Call => (ms(500), ms(15_000), End::Deadline),
            Self::Token => (ms(500), MINUTE, End::Never),
        };
        Schedule { waits: Backoff { base, cap }, end }
    }

    /// How long to wait after try number `tries`, from 1.
    #[must_use]
    pub fn wait(self, tries: u32, seed: u64) -> Duration {
        self.schedule().waits.delay(tries, seed)
    }

    /// Whether to give up after try number `tries`, when it has waited for so long; `set` is what the setting says
    /// where one does.
    #[must_use]
    pub fn is_over(self, tries: u32, waited: Duration, set: u32) -> bool {
        match self.schedule().end {
            End::Never | End::Deadline => false,
            End::Tries(most) => tries > most,
            End::Setting(_) => tries >= set,
            End::Age(most) => waited > most,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn trouble() -> impl Strategy<Value = Trouble> {
        (0..Trouble::ALL.len()).prop_map(|row| Trouble::ALL[row])
    }

    proptest! {
        #[test]
        fn waits_grow_within_their_spread_and_are_bounded(trouble in trouble(), tries in 1..60_u32, seed: u64, other: u64) {
            let Backoff { base, cap } = trouble.schedule().waits;
            let (now, next) = (trouble.wait(tries, seed), trouble.wait(tries + 1, other));
            prop_assert!(now >= base / 2 && now <= cap, "{now:?}");
            // The spread is half: a later wait may be shorter than an earlier one, but never than its lower bound.
            prop_assert!(next >= now / 2, "{now:?} and then {next:?}");
            prop_assert!(trouble.wait(tries, seed) == now, "the same row waits as long");
        }

        #[test]
        fn once_given_up_it_stays_given_up(trouble in trouble(), tries in 1..1000_u32, hours in 0..100_u64, set in 1..100_u32) {
            let waited = Duration::from_hours(hours);
            if trouble.is_over(tries, waited, set) {
                prop_assert!(trouble.is_over(tries + 1, waited + MINUTE, set));
            }
            let ends = !matches!(trouble.schedule().end, End::Never | End::Deadline);
            prop_assert_eq!(trouble.is_over(1_000, Duration::from_hours(100), set), ends);
        }
    }

    #[test]
    fn every_end_is_where_the_table_says() {
        assert!(!Trouble::Webex.is_over(1_000, DAY, 1) && Trouble::Webex.is_over(1, DAY + MINUTE, 9));
        assert!(!Trouble::NotThereYet.is_over(3, DAY, 1) && Trouble::NotThereYet.is_over(4, Duration::ZERO, 9));
        assert!(!Trouble::Conflict.is_over(4, DAY, 5) && Trouble::Conflict.is_over(5, Duration::ZERO, 5));
    }

    /// A time as the runbook writes it.
    fn said(time: Duration) -> String {
        match time.as_secs() {
            0 => format!("{} ms", time.as_millis()),
            seconds if seconds >= 3_600 => format!("{} h", seconds / 3_600),
            seconds if seconds >= 60 => format!("{} min", seconds / 60),
            seconds => format!("{seconds} s"),
        }
    }

    #[test]
    fn the_runbook_shows_this_table() {
        let text = include_str!("../../docs/runbook.md");
        for trouble in Trouble::ALL {
            let Schedule { waits, end } = trouble.schedule();
            let end = match end {
                End::Never => "never".to_owned(),
                End::Deadline => "when nobody waits for it any more".to_owned(),
                End::Tries(tries) => format!("after {tries} tries"),
                End::Setting(name) => format!("`{name}`"),
                End::Age(most) => format!("after {}", said(most)),
            };
            let cells = format!("| {} | {} | {end}", said(waits.base), said(waits.cap));
            assert!(text.contains(&cells), "the runbook has no row for {trouble:?}: `{cells}`");
        }
    }
}
