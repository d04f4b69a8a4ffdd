//! What becomes of a delivery.

use super::*;
use crate::store::Cause;

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
async fn trouble_is_tried_again_with_growing_waits_and_given_up_at_last() {
    pause();
    let house = House::new(&FakeWire::new(|_, _| (MOMENT, Ok(reply(503, r#"{"message":"overloaded"}"#)))));
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R"]);
    until("it is given up", || matches!(house.store.stands(seqs[0]), Stands::Ended(_))).await;
    let Stands::Ended(DeliveryOutcome::Failed { reason }) = house.store.stands(seqs[0]) else { panic!() };
    assert_eq!(reason, Cause::GaveUp.because("given up after 4 tries: overloaded (503)"));
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
    let failed = DeliveryOutcome::Failed { reason: Cause::Refused.because("Unable to post; too long (400)") };
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
async fn doubt_is_written_down_with_the_try_and_outlives_a_later_one_that_failed() {
    pause();
    // Lost after it left, then refused for certain, then a new incarnation that would rather be silent.
    let wire = FakeWire::new(|_, count| (MOMENT, if count == 0 { Err(lost(true)) } else { Ok(reply(503, "{}")) }));
    let house = House::new(&wire);
    house.open("echo", 1).await;
    let seqs = house.promise("echo", &["R"]);
    until("it was tried twice", || wire.seen().len() == 2).await;
    house.store.take_lease(bot("echo"), "here".into()).await.unwrap();
    house.open_with("echo", 2, "token", false).await;
    // As the sweeper does, when it is due again.
    let settled = || {
        house.bells.nudge_api(&bot("echo"));
        matches!(house.store.stands(seqs[0]), Stands::Ended(_))
    };
    until("it is settled", settled).await;
    assert_eq!(house.store.stands(seqs[0]), Stands::Ended(DeliveryOutcome::Skipped));
    assert_eq!(wire.seen().len(), 2, "not a third time");
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
async fn another_way_to_deal_with_doubt_counts_from_the_next_try_on() {
    pause();
    let wire = FakeWire::new(|_, count| (MOMENT, if count == 0 { Err(lost(true)) } else { Ok(reply(200, "{}")) }));
    let house = House::new(&wire);
    let old = house.open("echo", 1).await;
    let lease = house.open("echo", 2).await;
    // A word about a lane that was taken over meanwhile is too late.
    for (lease, repeat_doubtful) in [(lease, false), (old, true)] {
        house.api.send(DoubtPolicy { lease, repeat_doubtful }).await.unwrap();
    }
    let seqs = house.promise("echo", &["R"]);
    until("it is settled", || matches!(house.store.stands(seqs[0]), Stands::Ended(_))).await;
    assert_eq!(house.store.stands(seqs[0]), Stands::Ended(DeliveryOutcome::Skipped));
    assert_eq!(house.wire.seen().len(), 1);
}
