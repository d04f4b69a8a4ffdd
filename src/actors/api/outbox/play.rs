//! Any sequence of commits, looks, sends and failures: every row goes once, and in order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{tests::row, *};

/// What the store would say: all rows in order, what became of them, and what flies.
#[derive(Default)]
struct Model {
    rows: BTreeMap<i64, (String, i64)>,
    sent: Vec<(String, i64)>,
}

impl Model {
    fn head(&self, key: &str) -> Option<(i64, i64)> {
        self.rows.iter().find(|(_, (k, _))| k == key).map(|(seq, (_, due))| (*seq, *due))
    }

    fn due(&self, now: i64, held: &[String], limit: usize) -> Vec<DeliveryRow> {
        let rows = self
            .rows
            .iter()
            .filter(|(_, (key, _))| !held.contains(key) && self.head(key).is_some_and(|(_, due)| due <= now));
        rows.take(limit).map(|(seq, (key, _))| row(*seq, key)).collect()
    }
}

#[derive(Debug, Clone)]
enum Step {
    Commit { keys: Vec<u8>, told: bool, complete: bool },
    Look,
    Loaded,
    Take,
    Land { which: usize, again: bool },
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (prop::collection::vec(0_u8..6, 1..20), any::<bool>(), prop::bool::weighted(0.8))
            .prop_map(|(keys, told, complete)| Step::Commit { keys, told, complete }),
        2 => Just(Step::Look),
        2 => Just(Step::Loaded),
        6 => Just(Step::Take),
        6 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(which, again)| Step::Land { which, again }),
        1 => Just(Step::Wait),
    ]
}

proptest! {
    /// Hand-overs may be lost, cut or outdated; rows may be retried: every row is sent once, in the order of
    /// its destination, and never two of a destination at once.
    #[test]
    fn every_row_goes_once_and_in_order(steps in prop::collection::vec(step(), 1..200)) {
        let (mut outbox, mut model) = (Outbox::new(), Model::default());
        let mut flying: Vec<DeliveryRow> = Vec::new();
        let mut look = None;
        let (mut now, mut next) = (0_i64, 0_i64);
        // After the steps the sweeper rings and everything lands well, until nothing is left.
        let calm = (0..600).flat_map(|round| {
            let ring = Step::Commit { keys: Vec::new(), told: true, complete: round % 7 != 0 };
            [ring, Step::Look, Step::Loaded, Step::Take, Step::Land { which: 0, again: false }, Step::Wait]
        });
        for step in steps.into_iter().chain(calm) {
            match step {
                Step::Commit { keys, told, complete } => {
                    let mut rows = Vec::new();
                    for key in keys {
                        let key = format!("k{key}");
                        model.rows.insert(next, (key.clone(), now));
                        rows.push(row(next, &key));
                        next += 1;
                    }
                    if told {
                        if !complete { rows.clear(); }
                        outbox.hand_over(HandOver { rows, complete });
                    }
                }
                Step::Look => if let Some(limit) = outbox.wants(Millis(now)) {
                    look = Some((model.due(now, &outbox.held(), limit), limit));
                    outbox.load();
                },
                Step::Loaded => if let Some((rows, limit)) = look.take() {
                    outbox.loaded(rows, limit);
                },
                Step::Take => if let Some(row) = outbox.take() {
                    let busy = flying.iter().any(|other| other.order_key == row.order_key);
                    prop_assert!(!busy, "two of {} at once", row.order_key);
                    if model.head(&row.order_key).is_some_and(|(head, _)| head == row.seq.0) {
                        flying.push(row);
                    } else {
                        outbox.refused(&row.order_key, Millis(now));
                    }
                },
                Step::Land { which, again } => if !flying.is_empty() {
                    let row = flying.swap_remove(which % flying.len());
                    if again {
                        model.rows.insert(row.seq.0, (row.order_key.clone(), now + 50));
                        outbox.again(row, Millis(now + 50));
                    } else {
                        model.rows.remove(&row.seq.0);
                        model.sent.push((row.order_key.clone(), row.seq.0));
                        outbox.ended(&row.order_key);
                    }
                },
                Step::Wait => {
                    now += 100;
                    outbox.wake(Millis(now));
                }
            }
            prop_assert!(outbox.len() <= WINDOW);
        }
        prop_assert_eq!(model.rows.len(), 0, "{} rows were never sent", model.rows.len());
        for key in 0..6 {
            let of_key: Vec<_> = model.sent.iter().filter(|(k, _)| *k == format!("k{key}")).collect();
            prop_assert!(of_key.is_sorted(), "{of_key:?}");
        }
    }
}
