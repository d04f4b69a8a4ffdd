//! Schedules and timers.

use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, registry::Registry};

use super::{counter, family};

/// Counters of the scheduler.
#[derive(Debug)]
pub struct SchedulerCounters {
    /// Runs at their time.
    pub on_time: Counter,
    /// Runs that were missed and made up for.
    pub made_up: Counter,
    /// Times that what was missed was passed over.
    pub skipped: Counter,
    /// Timers that became events.
    pub timers: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl SchedulerCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let runs = family(registry, "schedule_runs", "Runs of schedules, by what became of them");
        let of = |outcome| runs.get_or_create_owned(&Outcome { outcome });
        Self {
            on_time: of("on_time"),
            made_up: of("made_up"),
            skipped: of("skipped"),
            timers: counter(registry, "timers_fired", "Timers that came due and became events"),
        }
    }
}
