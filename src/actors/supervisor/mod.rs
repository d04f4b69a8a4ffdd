//! Keeps every actor of the house: makes it, hears of its end, makes it anew after a wait, or leaves it down
//! with a reason that people can read.
//!
//! A bot is kept in one of a few phases. It runs on a program the roster handed over; it comes back after a
//! crash as a new value; it is parked when Webex refuses its token, held when something must be put right
//! first, quarantined when it keeps crashing. Whatever the phase, its events keep being accepted and wait.

mod clocked;
mod crashes;
mod kept;
mod leaving;
mod rehearse;
mod silence;
mod singletons;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
    time::Duration,
};

use actix::{
    Actor, ActorFutureExt, Addr, AsyncContext, Context, Handler, Message, MessageResult, ResponseFuture, WrapFuture,
};
use futures_util::future::join_all;
use tokio::sync::oneshot;

pub use self::{
    clocked::Clocked,
    kept::{Kept, KeptState},
    silence::Mind,
    singletons::{Keep, Starter},
};
use self::{
    crashes::AfterCrash,
    kept::{Phase, Running},
    singletons::Singleton,
};
use super::{
    api::TokenRefused,
    bot::{Bot, BotNews, BotSpec, Deps, Drain, GiveBack, News, UseProgram},
    exit::{ExitGuard, Exited, LastGuard, OnFatal, Who},
    line::{Line, tell},
    place::{Place, spread},
    registrar::{Dismiss, Reconcile, Registrar},
    roster::{RefreshToken, Roster},
    routes::Routes,
};
use crate::{
    base::{BotId, Point, backoff::Backoff, spawn::spawn, whole_millis},
    brain::Program,
    store::{Hold, HoldKind, Identity, Silence},
};

/// A parked bot is tried again after this: a 401 is final for a token, but not every 401 is about the token.
const PARKED_RETRY: Duration = Duration::from_mins(15);
/// How often the counts of bots by state are refreshed, and addresses looked at that ended without a word.
const TICK: Duration = Duration::from_secs(5);

/// What the supervisor is made from.
#[derive(Clone)]
pub struct SupervisorDeps {
    /// What it hands to every bot.
    pub bots: Arc<Deps>,
    /// Where bots live.
    pub place: Place,
    /// Whom it asks to put registrations right.
    pub registrar: Line<Registrar>,
    /// Whom it asks to read a token again.
    pub roster: Line<Roster>,
    /// The ingress's snapshot.
    pub routes: Routes,
    /// Waits after crashes.
    pub backoff: Backoff,
    /// Who is silent, as the store had it when the house was opened.
    pub silence: Silence,
    /// Whether the house wants to hear of deletions wherever a program wants messages.
    pub follow_deletions: bool,
    /// Whom to tell when the supervisor itself panics.
    pub on_fatal: OnFatal,
}

/// The one that keeps all others.
pub struct Supervisor {
    deps: SupervisorDeps,
    /// Boxed: a tree has room for more than it holds, and what is kept of a bot is large.
    bots: BTreeMap<BotId, Box<Kept>>,
    singletons: HashMap<&'static str, Singleton>,
    incarnations: u64,
    /// Who is kept from working by an operator's word, or by a restore.
    silence: Silence,
    /// Every incarnation that has not ended yet, those that are only finishing included.
    alive: HashMap<u64, Addr<Bot>>,
    /// Bots that were retired in this process: one that comes back must be stored anew, whatever crossed on the way.
    retired: HashSet<BotId>,
    /// Set once at shutdown: nothing is started any more; answered when the last bot has ended.
    stopping: Option<Vec<oneshot::Sender<()>>>,
    /// Nobody keeps the keeper.
    _last: LastGuard,
}

/// Run a bot on this program: new, or changed, or with a new token. Answers whether it came back from retirement: that
/// may have been written after the roster stored the bot, so it must be stored once more.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct Run {
    /// Which bot.
    pub bot: BotId,
    /// On what.
    pub program: Arc<Program>,
    /// Who it was when last seen.
    pub identity: Option<Identity>,
    /// Its token changed: the running incarnation must make room for one that uses it.
    pub new_token: bool,
}

/// Keep a bot down with a reason that its definition or its token gives.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct KeepDown {
    /// Which bot.
    pub bot: BotId,
    /// On what it would run.
    pub program: Arc<Program>,
    /// Why not, and the fix.
    pub reason: String,
}

