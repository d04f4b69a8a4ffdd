//! Diagnostics that came from a running service.

use super::out::plain;
use crate::{
    actors::report::Finding,
    definition::{
        Severity,
        render::{Shown, render},
    },
};

/// In one line, as in a log.
pub(super) fn line(of: &Finding) -> String {
    let place = if of.line > 0 { format!(":{}:{}", of.line, of.column) } else { String::new() };
    let hint = of.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    plain(&format!("{}[{}] {}{place}: {}{hint}", of.severity, of.code, of.file, of.message))
}

/// With its line and a caret.
pub(super) fn show(of: &Finding, colour: bool) -> String {
    let shown = Shown {
        severity: if of.severity == Severity::Warning.as_str() { Severity::Warning } else { Severity::Error },
        code: &of.code,
        message: &of.message,
        file: &of.file,
        line: of.line,
        column: of.column,
        width: of.width,
        excerpt: &of.excerpt,
        hint: of.hint.as_deref(),
    };
    render(shown, colour)
}
