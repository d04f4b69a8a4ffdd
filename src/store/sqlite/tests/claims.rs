//! Claims: fences, order, retries, doubts, releases.

use super::*;
use crate::store::{Claimed, EventQuery, EventState, SUSPECT};

fn seqs(rows: &[EventRow]) -> Vec<i64> {
    rows.iter().map(|row| row.seq.0).collect()
}

#[tokio::test]
async fn only_the_head_of_a_key_can_be_claimed() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let first = rig.accept(&lease.bot, "m1", "k").await;
        let second = rig.accept(&lease.bot, "m2", "k").await;
        let other = rig.accept(&lease.bot, "m3", "x").await;
        let held = rig.store.claim(lease.clone(), vec![second, first, other]).await.unwrap();
        let held: Vec<_> = held.into_iter().map(|claimed| claimed.seq).collect();
        assert_eq!(held, [first, other]);
        assert!(rig.store.claim(lease.clone(), vec![second]).await.unwrap().is_empty(), "its head is in a turn");
        rig.store.commit_turn(turn(&lease, first)).await.unwrap();
        let held = rig.store.claim(lease.clone(), vec![second]).await.unwrap();
        assert_eq!(held, [Claimed { seq: second, attempt: 1, doubts: 0 }]);
    })
    .await;
}