/// The bot's files are gone for good: drain it, remove its webhooks, retire it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Remove(pub BotId);

/// How all bots are.
#[derive(Debug, Message)]
#[rtype(result = "Vec<KeptState>")]
pub struct States;

/// Drain every bot; answered when none is left.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct Shutdown;

/// There is no more time: every bot gives back what it has in hand.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct GiveAllBack;

impl Supervisor {
    /// A supervisor that keeps nobody yet.
    #[must_use]
    pub fn new(deps: SupervisorDeps) -> Self {
        Self {
            _last: LastGuard(deps.on_fatal.clone()),
            silence: deps.silence.clone(),
            deps,
            bots: BTreeMap::new(),
            singletons: HashMap::new(),
            incarnations: 0,
            alive: HashMap::new(),
            retired: HashSet::new(),
            stopping: None,
        }
    }

    /// Makes a new value of a bot and starts it on its arbiter.
    fn start(&mut self, id: &BotId, ctx: &mut Context<Self>) {
        if self.stopping.is_some() {
            return;
        }
        let Some(kept) = self.bots.get_mut(id) else { return };
        if let Some(hold) = self.silence.of(id) {
            kept.phase = Phase::Silent(hold);
            return;
        }
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let (who, breaking) = (Who::Bot(id.clone(), incarnation), self.deps.bots.breaking.clone());
        let spec = BotSpec {
            id: id.clone(),
            program: kept.program.clone(),
            identity: kept.identity.clone(),
            supervisor: ctx.address().recipient(),
            exit: ExitGuard::new(who, ctx.address().recipient(), breaking),
            incarnation,
        };
        let deps = self.deps.bots.clone();
        let addr = self.deps.place.start(spread(id), move |_| Bot::new(spec, deps));
        self.alive.insert(incarnation, addr.clone());
        kept.phase = Phase::Running(Running { addr, incarnation, epoch: None, ready: false });
    }

    /// Keeps a bot down and says why, in the log and in the store.
    fn hold(&mut self, id: &BotId, kind: HoldKind, reason: String) {
        tracing::error!(bot.id = %id, hold = ?kind, reason, "bot is kept down");
        let Some(kept) = self.bots.get_mut(id) else { return };
        let hold = Hold { kind, reason, since: self.deps.bots.clock.now() };
        kept.phase = Phase::Held(hold.clone());
        kept.restart_on_exit = false;
        self.remember_hold(id, Some(hold));
        // Its webhooks stay: what Webex sends meanwhile is accepted, and waits.
        if let Some(registrar) = self.deps.registrar.addr() {
            let _ = registrar.try_send(Dismiss { bot: id.clone() });
        }
    }

    /// Detached: a context polls all its futures whenever one wakes, and thousands of bots may start together.
    fn remember_hold(&self, id: &BotId, hold: Option<Hold>) {
        let (store, id) = (self.deps.bots.store.clone(), id.clone());
        let write = async move {
            if let Err(error) = store.put_hold(id.clone(), hold).await {
                tracing::warn!(bot.id = %id, error = %error, "why the bot is kept down could not be stored");
            }
        };
        spawn(write);
    }

    /// Ends the running incarnation, if any, so that `then` finds the bot stopped.
    fn replace(&mut self, id: &BotId, ctx: &mut Context<Self>) {
        let Some(kept) = self.bots.get_mut(id) else { return };
        match &kept.phase {
            Phase::Running(running) => {
                kept.restart_on_exit = true;
                tell(&running.addr, Drain);
            }
            Phase::Held(_) | Phase::Silent(_) | Phase::Waiting => {
                self.remember_hold(id, None);
                self.start(id, ctx);
            }
            Phase::Leaving(_) => {}
        }
    }

    fn reconcile(&self, id: &BotId, kept: &Kept) {
        let Some(registrar) = self.deps.registrar.addr() else { return };
        let kinds = kept.program.kinds();
        let wanted = if self.deps.follow_deletions { kinds.following_deletions() } else { kinds };
        if registrar.try_send(Reconcile { bot: id.clone(), wanted }).is_err() {
            tracing::warn!(bot.id = %id, "the registrar could not be asked; it looks again by itself");
        }
    }

    /// Answers those who wait for the last bot to end.
    fn settle(&mut self) {
        if self.alive.is_empty()
            && let Some(waiting) = &mut self.stopping
        {
            for answer in waiting.drain(..) {
                let _ = answer.send(());
            }
        }
    }

