//! The one place that wires the house: who exists, in what order they come, who knows whom.
//!
//! Order of coming: store, ingress (it accepts for every bot the store knows, before anything else), the
//! supervisor with api, registrar and roster, the first look at `bots.d`, then those who keep looking.
//! Order of going: looking stops, bots drain, the api empties its wires, the ingress closes last but one (it
//! accepts and stores until then), the store closes last.

mod admin_thread;
mod endpoint;
mod steering;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};

use actix::{Actor, Addr, Arbiter};
use tokio::{sync::watch, time::timeout};

use self::{admin_thread::AdminThread, steering::House};
pub use self::endpoint::{Endpoint, Use};
use crate::{
    actors::{
        api::{Api, ApiDeps},
        bells::{BellFaults, BellLimits, Bells},
        bot::{self, FactCache},
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
    http::{self, AdminToken, Ingress, Readiness, Running, ServerMode},
    settings::Settings,
    store::{OpenOptions, SqliteStore, Store},
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
