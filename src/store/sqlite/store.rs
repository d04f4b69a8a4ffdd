//! The verbs: each goes to the writer's queue or to a reader.

use std::sync::atomic::Ordering;

use tokio::sync::oneshot;

use super::{
    SqliteStore,
    change::{
        Asked, Change, ConfirmWebhook, DropLetters, DropSchedules, DropWebhook, Erase, FireTimers, Forget, ForgetFound,
        MoveSchedule, NoteBackup, ObeyDeletion, Pause, Probe, Prune, PutBot, PutHold, PutIdentity, PutToken,
        ReplayLetters, Resume, Retire, StageWebhook, TakeLease, Tidy,
    },
    read::{audit, bots, due, letters, look, memory, person, schedules, sent, silence, size},
    request::{Claim, Hold as Rows, Job, Request},
};
use crate::{
    base::{BotId, EventId, Lease, Millis, Secret, Seq, StateScope},
    store::{
        Accepted, Answer, AuditQuery, AuditRow, BacklogRow, BackupError, BackupOrder, BackupTaken, BotRow, By, Claimed,
        DeletedMessage, DeliveryResult, DeliveryRow, DialoguePage, DialogueQuery, DialogueRow, DueBot, DueQuery,
        EndDialogue, Erased, EventDetail, EventQuery, EventRow, EventSummary, ForgetAt, ForgetStep, Forgotten, Hold,
        Identity, IdentityAnswer, LetterDetail, LetterPage, LetterQuery, LetterStep, LettersMoved, Lifted, Marked,
        NewBot, NewEvent, NewWebhook, Obeyed, Pressing, Pruned, Retention, Rotated, RouteRow, ScheduleMove,
        ScheduleMoved, ScheduleRow, SentAnswer, SentLook, Silence, StateEdit, StateEdited, StatePage, StateQuery,
        StateValue, Store, StoreError, StoreSize, StoredDefinition, Tidied, TimersFired, TurnAnswer, TurnCommit,
        WebhookRow, Whom,
    },
};

impl SqliteStore {
    /// Queues a request and waits for its answer, which comes after the commit.
    async fn ask<T>(&self, make: impl FnOnce(super::request::Reply<T>) -> Request) -> Result<T, StoreError> {
        // The place first: a request that waited for it inside of `send` would be moved three times on the way.
        let place = self.0.requests.reserve().await.or(Err(StoreError::Closed))?;
        let (reply, answer) = oneshot::channel();
        place.send(make(reply));
        answer.await.unwrap_or(Err(StoreError::Closed))
    }

    pub(super) async fn change<C>(&self, change: C) -> Result<C::Answer, StoreError>
    where
        C: Change + Sync,
        C::Answer: Sync,
    {
        self.ask(|reply| Request::Change(Box::new(Asked { change, reply, answer: None }))).await
    }

    fn note_erased(&self, rows: u64) {
        if rows > 0 {
            self.0.gate.erased();
        }
    }

    /// Looks, with one of the readers, which letters a step is about; the writer looks at those again.
    async fn choose(&self, step: &LetterStep) -> Result<letters::Chosen, StoreError> {
        let mut reader = self.0.readers.get().await?;
        let chosen = letters::step(&mut reader.conn, step).await;
        reader.back();
        chosen
    }
}

/// Reads with one of the readers, and gives it back.
macro_rules! read {
    ($store:ident, $reader:ident => $query:expr) => {
        Box::pin(async move {
            let read = async {
                let mut reader = $store.0.readers.get().await?;
                let $reader = &mut reader.conn;
                let answer = $query.await;
                // One that failed may do so for ever: it is closed, and the next look opens another.
                if !matches!(answer, Err(StoreError::Engine(_))) {
                    reader.back();
                }
                answer
            };
            let answer = read.await;
            if let Err(StoreError::Corrupt(why)) = &answer {
                $store.condemn(why);
            }
            answer
        })
    };
}

