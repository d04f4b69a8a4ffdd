//! One thing wrong in a definition: plain data for the terminal, the log, the admin API and tests.

use serde::Serialize;

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The bot runs, but probably not as meant.
    Warning,
    /// The definition cannot be used; the last good one stays.
    Error,
}

/// One thing wrong, with its place and the fix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// How bad.
    pub severity: Severity,
    /// Stable code, e.g. `unknown-key`; documented in the reference.
    pub code: &'static str,
    /// What is wrong: lower case, names in backticks, no full stop.
    pub message: String,
    /// File, relative to its `bots.d` (with `/`).
    pub file: String,
    /// Line from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// Column from 1, in characters; 0 when it is about the file as a whole.
    pub column: usize,
    /// How many characters the caret spans.
    pub width: usize,
    /// The line itself, with anything secret masked.
    pub excerpt: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
