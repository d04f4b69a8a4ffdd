//! Schedules: when they run, and what they do then.

use std::{sync::Arc, time::Duration};

use super::Compiler;
use crate::{
    brain::{
        Schedule,
        cron::{self, CronError, Missed, Plan, Timing},
        delivery::Destination,
        destination,
        names::{Names, Scope},
        program::{ScheduleRule, To},
    },
    definition::{
        self, Except, Spanned, codes,
        diagnostic::quote,
        rule::{Action, Rule},
    },
};

/// Most bytes of a schedule's name.
const MAX_NAME: usize = 100;
/// Runs that are closer together are a load, not a schedule.
const CLOSEST: Duration = Duration::from_secs(10);
/// Lines of a file of dates that are told.
const WRONG_DATES: usize = 5;
/// Longer waits would mix the runs of one day with those of the next.
const MOST_JITTER: Duration = Duration::from_hours(6);

/// When each runs, and what it does then.
type Schedules = (Box<[Schedule]>, Box<[ScheduleRule]>);

impl Compiler<'_> {
    /// All schedules with their rules.
    pub(super) fn schedules(&mut self) -> Option<Schedules> {
        let all: Vec<_> = self.definition.schedules.iter().map(|schedule| self.schedule(schedule)).collect();
        let all: Vec<(Schedule, ScheduleRule)> = all.into_iter().collect::<Option<_>>()?;
        for (number, (schedule, _)) in all.iter().enumerate() {
            if all[..number].iter().any(|(earlier, _)| earlier.name == schedule.name) {
                let written = &self.definition.schedules[number];
                let message = format!("two schedules are called {}", quote(&schedule.name));
                self.tell_at(codes::CONFLICT, place(written), message, Some("give each a `name` of its own".into()));
            }
        }
        let (schedules, rules): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        Some((schedules.into(), rules.into()))
    }

    fn schedule(&mut self, schedule: &definition::Schedule) -> Option<(Schedule, ScheduleRule)> {
        let name = self.schedule_name(schedule);
        let timing = self.timing(schedule);
        let zone = match &schedule.timezone {
            Some(zone) => Some(self.zone(zone)?),
            None => None,
        };
        let jitter = schedule.jitter.as_ref().map(|jitter| jitter.value).unwrap_or_default();
        if let Some(written) = schedule.jitter.as_ref().filter(|jitter| jitter.value > MOST_JITTER) {
            self.tell(codes::BAD_VALUE, written, "`jitter` is at most `6h`", None);
        }
        let except = match &schedule.except {
            Some(except) => self.except(except)?,
            None => Arc::default(),
        };
        let per_person = schedule.per_person_zone.as_ref().is_some_and(|wanted| wanted.value);
        let rule = if per_person { self.for_each_person(schedule) } else { self.for_all(schedule) };
        let plan = Plan {
            timing: timing?,
            zone,
            jitter,
            except,
            per_person,
            missed: match schedule.missed.as_ref().map(|missed| missed.value).unwrap_or_default() {
                definition::Missed::Skip => Missed::Skip,
                definition::Missed::Once => Missed::Once,
                definition::Missed::All => Missed::All,
            },
        };
        Some((Schedule { name: name?, plan }, rule?))
    }

    fn schedule_name(&mut self, schedule: &definition::Schedule) -> Option<Arc<str>> {
        let Some(name) = &schedule.name else {
            return Some(match &schedule.timing {
                definition::Timing::Cron(cron) => cron.value.as_str().into(),
                definition::Timing::Every(every, _) => format!("every {}", every.value).into(),
            });
        };
        if name.value.trim().is_empty() || name.value.len() > MAX_NAME || name.value.chars().any(char::is_control) {
            let message = format!("a schedule's name is one line of at most {MAX_NAME} bytes");
            self.tell(codes::BAD_VALUE, name, message, Some("for example `name = \"standup\"`".into()));
            return None;
        }
        Some(name.value.as_str().into())
    }

    fn timing(&mut self, schedule: &definition::Schedule) -> Option<Timing> {
        match &schedule.timing {
            definition::Timing::Every(every, length) => {
                if *length < CLOSEST {
                    let message = "`every` is at least `10s`";
                    self.tell(codes::BAD_VALUE, every, message, None);
                    return None;
                }
                i64::try_from(length.as_millis()).ok().map(Timing::Every)
            }
            definition::Timing::Cron(cron) => match cron::check(&cron.value) {
                Ok(text) => Some(Timing::Cron(text.into())),
                Err(error) => {
                    let code = if error == CronError::Never { codes::NEVER_RUNS } else { codes::BAD_CRON };
                    let hint = "for example `0 9 * * MON-FRI`: nine o'clock on weekdays";
                    self.tell(code, cron, error.to_string(), Some(hint.into()));
                    None
                }
            },
        }
    }

    fn zone(&mut self, zone: &Spanned<String>) -> Option<chrono_tz::Tz> {
        match cron::zone(zone.value.trim()) {
            Ok(zone) => Some(zone),
            Err(likely) => {
                let hint = likely.map_or_else(
                    || "write a zone like `Europe/Berlin` or `UTC`".to_owned(),
                    |likely| format!("did you mean `{likely}`?"),
                );
                self.tell(codes::BAD_TIMEZONE, zone, format!("there is no zone {}", quote(&zone.value)), Some(hint));
                None
            }
        }
    }

    fn except(&mut self, except: &Except) -> Option<Arc<[chrono::NaiveDate]>> {
        match except {
            Except::Dates(list) => {
                let mut dates = Vec::new();
                let mut whole = true;
                for date in list {
                    if let Ok(read) = cron::dates(&date.value) {
                        dates.extend(read);
                    } else {
                        whole = false;
                        let hint = "write it like `2026-12-25`, or name a file with a date a line";
                        self.tell(codes::BAD_DATES, date, "this is no date", Some(hint.into()));
                    }
                }
                dates.sort_unstable();
                dates.dedup();
                whole.then(|| dates.into())
            }
            Except::File(file) => self.except_file(file),
        }
    }

    fn except_file(&mut self, file: &Spanned<String>) -> Option<Arc<[chrono::NaiveDate]>> {
        let text = match self.definition.source.companion(&file.value) {
            Ok(text) => text,
            Err((message, hint)) => {
                let dates = || "a file of dates is called `….txt`; or write `except = [\"2026-12-25\"]`".to_owned();
                self.tell(codes::BAD_DATES, file, message, hint.or_else(|| Some(dates())));
                return None;
            }
        };
        match cron::dates(text) {
            Ok(dates) => Some(dates.into()),
            Err(wrong) => {
                for (range, why) in wrong.into_iter().take(WRONG_DATES) {
                    let line = text.bytes().take(range.start).filter(|byte| *byte == b'\n').count() + 1;
                    let message = format!("line {line} of {}: {why}", quote(&file.value));
                    self.tell(codes::BAD_DATES, file, message, None);
                }
                None
            }
        }
    }

    fn for_all(&mut self, schedule: &definition::Schedule) -> Option<ScheduleRule> {
        self.must_say_where(&schedule.rule, "`[[schedule]]`");
        let body = self.body(&schedule.rule, Names::of(Scope::Nowhere))?;
        Some(ScheduleRule { people_of: None, body })
    }

    /// `to` names the room whose people are meant; each of them is answered directly.
    fn for_each_person(&mut self, schedule: &definition::Schedule) -> Option<ScheduleRule> {
        if let definition::Timing::Every(every, _) = &schedule.timing {
            let message = "`every` has no time of the day that could be each person's own";
            self.tell(codes::CONFLICT, every, message, Some("write `cron`, or leave `per_person_zone` out".into()));
        }
        let mut rule = schedule.rule.clone();
        let mut room = None;
        let mut wrong = None;
        if let Action::Reply(replies) = &mut rule.action {
            for reply in replies {
                let to = std::mem::take(&mut reply.to);
                let found = match to.as_slice() {
                    [one] => self.room_of(one).map(|found| (found, one.span)),
                    _ => None,
                };
                match found {
                    Some((found, _)) if room.as_ref().is_none_or(|known| *known == found) => room = Some(found),
                    _ => wrong = wrong.or(Some(to.first().map_or(reply.span, |to| to.span))),
                }
            }
        }
        let Some(room) = room.filter(|_| wrong.is_none()) else {
            let span = wrong.unwrap_or(rule.span);
            let message = "`per_person_zone` needs one room in `to`: the one whose people are meant";
            self.tell_at(
                codes::BAD_DESTINATION,
                span,
                message,
                Some("write `to = \"@team\"`, with `team` in `[rooms]`".into()),
            );
            return None;
        };
        let body = self.body(&rule, Names::of(Scope::Person))?;
        Some(ScheduleRule { people_of: Some(room), body })
    }

    fn room_of(&self, to: &Spanned<String>) -> Option<Box<str>> {
        let rooms = self.definition.rooms.iter().map(|(name, id)| (name.value.as_str(), id.value.as_str()));
        match destination::parse(&to.value, rooms) {
            Ok(To::Fixed(Destination::Room(room))) => Some(room.as_str().into()),
            Ok(To::Members(Some(room))) => Some(room),
            _ => None,
        }
    }

    /// What happens in no room must say where it speaks.
    pub(super) fn must_say_where(&mut self, rule: &Rule, table: &str) {
        let Action::Reply(replies) = &rule.action else { return };
        for reply in replies {
            let hint = || Some("add `to`: `@name` of `[rooms]`, a room id, an address, `topic:…`".to_owned());
            if reply.to.is_empty() {
                let message = format!("{table} happens in no room: say where to");
                self.tell_at(codes::MISSING_KEY, reply.span, message, hint());
            }
            let nowhere = |to: &&Spanned<String>| matches!(to.value.trim(), "room" | "person" | "members_of:room");
            for to in reply.to.iter().filter(nowhere) {
                let message = format!("{table} happens in no room, and to nobody");
                self.tell(codes::BAD_DESTINATION, to, message, hint());
            }
        }
    }
}

fn place(schedule: &definition::Schedule) -> definition::Span {
    schedule.name.as_ref().map_or(schedule.rule.span, |name| name.span)
}
