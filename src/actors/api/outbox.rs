//! The deliveries of one lane that are in memory: a bounded window on the outbox, in order per destination.
//!
//! Pure. The window may be wrong in every way (rows missing, rows already sent by somebody else): a row leaves
//! only after the store marked it, and the store marks only the head of a destination. What is wrong costs a
//! refused mark and a look at the store, never an order or a message.

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::{actors::bells::HandOver, base::Millis, store::DeliveryRow};

/// Rows of one lane in memory.
const WINDOW: usize = 64;
/// Destinations that wait for a retry in memory; beyond it the store keeps the moment and the sweeper rings.
const WAITING: usize = 32;
/// How long to leave the store alone after it failed, or kept refusing what it had just handed out.
const REST: Duration = Duration::from_secs(1);
/// Refusals in a row that are still taken for an outdated window.
const REFUSALS: u32 = 3;

/// The window.
#[derive(Debug)]
pub(super) struct Outbox {
    keys: HashMap<Arc<str>, Key>,
    /// Destinations whose head may go, urgent ones and others.
    ready: [VecDeque<Arc<str>>; 2],
    waiting: BTreeSet<(Millis, Arc<str>)>,
    rows: usize,
    flying: usize,
    /// The store may have rows that are not here.
    more: bool,
    loading: bool,
    /// What was handed over while the store was looked at: it may stand behind what the look brings.
    late: HandOver<DeliveryRow>,
    not_before: Millis,
    refusals: u32,
}

/// One destination.
#[derive(Debug)]
struct Key {
    rows: VecDeque<DeliveryRow>,
    state: State,
    /// The store may have later rows of it that are not here.
    unsure: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Its head may go.
    Ready,
    /// Its head is on its way, and nothing else of it moves.
    Flying,
    /// Its head is tried again at a moment.
    Waiting(Millis),
}

impl Outbox {
    /// An empty window on an outbox that may have rows.
    pub(super) fn new() -> Self {
        Self {
            keys: HashMap::new(),
            ready: [VecDeque::new(), VecDeque::new()],
            waiting: BTreeSet::new(),
            rows: 0,
            flying: 0,
            more: true,
            loading: false,
            late: nothing(),
            not_before: Millis(0),
            refusals: 0,
        }
    }

    /// Another incarnation of the bot sends from now on. What flies keeps its destination until it has landed;
    /// the rest is read anew.
    pub(super) fn reopen(&mut self) {
        self.keys.retain(|_, key| key.state == State::Flying);
        for key in self.keys.values_mut() {
            key.rows.clear();
            key.unsure = true;
        }
        self.ready = [VecDeque::new(), VecDeque::new()];
        self.waiting.clear();
        self.rows = 0;
        self.more = true;
        self.loading = false;
        self.late = nothing();
        self.not_before = Millis(0);
        self.refusals = 0;
    }

    /// Takes what the bell handed over.
    pub(super) fn hand_over(&mut self, handed: HandOver<DeliveryRow>) {
        if self.loading {
            self.late.complete &= handed.complete && self.late.rows.len() + handed.rows.len() <= WINDOW;
            if self.late.complete {
                self.late.rows.extend(handed.rows);
            }
            return;
        }
        if !handed.complete {
            self.more = true;
            self.keys.values_mut().for_each(|key| key.unsure = true);
        }
        for row in handed.rows {
            // Rows that are not here may be of the same destination: what overtook them would be refused.
            let follows = self.keys.get(row.order_key.as_str()).map_or(!self.more, |key| !key.unsure);
            if follows && self.room() > 0 {
                self.append(row);
            } else if let Some(key) = self.keys.get_mut(row.order_key.as_str()) {
                key.unsure = true;
            } else {
                self.more = true;
            }
        }
    }

