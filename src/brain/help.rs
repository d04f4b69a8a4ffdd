//! The generated `help`: what the bot is for, and a line for each command that says what it does.

use std::fmt::Write as _;

use super::markdown::escape;
use crate::definition::{Definition, Listens};

/// Most bytes of the list: a help of more than two messages helps nobody.
const MAX_LINES: usize = 12 * 1024;

/// The markdown of the generated help; nothing when no command has a `help`.
pub(super) fn page(definition: &Definition) -> Option<String> {
    let mut lines = Vec::new();
    for command in &definition.commands {
        let Some(help) = &command.help else { continue };
        let help = escape(help.value.trim());
        lines.push(match &command.listens {
            Listens::Words(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("**{}**", escape(word.value.trim()))).collect();
                format!("- {}: {help}", words.join(", "))
            }
            Listens::Pattern(_) => format!("- {help}"),
        });
    }
    if lines.is_empty() {
        return None;
    }
    let mut length = 0;
    let fit = lines.iter().take_while(|line| {
        length += line.len();
        length <= MAX_LINES
    });
    let more = lines.len() - fit.count();
    lines.truncate(lines.len() - more);
    if more > 0 {
        lines.push(format!("- … and {more} more"));
    }
    let mut page = String::new();
    if let Some(description) = &definition.description {
        let _ = write!(page, "{}\n\n", escape(description.value.trim()));
    }
    let _ = write!(page, "{}\n- **help**: Show this list", lines.join("\n"));
    Some(page)
}

#[cfg(test)]
mod tests {
    use crate::brain::fixture::{Asked, program};

    const PING: &str = "[[command]]\nwords = ['ping']\nreply = 'pong'\n";

    #[test]
    fn there_is_no_help_without_a_command_that_has_one() {
        assert_eq!(Asked::of(&program(PING), "help").rule, "none: nothing matched");
        let page = Asked::of(&program(&format!("{PING}help = 'See [me]'\n")), "HELP me");
        assert_eq!(page.said(), ["- **ping**: See \\[me\\]\n- **help**: Show this list"]);
    }

    #[test]
    fn a_bot_may_have_a_help_of_its_own() {
        let own = program(&format!("{PING}help = 'x'\n[[command]]\nwords = ['Help']\nreply = 'mine'\n"));
        assert_eq!(Asked::of(&own, "help").said(), ["mine"]);
    }

    #[test]
    fn a_very_long_list_is_cut_short() {
        let many: Vec<_> = (0..400)
            .map(|n| format!("[[command]]\nwords = ['w{n}']\nhelp = '{}'\nreply = 'x'\n", "h".repeat(100)))
            .collect();
        let page = Asked::of(&program(&many.concat()), "help");
        assert!(page.deliveries.len() <= 2 && page.said().last().unwrap().contains("more\n- **help**"));
    }
}
