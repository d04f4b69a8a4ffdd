//! The api's work: taking in what tasks report, and giving permits to lanes in turn.

use std::{collections::HashMap, mem, rc::Rc, time::Duration};

use actix::{AsyncContext, Context};
use tracing::{debug, info, warn};

use super::{
    Api, CallError, Done, TokenRefused,
    call::{self, Next},
    deliver::{self, News},
    lane::{Door, Job, Lane},
    limiter::Endpoint,
    queue::Asked,
};
use crate::{
    base::{BotId, Millis, Point, spawn::spawn},
    store::{DeliveryRow, DueQuery, StoreError},
};

/// Looks at the store at once, over all lanes: at start every lane wants one.
const READERS: usize = 32;
/// How long a row waits that the store could not mark.
const REST: Duration = Duration::from_secs(1);
/// No timer is set shorter than this.
const TICK: Duration = Duration::from_millis(1);

impl Api {
    /// Takes in what a task reports.
    pub(super) fn settle(&mut self, done: Done) {
        let now = self.office.steady.now();
        let bot = match done {
            Done::Called { bot, generation, call, answer } => {
                self.free_permit(&bot);
                let endpoint = call.endpoint;
                let Some(lane) = self.lanes.get_mut(&bot) else { return };
                let outdated = lane.pass.generation != generation;
                if outdated && answer.as_ref().is_ok_and(|reply| reply.status == 401) {
                    lane.ask_again(call);
                } else {
                    let (next, news) = call::judge(answer, &call, now);
                    learn(lane, generation, endpoint, news, now);
                    go_on(lane, call, next);
                }
                bot
            }
            Done::Off { bot, generation, news, requests } => {
                self.free_permit(&bot);
                let Some(lane) = self.lanes.get_mut(&bot) else { return };
                // One was paid for when it was picked; those that it took besides are paid for now.
                (1..requests).for_each(|_| lane.limiter.owe(now));
                learn(lane, generation, Endpoint::Messages, news, now);
                bot
            }
            Done::Unmarked { bot, epoch, row, error } => {
                self.free_permit(&bot);
                self.flying -= 1;
                let Some(lane) = self.lanes.get_mut(&bot) else { return };
                if lane.pass.lease.epoch != epoch {
                    lane.outbox.forget(&row.order_key);
                } else if let Some(error) = error {
                    trouble_with_the_store(lane, &error);
                    lane.outbox.again(row, now.plus(REST));
                } else {
                    lane.outbox.refused(&row.order_key, now);
                }
                bot
            }
            Done::Ended { bot, epoch, row, again } => {
                self.flying -= 1;
                // The moment was written down by the wall clock; here it counts by the steady one.
                let again = again.map(|at| now.plus(at.since(self.office.clock.now())));
                let Some(lane) = self.lanes.get_mut(&bot) else { return };
                match again {
                    _ if lane.pass.lease.epoch != epoch => lane.outbox.forget(&row.order_key),
                    Some(at) => lane.outbox.again(row, at),
                    None => lane.outbox.ended(&row.order_key),
                }
                bot
            }
            Done::Loaded { bot, epoch, rows, limit } => {
                self.reading -= 1;
                if let Some(lane) = self.lanes.get_mut(&bot)
                    && lane.pass.lease.epoch == epoch
                {
                    match rows {
                        Ok(rows) => lane.outbox.loaded(rows, limit),
                        Err(error) => {
                            trouble_with_the_store(lane, &error);
                            lane.outbox.not_loaded(now);
                        }
                    }
                }
                bot
            }
        };
        self.ring.join(&bot);
    }

    fn free_permit(&mut self, bot: &BotId) {
        self.permits += 1;
        if let Some(lane) = self.lanes.get_mut(bot) {
            lane.in_flight -= 1;
        }
    }

