//! A store in memory: outbox, registrations and definitions as the contract words them; everything else is refused.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    future,
    sync::{Arc, Mutex, MutexGuard},
};

use crate::{
    base::{BotId, Epoch, EventId, Lease, Millis, Secret, Seq, StateScope},
    brain::{Delivery, Destination},
    store::{
        Accepted, Answer, AuditQuery, AuditRow, BacklogRow, BackupError, BackupOrder, BackupTaken, BotRow, By, Claimed,
        Class, DeletedMessage, DeliveryOutcome, DeliveryResult, DeliveryRow, DialoguePage, DialogueQuery, DialogueRow,
        Doorbell, DueBot, DueQuery, EndDialogue, Erased, EventDetail, EventQuery, EventRow, EventSummary, ForgetStep,
        Forgotten, Hold, Identity, IdentityAnswer, LetterDetail, LetterPage, LetterQuery, LetterStep, LettersMoved,
        Lifted, Marked, NewBot, NewEvent, NewWebhook, Obeyed, Pressing, Pruned, Retention, Rotated, RouteRow,
        ScheduleMove, ScheduleMoved, ScheduleRow, SentAnswer, SentChange, SentLook, SentQuery, SentRow, Silence,
        StateEdit, StateEdited, StatePage, StateQuery, StateValue, Store, StoreError, StoreSize, StoredDefinition,
        Tidied, TimersFired, TurnAnswer, TurnCommit, Wake, WebhookRow, Whom,
    },
};

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stands {
    Waiting,
    Sending(Epoch),
    Ended(DeliveryOutcome),
}

#[derive(Debug)]
struct Held {
    row: DeliveryRow,
    stands: Stands,
    due: Millis,
    /// Tries that count.
    tries: u32,
}

#[derive(Debug, Default)]
struct Inner {
    next: i64,
    leases: HashMap<BotId, Epoch>,
    rows: BTreeMap<Seq, Held>,
    webhooks: BTreeMap<i64, WebhookRow>,
    sent: Vec<SentRow>,
    failures: Vec<NewEvent>,
    /// As they were put, one after the other.
    definitions: Vec<NewBot>,
    trouble: Option<StoreError>,
    looks: usize,
}

impl Inner {
    fn sent(&self, look: &SentLook) -> SentAnswer {
        let known = |row: &&SentRow| match &look.query {
            SentQuery::Id(id) => row.remote_id == *id,
            SentQuery::Key { key, order_key, room } => {
                let here = row.order_key == *order_key || (room.is_some() && row.room == *room);
                row.key.as_ref() == Some(key) && here
            }
        };
        self.sent.iter().rev().find(known).map_or(SentAnswer::Unknown, |row| SentAnswer::Known(Box::new(row.clone())))
    }

    fn change(&mut self, change: SentChange) {
        let id = match &change {
            SentChange::Keep(row) => row.remote_id.clone(),
            SentChange::Gone(id) => id.clone(),
        };
        self.sent.retain(|row| row.remote_id != id);
        if let SentChange::Keep(row) = change {
            for older in self.sent.iter_mut().filter(|older| older.order_key == row.order_key && older.key == row.key) {
                older.key = None;
            }
            self.sent.push(*row);
        }
    }
}

/// Cheap to clone: all clones are the same store.
#[derive(Debug, Clone, Default)]
pub(crate) struct FakeStore(Arc<Mutex<Inner>>);

impl FakeStore {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Commits one delivery of a bot, and rings.
    pub(crate) fn deliver(&self, bell: &impl Doorbell, bot: &BotId, delivery: &Delivery) -> Seq {
        let mut row = self.insert(bot, "");
        row.order_key = delivery.to.order_key();
        row.payload = delivery.encode();
        self.lock().rows.get_mut(&row.seq).unwrap().row = row.clone();
        let seq = row.seq;
        bell.ring(Wake { deliveries: vec![row], ..Wake::of(bot.clone()) });
        seq
    }

