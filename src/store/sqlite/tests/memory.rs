//! Memory and dialogues as people see and change them, and what bounds them.

use super::*;
use crate::{
    base::{MAX_STATE_VALUE, StateOp, StateScope, Version, dialogue_mark, dialogue_timer},
    store::{
        AuditQuery, By, DialogueChange, DialogueQuery, EndDialogue, NewTimer, StateChange, StateEdit, StateEdited,
        StatePage, StateQuery, StoreError, sqlite::engine,
    },
};

fn query(bot: &BotId) -> StateQuery {
    StateQuery { bot: bot.clone(), scope: None, key: None, after: None, limit: 100 }
}

fn change(scope: &str, key: &str, value: Option<&str>) -> StateChange {
    StateChange { scope: scope.into(), key: key.into(), value: value.map(json), expires_at: None }
}

fn edit(bot: &BotId, changes: Vec<StateChange>) -> StateEdit {
    StateEdit { bot: bot.clone(), changes, import: false, by: By::admin(Some("alice@host")) }
}

fn told(page: &StatePage) -> Vec<(String, String)> {
    page.state.iter().map(|row| (format!("{} {}", row.scope, row.key), row.value.to_string())).collect()
}

fn refusal<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    match answer {
        Err(StoreError::Refused(why)) => why,
        other => panic!("{other:?}"),
    }
}

async fn acts(rig: &Rig) -> Vec<(String, String, u64)> {
    let acts = rig.store.audit(AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap();
    let by_hand = acts.into_iter().filter(|act| act.act != "definition");
    by_hand.map(|act| (act.act, act.subject, act.rows)).collect()
}

#[tokio::test]
async fn memory_is_listed_in_one_order_page_by_page_and_changed_with_a_line_in_the_audit() {
    here(async {
        let rig = Rig::new().await;
        let bot = rig.bot("a").await;
        let other = rig.bot("b").await;
        let changes = vec![
            change("room:R", "topic", Some("\"x\"")),
            change("bot", "z", Some("null")),
            change("bot", "a", Some("[1]")),
            change("person:P", "since", Some("7")),
        ];
        let done = rig.store.edit_state(edit(&bot, changes)).await.unwrap();
        assert_eq!(done, StateEdited { set: 4, removed: 0 });
        rig.store.edit_state(edit(&other, vec![change("bot", "a", Some("0"))])).await.unwrap();
        let all = [("bot a", "[1]"), ("bot z", "null"), ("person:P since", "7"), ("room:R topic", "\"x\"")];
        let all = all.map(|(key, value)| (key.to_owned(), value.to_owned()));
        let page = rig.store.list_state(query(&bot)).await.unwrap();
        assert_eq!((told(&page), page.next), (all.to_vec(), None));

        let first = rig.store.list_state(StateQuery { limit: 2, ..query(&bot) }).await.unwrap();
        let rest = StateQuery { limit: 2, after: first.next.clone(), ..query(&bot) };
        let rest = rig.store.list_state(rest).await.unwrap();
        assert_eq!((told(&first), told(&rest), rest.next), (all[..2].to_vec(), all[2..].to_vec(), None));
        let room = StateQuery { scope: Some(StateScope::Room("R".into())), ..query(&bot) };
        assert_eq!(told(&rig.store.list_state(room).await.unwrap()), all[3..]);

        let removal = || edit(&bot, vec![change("person:P", "since", None)]);
        assert_eq!(rig.store.edit_state(removal()).await.unwrap(), StateEdited { set: 0, removed: 1 });
        assert_eq!(rig.store.edit_state(removal()).await.unwrap(), StateEdited::default(), "it is gone");
        let act = |act: &str, subject: &str, rows| (act.to_owned(), subject.to_owned(), rows);
        assert_eq!(
            acts(&rig).await,
            [
                act("state_edit", "remove person since", 1),
                act("state_edit", "set bot a", 1),
                act("state_edit", "4 keys", 4)
            ],
            "without the person's id"
        );
    })
    .await;
}

#[tokio::test]
async fn a_turn_that_read_what_was_changed_by_hand_is_in_conflict() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        rig.store.edit_state(edit(&lease.bot, vec![change("bot", "n", Some("1"))])).await.unwrap();
        let rely =
            |version| TurnCommit { reads: vec![(StateScope::Bot, "n".into(), Version(version))], ..turn(&lease, seq) };
        assert_eq!(rig.store.commit_turn(rely(0)).await.unwrap(), TurnAnswer::Conflict);
        rig.store.edit_state(edit(&lease.bot, vec![change("bot", "n", None)])).await.unwrap();
        assert_eq!(rig.store.commit_turn(rely(1)).await.unwrap(), TurnAnswer::Conflict);
        assert_eq!(rig.store.commit_turn(rely(2)).await.unwrap(), TurnAnswer::Committed);
    })
    .await;
}

