//! `[flow.NAME]` and its steps, and `flow = "…"` of a rule.

use std::time::Duration;

use super::{body, reader::Reader, reply};
use crate::definition::{
    codes,
    diagnostic::{did_you_mean, quote},
    flow::{Branch, Expect, ExpectKind, Flow, Start, Step},
    place::Spanned,
    rule::Reply,
};

/// Keys of `[flow.NAME]`.
pub(in crate::definition) const FLOW: &[&str] =
    &["timeout", "on_timeout", "cancel", "cancelled", "gave_up", "gone", "hint", "yes", "no", "step"];
/// Keys of `[[flow.NAME.step]]`.
pub(in crate::definition) const STEP: &[&str] = &[
    "name", "ask", "say", "expect", "inputs", "confirm", "no", "retry", "tries", "check", "into", "remember", "next",
    "end",
];
/// Keys of `on_timeout = { … }`.
pub(in crate::definition) const ON_TIMEOUT: &[&str] = &["reply", "goto"];
/// Keys of `expect = { … }`.
pub(in crate::definition) const EXPECT: &[&str] = &["type", "choice", "pattern", "min", "max", "optional"];
/// Keys of one of `next = [ … ]`.
pub(in crate::definition) const BRANCH: &[&str] = &["when", "goto"];
/// Keys of `flow = { … }` of a rule.
pub(in crate::definition) const START: &[&str] = &["name", "answers"];

/// How long an answer is waited for when nothing is said, and at least, and at most.
const TIMEOUT: Duration = Duration::from_mins(10);
const SHORTEST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_hours(30 * 24);
const MOST_TRIES: i64 = 20;

pub(super) fn flows(top: &mut Reader<'_>) -> Vec<Flow> {
    top.named("flow", "`[flow.NAME]`", FLOW, |name, table| {
        let (timeout, (on_timeout, late)) = (timeout(table), on_timeout(table));
        let words =
            |table: &mut Reader<'_>, key| if table.has(key) { table.string_or_strings(key) } else { Vec::new() };
        let (cancel, yes, no) = (words(table, "cancel"), words(table, "yes"), words(table, "no"));
        for word in cancel.iter().chain(&yes).chain(&no).filter(|word| word.value.trim().is_empty()) {
            table.tell(codes::BAD_VALUE, word.span, "a word cannot be empty", "write the word to listen for");
        }
        let (cancelled, gave_up) = (table.string("cancelled"), table.string("gave_up"));
        let (gone, hint) = (table.string("gone"), table.string("hint"));
        if !table.has("step") {
            table.missing(&["step"], "[[flow.NAME.step]]");
        }
        let steps = table.each("step", "`[[flow.NAME.step]]`", STEP, step);
        let span = table.span;
        Some(Flow { name, span, timeout, on_timeout, late, cancel, yes, no, cancelled, gave_up, gone, hint, steps })
    })
}

fn timeout(table: &mut Reader<'_>) -> Duration {
    let Some(written) = table.spanned_length("timeout") else { return TIMEOUT };
    if written.value < SHORTEST || written.value > LONGEST {
        let message = "`timeout` is at least 10 s and at most 30 days";
        table.tell(codes::BAD_VALUE, written.span, message, "for example `timeout = \"10m\"`");
    }
    written.value
}

fn on_timeout(table: &mut Reader<'_>) -> (Option<Vec<Reply>>, Option<Spanned<String>>) {
    if table.is_string("on_timeout") {
        return (table.string("on_timeout").map(|text| vec![reply::plain(text, Vec::new())]), None);
    }
    let Some(mut table) = table.table("on_timeout", "`on_timeout`", ON_TIMEOUT) else { return (None, None) };
    let said = table.has("reply").then(|| reply::replies(&mut table, "reply"));
    (said, table.string("goto"))
}

fn step(table: &mut Reader<'_>) -> Option<Step> {
    let name = table.string("name");
    if !table.has("name") {
        table.missing(&["name"], "name = \"when\"");
    }
    let said = |table: &mut Reader<'_>, key| if table.has(key) { reply::replies(table, key) } else { Vec::new() };
    let (ask, say, end) = (said(table, "ask"), said(table, "say"), said(table, "end"));
    let expect = expect(table);
    let inputs = table.named_values("inputs");
    let inputs = inputs.into_iter().filter_map(|name| Some((name.clone(), input(table, &name)?))).collect();
    let confirm = table.bool("confirm").filter(|confirm| *confirm).map(|_| table.span_of("confirm"));
    let tries = table.integer("tries", 1..=MOST_TRIES);
    let tries = tries.and_then(|tries| Some(Spanned::new(u32::try_from(tries.value).ok()?, tries.span)));
    let next = next(table);
    let (no, retry, check, into) =
        (table.string("no"), table.string("retry"), table.string("check"), table.string("into"));
    let remember = table.one_or_more("remember", "`remember`", body::REMEMBER, body::remember);
    Some(Step {
        span: table.span,
        name: name?,
        ask,
        say,
        expect,
        inputs,
        confirm,
        no,
        retry,
        tries,
        check,
        into,
        remember,
        next,
        end,
    })
}

