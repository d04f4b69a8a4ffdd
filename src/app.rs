//! The one place that wires the house: who exists, in what order they come, who knows whom.
//!
//! Order of coming: store, ingress (it accepts for every bot the store knows, before anything else), the
//! supervisor with api, registrar and roster, the first look at `bots.d`, then those who keep looking.
//! Order of going: looking stops, bots drain, the api empties its wires, the ingress closes last but one (it
//! accepts and stores until then), the store closes last.

mod steering;

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Addr, Arbiter};
use tokio::sync::watch;

use crate::{
    actors::{
        api::{Api, ApiDeps},
        bells::{BellFaults, BellLimits, Bells},
        bot,
        janitor::{self, Janitor},
        line::Line,
        place::Place,
        registrar::{Registrar, RegistrarDeps},
        report::ReloadReport,
        roster::{Look, Roster, RosterDeps, TokenPolicy},
        routes::Routes,
        supervisor::{Keep, Shutdown, Starter, Supervisor, SupervisorDeps},
        sweeper::Sweeper,
        watcher::Watcher,
    },
    base::{Clock, backoff::Backoff},
    brain::Engine,
    settings::Settings,
    store::Store,
    telemetry::Metrics,
};

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
    /// The base URL of the simulator, when the process runs on it: shown to whoever looks.
    pub simulator: Option<String>,
    /// Time.
    pub clock: Clock,
    /// Threads.
    pub threads: Threads,
    /// Whether file notification may hasten looks; the looks come in any case.
    pub notified: bool,
    /// What a test breaks on purpose.
    pub bell_faults: BellFaults,
}

/// A running house.
#[derive(Debug)]
pub struct App {
    store: SqliteStore,
    supervisor: Addr<Supervisor>,
    api: Line<Api>,
    roster: Line<Roster>,
    ingress: Running,
    admin: AdminThread,
    readiness: Readiness,
    arbiters: Vec<Arbiter>,
    news: watch::Receiver<Arc<ReloadReport>>,
    fatal: watch::Receiver<Option<String>>,
    steering: Arc<House>,
}

/// Why the app did not start. Every text names the setting and the fix.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Settings, data dir or key must be put right first.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The seal key cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
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
