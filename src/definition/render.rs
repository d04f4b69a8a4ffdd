//! How a diagnostic looks on a terminal: its line, a caret, and what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Severity};

/// What is shown of a diagnostic, whether it was just made or came from a running service.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// How bad.
    pub severity: Severity,
    /// Stable code.
    pub code: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// File, relative to its `bots.d`.
    pub file: &'a str,
    /// Line from 1; 0: the file as a whole.
    pub line: usize,
    /// Column from 1, in characters; 0: the file as a whole.
    pub column: usize,
    /// How many characters the caret spans.
    pub width: usize,
    /// The line itself, secrets masked.
    pub excerpt: &'a str,
    /// What to do about it.
    pub hint: Option<&'a str>,
}

impl<'a> From<&'a Diagnostic> for Shown<'a> {
    fn from(of: &'a Diagnostic) -> Self {
        Self {
            severity: of.severity,
            code: of.code,
            message: &of.message,
            file: &of.file,
            line: of.line,
            column: of.column,
            width: of.width,
            excerpt: &of.excerpt,
            hint: of.hint.as_deref(),
        }
    }
}

/// The terminal form, several lines without a newline at the end. Colour is never the only carrier.
#[must_use]
pub fn render<'a>(diagnostic: impl Into<Shown<'a>>, colour: bool) -> String {
    let shown = diagnostic.into();
    let level = match shown.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(shown.message).id(shown.code);
    let mut group = if shown.line == 0 || shown.excerpt.is_empty() {
        let mut origin = annotate_snippets::Origin::path(shown.file);
        if shown.line > 0 {
            origin = origin.line(shown.line).char_column(shown.column);
        }
        title.element(origin)
    } else {
        let offset =
            |chars: usize| shown.excerpt.char_indices().nth(chars).map_or(shown.excerpt.len(), |(offset, _)| offset);
        let start = shown.column.saturating_sub(1);
        title.element(
            Snippet::source(shown.excerpt)
                .line_start(shown.line)
                .path(shown.file)
                .annotation(AnnotationKind::Primary.span(offset(start)..offset(start.saturating_add(shown.width)))),
        )
    };
    if let Some(hint) = shown.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let groups: [Group<'_>; 1] = [group];
    renderer.render(&groups)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::{Place, Span, codes};

    fn example() -> Diagnostic {
        let place = Place::alone("echo.toml", "# x\nreplay = \"ü\"\n");
        place.at(codes::UNKNOWN_KEY, Span::new(4..10), "unknown key `replay`").hint("did you mean `reply`?")
    }

    #[test]
    fn the_terminal_form_has_caret_and_hint() {
        insta::assert_snapshot!(render(&example(), false), @r#"
        error[unknown-key]: unknown key `replay`
         --> echo.toml:2:1
          |
        2 | replay = "ü"
          | ^^^^^^
          |
          = hint: did you mean `reply`?
        "#);
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let coloured = render(&example(), true);
        assert!(coloured.contains("\u{1b}["));
        let mut plain = String::new();
        let mut rest = coloured.as_str();
        while let Some((text, after)) = rest.split_once('\u{1b}') {
            plain.push_str(text);
            rest = after.split_once('m').map_or("", |(_, after)| after);
        }
        plain.push_str(rest);
        assert_eq!(plain, render(&example(), false));
    }

    #[test]
    fn a_file_as_a_whole_has_no_excerpt() {
        let found = Diagnostic::about_file(codes::TOO_LARGE, "echo.toml", "too large");
        insta::assert_snapshot!(render(&found, false), @"
        error[too-large]: too large
        --> echo.toml
        ");
    }
}
