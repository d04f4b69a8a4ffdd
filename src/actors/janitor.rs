//! Keeps the store from growing for ever, and from knowing for longer than it should: erases content, deletes
//! rows, forgets bots long retired, gives room back to the disk, and says how much is left.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::exit::ExitGuard;
use crate::{
    base::{Clock, Millis, Point},
    store::{Retention, Store, StoreError},
    telemetry::{Metrics, store::Sizes},
};

/// How often it looks.
const EVERY: Duration = Duration::from_mins(1);
/// Calls of one kind in one look: bounded work, so that deleting never starves accepting.
const CALLS: usize = 50;
/// The same for erasing, whose calls are shorter: 50,000 rows of each kind and state a look, for about two seconds of
/// the writer when there is as much.
const ERASING: usize = 200;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Content of finished events and of deliveries sent.
    pub content: Duration,
    /// Content of buried events and of failed deliveries.
    pub dead_content: Duration,
    /// Rows of them, with ids and times.
    pub rows: Duration,
    /// Keys of webhooks, after the time in which they count. Not less than content: a deletion finds it by its key.
    pub keys: Duration,
    /// Rows of the audit.
    pub audit: Duration,
    /// Retired bots with their tokens and state.
    pub retired: Duration,
}

impl Keep {
    fn at(&self, now: Millis) -> Retention {
        Retention {
            now,
            content_before: now.minus(self.content),
            dead_content_before: now.minus(self.dead_content),
            rows_before: now.minus(self.rows),
            keys_before: now.minus(self.keys),
            audit_before: now.minus(self.audit),
        }
    }
}

/// The janitor.
pub struct Janitor {
    store: Arc<dyn Store>,
    clock: Clock,
    metrics: Arc<Metrics>,
    keep: Keep,
    busy: bool,
    exit: ExitGuard,
}

impl Janitor {
    /// A janitor that keeps things so long.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, metrics: Arc<Metrics>, keep: Keep, exit: ExitGuard) -> Self {
        Self { store, clock, metrics, keep, busy: false, exit }
    }

    fn clean(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InJanitor);
        if std::mem::replace(&mut self.busy, true) {
            return;
        }
        let (store, clock, metrics, keep) = (self.store.clone(), self.clock.clone(), self.metrics.clone(), self.keep);
        let work = async move { clean(store.as_ref(), clock.now(), &metrics, keep).await };
        ctx.spawn(work.into_actor(self).map(|cleaned, janitor, _| {
            janitor.busy = false;
            match cleaned {
                // The store is closed at the end of the house; the next start cleans up.
                Ok(()) | Err(StoreError::Closed) => {}
                Err(error) => tracing::warn!(error = %error, "the store could not be kept tidy; it is tried again"),
            }
        }));
    }
}

async fn clean(store: &dyn Store, now: Millis, metrics: &Metrics, keep: Keep) -> Result<(), StoreError> {
    let retention = keep.at(now);
    let (mut deleted, mut erased) = (0, 0);
    for _ in 0..CALLS {
        let pruned = store.prune(retention).await?;
        deleted += pruned.rows;
        if !pruned.more {
            break;
        }
    }
    for _ in 0..ERASING {
        let pass = store.erase(retention).await?;
        erased += pass.rows;
        if !pass.more {
            break;
        }
    }
    metrics.store.erased.inc_by(erased);
    for bot in store.bots().await? {
        if bot.retired_at.is_some_and(|at| at.plus(keep.retired) <= now) {
            tracing::info!(bot.id = %bot.bot, "retired bot forgotten: its token and state are deleted");
            store.forget(bot.bot).await?;
        }
    }
    let mut given_back = 0;
    for _ in 0..CALLS {
        let tidied = store.tidy().await?;
        given_back += tidied.pages;
        if !tidied.more {
            break;
        }
    }
    if deleted + erased + given_back > 0 {
        tracing::debug!(deleted, erased, pages = given_back, "the store was tidied");
    }
    measure(store, metrics).await
}

async fn measure(store: &dyn Store, metrics: &Metrics) -> Result<(), StoreError> {
    let size = store.size().await?;
    metrics.store.sized(&Sizes {
        database: size.database,
        log: size.log,
        free: size.free,
        disk_free: size.disk_free,
        events: size.events,
        deliveries: size.deliveries,
    });
    Ok(())
}

impl Actor for Janitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let (store, metrics) = (self.store.clone(), self.metrics.clone());
        // Whoever watches the disk should not wait a minute for the first number.
        let first = async move { measure(store.as_ref(), &metrics).await };
        ctx.spawn(first.into_actor(self).map(|measured, _, _| {
            if let Err(error) = measured {
                tracing::debug!(error = %error, "the size of the store is not known yet");
            }
        }));
        ctx.run_interval(EVERY, Self::clean);
    }
}

impl std::fmt::Debug for Janitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Janitor").field("keep", &self.keep).finish_non_exhaustive()
    }
}
