//! One step of a test: `{ alice = "ping" }`, `{ bot = "pong" }`, `{ wait = "5m" }`.
//!
//! Each step has exactly one who acts; what else stands in it says how. What means nothing there is refused, as
//! an unknown key is: it would otherwise be silently without effect.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use toml::de::DeValue;

use super::{expect, moment};
use crate::definition::{
    cases::{Act, Body, Given, PersonAct, Post, Scope, Step, Verb},
    codes,
    diagnostic::quote,
    length,
    parse::reader::Reader,
    place::Span,
};

/// Those who act, besides people.
const SUBJECTS: &[&str] = &["bot", "wait", "until", "post", "given", "answer"];
/// What may stand beside somebody who acts.
const BESIDE: &[&str] = &[
    "in", "to", "of", "mention", "thread", "file", "text", "inputs", "data", "json", "form", "headers", "card", "key",
    "context", "rule", "late",
];
/// What people do.
const VERBS: &[&str] = &["says", "presses", "uploads", "edits", "deletes", "joins", "leaves", "adds", "removes"];

/// Whether a name means something else in a step.
pub(super) fn reserved(name: &str) -> bool {
    SUBJECTS.contains(&name) || BESIDE.contains(&name)
}

/// The steps of a case.
pub(super) fn steps(table: &mut Reader<'_>, people: &[String]) -> Option<Vec<Step>> {
    let example = "steps = [{ alice = \"ping\" }, { bot = \"pong\" }]";
    let Some(value) = table.raw("steps") else {
        table.missing(&["steps"], example);
        return None;
    };
    let DeValue::Array(items) = value.get_ref() else {
        table.wrong_type("steps", value, "a list of steps", example);
        return None;
    };
    if items.is_empty() {
        table.tell(codes::BAD_VALUE, Span::new(value.span()), "`steps` is empty", format!("for example `{example}`"));
    }
    let mut steps = Vec::new();
    for item in items {
        let DeValue::Table(inner) = item.get_ref() else {
            table.wrong_type("steps", item, "a list of steps", example);
            continue;
        };
        let strangers = inner.keys().map(|key| key.get_ref().as_ref()).filter(|key: &&str| key.contains('@'));
        let known: Vec<&str> =
            SUBJECTS.iter().chain(BESIDE).copied().chain(people.iter().map(String::as_str)).chain(strangers).collect();
        let (place, span) = (table.place(), Span::new(item.span()));
        let mut reader = Reader::new(place, table.diagnostics(), inner, "a step", span, &known);
        if let Some(act) = act(&mut reader, &known) {
            steps.push(Step { span, act });
        }
    }
    Some(steps)
}

fn act(step: &mut Reader<'_>, known: &[&str]) -> Option<Act> {
    // An answer beside a call belongs to it.
    let beside_a_call = step.has("bot");
    let acts = |key: &&str| known.contains(key) && !BESIDE.contains(key) && !(beside_a_call && *key == "answer");
    let acting: Vec<&str> = step.keys().filter(acts).collect();
    let &[who] = acting.as_slice() else {
        match acting.as_slice() {
            [_, second, ..] => {
                let message = format!("a step has one who acts, this one has {}", list(&acting));
                let span = step.span_of(second);
                step.tell(codes::CONFLICT, span, message, "make two steps of it");
            }
            // A misspelt name was told already.
            _ if step.keys().all(|key| known.contains(&key)) => {
                let hint = "add who acts: a person, `bot`, `wait`, `until`, `post`, `answer` or `given`";
                step.tell(codes::MISSING_KEY, step.span, "in this step nobody acts", hint);
            }
            _ => {}
        }
        return None;
    };
    match who {
        "bot" => expect::read(step).map(|expect| Act::Expect(Box::new(expect))),
        "wait" => {
            beside(step, who, &[]);
            length(step, "wait", "wait = \"5m\"`, `\"90s\"`, `\"1h 30m\"").map(Act::Wait)
        }
        "until" => {
            beside(step, who, &[]);
            moment::read(step, "until").map(Act::Until)
        }
        "post" => post(step).map(Act::Post),
        "given" => given(step).map(Act::Given),
        "answer" => {
            beside(step, who, &[]);
            expect::answer(step).map(Act::Answer)
        }
        person => self::person(step, person).map(Act::Person),
    }
}

/// A length of time.
pub(super) fn length(table: &mut Reader<'_>, key: &str, example: &str) -> Option<Duration> {
    let text = table.string(key)?;
    match length::parse(&text.value) {
        Ok(length) => Some(length),
        Err(why) => {
            table.tell(codes::BAD_VALUE, text.span, why, format!("for example `{example}`"));
            None
        }
    }
}

/// Refuses what means nothing beside `who`.
pub(super) fn beside(step: &mut Reader<'_>, who: &str, may: &[&str]) {
    let wrong: Vec<&str> = step
        .keys()
        .filter(|key| (BESIDE.contains(key) || (*key == "answer" && *key != who)) && !may.contains(key))
        .collect();
    for key in wrong {
        let span = step.span_of(key);
        let hint =
            if may.is_empty() { "leave it out".to_owned() } else { format!("what may stand there: {}", list(may)) };
        step.tell(codes::CONFLICT, span, format!("`{key}` means nothing beside `{who}`"), hint);
    }
}

