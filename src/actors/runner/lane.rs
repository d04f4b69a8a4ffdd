//! The calls of one bot: which of those in memory may be made now.

use std::collections::{HashMap, HashSet, VecDeque};

use crate::{
    base::{Epoch, Lease, Seq},
    brain::{
        HandlerCall,
        busy::{May, Underway},
    },
    store::DeliveryRow,
};

/// Calls in memory at most; the store has the rest.
const WINDOW: usize = 128;

/// One bot's calls.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) lease: Lease,
    /// The store may have calls that are not here.
    pub(super) look: bool,
    loading: bool,
    shut: bool,
    rows: VecDeque<Waiting>,
    /// What is being made, under whatever lease it was begun.
    flying: HashMap<Seq, Flying>,
}

#[derive(Debug)]
struct Waiting {
    row: DeliveryRow,
    /// `None`: it cannot be read, and is given up when it is its turn.
    call: Option<HandlerCall>,
}

#[derive(Debug)]
struct Flying {
    order_key: String,
    /// What others mind; none: it was refused, and makes no other busy.
    underway: Option<Underway>,
}

/// A call that may be made now.
#[derive(Debug)]
pub(super) struct Pick {
    pub(super) row: DeliveryRow,
    pub(super) call: Option<HandlerCall>,
    /// It is not made, because another of its order is.
    pub(super) refused: bool,
}

impl Lane {
    pub(super) fn new(lease: Lease) -> Self {
        Self { lease, look: true, loading: false, shut: false, rows: VecDeque::new(), flying: HashMap::new() }
    }

    /// A new incarnation: what is in memory was read with the eyes of the former.
    pub(super) fn reopen(&mut self, lease: Lease) {
        self.lease = lease;
        self.rows.clear();
        (self.look, self.loading, self.shut) = (true, false, false);
    }

    /// Nothing begins any more.
    pub(super) fn shut(&mut self) {
        self.shut = true;
        self.rows.clear();
    }

    pub(super) fn is_idle(&self) -> bool {
        self.flying.is_empty()
    }

    /// Whether there is something to begin, now or when another call is over, or to look for.
    pub(super) fn stirs(&self) -> bool {
        !self.shut && (!self.rows.is_empty() || (self.look && !self.loading))
    }

    /// The first that may be made. One that may not holds back those of its order behind it, and no others.
    pub(super) fn next(&mut self, at_once: usize) -> Option<Pick> {
        if self.shut || self.flying.len() >= at_once {
            return None;
        }
        let mut held: HashSet<&str> = self.flying.values().map(|flying| flying.order_key.as_str()).collect();
        let mut found = None;
        for (at, waiting) in self.rows.iter().enumerate() {
            if held.contains(waiting.row.order_key.as_str()) {
                continue;
            }
            match self.may(waiting) {
                May::Wait => held.insert(&waiting.row.order_key),
                may => {
                    found = Some((at, may == May::Refused));
                    break;
                }
            };
        }
        let (at, refused) = found?;
        let Waiting { row, call } = self.rows.remove(at)?;
        let underway = call.as_ref().filter(|_| !refused).map(HandlerCall::underway);
        self.flying.insert(row.seq, Flying { order_key: row.order_key.clone(), underway });
        Some(Pick { row, call, refused })
    }

    fn may(&self, waiting: &Waiting) -> May {
        // One that cannot be read is given up, and nobody is kept by that.
        let Some(call) = &waiting.call else { return May::Go };
        call.beside(self.flying.values().filter_map(|flying| flying.underway.as_ref()))
    }

    /// A try has ended. `waits`: its order waits with it, so what is in memory of that order must not go before it.
    pub(super) fn ended(&mut self, epoch: Epoch, seq: Seq, waits: bool) {
        if let Some(flying) = self.flying.remove(&seq)
            && (waits || epoch != self.lease.epoch)
        {
            self.rows.retain(|waiting| waiting.row.order_key != flying.order_key);
        }
        self.look = true;
    }

    /// Whether to look at the store: the keys that are not wanted, and how many rows.
    pub(super) fn wants_rows(&mut self) -> Option<(Vec<String>, u32)> {
        if self.shut || self.loading || !self.look || self.rows.len() > WINDOW / 2 {
            return None;
        }
        (self.look, self.loading) = (false, true);
        let flying = self.flying.values().map(|flying| &flying.order_key);
        let keys: HashSet<&String> = flying.chain(self.rows.iter().map(|waiting| &waiting.row.order_key)).collect();
        let room = WINDOW - self.rows.len();
        Some((keys.into_iter().cloned().collect(), u32::try_from(room).unwrap_or(u32::MAX)))
    }

    pub(super) fn loaded(&mut self, epoch: Epoch, rows: Vec<DeliveryRow>) {
        if epoch != self.lease.epoch {
            return;
        }
        self.loading = false;
        // There may be more than were asked for, and of the keys that were left out.
        self.look |= !rows.is_empty();
        let known: HashSet<Seq> = self.rows.iter().map(|waiting| waiting.row.seq).collect();
        for row in rows {
            if !known.contains(&row.seq) && !self.flying.contains_key(&row.seq) {
                let call = HandlerCall::decode(&row.payload).ok();
                self.rows.push_back(Waiting { row, call });
            }
        }
    }

    pub(super) fn not_loaded(&mut self, epoch: Epoch) {
        if epoch == self.lease.epoch {
            (self.loading, self.look) = (false, true);
        }
    }
}