#[tokio::test]
async fn a_finished_head_frees_its_key_within_the_same_batch() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let first = rig.claimed(&lease, "k").await;
        let second = rig.accept(&lease.bot, "m2", "k").await;
        let (held, ended) =
            tokio::join!(rig.store.claim(lease.clone(), vec![second]), rig.store.commit_turn(turn(&lease, first)));
        assert_eq!(ended.unwrap(), TurnAnswer::Committed);
        assert_eq!(held.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_old_lease_claims_nothing_and_one_row_is_claimed_once() {
    here(async {
        let rig = Rig::new().await;
        let old = rig.lease("a").await;
        let seq = rig.accept(&old.bot, "m1", "k").await;
        let new = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        assert!(new.epoch > old.epoch);
        assert!(rig.store.claim(old.clone(), vec![seq]).await.unwrap().is_empty());
        let other = rig.accept(&old.bot, "m2", "x").await;
        let both = (rig.store.claim(old, vec![other]), rig.store.claim(new.clone(), vec![other]));
        let (refused, held) = tokio::join!(both.0, both.1);
        assert_eq!((refused.unwrap().len(), held.unwrap().len()), (0, 1), "both in one batch");
        let claim = || rig.store.claim(new.clone(), vec![seq]);
        let (one, two) = tokio::join!(claim(), claim());
        assert_eq!((one.unwrap().len(), two.unwrap().len()), (1, 0), "in one batch");
        assert!(claim().await.unwrap().is_empty(), "afterwards");
    })
    .await;
}

#[tokio::test]
async fn another_bots_lease_does_not_open_a_row() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.lease("a").await, rig.lease("b").await);
        let seq = rig.accept(&a.bot, "m1", "k").await;
        assert!(rig.store.claim(b, vec![seq]).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_claim_left_behind_by_a_dead_epoch_is_doubtful_and_counted() {
    here(async {
        let mut rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        assert!(rig.due(&lease).await.is_empty(), "it is in a turn of this epoch");
        for doubts in 1..=3 {
            rig = rig.reopened().await;
            let lease = rig.store.take_lease(lease.bot.clone(), "test".into()).await.unwrap();
            assert_eq!(seqs(&rig.due(&lease).await), [seq.0]);
            let held = rig.store.claim_suspect(lease, seq).await.unwrap();
            assert_eq!(held, [Claimed { seq, attempt: doubts + 1, doubts }]);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_under_suspicion_is_told_and_not_held_until_it_is_tried() {
    here(async {
        let mut rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        for doubts in 1..=SUSPECT {
            rig = rig.reopened().await;
            let lease = rig.store.take_lease(lease.bot.clone(), "test".into()).await.unwrap();
            let told = rig.store.claim(lease, vec![seq]).await.unwrap();
            assert_eq!(told, [Claimed { seq, attempt: doubts + 1, doubts }]);
        }
        // However often the process ends now: it was not in a turn.
        for _ in 0..3 {
            rig = rig.reopened().await;
            let lease = rig.store.take_lease(lease.bot.clone(), "test".into()).await.unwrap();
            let told = rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
            assert_eq!(told, [Claimed { seq, attempt: 3, doubts: SUSPECT }]);
            assert_eq!(seqs(&rig.due(&lease).await), [seq.0]);
            let ended = rig.store.commit_turn(TurnCommit { attempt: 3, ..turn(&lease, seq) }).await.unwrap();
            assert_eq!(ended, TurnAnswer::Fenced, "nothing was claimed");
        }
        let lease = rig.store.take_lease(lease.bot.clone(), "test".into()).await.unwrap();
        let held = rig.store.claim_suspect(lease.clone(), seq).await.unwrap();
        assert_eq!(held, [Claimed { seq, attempt: 3, doubts: SUSPECT }]);
        assert!(rig.due(&lease).await.is_empty(), "it is in a turn");
    })
    .await;
}

#[tokio::test]
async fn what_is_released_waits_again_and_the_claim_does_not_count() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        rig.store.release(lease.clone(), vec![seq]).await.unwrap();
        assert_eq!(seqs(&rig.due(&lease).await), [seq.0]);
        let held = rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
        assert_eq!(held, [Claimed { seq, attempt: 1, doubts: 0 }]);
    })
    .await;
}

#[tokio::test]
async fn a_release_that_comes_after_the_next_lease_still_spares_the_doubt() {
    here(async {
        let rig = Rig::new().await;
        let old = rig.lease("a").await;
        let seq = rig.claimed(&old, "m1").await;
        let new = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        rig.store.release(old.clone(), vec![seq]).await.unwrap();
        let held = rig.store.claim(new.clone(), vec![seq]).await.unwrap();
        assert_eq!(held, [Claimed { seq, attempt: 1, doubts: 0 }]);
        // But what the new one holds, the old one cannot give away.
        rig.store.release(old, vec![seq]).await.unwrap();
        assert!(rig.due(&new).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn a_retry_holds_the_later_events_of_its_key_while_others_go() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let head = rig.claimed(&lease, "k").await;
        let behind = rig.accept(&lease.bot, "m2", "k").await;
        let other = rig.accept(&lease.bot, "m3", "x").await;
        let later = rig.clock.now().plus(Duration::from_mins(1));
        let outcome = TurnOutcome::Retry { at: later, reason: "the handler is away".into() };
        let answer = rig.store.commit_turn(TurnCommit { outcome, ..turn(&lease, head) }).await.unwrap();
        assert_eq!(answer, TurnAnswer::Committed);
        assert_eq!(seqs(&rig.due(&lease).await), [other.0]);
        assert!(rig.store.claim(lease.clone(), vec![behind]).await.unwrap().is_empty(), "whatever a cache says");
        let query = DueQuery { now: later, ..rig.query(&lease) };
        assert_eq!(seqs(&rig.store.due_events(query).await.unwrap()), [head.0, behind.0, other.0]);
        let list = EventQuery { bot: None, state: Some(EventState::Waiting), limit: 10 };
        let waiting = rig.store.events(list).await.unwrap();
        assert_eq!(waiting[2].reason.as_deref(), Some("the handler is away"));
        assert_eq!(waiting[2].due_at, later);
    })
    .await;
}

#[tokio::test]
async fn what_is_due_is_oldest_first_without_the_keys_not_wanted_and_no_more_than_asked_for() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        for (key, order) in [("1", "x"), ("2", "y"), ("3", "z"), ("4", "z")] {
            rig.accept(&lease.bot, key, order).await;
        }
        let tomorrow = rig.clock.now().plus(Duration::from_hours(24));
        rig.store.accept(NewEvent { due_at: tomorrow, ..event(&lease.bot, "5", "w") }).await.unwrap();
        // As a clock leaves it that was set forward, and back again: a key goes on no further than to here.
        rig.store.accept(NewEvent { due_at: tomorrow, ..event(&lease.bot, "6", "z") }).await.unwrap();
        rig.accept(&lease.bot, "7", "z").await;
        let query = DueQuery { skip_keys: vec!["y".into(), "it's".into()], limit: 2, ..rig.query(&lease) };
        assert_eq!(seqs(&rig.store.due_events(query.clone()).await.unwrap()), [1, 3]);
        let query = DueQuery { limit: 10, ..query };
        assert_eq!(seqs(&rig.store.due_events(query).await.unwrap()), [1, 3, 4]);
    })
    .await;
}

#[tokio::test]
async fn bots_with_due_work_are_found_whoever_should_have_been_woken() {
    here(async {
        let rig = Rig::new().await;
        let (a, b, c) = (rig.lease("a").await, rig.lease("b").await, rig.lease("c").await);
        rig.promised(&a, "m1", &["room"]).await;
        rig.accept(&b.bot, "m1", "k").await;
        rig.claimed(&c, "m1").await;
        let due = |found: &[crate::store::DueBot]| -> Vec<(String, bool, bool)> {
            found.iter().map(|due| (due.bot.to_string(), due.events, due.deliveries)).collect()
        };
        let found = rig.store.due_bots(rig.clock.now()).await.unwrap();
        assert_eq!(due(&found), [("a".into(), false, true), ("b".into(), true, false)]);
        assert!(rig.store.due_bots(Millis(-1)).await.unwrap().is_empty(), "before anything is due");
        rig.store.take_lease(c.bot.clone(), "test".into()).await.unwrap();
        let found = rig.store.due_bots(rig.clock.now()).await.unwrap();
        assert_eq!(due(&found)[2], ("c".into(), true, false), "its turn died with its epoch");
    })
    .await;
}
