//! Durations as people write them: `30s`, `5m`, `1h30m`, `2d`; in definitions, and in what is said to a bot.

use std::{fmt::Write as _, time::Duration};

/// What a duration may be written with, largest first.
const UNITS: &[(&str, u64)] =
    &[("w", 604_800_000), ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Ten years: what is longer is a slip of the finger.
const LONGEST: u64 = 10 * 366 * 86_400_000;

/// Reads one or more numbers with their units: `ms`, `s`, `m`, `h`, `d`, `w`. Nothing for anything else.
#[must_use]
pub fn parse(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let (digits, after) = rest.split_at_checked(rest.find(|c: char| !c.is_ascii_digit())?)?;
        let (unit, after) = after.split_at_checked(after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len()))?;
        let (_, each) = UNITS.iter().find(|(known, _)| unit.eq_ignore_ascii_case(known))?;
        total = digits.parse::<u64>().ok()?.checked_mul(*each)?.checked_add(total)?;
        rest = after;
    }
    (total <= LONGEST).then(|| Duration::from_millis(total))
}

/// The same in the form that [`parse`] reads: `1h30m`, `0s`.
#[must_use]
pub fn written(duration: Duration) -> String {
    let mut left = super::whole_millis(duration);
    let mut text = String::new();
    for (unit, each) in UNITS {
        if left >= *each {
            let _ = write!(text, "{}{unit}", left / each);
            left %= each;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_with_units_are_read_and_all_else_is_not() {
        let millis = |text: &str| parse(text).map(super::super::whole_millis);
        assert_eq!(millis("90s"), Some(90_000));
        assert_eq!(millis(" 1h30m "), Some(5_400_000));
        assert_eq!(millis("2D"), Some(172_800_000));
        assert_eq!(millis("250ms"), Some(250));
        for wrong in ["", "5", "m", "5 m", "-5m", "5x", "1.5h", "99999999w", "99999999999999999999s"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(millis in 0..LONGEST) {
            prop_assert_eq!(parse(&written(Duration::from_millis(millis))), Some(Duration::from_millis(millis)));
        }

        #[test]
        fn no_text_panics(text in "[0-9a-zµ ]{0,30}") {
            let _ = parse(&text);
        }
    }
}
