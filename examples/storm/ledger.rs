//! What became of every message of one load: when it was sent, acknowledged and answered, and whether a reply
//! was lost, came twice, overtook another or went to the wrong place.
//!
//! All of it is atomics in a table made before the load, so that writing it down costs the measured cores
//! next to nothing.

use std::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use tokio::sync::Notify;

/// One message. Times are nanoseconds since the ledger was made; 0: not yet.
#[derive(Debug, Default)]
struct Slot {
    sent: AtomicU64,
    acked: AtomicU64,
    answered: AtomicU64,
    replies: AtomicU32,
    pair: AtomicU32,
}

/// What became of each message of one load.
#[derive(Debug)]
pub(crate) struct Ledger {
    began: Instant,
    /// Number of the first message; numbers never come again within one service, which would take them for
    /// repeats.
    first: u64,
    next: AtomicU64,
    slots: Box<[Slot]>,
    /// Of each pair, one more than the highest message that was answered.
    answered_to: Box<[AtomicU64]>,
    /// One for each connection, rung when a message of its pairs is answered.
    bells: Box<[Notify]>,
    accepted: AtomicU64,
    answered: AtomicU64,
    last_answer: AtomicU64,
    duplicated: AtomicU64,
    out_of_order: AtomicU64,
    misdirected: AtomicU64,
    stray: AtomicU64,
}

/// What went wrong; all zero when nothing did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Faults {
    /// Acknowledged and never answered.
    pub(crate) lost: u64,
    /// Replies beyond the first.
    pub(crate) duplicated: u64,
    /// Replies that came after one to a later message of the same pair.
    pub(crate) out_of_order: u64,
    /// Replies by another bot or into another room than the message's.
    pub(crate) misdirected: u64,
    /// Posts that belong to no message of this load.
    pub(crate) stray: u64,
}

impl Ledger {
    /// For at most `capacity` messages from number `first` on, of `pairs` pairs over `connections` connections.
    pub(crate) fn new(first: u64, capacity: usize, pairs: usize, connections: usize) -> Self {
        Self {
            began: Instant::now(),
            first,
            next: AtomicU64::new(first),
            slots: (0..capacity).map(|_| Slot::default()).collect(),
            answered_to: (0..pairs).map(|_| AtomicU64::new(0)).collect(),
            bells: (0..connections).map(|_| Notify::new()).collect(),
            accepted: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            last_answer: AtomicU64::new(0),
            duplicated: AtomicU64::new(0),
            out_of_order: AtomicU64::new(0),
            misdirected: AtomicU64::new(0),
            stray: AtomicU64::new(0),
        }
    }

    fn slot(&self, message: u64) -> Option<&Slot> {
        self.slots.get(usize::try_from(message.checked_sub(self.first)?).ok()?)
    }

