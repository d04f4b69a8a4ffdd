//! From what a person said after the command's words to values.

use chrono::NaiveDate;

use super::{
    Complaint, Flag, Usage,
    token::{self, Mentioned, Token, TokenKind},
    value::{self, Kind, Value},
};
use crate::definition::diagnostic::nearest;

/// The values of a command, by name, in the order of its usage; one that was left out has none.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Args(pub Vec<(String, Option<Value>)>);

impl Args {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name)?.1.as_ref()
    }

    /// As templates and handlers see them: what was left out is null, a flag is there or not.
    #[must_use]
    pub fn json(&self) -> serde_json::Map<String, serde_json::Value> {
        let json = |value: &Option<Value>| value.as_ref().map_or(serde_json::Value::Null, Value::json);
        self.0.iter().map(|(name, value)| (name.clone(), json(value))).collect()
    }
}

impl Usage {
    /// Reads the arguments that stand in `text` from a place on. `today` is what `today` means.
    ///
    /// # Errors
    /// The first thing that does not fit.
    pub fn read(&self, text: &str, from: usize, mentions: &[Mentioned], today: NaiveDate) -> Result<Args, Complaint> {
        let values = self.args.iter().map(|arg| (arg.name.to_string(), None));
        let flags = self.flags.iter().map(|flag| (flag.key(), flag.takes.is_none().then_some(Value::Bool(false))));
        let values = values.chain(flags).collect();
        let mut reader =
            Reader { usage: self, text, at: from, mentions, today, values: Args(values), place: 0, no_flags: false };
        reader.run()?;
        Ok(reader.values)
    }
}

struct Reader<'a> {
    usage: &'a Usage,
    text: &'a str,
    at: usize,
    mentions: &'a [Mentioned],
    today: NaiveDate,
    values: Args,
    /// Which argument by place is next.
    place: usize,
    /// `--` was said: what follows is no flag, whatever it looks like.
    no_flags: bool,
}

impl Reader<'_> {
    fn run(&mut self) -> Result<(), Complaint> {
        while let Some(token) = token::next(self.text, self.at, self.mentions) {
            let flag = if self.no_flags { None } else { token.flag() };
            if let Some(said) = flag
                && self.flag(said, &token)?
            {
                continue;
            }
            if !self.no_flags && !self.usage.flags.is_empty() && matches!(token.kind, TokenKind::Bare("--" | "—")) {
                self.no_flags = true;
                self.at = token.range.end;
                continue;
            }
            self.by_place(&token)?;
        }
        match self.usage.args.get(self.place..).unwrap_or_default().iter().find(|arg| arg.required) {
            Some(arg) => Err(Complaint::Missing(arg.name.to_string(), arg.kind.clone())),
            None => Ok(()),
        }
    }

    /// Reads a flag and what it takes. `false`: it is no flag, but the beginning of the rest of the line.
    fn flag(&mut self, said: &str, token: &Token<'_>) -> Result<bool, Complaint> {
        let (name, given) = match said.split_once('=') {
            Some((name, given)) => (name, Some(given)),
            None => (said, None),
        };
        let known = self.usage.flags.iter().position(|flag| flag.name.eq_ignore_ascii_case(name));
        let Some((number, flag)) = known.and_then(|number| Some((number, self.usage.flags.get(number)?))) else {
            let mut left = self.usage.args.get(self.place..).unwrap_or_default().iter();
            let rest_is_next =
                left.find(|arg| arg.required || arg.kind == Kind::Rest).is_some_and(|arg| arg.kind == Kind::Rest);
            let slip = nearest(name, self.usage.flags.iter().map(|flag| &*flag.name)).is_some();
            return if rest_is_next && !slip { Ok(false) } else { Err(Complaint::UnknownFlag(name.to_owned())) };
        };
        self.at = token.range.end;
        let value = self.flag_value(flag, given)?;
        let place = self.usage.args.len() + number;
        let Some((_, known)) = self.values.0.get_mut(place) else { return Ok(true) };
        if known.as_ref().is_some_and(|known| *known != Value::Bool(false) || flag.takes.is_some()) {
            return Err(Complaint::Twice(flag.name.to_string()));
        }
        *known = Some(value);
        Ok(true)
    }

    fn flag_value(&mut self, flag: &Flag, given: Option<&str>) -> Result<Value, Complaint> {
        let Some((_, kind)) = &flag.takes else {
            return match given {
                None => Ok(Value::Bool(true)),
                Some(_) => Err(Complaint::TakesNothing(flag.name.to_string())),
            };
        };
        let missing = || Complaint::Bare(flag.name.to_string(), kind.clone());
        let token = match given {
            // `--level="two words"`: what follows `=` is read again, quotes and all.
            Some(given) => token::next(self.text, self.at - given.len(), self.mentions),
            None => token::next(self.text, self.at, self.mentions).filter(|token| token.flag().is_none()),
        };
        let token = token.filter(|token| given.is_none_or(|given| token.range.start == self.at - given.len()));
        let token = token.ok_or_else(missing)?;
        let value = self.value(kind, &token).ok_or_else(|| unfit(&flag.name, kind, &token))?;
        self.at = token.range.end;
        Ok(value)
    }

    /// Gives a token to the next argument that takes it: one that may be left out is, when a later one fits.
    fn by_place(&mut self, token: &Token<'_>) -> Result<(), Complaint> {
        let usage = self.usage;
        while let Some(arg) = usage.args.get(self.place) {
            if arg.kind == Kind::Rest {
                let rest = self.text.get(token.range.start..).unwrap_or_default().trim();
                self.put(Value::Text(rest.to_owned()));
                self.at = self.text.len();
                return Ok(());
            }
            if let Some(value) = self.value(&arg.kind, token) {
                self.put(value);
                self.at = token.range.end;
                return Ok(());
            }
            let later = usage.args.get(self.place + 1..).unwrap_or_default();
            let fits = |kind: &Kind| *kind == Kind::Rest || self.value(kind, token).is_some();
            if arg.required || !later.iter().any(|arg| fits(&arg.kind)) {
                return Err(unfit(&arg.name, &arg.kind, token));
            }
            self.place += 1;
        }
        match &token.kind {
            TokenKind::Unclosed(said) => Err(unclosed(said)),
            _ => Err(Complaint::Extra(self.text.get(token.range.start..).unwrap_or_default().trim().to_owned())),
        }
    }

    fn put(&mut self, value: Value) {
        if let Some((_, place)) = self.values.0.get_mut(self.place) {
            *place = Some(value);
        }
        self.place += 1;
    }

    fn value(&self, kind: &Kind, token: &Token<'_>) -> Option<Value> {
        if matches!(token.kind, TokenKind::Unclosed(_)) { None } else { value::read(kind, token, self.today) }
    }
}

