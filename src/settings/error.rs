//! What can be wrong with settings. Each message names the setting, where it was given, and the fix; none shows
//! the value of a secret.

use std::path::PathBuf;

/// Why settings cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The settings file cannot be read.
    #[error("the settings file `{}` cannot be read: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// The settings file is no TOML.
    #[error("the settings file `{}` is no TOML at line {line}, column {column}: {why}", path.display())]
    Syntax {
        /// Which.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// From 1, in characters.
        column: usize,
        /// What the parser says.
        why: String,
    },
    /// There is no such setting.
    #[error("unknown setting {named}{}", hint.as_ref().map(|hint| format!(", did you mean {hint}?")).unwrap_or_default())]
    Unknown {
        /// As it was given, and where.
        named: String,
        /// The most similar one.
        hint: Option<String>,
    },
    /// A value is not of its type.
    #[error("{named} {what}")]
    Value {
        /// As it was given, and where.
        named: String,
        /// What it has to be.
        what: String,
    },
    /// A value breaks a rule, alone or together with others.
    #[error("`{setting}` {what}")]
    Rule {
        /// The setting to change.
        setting: &'static str,
        /// What is wrong with it and what to do.
        what: String,
    },
}

impl SettingsError {
    pub(super) fn rule(setting: &'static str, what: impl Into<String>) -> Self {
        Self::Rule { setting, what: what.into() }
    }
}
