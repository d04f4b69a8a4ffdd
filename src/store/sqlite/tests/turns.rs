//! Ends of turns: all or nothing, once, by the newest lease, on the state that was read.

use super::*;
use crate::{
    base::{StateOp, StateScope, Version},
    store::{DialogueChange, EventState, NewTimer, StoreError, sqlite::engine},
};

fn set(key: &str, value: &str) -> StateOp {
    StateOp::Set { scope: StateScope::Bot, key: key.into(), value: json(value) }
}

fn add(key: &str, amount: i64) -> StateOp {
    StateOp::Add { scope: StateScope::Bot, key: key.into(), amount }
}

async fn value(rig: &Rig, bot: &BotId, key: &str) -> (i64, Option<Value>) {
    let keys = vec![(StateScope::Bot, key.to_owned())];
    let value = rig.store.read_state(bot.clone(), keys).await.unwrap().remove(0);
    (value.version.0, value.value)
}

#[tokio::test]
async fn everything_a_turn_does_is_committed_together() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        let id = rig.bell.take()[0].events[0].id;
        let timer = |at| NewTimer { name: "n".into(), due_at: Millis(at), order_key: "k".into(), payload: vec![1, 0] };
        let commit = TurnCommit {
            state: vec![set("topic", r#"{"a":[1,"x"]}"#), add("count", 2), add("count", 3)],
            dialogue: Some(DialogueChange {
                room: "r".into(),
                person: "p".into(),
                read: Version(0),
                value: Some((json(r#"{"step":1}"#), Millis(i64::MAX))),
            }),
            deliveries: vec![delivery("room:1"), delivery("room:1"), delivery("room:2")],
            timers: vec![timer(1), timer(2)],
            ..turn(&lease, seq)
        };
        let ids: Vec<_> = commit.deliveries.iter().map(|delivery| delivery.id).collect();
        assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);

        assert_eq!(value(&rig, &lease.bot, "topic").await, (1, Some(json(r#"{"a":[1,"x"]}"#))));
        assert_eq!(value(&rig, &lease.bot, "count").await, (2, Some(json("5"))));
        let dialogue = rig.store.read_dialogue(lease.bot.clone(), "r".into(), "p".into(), rig.clock.now());
        let dialogue = dialogue.await.unwrap().unwrap();
        assert_eq!((dialogue.version, dialogue.value), (Version(1), json(r#"{"step":1}"#)));

        let mut conn = engine::connect(&rig.dir.path().join(engine::FILE), engine::Role::Reader).await.unwrap();
        let timers: Vec<(String, i64, Vec<u8>)> =
            sqlx::query_as("SELECT name, due_at, payload FROM timers").fetch_all(&mut conn).await.unwrap();
        assert_eq!(timers, [("n".into(), 2, vec![1, 0])], "set again, replaced");

        let wake = rig.bell.take().remove(0);
        assert_eq!(wake.deliveries.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
        assert!(wake.deliveries.iter().all(|row| row.event == id && row.bot == lease.bot && !row.doubtful));
        assert_eq!(wake.deliveries[2].payload, b"to room:2");
        let due = rig.due_deliveries(&lease).await;
        assert_eq!(due.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
        assert_eq!((due[0].event, due[0].seq, &due[0].payload), (id, wake.deliveries[0].seq, &b"to room:1".to_vec()));

        let detail = rig.store.event(id).await.unwrap().unwrap();
        assert_eq!(detail.summary.state, EventState::Finished);
        assert_eq!(detail.summary.rule.as_deref(), Some("command \"ping\""));
        assert!(detail.summary.finished_at.is_some() && detail.summary.claimed_at.is_some());
        assert_eq!(detail.deliveries.iter().map(|row| row.id).collect::<Vec<_>>(), ids);
    })
    .await;
}

#[tokio::test]
async fn a_turn_of_an_old_lease_or_an_old_claim_writes_nothing() {
    here(async {
        let rig = Rig::new().await;
        let old = rig.lease("a").await;
        let seq = rig.claimed(&old, "m1").await;
        let effects = |lease: &Lease, attempt| TurnCommit {
            attempt,
            state: vec![add("count", 1)],
            deliveries: vec![delivery("room")],
            ..turn(lease, seq)
        };
        let new = rig.store.take_lease(old.bot.clone(), "test".into()).await.unwrap();
        assert_eq!(rig.store.commit_turn(effects(&old, 1)).await.unwrap(), TurnAnswer::Fenced, "replaced");
        assert_eq!(rig.store.commit_turn(effects(&new, 1)).await.unwrap(), TurnAnswer::Fenced, "not claimed by it");
        rig.store.claim(new.clone(), vec![seq]).await.unwrap();
        assert_eq!(rig.store.commit_turn(effects(&new, 1)).await.unwrap(), TurnAnswer::Fenced, "the claim before");
        assert_eq!(value(&rig, &old.bot, "count").await, (0, None));
        let commit = || rig.store.commit_turn(effects(&new, 2));
        let (one, two) = tokio::join!(commit(), commit());
        assert_eq!((one.unwrap(), two.unwrap()), (TurnAnswer::Committed, TurnAnswer::Fenced), "twice in one batch");
        assert_eq!(commit().await.unwrap(), TurnAnswer::Fenced, "and again");
        assert_eq!(value(&rig, &old.bot, "count").await, (1, Some(json("1"))));
        assert_eq!(rig.store.backlog().await.unwrap()[0].deliveries, 1);
    })
    .await;
}

#[tokio::test]
async fn a_turn_that_read_what_changed_meanwhile_is_in_conflict_and_can_step_again() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let (one, two) = (rig.claimed(&lease, "m1").await, rig.claimed(&lease, "m2").await);
        let rely = |seq, version| TurnCommit {
            reads: vec![(StateScope::Bot, "count".into(), Version(version))],
            state: vec![add("count", 10)],
            deliveries: vec![delivery("room")],
            ..turn(&lease, seq)
        };
        let answers = tokio::join!(rig.store.commit_turn(rely(one, 0)), rig.store.commit_turn(rely(two, 0)));
        assert_eq!(answers.0.unwrap(), TurnAnswer::Committed);
        assert_eq!(answers.1.unwrap(), TurnAnswer::Conflict, "within one batch");
        assert_eq!(rig.store.commit_turn(rely(two, 0)).await.unwrap(), TurnAnswer::Conflict, "afterwards");
        assert_eq!(rig.store.backlog().await.unwrap()[0].events, 1, "its event is still in its turn");
        assert_eq!(rig.store.commit_turn(rely(two, 1)).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(value(&rig, &lease.bot, "count").await, (2, Some(json("20"))));
        assert_eq!(rig.store.backlog().await.unwrap()[0].deliveries, 2);
    })
    .await;
}

#[tokio::test]
async fn two_turns_that_only_add_do_not_disturb_each_other() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let (one, two) = (rig.claimed(&lease, "m1").await, rig.claimed(&lease, "m2").await);
        let commit = |seq| rig.store.commit_turn(TurnCommit { state: vec![add("count", 1)], ..turn(&lease, seq) });
        let answers = tokio::join!(commit(one), commit(two));
        assert_eq!((answers.0.unwrap(), answers.1.unwrap()), (TurnAnswer::Committed, TurnAnswer::Committed));
        assert_eq!(value(&rig, &lease.bot, "count").await, (2, Some(json("2"))));
    })
    .await;
}

#[tokio::test]
async fn a_dialogue_goes_on_from_the_version_that_was_read_and_no_version_comes_twice() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let change = |seq, read, value: Option<&str>, until| TurnCommit {
            dialogue: Some(DialogueChange {
                room: "r".into(),
                person: "p".into(),
                read: Version(read),
                value: value.map(|value| (json(value), until)),
            }),
            ..turn(&lease, seq)
        };
        let open = async || {
            let now = rig.clock.now();
            let found = rig.store.read_dialogue(lease.bot.clone(), "r".into(), "p".into(), now).await.unwrap();
            found.map(|row| (row.version.0, row.value))
        };
        let forever = Millis(i64::MAX);
        let one = rig.claimed(&lease, "m1").await;
        assert_eq!(rig.store.commit_turn(change(one, 1, Some("1"), forever)).await.unwrap(), TurnAnswer::Conflict);
        assert_eq!(rig.store.commit_turn(change(one, 0, Some("1"), forever)).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(open().await, Some((1, json("1"))));

        let two = rig.claimed(&lease, "m2").await;
        assert_eq!(rig.store.commit_turn(change(two, 0, Some("2"), forever)).await.unwrap(), TurnAnswer::Conflict);
        assert_eq!(rig.store.commit_turn(change(two, 1, None, forever)).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(open().await, None);

        let three = rig.claimed(&lease, "m3").await;
        assert_eq!(rig.store.commit_turn(change(three, 1, Some("3"), forever)).await.unwrap(), TurnAnswer::Conflict);
        assert_eq!(rig.store.commit_turn(change(three, 0, Some("3"), forever)).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(open().await, Some((3, json("3"))), "not 1 again");

        let four = rig.claimed(&lease, "m4").await;
        assert_eq!(rig.store.commit_turn(change(four, 3, Some("4"), Millis(1))).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(open().await, None, "lapsed");
        let five = rig.claimed(&lease, "m5").await;
        assert_eq!(rig.store.commit_turn(change(five, 0, Some("5"), forever)).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(open().await, Some((5, json("5"))));
    })
    .await;
}

#[tokio::test]
async fn a_turn_that_cannot_be_done_is_refused_alone_and_leaves_its_event_claimed() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let (one, two, three) =
            (rig.claimed(&lease, "1").await, rig.claimed(&lease, "2").await, rig.claimed(&lease, "3").await);
        let commit = |seq, state, to| {
            rig.store.commit_turn(TurnCommit { state, deliveries: vec![delivery(to)], ..turn(&lease, seq) })
        };
        let answers = tokio::join!(
            commit(one, vec![set("text", "\"x\"")], "room"),
            commit(two, vec![set("other", "1"), add("text", 1)], "room"),
            commit(three, vec![], ""),
        );
        assert_eq!(answers.0.unwrap(), TurnAnswer::Committed);
        assert!(matches!(answers.1, Err(StoreError::Refused(why)) if why.contains("`text` is no number")));
        assert!(matches!(answers.2, Err(StoreError::Refused(_))), "a delivery without destination");
        assert_eq!(value(&rig, &lease.bot, "other").await, (0, None), "nothing of the refused turn");
        let outcome = TurnOutcome::Buried { reason: "it cannot be done".into() };
        for seq in [two, three] {
            let buried = rig.store.commit_turn(TurnCommit { outcome: outcome.clone(), ..turn(&lease, seq) }).await;
            assert_eq!(buried.unwrap(), TurnAnswer::Committed);
        }
        let backlog = rig.store.backlog().await.unwrap().remove(0);
        assert_eq!((backlog.events, backlog.deliveries, backlog.buried), (0, 1, 2));
    })
    .await;
}

#[tokio::test]
async fn only_a_finished_turn_may_have_effects() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        let outcome = TurnOutcome::Buried { reason: "no".into() };
        let commit = TurnCommit { outcome, cancelled: vec!["x".into()], ..turn(&lease, seq) };
        assert!(matches!(rig.store.commit_turn(commit).await, Err(StoreError::Refused(_))));
    })
    .await;
}

#[tokio::test]
async fn bytes_that_are_no_text_come_back_as_they_were() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let payload: Vec<u8> = (0..=255).collect();
        for (key, payload) in [("all", payload), ("none", Vec::new())] {
            let new = NewEvent { payload: payload.clone(), ..event(&lease.bot, key, key) };
            let Accepted::New(seq) = rig.store.accept(new).await.unwrap() else { panic!("seen before") };
            assert_eq!(rig.due(&lease).await[0].payload, payload);
            rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
            let deliveries = vec![NewDelivery { payload: payload.clone(), ..delivery(key) }];
            rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) }).await.unwrap();
            assert_eq!(rig.due_deliveries(&lease).await.last().unwrap().payload, payload);
        }
    })
    .await;
}
