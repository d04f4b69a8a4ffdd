//! Random verbs in random batches against a model that does them one by one in plain memory. What the model
//! says must be what the store answers: exactly one outcome, strict order inside a key, effects once.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    base::Epoch,
    store::{Claimed, DeliveryOutcome, DeliveryResult, EventQuery, EventState, Marked, SUSPECT},
};

/// One verb. Rows are chosen by number from what exists then; `old` uses the lease before the newest.
#[derive(Debug, Clone)]
enum Verb {
    Accept { bot: usize, key: u8, order: u8 },
    Claim { bot: usize, rows: Vec<usize>, old: bool },
    Try { bot: usize, row: usize, old: bool },
    End { row: usize, old: bool, how: How, deliveries: Vec<u8> },
    Release { bot: usize, row: usize, old: bool },
    Mark { bot: usize, rows: Vec<usize>, old: bool },
    Record { row: usize, how: How },
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Well,
    Later,
    Never,
}

/// Some verbs in one batch, and then perhaps a new incarnation of a bot.
#[derive(Debug, Clone)]
struct Step {
    verbs: Vec<Verb>,
    lease: Option<usize>,
}

const BOTS: [&str; 2] = ["a", "b"];

fn verb() -> impl Strategy<Value = Verb> {
    let bot = || 0..BOTS.len();
    let rows = || prop::collection::vec(0..12_usize, 1..4);
    let old = || prop::bool::weighted(0.15);
    let how = || prop_oneof![4 => Just(How::Well), 1 => Just(How::Later), 1 => Just(How::Never)];
    let deliveries = prop::collection::vec(0..2_u8, 0..3);
    prop_oneof![
        3 => (bot(), any::<u8>(), 0..3_u8).prop_map(|(bot, key, order)| Verb::Accept { bot, key: key % 20, order }),
        4 => (bot(), rows(), old()).prop_map(|(bot, rows, old)| Verb::Claim { bot, rows, old }),
        1 => (bot(), 0..12_usize, old()).prop_map(|(bot, row, old)| Verb::Try { bot, row, old }),
        4 => (0..12_usize, old(), how(), deliveries)
            .prop_map(|(row, old, how, deliveries)| Verb::End { row, old, how, deliveries }),
        1 => (bot(), 0..12_usize, old()).prop_map(|(bot, row, old)| Verb::Release { bot, row, old }),
        3 => (bot(), rows(), old()).prop_map(|(bot, rows, old)| Verb::Mark { bot, rows, old }),
        3 => (0..12_usize, how()).prop_map(|(row, how)| Verb::Record { row, how }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let lease = prop::option::weighted(0.15, 0..BOTS.len());
    (prop::collection::vec(verb(), 1..8), lease).prop_map(|(verbs, lease)| Step { verbs, lease })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum At {
    Waiting,
    Held,
    Well,
    Never,
}

/// An event or a delivery; both live by the same rules.
#[derive(Debug, Clone)]
struct Row {
    bot: usize,
    order: u8,
    at: At,
    attempt: u32,
    doubts: u32,
    epoch: i64,
    effects: usize,
}

impl Row {
    fn new(bot: usize, order: u8) -> Self {
        Self { bot, order, at: At::Waiting, attempt: 0, doubts: 0, epoch: 0, effects: 0 }
    }

    fn pending(&self) -> bool {
        matches!(self.at, At::Waiting | At::Held)
    }
}

type Rows = BTreeMap<i64, Row>;

#[derive(Debug, Default)]
struct Model {
    seen: BTreeSet<(usize, u8)>,
    events: Rows,
    deliveries: Rows,
    epochs: [i64; 2],
}

/// Takes rows under a lease, oldest wish first; one with so many doubts as `spared` is told and not held.
fn take(
    rows: &mut Rows,
    bot: usize,
    epoch: i64,
    newest: i64,
    wanted: &[i64],
    spared: Option<u32>,
) -> Vec<(i64, u32, u32)> {
    let mut held = Vec::new();
    for &seq in wanted {
        let Some(row) = rows.get(&seq).cloned() else { continue };
        let free = row.at == At::Waiting || (row.at == At::Held && row.epoch < epoch);
        let head = rows.range(..seq).all(|(_, p)| p.bot != row.bot || p.order != row.order || !p.pending());
        if row.bot == bot && epoch == newest && free && head {
            let row = rows.get_mut(&seq).unwrap();
            row.doubts += u32::from(row.at == At::Held);
            row.epoch = epoch;
            held.push((seq, row.attempt + 1, row.doubts));
            if spared == Some(row.doubts) {
                row.at = At::Waiting;
            } else {
                row.attempt += 1;
                row.at = At::Held;
            }
        }
    }
    held
}

/// What is to be asked of the store, with everything chosen.
#[derive(Debug, Clone)]
enum Asked {
    Accept(NewEvent),
    End(Box<TurnCommit>),
    Release(Lease, Seq),
    Claim(Lease, Vec<Seq>),
    Try(Lease, Seq),
    Record(DeliveryResult),
    Mark(Lease, Vec<Seq>),
}

#[derive(Debug, PartialEq)]
enum Said {
    Accepted(Accepted),
    Ended(TurnAnswer),
    Released,
    Claimed(Vec<Claimed>),
    Recorded(bool),
    Marked(Vec<Marked>),
}

impl Model {
    fn lease(&self, index: usize, old: bool) -> Lease {
        Lease { bot: bot(BOTS[index]), epoch: Epoch(self.epochs[index] - i64::from(old)) }
    }

    /// Chooses among the rows there are before the batch.
    fn choose(&self, verb: &Verb, later: Millis) -> Asked {
        let pick = |rows: &Rows, n: usize| Seq(rows.keys().nth_back(n % rows.len().max(1)).copied().unwrap_or(77));
        let picks = |rows: &Rows, wanted: &[usize]| wanted.iter().map(|&n| pick(rows, n)).collect();
        match verb {
            Verb::Accept { bot: index, key, order } => {
                Asked::Accept(event(&bot(BOTS[*index]), &key.to_string(), &order.to_string()))
            }
            Verb::Claim { bot, rows, old } => Asked::Claim(self.lease(*bot, *old), picks(&self.events, rows)),
            Verb::Try { bot, row, old } => Asked::Try(self.lease(*bot, *old), pick(&self.events, *row)),
            Verb::Mark { bot, rows, old } => Asked::Mark(self.lease(*bot, *old), picks(&self.deliveries, rows)),
            Verb::Release { bot, row, old } => Asked::Release(self.lease(*bot, *old), pick(&self.events, *row)),
            Verb::End { row, old, how, deliveries } => {
                let seq = pick(&self.events, *row);
                let row = self.events.get(&seq.0).cloned().unwrap_or_else(|| Row::new(0, 0));
                let well = *how == How::Well;
                Asked::End(Box::new(TurnCommit {
                    attempt: row.attempt,
                    deliveries: deliveries.iter().filter(|_| well).map(|to| delivery(&to.to_string())).collect(),
                    outcome: match how {
                        How::Well => TurnOutcome::Finished,
                        How::Later => TurnOutcome::Retry { at: later, reason: "later".into() },
                        How::Never => TurnOutcome::Buried { reason: "never".into() },
                    },
                    ..turn(&self.lease(row.bot, *old), seq)
                }))
            }
            Verb::Record { row, how } => {
                let seq = pick(&self.deliveries, *row);
                let row = self.deliveries.get(&seq.0).cloned().unwrap_or_else(|| Row::new(0, 0));
                let outcome = match how {
                    How::Well => DeliveryOutcome::Sent { remote_id: None },
                    How::Later => DeliveryOutcome::Retry { at: later, reason: "later".into(), counts: false },
                    How::Never => DeliveryOutcome::Failed { reason: "never".into() },
                };
                let (epoch, attempt) = (Epoch(row.epoch), row.attempt);
                Asked::Record(DeliveryResult {
                    seq,
                    epoch,
                    attempt,
                    outcome,
                    doubtful: false,
                    tracking_id: None,
                    sent: Vec::new(),
                    failure: None,
                    then: Vec::new(),
                })
            }
        }
    }

    fn claim(&mut self, lease: &Lease, wanted: &[Seq], spared: Option<u32>) -> Said {
        let index = Self::index(&lease.bot);
        let held = take(
            &mut self.events,
            index,
            lease.epoch.0,
            self.epochs[index],
            &wanted.iter().map(|seq| seq.0).collect::<Vec<_>>(),
            spared,
        );
        Said::Claimed(
            held.into_iter().map(|(seq, attempt, doubts)| Claimed { seq: Seq(seq), attempt, doubts }).collect(),
        )
    }

    fn index(bot: &BotId) -> usize {
        BOTS.iter().position(|name| *name == bot.as_str()).unwrap()
    }

    fn answer(&mut self, asked: &Asked) -> Said {
        let numbers = |seqs: &[Seq]| seqs.iter().map(|seq| seq.0).collect::<Vec<_>>();
        match asked {
            Asked::Accept(new) => {
                let index = Self::index(&new.bot);
                if !self.seen.insert((index, new.dedupe_key.parse().unwrap())) {
                    return Said::Accepted(Accepted::Duplicate);
                }
                let seq = self.events.keys().last().copied().unwrap_or(0) + 1;
                self.events.insert(seq, Row::new(index, new.order_key.parse().unwrap()));
                Said::Accepted(Accepted::New(Seq(seq)))
            }
            Asked::Claim(lease, wanted) => self.claim(lease, wanted, Some(SUSPECT)),
            Asked::Try(lease, event) => self.claim(lease, std::slice::from_ref(event), None),
            Asked::Mark(lease, wanted) => {
                let index = Self::index(&lease.bot);
                let held = take(&mut self.deliveries, index, lease.epoch.0, self.epochs[index], &numbers(wanted), None);
                Said::Marked(held.into_iter().map(|(seq, attempt, _)| Marked { seq: Seq(seq), attempt }).collect())
            }
            Asked::Release(lease, seq) => {
                let index = Self::index(&lease.bot);
                if let Some(row) = self.events.get_mut(&seq.0)
                    && (row.bot, row.at, row.epoch) == (index, At::Held, lease.epoch.0)
                {
                    row.at = At::Waiting;
                    row.attempt -= 1;
                }
                Said::Released
            }
            Asked::End(commit) => {
                let (index, epoch) = (Self::index(&commit.lease.bot), commit.lease.epoch.0);
                let newest = self.epochs[index];
                let held = self.events.get_mut(&commit.event.0).filter(|row| {
                    (row.bot, row.at, row.epoch, row.attempt) == (index, At::Held, epoch, commit.attempt)
                        && epoch == newest
                });
                let Some(row) = held else { return Said::Ended(TurnAnswer::Fenced) };
                row.at = match commit.outcome {
                    TurnOutcome::Finished => At::Well,
                    TurnOutcome::Retry { .. } => At::Waiting,
                    TurnOutcome::Buried { .. } => At::Never,
                };
                row.effects += commit.deliveries.len();
                for delivery in &commit.deliveries {
                    let seq = self.deliveries.keys().last().copied().unwrap_or(0) + 1;
                    self.deliveries.insert(seq, Row::new(index, delivery.order_key.parse().unwrap()));
                }
                Said::Ended(TurnAnswer::Committed)
            }
            Asked::Record(result) => {
                let held = self
                    .deliveries
                    .get_mut(&result.seq.0)
                    .filter(|row| (row.at, row.epoch, row.attempt) == (At::Held, result.epoch.0, result.attempt));
                let Some(row) = held else { return Said::Recorded(false) };
                row.at = match result.outcome {
                    DeliveryOutcome::Sent { .. } | DeliveryOutcome::Skipped | DeliveryOutcome::Needless { .. } => {
                        At::Well
                    }
                    DeliveryOutcome::Failed { .. } => At::Never,
                    DeliveryOutcome::Retry { .. } => {
                        row.attempt -= 1;
                        At::Waiting
                    }
                };
                Said::Recorded(true)
            }
        }
    }
}

/// Kinds go in this order within a batch.
fn turn_of(asked: &Asked) -> u8 {
    match asked {
        Asked::Accept(_) => 0,
        Asked::End(_) => 1,
        Asked::Record(_) => 2,
        Asked::Release(..) => 3,
        Asked::Claim(..) | Asked::Try(..) => 4,
        Asked::Mark(..) => 5,
    }
}

async fn ask(store: &SqliteStore, asked: Asked) -> Said {
    match asked {
        Asked::Accept(new) => Said::Accepted(store.accept(new).await.unwrap()),
        Asked::End(commit) => Said::Ended(store.commit_turn(*commit).await.unwrap()),
        Asked::Release(lease, seq) => {
            store.release(lease, vec![seq]).await.unwrap();
            Said::Released
        }
        Asked::Claim(lease, seqs) => Said::Claimed(store.claim(lease, seqs).await.unwrap()),
        Asked::Try(lease, seq) => Said::Claimed(store.claim_suspect(lease, seq).await.unwrap()),
        Asked::Record(result) => Said::Recorded(store.record(result).await.unwrap()),
        Asked::Mark(lease, seqs) => Said::Marked(store.mark(lease, seqs).await.unwrap()),
    }
}

/// What may be taken now: due rows of each key up to the first that may not be.
fn due(rows: &Rows, bot: usize, epoch: i64) -> Vec<i64> {
    let mut closed = BTreeSet::new();
    let mut due = Vec::new();
    for (&seq, row) in rows.iter().filter(|(_, row)| row.bot == bot && row.pending()) {
        let free = row.at == At::Waiting || row.epoch < epoch;
        if free && !closed.contains(&row.order) {
            due.push(seq);
        }
        if !free {
            closed.insert(row.order);
        }
    }
    due
}

async fn run(steps: Vec<Step>) {
    let mut rig = Rig::new().await;
    let mut model = Model::default();
    for (index, name) in BOTS.iter().enumerate() {
        model.epochs[index] = rig.lease(name).await.epoch.0;
    }
    // Retries wait until a moment that has passed: the model knows no time.
    let later = Millis(1);
    for Step { verbs, lease } in steps {
        let asked: Vec<_> = verbs.iter().map(|verb| model.choose(verb, later)).collect();
        let mut order: Vec<_> = (0..asked.len()).collect();
        order.sort_by_key(|&i| turn_of(&asked[i]));
        let mut expected: Vec<_> = order.iter().map(|&i| (i, model.answer(&asked[i]))).collect();
        expected.sort_by_key(|&(i, _)| i);
        let expected: Vec<_> = expected.into_iter().map(|(_, said)| said).collect();
        let said = futures_util::future::join_all(asked.iter().cloned().map(|asked| ask(&rig.store, asked))).await;
        assert_eq!(said, expected, "{asked:#?}");
        if let Some(index) = lease {
            // A crash: the process comes back with a newer epoch.
            rig = rig.reopened().await;
            let lease = rig.store.take_lease(bot(BOTS[index]), "again".into()).await.unwrap();
            model.epochs[index] += 1;
            assert_eq!(lease.epoch.0, model.epochs[index]);
        }
        for (index, &epoch) in model.epochs.iter().enumerate() {
            let lease = model.lease(index, false);
            let events: Vec<_> = rig.due(&lease).await.iter().map(|row| row.seq.0).collect();
            assert_eq!(events, due(&model.events, index, epoch), "due events");
            let deliveries: Vec<_> = rig.due_deliveries(&lease).await.iter().map(|row| row.seq.0).collect();
            assert_eq!(deliveries, due(&model.deliveries, index, epoch), "due deliveries");
        }
    }
    check_end(&rig, &model).await;
}

/// Every event is where the model has it, with its effects and no others.
async fn check_end(rig: &Rig, model: &Model) {
    let mut shown = rig.store.events(EventQuery { bot: None, state: None, limit: 1000 }).await.unwrap();
    shown.reverse();
    assert_eq!(shown.len(), model.events.len());
    for (event, row) in shown.iter().zip(model.events.values()) {
        let at = match event.state {
            EventState::Waiting => At::Waiting,
            EventState::Claimed => At::Held,
            EventState::Finished => At::Well,
            EventState::Buried => At::Never,
        };
        assert_eq!((at, event.attempt), (row.at, row.attempt));
        assert_eq!(event.finished_at.is_none(), row.pending());
        let detail = rig.store.event(event.id).await.unwrap().unwrap();
        assert_eq!(detail.deliveries.len(), row.effects);
    }
    for (index, backlog) in rig.store.backlog().await.unwrap().iter().enumerate() {
        let pending = |rows: &Rows| rows.values().filter(|row| row.bot == index && row.pending()).count() as u64;
        assert_eq!((backlog.events, backlog.deliveries), (pending(&model.events), pending(&model.deliveries)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_the_model_says(steps in prop::collection::vec(step(), 1..25)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(here(run(steps)));
    }
}
