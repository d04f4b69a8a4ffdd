//! Bots, their turns, and their registrations at Webex.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{counter, family, seconds};

/// The states a bot can be counted in; the words of the admin API.
pub const STATES: [&str; 8] = ["running", "starting", "parked", "quarantined", "paused", "held", "draining", "retired"];

/// Counters of the bots.
#[derive(Debug)]
pub struct BotCounters {
    /// Turns that were committed as finished.
    pub finished: Counter,
    /// Turns that set their event aside for a retry.
    pub retried: Counter,
    /// Turns that buried their event.
    pub buried: Counter,
    /// Turns that stepped again because shared state had changed under them.
    pub conflicts: Counter,
    /// From claim to the end of the commit.
    pub turn_seconds: Histogram,
    /// Bots that ended by a panic and were started anew.
    pub crashes: Counter,
    /// Webhooks made at Webex.
    pub registrations_created: Counter,
    /// Webhooks changed at Webex.
    pub registrations_updated: Counter,
    /// Webhooks deleted at Webex.
    pub registrations_deleted: Counter,
    by_state: Family<State, Gauge>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Change {
    change: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    state: &'static str,
}

impl BotCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let turns = family(registry, "turns", "Turns, by what became of the event");
        let turn = |outcome| turns.get_or_create_owned(&Outcome { outcome });
        let registrations = family(registry, "registrations", "Changes made to our webhooks at Webex");
        let registration = |change| registrations.get_or_create_owned(&Change { change });
        let by_state: Family<State, Gauge> = Family::default();
        registry.register("bots", "Bots, by state", by_state.clone());
        for state in STATES {
            by_state.get_or_create(&State { state }).set(0);
        }
        Self {
            finished: turn("finished"),
            retried: turn("retried"),
            buried: turn("buried"),
            conflicts: counter(registry, "turn_conflicts", "Turns repeated because shared state changed under them"),
            turn_seconds: seconds(
                registry,
                "turn",
                "From claiming an event to the end of the turn's commit",
                [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0],
            ),
            crashes: counter(registry, "bot_crashes", "Bots that ended by a panic"),
            registrations_created: registration("created"),
            registrations_updated: registration("updated"),
            registrations_deleted: registration("deleted"),
            by_state,
        }
    }

    /// Says how long a turn took, from claim to commit.
    pub fn turn_took(&self, duration: Duration) {
        self.turn_seconds.observe(duration.as_secs_f64());
    }

    /// Says how many bots are in which state now; a state of [`STATES`] that is not named has none.
    pub fn set_states(&self, counts: &[(&'static str, usize)]) {
        for state in STATES {
            let count = counts.iter().filter(|(name, _)| *name == state).map(|(_, count)| count).sum::<usize>();
            self.by_state.get_or_create(&State { state }).set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Metrics, State};

    #[test]
    fn a_state_that_is_not_named_has_no_bots() {
        let bots = Metrics::new().bots;
        bots.set_states(&[("running", 3), ("parked", 1)]);
        bots.set_states(&[("running", 4)]);
        let in_state = |state| bots.by_state.get(&State { state }).map(|gauge| gauge.get());
        assert_eq!((in_state("running"), in_state("parked")), (Some(4), Some(0)));
    }
}
