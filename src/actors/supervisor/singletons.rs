//! The actors there is one of: api, registrar, roster, watcher, sweeper, janitor. Each is made by a factory
//! and made anew when a panic ends it; who talks to it holds a line, not an address.

use std::{fmt, time::Duration};

use actix::{AsyncContext, Context, Handler, Message};

use super::Supervisor;
use crate::actors::exit::{ExitGuard, Who};

/// How long a crashed singleton stays away: long enough not to spin, short enough to be missed by nobody.
const PAUSE: Duration = Duration::from_millis(500);

/// Makes and starts one incarnation, and connects its line. The guard must live inside the actor.
pub struct Starter(pub Box<dyn Fn(ExitGuard) + Send>);

impl fmt::Debug for Starter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Starter")
    }
}

/// Start this singleton and keep it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Keep {
    /// Its name in logs.
    pub name: &'static str,
    /// How it is made.
    pub starter: Starter,
    /// Bots hold something of it (an open lane, a place in its list), so they start anew with it.
    pub bots_depend: bool,
}

/// A kept singleton.
#[derive(Debug)]
pub(super) struct Singleton {
    starter: Starter,
    bots_depend: bool,
}

impl Handler<Keep> for Supervisor {
    type Result = ();

    fn handle(&mut self, keep: Keep, ctx: &mut Context<Self>) {
        let singleton = Singleton { starter: keep.starter, bots_depend: keep.bots_depend };
        (singleton.starter.0)(ExitGuard::new(Who::Singleton(keep.name), ctx.address().recipient()));
        self.singletons.insert(keep.name, singleton);
    }
}

impl Supervisor {
    pub(super) fn singleton_exited(&mut self, name: &'static str, ctx: &mut Context<Self>) {
        if self.stopping.is_some() {
            return;
        }
        tracing::error!(actor = name, "an actor ended and is made anew");
        ctx.run_later(PAUSE, move |it, ctx| {
            let Some(singleton) = it.singletons.get(name) else { return };
            (singleton.starter.0)(ExitGuard::new(Who::Singleton(name), ctx.address().recipient()));
            if singleton.bots_depend {
                // Only those at work: what is held or quarantined stays so.
                let running = it.bots.iter().filter(|(_, kept)| kept.incarnation_in_charge().is_some());
                for id in running.map(|(id, _)| id.clone()).collect::<Vec<_>>() {
                    it.replace(&id, ctx);
                }
            }
        });
    }
}