    /// What is kept of sent messages.
    pub(crate) fn kept(&self) -> Vec<SentRow> {
        self.lock().sent.clone()
    }

    /// Events that tell of deliveries given up.
    pub(crate) fn failures(&self) -> Vec<NewEvent> {
        self.lock().failures.clone()
    }

    /// Commits deliveries of a bot, one a room named, and rings.
    pub(crate) fn promise(&self, bell: &impl Doorbell, bot: &BotId, rooms: &[&str]) -> Vec<Seq> {
        let rows: Vec<_> = rooms.iter().map(|room| self.insert(bot, room)).collect();
        let seqs = rows.iter().map(|row| row.seq).collect();
        bell.ring(Wake { deliveries: rows, ..Wake::of(bot.clone()) });
        seqs
    }

    fn insert(&self, bot: &BotId, room: &str) -> DeliveryRow {
        let mut inner = self.lock();
        inner.next += 1;
        let seq = Seq(inner.next);
        let to = Destination::Room(room.to_owned());
        let row = DeliveryRow {
            seq,
            id: EventId::new(),
            bot: bot.clone(),
            event: EventId::new(),
            order_key: to.order_key(),
            class: Class::Interactive,
            attempt: 0,
            doubtful: false,
            created_at: Millis(0),
            payload: Delivery { text: Some(seq.to_string()), ..Delivery::to(to) }.encode(),
        };
        let stored = Held { row: row.clone(), stands: Stands::Waiting, due: Millis(0), tries: 0 };
        inner.rows.insert(seq, stored);
        row
    }

    /// Replaces the payload of a row that was not sent yet.
    pub(crate) fn spoil(&self, seq: Seq) {
        self.lock().rows.get_mut(&seq).unwrap().row.payload = b"nonsense".to_vec();
    }

    /// As after a crash: the row was marked by a dead epoch and nobody knows whether it left.
    pub(crate) fn doubt(&self, seq: Seq) {
        self.lock().rows.get_mut(&seq).unwrap().stands = Stands::Sending(Epoch(0));
    }

    /// Definitions as they were put, one after the other.
    pub(crate) fn definitions(&self) -> Vec<NewBot> {
        self.lock().definitions.clone()
    }

    /// From now on every verb of the outbox fails like this, or none.
    pub(crate) fn fails(&self, trouble: Option<StoreError>) {
        self.lock().trouble = trouble;
    }

    pub(crate) fn stands(&self, seq: Seq) -> Stands {
        self.lock().rows[&seq].stands.clone()
    }

    pub(crate) fn is_sent(&self, seq: Seq) -> bool {
        matches!(self.stands(seq), Stands::Ended(DeliveryOutcome::Sent { .. }))
    }

    /// How many deliveries were sent.
    pub(crate) fn sent(&self) -> usize {
        let ended = |row: &&Held| matches!(row.stands, Stands::Ended(DeliveryOutcome::Sent { .. }));
        self.lock().rows.values().filter(ended).count()
    }

    /// How often due deliveries were looked for.
    pub(crate) fn looks(&self) -> usize {
        self.lock().looks
    }

    /// Every webhook row there is.
    pub(crate) fn webhook_rows(&self) -> Vec<WebhookRow> {
        self.lock().webhooks.values().cloned().collect()
    }

    fn due(inner: &Inner, query: &DueQuery) -> Vec<DeliveryRow> {
        let mut ended: HashSet<&str> = HashSet::new();
        let pending = |row: &&Held| row.row.bot == query.bot && !matches!(row.stands, Stands::Ended(_));
        let due = inner.rows.values().filter(pending).filter(move |row| {
            let may_go = match row.stands {
                Stands::Waiting => row.due <= query.now,
                Stands::Sending(epoch) => epoch < query.epoch,
                Stands::Ended(_) => false,
            };
            if !may_go {
                ended.insert(&row.row.order_key);
            }
            !ended.contains(row.row.order_key.as_str())
        });
        let wanted = due.filter(|row| !query.skip_keys.contains(&row.row.order_key));
        let told = wanted
            .map(|row| DeliveryRow { doubtful: row.row.doubtful || row.stands != Stands::Waiting, ..row.row.clone() });
        told.take(query.limit as usize).collect()
    }

