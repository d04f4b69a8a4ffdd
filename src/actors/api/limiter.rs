//! How fast one lane may go: a bucket that is a guess, and a penalty box that is the truth.
//!
//! Only Webex knows its limits: several policies overlap and none is published. The bucket keeps a lane from
//! running into them at full speed; `Retry-After` says when it did. Pure over the moments it is handed.

use std::time::Duration;

use crate::base::Millis;

/// What one request costs; a millisecond earns `per_minute` of it, so no fraction is ever lost.
const REQUEST: u64 = 60_000;
/// Seconds of the budget that may go at once after a rest. Senders were seen to stall after a dozen messages in
/// a row, so this is short.
const BURST_SECONDS: u64 = 6;

/// What a 429 is about: Webex counts per endpoint, so a registrar that overdid it must not silence the replies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `/messages`
    Messages,
    /// `/people`
    People,
    /// `/rooms`
    Rooms,
    /// `/webhooks`
    Webhooks,
    /// The rest.
    Other,
}

impl Endpoint {
    /// Reads the endpoint out of a path below the API base.
    pub(super) fn of(path: &str) -> Self {
        let path = path.trim_start_matches('/');
        match path.split(['/', '?']).next() {
            Some("messages") => Self::Messages,
            Some("people") => Self::People,
            Some("rooms") => Self::Rooms,
            Some("webhooks") => Self::Webhooks,
            _ => Self::Other,
        }
    }
}

/// The limits of one lane.
#[derive(Debug, Clone)]
pub(super) struct Limiter {
    per_minute: u64,
    level: u64,
    filled_at: Millis,
    penalties: [Millis; 5],
}

impl Limiter {
    /// A full bucket of `per_minute` requests (at least one).
    pub(super) fn new(per_minute: u32, now: Millis) -> Self {
        let mut limiter =
            Self { per_minute: u64::from(per_minute.max(1)), level: 0, filled_at: now, penalties: [Millis(0); 5] };
        limiter.level = limiter.full();
        limiter
    }

    fn full(&self) -> u64 {
        (self.per_minute * BURST_SECONDS * 1_000).max(REQUEST)
    }

    fn level_at(&self, now: Millis) -> u64 {
        let elapsed = u64::try_from(now.since(self.filled_at).as_millis()).unwrap_or(u64::MAX);
        self.level.saturating_add(elapsed.saturating_mul(self.per_minute)).min(self.full())
    }

    /// Whether the endpoint is out of the penalty box and the bucket has a request left.
    pub(super) fn allows(&self, endpoint: Endpoint, now: Millis) -> bool {
        self.allowed_at(endpoint, now) <= now
    }

    /// When a request to the endpoint may go, as far as is known now.
    pub(super) fn allowed_at(&self, endpoint: Endpoint, now: Millis) -> Millis {
        let missing = REQUEST.saturating_sub(self.level_at(now));
        let from = now.max(self.filled_at);
        let earned = from.plus(Duration::from_millis(missing.div_ceil(self.per_minute)));
        earned.max(self.penalties[endpoint as usize])
    }

    /// Takes a request out of the bucket.
    pub(super) fn spend(&mut self, now: Millis) {
        self.level = self.level_at(now).saturating_sub(REQUEST);
        self.filled_at = self.filled_at.max(now);
    }

    /// Takes a request out that went without asking. What the bucket does not have is paid back by waiting longer.
    pub(super) fn owe(&mut self, now: Millis) {
        let level = self.level_at(now);
        let from = now.max(self.filled_at);
        let missing = REQUEST.saturating_sub(level);
        self.filled_at = from.plus(Duration::from_millis(missing.div_ceil(self.per_minute)));
        self.level = level.saturating_sub(REQUEST);
    }

    /// Webex asked to wait. The bucket is emptied too: the guess that it was full was wrong.
    pub(super) fn penalize(&mut self, endpoint: Endpoint, wait: Duration, now: Millis) -> Millis {
        let until = now.plus(wait);
        let penalty = &mut self.penalties[endpoint as usize];
        *penalty = until.max(*penalty);
        self.level = 0;
        self.filled_at = self.filled_at.max(now);
        *penalty
    }

