//! The api with a scripted wire and a store in memory, under Tokio's paused clock.

use std::{
    collections::HashMap,
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
        let mut settings = ApiSettings {
            base_url: "https://webexapis.test/v1".into(),
            requests_per_minute: 600_000,
            connections: 16,
            timeout: Duration::from_secs(30),
            delivery_attempts: 4,
            wires: WireMode::Here,
        };
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

#[actix::test]
async fn a_delivery_is_marked_sent_and_recorded_with_the_message_s_id() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R"]);
    until("it is on the wire", || house.wire.seen().len() == 1).await;
    assert_eq!(house.store.stands(seqs[0]), Stands::Sending(Epoch(1)), "marked before it left");
    until("it is recorded", || house.store.sent() == 1).await;
    let outcome = DeliveryOutcome::Sent { remote_id: Some("M0".into()) };
    assert_eq!(house.store.stands(seqs[0]), Stands::Ended(outcome));
    let seen = &house.wire.seen()[0];
    assert_eq!((seen.request.method, seen.request.url.as_str()), ("POST", "https://webexapis.test/v1/messages"));
    assert_eq!((seen.field("roomId"), seen.field("text")), ("R".to_owned(), seqs[0].to_string()));
    assert_eq!(house.metrics.outbound.sent.get(), 1);
}

#[actix::test]
async fn order_holds_inside_a_room_and_rooms_go_side_by_side() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["a", "a", "a", "b", "b", "b"]);
    until("all are sent", || house.store.sent() == 6).await;
    let texts = house.texts("token-echo");
    for room in seqs.chunks(3) {
        let places: Vec<_> = room.iter().map(|seq| texts.iter().position(|text| *text == seq.to_string())).collect();
        assert!(places.is_sorted(), "{texts:?}");
    }
    assert_eq!(house.wire.most(), 2);
}

#[actix::test]
async fn with_hand_overs_or_wakes_dropped_the_sweeper_s_ring_is_enough() {
    pause();
    for faults in
        [BellFaults { drop_hand_over: true, drop_wakes: false }, BellFaults { drop_hand_over: true, drop_wakes: true }]
    {
        let house = House::with(&FakeWire::fine(MOMENT), faults, |_| ());
        house.open("echo", 1).await;
        let rooms: Vec<_> = (0..200).map(|number| format!("room{}", number % 90)).collect();
        house.promise("echo", &rooms.iter().map(String::as_str).collect::<Vec<_>>());
        house.bells.nudge_api(&bot("echo"));
        until("all are sent", || house.store.sent() == 200).await;
        assert_eq!(house.wire.seen().len(), 200, "each once");
    }
}