    /// Puts a row behind those of its destination, unless it is among them already.
    fn append(&mut self, row: DeliveryRow) {
        if let Some(key) = self.keys.get_mut(row.order_key.as_str()) {
            if key.rows.back().is_none_or(|last| last.seq < row.seq) {
                key.rows.push_back(row);
                self.rows += 1;
            }
        } else {
            let name: Arc<str> = row.order_key.as_str().into();
            self.ready[row.class as usize].push_back(Arc::clone(&name));
            self.keys.insert(name, Key { rows: VecDeque::from([row]), state: State::Ready, unsure: false });
            self.rows += 1;
        }
    }

    /// How many rows to read from the store now, if it may have some and there is room.
    pub(super) fn wants(&self, now: Millis) -> Option<usize> {
        let room = self.room();
        (self.more && !self.loading && room >= WINDOW / 2 && now >= self.not_before).then_some(room)
    }

    /// How many more rows fit; those on their way may come back.
    pub(super) fn room(&self) -> usize {
        WINDOW.saturating_sub(self.rows + self.flying)
    }

    /// The destinations that are here: a look at the store leaves them out.
    pub(super) fn held(&self) -> Vec<String> {
        self.keys.keys().map(ToString::to_string).collect()
    }

    /// A look at the store has begun.
    pub(super) fn load(&mut self) {
        self.loading = true;
        self.more = false;
    }

    /// The look at the store for `limit` rows has ended. It brings whole destinations, the oldest rows first; what
    /// the limit or the window cuts off is read when a destination has nothing left here.
    pub(super) fn loaded(&mut self, rows: Vec<DeliveryRow>, limit: usize) {
        self.loading = false;
        let cut = rows.len() >= limit || rows.len() > self.room();
        self.more |= cut;
        for row in rows {
            if self.room() > 0 {
                self.append(row);
            }
        }
        if cut {
            self.keys.values_mut().for_each(|key| key.unsure = true);
        }
        let late = std::mem::replace(&mut self.late, nothing());
        self.hand_over(late);
    }

    /// The look at the store failed.
    pub(super) fn not_loaded(&mut self, now: Millis) {
        self.loading = false;
        self.late = nothing();
        self.more = true;
        self.not_before = now.plus(REST);
    }

    /// Whether a row may go.
    pub(super) fn has_ready(&self) -> bool {
        self.ready.iter().any(|queue| !queue.is_empty())
    }

    /// Takes the next row that may go; its destination is held until one of the words below.
    pub(super) fn take(&mut self) -> Option<DeliveryRow> {
        let name = self.ready.iter_mut().find_map(VecDeque::pop_front)?;
        let key = self.keys.get_mut(&name)?;
        let row = key.rows.pop_front()?;
        key.state = State::Flying;
        self.rows -= 1;
        self.flying += 1;
        Some(row)
    }

    /// The row has its final outcome: the destination goes on.
    pub(super) fn ended(&mut self, name: &str) {
        self.refusals = 0;
        self.landed();
        let Some(key) = self.keys.get_mut(name) else { return };
        if let Some(next) = key.rows.front() {
            key.state = State::Ready;
            let class = next.class as usize;
            let name: Arc<str> = name.into();
            self.ready[class].push_back(name);
        } else if let Some(key) = self.remove(name) {
            self.more |= key.unsure;
        }
    }

    /// The row is tried again at a moment; until then its destination waits, with no more than it in memory.
    pub(super) fn again(&mut self, row: DeliveryRow, at: Millis) {
        self.refusals = 0;
        self.landed();
        let Some((name, key)) = self.keys.get_key_value(row.order_key.as_str()) else { return };
        let (name, followers) = (Arc::clone(name), key.rows.len());
        self.rows -= followers;
        if self.waiting.len() >= WAITING {
            self.remove(&name);
        } else if let Some(key) = self.keys.get_mut(&name) {
            key.unsure |= followers > 0;
            key.rows = VecDeque::from([row]);
            key.state = State::Waiting(at);
            self.rows += 1;
            self.waiting.insert((at, name));
        }
    }

    /// The store does not let the row leave: this window is outdated, or the lease is.
    pub(super) fn refused(&mut self, name: &str, now: Millis) {
        self.forget(name);
        self.refusals += 1;
        if self.refusals > REFUSALS {
            self.not_before = now.plus(REST);
        }
    }

