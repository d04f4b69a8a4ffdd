//! The rules of a definition: `[[command]]`, `[[on]]`, `[fallback]`, and the reply they share.

use super::reader::Reader;
use crate::definition::{
    codes,
    diagnostic::{did_you_mean, quote},
    model::{Answer, Command, Doubt, Format, On, Reply, When, Who},
    place::Spanned,
};

/// Keys of `[deliveries]`.
pub(in crate::definition) const DELIVERIES: &[&str] = &["doubt"];
/// Keys of `[[command]]`.
pub(in crate::definition) const COMMAND: &[&str] = &["words", "pattern", "help", "reply", "to"];
/// Keys of `[[on]]`.
pub(in crate::definition) const ON: &[&str] = &["event", "who", "reply", "to"];
/// Keys of `[fallback]`.
pub(in crate::definition) const FALLBACK: &[&str] = &["reply", "to"];
/// Keys of `reply = { … }`.
pub(in crate::definition) const REPLY: &[&str] = &["text", "markdown", "thread", "to"];

pub(super) fn doubt(top: &mut Reader<'_>) -> Option<Spanned<Doubt>> {
    let mut table = top.table("deliveries", "`[deliveries]`", DELIVERIES)?;
    let text = table.string("doubt")?;
    let doubt = match text.value.as_str() {
        "resend" => Doubt::Resend,
        "skip" => Doubt::Skip,
        other => {
            let hint =
                did_you_mean(other, ["resend", "skip"]).unwrap_or_else(|| "`doubt` is `resend` or `skip`".into());
            let message = format!("there is no way {} to deal with doubt", quote(other));
            table.tell(codes::BAD_VALUE, text.span, message, hint);
            return None;
        }
    };
    Some(Spanned::new(doubt, text.span))
}

pub(super) fn commands(top: &mut Reader<'_>) -> Vec<Command> {
    top.each("command", "`[[command]]`", COMMAND, |table| {
        let when = when(table);
        let help = table.string("help");
        let answer = answer(table);
        Some(Command { span: table.span, when: when?, help, answer: answer? })
    })
}

fn when(table: &mut Reader<'_>) -> Option<When> {
    if table.has("words") && table.has("pattern") {
        let span = table.span_of("pattern");
        table.tell(
            codes::CONFLICT,
            span,
            "`[[command]]` has both `words` and `pattern`",
            "keep one, or make two commands",
        );
        return None;
    }
    if let Some(pattern) = table.string("pattern") {
        return Some(When::Pattern(pattern));
    }
    if let Some(words) = table.strings("words") {
        for word in words.iter().filter(|word| word.value.trim().is_empty()) {
            table.tell(codes::BAD_VALUE, word.span, "a word cannot be empty", "write the word to listen for");
        }
        return Some(When::Words(words));
    }
    if !table.has("words") && !table.has("pattern") {
        table.missing(&["words", "pattern"], "words = [\"ping\"]");
    }
    None
}

pub(super) fn ons(top: &mut Reader<'_>) -> Vec<On> {
    top.each("on", "`[[on]]`", ON, |table| {
        let event = table.string("event");
        if !table.has("event") {
            table.missing(&["event"], "event = \"memberships.created\"");
        }
        let who = who(table);
        let answer = answer(table);
        Some(On { event: event?, who, answer: answer? })
    })
}

fn who(table: &mut Reader<'_>) -> Option<Spanned<Who>> {
    let text = table.string("who")?;
    let who = match text.value.as_str() {
        "bot" => Who::Bot,
        "others" => Who::Others,
        "anyone" => Who::Anyone,
        other => {
            let hint = did_you_mean(other, ["bot", "others", "anyone"])
                .unwrap_or_else(|| "`who` is `bot`, `others` or `anyone`".into());
            table.tell(codes::BAD_VALUE, text.span, format!("nobody is called {}", quote(other)), hint);
            return None;
        }
    };
    Some(Spanned::new(who, text.span))
}

pub(super) fn fallback(top: &mut Reader<'_>) -> Option<Answer> {
    answer(&mut top.table("fallback", "`[fallback]`", FALLBACK)?)
}

fn answer(table: &mut Reader<'_>) -> Option<Answer> {
    if !table.has("reply") {
        table.missing(&["reply"], "reply = \"…\"");
        return None;
    }
    let beside = table.string("to");
    let text = |body| (Reply { body, format: Format::Text, thread: None }, None);
    let (reply, inside) = table.string_or_table("reply", "`reply`", REPLY, text, |reply| {
        let to = reply.string("to");
        let thread = reply.bool("thread");
        let (text, markdown) = (reply.string("text"), reply.string("markdown"));
        if reply.has("text") && reply.has("markdown") {
            let span = reply.span_of("text");
            reply.tell(codes::CONFLICT, span, "`reply` has both `text` and `markdown`", "keep one");
        } else if !reply.has("text") && !reply.has("markdown") {
            reply.missing(&["text", "markdown"], "text = \"…\"");
        }
        let (body, format) = match (text, markdown) {
            (Some(body), _) => (body, Format::Text),
            (None, Some(body)) => (body, Format::Markdown),
            (None, None) => return None,
        };
        Some((Reply { body, format, thread }, to))
    })?;
    if let (Some(beside), Some(_)) = (&beside, &inside) {
        table.tell(codes::CONFLICT, beside.span, "`to` stands both in `reply` and beside it", "keep one");
    }
    Some(Answer { reply, to: inside.or(beside) })
}
