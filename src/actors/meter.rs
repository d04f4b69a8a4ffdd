//! Reads, a few times a minute, what alarms are about and only the store knows: how old the oldest work is, how
//! many dead letters there are.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::exit::ExitGuard;
use crate::{
    base::{Clock, Millis, Point},
    store::{Pressing, Store, StoreError},
    telemetry::Metrics,
};

/// How often it reads: alarms think in minutes, and a reading takes longer the more is pending: some ten
/// milliseconds for two hundred thousand rows, when their index is in memory.
const EVERY: Duration = Duration::from_secs(15);

/// The meter.
pub struct Meter {
    store: Arc<dyn Store>,
    clock: Clock,
    metrics: Arc<Metrics>,
    reading: bool,
    exit: ExitGuard,
}

impl Meter {
    /// A meter that has not read yet.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, metrics: Arc<Metrics>, exit: ExitGuard) -> Self {
        Self { store, clock, metrics, reading: false, exit }
    }

    fn read(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InMeter);
        if std::mem::replace(&mut self.reading, true) {
            return;
        }
        let store = self.store.clone();
        let read = async move { store.pressing().await };
        ctx.spawn(read.into_actor(self).map(|found, meter, _| {
            meter.reading = false;
            match found {
                Ok(found) => show(&meter.metrics, &found, meter.clock.now()),
                Err(StoreError::Closed) => {}
                Err(error) => tracing::warn!(error = %error, "the store could not be measured"),
            }
        }));
    }
}

fn show(metrics: &Metrics, found: &Pressing, now: Millis) {
    let age = |since: Option<Millis>| since.map_or(0, |since| now.since(since).as_secs());
    metrics.pressing.set_oldest(age(found.oldest_event), age(found.oldest_delivery));
    metrics.pressing.set_dead(found.buried, found.failed);
}

impl Actor for Meter {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.read(ctx);
        ctx.run_interval(EVERY, Self::read);
    }
}

impl std::fmt::Debug for Meter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Meter").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_is_shown_in_seconds() {
        let metrics = Metrics::new();
        let found =
            Pressing { oldest_event: Some(Millis(1_000)), oldest_delivery: Some(Millis(90_000)), buried: 3, failed: 1 };
        show(&metrics, &found, Millis(61_999));
        let text = metrics.render();
        for line in [
            "botyard_oldest_event_seconds 60\n",
            // A clock that was set back makes nothing older than it is.
            "botyard_oldest_delivery_seconds 0\n",
            "botyard_dead_letters{kind=\"event\"} 3\n",
            "botyard_dead_letters{kind=\"delivery\"} 1\n",
        ] {
            assert!(text.contains(line), "{line}{text}");
        }
    }
}