#[actix::test]
async fn a_bot_that_is_asked_to_wait_waits_alone_and_its_room_keeps_its_order() {
    pause();
    let first = Arc::new(AtomicUsize::new(0));
    let wire = FakeWire::new(move |request, _| {
        let slow = request.bearer.as_ref().unwrap().expose() == "token-slow";
        let refuse = slow && first.fetch_add(1, Ordering::SeqCst) == 0;
        (MOMENT, Ok(if refuse { wait(90) } else { reply(200, r#"{"id":"M"}"#) }))
    });
    let house = House::new(&wire);
    house.open("slow", 1).await;
    house.open("quick", 1).await;
    let begin = Instant::now();
    let held = house.promise("slow", &["R"]);
    until("the 429 came", || house.metrics.outbound.rate_limited.get() == 1).await;
    let behind = house.promise("slow", &["R", "S"]);
    house.promise("quick", &["R", "S", "T"]);
    until("the quick bot is done", || house.store.sent() == 3).await;
    assert!(begin.elapsed() < Duration::from_secs(1));
    assert!(house.lane("slow").await.penalty_until.is_some());
    until("the slow bot is done", || house.store.sent() == 6).await;
    assert!(begin.elapsed() >= Duration::from_secs(90) && begin.elapsed() < Duration::from_secs(95));
    let texts = house.texts("token-slow");
    let place = |seq: Seq| texts.iter().rposition(|text| *text == seq.to_string()).unwrap();
    assert!(place(held[0]) < place(behind[0]));
    assert_eq!(house.lane("slow").await.last_trouble, None, "all is well again");
}

#[actix::test]
async fn a_refused_token_stops_its_lane_tells_once_and_goes_on_with_a_new_one() {
    pause();
    let wire = FakeWire::new(|request, _| {
        let dead = request.bearer.as_ref().unwrap().expose() == "dead";
        (MOMENT, Ok(if dead { reply(401, "") } else { reply(200, r#"{"id":"M"}"#) }))
    });
    let house = House::new(&wire);
    house.open_with("echo", 1, "dead", true).await;
    let seqs = house.promise("echo", &["a", "b", "a"]);
    until("the supervisor was told", || house.refused.load(Ordering::SeqCst) == 1).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    assert_eq!(house.refused.load(Ordering::SeqCst), 1);
    assert!(house.wire.seen().len() <= 2, "nothing more left after the first answers");
    assert_eq!(house.lane("echo").await.state, LaneState::Refused);
    assert_eq!(house.call("echo", "/people/me", MOMENT * 9).await.unwrap_err(), CallError::Unauthorized);
    house.store.take_lease(bot("echo"), "here".into()).await.unwrap();
    house.open_with("echo", 2, "alive", true).await;
    until("all are sent", || house.store.sent() == 3).await;
    assert_eq!(house.texts("alive").len(), 3);
    assert!(seqs.iter().all(|seq| house.store.is_sent(*seq)));
}

#[actix::test]
async fn trouble_is_tried_again_with_growing_waits_and_given_up_at_last() {
    pause();
    let house = House::new(&FakeWire::new(|_, _| (MOMENT, Ok(reply(503, r#"{"message":"overloaded"}"#)))));
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R"]);
    until("it is given up", || matches!(house.store.stands(seqs[0]), Stands::Ended(_))).await;
    let Stands::Ended(DeliveryOutcome::Failed { reason }) = house.store.stands(seqs[0]) else { panic!() };
    assert_eq!(reason, "given up after 4 tries: overloaded (503)");
    let at: Vec<_> = house.wire.seen().iter().map(|seen| seen.at).collect();
    let waits: Vec<_> = at.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits.len(), 3);
    for (number, waited) in waits.iter().enumerate() {
        let whole = Duration::from_secs(2 << number);
        assert!(*waited >= whole / 2 && *waited <= whole + Duration::from_secs(1), "{waits:?}");
    }
    assert_eq!(house.metrics.outbound.failed.get(), 1);
}

#[actix::test]
async fn what_webex_refuses_fails_at_once_with_its_words_and_holds_nobody() {
    pause();
    let wire = FakeWire::new(|_, count| {
        let bad = r#"{"message":"Unable to post","errors":[{"description":"too long"}]}"#;
        (MOMENT, Ok(if count == 0 { reply(400, bad) } else { reply(200, r#"{"id":"M"}"#) }))
    });
    let house = House::new(&wire);
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R", "R"]);
    until("the second is sent", || house.store.is_sent(seqs[1])).await;
    let failed = DeliveryOutcome::Failed { reason: "Unable to post; too long (400)".into() };
    assert_eq!(house.store.stands(seqs[0]), Stands::Ended(failed));
}

#[actix::test]
async fn a_row_that_cannot_be_read_fails_and_holds_nobody() {
    pause();
    let faults = BellFaults { drop_hand_over: true, drop_wakes: false };
    let house = House::with(&FakeWire::fine(MOMENT), faults, |_| ());
    let seqs = house.promise("echo", &["R", "R"]);
    house.store.spoil(seqs[0]);
    house.open("echo", 1).await;
    until("the second is sent", || house.store.is_sent(seqs[1])).await;
    assert!(matches!(house.store.stands(seqs[0]), Stands::Ended(DeliveryOutcome::Failed { .. })));
    assert_eq!(house.wire.seen().len(), 1);
}

#[actix::test]
async fn doubt_after_a_crash_is_repeated_or_skipped_as_the_bot_wishes() {
    pause();
    for repeat in [true, false] {
        let house = House::new(&FakeWire::fine(MOMENT));
        let seqs = house.promise("echo", &["R", "R"]);
        house.store.doubt(seqs[0]);
        house.open_with("echo", 1, "token", repeat).await;
        until("the second is sent", || house.store.is_sent(seqs[1])).await;
        assert_eq!(house.store.is_sent(seqs[0]), repeat);
        assert_eq!(house.store.stands(seqs[0]) == Stands::Ended(DeliveryOutcome::Skipped), !repeat);
        let counters = &house.metrics.outbound;
        assert_eq!((counters.doubtful.get(), counters.skipped.get()), (u64::from(repeat), u64::from(!repeat)));
    }
}

#[actix::test]
async fn a_lost_answer_is_doubt_too() {
    pause();
    for repeat in [true, false] {
        let wire = FakeWire::new(|_, count| {
            (MOMENT, if count == 0 { Err(lost(true)) } else { Ok(reply(200, r#"{"id":"M"}"#)) })
        });
        let house = House::new(&wire);
        house.open_with("echo", 1, "token", repeat).await;
        let seqs = house.promise("echo", &["R"]);
        until("it is settled", || matches!(house.store.stands(seqs[0]), Stands::Ended(_))).await;
        assert_eq!(house.store.is_sent(seqs[0]), repeat);
        assert_eq!(house.wire.seen().len(), 1 + usize::from(repeat));
    }
}

#[actix::test]
async fn a_connection_that_never_was_is_no_doubt() {
    pause();
    let wire =
        FakeWire::new(|_, count| (MOMENT, if count == 0 { Err(lost(false)) } else { Ok(reply(200, r#"{"id":"M"}"#)) }));
    let house = House::new(&wire);
    house.open_with("echo", 1, "token", false).await;
    let seqs = house.promise("echo", &["R"]);
    until("it is sent", || house.store.is_sent(seqs[0])).await;
    assert_eq!(house.metrics.outbound.doubtful.get(), 0);
}

#[actix::test]
async fn with_the_disk_full_nothing_leaves_unmarked_and_no_outcome_is_lost() {
    pause();
    let house = House::new(&FakeWire::fine(Duration::from_secs(5)));
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R", "S"]);
    until("both are on the wire", || house.wire.seen().len() == 2).await;
    house.store.fails(Some(StoreError::DiskFull));
    house.promise("echo", &["T"]);
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(house.wire.seen().len(), 2, "what is not marked does not leave");
    assert_eq!(house.store.stands(seqs[0]), Stands::Sending(Epoch(1)));
    house.store.fails(None);
    until("all are sent", || house.store.sent() == 3).await;
    assert_eq!(house.wire.seen().len(), 3, "and none left twice");
}

#[actix::test]
async fn one_loud_bot_leaves_room_for_the_others() {
    pause();
    let house = House::new(&FakeWire::fine(Duration::from_secs(1)));
    house.open("loud", 1).await;
    house.open("quiet", 1).await;
    let rooms: Vec<_> = (0..60).map(|number| format!("room{number}")).collect();
    house.promise("loud", &rooms.iter().map(String::as_str).collect::<Vec<_>>());
    until("the loud one holds its share", || house.wire.seen().len() >= 4).await;
    let begin = Instant::now();
    let seqs = house.promise("quiet", &["R"]);
    until("the quiet one is answered", || house.store.is_sent(seqs[0])).await;
    assert!(begin.elapsed() <= Duration::from_millis(1_050));
    assert_eq!(house.lane("loud").await.in_flight, 4, "a quarter of the permits");
}

#[actix::test]
async fn permits_are_never_exceeded_and_lanes_take_turns() {
    pause();
    let silent = BellFaults { drop_wakes: true, ..BellFaults::default() };
    let house = House::with(&FakeWire::fine(MOMENT), silent, |settings| settings.connections = 8);
    let names: Vec<_> = (0..20).map(|number| format!("bot{number}")).collect();
    for name in &names {
        house.open(name, 1).await;
    }
    tokio::time::sleep(MOMENT).await;
    for name in &names {
        house.promise(name, &["a", "b", "c", "d", "e"]);
    }
    house.bells.nudge_api(&bot("bot0"));
    until("all are sent", || house.store.sent() == 100).await;
    assert_eq!(house.wire.most(), 8);
    let mut served: HashMap<String, usize> = HashMap::new();
    for seen in house.wire.seen().iter().take(60) {
        *served.entry(seen.token().to_owned()).or_default() += 1;
    }
    assert!(served.len() == 20 && served.values().all(|count| (2..=4).contains(count)), "{served:?}");
}

#[actix::test]
async fn a_call_is_answered_with_any_answer_and_tried_again_in_trouble() {
    pause();
    let wire = FakeWire::new(|request, count| {
        let answer = match (request.url.as_str(), count) {
            ("https://webexapis.test/v1/people/me", 0) => Ok(reply(502, "")),
            ("https://webexapis.test/v1/people/me", 1) => Err(lost(true)),
            ("https://webexapis.test/v1/people/me", _) => Ok(reply(200, r#"{"id":"P"}"#)),
            _ => Ok(reply(404, "")),
        };
        (MOMENT, answer)
    });
    let house = House::new(&wire);
    house.open("echo", 1).await;
    assert_eq!(house.call("echo", "/people/me", Duration::from_secs(30)).await.unwrap().status, 200);
    assert_eq!(house.wire.seen().len(), 3);
    assert_eq!(house.call("echo", "/rooms/R", Duration::from_secs(30)).await.unwrap().status, 404);
    assert_eq!(house.call("nobody", "/people/me", Duration::from_secs(30)).await.unwrap_err(), CallError::NoLane);
}

#[actix::test]
async fn a_call_ends_at_its_deadline_with_the_last_trouble() {
    pause();
    let house = House::new(&FakeWire::new(|_, _| (MOMENT, Ok(reply(503, r#"{"message":"overloaded"}"#)))));
    house.open("echo", 1).await;
    let begin = Instant::now();
    let error = house.call("echo", "/people/me", Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error, CallError::Deadline("overloaded (503)".into()));
    assert!(begin.elapsed() <= Duration::from_secs(10));
    assert!(house.wire.seen().len() >= 3);
}

#[actix::test]
async fn a_call_is_told_at_once_that_webex_asks_for_more_time_than_it_has() {
    pause();
    let house = House::new(&FakeWire::new(|_, _| (MOMENT, Ok(wait(60)))));
    house.open("echo", 1).await;
    let begin = Instant::now();
    let error = house.call("echo", "/people/me", Duration::from_secs(10)).await.unwrap_err();
    assert_eq!(error, CallError::Deadline("Webex asked to wait".into()));
    assert!(begin.elapsed() < Duration::from_secs(1));
}

#[actix::test]
async fn a_next_page_elsewhere_does_not_get_the_token() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    house.open("echo", 1).await;
    for page in ["https://evil.test/v1/webhooks", "http://webexapis.test/v1/webhooks", "https://webexapis.test.evil/"] {
        let answer = house.call("echo", page, Duration::from_secs(5)).await;
        assert!(matches!(answer, Err(CallError::Elsewhere(_))), "{page}");
    }
    assert!(house.wire.seen().is_empty());
    let page = "https://webexapis.test/v1/webhooks?max=2&before&after=";
    house.call("echo", page, Duration::from_secs(5)).await.unwrap();
    assert_eq!(house.wire.seen()[0].request.url, page);
}

#[actix::test]
async fn a_closed_lane_refuses_its_line_and_finishes_what_is_on_the_wire() {
    pause();
    let house = House::new(&FakeWire::fine(Duration::from_secs(5)));
    let lease = house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R", "R"]);
    until("the first is on the wire", || house.wire.seen().len() == 1).await;
    house.api.send(CloseLane { bot: lease.bot, epoch: lease.epoch }).await.unwrap();
    until("it is recorded", || house.store.is_sent(seqs[0])).await;
    tokio::time::sleep(Duration::from_mins(1)).await;
    assert_eq!(house.wire.seen().len(), 1);
    assert_eq!(house.call("echo", "/people/me", MOMENT).await.unwrap_err(), CallError::NoLane);
    assert!(house.api.send(Snapshot).await.unwrap().lanes.is_empty(), "nothing of it is kept");
}

#[actix::test]
async fn a_restarted_bot_does_not_overtake_its_own_send_and_stays_in_its_penalty() {
    pause();
    let wire = FakeWire::new(|_, count| {
        let answer = if count == 0 { wait(120) } else { reply(200, r#"{"id":"M"}"#) };
        (Duration::from_secs(5), Ok(answer))
    });
    let house = House::new(&wire);
    let first = house.open("echo", 1).await;
    house.promise("echo", &["R", "R", "S"]);
    until("the penalty came", || house.metrics.outbound.rate_limited.get() == 1).await;
    house.api.send(CloseLane { bot: first.bot, epoch: first.epoch }).await.unwrap();
    house.store.take_lease(bot("echo"), "here".into()).await.unwrap();
    house.open("echo", 2).await;
    let begin = Instant::now();
    house.bells.nudge_api(&bot("echo"));
    until("all are sent", || house.store.sent() == 3).await;
    assert!(begin.elapsed() >= Duration::from_secs(110), "{:?}", begin.elapsed());
}

#[actix::test]
async fn an_older_incarnation_neither_closes_nor_reopens_a_lane() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    house.open_with("echo", 2, "new", true).await;
    house.open_with("echo", 1, "old", true).await;
    house.api.send(CloseLane { bot: bot("echo"), epoch: Epoch(1) }).await.unwrap();
    house.call("echo", "/people/me", Duration::from_secs(5)).await.unwrap();
    assert_eq!(house.wire.seen()[0].token(), "new");
}

#[actix::test]
async fn drain_waits_for_what_is_on_its_way_and_lets_nothing_new_leave() {
    pause();
    let house = House::new(&FakeWire::fine(Duration::from_secs(3)));
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R", "R"]);
    until("the first is on the wire", || house.wire.seen().len() == 1).await;
    house.api.send(Drain).await.unwrap();
    assert!(house.store.is_sent(seqs[0]));
    assert_eq!(house.store.stands(seqs[1]), Stands::Waiting);
    assert_eq!(house.call("echo", "/people/me", MOMENT).await.unwrap_err(), CallError::NoLane);
}

#[actix::test]
async fn a_budget_is_kept_over_a_minute() {
    pause();
    let house = House::with(&FakeWire::fine(MOMENT), BellFaults::default(), |settings| {
        settings.requests_per_minute = 60;
    });
    house.open("echo", 1).await;
    let rooms: Vec<_> = (0..60).map(|number| format!("room{number}")).collect();
    house.promise("echo", &rooms.iter().map(String::as_str).collect::<Vec<_>>());
    let begin = Instant::now();
    until("a minute is over", || begin.elapsed() >= Duration::from_secs(30)).await;
    let sent = house.store.sent();
    assert!((30..=37).contains(&sent), "{sent} in half a minute at 60 a minute and 6 at once");
}

#[actix::test]
async fn an_idle_api_looks_at_the_store_once_a_lane_and_then_rests() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    for number in 0..100 {
        house.open(&format!("bot{number}"), 1).await;
    }
    tokio::time::sleep(Duration::from_mins(30)).await;
    assert_eq!(house.store.looks(), 100);
}

#[actix::test]
async fn wires_on_threads_of_their_own_carry_the_same() {
    let wire = FakeWire::fine(Duration::from_millis(1));
    let house = House::with(&wire, BellFaults::default(), |settings| settings.wires = WireMode::Threads(2));
    let names: Vec<_> = (0..8).map(|number| format!("bot{number}")).collect();
    for name in &names {
        house.open(name, 1).await;
        house.promise(name, &["a", "b", "b"]);
    }
    until("all are sent", || house.store.sent() == 24).await;
    let threads: std::collections::HashSet<_> = wire.seen().iter().map(|seen| seen.thread).collect();
    assert_eq!(threads.len(), 2, "lanes are spread");
    assert!(!threads.contains(&std::thread::current().id()));
}

#[actix::test]
async fn a_wire_that_cannot_be_made_answers_with_the_reason() {
    for wires in [WireMode::Here, WireMode::Threads(1)] {
        let make: MakeWire = Arc::new(|| Err(WireError { message: "no such file".into(), may_have_arrived: false }));
        let wires = Wires::start(wires, &make, 4);
        let request = Request { method: "GET", path: "/people/me".into(), body: None };
        let request = request.to_http("https://webexapis.test/v1", &Secret::new("t"), MOMENT, MAX_ANSWER).unwrap();
        assert_eq!(wires.send(7, request).await.unwrap_err().message, "no such file");
    }
}
