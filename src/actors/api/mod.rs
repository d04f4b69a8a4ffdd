//! The one actor shared by all bots: the only way out to Webex.
//!
//! Two faces under the same permits: *deliver* (rows of the outbox) and *call* (a question with an answer,
//! idempotent only). It decides who goes when; the HTTP itself runs on wires, where there are cores for it on threads
//! of their own.
//!
//! ```text
//!  Ring, OpenLane, Call …          pump: while permits are free
//!        │                                 ring.next() ──▶ lane.next() ──▶ task: mark, wire, record
//!        ▼                                                                    │
//!   a lane changes ──▶ ring.join(lane) ◀──────── Done (a bounded channel) ◀───┘
//! ```
//!
//! Whatever changes a lane (a call, rows, an answer, a moment) puts it into the ring and pumps; nobody ever looks
//! through all lanes. Tasks do the waiting and report back; a task that marked a delivery also records it, so a
//! crash of this actor leaves nothing half-said. Futures of the actor's own context are few on purpose: actix polls
//! all of them whenever one wakes.

mod act;
mod call;
mod deliver;
mod lane;
mod limiter;
pub mod messages;
mod outbox;
mod pump;
mod queue;
mod schedule;
pub mod snapshot;
#[cfg(test)]
mod tests;
mod upload;
mod wire;

use std::{
    collections::HashMap,
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    path::PathBuf,
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, AsyncContext, Context, Handler, MessageResult, Recipient, ResponseFuture, SpawnHandle, StreamHandler,
};
use futures_util::{future, stream};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};

use self::{
    deliver::{News, Pass},
    lane::{Door, Lane},
    queue::Asked,
    schedule::Ring as LaneRing,
    wire::Wires,
};
pub use self::{
    messages::{
        Call, CallClass, CallError, CloseLane, DoubtPolicy, Drain, OpenLane, QuietLane, Ring, Snapshot, TokenRefused,
    },
    snapshot::{ApiSnapshot, LaneSnapshot, LaneState},
    wire::{MakeWire, Wire, WireError, WireMode},
};
use super::{bells::Bells, exit::ExitGuard, moments::Moments};
use crate::{
    base::{BotId, Breaking, Clock, Epoch, Millis},
    store::{DeliveryRow, Store, StoreError},
    telemetry::Metrics,
    webex::{Reply, Request},
};

/// Largest answer that is read: a page of a hundred webhooks is a tenth of it.
const MAX_ANSWER: usize = 1 << 20;
/// Reports of tasks that may wait for the actor.
const REPORTS: usize = 1_024;
/// Reports taken at once.
const BATCH: usize = 128;

/// How the api goes about its work.
#[derive(Debug, Clone)]
pub struct ApiSettings {
    /// `webex.api_url`.
    pub base_url: String,
    /// The budget a lane starts from.
    pub requests_per_minute: u32,
    /// Requests in flight at once, over all bots.
    pub connections: usize,
    /// For one request.
    pub timeout: Duration,
    /// Tries of one delivery before it is given up.
    pub delivery_attempts: u32,
    /// Folders of definitions: files to be sent lie below.
    pub files: Vec<PathBuf>,
    /// Where the wires run.
    pub wires: WireMode,
}

/// Whom the api knows.
#[derive(Clone)]
pub struct ApiNeighbours {
    /// The outbox.
    pub store: Arc<dyn Store>,
    /// Where deliveries are handed over.
    pub bells: Bells,
    /// For moments that are written down.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Makes what speaks HTTP.
    pub make_wire: MakeWire,
    /// Who parks a bot whose token is refused.
    pub refused: Recipient<TokenRefused>,
}

/// What the tasks of the api share.
struct Office {
    settings: ApiSettings,
    store: Arc<dyn Store>,
    wires: Wires,
    clock: Clock,
    /// A clock that nobody sets: limits and deadlines go by it.
    steady: Clock,
    metrics: Arc<Metrics>,
    breaking: Breaking,
    /// Who may hold a file in memory.
    uploads: Semaphore,
    reports: mpsc::Sender<Done>,
}

