//! Much work of one kind, on all cores.

use std::{num::NonZero, panic::resume_unwind, thread};

/// Fewer pieces than this for a thread are not worth starting it.
const FEWEST: usize = 16;

/// What `work` makes of every item, in the order of the items. A panic of `work` is the caller's.
///
/// A check of a thousand definitions, and the start of a house with as many, is waited for by a person; a changed
/// file or two are read where the caller stands.
pub(super) fn spread<I: Sync, R: Send>(items: &[I], work: impl Fn(&I) -> R + Sync) -> Vec<R> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    spread_over(cores, items, work)
}

fn spread_over<I: Sync, R: Send>(cores: usize, items: &[I], work: impl Fn(&I) -> R + Sync) -> Vec<R> {
    let threads = cores.min(items.len() / FEWEST);
    if threads < 2 {
        return items.iter().map(work).collect();
    }
    let work = &work;
    thread::scope(|scope| {
        let started: Vec<_> = items
            .chunks(items.len().div_ceil(threads))
            .map(|share| scope.spawn(move || share.iter().map(work).collect::<Vec<_>>()))
            .collect();
        started.into_iter().flat_map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    })
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, panic::catch_unwind, thread};

    use super::*;

    #[test]
    fn every_item_is_worked_on_once_and_the_order_is_kept() {
        for (cores, count) in [(1, 100), (2, 0), (2, 1), (2, 31), (2, 32), (3, 100), (7, 113), (64, 1000)] {
            let items: Vec<usize> = (0..count).collect();
            assert_eq!(spread_over(cores, &items, |item| item * 2), (0..count).map(|i| i * 2).collect::<Vec<_>>());
        }
    }

    #[test]
    fn many_items_are_shared_among_threads_and_few_are_not() {
        let on = |count: usize| {
            let seen = spread_over(4, &vec![(); count], |()| format!("{:?}", thread::current().id()));
            seen.into_iter().collect::<BTreeSet<_>>().len()
        };
        assert_eq!((on(31), on(32), on(1000)), (1, 2, 4));
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let items: Vec<usize> = (0..100).collect();
        let panicked = catch_unwind(|| spread_over(2, &items, |item| assert!(*item != 77, "broken item")));
        assert_eq!(panicked.unwrap_err().downcast_ref::<&str>(), Some(&"broken item"));
    }
}
