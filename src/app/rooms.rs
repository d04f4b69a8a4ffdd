//! How each actor is made: what it is given of the settings, and whom it knows.
//!
//! A singleton is a [`Keep`]: the supervisor makes it by its starter now, and again should it ever crash; whoever
//! talks to it holds a line that the starter connects.

use std::{
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Addr};
use tokio::sync::{Semaphore, watch};

use crate::{
    actors::{
        api::{Api, ApiNeighbours, ApiSettings, MakeWire, Wire, WireMode},
        archivist::{Archivist, ArchivistDeps, Schedule},
        bells::Bells,
        bot::{self, FactCache},
        exit::{ExitGuard, OnFatal},
        intake::Intake,
        janitor::{self, Janitor},
        line::Line,
        meter::Meter,
        place::Place,
        policy::policy,
        registrar::{Registrar, RegistrarNeighbours, RegistrarSettings},
        report::ReloadReport,
        roster::{Look, Roster, RosterDeps, TokenPolicy},
        routes::Routes,
        runner::{CallSettings, MakeClient, Making, OpenCalls, Runner, RunnerDeps, RunnerSettings},
        scheduler::{Scheduler, SchedulerDeps},
        supervisor::{Keep, Starter, Supervisor, SupervisorDeps},
        sweeper::Sweeper,
        watcher::Watcher,
    },
    base::{Breaking, Clock, backoff::Backoff},
    brain::Engine,
    net::{Egress, HttpClient},
    settings::Settings,
    store::{Silence, Store},
    telemetry::Metrics,
};

/// Bots whose webhooks are looked at at once: a start with thousands must leave answers their share of the wires.
const LOOKS_AT_ONCE: usize = 16;
/// Scripts that run at once, each on a thread of the blocking pool.
const SCRIPTS_AT_ONCE: usize = 2;
/// Waits after a bot's crashes.
const CRASH_BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };

/// Lines to the singletons that others talk to.
#[derive(Debug, Clone, Default)]
pub(super) struct Lines {
    pub(super) supervisor: Line<Supervisor>,
    pub(super) api: Line<Api>,
    pub(super) registrar: Line<Registrar>,
    pub(super) roster: Line<Roster>,
    pub(super) archivist: Line<Archivist>,
    pub(super) runner: Line<Runner>,
}

/// What calls of handlers need besides the settings.
pub(super) struct Calls {
    /// The way out, behind the guard.
    pub(super) egress: Egress,
    pub(super) open: OpenCalls,
    pub(super) effects_url: String,
    pub(super) making: Making,
}

/// What the actors share, and what they are told by the settings.
pub(super) struct Rooms<'a> {
    settings: &'a Settings,
    store: Arc<dyn Store>,
    bells: Bells,
    clock: Clock,
    metrics: Arc<Metrics>,
    routes: Routes,
    intake: Intake,
    /// People and rooms that bots have read.
    pub(super) facts: Arc<FactCache>,
    pub(super) lines: Lines,
}

