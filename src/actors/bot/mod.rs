//! One bot: its lease, its identity, its window on pending events and the turns in flight.
//!
//! It hears a knock (events were committed for it), a changed program, and a word to stop. It claims events,
//! runs a turn for each and commits; it tells the supervisor who it turned out to be or why it cannot work.
//! All it knows is in the store: a new value made after a crash goes on where the last one was.

mod cache;
mod reads;
mod record;
mod rehearse;
mod start;
mod trial;
mod turn;
mod window;

use std::{sync::Arc, time::Duration};

use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, Recipient, ResponseFuture, WrapFuture,
};
use chrono_tz::Tz;

use tokio::sync::Semaphore;

use self::{
    turn::{Ended, Job},
    window::{Ask, Window},
};
use super::{
    api::{Api, DoubtPolicy},
    bells::{Bells, Knock},
    exit::ExitGuard,
    intake::{CALM, Intake, Pass},
    line::Line,
    runner::Runner,
};
use crate::{
    base::{BotId, Breaking, Clock, Epoch, Lease, Millis, Point, Seq},
    brain::{Engine, Me, Program},
    definition::Doubt,
    handlers::script::Scripts,
    store::{Claimed, DueQuery, EventRow, Identity, Store},
    telemetry::Metrics,
};

pub use cache::FactCache;

/// What every bot of a process shares.
pub struct Deps {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The way out.
    pub api: Line<Api>,
    /// Who makes the calls that turns ask for.
    pub runner: Line<Runner>,
    /// The doorbell's other end.
    pub bells: Bells,
    /// People and rooms read before.
    pub cache: Arc<FactCache>,
    /// Renders templates and finds patterns.
    pub engine: Arc<Engine>,
    /// What runs scripts.
    pub scripts: Arc<Scripts>,
    /// Scripts at once, over all bots: each takes a thread for as long as it works.
    pub scripting: Arc<Semaphore>,
    /// Counters.
    pub metrics: Arc<Metrics>,
    /// Time.
    pub clock: Clock,
    /// Where a day of the house begins.
    pub zone: Tz,
    /// Tries of one event before it is buried, where it is tries that count.
    pub event_attempts: u32,
    /// Turns of one bot at once.
    pub turns_at_once: usize,
    /// Fewer while very much comes in.
    pub intake: Intake,
    /// How long one turn may take to decide, its reads included.
    pub turn_limit: Duration,
    /// One permit: who holds it is tried alone.
    pub trial: Arc<Semaphore>,
    /// Which process this is, for the lease.
    pub owner: String,
    /// Where tests break it.
    pub breaking: Breaking,
}

/// A running bot.
pub struct Bot {
    id: BotId,
    deps: Arc<Deps>,
    supervisor: Recipient<BotNews>,
    /// Which incarnation this is, in the supervisor's count.
    incarnation: u64,
    program: Arc<Program>,
    /// Known from the start when the store remembers it; checked with Webex in any case.
    me: Option<Arc<Me>>,
    /// Ours from the first commit on; without it nothing is claimed.
    lease: Option<Lease>,
    window: Window,
    /// Events in a turn.
    claimed: Vec<Seq>,
    /// A read of the store is on its way; the doorbell keeps what it has until it is back.
    loading: bool,
    /// The bot could not work a moment ago: nothing is claimed until this is over.
    resting: bool,
    /// When set-aside keys will be looked at next, if a timer runs for it.
    alarm: Option<Millis>,
    /// Very much comes in, and the bot stands in line for a pass.
    in_line: bool,
    /// It does less than it could because very much comes in, and a timer runs that looks again.
    holding_back: bool,
    /// Set by the word to stop: finish what is claimed, claim nothing new. The actor ends when nothing is left.
    draining: bool,
    /// Reports the end of this actor, however it comes. Last, so that it is dropped last.
    _exit: ExitGuard,
}

/// What a bot is made from.
#[derive(Debug)]
pub struct BotSpec {
    /// Its id.
    pub id: BotId,
    /// What it runs.
    pub program: Arc<Program>,
    /// Who it was when last seen.
    pub identity: Option<Identity>,
    /// Whom to tell.
    pub supervisor: Recipient<BotNews>,
    /// Reports the end of the actor.
    pub exit: ExitGuard,
    /// Which incarnation this is.
    pub incarnation: u64,
}

/// What a bot tells its supervisor.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct BotNews {
    /// Which bot.
    pub bot: BotId,
    /// Which incarnation of it.
    pub incarnation: u64,
    /// What.
    pub what: News,
}

/// The things a bot may tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// It holds this lease; refusals of tokens that came with another one are not about it.
    Leased(Epoch),
    /// The token is this bot's: its registrations can be put right.
    Ready(Identity),
    /// It must not run until something is put right.
    Held(String),
}

/// From the next event on, run this program. The events in hand finish on the old one.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct UseProgram(pub Arc<Program>);

