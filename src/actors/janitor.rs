//! Keeps the store from growing for ever: deletes what retention no longer keeps, forgets bots long retired.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::exit::ExitGuard;
use crate::{
    base::{Clock, Point},
    store::{Retention, Store, StoreError},
};

/// How often it looks.
const EVERY: Duration = Duration::from_mins(1);
/// Calls in one look: bounded work, so that deleting never starves accepting.
const CALLS: usize = 50;

/// How long things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Keep {
    /// Finished events and sent deliveries.
    pub finished: Duration,
    /// Buried events and failed deliveries.
    pub buried: Duration,
    /// Retired bots with their tokens and state.
    pub retired: Duration,
}

/// The janitor.
pub struct Janitor {
    store: Arc<dyn Store>,
    clock: Clock,
    keep: Keep,
    busy: bool,
    exit: ExitGuard,
}

impl Janitor {
    /// A janitor that keeps things so long.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock, keep: Keep, exit: ExitGuard) -> Self {
        Self { store, clock, keep, busy: false, exit }
    }

    fn clean(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InJanitor);
        if std::mem::replace(&mut self.busy, true) {
            return;
        }
        let (store, clock, keep) = (self.store.clone(), self.clock.clone(), self.keep);
        let work = async move { clean(store.as_ref(), &clock, keep).await };
        ctx.spawn(work.into_actor(self).map(|cleaned, janitor, _| {
            janitor.busy = false;
            match cleaned {
                // The store is closed at the end of the house; the next start cleans up.
                Ok(0) | Err(StoreError::Closed) => {}
                Ok(rows) => tracing::debug!(rows, "old rows deleted"),
                Err(error) => tracing::warn!(error = %error, "old rows could not be deleted"),
            }
        }));
    }
}

async fn clean(store: &dyn Store, clock: &Clock, keep: Keep) -> Result<u64, StoreError> {
    let now = clock.now();
    let retention = Retention { now, finished_before: now.minus(keep.finished), buried_before: now.minus(keep.buried) };
    let mut rows = 0;
    for _ in 0..CALLS {
        let pruned = store.prune(retention).await?;
        rows += pruned.rows;
        if !pruned.more {
            break;
        }
    }
    for bot in store.bots().await? {
        if bot.retired_at.is_some_and(|at| at.plus(keep.retired) <= now) {
            tracing::info!(bot.id = %bot.bot, "retired bot forgotten: its token and state are deleted");
            store.forget(bot.bot).await?;
        }
    }
    Ok(rows)
}

impl Actor for Janitor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(EVERY, Self::clean);
    }
}

impl std::fmt::Debug for Janitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Janitor").field("keep", &self.keep).finish_non_exhaustive()
    }
}
