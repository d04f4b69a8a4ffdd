//! Any sequence of events, turns and reads: everything accepted runs, one of a key at a time and in its order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{tests::row, *};

/// A bot's part around its window, and a store that holds what was accepted.
#[derive(Default)]
struct Play {
    window: Window,
    /// Pending events with their keys.
    store: BTreeMap<i64, String>,
    /// What the bell holds while a read is on its way.
    bell: Vec<EventRow>,
    /// What the store answered, and what it was asked for.
    read: Option<(Vec<EventRow>, usize)>,
    running: Vec<EventRow>,
    accepted: i64,
    reads: usize,
}

impl Play {
    fn accept(&mut self, key: usize, count: usize) {
        for _ in 0..count {
            self.accepted += 1;
            self.store.insert(self.accepted, key.to_string());
            self.bell.push(row(self.accepted, &key.to_string()));
        }
        self.hear();
    }

    fn hear(&mut self) {
        if self.read.is_none() {
            self.window.offer(std::mem::take(&mut self.bell));
        }
    }

    fn take(&mut self, count: usize) {
        for taken in self.window.take(count) {
            let key = &taken.order_key;
            assert!(self.running.iter().all(|other| other.order_key != *key), "two of one key at once");
            let first = self.store.iter().find(|(_, of)| *of == key).map(|(seq, _)| *seq);
            assert_eq!(first, Some(taken.seq.0), "an older one of the key is pending");
            self.running.push(taken);
        }
    }

    fn done(&mut self) {
        if let Some(row) = self.running.pop() {
            self.store.remove(&row.seq.0);
            self.window.done(&row);
        }
    }

    fn ask(&mut self) {
        if self.read.is_none() && self.window.wants_load(true) {
            self.reads += 1;
            let Ask { skip_keys, limit } = self.window.ask();
            let in_turn = |key: &String| self.running.iter().any(|row| row.order_key == *key);
            let rows = self.store.iter().filter(|(_, key)| !skip_keys.contains(key) && !in_turn(key));
            self.read = Some((rows.take(limit).map(|(seq, key)| row(*seq, key)).collect(), limit));
        }
    }

    fn loaded(&mut self) {
        if let Some((rows, limit)) = self.read.take() {
            // The store answers with what it saw; what ended meanwhile is refused when it is claimed.
            let rows = rows.into_iter().filter(|row| self.store.contains_key(&row.seq.0)).collect();
            self.window.loaded(rows, limit);
            self.hear();
        }
    }
}

proptest! {
    /// However it comes, everything accepted runs, one of a key at a time and in its order; and what it takes
    /// is a read for every many events, not one for each.
    #[test]
    fn everything_accepted_runs_in_the_order_of_its_key(
        steps in prop::collection::vec((0u8..6, 0usize..6, 1usize..40), 1..150),
    ) {
        let mut play = Play::default();
        for (step, key, count) in steps {
            match step {
                0 => play.accept(key, count),
                1 => play.accept(key, 1),
                2 => play.take(count % 4),
                3 => play.done(),
                4 => play.ask(),
                _ => play.loaded(),
            }
            prop_assert!(play.window.rows <= 6 * PER_KEY);
        }
        let (reads, pending) = (play.reads, play.store.len());
        for _ in 0..=2 * pending + 8 {
            play.loaded();
            play.take(4);
            play.ask();
            play.loaded();
            play.take(4);
            play.done();
        }
        prop_assert!(play.store.is_empty(), "{} of {} never ran", play.store.len(), play.accepted);
        prop_assert!(play.reads - reads <= 10 + pending / 8, "{} reads for {pending}", play.reads - reads);
    }
}
