//! The api over the real store: what the writer hands over, marks and records.

use super::*;
use crate::{
    base::{Digest, EventId},
    brain::{Delivery, Destination},
    store::{
        Accepted, Class, Doorbell, Lane, NewBot, NewDelivery, NewEvent, TurnAnswer, TurnCommit, TurnOutcome,
        sqlite::{OpenOptions, SealKey, SqliteStore, WriterHost},
    },
};

/// One event of the bot, handled: it promises a text for each room.
async fn promise(store: &SqliteStore, lease: &Lease, key: &str, rooms: &[&str]) -> EventId {
    let (bot, id) = (lease.bot.clone(), EventId::new());
    let event = NewEvent {
        bot,
        id,
        kind: "messages.created",
        order_key: key.into(),
        dedupe_key: key.into(),
        seen_until: Millis(i64::MAX),
        class: Class::Interactive,
        due_at: Millis(0),
        payload: b"{}".to_vec(),
        envelope: None,
        answers: None,
    };
    let Accepted::New(seq) = store.accept(event).await.unwrap() else { panic!("it is new") };
    let attempt = store.claim(lease.clone(), vec![seq]).await.unwrap()[0].attempt;
    let deliveries = rooms.iter().map(|room| {
        let to = Destination::Room((*room).to_owned());
        NewDelivery {
            id: EventId::new(),
            order_key: to.order_key(),
            class: Class::Interactive,
            lane: Lane::Webex,
            due_at: Millis(0),
            takes_place: None,
            payload: Delivery { text: Some(key.to_owned()), ..Delivery::to(to) }.encode(),
        }
    });
    let commit = TurnCommit {
        lease: lease.clone(),
        event: seq,
        attempt,
        reads: Vec::new(),
        state: Vec::new(),
        dialogue: None,
        deliveries: deliveries.collect(),
        timers: Vec::new(),
        cancelled: Vec::new(),
        outcome: TurnOutcome::Finished,
        record: None,
    };
    assert_eq!(store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
    id
}

#[actix::test]
async fn every_promise_is_kept_once_whatever_the_bells_lose() {
    for (drop_hand_over, drop_wakes) in [(false, false), (true, false), (false, true)] {
        let wire = FakeWire::new(|_, count| {
            let answer = match count {
                3 => wait(1),
                5 => reply(503, ""),
                _ => reply(200, &format!(r#"{{"id":"M{count}"}}"#)),
            };
            (Duration::ZERO, Ok(answer))
        });
        let bells = Bells::new(BellLimits::default(), BellFaults { drop_hand_over, drop_wakes });
        let dir = tempfile::tempdir().unwrap();
        let bell: Arc<dyn Doorbell> = Arc::new(bells.clone());
        let key = SealKey::from_bytes([7; 32]);
        let options = OpenOptions {
            writer: WriterHost::Here,
            ..OpenOptions::new(dir.path().to_owned(), Clock::System, key, bell)
        };
        let store = SqliteStore::open(options).await.unwrap();
        let new = NewBot {
            bot: bot("echo"),
            definition: bot("echo"),
            digest: Digest::of([&b""[..]]),
            source: String::new(),
            kinds: 1,
        };
        store.put_bot(new).await.unwrap();
        let lease = store.take_lease(bot("echo"), "here".into()).await.unwrap();
        let settings = ApiSettings { requests_per_minute: 600_000, ..settings() };
        let metrics = Arc::new(Metrics::new());
        let neighbours = ApiNeighbours {
            store: Arc::new(store.clone()),
            bells: bells.clone(),
            clock: Clock::System,
            metrics: Arc::clone(&metrics),
            make_wire: wire.make(),
            refused: Parker::default().start().recipient(),
        };
        let api = Api::new(settings, neighbours, ExitGuard::unwatched()).start();
        let open = OpenLane { lease: lease.clone(), token: Secret::new("t"), repeat_doubtful: false };
        api.send(open).await.unwrap();

        let mut events = Vec::new();
        for number in 0..10 {
            events.push(promise(&store, &lease, &format!("m{number}"), &["a", "a", "b"]).await);
        }
        until("all are sent", || {
            // What the sweeper does, only more often.
            bells.nudge_api(&bot("echo"));
            metrics.outbound.sent.get() == 30
        })
        .await;
        api.send(Drain).await.unwrap();

        for id in events {
            let detail = store.event(id).await.unwrap().unwrap();
            assert!(detail.deliveries.iter().all(|delivery| delivery.state == "sent" && delivery.remote_id.is_some()));
        }
        let texts: Vec<_> =
            wire.seen().iter().filter(|seen| seen.field("roomId") == "b").map(|seen| seen.field("text")).collect();
        let mut sorted = texts.clone();
        sorted.sort();
        assert_eq!(texts, sorted, "in order, whatever was repeated");
        assert_eq!(wire.seen().len(), 32, "two were tried again, the others went once");
        store.close().await.unwrap();
    }
}
