//! What is said to a person whose words do not fit the usage: one sentence that names what to write, then the usage.

use super::{Usage, value::Kind};
use crate::definition::diagnostic::nearest;

/// Most characters of what a person said that are said back to them.
const MAX_ECHO: usize = 40;

/// Why what was said does not fit a usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Complaint {
    /// An argument that must be there is not: its name and type.
    Missing(String, Kind),
    /// A value is of another type: the name, the type, what was said.
    Unfit(String, Kind, String),
    /// More was said than the command takes.
    Extra(String),
    /// A flag that the command does not have.
    UnknownFlag(String),
    /// A flag stands without what it takes.
    Bare(String, Kind),
    /// A flag that takes nothing was given something.
    TakesNothing(String),
    /// A flag stands there twice.
    Twice(String),
    /// A quote is never closed.
    Unclosed(String),
}

impl Complaint {
    /// What is wrong, and what to write; plain text of one line.
    #[must_use]
    pub fn sentence(&self, usage: &Usage) -> String {
        match self {
            Self::Missing(name, kind) => format!("“{name}” is missing: {}.", kind.described()),
            Self::Unfit(name, kind, said) => format!("“{name}” must be {}, not “{}”.", kind.described(), short(said)),
            Self::Extra(said) if usage.args.is_empty() && usage.flags.is_empty() => {
                format!("“{}” is too much: nothing follows the command.", short(said))
            }
            Self::Extra(said) => {
                format!("“{}” is too much. Several words that belong together stand in quotes.", short(said))
            }
            Self::UnknownFlag(said) => {
                let near = nearest(said, usage.flags.iter().map(|flag| &*flag.name));
                let known = || usage.flags.iter().map(|flag| format!("--{}", flag.name)).collect::<Vec<_>>().join(", ");
                let hint = match near {
                    Some(near) => format!(" Did you mean --{near}?"),
                    None if usage.flags.is_empty() => String::new(),
                    None => format!(" There is {}.", known()),
                };
                format!("There is no --{}.{hint}", short(said))
            }
            Self::Bare(name, kind) => format!("What follows --{name} is missing: {}.", kind.described()),
            Self::TakesNothing(name) => format!("--{name} stands alone, nothing belongs to it."),
            Self::Twice(name) => format!("--{name} is there twice."),
            Self::Unclosed(said) => format!("The quote before “{}” is never closed.", short(said)),
        }
    }

    /// The sentence and the usage below it.
    #[must_use]
    pub fn text(&self, usage: &Usage, words: &str) -> String {
        format!("{}\nUsage: {}", self.sentence(usage), usage.line(words))
    }
}

/// What was said, on one line and of bounded length.
fn short(said: &str) -> String {
    let line: Vec<&str> = said.split_whitespace().collect();
    let line = line.join(" ");
    let mut short: String = line.chars().take(MAX_ECHO).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}
