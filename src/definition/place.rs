//! Places in a file: what a value's span is, and how a span becomes line, column and excerpt.

use super::{
    codes::Code,
    diagnostic::Diagnostic,
    mask::{self, Masked},
    source::SharedFile,
};

/// Excerpts longer than this many bytes are left out: nobody reads them, and a log line must stay a line.
const MAX_EXCERPT: usize = 400;

/// Byte offsets into a file of at most 1 MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span from offsets; files are far below 4 GiB, larger offsets stop at the end.
    #[must_use]
    pub fn new(range: std::ops::Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: narrow(range.start), end: narrow(range.end) }
    }

    /// The span as a range.
    #[must_use]
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands in its file; for a string, its quotes included.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Puts a value and its place together.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned { value: make(self.value), span: self.span }
    }
}

/// A file's name and text: enough to say where something is.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// File, relative to its `bots.d`.
    pub file: &'a str,
    /// Its text.
    pub text: &'a str,
    /// The shared files that belong to it. A span past the end of the text is one of theirs: each continues where
    /// the one before ended, with one byte between them.
    pub shared: &'a [SharedFile],
}

impl<'a> Place<'a> {
    /// A file that stands alone.
    #[must_use]
    pub fn alone(file: &'a str, text: &'a str) -> Self {
        Self { file, text, shared: &[] }
    }

    /// Where the spans of each shared file begin.
    pub fn starts(self) -> impl Iterator<Item = (usize, &'a SharedFile)> {
        let mut end = self.text.len();
        self.shared.iter().map(move |file| {
            let start = end + 1;
            end = start + file.text.len();
            (start, file)
        })
    }

    /// The file that a span is in, alone, and where in it.
    #[must_use]
    pub fn resolved(self, span: Span) -> (Self, Span) {
        let at = span.start as usize;
        match self.starts().filter(|(start, _)| *start <= at).last() {
            Some((start, file)) => {
                let range = span.range();
                let own = Span::new(range.start - start..range.end.saturating_sub(start));
                (Self::alone(&file.file, &file.text), own)
            }
            None => (Self::alone(self.file, self.text), span),
        }
    }

    /// A diagnostic about a span of this file, or of a shared one.
    #[must_use]
    pub fn at(self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        if !self.shared.is_empty() {
            let (place, span) = self.resolved(span);
            return place.at(code, span, message);
        }
        let start = floor(self.text, span.start as usize);
        let end = floor(self.text, (span.end as usize).max(start));
        let before = self.text.get(..start).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = before.matches('\n').count() + 1;
        let column = self.text.get(line_start..start).unwrap_or_default().chars().count();
        let rest = self.text.get(line_start..).unwrap_or_default();
        let whole = rest.lines().next().unwrap_or_default();
        let spanned = self.text.get(start..end).unwrap_or_default();
        let width = spanned.lines().next().unwrap_or_default().chars().count();
        let (excerpt, column, width) = if whole.len() > MAX_EXCERPT {
            (String::new(), column, width)
        } else {
            let inside_secret = mask::inside_secret(self.text.get(..line_start).unwrap_or_default());
            let Masked { line, column, width } = mask::line(whole, column, width, inside_secret);
            (line, column, width)
        };
        Diagnostic {
            severity: code.severity,
            code: code.name,
            message: message.into(),
            file: self.file.to_owned(),
            line,
            column: column + 1,
            width: width.max(1),
            excerpt,
            hint: None,
        }
    }

    /// A span inside a TOML string: from offsets into its value to offsets into the file.
    ///
    /// Exact for the four kinds of string and their escapes; the whole string when the offsets do not fit.
    #[must_use]
    pub fn inside(self, string: Span, inner: std::ops::Range<usize>) -> Span {
        let (place, own) = self.resolved(string);
        let Some(literal) = place.text.get(own.range()) else { return string };
        let (Some(start), Some(end)) = (raw_offset(literal, inner.start), raw_offset(literal, inner.end)) else {
            return string;
        };
        // A line continuation before the first byte is no part of it; only `"""` strings have them.
        let blank =
            if literal.starts_with("\"\"\"") { continuation(literal.get(start..).unwrap_or_default()) } else { 0 };
        let start = start + blank;
        Span::new(string.start as usize + start..string.start as usize + end.max(start))
    }
}

fn floor(text: &str, offset: usize) -> usize {
    text.floor_char_boundary(offset.min(text.len()))
}

