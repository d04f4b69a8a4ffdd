//! Accepting: stored once, in order, within limits.

use super::*;
use crate::store::{DeliveryOutcome, DeliveryResult, StoreError};

#[tokio::test]
async fn an_event_is_stored_before_the_answer_and_handed_along_with_the_ring() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        let seq = rig.accept(&lease.bot, "m1", "room|alice").await;
        let wakes = rig.bell.take();
        assert_eq!(wakes.len(), 1);
        let due = rig.due(&lease).await;
        assert_eq!(due.len(), 1);
        for row in [&wakes[0].events[0], &due[0]] {
            assert_eq!((row.seq, row.attempt, row.class), (seq, 0, Class::Interactive));
            assert_eq!((row.order_key.as_str(), row.payload.as_slice()), ("room|alice", &b"payload of m1"[..]));
        }
        let kept = |row: &EventRow| (row.id, row.accepted_at);
        assert_eq!(kept(&wakes[0].events[0]), kept(&due[0]));
    })
    .await;
}

#[tokio::test]
async fn a_key_that_comes_again_is_a_duplicate_also_within_one_batch_and_per_bot_only() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.bot("a").await, rig.bot("b").await);
        let same = || rig.store.accept(event(&a, "m1", "k"));
        let (one, two, other) = tokio::join!(same(), same(), rig.store.accept(event(&b, "m1", "k")));
        assert_eq!((one.unwrap(), two.unwrap()), (Accepted::New(Seq(1)), Accepted::Duplicate));
        assert_eq!(other.unwrap(), Accepted::New(Seq(2)));
        assert_eq!(same().await.unwrap(), Accepted::Duplicate);
        let rig = rig.reopened().await;
        assert_eq!(rig.store.accept(event(&a, "m1", "k")).await.unwrap(), Accepted::Duplicate);
    })
    .await;
}

#[tokio::test]
async fn a_key_whose_time_is_over_counts_as_new() {
    here(async {
        let rig = Rig::with(|options| options.clock = Clock::System).await;
        let a = rig.bot("a").await;
        let until = |until| NewEvent { seen_until: until, ..event(&a, "m1", "k") };
        assert_eq!(rig.store.accept(until(Millis(1))).await.unwrap(), Accepted::New(Seq(1)));
        assert_eq!(rig.store.accept(until(Millis(i64::MAX))).await.unwrap(), Accepted::New(Seq(2)));
        assert_eq!(rig.store.accept(until(Millis(i64::MAX))).await.unwrap(), Accepted::Duplicate);
    })
    .await;
}