/// Finish what is claimed, claim nothing new, then end.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// There is no more time: give back what is claimed, so that the next start does not take it for the cause of a
/// crash. What its turns still try to commit is refused.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct GiveBack;

impl Bot {
    /// A bot that has not started yet.
    #[must_use]
    pub fn new(spec: BotSpec, deps: Arc<Deps>) -> Self {
        Self {
            id: spec.id,
            deps,
            supervisor: spec.supervisor,
            incarnation: spec.incarnation,
            program: spec.program,
            me: spec.identity.map(|identity| Arc::new(start::me(&identity))),
            lease: None,
            window: Window::default(),
            claimed: Vec::new(),
            loading: false,
            resting: false,
            alarm: None,
            in_line: false,
            holding_back: false,
            draining: false,
            _exit: spec.exit,
        }
    }

    fn tell(&self, what: News) {
        let news = BotNews { bot: self.id.clone(), incarnation: self.incarnation, what };
        // A clone has a place in the mailbox of its own. By the one kept here, a second word said while thousands
        // of bots start would be refused for good, and the bot would count as starting for ever.
        if self.supervisor.clone().try_send(news).is_err() {
            tracing::warn!(bot.id = %self.id, "the supervisor could not be told how the bot is");
        }
    }

    /// Does what can be done now: claims and starts turns, reads more rows, sets the alarm for set-aside keys.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        self.pump_with(None, ctx);
    }

    /// The same, with a pass if the bot stood in line for one.
    fn pump_with(&mut self, pass: Option<Pass>, ctx: &mut Context<Self>) {
        if self.draining {
            if self.window.in_turn() == 0 {
                ctx.stop();
            }
            return;
        }
        let (Some(lease), Some(_), false) = (self.lease.clone(), self.me.as_ref(), self.resting) else { return };
        self.set_alarm(ctx);
        let rush = self.deps.intake.is_rush();
        let most = if rush { 1 } else { self.deps.turns_at_once };
        let free = most.saturating_sub(self.window.in_turn());
        if free > 0 && self.window.is_ready() {
            let pass = if rush { pass.or_else(|| self.deps.intake.pass()) } else { None };
            if rush && pass.is_none() {
                self.stand_in_line(ctx);
            } else {
                let rows = self.window.take(free);
                if !rows.is_empty() {
                    self.claim(lease.clone(), rows, pass, ctx);
                }
            }
        }
        if rush && self.window.is_ready() {
            self.look_again(ctx);
        }
        let idle = self.window.in_turn() < most;
        if self.window.wants_load(idle) && !self.loading {
            self.load(lease, ctx);
        }
    }

    /// Nobody rings when the rush is over.
    fn look_again(&mut self, ctx: &mut Context<Self>) {
        if !self.holding_back {
            self.holding_back = true;
            ctx.run_later(CALM, |bot, ctx| {
                bot.holding_back = false;
                bot.pump(ctx);
            });
        }
    }

    /// Goes on when it has a pass. Then it may need none any more.
    fn stand_in_line(&mut self, ctx: &mut Context<Self>) {
        if self.in_line {
            return;
        }
        self.in_line = true;
        let intake = self.deps.intake.clone();
        let pass = async move { intake.wait().await };
        ctx.spawn(pass.into_actor(self).map(|pass, bot, ctx| {
            bot.in_line = false;
            if pass.is_some() {
                bot.pump_with(pass, ctx);
            }
        }));
    }

    /// Wakes keys whose wait is over, and sets one timer for the next of them.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let now = self.deps.clock.now();
        let Some(next) = self.window.wake_up(now) else { return };
        if self.alarm.is_none_or(|set| next < set || set <= now) {
            self.alarm = Some(next);
            ctx.run_later(next.since(now).max(Duration::from_millis(1)), Bot::pump);
        }
    }

    fn claim(&mut self, lease: Lease, rows: Vec<EventRow>, pass: Option<Pass>, ctx: &mut Context<Self>) {
        let deps = self.deps.clone();
        let asked = lease.clone();
        let seqs = rows.iter().map(|row| row.seq).collect();
        let claim = async move { deps.store.claim(asked, seqs).await };
        ctx.spawn(claim.into_actor(self).map(move |claimed, bot, ctx| match claimed {
            Ok(claimed) => {
                drop(pass);
                bot.start_turns(&lease, rows, &claimed, ctx);
            }
            Err(error) => {
                tracing::error!(bot.id = %bot.id, error = %error, "events could not be claimed");
                for row in &rows {
                    bot.window.done(row);
                }
                // No new try from here: the store is in trouble, and the sweeper knocks in a few seconds.
                bot.window.doubt();
                if bot.draining {
                    bot.pump(ctx);
                }
            }
        }));
    }

    fn start_turns(&mut self, lease: &Lease, rows: Vec<EventRow>, claimed: &[Claimed], ctx: &mut Context<Self>) {
        for row in rows {
            let held = claimed.iter().find(|claimed| claimed.seq == row.seq).copied();
            if let (Some(claimed), Some(me)) = (held, self.me.clone()) {
                let program = self.program.clone();
                self.run(Job { lease: lease.clone(), row, claimed, program, me }, ctx);
            } else {
                // The store knows better: done already, or an earlier event of the key is not here.
                self.window.done(&row);
                self.window.doubt();
            }
        }
        self.pump(ctx);
    }

    fn run(&mut self, mut job: Job, ctx: &mut Context<Self>) {
        self.claimed.push(job.row.seq);
        let deps = self.deps.clone();
        // Boxed: it is large, and moved several times on its way into the context and at its end.
        let turn = Box::pin(async move {
            let ended = job.run_or_try(&deps).await;
            (job.row, ended)
        });
        ctx.spawn(turn.into_actor(self).map(|(row, ended), bot, ctx| {
            bot.claimed.retain(|seq| *seq != row.seq);
            match ended {
                Ended::Done => bot.window.done(&row),
                Ended::Aside(until) => bot.window.set_aside(&row, until),
                Ended::Returned => {
                    // The bot cannot work now; the sweeper, or a new incarnation, comes back to it.
                    bot.window.done(&row);
                    bot.window.doubt();
                    bot.rest(ctx);
                }
                Ended::Fenced => {
                    tracing::warn!(bot.id = %bot.id, "another incarnation took over; this one ends");
                    ctx.stop();
                }
            }
            bot.pump(ctx);
        }));
    }

    /// Claims nothing for a second: what stopped one turn would stop the next as well.
    fn rest(&mut self, ctx: &mut Context<Self>) {
        if !self.resting {
            self.resting = true;
            ctx.run_later(Duration::from_secs(1), |bot, ctx| {
                bot.resting = false;
                bot.pump(ctx);
            });
        }
    }

    fn load(&mut self, lease: Lease, ctx: &mut Context<Self>) {
        self.loading = true;
        let Ask { skip_keys, limit } = self.window.ask();
        let query = DueQuery {
            bot: lease.bot,
            epoch: lease.epoch,
            now: self.deps.clock.now(),
            skip_keys,
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        };
        let deps = self.deps.clone();
        let read = async move { deps.store.due_events(query).await };
        ctx.spawn(read.into_actor(self).map(move |rows, bot, ctx| {
            bot.loading = false;
            match rows {
                Ok(rows) => {
                    bot.window.loaded(rows, limit);
                    // What was handed along while we read came after our look: take it now, in order.
                    bot.hear();
                    bot.pump(ctx);
                }
                Err(error) => {
                    tracing::error!(bot.id = %bot.id, error = %error, "pending events could not be read");
                    // Listen again, or the bell would stay as if it had been heard; and look again soon.
                    bot.hear();
                    bot.window.doubt();
                    bot.rest(ctx);
                }
            }
        }));
    }

    /// Takes what the doorbell holds for us.
    fn hear(&mut self) {
        self.deps.breaking.pass_now(Point::InBot, Some(&self.id));
        let handed = self.deps.bells.drain(&self.id);
        if handed.complete {
            self.window.offer(handed.rows);
        } else {
            self.window.doubt();
        }
    }
}

