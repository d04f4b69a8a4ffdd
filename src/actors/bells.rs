//! The doorbells between the writer and the actors: a flag, a bounded hand-over of rows, a recipient.
//!
//! Work is a row in the store. A bell only says "look", and hands the rows of the last commits along so that
//! the look need not read them again (a one-row read costs as much as a commit of sixteen). Both may be lost:
//! the recipient that misses a ring is rung by the sweeper ([`Bells::nudge_bot`]), and a hand-over that is not
//! [`complete`](HandOver::complete) sends its reader to the store. A mailbox of actix bounds nothing, so a bell
//! rings only from false to true: at most one message of it is ever queued.

mod shelf;

use std::{
    collections::{BTreeSet, HashMap},
    fmt, mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
};

use actix::{Message, Recipient};

use self::shelf::Shelf;
use super::api::Ring;
use crate::{
    base::{BotId, Epoch, Lease},
    store::{DeliveryRow, Doorbell, EventRow, Wake},
};

/// A bot's bell: the doorbell holds events for it, or the store has some.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct Knock;

/// The runner's bell: the store has calls that are due.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "()")]
pub struct CallsDue;

/// Rows that were handed along since the last look.
#[derive(Debug)]
pub struct HandOver<R> {
    /// In the order of their commits.
    pub rows: Vec<R>,
    /// Nothing was left out: the store has no more than these and what was handed over before.
    pub complete: bool,
}

/// How much the bells hold for those who do not look.
#[derive(Debug, Clone, Copy)]
pub struct BellLimits {
    /// Rows handed over to one bot (and, apart, to the api for one bot).
    pub per_bot: usize,
    /// Rows over all bots, of events and of deliveries each.
    pub total: usize,
}

impl Default for BellLimits {
    /// A bot looks within milliseconds; what piles up beyond this is a backlog, and that lives in the store.
    fn default() -> Self {
        Self { per_bot: 256, total: 8_192 }
    }
}

/// What a test breaks on purpose, to show that a bell carries no work of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct BellFaults {
    /// Every hand-over arrives empty (and says that it is incomplete).
    pub drop_hand_over: bool,
    /// No commit rings; only the sweeper does.
    pub drop_wakes: bool,
}

/// All bells of one process. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Bells(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    limits: BellLimits,
    faults: BellFaults,
    bots: RwLock<HashMap<BotId, Arc<BotBell>>>,
    event_rows: Arc<AtomicUsize>,
    api: ApiBell,
    delivery_rows: Arc<AtomicUsize>,
    runner: RunnerBell,
}

struct BotBell {
    epoch: Epoch,
    flag: AtomicBool,
    shelf: Mutex<Shelf<EventRow>>,
    recipient: Recipient<Knock>,
}

#[derive(Default)]
struct ApiBell {
    flag: AtomicBool,
    shelves: Mutex<HashMap<BotId, Shelf<DeliveryRow>>>,
    recipient: Mutex<Option<Recipient<Ring>>>,
}

/// Calls are few, and each takes longer than any read: no row is handed along, only whose they are.
#[derive(Default)]
struct RunnerBell {
    flag: AtomicBool,
    bots: Mutex<BTreeSet<BotId>>,
    recipient: Mutex<Option<Recipient<CallsDue>>>,
}

impl Bells {
    /// Bells with limits and faults of one's own; [`Bells::default`] has none of the latter.
    #[must_use]
    pub fn new(limits: BellLimits, faults: BellFaults) -> Self {
        Self(Arc::new(Inner { limits, faults, ..Inner::default() }))
    }

    /// From now on commits for the lease's bot ring here. Its first [`drain`](Self::drain) is incomplete: what
    /// was committed before is in the store. A bell of a newer incarnation is left in place.
    pub fn register(&self, lease: &Lease, recipient: Recipient<Knock>) {
        let bell = BotBell {
            epoch: lease.epoch,
            flag: AtomicBool::new(false),
            shelf: Mutex::new(Shelf::empty(&self.0.event_rows, false)),
            recipient,
        };
        let mut bots = self.0.bots.write().unwrap_or_else(PoisonError::into_inner);
        if bots.get(&lease.bot).is_none_or(|known| known.epoch <= lease.epoch) {
            bots.insert(lease.bot.clone(), Arc::new(bell));
        }
    }

