//! Bots that are silent by an operator's word, or because a backup was put back: they finish what they have in hand,
//! claim nothing new, and what they promised stays where it is.
//!
//! The supervisor is told the whole of it each time and makes its bots equal to that: what was missed heals itself.

use actix::{Context, Handler, Message};

use super::{Phase, Supervisor};
use crate::{
    actors::{
        api::{CloseLane, QuietLane},
        bot::Drain,
        line::tell,
        registrar::Dismiss,
        runner,
    },
    base::{BotId, Epoch},
    store::{Hold, Silence},
};

/// From now on this is who is silent.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Mind {
    /// All of it, as the store has it.
    pub silence: Silence,
    /// A bot that somebody wants to be tried again, whatever keeps it down.
    pub again: Option<BotId>,
}

impl Handler<Mind> for Supervisor {
    type Result = ();

    fn handle(&mut self, Mind { silence, again }: Mind, ctx: &mut Context<Self>) {
        self.silence = silence;
        let ids: Vec<_> = self.bots.keys().cloned().collect();
        for id in ids {
            let hold = self.silence.of(&id);
            let Some(kept) = self.bots.get_mut(&id) else { continue };
            match (hold, &kept.phase) {
                (Some(hold), _) => self.hush(&id, hold),
                (None, Phase::Silent(_)) => self.try_anew(&id, ctx),
                (None, Phase::Held(_)) if again.as_ref() == Some(&id) => self.try_anew(&id, ctx),
                (None, _) => {}
            }
        }
    }
}

impl Supervisor {
    fn hush(&mut self, id: &BotId, hold: Hold) {
        let Some(kept) = self.bots.get_mut(id) else { return };
        match &kept.phase {
            // It works off what it holds, and nothing new comes in any more.
            Phase::Leaving(_) => return,
            Phase::Silent(_) => {
                kept.phase = Phase::Silent(hold);
                return;
            }
            Phase::Running(running) => {
                tell(&running.addr, Drain);
                // Its turns in hand may still ask Webex; its lane is closed when they have ended.
                if let Some(api) = self.deps.bots.api.addr() {
                    let _ = api.try_send(QuietLane { bot: id.clone() });
                }
                self.close_calls(id);
            }
            Phase::Waiting | Phase::Held(_) => self.close_lane(id),
        }
        tracing::info!(bot.id = %id, reason = hold.reason, "bot is silent from now on");
        if let Some(kept) = self.bots.get_mut(id) {
            kept.phase = Phase::Silent(hold);
            kept.restart_on_exit = false;
        }
        // Its webhooks stay: what Webex sends meanwhile is stored, and waits.
        if let Some(registrar) = self.deps.registrar.addr() {
            let _ = registrar.try_send(Dismiss { bot: id.clone() });
        }
    }

    fn try_anew(&mut self, id: &BotId, ctx: &mut Context<Self>) {
        tracing::info!(bot.id = %id, "bot goes on");
        if let Some(kept) = self.bots.get_mut(id) {
            kept.crashes.forgive();
        }
        self.replace(id, ctx);
    }

    /// Nothing of a bot leaves any more, until its next incarnation opens the lane anew.
    pub(super) fn close_lane(&self, id: &BotId) {
        if let Some(api) = self.deps.bots.api.addr() {
            let _ = api.try_send(CloseLane { bot: id.clone(), epoch: Epoch(i64::MAX) });
        }
        self.close_calls(id);
    }

    /// No call of a bot begins any more, until its next incarnation; what is being made goes on.
    fn close_calls(&self, id: &BotId) {
        if let Some(runner) = self.deps.bots.runner.addr() {
            let _ = runner.try_send(runner::Close { bot: id.clone(), epoch: Epoch(i64::MAX) });
        }
    }
}
