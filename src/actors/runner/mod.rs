//! The one actor that calls handlers: programs over HTTP, any API, programs of this host.
//!
//! A call is a row of the outbox, as a message is: marked before it is made, recorded after, repeated under the same
//! id when nobody knows how it ended. What it brought is an event, accepted in the commit that records it. So a call
//! that takes ten minutes holds up nothing but its own order key.
//!
//! ```text
//!  CallsDue, Open …          pump: while there are permits
//!        │                        lane.next() ──▶ task: mark, make the call, record with its answer
//!        ▼                                                     │
//!   lane.look = true ◀───────── Ended (over a channel of one) ◀┘
//! ```

mod attempt;
pub mod effects;
mod form;
mod lane;
mod maker;
mod verdict;
mod workers;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseFuture, WrapFuture};
use tokio::sync::oneshot;

use self::lane::{Lane, Pick};
pub use self::{
    effects::{EffectsError, Inbox, OpenCalls},
    form::Which,
    maker::{CallSettings, Maker},
};
use super::{
    bells::{Bells, CallsDue},
    exit::ExitGuard,
};
use crate::{
    base::{BotId, Breaking, Clock, Epoch, Lease, Millis, Seq, spawn::spawn},
    net::HttpClient,
    store::{DeliveryRow, DueQuery, Store, StoreError},
    telemetry::Metrics,
};

/// How long it rests after the store failed.
const REST: Duration = Duration::from_secs(1);

/// How the runner goes about its work.
#[derive(Debug, Clone)]
pub struct RunnerSettings {
    /// Calls in flight at once, over all bots.
    pub calls_at_once: usize,
    /// Calls in flight of one bot.
    pub calls_per_bot: usize,
    /// How each is made.
    pub calls: CallSettings,
    /// Whether calls are made, or only shown.
    pub making: Making,
}

/// Whether calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Making {
    /// They are.
    #[default]
    Real,
    /// They are shown on the screen, and not made: `botyard dev`.
    Shown,
}

/// Makes the client that calls go out with, on the thread it will live on.
pub type MakeClient = Arc<dyn Fn() -> Result<HttpClient, String> + Send + Sync>;

/// Whom the runner knows.
#[derive(Clone)]
pub struct RunnerDeps {
    /// Calls, and where their answers go.
    pub store: Arc<dyn Store>,
    /// Who rings.
    pub bells: Bells,
    /// For moments that are written down.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What speaks HTTP, behind its guard.
    pub make_client: MakeClient,
    /// Calls that answers may be posted for.
    pub open: OpenCalls,
    /// How.
    pub settings: RunnerSettings,
}

/// What the tasks of the runner share.
struct Office {
    store: Arc<dyn Store>,
    metrics: Arc<Metrics>,
    maker: Maker,
    settings: RunnerSettings,
    breaking: Breaking,
}

/// From now on calls of a bot are made under this lease.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Open {
    /// The right to mark.
    pub lease: Lease,
}

/// No call of a bot begins any more, until it is opened anew. What is being made goes on, and is recorded.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Close {
    /// Whose.
    pub bot: BotId,
    /// Only if this incarnation or an older one opened it.
    pub epoch: Epoch,
}

/// Nothing new begins from now on; answered when nothing is being made any more. How long to wait is the caller's
/// affair: what is cut off is made again after the next start, under the same id.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Drain;

/// How a try of a call ended, as far as the actor must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The call has its outcome.
    Over,
    /// It is tried again at a moment.
    Again(Millis),
    /// It was not marked: somebody else holds it, or the store is in trouble.
    Unmarked,
}

/// The actor.
pub struct Runner {
    office: Rc<Office>,
    bells: Bells,
    /// Boxed: a table has up to twice the room it needs, and a lane is large.
    lanes: HashMap<BotId, Box<Lane>>,
    /// Bots with something to begin or to look for; of ten thousand, most have nothing.
    stirring: BTreeSet<BotId>,
    /// Who had the last turn: every bot gets one call before any gets a second.
    last: Option<BotId>,
    flying: usize,
    draining: bool,
    drainers: Vec<oneshot::Sender<()>>,
    _exit: ExitGuard,
}

