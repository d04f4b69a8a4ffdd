//! Dead letters: listed, shown whole, replayed behind what waits, dropped.

mod removed;

use super::*;
use crate::store::{
    ActKind, AuditQuery, By, Cause, DeliveryOutcome, DeliveryResult, EventQuery, Letter, LetterDetail, LetterFilter,
    LetterKind, LetterQuery, LetterStep, LettersMoved, Marked, Reason, StoreError,
};

fn alice() -> By {
    By::admin(Some("alice@host"))
}

fn because(cause: Cause) -> Reason {
    cause.because(format!("for the cause {}", cause.as_str()))
}

fn of(bot: &BotId) -> LetterFilter {
    LetterFilter { bot: Some(bot.clone()), ..LetterFilter::default() }
}

fn by_id(id: EventId) -> LetterFilter {
    LetterFilter { id: Some(id), ..LetterFilter::default() }
}

fn all() -> LetterFilter {
    LetterFilter::default()
}

impl Rig {
    /// Accepts an event and buries it.
    async fn buried(&self, lease: &Lease, key: &str, order: &str, cause: Cause) -> EventId {
        let event = event(&lease.bot, key, order);
        let id = event.id;
        let Accepted::New(seq) = self.store.accept(event).await.unwrap() else { panic!("seen before") };
        self.bury(lease, seq, cause).await;
        id
    }

    async fn bury(&self, lease: &Lease, seq: Seq, cause: Cause) {
        let claimed = self.store.claim(lease.clone(), vec![seq]).await.unwrap()[0];
        let outcome = TurnOutcome::Buried { reason: because(cause) };
        let commit = TurnCommit { outcome, attempt: claimed.attempt, ..turn(lease, seq) };
        assert_eq!(self.store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
    }

    async fn mark_one(&self, lease: &Lease, seq: Seq) -> Marked {
        self.store.mark(lease.clone(), vec![seq]).await.unwrap()[0]
    }

    async fn record(&self, lease: &Lease, mark: Marked, outcome: DeliveryOutcome, doubtful: bool) -> bool {
        let Marked { seq, attempt } = mark;
        let result = DeliveryResult {
            seq,
            epoch: lease.epoch,
            attempt,
            outcome,
            doubtful,
            tracking_id: None,
            sent: Vec::new(),
            failure: None,
        };
        self.store.record(result).await.unwrap()
    }

    /// Promises a delivery and gives it up.
    async fn failed(&self, lease: &Lease, key: &str, to: &str, doubtful: bool) -> EventId {
        let seq = self.promised(lease, key, &[to]).await[0];
        let mark = self.mark_one(lease, seq).await;
        assert!(self.record(lease, mark, DeliveryOutcome::Failed { reason: because(Cause::Refused) }, doubtful).await);
        let failed = LetterFilter { kind: Some(LetterKind::Delivery), ..of(&lease.bot) };
        self.letters(failed).await[0].id
    }

    async fn letters(&self, filter: LetterFilter) -> Vec<Letter> {
        let query = LetterQuery { filter, after: None, limit: 1000 };
        self.store.letters(query).await.unwrap().letters
    }

    async fn replay(&self, filter: LetterFilter) -> Result<LettersMoved, StoreError> {
        let mut all = LettersMoved::default();
        let mut from = None;
        loop {
            let step = LetterStep { filter: filter.clone(), from };
            all.add(self.store.replay(step, alice()).await?);
            match &all.next {
                Some(next) if all.full.is_none() => from = Some(next.parse().unwrap()),
                _ => return Ok(all),
            }
        }
    }

    async fn pending(&self, bot: &BotId) -> (u64, u64) {
        let rows = self.store.backlog().await.unwrap();
        rows.into_iter().find(|row| row.bot == *bot).map(|row| (row.events, row.deliveries)).unwrap()
    }

    async fn acts(&self) -> Vec<(String, String, u64)> {
        let rows = self.store.audit(AuditQuery { limit: 100, ..AuditQuery::default() }).await.unwrap();
        let kinds = [ActKind::Replay.word(), ActKind::Drop.word()];
        let ours = rows.into_iter().rev().filter(|row| kinds.contains(&row.act.as_str()));
        ours.map(|row| {
            assert_eq!(row.who, alice());
            (row.act, row.subject, row.rows)
        })
        .collect()
    }
}

fn refused<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    let Err(StoreError::Refused(why)) = answer else { panic!("{answer:?}") };
    why
}

