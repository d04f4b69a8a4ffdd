//! Pauses: what they keep, and what ends them.

use super::*;
use crate::store::{ActKind, AuditQuery, By, Hold, HoldKind, Lifted, NewTimer, StoreError, Whom};

fn alice() -> By {
    By::admin(Some("alice"))
}

async fn acts(rig: &Rig) -> Vec<(String, String)> {
    let acts = rig.store.audit(AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap();
    let mine = acts.into_iter().filter(|act| [ActKind::Pause.word(), ActKind::Resume.word()].contains(&&*act.act));
    mine.map(|act| (act.act, act.subject)).collect()
}

fn words(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|&(act, subject)| (act.to_owned(), subject.to_owned())).collect()
}

#[tokio::test]
async fn a_pause_outlives_restarts_holds_and_other_definitions_and_is_lifted_by_name() {
    here(async {
        let rig = Rig::new().await;
        let (echo, hello) = (rig.bot("echo").await, rig.bot("hello").await);
        assert!(rig.store.pause(Whom::Bot(echo.clone()), alice()).await.unwrap());
        assert!(!rig.store.pause(Whom::Bot(echo.clone()), By::admin(None)).await.unwrap(), "it is paused already");
        rig.store.put_hold(echo.clone(), None).await.unwrap();
        rig.store.put_bot(NewBot { digest: Digest::of([b"changed".as_slice()]), ..new_bot("echo") }).await.unwrap();

        let rig = rig.reopened().await;
        let silence = rig.store.silence().await.unwrap();
        assert!(silence.of(&echo).unwrap().reason.contains("admin:alice"), "whoever was first");
        assert_eq!((silence.of(&hello), silence.house()), (None, None));
        rig.accept(&echo, "m1", "k").await;

        let lifted = rig.store.resume(Whom::All, alice()).await.unwrap();
        assert_eq!(lifted, Lifted::default(), "what was paused by name is resumed by name");
        assert!(rig.store.silence().await.unwrap().of(&echo).is_some());
        assert!(rig.store.resume(Whom::Bot(echo.clone()), alice()).await.unwrap().paused);
        assert_eq!(rig.store.resume(Whom::Bot(echo), alice()).await.unwrap(), Lifted::default());
        assert_eq!(acts(&rig).await, words(&[("resume", "echo"), ("pause", "echo")]), "what changed nothing is no act");
    })
    .await;
}

#[tokio::test]
async fn a_resume_lifts_quarantine_as_well_and_a_pause_of_all_is_one_row() {
    here(async {
        let rig = Rig::new().await;
        let echo = rig.bot("echo").await;
        let hold = Hold { kind: HoldKind::Quarantined, reason: "crashes".into(), since: Millis(5) };
        rig.store.put_hold(echo.clone(), Some(hold.clone())).await.unwrap();
        let lifted = rig.store.resume(Whom::Bot(echo.clone()), alice()).await.unwrap();
        assert_eq!((lifted.hold, lifted.paused), (Some(hold), false));
        assert_eq!(rig.store.bots().await.unwrap()[0].hold, None);

        assert!(rig.store.pause(Whom::All, alice()).await.unwrap());
        assert!(!rig.store.pause(Whom::All, By::admin(None)).await.unwrap());
        let late = rig.bot("late").await;
        let rig = rig.reopened().await;
        let held = rig.store.silence().await.unwrap().of(&late).unwrap();
        assert_eq!(held.kind, HoldKind::Paused);
        assert!(held.reason.contains("admin:alice"), "{}", held.reason);
        assert!(rig.store.resume(Whom::All, alice()).await.unwrap().paused);
        assert_eq!(rig.store.silence().await.unwrap(), crate::store::Silence::default());
        assert_eq!(acts(&rig).await, words(&[("resume", "all"), ("pause", "all"), ("resume", "echo")]));
    })
    .await;
}

#[tokio::test]
async fn a_bot_nobody_knows_is_neither_paused_nor_resumed() {
    here(async {
        let rig = Rig::new().await;
        let ghost = || Whom::Bot(bot("ghost"));
        for refused in
            [rig.store.pause(ghost(), alice()).await.map(drop), rig.store.resume(ghost(), alice()).await.map(drop)]
        {
            assert!(matches!(&refused, Err(StoreError::Refused(why)) if why.contains("`ghost`")), "{refused:?}");
        }
        assert_eq!(acts(&rig).await, []);
    })
    .await;
}

#[tokio::test]
async fn the_end_of_an_ordinary_pause_leaves_timers_that_came_due_alone() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        let seq = rig.claimed(&lease, "m1").await;
        let timer = NewTimer { name: "t".into(), due_at: Millis(1), order_key: "k".into(), payload: b"wake".to_vec() };
        rig.store.commit_turn(TurnCommit { timers: vec![timer], ..turn(&lease, seq) }).await.unwrap();
        rig.store.pause(Whom::All, alice()).await.unwrap();
        assert_eq!(rig.store.resume(Whom::All, alice()).await.unwrap().timers, 0);
    })
    .await;
}
