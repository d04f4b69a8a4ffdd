//! The part of a bot's pending events that it holds in memory: bounded, and never the truth.
//!
//! Rows come handed along with a wake or read from the store. Which of them may run is decided here as far
//! as it can be (one at a time per order key), and checked again by the store when they are claimed, so a
//! row that is missing here, or here too long, costs a question and never the order.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    base::{Millis, Seq},
    store::EventRow,
};

/// Rows a window holds at most; what is beyond stays in the store.
pub(super) const CAPACITY: usize = 128;
/// With fewer rows than this the window asks for more.
const LOW: usize = 16;
/// One key holds at most this many rows, so that one talkative dialogue leaves room for the others.
const PER_KEY: usize = 64;

/// What a read from the store is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ask {
    /// Keys that hold their share already, and need not be read further.
    pub(super) skip_keys: Vec<String>,
    /// Rows at most.
    pub(super) limit: usize,
}

/// The pending events in memory, by order key.
#[derive(Debug)]
pub(super) struct Window {
    keys: HashMap<String, VecDeque<EventRow>>,
    /// Keys with rows, none of them in a turn; the longest waiting first.
    ready: VecDeque<String>,
    /// Keys with an event in a turn.
    busy: HashSet<String>,
    /// Keys whose head waits for a retry, and until when.
    aside: HashMap<String, Millis>,
    /// Keys that may have more rows in the store, behind those here. It is time to read them when none is left
    /// here, and not before: a read with every bell would cost as much as the turns.
    cut: HashSet<String>,
    /// Every row here or in a turn.
    known: HashSet<Seq>,
    rows: usize,
    /// A key may be in the store of which nothing is here.
    missing: bool,
    /// The last read brought nothing new: asking again before anything changed would only spin.
    barren: bool,
}

impl Default for Window {
    /// Empty, and nothing is known of what the store holds.
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            ready: VecDeque::new(),
            busy: HashSet::new(),
            aside: HashMap::new(),
            cut: HashSet::new(),
            known: HashSet::new(),
            rows: 0,
            missing: true,
            barren: false,
        }
    }
}

impl Window {
    /// Rows handed along with a wake. Only taken when nothing older of their key can be missing.
    pub(super) fn offer(&mut self, rows: Vec<EventRow>) {
        for row in rows {
            if self.missing {
                self.barren = false;
            } else if self.cut.contains(&row.order_key) {
                // It stands in the store behind others that are read first.
            } else if self.rows >= CAPACITY || self.key_is_full(&row.order_key) {
                self.leave_behind(row.order_key);
            } else {
                self.insert(row);
            }
        }
    }

    /// What to read now. From here until the rows are [`loaded`](Self::loaded), nothing may be offered.
    pub(super) fn ask(&mut self) -> Ask {
        let full = self.keys.iter().filter(|(_, rows)| rows.len() >= PER_KEY);
        let skip_keys: Vec<String> = full.map(|(key, _)| key.clone()).collect();
        // A read passes over what stands behind a turn in hand.
        self.cut = self.busy.iter().chain(&skip_keys).cloned().collect();
        self.missing = false;
        Ask { skip_keys, limit: CAPACITY + self.rows + self.busy.len() }
    }

    /// Rows read from the store from the oldest on, as they were asked for.
    pub(super) fn loaded(&mut self, rows: Vec<EventRow>, limit: usize) {
        self.missing |= rows.len() >= limit;
        let before = self.rows;
        for row in rows {
            if self.known.contains(&row.seq) {
                continue;
            }
            if self.key_is_full(&row.order_key) {
                self.leave_behind(row.order_key);
            } else {
                self.insert(row);
            }
        }
        self.barren = self.rows == before;
    }

    /// Something may have been missed: read from the store at the next chance.
    pub(super) fn doubt(&mut self) {
        self.missing = true;
        self.barren = false;
    }

