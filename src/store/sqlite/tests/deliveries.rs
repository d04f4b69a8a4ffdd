//! Deliveries: marked before they leave, recorded after, in order per destination.

use super::*;
use crate::{
    base::Epoch,
    store::{DeliveryOutcome, DeliveryResult, DeliverySummary, Marked},
};

fn result(lease: &Lease, mark: Marked, outcome: DeliveryOutcome) -> DeliveryResult {
    let Marked { seq, attempt } = mark;
    DeliveryResult {
        seq,
        epoch: lease.epoch,
        attempt,
        outcome,
        doubtful: false,
        tracking_id: Some(format!("T{attempt}")),
        sent: Vec::new(),
        failure: None,
    }
}

fn sent() -> DeliveryOutcome {
    DeliveryOutcome::Sent { remote_id: Some("M".into()) }
}

async fn mark(rig: &Rig, lease: &Lease, seqs: &[Seq]) -> Vec<Marked> {
    rig.store.mark(lease.clone(), seqs.to_vec()).await.unwrap()
}

/// The deliveries of the only event.
async fn shown(rig: &Rig) -> Vec<DeliverySummary> {
    let all = crate::store::EventQuery { bot: None, state: None, limit: 1 };
    let id = rig.store.events(all).await.unwrap()[0].id;
    rig.store.event(id).await.unwrap().unwrap().deliveries
}

#[tokio::test]
async fn a_destination_has_one_in_flight_and_a_waiting_head_holds_it() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let rows = rig.promised(&lease, "m1", &["x", "x", "y"]).await;
        let marked = mark(&rig, &lease, &rows).await;
        assert_eq!(marked.iter().map(|mark| mark.seq).collect::<Vec<_>>(), [rows[0], rows[2]]);
        let later = rig.clock.now().plus(Duration::from_mins(1));
        let retry = DeliveryOutcome::Retry { at: later, reason: "429".into(), counts: false };
        assert!(rig.store.record(result(&lease, marked[0], retry)).await.unwrap());
        assert!(rig.due_deliveries(&lease).await.is_empty());
        assert!(mark(&rig, &lease, &[rows[1]]).await.is_empty());
        let again = mark(&rig, &lease, &[rows[0]]).await;
        assert_eq!(again, [Marked { seq: rows[0], attempt: 1 }], "a 429 does not count");
        assert!(rig.store.record(result(&lease, again[0], sent())).await.unwrap());
        assert_eq!(mark(&rig, &lease, &[rows[1]]).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_try_that_counts_is_counted_and_its_reason_is_shown() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let rows = rig.promised(&lease, "m1", &["x"]).await;
        let first = mark(&rig, &lease, &rows).await[0];
        let retry = DeliveryOutcome::Retry { at: Millis(5), reason: "502".into(), counts: true };
        assert!(rig.store.record(result(&lease, first, retry)).await.unwrap());
        let due = rig.due_deliveries(&lease).await;
        assert_eq!((due[0].attempt, due[0].doubtful), (1, false));
        let second = mark(&rig, &lease, &rows).await[0];
        assert_eq!(second.attempt, 2);
        let failed = DeliveryOutcome::Failed { reason: "404: no such room".into() };
        assert!(rig.store.record(result(&lease, second, failed)).await.unwrap());
        let shown = shown(&rig).await.remove(0);
        assert_eq!((shown.state.as_str(), shown.attempt), ("failed", 2));
        assert_eq!(shown.reason.as_deref(), Some("404: no such room"));
        assert_eq!(shown.tracking_id.as_deref(), Some("T2"));
        assert!(shown.finished_at.is_some());
        assert_eq!(rig.store.backlog().await.unwrap()[0].deliveries, 0);
    })
    .await;
}

#[tokio::test]
async fn an_old_lease_marks_nothing_but_what_it_sent_still_counts() {
    here(async {
        let rig = Rig::new().await;
        let old = rig.lease("a").await;
        let rows = rig.promised(&old, "m1", &["x", "y"]).await;
        let marked = mark(&rig, &old, &rows[..1]).await[0];
        let new = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        assert!(mark(&rig, &old, &rows[1..]).await.is_empty());
        assert!(rig.store.record(result(&old, marked, sent())).await.unwrap(), "it was sent, whoever sent it");
        assert!(!rig.store.record(result(&old, marked, sent())).await.unwrap(), "once");
        let left = rig.due_deliveries(&new).await;
        assert_eq!(left.iter().map(|row| row.seq).collect::<Vec<_>>(), rows[1..]);
        assert_eq!(shown(&rig).await[0].remote_id.as_deref(), Some("M"));
    })
    .await;
}

