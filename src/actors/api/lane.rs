//! A lane: everything one bot wants to send, under one token and its limits. Pure; the actor moves it.

use std::{rc::Rc, time::Duration};

use super::{
    deliver::Pass,
    limiter::{Endpoint, Limiter},
    messages::{CallClass, CallError, OpenLane},
    outbox::Outbox,
    queue::{Asked, Queue},
    schedule::{Kind, order},
};
use crate::{base::Millis, store::DeliveryRow};

/// Whether a lane sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Door {
    /// It does.
    Open,
    /// Webex refused the token; it opens with the next [`OpenLane`].
    Refused,
    /// Its bot went away. It stays in memory for what is on the wire and for its penalty.
    Closed,
}

/// What a lane sends next.
#[derive(Debug)]
pub(super) enum Job {
    /// A question.
    Call(Asked),
    /// A delivery that is not marked yet.
    Deliver(DeliveryRow),
}

/// One bot's way out.
#[derive(Debug)]
pub(super) struct Lane {
    /// What its requests go out with.
    pub(super) pass: Rc<Pass>,
    pub(super) door: Door,
    /// Its bot is paused: only calls leave, for the turns it still has in hand.
    pub(super) quiet: bool,
    pub(super) limiter: Limiter,
    pub(super) turns: Queue,
    pub(super) upkeep: Queue,
    pub(super) outbox: Outbox,
    /// Permits it holds.
    pub(super) in_flight: usize,
    /// The supervisor was told that the token is refused.
    pub(super) told: bool,
    /// The last thing that went wrong, for people.
    pub(super) trouble: Option<String>,
    /// When the actor's timer looks at it next.
    pub(super) timer: Option<Millis>,
    picks: u32,
}

impl Lane {
    /// A lane with a full budget.
    pub(super) fn new(open: OpenLane, wire: usize, per_minute: u32, now: Millis) -> Self {
        Self {
            pass: Rc::new(Pass::new(open, wire, 0)),
            door: Door::Open,
            quiet: false,
            limiter: Limiter::new(per_minute, now),
            turns: Queue::default(),
            upkeep: Queue::default(),
            outbox: Outbox::new(),
            in_flight: 0,
            told: false,
            trouble: None,
            timer: None,
            picks: 0,
        }
    }

    /// A newer incarnation takes the lane over. The limits belong to the token and stay with it.
    pub(super) fn reopen(&mut self, open: OpenLane, per_minute: u32, now: Millis) {
        if self.pass.token != open.token {
            self.limiter = Limiter::new(per_minute, now);
            self.trouble = None;
        }
        self.pass = Rc::new(Pass::new(open, self.pass.wire, self.pass.generation + 1));
        self.door = Door::Open;
        self.quiet = false;
        self.told = false;
        self.outbox.reopen();
    }

    /// Takes a call in, or answers why not.
    pub(super) fn ask(&mut self, call: Asked) {
        match self.door {
            Door::Open => self.line(call.class).push(call),
            Door::Refused => call.reply(Err(CallError::Unauthorized)),
            Door::Closed => call.reply(Err(CallError::NoLane)),
        }
    }

    /// Takes a call back that is to be tried again, or answers why not.
    pub(super) fn ask_again(&mut self, call: Asked) {
        match self.door {
            Door::Open => self.line(call.class).again(call),
            Door::Refused | Door::Closed => self.ask(call),
        }
    }

    fn line(&mut self, class: CallClass) -> &mut Queue {
        match class {
            CallClass::Turn => &mut self.turns,
            CallClass::Upkeep => &mut self.upkeep,
        }
    }

    /// Nothing leaves any more, and who waits is told why.
    pub(super) fn shut(&mut self, door: Door) {
        self.door = door;
        let trouble = if door == Door::Refused { CallError::Unauthorized } else { CallError::NoLane };
        self.turns.refuse_all(&trouble);
        self.upkeep.refuse_all(&trouble);
    }

    /// The next request of this lane, with its permit counted and its budget spent; `most` is how many permits
    /// one lane may hold.
    pub(super) fn next(&mut self, most: usize, now: Millis) -> Option<Job> {
        if self.door != Door::Open || self.in_flight >= most {
            return None;
        }
        self.outbox.wake(now);
        let job = order(self.picks).into_iter().find_map(|kind| match kind {
            Kind::Turn => self.turns.take(&self.limiter, now).map(Job::Call),
            Kind::Upkeep => self.upkeep.take(&self.limiter, now).map(Job::Call),
            Kind::Deliver if !self.quiet && self.limiter.allows(Endpoint::Messages, now) => {
                self.outbox.take().map(Job::Deliver)
            }
            Kind::Deliver => None,
        })?;
        self.picks = self.picks.wrapping_add(1);
        self.in_flight += 1;
        self.limiter.spend(now);
        Some(job)
    }

    /// How many rows to read from the store now, if any.
    pub(super) fn wants_rows(&self, now: Millis) -> Option<usize> {
        let open = self.door == Door::Open && !self.quiet;
        let can_send = open && self.limiter.penalized(Endpoint::Messages, now).is_none();
        if can_send { self.outbox.wants(now) } else { None }
    }

    /// The next moment at which time alone lets this lane do something.
    pub(super) fn wakes_at(&self, now: Millis) -> Option<Millis> {
        match self.door {
            Door::Open => {
                let ready = self.outbox.has_ready().then_some(now);
                let sends = ready.map(|_now| self.limiter.allowed_at(Endpoint::Messages, now));
                let held = self.limiter.penalized(Endpoint::Messages, now);
                let waits = self.outbox.wakes_at().map(|at| at.max(held.unwrap_or(at)));
                let deliveries = sends.into_iter().chain(waits).filter(|_| !self.quiet);
                let turns = self.turns.wakes_at(&self.limiter, now);
                let upkeep = self.upkeep.wakes_at(&self.limiter, now);
                deliveries.chain(turns).chain(upkeep).min()
            }
            Door::Refused => (!self.told).then(|| now.plus(Duration::from_secs(1))),
            Door::Closed => self.limiter.penalty(now),
        }
    }

    /// Nothing of it is left that anybody would miss.
    pub(super) fn is_over(&self, now: Millis) -> bool {
        let idle = self.in_flight == 0 && self.outbox.flying() == 0;
        self.door == Door::Closed && idle && self.limiter.penalty(now).is_none()
    }
}
