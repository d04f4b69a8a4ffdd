//! Time in a test: it stands still unless a step moves it, and then what comes due on the way comes in its order.

use chrono::{Datelike as _, Days, LocalResult, NaiveDateTime, TimeZone as _};
use chrono_tz::Tz;

use super::world::World;
use crate::{
    base::{Event, Millis, Trigger},
    brain::cron,
    definition::cases::Moment,
};

/// More that comes due in one step is a schedule of every minute over months.
const MOST_DUE: usize = 10_000;

/// What comes due.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// A timer: when, and its name.
    Timer(Millis, String),
    /// A schedule: when, the moment that was planned, and its number.
    Schedule(Millis, Millis, usize),
    /// The answer to a call: when, and its number.
    Answer(Millis, usize),
}

impl Due {
    fn at(&self) -> Millis {
        match self {
            Self::Timer(at, _) | Self::Schedule(at, ..) | Self::Answer(at, _) => *at,
        }
    }
}

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
        for _ in 0..MOST_DUE {
            let Some(due) = self.next_due().filter(|due| due.at() <= until) else {
                self.now = until;
                return Ok(());
            };
            self.now = self.now.max(due.at());
            match due {
                Due::Timer(_, name) => {
                    if let Some((_, event)) = self.timers.remove(&name) {
                        // Those of the house's own need not be seen.
                        if !name.starts_with('$') {
                            self.tell("", "", format!("the timer {name} is due"));
                        }
                        self.queue.push_back(Event { at: self.now, ..event });
                    }
                }
                Due::Schedule(_, planned, number) => self.run(planned, number),
                Due::Answer(_, number) => self.arrived(number)?,
            }
            self.settle()?;
        }
        Err(format!("more than {MOST_DUE} timers, schedules and answers came due: let less time pass at once"))
    }

    /// Whatever comes due next.
    fn next_due(&self) -> Option<Due> {
        let timer = self.timers.iter().map(|(name, (at, _))| Due::Timer(*at, name.clone())).min();
        let bot = self.subject.program.bot();
        let schedules = self.subject.program.schedules().iter().zip(&self.through).enumerate();
        let schedules = schedules.filter_map(|(number, (schedule, through))| {
            let planned = schedule.plan.next(*through, self.zone)?;
            let at = planned.plus(cron::jitter(bot, &schedule.name, planned, schedule.plan.jitter));
            Some(Due::Schedule(at, planned, number))
        });
        let answers = self.coming.iter().enumerate().map(|(number, (at, ..))| Due::Answer(*at, number));
        timer.into_iter().chain(schedules).chain(answers).min_by_key(Due::at)
    }

    /// A schedule runs.
    fn run(&mut self, planned: Millis, number: usize) {
        if let Some(through) = self.through.get_mut(number) {
            *through = planned;
        }
        let Some(schedule) = self.subject.program.schedules().get(number) else { return };
        let name = schedule.name.to_string();
        let zone = if schedule.plan.per_person { self.zone.name().to_owned() } else { String::new() };
        self.tell("", "", format!("the schedule {name} is due"));
        let trigger = Trigger::Schedule { name, planned, zone, person: None };
        self.queue.push_back(Event { at: planned, actor: None, trigger });
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
