//! `botyard dev`: the simulator, all of `bots.d` and a prompt to talk to them, in one process.
//!
//! It needs no account, no token and no public URL. With a terminal it ends at a prompt; without one it logs and
//! serves, and says each minute that this is the simulator, so that nobody takes it for the real thing.

mod ground;
mod report;
mod rooms;

use std::{fmt::Write as _, net::SocketAddr, time::Duration};

use self::{
    ground::{Door, Ground},
    report::{FEW, Told},
};
use super::{
    args::{Calls, DevArgs, SettingsArgs},
    control::Control,
    failure::{Failure, Outcome},
    serve, settings,
    sim::{from_settings, refused, root_url},
    talk::{self, After, Bot, Prompt, Screen, Talk},
};
use crate::{
    actors::{bells::BellFaults, report::BotState, roster::TokenPolicy, runner::Making, supervisor::KeptState},
    app::{App, AppOptions, Threads, Use},
    base::{Breaking, Clock, spawn::spawn},
    settings::{LoadOptions, LogFormat, Role, Settings},
    shutdown::{Asked, Signals},
    sim::{self, SimError, SimHandle, SimOptions},
    telemetry::log,
};

/// How long bots may take to come to life before the prompt stands all the same.
const SETTLES: Duration = Duration::from_secs(3);
/// How often it is looked whether they have.
const LOOK: Duration = Duration::from_millis(50);
/// How often the log says that this is the simulator.
const REMINDER: Duration = Duration::from_mins(1);

/// Runs the command.
pub(super) fn dev(from: &SettingsArgs, args: &DevArgs) -> Outcome {
    let settings = settings::load_for(from, Role::Dev)?;
    let ground = ground::find(&settings, ground::is_free)?;
    ground.prepare(&settings.data_dir)?;
    let screen = Screen::default();
    let args = args.clone();
    let prompted = talk::possible() && !args.no_prompt;
    if prompted {
        let writer = screen.clone();
        log::init_with(&prompt_level(&settings)?, talk::styled(), move || writer.clone()).map_err(Failure::refused)?;
    } else {
        log::init(&settings.log.level, settings.log.format == LogFormat::Json).map_err(Failure::refused)?;
    }
    actix_rt::System::new().block_on(async move {
        let signals = Signals::listen().map_err(Failure::fault)?;
        let simulator = start_simulator(&ground, &settings).await?;
        let url = root_url(simulator.addr());
        let (grace, dirs) = (settings.bots.removal_grace_seconds, settings.bots_dir.clone());
        let app = App::start(options(ground.settings(settings, &url), &url, &args)).await.map_err(Failure::refused)?;
        let notes = notes(&ground, simulator.addr(), &app);
        let control = Control::new(&url).map_err(Failure::fault)?;
        let rooms = rooms::keep(control, dirs, args.person.clone());
        let house = House { app, notes, url, grace };
        let outcome =
            if prompted { house.talk(&args.person, screen, signals).await } else { house.serve(signals).await };
        rooms.abort();
        simulator.stop().await;
        outcome
    })
}

/// What the log tells at the prompt: what is wrong. Of the roster only what no report holds, because a report is
/// shown with the line of the definition.
const PROMPT_LEVEL: &str = "warn,botyard::actors::roster=off,botyard::actors::roster[{dir}]=warn,\
    botyard::actors::roster[{error}]=warn,botyard::actors::roster::tokens=warn,botyard::calls=info";

/// The level at the prompt, unless somebody chose one.
fn prompt_level(settings: &Settings) -> Result<String, Failure> {
    let defaults = Settings::load(&LoadOptions::default()).map_err(Failure::fault)?;
    let chosen = settings.log.level != defaults.log.level;
    Ok(if chosen { settings.log.level.clone() } else { PROMPT_LEVEL.to_owned() })
}

async fn start_simulator(ground: &Ground, settings: &Settings) -> Result<SimHandle, Failure> {
    let options = SimOptions {
        // Who tries bots out sends as fast as they like.
        requests_per_minute: 0,
        state: Some(ground.data_dir.join("simulator.json")),
        ..from_settings(settings, ground.sim)
    };
    let started = match sim::start(options.clone()).await {
        Err(SimError::Busy { .. }) if !ground.sim_chosen => {
            let listen = SocketAddr::new(ground.sim.ip(), 0);
            sim::start(SimOptions { listen, ..options }).await
        }
        started => started,
    };
    started.map_err(|error| match error {
        SimError::Busy { address } => Failure::refused(format!(
            "the simulator cannot listen on `{address}`, it is in use: stop what listens there, or set `sim.listen` \
             (BOTYARD_SIM__LISTEN) to another address"
        )),
        error => refused(&error),
    })
}

