//! Content goes when its time is over, in the commit that ends it if it is not to be kept, or when its message was
//! deleted; and never of what is pending.

use super::{
    calls::{answer, call, calls, over, promise, record},
    *,
};
use crate::store::{
    Cause, DeletedMessage, DeliveryOutcome, DeliveryResult, EraseAtEnd, Erased, EventDetail, EventQuery, EventState,
    Obeyed, Retention,
};

const NEVER: Retention = Retention {
    now: Millis(0),
    content_before: Millis(0),
    dead_content_before: Millis(0),
    rows_before: Millis(0),
    keys_before: Millis(0),
    audit_before: Millis(0),
};

impl Rig {
    /// The only event of a bot that has this state.
    async fn only(&self, state: EventState) -> EventDetail {
        let listed = self.store.events(EventQuery { bot: None, state: Some(state), limit: 9 }).await.unwrap();
        assert_eq!(listed.len(), 1, "{listed:?}");
        self.store.event(listed[0].id).await.unwrap().unwrap()
    }

    /// What is stored of events and deliveries, by number: payloads.
    async fn payloads(&self) -> (Vec<String>, Vec<String>) {
        let path = self.dir.path().join("botyard.db");
        let mut conn = super::super::engine::connect(&path, super::super::engine::Role::Reader).await.unwrap();
        let mut read =
            async |text: &'static str| -> Vec<String> { sqlx::query_scalar(text).fetch_all(&mut conn).await.unwrap() };
        let events = read("SELECT CAST(payload AS TEXT) FROM inbox ORDER BY seq").await;
        (events, read("SELECT CAST(payload AS TEXT) FROM outbox ORDER BY seq").await)
    }

    async fn sent(&self, lease: &Lease, seq: Seq, outcome: DeliveryOutcome) {
        let mark = self.store.mark(lease.clone(), vec![seq]).await.unwrap()[0];
        let result = DeliveryResult {
            seq,
            epoch: lease.epoch,
            attempt: mark.attempt,
            outcome,
            doubtful: false,
            tracking_id: Some("T".into()),
            sent: Vec::new(),
            failure: None,
            then: Vec::new(),
        };
        assert!(self.store.record(result).await.unwrap());
    }

    async fn dead(&self, lease: &Lease, key: &str) -> Seq {
        let seq = self.claimed(lease, key).await;
        let outcome = TurnOutcome::Buried { reason: Cause::Failed.because("bob said so") };
        self.store.commit_turn(TurnCommit { outcome, ..turn(lease, seq) }).await.unwrap();
        seq
    }

    fn deleted(&self, bot: &BotId, key: &str, handled: bool) -> DeletedMessage {
        let seen_until = self.clock.now().plus(Duration::from_hours(24));
        DeletedMessage { bot: bot.clone(), key: key.into(), seen_until, handled }
    }
}

const SENT: DeliveryOutcome = DeliveryOutcome::Sent { remote_id: None };

fn failed() -> DeliveryOutcome {
    DeliveryOutcome::Failed { reason: Cause::Refused.because("Webex does not know bob@example.com") }
}

#[tokio::test]
async fn content_goes_when_its_time_is_over_and_what_is_pending_stays() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let sent = rig.promised(&lease, "m1", &["x", "y", "z"]).await;
        rig.sent(&lease, sent[0], SENT).await;
        rig.sent(&lease, sent[1], failed()).await;
        rig.dead(&lease, "m2").await;
        rig.accept(&lease.bot, "m3", "k").await;
        let over = rig.clock.now().plus(Duration::from_secs(1));

        assert_eq!(rig.store.erase(NEVER).await.unwrap(), Erased { rows: 0, more: false });
        let keep = Retention { content_before: over, ..NEVER };
        assert_eq!(rig.store.erase(keep).await.unwrap(), Erased { rows: 2, more: false });
        let (events, deliveries) = rig.payloads().await;
        assert_eq!(events, ["", "payload of m2", "payload of m3"]);
        assert_eq!(deliveries, ["", "to y", "to z"]);
        let keep = Retention { dead_content_before: over, ..keep };
        assert_eq!(rig.store.erase(keep).await.unwrap().rows, 2, "the dead letters");
        assert_eq!(rig.store.erase(keep).await.unwrap().rows, 0, "once");
        let (events, deliveries) = rig.payloads().await;
        assert_eq!(events, ["", "", "payload of m3"]);
        assert_eq!(deliveries, ["", "", "to z"]);

        let dead = rig.only(EventState::Buried).await;
        assert!(dead.erased_at.is_some() && dead.summary.reason.is_none() && dead.record.is_some());
        let told = rig.only(EventState::Finished).await.deliveries;
        assert_eq!(told.iter().map(|told| told.erased_at.is_some()).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!((told[1].reason.as_ref(), told[1].tracking_id.as_deref()), (None, Some("T")));
        assert!(rig.only(EventState::Waiting).await.erased_at.is_none());
    })
    .await;
}