    /// The bell of this incarnation (or an older one) is taken down.
    pub fn unregister(&self, lease: &Lease) {
        let mut bots = self.0.bots.write().unwrap_or_else(PoisonError::into_inner);
        if bots.get(&lease.bot).is_some_and(|known| known.epoch <= lease.epoch) {
            bots.remove(&lease.bot);
        }
    }

    /// From now on commits with deliveries ring here. What was held for a former api actor is forgotten: the
    /// lanes of a new one begin at the store.
    pub fn attach_api(&self, recipient: Recipient<Ring>) {
        *lock(&self.0.api.recipient) = Some(recipient);
        lock(&self.0.api.shelves).clear();
        self.0.api.flag.store(false, Ordering::SeqCst);
    }

    /// From now on commits with calls ring here.
    pub fn attach_runner(&self, recipient: Recipient<CallsDue>) {
        *lock(&self.0.runner.recipient) = Some(recipient);
        self.0.runner.flag.store(false, Ordering::SeqCst);
    }

    /// Whose calls are to be looked for. The bell rings again from here on.
    pub fn drain_runner(&self) -> BTreeSet<BotId> {
        self.0.runner.flag.store(false, Ordering::SeqCst);
        mem::take(&mut *lock(&self.0.runner.bots))
    }

    /// The store has calls of this bot that are due: says the sweeper, or a commit.
    pub fn nudge_runner(&self, bot: &BotId) {
        lock(&self.0.runner.bots).insert(bot.clone());
        self.0.runner.ring();
    }

    /// What was handed over to a bot since its last look. The bell rings again from here on.
    pub fn drain(&self, bot: &BotId) -> HandOver<EventRow> {
        let Some(bell) = self.bell(bot) else { return HandOver { rows: Vec::new(), complete: false } };
        // The flag first: a row that comes after the rows were taken must find it false and ring.
        bell.flag.store(false, Ordering::SeqCst);
        lock(&bell.shelf).take()
    }

    /// What was handed over to the api since its last look, per bot. The bell rings again from here on.
    pub fn drain_api(&self) -> Vec<(BotId, HandOver<DeliveryRow>)> {
        self.0.api.flag.store(false, Ordering::SeqCst);
        let shelves = mem::take(&mut *lock(&self.0.api.shelves));
        shelves.into_iter().map(|(bot, mut shelf)| (bot, shelf.take())).collect()
    }

    /// The sweeper's ring: the store has events of this bot that are due.
    pub fn nudge_bot(&self, bot: &BotId) {
        if let Some(bell) = self.bell(bot) {
            lock(&bell.shelf).complete = false;
            bell.ring();
        }
    }

    /// The sweeper's ring: the store has deliveries of this bot that are due.
    pub fn nudge_api(&self, bot: &BotId) {
        self.0.api.shelf(bot, &self.0.delivery_rows, |shelf| shelf.complete = false);
        self.0.api.ring();
    }

    fn bell(&self, bot: &BotId) -> Option<Arc<BotBell>> {
        self.0.bots.read().unwrap_or_else(PoisonError::into_inner).get(bot).cloned()
    }
}

impl Doorbell for Bells {
    fn ring(&self, wake: Wake) {
        let (limits, faults) = (&self.0.limits, self.0.faults);
        if !wake.events.is_empty()
            && let Some(bell) = self.bell(&wake.bot)
        {
            lock(&bell.shelf).put(wake.events, limits, faults);
            if !faults.drop_wakes {
                bell.ring();
            }
        }
        if !wake.deliveries.is_empty() {
            self.0.api.shelf(&wake.bot, &self.0.delivery_rows, |shelf| shelf.put(wake.deliveries, limits, faults));
            if !faults.drop_wakes {
                self.0.api.ring();
            }
        }
        if !wake.calls.is_empty() && !faults.drop_wakes {
            self.nudge_runner(&wake.bot);
        }
    }
}

