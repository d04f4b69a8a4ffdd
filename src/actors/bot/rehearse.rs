//! A turn without an end: steps and reads as a real one, commits nothing and sends nothing.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use actix::{Context, Handler, ResponseFuture};

use super::{Bot, Deps, reads::ReadError, turn::STEPS};
use crate::{
    actors::rehearsal::{Rehearsal, Rehearse, Would},
    base::{Event, Lease},
    brain::{self, Facts, Me, Program, Step, Turn},
};

/// How long it may take: whoever asked by the admin API waits no longer than 25 s.
const PATIENCE: Duration = Duration::from_secs(20);

impl Handler<Rehearse> for Bot {
    type Result = ResponseFuture<Rehearsal>;

    fn handle(&mut self, rehearse: Rehearse, _: &mut Context<Self>) -> Self::Result {
        let (deps, program) = (self.deps.clone(), self.program.clone());
        let (Some(lease), Some(me)) = (self.lease.clone(), self.me.clone()) else {
            return Box::pin(async { Rehearsal::because(Would::Unknown, "the bot is only just starting") });
        };
        Box::pin(async move {
            let played = play(&deps, &lease, &me, &program, &rehearse.payload);
            let played = tokio::time::timeout(PATIENCE, played).await;
            let mut told =
                played.unwrap_or_else(|_late| Rehearsal::because(Would::Wait, "Webex did not answer in time"));
            told.program = Some(program.digest().short());
            told
        })
    }
}

async fn play(deps: &Deps, lease: &Lease, me: &Me, program: &Program, payload: &[u8]) -> Rehearsal {
    let Ok(event) = Event::decode(payload) else {
        return Rehearsal::because(Would::Fail, "this version cannot read the stored event");
    };
    let now = deps.clock.now();
    let mut facts = Facts::new();
    for _ in 0..STEPS {
        let turn = Turn { event: &event, me, facts: &facts, now, zone: deps.zone };
        match catch_unwind(AssertUnwindSafe(|| brain::step(&deps.engine, program, &turn))) {
            Ok(Step::Done(decision)) => return Rehearsal::of(decision),
            Ok(Step::Fail(reason)) => return Rehearsal::because(Would::Fail, reason),
            Ok(Step::Need(reads)) => {
                for read in reads {
                    match deps.read(lease, &read).await {
                        Ok(answered) => drop(facts.insert(read, answered.fact)),
                        Err(ReadError::Down) => {
                            return Rehearsal::because(Would::Unknown, "the bot cannot ask Webex now");
                        }
                        Err(ReadError::Later(_, reason)) => return Rehearsal::because(Would::Wait, reason),
                    }
                }
            }
            Err(_) => return Rehearsal::because(Would::Fail, "the program panicked on it"),
        }
    }
    Rehearsal::because(Would::Fail, format!("no decision after {STEPS} rounds of reads"))
}
