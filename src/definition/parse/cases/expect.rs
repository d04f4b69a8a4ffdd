//! What a step expects of the bot: `{ bot = "pong" }`, `{ bot.silent = true }`.

use regex_automata::meta::Regex;
use toml::de::DeValue;

use super::step::{beside, memory};
use crate::definition::{
    cases::{Answered, CallShape, Expect, Expected, Fixture, Pattern, Scope, Whither, Words},
    codes,
    diagnostic::quote,
    parse::reader::Reader,
    place::Spanned,
};

/// What a bot does.
const VERBS: &[&str] =
    &["says", "shows", "edits", "deletes", "silent", "remembers", "forgets", "calls", "leaves", "ends", "fails"];
/// What may stand beside a message.
const MESSAGE: &[&str] = &["in", "to", "thread", "card", "key", "context", "file", "rule"];
/// Keys of `calls = { … }`.
const CALL: &[&str] = &["form", "method", "url", "json", "contains"];
/// Keys of `answer = { … }`.
const ANSWER: &[&str] = &["status", "text", "json", "effects", "error", "more", "after"];
/// Keys of `{ contains = … }`.
const WORDS: &[&str] = &["contains", "lacks", "matches"];

/// Reads a step that is about the bot.
pub(super) fn read(step: &mut Reader<'_>) -> Option<Expect> {
    let what = if let Some(DeValue::String(text)) = step.raw("bot").map(toml::Spanned::get_ref) {
        beside(step, "bot", MESSAGE);
        Some(Expected::Says(Words::Exact(text.to_string())))
    } else {
        verb(step)
    };
    let room = step.string("in").map(|room| Whither::Room(room.value));
    let to = step.string("to").map(|who| Spanned::new(Whither::Person(who.value), who.span));
    if let (Some(_), Some(to)) = (&room, &to) {
        step.tell(codes::CONFLICT, to.span, "a message is expected either `in` a room or `to` a person", "keep one");
    }
    Some(Expect {
        what: what?,
        place: to.map(|to| to.value).or(room),
        person: step.string("of").map(|person| person.value),
        thread: step.bool("thread"),
        rule: step.string("rule").map(|rule| rule.value),
        card: step.json("card"),
        key: step.string("key").map(|key| key.value),
        context: step.json("context"),
        file: step.string("file").map(|file| file.value),
    })
}

fn verb(step: &mut Reader<'_>) -> Option<Expected> {
    let mut table = step.table("bot", "what a bot does", VERBS)?;
    let done: Vec<&'static str> = VERBS.iter().copied().filter(|verb| table.has(verb)).collect();
    let &[verb] = done.as_slice() else {
        if let [_, second, ..] = done.as_slice() {
            let span = table.span_of(second);
            table.tell(codes::CONFLICT, span, "a step expects one thing", "make two steps of it");
        } else if table.keys().next().is_none() {
            let span = table.span;
            let all: Vec<_> = VERBS.iter().map(|verb| format!("`{verb}`")).collect();
            table.tell(codes::MISSING_KEY, span, "nothing is expected", format!("a bot: {}", all.join(", ")));
        }
        return None;
    };
    let (expected, may): (_, &[&str]) = match verb {
        "says" => (Expected::Says(words(&mut table, verb)?), MESSAGE),
        "edits" => (Expected::Edits(words(&mut table, verb)?), MESSAGE),
        "deletes" => (Expected::Deletes(words(&mut table, verb)?), &["in", "to", "key", "rule"]),
        "fails" => (Expected::Fails(words(&mut table, verb)?), &[]),
        "shows" => (Expected::Shows(table.json(verb)?), MESSAGE),
        "calls" if matches!(table.raw(verb).map(toml::Spanned::get_ref), Some(DeValue::Boolean(false))) => {
            (Expected::CallsNobody, &["rule"])
        }
        "calls" => {
            let shape = call(&mut table)?;
            let answer = if step.has("answer") { Some(answer(step)?) } else { None };
            (Expected::Calls(shape, answer), &["answer", "rule"])
        }
        "silent" => (table.only_true(verb).map(|()| Expected::Silent)?, &["in", "to", "rule"]),
        "ends" => (table.only_true(verb).map(|()| Expected::Ends)?, &["in", "of"]),
        "leaves" => (table.only_true(verb).map(|()| Expected::Leaves)?, &["in", "rule"]),
        "remembers" => (Expected::Remembers(memory(&mut table, verb)?), &["in", "of"]),
        _ => (Expected::Forgets(forgotten(&mut table)?), &["in", "of"]),
    };
    beside(step, &format!("bot.{verb}"), may);
    Some(expected)
}