#[tokio::test]
async fn what_is_not_to_be_kept_goes_in_the_commit_that_ends_it() {
    here(async {
        let rig = Rig::with(|options| options.erase = EraseAtEnd { content: true, dead_content: false }).await;
        let lease = rig.lease("a").await;
        let sent = rig.promised(&lease, "m1", &["x", "y"]).await;
        rig.dead(&lease, "m2").await;
        let retried = rig.claimed(&lease, "m3").await;
        let outcome = TurnOutcome::Retry { at: Millis(1), reason: "later".into() };
        rig.store.commit_turn(TurnCommit { outcome, ..turn(&lease, retried) }).await.unwrap();
        let (events, deliveries) = rig.payloads().await;
        assert_eq!(events, ["", "payload of m2", "payload of m3"]);
        assert_eq!(deliveries, ["to x", "to y"], "they are not sent yet");
        rig.sent(&lease, sent[0], SENT).await;
        rig.sent(&lease, sent[1], failed()).await;
        assert_eq!(rig.payloads().await.1, ["", "to y"]);
        assert!(rig.only(EventState::Finished).await.erased_at.is_some());

        let rig = Rig::with(|options| options.erase = EraseAtEnd { content: false, dead_content: true }).await;
        let lease = rig.lease("a").await;
        let sent = rig.promised(&lease, "m1", &["x", "y"]).await;
        rig.sent(&lease, sent[0], SENT).await;
        rig.sent(&lease, sent[1], failed()).await;
        rig.dead(&lease, "m2").await;
        let (events, deliveries) = rig.payloads().await;
        assert_eq!((events[0].as_str(), events[1].as_str()), ("payload of m1", ""));
        assert_eq!(deliveries, ["to x", ""]);
    })
    .await;
}

#[tokio::test]
async fn a_turn_in_conflict_keeps_its_event_whole_though_nothing_is_to_be_kept() {
    here(async {
        let rig = Rig::with(|options| options.erase = EraseAtEnd { content: true, dead_content: true }).await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        let reads = vec![(crate::base::StateScope::Bot, "k".to_owned(), crate::base::Version(7))];
        let answer = rig.store.commit_turn(TurnCommit { reads, ..turn(&lease, seq) }).await.unwrap();
        assert_eq!(answer, TurnAnswer::Conflict);
        assert_eq!(rig.payloads().await.0, ["payload of m1"]);
    })
    .await;
}

