//! Keeping house and looking: prune, probe, events, backlog.

use EventState::{Buried, Claimed, Finished, Waiting};

use super::*;
use crate::{
    base::{StateOp, StateScope},
    store::{DeliveryOutcome, DeliveryResult, EventQuery, EventState, Pruned, Retention, StoreError},
};

pub(super) fn before(moment: Millis) -> Retention {
    Retention {
        now: moment,
        content_before: moment,
        dead_content_before: moment,
        rows_before: moment,
        keys_before: moment,
        audit_before: moment,
    }
}

#[tokio::test]
async fn prune_deletes_what_is_over_and_nothing_that_is_pending() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let now = rig.clock.now();
        let sent = rig.promised(&lease, "m1", &["x", "y"]).await[0];
        let mark = rig.store.mark(lease.clone(), vec![sent]).await.unwrap()[0];
        let result = DeliveryResult {
            seq: sent,
            epoch: lease.epoch,
            attempt: mark.attempt,
            outcome: DeliveryOutcome::Sent { remote_id: None },
            doubtful: false,
            tracking_id: None,
            sent: Vec::new(),
            failure: None,
        };
        assert!(rig.store.record(result).await.unwrap());
        let buried = rig.claimed(&lease, "m2").await;
        let outcome = TurnOutcome::Buried { reason: "x".into() };
        rig.store.commit_turn(TurnCommit { outcome, ..turn(&lease, buried) }).await.unwrap();
        let member = || NewEvent { kind: "memberships.created", ..event(&lease.bot, "s3", "k") };
        rig.store.accept(NewEvent { seen_until: now, ..member() }).await.unwrap();

        let later = now.plus(Duration::from_mins(1));
        let kept = before(Millis(0));
        assert_eq!(rig.store.prune(kept).await.unwrap(), Pruned { rows: 0, more: false });
        let rows = Retention { rows_before: later, ..kept };
        assert_eq!(rig.store.prune(rows).await.unwrap().rows, 3, "two events and a delivery");
        let all = before(later);
        assert_eq!(rig.store.prune(all).await.unwrap(), Pruned { rows: 2, more: false }, "a key and an act");
        let backlog = rig.store.backlog().await.unwrap().remove(0);
        assert_eq!((backlog.events, backlog.deliveries, backlog.buried), (1, 1, 0));
        assert_eq!(rig.store.accept(event(&lease.bot, "m1", "k")).await.unwrap(), Accepted::Duplicate, "still seen");
        assert_eq!(rig.store.accept(member()).await.unwrap(), Accepted::New(Seq(4)));
    })
    .await;
}

#[tokio::test]
async fn prune_is_bounded_and_says_when_there_is_more() {
    here(async {
        let rig = Rig::with(|options| {
            options.limits =
                StoreLimits { queue: 2000, queue_per_bot: 2000, pending_per_bot: 2000, readers: 1, ..options.limits };
        })
        .await;
        let bot = rig.bot("a").await;
        let old = |n: i32| NewEvent {
            seen_until: Millis(1),
            kind: "memberships.created",
            ..event(&bot, &n.to_string(), "k")
        };
        futures_util::future::join_all((0..1500).map(|n| rig.store.accept(old(n)))).await;
        assert_eq!(rig.store.prune(before(Millis(1))).await.unwrap(), Pruned { rows: 1000, more: true });
        assert_eq!(rig.store.prune(before(Millis(1))).await.unwrap(), Pruned { rows: 500, more: false });
    })
    .await;
}