    fn mark_now(inner: &mut Inner, lease: &Lease, seqs: &[Seq]) -> Vec<Marked> {
        let newest = *inner.leases.entry(lease.bot.clone()).or_insert(lease.epoch);
        if newest != lease.epoch {
            return Vec::new();
        }
        let mut marked = Vec::new();
        for seq in seqs {
            let key = inner.rows[seq].row.order_key.clone();
            let of_key = |row: &&Held| row.row.order_key == key && row.row.bot == lease.bot;
            let mut pending = inner.rows.values().filter(of_key).filter(|row| !matches!(row.stands, Stands::Ended(_)));
            let is_head = pending.next().is_some_and(|head| head.row.seq == *seq);
            let row = inner.rows.get_mut(seq).unwrap();
            if is_head && row.stands != Stands::Sending(lease.epoch) {
                row.stands = Stands::Sending(lease.epoch);
                row.row.attempt += 1;
                row.tries += 1;
                marked.push(Marked { seq: *seq, attempt: row.row.attempt });
            }
        }
        marked
    }

    fn record_now(inner: &mut Inner, result: DeliveryResult) -> bool {
        let row = &inner.rows[&result.seq];
        if row.stands != Stands::Sending(result.epoch) || row.row.attempt != result.attempt {
            return false;
        }
        if matches!(result.outcome, DeliveryOutcome::Failed { .. }) {
            inner.failures.extend(result.failure.map(|failure| failure.event));
        }
        for change in result.sent {
            inner.change(change);
        }
        let row = inner.rows.get_mut(&result.seq).unwrap();
        match result.outcome {
            DeliveryOutcome::Retry { at, counts, .. } => {
                row.row.doubtful |= result.doubtful;
                row.stands = Stands::Waiting;
                row.due = at;
                row.tries -= u32::from(!counts);
            }
            outcome => row.stands = Stands::Ended(outcome),
        }
        true
    }

    fn outbox<T: Send + 'static>(&self, act: impl FnOnce(&mut Inner) -> T) -> Answer<'_, T> {
        let mut inner = self.lock();
        let answer = match inner.trouble.clone() {
            Some(trouble) => Err(trouble),
            None => Ok(act(&mut inner)),
        };
        drop(inner);
        Box::pin(async move {
            // A commit takes a moment, in which others run.
            tokio::task::yield_now().await;
            answer
        })
    }
}

fn refused<T: Send + 'static>() -> Answer<'static, T> {
    Box::pin(future::ready(Err(StoreError::Refused("this store has an outbox and registrations only".into()))))
}

