//! A person is forgotten everywhere, step by step, counted, and once asked for on record, though not by name.

use super::*;
use crate::{
    base::{Change, Event, StateOp, StateScope, Trigger},
    store::{
        ActKind, AuditQuery, By, DialogueChange, EventQuery, EventState, ForgetAt, ForgetStep, Forgotten, NewTimer,
    },
};

fn said(bot: &BotId, n: usize, person: &str, email: &str) -> NewEvent {
    let trigger = Trigger::Message {
        change: Change::Created,
        id: format!("MSG{n}"),
        room: "ROOM".into(),
        room_type: None,
        person: person.into(),
        email: (!email.is_empty()).then(|| email.into()),
        parent: None,
    };
    let payload = Event { at: Millis(1), actor: None, trigger }.encode();
    NewEvent { payload, ..event(bot, &format!("m{n}"), &format!("k{n}")) }
}

impl Rig {
    async fn hears(&self, event: NewEvent) -> Seq {
        match self.store.accept(event).await.unwrap() {
            Accepted::New(seq) => seq,
            Accepted::Duplicate => panic!("seen before"),
        }
    }

    /// Goes through all steps, as a caller does.
    async fn forget(&self, name: &str, dry_run: bool) -> Forgotten {
        let mut all = Forgotten { names: vec![name.into()], next: Some(ForgetAt::default()), ..Forgotten::default() };
        while let Some(at) = all.next.take() {
            let step = ForgetStep { names: all.names.clone(), at, dry_run };
            all.add(self.store.forget_person(step, By::admin(Some("eve"))).await.unwrap());
        }
        all
    }
}

/// One bot that knows Bob in every way, and Alice in some.
async fn acquainted() -> (Rig, Lease) {
    let rig = Rig::new().await;
    let lease = rig.lease("a").await;
    let talk = rig.hears(said(&lease.bot, 1, "BOBSID", "bob@example.com")).await;
    rig.store.claim(lease.clone(), vec![talk]).await.unwrap();
    let own = StateScope::Person("BOBSID".into());
    let state = vec![
        StateOp::Set { scope: own, key: "likes".into(), value: json("\"tea\"") },
        StateOp::Set { scope: StateScope::Bot, key: "on duty".into(), value: json("[\"bob@example.com\"]") },
        StateOp::Set { scope: StateScope::Person("ALICE".into()), key: "likes".into(), value: json("1") },
    ];
    let dialogue = DialogueChange {
        room: "ROOM".into(),
        person: "BOBSID".into(),
        read: crate::base::Version(0),
        value: Some((json("{}"), Millis(i64::MAX))),
    };
    let timers = vec![NewTimer {
        name: "remind".into(),
        due_at: Millis(1),
        order_key: "k".into(),
        payload: said(&lease.bot, 9, "BOBSID", "").payload,
    }];
    let mut to_room = delivery("room");
    to_room.payload = br#"{"text":"hello"}"#.to_vec();
    let commit =
        TurnCommit { state, dialogue: Some(dialogue), timers, deliveries: vec![to_room], ..turn(&lease, talk) };
    assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
    // Bob again, by his id alone; Alice, who names him in what is sent to her; Alice alone.
    rig.hears(said(&lease.bot, 2, "BOBSID", "")).await;
    let alice = rig.hears(said(&lease.bot, 3, "ALICE", "alice@example.com")).await;
    rig.store.claim(lease.clone(), vec![alice]).await.unwrap();
    let mut names_him = delivery("alice");
    names_him.payload = br#"{"text":"ask bob@example.com, not jimbob@example.com"}"#.to_vec();
    let commit = TurnCommit { deliveries: vec![names_him, delivery("alice")], ..turn(&lease, alice) };
    rig.store.commit_turn(commit).await.unwrap();
    rig.hears(said(&lease.bot, 4, "JIMBOB", "jimbob@example.com")).await;
    (rig, lease)
}

