//! Makes the running bots equal to `bots.d`: looks, compares, applies. Boot is the first look.
//!
//! What it hands to the supervisor is in the store before: the definition (so that the last good one survives
//! a restart) and the token (so that the bot takes it from there). It runs one look at a time.

mod apply;
mod plan;
mod survey;
mod tokens;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use tokio::sync::watch;

pub use self::tokens::TokenPolicy;
use self::{
    apply::{Entry, apply, recall, send, token_file},
    survey::{Survey, Surveyor},
    tokens::Token,
};
use super::{
    exit::ExitGuard,
    hooks,
    line::Line,
    report::ReloadReport,
    routes::Routes,
    supervisor::{Run, Supervisor},
};
use crate::{
    base::{BotId, Clock, Mark, Point, Secret},
    brain::Policy,
    store::{By, Store, StoreError},
    telemetry::Metrics,
};

/// When a look that the store broke off is repeated.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// No look follows another sooner, whatever is due.
const SOON: Duration = Duration::from_millis(500);

/// What the roster is made from.
#[derive(Clone)]
pub struct RosterDeps {
    /// Folders with definitions.
    pub dirs: Vec<PathBuf>,
    /// What the settings say about access.
    pub policy: Policy,
    /// Where tokens come from.
    pub tokens: TokenPolicy,
    /// How long a bot whose files are gone stays.
    pub grace: Duration,
    /// The store.
    pub store: Arc<dyn Store>,
    /// Whom to hand bots to.
    pub supervisor: Line<Supervisor>,
    /// The ingress's snapshot.
    pub routes: Routes,
    /// Time.
    pub clock: Clock,
    /// What is refused is counted here.
    pub metrics: Arc<Metrics>,
    /// Every report goes here; prompts and tests watch it.
    pub news: Arc<watch::Sender<Arc<ReloadReport>>>,
}

/// The roster.
pub struct Roster {
    deps: RosterDeps,
    entries: BTreeMap<BotId, Entry>,
    /// What the store knew was read.
    booted: bool,
    /// Remembers what it read, so that a look reads only what changed.
    surveyor: Arc<Mutex<Surveyor>>,
    /// A mark of what was wrong at the last look, so that only changes are logged.
    told: BTreeMap<String, Mark>,
    /// Folders that could not be read at the last look, and why: as `told`.
    told_unreadable: Vec<(PathBuf, String)>,
    /// What waited for a confirmation at the last look: as `told`.
    told_waiting: Option<String>,
    exit: ExitGuard,
}

/// Look at `bots.d` and make the running bots equal to it.
#[derive(Debug, Message)]
#[rtype(result = "ReloadReport")]
pub struct Look {
    /// Somebody confirmed that what is gone is meant to be gone.
    pub confirm_removals: bool,
}

/// Read a bot's token at its source again; answers whether it is another one now.
#[derive(Debug, Message)]
#[rtype(result = "bool")]
pub struct RefreshToken(pub BotId);

/// A token given by command: goes into the store, and the bot takes it from there.
#[derive(Debug, Message)]
#[rtype(result = "Result<(), PutTokenError>")]
pub struct PutToken {
    /// Whose.
    pub bot: BotId,
    /// The token.
    pub token: Secret,
    /// Who gave it.
    pub by: By,
}

/// Why a token given by command was not taken.
#[derive(Debug, thiserror::Error)]
pub enum PutTokenError {
    /// It would not last.
    #[error("{0}")]
    Overruled(String),
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Files besides definitions whose change calls for a look: those that tokens are read from.
#[derive(Debug, Message)]
#[rtype(result = "Vec<PathBuf>")]
pub struct TokenFiles;

impl Roster {
    /// A roster that has not looked yet.
    #[must_use]
    pub fn new(deps: RosterDeps, exit: ExitGuard) -> Self {
        let surveyor = Arc::new(Mutex::new(Surveyor::under(deps.policy.clone())));
        Self {
            deps,
            entries: BTreeMap::new(),
            booted: false,
            surveyor,
            told: BTreeMap::new(),
            told_unreadable: Vec::new(),
            told_waiting: None,
            exit,
        }
    }
}

impl Actor for Roster {
    type Context = Context<Self>;
}

impl Handler<Look> for Roster {
    type Result = AtomicResponse<Self, ReloadReport>;

    fn handle(&mut self, look: Look, _: &mut Self::Context) -> Self::Result {
        self.exit.pass(Point::InRoster);
        let (deps, breaking) = (self.deps.clone(), self.exit.breaking().clone());
        let mut entries = std::mem::take(&mut self.entries);
        let (booted, surveyor, confirmed) = (self.booted, self.surveyor.clone(), look.confirm_removals);
        let work = async move {
            let dirs = deps.dirs.clone();
            let look = move || surveyor.lock().unwrap_or_else(PoisonError::into_inner).look(&dirs);
            let mut survey = tokio::task::spawn_blocking(look).await.unwrap_or_default();
            let booted = booted || recall(&deps, &mut entries).await;
            let (report, back) = apply(&deps, &breaking, &mut entries, &mut survey, confirmed).await;
            (entries, survey, report, back, booted)
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(
            |(entries, survey, report, back, booted), roster, ctx| {
                roster.entries = entries;
                roster.booted = booted;
                roster.look_again(ctx);
                if back {
                    ctx.notify(Look { confirm_removals: false });
                }
                roster.tell(survey, &report);
                let now = roster.deps.clock.now().0 / 1_000;
                roster.deps.metrics.pressing.set_refused(report.refused.len(), now);
                roster.deps.news.send_replace(Arc::new(report.clone()));
                report
            },
        )))
    }
}

