//! `[[schedule]]`: when, and the body of a rule.

use super::{body, reader::Reader, rules::keys};
use crate::definition::{
    codes, length,
    place::Spanned,
    schedule::{Except, Missed, Schedule, Timing},
};

/// Keys of `[[schedule]]`.
pub(in crate::definition) const SCHEDULE: &[&str] =
    keys!["name", "cron", "every", "timezone", "jitter", "except", "per_person_zone", "missed"];

pub(super) fn schedules(top: &mut Reader<'_>) -> Vec<Schedule> {
    top.each("schedule", "`[[schedule]]`", SCHEDULE, |table| {
        let name = table.string("name");
        let timing = timing(table);
        let timezone = table.string("timezone");
        let jitter = table.spanned_length("jitter");
        let except = except(table);
        let span = table.span_of("per_person_zone");
        let per_person_zone = table.bool("per_person_zone").map(|truth| Spanned::new(truth, span));
        let missed = table.word(
            "missed",
            "way to deal with missed runs",
            &[("skip", Missed::Skip), ("once", Missed::Once), ("all", Missed::All)],
        );
        let rule = body::rule(table);
        Some(Schedule { name, timing: timing?, timezone, jitter, except, per_person_zone, missed, rule: rule? })
    })
}

fn timing(table: &mut Reader<'_>) -> Option<Timing> {
    if table.has("cron") && table.has("every") {
        let span = table.span_of("every");
        let hint = "keep one, or make two schedules";
        table.tell(codes::CONFLICT, span, "`[[schedule]]` has both `cron` and `every`", hint);
        return None;
    }
    if let Some(cron) = table.string("cron") {
        return Some(Timing::Cron(cron));
    }
    if !table.has("cron") && !table.has("every") {
        table.missing(&["cron", "every"], "cron = \"0 9 * * MON-FRI\"");
    }
    let every = table.string("every")?;
    match length::parse(&every.value) {
        Ok(length) => Some(Timing::Every(every, length)),
        Err(why) => {
            table.tell(codes::BAD_VALUE, every.span, why, "for example `every = \"15m\"`");
            None
        }
    }
}

fn except(table: &mut Reader<'_>) -> Option<Except> {
    if table.is_string("except") {
        return table.string("except").map(Except::File);
    }
    table.strings("except").map(Except::Dates)
}
