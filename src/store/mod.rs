//! The store: verbs over plain data. Whatever must survive is here before anyone is woken.
//!
//! [`Store`] is the whole surface: no type of the database crosses it, so another engine can later
//! stand behind the same verbs. Verbs that claim or commit take a [`Lease`]: the store, not the
//! caller's good manners, decides whether an incarnation of a bot may still act.

pub mod audit;
pub mod backup;
pub mod keep;
pub mod letters;
pub mod memory;
pub mod model;
pub mod rows;
pub mod schedules;
pub mod seal;
pub mod sent;
pub mod silence;
pub mod sqlite;
pub mod turn;

use std::{future::Future, pin::Pin};

use crate::base::{BotId, EventId, Lease, Millis, Secret, Seq, StateScope};

pub use audit::*;
pub use backup::*;
pub use keep::*;
pub use letters::*;
pub use memory::*;
pub use model::*;
pub use rows::*;
pub use schedules::*;
pub use seal::*;
pub use sent::*;
pub use silence::*;
pub use turn::*;

/// What a verb answers with, once what it says is on the disk (writes) or read (reads).
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a verb could not be carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The disk is full: nothing was stored. Accepts answer 503; turns and outcomes wait and try again.
    #[error("the disk that holds the data dir is full")]
    DiskFull,
    /// The data dir cannot be written for now: nothing was stored. As with a full disk.
    #[error("the data dir cannot be written ({0}): a read-only file system, a quota, or a limit on the size of files")]
    Unwritable(String),
    /// This bot holds its whole share of the writer's queue or of pending rows; other bots are not affected.
    #[error("bot `{0}` has too many events waiting")]
    BotFull(BotId),
    /// The writer's queue is full.
    #[error("the store is overloaded")]
    Overloaded,
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// This one request broke a rule of the store; the others of its batch were carried out.
    #[error("the store refused the request: {0}")]
    Refused(String),
    /// The database is damaged; the process ends.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// Anything else the engine says.
    #[error("the store failed: {0}")]
    Engine(String),
}

/// Rings when rows were committed for a bot. Called by the writer after the commit, once per bot and batch.
///
/// A ring is only a doorbell: rows handed along are a cache, and a ring that is lost costs latency, never work.
pub trait Doorbell: Send + Sync + 'static {
    /// Tells that work was committed for one bot. Must not block.
    fn ring(&self, wake: Wake);
}

/// What was just committed for one bot, in `seq` order.
#[derive(Debug, Clone)]
pub struct Wake {
    /// Whose.
    pub bot: BotId,
    /// New events of this batch.
    pub events: Vec<EventRow>,
    /// New deliveries of this batch.
    pub deliveries: Vec<DeliveryRow>,
    /// New calls of this batch.
    pub calls: Vec<DeliveryRow>,
}

impl Wake {
    /// Nothing yet.
    #[must_use]
    pub fn of(bot: BotId) -> Self {
        Self { bot, events: Vec::new(), deliveries: Vec::new(), calls: Vec::new() }
    }

    /// How many rows it is about.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.events.len() + self.deliveries.len() + self.calls.len()
    }
}

