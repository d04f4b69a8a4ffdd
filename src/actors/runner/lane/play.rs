//! Any sequence of calls, looks, tries and ends: each is made once, in its order, within its permits.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{tests::row, *};
use crate::{actors::testing::lease, brain::Busy};

/// Calls of the bot at once.
const AT_ONCE: usize = 4;
/// What the rules may have in flight.
const MOST: [u32; 3] = [0, 1, 2];

/// A call as it was promised.
#[derive(Debug, Clone)]
struct Promised {
    rule: usize,
    order: String,
    busy: Busy,
    due: i64,
}

impl Promised {
    /// As a turn commits it: only those that queue share a key.
    fn key(&self, seq: i64) -> String {
        if self.busy == Busy::Queue { format!("{}/{}", self.rule, self.order) } else { format!("alone/{seq}") }
    }

    fn row(&self, seq: i64) -> DeliveryRow {
        row(seq, &self.key(seq), |call| {
            call.rule = self.rule.to_string();
            call.order.clone_from(&self.order);
            call.busy = self.busy;
            call.max_in_flight = MOST[self.rule];
        })
    }
}

/// What the store would say, and what is being made.
#[derive(Default)]
struct Model {
    now: i64,
    rows: BTreeMap<i64, Promised>,
    flying: BTreeMap<i64, (Epoch, Promised, bool)>,
    done: Vec<(String, i64)>,
}

impl Model {
    fn is_head(&self, seq: i64) -> bool {
        let Some(row) = self.rows.get(&seq) else { return false };
        let first = self.rows.iter().find(|(other, promised)| promised.key(**other) == row.key(seq));
        first.is_some_and(|(first, _)| *first == seq)
    }

    fn due(&self, skip: &[String], limit: u32) -> Vec<DeliveryRow> {
        let heads = |key: &str| {
            let head = self.rows.iter().find(|(seq, row)| row.key(**seq) == key);
            head.is_some_and(|(_, row)| row.due <= self.now)
        };
        let rows = self.rows.iter().map(|(seq, row)| (row.key(*seq), row.row(*seq)));
        let due = rows.filter(|(key, _)| !skip.contains(key) && heads(key)).map(|(_, row)| row);
        due.take(usize::try_from(limit).unwrap()).collect()
    }

    fn made(&self, fits: impl Fn(&Promised) -> bool) -> usize {
        self.flying.values().filter(|(_, row, refused)| !refused && fits(row)).count()
    }

    fn is_busy(&self, row: &Promised) -> bool {
        self.made(|other| other.rule == row.rule && other.order == row.order) > 0
    }
}

#[derive(Debug, Clone)]
enum Step {
    Promise { rule: usize, order: u8, busy: Busy },
    Look,
    Loaded { fails: bool },
    Begin,
    End { which: usize, again: bool },
    Reopen,
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    let busy = prop::sample::select(vec![Busy::Queue, Busy::Queue, Busy::Parallel, Busy::Refuse]);
    prop_oneof![
        6 => (0..MOST.len(), 0_u8..3, busy).prop_map(|(rule, order, busy)| Step::Promise { rule, order, busy }),
        3 => Just(Step::Look),
        3 => prop::bool::weighted(0.1).prop_map(|fails| Step::Loaded { fails }),
        6 => Just(Step::Begin),
        4 => (any::<usize>(), prop::bool::weighted(0.2)).prop_map(|(which, again)| Step::End { which, again }),
        1 => Just(Step::Reopen),
        1 => Just(Step::Wait),
    ]
}