impl RunnerBell {
    fn ring(&self) {
        if !self.flag.swap(true, Ordering::SeqCst) {
            let told = lock(&self.recipient).as_ref().is_some_and(|runner| runner.try_send(CallsDue).is_ok());
            if !told {
                self.flag.store(false, Ordering::SeqCst);
            }
        }
    }
}

impl fmt::Debug for RunnerBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RunnerBell").field("flag", &self.flag).finish_non_exhaustive()
    }
}

impl BotBell {
    fn ring(&self) {
        if !self.flag.swap(true, Ordering::SeqCst) && self.recipient.try_send(Knock).is_err() {
            // Nobody was told, so nobody will clear the flag: the next ring must try again.
            self.flag.store(false, Ordering::SeqCst);
        }
    }
}

impl ApiBell {
    fn ring(&self) {
        if !self.flag.swap(true, Ordering::SeqCst) {
            let told = lock(&self.recipient).as_ref().is_some_and(|api| api.try_send(Ring).is_ok());
            if !told {
                self.flag.store(false, Ordering::SeqCst);
            }
        }
    }

    fn shelf(&self, bot: &BotId, budget: &Arc<AtomicUsize>, change: impl FnOnce(&mut Shelf<DeliveryRow>)) {
        let mut shelves = lock(&self.shelves);
        match shelves.get_mut(bot) {
            Some(shelf) => change(shelf),
            None => change(shelves.entry(bot.clone()).or_insert_with(|| Shelf::empty(budget, true))),
        }
    }
}

/// A panic while a lock was held leaves at worst a hand-over that misses rows; the store has them.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for BotBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BotBell").field("epoch", &self.epoch).field("flag", &self.flag).finish_non_exhaustive()
    }
}

