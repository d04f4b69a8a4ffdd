//! Refuses templates whose values may grow without end: fuel bounds the work of a template and its strings, but lists
//! are made lazily and for nothing, and sixty times `x + x` is more than there is room for.
//!
//! Each place that gives a name a value is an edge between names. A name that goes round into itself twice doubles with
//! each round, one that is wrapped into itself nests: both are refused. What is added to once a round grows by what is
//! added, and for that the fuel is enough. Numbers and texts do not count: what is surely one is found out first.

use std::ops::Range;

use minijinja::{
    machinery::{parse, parse_expr},
    syntax::SyntaxConfig,
};

mod flow;
mod graph;
mod known;
mod parts;
mod size;
#[cfg(test)]
mod tests;

/// What is wrong, where, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Growth {
    pub(super) range: Range<usize>,
    pub(super) message: &'static str,
    pub(super) hint: &'static str,
}

/// What may grow in a template, or in an expression alone; nothing of what cannot be parsed, which others tell.
///
/// Before the template is compiled, for the engine works out what is constant then, and takes no fuel for it.
pub(super) fn check(source: &str, expression: bool) -> Option<Growth> {
    let (template, alone);
    let mut parts = parts::Parts::default();
    if expression {
        alone = parse_expr(source).ok()?;
        parts.expression(&alone);
    } else {
        template = parse(source, "text", SyntaxConfig::default()).ok()?;
        parts.statement(&template, false);
    }
    graph::Graph::of(&parts).judged().map(|(span, message, hint)| Growth {
        range: span.start_offset as usize..span.end_offset as usize,
        message,
        hint,
    })
}