impl<'a> Rooms<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        store: Arc<dyn Store>,
        bells: Bells,
        clock: Clock,
        metrics: Arc<Metrics>,
        routes: Routes,
        intake: Intake,
    ) -> Self {
        Self { settings, store, bells, clock, metrics, routes, intake, facts: Arc::default(), lines: Lines::default() }
    }

    /// Starts the supervisor, here. It starts every other.
    pub(super) fn supervisor(
        &self,
        place: Place,
        silence: Silence,
        on_fatal: OnFatal,
        breaking: Breaking,
    ) -> Addr<Supervisor> {
        let bots = bot::Deps {
            store: self.store.clone(),
            api: self.lines.api.clone(),
            runner: self.lines.runner.clone(),
            bells: self.bells.clone(),
            cache: self.facts.clone(),
            engine: Arc::new(Engine::default()),
            scripts: Arc::default(),
            scripting: Arc::new(Semaphore::new(SCRIPTS_AT_ONCE)),
            metrics: self.metrics.clone(),
            clock: self.clock.clone(),
            zone: self.settings.schedule.timezone,
            event_attempts: self.settings.bots.event_attempts,
            turns_at_once: self.settings.bots.turns_at_once,
            intake: self.intake.clone(),
            turn_limit: Duration::from_secs(self.settings.bots.turn_seconds),
            trial: Arc::new(Semaphore::new(1)),
            owner: format!("{}/{}", self.settings.instance, std::process::id()),
            breaking,
        };
        let supervisor = Supervisor::new(SupervisorDeps {
            bots: Arc::new(bots),
            place,
            registrar: self.lines.registrar.clone(),
            roster: self.lines.roster.clone(),
            routes: self.routes.clone(),
            backoff: CRASH_BACKOFF,
            silence,
            follow_deletions: self.settings.retention.follow_deletions,
            on_fatal,
        })
        .start();
        self.lines.supervisor.connect(supervisor.clone());
        supervisor
    }

    pub(super) fn api(&self, wires: WireMode, place: Place, egress: Egress) -> Keep {
        let webex = &self.settings.webex;
        let settings = ApiSettings {
            base_url: webex.api_url.clone(),
            requests_per_minute: webex.requests_per_minute,
            connections: webex.connections,
            timeout: Duration::from_secs(webex.timeout_seconds),
            delivery_attempts: webex.delivery_attempts,
            files: self.settings.bots_dir.clone(),
            wires,
        };
        let (store, bells, clock, metrics) =
            (self.store.clone(), self.bells.clone(), self.clock.clone(), self.metrics.clone());
        let (line, supervisor, make_wire) = (self.lines.api.clone(), self.lines.supervisor.clone(), wire_maker(egress));
        // Every bot has its lane there: with a new api actor they start anew and open it again.
        keep("api", true, move |exit| {
            let Some(supervisor) = supervisor.addr() else { return };
            let neighbours = ApiNeighbours {
                store: store.clone(),
                bells: bells.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                make_wire: make_wire.clone(),
                refused: supervisor.recipient(),
            };
            let settings = settings.clone();
            line.connect(place.start(0, move |_| Api::new(settings, neighbours, exit)));
        })
    }

    pub(super) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    /// Bots have their lane there too, and start anew with it.
    pub(super) fn runner(&self, place: Place, calls: Calls) -> Keep {
        let handlers = &self.settings.handlers;
        let settings = RunnerSettings {
            calls_at_once: handlers.calls_at_once,
            calls_per_bot: handlers.calls_per_bot,
            calls: CallSettings::of(self.settings, calls.effects_url),
            making: calls.making,
        };
        let make_client: MakeClient =
            Arc::new(move || HttpClient::build(&calls.egress).map_err(|error| error.to_string()));
        let deps = RunnerDeps {
            store: self.store.clone(),
            bells: self.bells.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            make_client,
            open: calls.open,
            settings,
        };
        let line = self.lines.runner.clone();
        keep("runner", true, move |exit| {
            let deps = deps.clone();
            line.connect(place.start(0, move |_| Runner::new(deps, exit)));
        })
    }

    pub(super) fn registrar(&self, public_url: String) -> Keep {
        let settings = RegistrarSettings {
            instance: self.settings.instance.clone(),
            public_url,
            at_once: LOOKS_AT_ONCE,
            every: Duration::from_secs(self.settings.webex.reconcile_seconds),
            deadline: Duration::from_mins(1),
        };
        let (store, routes, clock, metrics) =
            (self.store.clone(), self.routes.clone(), self.clock.clone(), self.metrics.clone());
        let Lines { supervisor, api, registrar, .. } = self.lines.clone();
        // It knows who is there because each said so: with a new registrar they start anew and say it again.
        keep("registrar", true, move |exit| {
            let Some(supervisor) = supervisor.addr() else { return };
            let api = api.clone();
            let neighbours = RegistrarNeighbours {
                store: store.clone(),
                api: Arc::new(move || api.addr().map(Addr::recipient)),
                routes: routes.clone(),
                clock: clock.clone(),
                metrics: metrics.clone(),
                told: supervisor.recipient(),
            };
            registrar.connect(Registrar::new(settings.clone(), neighbours, exit).start());
        })
    }

    pub(super) fn roster(&self, tokens: TokenPolicy, news: watch::Sender<Arc<ReloadReport>>) -> Keep {
        let deps = RosterDeps {
            dirs: self.settings.bots_dir.clone(),
            policy: policy(self.settings),
            tokens,
            grace: Duration::from_secs(self.settings.bots.removal_grace_seconds),
            store: self.store.clone(),
            supervisor: self.lines.supervisor.clone(),
            routes: self.routes.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            news: Arc::new(news),
        };
        let line = self.lines.roster.clone();
        let again = AtomicBool::new(false);
        keep("roster", false, move |exit| {
            let roster = Roster::new(deps.clone(), exit).start();
            line.connect(roster.clone());
            // The first look is the app's, which waits for it. One made anew knows nothing, and nothing on the disk
            // need change until somebody else tells it to look.
            if again.swap(true, Ordering::Relaxed) {
                let _ = roster.try_send(Look { confirm_removals: false });
            }
        })
    }

    pub(super) fn watcher(&self, notified: bool) -> Keep {
        let (dirs, roster) = (self.settings.bots_dir.clone(), self.lines.roster.clone());
        keep("watcher", false, move |exit| {
            Watcher::new(dirs.clone(), roster.clone(), notified, exit).start();
        })
    }

    pub(super) fn sweeper(&self) -> Keep {
        let (store, bells, clock) = (self.store.clone(), self.bells.clone(), self.clock.clone());
        let every = Duration::from_secs(self.settings.bots.sweep_seconds);
        keep("sweeper", false, move |exit| {
            Sweeper::new(store.clone(), bells.clone(), clock.clone(), every, exit).start();
        })
    }

    pub(super) fn scheduler(&self, breaking: Breaking) -> Keep {
        let deps = SchedulerDeps {
            store: self.store.clone(),
            supervisor: self.lines.supervisor.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            zone: self.settings.schedule.timezone,
            breaking,
        };
        keep("scheduler", false, move |exit| {
            Scheduler::new(deps.clone(), exit).start();
        })
    }

    pub(super) fn meter(&self) -> Keep {
        let (store, clock, metrics) = (self.store.clone(), self.clock.clone(), self.metrics.clone());
        keep("meter", false, move |exit| {
            Meter::new(store.clone(), clock.clone(), metrics.clone(), exit).start();
        })
    }

    pub(super) fn janitor(&self) -> Keep {
        let retention = &self.settings.retention;
        let times = janitor::Keep {
            content: days(retention.content_days),
            dead_content: days(retention.dead_content_days),
            rows: days(retention.rows_days),
            keys: days(retention.content_days).saturating_sub(hours(retention.seen_hours)),
            audit: days(retention.audit_days),
            retired: days(self.settings.bots.keep_removed_days),
        };
        let (store, clock, metrics) = (self.store.clone(), self.clock.clone(), self.metrics.clone());
        keep("janitor", false, move |exit| {
            Janitor::new(store.clone(), clock.clone(), metrics.clone(), times, exit).start();
        })
    }
}

