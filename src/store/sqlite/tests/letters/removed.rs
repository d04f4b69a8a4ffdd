//! What a bot that is removed had pending: buried in the commit that retires it, and replayed when it is back.

use super::*;
use crate::base::Epoch;

#[tokio::test]
async fn a_bot_that_is_removed_leaves_nothing_pending_and_nothing_unsaid() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let rows = rig.promised(&lease, "m0", &["x", "x", "y"]).await;
        rig.accept(&lease.bot, "m1", "k").await;
        rig.claimed(&lease, "m2").await;
        let on_the_wire = rig.mark_one(&lease, rows[2]).await;
        let (_, crossing) = tokio::join!(
            rig.store.retire(lease.bot.clone(), Millis(9)),
            rig.store.accept(event(&lease.bot, "m3", "k")),
        );
        assert!(matches!(crossing, Ok(Accepted::New(_))), "accepted before the commit, and buried in it");
        assert_eq!(rig.pending(&lease.bot).await, (0, 0));
        let letters = rig.letters(LetterFilter { cause: Some(Cause::Removed), ..all() }).await;
        assert_eq!(letters.len(), 6);
        let doubtful: Vec<_> = letters.iter().filter(|letter| letter.doubtful).collect();
        assert_eq!(doubtful.len(), 1);
        assert!(doubtful[0].reason.as_ref().unwrap().contains("on its way"));
        let late = refused(rig.store.accept(event(&lease.bot, "m4", "k")).await);
        assert!(late.contains("`a` has left"), "{late}");

        // It did arrive: what is known to have been sent counts, whoever sent it.
        let sent = || DeliveryOutcome::Sent { remote_id: Some("M".into()) };
        let stranger = Lease { epoch: Epoch(99), ..lease.clone() };
        assert!(!rig.record(&stranger, on_the_wire, sent(), false).await);
        assert!(rig.record(&lease, on_the_wire, sent(), false).await);
        assert!(!rig.record(&lease, on_the_wire, sent(), false).await, "once");
        assert_eq!(rig.letters(all()).await.len(), 5);

        rig.bot("a").await;
        let moved = rig.replay(LetterFilter { cause: Some(Cause::Removed), ..of(&lease.bot) }).await.unwrap();
        assert_eq!((moved.events, moved.deliveries), (3, 2));
        assert_eq!(rig.pending(&lease.bot).await, (3, 2));
        let again = rig.reopened().await;
        assert_eq!(again.pending(&lease.bot).await, (3, 2));
    })
    .await;
}

#[tokio::test]
async fn a_large_backlog_is_buried_in_steps_and_the_count_stays_exact() {
    here(async {
        let rig = Rig::with(|options| {
            options.limits =
                StoreLimits { queue: 4000, queue_per_bot: 4000, pending_per_bot: 2500, readers: 1, ..options.limits };
        })
        .await;
        let bot = rig.bot("a").await;
        let accept = |n: i32| rig.store.accept(event(&bot, &n.to_string(), "k"));
        futures_util::future::join_all((0..2500).map(accept)).await;
        assert!(matches!(accept(9999).await, Err(StoreError::BotFull(_))));
        rig.store.retire(bot.clone(), Millis(1)).await.unwrap();
        assert_eq!(rig.pending(&bot).await, (0, 0));
        rig.bot("a").await;
        assert_eq!(rig.replay(all()).await.unwrap().events, 2500, "there is room for exactly as many again");
        assert!(matches!(accept(9999).await, Err(StoreError::BotFull(_))));
    })
    .await;
}