impl Store for FakeStore {
    fn due_deliveries(&self, query: DueQuery) -> Answer<'_, Vec<DeliveryRow>> {
        self.outbox(move |inner| {
            inner.looks += 1;
            Self::due(inner, &query)
        })
    }
    fn due_calls(&self, _: DueQuery) -> Answer<'_, Vec<DeliveryRow>> {
        self.outbox(|_| Vec::new())
    }
    fn mark(&self, lease: Lease, deliveries: Vec<Seq>) -> Answer<'_, Vec<Marked>> {
        self.outbox(move |inner| Self::mark_now(inner, &lease, &deliveries))
    }
    fn record(&self, result: DeliveryResult) -> Answer<'_, bool> {
        self.outbox(move |inner| Self::record_now(inner, result))
    }
    fn take_lease(&self, bot: BotId, _: String) -> Answer<'_, Lease> {
        self.outbox(move |inner| {
            let epoch = Epoch(inner.leases.get(&bot).map_or(1, |epoch| epoch.0 + 1));
            inner.leases.insert(bot.clone(), epoch);
            Lease { bot, epoch }
        })
    }
    fn webhooks(&self, bot: BotId) -> Answer<'_, Vec<WebhookRow>> {
        self.outbox(move |inner| inner.webhooks.values().filter(|row| row.bot == bot).cloned().collect())
    }
    fn stage_webhook(&self, webhook: NewWebhook) -> Answer<'_, i64> {
        self.outbox(move |inner| {
            inner.next += 1;
            let NewWebhook { bot, resource, event, secret } = webhook;
            let (row, created_at) = (inner.next, Millis(0));
            let staged = WebhookRow { row, bot, resource, event, secret, webhook_id: None, created_at };
            inner.webhooks.insert(row, staged);
            row
        })
    }
    fn confirm_webhook(&self, row: i64, webhook_id: String) -> Answer<'_, ()> {
        self.outbox(move |inner| {
            let mut live = inner.webhooks[&row].clone();
            live.webhook_id = Some(webhook_id);
            let same = |other: &WebhookRow| {
                other.bot == live.bot && other.resource == live.resource && other.event == live.event
            };
            inner.webhooks.retain(|_, other| other.row > row || !same(other));
            inner.webhooks.insert(row, live);
        })
    }
    fn drop_webhook(&self, row: i64) -> Answer<'_, ()> {
        self.outbox(move |inner| {
            inner.webhooks.remove(&row);
        })
    }

    fn accept(&self, _: NewEvent) -> Answer<'_, Accepted> {
        refused()
    }
    fn due_events(&self, _: DueQuery) -> Answer<'_, Vec<EventRow>> {
        refused()
    }
    fn claim_suspect(&self, _: Lease, _: Seq) -> Answer<'_, Vec<Claimed>> {
        refused()
    }
    fn claim(&self, _: Lease, _: Vec<Seq>) -> Answer<'_, Vec<Claimed>> {
        refused()
    }
    fn commit_turn(&self, _: TurnCommit) -> Answer<'_, TurnAnswer> {
        refused()
    }
    fn envelope(&self, _: EventId) -> Answer<'_, Option<Vec<u8>>> {
        refused()
    }
    fn release(&self, _: Lease, _: Vec<Seq>) -> Answer<'_, ()> {
        refused()
    }
    fn bots(&self) -> Answer<'_, Vec<BotRow>> {
        refused()
    }
    fn put_bot(&self, bot: NewBot) -> Answer<'_, ()> {
        self.outbox(move |inner| inner.definitions.push(bot))
    }
    fn put_token(&self, _: BotId, _: Secret, _: By) -> Answer<'_, ()> {
        refused()
    }
    fn token(&self, _: BotId) -> Answer<'_, Option<Secret>> {
        refused()
    }
    fn put_identity(&self, _: BotId, _: Identity) -> Answer<'_, IdentityAnswer> {
        refused()
    }
    fn put_hold(&self, _: BotId, _: Option<Hold>) -> Answer<'_, ()> {
        refused()
    }
    fn retire(&self, _: BotId, _: Millis) -> Answer<'_, ()> {
        refused()
    }
    fn forget(&self, _: BotId) -> Answer<'_, ()> {
        refused()
    }
    fn definitions(&self) -> Answer<'_, Vec<StoredDefinition>> {
        refused()
    }
    fn routes(&self) -> Answer<'_, Vec<RouteRow>> {
        refused()
    }
    fn read_state(&self, _: BotId, _: Vec<(StateScope, String)>) -> Answer<'_, Vec<StateValue>> {
        refused()
    }
    fn given_up_before(&self, _: Seq) -> Answer<'_, bool> {
        Box::pin(async { Ok(false) })
    }
    fn sent(&self, look: SentLook) -> Answer<'_, SentAnswer> {
        self.outbox(move |inner| inner.sent(&look))
    }
    fn read_dialogue(&self, _: BotId, _: String, _: String, _: Millis) -> Answer<'_, Option<DialogueRow>> {
        refused()
    }
    fn list_state(&self, _: StateQuery) -> Answer<'_, StatePage> {
        refused()
    }
    fn edit_state(&self, _: StateEdit) -> Answer<'_, StateEdited> {
        refused()
    }
    fn list_dialogues(&self, _: DialogueQuery) -> Answer<'_, DialoguePage> {
        refused()
    }
    fn end_dialogue(&self, _: EndDialogue) -> Answer<'_, bool> {
        refused()
    }
    fn due_bots(&self, _: Millis) -> Answer<'_, Vec<DueBot>> {
        refused()
    }
    fn events(&self, _: EventQuery) -> Answer<'_, Vec<EventSummary>> {
        refused()
    }
    fn event(&self, _: EventId) -> Answer<'_, Option<EventDetail>> {
        refused()
    }
    fn schedules(&self, _: Option<BotId>) -> Answer<'_, Vec<ScheduleRow>> {
        refused()
    }
    fn move_schedule(&self, _: ScheduleMove) -> Answer<'_, ScheduleMoved> {
        refused()
    }
    fn drop_schedules(&self, _: Vec<(BotId, String)>) -> Answer<'_, ()> {
        refused()
    }
    fn next_timer(&self) -> Answer<'_, Option<Millis>> {
        refused()
    }
    fn fire_timers(&self) -> Answer<'_, TimersFired> {
        refused()
    }
    fn letters(&self, _: LetterQuery) -> Answer<'_, LetterPage> {
        refused()
    }
    fn letter(&self, _: EventId) -> Answer<'_, Option<LetterDetail>> {
        refused()
    }
    fn replay(&self, _: LetterStep, _: By) -> Answer<'_, LettersMoved> {
        refused()
    }
    fn drop_letters(&self, _: LetterStep, _: By) -> Answer<'_, LettersMoved> {
        refused()
    }
    fn audit(&self, _: AuditQuery) -> Answer<'_, Vec<AuditRow>> {
        refused()
    }
    fn backlog(&self) -> Answer<'_, Vec<BacklogRow>> {
        refused()
    }
    fn pressing(&self) -> Answer<'_, Pressing> {
        refused()
    }
    fn probe(&self) -> Answer<'_, ()> {
        refused()
    }
    fn prune(&self, _: Retention) -> Answer<'_, Pruned> {
        refused()
    }
    fn silence(&self) -> Answer<'_, Silence> {
        refused()
    }
    fn pause(&self, _: Whom, _: By) -> Answer<'_, bool> {
        refused()
    }
    fn resume(&self, _: Whom, _: By) -> Answer<'_, Lifted> {
        refused()
    }
    /// A file is made, empty; the switch for faults counts.
    fn backup(&self, order: BackupOrder) -> Answer<'_, Result<BackupTaken, BackupError>> {
        self.outbox(move |_| {
            std::fs::write(&order.file, "").unwrap();
            let (taken_at, bytes) = (Millis(1_000_000), 0);
            Ok(BackupTaken { file: order.file, taken_at, bytes, schema: 1, bots: 0, pending: 0 })
        })
    }
    fn erase(&self, _: Retention) -> Answer<'_, Erased> {
        refused()
    }
    fn obey_deletion(&self, _: DeletedMessage) -> Answer<'_, Obeyed> {
        refused()
    }
    fn forget_person(&self, _: ForgetStep, _: By) -> Answer<'_, Forgotten> {
        refused()
    }
    fn tidy(&self) -> Answer<'_, Tidied> {
        refused()
    }
    fn size(&self) -> Answer<'_, StoreSize> {
        refused()
    }
    fn rotate_seal(&self, _: By) -> Answer<'_, Rotated> {
        refused()
    }
    fn close(&self) -> Answer<'_, ()> {
        refused()
    }
}
