//! Makes the webhooks at Webex equal to what is wanted, per bot and paced. One bad bot stops no other.
//!
//! Level, not edge: a bot is looked at when it starts and then again and again, whatever happened in between. The
//! same look makes, mends, adopts and removes; that nothing is to be done is its usual end.

pub mod diff;
mod look;
pub mod report;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, Recipient, WrapFuture};
use tokio::time::Instant;
use tracing::{info, warn};

use self::look::{Desk, Job, Look};
pub use self::{
    diff::{Action, ForeignNote, Listed, Plan, Wanted, plan},
    report::{Changes, Report},
};
use super::{api::Call, exit::ExitGuard, moments::Moments, routes::Routes};
use crate::{
    base::{Backoff, BotId, Clock, InstanceName, Millis, Point, backoff::jitter},
    store::Store,
    telemetry::Metrics,
    webex::Kinds,
};

/// Between two tries of a look that failed.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(5), cap: Duration::from_mins(10) };
/// A webhook that Webex switches off again soon after it was switched on rests this long: before that, a single
/// failure switches it off once more.
const REST: Duration = Duration::from_mins(5);
/// How exact the moments of looks are.
const TICK: Duration = Duration::from_secs(1);

/// How the registrar goes about its work.
#[derive(Debug, Clone)]
pub struct RegistrarSettings {
    /// Stands in every owner tag.
    pub instance: InstanceName,
    /// `public_url`: webhooks go to `/hooks/{bot}` below it.
    pub public_url: String,
    /// Bots looked at at once.
    pub at_once: usize,
    /// Between two looks at one bot.
    pub every: Duration,
    /// How long one request of a look may take, its retries included.
    pub deadline: Duration,
}

/// Finds the present api actor; nothing while there is none.
pub type ApiDoor = Arc<dyn Fn() -> Option<Recipient<Call>> + Send + Sync>;

/// Whom the registrar knows.
#[derive(Clone)]
pub struct RegistrarNeighbours {
    /// Keeps secrets and ids.
    pub store: Arc<dyn Store>,
    /// The way to Webex, as it is now: the api actor may have been made anew.
    pub api: ApiDoor,
    /// Where ingress finds the secrets.
    pub routes: Routes,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// For moments that people see.
    pub clock: Clock,
    /// Who is told of every look.
    pub told: Recipient<Reconciled>,
}

/// A bot is there (its lane is open) and wants these kinds: look at once, and from now on regularly.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Reconcile {
    /// Which.
    pub bot: BotId,
    /// What it wants to hear of.
    pub wanted: Kinds,
}

/// A bot is not there for now: its webhooks stay, nobody looks.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Dismiss {
    /// Which.
    pub bot: BotId,
}

/// A bot goes for good: remove its webhooks, and only those with its own tag. Its lane must stay open until
/// [`Reconciled`] says that this is in step; until then it is tried again.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Deregister {
    /// Which.
    pub bot: BotId,
}

/// How every look ended.
#[derive(Debug, Clone, Message)]
#[rtype(result = "()")]
pub struct Reconciled {
    /// Whose.
    pub bot: BotId,
    /// It was a look of [`Deregister`]; with `report.in_step` nothing of the bot is left at Webex.
    pub leaving: bool,
    /// What it found and did.
    pub report: Report,
}

/// The newest report of each bot, by name.
#[derive(Debug, Message)]
#[rtype(result = "Vec<(BotId, Report)>")]
pub struct Reports;

/// The actor.
pub struct Registrar {
    settings: RegistrarSettings,
    desk: Rc<Desk>,
    told: Recipient<Reconciled>,
    clock: Clock,
    /// A clock that nobody sets.
    steady: Clock,
    /// Boxed: a table has up to twice the room it needs, and an entry is large.
    bots: HashMap<BotId, Box<Entry>>,
    /// Bots to be looked at, each once.
    queue: VecDeque<BotId>,
    looking: usize,
    /// When to look again.
    moments: Moments,
    exit: ExitGuard,
}

