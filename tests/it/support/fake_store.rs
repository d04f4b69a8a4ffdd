//! A store in memory for the doors: it accepts, lists and proves itself as it is told to, and refuses every
//! verb that a door has no business with.

use std::{
    collections::HashSet,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use botyard::{
    base::{BotId, EventId, Lease, Millis, Secret, Seq, StateScope},
    store::*,
};
use tokio::sync::watch;

pub(crate) struct FakeStore {
    rows: Mutex<Rows>,
    /// What every verb answers instead of doing its work.
    trouble: Mutex<Option<StoreError>>,
    /// Accepts wait until this is true: a commit that takes its time.
    committing: watch::Sender<bool>,
    pub(crate) waiting: AtomicU64,
    pub(crate) probes: AtomicU64,
}

#[derive(Default)]
struct Rows {
    events: Vec<NewEvent>,
    routes: Vec<RouteRow>,
    seen: HashSet<(BotId, String)>,
    deleted: Vec<DeletedMessage>,
    forgotten: Vec<(ForgetStep, By)>,
}

impl Default for FakeStore {
    fn default() -> Self {
        Self {
            rows: Mutex::default(),
            trouble: Mutex::default(),
            committing: watch::Sender::new(true),
            waiting: AtomicU64::new(0),
            probes: AtomicU64::new(0),
        }
    }
}

impl FakeStore {
    pub(crate) fn stored(&self) -> Vec<NewEvent> {
        self.rows.lock().unwrap().events.clone()
    }

    /// Messages whose deletion was obeyed.
    pub(crate) fn deleted(&self) -> Vec<DeletedMessage> {
        self.rows.lock().unwrap().deleted.clone()
    }

    /// Steps of forgetting that were asked for, and by whom.
    pub(crate) fn forgotten(&self) -> Vec<(ForgetStep, By)> {
        self.rows.lock().unwrap().forgotten.clone()
    }

    pub(crate) fn answer_with(&self, trouble: Option<StoreError>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    pub(crate) fn hold_commits(&self, hold: bool) {
        self.committing.send_replace(!hold);
    }

    pub(crate) fn know(&self, routes: Vec<RouteRow>) {
        self.rows.lock().unwrap().routes = routes;
    }

    fn check(&self) -> Result<(), StoreError> {
        self.trouble.lock().unwrap().clone().map_or(Ok(()), Err)
    }
}

fn not_for_a_door<T>() -> Answer<'static, T>
where
    T: Send + 'static,
{
    Box::pin(async { Err(StoreError::Refused("a door does not call this".into())) })
}

macro_rules! not_for_a_door {
    ($($name:ident($($arg:ty),*) -> $answer:ty;)*) => {
        $(not_for_a_door!(@ $name ($($arg),*) $answer);)*
    };
    (@ $name:ident () $t:ty) => {
        fn $name(&self) -> Answer<'_, $t> { not_for_a_door() }
    };
    (@ $name:ident ($a:ty) $t:ty) => {
        fn $name(&self, _: $a) -> Answer<'_, $t> { not_for_a_door() }
    };
    (@ $name:ident ($a:ty, $b:ty) $t:ty) => {
        fn $name(&self, _: $a, _: $b) -> Answer<'_, $t> { not_for_a_door() }
    };
    (@ $name:ident ($a:ty, $b:ty, $c:ty) $t:ty) => {
        fn $name(&self, _: $a, _: $b, _: $c) -> Answer<'_, $t> { not_for_a_door() }
    };
    (@ $name:ident ($a:ty, $b:ty, $c:ty, $d:ty) $t:ty) => {
        fn $name(&self, _: $a, _: $b, _: $c, _: $d) -> Answer<'_, $t> { not_for_a_door() }
    };
}

impl Store for FakeStore {
    fn accept(&self, event: NewEvent) -> Answer<'_, Accepted> {
        Box::pin(async move {
            self.check()?;
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.committing.subscribe().wait_for(|free| *free).await.unwrap();
            let mut rows = self.rows.lock().unwrap();
            if !rows.seen.insert((event.bot.clone(), event.dedupe_key.clone())) {
                return Ok(Accepted::Duplicate);
            }
            rows.events.push(event);
            Ok(Accepted::New(Seq(i64::try_from(rows.events.len()).unwrap())))
        })
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(async {
            self.probes.fetch_add(1, Ordering::SeqCst);
            self.check()
        })
    }

    fn routes(&self) -> Answer<'_, Vec<RouteRow>> {
        Box::pin(async { self.check().map(|()| self.rows.lock().unwrap().routes.clone()) })
    }

    fn events(&self, query: EventQuery) -> Answer<'_, Vec<EventSummary>> {
        Box::pin(async move {
            self.check()?;
            let rows = self.rows.lock().unwrap();
            let wanted =
                rows.events.iter().rev().filter(|event| query.bot.as_ref().is_none_or(|bot| *bot == event.bot));
            let fits = query.state.is_none_or(|state| state == EventState::Waiting);
            Ok(wanted.filter(|_| fits).take(query.limit as usize).map(summary).collect())
        })
    }

    fn obey_deletion(&self, deleted: DeletedMessage) -> Answer<'_, Obeyed> {
        Box::pin(async move {
            self.check()?;
            self.waiting.fetch_add(1, Ordering::SeqCst);
            self.committing.subscribe().wait_for(|free| *free).await.unwrap();
            let mut rows = self.rows.lock().unwrap();
            rows.seen.insert((deleted.bot.clone(), deleted.key.clone()));
            rows.deleted.push(deleted);
            Ok(Obeyed::Unknown)
        })
    }

    fn forget_person(&self, step: ForgetStep, by: By) -> Answer<'_, Forgotten> {
        Box::pin(async move {
            self.check()?;
            let counted = Forgotten { names: step.names.clone(), events: 1, ..Forgotten::default() };
            let next = (step.at == ForgetAt::default()).then_some(ForgetAt::Events(0));
            self.rows.lock().unwrap().forgotten.push((step, by));
            Ok(Forgotten { next, ..counted })
        })
    }

    fn bots(&self) -> Answer<'_, Vec<BotRow>> {
        Box::pin(async { self.check().map(|()| Vec::new()) })
    }

    fn tidy(&self) -> Answer<'_, Tidied> {
        Box::pin(async { self.check().map(|()| Tidied::default()) })
    }

    fn audit(&self, _: AuditQuery) -> Answer<'_, Vec<AuditRow>> {
        Box::pin(async { self.check().map(|()| Vec::new()) })
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<EventDetail>> {
        Box::pin(async move {
            let rows = self.rows.lock().unwrap();
            let found = rows.events.iter().find(|event| event.id == id);
            Ok(found.map(|event| EventDetail {
                summary: summary(event),
                order_key: event.order_key.clone(),
                record: None,
                replays: 0,
                replayed_at: None,
                erased_at: None,
                deliveries: Vec::new(),
            }))
        })
    }

    not_for_a_door! {
        due_events(DueQuery) -> Vec<EventRow>;
        claim(Lease, Vec<Seq>) -> Vec<Claimed>;
        claim_suspect(Lease, Seq) -> Vec<Claimed>;
        commit_turn(TurnCommit) -> TurnAnswer;
        envelope(EventId) -> Option<Vec<u8>>;
        release(Lease, Vec<Seq>) -> ();
        due_deliveries(DueQuery) -> Vec<DeliveryRow>;
        due_calls(DueQuery) -> Vec<DeliveryRow>;
        mark(Lease, Vec<Seq>) -> Vec<Marked>;
        record(DeliveryResult) -> bool;
        put_bot(NewBot) -> ();
        take_lease(BotId, String) -> Lease;
        put_token(BotId, Secret, By) -> ();
        token(BotId) -> Option<Secret>;
        put_identity(BotId, Identity) -> IdentityAnswer;
        put_hold(BotId, Option<Hold>) -> ();
        silence() -> Silence;
        pause(Whom, By) -> bool;
        resume(Whom, By) -> Lifted;
        backup(BackupOrder) -> Result<BackupTaken, BackupError>;
        retire(BotId, Millis) -> ();
        forget(BotId) -> ();
        definitions() -> Vec<StoredDefinition>;
        webhooks(BotId) -> Vec<WebhookRow>;
        stage_webhook(NewWebhook) -> i64;
        confirm_webhook(i64, String) -> ();
        drop_webhook(i64) -> ();
        schedules(Option<BotId>) -> Vec<ScheduleRow>;
        move_schedule(ScheduleMove) -> ScheduleMoved;
        drop_schedules(Vec<(BotId, String)>) -> ();
        next_timer() -> Option<Millis>;
        fire_timers() -> TimersFired;
        letters(LetterQuery) -> LetterPage;
        letter(EventId) -> Option<LetterDetail>;
        replay(LetterStep, By) -> LettersMoved;
        drop_letters(LetterStep, By) -> LettersMoved;
        read_state(BotId, Vec<(StateScope, String)>) -> Vec<StateValue>;
        sent(SentLook) -> SentAnswer;
        given_up_before(Seq) -> bool;
        read_dialogue(BotId, String, String, Millis) -> Option<DialogueRow>;
        list_state(StateQuery) -> StatePage;
        edit_state(StateEdit) -> StateEdited;
        list_dialogues(DialogueQuery) -> DialoguePage;
        end_dialogue(EndDialogue) -> bool;
        due_bots(Millis) -> Vec<DueBot>;
        backlog() -> Vec<BacklogRow>;
        pressing() -> Pressing;
        prune(Retention) -> Pruned;
        erase(Retention) -> Erased;
        size() -> StoreSize;
        rotate_seal(By) -> Rotated;
        close() -> ();
    }
}

fn summary(event: &NewEvent) -> EventSummary {
    EventSummary {
        id: event.id,
        bot: event.bot.clone(),
        kind: event.kind.to_owned(),
        state: EventState::Waiting,
        attempt: 0,
        accepted_at: event.due_at,
        claimed_at: None,
        finished_at: None,
        due_at: event.due_at,
        reason: None,
        rule: None,
    }
}
