//! The body that every kind of rule has: when it applies, what it keeps, what it does, how it answers.

use std::time::Duration;

use super::{gate, reader::Reader, reply};
use crate::definition::{
    codes, length,
    place::Spanned,
    rule::{At, Deletion, Once, Operation, Remember, Rule, Scope, Timer},
};

/// Keys of `remember = { … }`.
pub(in crate::definition) const REMEMBER: &[&str] =
    &["scope", "key", "set", "append", "add", "forget", "keep", "expires"];
/// Keys of `timer = { … }`.
pub(in crate::definition) const TIMER: &[&str] = &["name", "after", "at", "value"];

/// Items of a list that is appended to, where nothing else is said.
const KEEP: u32 = 100;
/// Items that a list may keep.
const MOST_KEPT: i64 = 1_000;

/// Reads the body of a rule. Its table must do something.
pub(super) fn rule(table: &mut Reader<'_>) -> Option<Rule> {
    let before = table.errors();
    let gate = gate::gate(table);
    let once = once(table);
    let remember = table.one_or_more("remember", "`remember`", REMEMBER, remember);
    let timer = timer(table);
    let delete = delete(table);
    let (when, leave) = (table.string("when"), table.bool("leave"));
    let (subscribe, unsubscribe) = (table.string("subscribe"), table.string("unsubscribe"));
    let cancel_timer = table.string("cancel_timer");
    let action = reply::action(table);
    let rule = Rule {
        span: table.span,
        when,
        gate,
        once,
        remember,
        subscribe,
        unsubscribe,
        timer,
        cancel_timer,
        delete,
        leave: leave.unwrap_or(false),
        action: action.unwrap_or_default(),
    };
    if table.errors() > before {
        return None;
    }
    if !rule.does_something() {
        table.missing(&["reply"], "reply = \"…\"");
        return None;
    }
    Some(rule)
}

fn once(table: &mut Reader<'_>) -> Option<Once> {
    let (wanted, already, span) = (table.bool("once"), table.string("already"), table.span_of("once"));
    match (wanted, already) {
        (Some(true), already) => Some(Once { span, already }),
        (_, Some(already)) => {
            table.tell(codes::CONFLICT, already.span, "`already` is what later presses are told", "add `once = true`");
            None
        }
        _ => None,
    }
}

pub(super) fn remember(table: &mut Reader<'_>) -> Option<Remember> {
    let scope = table.word("scope", "memory", &Scope::ALL);
    let key = table.string("key");
    if !table.has("key") {
        table.missing(&["key"], "key = \"count\"");
    }
    let expires = table.length("expires");
    let keep = table.integer("keep", 1..=MOST_KEPT);
    let ways: Vec<_> = ["set", "append", "add", "forget"].into_iter().filter(|way| table.has(way)).collect();
    if ways.is_empty() {
        table.missing(&["set", "append", "add", "forget"], "set = \"{{ message.text }}\"");
    } else if let [_, second, ..] = ways.as_slice() {
        let span = table.span_of(second);
        table.tell(codes::CONFLICT, span, format!("`remember` has both `{}` and `{second}`", ways[0]), "keep one");
    }
    let operation = match ways.first().copied() {
        Some("set") => Operation::Set(table.data("set")?),
        Some("append") => {
            let keep = keep.as_ref().and_then(|keep| u32::try_from(keep.value).ok()).unwrap_or(KEEP);
            Operation::Append { item: table.data("append")?, keep }
        }
        Some("add") => Operation::Add(table.data("add")?),
        Some(_) if table.bool("forget") == Some(true) => Operation::Forget,
        _ => return None,
    };
    if let (Some(keep), false) = (&keep, matches!(operation, Operation::Append { .. })) {
        table.tell(codes::CONFLICT, keep.span, "`keep` says how many items of a list stay", "use it with `append`");
    }
    Some(Remember { scope: scope.map_or(Scope::Room, |scope| scope.value), key: key?, operation, expires })
}

fn timer(table: &mut Reader<'_>) -> Option<Timer> {
    let mut table = table.table("timer", "`timer`", TIMER)?;
    let name = table.string("name");
    if !table.has("name") {
        table.missing(&["name"], "name = \"reminder\"");
    }
    // What an argument says is known only when it is said.
    let later =
        table.raw("after").is_some_and(|value| value.get_ref().as_str().is_some_and(|text| text.contains("{{")));
    let after = if later { table.string("after").map(At::Later) } else { table.length("after").map(At::After) };
    let at = table.string("at");
    let value = table.data("value");
    if table.has("after") && table.has("at") {
        let span = table.span_of("at");
        table.tell(codes::CONFLICT, span, "`timer` has both `after` and `at`", "keep one");
    } else if !table.has("after") && !table.has("at") {
        table.missing(&["after", "at"], "after = \"5m\"");
    }
    let at = after.or_else(|| at.map(At::Moment));
    Some(Timer { name: name?, at: at?, value })
}

fn delete(table: &mut Reader<'_>) -> Option<Deletion> {
    let span = table.span_of("delete");
    if table.is_string("delete") {
        return table.string("delete").map(Deletion::Key);
    }
    table.bool("delete")?.then_some(Deletion::Pressed(span))
}

impl Reader<'_> {
    /// A length of time.
    pub(super) fn length(&mut self, key: &str) -> Option<Duration> {
        self.spanned_length(key).map(|length| length.value)
    }

    /// A length of time with its place.
    pub(super) fn spanned_length(&mut self, key: &str) -> Option<Spanned<Duration>> {
        if let Some(value) = self.raw(key).filter(|_| !self.is_string(key)) {
            self.wrong_type(key, value, "a length of time", &format!("{key} = \"5m\""));
            return None;
        }
        let text = self.string(key)?;
        match length::parse(&text.value) {
            Ok(length) => Some(Spanned::new(length, text.span)),
            Err(why) => {
                self.tell(
                    codes::BAD_VALUE,
                    text.span,
                    why,
                    format!("for example `{key} = \"5m\"`, `\"90s\"`, `\"1h 30m\"`"),
                );
                None
            }
        }
    }
}
