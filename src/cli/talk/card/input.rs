//! What may stand in an input: what is typed as a value, whether a value fits, and how it is shown.

use chrono::{NaiveDate, NaiveTime};
use regex_automata::meta::{Config, Regex};

use super::{Choice, Input, Kind};

/// What a pattern may cost in memory when it is compiled, in bytes.
const MOST_PATTERN: usize = 1 << 20;

impl Input {
    /// What a client begins with, of what the card says.
    pub(super) fn first_value(&self) -> String {
        match &self.kind {
            Kind::Toggle { on, off } => if self.value == *on { on } else { off }.clone(),
            Kind::Choices { choices, many } => {
                let known = |value: &&str| choices.iter().any(|choice| choice.value == *value);
                let values = self.value.split(',').filter(known);
                values.take(if *many { usize::MAX } else { 1 }).collect::<Vec<_>>().join(",")
            }
            _ => self.value.clone(),
        }
    }

    /// The value that is meant by what a person typed.
    pub(super) fn typed(&self, typed: &str) -> Result<String, String> {
        let typed = typed.trim();
        match &self.kind {
            Kind::Toggle { on, off } => {
                toggled(typed, on, off).ok_or_else(|| format!("`{}` is on or off: type `yes` or `no`", self.label))
            }
            Kind::Choices { choices, many: true } => {
                let parts = typed.split(',').map(str::trim).filter(|part| !part.is_empty());
                let values: Result<Vec<&str>, String> = parts.map(|part| self.chosen(choices, part)).collect();
                Ok(values?.join(","))
            }
            Kind::Choices { many: false, .. } if typed.is_empty() => Ok(String::new()),
            Kind::Choices { choices, many: false } => self.chosen(choices, typed).map(str::to_owned),
            _ => Ok(typed.to_owned()),
        }
    }