    /// Whether reading from the store may bring something to do; `idle`: to a turn that could begin now. While
    /// none could, a read would only bring again what is here already.
    pub(super) fn wants_load(&self, idle: bool) -> bool {
        self.missing && !self.barren && (self.rows < LOW || (idle && self.ready.is_empty()))
    }

    /// Takes at most `count` rows to run now, one a key.
    pub(super) fn take(&mut self, count: usize) -> Vec<EventRow> {
        let mut taken = Vec::with_capacity(count.min(self.ready.len()));
        while taken.len() < count {
            let Some(key) = self.ready.pop_front() else { break };
            let Some(row) = self.keys.get_mut(&key).and_then(VecDeque::pop_front) else { continue };
            self.rows -= 1;
            self.busy.insert(key);
            taken.push(row);
        }
        taken
    }

    /// The row left its turn; its key may go on.
    pub(super) fn done(&mut self, row: &EventRow) {
        self.barren &= self.rows >= LOW;
        self.known.remove(&row.seq);
        self.busy.remove(&row.order_key);
        match self.keys.get(&row.order_key) {
            Some(rows) if !rows.is_empty() => self.ready.push_back(row.order_key.clone()),
            _ => {
                self.keys.remove(&row.order_key);
                if self.cut.remove(&row.order_key) {
                    self.doubt();
                }
            }
        }
    }

    /// The row waits for its retry, and its key with it.
    pub(super) fn set_aside(&mut self, row: &EventRow, until: Millis) {
        self.known.remove(&row.seq);
        self.busy.remove(&row.order_key);
        for waiting in self.keys.remove(&row.order_key).unwrap_or_default() {
            self.known.remove(&waiting.seq);
            self.rows -= 1;
        }
        self.aside.insert(row.order_key.clone(), until);
    }

    /// Lets keys go on whose wait is over; answers when the next one is.
    pub(super) fn wake_up(&mut self, now: Millis) -> Option<Millis> {
        let before = self.aside.len();
        self.aside.retain(|_, until| *until > now);
        if self.aside.len() < before {
            self.doubt();
        }
        self.aside.values().min().copied()
    }

    /// How many events are in a turn.
    pub(super) fn in_turn(&self) -> usize {
        self.busy.len()
    }

    /// A row of this key stays in the store.
    fn leave_behind(&mut self, key: String) {
        if self.keys.contains_key(&key) || self.busy.contains(&key) {
            self.cut.insert(key);
        } else {
            self.doubt();
        }
    }

    fn key_is_full(&self, key: &str) -> bool {
        self.keys.get(key).is_some_and(|rows| rows.len() >= PER_KEY)
    }

    fn insert(&mut self, row: EventRow) {
        if self.aside.contains_key(&row.order_key) || !self.known.insert(row.seq) {
            return;
        }
        let key = row.order_key.clone();
        let rows = self.keys.entry(key.clone()).or_default();
        let place = rows.partition_point(|other| other.seq < row.seq);
        rows.insert(place, row);
        self.rows += 1;
        if rows.len() == 1 && !self.busy.contains(&key) {
            self.ready.push_back(key);
        }
    }
}

