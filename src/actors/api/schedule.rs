//! Who goes next: lanes take turns, and within a lane people go before paper work without starving it.

use std::collections::{HashSet, VecDeque};

use crate::base::BotId;

/// What a lane can send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Kind {
    /// A read that a turn waits for.
    Turn,
    /// A delivery.
    Deliver,
    /// A registrar's or a start-up check's request.
    Upkeep,
}

/// In which order a lane offers its next request; `pick` counts what it sent.
///
/// Turns come first because a person waits, but not always: a bot whose budget is used up by the reads of new
/// turns would never answer the old ones, and one that always has something to say would never have its webhooks
/// mended. So every second pick offers deliveries first, and every eighth upkeep.
pub(super) fn order(pick: u32) -> [Kind; 3] {
    match pick % 8 {
        7 => [Kind::Upkeep, Kind::Turn, Kind::Deliver],
        odd if odd % 2 == 1 => [Kind::Deliver, Kind::Turn, Kind::Upkeep],
        _ => [Kind::Turn, Kind::Deliver, Kind::Upkeep],
    }
}

/// The lanes that may have something to send, each once, first come first served. Nobody ever looks through all
/// lanes: whoever changes a lane puts it in here.
#[derive(Debug, Default)]
pub(super) struct Ring {
    queue: VecDeque<BotId>,
    members: HashSet<BotId>,
}

impl Ring {
    /// Puts a lane at the end, unless it is in the ring.
    pub(super) fn join(&mut self, lane: &BotId) {
        if !self.members.contains(lane) {
            self.members.insert(lane.clone());
            self.queue.push_back(lane.clone());
        }
    }

    /// Takes the first lane out.
    pub(super) fn next(&mut self) -> Option<BotId> {
        let lane = self.queue.pop_front()?;
        self.members.remove(&lane);
        Some(lane)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bot(number: usize) -> BotId {
        BotId::parse(&format!("b{number}")).unwrap()
    }

    proptest! {
        /// While a lane waits with work, every other one is served at most once before it.
        #[test]
        fn nobody_is_served_twice_while_another_waits(work in prop::collection::vec(1_usize..20, 2..12)) {
            let mut left = work.clone();
            let mut ring = Ring::default();
            for number in 0..left.len() {
                ring.join(&bot(number));
                ring.join(&bot(number));
            }
            let mut served = Vec::new();
            while let Some(lane) = ring.next() {
                let number = (0..left.len()).find(|number| bot(*number) == lane).unwrap();
                served.push(number);
                left[number] -= 1;
                if left[number] > 0 {
                    ring.join(&lane);
                }
            }
            prop_assert_eq!(served.len(), work.iter().sum::<usize>());
            for round in 0..*work.iter().max().unwrap() {
                let expected: Vec<_> = (0..work.len()).filter(|number| work[*number] > round).collect();
                let begin: usize = (0..round).map(|r| work.iter().filter(|count| **count > r).count()).sum();
                prop_assert_eq!(&served[begin..begin + expected.len()], &expected[..]);
            }
        }
    }

    #[test]
    fn turns_go_first_but_starve_neither_replies_nor_upkeep() {
        let firsts: Vec<_> = (0..8).map(|pick| order(pick)[0]).collect();
        let count = |kind| firsts.iter().filter(|first| **first == kind).count();
        assert_eq!((count(Kind::Turn), count(Kind::Deliver), count(Kind::Upkeep)), (4, 3, 1));
        assert_eq!(order(0), [Kind::Turn, Kind::Deliver, Kind::Upkeep]);
    }
}