#[tokio::test]
async fn a_dead_letter_keeps_its_cause_its_record_and_all_its_content() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let id = rig.buried(&lease, "m1", "k", Cause::Failed).await;
        let LetterDetail { letter, order_key, tried_at, record, content, envelope, .. } =
            rig.store.letter(id).await.unwrap().unwrap();
        assert_eq!((letter.kind, letter.cause, letter.attempt), (LetterKind::Event, Some(Cause::Failed), 1));
        assert_eq!((letter.what.as_deref(), letter.replays), (Some("messages.created"), 0));
        assert_eq!(letter.reason.as_deref(), Some("for the cause failed"));
        assert_eq!((order_key.as_str(), tried_at.is_some()), ("k", true));
        assert_eq!(record, Some(json(r#"{"rule":"command \"ping\""}"#)));
        assert_eq!((content, envelope), (Some("payload of m1".into()), None));

        let failed = rig.failed(&lease, "m2", "x", false).await;
        let LetterDetail { letter, content, .. } = rig.store.letter(failed).await.unwrap().unwrap();
        assert_eq!((letter.kind, letter.cause, letter.what), (LetterKind::Delivery, Some(Cause::Refused), None));
        assert!(letter.event.is_some() && !letter.doubtful);
        assert_eq!(content, Some("to x".into()));
        assert!(rig.store.letter(EventId::new()).await.unwrap().is_none());
        rig.accept(&lease.bot, "m3", "z").await;
        let alive = rig.store.events(EventQuery { bot: None, state: None, limit: 1 }).await.unwrap()[0].id;
        assert!(rig.store.letter(alive).await.unwrap().is_none(), "only what is dead is a letter");
    })
    .await;
}

