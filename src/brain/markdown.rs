//! Values inside markdown: they are shown as they are and make nothing.
//!
//! While a template renders, each interpolated value is only marked. Afterwards [`finish`] knows what each
//! stands in and makes it harmless there: in text by escapes, in a code block or code span (where escapes
//! would show) by breaking up what could end it. Where it is not certain that a value is inside code it is
//! escaped: ugly is better than a mention.

use std::fmt::Write as _;

/// Marks around a value; private-use characters that no value may hold.
pub(super) const OPEN: char = '\u{E000}';
pub(super) const CLOSE: char = '\u{E001}';

/// Whether a character is one of the marks: values and templates lose them.
pub(super) fn is_mark(c: char) -> bool {
    c == OPEN || c == CLOSE
}

/// Breaks a sequence up without being seen.
const ZERO_WIDTH: char = '\u{200B}';

/// Escapes one text for use in markdown text, as at the beginning of a line.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = Writer::default();
    out.value(text, "");
    out.out
}

/// Makes the marked values of rendered markdown harmless and removes the marks.
#[must_use]
pub(super) fn finish(rendered: &str) -> String {
    let mut out = Writer::default();
    let mut rest = rendered;
    while let Some((author, tail)) = rest.split_once(OPEN) {
        out.author(author);
        let (value, after) = tail.split_once(CLOSE).unwrap_or((tail, ""));
        out.value(&value.replace(OPEN, ""), after);
        rest = after;
    }
    out.author(rest);
    out.out
}

#[derive(Default)]
struct Writer {
    out: String,
    /// Where the current line begins.
    line: usize,
    /// Where the current paragraph begins: code spans do not reach over its beginning.
    paragraph: usize,
    /// The code block we are in: its character and length.
    fence: Option<(char, usize)>,
    /// A code block began in a list or quote; where it ends is beyond this file, so nothing is code any more.
    unsure: bool,
}

impl Writer {
    fn author(&mut self, text: &str) {
        for c in text.chars().filter(|c| !is_mark(*c)) {
            self.push(c);
        }
    }

    fn push(&mut self, c: char) {
        self.out.push(c);
        if c == '\n' {
            self.end_line();
        }
    }

    fn value(&mut self, value: &str, after: &str) {
        let value = value.replace("\r\n", "\n").replace('\r', "\n");
        if value.is_empty() {
            // What stood apart must not grow together: two backticks and two are the beginning of a code block.
            if self.out.ends_with(['`', '~']) && after.starts_with(['`', '~', OPEN]) {
                self.push(ZERO_WIDTH);
            }
            return;
        }
        if self.fence.is_some() {
            self.in_fence(&value);
        } else if !self.unsure && self.in_span(after) {
            self.in_code(&value);
        } else {
            self.in_text(&value);
        }
    }

    fn in_fence(&mut self, value: &str) {
        let (mut run, mut last) = (0, ' ');
        for c in value.chars() {
            run = if c == last { run + 1 } else { 1 };
            if (matches!(c, '`' | '~') && run >= 3) || (last == '<' && c == '@') {
                self.push(ZERO_WIDTH);
                run = 1;
            }
            self.push(c);
            last = c;
        }
    }

    fn in_code(&mut self, value: &str) {
        let mut last = ' ';
        for c in value.chars() {
            if last == '<' && c == '@' {
                self.push(ZERO_WIDTH);
            }
            self.push(match c {
                '`' => '\'',
                '\n' => ' ',
                other => other,
            });
            last = c;
        }
    }

    fn in_text(&mut self, value: &str) {
        // The author's own backslash must not take away the first escape of the value.
        let slashes = self.out.chars().rev().take_while(|c| *c == '\\').count();
        if slashes % 2 == 1 {
            self.out.push(ZERO_WIDTH);
        }
        let chars: Vec<char> = value.chars().collect();
        for (index, &c) in chars.iter().enumerate() {
            let previous = if index > 0 { chars.get(index - 1) } else { None };
            let (next, rest) = (chars.get(index + 1), chars.get(index + 1..).unwrap_or_default());
            if c == '\n' {
                self.push(c);
                continue;
            }
            let line = self.out.get(self.line..).unwrap_or_default();
            let blank = line.chars().all(|c| c.is_whitespace() || c == '\u{a0}');
            if blank && matches!(c, ' ' | '\t') {
                self.out.push('\u{a0}');
                continue;
            }
            let number = !line.trim().is_empty() && line.trim().bytes().all(|b| b.is_ascii_digit());
            match c {
                '\\' | '`' | '*' | '[' | ']' | '~' => escaped(&mut self.out, c),
                '_' => {
                    let inside = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
                    if inside(previous) && inside(next) { self.out.push(c) } else { escaped(&mut self.out, c) }
                }
                '<' if !next.is_some_and(|c| c.is_whitespace() || c.is_ascii_digit() || *c == '=') => {
                    self.out.push_str("&lt;");
                }
                '&' if entity_like(rest) => escaped(&mut self.out, c),
                '#' | '>' | '+' | '-' | '=' if blank => escaped(&mut self.out, c),
                '.' | ')' if number => escaped(&mut self.out, c),
                _ => self.out.push(c),
            }
        }
    }