/// Every verb of the store.
pub trait Store: Send + Sync + 'static {
    // -- inbox ------------------------------------------------------------------------------------

    /// Stores an event unless `seen` knows its key. Answers after the commit.
    fn accept(&self, event: NewEvent) -> Answer<'_, Accepted>;
    /// Pending events of a bot that may be claimed at `now`, oldest first: waiting and due, or claimed by a
    /// dead epoch; none of a key in `skip_keys`, none of a key whose head waits for its retry.
    fn due_events(&self, query: DueQuery) -> Answer<'_, Vec<EventRow>>;
    /// Takes events for a turn: raises attempt and epoch. Only those are returned that are now held: the lease
    /// is the newest, the row is still pending, and no earlier event of its order key is.
    ///
    /// Events [under suspicion](SUSPECT) are answered as well, with the attempt that a claim of theirs would be, but
    /// stay unheld: so the end of the process cannot count against them before it is their turn to be tried.
    fn claim(&self, lease: Lease, events: Vec<Seq>) -> Answer<'_, Vec<Claimed>>;
    /// As [`claim`](Self::claim), and holds the event although it is under suspicion.
    fn claim_suspect(&self, lease: Lease, event: Seq) -> Answer<'_, Vec<Claimed>>;
    /// The webhook of an event as it came, where it is kept.
    fn envelope(&self, event: EventId) -> Answer<'_, Option<Vec<u8>>>;
    /// The end of a turn: outcome, state, dialogue, deliveries and timers in one commit.
    fn commit_turn(&self, commit: TurnCommit) -> Answer<'_, TurnAnswer>;
    /// Gives claimed events back unhandled (a clean stop): waiting again, attempt not counted.
    fn release(&self, lease: Lease, events: Vec<Seq>) -> Answer<'_, ()>;

    // -- outbox -----------------------------------------------------------------------------------

    /// Deliveries of a bot that may be tried at `now`, oldest first, as [`due_events`](Store::due_events): none of
    /// an order key whose head may not be.
    fn due_deliveries(&self, query: DueQuery) -> Answer<'_, Vec<DeliveryRow>>;
    /// Calls of a bot that may be made at `now`, oldest first, by the same rules.
    fn due_calls(&self, query: DueQuery) -> Answer<'_, Vec<DeliveryRow>>;
    /// Writes down that a try is about to leave. Only those are returned that may leave (same rules as `claim`).
    fn mark(&self, lease: Lease, deliveries: Vec<Seq>) -> Answer<'_, Vec<Marked>>;
    /// Whether the delivery of the same event to the same place just before this one was given up.
    fn given_up_before(&self, delivery: Seq) -> Answer<'_, bool>;
    /// Writes down how a try ended. Fenced by the mark itself (`attempt` and `epoch` of the row), not by the
    /// newest lease: what is known to have been sent counts, whoever sent it.
    fn record(&self, result: DeliveryResult) -> Answer<'_, bool>;

    // -- bots -------------------------------------------------------------------------------------

    /// Every bot the store knows, retired ones included.
    fn bots(&self) -> Answer<'_, Vec<BotRow>>;
    /// Makes or updates the row of a bot with what its definition says (last good definition, wanted kinds);
    /// takes it out of retirement. A definition that was not the last good one before is written down in the audit.
    fn put_bot(&self, bot: NewBot) -> Answer<'_, ()>;
    /// Raises the bot's epoch: the answer is now the only right to claim and commit for it.
    fn take_lease(&self, bot: BotId, owner: String) -> Answer<'_, Lease>;
    /// Seals and keeps a token, and writes down on whose behalf. The same token again changes nothing.
    fn put_token(&self, bot: BotId, token: Secret, by: By) -> Answer<'_, ()>;
    /// The bot's token, unsealed.
    fn token(&self, bot: BotId) -> Answer<'_, Option<Secret>>;
    /// Keeps who the token turned out to be.
    fn put_identity(&self, bot: BotId, identity: Identity) -> Answer<'_, IdentityAnswer>;
    /// Keeps why a bot is held (`None`: it is not), for `bots` and the next start.
    fn put_hold(&self, bot: BotId, hold: Option<Hold>) -> Answer<'_, ()>;
    /// What keeps the house, or single bots, silent.
    fn silence(&self) -> Answer<'_, Silence>;
    /// Keeps a bot, or all of them, from claiming and sending; answers whether they were not paused before.
    fn pause(&self, whom: Whom, by: By) -> Answer<'_, bool>;
    /// Lifts what keeps a bot down, or the house: its pause, and the hold after a restore.
    fn resume(&self, whom: Whom, by: By) -> Answer<'_, Lifted>;
    /// Marks a bot as retired (its definition is gone) at a moment. What it has pending is buried (cause `removed`)
    /// in the same commit, and nothing is accepted for it any more.
    fn retire(&self, bot: BotId, at: Millis) -> Answer<'_, ()>;
    /// Removes a retired bot with all that is its own: token, state, events.
    fn forget(&self, bot: BotId) -> Answer<'_, ()>;
    /// The last good definition of each bot that is not retired.
    fn definitions(&self) -> Answer<'_, Vec<StoredDefinition>>;
    /// What ingress needs of every bot that is not retired.
    fn routes(&self) -> Answer<'_, Vec<RouteRow>>;

    // -- registrations ----------------------------------------------------------------------------

    /// The webhooks that we made or are about to make for a bot.
    fn webhooks(&self, bot: BotId) -> Answer<'_, Vec<WebhookRow>>;
    /// Keeps the secret of a webhook *before* it is registered or changed; answers its row number.
    fn stage_webhook(&self, webhook: NewWebhook) -> Answer<'_, i64>;
    /// The webhook of this row is live at Webex under this id; older rows of the same kind and id go.
    fn confirm_webhook(&self, row: i64, webhook_id: String) -> Answer<'_, ()>;
    /// The webhook is gone at Webex, or was never made.
    fn drop_webhook(&self, row: i64) -> Answer<'_, ()>;

    // -- memory -----------------------------------------------------------------------------------

    /// Values with their versions; a key never written answers version 0 and nothing.
    fn read_state(&self, bot: BotId, keys: Vec<(StateScope, String)>) -> Answer<'_, Vec<StateValue>>;
    /// What is kept of a message that the bot sent.
    fn sent(&self, look: SentLook) -> Answer<'_, SentAnswer>;
    /// The dialogue of one person in one room, if one is open at `now`.
    fn read_dialogue(&self, bot: BotId, room: String, person: String, now: Millis) -> Answer<'_, Option<DialogueRow>>;
    /// Keys that are there, by scope and key.
    fn list_state(&self, query: StateQuery) -> Answer<'_, StatePage>;
    /// Changes memory by hand. Refused as a whole when one change cannot be done.
    fn edit_state(&self, edit: StateEdit) -> Answer<'_, StateEdited>;
    /// Dialogues that are open, by room and person.
    fn list_dialogues(&self, query: DialogueQuery) -> Answer<'_, DialoguePage>;
    /// Ends a dialogue by hand, and its timer; answers whether there was one.
    fn end_dialogue(&self, end: EndDialogue) -> Answer<'_, bool>;

    // -- schedules and timers ---------------------------------------------------------------------

    /// Where the schedules of a bot, or of all, stand.
    fn schedules(&self, bot: Option<BotId>) -> Answer<'_, Vec<ScheduleRow>>;
    /// Accepts runs of a schedule and moves it on in one commit, if it still stands where it was seen.
    fn move_schedule(&self, schedule: ScheduleMove) -> Answer<'_, ScheduleMoved>;
    /// Forgets where schedules stand: they are no longer in their definitions.
    fn drop_schedules(&self, gone: Vec<(BotId, String)>) -> Answer<'_, ()>;
    /// When the first timer of all is due.
    fn next_timer(&self) -> Answer<'_, Option<Millis>>;
    /// Moves timers that are due into the inbox in one commit, the first to be due first; bounded work per call.
    fn fire_timers(&self) -> Answer<'_, TimersFired>;

    // -- dead letters -----------------------------------------------------------------------------

    /// Dead letters, the last to die first.
    fn letters(&self, query: LetterQuery) -> Answer<'_, LetterPage>;
    /// One dead letter whole, by the id of the event or delivery.
    fn letter(&self, id: EventId) -> Answer<'_, Option<LetterDetail>>;
    /// One step of a replay, the first to die first: letters are pending again, behind all that is, with attempts
    /// counted anew. Refused with the sentence when the filter names one by its id that cannot be replayed.
    fn replay(&self, step: LetterStep, by: By) -> Answer<'_, LettersMoved>;
    /// One step of deleting dead letters for good.
    fn drop_letters(&self, step: LetterStep, by: By) -> Answer<'_, LettersMoved>;

    // -- looking ----------------------------------------------------------------------------------

    /// Bots with work that is due at `now`, whoever should have been woken for it.
    fn due_bots(&self, now: Millis) -> Answer<'_, Vec<DueBot>>;
    /// The newest events, for people.
    fn events(&self, query: EventQuery) -> Answer<'_, Vec<EventSummary>>;
    /// One event with its record and its deliveries.
    fn event(&self, id: EventId) -> Answer<'_, Option<EventDetail>>;
    /// Who did what, newest first.
    fn audit(&self, query: AuditQuery) -> Answer<'_, Vec<AuditRow>>;
    /// How much is pending, per bot.
    fn backlog(&self) -> Answer<'_, Vec<BacklogRow>>;
    /// What presses, over all bots: for alarms.
    fn pressing(&self) -> Answer<'_, Pressing>;
    /// Writes and reads back: is the store writable?
    fn probe(&self) -> Answer<'_, ()>;

    // -- keeping house ----------------------------------------------------------------------------

    /// Deletes what retention no longer keeps; bounded work per call, `more` says whether to call again.
    fn prune(&self, keep: Retention) -> Answer<'_, Pruned>;
    /// Makes a checked copy while the store works on. What it came to is written down in the audit.
    fn backup(&self, order: BackupOrder) -> Answer<'_, Result<BackupTaken, BackupError>>;
    /// Erases content that retention no longer keeps, and what had to wait for the end of a turn or a delivery.
    /// Never of what is pending. Bounded as `prune`.
    fn erase(&self, keep: Retention) -> Answer<'_, Erased>;
    /// Obeys a deletion at Webex: what is stored of the message is erased, whichever of the two came first.
    fn obey_deletion(&self, deleted: DeletedMessage) -> Answer<'_, Obeyed>;
    /// One step of forgetting a person everywhere.
    fn forget_person(&self, step: ForgetStep, by: By) -> Answer<'_, Forgotten>;
    /// Gives free pages back to the disk, some a call; and, after something was erased, cuts the log off, where it
    /// would still stand.
    fn tidy(&self) -> Answer<'_, Tidied>;
    /// How much room it takes.
    fn size(&self) -> Answer<'_, StoreSize>;
    /// Seals every secret with another key, while everything else goes on. Goes on from where an earlier one was
    /// left; one at a time.
    fn rotate_seal(&self, by: By) -> Answer<'_, Rotated>;
    /// Ends the writer after what is queued, checkpoints and closes. Later verbs answer `Closed`.
    fn close(&self) -> Answer<'_, ()>;
}
