//! Says to the scheduler which bots work, and on what.

use std::{collections::HashSet, sync::Arc};

use actix::{Context, Handler, Message, MessageResult};

use super::{Phase, Supervisor};
use crate::{base::BotId, brain::Program};

/// Which bots work now and have schedules.
#[derive(Debug, Message)]
#[rtype(result = "Vec<(BotId, Arc<Program>)>")]
pub struct Clocked {
    /// These too, if they work: they had schedules.
    pub besides: HashSet<BotId>,
}

impl Handler<Clocked> for Supervisor {
    type Result = MessageResult<Clocked>;

    /// Not those that are silent, kept down or leaving: what they miss is for the rule of the schedule.
    fn handle(&mut self, Clocked { besides }: Clocked, _: &mut Context<Self>) -> Self::Result {
        if self.stopping.is_some() {
            return MessageResult(Vec::new());
        }
        let works = self.bots.iter().filter(|(id, kept)| {
            matches!(kept.phase, Phase::Running(_) | Phase::Waiting)
                && (!kept.program.schedules().is_empty() || besides.contains(*id))
        });
        MessageResult(works.map(|(id, kept)| (id.clone(), kept.program.clone())).collect())
    }
}
