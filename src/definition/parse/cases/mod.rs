//! Files of tests: `echo.test.toml`, or any `*.test.toml` in a bot's folder.

mod expect;
mod moment;
mod step;

use std::sync::Arc;

use chrono_tz::Tz;
use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use super::{reader::Reader, syntax};
use crate::definition::{
    cases::{Case, CaseFile, Ceiling, Hall, Moment, PEOPLE, Stranger},
    codes,
    diagnostic::{Diagnostic, did_you_mean, quote},
    place::{Place, Span, Spanned},
};

/// Keys at the top of a file of tests.
const TOP: &[&str] = &["zone", "now", "in", "ceiling", "people", "rooms", "case"];
/// Keys of `[[case]]`.
const CASE: &[&str] = &["name", "zone", "now", "in", "ceiling", "steps"];
/// Keys of one of `[people]`.
const PERSON: &[&str] = &["email", "name", "org", "zone"];
/// Keys of one of `[rooms]`.
const ROOM: &[&str] = &["id", "members"];

/// Keys of `ceiling`: those of `[access]` of the settings.
const CEILING: &[&str] =
    &["domains", "orgs", "people", "rooms", "where", "deny_domains", "deny_orgs", "deny_people", "deny_rooms"];

/// When a test begins that says nothing else: a Monday morning.
const BEGIN: &str = "2026-01-05T09:00:00";

/// Parses a file of tests. There is none if any diagnostic is an error.
#[must_use]
pub fn parse_cases(file: &str, text: &str) -> (Option<CaseFile>, Vec<Diagnostic>) {
    let place = Place::alone(file, text);
    let (table, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        return (None, syntax(place, &errors));
    }
    let mut found = Vec::new();
    let mut top = Reader::new(place, &mut found, table.get_ref(), "a file of tests", Span::default(), TOP);
    let people = people(&mut top);
    let defaults = Defaults {
        zone: zone(&mut top).unwrap_or(Tz::UTC),
        now: moment::read(&mut top, "now")
            .or_else(|| moment::parse(BEGIN).ok())
            .unwrap_or(Moment::Exact(crate::base::Millis(0))),
        room: top.string("in").map(|room| room.value),
        ceiling: ceiling(&mut top),
    };
    let rooms = rooms(&mut top);
    let names: Vec<String> =
        PEOPLE.iter().map(|name| (*name).to_owned()).chain(people.iter().map(|who| who.name.clone())).collect();
    let cases = top.each("case", "`[[case]]`", CASE, |table| case(table, &defaults, &names));
    if !top.has("case") {
        top.missing(&["case"], "[[case]]");
    }
    doubles(place, &cases, top.diagnostics());
    if found.iter().any(Diagnostic::is_error) {
        return (None, found);
    }
    (Some(CaseFile { file: file.to_owned(), text: Arc::from(text), people, rooms, cases }), found)
}

/// What a case has that says nothing of its own.
struct Defaults {
    zone: Tz,
    now: Moment,
    room: Option<String>,
    ceiling: Option<Ceiling>,
}

fn case(table: &mut Reader<'_>, defaults: &Defaults, people: &[String]) -> Option<Case> {
    let name = table.string("name");
    if !table.has("name") {
        table.missing(&["name"], "name = \"answers a ping\"");
    }
    let zone = zone(table).unwrap_or(defaults.zone);
    let now = moment::read(table, "now").unwrap_or(defaults.now);
    let room = table.string("in").map(|room| room.value).or_else(|| defaults.room.clone());
    let ceiling = ceiling(table).or_else(|| defaults.ceiling.clone());
    let steps = step::steps(table, people)?;
    Some(Case { name: name?, now, zone, room, ceiling, steps })
}

fn ceiling(table: &mut Reader<'_>) -> Option<Ceiling> {
    let mut table = table.table("ceiling", "the ceiling of access", CEILING)?;
    if table.keys().next().is_none() {
        let span = table.span;
        let hint = "what stands under `[access]` of the settings, such as `ceiling = { domains = [\"example.com\"] }`";
        table.tell(codes::MISSING_KEY, span, "`ceiling` says nothing", hint);
    }
    let mut list = |key: &str| -> Vec<String> {
        table.strings(key).unwrap_or_default().into_iter().map(|entry| entry.value).collect()
    };
    let [domains, orgs, people, rooms] = ["domains", "orgs", "people", "rooms"].map(&mut list);
    let [deny_domains, deny_orgs, deny_people, deny_rooms] =
        ["deny_domains", "deny_orgs", "deny_people", "deny_rooms"].map(&mut list);
    let direct = table.word("where", "place", &[("direct", true), ("group", false)]).map(|place| place.value);
    Some(Ceiling { domains, orgs, people, rooms, direct, deny_domains, deny_orgs, deny_people, deny_rooms })
}

/// Two tests of one name cannot be told apart in a report.
fn doubles(place: Place<'_>, cases: &[Case], found: &mut Vec<Diagnostic>) {
    for (number, case) in cases.iter().enumerate() {
        if cases.iter().take(number).any(|earlier| earlier.name.value == case.name.value) {
            let message = format!("two cases are called {}", quote(&case.name.value));
            found.push(place.at(codes::CONFLICT, case.name.span, message).hint("give each a name of its own"));
        }
    }
}