fn list(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn person(step: &mut Reader<'_>, who: &str) -> Option<PersonAct> {
    let verb = if let Some(DeValue::String(text)) = step.raw(who).map(toml::Spanned::get_ref) {
        beside(step, who, &["in", "mention", "thread", "file"]);
        Some(Verb::Says(text.to_string()))
    } else {
        verb(step, who)
    };
    let uploaded = step.raw(who).and_then(|value| match value.get_ref() {
        DeValue::Table(table) => table.get("uploads").and_then(|name| name.get_ref().as_str()).map(str::to_owned),
        _ => None,
    });
    let room = step.string("in").map(|room| room.value);
    let (mention, thread) = (step.bool("mention"), step.bool("thread").unwrap_or(false));
    let file = uploaded.or_else(|| step.string("file").map(|file| file.value));
    Some(PersonAct { who: who.to_owned(), verb: verb?, room, mention, thread, file })
}

fn verb(step: &mut Reader<'_>, who: &str) -> Option<Verb> {
    let mut table = step.table(who, "what a person does", VERBS)?;
    let done: Vec<&'static str> = VERBS.iter().copied().filter(|verb| table.has(verb)).collect();
    let &[verb] = done.as_slice() else {
        if let [_, second, ..] = done.as_slice() {
            let span = table.span_of(second);
            table.tell(
                codes::CONFLICT,
                span,
                format!("one thing a step, this has {}", list(&done)),
                "make two steps of it",
            );
        } else if table.keys().next().is_none() {
            let span = table.span;
            table.tell(codes::MISSING_KEY, span, "the person does nothing", format!("people do: {}", list(VERBS)));
        }
        return None;
    };
    if verb == "deletes" {
        table.only_true(verb)?;
        beside(step, &format!("{who}.deletes"), &["in"]);
        return Some(Verb::Deletes);
    }
    let text = table.string(verb)?;
    let name = format!("{who}.{verb}");
    let may: &[&str] = match verb {
        "says" => &["in", "mention", "thread", "file"],
        "uploads" => &["in", "mention", "thread", "text"],
        "presses" => &["in", "inputs", "data", "late"],
        "joins" | "leaves" => &[],
        _ => &["in"],
    };
    beside(step, &name, may);
    Some(match verb {
        "says" => Verb::Says(text.value),
        "uploads" => Verb::Says(step.string("text").map(|text| text.value).unwrap_or_default()),
        "presses" => {
            let inputs = step.object("inputs", "inputs = { reason = \"…\" }").unwrap_or_default();
            let late = step.bool("late").unwrap_or(false);
            Verb::Presses { button: text, inputs, data: step.json("data"), late }
        }
        "edits" => Verb::Edits(text.value),
        "joins" => Verb::Joins(text.value),
        "leaves" => Verb::Leaves(text.value),
        "adds" => Verb::Adds(text.value),
        _ => Verb::Removes(text.value),
    })
}

fn post(step: &mut Reader<'_>) -> Option<Post> {
    beside(step, "post", &["json", "form", "text", "file", "headers"]);
    let hook = step.string("post");
    let bodies: Vec<&str> = ["json", "form", "text", "file"].into_iter().filter(|key| step.has(key)).collect();
    if let [first, second, ..] = bodies.as_slice() {
        let span = step.span_of(second);
        step.tell(codes::CONFLICT, span, format!("what is posted is both `{first}` and `{second}`"), "keep one");
    }
    let body = match bodies.first().copied() {
        Some("json") => Body::Value(step.json("json")?),
        Some("form") => {
            let fields = step.object("form", "form = { title = \"…\" }")?;
            let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            Body::Value(fields.into_iter().map(|(name, value)| (name, Value::from(text(value)))).collect())
        }
        Some("text") => Body::Value(step.string("text")?.value.into()),
        Some(_) => Body::File(step.string("file")?),
        None => Body::Value(Value::Null),
    };
    let headers: BTreeMap<String, String> =
        step.names("headers").into_iter().map(|(name, value)| (name.value.to_lowercase(), value.value)).collect();
    Some(Post { hook: hook?, body, headers })
}

fn given(step: &mut Reader<'_>) -> Option<Given> {
    beside(step, "given", &["in", "of"]);
    let values = memory(step, "given")?;
    let room = step.string("in").map(|room| room.value);
    Some(Given { values, room, person: step.string("of").map(|person| person.value) })
}

/// `{ bot = { count = 3 }, person = { team = "ops" } }`
pub(super) fn memory(table: &mut Reader<'_>, key: &str) -> Option<Vec<(Scope, String, Value)>> {
    let scopes = Scope::ALL.map(|(name, _)| name);
    let mut memory = table.table(key, "the bot's memory", &scopes)?;
    let mut values = Vec::new();
    for (name, scope) in Scope::ALL {
        let held = memory.object(name, &format!("{name} = {{ count = 3 }}")).unwrap_or_default();
        values.extend(held.into_iter().map(|(key, value)| (scope, key, value)));
    }
    if values.is_empty() && memory.keys().next().is_none() {
        let span = memory.span;
        let hint = format!("for example `{key}.bot.count = 3`; what is kept is a {}", quote("bot"))
            + "'s, a `room`'s or a `person`'s";
        memory.tell(codes::MISSING_KEY, span, format!("`{key}` names nothing"), hint);
    }
    Some(values)
}
