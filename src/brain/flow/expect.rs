//! What a step expects of an answer, and what it makes of the words that were said.

use std::{fmt::Write as _, sync::Arc};

use chrono::{Days, NaiveDate};
use serde_json::{Number, Value};

use crate::{brain::words, definition::diagnostic::did_you_mean};

/// What an answer must be.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::brain) struct Expect {
    pub(in crate::brain) kind: Kind,
    /// Least number; of a text its least length in characters.
    pub(in crate::brain) min: Option<f64>,
    /// Greatest number; of a text its greatest length.
    pub(in crate::brain) max: Option<f64>,
    /// An input of a card that may stay empty.
    pub(in crate::brain) optional: bool,
}

/// The kinds of answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::brain) enum Kind {
    /// Anything that is not empty.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Yes or no.
    Bool,
    /// An address, kept in lower case.
    Email,
    /// A day, kept as `2026-12-31`.
    Date,
    /// A length of time, kept in seconds.
    Duration,
    /// One of these, whatever its case; kept as written here.
    Choice(Box<[Box<str>]>),
    /// What fits a pattern.
    Pattern(Arc<str>),
}

/// Words for yes and for no, lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::brain) struct YesNo {
    pub(in crate::brain) yes: Box<[Box<str>]>,
    pub(in crate::brain) no: Box<[Box<str>]>,
}

impl Default for YesNo {
    fn default() -> Self {
        let words = |list: &[&str]| list.iter().map(|word| Box::from(*word)).collect();
        Self {
            yes: words(&["yes", "y", "yep", "yeah", "true", "ok", "okay", "sure", "1"]),
            no: words(&["no", "n", "nope", "false", "0"]),
        }
    }
}

impl YesNo {
    /// Yes, no, or neither.
    pub(super) fn read(&self, said: &str) -> Option<bool> {
        let is = |word: &str| words::rest(said, word).is_some_and(str::is_empty);
        if self.yes.iter().any(|word| is(word)) {
            return Some(true);
        }
        self.no.iter().any(|word| is(word)).then_some(false)
    }
}

/// What reading an answer needs to know besides the words.
pub(super) struct Around<'a> {
    pub(super) yes_no: &'a YesNo,
    /// The day that it is.
    pub(super) today: NaiveDate,
    pub(super) fits: &'a dyn Fits,
}

/// Knows patterns.
pub(in crate::brain) trait Fits {
    /// Whether a text fits a pattern.
    fn fits(&self, pattern: &Arc<str>, text: &str) -> bool;
}

impl Expect {
    /// Expects a kind, without bounds.
    pub(in crate::brain) fn of(kind: Kind) -> Self {
        Self { kind, min: None, max: None, optional: false }
    }

    /// The value of what was said, or what is wrong with it as a sentence for the person.
    pub(super) fn read(&self, said: &str, around: &Around<'_>) -> Result<Value, String> {
        let said = said.trim();
        if said.is_empty() {
            return Err("That was empty.".to_owned());
        }
        let value = match &self.kind {
            Kind::Text => Some(said.into()),
            Kind::Int => said.parse::<i64>().ok().map(Value::from),
            Kind::Number => number(said),
            Kind::Bool => around.yes_no.read(said).map(Value::from),
            Kind::Email => email(said).map(Value::from),
            Kind::Date => date(said, around.today).map(|day| day.to_string().into()),
            Kind::Duration => seconds(said).map(Value::from),
            Kind::Choice(choices) => choices
                .iter()
                .find(|choice| words::folded(choice) == words::folded(said))
                .map(|choice| (**choice).into()),
            Kind::Pattern(pattern) => around.fits.fits(pattern, said).then(|| said.into()),
        };
        let value = value.ok_or_else(|| self.wrong(said))?;
        self.bounded(&value)?;
        Ok(value)
    }