fn unfit(name: &str, kind: &Kind, token: &Token<'_>) -> Complaint {
    match &token.kind {
        TokenKind::Unclosed(said) => unclosed(said),
        _ => Complaint::Unfit(name.to_owned(), kind.clone(), token.text().to_owned()),
    }
}

fn unclosed(said: &str) -> Complaint {
    let mut chars = said.chars();
    chars.next();
    Complaint::Unclosed(chars.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value as Json, json};

    use super::*;

    const PAGE: &str = "page <team> [count:int] [--urgent] [--level <n:int>] [message...]";

    fn today() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 11, 29).unwrap()
    }

    fn read(line: &str, said: &str) -> Result<Args, Complaint> {
        Usage::parse(line).unwrap().read(said, 0, &[], today())
    }

    fn json_of(line: &str, said: &str) -> Json {
        Json::Object(read(line, said).unwrap().json())
    }

    #[test]
    fn arguments_are_read_by_place_and_flags_wherever_they_stand() {
        let all = json!({ "team": "ops", "count": 3, "urgent": true, "level": 2, "message": "disk is full" });
        for said in [
            "ops 3 --urgent --level 2 disk is full",
            "--level=2 ops --urgent 3 disk is full",
            "—urgent ops —level 2 3 disk is full",
        ] {
            assert_eq!(json_of(PAGE, said), all, "{said}");
        }
        let few = json!({ "team": "ops", "count": null, "urgent": false, "level": null, "message": null });
        assert_eq!(json_of(PAGE, " ops "), few);
    }

    #[test]
    fn what_may_be_left_out_is_when_a_later_one_fits() {
        assert_eq!(json_of(PAGE, "ops disk is full")["message"], "disk is full");
        assert_eq!(
            json_of("at [day:date] [for:duration] [who:email]", "2h a@b.c"),
            json!({ "day": null, "for": 7200, "who": "a@b.c" })
        );
        assert!(matches!(read("at [day:date]", "2h"), Err(Complaint::Unfit(..))));
    }

    #[test]
    fn the_rest_of_the_line_stays_as_it_was_said() {
        let message = |said: &str| json_of(PAGE, said)["message"].clone();
        assert_eq!(message("ops  a  \"b\n c\" --urgent "), "a  \"b\n c\" --urgent");
        assert_eq!(message("ops \"never closed"), "\"never closed");
        assert_eq!(message("ops -- --urgent"), "--urgent");
        assert_eq!(message("ops --verbose yes"), "--verbose yes");
    }

    #[test]
    fn quotes_make_one_word_of_several() {
        assert_eq!(json_of(PAGE, "\"on call\" 2")["team"], "on call");
        assert_eq!(json_of("x [--note <text>]", "--note=\"a b\"")["note"], "a b");
        assert_eq!(json_of("x [--note <text>]", "--note 'a b'")["note"], "a b");
    }

    #[test]
    fn a_mentioned_person_is_one_argument() {
        let usage = Usage::parse("tell <who:person> <what...>").unwrap();
        let text = "tell Alice Example hello";
        let alice = Mentioned { range: 5..18, id: "A".into(), name: "Alice Example".into() };
        let args = usage.read(text, 5, &[alice], today()).unwrap();
        assert_eq!(args.get("who"), Some(&Value::Mentioned { id: "A".into(), name: "Alice Example".into() }));
        assert_eq!(args.get("what"), Some(&Value::Text("hello".into())));
    }

    #[test]
    fn a_complaint_says_what_to_write() {
        let told = |line: &str, said: &str| {
            let usage = Usage::parse(line).unwrap();
            format!("{said:?}: {}", usage.read(said, 0, &[], today()).unwrap_err().text(&usage, &usage.words))
        };
        let size = "order <size:small|medium|large> [count:int]";
        insta::assert_snapshot!(
            [
                told(PAGE, ""),
                told(PAGE, "ops --urgnt now"),
                told(PAGE, "ops --level"),
                told(PAGE, "ops --level --urgent"),
                told(PAGE, "ops --level high"),
                told(PAGE, "ops --level="),
                told(PAGE, "ops --urgent=yes"),
                told(PAGE, "ops --urgent --urgent"),
                told(PAGE, "\"ops now"),
                told(size, "huge"),
                told(size, "small two"),
                told(size, "small 2 with cheese"),
                told(size, "small --fast"),
                told("ping", "me now"),
                told("at <when:date> <for:duration>", "soon"),
                told("at <when:date> <for:duration>", "today"),
                told("tell <who:person>", "Alice"),
                told("mute <really:bool> <mail:email> <n:number>", "maybe"),
            ]
            .join("\n\n")
        );
    }

    /// What a person would write to have a value read again.
    fn written(kind: &Kind, value: &Value) -> String {
        match value {
            Value::Text(text) if *kind == Kind::Rest => text.clone(),
            Value::Text(text) => format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")),
            Value::Int(number) => number.to_string(),
            Value::Number(number) => number.to_string(),
            Value::Bool(truth) => if *truth { "yes" } else { "no" }.to_owned(),
            Value::Duration(millis) => format!("{millis}ms"),
            Value::Date(day) => day.to_string(),
            Value::Mentioned { name, .. } => name.clone(),
            Value::Address(address) => address.clone(),
        }
    }

    fn any_value() -> impl Strategy<Value = (Kind, Value)> {
        prop_oneof![
            any::<String>().prop_map(|text| (Kind::Word, Value::Text(text))),
            any::<i64>().prop_map(|n| (Kind::Int, Value::Int(n))),
            (-1e12..1e12f64).prop_map(|n| (Kind::Number, Value::Number(n))),
            any::<bool>().prop_map(|b| (Kind::Bool, Value::Bool(b))),
            (0..100_000_000_000u64).prop_map(|ms| (Kind::Duration, Value::Duration(ms))),
            (0..50_000i32)
                .prop_map(|d| (Kind::Date, Value::Date(NaiveDate::from_num_days_from_ce_opt(700_000 + d).unwrap()))),
            "[a-z.]{1,8}@[a-z]{1,8}\\.[a-z]{2,3}".prop_map(|a| (Kind::Person, Value::Address(a))),
        ]
    }

    proptest! {
        #[test]
        fn no_text_panics_the_reader(said in any::<String>(), odd in "[a-z0-9 \"'“”„«»—\\\\=-]{0,40}", at in 0..6usize, wide in 0..9usize) {
            let lines = [PAGE, "x", "x <a> <b:person> [c:date]", "x [--a <v>] <b...>"];
            for line in lines {
                let usage = Usage::parse(line).unwrap();
                for text in [&said, &odd] {
                    let mention = Mentioned { range: at..at + wide, id: "A".into(), name: "Alice".into() };
                    for mentions in [&[][..], &[mention]] {
                        match usage.read(text, 0, mentions, today()) {
                            Ok(args) => prop_assert_eq!(args.0.len(), usage.args.len() + usage.flags.len()),
                            Err(complaint) => prop_assert!(complaint.text(&usage, "x").len() < 1000),
                        }
                    }
                }
            }
        }

        #[test]
        fn values_that_are_written_are_read_back(
            values in prop::collection::vec(any_value(), 0..5),
            level in prop::option::of(any::<i64>()),
            urgent in any::<bool>(),
            rest in prop::option::of("[a-z\"][a-z \"-]{0,10}[a-z\"]"),
        ) {
            let mut line = "x".to_owned();
            let mut said = String::new();
            for (number, (kind, value)) in values.iter().enumerate() {
                line += &format!(" <a{number}:{kind}>");
                said += &format!(" {}", written(kind, value));
            }
            line.push_str(" [--level <n:int>] [--urgent] [rest...]");
            if urgent { said.push_str(" --urgent"); }
            if let Some(level) = level { said += &format!(" --level {level}"); }
            if let Some(rest) = &rest { said += &format!(" {rest}"); }
            let args = read(&line, &said).unwrap();
            for (number, (_, value)) in values.iter().enumerate() {
                prop_assert_eq!(args.get(&format!("a{number}")), Some(value), "{}", said);
            }
            prop_assert_eq!(args.get("level").cloned(), level.map(Value::Int));
            prop_assert_eq!(args.get("urgent"), Some(&Value::Bool(urgent)));
            prop_assert_eq!(args.get("rest").cloned(), rest.map(Value::Text));
        }
    }
}
