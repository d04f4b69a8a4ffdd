//! Who goes when, and who waits for whom.

use std::collections::HashSet;

use super::*;

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
    // Rung for a bot that has no lane: one that has would look at the store first, and miss turns meanwhile.
    house.bells.nudge_api(&bot("elsewhere"));
    until("all are sent", || house.store.sent() == 100).await;
    assert_eq!(house.wire.most(), 8);
    // How the turns fall exactly is a matter of which task wakes first; that nobody is left waiting is not.
    let seen = house.wire.seen();
    let served: HashSet<_> = seen.iter().take(60).map(|seen| seen.token().to_owned()).collect();
    assert_eq!(served.len(), 20, "every lane had a turn before three of five rows were sent: {served:?}");
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
async fn a_quiet_lane_still_answers_calls_and_keeps_its_deliveries_for_the_next_opening() {
    pause();
    let house = House::new(&FakeWire::fine(MOMENT));
    house.open("echo", 1).await;
    house.api.send(QuietLane { bot: bot("echo") }).await.unwrap();
    let seqs = house.promise("echo", &["a", "b"]);
    assert_eq!(house.call("echo", "/people/me", Duration::from_secs(5)).await.unwrap().status, 200);
    house.bells.nudge_api(&bot("echo"));
    tokio::time::advance(Duration::from_mins(5)).await;
    assert_eq!(house.call("echo", "/people/me", Duration::from_secs(5)).await.unwrap().status, 200);
    assert_eq!((house.wire.seen().len(), house.store.sent()), (2, 0), "only the two calls left");
    house.open("echo", 2).await;
    until("all are sent", || seqs.iter().all(|seq| house.store.is_sent(*seq))).await;
}
