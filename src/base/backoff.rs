//! How long to wait before the next try: doubling, capped, and spread so that many do not come back at once.

use std::time::Duration;

/// A doubling delay with a ceiling. Plain data: the attempt count lives with whoever retries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Backoff {
    /// The longest first delay.
    pub base: Duration,
    /// No delay is longer.
    pub cap: Duration,
}

impl Backoff {
    /// How long to wait after try number `attempt` (from 1; 0 counts as 1): between half and all of
    /// `base · 2^(attempt-1)`, at most `cap`. The same seed gives the same delay, so a row's number makes a
    /// good one: rows that failed together come back apart, and a test knows when.
    #[must_use]
    pub fn delay(&self, attempt: u32, jitter_seed: u64) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let whole = self.base.saturating_mul(1 << doublings).min(self.cap);
        let half = whole / 2;
        half + jitter(half, jitter_seed ^ (u64::from(attempt) << 48))
    }
}

/// Between nothing and `span`, decided by the seed alone.
#[must_use]
pub fn jitter(span: Duration, seed: u64) -> Duration {
    // The upper 32 bits of a well-mixed seed are a fraction of 2^32.
    let fraction = mix(seed) >> 32;
    let nanos = (span.as_nanos() * u128::from(fraction)) >> 32;
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// SplitMix64's finisher: neighbouring seeds give unrelated numbers.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    const BACKOFF: Backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_mins(1) };

    proptest! {
        #[test]
        fn a_delay_is_between_half_and_all_of_its_doubling_and_never_above_the_cap(attempt: u32, seed: u64) {
            let delay = BACKOFF.delay(attempt, seed);
            let doublings = attempt.saturating_sub(1).min(6);
            let whole = Duration::from_secs(1 << doublings).min(BACKOFF.cap);
            prop_assert!(delay >= whole / 2 && delay <= whole, "{delay:?} of {whole:?}");
        }
    }

    #[test]
    fn neighbours_that_fail_together_come_back_apart() {
        let delays: BTreeSet<_> = (0..100).map(|seed| BACKOFF.delay(3, seed).as_millis() / 100).collect();
        assert!(delays.len() > 15, "only {} of 20 slots of 100 ms are used", delays.len());
    }
}
