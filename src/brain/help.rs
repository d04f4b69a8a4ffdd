//! The generated `help`: what the bot is for, and a line for each command that says what it does.

use std::fmt::Write as _;

use super::markdown::escape;
use crate::definition::{Definition, When};

/// The markdown of the generated help; nothing when no command has a `help`.
pub(super) fn page(definition: &Definition) -> Option<String> {
    let mut lines = Vec::new();
    for command in &definition.commands {
        let Some(help) = &command.help else { continue };
        let help = escape(help.value.trim());
        lines.push(match &command.when {
            When::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("**{}**", escape(word.value.trim()))).collect();
                format!("- {}: {help}", words.join(", "))
            }
            When::Pattern(_) => format!("- {help}"),
        });
    }
    if lines.is_empty() {
        return None;
    }
    let mut page = String::new();
    if let Some(description) = &definition.description {
        let _ = write!(page, "{}\n\n", escape(description.value.trim()));
    }
    let _ = write!(page, "{}\n- **help**: Show this list", lines.join("\n"));
    Some(page)
}
