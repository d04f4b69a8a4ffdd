//! How fast, how lean and how exact the service is, measured from outside: the real binary under signed
//! webhooks, with a tiny Webex of its own behind it, beside a bare HTTP handler in the same run.
//!
//! `storm report` plays everything and holds it against the aims. The single scenes are there to look closer.
//! All of it stays on loopback, is bounded in time and count, and leaves no process behind. The numbers are
//! those of this machine: nothing here belongs into a test suite, except that replies that were lost, doubled,
//! overtaken or misdirected make the exit code 1.

mod bare;
mod chaos;
mod client;
mod conditions;
mod definitions;
mod driver;
mod figures;
mod fleet;
mod flood;
mod ledger;
mod process;
mod restart;
mod scenes;
mod service;
mod show;
mod soak;
mod stage;
mod upstream;
mod ward;

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher as _, Hasher as _},
    io::Write as _,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    driver::{Pace, Until},
    figures::Report,
    service::Plan,
    stage::{Setup, tell},
};

/// How long the soak lasts in the report, which is to be over before one forgets that it was started.
const IN_REPORT: Duration = Duration::from_secs(30);

/// Storms the service with signed webhooks and measures it.
#[derive(Debug, Parser)]
#[command(name = "storm")]
struct Cli {
    #[command(subcommand)]
    scene: Scene,
    #[command(flatten)]
    options: Options,
}

#[derive(Debug, Subcommand)]
enum Scene {
    /// One load: closed loop, or at a rate
    Run {
        /// End after so many messages instead of `--seconds`
        #[arg(long)]
        count: Option<u64>,
        /// So many webhooks a second instead of a closed loop
        #[arg(long, conflicts_with = "answered")]
        rate: Option<f64>,
        /// A closed loop over answers instead of acknowledgements
        #[arg(long)]
        answered: bool,
    },
    /// 1,000 bots (or `--bots`): start with reconciliation, one message to each
    Thousand {
        /// Say nothing to them: only start and memory
        #[arg(long)]
        idle: bool,
    },
    /// 1,000 definitions (or `--bots`) that use the whole language: how long a check takes, and memory
    Definitions,
    /// Memory with 40,000 events waiting
    Backlog,
    /// Group commit with syncs made 5 ms slower
    Sync,
    /// 10,000 events to one bot: what another one notices of it
    Flood,
    /// A restart under steady load: for how long nobody accepts, with 120 and 10,000 bots (or `--bots`)
    Restart,
    /// Steady load for long: memory, log and database
    Soak {
        /// How long
        #[arg(long, default_value_t = 5)]
        minutes: u64,
    },
    /// Kills, faults and rewritten definitions against the simulator; then the ledger
    Chaos {
        /// What everything random comes from [default: another one each time]
        #[arg(long)]
        seed: Option<u64>,
        /// End after so many `kill -9`
        #[arg(long, default_value_t = 200)]
        kills: u64,
        /// End after so many minutes at the latest
        #[arg(long, default_value_t = 15)]
        minutes: u64,
        /// Messages a second that people write
        #[arg(long, default_value_t = 40)]
        rate: u64,
    },
    /// Everything, beside the bare handler, against the aims
    Report,
    /// The bare handler itself, until its standard input ends
    #[command(hide = true)]
    Bare {
        #[arg(long, default_value_t = 2)]
        workers: usize,
    },
}

#[derive(Debug, Args)]
struct Options {
    /// Bots of a load
    #[arg(long, global = true)]
    bots: Option<usize>,
    /// Connections that webhooks come over
    #[arg(long, global = true, default_value_t = 256)]
    connections: usize,
    /// Seconds of a load
    #[arg(long, global = true, default_value_t = 10)]
    seconds: u64,
    /// Threads of the driver
    #[arg(long, global = true, default_value_t = 2)]
    threads: usize,
    /// The service's binary [default: beside this one]
    #[arg(long, global = true)]
    botyard: Option<PathBuf>,
    /// Folder on the disk to measure [default: the target folder]
    #[arg(long, global = true)]
    dir: Option<PathBuf>,
    /// A setting of the service, `BOTYARD_…=value`; may be repeated
    #[arg(long = "set", global = true, value_name = "NAME=VALUE", value_parser = setting)]
    settings: Vec<(String, String)>,
    /// Show the service's metrics after each load
    #[arg(long, global = true)]
    metrics: bool,
    /// The report as JSON
    #[arg(long, global = true)]
    json: bool,
}

