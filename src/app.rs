//! The one place that wires the house: who exists, in what order they come, who knows whom.
//!
//! Order of coming: store, ingress (it accepts for every bot the store knows, before anything else), the
//! supervisor with api, registrar and roster, the first look at `bots.d`, then those who keep looking.
//! Order of going: looking stops, bots drain, the api empties its wires, the ingress closes last but one (it
//! accepts and stores until then), the store closes last.

mod endpoint;
mod error;
mod open;
mod rooms;
mod steering;
mod threads;
pub(crate) mod ways;

use std::{net::SocketAddr, path::PathBuf, sync::Arc, time::Duration};

use actix::Addr;
use tokio::{sync::watch, time::timeout};

pub use self::{
    endpoint::{Endpoint, Use, UseError},
    error::StartError,
    open::open_store_alone,
    threads::Threads,
};
use self::{
    rooms::Rooms,
    steering::House,
    threads::{Arbiters, Places},
};
use crate::{
    actors::{
        api::{self, Api},
        bells::{BellFaults, BellLimits, Bells},
        exit::OnFatal,
        intake::Intake,
        line::Line,
        report::ReloadReport,
        roster::{Look, Roster, TokenPolicy},
        routes::Routes,
        runner::{self, Making, OpenCalls, Runner},
        supervisor::{GiveAllBack, Keep, KeptState, Shutdown, States, Supervisor},
    },
    base::{Breaking, Clock, spawn::spawn},
    http::{Admin, AdminToken, EffectsDoor, Ingress, Limits, Readiness, Running, server},
    net::HttpClient,
    settings::Settings,
    store::{Store, sqlite::SqliteStore},
    telemetry::Metrics,
};

/// How long giving back what is in hand may take at shutdown: one commit, and the end of what is on the wire.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// What the app is made from.
#[derive(Debug)]
pub struct AppOptions {
    /// How to run.
    pub settings: Settings,
    /// Where tokens come from.
    pub tokens: TokenPolicy,
    /// For real, or on the simulator: shown to whoever looks, and a data dir serves one of the two.
    pub used_for: Use,
    /// Time.
    pub clock: Clock,
    /// Threads.
    pub threads: Threads,
    /// Whether file notification may hasten looks; the looks come in any case.
    pub notified: bool,
    /// What a test breaks on purpose.
    pub bell_faults: BellFaults,
    /// Where a test breaks it.
    pub breaking: Breaking,
    /// Whether handlers are called, or only shown.
    pub making: Making,
}

/// A running house.
#[derive(Debug)]
pub struct App {
    data_dir: PathBuf,
    unready_first: Duration,
    drain: Duration,
    /// Closes last: until then whatever is verified is stored.
    store: SqliteStore,
    /// Drains the bots.
    supervisor: Addr<Supervisor>,
    /// Drained after the bots: what they promised last may still leave.
    api: Line<Api>,
    /// Drained with the bots: what takes longer is made again at the next start.
    runner: Line<Runner>,
    /// Asked for looks.
    roster: Line<Roster>,
    /// Accepts until the bots are drained, then closes.
    ingress: Running,
    /// Hooks for programs of the house's own; as the ingress.
    internal: Option<Running>,
    /// Says "not ready" from the first moment of the shutdown, and closes with the ingress.
    admin: Running,
    readiness: Readiness,
    /// What is on its way into the store.
    intake: Intake,
    /// Stopped at the very end.
    arbiters: Arbiters,
    news: watch::Receiver<Arc<ReloadReport>>,
    fatal: watch::Receiver<Option<String>>,
}