impl Runner {
    /// A runner without bots.
    #[must_use]
    pub fn new(deps: RunnerDeps, exit: ExitGuard) -> Self {
        let client = (deps.make_client)();
        if let Err(error) = &client {
            tracing::error!(error, "no handler can be called over HTTP");
        }
        let office = Office {
            store: deps.store,
            metrics: deps.metrics,
            maker: Maker::new(client, deps.open, deps.clock, deps.settings.calls.clone()),
            breaking: exit.breaking().clone(),
            settings: deps.settings,
        };
        Self {
            office: Rc::new(office),
            bells: deps.bells,
            lanes: HashMap::new(),
            stirring: BTreeSet::new(),
            last: None,
            flying: 0,
            draining: false,
            drainers: Vec::new(),
            _exit: exit,
        }
    }

    /// Begins what may begin, bot by bot.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        if self.draining {
            if self.flying == 0 {
                for done in self.drainers.drain(..) {
                    let _ = done.send(());
                }
            }
            return;
        }
        let bots = in_turn(&self.stirring, self.last.as_ref());
        let mut begun = true;
        while begun && self.flying < self.office.settings.calls_at_once {
            begun = false;
            for bot in &bots {
                if self.flying >= self.office.settings.calls_at_once {
                    break;
                }
                if self.begin(bot, ctx) {
                    self.last = Some(bot.clone());
                    begun = true;
                }
            }
        }
        for bot in &bots {
            self.look(bot, ctx);
        }
        self.stirring.retain(|bot| self.lanes.get(bot).is_some_and(|lane| lane.stirs()));
    }

    /// There may be something to do for a bot.
    fn stir(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        self.stirring.insert(bot.clone());
        self.pump(ctx);
    }

    /// Begins one call of a bot, if it has one that may.
    fn begin(&mut self, bot: &BotId, ctx: &mut Context<Self>) -> bool {
        let Some(lane) = self.lanes.get_mut(bot) else { return false };
        let Some(Pick { row, call, refused }) = lane.next(self.office.settings.calls_per_bot) else { return false };
        self.flying += 1;
        self.office.metrics.handlers.in_flight.inc();
        let (bot, seq, epoch, lease) = (bot.clone(), row.seq, lane.lease.epoch, lane.lease.clone());
        let (done, ended) = oneshot::channel();
        let office = Rc::clone(&self.office);
        // A task of its own: a call that was marked is recorded whatever becomes of this actor.
        spawn(async move {
            let ended = attempt::carry(&office, lease, row, call, refused).await;
            let _ = done.send(ended);
        });
        ctx.spawn(ended.into_actor(self).map(move |ended, runner, ctx| {
            runner.settle(&bot, epoch, seq, ended.unwrap_or(Ended::Unmarked), ctx);
        }));
        true
    }

    fn settle(&mut self, bot: &BotId, epoch: Epoch, seq: Seq, ended: Ended, ctx: &mut Context<Self>) {
        self.flying -= 1;
        self.office.metrics.handlers.in_flight.dec();
        if let Some(lane) = self.lanes.get_mut(bot) {
            lane.ended(epoch, seq, ended != Ended::Over);
            let wait = match ended {
                Ended::Over => None,
                Ended::Again(at) => Some(at.since(self.office.maker.clock.now()).max(Duration::from_millis(1))),
                Ended::Unmarked => Some(REST),
            };
            if let Some(wait) = wait {
                let bot = bot.clone();
                ctx.run_later(wait, move |runner, ctx| runner.wake(&bot, ctx));
            }
        }
        self.stir(bot, ctx);
    }

    fn wake(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        if let Some(lane) = self.lanes.get_mut(bot) {
            lane.look = true;
            self.stir(bot, ctx);
        }
    }

    /// Looks at the store for a bot, if there may be something and room for it.
    fn look(&mut self, bot: &BotId, ctx: &mut Context<Self>) {
        let Some(lane) = self.lanes.get_mut(bot) else { return };
        let Some((skip_keys, limit)) = lane.wants_rows() else { return };
        let (epoch, now) = (lane.lease.epoch, self.office.maker.clock.now());
        let query = DueQuery { bot: bot.clone(), epoch, now, skip_keys, limit };
        let store = Arc::clone(&self.office.store);
        let bot = bot.clone();
        let read = async move { store.due_calls(query).await };
        ctx.spawn(read.into_actor(self).map(move |rows, runner, ctx| runner.loaded(&bot, epoch, rows, ctx)));
    }

    fn loaded(
        &mut self,
        bot: &BotId,
        epoch: Epoch,
        rows: Result<Vec<DeliveryRow>, StoreError>,
        ctx: &mut Context<Self>,
    ) {
        let Some(lane) = self.lanes.get_mut(bot) else { return };
        match rows {
            Ok(rows) => lane.loaded(epoch, rows),
            Err(StoreError::Closed) => return,
            Err(error) => {
                tracing::warn!(bot.id = %bot, %error, "calls wait for the store");
                lane.not_loaded(epoch);
                let bot = bot.clone();
                ctx.run_later(REST, move |runner, ctx| runner.wake(&bot, ctx));
                return;
            }
        }
        self.stir(bot, ctx);
    }
}

