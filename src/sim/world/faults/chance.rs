//! A seeded generator: what a fault with a probability does is the same in every run with the same seed.
//!
//! SplitMix64, written out, because its numbers must never change with a library's version: a seed that somebody
//! wrote into a test is worth something only while it means the same. Nothing secret hangs on it.

/// A stream of numbers that look random.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// The stream of one rule: what other rules draw does not shift it.
    pub(super) fn new(seed: u64, rule: u64) -> Self {
        let mut dice = Self(seed ^ rule.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        // Seeds that are near each other would begin alike.
        dice.next();
        dice
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Whether something of this probability (0 to 1) happens this time.
    pub(super) fn happens(&mut self, probability: f64) -> bool {
        let drawn = u32::try_from(self.next() >> 32).unwrap_or(u32::MAX);
        f64::from(drawn) / 4_294_967_296.0 < probability
    }

    /// A number from `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        match most.saturating_sub(least).checked_add(1) {
            Some(span) => least + self.next() % span,
            None => self.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut dice = Dice::new(42, 1);
        let drawn: Vec<u64> = (0..8).map(|_| dice.between(0, 99)).collect();
        assert_eq!(drawn, [58, 64, 50, 62, 25, 8, 5, 74]);
    }

    #[test]
    fn seeds_and_rules_have_streams_of_their_own() {
        let draw = |seed, rule| {
            let mut dice = Dice::new(seed, rule);
            (0..8).map(|_| dice.between(0, 999)).collect::<Vec<_>>()
        };
        assert_ne!(draw(1, 1), draw(2, 1));
        assert_ne!(draw(1, 1), draw(1, 2));
        assert_eq!(draw(1, 1), draw(1, 1));
    }

    #[test]
    fn a_probability_is_about_how_often_it_happens() {
        let mut dice = Dice::new(7, 1);
        let often = (0..10_000).filter(|_| dice.happens(0.25)).count();
        assert!((2_300..2_700).contains(&often), "{often}");
        assert!((0..1_000).all(|_| dice.happens(1.0)));
    }

    proptest! {
        #[test]
        fn a_number_is_within_its_bounds(seed: u64, rule: u64, least: u64, span in 0_u64..1_000_000) {
            let most = least.saturating_add(span);
            let drawn = Dice::new(seed, rule).between(least, most);
            prop_assert!((least..=most).contains(&drawn));
        }
    }
}