#[tokio::test]
async fn letters_are_listed_by_bot_kind_cause_and_time_a_page_at_a_time() {
    here(async {
        let rig = Rig::new().await;
        let (a, b) = (rig.lease("a").await, rig.lease("b").await);
        for n in 0..4 {
            let cause = if n % 2 == 0 { Cause::Failed } else { Cause::GaveUp };
            rig.buried(&a, &format!("m{n}"), "k", cause).await;
        }
        rig.buried(&b, "m0", "k", Cause::Failed).await;
        rig.failed(&b, "m1", "x", false).await;
        rig.failed(&b, "m2", "x", true).await;
        let count = async |filter: LetterFilter| rig.letters(filter).await.len();
        assert_eq!(count(all()).await, 7);
        assert_eq!((count(of(&a.bot)).await, count(of(&b.bot)).await), (4, 3));
        assert_eq!(count(LetterFilter { cause: Some(Cause::GaveUp), ..all() }).await, 2);
        assert_eq!(count(LetterFilter { kind: Some(LetterKind::Delivery), ..all() }).await, 2);
        let now = rig.clock.now();
        assert_eq!(count(LetterFilter { until: Some(now.minus(Duration::from_mins(1))), ..all() }).await, 0);
        assert_eq!(count(LetterFilter { since: Some(now.plus(Duration::from_mins(1))), ..all() }).await, 0);
        let around = LetterFilter {
            since: Some(now.minus(Duration::from_mins(1))),
            until: Some(now.plus(Duration::from_mins(1))),
            ..all()
        };
        let whole = rig.letters(around).await;
        assert!(whole.windows(2).all(|pair| pair[0].died_at >= pair[1].died_at));
        // Pages of any size make the same list.
        for limit in 1..=8 {
            let (mut paged, mut after) = (Vec::new(), None);
            loop {
                let page = rig.store.letters(LetterQuery { filter: all(), after, limit }).await.unwrap();
                assert!(page.letters.len() <= limit as usize);
                paged.extend(page.letters);
                let Some(next) = page.next else { break };
                after = Some(next.parse().unwrap());
            }
            assert_eq!(paged, whole, "in pages of {limit}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_replayed_event_waits_behind_its_key_as_the_same_event_with_attempts_counted_anew() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let id = rig.buried(&lease, "m1", "k", Cause::Failed).await;
        let waiting = rig.accept(&lease.bot, "m2", "k").await;
        let other = rig.buried(&lease, "m3", "k2", Cause::Failed).await;
        rig.bell.take();
        let moved = rig.replay(by_id(id)).await.unwrap();
        assert_eq!((moved.events, moved.deliveries, moved.next), (1, 0, None));
        let rung = rig.bell.take();
        assert_eq!((rung.len(), rung[0].events.len(), rung[0].events[0].id), (1, 1, id), "its bot is rung for");

        let due = rig.due(&lease).await;
        assert_eq!(due.iter().map(|row| row.seq).collect::<Vec<_>>(), [waiting, Seq(4)], "behind what waits");
        assert_eq!((due[1].id, due[1].attempt, due[1].payload.as_slice()), (id, 0, b"payload of m1".as_slice()));
        assert_eq!(due[1].seq, rung[0].events[0].seq);
        assert!(rig.store.claim(lease.clone(), vec![Seq(4)]).await.unwrap().is_empty(), "not before the one before it");
        assert_eq!(rig.pending(&lease.bot).await, (2, 0));
        assert_eq!(
            rig.store.accept(event(&lease.bot, "m1", "k")).await.unwrap(),
            Accepted::Duplicate,
            "seen as before"
        );
        assert_eq!(rig.accept(&lease.bot, "m4", "k").await, Seq(5), "no number is given out twice");

        rig.store.claim(lease.clone(), vec![waiting]).await.unwrap();
        rig.store.commit_turn(turn(&lease, waiting)).await.unwrap();
        let claimed = rig.store.claim(lease.clone(), vec![Seq(4)]).await.unwrap()[0];
        assert_eq!((claimed.attempt, claimed.doubts), (1, 0));
        let answered = TurnCommit { deliveries: vec![delivery("x")], ..turn(&lease, Seq(4)) };
        rig.store.commit_turn(answered).await.unwrap();
        let told = rig.store.event(id).await.unwrap().unwrap();
        assert_eq!((told.replays, told.deliveries.len()), (1, 1), "one outcome, of the one event");
        assert!(told.replayed_at.is_some());
        assert!(refused(rig.replay(by_id(id)).await).contains("no dead letter"));
        let left = rig.letters(all()).await;
        assert_eq!(left.iter().map(|letter| letter.id).collect::<Vec<_>>(), [other]);
        assert_eq!(rig.acts().await, [("replay".into(), format!("id {id}"), 1)]);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_replayed_letter_waits_since_its_replay_however_old_it_is() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        rig.buried(&lease, "m1", "k", Cause::TooOld).await;
        rig.failed(&lease, "m2", "x", false).await;
        tokio::time::advance(Duration::from_hours(100)).await;
        let now = rig.clock.now();
        assert_eq!(rig.replay(all()).await.unwrap().moved(), 2);
        let since = (rig.due(&lease).await[0].accepted_at, rig.due_deliveries(&lease).await[0].created_at);
        assert_eq!(since, (now, now), "or it would be too old again at its first trouble");
        let pressing = rig.store.pressing().await.unwrap();
        assert_eq!((pressing.oldest_event, pressing.oldest_delivery), (Some(now), Some(now)));
        assert_eq!(rig.store.backlog().await.unwrap()[0].oldest, Some(now));
    })
    .await;
}

#[tokio::test]
async fn what_an_old_claim_of_a_replayed_event_still_commits_finds_nobody() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        // Its bot leaves while it is in its turn, and comes back.
        rig.store.retire(lease.bot.clone(), Millis(1)).await.unwrap();
        rig.bot("a").await;
        assert_eq!(rig.replay(of(&lease.bot)).await.unwrap().events, 1);
        let late = TurnCommit { deliveries: vec![delivery("x")], ..turn(&lease, seq) };
        assert_eq!(rig.store.commit_turn(late).await.unwrap(), TurnAnswer::Fenced);
        assert_eq!(rig.pending(&lease.bot).await, (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_buried_event_may_tell_of_it_and_changes_nothing() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.claimed(&lease, "m1").await;
        let outcome = || TurnOutcome::Buried { reason: because(Cause::Failed) };
        let with = TurnCommit { outcome: outcome(), cancelled: vec!["x".into()], ..turn(&lease, seq) };
        assert!(refused(rig.store.commit_turn(with).await).contains("only a finished turn"));
        let again = TurnOutcome::Retry { at: Millis(1), reason: "x".into() };
        let with = TurnCommit { outcome: again, deliveries: vec![delivery("x")], ..turn(&lease, seq) };
        assert!(refused(rig.store.commit_turn(with).await).contains("only a finished turn"));
        let with = TurnCommit { outcome: outcome(), deliveries: vec![delivery("x")], ..turn(&lease, seq) };
        rig.store.commit_turn(with).await.unwrap();
        let id = rig.letters(all()).await[0].id;
        assert_eq!(rig.store.event(id).await.unwrap().unwrap().deliveries.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_replay_goes_on_in_steps_in_order_and_takes_none_twice() {
    here(async {
        let rig = Rig::with(|options| {
            options.limits =
                StoreLimits { queue: 4000, queue_per_bot: 4000, pending_per_bot: 4000, readers: 1, ..options.limits };
        })
        .await;
        let lease = rig.lease("a").await;
        let accept = |n: i32| rig.store.accept(event(&lease.bot, &n.to_string(), "k"));
        futures_util::future::join_all((0..1200).map(accept)).await;
        let order = async |lease: &Lease| -> Vec<EventId> {
            let due = rig.store.due_events(DueQuery { limit: 2000, ..rig.query(lease) }).await.unwrap();
            due.into_iter().map(|row| row.id).collect()
        };
        let came = order(&lease).await;
        rig.store.retire(lease.bot.clone(), Millis(1)).await.unwrap();
        rig.bot("a").await;
        let lease = rig.store.take_lease(lease.bot.clone(), "again".into()).await.unwrap();

        let first = rig.store.replay(LetterStep { filter: of(&lease.bot), from: None }, alice()).await.unwrap();
        assert_eq!((first.events, first.next.is_some()), (500, true), "a step is bounded");
        // One of them dies again while the replay goes on.
        let head = rig.due(&lease).await[0].clone();
        rig.bury(&lease, head.seq, Cause::Failed).await;
        let mut moved = first;
        while let Some(next) = moved.next.clone() {
            let from = Some(next.parse().unwrap());
            moved.add(rig.store.replay(LetterStep { filter: of(&lease.bot), from }, alice()).await.unwrap());
        }
        assert_eq!(moved.events, 1200);
        assert_eq!(rig.pending(&lease.bot).await, (1199, 0), "the one that died again stays dead");
        assert_eq!(order(&lease).await, came[1..], "in the order in which they had come");
        let rows: Vec<_> = rig.acts().await.into_iter().map(|(_, _, rows)| rows).collect();
        assert_eq!(rows, [500, 500, 200]);
    })
    .await;
}

#[tokio::test]
async fn a_replayed_delivery_goes_again_under_its_id_behind_its_destination() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let id = rig.failed(&lease, "m1", "x", false).await;
        let waiting = rig.promised(&lease, "m2", &["x"]).await[0];
        rig.bell.take();
        assert_eq!(rig.replay(by_id(id)).await.unwrap().deliveries, 1);
        let rung = rig.bell.take().remove(0).deliveries.remove(0);
        assert_eq!((rung.id, rung.attempt, rung.payload.as_slice()), (id, 0, b"to x".as_slice()));
        let due = rig.due_deliveries(&lease).await;
        assert_eq!(due.iter().map(|row| row.seq).collect::<Vec<_>>(), [waiting, rung.seq]);
        assert_eq!((due[1].event, due[1].doubtful), (rung.event, false));
        assert_eq!(rig.pending(&lease.bot).await, (0, 2));
        let mark = rig.mark_one(&lease, waiting).await;
        assert!(rig.record(&lease, mark, DeliveryOutcome::Sent { remote_id: None }, false).await);
        let mark = rig.mark_one(&lease, rung.seq).await;
        assert!(rig.record(&lease, mark, DeliveryOutcome::Sent { remote_id: Some("M".into()) }, false).await);
        let told = rig.store.event(rung.event).await.unwrap().unwrap().deliveries.remove(0);
        assert_eq!((told.id, told.state.as_str(), told.replays), (id, "sent", 1));
        assert_eq!(rig.pending(&lease.bot).await, (0, 0));
    })
    .await;
}

#[tokio::test]
async fn a_delivery_that_may_have_been_sent_is_replayed_only_when_it_is_asked_for() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let id = rig.failed(&lease, "m1", "x", true).await;
        assert!(rig.letters(all()).await[0].doubtful);
        let moved = rig.replay(all()).await.unwrap();
        assert_eq!((moved.moved(), moved.doubtful), (0, 1));
        assert!(rig.acts().await.is_empty(), "nothing was done");
        assert_eq!(rig.replay(LetterFilter { doubtful: true, ..all() }).await.unwrap().deliveries, 1);
        let due = rig.due_deliveries(&lease).await.remove(0);
        let mark = rig.mark_one(&lease, due.seq).await;
        rig.record(&lease, mark, DeliveryOutcome::Failed { reason: because(Cause::GaveUp) }, false).await;
        assert!(rig.letters(all()).await[0].doubtful, "doubt does not pass by trying again");
        assert_eq!(rig.replay(by_id(id)).await.unwrap().deliveries, 1, "whoever names it means it");
    })
    .await;
}