impl Store for SqliteStore {
    fn accept(&self, event: NewEvent) -> Answer<'_, Accepted> {
        Box::pin(async move {
            let share = Some(self.0.shares.take(&event.bot)?);
            self.ask(|reply| Request::Accept(Job { input: event, reply, share })).await
        })
    }

    fn due_events(&self, query: DueQuery) -> Answer<'_, Vec<EventRow>> {
        read!(self, conn => due::events(conn, &query))
    }

    fn claim(&self, lease: Lease, rows: Vec<Seq>) -> Answer<'_, Vec<Claimed>> {
        let input = Claim { hold: Rows { lease, rows }, suspects: false };
        Box::pin(self.ask(move |reply| Request::Claim(Job { input, reply, share: None })))
    }

    fn claim_suspect(&self, lease: Lease, event: Seq) -> Answer<'_, Vec<Claimed>> {
        let input = Claim { hold: Rows { lease, rows: vec![event] }, suspects: true };
        Box::pin(self.ask(move |reply| Request::Claim(Job { input, reply, share: None })))
    }

    fn commit_turn(&self, commit: TurnCommit) -> Answer<'_, TurnAnswer> {
        Box::pin(self.ask(move |reply| Request::Turn(Box::new(Job { input: commit, reply, share: None }))))
    }

    fn envelope(&self, event: EventId) -> Answer<'_, Option<Vec<u8>>> {
        read!(self, conn => look::envelope(conn, event))
    }

    fn release(&self, lease: Lease, rows: Vec<Seq>) -> Answer<'_, ()> {
        Box::pin(self.ask(move |reply| Request::Release(Job { input: Rows { lease, rows }, reply, share: None })))
    }

    fn due_deliveries(&self, query: DueQuery) -> Answer<'_, Vec<DeliveryRow>> {
        read!(self, conn => due::deliveries(conn, &query))
    }

    fn due_calls(&self, query: DueQuery) -> Answer<'_, Vec<DeliveryRow>> {
        read!(self, conn => due::calls(conn, &query))
    }

    fn mark(&self, lease: Lease, rows: Vec<Seq>) -> Answer<'_, Vec<Marked>> {
        Box::pin(self.ask(move |reply| Request::Mark(Job { input: Rows { lease, rows }, reply, share: None })))
    }

    fn record(&self, result: DeliveryResult) -> Answer<'_, bool> {
        Box::pin(self.ask(move |reply| Request::Record(Job { input: result, reply, share: None })))
    }

    fn bots(&self) -> Answer<'_, Vec<BotRow>> {
        read!(self, conn => bots::all(conn))
    }

    fn put_bot(&self, bot: NewBot) -> Answer<'_, ()> {
        Box::pin(self.change(PutBot(bot)))
    }

    fn take_lease(&self, bot: BotId, owner: String) -> Answer<'_, Lease> {
        Box::pin(self.change(TakeLease { bot, owner }))
    }

    fn put_token(&self, bot: BotId, token: Secret, by: By) -> Answer<'_, ()> {
        Box::pin(self.change(PutToken { bot, token, by, seal: self.0.seal.clone() }))
    }

    fn token(&self, bot: BotId) -> Answer<'_, Option<Secret>> {
        read!(self, conn => bots::token(conn, &self.0.seal, &bot))
    }

    fn put_identity(&self, bot: BotId, identity: Identity) -> Answer<'_, IdentityAnswer> {
        Box::pin(self.change(PutIdentity { bot, identity }))
    }

    fn put_hold(&self, bot: BotId, hold: Option<Hold>) -> Answer<'_, ()> {
        Box::pin(self.change(PutHold { bot, hold }))
    }

    fn silence(&self) -> Answer<'_, Silence> {
        read!(self, conn => silence::all(conn))
    }

    fn pause(&self, whom: Whom, by: By) -> Answer<'_, bool> {
        Box::pin(self.change(Pause { whom, by }))
    }

    fn resume(&self, whom: Whom, by: By) -> Answer<'_, Lifted> {
        Box::pin(self.change(Resume { whom, by }))
    }

    fn retire(&self, bot: BotId, at: Millis) -> Answer<'_, ()> {
        Box::pin(async move {
            while self.change(Retire { bot: bot.clone(), at }).await?.more {}
            Ok(())
        })
    }

    fn forget(&self, bot: BotId) -> Answer<'_, ()> {
        Box::pin(async move {
            // In steps, with other commits between them.
            while self.change(Forget { bot: bot.clone() }).await? {}
            Ok(())
        })
    }

    fn definitions(&self) -> Answer<'_, Vec<StoredDefinition>> {
        read!(self, conn => bots::definitions(conn))
    }

    fn routes(&self) -> Answer<'_, Vec<RouteRow>> {
        read!(self, conn => bots::routes(conn, &self.0.seal))
    }

    fn webhooks(&self, bot: BotId) -> Answer<'_, Vec<WebhookRow>> {
        read!(self, conn => bots::webhooks(conn, &self.0.seal, &bot))
    }

    fn stage_webhook(&self, webhook: NewWebhook) -> Answer<'_, i64> {
        Box::pin(self.change(StageWebhook { webhook, seal: self.0.seal.clone() }))
    }

    fn confirm_webhook(&self, row: i64, webhook_id: String) -> Answer<'_, ()> {
        Box::pin(self.change(ConfirmWebhook { row, webhook_id }))
    }

    fn drop_webhook(&self, row: i64) -> Answer<'_, ()> {
        Box::pin(self.change(DropWebhook { row }))
    }

    fn read_state(&self, bot: BotId, keys: Vec<(StateScope, String)>) -> Answer<'_, Vec<StateValue>> {
        read!(self, conn => memory::state(conn, &bot, &keys, self.0.clock.now()))
    }

    fn given_up_before(&self, delivery: Seq) -> Answer<'_, bool> {
        read!(self, conn => sent::given_up_before(conn, delivery))
    }

    fn sent(&self, look: SentLook) -> Answer<'_, SentAnswer> {
        read!(self, conn => sent::sent(conn, &look))
    }

    fn read_dialogue(&self, bot: BotId, room: String, person: String, now: Millis) -> Answer<'_, Option<DialogueRow>> {
        read!(self, conn => memory::dialogue(conn, &bot, &room, &person, now))
    }

    fn schedules(&self, bot: Option<BotId>) -> Answer<'_, Vec<ScheduleRow>> {
        read!(self, conn => schedules::all(conn, bot.as_ref()))
    }

    fn move_schedule(&self, schedule: ScheduleMove) -> Answer<'_, ScheduleMoved> {
        Box::pin(async move { Ok(self.change(MoveSchedule(schedule)).await?.moved) })
    }

    fn drop_schedules(&self, gone: Vec<(BotId, String)>) -> Answer<'_, ()> {
        Box::pin(self.change(DropSchedules(gone)))
    }

    fn next_timer(&self) -> Answer<'_, Option<Millis>> {
        read!(self, conn => schedules::next_timer(conn))
    }

    fn fire_timers(&self) -> Answer<'_, TimersFired> {
        Box::pin(async move { Ok(self.change(FireTimers).await?.timers) })
    }

    fn list_state(&self, query: StateQuery) -> Answer<'_, StatePage> {
        read!(self, conn => memory::list(conn, &query, self.0.clock.now()))
    }

    fn edit_state(&self, edit: StateEdit) -> Answer<'_, StateEdited> {
        Box::pin(self.change(edit))
    }

    fn list_dialogues(&self, query: DialogueQuery) -> Answer<'_, DialoguePage> {
        read!(self, conn => memory::dialogues(conn, &query, self.0.clock.now()))
    }

    fn end_dialogue(&self, end: EndDialogue) -> Answer<'_, bool> {
        Box::pin(async move {
            let ended = self.change(end).await?;
            self.note_erased(u64::from(ended));
            Ok(ended)
        })
    }

    fn letters(&self, query: LetterQuery) -> Answer<'_, LetterPage> {
        read!(self, conn => letters::page(conn, &query))
    }

    fn letter(&self, id: EventId) -> Answer<'_, Option<LetterDetail>> {
        read!(self, conn => letters::one(conn, id))
    }

    fn replay(&self, step: LetterStep, by: By) -> Answer<'_, LettersMoved> {
        Box::pin(async move {
            let chosen = self.choose(&step).await?;
            Ok(self.change(ReplayLetters { filter: step.filter, chosen, by }).await?.moved)
        })
    }

    fn drop_letters(&self, step: LetterStep, by: By) -> Answer<'_, LettersMoved> {
        Box::pin(async move {
            let chosen = self.choose(&step).await?;
            self.change(DropLetters { filter: step.filter, chosen, by }).await
        })
    }

    fn due_bots(&self, now: Millis) -> Answer<'_, Vec<DueBot>> {
        read!(self, conn => due::bots(conn, now))
    }

    fn events(&self, query: EventQuery) -> Answer<'_, Vec<EventSummary>> {
        read!(self, conn => look::events(conn, &query))
    }

    fn event(&self, id: EventId) -> Answer<'_, Option<EventDetail>> {
        read!(self, conn => look::event(conn, id))
    }

    fn audit(&self, query: AuditQuery) -> Answer<'_, Vec<AuditRow>> {
        read!(self, conn => audit::acts(conn, &query))
    }

    fn backlog(&self) -> Answer<'_, Vec<BacklogRow>> {
        read!(self, conn => look::backlog(conn))
    }

    fn pressing(&self) -> Answer<'_, Pressing> {
        read!(self, conn => look::pressing(conn))
    }

    fn probe(&self) -> Answer<'_, ()> {
        Box::pin(self.change(Probe))
    }

    fn prune(&self, keep: Retention) -> Answer<'_, Pruned> {
        Box::pin(self.change(Prune(keep)))
    }

    fn rotate_seal(&self, by: By) -> Answer<'_, Rotated> {
        Box::pin(self.rotate(by))
    }

    fn backup(&self, order: BackupOrder) -> Answer<'_, Result<BackupTaken, BackupError>> {
        Box::pin(async move {
            let taken = self.0.copier.copy(&order).await;
            if let Ok(taken) = &taken
                && let Err(error) = self.change(NoteBackup { by: order.by, taken: taken.clone() }).await
            {
                // The copy is good all the same, and whoever asked for it must not take it for none.
                tracing::warn!(%error, "that a backup was made could not be written down");
            }
            Ok(taken)
        })
    }

    fn erase(&self, keep: Retention) -> Answer<'_, Erased> {
        Box::pin(async move {
            let erased = self.change(Erase(keep)).await?;
            self.note_erased(erased.rows);
            Ok(erased)
        })
    }

    fn obey_deletion(&self, deleted: DeletedMessage) -> Answer<'_, Obeyed> {
        Box::pin(async move {
            let obeyed = self.change(ObeyDeletion(deleted)).await?;
            self.note_erased(u64::from(obeyed != Obeyed::Unknown));
            Ok(obeyed)
        })
    }

    fn forget_person(&self, step: ForgetStep, by: By) -> Answer<'_, Forgotten> {
        Box::pin(async move {
            let found = {
                let mut reader = self.0.readers.get().await?;
                let found = person::look(&mut reader.conn, &step).await;
                reader.back();
                found?
            };
            if step.dry_run {
                return Ok(found.counted());
            }
            let first = step.at == ForgetAt::default();
            let told = found.told();
            let done = self.change(ForgetFound { found, by, first }).await?.forgotten;
            self.note_erased(done.rows());
            Ok(Forgotten { names: told.names, left: told.left, definitions: told.definitions, next: told.next, ..done })
        })
    }

    fn tidy(&self) -> Answer<'_, Tidied> {
        Box::pin(async move {
            let tidied = self.change(Tidy).await?;
            self.0.gate.cut_off();
            Ok(tidied)
        })
    }

    fn size(&self) -> Answer<'_, StoreSize> {
        read!(self, conn => size::size(conn, &self.0.path))
    }

    fn close(&self) -> Answer<'_, ()> {
        Box::pin(async move {
            self.0.copier.stop.store(true, Ordering::Relaxed);
            let (done, closed) = oneshot::channel();
            // A second close finds nobody to ask: it is closed, or closing.
            if self.0.requests.send(Request::Close(done)).await.is_ok() && closed.await.is_err() {
                return Err(StoreError::Closed);
            }
            Ok(())
        })
    }
}
