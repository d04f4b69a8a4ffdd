//! Tests of the store by behaviour, on real files.

mod accepts;
mod audit;
mod backup;
mod bots;
mod calls;
mod claims;
mod damage;
mod deliveries;
mod due;
mod erasing;
mod forgetting;
mod house;
mod letters;
mod log;
mod memory;
mod model;
mod opening;
mod pressing;
mod rotation;
mod schedules;
mod sent;
mod silence;
mod trouble;
mod turns;
mod upgrade;

use std::{
    future::Future,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{Faults, OpenError, OpenOptions, SealKey, SqliteStore, StoreLimits, WriterHost};
use crate::{
    base::{BotId, Clock, Digest, EventId, Lease, Millis, Seq},
    store::{
        Accepted, Class, DeliveryRow, Doorbell, DueQuery, EventRow, Lane, NewBot, NewDelivery, NewEvent, Store as _,
        TurnAnswer, TurnCommit, TurnOutcome, Wake,
    },
};

/// Remembers every ring.
#[derive(Debug, Default)]
pub(super) struct Bell(Mutex<Vec<Wake>>);

impl Bell {
    pub(super) fn take(&self) -> Vec<Wake> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

impl Doorbell for Bell {
    fn ring(&self, wake: Wake) {
        self.0.lock().unwrap().push(wake);
    }
}

/// A store in a folder of its own.
pub(super) struct Rig {
    pub(super) dir: TempDir,
    pub(super) store: SqliteStore,
    pub(super) bell: Arc<Bell>,
    pub(super) clock: Clock,
}

pub(super) fn key() -> SealKey {
    SealKey::from_bytes([7; 32])
}

pub(super) fn options(dir: &Path, bell: &Arc<Bell>) -> OpenOptions {
    let bell: Arc<dyn Doorbell> = Arc::<Bell>::clone(bell);
    OpenOptions {
        limits: StoreLimits {
            queue: 1000,
            queue_per_bot: 500,
            pending_per_bot: 1000,
            readers: 2,
            ..StoreLimits::default()
        },
        lock_wait: Duration::ZERO,
        writer: WriterHost::Here,
        ..OpenOptions::new(dir.to_owned(), Clock::following_tokio(), key(), bell)
    }
}

impl Rig {
    pub(super) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(super) async fn with(change: impl FnOnce(&mut OpenOptions)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bell = Arc::new(Bell::default());
        let mut options = options(dir.path(), &bell);
        change(&mut options);
        let clock = options.clock.clone();
        let store = SqliteStore::open(options).await.unwrap();
        Self { dir, store, bell, clock }
    }

    /// Closes and opens again, as at a restart.
    pub(super) async fn reopened(self) -> Self {
        self.store.close().await.unwrap();
        let store = SqliteStore::open(options(self.dir.path(), &self.bell)).await.unwrap();
        Self { store, ..self }
    }

    pub(super) async fn bot(&self, name: &str) -> BotId {
        let bot = bot(name);
        self.store.put_bot(new_bot(name)).await.unwrap();
        bot
    }

    /// A bot and the right to act for it.
    pub(super) async fn lease(&self, name: &str) -> Lease {
        let bot = self.bot(name).await;
        self.store.take_lease(bot, "test".into()).await.unwrap()
    }

    /// Accepts an event with a key and an order key.
    pub(super) async fn accept(&self, bot: &BotId, key: &str, order: &str) -> Seq {
        match self.store.accept(event(bot, key, order)).await.unwrap() {
            Accepted::New(seq) => seq,
            Accepted::Duplicate => panic!("`{key}` was seen before"),
        }
    }

    /// Accepts and claims.
    pub(super) async fn claimed(&self, lease: &Lease, key: &str) -> Seq {
        let seq = self.accept(&lease.bot, key, key).await;
        assert_eq!(self.store.claim(lease.clone(), vec![seq]).await.unwrap().len(), 1);
        seq
    }

    /// One delivery per destination, promised by one turn.
    pub(super) async fn promised(&self, lease: &Lease, key: &str, to: &[&str]) -> Vec<Seq> {
        let seq = self.claimed(lease, key).await;
        let deliveries = to.iter().map(|to| delivery(to)).collect();
        self.bell.take();
        let answer = self.store.commit_turn(TurnCommit { deliveries, ..turn(lease, seq) }).await.unwrap();
        assert_eq!(answer, TurnAnswer::Committed);
        self.bell.take().into_iter().flat_map(|wake| wake.deliveries).map(|row| row.seq).collect()
    }

    pub(super) async fn due(&self, lease: &Lease) -> Vec<EventRow> {
        self.store.due_events(self.query(lease)).await.unwrap()
    }

    pub(super) async fn due_deliveries(&self, lease: &Lease) -> Vec<DeliveryRow> {
        self.store.due_deliveries(self.query(lease)).await.unwrap()
    }

    pub(super) fn query(&self, lease: &Lease) -> DueQuery {
        DueQuery {
            bot: lease.bot.clone(),
            epoch: lease.epoch,
            now: self.clock.now(),
            skip_keys: Vec::new(),
            limit: 100,
        }
    }
}

pub(super) fn bot(name: &str) -> BotId {
    BotId::parse(name).unwrap()
}

pub(super) fn new_bot(name: &str) -> NewBot {
    NewBot {
        bot: bot(name),
        definition: bot(name),
        digest: Digest::of([name.as_bytes()]),
        source: format!("{{\"{name}\":1}}"),
        kinds: 0b101,
    }
}

pub(super) fn event(bot: &BotId, key: &str, order: &str) -> NewEvent {
    NewEvent {
        bot: bot.clone(),
        id: EventId::new(),
        kind: "messages.created",
        order_key: order.into(),
        dedupe_key: key.into(),
        seen_until: Millis(i64::MAX),
        class: Class::Interactive,
        due_at: Millis(0),
        payload: format!("payload of {key}").into_bytes(),
        envelope: None,
        answers: None,
    }
}

pub(super) fn delivery(to: &str) -> NewDelivery {
    NewDelivery {
        id: EventId::new(),
        order_key: to.into(),
        class: Class::Background,
        lane: Lane::Webex,
        due_at: Millis(0),
        takes_place: None,
        payload: format!("to {to}").into_bytes(),
    }
}

/// A turn that finishes the first claim of an event and does nothing else.
pub(super) fn turn(lease: &Lease, event: Seq) -> TurnCommit {
    TurnCommit {
        lease: lease.clone(),
        event,
        attempt: 1,
        reads: Vec::new(),
        state: Vec::new(),
        dialogue: None,
        deliveries: Vec::new(),
        timers: Vec::new(),
        cancelled: Vec::new(),
        outcome: TurnOutcome::Finished,
        record: Some(r#"{"rule":"command \"ping\""}"#.to_owned()),
    }
}

pub(super) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// The writer runs on the test's own thread.
pub(super) async fn here<T>(test: impl Future<Output = T>) -> T {
    tokio::task::LocalSet::new().run_until(test).await
}
