//! What the house counts. Each room has a file with its counters; the registry is explicit and handed in,
//! so that two apps in one process (tests) never share a number.
//!
//! Where there is also a line to log, the happening is a struct ([`Occurrence`]) and emitting it does both,
//! so that log and metric never disagree. Where there is none, a counter is simply raised:
//! `metrics.outbound.sent.inc()`.
//!
//! No metric carries a bot's name: with ten thousand bots each such label would be ten thousand series.
//! Per-bot numbers are in the admin API (`/v1/bots`), which reads them from the store.
//!
//! Every name is listed in `docs/reference/metrics.md`; a test holds the two against each other.

pub mod backups;
pub mod bots;
pub mod handlers;
pub mod ingress;
pub mod log;
pub mod outbound;
pub mod pressing;
pub mod process;
pub mod scheduler;
pub mod store;

use std::hash::Hash;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

pub use backups::BackupCounters;
pub use bots::BotCounters;
pub use handlers::HandlerCounters;
pub use ingress::IngressCounters;
pub use outbound::OutboundCounters;
pub use pressing::PressingGauges;
pub use process::ProcessGauges;
pub use scheduler::SchedulerCounters;
pub use store::StoreGauges;

/// What [`Metrics::render`] is: the text form of OpenMetrics, as Prometheus reads it.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// All counters, made once by the app and shared by reference.
#[derive(Debug)]
pub struct Metrics {
    /// Webhooks coming in.
    pub ingress: IngressCounters,
    /// Bots, their turns and their registrations.
    pub bots: BotCounters,
    /// Deliveries and requests going out to Webex.
    pub outbound: OutboundCounters,
    /// Calls of handlers.
    pub handlers: HandlerCounters,
    /// Backups of the store.
    pub backups: BackupCounters,
    /// Schedules and timers.
    pub scheduler: SchedulerCounters,
    /// What presses: for alarms.
    pub pressing: PressingGauges,
    /// The process itself.
    pub process: ProcessGauges,
    /// The store.
    pub store: StoreGauges,
    registry: Registry,
}

/// Something that happens and is both logged and counted.
pub trait Occurrence {
    /// Writes the line: one message that reads alone, names and numbers in fields.
    fn log(&self);
    /// Raises the counters.
    fn count(&self, metrics: &Metrics);
}

impl Metrics {
    /// Fresh counters in a registry of their own.
    #[must_use]
    pub fn new() -> Self {
        let mut registry = Registry::with_prefix("botyard");
        Self {
            ingress: IngressCounters::register(&mut registry),
            bots: BotCounters::register(&mut registry),
            outbound: OutboundCounters::register(&mut registry),
            handlers: HandlerCounters::register(&mut registry),
            backups: BackupCounters::register(&mut registry),
            scheduler: SchedulerCounters::register(&mut registry),
            pressing: PressingGauges::register(&mut registry),
            process: ProcessGauges::register(&mut registry),
            store: StoreGauges::register(&mut registry),
            registry,
        }
    }

    /// Logs and counts.
    pub fn emit(&self, what: &impl Occurrence) {
        what.log();
        what.count(self);
    }

    /// The text form that `/metrics` serves, of type [`CONTENT_TYPE`].
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        match prometheus_client::encoding::text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            Err(_) => String::new(),
        }
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// A counter's name and explanation, registered with one label of fixed values.
fn family<L>(registry: &mut Registry, name: &str, help: &str) -> Family<L, Counter>
where
    L: EncodeLabelSet + Clone + Hash + Eq + std::fmt::Debug + Send + Sync + 'static,
{
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn seconds<const N: usize>(registry: &mut Registry, name: &str, help: &str, buckets: [f64; N]) -> Histogram {
    let histogram = Histogram::new(buckets);
    registry.register_with_unit(name, help, Unit::Seconds, histogram.clone());
    histogram
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `name type` of every metric in the text form.
    fn rendered() -> Vec<String> {
        let metrics = Metrics::new();
        metrics.ingress.declare_codes(["bad_signature"]);
        let text = metrics.render();
        let mut names: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ").map(str::to_owned)).collect();
        names.sort();
        names
    }

    /// The same from the tables of the reference: `| `name` | type | … |`.
    fn documented() -> Vec<String> {
        let mut names: Vec<_> = include_str!("../../docs/reference/metrics.md")
            .lines()
            .filter_map(|line| line.strip_prefix("| `botyard_"))
            .map(|line| {
                let mut cells = line.split('|').map(|cell| cell.trim().trim_matches('`'));
                let (name, kind) = (cells.next().unwrap(), cells.next().unwrap());
                let suffix = match kind {
                    "counter" => "_total",
                    "info" => "_info",
                    _ => "",
                };
                format!("botyard_{} {kind}", name.strip_suffix(suffix).unwrap_or_else(|| panic!("{name}: no {suffix}")))
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn the_reference_lists_exactly_the_metrics_there_are() {
        assert_eq!(documented(), rendered());
    }

    #[test]
    fn the_text_form_is_whole_and_two_apps_share_no_number() {
        let (one, other) = (Metrics::new(), Metrics::new());
        one.outbound.sent.inc();
        assert!(one.render().contains("botyard_deliveries_total{outcome=\"sent\"} 1"), "{}", one.render());
        assert!(other.render().contains("botyard_deliveries_total{outcome=\"sent\"} 0"));
        assert!(one.render().ends_with("# EOF\n"));
    }
}
