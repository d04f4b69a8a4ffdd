//! Moments as people write them on a command line.

use std::time::Duration;

use super::out::{cut, plain};
use crate::{base::Millis, cli::failure::Failure};

/// Reads `2026-01-31`, `2026-01-31T09:00:00Z`, or how long ago: `90s`, `30m`, `2h`, `3d`, `1w`.
pub(super) fn moment(flag: &str, text: &str, now: Millis) -> Result<Millis, Failure> {
    let text = text.trim();
    let day = || Millis::from_iso(&format!("{text}T00:00:00Z"));
    Millis::from_iso(text).or_else(day).or_else(|| ago(text).map(|ago| now.minus(ago))).ok_or_else(|| {
        Failure::usage(format!(
            "`{flag} {}` is no moment: give a day as in `2026-01-31`, a moment as in `2026-01-31T09:00:00Z`, or how \
             long ago as in `30m`, `2h`, `3d`",
            plain(&cut(text, 40))
        ))
    })
}

/// Reads a day or a moment, or how long from now: `30m`, `2h`, `3d`.
pub(super) fn coming(flag: &str, text: &str, now: Millis) -> Result<Millis, Failure> {
    let text = text.trim();
    let day = || Millis::from_iso(&format!("{text}T00:00:00Z"));
    let at = Millis::from_iso(text).or_else(day).or_else(|| ago(text).map(|long| now.plus(long)));
    at.filter(|at| *at > now).ok_or_else(|| {
        Failure::usage(format!(
            "`{flag} {}` is no moment to come: give a day as in `2026-01-31`, a moment as in `2026-01-31T09:00:00Z`, \
             or how long from now as in `30m`, `2h`, `3d`",
            plain(&cut(text, 40))
        ))
    })
}

fn ago(text: &str) -> Option<Duration> {
    let unit = text.chars().last()?;
    let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 604_800,
        _ => return None,
    };
    Some(Duration::from_secs(count.checked_mul(seconds)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Millis = Millis(1_767_225_600_000);

    fn read(text: &str) -> Option<String> {
        moment("--since", text, NOW).ok().map(Millis::iso)
    }

    #[test]
    fn a_moment_is_a_day_an_instant_or_some_time_ago() {
        assert_eq!(read("2025-12-24").as_deref(), Some("2025-12-24T00:00:00.000Z"));
        assert_eq!(read("2025-12-24T18:00:00+01:00").as_deref(), Some("2025-12-24T17:00:00.000Z"));
        assert_eq!(read(" 30m ").as_deref(), Some("2025-12-31T23:30:00.000Z"));
        assert_eq!(read("3d").as_deref(), Some("2025-12-29T00:00:00.000Z"));
        for wrong in ["", "yesterday", "-3d", "3", "d", "3y", "2025-13-01", "99999999999999999999h", "ä"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let coming = |text: &str| coming("--expires", text, NOW).ok().map(Millis::iso);
        assert_eq!(coming("2h").as_deref(), Some("2026-01-01T02:00:00.000Z"));
        assert_eq!(coming("2026-02-01").as_deref(), Some("2026-02-01T00:00:00.000Z"));
        assert_eq!(coming("2025-02-01"), None, "over already");
        let told = format!("{:?}", moment("--until", "soon\u{1b}[2J", NOW).unwrap_err());
        assert!(told.contains("--until soon") && told.contains("2h") && !told.contains('\u{1b}'), "{told}");
    }
}