#[cfg(test)]
mod play;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::testing::{bot, lease},
        base::{Change, Event, EventId, Millis, Trigger},
        brain::{Busy, Target},
        store::Class,
    };

    pub(super) fn row(seq: i64, key: &str, change: impl FnOnce(&mut HandlerCall)) -> DeliveryRow {
        let trigger = Trigger::Room { change: Change::Updated, room: "R".into() };
        let mut call = HandlerCall {
            rule: "a".into(),
            origin: Box::new(Event { at: Millis(0), actor: None, trigger }),
            order: key.into(),
            busy: Busy::Queue,
            max_in_flight: 0,
            timeout_ms: 1,
            target: Target::Forward { url: "http://h".into(), secret: "env:X".into(), envelope: String::new() },
        };
        change(&mut call);
        DeliveryRow {
            seq: Seq(seq),
            id: EventId::new(),
            bot: bot("echo"),
            event: EventId::new(),
            order_key: key.into(),
            class: Class::Interactive,
            attempt: 0,
            doubtful: false,
            created_at: Millis(0),
            payload: call.encode(),
        }
    }

    fn lane(rows: Vec<DeliveryRow>) -> Lane {
        let mut lane = Lane::new(lease("echo", 1));
        lane.wants_rows().unwrap();
        lane.loaded(Epoch(1), rows);
        lane
    }

    fn picked(lane: &mut Lane) -> Option<(i64, bool)> {
        lane.next(8).map(|pick| (pick.row.seq.0, pick.refused))
    }

    #[test]
    fn calls_of_one_key_go_one_after_another_and_others_pass() {
        let mut lane = lane(vec![row(1, "a", |_| ()), row(2, "a", |_| ()), row(3, "b", |_| ())]);
        assert_eq!(
            (picked(&mut lane), picked(&mut lane), picked(&mut lane)),
            (Some((1, false)), Some((3, false)), None)
        );
        lane.ended(Epoch(1), Seq(1), false);
        assert_eq!(picked(&mut lane), Some((2, false)));
    }

    #[test]
    fn what_waits_for_its_retry_is_not_overtaken_by_its_order() {
        let mut lane = lane(vec![row(1, "a", |_| ()), row(2, "a", |_| ())]);
        picked(&mut lane);
        lane.ended(Epoch(1), Seq(1), true);
        assert_eq!(picked(&mut lane), None, "the store says when the key may go on");
    }

    #[test]
    fn a_rule_has_so_many_in_flight_and_a_bot_so_many() {
        let mut lane = lane(
            (1..6)
                .map(|n| {
                    row(n, &n.to_string(), |call| {
                        call.max_in_flight = 2;
                        call.rule = if n == 5 { "b".into() } else { "a".into() };
                    })
                })
                .collect(),
        );
        let seqs: Vec<_> = std::iter::from_fn(|| picked(&mut lane)).map(|(seq, _)| seq).collect();
        assert_eq!(seqs, [1, 2, 5]);
        assert!(lane.next(3).is_none());
    }

    #[test]
    fn a_lane_stirs_while_it_has_calls_or_may_have_some_in_the_store() {
        let mut lane = Lane::new(lease("a", 1));
        assert!(lane.stirs(), "nobody has looked yet");
        lane.wants_rows().unwrap();
        assert!(!lane.stirs(), "somebody is looking");
        lane.loaded(Epoch(1), vec![row(1, "1", |_| {})]);
        assert!(lane.stirs());
        assert_eq!(picked(&mut lane), Some((1, false)));
        lane.wants_rows().unwrap();
        lane.loaded(Epoch(1), Vec::new());
        assert!(!lane.stirs(), "what is being made stirs when it is over");
        lane.ended(Epoch(1), Seq(1), false);
        assert!(lane.stirs());
        lane.shut();
        assert!(!lane.stirs());
    }

    #[test]
    fn one_that_refuses_is_refused_while_another_of_its_order_is_made() {
        let refuse = |n: i64| row(n, &n.to_string(), |call| (call.busy, call.order) = (Busy::Refuse, "talk".into()));
        let other = row(3, "3", |call| (call.busy, call.order) = (Busy::Refuse, "elsewhere".into()));
        let mut lane = lane(vec![refuse(1), refuse(2), other, refuse(4)]);
        assert_eq!(picked(&mut lane), Some((1, false)));
        assert_eq!(picked(&mut lane), Some((2, true)));
        assert_eq!(picked(&mut lane), Some((3, false)));
        lane.ended(Epoch(1), Seq(1), false);
        assert_eq!(picked(&mut lane), Some((4, false)), "the refused one makes nobody busy");
    }

    #[test]
    fn a_refusal_waits_for_no_permit_of_its_rule_and_takes_none() {
        let refuse = |n: i64, order: &str| {
            row(n, &n.to_string(), |call| {
                (call.busy, call.max_in_flight, call.order) = (Busy::Refuse, 1, order.into());
            })
        };
        let mut lane = lane(vec![refuse(1, "talk"), refuse(2, "talk"), refuse(3, "elsewhere")]);
        assert_eq!((picked(&mut lane), picked(&mut lane)), (Some((1, false)), Some((2, true))));
        assert_eq!(picked(&mut lane), None, "the rule makes one at once");
        lane.ended(Epoch(1), Seq(1), false);
        assert_eq!(picked(&mut lane), Some((3, false)), "though the refusal is not recorded yet");
    }

    #[test]
    fn rows_of_a_former_incarnation_are_not_taken() {
        let mut lane = lane(vec![row(1, "a", |_| ())]);
        picked(&mut lane);
        lane.reopen(lease("echo", 2));
        lane.loaded(Epoch(1), vec![row(2, "b", |_| ())]);
        assert_eq!(picked(&mut lane), None);
        let (skip, _) = lane.wants_rows().unwrap();
        assert_eq!(skip, ["a"], "what is still being made is not read again");
    }
}
