//! The actors there is one of: api, registrar, roster, watcher, sweeper, janitor. Each is made by a factory
//! and made anew when a panic ends it; who talks to it holds a line, not an address.

use std::{fmt, time::Duration};

use actix::{AsyncContext, Context, Handler, Message};

use super::{Supervisor, crashes::Crashes};
use crate::{
    actors::exit::{ExitGuard, Who},
    base::{Backoff, whole_millis},
};

/// How long a crashed singleton stays away: at first short enough to be missed by nobody, and longer when it keeps
/// crashing, because bots may start anew with it. It never stays down: nobody else does its work.
const PAUSE: Backoff = Backoff { base: Duration::from_millis(500), cap: Duration::from_secs(30) };

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
    crashes: Crashes,
}

impl Handler<Keep> for Supervisor {
    type Result = ();

    fn handle(&mut self, keep: Keep, ctx: &mut Context<Self>) {
        let singleton = Singleton { starter: keep.starter, bots_depend: keep.bots_depend, crashes: Crashes::default() };
        (singleton.starter.0)(self.guard(keep.name, ctx));
        self.singletons.insert(keep.name, singleton);
    }
}

impl Supervisor {
    fn guard(&self, name: &'static str, ctx: &mut Context<Self>) -> ExitGuard {
        ExitGuard::new(Who::Singleton(name), ctx.address().recipient(), self.deps.bots.breaking.clone())
    }

    pub(super) fn singleton_exited(&mut self, name: &'static str, ctx: &mut Context<Self>) {
        if self.stopping.is_some() {
            return;
        }
        let Some(singleton) = self.singletons.get_mut(name) else { return };
        let wait = singleton.crashes.wait(self.deps.bots.clock.now(), &PAUSE, name.len() as u64);
        tracing::error!(actor = name, restart_ms = whole_millis(wait), "an actor ended and is made anew");
        ctx.run_later(wait, move |it, ctx| {
            let Some(singleton) = it.singletons.get(name) else { return };
            (singleton.starter.0)(it.guard(name, ctx));
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