/// What is known of one bot.
#[derive(Debug)]
struct Entry {
    kinds: Kinds,
    leaving: bool,
    state: State,
    failures: u32,
    /// Webhooks that were found switched off: until when each rests should that happen again.
    off: BTreeMap<String, Millis>,
    report: Option<Report>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Idle,
    Queued,
    /// Being looked at; `again`: what is wanted changed meanwhile.
    Looking {
        again: bool,
    },
}

impl Registrar {
    /// To be made on the thread it will run on.
    #[must_use]
    pub fn new(settings: RegistrarSettings, neighbours: RegistrarNeighbours, exit: ExitGuard) -> Self {
        let RegistrarNeighbours { store, api, routes, metrics, clock, told } = neighbours;
        let desk = Desk {
            instance: settings.instance.clone(),
            public_url: settings.public_url.clone(),
            deadline: settings.deadline,
            store,
            api,
            routes,
            metrics,
            breaking: exit.breaking().clone(),
        };
        Self {
            desk: Rc::new(desk),
            told,
            steady: Clock::Tokio { wall: clock.now(), origin: Instant::now() },
            clock,
            bots: HashMap::new(),
            queue: VecDeque::new(),
            looking: 0,
            moments: Moments::default(),
            settings,
            exit,
        }
    }

    /// Puts a bot in line, with what is wanted of it from now on.
    fn want(&mut self, bot: &BotId, kinds: Kinds, leaving: bool, ctx: &mut Context<Self>) {
        let entry = self.bots.entry(bot.clone()).or_insert_with(|| {
            let (off, report) = (BTreeMap::new(), None);
            Box::new(Entry { kinds, leaving, state: State::Idle, failures: 0, off, report })
        });
        (entry.kinds, entry.leaving, entry.failures) = (kinds, leaving, 0);
        self.enqueue(bot);
        self.pump(ctx);
    }

    fn enqueue(&mut self, bot: &BotId) {
        let Some(entry) = self.bots.get_mut(bot) else { return };
        match entry.state {
            State::Idle => {
                entry.state = State::Queued;
                self.moments.clear(bot);
                self.queue.push_back(bot.clone());
            }
            State::Looking { .. } => entry.state = State::Looking { again: true },
            State::Queued => {}
        }
    }

    /// Begins looks, as many as may be at once.
    fn pump(&mut self, ctx: &mut Context<Self>) {
        self.exit.pass(Point::InRegistrar);
        let now = self.steady.now();
        while self.looking < self.settings.at_once.max(1)
            && let Some(bot) = self.queue.pop_front()
        {
            // One that was dismissed is no longer here, or is here anew and in line once more.
            let Some(entry) = self.bots.get_mut(&bot).filter(|entry| entry.state == State::Queued) else { continue };
            entry.state = State::Looking { again: false };
            entry.off.retain(|_, until| *until > now.minus(REST));
            let resting = entry.off.iter().filter(|(_, until)| **until > now).map(|(id, _)| id.clone());
            let job = Job { bot, kinds: entry.kinds, leaving: entry.leaving, resting: resting.collect() };
            self.looking += 1;
            let desk = Rc::clone(&self.desk);
            let looks = async move {
                let look = desk.look(&job).await;
                (job, look)
            };
            ctx.spawn(looks.into_actor(self).map(|(job, look), registrar, ctx| {
                registrar.settle(&job, look);
                registrar.pump(ctx);
            }));
        }
    }

