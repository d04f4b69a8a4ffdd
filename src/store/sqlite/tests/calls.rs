//! Calls of handlers: rows of the outbox in a lane of their own, and what they bring.

use super::{Rig, bot, delivery, event, here, turn};
use crate::{
    base::{EventId, Lease, Seq},
    store::{
        By, Cause, DeliveryOutcome, DeliveryResult, DeliveryRow, Lane, LetterFilter, LetterStep, NewDelivery, NewEvent,
        Store as _, TurnAnswer, TurnCommit,
    },
};

pub(super) fn call(key: &str) -> NewDelivery {
    NewDelivery { lane: Lane::Calls, ..delivery(key) }
}

pub(super) fn answer(key: &str) -> NewEvent {
    NewEvent { kind: "answer", ..event(&bot("echo"), key, "talk") }
}

pub(super) async fn promise(rig: &Rig, lease: &Lease, key: &str, deliveries: Vec<NewDelivery>) {
    let seq = rig.accept(&lease.bot, key, key).await;
    rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
    let commit = TurnCommit { deliveries, ..turn(lease, seq) };
    assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
}

pub(super) async fn calls(rig: &Rig, lease: &Lease) -> Vec<DeliveryRow> {
    rig.store.due_calls(rig.query(lease)).await.unwrap()
}

pub(super) async fn record(rig: &Rig, lease: &Lease, seq: Seq, outcome: DeliveryOutcome, then: Vec<NewEvent>) -> bool {
    let attempt = rig.store.mark(lease.clone(), vec![seq]).await.unwrap()[0].attempt;
    let result = DeliveryResult { then, ..DeliveryResult::new(seq, lease.epoch, attempt, outcome) };
    rig.store.record(result).await.unwrap()
}

pub(super) fn over() -> DeliveryOutcome {
    DeliveryOutcome::Sent { remote_id: None }
}

#[tokio::test]
async fn a_call_waits_in_a_lane_of_its_own() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        promise(&rig, &lease, "m", vec![delivery("room"), call("k")]).await;
        let wakes = rig.bell.take();
        let of_calls: usize = wakes.iter().map(|wake| wake.calls.len()).sum();
        let of_others: usize = wakes.iter().map(|wake| wake.deliveries.len()).sum();
        assert_eq!((of_calls, of_others), (1, 1));
        assert_eq!((calls(&rig, &lease).await.len(), rig.due_deliveries(&lease).await.len()), (1, 1));
        let due = rig.store.due_bots(rig.clock.now()).await.unwrap();
        assert!(due[0].calls && due[0].deliveries);
        let seq = calls(&rig, &lease).await[0].seq;
        assert!(record(&rig, &lease, seq, over(), Vec::new()).await);
        let due = rig.store.due_bots(rig.clock.now()).await.unwrap();
        assert!(!due[0].calls && due[0].deliveries);
    })
    .await;
}

#[tokio::test]
async fn what_a_call_brought_is_accepted_in_the_commit_that_records_it() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        promise(&rig, &lease, "m", vec![call("k")]).await;
        let seq = calls(&rig, &lease).await[0].seq;
        rig.bell.take();
        assert!(record(&rig, &lease, seq, over(), vec![answer("a")]).await);
        let rung: Vec<_> = rig.bell.take().into_iter().flat_map(|wake| wake.events).collect();
        let due = rig.store.due_events(rig.query(&lease)).await.unwrap();
        assert_eq!((rung.len(), due.len(), due[0].order_key.as_str()), (1, 1, "talk"));
        let late = DeliveryResult { then: vec![answer("b")], ..DeliveryResult::new(seq, lease.epoch, 1, over()) };
        assert!(!rig.store.record(late).await.unwrap(), "it is over");
        assert_eq!(
            rig.store.due_events(rig.query(&lease)).await.unwrap().len(),
            1,
            "what does not count brings nothing"
        );
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_being_made_when_the_process_died_is_made_again_under_its_id() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        promise(&rig, &lease, "m", vec![call("k")]).await;
        let first = calls(&rig, &lease).await.remove(0);
        rig.store.mark(lease.clone(), vec![first.seq]).await.unwrap();
        assert!(calls(&rig, &lease).await.is_empty(), "it is being made");
        let rig = rig.reopened().await;
        let lease = rig.store.take_lease(lease.bot, "test".into()).await.unwrap();
        let again = calls(&rig, &lease).await.remove(0);
        assert_eq!((again.id, again.attempt), (first.id, 1));
    })
    .await;
}

#[tokio::test]
async fn a_call_that_was_given_up_is_a_dead_letter_and_goes_back_into_its_lane() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        promise(&rig, &lease, "m", vec![call("k")]).await;
        let row = calls(&rig, &lease).await.remove(0);
        let gone = DeliveryOutcome::Failed { reason: Cause::GaveUp.because("it never answered") };
        assert!(record(&rig, &lease, row.seq, gone, Vec::new()).await);
        assert!(calls(&rig, &lease).await.is_empty());
        rig.bell.take();
        let filter = LetterFilter { id: Some(EventId(row.id.0)), ..LetterFilter::default() };
        let step = LetterStep { filter, from: None };
        let moved = rig.store.replay(step, By::house("test")).await.unwrap();
        assert_eq!(moved.deliveries, 1);
        assert_eq!(rig.bell.take().iter().map(|wake| wake.calls.len()).sum::<usize>(), 1);
        let again = calls(&rig, &lease).await;
        assert_eq!((again.len(), again[0].id), (1, row.id));
        assert!(rig.due_deliveries(&lease).await.is_empty());
    })
    .await;
}
