//! The process itself: what was built, and whether it talks to a real Webex.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{gauge::Gauge, info::Info},
    registry::Registry,
};

/// Gauges of the process.
#[derive(Debug)]
pub struct ProcessGauges {
    simulator: Gauge,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Build {
    version: &'static str,
}

impl ProcessGauges {
    pub(super) fn register(registry: &mut Registry) -> Self {
        registry.register("build", "Which build runs", Info::new(Build { version: env!("CARGO_PKG_VERSION") }));
        let simulator = Gauge::default();
        registry.register("simulator", "1 while Webex is simulated, nothing reaches real people", simulator.clone());
        Self { simulator }
    }

    /// Says that this process talks to the simulator.
    pub fn on_simulator(&self) {
        self.simulator.set(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    #[test]
    fn a_simulated_webex_and_the_build_are_shown() {
        let metrics = Metrics::new();
        assert!(metrics.render().contains("botyard_simulator 0"));
        metrics.process.on_simulator();
        let text = metrics.render();
        assert!(text.contains("botyard_simulator 1"), "{text}");
        assert!(text.contains(concat!("botyard_build_info{version=\"", env!("CARGO_PKG_VERSION"), "\"} 1")), "{text}");
    }
}
