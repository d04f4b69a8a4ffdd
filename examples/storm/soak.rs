//! A steady load for long: does memory stay where it is, and the write-ahead log?

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Serialize;
use tokio::{select, time::sleep};

use crate::{
    driver::{Load, Pace, Until, drive},
    figures::Flow,
    process,
    scenes::warm_up,
    stage::{Setup, Stage},
};

/// Messages a second.
const RATE: f64 = 500.0;
const CONNECTIONS: usize = 64;
/// Between two samples.
const SAMPLE: Duration = Duration::from_secs(1);

/// What came of it. Megabytes of 1,000,000 bytes.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Soak {
    pub(crate) bots: usize,
    pub(crate) rate: f64,
    pub(crate) seconds: f64,
    pub(crate) events: u64,
    /// Resident when the first third, the warm-up, was over, and at the end.
    pub(crate) memory_warm: f64,
    pub(crate) memory_end: f64,
    /// How much resident memory grew in a minute after the warm-up: the slope of a straight line through all samples.
    pub(crate) slope_a_minute: f64,
    /// The write-ahead log at its largest, and the database at the end.
    pub(crate) log_most: f64,
    pub(crate) database_end: f64,
}

/// Steady load for so long, sampled each second.
pub(crate) async fn soak(setup: &Setup, time: Duration) -> Result<(Soak, Flow)> {
    let bots = setup.plan.bots;
    let (mut stage, _) = Stage::open(&setup.plan, setup.pairs(bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let load = Load { connections: CONNECTIONS, ..setup.load(Pace::Rate(RATE), Until::Elapsed(time)) };
    let running = stage.begin("soak", load, 0)?;
    let began = Instant::now();
    let (mut samples, mut log_most) = (Vec::new(), 0);
    let said = {
        let service = &mut stage.service;
        let sampling = async {
            loop {
                sleep(SAMPLE).await;
                service.check()?;
                samples.push((began.elapsed().as_secs_f64() / 60.0, process::memory(service.pid())?.resident));
                log_most = log_most.max(service.bytes_of("botyard.db-wal"));
            }
            #[expect(unreachable_code, reason = "it ends only by an error, and with this function")]
            Ok::<(), anyhow::Error>(())
        };
        select! {
            said = drive(&stage.target, &running.ledger, load) => said?,
            failed = sampling => return Err(failed.err().context("the sampling ended")?),
        }
    };
    let mut running = stage.sent(running, said)?;
    let flow = stage.finish(&mut running).await?;
    let warm = &samples[samples.len() / 3..];
    let first = warm.first().context("too short for a single sample")?;
    let soak = Soak {
        bots,
        rate: RATE,
        seconds: flow.seconds,
        events: flow.accepted,
        memory_warm: first.1,
        memory_end: flow.memory.resident,
        slope_a_minute: slope(warm),
        log_most: megabytes(log_most),
        database_end: megabytes(stage.service.bytes_of("botyard.db")),
    };
    stage.close().await?;
    Ok((soak, flow))
}

#[expect(clippy::cast_precision_loss, reason = "sizes here are far below 2^52")]
fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

/// Of the straight line that fits the points best; 0 of fewer than two.
fn slope(points: &[(f64, f64)]) -> f64 {
    let count = f64::from(u32::try_from(points.len()).unwrap_or(u32::MAX));
    let (sum_x, sum_y) = points.iter().fold((0.0, 0.0), |(x, y), point| (x + point.0, y + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (mut over, mut under) = (0.0, 0.0);
    for (x, y) in points {
        over += (x - mean_x) * (y - mean_y);
        under += (x - mean_x) * (x - mean_x);
    }
    if under > 0.0 { over / under } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_is_that_of_the_line() {
        let line: Vec<_> = (0..10).map(|x| (f64::from(x), 3.0 + 0.5 * f64::from(x))).collect();
        assert!((slope(&line) - 0.5).abs() < 1e-9);
        let zigzag: Vec<_> = (0..10).map(|x| (f64::from(x), f64::from(x % 2))).collect();
        assert!(slope(&zigzag).abs() < 0.05);
        assert!(slope(&[]).abs() < f64::EPSILON && slope(&[(1.0, 1.0)]).abs() < f64::EPSILON);
    }
}