fn next(table: &mut Reader<'_>) -> Option<Vec<Branch>> {
    if !table.has("next") {
        return None;
    }
    if table.is_string("next") {
        let goto = table.string("next")?;
        return Some(vec![Branch { span: goto.span, when: None, goto }]);
    }
    Some(table.each("next", "`next`", BRANCH, |table| {
        let (when, goto) = (table.string("when"), table.string("goto"));
        if !table.has("goto") {
            table.missing(&["goto"], "goto = \"end\"");
        }
        Some(Branch { span: table.span, when, goto: goto? })
    }))
}

fn expect(table: &mut Reader<'_>) -> Option<Expect> {
    expected(table, "expect")
}

fn input(table: &mut Reader<'_>, name: &Spanned<String>) -> Option<Expect> {
    let mut inputs = table.open_table("inputs", "`inputs`")?;
    expected(&mut inputs, &name.value)
}

/// A word, a list of choices, or a table.
fn expected(table: &mut Reader<'_>, key: &str) -> Option<Expect> {
    let of = |kind| Expect { kind, min: None, max: None, optional: false };
    if !table.has(key) {
        return None;
    }
    if table.is_string(key) {
        let word = table.string(key)?;
        let (word, optional) = match word.value.strip_suffix('?') {
            Some(plain) => (Spanned::new(plain.to_owned(), word.span), true),
            None => (word, false),
        };
        return Some(Expect { optional, ..of(kind(table, &word)?) });
    }
    if table.is_list(key) {
        return table.strings(key).map(ExpectKind::Choice).map(of);
    }
    let mut table = table.table(key, "`expect`", EXPECT)?;
    let (word, choice, pattern) = (table.string("type"), table.has("choice"), table.string("pattern"));
    let ways = [word.is_some(), choice, pattern.is_some()].into_iter().filter(|way| *way).count();
    if ways > 1 {
        let span = table.span_of(if choice { "choice" } else { "pattern" });
        table.tell(codes::CONFLICT, span, "`expect` says in two ways what the answer is", "keep one");
        return None;
    }
    let kind = match (word, pattern) {
        (Some(word), _) => kind(&mut table, &word)?,
        (_, Some(pattern)) => ExpectKind::Pattern(pattern),
        _ if choice => ExpectKind::Choice(table.strings("choice")?),
        _ => ExpectKind::Text,
    };
    let (min, max) = (table.number("min"), table.number("max"));
    let counts = matches!(
        kind,
        ExpectKind::Int | ExpectKind::Number | ExpectKind::Text | ExpectKind::Pattern(_) | ExpectKind::Duration
    );
    if let (Some(bound), false) = (min.as_ref().or(max.as_ref()), counts) {
        let message = "`min` and `max` are for numbers, lengths of time and the length of texts";
        table.tell(codes::CONFLICT, bound.span, message, "use `check = \"…\"`");
    }
    if let (Some(min), Some(max)) = (&min, &max)
        && min.value > max.value
    {
        table.tell(codes::BAD_VALUE, max.span, "`max` is less than `min`", "no answer could be right");
    }
    let optional = table.bool("optional").unwrap_or(false);
    Some(Expect { kind, min: min.map(|min| min.value), max: max.map(|max| max.value), optional })
}

fn kind(table: &mut Reader<'_>, word: &Spanned<String>) -> Option<ExpectKind> {
    if let Some((_, kind)) = ExpectKind::WORDS.into_iter().find(|(known, _)| *known == word.value) {
        return Some(kind);
    }
    let words = || ExpectKind::WORDS.into_iter().map(|(word, _)| word);
    let hint = did_you_mean(&word.value, words()).unwrap_or_else(|| {
        let list: Vec<_> = words().map(|word| format!("`{word}`")).collect();
        format!("there are {}, a list of choices, and `{{ pattern = '…' }}`", list.join(", "))
    });
    table.tell(codes::BAD_VALUE, word.span, format!("{} is no kind of answer", quote(&word.value)), hint);
    None
}

/// `flow = "booking"` or `flow = { name = "booking", answers = { … } }`.
pub(super) fn start(table: &mut Reader<'_>) -> Option<Start> {
    if table.is_string("flow") {
        return table.string("flow").map(|flow| Start { flow, answers: Vec::new() });
    }
    let mut table = table.table("flow", "`flow`", START)?;
    let name = table.string("name");
    if !table.has("name") {
        table.missing(&["name"], "name = \"booking\"");
    }
    let names = table.named_values("answers");
    let mut answers = table.open_table("answers", "`answers`");
    let answers = names.into_iter().filter_map(|name| {
        let data = answers.as_mut()?.data(&name.value)?;
        Some((name, data))
    });
    Some(Start { answers: answers.collect(), flow: name? })
}
