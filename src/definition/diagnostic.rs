//! One thing wrong in a definition: plain data for the terminal, the log, the admin API and tests.

use std::fmt;

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

impl Severity {
    /// `warning` or `error`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One thing wrong, with its place and the fix.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
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

impl Diagnostic {
    /// A diagnostic about a file as a whole.
    #[must_use]
    pub fn about_file(code: super::Code, file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: code.severity,
            code: code.name,
            message: message.into(),
            file: file.into(),
            line: 0,
            column: 0,
            width: 0,
            excerpt: String::new(),
            hint: None,
        }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a hint if there is one.
    #[must_use]
    pub fn maybe_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }

    /// Whether the definition cannot be used.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The name of the file or folder it is about, without `.toml`: the bot's id, if it is one.
    #[must_use]
    pub fn unit(&self) -> &str {
        let first = self.file.split('/').next().unwrap_or_default();
        first.strip_suffix(".toml").unwrap_or(first)
    }
}

/// One line, for logs: `file:line:column: error[code]: message`.
impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}[{}]: {}", self.severity.as_str(), self.code, self.message)
    }
}

/// A name from a definition, ready for a message: in backticks, on one line, of bounded length.
#[must_use]
pub fn quote(name: &str) -> String {
    if super::mask::looks_secret(name) {
        return "`********`".to_owned();
    }
    let short: String = name.chars().take(60).collect();
    let dots = if short.len() < name.len() { "…" } else { "" };
    format!("`{}{dots}`", short.escape_debug().to_string().replace("\\'", "'").replace("\\\"", "\""))
}

/// "did you mean" for a name that is not among the known ones but near one.
#[must_use]
pub fn did_you_mean<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, known).map(|known| format!("did you mean `{known}`?"))
}

/// The known name that was probably meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let reach = match name.chars().count() {
        0..=2 => return None,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    };
    known
        .into_iter()
        .map(|known| (strsim::osa_distance(&name, &known.to_lowercase()), known))
        .filter(|(distance, _)| *distance <= reach)
        .min()
        .map(|(_, known)| known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::codes;

    #[test]
    fn the_log_form_is_one_line_even_for_a_hostile_name() {
        let found = Diagnostic::about_file(codes::BAD_ID, "a.toml", format!("no: {}", quote("x\nerror: y")));
        assert_eq!(found.to_string(), "a.toml: error[bad-id]: no: `x\\nerror: y`");
        assert_eq!(quote(&"x".repeat(70)).chars().count(), 63);
        assert_eq!(quote(&"x1".repeat(35)), "`********`");
    }

    #[test]
    fn a_near_name_is_suggested_and_a_far_one_is_not() {
        assert_eq!(did_you_mean("replay", ["reply", "help"]), Some("did you mean `reply`?".into()));
        assert_eq!(did_you_mean("commnad", ["command"]), Some("did you mean `command`?".into()));
        assert_eq!(did_you_mean("colour", ["reply", "help"]), None);
        assert_eq!(did_you_mean("to", ["on"]), None);
    }

    #[test]
    fn the_unit_of_a_file_is_its_bot() {
        let about = |file: &str| Diagnostic::about_file(codes::BAD_ID, file, "").unit().to_owned();
        assert_eq!((about("echo.toml"), about("oncall/bot.toml")), ("echo".into(), "oncall".into()));
    }
}
