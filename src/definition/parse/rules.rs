//! The tables of a definition that are rules, `[[command]]`, `[[on]]`, `[fallback]`: what each reacts to. What they
//! do then is the same for all, and read in `body`.

use super::{body, reader::Reader};
use crate::definition::{
    codes,
    diagnostic::{did_you_mean, quote},
    model::{Command, Doubt, Listens, On, OnWhat, Who},
    place::Spanned,
    rule::Rule,
};

/// The keys of a kind of rule: its own, and those of every rule's body.
macro_rules! keys {
    ($($own:literal),*) => {
        &[
            $($own,)*
            "when", "access", "denied", "cooldown", "approve", "once", "already", "remember", "subscribe", "unsubscribe", "timer", "cancel_timer", "delete",
            "leave", "reply", "to", "flow",
        ]
    };
}

pub(super) use keys;

/// Keys of `[deliveries]`.
pub(in crate::definition) const DELIVERIES: &[&str] = &["doubt"];
/// Keys of `[[command]]`.
pub(in crate::definition) const COMMAND: &[&str] = keys!["words", "usage", "aliases", "pattern", "help", "hidden"];
/// Keys of `[[on]]`.
pub(in crate::definition) const ON: &[&str] = keys!["event", "card", "name", "who"];
/// Keys of `[fallback]`.
pub(in crate::definition) const FALLBACK: &[&str] = keys![];

pub(super) fn doubt(top: &mut Reader<'_>) -> Option<Spanned<Doubt>> {
    let mut table = top.table("deliveries", "`[deliveries]`", DELIVERIES)?;
    table.word("doubt", "way to deal with doubt", &[("resend", Doubt::Resend), ("skip", Doubt::Skip)])
}

pub(super) fn commands(top: &mut Reader<'_>) -> Vec<Command> {
    top.each("command", "`[[command]]`", COMMAND, |table| {
        let listens = listens(table);
        let help = table.string("help");
        let hidden = table.bool("hidden").unwrap_or(false);
        let rule = body::rule(table);
        Some(Command { span: table.span, listens: listens?, help, hidden, rule: rule? })
    })
}

fn listens(table: &mut Reader<'_>) -> Option<Listens> {
    let ways: Vec<_> = ["words", "usage", "pattern"].into_iter().filter(|way| table.has(way)).collect();
    if let [first, second, ..] = ways.as_slice() {
        let span = table.span_of(second);
        let message = format!("`[[command]]` has both `{first}` and `{second}`");
        table.tell(codes::CONFLICT, span, message, "keep one, or make two commands");
        return None;
    }
    let aliases = table.strings("aliases").unwrap_or_default();
    if let (Some(alias), false) = (aliases.first(), table.has("usage")) {
        let hint = "put them into `words`, or write a `usage`";
        table.tell(codes::CONFLICT, alias.span, "`aliases` are other words for a `usage`, and there is none", hint);
    }
    let words = table.strings("words").unwrap_or_default();
    for word in words.iter().chain(&aliases).filter(|word| word.value.trim().is_empty()) {
        table.tell(codes::BAD_VALUE, word.span, "a word cannot be empty", "write the word to listen for");
    }
    match ways.first() {
        Some(&"words") => Some(Listens::Words(words)),
        Some(&"usage") => table.string("usage").map(|usage| Listens::Usage(usage, aliases)),
        Some(_) => table.string("pattern").map(Listens::Pattern),
        None => {
            table.missing(&["words", "usage", "pattern"], "words = [\"ping\"]");
            None
        }
    }
}

pub(super) fn ons(top: &mut Reader<'_>) -> Vec<On> {
    top.each("on", "`[[on]]`", ON, |table| {
        let what = what(table);
        let who = table.word(
            "who",
            "answer to whose membership it is",
            &[("bot", Who::Bot), ("others", Who::Others), ("anyone", Who::Anyone)],
        );
        let rule = body::rule(table);
        Some(On { what: what?, who, rule: rule? })
    })
}

fn what(table: &mut Reader<'_>) -> Option<OnWhat> {
    let (event, card, name) = (table.string("event"), table.string("card"), table.string("name"));
    if table.has("event") && table.has("card") {
        let span = table.span_of("card");
        table.tell(codes::CONFLICT, span, "`[[on]]` has both `event` and `card`", "keep one, or make two rules");
        return None;
    }
    if let Some(name) = &name
        && event.as_ref().is_none_or(|event| event.value != "timer")
    {
        table.tell(
            codes::CONFLICT,
            name.span,
            "only timers have a `name`",
            "write `event = \"timer\"`, or leave it out",
        );
    }
    if !table.has("event") && !table.has("card") {
        table.missing(&["event", "card"], "event = \"memberships.created\"");
    }
    card.map(OnWhat::Card).or_else(|| event.map(|event| OnWhat::Event(event, name)))
}

pub(super) fn fallback(top: &mut Reader<'_>) -> Option<Rule> {
    body::rule(&mut top.table("fallback", "`[fallback]`", FALLBACK)?)
}

/// One of a few words, each with what it means.
impl Reader<'_> {
    pub(super) fn word<T: Copy>(&mut self, key: &str, what: &str, words: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.string(key)?;
        if let Some((_, meant)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Spanned::new(*meant, text.span));
        }
        let list: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let hint = did_you_mean(&text.value, words.iter().map(|(word, _)| *word))
            .unwrap_or_else(|| format!("`{key}` is one of {}", list.join(", ")));
        self.tell(codes::BAD_VALUE, text.span, format!("{} is no {what}", quote(&text.value)), hint);
        None
    }
}