#[cfg(test)]
mod play;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::EventId, store::Class};

    pub(super) fn row(seq: i64, key: &str) -> EventRow {
        EventRow {
            seq: Seq(seq),
            id: EventId::new(),
            order_key: key.to_owned(),
            class: Class::Interactive,
            attempt: 0,
            accepted_at: Millis(0),
            payload: Vec::new(),
        }
    }

    /// As a bot does it; the store has no more than these.
    fn load(window: &mut Window, rows: Vec<EventRow>) {
        let Ask { limit, .. } = window.ask();
        window.loaded(rows, limit);
    }

    fn complete() -> Window {
        let mut window = Window::default();
        load(&mut window, Vec::new());
        window
    }

    fn seqs(rows: &[EventRow]) -> Vec<i64> {
        rows.iter().map(|row| row.seq.0).collect()
    }

    #[test]
    fn one_event_a_key_runs_at_a_time_and_keys_run_side_by_side() {
        let mut window = complete();
        window.offer(vec![row(1, "a"), row(2, "a"), row(3, "b")]);
        let taken = window.take(8);
        assert_eq!(seqs(&taken), [1, 3]);
        assert!(window.take(8).is_empty());
        window.done(&taken[0]);
        assert_eq!(seqs(&window.take(8)), [2]);
    }

    #[test]
    fn rows_handed_along_are_not_taken_while_older_ones_may_be_missing() {
        let mut window = Window::default();
        window.offer(vec![row(5, "a")]);
        assert!(window.take(1).is_empty() && window.wants_load(true));
        load(&mut window, vec![row(4, "a"), row(5, "a")]);
        assert_eq!(seqs(&window.take(1)), [4]);
    }

    #[test]
    fn a_key_set_aside_holds_its_rows_and_lets_others_go() {
        let mut window = complete();
        window.offer(vec![row(1, "a"), row(2, "a"), row(3, "b")]);
        let taken = window.take(1);
        window.set_aside(&taken[0], Millis(100));
        window.offer(vec![row(4, "a")]);
        assert_eq!(seqs(&window.take(8)), [3]);
        assert_eq!(window.wake_up(Millis(50)), Some(Millis(100)));
        assert!(!window.wants_load(true));
        assert_eq!(window.wake_up(Millis(100)), None);
        assert!(window.wants_load(true));
    }

    #[test]
    fn one_talkative_key_leaves_room_for_the_others() {
        let mut window = complete();
        window.offer((0..200).map(|seq| row(seq, "a")).collect());
        assert_eq!(window.rows, PER_KEY);
        assert_eq!(window.ask().skip_keys, ["a"]);
        window.loaded(vec![row(300, "b")], CAPACITY);
        assert_eq!(seqs(&window.take(8)), [0, 300]);
    }

    #[test]
    fn a_key_with_a_backlog_is_read_again_when_its_rows_are_used_up_and_not_before() {
        let mut window = complete();
        window.offer((1..=80).map(|seq| row(seq, "a")).collect());
        for seq in 1..64 {
            let taken = window.take(1);
            assert_eq!(seqs(&taken), [seq]);
            window.offer(vec![row(100 + seq, "a")]);
            assert!(!window.wants_load(true), "what came meanwhile stands behind those here");
            window.done(&taken[0]);
            assert!(!window.wants_load(true), "after {seq}");
        }
        let last = window.take(1);
        assert!(!window.wants_load(true), "a read passes over what stands behind a turn in hand");
        window.done(&last[0]);
        assert!(window.wants_load(true));
        load(&mut window, (65..=80).map(|seq| row(seq, "a")).collect());
        assert!(!window.wants_load(true));
        assert_eq!(seqs(&window.take(1)), [65]);
    }

    #[test]
    fn what_stands_behind_a_turn_in_hand_at_a_read_is_looked_for_after_it() {
        let mut window = complete();
        window.offer(vec![row(1, "a")]);
        let taken = window.take(1);
        window.doubt();
        let Ask { limit, .. } = window.ask();
        // The turn may end while the store reads.
        window.done(&taken[0]);
        window.loaded(Vec::new(), limit);
        window.offer(vec![row(3, "a")]);
        assert!(window.take(1).is_empty() && window.wants_load(true));
    }

    #[test]
    fn a_read_that_brings_nothing_new_is_not_repeated_until_something_changes() {
        let mut window = Window::default();
        let rows: Vec<_> = (1..=40).map(|seq| row(seq, "a")).collect();
        window.ask();
        window.loaded(rows.clone(), 40);
        let taken = window.take(1);
        assert!(!window.wants_load(false), "there is enough here, and nothing could begin");
        assert!(window.wants_load(true), "the only key is busy: others may be waiting in the store");
        window.ask();
        window.loaded(rows, 40);
        assert!(!window.wants_load(true));
        window.doubt();
        assert!(window.wants_load(true));
        window.done(&taken[0]);
    }
}
