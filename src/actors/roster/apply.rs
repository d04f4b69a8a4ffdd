//! One look's work: what is found against what runs, bots handed over to the supervisor, and those that leave.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use actix::{Handler, Message};
use futures_util::{StreamExt, stream};

use super::{
    RosterDeps,
    plan::{Found, Known, plan},
    survey::{Survey, Usable},
    tokens::Token,
};
use crate::{
    actors::{
        hooks,
        report::{Applied, AppliedChange, Finding, RefusedDefinition, ReloadReport, Unchanged},
        supervisor::{KeepDown, Remove, Run, Supervisor},
    },
    base::{BotId, Breaking, Millis, Point},
    brain::Program,
    definition::{Diagnostic, TokenSource},
    store::{Identity, NewBot},
};

/// Bots applied at once: enough to share the writer's commits, few enough to leave it room.
const AT_ONCE: usize = 64;

/// A bot as the roster knows it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) usable: Usable,
    pub(super) identity: Option<Box<Identity>>,
    pub(super) handed: bool,
    pub(super) gone_since: Option<Millis>,
    /// Somebody confirmed that its files are meant to be gone.
    pub(super) confirmed: bool,
}

/// Fills the entries with what the store remembers: the bots that are not retired, on their last good definitions.
///
/// Answers whether the store could be read; if not, the next look tries again.
pub(super) async fn recall(deps: &RosterDeps, entries: &mut BTreeMap<BotId, Entry>) -> bool {
    let (definitions, bots) = match (deps.store.definitions().await, deps.store.bots().await) {
        (Ok(definitions), Ok(bots)) => (definitions, bots),
        (Err(error), _) | (_, Err(error)) => {
            tracing::error!(error = %error, "what ran before cannot be read from the store");
            return false;
        }
    };
    let mut identities: BTreeMap<_, _> = bots.into_iter().map(|bot| (bot.bot, bot.identity)).collect();
    for stored in definitions {
        let Some(usable) = Usable::revive(&stored.source, &deps.policy) else {
            tracing::warn!(bot.id = %stored.bot, "its last good definition cannot be used by this version");
            continue;
        };
        let identity = identities.remove(&stored.bot).flatten().map(Box::new);
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

/// Does what a look calls for. What can be run is taken out of the survey: were it there while thousands of bots start,
/// there would have to be room for both. Also answers whether a bot came back from retirement, which calls for another look.
pub(super) async fn apply(
    deps: &RosterDeps,
    breaking: &Breaking,
    entries: &mut BTreeMap<BotId, Entry>,
    survey: &mut Survey,
    confirm: bool,
) -> (ReloadReport, bool) {
    let now = deps.clock.now();
    let plan = {
        let found = Found {
            good: survey.usable.iter().map(|(bot, usable)| (bot.clone(), usable.program.digest())).collect(),
            broken: survey.broken.clone(),
            unreadable: !survey.unreadable.is_empty(),
        };
        let known = entries.iter().map(|(bot, entry)| (bot.clone(), entry.known())).collect();
        plan(&found, &known, now, deps.grace, confirm)
    };

    let mut report = ReloadReport { confirmation_needed: plan.unconfirmed.clone(), ..ReloadReport::default() };
    for bot in &plan.apply {
        let Some(mut usable) = survey.usable.remove(bot) else { continue };
        let before = entries.get(bot);
        let change = match before {
            Some(entry) if entry.handed => AppliedChange::Changed,
            _ => AppliedChange::Started,
        };
        // Read at an earlier look, and not stored then.
        let unstored = before.filter(|entry| entry.usable.program.digest() == usable.program.digest());
        usable.source = usable.source.or_else(|| unstored?.usable.source.clone());
        report.applied.push(Applied { bot: bot.clone(), digest: usable.program.digest().short(), change });
        let entry = Entry {
            usable,
            identity: before.and_then(|entry| entry.identity.clone()),
            handed: before.is_some_and(|entry| entry.handed),
            gone_since: None,
            confirmed: false,
        };
        entries.insert(bot.clone(), entry);
    }
    survey.usable.clear();
    let handed: BTreeSet<_> = plan.apply.iter().chain(&plan.apply_last_good).cloned().collect();
    let back = hand_over(deps, breaking, entries, &handed).await;
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
    (report, back)
}

/// Stores definition and token of each bot, then hands it to the supervisor. Answers whether one came back from
/// retirement, and must be handed over once more.
async fn hand_over(
    deps: &RosterDeps,
    breaking: &Breaking,
    entries: &mut BTreeMap<BotId, Entry>,
    bots: &BTreeSet<BotId>,
) -> bool {
    let jobs: Vec<_> =
        entries.iter().filter(|(bot, _)| bots.contains(*bot)).map(|(b, e)| (b.clone(), e.clone())).collect();
    let stored: Vec<_> = stream::iter(jobs)
        .map(|(bot, entry)| async move {
            let kept = match entry.new_bot(&bot) {
                Some(new) => deps.store.put_bot(new).await,
                None => Ok(()),
            };
            let token = deps.tokens.take(&deps.store, &bot, entry.usable.token()).await;
            (bot, kept, token)
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    if let Err(error) = deps.routes.refresh(deps.store.as_ref()).await {
        tracing::error!(error = %error, "routes could not be refreshed");
    }
    let mut back = false;
    for (bot, kept, token) in stored {
        let Some(entry) = entries.get_mut(&bot) else { continue };
        entry.handed = kept.is_ok() && token != Token::Unknown;
        if let Err(error) = kept {
            tracing::error!(bot.id = %bot, error = %error, "definition could not be stored; it is tried again in a moment");
            continue;
        }
        look_at_hooks(deps, &bot, &entry.usable.program);
        breaking.pass(Point::Reloading, Some(&bot)).await;
        let program = entry.usable.program.clone();
        let came_back = match token {
            Token::Missing(reason) => {
                send(deps, KeepDown { bot, program, reason }).await;
                false
            }
            // The store did not answer: the bot runs on what is sealed there, and it is looked at again.
            Token::New | Token::Same | Token::Unknown => {
                let new_token = token == Token::New;
                let run = Run { bot, program, identity: entry.identity.as_deref().cloned(), new_token };
                send(deps, run).await.unwrap_or_default()
            }
        };
        if came_back {
            (back, entry.handed) = (true, false);
        } else {
            entry.usable.source = None;
        }
    }
    back
}

/// A token's file may have changed although the definition did not.
async fn look_at_tokens(deps: &RosterDeps, entries: &BTreeMap<BotId, Entry>, bots: &[BotId]) {
    for bot in bots {
        let Some(entry) = entries.get(bot) else { continue };
        look_at_hooks(deps, bot, &entry.usable.program);
        if token_file(&entry.usable).is_none() {
            continue;
        }
        if deps.tokens.take(&deps.store, bot, entry.usable.token()).await == Token::New {
            tracing::info!(bot.id = %bot, "its token file changed");
            let run = Run {
                bot: bot.clone(),
                program: entry.usable.program.clone(),
                identity: entry.identity.as_deref().cloned(),
                new_token: true,
            };
            send(deps, run).await;
        }
    }
}

/// Gives the door the hooks of a program, with their secrets as they are now. What cannot be read is told once.
fn look_at_hooks(deps: &RosterDeps, bot: &BotId, program: &Arc<Program>) {
    let known = deps.routes.hooks(bot);
    if program.inbounds().is_empty() && known.as_ref().is_some_and(|known| known.is_empty()) {
        return;
    }
    let (hooks, troubles) = hooks::resolve(&deps.tokens, bot, program);
    if known.is_some_and(|known| hooks::same(&known, &hooks)) {
        return;
    }
    for trouble in troubles {
        tracing::error!(bot.id = %bot, "{trouble}; posts to it are refused until it can");
    }
    deps.routes.change(bot, |route| route.hooks = Some(Arc::new(hooks)));
}

pub(super) async fn send<M>(deps: &RosterDeps, message: M) -> Option<M::Result>
where
    M: Message<Result: Send> + Send + 'static,
    Supervisor: Handler<M>,
{
    let answer = match deps.supervisor.addr() {
        Some(supervisor) => supervisor.send(message).await.ok(),
        None => None,
    };
    if answer.is_none() {
        tracing::error!("the supervisor is gone");
    }
    answer
}

/// The file that a bot's token is read from, if it is read from one.
pub(super) fn token_file(usable: &Usable) -> Option<PathBuf> {
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

    /// What the store is to keep; nothing when it has it.
    fn new_bot(&self, bot: &BotId) -> Option<NewBot> {
        Some(NewBot {
            bot: bot.clone(),
            definition: bot.clone(),
            digest: self.usable.program.digest(),
            source: self.usable.source.as_ref()?.to_json(),
            kinds: self.usable.program.kinds().0,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use tokio::sync::watch;

    use super::*;
    use crate::{
        actors::{
            line::Line,
            roster::{TokenPolicy, survey::Surveyor},
            routes::Routes,
            testing::{bot, store::FakeStore},
        },
        base::Clock,
        brain::Policy,
        store::StoreError,
        telemetry::Metrics,
    };

    struct House {
        deps: RosterDeps,
        surveyor: Surveyor,
        entries: BTreeMap<BotId, Entry>,
    }

    impl House {
        fn over(dir: PathBuf, store: &FakeStore) -> Self {
            let deps = RosterDeps {
                dirs: vec![dir],
                policy: Policy::default(),
                tokens: TokenPolicy::Simulated,
                grace: Duration::from_mins(1),
                store: Arc::new(store.clone()),
                supervisor: Line::new(),
                routes: Routes::new(),
                clock: Clock::following_tokio(),
                metrics: Arc::new(Metrics::new()),
                news: Arc::new(watch::channel(Arc::default()).0),
            };
            Self { surveyor: Surveyor::under(deps.policy.clone()), deps, entries: BTreeMap::new() }
        }

        async fn look(&mut self) {
            let mut survey = self.surveyor.look(&self.deps.dirs);
            apply(&self.deps, &Breaking::default(), &mut self.entries, &mut survey, false).await;
        }

        fn holds(&self, name: &str) -> bool {
            self.entries.get(&bot(name)).is_some_and(|entry| entry.usable.source.is_some())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_definition_is_kept_in_memory_until_the_store_has_it_and_no_longer() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("echo.toml"), "[fallback]\nreply = 'x'\n").unwrap();
        let store = FakeStore::default();
        let mut house = House::over(root.path().to_owned(), &store);
        store.fails(Some(StoreError::Closed));
        house.look().await;
        house.look().await;
        assert!(house.holds("echo"), "it was read at the first look only, and is not stored");
        store.fails(None);
        house.look().await;
        house.look().await;
        let stored: Vec<_> = store.definitions().into_iter().map(|stored| stored.source).collect();
        assert!(matches!(&*stored, [once] if once.contains("fallback")), "{stored:?}");
        assert!(!house.holds("echo"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_two_with_a_name_is_stored_when_the_other_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let text = "[fallback]\nreply = 'x'\n";
        fs::write(root.path().join("echo.toml"), text).unwrap();
        fs::create_dir(root.path().join("echo")).unwrap();
        fs::write(root.path().join("echo/bot.toml"), text).unwrap();
        let store = FakeStore::default();
        let mut house = House::over(root.path().to_owned(), &store);
        house.look().await;
        assert!(store.definitions().is_empty(), "nobody can tell which is meant");
        fs::remove_file(root.path().join("echo.toml")).unwrap();
        house.look().await;
        assert_eq!(store.definitions().len(), 1);
    }
}