    /// A line is complete: does a code block begin or end with it?
    fn end_line(&mut self) {
        let line = self.out.get(self.line..).unwrap_or_default().trim_end();
        let body = line.trim_start_matches(' ');
        let indent = line.len() - body.len();
        let first = body.chars().next().unwrap_or(' ');
        let run = body.chars().take_while(|c| *c == first).count();
        let info = body.get(run..).unwrap_or_default();
        let is_fence = matches!(first, '`' | '~') && run >= 3 && !(first == '`' && info.contains('`'));
        match self.fence {
            Some((open, length)) => {
                if is_fence && indent <= 3 && first == open && run >= length && info.is_empty() {
                    self.fence = None;
                }
                self.paragraph = self.out.len();
            }
            None if is_fence && indent == 0 => self.fence = Some((first, run)),
            None if line.is_empty() => self.paragraph = self.out.len(),
            None => {
                let body =
                    line.trim_start_matches(|c: char| c.is_whitespace() || "->+*.)".contains(c) || c.is_ascii_digit());
                self.unsure |= body.starts_with("```") || body.starts_with("~~~");
            }
        }
        self.line = self.out.len();
    }

    /// Whether a code span of the author is open here and ends on this line, so that a value is inside it.
    fn in_span(&self, after: &str) -> bool {
        let paragraph = self.out.get(self.paragraph..).unwrap_or_default();
        let line_rest = after.split('\n').next().unwrap_or_default();
        let author_rest: String = outside_marks(line_rest);
        let mut chars = paragraph.chars().peekable();
        let mut runs: Vec<usize> = Vec::new();
        let mut escape = false;
        while let Some(c) = chars.next() {
            if c == '`' && !escape {
                let mut run = 1;
                while chars.next_if_eq(&'`').is_some() {
                    run += 1;
                }
                match runs.iter().position(|open| *open == run) {
                    Some(open) => runs.truncate(open),
                    None => runs.push(run),
                }
            }
            escape = c == '\\' && !escape && runs.is_empty();
        }
        // Only the plain case is believed: one opening run, closed on this line.
        matches!(runs.as_slice(), [run] if closes(&author_rest, *run))
    }
}