impl Actor for Bot {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.begin(ctx);
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        if let Some(lease) = &self.lease {
            self.deps.bells.unregister(lease);
        }
    }
}

impl Handler<Knock> for Bot {
    type Result = ();

    fn handle(&mut self, _: Knock, ctx: &mut Self::Context) {
        // While rows are being read, the doorbell keeps what it has: it is drained after the read.
        if !self.loading {
            self.hear();
            self.pump(ctx);
        }
    }
}

impl Handler<UseProgram> for Bot {
    type Result = ();

    fn handle(&mut self, UseProgram(program): UseProgram, _: &mut Self::Context) {
        let before = std::mem::replace(&mut self.program, program).doubt();
        if self.program.doubt() != before
            && let (Some(api), Some(lease)) = (self.deps.api.addr(), self.lease.clone())
        {
            let repeat_doubtful = self.program.doubt() == Doubt::Resend;
            // Refused only by an api that ends; the next one is told when the lane is opened.
            let _ = api.try_send(DoubtPolicy { lease, repeat_doubtful });
        }
    }
}

impl Handler<Drain> for Bot {
    type Result = ();

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) {
        self.draining = true;
        self.pump(ctx);
    }
}

impl Handler<GiveBack> for Bot {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: GiveBack, _: &mut Self::Context) -> Self::Result {
        let (deps, id) = (self.deps.clone(), self.id.clone());
        let (lease, events) = (self.lease.clone(), std::mem::take(&mut self.claimed));
        Box::pin(async move {
            if let Some(lease) = lease.filter(|_| !events.is_empty())
                && let Err(error) = deps.store.release(lease, events).await
            {
                tracing::warn!(bot.id = %id, error = %error, "events in hand could not be given back");
            }
        })
    }
}

impl std::fmt::Debug for Deps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Deps").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Bot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bot").field("id", &self.id).finish_non_exhaustive()
    }
}