#[tokio::test]
async fn a_lost_answer_stays_with_the_delivery_through_its_other_tries() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let seq = rig.promised(&lease, "m1", &["x"]).await[0];
        let mark = rig.mark_one(&lease, seq).await;
        let again = DeliveryOutcome::Retry { at: Millis(0), reason: "the answer was lost".into(), counts: true };
        rig.record(&lease, mark, again, true).await;
        let mark = rig.mark_one(&lease, seq).await;
        rig.record(&lease, mark, DeliveryOutcome::Failed { reason: because(Cause::GaveUp) }, false).await;
        assert!(rig.letters(all()).await[0].doubtful);
    })
    .await;
}

#[tokio::test]
async fn letters_of_a_retired_bot_wait_for_it_to_come_back() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let id = rig.buried(&lease, "m1", "k", Cause::Failed).await;
        rig.store.retire(lease.bot.clone(), Millis(1)).await.unwrap();
        let why = refused(rig.replay(by_id(id)).await);
        assert!(why.contains("`a` is retired") && why.contains("put its definition back"), "{why}");
        let moved = rig.replay(all()).await.unwrap();
        assert_eq!((moved.moved(), moved.retired), (0, 1));
        rig.bot("a").await;
        assert_eq!(rig.replay(by_id(id)).await.unwrap().events, 1);
        assert_eq!(rig.pending(&lease.bot).await, (1, 0));
    })
    .await;
}

