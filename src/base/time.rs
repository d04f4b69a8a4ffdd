//! Time as the rest of the house sees it: milliseconds of wall time from a clock that is handed in.

use std::{fmt, time::Duration};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, Default)]
#[serde(transparent)]
pub struct Millis(pub i64);

impl Millis {
    /// This moment moved forward by `duration`; stops at the end of time rather than wrapping.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// This moment moved back by `duration`.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long from `earlier` to this moment; zero when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// ISO 8601 with milliseconds and `Z`, the form Webex uses.
    #[must_use]
    pub fn iso(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(chrono::SecondsFormat::Millis, true)
    }

    /// To the second, with nothing in it that a file name should not hold: `20260101T000000Z`.
    #[must_use]
    pub fn compact(self) -> String {
        chrono::DateTime::from_timestamp_millis(self.0).unwrap_or_default().format("%Y%m%dT%H%M%SZ").to_string()
    }

    /// Reads what [`Millis::compact`] says.
    #[must_use]
    pub fn from_compact(text: &str) -> Option<Self> {
        let at = chrono::NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%SZ").ok()?;
        // What could be read in another spelling is none of ours.
        Some(Self(at.and_utc().timestamp_millis())).filter(|at| at.compact() == text)
    }

    /// Reads ISO 8601 in any of the forms Webex sends: with or without fraction, `Z` or an offset.
    #[must_use]
    pub fn from_iso(text: &str) -> Option<Self> {
        chrono::DateTime::parse_from_rfc3339(text).ok().map(|at| Self(at.timestamp_millis()))
    }
}

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.iso())
    }
}

/// A duration as whole milliseconds, for logs and records.
#[must_use]
pub fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where "now" comes from. Cheap to clone; handed to whoever needs it, never global.
#[derive(Debug, Clone)]
pub enum Clock {
    /// The operating system's wall clock.
    System,
    /// A wall clock that follows Tokio's: it stands still while Tokio's clock is paused.
    Tokio {
        /// The wall time at `origin`.
        wall: Millis,
        /// The moment of Tokio's clock that `wall` belongs to.
        origin: tokio::time::Instant,
    },
}

impl Clock {
    /// A clock for tests: starts at 2026-01-01T00:00:00Z and moves only as Tokio's clock does.
    #[must_use]
    pub fn following_tokio() -> Self {
        Self::Tokio { wall: Millis(1_767_225_600_000), origin: tokio::time::Instant::now() }
    }

    /// The current wall time.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "the one place that may ask the operating system")]
    pub fn now(&self) -> Millis {
        match self {
            Self::System => Millis(chrono::Utc::now().timestamp_millis()),
            Self::Tokio { wall, origin } => wall.plus(origin.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_date_form_of_webex_is_read() {
        let expected = Some(Millis(1_461_265_968_000));
        assert_eq!(Millis::from_iso("2016-04-21T19:12:48.000Z"), expected);
        assert_eq!(Millis::from_iso("2016-04-21T19:12:48Z"), expected);
        assert_eq!(Millis::from_iso("2016-04-21T19:12:48.000+00:00"), expected);
        assert_eq!(Millis::from_iso("yesterday"), None);
        assert_eq!(Millis(1_461_265_968_920).iso(), "2016-04-21T19:12:48.920Z");
    }

    #[test]
    fn a_moment_in_a_file_name_is_read_back_to_the_second() {
        let at = Millis(1_461_265_968_920);
        assert_eq!(at.compact(), "20160421T191248Z");
        assert_eq!(Millis::from_compact("20160421T191248Z"), Some(Millis(1_461_265_968_000)));
        for wrong in ["20160421T191248", "2016421T191248Z", "20161341T191248Z", "+20160421T191248Z", ""] {
            assert_eq!(Millis::from_compact(wrong), None, "{wrong}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clock_that_follows_tokio_moves_only_by_advance() {
        let clock = Clock::following_tokio();
        let start = clock.now();
        tokio::time::advance(Duration::from_secs(90)).await;
        assert_eq!(clock.now().since(start), Duration::from_secs(90));
    }
}