impl App {
    /// Starts everything. When it returns, webhooks are accepted and the first look at `bots.d` is done;
    /// reconciliation with Webex goes on behind.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running.
    pub async fn start(options: AppOptions) -> Result<Self, StartError> {
        let AppOptions { settings, tokens, used_for, clock, threads, notified, bell_faults, breaking, making } =
            options;
        let metrics = Arc::new(Metrics::new());
        if used_for != Use::Serve {
            metrics.process.on_simulator();
        }
        let bells = Bells::new(BellLimits::default(), bell_faults);

        // Everything that can be refused comes before anything is changed or told to anybody.
        used_for.check(&settings.data_dir)?;
        let egress = ways::to_webex(&settings);
        HttpClient::build(&egress)?;
        ways::to_programs(&settings, Vec::new())?;
        let ingress_listener = server::bind(settings.listen, "listen")?;
        let admin_listener = server::bind(settings.admin.listen, "admin.listen")?;
        let internal_listener = settings.inbound.listen.map(|addr| server::bind(addr, "inbound.listen")).transpose()?;
        let readiness = Readiness::default();
        let (fatal_sender, fatal) = watch::channel(None);
        let unready = readiness.clone();
        let on_fatal: OnFatal = Arc::new(move |reason| {
            unready.set_listening(false);
            fatal_sender.send_replace(Some(reason.to_owned()));
        });
        let doorbell = Arc::new(bells.clone());
        let store = open::open_store(&settings, &clock, doorbell, on_fatal.clone(), breaking.clone(), threads).await?;
        used_for.claim(&settings.data_dir)?;
        let silence = store.silence().await?;
        if let Some(restored) = &silence.restored {
            used_for.check_restored(&settings.data_dir, &restored.purpose)?;
        }
        let verbs: Arc<dyn Store> = Arc::new(store.clone());
        let admin_token = AdminToken::load_or_create(&settings.data_dir, settings.admin.token_file.as_deref())?;

        // The door opens before the house is awake: what comes in is stored, and waits.
        let routes = Routes::default();
        routes.refresh(verbs.as_ref()).await?;
        let places = Places::make(threads, &settings);
        let mut door = Ingress::new(&settings, routes.clone(), verbs.clone(), metrics.clone(), clock.clone());
        door.breaking = breaking.clone();
        let intake = door.intake.clone();
        let ingress =
            server::serve(ingress_listener, places.ingress, Limits::from(&settings.ingress), door.clone().routes())
                .await?;
        let internal = match internal_listener {
            Some(listener) => {
                let routes = door.internal_routes();
                Some(server::serve(listener, places.doors, Limits::from(&settings.ingress), routes).await?)
            }
            None => None,
        };
        steering::tell(&silence, &readiness, &metrics);

        let rooms = Rooms::new(&settings, verbs.clone(), bells, clock, metrics.clone(), routes, intake.clone());
        let supervisor = rooms.supervisor(places.bots, silence, on_fatal, breaking.clone());
        let (news_sender, news) = watch::channel(Arc::new(ReloadReport::default()));
        let open_calls = OpenCalls::new(verbs.clone(), rooms.clock());
        let calls = rooms::Calls {
            egress: ways::to_programs(&settings, vec![ingress.addr(), admin_listener_addr(&admin_listener)])?,
            open: open_calls.clone(),
            effects_url: effects_url(&settings, admin_listener_addr(&admin_listener)),
            making,
        };
        for keep in [
            rooms.runner(places.runner, calls),
            rooms.api(places.wires, places.api, egress),
            rooms.registrar(public_url(&settings, ingress.addr())),
            rooms.roster(tokens, news_sender),
        ] {
            kept(&supervisor, keep).await?;
        }

        let steering = House {
            store: verbs.clone(),
            supervisor: supervisor.clone(),
            roster: rooms.lines.roster.clone(),
            registrar: rooms.lines.registrar.clone(),
            archivist: rooms.lines.archivist.clone(),
            facts: rooms.facts.clone(),
            news: news.clone(),
            readiness: readiness.clone(),
            metrics: metrics.clone(),
            changing: tokio::sync::Mutex::default(),
        };
        let admin = Admin {
            token: admin_token.secret,
            store: verbs.clone(),
            metrics: metrics.clone(),
            steering: Arc::new(steering),
            readiness: readiness.clone(),
            simulator: used_for != Use::Serve,
            effects: EffectsDoor::new(open_calls, rooms.lines.api.clone()),
        };
        let admin =
            server::serve(admin_listener, places.doors, Limits::from(&settings.ingress), admin.routes()).await?;
        let app = Self {
            data_dir: settings.data_dir.clone(),
            unready_first: Duration::from_secs(settings.shutdown.unready_first),
            drain: Duration::from_secs(settings.bots.drain_seconds),
            store,
            supervisor,
            api: rooms.lines.api.clone(),
            runner: rooms.lines.runner.clone(),
            roster: rooms.lines.roster.clone(),
            ingress,
            internal,
            admin,
            readiness,
            intake,
            arbiters: places.arbiters,
            news,
            fatal,
        };
        app.endpoint(&used_for)
            .write(&settings.data_dir)
            .map_err(|reason| StartError::DataDir { path: settings.data_dir.clone(), reason })?;
        app.look().await;
        for keep in [
            rooms.watcher(notified),
            rooms.sweeper(),
            rooms.scheduler(breaking.clone()),
            rooms.janitor(),
            rooms.meter(),
            rooms.archivist(used_for.word()),
        ] {
            kept(&app.supervisor, keep).await?;
        }
        // Unless something was lost on the way: then it is about to end.
        app.readiness.set_listening(app.fatal.borrow().is_none());
        Ok(app)
    }

    /// Where webhooks come in.
    #[must_use]
    pub fn ingress_addr(&self) -> SocketAddr {
        self.ingress.addr()
    }

    /// Where hooks for programs of the house's own are, if anywhere.
    #[must_use]
    pub fn internal_addr(&self) -> Option<SocketAddr> {
        self.internal.as_ref().map(Running::addr)
    }

    /// Where the admin listener is.
    #[must_use]
    pub fn admin_addr(&self) -> SocketAddr {
        self.admin.addr()
    }

    /// How every bot is, by id.
    pub async fn bots(&self) -> Vec<KeptState> {
        self.supervisor.send(States).await.unwrap_or_default()
    }

    /// Every report of the roster, the newest only.
    #[must_use]
    pub fn news(&self) -> watch::Receiver<Arc<ReloadReport>> {
        self.news.clone()
    }