/// The lane begins a call, or says that none may begin.
fn begin(lane: &mut Lane, model: &mut Model) -> Result<(), TestCaseError> {
    let flying = model.flying.len();
    let Some(pick) = lane.next(AT_ONCE) else {
        if flying < AT_ONCE {
            let waits = lane.rows.iter().find(|waiting| {
                let row = model.rows.get(&waiting.row.seq.0);
                row.is_some_and(|row| row.busy == Busy::Refuse && model.is_busy(row))
            });
            prop_assert!(waits.is_none(), "it waits to be refused: {waits:?}");
        }
        return Ok(());
    };
    prop_assert!(flying < AT_ONCE, "more than {AT_ONCE} at once");
    let (seq, epoch) = (pick.row.seq.0, lane.lease.epoch);
    // As `mark` does: who is not there, not due or not the first of its order is not begun.
    let may = model.is_head(seq) && model.rows[&seq].due <= model.now && !model.flying.contains_key(&seq);
    if !may {
        lane.ended(epoch, Seq(seq), true);
        return Ok(());
    }
    let row = model.rows[&seq].clone();
    let same_key = model.flying.iter().any(|(other, (_, flies, _))| flies.key(*other) == row.key(seq));
    prop_assert!(!same_key, "two of one key at once: {row:?}");
    prop_assert_eq!(pick.refused, row.busy == Busy::Refuse && model.is_busy(&row), "{:?}", row);
    let most = usize::try_from(MOST[row.rule]).unwrap();
    if !pick.refused && most > 0 {
        prop_assert!(model.made(|other| other.rule == row.rule) < most, "more than {most} of a rule at once");
    }
    model.flying.insert(seq, (epoch, row, pick.refused));
    Ok(())
}

proptest! {
    /// Whatever comes in whatever order, looks that fail and new incarnations included.
    #[test]
    fn every_call_is_made_once_in_its_order_and_within_its_permits(steps in prop::collection::vec(step(), 1..200)) {
        let (mut lane, mut model) = (Lane::new(lease("echo", 1)), Model::default());
        let mut looks: Vec<(Epoch, Vec<DeliveryRow>)> = Vec::new();
        let (mut next, mut epoch) = (0_i64, 1_i64);
        // After the steps all ends well, until nothing is left.
        let calm = (0..600).flat_map(|_| {
            let end = Step::End { which: 0, again: false };
            [Step::Look, Step::Loaded { fails: false }, Step::Begin, end, Step::Wait]
        });
        for step in steps.into_iter().chain(calm) {
            match step {
                Step::Promise { rule, order, busy } => {
                    let promised = Promised { rule, order: order.to_string(), busy, due: model.now };
                    model.rows.insert(next, promised);
                    next += 1;
                    lane.look = true;
                }
                Step::Look => if let Some((skip, limit)) = lane.wants_rows() {
                    looks.push((lane.lease.epoch, model.due(&skip, limit)));
                },
                Step::Loaded { fails } => if !looks.is_empty() {
                    let (epoch, rows) = looks.remove(0);
                    if fails { lane.not_loaded(epoch) } else { lane.loaded(epoch, rows) }
                },
                Step::Begin => begin(&mut lane, &mut model)?,
                Step::End { which, again } => {
                    let seqs: Vec<i64> = model.flying.keys().copied().collect();
                    let Some(seq) = seqs.get(which % seqs.len().max(1)).copied() else { continue };
                    let (epoch, row, refused) = model.flying.remove(&seq).unwrap();
                    let again = again && !refused;
                    if again {
                        model.rows.get_mut(&seq).unwrap().due = model.now + 50;
                    } else {
                        model.rows.remove(&seq);
                        model.done.push((row.key(seq), seq));
                    }
                    lane.ended(epoch, Seq(seq), again);
                }
                Step::Reopen => {
                    epoch += 1;
                    lane.reopen(lease("echo", epoch));
                }
                Step::Wait => {
                    model.now += 100;
                    lane.look = true;
                }
            }
            prop_assert!(lane.rows.len() <= WINDOW);
            prop_assert_eq!(lane.flying.len(), model.flying.len());
        }
        prop_assert_eq!(model.rows.len(), 0, "calls were never made: {:?}", model.rows);
        let once: BTreeSet<i64> = model.done.iter().map(|(_, seq)| *seq).collect();
        prop_assert_eq!((once.len(), model.done.len()), (usize::try_from(next).unwrap(), once.len()));
        let keys: BTreeSet<&String> = model.done.iter().map(|(key, _)| key).collect();
        for key in keys {
            let of_key: Vec<_> = model.done.iter().filter(|(of, _)| of == key).map(|(_, seq)| *seq).collect();
            prop_assert!(of_key.is_sorted(), "{key}: {of_key:?}");
        }
    }
}