    /// Until when this endpoint is in the penalty box.
    pub(super) fn penalized(&self, endpoint: Endpoint, now: Millis) -> Option<Millis> {
        Some(self.penalties[endpoint as usize]).filter(|until| *until > now)
    }

    /// Until when some endpoint is in the penalty box.
    pub(super) fn penalty(&self, now: Millis) -> Option<Millis> {
        self.penalties.iter().copied().max().filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const START: Millis = Millis(1_000_000);

    proptest! {
        /// However impatient the caller: in no stretch of time more than the burst and what it earned.
        #[test]
        fn a_lane_never_exceeds_its_burst_and_its_rate(
            per_minute in 1_u32..2_000,
            pauses in prop::collection::vec(0_i64..900, 1..400),
        ) {
            let mut limiter = Limiter::new(per_minute, START);
            let burst = limiter.full() / REQUEST;
            let (mut now, mut went) = (START, Vec::new());
            for pause in pauses {
                now = Millis(now.0 + pause);
                if limiter.allows(Endpoint::Messages, now) {
                    limiter.spend(now);
                    went.push(now);
                }
            }
            for (first, from) in went.iter().enumerate() {
                for (count, to) in went[first..].iter().enumerate() {
                    let stretch = u64::try_from(to.0 - from.0).unwrap();
                    let earned = stretch * u64::from(per_minute) / REQUEST;
                    prop_assert!(count as u64 <= burst + earned, "{count} requests in {stretch} ms");
                }
            }
        }

        /// The moment it names is the first at which a request may go.
        #[test]
        fn a_lane_that_waits_until_the_moment_named_may_go(per_minute in 1_u32..2_000, spent in 1_usize..300) {
            let mut limiter = Limiter::new(per_minute, START);
            let mut now = START;
            for _ in 0..spent {
                let at = limiter.allowed_at(Endpoint::Other, now);
                prop_assert!(at <= now || !limiter.allows(Endpoint::Other, Millis(at.0 - 1)));
                prop_assert!(limiter.allows(Endpoint::Other, at));
                now = at;
                limiter.spend(now);
            }
        }
    }

    #[test]
    fn what_went_without_asking_is_paid_back() {
        let mut limiter = Limiter::new(60, START);
        for _ in 0..6 {
            limiter.spend(START);
        }
        limiter.owe(START);
        limiter.owe(START);
        assert_eq!(limiter.allowed_at(Endpoint::Messages, START), START.plus(Duration::from_secs(3)));
        assert!(!limiter.allows(Endpoint::Messages, START.plus(Duration::from_millis(2_999))));
    }

    #[test]
    fn a_penalty_holds_its_endpoint_and_no_other() {
        let mut limiter = Limiter::new(6_000, START);
        let until = limiter.penalize(Endpoint::Webhooks, Duration::from_mins(2), START);
        let soon = START.plus(Duration::from_secs(1));
        assert!(limiter.allows(Endpoint::Messages, soon));
        assert!(!limiter.allows(Endpoint::Webhooks, soon));
        assert_eq!(limiter.penalty(soon), Some(until));
        assert!(limiter.allows(Endpoint::Webhooks, until));
        assert_eq!(limiter.penalty(until), None);
    }

    #[test]
    fn a_shorter_penalty_does_not_shorten_a_longer_one() {
        let mut limiter = Limiter::new(300, START);
        let long = limiter.penalize(Endpoint::Messages, Duration::from_mins(1), START);
        assert_eq!(limiter.penalize(Endpoint::Messages, Duration::from_secs(1), START), long);
    }

    #[test]
    fn the_endpoint_is_the_first_word_of_the_path() {
        assert_eq!(Endpoint::of("/messages"), Endpoint::Messages);
        assert_eq!(Endpoint::of("/messages/ID"), Endpoint::Messages);
        assert_eq!(Endpoint::of("/webhooks?max=100"), Endpoint::Webhooks);
        assert_eq!(Endpoint::of("/attachment/actions/ID"), Endpoint::Other);
    }
}
