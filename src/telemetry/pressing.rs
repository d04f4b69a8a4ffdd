//! What presses, over all bots: the numbers that alarms watch.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};

/// Gauges for alarms.
#[derive(Debug)]
pub struct PressingGauges {
    oldest_event: Gauge,
    oldest_delivery: Gauge,
    buried: Gauge,
    failed: Gauge,
    refused: Gauge,
    refused_since: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Kind {
    kind: &'static str,
}

impl PressingGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let age = |registry: &mut Registry, name, help| {
            let gauge = Gauge::default();
            registry.register_with_unit(name, help, Unit::Seconds, gauge.clone());
            gauge
        };
        let oldest_event = age(registry, "oldest_event", "Age of the oldest event without an outcome");
        let oldest_delivery = age(registry, "oldest_delivery", "Age of the oldest delivery without an outcome");
        let dead: Family<Kind, Gauge> = Family::default();
        registry.register("dead_letters", "Events buried and deliveries given up, kept for a replay", dead.clone());
        let refused = Gauge::default();
        registry.register("definitions_refused", "Definitions that cannot be used as they are now", refused.clone());
        let refused_since = Gauge::default();
        registry.register_with_unit(
            "definitions_refused_since_timestamp",
            "When the first of the definitions that are refused now was refused; 0: none is",
            Unit::Seconds,
            refused_since.clone(),
        );
        Self {
            oldest_event,
            oldest_delivery,
            buried: dead.get_or_create_owned(&Kind { kind: "event" }),
            failed: dead.get_or_create_owned(&Kind { kind: "delivery" }),
            refused,
            refused_since,
        }
    }

    /// Says how long the oldest event and delivery have been waiting, in whole seconds.
    pub fn set_oldest(&self, event: u64, delivery: u64) {
        self.oldest_event.set(i64::try_from(event).unwrap_or(i64::MAX));
        self.oldest_delivery.set(i64::try_from(delivery).unwrap_or(i64::MAX));
    }

    /// Says how many dead letters there are.
    pub fn set_dead(&self, events: u64, deliveries: u64) {
        self.buried.set(i64::try_from(events).unwrap_or(i64::MAX));
        self.failed.set(i64::try_from(deliveries).unwrap_or(i64::MAX));
    }

    /// Says how many definitions are refused at the moment `now` (seconds since 1970). The moment is kept while
    /// any is.
    pub fn set_refused(&self, definitions: usize, now: i64) {
        self.refused.set(i64::try_from(definitions).unwrap_or(i64::MAX));
        if definitions == 0 {
            self.refused_since.set(0);
        } else if self.refused_since.get() == 0 {
            self.refused_since.set(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    #[test]
    fn since_when_definitions_are_refused_is_kept_until_none_is() {
        let metrics = Metrics::new();
        let shown = |value: i64| {
            let line = format!("botyard_definitions_refused_since_timestamp_seconds {value}\n");
            metrics.render().contains(&line)
        };
        metrics.pressing.set_refused(1, 100);
        metrics.pressing.set_refused(2, 200);
        assert!(shown(100), "{}", metrics.render());
        metrics.pressing.set_refused(0, 300);
        assert!(shown(0));
        metrics.pressing.set_refused(1, 400);
        assert!(shown(400));
    }
}
