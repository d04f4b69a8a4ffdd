//! Time zones, and what becomes of a time on the clock that does not exist or exists twice.

use chrono::{LocalResult, NaiveDateTime, TimeDelta, TimeZone as _};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::{base::Millis, definition::diagnostic::nearest};

/// Minutes that a clock may be put forward by: the whole day that Samoa left out is the longest so far.
const LONGEST_GAP: usize = 25 * 60;

/// Reads a zone of the IANA database, whatever its case; an error is the likely one.
///
/// # Errors
/// The zone that was probably meant, if there is one.
pub fn parse(name: &str) -> Result<Tz, Option<&'static str>> {
    if let Ok(zone) = name.parse() {
        return Ok(zone);
    }
    if let Some(zone) = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name)) {
        return Ok(*zone);
    }
    let city = |zone: &&Tz| zone.name().rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
    let by_city = TZ_VARIANTS.iter().find(city).map(|zone| zone.name());
    Err(by_city.or_else(|| nearest(name, every_zone())))
}

/// The names of all zones.
pub fn every_zone() -> impl Iterator<Item = &'static str> {
    TZ_VARIANTS.iter().map(|zone| zone.name())
}

/// The moment of a time on the clock.
///
/// One that does not exist, because the clock is put forward over it, is the first moment after the gap. One that
/// exists twice, because the clock is put back, is the first of the two.
pub(super) fn at(wall: NaiveDateTime, zone: Tz) -> Option<Millis> {
    match zone.from_local_datetime(&wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(Millis(at.timestamp_millis())),
        LocalResult::None => {
            let mut wall = wall.with_second_of_minute_zero();
            for _ in 0..LONGEST_GAP {
                wall = wall.checked_add_signed(TimeDelta::minutes(1))?;
                if let Some(at) = zone.from_local_datetime(&wall).earliest() {
                    return Some(Millis(at.timestamp_millis()));
                }
            }
            None
        }
    }
}

trait Whole {
    fn with_second_of_minute_zero(self) -> Self;
}

impl Whole for NaiveDateTime {
    /// Clocks are put forward at whole minutes.
    fn with_second_of_minute_zero(self) -> Self {
        use chrono::Timelike as _;
        self.with_second(0).and_then(|wall| wall.with_nanosecond(0)).unwrap_or(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_are_read_and_a_misspelt_one_is_suggested() {
        assert_eq!(parse("Europe/Berlin"), Ok(Tz::Europe__Berlin));
        assert_eq!(parse("europe/berlin"), Ok(Tz::Europe__Berlin));
        assert_eq!(parse("utc"), Ok(Tz::UTC));
        assert_eq!(parse("Berlin"), Err(Some("Europe/Berlin")));
        assert_eq!(parse("Europe/Berln"), Err(Some("Europe/Berlin")));
        assert_eq!(parse("the moon, far side"), Err(None));
    }
}
