//! On which threads the house lives: who has one to itself, and who shares.
//!
//! A thread that nobody needs costs more than it gives: each hand-over wakes one, and the fewer there are, the more
//! each finds to do before it sleeps again: on two cores the bots, the api and its wire take a fifth less on one thread
//! (ADR 0011). What must never wait for a bot keeps its own: the ingress, the store, and the admin listener, so that
//! probes are answered while the ingress is busy.

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
    /// As many as cores and settings say.
    Many,
}

/// How many of each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counts {
    workers: usize,
    bots: usize,
    /// Threads of the wires, beside one for the api. None: all of these live with the bots.
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
    /// Never with others: it reads files and starts programs, which may take as long as a disk does.
    pub(super) runner: Place,
    pub(super) arbiters: Arbiters,
}

/// The arbiters that were made. They stop when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Arbiters(Vec<Arbiter>);

impl Arbiters {
    /// Makes so many, each on a thread of this name.
    fn make(&mut self, name: &'static str, count: usize) -> Place {
        let new: Vec<_> = (0..count).map(|_| Arbiter::new()).collect();
        let handles = new.iter().map(Arbiter::handle).collect();
        for arbiter in new {
            arbiter.spawn_fn(move || thread::name(name));
            self.0.push(arbiter);
        }
        Place::Arbiters(handles)
    }
}

impl Drop for Arbiters {
    fn drop(&mut self) {
        for arbiter in &self.0 {
            arbiter.stop();
        }
    }
}

impl Places {
    /// Makes the threads.
    pub(super) fn make(threads: Threads, settings: &Settings) -> Self {
        match threads {
            Threads::One => Self {
                ingress: ServerMode::Here,
                doors: ServerMode::Here,
                bots: Place::Here,
                api: Place::Here,
                wires: WireMode::Here,
                runner: Place::Here,
                arbiters: Arbiters::default(),
            },
            Threads::Many => {
                let cores = available_parallelism().map_or(1, NonZero::get);
                Self::many(Counts::of(cores, settings.ingress.workers, settings.bots.arbiters))
            }
        }
    }

    fn many(counts: Counts) -> Self {
        let mut arbiters = Arbiters::default();
        let bots = arbiters.make("bots", counts.bots);
        let (api, wires) = match counts.wires {
            Some(wires) => (arbiters.make("api", 1), WireMode::Threads(wires)),
            None => (bots.clone(), WireMode::Here),
        };
        let runner = arbiters.make("runner", 1);
        Self {
            ingress: ServerMode::Workers(counts.workers),
            doors: ServerMode::Workers(1),
            bots,
            api,
            wires,
            runner,
            arbiters,
        }
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

    /// The name of the thread that a place's first arbiter is.
    async fn thread_of(place: &Place) -> String {
        let Place::Arbiters(handles) = place else { panic!("it has a thread") };
        let (tell, told) = tokio::sync::oneshot::channel();
        handles[0].spawn_fn(move || {
            let _ = tell.send(std::fs::read_to_string("/proc/thread-self/comm").unwrap().trim().to_owned());
        });
        told.await.unwrap()
    }

    #[actix::test]
    async fn who_shares_a_thread_lives_there_and_the_runner_never_does() {
        for (wires, api) in [(None, "bots"), (Some(1), "api")] {
            let places = Places::many(Counts { workers: 1, bots: 1, wires });
            assert_eq!(thread_of(&places.bots).await, "bots");
            assert_eq!(thread_of(&places.api).await, api);
            assert_eq!(thread_of(&places.runner).await, "runner");
            assert_eq!(places.wires, wires.map_or(WireMode::Here, WireMode::Threads));
        }
    }

    #[test]
    fn what_is_set_is_set() {
        assert_eq!(Counts::of(64, 8, 1), Counts { workers: 8, bots: 1, wires: None });
        assert_eq!(Counts::of(1, 2, 3), Counts { workers: 2, bots: 3, wires: Some(1) });
    }
}
