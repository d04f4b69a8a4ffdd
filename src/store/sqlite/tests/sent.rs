//! What is kept of sent messages: with the outcome of their delivery, found by id and by key, and gone when it is to go.

use super::*;
use crate::store::{
    By, Cause, DeletedMessage, DeliveryOutcome, DeliveryResult, EventQuery, FailureEvent, ForgetAt, ForgetStep,
    Retention, SentAnswer, SentChange, SentLook, SentQuery, SentRow,
};

/// A message as it is kept.
fn row(id: &str, to: &str, key: Option<&str>) -> SentRow {
    SentRow {
        remote_id: id.into(),
        delivery: EventId::new(),
        order_key: to.into(),
        room: Some(format!("room of {to}")),
        person: None,
        key: key.map(str::to_owned),
        context: json(r#"{"ticket":7}"#),
        parent: None,
        rule: "command \"ping\"".into(),
        edits: 0,
        until: Millis(i64::MAX),
    }
}

fn sent_as(id: &str) -> DeliveryOutcome {
    DeliveryOutcome::Sent { remote_id: Some(id.into()) }
}

impl Rig {
    /// Marks and records one delivery, with what it changes.
    async fn lands(&self, lease: &Lease, seq: Seq, outcome: DeliveryOutcome, sent: Vec<SentChange>) {
        let mark = self.store.mark(lease.clone(), vec![seq]).await.unwrap()[0];
        let result = DeliveryResult { sent, ..DeliveryResult::new(seq, lease.epoch, mark.attempt, outcome) };
        assert!(self.store.record(result).await.unwrap());
    }

    async fn keeps(&self, lease: &Lease, key: &str, row: SentRow) {
        let seq = self.promised(lease, key, &[&row.order_key]).await[0];
        let outcome = sent_as(&row.remote_id);
        self.lands(lease, seq, outcome, vec![SentChange::Keep(Box::new(row))]).await;
    }

    async fn look(&self, lease: &Lease, query: SentQuery) -> SentAnswer {
        let look = SentLook { bot: lease.bot.clone(), query, now: self.clock.now() };
        self.store.sent(look).await.unwrap()
    }

    async fn by_id(&self, lease: &Lease, id: &str) -> SentAnswer {
        self.look(lease, SentQuery::Id(id.into())).await
    }

    /// The id of what a key names.
    async fn named(&self, lease: &Lease, key: &str, to: &str, room: Option<&str>) -> Option<String> {
        let query = SentQuery::Key { key: key.into(), order_key: to.into(), room: room.map(str::to_owned) };
        match self.look(lease, query).await {
            SentAnswer::Known(row) => Some(row.remote_id),
            _ => None,
        }
    }
}

#[tokio::test]
async fn a_message_is_known_by_its_id_and_the_newest_by_its_key() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let other = rig.lease("b").await;
        let first = row("M1", "x", Some("build 7"));
        rig.keeps(&lease, "m1", first.clone()).await;
        assert_eq!(rig.by_id(&lease, "M1").await, SentAnswer::Known(Box::new(first.clone())));
        assert_eq!(rig.by_id(&other, "M1").await, SentAnswer::Unknown, "what one bot sent is nobody else's");
        assert_eq!(rig.named(&lease, "build 7", "x", None).await.as_deref(), Some("M1"));
        assert_eq!(rig.named(&lease, "build 7", "y", Some("room of x")).await.as_deref(), Some("M1"));
        assert_eq!(rig.named(&lease, "build 7", "y", None).await, None, "a key is one of a destination");
        rig.keeps(&lease, "m2", row("M2", "x", Some("build 7"))).await;
        assert_eq!(rig.named(&lease, "build 7", "x", None).await.as_deref(), Some("M2"));
        assert!(matches!(rig.by_id(&lease, "M1").await, SentAnswer::Known(_)), "its card may still be pressed");
        let rig = rig.reopened().await;
        assert_eq!(rig.named(&lease, "build 7", "x", None).await.as_deref(), Some("M2"));
    })
    .await;
}

#[tokio::test]
async fn what_a_try_changes_is_there_with_its_outcome_or_not_at_all() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        rig.keeps(&lease, "m1", row("M1", "x", Some("k"))).await;
        let seq = rig.promised(&lease, "m2", &["x"]).await[0];
        let mark = rig.store.mark(lease.clone(), vec![seq]).await.unwrap()[0];
        let keep = vec![SentChange::Keep(Box::new(row("M2", "x", Some("k"))))];
        let result =
            DeliveryResult { sent: keep, ..DeliveryResult::new(seq, lease.epoch, mark.attempt, sent_as("M2")) };
        let stale = DeliveryResult { attempt: 9, ..result.clone() };
        assert!(!rig.store.record(stale).await.unwrap());
        assert_eq!(rig.by_id(&lease, "M2").await, SentAnswer::NotYet, "it is on its way, and may be that one");
        assert!(rig.store.record(result).await.unwrap());
        assert!(matches!(rig.by_id(&lease, "M2").await, SentAnswer::Known(_)));
        assert_eq!(rig.by_id(&lease, "M3").await, SentAnswer::Unknown);
        // One that found its message gone and is tried again has said so.
        let seq = rig.promised(&lease, "m3", &["x"]).await[0];
        let again = DeliveryOutcome::Retry { at: Millis(0), reason: "429".into(), counts: false };
        rig.lands(&lease, seq, again, vec![SentChange::Gone("M2".into())]).await;
        assert_eq!(rig.named(&lease, "k", "x", None).await, None);
    })
    .await;
}

