//! `Retry-After`, read leniently: the header is known to come malformed, and a wait must never become a crash,
//! a hot loop or a day of silence.

use std::time::Duration;

/// For a wait that cannot be read.
pub const DEFAULT: Duration = Duration::from_secs(15);
/// No wait is shorter.
pub const SHORTEST: Duration = Duration::from_secs(1);
/// No wait is longer: Webex's own example is one hour, and after it asking once more harms nobody.
pub const LONGEST: Duration = Duration::from_hours(1);

/// How long to wait. Missing or unreadable: [`DEFAULT`]; else between [`SHORTEST`] and [`LONGEST`].
#[must_use]
pub fn wait(header: Option<&str>) -> Duration {
    match header.and_then(|header| header.trim().parse::<f64>().ok()) {
        Some(seconds) if seconds.is_nan() || seconds == f64::INFINITY => DEFAULT,
        Some(seconds) if seconds >= LONGEST.as_secs_f64() => LONGEST,
        Some(seconds) => Duration::try_from_secs_f64(seconds.ceil()).unwrap_or(SHORTEST).max(SHORTEST),
        None => DEFAULT,
    }
}

/// An HTTP date as whole seconds after the answer's own `Date`: Webex's clock on both sides, so ours may be wrong.
#[must_use]
pub fn seconds(header: &str, date: &str) -> Option<i64> {
    let read = |text: &str| chrono::DateTime::parse_from_rfc2822(text.trim()).ok();
    Some(read(header)?.signed_duration_since(read(date)?).num_seconds())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn seconds_are_taken_and_everything_else_is_a_quarter_of_a_minute() {
        let secs = |text| wait(Some(text)).as_secs();
        assert_eq!((secs("30"), secs(" 30 "), secs("1.5"), secs("3600")), (30, 30, 2, 3600));
        assert_eq!((secs("0"), secs("-5"), secs("0.001"), secs("-inf")), (1, 1, 1, 1));
        assert_eq!((secs("86400"), secs("99999999999999999999999")), (3600, 3600));
        for garbage in ["", "soon", "30s", "NaN", "inf", "Wed, 21 Oct 2015 07:28:00 GMT", "1,5", "٣"] {
            assert_eq!(secs(garbage), 15, "{garbage}");
        }
        assert_eq!(wait(None), DEFAULT);
    }

    #[test]
    fn a_date_counts_from_the_answers_own_date() {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        assert_eq!(seconds("Wed, 21 Oct 2015 07:29:30 GMT", date), Some(90));
        assert_eq!(seconds("Wed, 21 Oct 2015 07:27:00 GMT", date), Some(-60));
        assert_eq!((seconds("30", date), seconds(date, "yesterday")), (None, None));
    }

    proptest! {
        #[test]
        fn any_header_makes_a_wait_within_the_bounds(header in ".*", number in any::<f64>()) {
            for wait in [wait(Some(&header)), wait(Some(&number.to_string()))] {
                prop_assert!((SHORTEST..=LONGEST).contains(&wait));
            }
        }
    }
}
