//! How a rule answers: `reply = "…"`, `reply = { … }`, or a list of such tables.

use super::{flow, reader::Reader};
use crate::definition::{
    codes,
    place::Spanned,
    rule::{Action, Format, Reply, Then, Update},
};

/// Keys of `reply = { … }`.
pub(in crate::definition) const REPLY: &[&str] =
    &["text", "markdown", "thread", "to", "key", "then", "context", "edit", "replace", "when", "card", "data", "file"];

/// Reads the way to answer, if there is one.
pub(super) fn action(table: &mut Reader<'_>) -> Option<Action> {
    if table.has("flow") {
        if table.has("reply") {
            let message = "a rule answers in one way, and this has both `flow` and `reply`";
            let hint = "say it in the first step: `say = \"…\"`";
            table.tell(codes::CONFLICT, table.span_of("flow"), message, hint);
        }
        return flow::start(table).map(Action::Flow);
    }
    let beside = table.string_or_strings("to");
    if !table.has("reply") {
        if let Some(to) = beside.first() {
            table.tell(
                codes::CONFLICT,
                to.span,
                "`to` says where a reply goes, and there is none",
                "add `reply = \"…\"`",
            );
        }
        return None;
    }
    if table.is_string("reply") {
        return table.string("reply").map(|text| Action::Reply(vec![plain(text, beside)]));
    }
    let mut replies = table.one_or_more("reply", "`reply`", REPLY, reply);
    for reply in &mut replies {
        if reply.to.is_empty() {
            reply.to.clone_from(&beside);
        } else if let Some(beside) = beside.first() {
            table.tell(codes::CONFLICT, beside.span, "`to` stands both in `reply` and beside it", "keep one");
            break;
        }
    }
    Some(Action::Reply(replies))
}

/// Replies under another key.
pub(super) fn replies(table: &mut Reader<'_>, key: &str) -> Vec<Reply> {
    if table.is_string(key) {
        return table.string(key).map(|text| plain(text, Vec::new())).into_iter().collect();
    }
    table.one_or_more(key, "`reply`", REPLY, reply)
}

/// A bare text.
pub(super) fn plain(body: Spanned<String>, to: Vec<Spanned<String>>) -> Reply {
    Reply {
        span: body.span,
        when: None,
        body,
        format: Format::Text,
        thread: None,
        to,
        key: None,
        context: None,
        update: None,
        card: None,
        data: None,
        file: None,
    }
}

fn reply(table: &mut Reader<'_>) -> Option<Reply> {
    let to = table.string_or_strings("to");
    let (when, thread) = (table.string("when"), table.bool("thread"));
    let (text, markdown) = (table.string("text"), table.string("markdown"));
    let context = table.data("context");
    let key = key(table);
    let update = update(table);
    let (card, data, file) = (table.string("card"), table.data("data"), table.string("file"));
    if let (Some(_), Some(file)) = (&card, &file) {
        let message = "a message holds a card or a file, not both";
        table.tell(codes::CONFLICT, file.span, message, "write two replies: `reply = [{ … }, { … }]`");
    }
    if data.is_some() && !table.has("card") {
        let span = table.span_of("data");
        table.tell(
            codes::CONFLICT,
            span,
            "`data` is for the templates of a card, and there is none",
            "add `card = \"…\"`",
        );
    }
    if table.has("text") && table.has("markdown") {
        let span = table.span_of("text");
        table.tell(codes::CONFLICT, span, "`reply` has both `text` and `markdown`", "keep one");
    } else if !table.has("text") && !table.has("markdown") {
        // Whoever cannot draw a card, and every notification, shows the text.
        table.missing(&["text", "markdown"], "text = \"…\"");
    }
    if let (Some(update), Some(_)) = (&update, &key) {
        let message = "a reply that changes the pressed message needs no `key`";
        table.tell(codes::CONFLICT, update.span, message, "keep one of the two");
    }
    let (body, format) = match (text, markdown) {
        (Some(body), _) => (body, Format::Text),
        (None, Some(body)) => (body, Format::Markdown),
        (None, None) => return None,
    };
    Some(Reply { span: table.span, when, body, format, thread, to, key, context, update, card, data, file })
}

fn key(table: &mut Reader<'_>) -> Option<(Spanned<String>, Then)> {
    let key = table.string("key");
    let then = table.word(
        "then",
        "way to deal with an earlier message of that key",
        &[("edit", Then::Edit), ("thread", Then::Thread), ("replace", Then::Replace), ("skip", Then::Skip)],
    );
    if let (Some(then), false) = (&then, table.has("key")) {
        let message = "`then` says what becomes of an earlier message of the same `key`";
        table.tell(codes::CONFLICT, then.span, message, "add `key = \"…\"`");
    }
    Some((key?, then.map_or(Then::Edit, |then| then.value)))
}

fn update(table: &mut Reader<'_>) -> Option<Spanned<Update>> {
    let (edit, replace) = (table.bool("edit"), table.bool("replace"));
    let span = table.span_of(if edit.is_some() { "edit" } else { "replace" });
    match (edit, replace) {
        (Some(true), Some(true)) => {
            table.tell(codes::CONFLICT, span, "`reply` has both `edit` and `replace`", "keep one");
            None
        }
        (Some(true), _) => Some(Spanned::new(Update::Edit, span)),
        (_, Some(true)) => Some(Spanned::new(Update::Replace, span)),
        _ => None,
    }
}