    /// Keeps what a look found, tells it, and sets the moment of the next one.
    fn settle(&mut self, job: &Job, look: Look) {
        self.looking -= 1;
        let now = self.steady.now();
        let Some(entry) = self.bots.get_mut(&job.bot) else { return };
        let State::Looking { again } = entry.state else { return };
        entry.state = State::Idle;

        let mut so_far = entry.report.as_ref().map(|report| report.so_far).unwrap_or_default();
        so_far.add(look.changes);
        let mut report = Report {
            at: self.clock.now(),
            in_step: look.in_step,
            changes: look.changes,
            so_far,
            foreign: look.foreign,
            notes: look.notes,
            error: look.error.map(|error| error.to_string()),
        };
        for id in look.inactive {
            if job.resting.contains(&id) {
                report.notes.push("a webhook that Webex switched off again rests for five minutes".to_owned());
            } else {
                report.notes.push("Webex had switched a webhook off after too many failures".to_owned());
                entry.off.insert(id, now.plus(REST));
            }
        }
        log(&job.bot, entry.report.as_ref(), &report);

        let seed = seed(&job.bot, now);
        let wait = if report.error.is_some() {
            entry.failures += 1;
            BACKOFF.delay(entry.failures, seed).min(self.settings.every)
        } else {
            entry.failures = 0;
            let rest = job.resting.iter().filter_map(|id| entry.off.get(id)).min().map(|until| until.since(now));
            let regular = self.settings.every.mul_f64(0.9) + jitter(self.settings.every / 5, seed);
            rest.map_or(regular, |rest| rest.min(regular))
        };
        entry.report = Some(report.clone());
        let gone = job.leaving && entry.leaving && report.in_step;
        if gone {
            self.bots.remove(&job.bot);
        } else if again {
            self.enqueue(&job.bot);
        } else {
            let at = now.plus(wait);
            self.moments.set(&job.bot, at);
        }
        // A clone of the recipient has a place in the mailbox of its own, however many are told at once.
        let _ = self.told.clone().try_send(Reconciled { bot: job.bot.clone(), leaving: job.leaving, report });
    }

    /// Puts those in line whose moment has come.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        let now = self.steady.now();
        while let Some(bot) = self.moments.due(now) {
            self.enqueue(&bot);
        }
        self.pump(ctx);
    }
}

/// Said when it is new, not at every look.
fn log(bot: &BotId, before: Option<&Report>, report: &Report) {
    if let Some(error) = &report.error
        && before.is_none_or(|before| before.error.as_ref() != Some(error))
    {
        warn!(bot.id = %bot, error, "the webhooks of a bot cannot be put in step; it is tried again");
    }
    for note in report.notes.iter().filter(|note| before.is_none_or(|before| !before.notes.contains(note))) {
        info!(bot.id = %bot, note, "a look at the webhooks of a bot");
    }
    for note in report.foreign.iter().filter(|note| note.doubles) {
        if before.is_none_or(|before| !before.foreign.contains(note)) {
            warn!(bot.id = %bot, webhook = note.name, target = note.target,
                "a webhook that is not ours brings the same events elsewhere: if that place answers too, people get two answers");
        }
    }
}

/// Bots that start together drift apart.
fn seed(bot: &BotId, now: Millis) -> u64 {
    let mut hasher = DefaultHasher::new();
    (bot, now).hash(&mut hasher);
    hasher.finish()
}

impl Actor for Registrar {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<Reconcile> for Registrar {
    type Result = ();

    fn handle(&mut self, Reconcile { bot, wanted }: Reconcile, ctx: &mut Self::Context) {
        self.want(&bot, wanted, false, ctx);
    }
}

impl Handler<Deregister> for Registrar {
    type Result = ();

    fn handle(&mut self, Deregister { bot }: Deregister, ctx: &mut Self::Context) {
        self.want(&bot, Kinds::default(), true, ctx);
    }
}

impl Handler<Dismiss> for Registrar {
    type Result = ();

    fn handle(&mut self, Dismiss { bot }: Dismiss, _: &mut Self::Context) {
        self.bots.remove(&bot);
        self.moments.clear(&bot);
    }
}

impl Handler<Reports> for Registrar {
    type Result = MessageResult<Reports>;

    fn handle(&mut self, _: Reports, _: &mut Self::Context) -> Self::Result {
        let reports = self.bots.iter().filter_map(|(bot, entry)| Some((bot.clone(), entry.report.clone()?)));
        let mut reports: Vec<_> = reports.collect();
        reports.sort_by(|one, other| one.0.cmp(&other.0));
        MessageResult(reports)
    }
}

impl fmt::Debug for Registrar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registrar")
            .field("bots", &self.bots.len())
            .field("looking", &self.looking)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for RegistrarNeighbours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegistrarNeighbours").field("routes", &self.routes).finish_non_exhaustive()
    }
}
