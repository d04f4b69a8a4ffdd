//! One word as a value of a type.

use std::fmt;

use chrono::{Datelike, NaiveDate};
use serde_json::json;

use super::token::{Token, TokenKind};
use crate::{base::whole_millis, definition::length};

/// What an argument takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// One word, or several in quotes.
    Word,
    /// A whole number.
    Int,
    /// A number.
    Number,
    /// Yes or no.
    Bool,
    /// One of these words.
    Choice(Box<[Box<str>]>),
    /// A person: a mention or an address.
    Person,
    /// An address.
    Email,
    /// A duration: `90s`, `1h30m`.
    Duration,
    /// A day: `2026-11-29`, `today`, `tomorrow`, `friday`.
    Date,
    /// Everything that is left, as it is.
    Rest,
}

/// Names of the types, as they stand after the `:`.
pub(super) const KINDS: &[&str] = &["word", "int", "number", "bool", "person", "email", "duration", "date", "rest"];

impl Kind {
    /// The type of a name; a choice is none of them.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "word" => Self::Word,
            "int" => Self::Int,
            "number" => Self::Number,
            "bool" => Self::Bool,
            "person" => Self::Person,
            "email" => Self::Email,
            "duration" => Self::Duration,
            "date" => Self::Date,
            "rest" => Self::Rest,
            _ => return None,
        })
    }

    /// What it takes, for people: `count` must be …
    pub(in crate::brain) fn described(&self) -> String {
        match self {
            Self::Word => "one word, or several in quotes".to_owned(),
            Self::Int => "a whole number".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::Bool => "yes or no".to_owned(),
            Self::Choice(options) => {
                let (last, others) = options.split_last().map_or(("", &[][..]), |(last, others)| (&**last, others));
                if others.is_empty() { last.to_owned() } else { format!("{} or {last}", others.join(", ")) }
            }
            Self::Person => "a person: mention them, or write their address".to_owned(),
            Self::Email => "an address like alice@example.com".to_owned(),
            Self::Duration => "a duration like 90s, 15m or 1h30m".to_owned(),
            Self::Date => "a day like 2026-11-29, today or friday".to_owned(),
            Self::Rest => "some text".to_owned(),
        }
    }
}

/// As it is written after the `:`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Word => "word",
            Self::Int => "int",
            Self::Number => "number",
            Self::Bool => "bool",
            Self::Choice(options) => return f.write_str(&options.join("|")),
            Self::Person => "person",
            Self::Email => "email",
            Self::Duration => "duration",
            Self::Date => "date",
            Self::Rest => "rest",
        })
    }
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A word, a choice, an address, the rest of the line.
    Text(String),
    /// A whole number.
    Int(i64),
    /// A number.
    Number(f64),
    /// Yes or no; a flag that is there or not.
    Bool(bool),
    /// Milliseconds of a duration.
    Duration(u64),
    /// A day.
    Date(NaiveDate),
    /// Somebody who was mentioned.
    Mentioned {
        /// Person id.
        id: String,
        /// The words of the mention.
        name: String,
    },
    /// Somebody by address.
    Address(String),
}

impl Value {
    /// As templates and handlers see it, but for people: what is known of them depends on more than what was said.
    /// A duration is its seconds, a day is `2026-11-29`.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Int(number) => json!(number),
            Self::Number(number) => json!(number),
            Self::Bool(truth) => json!(truth),
            #[expect(clippy::cast_precision_loss, reason = "no duration is as long as 2^53 milliseconds")]
            Self::Duration(millis) if millis % 1000 != 0 => json!(*millis as f64 / 1000.0),
            Self::Duration(millis) => json!(millis / 1000),
            Self::Date(day) => json!(day.to_string()),
            Self::Mentioned { id, name } => {
                json!({ "id": id, "email": "", "display_name": name, "first_name": name })
            }
            Self::Address(email) => {
                json!({ "id": "", "email": email, "display_name": email, "first_name": email })
            }
        }
    }
}

/// Reads one token as a value of a type; nothing if it is none.
pub(super) fn read(kind: &Kind, token: &Token<'_>, today: NaiveDate) -> Option<Value> {
    if let TokenKind::Mention(mentioned) = &token.kind {
        return match kind {
            Kind::Person => Some(Value::Mentioned { id: mentioned.id.clone(), name: mentioned.name.clone() }),
            Kind::Word | Kind::Rest => Some(Value::Text(mentioned.name.clone())),
            _ => None,
        };
    }
    let text = token.text();
    Some(match kind {
        Kind::Word | Kind::Rest => Value::Text(text.to_owned()),
        Kind::Int => Value::Int(text.parse().ok()?),
        Kind::Number => Value::Number(text.parse().ok().filter(|number: &f64| number.is_finite())?),
        Kind::Bool => Value::Bool(match text.to_lowercase().as_str() {
            "yes" | "true" | "on" => true,
            "no" | "false" | "off" => false,
            _ => return None,
        }),
        Kind::Choice(options) => {
            let mut options = options.iter().map(|option| &**option);
            Value::Text(options.find(|option| option.to_lowercase() == text.to_lowercase())?.to_owned())
        }
        Kind::Person => Value::Address(address(text)?.to_owned()),
        Kind::Email => Value::Text(address(text)?.to_owned()),
        Kind::Duration => Value::Duration(whole_millis(length::parse(text).ok()?)),
        Kind::Date => Value::Date(day(text, today)?),
    })
}