#[tokio::test]
async fn of_those_of_one_key_that_wait_only_the_newest_is_sent() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let keyed = |to: &str, key: &str| NewDelivery { takes_place: Some(key.into()), ..delivery(to) };
        let promise = async |event: &str, deliveries: Vec<NewDelivery>| {
            let seq = rig.claimed(&lease, event).await;
            rig.bell.take();
            rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) }).await.unwrap();
            rig.bell.take().into_iter().flat_map(|wake| wake.deliveries).map(|row| row.seq).collect::<Vec<_>>()
        };
        let first = promise("m1", vec![keyed("x", "k"), keyed("x", "other"), keyed("y", "k"), delivery("x")]).await;
        assert_eq!(first.len(), 4);
        // One is on its way already: it is not recalled.
        rig.store.mark(lease.clone(), vec![first[0]]).await.unwrap();
        let second = promise("m2", vec![keyed("x", "k")]).await;
        let third = promise("m3", vec![keyed("x", "k"), keyed("x", "other")]).await;
        assert_eq!((second.len(), third.len()), (1, 2));
        let pending = rig.store.backlog().await.unwrap();
        assert_eq!(pending[0].deliveries, 5, "of seven, one of each key of a room was overtaken");
        let mut sent = Vec::new();
        rig.lands_marked(&lease, first[0]).await;
        while let Some(row) = rig.due_deliveries(&lease).await.first() {
            sent.push(row.seq);
            rig.lands(&lease, row.seq, sent_as("M"), Vec::new()).await;
        }
        assert_eq!(sent, [first[2], first[3], third[0], third[1]]);
        // One turn that says two things under one key says the second.
        let both = promise("m4", vec![keyed("z", "k"), keyed("z", "k")]).await;
        assert_eq!(both.len(), 1);
        assert_eq!(rig.due_deliveries(&lease).await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_try_that_is_to_be_repeated_gives_way_to_a_newer_message_of_the_same_batch() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let keyed = || NewDelivery { takes_place: Some("k".into()), ..delivery("x") };
        let (one, two) = (rig.claimed(&lease, "m1").await, rig.claimed(&lease, "m2").await);
        rig.store.commit_turn(TurnCommit { deliveries: vec![keyed()], ..turn(&lease, one) }).await.unwrap();
        let old = rig.due_deliveries(&lease).await[0].seq;
        let mark = rig.store.mark(lease.clone(), vec![old]).await.unwrap()[0];
        let later = DeliveryOutcome::Retry { at: Millis(0), reason: "busy".into(), counts: true };
        let (recorded, ended) = tokio::join!(
            rig.store.record(DeliveryResult::new(old, lease.epoch, mark.attempt, later)),
            rig.store.commit_turn(TurnCommit { deliveries: vec![keyed()], ..turn(&lease, two) }),
        );
        assert_eq!((recorded.unwrap(), ended.unwrap()), (true, TurnAnswer::Committed));
        let due = rig.due_deliveries(&lease).await;
        assert_eq!(due.iter().map(|row| row.seq).collect::<Vec<_>>(), [Seq(old.0 + 1)], "the newest says it all");
        assert_eq!(rig.store.backlog().await.unwrap()[0].deliveries, 1);
    })
    .await;
}

impl Rig {
    /// Records a delivery that was marked once.
    async fn lands_marked(&self, lease: &Lease, seq: Seq) {
        assert!(self.store.record(DeliveryResult::new(seq, lease.epoch, 1, sent_as("M"))).await.unwrap());
    }
}