/// The offset in a TOML string literal of the byte that becomes byte `wanted` of its value.
fn raw_offset(literal: &str, wanted: usize) -> Option<usize> {
    let (open, escapes) = match literal.as_bytes() {
        [b'"', b'"', b'"', ..] => (3, true),
        [b'\'', b'\'', b'\'', ..] => (3, false),
        [b'"', ..] => (1, true),
        [b'\'', ..] => (1, false),
        _ => return None,
    };
    let mut at = open;
    if open == 3 {
        let rest = literal.get(at..)?;
        at += if rest.starts_with("\r\n") { 2 } else { usize::from(rest.starts_with('\n')) };
    }
    let mut value = 0;
    while value < wanted {
        let rest = literal.get(at..)?;
        let next = rest.chars().next()?;
        if !escapes || next != '\\' {
            at += next.len_utf8();
            value += next.len_utf8();
            continue;
        }
        let kind = rest.chars().nth(1)?;
        let digits = match kind {
            'x' => 2,
            'u' => 4,
            'U' => 8,
            c if c.is_whitespace() => {
                at += continuation(rest);
                continue;
            }
            _ => 0,
        };
        let code = rest.get(2..2 + digits)?;
        value += match digits {
            0 => 1,
            _ => char::from_u32(u32::from_str_radix(code, 16).ok()?)?.len_utf8(),
        };
        at += 2 + digits;
    }
    (at <= literal.len().saturating_sub(open)).then_some(at)
}

/// How long the line continuation is that a text of a string literal begins with: it is no part of the value.
fn continuation(rest: &str) -> usize {
    let body = rest.strip_prefix('\\').unwrap_or_default();
    let blank = body.len() - body.trim_start().len();
    if blank > 0 { blank + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::definition::codes;

    #[test]
    fn a_span_becomes_line_column_and_excerpt() {
        let place = Place::alone("a.toml", "one\nzwölf = 12\r\nthree");
        let start = place.text.find("12").unwrap();
        let found = place.at(codes::WRONG_TYPE, Span::new(start..start + 2), "no");
        assert_eq!((found.line, found.column, found.width), (2, 9, 2));
        assert_eq!(found.excerpt, "zwölf = 12");
    }

    #[test]
    fn a_span_past_the_end_of_the_file_is_no_panic() {
        let place = Place::alone("a.toml", "x");
        assert_eq!(place.at(codes::WRONG_TYPE, Span::new(5..9), "no").line, 1);
    }

    #[test]
    fn a_span_past_the_end_is_one_of_a_shared_file() {
        let shared = ["a = 1\n", "x = 2\nzwei = 'b'\n"]
            .map(|text| SharedFile { file: "_shared/s.toml".into(), text: text.into() });
        let place = Place { file: "a.toml", text: "one", shared: &shared };
        let start = 4 + 7 + shared[1].text.find("'b'").unwrap();
        let found = place.at(codes::WRONG_TYPE, place.inside(Span::new(start..start + 3), 0..1), "no");
        assert_eq!(
            (found.file.as_str(), found.line, found.column, found.excerpt.as_str()),
            ("_shared/s.toml", 2, 9, "zwei = 'b'")
        );
        assert_eq!(place.at(codes::WRONG_TYPE, Span::new(0..3), "no").file, "a.toml");
    }

    #[test]
    fn an_offset_is_found_behind_escapes_and_line_continuations() {
        for (literal, value) in [
            (r#""a\nb""#, "a\nb"),
            (r#""\u00e4b""#, "äb"),
            ("\"\"\"\nab\\\n   b\"\"\"", "abb"),
            ("'''\r\nab'''", "ab"),
            (r"'a\b'", r"a\b"),
        ] {
            let place = Place::alone("a.toml", literal);
            let offset = value.rfind('b').unwrap();
            let span = place.inside(Span::new(0..literal.len()), offset..offset + 1);
            assert_eq!(literal.get(span.range()), Some("b"), "{literal}");
        }
    }

    proptest! {
        #[test]
        fn every_char_of_a_written_string_is_found_again(value in "X", pick in any::<prop::sample::Index>()) {
            let literal = toml::Value::String(value.clone()).to_string();
            let document = format!("x = {literal}");
            let place = Place::alone("a.toml", &document);
            let chars: Vec<(usize, char)> = value.char_indices().collect();
            let (offset, wanted) = chars[pick.index(chars.len())];
            let span = place.inside(Span::new(4..document.len()), offset..offset + wanted.len_utf8());
            let raw = document.get(span.range()).unwrap_or_default();
            prop_assert!(raw == wanted.to_string() || raw.starts_with('\\'), "{document:?} {offset} {raw:?}");
        }
    }
}
