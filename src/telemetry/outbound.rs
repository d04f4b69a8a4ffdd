//! What goes out to Webex.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, histogram::Histogram},
    registry::Registry,
};

use super::{counter, family, seconds};

/// Counters of the api actor.
#[derive(Debug)]
pub struct OutboundCounters {
    /// Deliveries that Webex took.
    pub sent: Counter,
    /// Tries of a delivery that will be repeated.
    pub retried: Counter,
    /// Deliveries given up.
    pub failed: Counter,
    /// Doubtful deliveries that were not repeated, because the bot prefers silence.
    pub skipped: Counter,
    /// Doubtful deliveries that were repeated: the person may see them twice.
    pub doubtful: Counter,
    /// Answers of 429: Webex asked us to wait.
    pub rate_limited: Counter,
    /// From the commit that promised a delivery to Webex's answer that it is sent.
    pub promise_to_sent_seconds: Histogram,
    by_class: [Counter; 5],
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Class {
    class: &'static str,
}

impl OutboundCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let deliveries = family(registry, "deliveries", "Tries of deliveries, by what they came to");
        let delivery = |outcome| deliveries.get_or_create_owned(&Outcome { outcome });
        let requests = family(registry, "webex_requests", "Requests to Webex, by class of the status");
        let request = |class| requests.get_or_create_owned(&Class { class });
        Self {
            sent: delivery("sent"),
            retried: delivery("retried"),
            failed: delivery("failed"),
            skipped: delivery("skipped"),
            doubtful: delivery("doubtful"),
            rate_limited: counter(registry, "webex_rate_limited", "Answers of 429 by Webex"),
            promise_to_sent_seconds: seconds(
                registry,
                "promise_to_sent",
                "From the commit of the turn that promised a delivery to Webex having taken it",
                [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0],
            ),
            by_class: [request("none"), request("2xx"), request("3xx"), request("4xx"), request("5xx")],
        }
    }

    /// Counts a request to Webex by the status it came to; `None`: there was no answer. A 429 is counted as
    /// such as well.
    pub fn answered(&self, status: Option<u16>) {
        if status == Some(429) {
            self.rate_limited.inc();
        }
        let class = match status {
            Some(status @ 200..=599) => usize::from(status / 100) - 1,
            _ => 0,
        };
        self.by_class[class].inc();
    }

    /// Says how long a delivery took, from the commit that promised it to Webex having taken it.
    pub fn delivery_took(&self, duration: Duration) {
        self.promise_to_sent_seconds.observe(duration.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Metrics;

    #[test]
    fn a_request_is_counted_by_the_class_of_its_status() {
        let metrics = Metrics::new();
        for status in [Some(200), Some(204), Some(429), Some(502), Some(999), None] {
            metrics.outbound.answered(status);
        }
        let text = metrics.render();
        for line in [
            "webex_requests_total{class=\"2xx\"} 2",
            "webex_requests_total{class=\"3xx\"} 0",
            "webex_requests_total{class=\"4xx\"} 1",
            "webex_requests_total{class=\"5xx\"} 1",
            "webex_requests_total{class=\"none\"} 2",
            "webex_rate_limited_total 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
    }
}