#[tokio::test]
async fn a_person_is_forgotten_under_every_name_and_nobody_else_is() {
    here(async {
        let (rig, lease) = acquainted().await;
        let counted = rig.forget("Bob@Example.com", true).await;
        let expected = Forgotten {
            names: vec!["Bob@Example.com".into(), "BOBSID".into()],
            events: 2,
            deliveries: 2,
            state: 1,
            dialogues: 1,
            timers: 1,
            left: 1,
            ..Forgotten::default()
        };
        assert_eq!(counted, expected);
        let done = rig.forget("Bob@Example.com", false).await;
        assert_eq!(done, Forgotten { finished: 1, ..expected.clone() });

        let path = rig.dir.path().join("botyard.db");
        let mut conn = super::super::engine::connect(&path, super::super::engine::Role::Reader).await.unwrap();
        for text in [
            "SELECT count(*) FROM inbox WHERE CAST(payload AS TEXT) LIKE '%BOBSID%'",
            "SELECT count(*) FROM outbox WHERE CAST(payload AS TEXT) LIKE '%\"ask bob@%'",
            "SELECT count(*) FROM state WHERE scope LIKE '%BOBSID%'",
            "SELECT count(*) FROM dialogues WHERE person = 'BOBSID'",
            "SELECT count(*) FROM timers",
            "SELECT count(*) FROM audit WHERE subject LIKE '%bob%' OR note LIKE '%bob%'",
        ] {
            let left: i64 = sqlx::query_scalar(text).fetch_one(&mut conn).await.unwrap();
            assert_eq!(left, 0, "{text}");
        }
        let due = rig.due(&lease).await;
        assert_eq!(due.len(), 1, "the one of Jimbob waits on, and Bob's is over");
        assert_eq!(rig.due_deliveries(&lease).await.len(), 1, "what Alice is told besides");
        let backlog = rig.store.backlog().await.unwrap().remove(0);
        assert_eq!((backlog.events, backlog.deliveries), (1, 1));
        let list = EventQuery { bot: None, state: Some(EventState::Finished), limit: 9 };
        let over = rig.store.events(list).await.unwrap();
        assert!(over.iter().any(|event| event.reason.as_deref() == Some("the person was forgotten")));

        let acts = rig
            .store
            .audit(AuditQuery { kind: Some(ActKind::Forget), limit: 50, ..AuditQuery::default() })
            .await
            .unwrap();
        assert_eq!(acts.iter().map(|act| act.rows).sum::<u64>(), done.rows());
        let asked = acts.last().unwrap();
        assert_eq!((asked.rows, asked.who.as_str()), (0, "admin:eve"));
        assert_eq!(asked.subject, Digest::of([b"bob@example.com".as_slice()]).mark());

        let again = rig.forget("bobsid", false).await;
        assert_eq!((again.rows(), again.left), (0, 0), "by his id alone the address is not known any more");
    })
    .await;
}

#[tokio::test]
async fn what_is_in_a_turn_or_on_its_way_goes_when_that_is_over() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let talk = rig.hears(said(&lease.bot, 1, "BOBSID", "")).await;
        rig.store.claim(lease.clone(), vec![talk]).await.unwrap();
        let done = rig.forget("BOBSID", false).await;
        assert_eq!((done.events, done.finished, done.later), (0, 0, 1));
        rig.bell.take();
        let commit = TurnCommit { deliveries: vec![delivery("room")], ..turn(&lease, talk) };
        assert_eq!(rig.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
        let sent = rig.bell.take()[0].deliveries[0].seq;
        rig.store.mark(lease.clone(), vec![sent]).await.unwrap();
        let never = super::house::before(Millis(0));
        assert_eq!(rig.store.erase(never).await.unwrap().rows, 1, "the event");
        assert_eq!(rig.store.erase(never).await.unwrap().rows, 0, "its answer is on the way");
        let result = crate::store::DeliveryResult {
            seq: sent,
            epoch: lease.epoch,
            attempt: 1,
            outcome: crate::store::DeliveryOutcome::Sent { remote_id: None },
            doubtful: false,
            tracking_id: None,
            sent: Vec::new(),
            failure: None,
        };
        assert!(rig.store.record(result).await.unwrap());
        assert_eq!(rig.store.erase(never).await.unwrap().rows, 1);
    })
    .await;
}

#[tokio::test]
async fn a_name_that_is_none_is_refused_and_nothing_is_written() {
    here(async {
        let rig = Rig::new().await;
        rig.bot("a").await;
        for names in [vec![], vec!["x".to_owned()], vec!["a b".to_owned()]] {
            let step = ForgetStep { names, at: ForgetAt::default(), dry_run: false };
            assert!(matches!(
                rig.store.forget_person(step, By::admin(None)).await,
                Err(crate::store::StoreError::Refused(_))
            ));
        }
        let query = AuditQuery { kind: Some(ActKind::Forget), limit: 9, ..AuditQuery::default() };
        assert!(rig.store.audit(query).await.unwrap().is_empty());
    })
    .await;
}