    /// Gives permits to the lanes in turn, as long as there are any.
    pub(super) fn pump(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InApi);
        if self.draining {
            let on_its_way = self.permits < self.office.settings.connections.max(1) || self.flying > 0;
            if !on_its_way {
                for done in mem::take(&mut self.drainers) {
                    let _ = done.send(());
                }
            }
            return;
        }
        let now = self.office.steady.now();
        let mut deliveries: HashMap<BotId, Vec<DeliveryRow>> = HashMap::new();
        while self.permits > 0
            && let Some(bot) = self.ring.next()
        {
            let Some(lane) = self.lanes.get_mut(&bot) else { continue };
            if lane.is_over(now) {
                self.lanes.remove(&bot);
                continue;
            }
            if lane.door == Door::Refused && !lane.told {
                let told = TokenRefused { bot: bot.clone(), epoch: lane.pass.lease.epoch };
                lane.told = self.refused.try_send(told).is_ok();
            }
            if lane.wants_rows(now).is_some() {
                lane.outbox.load();
                self.readers.join(&bot);
            }
            match lane.next(self.most, now) {
                Some(Job::Call(mut call)) => {
                    self.permits -= 1;
                    call.tries += 1;
                    spawn(call::carry(Rc::clone(&self.office), Rc::clone(&lane.pass), call));
                    self.ring.join(&bot);
                }
                Some(Job::Deliver(row)) => {
                    self.permits -= 1;
                    self.flying += 1;
                    self.ring.join(&bot);
                    deliveries.entry(bot).or_default().push(row);
                }
                None => self.set_timer(&bot, now),
            }
        }
        for (bot, rows) in deliveries {
            if let Some(lane) = self.lanes.get(&bot) {
                spawn(deliver::carry(Rc::clone(&self.office), Rc::clone(&lane.pass), rows));
            }
        }
        self.read();
        self.arm(ctx, now);
    }

    /// Lets lanes look at the store, a few at a time.
    fn read(&mut self) {
        while self.reading < READERS
            && let Some(bot) = self.readers.next()
        {
            let Some(lane) = self.lanes.get(&bot) else { continue };
            let limit = lane.outbox.room();
            let epoch = lane.pass.lease.epoch;
            let query = DueQuery {
                bot: bot.clone(),
                epoch,
                now: self.office.clock.now(),
                skip_keys: lane.outbox.held(),
                limit: u32::try_from(limit).unwrap_or(u32::MAX),
            };
            self.reading += 1;
            let office = Rc::clone(&self.office);
            spawn(async move {
                let rows = office.store.due_deliveries(query).await;
                office.tell(Done::Loaded { bot, epoch, rows, limit }).await;
            });
        }
    }

    fn set_timer(&mut self, bot: &BotId, now: Millis) {
        let Some(lane) = self.lanes.get(bot) else { return };
        // A lane that holds all it may is looked at again when one of its requests ends.
        if lane.in_flight >= self.most {
            return;
        }
        if let Some(at) = lane.wakes_at(now).map(|at| at.max(now.plus(TICK))) {
            self.timers.set_sooner(bot, at);
        }
    }

    /// One timer, for the first moment of all lanes.
    fn arm(&mut self, ctx: &mut Context<Self>, now: Millis) {
        let Some(first) = self.timers.first() else { return };
        if let Some((at, handle)) = self.armed {
            if at <= first {
                return;
            }
            ctx.cancel_future(handle);
        }
        let handle = ctx.run_later(first.since(now).max(TICK), |api, ctx| {
            api.armed = None;
            let now = api.office.steady.now();
            while let Some(bot) = api.timers.due(now) {
                if api.lanes.contains_key(&bot) {
                    api.ring.join(&bot);
                }
            }
            api.pump(ctx);
        });
        self.armed = Some((first, handle));
    }
}

/// What an answer teaches a lane.
fn learn(lane: &mut Lane, generation: u64, endpoint: Endpoint, news: News, now: Millis) {
    let outdated = lane.pass.generation != generation;
    let bot = &lane.pass.lease.bot;
    match news {
        News::Fine => lane.trouble = None,
        News::Trouble(reason) => lane.trouble = Some(reason),
        _ if outdated => (),
        News::Wait(wait) => {
            let known = lane.limiter.penalized(endpoint, now);
            let until = lane.limiter.penalize(endpoint, wait, now);
            lane.trouble = Some(format!("Webex asked to wait until {until}"));
            if known.is_none() {
                info!(bot.id = %bot, %until, ?endpoint, "Webex asked to wait");
            }
        }
        News::Refused if lane.door == Door::Open => {
            debug!(bot.id = %bot, "Webex refuses the token; nothing of this bot is sent until it has another one");
            lane.trouble = Some("Webex refuses the token".to_owned());
            lane.shut(Door::Refused);
        }
        News::Refused => (),
    }
}

/// Rows wait for the store and come back every second: said once, not every second.
fn trouble_with_the_store(lane: &mut Lane, error: &StoreError) {
    let trouble = error.to_string();
    if !matches!(error, StoreError::Closed) && lane.trouble.as_ref() != Some(&trouble) {
        warn!(bot.id = %lane.pass.lease.bot, %error, "deliveries wait for the store");
        lane.trouble = Some(trouble);
    }
}

/// What becomes of a call after a try.
fn go_on(lane: &mut Lane, mut call: Asked, next: Next) {
    match next {
        Next::Answer(answer) => call.reply(*answer),
        // Waiting longer than its caller helps nobody: say it now.
        Next::Again(at, reason) if at >= call.expires => call.reply(Err(CallError::Deadline(reason))),
        Next::Again(at, reason) => {
            call::note(&call, &reason);
            call.not_before = at;
            lane.ask_again(call);
        }
    }
}