#[tokio::test]
async fn an_edit_is_done_whole_or_not_at_all_and_says_what_is_wrong() {
    here(async {
        let rig = Rig::new().await;
        let bot = rig.bot("a").await;
        let good = || change("bot", "good", Some("1"));
        let large = format!("\"{}\"", "x".repeat(MAX_STATE_VALUE));
        for (bad, why) in [
            (change("team:x", "k", Some("1")), "a scope is"),
            (change("bot", "", Some("1")), "the key is empty"),
            (change("bot", "k", Some(&large)), "the value of `k` has 65538 bytes"),
        ] {
            let told = refusal(rig.store.edit_state(edit(&bot, vec![good(), bad])).await);
            assert!(told.contains(why), "{told}");
        }
        assert!(refusal(rig.store.edit_state(edit(&super::bot("ghost"), vec![good()])).await).contains("`ghost`"));
        assert_eq!(told(&rig.store.list_state(query(&bot)).await.unwrap()), []);
        assert_eq!(acts(&rig).await, []);
    })
    .await;
}

#[tokio::test]
async fn a_bot_has_so_many_keys_and_not_one_more() {
    here(async {
        let rig = Rig::with(|options| options.limits.keys_per_bot = 3).await;
        let lease = rig.lease("a").await;
        let set = |key: &str| StateOp::Set { scope: StateScope::Bot, key: key.into(), value: json("1") };
        let commit = |seq, keys: &[&str]| {
            rig.store.commit_turn(TurnCommit { state: keys.iter().map(|key| set(key)).collect(), ..turn(&lease, seq) })
        };
        let (one, two) = (rig.claimed(&lease, "m1").await, rig.claimed(&lease, "m2").await);
        let both = tokio::join!(commit(one, &["a", "b"]), commit(two, &["c", "d"]));
        assert_eq!(both.0.unwrap(), TurnAnswer::Committed);
        let why = refusal(both.1);
        assert!(why.contains("bot `a` has 2 keys already, and may have 3"), "{why}");
        assert_eq!(commit(two, &["a", "c"]).await.unwrap(), TurnAnswer::Committed);
        let three = rig.claimed(&lease, "m3").await;
        assert!(refusal(commit(three, &["d"]).await).contains("has 3 keys"));
        assert_eq!(commit(three, &["a", "b", "c"]).await.unwrap(), TurnAnswer::Committed, "those that are there");
        let by_hand = edit(&lease.bot, vec![change("bot", "a", Some("2")), change("bot", "d", Some("2"))]);
        assert!(refusal(rig.store.edit_state(by_hand).await).contains("has 3 keys"));
        let other = rig.bot("b").await;
        rig.store.edit_state(edit(&other, vec![change("bot", "d", Some("2"))])).await.expect("each bot for itself");
    })
    .await;
}

