//! Hands a rehearsal on to the bot it is about, or says why nobody can hold it.

use actix::{Context, Handler, ResponseFuture};

use super::{Phase, Supervisor};
use crate::actors::rehearsal::{Rehearsal, Rehearse, Would};

impl Handler<Rehearse> for Supervisor {
    type Result = ResponseFuture<Rehearsal>;

    fn handle(&mut self, rehearse: Rehearse, _: &mut Context<Self>) -> Self::Result {
        let unknown =
            |why: String| -> Self::Result { Box::pin(async move { Rehearsal::because(Would::Unknown, why) }) };
        let Some(kept) = self.bots.get(&rehearse.bot) else {
            return unknown("the bot has no definition now".to_owned());
        };
        match &kept.phase {
            Phase::Running(running) => {
                let asked = running.addr.send(rehearse);
                Box::pin(async move {
                    asked.await.unwrap_or_else(|_gone| Rehearsal::because(Would::Unknown, "the bot ended meanwhile"))
                })
            }
            Phase::Held(hold) | Phase::Silent(hold) => {
                unknown(format!("the bot is {}: {}", kept.word().as_str(), hold.reason))
            }
            Phase::Waiting | Phase::Leaving(_) => unknown(format!("the bot is {}", kept.word().as_str())),
        }
    }
}
