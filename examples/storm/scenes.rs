//! What is played for the aims: each scene starts the service anew, does one thing to it and writes down what came
//! of it.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use tokio::time::sleep;

use crate::{
    bare as handler,
    conditions::cores,
    driver::{Load, Pace, Target, Until, drive},
    figures::{Backlog, Fleet, Flow, SlowSync},
    ledger::Ledger,
    process::{self, Memory},
    stage::{LINGER, Setup, Stage, capacity, describe, float, tell},
};

/// How many events wait in the backlog.
const BACKLOG: usize = 40_000;
/// Connections that one message to each bot comes over: what is asked is what bots cost, and a connection costs
/// as much as several.
const FLEET: usize = 32;
/// How much slower syncs are made.
const SYNC_DELAY_MS: u64 = 5;
/// At most so many messages a second of the bare handler are written down.
const MOST_BARE: u64 = 200_000;

/// One load as asked for, after a warm-up.
pub(crate) async fn run(setup: &Setup, pace: Pace, until: Until) -> Result<Vec<Flow>> {
    let plan = &setup.plan;
    let (mut stage, _) = Stage::open(plan, setup.pairs(plan.bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let flow = stage.load("run", setup.load(pace, until)).await?;
    stage.close().await?;
    Ok(vec![flow])
}

/// Closed loop over acknowledgements, closed loop over answers, and half of that as a steady rate.
pub(crate) async fn flows(setup: &Setup) -> Result<Vec<Flow>> {
    let plan = &setup.plan;
    let (mut stage, _) = Stage::open(plan, setup.pairs(plan.bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let until = Until::Elapsed(setup.time);
    let replies = stage.load("replies", setup.load(Pace::Answered, until)).await?;
    let half = (replies.replies_per_second / 2.0).max(1.0);
    let steady = stage.load("steady", setup.load(Pace::Rate(half), until)).await?;
    let acks = stage.load("acks", setup.load(Pace::Acked, until)).await?;
    stage.close().await?;
    Ok(vec![acks, replies, steady])
}

/// One message of every pair: people and rooms are known, templates and patterns compiled.
pub(crate) async fn warm_up(stage: &mut Stage, setup: &Setup) -> Result<()> {
    let flow = stage.load("warm-up", setup.load(Pace::Acked, Until::Rounds(1))).await?;
    if !flow.is_sound() {
        bail!("already the warm-up went wrong: {:?}, refused {:?}", flow.faults, flow.refused);
    }
    Ok(())
}

/// Memory when nothing has happened for three seconds: what was needed only for a moment is given back, or shows in
/// the peak.
async fn settled(stage: &Stage) -> Result<Memory> {
    sleep(Duration::from_secs(3)).await;
    stage.memory()
}

/// A start with that many bots and, if wanted, one message to each.
pub(crate) async fn fleet(setup: &Setup, bots: usize, speak: bool) -> Result<(Fleet, Vec<Flow>)> {
    let (mut stage, start) = Stage::open(&setup.with(bots, &[]), bots, setup.show_metrics).await?;
    let idle = settled(&stage).await?;
    let mut fleet = Fleet { start, idle, each_answered: None };
    let mut flows = Vec::new();
    if speak {
        let load = Load { connections: setup.connections.min(FLEET), ..setup.load(Pace::Acked, Until::Rounds(1)) };
        let flow = stage.load(&format!("each of {bots}"), load).await?;
        let took = float(flow.replies) / flow.replies_per_second.max(1e-9);
        fleet.each_answered = Some((took, settled(&stage).await?));
        flows.push(flow);
    }
    stage.close().await?;
    Ok((fleet, flows))
}

/// Webex stands still while 40,000 events come in; then it goes on.
pub(crate) async fn backlog(setup: &Setup) -> Result<(Backlog, Flow)> {
    let bots = setup.plan.bots;
    let pairs = setup.pairs(bots);
    // Waiting must look like waiting, not like Webex having failed.
    let plan = setup.with(bots, &[("BOTYARD_WEBEX__TIMEOUT_SECONDS", "120".to_owned())]);
    let (mut stage, _) = Stage::open(&plan, pairs, setup.show_metrics).await?;
    let idle = settled(&stage).await?;
    process::forget_peak(stage.service.pid())?;
    stage.upstream.set_open(false);
    let rounds = u64::try_from(BACKLOG.div_ceil(pairs))?;
    let sent = stage.send("backlog", setup.load(Pace::Acked, Until::Rounds(rounds))).await;
    let mut running = sent?;
    let full = settled(&stage).await?;
    let (accepted, answered) = running.ledger.progress();
    process::forget_peak(stage.service.pid())?;
    stage.upstream.set_open(true);
    let released = Instant::now();
    let flow = stage.finish(&mut running).await?;
    let drained_seconds = released.elapsed().saturating_sub(LINGER).as_secs_f64();
    let drained_peak_mb = stage.memory()?.peak;
    stage.close().await?;
    Ok((Backlog { waiting: accepted - answered, idle, full, drained_seconds, drained_peak_mb }, flow))
}

/// Commits made slower, over one connection and over all.
pub(crate) async fn slow_sync(setup: &Setup, sync_ms: f64) -> Result<(SlowSync, Vec<Flow>)> {
    let bots = setup.plan.bots;
    let plan = setup.with(bots, &[("BOTYARD_STORE__SYNC_DELAY_MS", SYNC_DELAY_MS.to_string())]);
    let (mut stage, _) = Stage::open(&plan, setup.pairs(bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let until = Until::Elapsed(setup.time);
    let alone = Load { connections: 1, threads: 1, ..setup.load(Pace::Acked, until) };
    let one = stage.load("slow, one", alone).await?;
    let all = stage.load("slow, all", setup.load(Pace::Acked, until)).await?;
    stage.close().await?;
    let delay = float(SYNC_DELAY_MS);
    if one.acks_per_second > 1000.0 / delay * 1.05 {
        bail!("the delay is not in effect: {:.0} commits a second over one connection", one.acks_per_second);
    }
    let slow = SlowSync {
        delay_ms: SYNC_DELAY_MS,
        one_connection: one.acks_per_second,
        one_commit_a_row: 1000.0 / (delay + sync_ms),
        connections: setup.connections,
        all_connections: all.acks_per_second,
    };
    Ok((slow, vec![one, all]))
}

/// The bare handler under the same closed loop: acknowledgements a second.
pub(crate) async fn bare(setup: &Setup) -> Result<f64> {
    let bots = setup.plan.bots;
    let (ward, addr): (_, SocketAddr) = handler::start(cores().min(4))?;
    let target = Arc::new(Target::new(addr, &handler::hooks(bots, addr), setup.pairs(bots))?);
    let load = setup.load(Pace::Acked, Until::Elapsed(setup.time));
    tell(&format!("bare: {} …", describe(load)));
    let capacity = capacity(load, MOST_BARE, target.pairs)?;
    let ledger = Arc::new(Ledger::new(1, capacity, target.pairs, load.connections));
    let said = drive(&target, &ledger, load).await?;
    ward.end(Duration::from_secs(5)).await?;
    if said.statuses.keys().any(|&status| status != 200) {
        bail!("the bare handler answered {:?}", said.statuses);
    }
    Ok(float(ledger.progress().0) / said.took.as_secs_f64())
}