/// An address, without what mail programs put around it.
pub(super) fn address(text: &str) -> Option<&str> {
    let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let bare = bare.strip_prefix("mailto:").unwrap_or(bare);
    let (name, domain) = bare.split_once('@')?;
    let odd = |c: char| c.is_whitespace() || c.is_control() || "<>(),;:\"[]@".contains(c);
    let fits =
        !name.is_empty() && !domain.is_empty() && bare.len() <= 254 && !name.contains(odd) && !domain.contains(odd);
    fits.then_some(bare)
}

fn day(text: &str, today: NaiveDate) -> Option<NaiveDate> {
    const WEEK: &[&str] = &["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let word = text.to_lowercase();
    match word.as_str() {
        "today" => return Some(today),
        "tomorrow" => return today.succ_opt(),
        "yesterday" => return today.pred_opt(),
        _ => {}
    }
    if word.len() >= 3
        && let Some(number) = WEEK.iter().position(|name| name.starts_with(&word))
    {
        // The next one: a person who says `monday` on a monday means the one in a week.
        let ahead = (number as u64 + 7 - u64::from(today.weekday().num_days_from_monday())) % 7;
        return today.checked_add_days(chrono::Days::new(if ahead == 0 { 7 } else { ahead }));
    }
    let day = NaiveDate::parse_from_str(text, "%Y-%m-%d").or_else(|_| NaiveDate::parse_from_str(text, "%d.%m.%Y"));
    day.ok().filter(|day| (1900..=9999).contains(&day.year()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(kind: &Kind, text: &str) -> Option<Value> {
        let today = NaiveDate::from_ymd_opt(2026, 11, 29).unwrap(); // a Sunday
        read(kind, &Token { range: 0..text.len(), kind: TokenKind::Bare(text) }, today)
    }

    #[test]
    fn each_type_reads_its_own_and_nothing_else() {
        let text = |text: &str| Some(Value::Text(text.into()));
        assert_eq!(one(&Kind::Int, "-12"), Some(Value::Int(-12)));
        assert_eq!(one(&Kind::Number, "1.5"), Some(Value::Number(1.5)));
        assert_eq!(one(&Kind::Bool, "Yes"), Some(Value::Bool(true)));
        assert_eq!(one(&Kind::Duration, "1h30m"), Some(Value::Duration(5_400_000)));
        assert_eq!(one(&Kind::Email, "<alice@example.com>"), text("alice@example.com"));
        assert_eq!(one(&Kind::Person, "mailto:a@b.c"), Some(Value::Address("a@b.c".into())));
        let size = Kind::Choice(["small".into(), "Large".into()].into());
        assert_eq!(one(&size, "LARGE"), text("Large"));
        for (kind, wrong) in [
            (Kind::Int, "1.5"),
            (Kind::Int, "99999999999999999999"),
            (Kind::Number, "inf"),
            (Kind::Number, "NaN"),
            (Kind::Bool, "maybe"),
            (Kind::Email, "alice"),
            (Kind::Email, "a@b@c"),
            (Kind::Person, "Alice"),
            (Kind::Duration, "5"),
            (size, "medium"),
        ] {
            assert_eq!(one(&kind, wrong), None, "{kind} {wrong}");
        }
    }

    #[test]
    fn a_day_is_a_date_or_a_word() {
        let day = |text: &str| one(&Kind::Date, text).map(|value| value.json());
        assert_eq!(day("2026-02-28"), Some(json!("2026-02-28")));
        assert_eq!(day("28.02.2026"), Some(json!("2026-02-28")));
        assert_eq!(day("Tomorrow"), Some(json!("2026-11-30")));
        assert_eq!(day("mon"), Some(json!("2026-11-30")));
        assert_eq!(day("sunday"), Some(json!("2026-12-06")));
        for wrong in ["2026-02-30", "soon", "m", "1-1-1"] {
            assert_eq!(day(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn values_are_plain_json() {
        assert_eq!(Value::Duration(90_000).json(), json!(90));
        assert_eq!(Value::Duration(250).json(), json!(0.25));
        assert_eq!(Value::Address("a@b.c".into()).json()["email"], json!("a@b.c"));
    }
}