#[tokio::test]
async fn a_batch_is_numbered_in_the_order_it_came_in_and_rings_once_per_bot() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.bot("a").await, rig.bot("b").await);
        let accepts = (0..100).map(|n| {
            let bot = if n % 3 == 0 { &a } else { &b };
            rig.store.accept(event(bot, &format!("m{n}"), &format!("k{n}")))
        });
        let answers = futures_util::future::join_all(accepts).await;
        let numbers: Vec<_> = answers.into_iter().map(Result::unwrap).collect();
        assert_eq!(numbers, (1..=100).map(|n| Accepted::New(Seq(n))).collect::<Vec<_>>());
        let wakes = rig.bell.take();
        assert_eq!(wakes.len(), 2, "one batch, two bots");
        for wake in wakes {
            assert!(wake.events.is_sorted_by_key(|row| row.seq));
            for row in wake.events {
                assert_eq!(row.payload, format!("payload of m{}", row.seq.0 - 1).into_bytes(), "bytes of its own row");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_poisoned_member_of_a_batch_fails_alone() {
    here(async {
        let rig = Rig::new().await;
        let a = rig.bot("a").await;
        let first = event(&a, "m1", "k");
        let (one, poisoned, three, nothing) = tokio::join!(
            rig.store.accept(first.clone()),
            rig.store.accept(NewEvent { id: first.id, ..event(&a, "m2", "k") }),
            rig.store.accept(event(&a, "m3", "k")),
            rig.store.accept(event(&a, "m4", "")),
        );
        assert_eq!(one.unwrap(), Accepted::New(Seq(1)));
        assert!(matches!(poisoned, Err(StoreError::Refused(_))), "the public id of another event");
        assert!(matches!(three.unwrap(), Accepted::New(_)));
        assert!(matches!(nothing, Err(StoreError::Refused(_))), "no order key");
        // What failed left nothing behind, so the key is still free.
        assert!(matches!(rig.store.accept(event(&a, "m2", "k")).await.unwrap(), Accepted::New(_)));
    })
    .await;
}

#[tokio::test]
async fn what_stands_beside_a_poisoned_member_is_done_once() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let sent = rig.promised(&lease, "m1", &["room"]).await[0];
        let seq = rig.claimed(&lease, "m2").await;
        let mark = rig.store.mark(lease.clone(), vec![sent]).await.unwrap()[0];
        let outcome = DeliveryOutcome::Sent { remote_id: Some("M".into()) };
        let commit = TurnCommit { deliveries: vec![delivery("y"), delivery("z")], ..turn(&lease, seq) };
        let (poisoned, ended, recorded) = tokio::join!(
            rig.store.accept(event(&lease.bot, "m3", "")),
            rig.store.commit_turn(commit),
            rig.store.record(DeliveryResult::new(sent, lease.epoch, mark.attempt, outcome)),
        );
        assert!(matches!(poisoned, Err(StoreError::Refused(_))), "no order key");
        assert_eq!((ended.unwrap(), recorded.unwrap()), (TurnAnswer::Committed, true));
        let backlog = rig.store.backlog().await.unwrap().remove(0);
        assert_eq!((backlog.events, backlog.deliveries), (0, 2));
        assert_eq!(rig.due_deliveries(&lease).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_bot_that_is_full_is_refused_alone_and_has_room_again_when_it_finishes() {
    here(async {
        let rig = Rig::with(|options| options.limits.pending_per_bot = 2).await;
        let (lease, other) = (rig.lease("a").await, rig.bot("b").await);
        rig.claimed(&lease, "m1").await;
        rig.accept(&lease.bot, "m2", "k").await;
        let refused = rig.store.accept(event(&lease.bot, "m3", "k")).await;
        assert!(matches!(refused, Err(StoreError::BotFull(full)) if full == lease.bot));
        rig.accept(&other, "m3", "k").await;
        rig.store.commit_turn(turn(&lease, Seq(1))).await.unwrap();
        rig.accept(&lease.bot, "m3", "k").await;
        // The count is found again after a restart.
        let rig = Rig { store: rig.store.clone(), ..rig };
        rig.store.close().await.unwrap();
        let mut options = options(rig.dir.path(), &rig.bell);
        options.limits.pending_per_bot = 2;
        let store = SqliteStore::open(options).await.unwrap();
        assert!(matches!(store.accept(event(&lease.bot, "m4", "k")).await, Err(StoreError::BotFull(_))));
    })
    .await;
}

#[tokio::test]
async fn one_bot_cannot_take_the_whole_queue() {
    here(async {
        let rig = Rig::with(|options| {
            options.limits = StoreLimits { queue: 4, queue_per_bot: 2, ..options.limits };
        })
        .await;
        let (a, b, c) = (rig.bot("a").await, rig.bot("b").await, rig.bot("c").await);
        let accepts = [(&a, "1"), (&a, "2"), (&a, "3"), (&b, "1"), (&b, "2"), (&c, "1")];
        let answers = accepts.map(|(bot, key)| rig.store.accept(event(bot, key, "k")));
        let answers = futures_util::future::join_all(answers).await;
        assert!(matches!(&answers[2], Err(StoreError::BotFull(full)) if *full == a));
        assert!(matches!(answers[5], Err(StoreError::Overloaded)));
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 4);
        rig.accept(&a, "3", "k").await;
    })
    .await;
}

#[tokio::test]
async fn an_event_of_a_bot_nobody_knows_is_refused() {
    here(async {
        let rig = Rig::new().await;
        let refused = rig.store.accept(event(&bot("ghost"), "m1", "k")).await;
        assert!(matches!(refused, Err(StoreError::Refused(why)) if why.contains("ghost")));
    })
    .await;
}
