//! Time in a test: it stands still unless a step moves it, and then what comes due on the way comes in its order.

use chrono::{Datelike as _, Days, LocalResult, NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;

use super::world::World;
use crate::{base::Millis, definition::cases::Moment};

/// A moment on the clock of a zone. A time that the clock skips is the one an hour later; of one that it shows twice
/// the first counts.
pub(super) fn moment(moment: Moment, zone: Tz, now: Millis) -> Millis {
    match moment {
        Moment::Exact(at) => at,
        Moment::Local(local) => on_clock(local, zone),
        Moment::Next(day, time) => {
            let today =
                chrono::DateTime::from_timestamp_millis(now.0).unwrap_or_default().with_timezone(&zone).date_naive();
            let days = (0..=8).filter_map(|days| today.checked_add_days(Days::new(days)));
            let fitting = days.filter(|date| day.is_none_or(|day| date.weekday() == day));
            fitting.map(|date| on_clock(date.and_time(time), zone)).find(|at| *at > now).unwrap_or(now)
        }
    }
}

fn on_clock(local: NaiveDateTime, zone: Tz) -> Millis {
    let at = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp_millis(),
        LocalResult::None => match zone.from_local_datetime(&(local + chrono::TimeDelta::hours(1))) {
            LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp_millis(),
            LocalResult::None => local.and_utc().timestamp_millis(),
        },
    };
    Millis(at)
}

impl World<'_> {
    /// Lets time pass until a moment; whatever comes due on the way happens.
    pub(super) fn pass(&mut self, until: Millis) -> Result<(), String> {
        if until < self.now {
            return Err(format!("that moment is over: it is {} already", self.clock()));
        }
        self.last.room = None;
        self.last.person = None;
        while let Some((at, name)) = self.next_timer().filter(|(at, _)| *at <= until) {
            self.now = self.now.max(at);
            if let Some((_, event)) = self.timers.remove(&name) {
                self.tell("", "", format!("the timer {name} is due"));
                self.queue.push_back(crate::base::Event { at: self.now, ..event });
            }
            self.settle()?;
        }
        self.now = until;
        Ok(())
    }

    fn next_timer(&self) -> Option<(Millis, String)> {
        self.timers.iter().map(|(name, (at, _))| (*at, name.clone())).min()
    }

    /// The time of day in the test's zone.
    pub(super) fn clock(&self) -> String {
        let at = chrono::DateTime::from_timestamp_millis(self.now.0).unwrap_or_default().with_timezone(&self.zone);
        at.format("%a %Y-%m-%d %H:%M:%S").to_string()
    }
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, NaiveTime, Weekday};

    use super::*;

    #[test]
    fn a_skipped_hour_is_the_next_one_and_a_double_one_the_first() {
        let berlin = Tz::Europe__Berlin;
        let at = |day: u32, month: u32| {
            let local = NaiveDate::from_ymd_opt(2026, month, day).unwrap().and_hms_opt(2, 30, 0).unwrap();
            moment(Moment::Local(local), berlin, Millis(0)).iso()
        };
        assert_eq!(at(29, 3), "2026-03-29T01:30:00.000Z");
        assert_eq!(at(25, 10), "2026-10-25T00:30:00.000Z");
    }

    #[test]
    fn the_next_time_is_later_than_now() {
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        let monday = Millis::from_iso("2026-01-05T09:00:00Z").unwrap();
        let next = |day| moment(Moment::Next(day, nine), Tz::UTC, monday).iso();
        assert_eq!(next(None), "2026-01-06T09:00:00.000Z");
        assert_eq!(next(Some(Weekday::Mon)), "2026-01-12T09:00:00.000Z");
        assert_eq!(next(Some(Weekday::Fri)), "2026-01-09T09:00:00.000Z");
    }
}