    fn bounded(&self, value: &Value) -> Result<(), String> {
        let size = match value {
            Value::Number(number) => number.as_f64(),
            #[expect(clippy::cast_precision_loss, reason = "a message is no such length")]
            Value::String(text) if matches!(self.kind, Kind::Text | Kind::Pattern(_)) => {
                Some(text.chars().count() as f64)
            }
            _ => None,
        };
        let Some(size) = size else { return Ok(()) };
        let of_text = value.is_string();
        if let Some(min) = self.min.filter(|min| size < *min) {
            return Err(if of_text {
                format!("That needs at least {min} characters.")
            } else {
                format!("That must be at least {min}.")
            });
        }
        if let Some(max) = self.max.filter(|max| size > *max) {
            return Err(if of_text {
                format!("That may have at most {max} characters.")
            } else {
                format!("That may be at most {max}.")
            });
        }
        Ok(())
    }

    fn wrong(&self, said: &str) -> String {
        match &self.kind {
            Kind::Text => "That was empty.".to_owned(),
            Kind::Int => "That is no whole number: write it as in `42`.".to_owned(),
            Kind::Number => "That is no number: write it as in `2.5`.".to_owned(),
            Kind::Bool => "Please answer `yes` or `no`.".to_owned(),
            Kind::Email => "That is no address: write it as in `lead@example.com`.".to_owned(),
            Kind::Date => "That is no date: write it as in `2026-12-31`, or `today` or `tomorrow`.".to_owned(),
            Kind::Duration => "That is no length of time: write it as in `10m`, `2h` or `1h 30m`.".to_owned(),
            Kind::Choice(choices) => {
                let mut text = String::from("Please answer with one of: ");
                for (index, choice) in choices.iter().enumerate() {
                    let _ = write!(text, "{}{choice}", if index > 0 { ", " } else { "" });
                }
                match did_you_mean(said, choices.iter().map(AsRef::as_ref)) {
                    Some(meant) if said.len() <= 64 => format!("{text}. {}", capital(&meant)),
                    _ => format!("{text}."),
                }
            }
            Kind::Pattern(_) => "That does not look as it should.".to_owned(),
        }
    }
}

fn capital(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

fn number(said: &str) -> Option<Value> {
    if let Ok(whole) = said.parse::<i64>() {
        return Some(whole.into());
    }
    let plain = said.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'.' | b'-' | b'+'));
    said.parse::<f64>().ok().filter(|_| plain).and_then(Number::from_f64).map(Value::Number)
}

fn email(said: &str) -> Option<String> {
    let (name, domain) = said.split_once('@')?;
    let fits = !name.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !said.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, '<' | '>' | ',' | ';'))
        && !domain.contains('@')
        && said.len() <= 254;
    fits.then(|| said.to_lowercase())
}

/// `2026-12-31`, `31.12.2026`, `today`, `tomorrow`.
fn date(said: &str, today: NaiveDate) -> Option<NaiveDate> {
    match said.to_lowercase().as_str() {
        "today" => Some(today),
        "tomorrow" => today.checked_add_days(Days::new(1)),
        _ => {
            let (order, mark) = if said.contains('.') { ("%d.%m.%Y", '.') } else { ("%Y-%m-%d", '-') };
            let four = said.split(mark).filter(|part| part.len() == 4).count() == 1;
            NaiveDate::parse_from_str(said, order).ok().filter(|_| four)
        }
    }
}