    /// A row flew for a former incarnation: whatever became of it stands in the store.
    pub(super) fn forget(&mut self, name: &str) {
        self.landed();
        if let Some(key) = self.remove(name) {
            self.rows -= key.rows.len();
        }
        self.more = true;
    }

    /// With the last key goes what it took to hold them: of thousands of lanes, most have nothing to send.
    fn remove(&mut self, name: &str) -> Option<Key> {
        let key = self.keys.remove(name);
        if self.keys.is_empty() {
            (self.keys, self.ready) = (HashMap::new(), [VecDeque::new(), VecDeque::new()]);
        }
        key
    }

    fn landed(&mut self) {
        self.flying = self.flying.saturating_sub(1);
    }

    /// Lets the destinations go whose wait is over.
    pub(super) fn wake(&mut self, now: Millis) {
        while let Some((at, name)) = self.waiting.first().cloned() {
            if at > now {
                break;
            }
            self.waiting.remove(&(at, Arc::clone(&name)));
            let Some(key) = self.keys.get_mut(&name) else { continue };
            let Some(head) = key.rows.front() else { continue };
            key.state = State::Ready;
            self.ready[head.class as usize].push_back(name);
        }
    }

    /// The next moment at which time alone changes something here.
    pub(super) fn wakes_at(&self) -> Option<Millis> {
        let waiting = self.waiting.first().map(|(at, _)| *at);
        let looking = (self.more && !self.loading && self.rows <= WINDOW / 2).then_some(self.not_before);
        waiting.into_iter().chain(looking).min()
    }

    /// Rows in memory that have not left.
    pub(super) fn len(&self) -> usize {
        self.rows
    }

    /// Rows on their way: marked or about to be, and without a recorded outcome.
    pub(super) fn flying(&self) -> usize {
        self.flying
    }
}

/// What a bell hands over that holds nothing.
fn nothing() -> HandOver<DeliveryRow> {
    HandOver { rows: Vec::new(), complete: true }
}

