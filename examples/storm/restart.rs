//! A restart under load, as a process manager does it: for how long does nobody accept?

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::{join, time::sleep};

use crate::{
    driver::{Load, Pace, Until, drive},
    ledger::Faults,
    service::Restarted,
    stage::{Setup, Stage},
};

/// Messages a second over all bots.
const RATE: f64 = 400.0;
/// Connections they come over: enough that one which waits for nobody does not hold the rate up.
const CONNECTIONS: usize = 64;
/// How long the load runs before it is asked to end.
const BEFORE: Duration = Duration::from_secs(3);
/// And how long the whole of it.
const LONG: Duration = Duration::from_secs(12);

/// What came of it. Milliseconds.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Restart {
    pub(crate) bots: usize,
    pub(crate) rate: f64,
    /// From SIGTERM to the end of the process.
    pub(crate) drain_ms: f64,
    /// From the last 200 before SIGTERM to the first 200 of the new process.
    pub(crate) between_ms: f64,
    /// From the last 200 of the old process, which stores on while it drains, to the first of the new one.
    pub(crate) gap_ms: f64,
    /// Webhooks of the whole load, and those that were not accepted.
    pub(crate) sent: u64,
    pub(crate) not_accepted: u64,
    #[serde(flatten)]
    pub(crate) faults: Faults,
}

/// Steady load, and a restart in the middle of it.
pub(crate) async fn restart(setup: &Setup, bots: usize) -> Result<Restart> {
    let (mut stage, _) = Stage::open(&setup.with(bots, &[]), bots.max(CONNECTIONS * 4), setup.show_metrics).await?;
    let load = Load { connections: CONNECTIONS, ..setup.load(Pace::Rate(RATE), Until::Elapsed(LONG)) };
    let running = stage.begin(&format!("restart of {bots}"), load, 0)?;
    let Stage { service, target, .. } = &mut stage;
    let restarting = async {
        sleep(BEFORE).await;
        service.restart().await
    };
    let (said, restarted) = join!(drive(target, &running.ledger, load), restarting);
    let Restarted { asked, ended } = restarted?;
    let mut running = stage.sent(running, said?)?;
    let flow = stage.finish(&mut running).await?;
    let ledger = &running.ledger;
    let before =
        |moment: Instant| ledger.acks_around(moment, ended).0.context("nothing was accepted before the restart");
    let first = ledger.acks_around(ended, ended).1.context("nothing was accepted after the restart")?;
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let restart = Restart {
        bots,
        rate: RATE,
        drain_ms: ms(ended.saturating_duration_since(asked)),
        between_ms: ms(first.saturating_sub(before(asked)?)),
        gap_ms: ms(first.saturating_sub(before(ended)?)),
        sent: flow.accepted + flow.refused.values().sum::<u64>(),
        not_accepted: flow.refused.values().sum(),
        faults: flow.faults,
    };
    stage.close().await?;
    Ok(restart)
}