#[tokio::test]
async fn a_letter_without_content_is_not_replayed() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let bare = NewEvent { payload: Vec::new(), ..event(&lease.bot, "m1", "k") };
        let id = bare.id;
        let Accepted::New(seq) = rig.store.accept(bare).await.unwrap() else { panic!() };
        rig.bury(&lease, seq, Cause::Failed).await;
        assert!(refused(rig.replay(by_id(id)).await).contains("erased"));
        assert_eq!(rig.replay(all()).await.unwrap().erased, 1);
        assert_eq!(rig.store.letter(id).await.unwrap().unwrap().content, None);
    })
    .await;
}

#[tokio::test]
async fn a_replay_ends_where_its_bot_has_no_more_room_and_goes_on_from_there() {
    here(async {
        let rig = Rig::with(|options| options.limits.pending_per_bot = 3).await;
        let lease = rig.lease("a").await;
        for n in 0..5 {
            rig.buried(&lease, &format!("m{n}"), "k", Cause::Failed).await;
        }
        rig.accept(&lease.bot, "x", "k").await;
        let mut moved = rig.replay(all()).await.unwrap();
        assert_eq!((moved.events, moved.full.clone()), (2, Some(lease.bot.clone())));
        assert!(matches!(rig.store.accept(event(&lease.bot, "y", "k")).await, Err(StoreError::BotFull(_))), "exact");
        let last = rig.letters(all()).await[0].id;
        assert!(refused(rig.replay(by_id(last)).await).contains("too many events waiting"));
        for row in rig.due(&lease).await {
            rig.store.claim(lease.clone(), vec![row.seq]).await.unwrap();
            rig.store.commit_turn(turn(&lease, row.seq)).await.unwrap();
        }
        let from = moved.next.as_ref().map(|next| next.parse().unwrap());
        moved.add(rig.store.replay(LetterStep { filter: all(), from }, alice()).await.unwrap());
        assert_eq!((moved.events, moved.full), (5, None));
        assert_eq!(rig.pending(&lease.bot).await, (3, 0));
    })
    .await;
}

