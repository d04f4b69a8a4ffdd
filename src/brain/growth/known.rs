//! What is known of names, fields, filters and numbers without looking at values.

use minijinja::{machinery::ast::Expr, value::ValueKind};

/// A list may be multiplied by so much, if it stands there in digits.
const MOST_LITERAL: u64 = 64;

/// Filters that make a number or a text, whatever they are given.
pub(super) const SCALAR: &[&str] = &[
    "length",
    "count",
    "abs",
    "round",
    "bool",
    "upper",
    "lower",
    "title",
    "capitalize",
    "trim",
    "replace",
    "join",
    "string",
    "safe",
    "escape",
    "e",
    "indent",
    "pprint",
    "format",
    "urlencode",
    "raw",
    "json_value",
    "later",
];
/// Filters that make a new list of the same items, or pick one.
pub(super) const SAME: &[&str] =
    &["sort", "list", "unique", "select", "reject", "selectattr", "rejectattr", "first", "last", "min", "max", "attr"];
/// Filters that yield one of what they are given.
pub(super) const EITHER: &[&str] = &["default", "d", "int", "float"];
/// Filters that use each argument once.
pub(super) const ONCE: &[&str] = &["chain", "zip", "sum"];
/// Fields of `loop` that are items of the list; all others are numbers.
const ITEMS: &[&str] = &["previtem", "nextitem"];
/// Names from outside all of whose fields are numbers and texts.
const TEXTS: &[&str] = &["args", "match", "person", "room", "bot"];

/// A number that stands in the template itself.
pub(super) enum Literal {
    /// A small whole one.
    Times(u64),
    /// One with a point.
    Broken,
}

pub(super) fn literal(expr: &Expr<'_>) -> Option<Literal> {
    let Expr::Const(it) = expr else { return None };
    if it.value.kind() != ValueKind::Number {
        return None;
    }
    if !it.value.is_integer() {
        return Some(Literal::Broken);
    }
    let times = it.value.as_i64().and_then(|times| u64::try_from(times).ok());
    times.filter(|times| *times <= MOST_LITERAL).map(Literal::Times)
}

/// Whether a field of a name from outside is a number or a text.
pub(super) fn is_scalar(root: &str, field: &str) -> bool {
    match root {
        "loop" => !ITEMS.contains(&field),
        "message" => field != "files",
        root => TEXTS.contains(&root),
    }
}