#[tokio::test]
async fn erasing_is_done_in_steps_and_begins_again_when_the_clock_was_set_back() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        for n in 0..600 {
            let seq = rig.claimed(&lease, &format!("m{n}")).await;
            rig.store.commit_turn(turn(&lease, seq)).await.unwrap();
        }
        let now = rig.clock.now();
        let keep = Retention { content_before: now.plus(Duration::from_secs(1)), ..NEVER };
        let steps = [250, 250, 100].map(|rows| Erased { rows, more: rows == 250 });
        for step in steps {
            assert_eq!(rig.store.erase(keep).await.unwrap(), step);
        }
        // As if the events had ended long after the moment that is now.
        let path = rig.dir.path().join("botyard.db");
        let mut conn = super::super::engine::connect(&path, super::super::engine::Role::Writer).await.unwrap();
        sqlx::query("UPDATE erased_to SET finished_at = $1").bind(i64::MAX).execute(&mut conn).await.unwrap();
        drop(conn);
        let seq = rig.claimed(&lease, "late").await;
        rig.store.commit_turn(turn(&lease, seq)).await.unwrap();
        let mut rows = 0;
        loop {
            let erased = rig.store.erase(keep).await.unwrap();
            rows += erased.rows;
            if !erased.more {
                break;
            }
        }
        assert_eq!(rows, 1);
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_takes_its_event_and_what_answered_it_along() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let sent = rig.promised(&lease, "m1", &["x", "y"]).await;
        rig.sent(&lease, sent[0], SENT).await;
        rig.promised(&lease, "m2", &["x"]).await;
        let deleted = rig.deleted(&lease.bot, "m1", false);
        let obeyed = rig.store.obey_deletion(deleted.clone()).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 2, finished: false, later: true });
        let (events, deliveries) = rig.payloads().await;
        assert_eq!(events, ["", "payload of m2"]);
        assert_eq!(deliveries, ["", "to y", "to x"]);
        // The other answer was still on its way: it is erased when it has been sent.
        assert_eq!(rig.store.erase(NEVER).await.unwrap().rows, 0);
        rig.sent(&lease, sent[1], SENT).await;
        assert_eq!(rig.store.erase(NEVER).await.unwrap().rows, 1);
        assert_eq!(rig.payloads().await.1, ["", "", "to x"]);
        let obeyed = rig.store.obey_deletion(deleted).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 0, finished: false, later: false }, "told twice");
        let dead = rig.dead(&lease, "m3").await;
        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m3", false)).await.unwrap();
        assert!(matches!(obeyed, Obeyed::Erased { rows: 1, .. }), "a dead letter too: {dead:?} {obeyed:?}");
    })
    .await;
}

#[tokio::test]
async fn a_deleted_message_takes_along_what_handlers_answered_about_it() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("echo").await;
        // The call of `m1` was answered by `a1`, whose own call by `a2`.
        promise(&rig, &lease, "m1", vec![call("k")]).await;
        for (key, deliveries) in [("a1", vec![call("k")]), ("a2", vec![])] {
            let asked = calls(&rig, &lease).await.remove(0);
            let then = vec![NewEvent { answers: Some(asked.id), ..answer(key) }];
            assert!(record(&rig, &lease, asked.seq, over(), then).await);
            let seq = rig.due(&lease).await[0].seq;
            rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
            rig.store.commit_turn(TurnCommit { deliveries, ..turn(&lease, seq) }).await.unwrap();
        }
        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m1", false)).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 5, finished: false, later: false });
        assert_eq!(rig.payloads().await, (vec![String::new(); 3], vec![String::new(); 2]));

        // The call is on its way when the message goes: its answer is worked off, then erased.
        promise(&rig, &lease, "m2", vec![call("k")]).await;
        let asked = calls(&rig, &lease).await.remove(0);
        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m2", false)).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 1, finished: false, later: true });
        let then = vec![NewEvent { answers: Some(asked.id), ..answer("a3") }];
        assert!(record(&rig, &lease, asked.seq, over(), then).await);
        assert_eq!(rig.store.erase(NEVER).await.unwrap().rows, 1, "the call");
        assert_eq!(rig.payloads().await.0[4], "payload of a3", "it waits for its turn");
        let seq = rig.due(&lease).await[0].seq;
        rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
        rig.store.commit_turn(turn(&lease, seq)).await.unwrap();
        assert_eq!(rig.store.erase(NEVER).await.unwrap().rows, 1, "the answer");
        assert!(rig.payloads().await.0.iter().all(String::is_empty));
    })
    .await;
}

