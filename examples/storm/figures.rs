//! What was measured, as plain data: for the table, for `--json`, and to be held against the aims.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{
    definitions::Definitions, flood::Flood, ledger::Faults, process::Memory, restart::Restart, service::Start,
    soak::Soak,
};

/// Middle and tail of some times, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct Times {
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Times {
    /// Of times in ascending order; none of none.
    pub(crate) fn of(sorted: &[f64]) -> Option<Self> {
        Some(Self { p50: nearest_rank(sorted, 50)?, p99: nearest_rank(sorted, 99)? })
    }
}

/// The smallest value that at least so many per cent do not exceed.
fn nearest_rank(sorted: &[f64], per_cent: usize) -> Option<f64> {
    sorted.get((sorted.len() * per_cent).div_ceil(100).checked_sub(1)?).copied()
}

/// Where and how it was measured.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Conditions {
    pub(crate) cores: usize,
    /// Processes that wanted to run in the minute before: what else the machine was busy with.
    pub(crate) busy: f64,
    pub(crate) file_system: String,
    /// Median time to write 4 KiB and sync them, in milliseconds.
    pub(crate) sync_ms: f64,
    pub(crate) connections: usize,
    pub(crate) seconds: u64,
    pub(crate) driver_threads: usize,
    /// Whether this was compiled without optimization; then no number means anything.
    pub(crate) debug_build: bool,
}

/// One load and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Flow {
    pub(crate) name: String,
    pub(crate) bots: usize,
    pub(crate) connections: usize,
    /// While webhooks were sent.
    pub(crate) seconds: f64,
    pub(crate) accepted: u64,
    /// Answers other than 200; `0`: the connection broke.
    pub(crate) refused: BTreeMap<u16, u64>,
    pub(crate) acks_per_second: f64,
    pub(crate) ack_ms: Option<Times>,
    pub(crate) replies: u64,
    /// From the first webhook to the last reply.
    pub(crate) replies_per_second: f64,
    /// From a webhook's leaving to its reply's arrival.
    pub(crate) reply_ms: Option<Times>,
    #[serde(flatten)]
    pub(crate) faults: Faults,
    /// Processor time of the service for each accepted webhook, until all were answered.
    pub(crate) cpu_ms: f64,
    /// The same by its threads.
    pub(crate) cpu_ms_by_thread: BTreeMap<String, f64>,
    /// The same of driver and upstream: what they take away on the same cores.
    pub(crate) own_cpu_ms: f64,
    /// Messages, people and rooms that the service read, for each accepted webhook.
    pub(crate) reads: f64,
    pub(crate) memory: Memory,
}

impl Flow {
    /// Whether each accepted message had exactly one reply, in order and in its place.
    pub(crate) fn is_sound(&self) -> bool {
        self.faults == Faults::default()
    }
}

/// A start with reconciliation.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Fleet {
    #[serde(flatten)]
    pub(crate) start: Start,
    /// Before the first webhook.
    pub(crate) idle: Memory,
    /// After one message to each bot was answered; in seconds how long that took.
    pub(crate) each_answered: Option<(f64, Memory)>,
}

/// Events that wait.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Backlog {
    pub(crate) waiting: u64,
    pub(crate) idle: Memory,
    /// With all of them waiting; the peak counts from the first.
    pub(crate) full: Memory,
    /// Until the last was answered, from the release.
    pub(crate) drained_seconds: f64,
    /// The most while they were answered.
    pub(crate) drained_peak_mb: f64,
}

impl Backlog {
    /// How many times the idle memory the waiting events took at most.
    pub(crate) fn times_idle(&self) -> f64 {
        self.full.peak / self.idle.resident
    }
}

/// Group commit where syncs are slow.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SlowSync {
    pub(crate) delay_ms: u64,
    /// Acknowledgements a second over one connection: one row a commit at most.
    pub(crate) one_connection: f64,
    /// What one commit a row could do at best: `1000 / (delay + sync)`.
    pub(crate) one_commit_a_row: f64,
    pub(crate) connections: usize,
    pub(crate) all_connections: f64,
}

impl SlowSync {
    /// Against the better of the measured and the computed rate of one commit a row.
    pub(crate) fn ratio(&self) -> f64 {
        self.all_connections / self.one_commit_a_row.max(self.one_connection)
    }
}

/// One number that is wanted to be something.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Aim {
    pub(crate) what: &'static str,
    pub(crate) measured: f64,
    pub(crate) wanted: f64,
    /// Whether more is better.
    pub(crate) at_least: bool,
    pub(crate) unit: &'static str,
}

impl Aim {
    pub(crate) fn is_met(&self) -> bool {
        if self.at_least { self.measured >= self.wanted } else { self.measured <= self.wanted }
    }
}