#[cfg(test)]
mod play;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{BotId, EventId, Seq},
        store::Class,
    };

    pub(super) fn row(seq: i64, key: &str) -> DeliveryRow {
        DeliveryRow {
            seq: Seq(seq),
            id: EventId(uuid::Uuid::nil()),
            bot: BotId::parse("echo").unwrap(),
            event: EventId(uuid::Uuid::nil()),
            order_key: key.into(),
            class: Class::Interactive,
            attempt: 0,
            doubtful: false,
            created_at: Millis(0),
            payload: Vec::new(),
        }
    }

    fn whole(rows: impl IntoIterator<Item = DeliveryRow>) -> HandOver<DeliveryRow> {
        HandOver { rows: rows.into_iter().collect(), complete: true }
    }

    /// A window whose first look found nothing.
    fn read() -> Outbox {
        let mut outbox = Outbox::new();
        outbox.load();
        outbox.loaded(Vec::new(), WINDOW);
        outbox
    }

    fn taken(outbox: &mut Outbox) -> Vec<i64> {
        std::iter::from_fn(|| outbox.take()).map(|row| row.seq.0).collect()
    }

    #[test]
    fn one_row_a_destination_flies_and_the_next_follows_when_it_has_ended() {
        let mut outbox = read();
        outbox.hand_over(whole([row(1, "a"), row(2, "a"), row(3, "b")]));
        assert_eq!(taken(&mut outbox), [1, 3]);
        outbox.ended("a");
        assert_eq!(taken(&mut outbox), [2]);
        assert_eq!((outbox.len(), outbox.flying()), (0, 2));
    }

    #[test]
    fn a_head_that_waits_holds_its_destination_and_no_other() {
        let mut outbox = read();
        outbox.hand_over(whole([row(1, "a"), row(2, "a"), row(3, "b")]));
        let first = outbox.take().unwrap();
        outbox.again(first, Millis(500));
        assert_eq!(taken(&mut outbox), [3]);
        outbox.wake(Millis(499));
        assert!(!outbox.has_ready());
        assert_eq!(outbox.wakes_at(), Some(Millis(500)));
        outbox.wake(Millis(500));
        assert_eq!(taken(&mut outbox), [1]);
        outbox.ended("a");
        assert_eq!(outbox.wants(Millis(500)), Some(WINDOW - 1), "the followers were left to the store");
    }

    #[test]
    fn urgent_rows_go_before_others() {
        let mut outbox = read();
        outbox.hand_over(whole([DeliveryRow { class: Class::Background, ..row(1, "a") }, row(2, "b")]));
        assert_eq!(taken(&mut outbox), [2, 1]);
    }

    #[test]
    fn the_window_is_bounded_and_says_that_there_is_more() {
        let mut outbox = read();
        outbox.hand_over(whole((0..100).map(|seq| row(seq, &format!("k{seq}")))));
        assert_eq!(outbox.len(), WINDOW);
        assert_eq!(outbox.wants(Millis(0)), None, "there is no room yet");
        for _ in 0..WINDOW {
            let row = outbox.take().unwrap();
            outbox.ended(&row.order_key);
        }
        assert_eq!(outbox.wants(Millis(0)), Some(WINDOW));
    }

    #[test]
    fn a_backlog_of_one_destination_takes_a_look_for_every_many_rows() {
        let mut outbox = read();
        let mut backlog: VecDeque<i64> = (0..1000).collect();
        outbox.hand_over(whole((0..1000).map(|seq| row(seq, "a"))));
        let (mut looks, mut sent) = (0, Vec::new());
        while let Some(row) = outbox.take() {
            backlog.pop_front();
            sent.push(row.seq.0);
            outbox.ended("a");
            if let Some(limit) = outbox.wants(Millis(0)) {
                looks += 1;
                let rows = if outbox.held().is_empty() { backlog.iter().take(limit) } else { backlog.iter().take(0) };
                outbox.load();
                outbox.loaded(rows.map(|seq| super::tests::row(*seq, "a")).collect(), limit);
            }
        }
        assert_eq!(sent, (0..1000).collect::<Vec<_>>());
        assert!(looks <= 1000 / (WINDOW / 2) + 1, "{looks} looks");
    }

    #[test]
    fn what_is_handed_over_during_a_look_stands_behind_what_the_look_brings() {
        let mut outbox = Outbox::new();
        outbox.load();
        outbox.hand_over(whole([row(3, "a"), row(4, "b")]));
        assert!(!outbox.has_ready());
        outbox.loaded(vec![row(1, "a"), row(3, "a")], WINDOW);
        assert_eq!(taken(&mut outbox), [1, 4]);
        outbox.ended("a");
        assert_eq!(taken(&mut outbox), [3]);
        outbox.ended("a");
        assert_eq!(outbox.wants(Millis(0)), None, "nothing is missing");
    }

    #[test]
    fn a_store_that_refuses_what_it_hands_out_is_left_alone_for_a_while() {
        let mut outbox = read();
        for seq in 0.. {
            outbox.hand_over(HandOver { rows: Vec::new(), complete: false });
            if outbox.wants(Millis(10)).is_none() {
                assert_eq!(seq, i64::from(REFUSALS) + 1);
                break;
            }
            outbox.load();
            outbox.loaded(vec![row(seq, "a")], WINDOW);
            outbox.take().unwrap();
            outbox.refused("a", Millis(10));
        }
        assert_eq!(outbox.wakes_at(), Some(Millis(10).plus(REST)));
    }

    #[test]
    fn a_destination_that_flies_for_a_former_incarnation_is_held_until_it_has_landed() {
        let mut outbox = read();
        outbox.hand_over(whole([row(1, "a"), row(2, "a"), row(3, "b")]));
        outbox.take().unwrap();
        outbox.reopen();
        assert_eq!(outbox.held(), ["a"]);
        assert_eq!(outbox.len(), 0);
        outbox.forget("a");
        assert!(outbox.held().is_empty() && outbox.wants(Millis(0)).is_some());
    }
}