/// The author's part of a text, without the marked values.
fn outside_marks(text: &str) -> String {
    let mut out = String::new();
    let mut inside = false;
    for c in text.chars() {
        match c {
            OPEN => inside = true,
            CLOSE => inside = false,
            _ if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

fn closes(text: &str, wanted: usize) -> bool {
    let mut rest = text;
    while let Some(start) = rest.find('`') {
        let tail = rest.get(start..).unwrap_or_default();
        let run = tail.len() - tail.trim_start_matches('`').len();
        if run == wanted {
            return true;
        }
        rest = tail.get(run..).unwrap_or_default();
    }
    false
}

fn entity_like(rest: &[char]) -> bool {
    let name = rest.iter().take_while(|c| c.is_ascii_alphanumeric() || **c == '#').count();
    name > 0 && rest.get(name) == Some(&';')
}

fn escaped(out: &mut String, c: char) {
    let _ = write!(out, "\\{c}");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use pulldown_cmark::{Event, Options, Parser, Tag};

    use super::*;

    fn put(template: &str, value: &str) -> String {
        finish(&template.replace("{}", &format!("{OPEN}{value}{CLOSE}")))
    }

    /// What a markdown text makes besides text.
    fn makes(markdown: &str) -> Vec<String> {
        Parser::new_ext(markdown, Options::ENABLE_STRIKETHROUGH)
            .filter_map(|event| match event {
                Event::Start(Tag::Link { .. }) => Some("link".into()),
                Event::Start(Tag::Image { .. }) => Some("image".into()),
                Event::Start(Tag::CodeBlock(_)) => Some("code block".into()),
                Event::Start(Tag::Strong) => Some("strong".into()),
                Event::Start(Tag::Emphasis) => Some("emphasis".into()),
                Event::Start(Tag::Heading { .. }) => Some("heading".into()),
                Event::Html(html) | Event::InlineHtml(html) => Some(format!("html {html}")),
                _ => None,
            })
            .collect()
    }

    /// The text that a reader sees.
    fn seen(markdown: &str) -> String {
        Parser::new(markdown)
            .filter_map(|event| match event {
                Event::Text(text) | Event::Code(text) => Some(text.to_string()),
                Event::SoftBreak | Event::HardBreak => Some("\n".into()),
                _ => None,
            })
            .collect()
    }

    #[test]
    fn a_value_in_text_makes_no_mention_link_or_fence() {
        for value in [
            "<@personEmail:a@b.c|Boss>",
            "<@all>",
            "[click](http://evil)",
            "```\nx\n```",
            "~~~\nx",
            "<http://evil>",
            "<b>bold</b>",
            "# big",
            "a\n---\nb",
            "**x** _y_ ~~z~~",
            "    code",
            "x\n\n    code",
            "&lt;",
        ] {
            let out = put("He said: {}", value);
            assert_eq!(makes(&out), Vec::<String>::new(), "{out}");
            assert!(!out.contains("<@"), "{out}");
            let out = put("{}", value);
            assert_eq!(makes(&out), Vec::<String>::new(), "{out}");
        }
    }

    #[test]
    fn ordinary_values_are_left_as_they_are() {
        for value in ["INC123456", "CVE-2024-1234", "snake_case_name", "a < b", "1 + 1 = 2!", "AT&T", "x@example.com"] {
            assert_eq!(put("v {}", value), format!("v {value}"));
        }
    }

    #[test]
    fn in_code_nothing_is_escaped_and_nothing_gets_out() {
        assert_eq!(put("```\n{}\n```\n{}", "a_[b]* <x>"), "```\na_[b]* <x>\n```\na\\_\\[b\\]\\* &lt;x>");
        assert_eq!(put("`{}` x", "a_b*"), "`a_b*` x");
        for (template, value) in [
            ("```\n{}\n```", "x\n```\n[a](b)"),
            ("`{}`", "` [a](b) `"),
            ("`{}`", "x\n\n[a](b)"),
            ("```\n{}\n```", "<@all>"),
        ] {
            let out = put(template, value);
            assert_eq!(makes(&out), makes(&put(template, "x")), "{out}");
            assert!(!out.contains("<@all>"));
        }
    }

    #[test]
    fn where_code_is_not_certain_values_are_escaped() {
        for template in ["- x\n  ```\n{}\n", "> ```\n{}\n", "a ` b\nc `{}` d", "\\`{}`"] {
            let out = put(template, "[a](b)");
            assert!(out.contains("\\[a\\]"), "{out}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_more_than_an_ordinary_word_does(
            template in prop::sample::select(vec![
                "{}", "x {} y", "- {}\n- {}", "> {}", "**{}**", "# {}", "[{}](http://a)", "{}\n{}", "`{}` {}",
                "```\n{}\n```\n{}", "x\n\n{}\n\ny", "a\\{}", "``{}`` {}", "```{}\nx\n```\n{}", "~~~\n{}\n~~~\n{}", "1. {}\n```\n{}\n```",
            ]),
            value in "[a1 \\\\`~*_\\[\\]()<>@!#&;:|/.=+\n-]{0,24}",
        ) {
            let out = put(template, &value);
            let plain = put(template, "x");
            let count = |what: &str, text: &str| makes(text).iter().filter(|made| made.starts_with(what)).count();
            for what in ["link", "image", "code block", "html"] {
                prop_assert!(count(what, &out) <= count(what, &plain), "{what}: {out:?}");
            }
            prop_assert!(!out.contains("<@"), "{out:?}");
        }

        #[test]
        fn a_value_in_a_line_of_text_is_seen_as_it_is(value in "[a-z \\\\`~*_\\[\\]()<>@!#&;:|/.=+-]{1,24}") {
            prop_assume!(!value.ends_with(' '));
            let out = put("v {} w", &value);
            prop_assert_eq!(seen(&out), format!("v {value} w"));
        }
    }
}
