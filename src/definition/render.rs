//! How a diagnostic looks on a terminal: its line, a caret, and what to do.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::diagnostic::{Diagnostic, Severity};

/// The terminal form, several lines without a newline at the end. Colour is never the only carrier.
#[must_use]
pub fn render(diagnostic: &Diagnostic, colour: bool) -> String {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(diagnostic.message.as_str()).id(diagnostic.code);
    let mut group = if diagnostic.line == 0 || diagnostic.excerpt.is_empty() {
        let mut origin = annotate_snippets::Origin::path(diagnostic.file.as_str());
        if diagnostic.line > 0 {
            origin = origin.line(diagnostic.line).char_column(diagnostic.column);
        }
        title.element(origin)
    } else {
        let offset = |chars: usize| {
            diagnostic.excerpt.char_indices().nth(chars).map_or(diagnostic.excerpt.len(), |(offset, _)| offset)
        };
        let start = diagnostic.column.saturating_sub(1);
        title.element(
            Snippet::source(diagnostic.excerpt.as_str())
                .line_start(diagnostic.line)
                .path(diagnostic.file.as_str())
                .annotation(AnnotationKind::Primary.span(offset(start)..offset(start + diagnostic.width))),
        )
    };
    if let Some(hint) = &diagnostic.hint {
        group = group.element(Level::HELP.with_name("hint").message(hint.as_str()));
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
        let place = Place { file: "echo.toml", text: "# x\nreplay = \"ü\"\n" };
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