impl fmt::Debug for ApiBell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiBell").field("flag", &self.flag).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use actix::{Actor, Context, Handler};

    use super::*;
    use crate::{
        base::{EventId, Millis, Seq},
        store::Class,
    };

    /// Counts its messages.
    #[derive(Default)]
    struct Listener {
        knocks: Arc<AtomicUsize>,
    }

    impl Actor for Listener {
        type Context = Context<Self>;
    }

    impl Handler<Knock> for Listener {
        type Result = ();
        fn handle(&mut self, _: Knock, _: &mut Self::Context) {
            self.knocks.fetch_add(1, Ordering::SeqCst);
        }
    }

    impl Handler<Ring> for Listener {
        type Result = ();
        fn handle(&mut self, _: Ring, _: &mut Self::Context) {
            self.knocks.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn lease(epoch: i64) -> Lease {
        Lease { bot: BotId::parse("echo").unwrap(), epoch: Epoch(epoch) }
    }

    fn event(seq: i64) -> EventRow {
        EventRow {
            seq: Seq(seq),
            id: EventId::new(),
            order_key: "R".into(),
            class: Class::Interactive,
            attempt: 0,
            accepted_at: Millis(0),
            payload: Vec::new(),
        }
    }

    fn delivery(seq: i64) -> DeliveryRow {
        DeliveryRow {
            seq: Seq(seq),
            id: EventId::new(),
            bot: lease(1).bot,
            event: EventId::new(),
            order_key: "room:R".into(),
            class: Class::Interactive,
            attempt: 0,
            doubtful: false,
            created_at: Millis(0),
            payload: Vec::new(),
        }
    }

    fn wake(events: impl IntoIterator<Item = i64>) -> Wake {
        Wake { events: events.into_iter().map(event).collect(), ..Wake::of(lease(1).bot) }
    }

    fn seqs(handed: &HandOver<EventRow>) -> Vec<i64> {
        handed.rows.iter().map(|row| row.seq.0).collect()
    }

    /// A registered listener whose first, incomplete hand-over is behind it.
    fn listening(bells: &Bells) -> Arc<AtomicUsize> {
        let listener = Listener::default();
        let knocks = Arc::clone(&listener.knocks);
        bells.register(&lease(1), listener.start().recipient());
        assert!(!bells.drain(&lease(1).bot).complete, "what was there before is in the store");
        knocks
    }

    async fn settle() {
        for _ in 0..8 {
            tokio::task::yield_now().await;
        }
    }

    #[actix::test]
    async fn a_bell_rings_only_from_false_to_true_and_hands_all_rows_over() {
        let bells = Bells::default();
        let knocks = listening(&bells);
        bells.ring(wake([1]));
        bells.ring(wake([2, 3]));
        settle().await;
        assert_eq!(knocks.load(Ordering::SeqCst), 1);
        let handed = bells.drain(&lease(1).bot);
        assert!(handed.complete);
        assert_eq!(seqs(&handed), [1, 2, 3]);
        bells.ring(wake([4]));
        settle().await;
        assert_eq!(knocks.load(Ordering::SeqCst), 2);
    }

    #[actix::test]
    async fn what_does_not_fit_sends_the_bot_to_the_store_and_later_rows_do_not_overtake_it() {
        let bells = Bells::new(BellLimits { per_bot: 2, total: 100 }, BellFaults::default());
        listening(&bells);
        bells.ring(wake([1]));
        bells.ring(wake([2, 3]));
        bells.ring(wake([4]));
        let handed = bells.drain(&lease(1).bot);
        assert!(!handed.complete);
        assert_eq!(seqs(&handed), [1]);
        bells.ring(wake([5]));
        assert!(bells.drain(&lease(1).bot).complete, "the shelf is fresh again");
    }

    #[actix::test]
    async fn a_ring_that_the_mailbox_refused_can_be_rung_again() {
        let bells = Bells::default();
        let knocks = Arc::new(AtomicUsize::new(0));
        let gone = Listener { knocks: Arc::clone(&knocks) }.start();
        let recipient = gone.clone().recipient();
        // Nothing is read before the test yields, so the mailbox fills up and refuses.
        while recipient.try_send(Knock).is_ok() {}
        bells.register(&lease(1), recipient);
        bells.ring(wake([1]));
        settle().await;
        let before = knocks.load(Ordering::SeqCst);
        bells.nudge_bot(&lease(1).bot);
        settle().await;
        assert_eq!(knocks.load(Ordering::SeqCst), before + 1);
    }

    #[actix::test]
    async fn a_former_incarnation_takes_no_newer_bell_down() {
        let bells = Bells::default();
        let listener = Listener::default().start();
        bells.register(&lease(2), listener.clone().recipient());
        bells.register(&lease(1), listener.recipient());
        bells.unregister(&lease(1));
        assert_eq!(bells.bell(&lease(1).bot).map(|bell| bell.epoch), Some(Epoch(2)));
        bells.unregister(&lease(2));
        assert!(bells.bell(&lease(1).bot).is_none());
    }

    #[actix::test]
    async fn the_api_gets_the_deliveries_of_each_bot_and_the_word_to_look_further() {
        let bells = Bells::default();
        let listener = Listener::default();
        let rings = Arc::clone(&listener.knocks);
        bells.attach_api(listener.start().recipient());
        bells.ring(Wake { deliveries: vec![delivery(7)], ..wake([]) });
        settle().await;
        assert_eq!(rings.load(Ordering::SeqCst), 1);
        let handed = bells.drain_api();
        assert_eq!(handed.len(), 1);
        assert_eq!(handed[0].0, lease(1).bot);
        assert!(handed[0].1.complete);
        assert_eq!(handed[0].1.rows[0].seq, Seq(7));
        bells.nudge_api(&lease(1).bot);
        settle().await;
        assert_eq!(rings.load(Ordering::SeqCst), 2);
        assert!(!bells.drain_api()[0].1.complete);
    }

    #[actix::test]
    async fn with_every_wake_dropped_the_sweeper_still_reaches_the_bot() {
        let bells = Bells::new(BellLimits::default(), BellFaults { drop_wakes: true, drop_hand_over: true });
        let knocks = listening(&bells);
        bells.ring(wake([1]));
        settle().await;
        assert_eq!(knocks.load(Ordering::SeqCst), 0);
        bells.nudge_bot(&lease(1).bot);
        settle().await;
        assert_eq!(knocks.load(Ordering::SeqCst), 1);
        let handed = bells.drain(&lease(1).bot);
        assert!(handed.rows.is_empty() && !handed.complete);
    }
}
