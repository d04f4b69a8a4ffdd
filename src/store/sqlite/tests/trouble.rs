//! Full disks and disks that do not confirm.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::*;
use crate::store::StoreError;

/// More than fits into the pages there are.
fn large(bot: &BotId, key: &str) -> NewEvent {
    NewEvent { payload: vec![7; 200_000], ..event(bot, key, key) }
}

#[tokio::test(start_paused = true)]
async fn with_a_full_disk_accepts_are_refused_and_turns_wait_for_room() {
    here(async {
        let disk = Arc::new(AtomicBool::new(false));
        let rig = Rig::with(|options| options.faults.disk_full = Some(Arc::clone(&disk))).await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        disk.store(true, Ordering::Relaxed);
        let deliveries = vec![NewDelivery { payload: vec![7; 200_000], ..delivery("room") }];
        let end = rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) });
        let others = async {
            for key in ["m2", "m3"] {
                assert!(matches!(rig.store.accept(large(&lease.bot, key)).await, Err(StoreError::DiskFull)));
            }
            assert!(matches!(rig.store.probe().await, Err(StoreError::DiskFull)));
            assert_eq!(rig.store.backlog().await.unwrap()[0].deliveries, 0, "looking still works");
            disk.store(false, Ordering::Relaxed);
        };
        let (answer, ()) = tokio::join!(end, others);
        assert_eq!(answer.unwrap(), TurnAnswer::Committed);
        assert_eq!(rig.due_deliveries(&lease).await.len(), 1);
        assert!(matches!(rig.store.accept(large(&lease.bot, "m2")).await.unwrap(), Accepted::New(_)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_became_read_only_is_waited_for_as_a_full_one_is() {
    here(async {
        let disk = Arc::new(AtomicBool::new(false));
        let rig = Rig::with(|options| options.faults.read_only = Some(Arc::clone(&disk))).await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        disk.store(true, Ordering::Relaxed);
        let deliveries = vec![delivery("room")];
        let end = rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) });
        let others = async {
            let refused = rig.store.accept(event(&lease.bot, "m2", "k")).await.unwrap_err();
            assert!(matches!(&refused, StoreError::Unwritable(_)), "{refused}");
            assert!(refused.to_string().contains("read-only"), "{refused}");
            assert!(matches!(rig.store.probe().await, Err(StoreError::Unwritable(_))));
            assert_eq!(rig.store.backlog().await.unwrap()[0].deliveries, 0, "looking still works");
            disk.store(false, Ordering::Relaxed);
        };
        let (answer, ()) = tokio::join!(end, others);
        assert_eq!(answer.unwrap(), TurnAnswer::Committed);
        rig.store.probe().await.unwrap();
        assert!(matches!(rig.store.accept(event(&lease.bot, "m2", "k")).await.unwrap(), Accepted::New(_)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_with_room_again_is_noticed_with_nothing_to_store() {
    here(async {
        let disk = Arc::new(AtomicBool::new(false));
        let rig = Rig::with(|options| options.faults.read_only = Some(Arc::clone(&disk))).await;
        let bot = rig.bot("a").await;
        disk.store(true, Ordering::Relaxed);
        assert!(rig.store.accept(event(&bot, "m1", "k")).await.is_err());
        for _ in 0..20 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert!(rig.store.probe().await.is_err());
        }
        disk.store(false, Ordering::Relaxed);
        // While it is known to be full nothing is tried for an asker, so it is the trial that ends this.
        for _ in 0..100 {
            tokio::time::sleep(Duration::from_secs(1)).await;
            if rig.store.probe().await.is_ok() {
                break;
            }
        }
        assert!(matches!(rig.store.accept(event(&bot, "m1", "k")).await.unwrap(), Accepted::New(_)));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_closes_while_the_disk_is_full_leaves_the_turn_to_the_next_process() {
    here(async {
        let disk = Arc::new(AtomicBool::new(false));
        let rig = Rig::with(|options| options.faults.disk_full = Some(Arc::clone(&disk))).await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        disk.store(true, Ordering::Relaxed);
        let deliveries = vec![NewDelivery { payload: vec![7; 200_000], ..delivery("room") }];
        let end = rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) });
        let (end, closed) = tokio::join!(end, rig.store.close());
        assert!(matches!(end, Err(StoreError::Closed)));
        closed.unwrap();
        let rig = Rig { store: SqliteStore::open(options(rig.dir.path(), &rig.bell)).await.unwrap(), ..rig };
        let lease = rig.store.take_lease(lease.bot, "next".into()).await.unwrap();
        assert_eq!(rig.due(&lease).await[0].seq, seq);
    })
    .await;
}

#[tokio::test]
async fn a_sync_that_fails_is_fatal_and_nothing_is_answered_as_stored() {
    here(async {
        let calls = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&calls);
        let rig = Rig::with(|options| {
            options.on_fatal = Arc::new(move |_| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            options.faults = Faults { sync_fails_after: Some(1), ..Faults::default() };
        })
        .await;
        let bot = rig.bot("a").await;
        assert!(matches!(rig.store.accept(event(&bot, "m1", "k")).await, Err(StoreError::Engine(_))));
        assert_eq!(calls.load(Ordering::Relaxed), 1);
        assert!(matches!(rig.store.accept(event(&bot, "m2", "k")).await, Err(StoreError::Closed)));
        let rig = Rig { store: SqliteStore::open(options(rig.dir.path(), &rig.bell)).await.unwrap(), ..rig };
        assert_eq!(rig.accept(&bot, "m1", "k").await, Seq(1));
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn slower_syncs_can_be_asked_for() {
    here(async {
        let delay = Duration::from_secs(5);
        let rig = Rig::with(|options| options.faults = Faults { sync_delay: Some(delay), ..Faults::default() }).await;
        let bot = rig.bot("a").await;
        let start = tokio::time::Instant::now();
        let accepts = (0..50).map(|n| rig.store.accept(event(&bot, &n.to_string(), "k")));
        futures_util::future::join_all(accepts).await;
        assert_eq!(start.elapsed(), delay, "one commit for all");
    })
    .await;
}
