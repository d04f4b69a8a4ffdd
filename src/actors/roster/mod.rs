//! Makes the running bots equal to `bots.d`: looks, compares, applies. Boot is the first look.
//!
//! What it hands to the supervisor is in the store before: the definition (so that the last good one survives
//! a restart) and the token (so that the bot takes it from there). It runs one look at a time.

mod plan;
mod survey;
mod tokens;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, AtomicResponse, Context, Handler, Message, WrapFuture};
use futures_util::{StreamExt, stream};
use tokio::sync::watch;

pub use self::tokens::TokenPolicy;
use self::{
    plan::{Found, Known, plan},
    survey::{Survey, Surveyor, Usable},
    tokens::Token,
};
use super::{
    exit::ExitGuard,
    line::Line,
    report::{Applied, AppliedChange, Finding, RefusedDefinition, ReloadReport, Unchanged},
    routes::Routes,
    supervisor::{KeepDown, Remove, Run, Supervisor},
};
use crate::{
    base::{BotId, Clock, Digest, Millis},
    definition::{Diagnostic, TokenSource},
    store::{Identity, NewBot, Store},
};

/// Bots applied at once: enough to share the writer's commits, few enough to leave it room.
const AT_ONCE: usize = 64;

/// When a look that the store broke off is repeated.
const TRY_AGAIN: Duration = Duration::from_secs(5);
/// No look follows another sooner, whatever is due.
const SOON: Duration = Duration::from_millis(500);

/// What the roster is made from.
#[derive(Clone)]
pub struct RosterDeps {
    /// Folders with definitions.
    pub dirs: Vec<PathBuf>,
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
    /// What was wrong at the last look, so that only changes are logged.
    told: BTreeMap<String, Vec<Diagnostic>>,
    /// Folders that could not be read at the last look, and why: as `told`.
    told_unreadable: Vec<(PathBuf, String)>,
    /// What waited for a confirmation at the last look: as `told`.
    told_waiting: Option<String>,
    _exit: ExitGuard,
}

/// A bot as the roster knows it.
#[derive(Debug, Clone)]
struct Entry {
    usable: Usable,
    identity: Option<Identity>,
    handed: bool,
    gone_since: Option<Millis>,
    /// Somebody confirmed that its files are meant to be gone.
    confirmed: bool,
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

/// A bot that was retired came back, and the two may have crossed in the store: hand it over once more.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct HandOverAgain(pub BotId);

/// A token was put into the store by command: the bot has to take it.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct TokenWasPut(pub BotId);

/// Files besides definitions whose change calls for a look: those that tokens are read from.
#[derive(Debug, Message)]
#[rtype(result = "Vec<PathBuf>")]
pub struct TokenFiles;

impl Roster {
    /// A roster that has not looked yet.
    #[must_use]
    pub fn new(deps: RosterDeps, exit: ExitGuard) -> Self {
        Self {
            deps,
            entries: BTreeMap::new(),
            booted: false,
            surveyor: Arc::default(),
            told: BTreeMap::new(),
            told_unreadable: Vec::new(),
            told_waiting: None,
            _exit: exit,
        }
    }
}

impl Actor for Roster {
    type Context = Context<Self>;
}

impl Handler<Look> for Roster {
    type Result = AtomicResponse<Self, ReloadReport>;

    fn handle(&mut self, look: Look, _: &mut Self::Context) -> Self::Result {
        let deps = self.deps.clone();
        let mut entries = std::mem::take(&mut self.entries);
        let (booted, surveyor, confirmed) = (self.booted, self.surveyor.clone(), look.confirm_removals);
        let work = async move {
            let dirs = deps.dirs.clone();
            let look = move || surveyor.lock().unwrap_or_else(PoisonError::into_inner).look(&dirs);
            let survey = tokio::task::spawn_blocking(look).await.unwrap_or_default();
            let booted = booted || recall(&deps, &mut entries).await;
            let report = apply(&deps, &mut entries, &survey, confirmed).await;
            (entries, survey, report, booted)
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(|(entries, survey, report, booted), roster, ctx| {
            roster.entries = entries;
            roster.booted = booted;
            roster.look_again(ctx);
            roster.tell(survey, &report);
            roster.deps.news.send_replace(Arc::new(report.clone()));
            report
        })))
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

impl Handler<HandOverAgain> for Roster {
    type Result = ();

