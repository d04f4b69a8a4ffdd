//! What comes in, and what becomes of it.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::{Metrics, Occurrence, family, seconds};

/// Counters of the ingress. The outcomes are held apart: no look-up on the way of a webhook.
#[derive(Debug)]
pub struct IngressCounters {
    /// Committed as a new row of the inbox.
    pub stored: Counter,
    /// Seen before: answered 200, not stored again.
    pub duplicate: Counter,
    /// The bot's own doing coming back: answered 200, not stored.
    pub own: Counter,
    /// Of a kind that the program does not want: answered 200, not stored.
    pub unwanted: Counter,
    /// A message was deleted: what is stored of it was erased.
    pub deleted: Counter,
    /// Posted to a hook of `[[inbound]]`, and committed.
    pub posted: Counter,
    /// Posted to a hook before: answered 202, not stored again.
    pub posted_again: Counter,
    /// From a good signature to the end of the commit.
    pub accept_seconds: Histogram,
    refused: Family<Code, Counter>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Code {
    code: &'static str,
}

impl IngressCounters {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let events = family(registry, "ingress_events", "Webhooks with a good signature, by what became of them");
        let of = |outcome| events.get_or_create_owned(&Outcome { outcome });
        let posts = family(registry, "inbound_events", "Posts to hooks with good credentials, by what became of them");
        let posted = |outcome| posts.get_or_create_owned(&Outcome { outcome });
        Self {
            posted: posted("stored"),
            posted_again: posted("duplicate"),
            stored: of("stored"),
            duplicate: of("duplicate"),
            own: of("own"),
            unwanted: of("unwanted"),
            deleted: of("deleted"),
            accept_seconds: seconds(
                registry,
                "ingress_accept",
                "From a good signature to the end of the commit",
                [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0],
            ),
            refused: family(registry, "ingress_refused", "Requests that were refused, by error code"),
        }
    }

    /// Makes every code show with a zero before it first happens, so that a rate has something to start from.
    pub fn declare_codes(&self, codes: impl IntoIterator<Item = &'static str>) {
        for code in codes {
            drop(self.refused.get_or_create(&Code { code }));
        }
    }

    /// How often `code` was answered so far.
    pub fn refused(&self, code: &'static str) -> u64 {
        self.refused.get(&Code { code }).map_or(0, |counter| counter.get())
    }
}

/// A request was refused.
#[derive(Debug)]
pub struct RequestRefused<'a> {
    /// The code of the answer, e.g. `bad_signature`: one of a fixed list, never text of the request.
    pub code: &'static str,
    /// The bot of the path, if it is one we know.
    pub bot: Option<&'a str>,
    /// What went wrong on our side, if something did: for the log, not for the caller.
    pub fault: Option<&'a str>,
}

impl Occurrence for RequestRefused<'_> {
    /// At debug, but for our own failures: anybody on the internet can be refused, at any rate.
    fn log(&self) {
        let bot = self.bot.unwrap_or_default();
        if let Some(error) = self.fault {
            tracing::error!(bot.id = bot, code = self.code, error, "a webhook could not be stored");
        } else {
            tracing::debug!(bot.id = bot, code = self.code, "a request was refused");
        }
    }

    fn count(&self, metrics: &Metrics) {
        metrics.ingress.refused.get_or_create(&Code { code: self.code }).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_counted_under_its_code() {
        let metrics = Metrics::new();
        metrics.emit(&RequestRefused { code: "bad_signature", bot: Some("echo"), fault: None });
        metrics.emit(&RequestRefused { code: "disk_full", bot: None, fault: Some("no space") });
        assert_eq!(metrics.ingress.refused("bad_signature"), 1);
        assert_eq!(metrics.ingress.refused("disk_full"), 1);
        assert_eq!(metrics.ingress.refused("unknown_bot"), 0);
    }
}