    fn chosen<'c>(&self, choices: &'c [Choice], typed: &str) -> Result<&'c str, String> {
        let found = choices
            .iter()
            .find(|choice| choice.value == typed)
            .or_else(|| choices.iter().find(|choice| choice.title.eq_ignore_ascii_case(typed)))
            .or_else(|| {
                choices.iter().enumerate().find(|(at, choice)| key(choices, *at, choice) == typed).map(|(_, it)| it)
            });
        let found = found.ok_or_else(|| {
            let all: Vec<String> = self.options().iter().map(|option| option.trim().to_owned()).collect();
            format!("`{}` has no choice `{typed}`: there is {}", self.label, all.join(", "))
        });
        found.map(|choice| choice.value.as_str())
    }

    /// The choices as they are offered, one each; none for what is typed freely.
    pub(super) fn options(&self) -> Vec<String> {
        match &self.kind {
            Kind::Choices { choices, .. } => {
                choices.iter().enumerate().map(|(at, it)| format!("{} {}", key(choices, at, it), it.title)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Whether a client would send this value; else what it would say.
    pub(super) fn check(&self, value: &str) -> Result<(), String> {
        self.unfit(value).map_or(Ok(()), |usual| Err(self.error.clone().unwrap_or(usual)))
    }

    /// What is wrong with a value, in our own words.
    fn unfit(&self, value: &str) -> Option<String> {
        let empty = match &self.kind {
            Kind::Toggle { on, .. } => value != on,
            _ => value.trim().is_empty(),
        };
        let label = &self.label;
        if empty {
            let wanted = if matches!(self.kind, Kind::Toggle { .. }) { "must be on" } else { "must be filled in" };
            return self.required.then(|| format!("`{label}` {wanted}"));
        }
        match &self.kind {
            Kind::Text { most: Some(most), .. } if value.chars().count() > *most => {
                Some(format!("`{label}` has at most {most} characters"))
            }
            Kind::Text { regex: Some(regex), .. } if !matches(regex, value) => {
                Some(format!("`{label}` must match `{regex}`"))
            }
            Kind::Number { min, max } => match value.parse::<f64>().ok().filter(|number| number.is_finite()) {
                None => Some(format!("`{label}` is a number")),
                Some(number) if min.is_some_and(|min| number < min) => Some(limits(label, *min, *max)),
                Some(number) if max.is_some_and(|max| number > max) => Some(limits(label, *min, *max)),
                Some(_) => None,
            },
            Kind::Date { min, max } => match NaiveDate::parse_from_str(value, "%Y-%m-%d") {
                Ok(_) if value.len() == "2026-11-22".len() => {
                    (!within(value, min.as_deref(), max.as_deref())).then(|| limits(label, min.as_ref(), max.as_ref()))
                }
                _ => Some(format!("`{label}` is a date as in `2026-11-22`")),
            },
            Kind::Time { min, max } => match NaiveTime::parse_from_str(value, "%H:%M") {
                Ok(_) if value.len() == "09:30".len() => {
                    (!within(value, min.as_deref(), max.as_deref())).then(|| limits(label, min.as_ref(), max.as_ref()))
                }
                _ => Some(format!("`{label}` is a time as in `09:30`")),
            },
            _ => None,
        }
    }

    /// What kind of thing is wanted, in a word or two; nothing where it goes without saying.
    pub(super) fn hint(&self) -> &'static str {
        match &self.kind {
            Kind::Number { .. } => "a number",
            Kind::Date { .. } => "a date, 2026-11-22",
            Kind::Time { .. } => "a time, 09:30",
            Kind::Toggle { .. } => "yes or no",
            Kind::Choices { many: true, .. } => "any of them, with commas",
            Kind::Choices { many: false, .. } => "one of them",
            Kind::Text { .. } => "",
        }
    }

    /// A value as a person reads it.
    pub(super) fn shown(&self, value: &str) -> String {
        match &self.kind {
            Kind::Toggle { on, .. } => if value == on { "yes" } else { "no" }.to_owned(),
            Kind::Choices { choices, .. } => {
                let title = |value: &str| choices.iter().find(|it| it.value == value).map(|it| it.title.clone());
                value.split(',').filter_map(title).collect::<Vec<_>>().join(", ")
            }
            _ => value.replace('\n', "⏎"),
        }
    }
}

/// What is typed for a choice: its number; but its value where values are numbers themselves.
fn key(choices: &[Choice], at: usize, choice: &Choice) -> String {
    let number = |text: &str| text.parse::<u64>().is_ok();
    let numbers = choices.iter().any(|choice| number(&choice.value) || number(&choice.title));
    if numbers { choice.value.clone() } else { (at + 1).to_string() }
}

fn toggled(typed: &str, on: &str, off: &str) -> Option<String> {
    if typed == on || typed == off {
        return Some(typed.to_owned());
    }
    match typed.to_lowercase().as_str() {
        "yes" | "y" | "on" | "true" | "x" | "1" => Some(on.to_owned()),
        "no" | "n" | "off" | "false" | "0" => Some(off.to_owned()),
        _ => None,
    }
}

/// As a client looks for it: anywhere in the value. A pattern that only JavaScript understands refuses nothing here.
fn matches(regex: &str, value: &str) -> bool {
    let config = Config::new().nfa_size_limit(Some(MOST_PATTERN)).hybrid_cache_capacity(MOST_PATTERN);
    Regex::builder().configure(config).build(regex).map_or(true, |regex| regex.is_match(value))
}

fn within(value: &str, min: Option<&str>, max: Option<&str>) -> bool {
    min.is_none_or(|min| value >= min) && max.is_none_or(|max| value <= max)
}

fn limits<T: std::fmt::Display>(label: &str, min: Option<T>, max: Option<T>) -> String {
    match (min, max) {
        (Some(min), Some(max)) => format!("`{label}` is from {min} to {max}"),
        (Some(min), None) => format!("`{label}` is at least {min}"),
        (None, Some(max)) => format!("`{label}` is at most {max}"),
        (None, None) => format!("`{label}` does not fit"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::{super::read, *};

    fn input(element: &Value) -> Input {
        let mut card = read(&json!({ "type": "AdaptiveCard", "body": [element] }));
        card.inputs.remove(0)
    }

    fn refused(input: &Input, value: &str) -> String {
        input.check(value).unwrap_err()
    }

    #[test]
    fn a_text_is_held_against_its_pattern_and_its_length() {
        let mail = input(&json!({ "type": "Input.Text", "id": "mail", "label": "Mail", "isRequired": true,
            "regex": "^[^@]+@example\\.com$", "maxLength": 20 }));
        assert!(mail.check("bob@example.com").is_ok());
        assert_eq!(refused(&mail, " "), "`Mail` must be filled in");
        assert_eq!(refused(&mail, "bob"), "`Mail` must match `^[^@]+@example\\.com$`");
        assert_eq!(refused(&mail, "a-very-long-name@example.com"), "`Mail` has at most 20 characters");
        let own = Input { error: Some("Who are you?".into()), ..mail };
        assert_eq!([refused(&own, ""), refused(&own, "bob")], ["Who are you?", "Who are you?"]);
    }

    #[test]
    fn a_pattern_that_only_a_browser_reads_refuses_nothing() {
        let odd = input(&json!({ "type": "Input.Text", "id": "x", "regex": "^(?!no).*$" }));
        assert!(odd.check("no").is_ok());
    }

    #[test]
    fn numbers_dates_and_times_have_their_form_and_limits() {
        let cost = input(&json!({ "type": "Input.Number", "id": "cost", "min": 1, "max": 10, "value": 7 }));
        assert_eq!(cost.value, "7");
        assert!(cost.check("2.5").is_ok() && cost.check("").is_ok());
        for (value, said) in [("11", "from 1 to 10"), ("0", "from 1 to 10"), ("many", "a number"), ("NaN", "a number")]
        {
            assert!(refused(&cost, value).contains(said), "{value}");
        }
        let day = input(&json!({ "type": "Input.Date", "id": "day", "min": "2026-01-01" }));
        assert!(day.check("2026-11-22").is_ok());
        for (value, said) in
            [("2025-12-31", "at least 2026-01-01"), ("22.11.2026", "2026-11-22"), ("2026-2-3", "as in")]
        {
            assert!(refused(&day, value).contains(said), "{value}");
        }
        let time = input(&json!({ "type": "Input.Time", "id": "at", "max": "17:00" }));
        assert!(time.check("09:30").is_ok());
        for (value, said) in [("17:01", "at most 17:00"), ("9:30", "as in"), ("25:00", "as in")] {
            assert!(refused(&time, value).contains(said), "{value}");
        }
    }

    #[test]
    fn a_toggle_has_the_values_that_the_card_gives_it() {
        let all = input(&json!({ "type": "Input.Toggle", "id": "all", "title": "Tell all", "valueOn": "1",
            "valueOff": "never", "isRequired": true }));
        assert_eq!((all.label.as_str(), all.value.as_str()), ("Tell all", "never"));
        assert_eq!([all.typed("yes"), all.typed("off")], [Ok("1".into()), Ok("never".into())]);
        assert!(all.typed("perhaps").unwrap_err().contains("`yes` or `no`"));
        assert_eq!(refused(&all, "never"), "`Tell all` must be on");
        assert_eq!(all.shown("1"), "yes");
    }

    fn colours(more: &Value) -> Input {
        let mut set = json!({ "type": "Input.ChoiceSet", "id": "colour", "choices": [
            { "title": "Red", "value": "r" }, { "title": "Green", "value": "g" }, { "value": "b" } ] });
        set.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        input(&set)
    }

    #[test]
    fn a_choice_is_named_by_number_title_or_value() {
        let one = colours(&json!({ "value": "g" }));
        assert_eq!(one.value, "g");
        for typed in ["2", "green", "g"] {
            assert_eq!(one.typed(typed), Ok("g".into()));
        }
        let unknown = one.typed("pink").unwrap_err();
        assert_eq!(unknown, "`colour` has no choice `pink`: there is 1 Red, 2 Green, 3 b");
        let many = colours(&json!({ "isMultiSelect": true, "value": "g,x,r" }));
        assert_eq!((many.value.as_str(), many.shown("g,r")), ("g,r", "Green, Red".into()));
        assert_eq!([many.typed("1, b"), many.typed("")], [Ok("r,b".into()), Ok(String::new())]);
    }

    #[test]
    fn where_values_are_numbers_a_number_means_a_value() {
        let stars = input(&json!({ "type": "Input.ChoiceSet", "id": "stars", "choices": [
            { "title": "good", "value": "5" }, { "title": "bad", "value": "1" } ] }));
        assert_eq!((stars.options(), stars.typed("1")), (vec!["5 good".into(), "1 bad".into()], Ok("1".into())));
        assert!(stars.typed("2").is_err());
    }

    proptest! {
        #[test]
        fn what_is_offered_can_be_typed(titles in prop::collection::vec("[a-z0-9]{1,4}", 1..6)) {
            let choices: Vec<Value> = titles.iter().enumerate()
                .map(|(at, title)| json!({ "title": title, "value": format!("v{at}") })).collect();
            let set = input(&json!({ "type": "Input.ChoiceSet", "id": "x", "choices": choices }));
            for (option, choice) in set.options().iter().zip(&choices) {
                let key = option.split(' ').next().unwrap();
                // A title that looks like another's number is that title.
                if !titles.iter().any(|title| title == key) {
                    prop_assert_eq!(set.typed(key).unwrap(), choice["value"].as_str().unwrap());
                }
            }
        }
    }
}