    /// Becomes a sentence when the process must end: the disk no longer keeps its word, or a part of the house that
    /// nobody can make anew panicked.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.clone()
    }

    /// The store, for tests and for looking.
    #[must_use]
    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// What is on its way into the store, for tests.
    #[must_use]
    pub fn intake(&self) -> &Intake {
        &self.intake
    }

    /// Looks at `bots.d` now; answers when it is done.
    pub async fn look(&self) -> ReloadReport {
        match self.roster.addr() {
            Some(roster) => roster.send(Look { confirm_removals: false }).await.unwrap_or_default(),
            None => ReloadReport::default(),
        }
    }

    /// Looks at `bots.d` without being waited for, and logs what became of each definition: what SIGHUP does.
    pub fn reload(&self) {
        let Some(roster) = self.roster.addr() else { return };
        let look = async move {
            match roster.send(Look { confirm_removals: false }).await {
                Ok(report) => log(&report),
                Err(error) => tracing::warn!(%error, "the roster did not answer; it looks by itself each second"),
            }
        };
        spawn(look);
    }

    fn endpoint(&self, used_for: &Use) -> Endpoint {
        Endpoint {
            pid: std::process::id(),
            listen: self.ingress_addr(),
            admin: self.admin_addr(),
            simulator: match used_for {
                Use::Serve => None,
                Use::Simulator { url } => Some(url.clone()),
            },
        }
    }

    /// Ends in order. It is not ready for `shutdown.unready_first`, and otherwise as ever; then what is in hand is
    /// finished for `bots.drain_seconds`; the rest is in the store.
    pub async fn shutdown(self) {
        self.readiness.set_listening(false);
        if !self.unready_first.is_zero() {
            tracing::info!(seconds = self.unready_first.as_secs(), "not ready any more; the drain begins after that");
            tokio::time::sleep(self.unready_first).await;
        }
        // Nobody looks at `bots.d` any more: what changes now is seen at the next start.
        self.roster.disconnect();
        // Calls begin no more; those in hand have as long as the bots.
        let calls = self.runner.addr().map(|runner| runner.send(runner::Drain));
        let drain = async {
            let _ = self.supervisor.send(Shutdown).await;
            if let Some(calls) = calls {
                let _ = calls.await;
            }
            if let Some(api) = self.api.addr() {
                let _ = api.send(api::Drain).await;
            }
        };
        if timeout(self.drain, drain).await.is_err() {
            tracing::warn!(
                drain_seconds = self.drain.as_secs(),
                "not everything in hand was finished in time; it is done again at the next start"
            );
            // What is on the wire gets a last moment, so that its outcome is known and it is not sent again.
            let (given, api) = (self.supervisor.send(GiveAllBack), self.api.addr());
            let drained = async {
                if let Some(api) = api {
                    let _ = api.send(api::Drain).await;
                }
            };
            let _ = timeout(GIVE_BACK, async { tokio::join!(given, drained) }).await;
        }
        // Together: each may wait two seconds for requests in hand, and platforms kill after ten in all.
        let internal = async {
            if let Some(internal) = self.internal {
                internal.stop(true).await;
            }
        };
        tokio::join!(self.ingress.stop(true), internal, self.admin.stop(true));
        if let Err(error) = self.store.close().await {
            tracing::error!(error = %error, "the store did not close well");
        }
        Endpoint::remove(&self.data_dir);
        drop(self.arbiters);
    }
}

/// Hands a singleton to the supervisor; answers when it was started.
async fn kept(supervisor: &Addr<Supervisor>, keep: Keep) -> Result<(), StartError> {
    supervisor.send(keep).await.map_err(|gone| StartError::System(std::io::Error::other(gone)))
}

/// Where the admin listener is; it is bound already.
fn admin_listener_addr(listener: &std::net::TcpListener) -> SocketAddr {
    listener.local_addr().unwrap_or_else(|_unbound| SocketAddr::from(([127, 0, 0, 1], 0)))
}

/// Where programs post further answers. Without a setting the admin listener itself, as this host sees it.
fn effects_url(settings: &Settings, admin: SocketAddr) -> String {
    let here = if admin.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], admin.port())) } else { admin };
    settings.handlers.effects_url.clone().unwrap_or_else(|| format!("http://{here}"))
}

/// What Webex is told to post to. Without a setting (only `dev` gets this far) the ingress itself.
fn public_url(settings: &Settings, ingress: SocketAddr) -> String {
    settings.public_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}{}", ingress.port(), settings.base_path))
}

/// What became of each definition. Those applied were logged when it was done.
fn log(report: &ReloadReport) {
    for unchanged in &report.unchanged {
        tracing::info!(bot.id = %unchanged.bot, digest = unchanged.digest, "definition unchanged");
    }
    for refused in &report.refused {
        let problems: Vec<String> = refused
            .diagnostics
            .iter()
            .map(|found| format!("{} {}:{}:{}: {}", found.code, found.file, found.line, found.column, found.message))
            .collect();
        tracing::error!(definition = %refused.bot, problems = problems.join("; "), "definition refused");
    }
    tracing::info!(
        applied = report.applied.len(),
        refused = report.refused.len(),
        unchanged = report.unchanged.len(),
        removed = report.removed.len(),
        "reloaded"
    );
}
