//! The part of a bot's pending events that it holds in memory: bounded, and never the truth.
//!
//! Rows come handed along with a wake or read from the store. Which of them may run is decided here as far
//! as it can be (one at a time per order key), and checked again by the store when they are claimed, so a
//! row that is missing here, or here too long, costs a question and never the order.

use std::collections::{BTreeMap, HashMap, VecDeque};

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

/// The pending events in memory, by order key. What it took for them is given back when none is left: of thousands of
/// bots, most have nothing to do.
#[derive(Debug)]
pub(super) struct Window {
    /// Keys with rows here or in a turn.
    keys: HashMap<String, Key>,
    /// Keys with rows, none of them in a turn; the longest waiting first.
    ready: VecDeque<String>,
    /// Keys whose head waits for a retry, and until when.
    aside: BTreeMap<String, Millis>,
    /// Rows that wait for a turn.
    rows: usize,
    /// Rows in a turn.
    in_turn: usize,
    /// A key may be in the store of which nothing is here.
    missing: bool,
    /// The last read brought nothing new: asking again before anything changed would only spin.
    barren: bool,
}

/// What is here of one key.
#[derive(Debug, Default)]
struct Key {
    rows: VecDeque<EventRow>,
    /// Its event in a turn.
    busy: Option<Seq>,
    /// It may have more rows in the store, behind those here. It is time to read them when none is left here, and not
    /// before: a read with every bell would cost as much as the turns.
    cut: bool,
}

impl Key {
    fn is_full(&self) -> bool {
        self.rows.len() >= PER_KEY
    }

    fn knows(&self, seq: Seq) -> bool {
        self.busy == Some(seq) || self.rows.binary_search_by_key(&seq, |row| row.seq).is_ok()
    }
}

impl Default for Window {
    /// Empty, and nothing is known of what the store holds.
    fn default() -> Self {
        Self {
            keys: HashMap::new(),
            ready: VecDeque::new(),
            aside: BTreeMap::new(),
            rows: 0,
            in_turn: 0,
            missing: true,
            barren: false,
        }
    }
}

impl Window {
    /// Rows handed along with a wake. Only taken when nothing older of their key can be missing.
    pub(super) fn offer(&mut self, rows: Vec<EventRow>) {
        for row in rows {
            let key = self.keys.get_mut(&row.order_key);
            if self.missing {
                self.barren = false;
            } else if key.as_ref().is_some_and(|key| key.cut) || self.aside.contains_key(&row.order_key) {
                // It stands in the store behind others that are read first.
            } else if self.rows >= CAPACITY || key.as_ref().is_some_and(|key| key.is_full()) {
                match key {
                    Some(key) => key.cut = true,
                    None => self.doubt(),
                }
            } else {
                self.insert(row);
            }
        }
    }

    /// What to read now. From here until the rows are [`loaded`](Self::loaded), nothing may be offered.
    pub(super) fn ask(&mut self) -> Ask {
        let mut skip_keys = Vec::new();
        for (name, key) in &mut self.keys {
            if key.is_full() {
                skip_keys.push(name.clone());
            }
            // A read passes over what stands behind a turn in hand.
            key.cut = key.busy.is_some() || key.is_full();
        }
        self.missing = false;
        Ask { skip_keys, limit: CAPACITY + self.rows + self.in_turn }
    }

    /// Rows read from the store from the oldest on, as they were asked for.
    pub(super) fn loaded(&mut self, rows: Vec<EventRow>, limit: usize) {
        self.missing |= rows.len() >= limit;
        let before = self.rows;
        for row in rows {
            match self.keys.get_mut(&row.order_key) {
                Some(key) if key.knows(row.seq) => {}
                Some(key) if key.is_full() => key.cut = true,
                _ => self.insert(row),
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

    /// Whether a row could run now.
    pub(super) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    /// Takes at most `count` rows to run now, one a key.
    pub(super) fn take(&mut self, count: usize) -> Vec<EventRow> {
        let mut taken = Vec::with_capacity(count.min(self.ready.len()));
        while taken.len() < count {
            let Some(name) = self.ready.pop_front() else { break };
            let Some(key) = self.keys.get_mut(&name) else { continue };
            let Some(row) = key.rows.pop_front() else { continue };
            key.busy = Some(row.seq);
            self.rows -= 1;
            self.in_turn += 1;
            taken.push(row);
        }
        taken
    }

    /// The row left its turn; its key may go on.
    pub(super) fn done(&mut self, row: &EventRow) {
        self.barren &= self.rows >= LOW;
        let Some(key) = self.keys.get_mut(&row.order_key) else { return };
        self.in_turn -= usize::from(key.busy.take().is_some());
        if key.rows.is_empty() {
            let behind = key.cut;
            self.forget(&row.order_key);
            if behind {
                self.doubt();
            }
        } else {
            self.ready.push_back(row.order_key.clone());
        }
    }

    /// The row waits for its retry, and its key with it.
    pub(super) fn set_aside(&mut self, row: &EventRow, until: Millis) {
        self.aside.insert(row.order_key.clone(), until);
        self.forget(&row.order_key);
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
        self.in_turn
    }

    fn forget(&mut self, name: &str) {
        if let Some(key) = self.keys.remove(name) {
            self.rows -= key.rows.len();
            self.in_turn -= usize::from(key.busy.is_some());
        }
        if self.keys.is_empty() {
            (self.keys, self.ready) = (HashMap::new(), VecDeque::new());
        }
    }

    fn insert(&mut self, row: EventRow) {
        if self.aside.contains_key(&row.order_key) {
            return;
        }
        let key = self.keys.entry(row.order_key.clone()).or_default();
        if key.knows(row.seq) {
            return;
        }
        if key.rows.is_empty() && key.busy.is_none() {
            self.ready.push_back(row.order_key.clone());
        }
        let place = key.rows.partition_point(|other| other.seq < row.seq);
        key.rows.insert(place, row);
        self.rows += 1;
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
    fn a_window_without_rows_takes_nothing() {
        let mut window = complete();
        window.offer(vec![row(1, "a"), row(2, "b")]);
        let taken = window.take(8);
        window.done(&taken[0]);
        window.set_aside(&taken[1], Millis(100));
        assert_eq!((window.keys.capacity(), window.ready.capacity(), window.rows, window.in_turn()), (0, 0, 0, 0));
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