fn zone(table: &mut Reader<'_>) -> Option<Tz> {
    let text = table.string("zone")?;
    if let Ok(zone) = text.value.parse() {
        return Some(zone);
    }
    let known = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name());
    let hint = did_you_mean(&text.value, known).unwrap_or_else(|| "for example `zone = \"Europe/Berlin\"`".into());
    table.tell(codes::BAD_VALUE, text.span, format!("there is no time zone {}", quote(&text.value)), hint);
    None
}

fn people(top: &mut Reader<'_>) -> Vec<Stranger> {
    let mut people = Vec::new();
    for name in names_of(top, "people", "[people]") {
        let Some(value) = name.1 else { continue };
        let span = Span::new(value.span());
        if step::reserved(name.0) || PEOPLE.contains(&name.0) || name.0.contains('@') {
            let message = format!("nobody in a test can be called {}", quote(name.0));
            top.tell(codes::BAD_VALUE, span, message, "choose another name");
            continue;
        }
        let who =
            |email: String| Stranger { name: name.0.to_owned(), email, display_name: None, org: None, zone: None };
        let stranger = match value.get_ref() {
            DeValue::String(email) => Some((who(email.to_string()), span)),
            DeValue::Table(table) => {
                let place = top.place();
                let mut table = Reader::new(place, top.diagnostics(), table, "a person", span, PERSON);
                let (email, display_name, org) = (table.string("email"), table.string("name"), table.string("org"));
                if !table.has("email") {
                    table.missing(&["email"], "email = \"dave@partner.example\"");
                }
                let zone = zone(&mut table);
                email.map(|email| {
                    let (display_name, org) = (display_name.map(|name| name.value), org.map(|org| org.value));
                    (Stranger { display_name, org, zone, ..who(email.value) }, email.span)
                })
            }
            _ => {
                top.wrong_type(
                    name.0,
                    value,
                    "an address or a table",
                    &format!("{} = \"dave@partner.example\"", name.0),
                );
                None
            }
        };
        if let Some((stranger, span)) = stranger {
            if stranger.email.contains('@') {
                people.push(stranger);
            } else {
                let message = format!("{} is no address", quote(&stranger.email));
                top.tell(codes::BAD_VALUE, span, message, "for example `\"dave@partner.example\"`");
            }
        }
    }
    people
}

fn rooms(top: &mut Reader<'_>) -> Vec<Hall> {
    let mut rooms = Vec::new();
    for (name, value) in names_of(top, "rooms", "[rooms]") {
        let Some(value) = value else { continue };
        let span = Span::new(value.span());
        let DeValue::Table(table) = value.get_ref() else {
            top.wrong_type(name, value, "a table", &format!("{name} = {{ members = [\"alice\", \"bob\"] }}"));
            continue;
        };
        let place = top.place();
        let mut table = Reader::new(place, top.diagnostics(), table, "a room", span, ROOM);
        let id = table.string("id").map(|id| id.value);
        let members = table.strings("members").unwrap_or_default();
        rooms.push(Hall { name: Spanned::new(name.to_owned(), span), id, members });
    }
    rooms
}

type Entry<'a> = (&'a str, Option<&'a toml::Spanned<DeValue<'a>>>);

/// Names of the author's choice with whatever stands under them.
fn names_of<'a>(top: &mut Reader<'a>, key: &str, example: &str) -> Vec<Entry<'a>> {
    let Some(value) = top.raw(key) else { return Vec::new() };
    let DeValue::Table(table) = value.get_ref() else {
        top.wrong_type(key, value, "a table", example);
        return Vec::new();
    };
    table.iter().map(|(name, value)| (name.get_ref().as_ref(), Some(value))).collect()
}

/// Any TOML value as JSON.
fn json(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Boolean(truth) => Value::from(*truth),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Value::Null, Value::from)
        }
        DeValue::Float(number) => number.as_str().parse::<f64>().map_or(Value::Null, Value::from),
        DeValue::Datetime(moment) => Value::from(moment.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json(item.get_ref())).collect(),
        DeValue::Table(table) => Value::Object(object(table)),
    }
}

fn object(table: &DeTable<'_>) -> Map<String, Value> {
    table.iter().map(|(name, value)| (name.get_ref().to_string(), json(value.get_ref()))).collect()
}

impl Reader<'_> {
    /// Any value, as JSON.
    fn json(&mut self, key: &str) -> Option<Value> {
        self.raw(key).map(|value| json(value.get_ref()))
    }

    /// A table of any values, as JSON.
    fn object(&mut self, key: &str, example: &str) -> Option<Map<String, Value>> {
        let value = self.raw(key)?;
        if let DeValue::Table(table) = value.get_ref() {
            return Some(object(table));
        }
        self.wrong_type(key, value, "a table", example);
        None
    }

    /// `true`, and nothing else.
    fn only_true(&mut self, key: &str) -> Option<()> {
        let span = self.span_of(key);
        if self.bool(key)? {
            return Some(());
        }
        self.tell(codes::BAD_VALUE, span, format!("`{key}` can only be `true`"), "leave it out instead");
        None
    }
}

#[cfg(test)]
mod tests;