impl Handler<RefreshToken> for Roster {
    type Result = AtomicResponse<Self, bool>;

    fn handle(&mut self, RefreshToken(bot): RefreshToken, _: &mut Self::Context) -> Self::Result {
        let deps = self.deps.clone();
        let source = self.entries.get(&bot).and_then(|entry| entry.usable.token().cloned());
        let work = async move { matches!(deps.tokens.take(&deps.store, &bot, source.as_ref()).await, Token::New) };
        AtomicResponse::new(Box::pin(work.into_actor(self)))
    }
}

impl Handler<PutToken> for Roster {
    type Result = AtomicResponse<Self, Result<(), PutTokenError>>;

    fn handle(&mut self, PutToken { bot, token, by }: PutToken, _: &mut Self::Context) -> Self::Result {
        let (deps, entry) = (self.deps.clone(), self.entries.get(&bot).cloned());
        let work = async move {
            let source = entry.as_ref().and_then(|entry| entry.usable.token());
            if let Some(why) = deps.tokens.overrules(source, &token) {
                return Err(PutTokenError::Overruled(why));
            }
            deps.store.put_token(bot.clone(), token, by).await?;
            if let Some(Entry { usable, identity, .. }) = entry {
                let identity = identity.map(|known| *known);
                send(&deps, Run { bot, program: usable.program.clone(), identity, new_token: true }).await;
            }
            Ok(())
        };
        AtomicResponse::new(Box::pin(work.into_actor(self)))
    }
}

impl Handler<TokenFiles> for Roster {
    type Result = Vec<PathBuf>;

    fn handle(&mut self, _: TokenFiles, _: &mut Self::Context) -> Vec<PathBuf> {
        let files = |entry: &Entry| {
            token_file(&entry.usable).into_iter().chain(hooks::files(&entry.usable.program)).collect::<Vec<_>>()
        };
        self.entries.values().flat_map(files).collect()
    }
}

impl Roster {
    /// Nothing changes on the disk when a grace time ends or the store is well again, so nobody else would look.
    fn look_again(&self, ctx: &mut Context<Self>) {
        let now = self.deps.clock.now();
        let ends = self.entries.values().filter_map(|entry| entry.gone_since).map(|gone| gone.plus(self.deps.grace));
        let unfinished = !self.booted || self.entries.values().any(|entry| !entry.handed);
        let first = ends.chain(unfinished.then(|| now.plus(TRY_AGAIN))).min();
        if let Some(first) = first {
            ctx.notify_later(Look { confirm_removals: false }, first.since(now).max(SOON));
        }
    }

    /// Logs what changed since the last look: a definition's trouble once, not at every look.
    fn tell(&mut self, survey: Survey, report: &ReloadReport) {
        let before = std::mem::take(&mut self.told);
        for (unit, diagnostics) in survey.diagnostics {
            let mark = Mark::of(&diagnostics);
            if before.get(&unit) != Some(&mark) {
                for diagnostic in &diagnostics {
                    if diagnostic.is_error() {
                        tracing::error!(definition = %unit, "{diagnostic}");
                    } else {
                        tracing::warn!(definition = %unit, "{diagnostic}");
                    }
                }
            }
            self.told.insert(unit, mark);
        }
        for (dir, reason) in survey.unreadable.iter().filter(|trouble| !self.told_unreadable.contains(trouble)) {
            tracing::error!(
                dir = %dir.display(),
                reason,
                "a folder of definitions cannot be read; put it there, or set `bots_dir` (BOTYARD_BOTS_DIR)"
            );
        }
        for (dir, _) in &self.told_unreadable {
            if survey.unreadable.iter().all(|(still, _)| still != dir) {
                tracing::info!(dir = %dir.display(), "a folder of definitions can be read again");
            }
        }
        for applied in &report.applied {
            tracing::info!(bot.id = %applied.bot, digest = applied.digest, change = ?applied.change, "definition applied");
        }
        if let Some(reason) = &report.confirmation_needed
            && self.told_waiting.as_ref() != Some(reason)
        {
            tracing::warn!(
                reason,
                "nothing is removed until `botyard reload --confirm-removals` says that it is meant"
            );
        }
        self.told_unreadable = survey.unreadable;
        self.told_waiting.clone_from(&report.confirmation_needed);
    }
}

impl std::fmt::Debug for RosterDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RosterDeps").field("dirs", &self.dirs).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Roster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Roster").field("entries", &self.entries).finish_non_exhaustive()
    }
}
