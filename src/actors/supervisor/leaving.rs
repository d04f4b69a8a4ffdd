//! How a bot leaves for good: its webhooks go first, then what it has accepted is finished, then it is retired.
//!
//! The order matters. While its webhooks stand, Webex keeps sending, and what is sent must be accepted; once
//! they are gone nothing new comes, and the bot can work off what it holds. Its token and state stay sealed in
//! the store for the days that `bots.keep_removed_days` says.

use std::time::Duration;

use actix::{Addr, AsyncContext, Context, Handler, WrapFuture, fut::wrap_future};

use super::{Phase, Remove, Supervisor, SupervisorDeps};
use crate::{
    actors::{
        api::CloseLane,
        bot::{Bot, Drain, HowAreYou},
        registrar::Deregister,
    },
    base::{BotId, Epoch},
};

/// How long a leaving bot may work off what it holds; the rest stays in the store and runs if it comes back.
const FINISH: Duration = Duration::from_secs(60);
/// How often it is asked whether it is done.
const LOOK: Duration = Duration::from_millis(500);

impl Handler<Remove> for Supervisor {
    type Result = ();

    fn handle(&mut self, Remove(id): Remove, ctx: &mut Context<Self>) {
        let Some(kept) = self.bots.get_mut(&id) else { return };
        let running = match std::mem::replace(&mut kept.phase, Phase::Leaving) {
            Phase::Running(running) => Some(running.addr),
            Phase::Leaving => return,
            _ => None,
        };
        tracing::info!(bot.id = %id, "bot is leaving: its files are gone and the grace time is over");
        let deps = self.deps.clone();
        let (bot, me) = (id.clone(), ctx.address());
        let leave = async move {
            leave(&deps, &bot, running).await;
            let _ = me.try_send(Left(bot));
        };
        ctx.spawn(wrap_future::<_, Self>(leave));
    }
}

/// The bot has left: forget it, unless it came back meanwhile.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(super) struct Left(BotId);

impl Handler<Left> for Supervisor {
    type Result = ();

    fn handle(&mut self, Left(id): Left, ctx: &mut Context<Self>) {
        if self.bots.get(&id).is_some_and(|kept| matches!(kept.phase, Phase::Leaving)) {
            self.bots.remove(&id);
            let (store, routes, now) =
                (self.deps.bots.store.clone(), self.deps.routes.clone(), self.deps.bots.clock.now());
            let retire = async move {
                if let Err(error) = store.retire(id.clone(), now).await {
                    tracing::error!(bot.id = %id, error = %error, "bot could not be retired");
                }
                if let Err(error) = routes.refresh(store.as_ref()).await {
                    tracing::error!(error = %error, "routes could not be refreshed");
                }
            };
            ctx.spawn(retire.into_actor(self));
        }
    }
}

async fn leave(deps: &SupervisorDeps, id: &BotId, running: Option<Addr<Bot>>) {
    if let Some(registrar) = deps.registrar.addr()
        && registrar.send(Deregister { bot: id.clone() }).await.is_err()
    {
        tracing::warn!(bot.id = %id, "the registrar went away; webhooks of the bot may be left at Webex");
    }
    if let Some(addr) = running {
        let deadline = deps.bots.clock.now().plus(FINISH);
        while deps.bots.clock.now() < deadline {
            match addr.send(HowAreYou).await {
                Ok(snapshot) if snapshot.in_turn > 0 || snapshot.window > 0 => tokio::time::sleep(LOOK).await,
                _ => break,
            }
        }
        let _ = addr.try_send(Drain);
    }
    if let Some(api) = deps.bots.api.addr() {
        let _ = api.send(CloseLane { bot: id.clone(), epoch: Epoch(i64::MAX) }).await;
    }
}