fn setting(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("expected `NAME=VALUE`")?;
    Ok((name.to_owned(), value.to_owned()))
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.scene {
        Scene::Bare { workers } => bare::serve(workers).map(|()| true),
        Scene::Chaos { seed, kills, minutes, rate } => cause_chaos(&cli.options, seed, kills, minutes, rate),
        _ => play(&cli),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tell(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// Plays the scenes and prints the report; whether nothing went wrong.
fn play(cli: &Cli) -> Result<bool> {
    let setup = setup(&cli.options)?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut report = Report::new(conditions::look(&setup)?);
        // Dropping the scenes ends their children.
        tokio::select! {
            played = Box::pin(scene(cli, &setup, &mut report)) => played?,
            _ = interrupt.recv() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        }
        report.judge();
        let text = if cli.options.json { serde_json::to_string_pretty(&report)? } else { show::text(&report) };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(report.is_sound())
    })
}

/// Causes chaos and prints the summary; whether the ledger agrees.
fn cause_chaos(options: &Options, seed: Option<u64>, kills: u64, minutes: u64, rate: u64) -> Result<bool> {
    let (Setup { plan, .. }, json) = (setup(options)?, options.json);
    let options = chaos::Options {
        botyard: plan.botyard,
        dir: plan.dir,
        seed: seed.unwrap_or_else(|| RandomState::new().build_hasher().finish() % 1_000_000),
        kills,
        time: Duration::from_secs(minutes.clamp(1, 120) * 60),
        bots: options.bots.unwrap_or(20).max(1),
        rate: rate.clamp(1, 1_000),
        life_ms: 100..1_800,
        patience: Duration::from_mins(5),
    };
    botyard::net::install_tls();
    actix_rt::Runtime::new()?.block_on(async {
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let outcome = tokio::select! {
            played = Box::pin(chaos::run(&options, &tell)) => played?,
            _ = interrupt.recv() => anyhow::bail!("interrupted"),
            _ = terminate.recv() => anyhow::bail!("terminated"),
        };
        let text = if json { serde_json::to_string_pretty(&outcome)? } else { chaos::text(&outcome) };
        writeln!(std::io::stdout(), "{text}")?;
        Ok(outcome.is_sound())
    })
}

async fn scene(cli: &Cli, setup: &Setup, report: &mut Report) -> Result<()> {
    match cli.scene {
        Scene::Run { count, rate, answered } => {
            let pace = match rate {
                Some(rate) => Pace::Rate(rate),
                None if answered => Pace::Answered,
                None => Pace::Acked,
            };
            let until = count.map_or(Until::Elapsed(setup.time), Until::Count);
            report.flows.extend(scenes::run(setup, pace, until).await?);
        }
        Scene::Thousand { idle } => {
            let (fleet, flows) = scenes::fleet(setup, cli.options.bots.unwrap_or(1_000), !idle).await?;
            report.fleets.push(fleet);
            report.flows.extend(flows);
        }
        Scene::Definitions => definitions(setup, report, cli.options.bots.unwrap_or(1_000)).await?,
        Scene::Backlog => backlog(setup, report).await?,
        Scene::Sync => slow_sync(setup, report).await?,
        Scene::Flood => flood(setup, report).await?,
        Scene::Restart => match cli.options.bots {
            Some(bots) => report.restarts.push(restart::restart(setup, bots).await?),
            None => {
                for bots in [120, 10_000] {
                    report.restarts.push(restart::restart(setup, bots).await?);
                }
            }
        },
        Scene::Soak { minutes } => soak(setup, report, Duration::from_secs(minutes.clamp(1, 60) * 60)).await?,
        Scene::Report => everything(setup, report).await,
        Scene::Bare { .. } | Scene::Chaos { .. } => {}
    }
    Ok(())
}

/// Every scene; one that fails is noted and does not keep the others from being played.
async fn everything(setup: &Setup, report: &mut Report) {
    let before = bare(setup, report).await;
    note(report, "bare handler", before);
    let flows = flows(setup, report).await;
    note(report, "loads", flows);
    // Once more, so that a machine that became slower meanwhile does not flatter the ratio.
    let after = bare(setup, report).await;
    note(report, "bare handler", after);
    for (bots, speak) in [(1_000, true), (10_000, false)] {
        let started = fleet(setup, report, bots, speak).await;
        note(report, &format!("{bots} bots"), started);
    }
    let checked = definitions(setup, report, 1_000).await;
    note(report, "definitions", checked);
    let waited = backlog(setup, report).await;
    note(report, "backlog", waited);
    let slowed = slow_sync(setup, report).await;
    note(report, "slow syncs", slowed);
    let flooded = flood(setup, report).await;
    note(report, "flood", flooded);
    let restarted = restart::restart(setup, 120).await.map(|restart| report.restarts.push(restart));
    note(report, "restart", restarted);
    let soaked = soak(setup, report, IN_REPORT).await;
    note(report, "soak", soaked);
}

fn note(report: &mut Report, scene: &str, result: Result<()>) {
    if let Err(error) = result {
        tell(&format!("{scene}: {error:#}"));
        report.failures.push(format!("{scene}: {error:#}"));
    }
}

async fn bare(setup: &Setup, report: &mut Report) -> Result<()> {
    report.bare.push(scenes::bare(setup).await?);
    Ok(())
}

async fn flows(setup: &Setup, report: &mut Report) -> Result<()> {
    report.flows.extend(scenes::flows(setup).await?);
    Ok(())
}

async fn fleet(setup: &Setup, report: &mut Report, bots: usize, speak: bool) -> Result<()> {
    let (fleet, flows) = scenes::fleet(setup, bots, speak).await?;
    report.fleets.push(fleet);
    report.flows.extend(flows);
    Ok(())
}

async fn definitions(setup: &Setup, report: &mut Report, bots: usize) -> Result<()> {
    report.definitions = Some(definitions::definitions(setup, bots).await?);
    Ok(())
}

async fn backlog(setup: &Setup, report: &mut Report) -> Result<()> {
    let (backlog, flow) = scenes::backlog(setup).await?;
    report.backlog = Some(backlog);
    report.flows.push(flow);
    Ok(())
}

async fn slow_sync(setup: &Setup, report: &mut Report) -> Result<()> {
    let (slow, flows) = scenes::slow_sync(setup, report.conditions.sync_ms).await?;
    report.slow_sync = Some(slow);
    report.flows.extend(flows);
    Ok(())
}

async fn flood(setup: &Setup, report: &mut Report) -> Result<()> {
    let (flood, flows) = flood::flood(setup).await?;
    report.flood = Some(flood);
    report.flows.extend(flows);
    Ok(())
}

async fn soak(setup: &Setup, report: &mut Report, time: Duration) -> Result<()> {
    let (soak, flow) = soak::soak(setup, time).await?;
    report.soak = Some(soak);
    report.flows.push(flow);
    Ok(())
}

fn setup(options: &Options) -> Result<Setup> {
    let exe = std::env::current_exe()?;
    // target/release/examples/storm: the service is in target/release.
    let built = exe.parent().and_then(|examples| examples.parent()).context("this program is in no folder")?;
    let dir = options.dir.clone().or_else(|| built.parent().map(Into::into)).context("name a folder with `--dir`")?;
    Ok(Setup {
        plan: Plan {
            botyard: options.botyard.clone().unwrap_or_else(|| built.join("botyard")),
            dir: dir.canonicalize().with_context(|| format!("`{}`", dir.display()))?,
            bots: options.bots.unwrap_or(100).max(1),
            rich: false,
            settings: options.settings.clone(),
            patience: Duration::from_mins(5),
        },
        connections: options.connections.max(1),
        threads: options.threads.clamp(1, options.connections.max(1)),
        time: Duration::from_secs(options.seconds.clamp(1, 120)),
        show_metrics: options.metrics,
    })
}
