//! How a bot leaves for good: its webhooks go first, then what it has accepted is finished, then it is retired.
//!
//! The order matters. While its webhooks stand, Webex keeps sending, and what is sent must be accepted; once
//! they are gone nothing new comes, and the bot can work off what it holds. What is left then, or at once when it
//! leaves while it is down, is buried with the cause `removed`: nothing that was accepted waits for nobody. Its token
//! and state stay sealed in the store for the days that `bots.keep_removed_days` says.

use std::time::Duration;

use actix::{ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, fut::wrap_future};

use super::{Phase, Remove, Supervisor, SupervisorDeps};
use crate::{
    actors::{
        bot::{Bot, Drain},
        line::tell,
        registrar::{Deregister, Dismiss, Reconciled},
    },
    base::BotId,
};

/// How long a leaving bot may work off what it holds; the rest is buried, and can be replayed when it comes back.
const FINISH: Duration = Duration::from_mins(1);
/// How often it is asked whether it is done.
const LOOK: Duration = Duration::from_millis(500);

impl Handler<Remove> for Supervisor {
    type Result = ();

    fn handle(&mut self, Remove(id): Remove, ctx: &mut Context<Self>) {
        let Some(kept) = self.bots.get_mut(&id) else { return };
        match &kept.phase {
            Phase::Running(_) => {
                tracing::info!(bot.id = %id, "bot is leaving: its files are gone and the grace time is over");
                if let Phase::Running(running) = std::mem::replace(&mut kept.phase, Phase::Waiting) {
                    kept.phase = Phase::Leaving(running);
                }
                let asked = self.deps.registrar.addr().map(|registrar| registrar.try_send(Deregister { bot: id }));
                if !matches!(asked, Some(Ok(()))) {
                    tracing::error!(
                        "the registrar could not be asked to remove webhooks; restart Botyard to try again"
                    );
                }
            }
            Phase::Leaving(_) => {}
            Phase::Held(_) | Phase::Silent(_) | Phase::Waiting => {
                // Without a lane nothing can be said to Webex; what is left there is named for whoever can.
                tracing::warn!(bot.id = %id, "bot leaves while it is down: its webhooks may be left at Webex");
                self.retire(id, ctx);
            }
        }
    }
}

impl Handler<Reconciled> for Supervisor {
    type Result = ();

    /// Of all looks only the last one of a leaving bot concerns us: nothing of it is left at Webex.
    fn handle(&mut self, told: Reconciled, ctx: &mut Context<Self>) {
        if !told.leaving || !told.report.in_step {
            return;
        }
        if let Some(kept) = self.bots.get(&told.bot)
            && let Phase::Leaving(running) = &kept.phase
        {
            let (deps, bot, addr, me) = (self.deps.clone(), told.bot, running.addr.clone(), ctx.address());
            ctx.spawn(wrap_future::<_, Self>(async move {
                work_off(&deps, &bot, &addr).await;
                let _ = me.try_send(Left(bot));
            }));
        }
    }
}

/// The bot has left: forget it, unless it came back meanwhile.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(super) struct Left(BotId);

impl Handler<Left> for Supervisor {
    type Result = ();

    fn handle(&mut self, Left(id): Left, ctx: &mut Context<Self>) {
        if let Some(kept) = self.bots.get(&id)
            && let Phase::Leaving(running) = &kept.phase
        {
            tell(&running.addr, Drain);
            self.retire(id, ctx);
        }
    }
}

impl Supervisor {
    fn retire(&mut self, id: BotId, ctx: &mut Context<Self>) {
        self.bots.remove(&id);
        self.retired.insert(id.clone());
        self.close_lane(&id);
        let (store, routes) = (self.deps.bots.store.clone(), self.deps.routes.clone());
        let now = self.deps.bots.clock.now();
        let retire = async move {
            // Before the store retires it: what is accepted until then is buried, and what is not gets a plain 404.
            routes.remove(&id);
            if let Err(error) = store.retire(id.clone(), now).await {
                tracing::error!(bot.id = %id, error = %error, "bot could not be retired");
                return;
            }
            tracing::info!(bot.id = %id, "bot has left; its token and state are kept for a while");
        };
        ctx.spawn(wrap_future::<_, Self>(retire).map(|(), it, ctx| it.try_held_again(ctx)));
    }

    /// One that has left gives its identity free: a renamed file waits for just that.
    fn try_held_again(&mut self, ctx: &mut Context<Self>) {
        let held: Vec<_> = self.bots.iter().filter(|(_, kept)| kept.is_held()).map(|(id, _)| id.clone()).collect();
        for id in held {
            self.replace(&id, ctx);
        }
    }

    /// The token died while its bot was leaving: nothing more can be said to Webex.
    pub(super) fn leave_without_token(&mut self, id: &BotId, ctx: &mut Context<Self>) {
        let Some(kept) = self.bots.get(id) else { return };
        if let Phase::Leaving(running) = &kept.phase {
            tracing::warn!(bot.id = %id, "Webex refuses the token of a leaving bot: its webhooks may be left there");
            tell(&running.addr, Drain);
            if let Some(registrar) = self.deps.registrar.addr() {
                let _ = registrar.try_send(Dismiss { bot: id.clone() });
            }
            self.retire(id.clone(), ctx);
        }
    }
}

/// Lets the bot finish what it has accepted and send what it has promised, within reason, and ends it.
async fn work_off(deps: &SupervisorDeps, id: &BotId, addr: &Addr<Bot>) {
    let deadline = deps.bots.clock.now().plus(FINISH);
    while deps.bots.clock.now() < deadline && addr.connected() {
        // Only the store knows of events set aside and of replies that wait for Webex.
        match deps.bots.store.backlog().await {
            Ok(rows) if rows.iter().any(|row| row.bot == *id && row.events + row.deliveries > 0) => {
                tokio::time::sleep(LOOK).await;
            }
            _ => break,
        }
    }
}
