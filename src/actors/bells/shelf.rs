//! Rows that wait to be taken by whom a bell rings for: bounded, in order, and honest about what was left out.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use super::{BellFaults, BellLimits, HandOver};

/// Rows waiting to be taken, within the budget that all shelves share.
#[derive(Debug)]
pub(super) struct Shelf<R> {
    rows: Vec<R>,
    /// Nothing was left out since the last look.
    pub(super) complete: bool,
    budget: Arc<AtomicUsize>,
}

impl<R> Shelf<R> {
    /// `complete: false` when the store may have rows that nobody handed over.
    pub(super) fn empty(budget: &Arc<AtomicUsize>, complete: bool) -> Self {
        Self { rows: Vec::new(), complete, budget: Arc::clone(budget) }
    }

    /// Once something was left out, later rows are left out too: the reader goes to the store anyway, and there
    /// it must find them in order.
    pub(super) fn put(&mut self, rows: Vec<R>, limits: &BellLimits, faults: BellFaults) {
        let more = rows.len();
        let fits = self.complete
            && !faults.drop_hand_over
            && self.rows.len() + more <= limits.per_bot
            && self.budget.load(Ordering::Relaxed) + more <= limits.total;
        if fits {
            self.budget.fetch_add(more, Ordering::Relaxed);
            self.rows.extend(rows);
        } else {
            self.complete = false;
        }
    }

    pub(super) fn take(&mut self) -> HandOver<R> {
        let rows = mem::take(&mut self.rows);
        self.budget.fetch_sub(rows.len(), Ordering::Relaxed);
        HandOver { rows, complete: mem::replace(&mut self.complete, true) }
    }
}

impl<R> Drop for Shelf<R> {
    fn drop(&mut self) {
        self.budget.fetch_sub(self.rows.len(), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Whatever is rung and drained in whatever order: rows come in order, none twice, and none is missing
        /// without the word to look in the store.
        #[test]
        fn a_hand_over_is_whole_or_says_that_it_is_not(steps in prop::collection::vec(0_usize..6, 1..60)) {
            let limits = BellLimits { per_bot: 8, total: 12 };
            let budget = Arc::new(AtomicUsize::new(0));
            let mut shelf = Shelf::<i64>::empty(&budget, true);
            let (mut next, mut expected) = (0_i64, 0_i64);
            for step in steps {
                if step == 0 {
                    let handed = shelf.take();
                    for row in &handed.rows {
                        prop_assert_eq!(*row, expected);
                        expected += 1;
                    }
                    prop_assert_eq!(handed.complete, expected == next);
                    expected = next;
                } else {
                    let rows = (0..step).map(|_| { next += 1; next - 1 }).collect();
                    shelf.put(rows, &limits, BellFaults::default());
                    prop_assert!(shelf.rows.len() <= limits.per_bot);
                }
                prop_assert_eq!(budget.load(Ordering::Relaxed), shelf.rows.len());
            }
            drop(shelf);
            prop_assert_eq!(budget.load(Ordering::Relaxed), 0);
        }
    }
}
