//! The one place that wires the house: who exists, in what order they come, who knows whom.
//!
//! Order of coming: store, ingress (it accepts for every bot the store knows, before anything else), the
//! supervisor with api, registrar and roster, the first look at `bots.d`, then those who keep looking.
//! Order of going: looking stops, bots drain, the api empties its wires, the ingress closes last but one (it
//! accepts and stores until then), the store closes last.

mod endpoint;
mod open;
mod steering;

use std::{net::SocketAddr, num::NonZeroUsize, path::PathBuf, rc::Rc, sync::Arc, time::Duration};

use actix::{Actor, Addr, Arbiter};
use tokio::{sync::watch, time::timeout};

use self::steering::House;
pub use self::{
    endpoint::{Endpoint, Use, UseError},
    open::open_store_alone,
};
use crate::{
    actors::{
        api::{self, Api, ApiNeighbours, ApiSettings, MakeWire, Wire, WireMode},
        bells::{BellFaults, BellLimits, Bells},
        bot::{self, FactCache},
        exit::ExitGuard,
        janitor::{self, Janitor},
        line::Line,
        place::Place,
        registrar::{Registrar, RegistrarNeighbours, RegistrarSettings},
        report::ReloadReport,
        roster::{Look, Roster, RosterDeps, TokenPolicy},
        routes::Routes,
        supervisor::{GiveAllBack, Keep, KeptState, Shutdown, Starter, States, Supervisor, SupervisorDeps},
        sweeper::Sweeper,
        watcher::Watcher,
    },
    base::{Clock, backoff::Backoff},
    brain::Engine,
    http::{
        Admin, AdminToken, Ingress, Limits, Readiness, Running, ServerMode,
        admin_token::AdminTokenError,
        server::{self, BindError},
    },
    net::{Egress, HttpClient, NetError},
    settings::Settings,
    store::{
        Store, StoreError,
        sqlite::{OpenError, SealError, SqliteStore},
    },
    telemetry::Metrics,
};

/// Threads that speak HTTP to Webex. Two keep TLS from being the limit; each has a connection pool of its own.
const WIRES: usize = 2;

/// Bots whose webhooks are looked at at once: a start with thousands must leave answers their share of the wires.
const LOOKS_AT_ONCE: usize = 16;

/// How long giving back what is in hand may take at shutdown: one commit.
const GIVE_BACK: Duration = Duration::from_secs(1);

/// How many threads the app may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// None: everything lives on the current one, and stands still when its clock does.
    One,
    /// As many as the settings say.
    Many,
}

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
}