/// All that was measured in one run.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Report {
    pub(crate) conditions: Conditions,
    /// Acknowledgements a second of the bare handler, each time it was measured.
    pub(crate) bare: Vec<f64>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) fleets: Vec<Fleet>,
    pub(crate) definitions: Option<Definitions>,
    pub(crate) backlog: Option<Backlog>,
    pub(crate) slow_sync: Option<SlowSync>,
    pub(crate) flood: Option<Flood>,
    pub(crate) restarts: Vec<Restart>,
    pub(crate) soak: Option<Soak>,
    pub(crate) aims: Vec<Aim>,
    /// What could not be measured, and why.
    pub(crate) failures: Vec<String>,
}

impl Report {
    pub(crate) fn new(conditions: Conditions) -> Self {
        Self {
            conditions,
            bare: Vec::new(),
            flows: Vec::new(),
            fleets: Vec::new(),
            definitions: None,
            backlog: None,
            slow_sync: None,
            flood: None,
            restarts: Vec::new(),
            soak: None,
            aims: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// Holds what was measured against what is wanted. What was not measured is left out.
    pub(crate) fn judge(&mut self) {
        let flow = |name: &str| self.flows.iter().find(|flow| flow.name == name);
        let at_least = |what, measured, wanted, unit| Aim { what, measured, wanted, at_least: true, unit };
        let at_most = |what, measured, wanted, unit| Aim { what, measured, wanted, at_least: false, unit };
        let mut aims = Vec::new();
        if let (Some(bare), Some(acks)) = (self.bare_rate(), flow("acks")) {
            aims.push(at_least("durable acks / bare handler", acks.acks_per_second / bare, 0.15, ""));
        }
        if let Some(replies) = flow("replies") {
            aims.push(at_least("replies a second", replies.replies_per_second, 4000.0, "/s"));
            aims.push(at_most("CPU of the service a webhook", replies.cpu_ms, 0.22, "ms"));
        }
        for fleet in &self.fleets {
            match fleet {
                Fleet { start: Start { bots: 1_000, .. }, each_answered: Some((_, memory)), .. } => {
                    aims.push(at_most("memory with 1,000 bots, each answered once", memory.resident, 40.0, "MB"));
                }
                Fleet { start: Start { bots: 10_000, .. }, idle, .. } => {
                    aims.push(at_most("memory with 10,000 bots, idle", idle.resident, 150.0, "MB"));
                }
                _ => {}
            }
        }
        if let Some(definitions) = self.definitions.as_ref().filter(|it| it.bots == 1_000) {
            aims.push(at_most(
                "check of 1,000 definitions of the whole language",
                definitions.check_seconds.0,
                1.0,
                "s",
            ));
        }
        if let Some(backlog) = &self.backlog {
            aims.push(at_most("peak memory with the backlog / idle", backlog.times_idle(), 3.0, ""));
        }
        if let Some(sync) = &self.slow_sync {
            aims.push(at_least("acks with slow syncs / one commit a row", sync.ratio(), 30.0, ""));
        }
        if let Some(flood) = &self.flood {
            aims.push(at_most("reply time p50 beside a flood / alone", flood.shipped.p50_ratio(), 2.0, ""));
            aims.push(at_most("reply time p99 beside a flood / alone", flood.shipped.p99_ratio(), 2.0, ""));
            aims.push(at_most("the same p50, budget lifted", flood.lifted.p50_ratio(), 2.0, ""));
            aims.push(at_most("the same p99, budget lifted", flood.lifted.p99_ratio(), 2.0, ""));
        }
        self.aims = aims;
    }

    /// The bare handler's rate: the mean of its runs.
    pub(crate) fn bare_rate(&self) -> Option<f64> {
        let count = u32::try_from(self.bare.len()).ok().filter(|&count| count > 0)?;
        Some(self.bare.iter().sum::<f64>() / f64::from(count))
    }

    /// Whether everything could be measured and nothing was lost, doubled, overtaken or misdirected. Missed
    /// aims do not count: they say something about the machine too.
    pub(crate) fn is_sound(&self) -> bool {
        let restarts = self.restarts.iter().all(|restart| restart.faults == Faults::default());
        self.failures.is_empty() && restarts && self.flows.iter().all(Flow::is_sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let times: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!(Times::of(&times), Some(Times { p50: 100.0, p99: 198.0 }));
        assert_eq!(Times::of(&[7.0]), Some(Times { p50: 7.0, p99: 7.0 }));
        assert_eq!(Times::of(&[]), None);
    }

    #[test]
    fn an_aim_knows_its_direction() {
        let aim = |at_least| Aim { what: "", measured: 2.0, wanted: 3.0, at_least, unit: "" };
        assert!(!aim(true).is_met() && aim(false).is_met());
    }

    #[test]
    fn slow_syncs_are_held_against_the_better_rate_of_one_commit_a_row() {
        let sync = |one_connection| SlowSync {
            delay_ms: 5,
            one_connection,
            one_commit_a_row: 200.0,
            connections: 256,
            all_connections: 6_000.0,
        };
        assert_eq!((sync(100.0).ratio().round(), sync(300.0).ratio().round()), (30.0, 20.0));
    }
}