/// What to tell about addresses that are not the usual ones.
fn notes(ground: &Ground, sim: SocketAddr, app: &App) -> Vec<String> {
    let mut taken = ground.taken.clone();
    if sim != ground.sim && ground.sim.port() != 0 {
        taken.push((ground.sim, Door::Simulator));
    }
    let note = |(usual, door): (SocketAddr, Door)| match door {
        Door::Simulator => format!("{usual} is taken: the simulator listens on {sim}"),
        Door::Webhooks => format!("{usual} is taken: webhooks come in at {}", app.ingress_addr()),
        Door::Admin => format!("{usual} is taken: health and administration listen on {}", app.admin_addr()),
    };
    taken.into_iter().map(note).collect()
}

fn options(settings: Settings, simulator: &str, args: &DevArgs) -> AppOptions {
    AppOptions {
        settings,
        tokens: TokenPolicy::Simulated,
        used_for: Use::Simulator { url: simulator.to_owned() },
        clock: Clock::System,
        threads: Threads::Many,
        notified: true,
        bell_faults: BellFaults::default(),
        breaking: Breaking::default(),
        // What a call does outside would be real, though all else here is simulated.
        making: if args.calls == Calls::Real { Making::Real } else { Making::Shown },
    }
}

/// The running house, and what its prompt or its log says about it.
struct House {
    app: App,
    /// Sentences about addresses that were taken.
    notes: Vec<String>,
    /// The simulator.
    url: String,
    /// Seconds that a bot stays whose file is gone.
    grace: u64,
}

impl House {
    /// Without a terminal: logs and serves.
    async fn serve(self, signals: Signals) -> Outcome {
        for note in &self.notes {
            tracing::info!("{note}");
        }
        let Self { app, url, .. } = self;
        tracing::info!(simulator = %url, listen = %app.ingress_addr(), admin = %app.admin_addr(), "botyard dev runs");
        let reminder = spawn(async move {
            loop {
                tracing::info!(
                    simulator = %url,
                    "this is the simulator, nothing reaches Webex; to go live: `botyard serve` with BOTYARD_PUBLIC_URL \
                     and the bots' tokens"
                );
                tokio::time::sleep(REMINDER).await;
            }
        });
        let outcome = serve::until_stopped(app, signals).await;
        reminder.abort();
        outcome
    }

    /// With a terminal: lists the bots, then talks.
    async fn talk(self, person: &str, screen: Screen, mut signals: Signals) -> Outcome {
        let control = Control::new(&self.url).map_err(Failure::fault)?;
        let bots = self.settled().await;
        let first = report::first(&bots).map_or_else(|| Bot::named("hello"), bot);
        screen.show(&self.welcome(&bots, &first));
        let mut told = Told::default();
        let mut reports = self.app.news();
        let mut happened = talk::follow(control.clone(), control.seq().await.map_err(Failure::fault)?);
        let mut talk = Talk::new(control, screen.clone(), person, first);
        let mut fatal = self.app.fatal();
        let mut prompt = Prompt::start(screen.clone())?;
        reports.mark_changed();
        prompt.ask(talk.prompt());
        loop {
            tokio::select! {
                line = prompt.line() => {
                    let Some(line) = line else { break };
                    match talk.hear(&line).await {
                        After::Ask | After::Sent(_) => {}
                        After::ListBots => screen.show(&report::list(&self.app.bots().await, usize::MAX)),
                        After::End => break,
                    }
                    prompt.ask(talk.prompt());
                }
                Some(news) = happened.recv() => talk.show(&news),
                Ok(()) = reports.changed() => {
                    let report = reports.borrow_and_update().clone();
                    for text in told.news(&report, self.grace, talk::styled()) {
                        screen.show(&text);
                    }
                }
                asked = signals.next() => match asked {
                    Asked::Stop => break,
                    Asked::Reload => self.app.reload(),
                },
                Some(reason) = serve::told(&mut fatal) => return Err(serve::lost(&reason)),
            }
        }
        drop(prompt);
        serve::drain(self.app, signals).await
    }

    /// The bots, once they are up or have had the time for it.
    async fn settled(&self) -> Vec<KeptState> {
        let up = tokio::time::timeout(SETTLES, async {
            while self.app.bots().await.iter().any(|bot| bot.state == BotState::Starting) {
                tokio::time::sleep(LOOK).await;
            }
        });
        // Whoever takes longer is listed as starting.
        let _ = up.await;
        self.app.bots().await
    }

    fn welcome(&self, bots: &[KeptState], first: &Bot) -> String {
        let mut text =
            format!("Botyard on the simulator at {}: no account, no token, nothing reaches Webex\n", self.url);
        for note in &self.notes {
            let _ = writeln!(text, "({note})");
        }
        let _ = writeln!(text, "\n{}", report::list(bots, FEW));
        if !bots.is_empty() {
            let name = &first.name;
            let _ = writeln!(text, "\ntalking to {name}; `/to BOT` for another, `/help` for more, Ctrl-D ends");
        }
        text
    }
}

fn bot(kept: &KeptState) -> Bot {
    match &kept.identity {
        Some(identity) => Bot { name: kept.bot.as_str().to_owned(), email: identity.email.clone() },
        None => Bot::named(kept.bot.as_str()),
    }
}
