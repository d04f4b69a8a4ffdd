//! What alarms are about.

use super::*;
use crate::store::{DeliveryOutcome, DeliveryResult, Pressing};

#[tokio::test(start_paused = true)]
async fn the_oldest_work_of_all_bots_and_the_dead_letters_are_known() {
    here(async {
        let rig = Rig::new().await;
        assert_eq!(rig.store.pressing().await.unwrap(), Pressing::default());
        let (one, two) = (rig.lease("one").await, rig.lease("two").await);
        let delivery = rig.promised(&two, "m1", &["x"]).await[0];
        let begun = rig.clock.now();
        tokio::time::advance(Duration::from_secs(5)).await;
        rig.accept(&two.bot, "m2", "k").await;
        tokio::time::advance(Duration::from_secs(5)).await;
        let buried = rig.claimed(&one, "m3").await;
        let outcome = TurnOutcome::Buried { reason: "x".into() };
        rig.store.commit_turn(TurnCommit { outcome, ..turn(&one, buried) }).await.unwrap();
        rig.accept(&one.bot, "m4", "k").await;
        let found = rig.store.pressing().await.unwrap();
        let (event, promised) = (begun.plus(Duration::from_secs(5)), begun);
        assert_eq!(
            found,
            Pressing { oldest_event: Some(event), oldest_delivery: Some(promised), buried: 1, failed: 0 }
        );

        let mark = rig.store.mark(two.clone(), vec![delivery]).await.unwrap()[0];
        let result = DeliveryResult {
            seq: delivery,
            epoch: two.epoch,
            attempt: mark.attempt,
            outcome: DeliveryOutcome::Failed { reason: "404".into() },
            doubtful: false,
            tracking_id: None,
            sent: Vec::new(),
            failure: None,
        };
        assert!(rig.store.record(result).await.unwrap());
        let found = rig.store.pressing().await.unwrap();
        assert_eq!((found.oldest_delivery, found.failed), (None, 1));
    })
    .await;
}
