//! One bot is flooded: what does another one notice?

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::join;

use crate::{
    driver::{Load, Pace, Until, drive},
    figures::{Flow, Times},
    scenes::warm_up,
    stage::{Setup, Stage, tell},
};

/// Bots of the scene; the first is flooded, the second is looked at.
const BOTS: usize = 10;
/// People who write to each.
const PEOPLE: usize = 64;
/// Messages of each person in the flood: 10,048 in all.
const ROUNDS: u64 = 157;
/// Messages a second to the bot that is looked at.
const RATE: f64 = 50.0;
/// How long it is looked at alone, and at least beside the flood.
const ALONE: Duration = Duration::from_secs(8);
/// A flood is over by then on any machine that is worth measuring.
const LONGEST: Duration = Duration::from_secs(15);

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Flood {
    /// Events of the flood that were accepted.
    pub(crate) accepted: u64,
    /// Until the last of them was answered.
    pub(crate) seconds: f64,
    /// Reply times of the other bot with nothing else going on.
    pub(crate) alone: Times,
    /// The same while the flood was taken in and worked off.
    pub(crate) beside: Times,
}

impl Flood {
    pub(crate) fn p50_ratio(&self) -> f64 {
        self.beside.p50 / self.alone.p50
    }

    pub(crate) fn p99_ratio(&self) -> f64 {
        self.beside.p99 / self.alone.p99
    }
}

/// Looks at the second bot alone, then beside a flood of the first.
pub(crate) async fn flood(setup: &Setup) -> Result<(Flood, Vec<Flow>)> {
    let (mut stage, _) = Stage::open(&setup.with(BOTS, &[]), BOTS * PEOPLE, setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let look = Load { connections: 8, threads: 1, bot: Some(1), pace: Pace::Rate(RATE), until: Until::Elapsed(ALONE) };
    let alone = stage.load("beside nothing", look).await?;
    let look = Load { until: Until::Elapsed(LONGEST), ..look };
    let load = Load { connections: PEOPLE, bot: Some(0), ..setup.load(Pace::Acked, Until::Rounds(ROUNDS)) };
    tell("flood: 10,000 events to one bot as fast as they are taken, 50 a second to another …");
    let more = usize::try_from(ROUNDS)? * PEOPLE;
    let running = stage.begin("beside a flood", look, more)?;
    let (looked, flooded) =
        join!(drive(&stage.target, &running.ledger, look), drive(&stage.target, &running.ledger, load));
    let mut said = looked?;
    for (status, count) in flooded?.statuses {
        *said.statuses.entry(status).or_default() += count;
    }
    let mut running = stage.sent(running, said)?;
    let flow = stage.finish(&mut running).await?;
    let (accepted, over) = running.ledger.flood_of(0, BOTS);
    let beside = running.ledger.answer_times_of(1, BOTS, over);
    stage.close().await?;
    let flood = Flood {
        accepted,
        seconds: over.as_secs_f64(),
        alone: alone.reply_ms.context("nothing was answered before the flood")?,
        beside: Times::of(&beside).context("nothing was answered beside the flood")?,
    };
    Ok((flood, vec![alone, flow]))
}
