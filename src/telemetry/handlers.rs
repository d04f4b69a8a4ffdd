//! What handlers are asked.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use super::{family, seconds};

/// Counters of the runner.
#[derive(Debug)]
pub struct HandlerCounters {
    /// Calls that are over with an answer.
    pub answered: Counter,
    /// Tries that will be repeated.
    pub retried: Counter,
    /// Calls given up.
    pub failed: Counter,
    /// Calls being made.
    pub in_flight: Gauge,
    seconds: Histogram,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl HandlerCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let calls = family(registry, "handler_calls", "Tries of calls of handlers, by what they came to");
        let call = |outcome| calls.get_or_create_owned(&Outcome { outcome });
        let in_flight = Gauge::default();
        registry.register("handler_calls_in_flight", "Calls of handlers being made", in_flight.clone());
        Self {
            answered: call("answered"),
            retried: call("retried"),
            failed: call("failed"),
            in_flight,
            seconds: seconds(
                registry,
                "handler_call",
                "How long a try of a call took",
                [0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 600.0],
            ),
        }
    }

    /// Says how long a try took.
    pub fn took(&self, duration: Duration) {
        self.seconds.observe(duration.as_secs_f64());
    }
}
