//! What is due, against the plain rule: of the keys whose head may be taken the oldest rows, each key up to the first
//! that may not. Events, deliveries and calls of two bots, all mixed.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::store::{DeliveryOutcome, DeliveryResult};

/// A row: whose, of what kind and key, whether it is due, and how far it comes when it is its turn.
#[derive(Debug, Clone)]
struct Row {
    mine: bool,
    kind: Kind,
    key: u8,
    due: bool,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Event,
    Delivery,
    Call,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waits,
    Taken,
    Over,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let kind = prop_oneof![3 => Just(Kind::Event), 3 => Just(Kind::Delivery), 2 => Just(Kind::Call)];
    let fate = prop_oneof![6 => Just(Fate::Waits), 1 => Just(Fate::Taken), 2 => Just(Fate::Over)];
    let row = (prop::bool::weighted(0.85), kind, 0..6_u8, prop::bool::weighted(0.85), fate)
        .prop_map(|(mine, kind, key, due, fate)| Row { mine, kind, key, due, fate });
    prop::collection::vec(row, 0..60)
}

/// Those of a kind that wait, oldest first, as `(number, key, may be taken)`.
type Pending = Vec<(i64, String, bool)>;

fn expected(pending: &Pending, skip: &BTreeSet<String>, limit: usize) -> Vec<i64> {
    let mut heads: BTreeMap<&str, bool> = BTreeMap::new();
    for (_, key, free) in pending {
        heads.entry(key).or_insert(*free);
    }
    let oldest = pending.iter().filter(|(_, key, _)| heads[key.as_str()] && !skip.contains(key)).take(limit);
    let mut barred = BTreeSet::new();
    let taken = oldest.filter(|(_, key, free)| {
        if !free {
            barred.insert(key);
        }
        !barred.contains(key)
    });
    taken.map(|(seq, ..)| *seq).collect()
}

impl Rig {
    /// Makes the row, and answers its number and whether it was taken. `promised`: how many rows were, before.
    async fn make(&self, lease: &Lease, name: &str, key: &str, row: &Row, promised: &mut i64) -> (Seq, bool) {
        let due_at = if row.due { Millis(0) } else { self.clock.now().plus(Duration::from_hours(24)) };
        let (store, wanted) = (&self.store, row.fate != Fate::Waits);
        if row.kind == Kind::Event {
            let event = NewEvent { due_at, ..event(&lease.bot, name, key) };
            let Accepted::New(seq) = store.accept(event).await.unwrap() else { panic!("seen before") };
            return (seq, wanted && !store.claim(lease.clone(), vec![seq]).await.unwrap().is_empty());
        }
        let lane = if row.kind == Kind::Call { Lane::Calls } else { Lane::Webex };
        let cause = self.claimed(lease, &format!("cause of {name}")).await;
        let commit =
            TurnCommit { deliveries: vec![NewDelivery { lane, due_at, ..delivery(key) }], ..turn(lease, cause) };
        assert_eq!(store.commit_turn(commit).await.unwrap(), TurnAnswer::Committed);
        *promised += 1;
        let seq = Seq(*promised);
        (seq, wanted && !store.mark(lease.clone(), vec![seq]).await.unwrap().is_empty())
    }

    async fn end(&self, lease: &Lease, seq: Seq, kind: Kind) {
        if kind == Kind::Event {
            self.store.commit_turn(turn(lease, seq)).await.unwrap();
        } else {
            let sent = DeliveryResult::new(seq, lease.epoch, 1, DeliveryOutcome::Sent { remote_id: None });
            assert!(self.store.record(sent).await.unwrap());
        }
    }

    async fn numbers(&self, kind: Kind, query: DueQuery) -> Vec<i64> {
        match kind {
            Kind::Event => self.store.due_events(query).await.unwrap().iter().map(|row| row.seq.0).collect(),
            Kind::Delivery => self.store.due_deliveries(query).await.unwrap().iter().map(|row| row.seq.0).collect(),
            Kind::Call => self.store.due_calls(query).await.unwrap().iter().map(|row| row.seq.0).collect(),
        }
    }
}

async fn run(rows: Vec<Row>, skip: BTreeSet<u8>, limit: u32, replaced: bool) {
    let rig = Rig::new().await;
    let (mine, other) = (rig.lease("mine").await, rig.lease("other").await);
    let (mut pending, mut promised) = (BTreeMap::<Kind, Pending>::new(), 0);
    for (i, row) in rows.into_iter().enumerate() {
        let (lease, key) = (if row.mine { &mine } else { &other }, format!("{:?} {}", row.kind, row.key));
        let (seq, taken) = rig.make(lease, &format!("m{i}"), &key, &row, &mut promised).await;
        if taken && row.fate == Fate::Over {
            rig.end(lease, seq, row.kind).await;
        } else if row.mine {
            // What a former life took may be taken again, whenever it was due.
            pending.entry(row.kind).or_default().push((seq.0, key, if taken { replaced } else { row.due }));
        }
    }
    let lease = if replaced { rig.store.take_lease(mine.bot, "test".into()).await.unwrap() } else { mine };
    for kind in [Kind::Event, Kind::Delivery, Kind::Call] {
        let skip: BTreeSet<String> = skip.iter().map(|key| format!("{kind:?} {key}")).collect();
        let query = DueQuery { skip_keys: skip.iter().cloned().collect(), limit, ..rig.query(&lease) };
        let (due, pending) = (rig.numbers(kind, query).await, pending.remove(&kind).unwrap_or_default());
        let expected = expected(&pending, &skip, limit as usize);
        assert_eq!(due, expected, "{kind:?}: {pending:?}, without {skip:?}, {limit} at most");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_due_is_what_the_plain_rule_says(
        rows in rows(), skip in prop::collection::btree_set(0..6_u8, 0..3), limit in 1..12_u32, replaced: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(here(run(rows, skip, limit, replaced)));
    }
}