#[tokio::test]
async fn a_deletion_that_overtakes_its_message_keeps_it_out() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.bot("a").await, rig.bot("b").await);
        assert_eq!(rig.store.obey_deletion(rig.deleted(&a, "m1", false)).await.unwrap(), Obeyed::Unknown);
        assert_eq!(rig.store.accept(event(&a, "m1", "k")).await.unwrap(), Accepted::Duplicate);
        assert_eq!(rig.store.obey_deletion(rig.deleted(&a, "m1", false)).await.unwrap(), Obeyed::Unknown);
        rig.accept(&b, "m1", "k").await;
        // In one commit with its message, in either order of asking: none of it is left.
        for deletion_first in [true, false] {
            let key = format!("m2 {deletion_first}");
            let (delete, accept) =
                (rig.store.obey_deletion(rig.deleted(&a, &key, false)), rig.store.accept(event(&a, &key, "k")));
            if deletion_first {
                tokio::join!(delete, accept).0.unwrap();
            } else {
                tokio::join!(accept, delete).1.unwrap();
            }
        }
        assert!(rig.payloads().await.0.iter().all(|payload| payload.is_empty() || payload == "payload of m1"));
        assert_eq!(rig.store.backlog().await.unwrap()[0].events, 0);
        let unknown = rig.deleted(&bot("nobody"), "m1", false);
        assert!(rig.store.obey_deletion(unknown).await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_waiting_event_of_a_deleted_message_is_over_unless_the_program_hears_of_deletions() {
    here(async {
        let rig = Rig::with(|options| options.limits.pending_per_bot = 2).await;
        let lease = rig.lease("a").await;
        rig.accept(&lease.bot, "m1", "k").await;
        let left = rig.accept(&lease.bot, "m2", "k").await;
        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m1", false)).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 1, finished: true, later: false });
        let over = rig.only(EventState::Finished).await;
        assert_eq!((over.summary.reason.as_deref(), over.erased_at.is_some()), (Some("its message was deleted"), true));
        assert_eq!(rig.due(&lease).await.iter().map(|row| row.seq).collect::<Vec<_>>(), [left], "its key goes on");
        rig.accept(&lease.bot, "m3", "x").await;

        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m2", true)).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 0, finished: false, later: true });
        assert_eq!(rig.store.erase(NEVER).await.unwrap().rows, 0, "never of what is pending");
        rig.store.claim(lease.clone(), vec![left]).await.unwrap();
        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m2", false)).await.unwrap();
        assert_eq!(obeyed, Obeyed::Erased { rows: 0, finished: false, later: true }, "not in the middle of a turn");
        assert_eq!(rig.store.commit_turn(turn(&lease, left)).await.unwrap(), TurnAnswer::Committed);
        assert_eq!(rig.store.erase(NEVER).await.unwrap().rows, 1);
        assert_eq!(rig.payloads().await.0, ["", "", "payload of m3"]);
    })
    .await;
}

#[tokio::test]
async fn a_message_is_found_by_its_key_for_as_long_as_its_content_is_kept() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let now = rig.clock.now();
        let soon = now.plus(Duration::from_hours(1));
        let message = NewEvent { seen_until: soon, ..event(&lease.bot, "m1", "k") };
        let Accepted::New(seq) = rig.store.accept(message).await.unwrap() else { panic!("seen before") };
        let member = NewEvent { seen_until: soon, kind: "memberships.created", ..event(&lease.bot, "s1", "x") };
        rig.store.accept(member).await.unwrap();
        let much_later = Retention { now: soon, keys_before: soon.plus(Duration::from_hours(1)), ..NEVER };
        assert_eq!(rig.store.prune(much_later).await.unwrap().rows, 1, "the key of the membership");
        rig.store.claim(lease.clone(), vec![seq]).await.unwrap();
        rig.store.commit_turn(turn(&lease, seq)).await.unwrap();
        let obeyed = rig.store.obey_deletion(rig.deleted(&lease.bot, "m1", false)).await.unwrap();
        assert!(matches!(obeyed, Obeyed::Erased { rows: 1, .. }), "{obeyed:?}");
        let after = Retention { keys_before: soon.plus(Duration::from_hours(100)), ..much_later };
        assert_eq!(rig.store.prune(after).await.unwrap().rows, 1, "nothing is kept of it any more");
    })
    .await;
}
