//! Moments as people write them in tests: `2026-03-29T01:30:00`, `2026-03-29 01:30`, `09:00`, `MON 09:00`.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, Weekday};
use toml::de::DeValue;

use crate::{
    base::Millis,
    definition::{cases::Moment, codes, parse::reader::Reader, place::Span},
};

/// A moment under a key: a string, or TOML's own date and time.
pub(super) fn read(table: &mut Reader<'_>, key: &str) -> Option<Moment> {
    let value = table.raw(key)?;
    let text = match value.get_ref() {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        _ => {
            table.wrong_type(key, value, "a moment", &format!("{key} = \"2026-01-05 09:00\""));
            return None;
        }
    };
    match parse(&text) {
        Ok(moment) => Some(moment),
        Err(why) => {
            let hint = format!("for example `{key} = \"2026-01-05 09:00\"`, `\"09:00\"`, `\"MON 09:00\"`");
            table.tell(codes::BAD_VALUE, Span::new(value.span()), why, hint);
            None
        }
    }
}

/// Reads a moment; an error says what is wrong with it.
pub(super) fn parse(text: &str) -> Result<Moment, String> {
    let text = text.trim();
    if let Some(exact) = Millis::from_iso(&text.replacen(' ', "T", 1)) {
        return Ok(Moment::Exact(exact));
    }
    let joined = text.replacen('T', " ", 1);
    for form in ["%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"] {
        if let Ok(local) = NaiveDateTime::parse_from_str(&joined, form) {
            return Ok(Moment::Local(local));
        }
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Ok(Moment::Local(date.and_time(NaiveTime::MIN)));
    }
    let (day, time) = match text.split_once(' ') {
        Some((day, time)) => (day.parse::<Weekday>().ok(), time.trim()),
        None => (None, text),
    };
    if day.is_some() || !text.contains(' ') {
        for form in ["%H:%M:%S", "%H:%M"] {
            if let Ok(time) = NaiveTime::parse_from_str(time, form) {
                return Ok(Moment::Next(day, time));
            }
        }
    }
    Err(format!("`{}` is no moment", text.chars().take(40).collect::<String>().escape_debug()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_as_people_write_them() {
        let local = |text: &str| match parse(text) {
            Ok(Moment::Local(moment)) => moment.to_string(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(local("2026-01-05T09:00:00"), "2026-01-05 09:00:00");
        assert_eq!(local("2026-01-05 09:00"), "2026-01-05 09:00:00");
        assert_eq!(local("2026-01-05"), "2026-01-05 00:00:00");
        assert_eq!(parse("1970-01-01T00:00:01Z"), Ok(Moment::Exact(Millis(1000))));
        assert_eq!(parse("1970-01-01 01:00:01+01:00"), Ok(Moment::Exact(Millis(1000))));
        let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        assert_eq!(parse("09:00"), Ok(Moment::Next(None, nine)));
        assert_eq!(parse("mon 9:00"), Ok(Moment::Next(Some(Weekday::Mon), nine)));
        for wrong in ["", "soon", "25:00", "2026-13-01", "xyz 09:00"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
