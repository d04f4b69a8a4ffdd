//! Looks every few seconds for bots with due work, whoever should have been woken for it, and rings for them.
//!
//! It selects by state, never by a cursor: a wake that was lost, a retry whose time has come, work that a dead
//! incarnation left behind are all the same to it. So a lost wake costs latency, never an event.

use std::{sync::Arc, time::Duration};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::{bells::Bells, exit::ExitGuard};
use crate::{
    base::{Clock, Point},
    store::{Store, StoreError},
};

/// The sweeper.
pub struct Sweeper {
    store: Arc<dyn Store>,
    bells: Bells,
    clock: Clock,
    every: Duration,
    looking: bool,
    exit: ExitGuard,
}

impl Sweeper {
    /// A sweeper that looks `every` so often.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, bells: Bells, clock: Clock, every: Duration, exit: ExitGuard) -> Self {
        Self { store, bells, clock, every, looking: false, exit }
    }

    fn sweep(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InSweeper);
        if std::mem::replace(&mut self.looking, true) {
            return;
        }
        let (store, now) = (self.store.clone(), self.clock.now());
        let look = async move { store.due_bots(now).await };
        ctx.spawn(look.into_actor(self).map(|due, sweeper, _| {
            sweeper.looking = false;
            match due {
                Ok(due) => {
                    for bot in due {
                        if bot.events {
                            sweeper.bells.nudge_bot(&bot.bot);
                        }
                        if bot.deliveries {
                            sweeper.bells.nudge_api(&bot.bot);
                        }
                        if bot.calls {
                            sweeper.bells.nudge_runner(&bot.bot);
                        }
                    }
                }
                // The end of the house: there is nobody left to wake.
                Err(StoreError::Closed) => {}
                Err(error) => tracing::error!(error = %error, "due work could not be looked for"),
            }
        }));
    }
}

impl Actor for Sweeper {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(self.every, Self::sweep);
    }
}

impl std::fmt::Debug for Sweeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sweeper").field("every", &self.every).finish_non_exhaustive()
    }
}
