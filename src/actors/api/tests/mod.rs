//! The api with a scripted wire and a store in memory, under Tokio's paused clock.

mod acts;
mod calls;
mod deliveries;
mod durable;
mod lanes;
mod wires;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler};
use tokio::time::{Instant, pause};

use super::*;
use crate::{
    actors::{
        bells::{BellFaults, BellLimits},
        testing::{
            bot, lease,
            store::{FakeStore, Stands},
            until,
            wire::{FakeWire, lost, reply, wait},
        },
    },
    base::{Lease, Secret, Seq},
    store::DeliveryOutcome,
};

const MOMENT: Duration = Duration::from_millis(20);

/// Stands for the supervisor.
#[derive(Default)]
struct Parker(Arc<AtomicUsize>);

impl Actor for Parker {
    type Context = Context<Self>;
}

impl Handler<TokenRefused> for Parker {
    type Result = ();
    fn handle(&mut self, _: TokenRefused, _: &mut Self::Context) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn settings() -> ApiSettings {
    ApiSettings {
        base_url: "https://webexapis.test/v1".into(),
        requests_per_minute: 600_000,
        connections: 16,
        timeout: Duration::from_secs(30),
        delivery_attempts: 4,
        files: Vec::new(),
        wires: WireMode::Here,
    }
}

/// An api on this thread, its clock stopped.
struct House {
    api: Addr<Api>,
    store: FakeStore,
    bells: Bells,
    wire: FakeWire,
    metrics: Arc<Metrics>,
    refused: Arc<AtomicUsize>,
}

impl House {
    fn new(wire: &FakeWire) -> Self {
        Self::with(wire, BellFaults::default(), |_| ())
    }

    fn with(wire: &FakeWire, faults: BellFaults, change: impl FnOnce(&mut ApiSettings)) -> Self {
        let (store, metrics, parker) = (FakeStore::default(), Arc::new(Metrics::new()), Parker::default());
        let (bells, refused) = (Bells::new(BellLimits::default(), faults), Arc::clone(&parker.0));
        let mut settings = settings();
        change(&mut settings);
        let neighbours = ApiNeighbours {
            store: Arc::new(store.clone()),
            bells: bells.clone(),
            clock: Clock::following_tokio(),
            metrics: Arc::clone(&metrics),
            make_wire: wire.make(),
            refused: parker.start().recipient(),
        };
        let api = Api::new(settings, neighbours, ExitGuard::unwatched()).start();
        Self { api, store, bells, wire: wire.clone(), metrics, refused }
    }

    async fn open(&self, name: &str, epoch: i64) -> Lease {
        self.open_with(name, epoch, &format!("token-{name}"), true).await
    }

    async fn open_with(&self, name: &str, epoch: i64, token: &str, repeat_doubtful: bool) -> Lease {
        let lease = lease(name, epoch);
        let open = OpenLane { lease: lease.clone(), token: Secret::new(token), repeat_doubtful };
        self.api.send(open).await.unwrap();
        lease
    }

    fn promise(&self, name: &str, rooms: &[&str]) -> Vec<Seq> {
        self.store.promise(&self.bells, &bot(name), rooms)
    }

    async fn call(&self, name: &str, path: &str, deadline: Duration) -> Result<Reply, CallError> {
        let request = Request { method: "GET", path: path.into(), body: None };
        let call = Call { bot: bot(name), request, class: CallClass::Turn, deadline };
        self.api.send(call).await.unwrap()
    }

    async fn lane(&self, name: &str) -> LaneSnapshot {
        let snapshot = self.api.send(Snapshot).await.unwrap();
        snapshot.lanes.into_iter().find(|lane| lane.bot == bot(name)).unwrap()
    }

    /// The texts (row numbers) that left with a token, in order.
    fn texts(&self, token: &str) -> Vec<String> {
        self.wire.seen().iter().filter(|seen| seen.token() == token).map(|seen| seen.field("text")).collect()
    }
}