impl Rooms<'_> {
    pub(super) fn archivist(&self, purpose: &'static str) -> Keep {
        let backup = &self.settings.backup;
        let schedule = backup.dir.clone().filter(|_| backup.every_hours > 0);
        let deps = ArchivistDeps {
            store: self.store.clone(),
            clock: self.clock.clone(),
            metrics: self.metrics.clone(),
            instance: self.settings.instance.clone(),
            purpose,
            schedule: schedule.map(|dir| Schedule { every: hours(backup.every_hours), keep: backup.keep, dir }),
        };
        let line = self.lines.archivist.clone();
        keep("archivist", false, move |exit| line.connect(Archivist::new(deps.clone(), exit).start()))
    }
}

fn keep(name: &'static str, bots_depend: bool, start: impl Fn(ExitGuard) + Send + 'static) -> Keep {
    Keep { name, bots_depend, starter: Starter(Box::new(start)) }
}

fn days(days: u64) -> Duration {
    hours(days.saturating_mul(24))
}

/// So many hours; somebody who wants to keep things for ever may write any number.
fn hours(hours: u64) -> Duration {
    Duration::from_secs(hours.saturating_mul(3_600))
}

fn wire_maker(egress: Egress) -> MakeWire {
    Arc::new(move || Ok(Rc::new(HttpClient::build(&egress)?) as Rc<dyn Wire>))
}