    /// Looks at what should have been told: counts for metrics, incarnations that ended without a word.
    fn tick(&mut self, ctx: &mut Context<Self>) {
        self.deps.bots.breaking.pass_now(Point::InSupervisor, None);
        let mut counts: BTreeMap<&'static str, usize> = BTreeMap::new();
        let mut lost = Vec::new();
        for (id, kept) in &self.bots {
            *counts.entry(kept.word().as_str()).or_default() += 1;
            if let Phase::Running(running) = &kept.phase
                && !running.addr.connected()
            {
                lost.push(Exited { who: Who::Bot(id.clone(), running.incarnation), panicked: true });
            }
        }
        self.deps.bots.metrics.bots.set_states(&counts.into_iter().collect::<Vec<_>>());
        for exited in lost {
            self.handle(exited, ctx);
        }
    }

    fn bot_exited(&mut self, id: &BotId, incarnation: u64, panicked: bool, ctx: &mut Context<Self>) {
        let now = self.deps.bots.clock.now();
        let backoff = self.deps.backoff;
        self.alive.remove(&incarnation);
        self.settle();
        let Some(kept) = self.bots.get_mut(id) else { return };
        if kept.incarnation_in_charge().is_some_and(|running| running != incarnation) {
            return;
        }
        if panicked {
            self.deps.bots.metrics.bots.crashes.inc();
        }
        match (&kept.phase, panicked) {
            (Phase::Leaving(_) | Phase::Held(_), _) => {}
            (Phase::Silent(_), _) => self.close_lane(id),
            (_, true) => match kept.crashes.note(now, &backoff, spread(id) as u64) {
                AfterCrash::StartAgain(wait) => {
                    tracing::error!(bot.id = %id, restart_ms = whole_millis(wait), "bot crashed and comes back");
                    kept.phase = Phase::Waiting;
                    kept.restart_on_exit = false;
                    let id = id.clone();
                    ctx.run_later(wait, move |it, ctx| {
                        if it.bots.get(&id).is_some_and(|kept| matches!(kept.phase, Phase::Waiting)) {
                            it.start(&id, ctx);
                        }
                    });
                }
                AfterCrash::Quarantine => {
                    let reason = "it crashed five times in ten minutes; change its definition, or run `botyard resume`";
                    self.hold(id, HoldKind::Quarantined, reason.to_owned());
                }
            },
            (_, false) => {
                let again = std::mem::take(&mut kept.restart_on_exit) && self.stopping.is_none();
                kept.phase = Phase::Waiting;
                if again {
                    self.start(id, ctx);
                }
            }
        }
    }
}

impl Actor for Supervisor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.run_interval(TICK, Self::tick);
    }
}

impl Handler<Run> for Supervisor {
    type Result = bool;

    fn handle(&mut self, run: Run, ctx: &mut Self::Context) -> bool {
        let id = run.bot;
        let fresh = !self.bots.contains_key(&id);
        let kept =
            self.bots.entry(id.clone()).or_insert_with(|| Box::new(Kept::new(run.program.clone(), run.identity)));
        let same = !fresh && kept.program.digest() == run.program.digest();
        let kinds_changed = kept.program.kinds() != run.program.kinds();
        kept.program = run.program.clone();
        if fresh {
            self.start(&id, ctx);
            return self.retired.remove(&id);
        }
        kept.crashes.forgive();
        let comes_back = matches!(kept.phase, Phase::Leaving(_));
        if comes_back && let Phase::Leaving(running) = std::mem::replace(&mut kept.phase, Phase::Waiting) {
            // In charge again until it has ended; then the next incarnation registers anew.
            kept.phase = Phase::Running(running);
        }
        match &kept.phase {
            Phase::Running(running) if !run.new_token && !comes_back => {
                // The event in hand finishes on the old program; the next one runs on this.
                if !same && !tell(&running.addr, UseProgram(run.program)) {
                    self.replace(&id, ctx);
                } else if kinds_changed && running.ready {
                    self.reconcile(&id, &self.bots[&id]);
                }
            }
            // Held because of its token, and neither token nor program is new: it stays down.
            Phase::Held(_) if same && !run.new_token => {}
            _ => self.replace(&id, ctx),
        }
        false
    }
}

impl Handler<KeepDown> for Supervisor {
    type Result = ();