/// Bots in the order of their turns: behind the one that had the last, then round.
fn in_turn(bots: &BTreeSet<BotId>, last: Option<&BotId>) -> Vec<BotId> {
    let (had, waits): (Vec<_>, Vec<_>) = bots.iter().cloned().partition(|bot| last.is_some_and(|last| bot <= last));
    waits.into_iter().chain(had).collect()
}

impl Actor for Runner {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.bells.attach_runner(ctx.address().recipient());
    }
}

impl Handler<Open> for Runner {
    type Result = ();

    fn handle(&mut self, Open { lease }: Open, ctx: &mut Self::Context) {
        let bot = lease.bot.clone();
        match self.lanes.get_mut(&bot) {
            Some(lane) if lane.lease.epoch > lease.epoch => return,
            Some(lane) => lane.reopen(lease),
            None => {
                self.lanes.insert(bot.clone(), Box::new(Lane::new(lease)));
            }
        }
        self.stir(&bot, ctx);
    }
}

impl Handler<Close> for Runner {
    type Result = ();

    fn handle(&mut self, Close { bot, epoch }: Close, _: &mut Self::Context) {
        if let Some(lane) = self.lanes.get_mut(&bot)
            && lane.lease.epoch <= epoch
        {
            if lane.is_idle() {
                self.lanes.remove(&bot);
            } else {
                lane.shut();
            }
            self.office.maker.workers.forget(&bot);
        }
    }
}

/// Calls were committed, or the sweeper says that some are due.
impl Handler<CallsDue> for Runner {
    type Result = ();

    fn handle(&mut self, _: CallsDue, ctx: &mut Self::Context) {
        for bot in self.bells.drain_runner() {
            // Without a lane the bot is not running: its calls are in the store when it does.
            if let Some(lane) = self.lanes.get_mut(&bot) {
                lane.look = true;
                self.stirring.insert(bot);
            }
        }
        self.pump(ctx);
    }
}

impl Handler<Drain> for Runner {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        let (done, drained) = oneshot::channel();
        self.draining = true;
        self.drainers.push(done);
        self.pump(ctx);
        Box::pin(async move {
            let _ = drained.await;
        })
    }
}

impl fmt::Debug for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runner").field("lanes", &self.lanes.len()).field("flying", &self.flying).finish_non_exhaustive()
    }
}

impl fmt::Debug for RunnerDeps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnerDeps").field("settings", &self.settings).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::testing::bot;

    #[test]
    fn every_bot_has_a_turn_before_any_has_a_second() {
        let stirring = BTreeSet::from(["a", "b", "c"].map(bot));
        let mut last = None;
        let turns: Vec<_> = (0..6)
            .map(|_| {
                last = in_turn(&stirring, last.as_ref()).into_iter().next();
                last.clone().unwrap()
            })
            .collect();
        assert_eq!(turns, ["a", "b", "c", "a", "b", "c"].map(bot));
        let gone = bot("bb");
        assert_eq!(in_turn(&stirring, Some(&gone)), ["c", "a", "b"].map(bot), "the last one need not stir any more");
    }
}