    fn nanos(&self, at: Instant) -> u64 {
        u64::try_from(at.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    /// The next message's number; none when the ledger is full.
    pub(crate) fn take(&self, limit: u64) -> Option<u64> {
        let end = self.first + limit.min(self.slots.len() as u64);
        self.next.fetch_update(Relaxed, Relaxed, |next| (next < end).then_some(next + 1)).ok()
    }

    /// Numbers from here on are free for the next load.
    pub(crate) fn end(&self) -> u64 {
        self.next.load(Relaxed)
    }

    /// A message leaves; latencies count from `at`.
    pub(crate) fn sent(&self, message: u64, pair: usize, at: Instant) {
        if let Some(slot) = self.slot(message) {
            slot.pair.store(u32::try_from(pair).unwrap_or(u32::MAX), Relaxed);
            slot.sent.store(self.nanos(at), Relaxed);
        }
    }

    /// The service said 200.
    pub(crate) fn acked(&self, message: u64, at: Instant) {
        if let Some(slot) = self.slot(message) {
            slot.acked.store(self.nanos(at), Relaxed);
            self.accepted.fetch_add(1, Relaxed);
        }
    }

    /// A reply reached the upstream: to which message, by which bot, into the room of which pair.
    pub(crate) fn replied(&self, message: Option<u64>, bot: usize, pair: Option<usize>, bots: usize) {
        let Some((message, slot)) = message.and_then(|message| Some((message, self.slot(message)?))) else {
            self.stray.fetch_add(1, Relaxed);
            return;
        };
        let now = self.nanos(Instant::now());
        let wanted = slot.pair.load(Relaxed) as usize;
        if pair != Some(wanted) || bot != wanted % bots {
            self.misdirected.fetch_add(1, Relaxed);
        }
        if slot.replies.fetch_add(1, Relaxed) > 0 {
            self.duplicated.fetch_add(1, Relaxed);
            return;
        }
        slot.answered.store(now, Relaxed);
        if let Some(answered_to) = self.answered_to.get(wanted)
            && answered_to.fetch_max(message + 1, Relaxed) > message + 1
        {
            self.out_of_order.fetch_add(1, Relaxed);
        }
        self.last_answer.fetch_max(now, Relaxed);
        self.answered.fetch_add(1, Relaxed);
        if !self.bells.is_empty() {
            self.bells[wanted % self.bells.len()].notify_one();
        }
    }

    /// Waits until a message has been answered.
    pub(crate) async fn answer(&self, message: u64, connection: usize) {
        while self.slot(message).is_some_and(|slot| slot.replies.load(Relaxed) == 0) {
            self.bells[connection].notified().await;
        }
    }

    /// How many messages were accepted, and how many answered, so far.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.accepted.load(Relaxed), self.answered.load(Relaxed))
    }

    /// From the first message's leaving to the last answer.
    pub(crate) fn answering_time(&self) -> Duration {
        let first = self.slots.iter().map(|slot| slot.sent.load(Relaxed)).filter(|&sent| sent > 0).min();
        Duration::from_nanos(self.last_answer.load(Relaxed).saturating_sub(first.unwrap_or(0)))
    }

    /// How long each acknowledgement took, in milliseconds, ascending.
    pub(crate) fn ack_times(&self) -> Vec<f64> {
        self.times(|slot| &slot.acked)
    }

    /// How long each answer took from the webhook's leaving, in milliseconds, ascending.
    pub(crate) fn answer_times(&self) -> Vec<f64> {
        self.times(|slot| &slot.answered)
    }

    /// The same of those to some bots of so many, that left before this much time had passed.
    pub(crate) fn answer_times_of(&self, which: impl Fn(usize) -> bool, bots: usize, until: Duration) -> Vec<f64> {
        let early = |slot: &&Slot| Duration::from_nanos(slot.sent.load(Relaxed)) <= until;
        times(self.to(which, bots).filter(early), |slot| &slot.answered)
    }

    /// How many messages left to some bots of so many.
    pub(crate) fn sent_to(&self, which: impl Fn(usize) -> bool, bots: usize) -> usize {
        self.to(which, bots).count()
    }

    fn to(&self, which: impl Fn(usize) -> bool, bots: usize) -> impl Iterator<Item = &Slot> {
        let left = self.slots.iter().filter(|slot| slot.sent.load(Relaxed) > 0);
        left.filter(move |slot| which(slot.pair.load(Relaxed) as usize % bots))
    }

    /// How many messages to one bot of so many were accepted, and when the last of them was answered.
    pub(crate) fn flood_of(&self, bot: usize, bots: usize) -> (u64, Duration) {
        let (mut accepted, mut last) = (0, 0);
        for slot in self.to(|other| other == bot, bots).filter(|slot| slot.acked.load(Relaxed) > 0) {
            accepted += 1;
            last = last.max(slot.answered.load(Relaxed));
        }
        (accepted, Duration::from_nanos(last))
    }

    /// The last acknowledgement before a moment and the first one after another, since the ledger was made.
    pub(crate) fn acks_around(&self, before: Instant, after: Instant) -> (Option<Duration>, Option<Duration>) {
        let (before, after) = (self.nanos(before), self.nanos(after));
        let acks = || self.slots.iter().map(|slot| slot.acked.load(Relaxed)).filter(|&ack| ack > 0);
        let last = acks().filter(|&ack| ack <= before).max();
        let first = acks().filter(|&ack| ack >= after).min();
        (last.map(Duration::from_nanos), first.map(Duration::from_nanos))
    }

    fn times(&self, end: impl Fn(&Slot) -> &AtomicU64) -> Vec<f64> {
        times(self.slots.iter(), end)
    }

    /// What went wrong so far.
    pub(crate) fn faults(&self) -> Faults {
        let lost = |slot: &&Slot| slot.acked.load(Relaxed) > 0 && slot.replies.load(Relaxed) == 0;
        Faults {
            lost: self.slots.iter().filter(lost).count() as u64,
            duplicated: self.duplicated.load(Relaxed),
            out_of_order: self.out_of_order.load(Relaxed),
            misdirected: self.misdirected.load(Relaxed),
            stray: self.stray.load(Relaxed),
        }
    }
}

/// From the sending to the end of each that came to it, in milliseconds, ascending.
fn times<'s>(slots: impl Iterator<Item = &'s Slot>, end: impl Fn(&Slot) -> &AtomicU64) -> Vec<f64> {
    let mut times: Vec<f64> = slots
        .map(|slot| (slot.sent.load(Relaxed), end(slot).load(Relaxed)))
        .filter(|&(_, end)| end > 0)
        .map(|(sent, end)| Duration::from_nanos(end.saturating_sub(sent)).as_secs_f64() * 1e3)
        .collect();
    times.sort_by(f64::total_cmp);
    times
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two bots, four pairs, messages 100 and 101 of pair 3 accepted.
    fn two_of_one_pair() -> Ledger {
        let ledger = Ledger::new(100, 10, 4, 1);
        for _ in 0..2 {
            let message = ledger.take(10).unwrap();
            ledger.sent(message, 3, Instant::now());
            ledger.acked(message, Instant::now());
        }
        ledger
    }

    #[test]
    fn answers_in_order_leave_no_fault() {
        let ledger = two_of_one_pair();
        ledger.replied(Some(100), 1, Some(3), 2);
        ledger.replied(Some(101), 1, Some(3), 2);
        assert_eq!((ledger.faults(), ledger.progress()), (Faults::default(), (2, 2)));
        assert_eq!((ledger.ack_times().len(), ledger.answer_times().len()), (2, 2));
    }

    #[test]
    fn an_answer_that_never_comes_is_lost() {
        let ledger = two_of_one_pair();
        ledger.replied(Some(101), 1, Some(3), 2);
        assert_eq!(ledger.faults(), Faults { lost: 1, ..Faults::default() });
    }

    #[test]
    fn an_answer_that_overtakes_and_one_that_comes_twice_are_seen() {
        let ledger = two_of_one_pair();
        for message in [101, 100, 100] {
            ledger.replied(Some(message), 1, Some(3), 2);
        }
        assert_eq!(ledger.faults(), Faults { out_of_order: 1, duplicated: 1, ..Faults::default() });
    }

    #[test]
    fn an_answer_by_the_wrong_bot_in_the_wrong_room_or_to_nothing_is_seen() {
        let ledger = two_of_one_pair();
        ledger.replied(Some(100), 0, Some(3), 2);
        ledger.replied(Some(101), 1, Some(1), 2);
        ledger.replied(Some(99), 1, Some(3), 2);
        ledger.replied(None, 1, None, 2);
        assert_eq!(ledger.faults(), Faults { misdirected: 2, stray: 2, ..Faults::default() });
    }

    #[test]
    fn one_bot_can_be_looked_at_alone_and_the_acks_around_a_moment_are_found() {
        let ledger = two_of_one_pair();
        ledger.replied(Some(100), 1, Some(3), 2);
        let now = Instant::now();
        assert_eq!(ledger.answer_times_of(|bot| bot == 1, 2, Duration::from_mins(1)).len(), 1);
        assert_eq!(ledger.answer_times_of(|bot| bot != 1, 2, Duration::from_mins(1)).len(), 0);
        assert_eq!((ledger.sent_to(|bot| bot == 1, 2), ledger.sent_to(|bot| bot == 0, 2)), (2, 0));
        assert_eq!((ledger.flood_of(1, 2).0, ledger.flood_of(0, 2).0), (2, 0));
        let (last, first) = ledger.acks_around(now, now);
        assert!(last.is_some() && first.is_none());
    }

    #[test]
    fn a_full_ledger_gives_no_more_numbers() {
        let ledger = Ledger::new(5, 2, 1, 1);
        assert_eq!((ledger.take(9), ledger.take(9), ledger.take(9), ledger.end()), (Some(5), Some(6), None, 7));
        assert_eq!(Ledger::new(5, 2, 1, 1).take(0), None);
    }
}
