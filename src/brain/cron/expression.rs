//! A cron expression of five fields, and its next run by the clock of a zone.
//!
//! Where its field of hours says `*`, with or without a step, it goes by elapsed time: `0 * * * *` runs every hour,
//! also twice at 02:00 on the day the clock is put back, and not at all in an hour that is left out. Where it names
//! its hours, it goes by the clock: each time runs once a day. One that is left out runs at the first moment after the
//! gap; one that comes twice runs at the first.

use chrono::{DateTime, TimeZone as _};
use chrono_tz::Tz;
use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use super::{local, zone};
use crate::base::Millis;

/// Why a text is no cron expression that a schedule can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// It has not five fields.
    #[error("a cron expression has five fields (minute, hour, day of month, month, day of week), this one has {0}")]
    Fields(usize),
    /// One of its fields makes no sense.
    #[error("{0}")]
    Wrong(String),
    /// No day is like that.
    #[error("it never runs: there is no such day")]
    Never,
}

/// Words for what people mean most.
const NICKNAMES: &[(&str, &str)] = &[
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
    ("@monthly", "0 0 1 * *"),
    ("@weekly", "0 0 * * 0"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@hourly", "0 * * * *"),
];

/// Checks an expression; answers it with single spaces, nicknames written out.
///
/// # Errors
/// [`CronError`] says what is wrong with it.
pub fn check(text: &str) -> Result<String, CronError> {
    let text = text.trim();
    let nickname = NICKNAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text));
    let text = nickname.map_or(text, |(_, meaning)| meaning);
    let fields: Vec<_> = text.split_whitespace().collect();
    if fields.len() != 5 {
        return Err(CronError::Fields(fields.len()));
    }
    let text = fields.join(" ");
    let cron = parse(&text).map_err(|error| CronError::Wrong(sentence(&error)))?;
    // Every day there is comes within the eight years around a century that is no leap year; croner looks further.
    let start = Tz::UTC.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).earliest().ok_or(CronError::Never)?;
    cron.find_next_occurrence(&start, true).map_err(|_never| CronError::Never)?;
    Ok(text)
}

fn parse(text: &str) -> Result<Cron, croner::errors::CronError> {
    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build().parse(text)
}

/// The parser's words, as ours are: lower case, no full stop.
fn sentence(error: &croner::errors::CronError) -> String {
    let text = error.to_string();
    let text =
        text.strip_prefix("Component error: ").or_else(|| text.strip_prefix("Invalid pattern: ")).unwrap_or(&text);
    let mut chars = text.trim_end_matches('.').chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// The first run after a moment.
pub(super) fn next(text: &str, after: Millis, clock: Tz) -> Option<Millis> {
    let cron = parse(text).ok()?;
    let by_elapsed_time = text.split(' ').nth(1).is_some_and(|hours| hours.contains('*'));
    if by_elapsed_time {
        let start = DateTime::from_timestamp_millis(after.0)?.with_timezone(&clock);
        let found = cron.find_next_occurrence(&start, false).ok()?;
        return Some(Millis(found.timestamp_millis())).filter(|found| *found > after);
    }
    let mut wall = local(after, clock)?;
    loop {
        // By a clock that is never changed: what the real one makes of it comes after.
        wall = cron.find_next_occurrence(&Tz::UTC.from_utc_datetime(&wall), false).ok()?.naive_utc();
        if let Some(found) = zone::at(wall, clock).filter(|found| *found > after) {
            return Some(found);
        }
    }
}