#[tokio::test]
async fn a_program_that_wants_to_hears_of_a_delivery_given_up_in_the_same_commit() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let failed = async |key: &str, wanted: u32| {
            let seq = rig.promised(&lease, key, &["x"]).await[0];
            let mark = rig.store.mark(lease.clone(), vec![seq]).await.unwrap()[0];
            let event = NewEvent { kind: "deliveries.failed", ..event(&lease.bot, &format!("failed {key}"), "x") };
            let outcome = DeliveryOutcome::Failed { reason: Cause::Refused.because("no") };
            let result = DeliveryResult::new(seq, lease.epoch, mark.attempt, outcome);
            let failure = Some(Box::new(FailureEvent { wanted, event }));
            rig.bell.take();
            assert!(rig.store.record(DeliveryResult { failure, ..result }).await.unwrap());
            rig.bell.take().into_iter().flat_map(|wake| wake.events).map(|row| row.seq).collect::<Vec<_>>()
        };
        assert!(failed("m1", 0b010).await.is_empty(), "nobody asked for it");
        let told = failed("m2", 0b100).await;
        assert_eq!(told.len(), 1);
        assert_eq!(rig.store.claim(lease.clone(), told).await.unwrap().len(), 1);
        let all = rig.store.events(EventQuery { bot: None, state: None, limit: 1 }).await.unwrap();
        assert_eq!(all[0].kind, "deliveries.failed");
        assert_eq!(rig.store.backlog().await.unwrap()[0].events, 1);
    })
    .await;
}

fn keep(now: i64) -> Retention {
    let never = Millis(0);
    Retention {
        now: Millis(now),
        content_before: Millis(i64::MAX),
        dead_content_before: Millis(i64::MAX),
        rows_before: never,
        keys_before: never,
        audit_before: never,
    }
}

#[tokio::test]
async fn it_is_known_for_its_time_and_with_its_bot() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let now = rig.clock.now();
        let until = now.plus(Duration::from_hours(1));
        rig.keeps(&lease, "m1", SentRow { until, ..row("M1", "x", Some("k")) }).await;
        rig.keeps(&lease, "m2", row("M2", "x", None)).await;
        rig.store.erase(keep(now.0)).await.unwrap();
        assert!(
            matches!(rig.by_id(&lease, "M1").await, SentAnswer::Known(row) if !row.context.is_null()),
            "memory is no content"
        );
        tokio::time::pause();
        tokio::time::advance(Duration::from_hours(2)).await;
        assert_eq!(rig.by_id(&lease, "M1").await, SentAnswer::Unknown);
        assert_eq!(rig.named(&lease, "k", "x", None).await, None);
        tokio::time::resume();
        assert_eq!(rig.store.prune(keep(until.0)).await.unwrap().rows, 1);
        rig.store.retire(lease.bot.clone(), now).await.unwrap();
        rig.store.forget(lease.bot.clone()).await.unwrap();
        assert_eq!(rig.by_id(&lease, "M2").await, SentAnswer::Unknown);
    })
    .await;
}

#[tokio::test]
async fn what_a_deleted_message_was_answered_with_loses_its_context() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        let promised = NewDelivery { ..delivery("x") };
        let (delivery, deliveries) = (promised.id, vec![promised]);
        rig.bell.take();
        rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) }).await.unwrap();
        let seq = rig.bell.take()[0].deliveries[0].seq;
        let kept = SentRow { delivery, ..row("M1", "x", Some("k")) };
        rig.lands(&lease, seq, sent_as("M1"), vec![SentChange::Keep(Box::new(kept))]).await;
        rig.keeps(&lease, "m2", row("M2", "x", None)).await;
        let deleted =
            DeletedMessage { bot: lease.bot.clone(), key: "m1".into(), seen_until: Millis(i64::MAX), handled: false };
        rig.store.obey_deletion(deleted).await.unwrap();
        let SentAnswer::Known(row) = rig.by_id(&lease, "M1").await else { panic!("it can still be changed") };
        assert_eq!((row.context, row.key), (Value::Null, None));
        assert_eq!(rig.named(&lease, "k", "x", None).await.as_deref(), Some("M1"), "by a mark that tells nothing");
        assert!(matches!(rig.by_id(&lease, "M2").await, SentAnswer::Known(row) if !row.context.is_null()));
    })
    .await;
}

#[tokio::test]
async fn a_person_who_is_forgotten_is_named_by_no_key_and_no_context() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let named = SentRow { context: json(r#"{"for":"bob@example.com"}"#), ..row("M1", "x", None) };
        let direct = SentRow { person: Some("bob@example.com".into()), ..row("M2", "y", None) };
        let by_key = row("M3", "z", Some("leave of bob@example.com"));
        for (number, row) in [named, direct, by_key, row("M4", "x", Some("k"))].into_iter().enumerate() {
            rig.keeps(&lease, &format!("m{number}"), row).await;
        }
        let step = |dry_run| ForgetStep { names: vec!["Bob@Example.com".into()], at: ForgetAt::Sent(0), dry_run };
        assert_eq!(rig.store.forget_person(step(true), By::house("test")).await.unwrap().sent, 3);
        assert_eq!(rig.store.forget_person(step(false), By::house("test")).await.unwrap().sent, 3);
        for (id, known) in [("M1", false), ("M2", false), ("M3", false), ("M4", true)] {
            assert_eq!(matches!(rig.by_id(&lease, id).await, SentAnswer::Known(_)), known, "{id}");
        }
    })
    .await;
}