/// What a task reports.
#[derive(Debug)]
enum Done {
    /// A try of a call has ended; its permit is free.
    Called { bot: BotId, generation: u64, call: Asked, answer: Result<Reply, WireError> },
    /// A row was not marked and did not leave; its permit is free.
    Unmarked { bot: BotId, epoch: Epoch, row: DeliveryRow, error: Option<StoreError> },
    /// A delivery's try has ended on the wire; its permit is free, its destination is not.
    Off { bot: BotId, generation: u64, news: News, requests: u32 },
    /// The try's outcome is recorded; its destination goes on, or waits for the next try.
    Ended { bot: BotId, epoch: Epoch, row: DeliveryRow, again: Option<Millis> },
    /// A look at the store has ended.
    Loaded { bot: BotId, epoch: Epoch, rows: Result<Vec<DeliveryRow>, StoreError>, limit: usize },
}

/// The actor.
pub struct Api {
    office: Rc<Office>,
    bells: Bells,
    refused: Recipient<TokenRefused>,
    reports: Option<mpsc::Receiver<Done>>,
    /// Boxed: a table has up to twice the room it needs, and a lane is large.
    lanes: HashMap<BotId, Box<Lane>>,
    /// Lanes that may have something to send.
    ring: LaneRing,
    /// Lanes that wait for their look at the store.
    readers: LaneRing,
    reading: usize,
    permits: usize,
    /// Permits one lane may hold.
    most: usize,
    /// Deliveries that were picked and have no recorded outcome.
    flying: usize,
    timers: Moments,
    armed: Option<(Millis, SpawnHandle)>,
    /// Nothing new leaves any more.
    draining: bool,
    /// Who waits until nothing is on its way.
    drainers: Vec<oneshot::Sender<()>>,
    exit: ExitGuard,
}

impl Api {
    /// To be made on the thread it will run on, inside of an actix system.
    #[must_use]
    pub fn new(settings: ApiSettings, neighbours: ApiNeighbours, exit: ExitGuard) -> Self {
        let ApiNeighbours { store, bells, clock, metrics, make_wire, refused } = neighbours;
        let permits = settings.connections.max(1);
        let (sender, reports) = mpsc::channel(REPORTS);
        let steady = Clock::Tokio { wall: clock.now(), origin: Instant::now() };
        let wires = Wires::start(settings.wires, &make_wire, permits);
        let breaking = exit.breaking().clone();
        Self {
            office: Rc::new(Office {
                settings,
                store,
                wires,
                clock,
                steady,
                metrics,
                breaking,
                uploads: Semaphore::new(upload::AT_ONCE),
                reports: sender,
            }),
            bells,
            refused,
            reports: Some(reports),
            lanes: HashMap::new(),
            ring: LaneRing::default(),
            readers: LaneRing::default(),
            reading: 0,
            permits,
            most: (permits / 4).max(1),
            flying: 0,
            timers: Moments::default(),
            armed: None,
            draining: false,
            drainers: Vec::new(),
            exit,
        }
    }
}

impl Actor for Api {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(mut reports) = self.reports.take() {
            ctx.add_stream(stream::poll_fn(move |cx| {
                let mut batch = Vec::new();
                reports.poll_recv_many(cx, &mut batch, BATCH).map(|count| (count > 0).then_some(batch))
            }));
        }
        self.bells.attach_api(ctx.address().recipient());
    }
}

/// What tasks report.
impl StreamHandler<Vec<Done>> for Api {
    fn handle(&mut self, batch: Vec<Done>, ctx: &mut Self::Context) {
        for done in batch {
            self.settle(done);
        }
        self.pump(ctx);
    }
}

impl Handler<OpenLane> for Api {
    type Result = ();

    fn handle(&mut self, open: OpenLane, ctx: &mut Self::Context) {
        let (now, per_minute) = (self.office.steady.now(), self.office.settings.requests_per_minute);
        let bot = open.lease.bot.clone();
        match self.lanes.get_mut(&bot) {
            Some(lane) if lane.pass.lease.epoch > open.lease.epoch => return,
            Some(lane) => lane.reopen(open, per_minute, now),
            None => {
                let mut hasher = DefaultHasher::new();
                bot.hash(&mut hasher);
                let wire = usize::try_from(hasher.finish() % 1_024).unwrap_or_default();
                self.lanes.insert(bot.clone(), Box::new(Lane::new(open, wire, per_minute, now)));
            }
        }
        self.ring.join(&bot);
        self.pump(ctx);
    }
}