/// `calls = "https://…"`, `calls = true`, or what the call has; `false` was read before.
fn call(table: &mut Reader<'_>) -> Option<CallShape> {
    match table.raw("calls")?.get_ref() {
        DeValue::String(url) => return Some(CallShape { url: Some(url.to_string()), ..CallShape::default() }),
        DeValue::Boolean(_) => return table.only_true("calls").map(|()| CallShape::default()),
        _ => {}
    }
    let mut table = table.table("calls", "what a call is like", CALL)?;
    let forms = ["http", "call", "forward", "exec"].map(|form| (form, form));
    Some(CallShape {
        form: table.word("form", "kind of handler", &forms).map(|form| form.value.to_owned()),
        method: table.string("method").map(|method| method.value.to_uppercase()),
        url: table.string("url").map(|url| url.value),
        json: table.json("json"),
        contains: texts(&mut table, "contains"),
    })
}

/// `answer = "text"`, or a table.
pub(super) fn answer(step: &mut Reader<'_>) -> Option<Answered> {
    let response = |body: String, json| Fixture::Response { status: 200, body, json };
    if let DeValue::String(text) = step.raw("answer")?.get_ref() {
        return Some(Answered { what: response(text.to_string(), false), more: false, after: None });
    }
    let mut table = step.table("answer", "what a handler answers", ANSWER)?;
    let more = table.bool("more").unwrap_or(false);
    let status = table.integer("status", 100..=599).and_then(|status| u16::try_from(status.value).ok()).unwrap_or(200);
    let ways: Vec<&'static str> =
        ["text", "json", "effects", "error"].into_iter().filter(|way| table.has(way)).collect();
    if let [first, second, ..] = ways.as_slice() {
        let span = table.span_of(second);
        table.tell(codes::CONFLICT, span, format!("an answer is either `{first}` or `{second}`"), "keep one");
    }
    let what = match ways.first().copied() {
        Some("text") => Fixture::Response { status, body: table.string("text")?.value, json: false },
        Some("json") => Fixture::Response { status, body: table.json("json")?.to_string(), json: true },
        Some("effects") => {
            let effects = table.json("effects")?;
            Fixture::Response { status, body: serde_json::json!({ "effects": effects }).to_string(), json: true }
        }
        Some(_) => Fixture::Error(table.string("error")?.value),
        None => Fixture::Response { status, body: String::new(), json: false },
    };
    let after = super::step::length(&mut table, "after", "after = \"40s\"");
    Some(Answered { what, more, after })
}

/// A text, `true` for any, or what is in it.
fn words(table: &mut Reader<'_>, key: &str) -> Option<Words> {
    match table.raw(key)?.get_ref() {
        DeValue::String(text) => return Some(Words::Exact(text.to_string())),
        DeValue::Boolean(_) => return table.only_true(key).map(|()| Words::Any),
        DeValue::Table(_) => {}
        _ => {
            let value = table.raw(key)?;
            let example = format!("{key} = \"…\"`, `{key} = {{ contains = \"…\" }}");
            table.wrong_type(key, value, "a text, a table or `true`", &example);
            return None;
        }
    }
    let mut table = table.table(key, "what a text is like", WORDS)?;
    let contains = texts(&mut table, "contains");
    let lacks = texts(&mut table, "lacks");
    let pattern = table.string("matches");
    if table.keys().next().is_none() {
        let span = table.span;
        table.tell(codes::MISSING_KEY, span, "nothing is said of the text", "add `contains`, `lacks` or `matches`");
    }
    let matches = match pattern {
        None => None,
        Some(source) => match Regex::new(&source.value) {
            Ok(regex) => Some(Pattern { source: source.value, regex }),
            Err(error) => {
                let why = error.syntax_error().map_or_else(
                    || error.to_string(),
                    |error| {
                        let text = error.to_string();
                        text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
                    },
                );
                let hint = "in TOML write patterns in single quotes: there a backslash is only a backslash";
                table.tell(codes::BAD_PATTERN, source.span, why, hint);
                None
            }
        },
    };
    Some(Words::Like { contains, lacks, matches })
}

fn texts(table: &mut Reader<'_>, key: &str) -> Vec<String> {
    let one = table.raw(key).is_some_and(|value| matches!(value.get_ref(), DeValue::String(_)));
    let texts = if one { table.string(key).into_iter().collect() } else { table.strings(key).unwrap_or_default() };
    texts.into_iter().map(|text| text.value).collect()
}

/// `forgets = "person.team"`, or several.
fn forgotten(table: &mut Reader<'_>) -> Option<Vec<(Scope, String)>> {
    let one = table.raw("forgets").is_some_and(|value| matches!(value.get_ref(), DeValue::String(_)));
    let texts = if one { table.string("forgets").into_iter().collect() } else { table.strings("forgets")? };
    let mut keys = Vec::new();
    for text in texts {
        let parts = text.value.split_once('.');
        let scope = parts.and_then(|(scope, _)| Scope::ALL.iter().find(|(name, _)| *name == scope));
        match (scope, parts) {
            (Some((_, scope)), Some((_, key))) if !key.is_empty() => keys.push((*scope, key.to_owned())),
            _ => {
                let message = format!("{} names nothing that is kept", quote(&text.value));
                table.tell(codes::BAD_VALUE, text.span, message, "for example `forgets = \"person.team\"`");
            }
        }
    }
    Some(keys)
}