    fn handle(&mut self, down: KeepDown, _: &mut Self::Context) {
        let kept = self.bots.entry(down.bot.clone()).or_insert_with(|| Box::new(Kept::new(down.program.clone(), None)));
        kept.program = down.program;
        if let Phase::Running(running) = &kept.phase {
            tell(&running.addr, Drain);
        }
        self.hold(&down.bot, HoldKind::Held, down.reason);
    }
}

impl Handler<BotNews> for Supervisor {
    type Result = ();

    fn handle(&mut self, news: BotNews, _: &mut Self::Context) {
        let Some(kept) = self.bots.get_mut(&news.bot) else { return };
        match (&mut kept.phase, news.what) {
            (Phase::Running(running), News::Leased(epoch)) if running.incarnation == news.incarnation => {
                running.epoch = Some(epoch);
            }
            (Phase::Running(running), News::Ready(identity)) if running.incarnation == news.incarnation => {
                running.ready = true;
                self.deps.routes.change(&news.bot, |route| route.me = Some(identity.person_id.as_str().into()));
                kept.identity = Some(identity);
                let kept = &self.bots[&news.bot];
                self.reconcile(&news.bot, kept);
                self.remember_hold(&news.bot, None);
            }
            (Phase::Running(running), News::Held(reason)) if running.incarnation == news.incarnation => {
                self.close_lane(&news.bot);
                self.hold(&news.bot, HoldKind::Held, reason);
            }
            _ => {}
        }
    }
}

impl Handler<TokenRefused> for Supervisor {
    type Result = ();

    /// A 401 parks that bot only. Its source is read again first: a `file:` token may have been rotated.
    fn handle(&mut self, refused: TokenRefused, ctx: &mut Self::Context) {
        let id = refused.bot;
        let Some(kept) = self.bots.get_mut(&id) else { return };
        let Phase::Running(running) = &kept.phase else { return self.leave_without_token(&id, ctx) };
        if kept.restart_on_exit || running.epoch != Some(refused.epoch) {
            // About a token that is being replaced already.
            return;
        }
        tell(&running.addr, Drain);
        let reason = "Webex refuses its token (401): it was regenerated or the bot deleted; \
                      put a valid one where `token` points to, or run `botyard token set`";
        self.hold(&id, HoldKind::Parked, reason.to_owned());
        let Some(roster) = self.deps.roster.addr() else { return };
        let asked = id.clone();
        let read = async move { roster.send(RefreshToken(asked)).await.unwrap_or(false) };
        ctx.spawn(read.into_actor(self).map(move |changed, it: &mut Self, ctx| {
            let parked = it.bots.get(&id).is_some_and(|kept| kept.is_parked());
            match (parked, changed) {
                (true, true) => it.replace(&id, ctx),
                (true, false) => {
                    ctx.run_later(PARKED_RETRY, move |it, ctx| {
                        if it.bots.get(&id).is_some_and(|kept| kept.is_parked()) {
                            it.replace(&id, ctx);
                        }
                    });
                }
                _ => {}
            }
        }));
    }
}

impl Handler<Exited> for Supervisor {
    type Result = ();

    fn handle(&mut self, exited: Exited, ctx: &mut Self::Context) {
        match exited.who {
            Who::Bot(id, incarnation) => self.bot_exited(&id, incarnation, exited.panicked, ctx),
            Who::Singleton(name) => self.singleton_exited(name, ctx),
        }
    }
}

impl Handler<States> for Supervisor {
    type Result = MessageResult<States>;

    fn handle(&mut self, _: States, _: &mut Self::Context) -> Self::Result {
        MessageResult(self.bots.iter().map(|(id, kept)| kept.state(id)).collect())
    }
}

impl Handler<Shutdown> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: Shutdown, _: &mut Self::Context) -> Self::Result {
        let (answer, ended) = oneshot::channel();
        self.stopping.get_or_insert_default().push(answer);
        for addr in self.alive.values() {
            tell(addr, Drain);
        }
        self.settle();
        Box::pin(async move {
            let _ = ended.await;
        })
    }
}

impl Handler<GiveAllBack> for Supervisor {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, _: GiveAllBack, _: &mut Self::Context) -> Self::Result {
        self.deps.bots.trial.close();
        let given = join_all(self.alive.values().map(|addr| addr.send(GiveBack)).collect::<Vec<_>>());
        Box::pin(async move {
            given.await;
        })
    }
}

impl std::fmt::Debug for SupervisorDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SupervisorDeps").field("place", &self.place).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Supervisor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Supervisor").field("bots", &self.bots).finish_non_exhaustive()
    }
}