impl Handler<QuietLane> for Api {
    type Result = ();

    fn handle(&mut self, QuietLane { bot }: QuietLane, _: &mut Self::Context) {
        if let Some(lane) = self.lanes.get_mut(&bot) {
            lane.quiet = true;
        }
    }
}

impl Handler<DoubtPolicy> for Api {
    type Result = ();

    fn handle(&mut self, policy: DoubtPolicy, _: &mut Self::Context) {
        if let Some(lane) = self.lanes.get_mut(&policy.lease.bot)
            && lane.pass.lease == policy.lease
        {
            lane.pass = Rc::new(lane.pass.with(policy.repeat_doubtful));
        }
    }
}

impl Handler<CloseLane> for Api {
    type Result = ();

    fn handle(&mut self, close: CloseLane, ctx: &mut Self::Context) {
        if let Some(lane) = self.lanes.get_mut(&close.bot)
            && lane.pass.lease.epoch <= close.epoch
        {
            lane.shut(Door::Closed);
            self.ring.join(&close.bot);
            self.pump(ctx);
        }
    }
}

/// Deliveries were committed, or the sweeper says that some are due.
impl Handler<Ring> for Api {
    type Result = ();

    fn handle(&mut self, _: Ring, ctx: &mut Self::Context) {
        for (bot, handed) in self.bells.drain_api() {
            // Without a lane the bot is not running: its rows are in the store when it does.
            if let Some(lane) = self.lanes.get_mut(&bot) {
                lane.outbox.hand_over(handed);
                self.ring.join(&bot);
            }
        }
        self.pump(ctx);
    }
}

impl Handler<Call> for Api {
    type Result = ResponseFuture<Result<Reply, CallError>>;

    fn handle(&mut self, call: Call, ctx: &mut Self::Context) -> Self::Result {
        if let Err(foreign) = call.request.url(&self.office.settings.base_url) {
            return Box::pin(future::ready(Err(foreign.into())));
        }
        let bot = call.bot.clone();
        let (asked, answer) = call::asked(call, self.office.steady.now());
        match self.lanes.get_mut(&bot) {
            Some(lane) if !self.draining => lane.ask(asked),
            _ => asked.reply(Err(CallError::NoLane)),
        }
        self.ring.join(&bot);
        self.pump(ctx);
        Box::pin(answer)
    }
}

impl Handler<Drain> for Api {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Drain, ctx: &mut Self::Context) -> Self::Result {
        let (done, drained) = oneshot::channel();
        self.draining = true;
        self.drainers.push(done);
        self.pump(ctx);
        Box::pin(async move {
            // The actor never drops the sender while it lives; if it is gone, so is what was on its way.
            let _ = drained.await;
        })
    }
}

impl Handler<Snapshot> for Api {
    type Result = MessageResult<Snapshot>;

    fn handle(&mut self, _: Snapshot, _: &mut Self::Context) -> Self::Result {
        let now = self.office.steady.now();
        let mut lanes: Vec<_> = self.lanes.iter().map(|(bot, lane)| LaneSnapshot::of(bot, lane, now)).collect();
        lanes.sort_by(|one, other| one.bot.cmp(&other.bot));
        let connections = self.office.settings.connections.max(1);
        MessageResult(ApiSnapshot { in_flight: connections - self.permits, connections, flying: self.flying, lanes })
    }
}

impl Office {
    /// Sends a request under a lane's token and counts the answer.
    async fn send(&self, pass: &Pass, request: &Request, timeout: Duration) -> Result<Reply, WireError> {
        let answer = match request.to_http(&self.settings.base_url, &pass.token, timeout, MAX_ANSWER) {
            Ok(request) => self.wires.send(pass.wire, request).await,
            Err(foreign) => return Err(WireError::passing(foreign.to_string(), false)),
        };
        self.metrics.outbound.answered(answer.as_ref().ok().map(|reply| reply.status));
        answer
    }

    /// Reports to the actor; when that is gone, nobody needs to know.
    async fn tell(&self, done: Done) {
        let _ = self.reports.send(done).await;
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api").field("lanes", &self.lanes.len()).field("permits", &self.permits).finish_non_exhaustive()
    }
}

impl fmt::Debug for ApiNeighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiNeighbours").field("bells", &self.bells).finish_non_exhaustive()
    }
}