/// Why the app did not start. Every text names the setting and the fix.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data dir cannot be made.
    #[error(
        "`{}` cannot be made: {reason}; set `data_dir` (BOTYARD_DATA_DIR) to a folder that Botyard may write",
        path.display()
    )]
    DataDir {
        /// Which.
        path: PathBuf,
        /// What the operating system says.
        reason: std::io::Error,
    },
    /// The data dir or the store in it cannot be used.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The seal key cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The data dir is used for something else.
    #[error(transparent)]
    Use(#[from] UseError),
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The admin token cannot be used.
    #[error(transparent)]
    AdminToken(#[from] AdminTokenError),
    /// The way out cannot be built.
    #[error(transparent)]
    Net(#[from] NetError),
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A thread or a socket could not be made.
    #[error("the operating system refuses: {0}")]
    System(#[from] std::io::Error),
}

/// A running house.
#[derive(Debug)]
pub struct App {
    data_dir: PathBuf,
    drain: Duration,
    /// Closes last: until then whatever is verified is stored.
    store: SqliteStore,
    /// Drains the bots.
    supervisor: Addr<Supervisor>,
    /// Drained after the bots: what they promised last may still leave.
    api: Line<Api>,
    /// Asked for looks.
    roster: Line<Roster>,
    /// Accepts until the bots are drained, then closes.
    ingress: Running,
    /// Says "not ready" from the first moment of the shutdown, and closes with the ingress.
    admin: Running,
    readiness: Readiness,
    /// Stopped at the very end.
    arbiters: Vec<Arbiter>,
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
        let AppOptions { settings, tokens, used_for, clock, threads, notified, bell_faults } = options;
        let metrics = Arc::new(Metrics::new());
        if used_for != Use::Serve {
            metrics.process.on_simulator();
        }
        let bells = Bells::new(BellLimits::default(), bell_faults);
        let mut arbiters = Vec::new();
        let mut place = |count: usize| match threads {
            Threads::One => Place::Here,
            Threads::Many => Place::Arbiters(
                (0..count.max(1))
                    .map(|_| {
                        let arbiter = Arbiter::new();
                        let handle = arbiter.handle();
                        arbiters.push(arbiter);
                        handle
                    })
                    .collect(),
            ),
        };

        // Everything that can be refused comes before anything is changed or told to anybody.
        used_for.check(&settings.data_dir)?;
        let egress = egress(&settings);
        HttpClient::build(&egress)?;
        let ingress_listener = server::bind(settings.listen, "listen")?;
        let admin_listener = server::bind(settings.admin.listen, "admin.listen")?;
        let (fatal_sender, fatal) = watch::channel(None);
        let store = open::open_store(&settings, &clock, Arc::new(bells.clone()), fatal_sender, threads).await?;
        used_for.claim(&settings.data_dir)?;
        let verbs: Arc<dyn Store> = Arc::new(store.clone());
        let admin_token = AdminToken::load_or_create(&settings.data_dir, settings.admin.token_file.as_deref())?;

        // The door opens before the house is awake: what comes in is stored, and waits.
        let routes = Routes::default();
        routes.refresh(verbs.as_ref()).await?;
        let mode = match threads {
            Threads::One => ServerMode::Here,
            Threads::Many => ServerMode::workers(settings.ingress.workers),
        };
        let door = Ingress::new(&settings, routes.clone(), verbs.clone(), metrics.clone(), clock.clone());
        let ingress = server::serve(ingress_listener, mode, Limits::from(&settings.ingress), door.routes()).await?;
        let readiness = Readiness::default();

        let (supervisor_line, roster, registrar, api) = (Line::new(), Line::new(), Line::new(), Line::new());
        let bots = bot::Deps {
            store: verbs.clone(),
            api: api.clone(),
            bells: bells.clone(),
            cache: Arc::new(FactCache::default()),
            engine: Arc::new(Engine::default()),
            metrics: metrics.clone(),
            clock: clock.clone(),
            backoff: Backoff { base: Duration::from_millis(500), cap: Duration::from_mins(1) },
            event_attempts: settings.bots.event_attempts,
            turns_at_once: settings.bots.turns_at_once,
            owner: format!("{}/{}", settings.instance, std::process::id()),
        };
        let supervisor = Supervisor::new(SupervisorDeps {
            bots,
            place: place(cores_or(settings.bots.arbiters)),
            registrar: registrar.clone(),
            roster: roster.clone(),
            routes: routes.clone(),
            backoff: Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) },
        })
        .start();
        supervisor_line.connect(supervisor.clone());

        let keep = |name, bots_depend, starter: Box<dyn Fn(ExitGuard) + Send>| {
            supervisor.send(Keep { name, bots_depend, starter: Starter(starter) })
        };
        let mut started = Vec::new();
        let (news_sender, news) = watch::channel(Arc::new(ReloadReport::default()));

        started.push({
            let wires = match threads {
                Threads::One => WireMode::Here,
                Threads::Many => WireMode::Threads(WIRES),
            };
            let api_settings = ApiSettings {
                base_url: settings.webex.api_url.clone(),
                requests_per_minute: settings.webex.requests_per_minute,
                connections: settings.webex.connections,
                timeout: Duration::from_secs(settings.webex.timeout_seconds),
                delivery_attempts: settings.webex.delivery_attempts,
                wires,
            };
            let neighbours = ApiNeighbours {
                store: verbs.clone(),
                bells: bells.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                make_wire: wire_maker(egress),
                refused: supervisor.clone().recipient(),
            };
            let (line, place) = (api.clone(), place(1));
            keep(
                "api",
                true,
                Box::new(move |exit| {
                    let (settings, neighbours) = (api_settings.clone(), neighbours.clone());
                    line.connect(place.start(0, move |_| Api::new(settings, neighbours, exit)));
                }),
            )
        });
        started.push({
            let registrar_settings = RegistrarSettings {
                instance: settings.instance.clone(),
                public_url: public_url(&settings, ingress.addr()),
                at_once: LOOKS_AT_ONCE,
                every: Duration::from_secs(settings.webex.reconcile_seconds),
                deadline: Duration::from_mins(1),
            };
            let api = api.clone();
            let neighbours = RegistrarNeighbours {
                store: verbs.clone(),
                api: Arc::new(move || api.addr().map(Addr::recipient)),
                routes: routes.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                told: supervisor.clone().recipient(),
            };
            let line = registrar.clone();
            keep(
                "registrar",
                true,
                Box::new(move |exit| {
                    line.connect(Registrar::new(registrar_settings.clone(), neighbours.clone(), exit).start());
                }),
            )
        });
        started.push({
            let deps = RosterDeps {
                dirs: settings.bots_dir.clone(),
                tokens,
                grace: Duration::from_secs(settings.bots.removal_grace_seconds),
                store: verbs.clone(),
                supervisor: supervisor_line.clone(),
                routes: routes.clone(),
                clock: clock.clone(),
                news: Arc::new(news_sender),
            };
            let line = roster.clone();
            keep("roster", false, Box::new(move |exit| line.connect(Roster::new(deps.clone(), exit).start())))
        });
        for started in started {
            started.await.map_err(|gone| StartError::System(std::io::Error::other(gone)))?;
        }

        let steering = House {
            store: verbs.clone(),
            supervisor: supervisor.clone(),
            roster: roster.clone(),
            registrar: registrar.clone(),
            news: news.clone(),
        };
        let admin = Admin {
            token: admin_token.secret,
            store: verbs.clone(),
            metrics: metrics.clone(),
            steering: Arc::new(steering),
            readiness: readiness.clone(),
            simulator: used_for != Use::Serve,
        };
        // A thread of its own, so that probes are answered while the ingress is busy.
        let admin_mode = match threads {
            Threads::One => ServerMode::Here,
            Threads::Many => ServerMode::Workers(1),
        };
        let admin = server::serve(admin_listener, admin_mode, Limits::from(&settings.ingress), admin.routes()).await?;
        let app = Self {
            data_dir: settings.data_dir.clone(),
            drain: Duration::from_secs(settings.bots.drain_seconds),
            store,
            supervisor,
            api,
            roster,
            ingress,
            admin,
            readiness,
            arbiters,
            news,
            fatal,
        };
        app.endpoint(&used_for).write(&settings.data_dir)?;
        app.look().await;
        app.keep_looking(&settings, &verbs, bells, &clock, notified).await?;
        app.readiness.set_listening(true);
        Ok(app)
    }

    /// Starts those who look again and again: watcher, sweeper, janitor.
    async fn keep_looking(
        &self,
        settings: &Settings,
        store: &Arc<dyn Store>,
        bells: Bells,
        clock: &Clock,
        notified: bool,
    ) -> Result<(), StartError> {
        let keep = |name, starter: Box<dyn Fn(ExitGuard) + Send>| {
            self.supervisor.send(Keep { name, bots_depend: false, starter: Starter(starter) })
        };
        let (dirs, roster) = (settings.bots_dir.clone(), self.roster.clone());
        let watcher = keep(
            "watcher",
            Box::new(move |exit| {
                Watcher::new(dirs.clone(), roster.clone(), notified, exit).start();
            }),
        );
        let (every, sweep_store, sweep_clock) =
            (Duration::from_secs(settings.bots.sweep_seconds), store.clone(), clock.clone());
        let sweeper = keep(
            "sweeper",
            Box::new(move |exit| {
                Sweeper::new(sweep_store.clone(), bells.clone(), sweep_clock.clone(), every, exit).start();
            }),
        );
        let times = janitor::Keep {
            finished: Duration::from_secs(settings.retention.finished_hours * 3_600),
            buried: Duration::from_secs(settings.retention.buried_days * 86_400),
            retired: Duration::from_secs(settings.bots.keep_removed_days * 86_400),
        };
        let (clean_store, clean_clock) = (store.clone(), clock.clone());
        let janitor = keep(
            "janitor",
            Box::new(move |exit| {
                Janitor::new(clean_store.clone(), clean_clock.clone(), times, exit).start();
            }),
        );
        for started in [watcher, sweeper, janitor] {
            started.await.map_err(|gone| StartError::System(std::io::Error::other(gone)))?;
        }
        Ok(())
    }

    /// Where webhooks come in.
    #[must_use]
    pub fn ingress_addr(&self) -> SocketAddr {
        self.ingress.addr()
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

    /// Becomes a sentence when the process must end, because the disk no longer keeps its word.
    #[must_use]
    pub fn fatal(&self) -> watch::Receiver<Option<String>> {
        self.fatal.clone()
    }

    /// The store, for tests and for looking.
    #[must_use]
    pub fn store(&self) -> &SqliteStore {
        &self.store
    }

    /// Looks at `bots.d` now; answers when it is done.
    pub async fn look(&self) -> ReloadReport {
        match self.roster.addr() {
            Some(roster) => roster.send(Look { confirm_removals: false }).await.unwrap_or_default(),
            None => ReloadReport::default(),
        }
    }

    /// Looks at `bots.d` soon; does not wait.
    pub fn look_soon(&self) {
        if let Some(roster) = self.roster.addr()
            && roster.try_send(Look { confirm_removals: false }).is_err()
        {
            tracing::warn!("the roster is busy; it looks by itself each second");
        }
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

    /// Ends in order. What is in hand is finished for `bots.drain_seconds`; the rest is in the store.
    pub async fn shutdown(self) {
        self.readiness.set_listening(false);
        // Nobody looks at `bots.d` any more: what changes now is seen at the next start.
        self.roster.disconnect();
        let drain = async {
            let _ = self.supervisor.send(Shutdown).await;
            if let Some(api) = self.api.addr() {
                let _ = api.send(api::Drain).await;
            }
        };
        if timeout(self.drain, drain).await.is_err() {
            tracing::warn!(
                drain_seconds = self.drain.as_secs(),
                "not everything in hand was finished in time; it is done again at the next start"
            );
            let _ = timeout(GIVE_BACK, self.supervisor.send(GiveAllBack)).await;
        }
        self.ingress.stop(true).await;
        self.admin.stop(true).await;
        if let Err(error) = self.store.close().await {
            tracing::error!(error = %error, "the store did not close well");
        }
        Endpoint::remove(&self.data_dir);
        for arbiter in self.arbiters {
            arbiter.stop();
        }
    }
}

fn egress(settings: &Settings) -> Egress {
    Egress {
        proxy: settings.egress.proxy.clone(),
        no_proxy: settings.egress.no_proxy.clone(),
        extra_ca_file: settings.egress.extra_ca_file.clone(),
        // Every wire has a pool of its own, and lanes spread over the wires by chance: each may need most of them.
        connections: settings.webex.connections,
        ..Egress::default()
    }
}

/// A number of threads: as set, or one a core.
fn cores_or(setting: usize) -> usize {
    if setting > 0 { setting } else { std::thread::available_parallelism().map_or(1, NonZeroUsize::get) }
}

fn wire_maker(egress: Egress) -> MakeWire {
    Arc::new(move || Ok(Rc::new(HttpClient::build(&egress)?) as Rc<dyn Wire>))
}

/// What Webex is told to post to. Without a setting (only `dev` gets this far) the ingress itself.
fn public_url(settings: &Settings, ingress: SocketAddr) -> String {
    settings.public_url.clone().unwrap_or_else(|| format!("http://127.0.0.1:{}{}", ingress.port(), settings.base_path))
}
