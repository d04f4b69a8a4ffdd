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

/// The pending events in memory, by order key.
#[derive(Debug, Default)]
pub(super) struct Window {
    keys: HashMap<String, VecDeque<EventRow>>,
    /// Keys with rows, none of them in a turn; the longest waiting first.
    ready: VecDeque<String>,
    /// Keys with an event in a turn.
    busy: HashSet<String>,
    /// Keys whose head waits for a retry, and until when.
    aside: HashMap<String, Millis>,
    /// Every row here or in a turn.
    known: HashSet<Seq>,
    rows: usize,
    /// Nothing that may run is in the store but not here.
    complete: bool,
    /// The last read brought nothing new: asking again before anything changed would only spin.
    barren: bool,
}

impl Window {
    /// Rows handed along with a wake. Only taken when nothing older can be missing.
    pub(super) fn offer(&mut self, rows: Vec<EventRow>) {
        for row in rows {
            if !self.complete || self.rows >= CAPACITY || self.key_is_full(&row.order_key) {
                self.doubt();
                return;
            }
            self.insert(row);
        }
    }

    /// Rows read from the store from the oldest on, at most `limit`; `skipped` when keys were left out.
    pub(super) fn loaded(&mut self, rows: Vec<EventRow>, limit: usize, skipped: bool) {
        self.complete = rows.len() < limit && !skipped;
        let before = self.rows;
        for row in rows {
            if self.key_is_full(&row.order_key) {
                self.complete = false;
            } else {
                self.insert(row);
            }
        }
        self.barren = self.rows == before;
    }

    /// Something may have been missed: read from the store at the next chance.
    pub(super) fn doubt(&mut self) {
        self.complete = false;
        self.barren = false;
    }

    /// Whether reading from the store may bring something to do; `idle`: to a turn that could begin now. While
    /// none could, a read would only bring again what is here already.
    pub(super) fn wants_load(&self, idle: bool) -> bool {
        !self.complete && !self.barren && (self.rows < LOW || (idle && self.ready.is_empty()))
    }

    /// Keys that hold their share already, and need not be read further.
    pub(super) fn full_keys(&self) -> Vec<String> {
        self.keys.iter().filter(|(_, rows)| rows.len() >= PER_KEY).map(|(key, _)| key.clone()).collect()
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

    /// How many rows wait here.
    pub(super) fn len(&self) -> usize {
        self.rows
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
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{base::EventId, store::Class};

    fn row(seq: i64, key: &str) -> EventRow {
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

    fn complete() -> Window {
        let mut window = Window::default();
        window.loaded(Vec::new(), CAPACITY, false);
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
        window.loaded(vec![row(4, "a"), row(5, "a")], CAPACITY, false);
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
        assert_eq!(window.len(), PER_KEY);
        assert_eq!(window.full_keys(), ["a"]);
    }

    #[test]
    fn a_read_that_brings_nothing_new_is_not_repeated_until_something_changes() {
        let mut window = Window::default();
        let rows: Vec<_> = (1..=80).map(|seq| row(seq, "a")).collect();
        window.loaded(rows.clone(), 80, false);
        let taken = window.take(1);
        assert!(!window.wants_load(false), "there is enough here, and nothing could begin");
        assert!(window.wants_load(true), "the only key is busy: others may be waiting in the store");
        window.loaded(rows.clone(), 80, true);
        assert!(window.wants_load(true), "the key's share was filled up again");
        window.loaded(rows, 80, true);
        assert!(!window.wants_load(true));
        window.doubt();
        assert!(window.wants_load(true));
        window.done(&taken[0]);
    }

    proptest! {
        /// Whatever comes in whatever way, no key runs two events at once and none runs out of order.
        #[test]
        fn order_holds_inside_each_key(steps in prop::collection::vec((0u8..4, 0usize..5), 1..200)) {
            let mut window = complete();
            let mut next = 0;
            let mut running: Vec<EventRow> = Vec::new();
            let mut last: HashMap<String, i64> = HashMap::new();
            for (step, key) in steps {
                match step {
                    0 | 1 => { next += 1; window.offer(vec![row(next, &key.to_string())]); }
                    2 => for taken in window.take(2) {
                        prop_assert!(running.iter().all(|other| other.order_key != taken.order_key));
                        let before = last.insert(taken.order_key.clone(), taken.seq.0).unwrap_or(0);
                        prop_assert!(before < taken.seq.0);
                        running.push(taken);
                    },
                    _ => if let Some(row) = running.pop() { window.done(&row); },
                }
            }
            prop_assert_eq!(window.in_turn(), running.len());
            prop_assert!(window.len() <= CAPACITY);
        }
    }
}