#[tokio::test]
async fn expired_state_reads_as_nothing_at_once_and_goes_after_a_while() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let scope = || StateScope::Room("r".into());
        let soon = rig.clock.now().plus(Duration::from_mins(1));
        let seq = rig.claimed(&lease, "m1").await;
        let state = vec![
            StateOp::Set { scope: scope(), key: "gone".into(), value: json("1") },
            StateOp::Expire { scope: scope(), key: "gone".into(), at: Millis(1) },
            StateOp::Set { scope: scope(), key: "soon".into(), value: json("null") },
            StateOp::Expire { scope: scope(), key: "soon".into(), at: soon },
            StateOp::Expire { scope: scope(), key: "never".into(), at: Millis(1) },
        ];
        rig.store.commit_turn(TurnCommit { state, ..turn(&lease, seq) }).await.unwrap();
        let read = async || {
            let keys = ["gone", "soon", "never"].map(|key| (scope(), key.to_owned())).to_vec();
            let values = rig.store.read_state(lease.bot.clone(), keys).await.unwrap();
            values.into_iter().map(|value| (value.version.0, value.value)).collect::<Vec<_>>()
        };
        assert_eq!(read().await, [(2, None), (2, Some(json("null"))), (0, None)]);
        let none = Retention { now: soon, ..before(Millis(0)) };
        rig.store.prune(none).await.unwrap();
        assert_eq!(read().await, [(0, None), (2, Some(json("null"))), (0, None)], "long over, and just over");
        rig.store.prune(Retention { now: soon.plus(Duration::from_secs(3601)), ..none }).await.unwrap();
        assert_eq!(read().await, [(0, None), (0, None), (0, None)]);
    })
    .await;
}

#[tokio::test]
async fn events_are_listed_newest_first_by_bot_and_state() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.lease("a").await, rig.lease("b").await);
        let finished = rig.claimed(&a, "m1").await;
        rig.store.commit_turn(turn(&a, finished)).await.unwrap();
        let buried = rig.claimed(&a, "m2").await;
        let outcome = TurnOutcome::Buried { reason: "took the process down".into() };
        rig.store.commit_turn(TurnCommit { outcome, record: None, ..turn(&a, buried) }).await.unwrap();
        rig.claimed(&a, "m3").await;
        rig.accept(&a.bot, "m4", "k").await;
        rig.accept(&b.bot, "m1", "k").await;
        let list = async |bot: Option<&Lease>, state, limit| {
            let query = EventQuery { bot: bot.map(|lease| lease.bot.clone()), state, limit };
            let events = rig.store.events(query).await.unwrap();
            events.into_iter().map(|event| event.state).collect::<Vec<_>>()
        };
        assert_eq!(list(Some(&a), None, 10).await, [Waiting, Claimed, Buried, Finished]);
        assert_eq!(list(None, None, 2).await, [Waiting, Waiting]);
        for state in [Waiting, Claimed, Buried, Finished] {
            assert_eq!(list(Some(&a), Some(state), 10).await, [state]);
        }
        assert_eq!(list(None, Some(Waiting), 10).await.len(), 2);
        assert!(list(Some(&b), Some(Buried), 10).await.is_empty());

        let query = EventQuery { bot: None, state: Some(Buried), limit: 1 };
        let found = rig.store.events(query).await.unwrap().remove(0);
        assert_eq!((found.reason.as_deref(), found.rule), (Some("took the process down"), None));
        assert!(rig.store.event(EventId::new()).await.unwrap().is_none());

        let backlog = rig.store.backlog().await.unwrap();
        assert_eq!((backlog[0].events, backlog[0].buried, backlog[1].events), (2, 1, 1));
        assert!(backlog.iter().all(|row| row.oldest.is_some()));
    })
    .await;
}

#[tokio::test]
async fn a_closed_store_says_so_and_finishes_what_was_queued() {
    here(async {
        let rig = Rig::new().await;
        let bot = rig.bot("a").await;
        rig.store.probe().await.unwrap();
        let (accepted, closed) = tokio::join!(rig.store.accept(event(&bot, "m1", "k")), rig.store.close());
        assert_eq!(accepted.unwrap(), Accepted::New(Seq(1)));
        closed.unwrap();
        rig.store.close().await.unwrap();
        assert!(matches!(rig.store.probe().await, Err(StoreError::Closed)));
        assert!(matches!(rig.store.accept(event(&bot, "m2", "k")).await, Err(StoreError::Closed)));
        assert!(matches!(rig.store.bots().await, Err(StoreError::Closed)));
        let files = std::fs::read_dir(rig.dir.path()).unwrap().map(|file| file.unwrap().file_name());
        let mut files: Vec<_> = files.collect();
        files.sort();
        assert_eq!(files, ["botyard.db", "lock"], "the log was written back");
    })
    .await;
}