#[tokio::test]
async fn keys_are_counted_as_they_come_and_go() {
    here(async {
        let rig = Rig::new().await;
        let bot = rig.bot("a").await;
        let changes = (0..5).map(|n| change("bot", &format!("k{n}"), Some("1"))).collect();
        rig.store.edit_state(edit(&bot, changes)).await.unwrap();
        let mut conn = engine::connect(&rig.dir.path().join(engine::FILE), engine::Role::Reader).await.unwrap();
        let count =
            "SELECT (SELECT keys FROM state_keys WHERE bot = 'a'), (SELECT count(*) FROM state WHERE bot = 'a')";
        let counted: (i64, i64) = sqlx::query_as(count).fetch_one(&mut conn).await.unwrap();
        assert_eq!(counted, (5, 5));
        rig.store
            .edit_state(edit(&bot, vec![change("bot", "k0", Some("2")), change("bot", "k1", None)]))
            .await
            .unwrap();
        tokio::time::pause();
        tokio::time::advance(Duration::from_hours(2)).await;
        tokio::time::resume();
        let before = Millis(0);
        let keep = crate::store::Retention {
            now: rig.clock.now(),
            content_before: before,
            dead_content_before: before,
            rows_before: before,
            keys_before: before,
            audit_before: before,
        };
        rig.store.prune(keep).await.unwrap();
        let counted: (i64, i64) = sqlx::query_as(count).fetch_one(&mut conn).await.unwrap();
        assert_eq!(counted, (4, 4));
    })
    .await;
}

#[tokio::test]
async fn a_dialogue_is_listed_and_ended_with_its_timer_and_a_turn_that_read_it_steps_again() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let open = |room: &str, read| DialogueChange {
            room: room.into(),
            person: "P".into(),
            read: Version(read),
            value: Some((json(r#"{"flow":"booking"}"#), Millis(i64::MAX))),
        };
        for room in ["R1", "R2"] {
            let seq = rig.claimed(&lease, room).await;
            let name = dialogue_timer(room, "P");
            let timer = NewTimer { name, due_at: Millis(i64::MAX), order_key: "k".into(), payload: vec![1] };
            let commit = TurnCommit { dialogue: Some(open(room, 0)), timers: vec![timer], ..turn(&lease, seq) };
            assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
        }
        let query = DialogueQuery { bot: lease.bot.clone(), after: None, limit: 1 };
        let page = rig.store.list_dialogues(query.clone()).await.unwrap();
        assert_eq!((page.dialogues[0].room.as_str(), page.next.clone()), ("R1", Some(("R1".into(), "P".into()))));
        let rest = rig.store.list_dialogues(DialogueQuery { after: page.next, ..query.clone() }).await.unwrap();
        assert_eq!((rest.dialogues[0].room.as_str(), rest.next), ("R2", None));
        assert_eq!(rest.dialogues[0].id, dialogue_mark("R2", "P"));

        let by = By::admin(None);
        let end = EndDialogue { bot: lease.bot.clone(), room: "R1".into(), person: "P".into(), by };
        assert!(rig.store.end_dialogue(end.clone()).await.unwrap());
        assert!(!rig.store.end_dialogue(end).await.unwrap(), "it is over");
        let left = rig.store.list_dialogues(query).await.unwrap();
        assert_eq!(left.dialogues.iter().map(|open| open.room.as_str()).collect::<Vec<_>>(), ["R2"]);
        let mut conn = engine::connect(&rig.dir.path().join(engine::FILE), engine::Role::Reader).await.unwrap();
        let timers: Vec<String> = sqlx::query_scalar("SELECT name FROM timers").fetch_all(&mut conn).await.unwrap();
        assert_eq!(timers, [dialogue_timer("R2", "P")]);
        assert_eq!(acts(&rig).await, [("dialogue_end".to_owned(), dialogue_mark("R1", "P"), 1)]);

        let seq = rig.claimed(&lease, "answer").await;
        let answer = |read| TurnCommit { dialogue: Some(open("R1", read)), ..turn(&lease, seq) };
        assert_eq!(rig.store.commit_turn(answer(1)).await.unwrap(), TurnAnswer::Conflict, "it was ended meanwhile");
        assert_eq!(rig.store.commit_turn(answer(0)).await.unwrap(), TurnAnswer::Committed, "another begins");
    })
    .await;
}
