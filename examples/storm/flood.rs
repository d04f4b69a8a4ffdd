//! One bot is flooded: what do others notice?
//!
//! Once as Botyard ships: what a token may send is bounded, so the flood is taken in within seconds and worked off
//! slowly, long after this scene. And once with that bound lifted, as in all other loads: then the flooded bot takes all of
//! the machine that it is given, until the last event is answered.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Serialize;
use tokio::{join, time::sleep};

use crate::{
    driver::{Load, Pace, Until, drive},
    figures::{Flow, Times},
    scenes::warm_up,
    stage::{LINGER, Running, Setup, Stage, tell},
};

/// Bots of the scene with the bound lifted; the first is flooded, the second is looked at.
const BOTS: usize = 10;
/// Bots of the scene as shipped; the first is flooded, all others are looked at.
const SHIPPED_BOTS: usize = 51;
/// `webex.requests_per_minute` as shipped. Each answer takes two requests: 150 a minute, where 60 are asked for.
const SHIPPED_BUDGET: &str = "300";
/// People who write to each.
const PEOPLE: usize = 64;
/// Messages of each person in the flood: 10,048 in all.
const ROUNDS: u64 = 157;
/// Messages a second to the bot that is looked at.
const RATE: f64 = 50.0;
/// How long it is looked at alone, and at least beside the flood.
const ALONE: Duration = Duration::from_secs(8);
/// A flood is over by then on any machine that is worth measuring; `ingress.per_bot_per_second` makes it last so long.
const LONGEST: Duration = Duration::from_secs(22);

/// What came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Flood {
    /// As Botyard ships.
    pub(crate) shipped: Seen,
    /// With the bound of what a token may send lifted.
    pub(crate) lifted: Seen,
}

/// What others noticed of one flood.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Seen {
    /// Events of the flood that were accepted.
    pub(crate) accepted: u64,
    /// Until the last of those that were answered was.
    pub(crate) seconds: f64,
    /// Reply times of others with nothing else going on.
    pub(crate) alone: Times,
    /// The same while the flood was taken in and worked off.
    pub(crate) beside: Times,
}

impl Seen {
    /// Of a flood, its events and how long it took; and of the reply times of others beside it, ascending.
    fn of((accepted, over): (u64, Duration), alone: &Flow, beside: &[f64]) -> Result<Self> {
        Ok(Self {
            accepted,
            seconds: over.as_secs_f64(),
            alone: alone.reply_ms.context("nothing was answered before the flood")?,
            beside: Times::of(beside).context("nothing was answered beside the flood")?,
        })
    }

    pub(crate) fn p50_ratio(&self) -> f64 {
        self.beside.p50 / self.alone.p50
    }

    pub(crate) fn p99_ratio(&self) -> f64 {
        self.beside.p99 / self.alone.p99
    }
}

/// The flood as shipped, then with the bound lifted.
pub(crate) async fn flood(setup: &Setup) -> Result<(Flood, Vec<Flow>)> {
    let (shipped, first) = as_shipped(setup).await?;
    let (lifted, mut flows) = lifted(setup).await?;
    flows.insert(0, first);
    Ok((Flood { shipped, lifted }, flows))
}

/// Looks at fifty bots alone, then beside a flood of one more, each at a message a second.
async fn as_shipped(setup: &Setup) -> Result<(Seen, Flow)> {
    let plan = setup.with(SHIPPED_BOTS, &[("BOTYARD_WEBEX__REQUESTS_PER_MINUTE", SHIPPED_BUDGET.to_owned())]);
    let (mut stage, _) = Stage::open(&plan, SHIPPED_BOTS * PEOPLE, setup.show_metrics).await?;
    let rate = Pace::Rate(f64::from(u32::try_from(SHIPPED_BOTS)?));
    let look = Load { connections: 8, threads: 1, bot: None, pace: rate, until: Until::Elapsed(ALONE) };
    stage.load("warm-up", look).await?;
    let alone = stage.load("beside nothing, as shipped", look).await?;
    let running = deluge(&mut stage, setup, Load { until: Until::Elapsed(LONGEST), ..look }).await?;
    sleep(LINGER).await;
    let (accepted, over) = running.ledger.flood_of(0, SHIPPED_BOTS);
    let others = running.ledger.answer_times_of(|bot| bot != 0, SHIPPED_BOTS, Duration::MAX);
    let asked = running.ledger.sent_to(|bot| bot != 0, SHIPPED_BOTS);
    ensure!(others.len() == asked, "of {asked} messages to others {} were answered beside the flood", others.len());
    stage.close().await?;
    Ok((Seen::of((accepted, over), &alone, &others)?, alone))
}

/// Looks at the second bot alone, then beside a flood of the first, until all of it is answered.
async fn lifted(setup: &Setup) -> Result<(Seen, Vec<Flow>)> {
    let (mut stage, _) = Stage::open(&setup.with(BOTS, &[]), BOTS * PEOPLE, setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let look = Load { connections: 8, threads: 1, bot: Some(1), pace: Pace::Rate(RATE), until: Until::Elapsed(ALONE) };
    let alone = stage.load("beside nothing", look).await?;
    let mut running = deluge(&mut stage, setup, Load { until: Until::Elapsed(LONGEST), ..look }).await?;
    let flow = stage.finish(&mut running).await?;
    let (accepted, over) = running.ledger.flood_of(0, BOTS);
    let beside = running.ledger.answer_times_of(|bot| bot == 1, BOTS, over);
    stage.close().await?;
    Ok((Seen::of((accepted, over), &alone, &beside)?, vec![alone, flow]))
}

/// Floods the first bot while others are looked at; both have been sent when it returns.
async fn deluge(stage: &mut Stage, setup: &Setup, look: Load) -> Result<Running> {
    let load = Load { connections: PEOPLE, bot: Some(0), ..setup.load(Pace::Acked, Until::Rounds(ROUNDS)) };
    tell("flood: 10,000 events to one bot as fast as they are taken, 50 a second to others …");
    let more = usize::try_from(ROUNDS)? * PEOPLE;
    let running = stage.begin("beside a flood", look, more)?;
    let (looked, flooded) =
        join!(drive(&stage.target, &running.ledger, look), drive(&stage.target, &running.ledger, load));
    let mut said = looked?;
    for (status, count) in flooded?.statuses {
        *said.statuses.entry(status).or_default() += count;
    }
    stage.sent(running, said)
}