    fn handle(&mut self, HandOverAgain(bot): HandOverAgain, ctx: &mut Self::Context) {
        if let Some(entry) = self.entries.get_mut(&bot) {
            entry.handed = false;
            ctx.notify(Look { confirm_removals: false });
        }
    }
}

impl Handler<TokenWasPut> for Roster {
    type Result = ();

    fn handle(&mut self, TokenWasPut(bot): TokenWasPut, _: &mut Self::Context) {
        let Some(entry) = self.entries.get(&bot) else { return };
        let run = Run { bot, program: entry.usable.program.clone(), identity: entry.identity.clone(), new_token: true };
        if self.deps.supervisor.addr().is_none_or(|supervisor| supervisor.try_send(run).is_err()) {
            tracing::error!("the supervisor could not be told of a new token");
        }
    }
}

impl Handler<TokenFiles> for Roster {
    type Result = Vec<PathBuf>;

    fn handle(&mut self, _: TokenFiles, _: &mut Self::Context) -> Vec<PathBuf> {
        self.entries.values().filter_map(|entry| token_file(&entry.usable)).collect()
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
        for (unit, diagnostics) in &survey.diagnostics {
            if self.told.get(unit) == Some(diagnostics) {
                continue;
            }
            for diagnostic in diagnostics {
                if diagnostic.is_error() {
                    tracing::error!(definition = %unit, "{diagnostic}");
                } else {
                    tracing::warn!(definition = %unit, "{diagnostic}");
                }
            }
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
        self.told = survey.diagnostics;
        self.told_unreadable = survey.unreadable;
        self.told_waiting.clone_from(&report.confirmation_needed);
    }
}

/// Fills the entries with what the store remembers: the bots that are not retired, on their last good definitions.
///
/// Answers whether the store could be read; if not, the next look tries again.
async fn recall(deps: &RosterDeps, entries: &mut BTreeMap<BotId, Entry>) -> bool {
    let (definitions, bots) = match (deps.store.definitions().await, deps.store.bots().await) {
        (Ok(definitions), Ok(bots)) => (definitions, bots),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(error = %error, "what ran before cannot be read from the store");
            return false;
        }
    };
    let mut identities: BTreeMap<_, _> = bots.into_iter().map(|bot| (bot.bot, bot.identity)).collect();
    for stored in definitions {
        let Some(usable) = Usable::revive(&stored.source) else {
            tracing::warn!(bot.id = %stored.bot, "its last good definition cannot be used by this version");
            continue;
        };
        let identity = identities.remove(&stored.bot).flatten();
        entries.entry(stored.bot).or_insert(Entry {
            usable,
            identity,
            handed: false,
            gone_since: None,
            confirmed: false,
        });
    }
    true
}

async fn apply(
    deps: &RosterDeps,
    entries: &mut BTreeMap<BotId, Entry>,
    survey: &Survey,
    confirm: bool,
) -> ReloadReport {
    let now = deps.clock.now();
    let found = Found {
        good: survey.usable.iter().map(|(bot, usable)| (bot.clone(), usable.program.digest())).collect(),
        broken: survey.broken.clone(),
        unreadable: !survey.unreadable.is_empty(),
    };
    let known = entries.iter().map(|(bot, entry)| (bot.clone(), entry.known())).collect();
    let plan = plan(&found, &known, now, deps.grace, confirm);

    let mut report = ReloadReport { confirmation_needed: plan.unconfirmed.clone(), ..ReloadReport::default() };
    for bot in &plan.apply {
        let Some(usable) = survey.usable.get(bot) else { continue };
        let before = entries.get(bot);
        let change = match before {
            Some(entry) if entry.handed => AppliedChange::Changed,
            _ => AppliedChange::Started,
        };
        let entry = Entry {
            usable: usable.clone(),
            identity: before.and_then(|entry| entry.identity.clone()),
            handed: before.is_some_and(|entry| entry.handed),
            gone_since: None,
            confirmed: false,
        };
        entries.insert(bot.clone(), entry);
        report.applied.push(Applied { bot: bot.clone(), digest: usable.program.digest().short(), change });
    }
    let handed: BTreeSet<_> = plan.apply.iter().chain(&plan.apply_last_good).cloned().collect();
    hand_over(deps, entries, &handed).await;
    look_at_tokens(deps, entries, &plan.unchanged).await;

    for (bot, entry) in entries.iter_mut() {
        let leaving = plan.leaving.iter().any(|(leaving, _)| leaving == bot);
        entry.gone_since = if leaving { entry.gone_since.or(Some(now)) } else { None };
        entry.confirmed = plan.confirmed.contains(bot);
    }
    for bot in &plan.remove {
        entries.remove(bot);
        send(deps, Remove(bot.clone())).await;
    }
    report.unchanged = plan
        .unchanged
        .iter()
        .filter_map(|bot| {
            Some(Unchanged { bot: bot.clone(), digest: entries.get(bot)?.usable.program.digest().short() })
        })
        .collect();
    report.refused = survey
        .diagnostics
        .iter()
        .filter(|(_, diagnostics)| diagnostics.iter().any(Diagnostic::is_error))
        .map(|(bot, diagnostics)| RefusedDefinition {
            bot: bot.clone(),
            diagnostics: diagnostics.iter().map(Finding::from).collect(),
        })
        .collect();
    report.removed = plan.remove;
    report
}

/// Stores definition and token of each bot, then hands it to the supervisor.
async fn hand_over(deps: &RosterDeps, entries: &mut BTreeMap<BotId, Entry>, bots: &BTreeSet<BotId>) {
    let jobs: Vec<_> =
        entries.iter().filter(|(bot, _)| bots.contains(*bot)).map(|(b, e)| (b.clone(), e.clone())).collect();
    let stored: Vec<_> = stream::iter(jobs)
        .map(|(bot, entry)| async move {
            let kept = deps.store.put_bot(entry.new_bot(&bot)).await;
            let token = deps.tokens.take(&deps.store, &bot, entry.usable.token()).await;
            (bot, entry, kept, token)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    if let Err(error) = deps.routes.refresh(deps.store.as_ref()).await {
        tracing::error!(error = %error, "routes could not be refreshed");
    }
    for (bot, entry, kept, token) in stored {
        if let Some(known) = entries.get_mut(&bot) {
            known.handed = kept.is_ok() && token != Token::Unknown;
        }
        if let Err(error) = kept {
            tracing::error!(bot.id = %bot, error = %error, "definition could not be stored; it is tried again in a moment");
            continue;
        }
        let program = entry.usable.program;
        match token {
            Token::Missing(reason) => send(deps, KeepDown { bot, program, reason }).await,
            // The store did not answer: the bot runs on what is sealed there, and it is looked at again.
            Token::New | Token::Same | Token::Unknown => {
                let new_token = token == Token::New;
                send(deps, Run { bot, program, identity: entry.identity, new_token }).await;
            }
        }
    }
}

/// A token's file may have changed although the definition did not.
async fn look_at_tokens(deps: &RosterDeps, entries: &BTreeMap<BotId, Entry>, bots: &[BotId]) {
    for bot in bots {
        let Some(entry) = entries.get(bot) else { continue };
        if token_file(&entry.usable).is_none() {
            continue;
        }
        if deps.tokens.take(&deps.store, bot, entry.usable.token()).await == Token::New {
            tracing::info!(bot.id = %bot, "its token file changed");
            let run = Run {
                bot: bot.clone(),
                program: entry.usable.program.clone(),
                identity: entry.identity.clone(),
                new_token: true,
            };
            send(deps, run).await;
        }
    }
}

async fn send<M>(deps: &RosterDeps, message: M)
where
    M: Message<Result = ()> + Send + 'static,
    Supervisor: Handler<M>,
{
    let sent = match deps.supervisor.addr() {
        Some(supervisor) => supervisor.send(message).await.is_ok(),
        None => false,
    };
    if !sent {
        tracing::error!("the supervisor is gone");
    }
}

/// The file that a bot's token is read from, if it is read from one.
fn token_file(usable: &Usable) -> Option<PathBuf> {
    match usable.token() {
        Some(TokenSource::File(file)) => Some(file.clone()),
        _ => None,
    }
}

impl Entry {
    fn known(&self) -> Known {
        Known {
            digest: self.usable.program.digest(),
            handed: self.handed,
            gone_since: self.gone_since,
            confirmed: self.confirmed,
        }
    }

    fn new_bot(&self, bot: &BotId) -> NewBot {
        let digest: Digest = self.usable.program.digest();
        NewBot {
            bot: bot.clone(),
            definition: bot.clone(),
            digest,
            source: self.usable.source(),
            kinds: self.usable.program.kinds().0,
        }
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