#[tokio::test]
async fn a_mark_without_outcome_is_doubtful_after_a_crash_and_shown_when_repeated() {
    here(async {
        let rig = Rig::new().await;
        let old = rig.lease("a").await;
        let rows = rig.promised(&old, "m1", &["x"]).await;
        let first = mark(&rig, &old, &rows).await[0];
        assert!(rig.due_deliveries(&old).await.is_empty(), "it is on the wire");
        let rig = rig.reopened().await;
        let new = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        let due = rig.due_deliveries(&new).await;
        assert!(due[0].doubtful);
        assert_eq!(due[0].attempt, 1);
        assert!(!shown(&rig).await[0].doubtful, "not repeated yet");
        let second = mark(&rig, &new, &rows).await[0];
        assert_eq!(second.attempt, 2);
        assert!(!rig.store.record(result(&old, first, sent())).await.unwrap(), "the second try decides now");
        assert!(rig.store.record(result(&new, second, sent())).await.unwrap());
        let shown = shown(&rig).await.remove(0);
        assert!(shown.doubtful);
        assert_eq!(shown.state, "sent");
    })
    .await;
}

#[tokio::test]
async fn a_try_whose_answer_was_lost_is_doubtful_and_stays_so() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let rows = rig.promised(&lease, "m1", &["x"]).await;
        let again = || DeliveryOutcome::Retry { at: Millis(5), reason: "again".into(), counts: true };
        let first = mark(&rig, &lease, &rows).await[0];
        assert!(rig.store.record(DeliveryResult { doubtful: true, ..result(&lease, first, again()) }).await.unwrap());
        assert!(rig.due_deliveries(&lease).await[0].doubtful);
        // That the second try certainly did not arrive says nothing about the first.
        let second = mark(&rig, &lease, &rows).await[0];
        assert!(rig.store.record(result(&lease, second, again())).await.unwrap());
        assert!(rig.due_deliveries(&lease).await[0].doubtful);
        let third = mark(&rig, &lease, &rows).await[0];
        assert!(rig.store.record(result(&lease, third, sent())).await.unwrap());
        assert!(shown(&rig).await[0].doubtful);
    })
    .await;
}

#[tokio::test]
async fn a_doubtful_delivery_may_be_skipped() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let rows = rig.promised(&lease, "m1", &["x", "x"]).await;
        mark(&rig, &lease, &rows).await;
        let lease = rig.store.take_lease(lease.bot.clone(), "test".into()).await.unwrap();
        let marked = mark(&rig, &lease, &rows).await[0];
        assert!(rig.store.record(result(&lease, marked, DeliveryOutcome::Skipped)).await.unwrap());
        assert_eq!(shown(&rig).await[0].state, "skipped");
        assert_eq!(rig.due_deliveries(&lease).await[0].seq, rows[1], "the next of its destination");
    })
    .await;
}

#[tokio::test]
async fn of_two_marks_or_records_in_one_batch_the_first_counts() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let rows = rig.promised(&lease, "m1", &["x"]).await;
        let marking = || rig.store.mark(lease.clone(), rows.clone());
        let (one, two) = tokio::join!(marking(), marking());
        let marked = one.unwrap()[0];
        assert!(two.unwrap().is_empty());
        let wrong = DeliveryResult { epoch: Epoch(99), ..result(&lease, marked, sent()) };
        let recording = |result| rig.store.record(result);
        let answers = tokio::join!(
            recording(wrong),
            recording(result(&lease, marked, sent())),
            recording(result(&lease, marked, DeliveryOutcome::Failed { reason: "late".into() })),
        );
        assert_eq!((answers.0.unwrap(), answers.1.unwrap(), answers.2.unwrap()), (false, true, false));
        assert_eq!(shown(&rig).await[0].state, "sent");
    })
    .await;
}