/// `90s`, `10m`, `1h 30m`, `2 days`: seconds.
fn seconds(said: &str) -> Option<i64> {
    let mut rest = said.trim();
    let mut sum: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = rest.get(..digits)?.parse().ok()?;
        let tail = rest.get(digits..)?.trim_start();
        let letters = tail.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(tail.len());
        let unit = match tail.get(..letters)?.to_ascii_lowercase().as_str() {
            "s" | "sec" | "second" | "seconds" => 1,
            "m" | "min" | "minute" | "minutes" => 60,
            "h" | "hour" | "hours" => 3600,
            "d" | "day" | "days" => 86_400,
            "w" | "week" | "weeks" => 604_800,
            _ => return None,
        };
        sum = sum.checked_add(count.checked_mul(unit)?)?;
        rest = tail.get(letters..)?.trim_start();
    }
    Some(sum)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(expect: &Expect, said: &str) -> Result<Value, String> {
        let today = NaiveDate::from_ymd_opt(2026, 1, 1).unwrap();
        expect.read(said, &Around { yes_no: &YesNo::default(), today, fits: &Begins })
    }

    struct Begins;

    impl Fits for Begins {
        fn fits(&self, pattern: &Arc<str>, text: &str) -> bool {
            text.starts_with(&**pattern)
        }
    }

    fn choice() -> Kind {
        Kind::Choice(["Red".into(), "Dark blue".into()].into())
    }

    #[test]
    fn every_kind_reads_its_words_and_refuses_others() {
        for (kind, said, value) in [
            (Kind::Text, "  anything at all ", Some(json!("anything at all"))),
            (Kind::Int, "-42", Some(json!(-42))),
            (Kind::Int, "4.2", None),
            (Kind::Number, "4.25", Some(json!(4.25))),
            (Kind::Number, "nan", None),
            (Kind::Number, "1e999", None),
            (Kind::Bool, "Yes!", Some(json!(true))),
            (Kind::Bool, "no.", Some(json!(false))),
            (Kind::Bool, "no way", None),
            (Kind::Email, "Lead@Example.com", Some(json!("lead@example.com"))),
            (Kind::Email, "lead@", None),
            (Kind::Email, "a@b@example.com", None),
            (Kind::Date, "2026-12-31", Some(json!("2026-12-31"))),
            (Kind::Date, "31.12.2026", Some(json!("2026-12-31"))),
            (Kind::Date, "Tomorrow", Some(json!("2026-01-02"))),
            (Kind::Date, "2026-02-30", None),
            (Kind::Date, "31.12.26", None),
            (Kind::Duration, "1h 30m", Some(json!(5400))),
            (Kind::Duration, "2 days", Some(json!(172_800))),
            (Kind::Duration, "10", None),
            (Kind::Duration, "99999999999999999 weeks", None),
            (choice(), "dark  BLUE", Some(json!("Dark blue"))),
            (choice(), "blue", None),
            (Kind::Pattern("INC".into()), "INC12", Some(json!("INC12"))),
            (Kind::Pattern("INC".into()), "12", None),
        ] {
            assert_eq!(read(&Expect::of(kind.clone()), said).ok(), value, "{kind:?} {said}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_what_would_be_right() {
        assert_eq!(
            read(&Expect::of(choice()), "rad").unwrap_err(),
            "Please answer with one of: Red, Dark blue. Did you mean `Red`?"
        );
        let count = Expect { min: Some(1.0), max: Some(9.0), ..Expect::of(Kind::Int) };
        assert_eq!(read(&count, "0").unwrap_err(), "That must be at least 1.");
        assert_eq!(read(&count, "10").unwrap_err(), "That may be at most 9.");
        let short = Expect { max: Some(3.0), ..Expect::of(Kind::Text) };
        assert_eq!(read(&short, "äöü").unwrap(), json!("äöü"));
        assert_eq!(read(&short, "long").unwrap_err(), "That may have at most 3 characters.");
    }

    proptest! {
        #[test]
        fn no_words_panic(said in r"[0-9a-zäE .:@+-]{0,20}") {
            for kind in [Kind::Text, Kind::Int, Kind::Number, Kind::Bool, Kind::Email, Kind::Date, Kind::Duration, choice()] {
                let _ = read(&Expect::of(kind), &said);
            }
        }

        #[test]
        fn a_day_as_it_is_kept_reads_as_itself(days in 0..40_000u64) {
            let day = NaiveDate::default().checked_add_days(Days::new(days)).unwrap().to_string();
            prop_assert_eq!(read(&Expect::of(Kind::Date), &day).unwrap(), json!(day));
        }
    }
}
