//! On which threads the house lives: who has one to itself, and who shares.
//!
//! A thread that nobody needs costs more than it gives: each hand-over wakes one, and the fewer there are, the more
//! each finds to do before it sleeps again. On two cores the bots, the api and its wire on one thread take a fifth
//! less than on four (docs/benchmarks.md). What must never wait for a bot keeps its own: the ingress, the store, and
//! the admin listener, so that probes are answered while the ingress is busy.

use std::{num::NonZero, thread::available_parallelism};

use actix::Arbiter;

use crate::{
    actors::{api::WireMode, place::Place},
    base::thread,
    http::ServerMode,
    settings::Settings,
};

/// Threads that speak HTTP to Webex, at most. Two keep TLS from being the limit; each has a connection pool of its
/// own.
const WIRES: usize = 2;
/// HTTP workers, at most, where no setting says more: the writer behind them is one.
const WORKERS: usize = 4;

/// How many threads the app may make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Threads {
    /// None: everything lives on the current one, and stands still when its clock does.
    One,
    /// As many as the settings say.
    Many,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    workers: usize,
    bots: usize,
    /// Threads of the wires, beside one for the api and one for the runner. None: these three live with the bots.
    wires: Option<usize>,
}

impl Counts {
    /// What the settings leave open (0) follows the cores: half of them for the bots and half for the ingress, since
    /// the store has as much to do as either.
    fn of(cores: usize, workers: usize, bots: usize) -> Self {
        let half = (cores / 2).max(1);
        let or = |setting: usize, usual: usize| if setting > 0 { setting } else { usual };
        let bots = or(bots, half);
        Self { workers: or(workers, half.min(WORKERS)), bots, wires: (bots > 1).then_some(half.min(WIRES)) }
    }
}

/// Where everybody lives.
#[derive(Debug)]
pub(super) struct Places {
    pub(super) ingress: ServerMode,
    /// The listeners that few speak to.
    pub(super) doors: ServerMode,
    pub(super) bots: Place,
    pub(super) api: Place,
    pub(super) wires: WireMode,
    pub(super) runner: Place,
    /// To be stopped at the very end.
    pub(super) arbiters: Vec<Arbiter>,
}

impl Places {
    /// Makes the threads.
    pub(super) fn make(threads: Threads, settings: &Settings) -> Self {
        let mut arbiters = Vec::new();
        let mut on = |name: &'static str, count: usize| {
            let new: Vec<_> = (0..count).map(|_| Arbiter::new()).collect();
            let handles = new.iter().map(Arbiter::handle).collect();
            for arbiter in new {
                arbiter.spawn_fn(move || thread::name(name));
                arbiters.push(arbiter);
            }
            Place::Arbiters(handles)
        };
        let (ingress, doors, bots, wires) = match threads {
            Threads::One => (ServerMode::Here, ServerMode::Here, Place::Here, None),
            Threads::Many => {
                let cores = available_parallelism().map_or(1, NonZero::get);
                let counts = Counts::of(cores, settings.ingress.workers, settings.bots.arbiters);
                let ingress = ServerMode::Workers(counts.workers);
                (ingress, ServerMode::Workers(1), on("bots", counts.bots), counts.wires)
            }
        };
        let (api, runner, wires) = match wires {
            Some(wires) => (on("api", 1), on("runner", 1), WireMode::Threads(wires)),
            None => (bots.clone(), bots.clone(), WireMode::Here),
        };
        Self { ingress, doors, bots, api, wires, runner, arbiters }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_few_cores_the_api_and_its_wire_live_with_the_bots() {
        for cores in 1..4 {
            assert_eq!(Counts::of(cores, 0, 0), Counts { workers: 1, bots: 1, wires: None }, "{cores} cores");
        }
    }

    #[test]
    fn on_more_cores_each_has_its_own() {
        assert_eq!(Counts::of(4, 0, 0), Counts { workers: 2, bots: 2, wires: Some(2) });
        assert_eq!(Counts::of(64, 0, 0), Counts { workers: 4, bots: 32, wires: Some(2) });
    }

    #[test]
    fn what_is_set_is_set() {
        assert_eq!(Counts::of(64, 8, 1), Counts { workers: 8, bots: 1, wires: None });
        assert_eq!(Counts::of(1, 2, 3), Counts { workers: 2, bots: 3, wires: Some(1) });
    }
}