#[tokio::test]
async fn what_is_dropped_is_gone_and_does_not_come_in_again() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let id = rig.buried(&lease, "m1", "k", Cause::Failed).await;
        rig.buried(&lease, "m2", "k", Cause::GaveUp).await;
        rig.failed(&lease, "m3", "x", true).await;
        rig.accept(&lease.bot, "m4", "k").await;
        let step = |filter| LetterStep { filter, from: None };
        assert_eq!(rig.store.drop_letters(step(by_id(id)), alice()).await.unwrap().events, 1);
        assert!(refused(rig.store.drop_letters(step(by_id(id)), alice()).await).contains("no dead letter"));
        let first = rig.store.drop_letters(step(all()), alice()).await.unwrap();
        let from = first.next.as_ref().map(|next| next.parse().unwrap());
        let second = rig.store.drop_letters(LetterStep { filter: all(), from }, alice()).await.unwrap();
        assert_eq!((first.events, second.deliveries, second.next), (1, 1, None));
        assert!(rig.letters(all()).await.is_empty());
        assert_eq!(rig.pending(&lease.bot).await, (1, 0), "nothing that is pending");
        assert_eq!(rig.store.accept(event(&lease.bot, "m1", "k")).await.unwrap(), Accepted::Duplicate);
        let acts = rig.acts().await;
        assert_eq!(acts.len(), 3);
        assert_eq!(acts[0], ("drop".into(), format!("id {id}"), 1));
        assert_eq!(acts[2], ("drop".into(), "all".into(), 1));
    })
    .await;
}

#[tokio::test]
async fn a_letter_whose_message_was_deleted_is_erased_also_after_a_replay_gave_it_another_number() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        rig.buried(&lease, "m1", "k", Cause::GaveUp).await;
        rig.replay(of(&lease.bot)).await.unwrap();
        let again = rig.due(&lease).await.remove(0);
        rig.bury(&lease, again.seq, Cause::GaveUp).await;
        let deleted = crate::store::DeletedMessage {
            bot: lease.bot.clone(),
            key: "m1".into(),
            seen_until: rig.clock.now(),
            handled: false,
        };
        let obeyed = rig.store.obey_deletion(deleted).await.unwrap();
        assert_eq!(obeyed, crate::store::Obeyed::Erased { rows: 1, finished: false, later: false });
        assert_eq!(rig.replay(of(&lease.bot)).await.unwrap().erased, 1, "there is nothing left to replay");
    })
    .await;
}
