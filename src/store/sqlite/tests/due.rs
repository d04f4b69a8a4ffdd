//! What is due, against the plain rule: of the keys whose head may be taken the oldest rows, each key up to the first
//! that may not.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

/// An event: its key, whether it is due, and how far it comes when it is its turn.
#[derive(Debug, Clone)]
struct Row {
    bot: bool,
    key: u8,
    due: bool,
    fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    Waits,
    Claimed,
    Finished,
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let fate = prop_oneof![6 => Just(Fate::Waits), 1 => Just(Fate::Claimed), 2 => Just(Fate::Finished)];
    let row = (prop::bool::weighted(0.8), 0..9_u8, prop::bool::weighted(0.85), fate)
        .prop_map(|(bot, key, due, fate)| Row { bot, key, due, fate });
    prop::collection::vec(row, 0..40)
}

/// Those that wait, oldest first, as `(number, key, may be taken)`.
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

async fn run(rows: Vec<Row>, skip: BTreeSet<u8>, limit: u32, replaced: bool) {
    let rig = Rig::new().await;
    let (mine, other) = (rig.lease("mine").await, rig.lease("other").await);
    let tomorrow = rig.clock.now().plus(Duration::from_hours(24));
    let mut pending = Pending::new();
    for (i, Row { bot, key, due, fate }) in rows.into_iter().enumerate() {
        let (lease, key) = (if bot { &mine } else { &other }, format!("key {key}"));
        let due_at = if due { Millis(0) } else { tomorrow };
        let event = NewEvent { due_at, ..event(&lease.bot, &format!("m{i}"), &key) };
        let Accepted::New(seq) = rig.store.accept(event).await.unwrap() else { panic!("seen before") };
        let held = fate != Fate::Waits && !rig.store.claim(lease.clone(), vec![seq]).await.unwrap().is_empty();
        if held && fate == Fate::Finished {
            rig.store.commit_turn(turn(lease, seq)).await.unwrap();
        } else if bot {
            // What a former life held may be taken, whenever it was due.
            pending.push((seq.0, key, if held { replaced } else { due }));
        }
    }
    let lease = if replaced { rig.store.take_lease(mine.bot, "test".into()).await.unwrap() } else { mine };
    let skip: BTreeSet<String> = skip.into_iter().map(|key| format!("key {key}")).collect();
    let query = DueQuery { skip_keys: skip.iter().cloned().collect(), limit, ..rig.query(&lease) };
    let due = rig.store.due_events(query).await.unwrap();
    let due: Vec<i64> = due.iter().map(|row| row.seq.0).collect();
    assert_eq!(due, expected(&pending, &skip, limit as usize), "{pending:?}, without {skip:?}, {limit} at most");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_due_is_what_the_plain_rule_says(
        rows in rows(), skip in prop::collection::btree_set(0..9_u8, 0..3), limit in 1..20_u32, replaced: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(here(run(rows, skip, limit, replaced)));
    }
}
