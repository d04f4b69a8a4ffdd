//! The words of a template's code, with their places: the template engine tells which names are used, not where.

/// A word of the template's code.
#[derive(Debug)]
pub(super) struct Mark<'s> {
    /// Dotted, as written.
    pub(super) word: &'s str,
    pub(super) at: usize,
    pub(super) role: Role,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub(super) enum Role {
    /// After `|`.
    Filter,
    /// After `is` or `is not`.
    Test,
    /// First word of `{% … %}`.
    Statement,
    Other,
}

/// The words of all code in the template; comments, raw blocks and strings are left out.
pub(super) fn marks(source: &str) -> Vec<Mark<'_>> {
    let mut marks = Vec::new();
    let mut at = 0;
    while let Some(rest) = source.get(at..) {
        let Some(open) = rest.find('{') else { break };
        at += open;
        let rest = source.get(at..).unwrap_or_default();
        if rest.starts_with("{#") {
            at += rest.find("#}").map_or(rest.len(), |end| end + 2);
        } else if rest.starts_with("{{") || rest.starts_with("{%") {
            let statement = rest.starts_with("{%");
            let length = code(source, at + 2, statement, &mut marks);
            let raw = marks.last().is_some_and(|mark| mark.role == Role::Statement && mark.word == "raw");
            at += 2 + length;
            if raw && statement {
                let rest = source.get(at..).unwrap_or_default();
                at += rest.find("endraw").unwrap_or(rest.len());
            }
        } else {
            at += 1;
        }
    }
    marks
}

/// Whether a template gives the name a value anywhere: one set in a branch is there behind it too.
pub(super) fn is_set(marks: &[Mark<'_>], name: &str) -> bool {
    let root = name.split('.').next().unwrap_or_default();
    marks.windows(2).any(|pair| match pair {
        [statement, target] => statement.role == Role::Statement && statement.word == "set" && target.word == root,
        _ => false,
    })
}

/// Reads one `{{ … }}` or `{% … %}` from behind its opening; answers how long it is.
fn code<'s>(source: &'s str, start: usize, statement: bool, marks: &mut Vec<Mark<'s>>) -> usize {
    let body = source.get(start..).unwrap_or_default();
    let close = if statement { "%}" } else { "}}" };
    let mut before = if statement { Role::Statement } else { Role::Other };
    let mut at = 0;
    while let Some(rest) = body.get(at..) {
        let Some(c) = rest.chars().next() else { break };
        if rest.starts_with(close) {
            return at + 2;
        }
        if c == '"' || c == '\'' {
            let inner = rest.get(1..).unwrap_or_default();
            let mut escape = false;
            let end = inner.find(|d: char| {
                let ends = d == c && !escape;
                escape = d == '\\' && !escape;
                ends
            });
            at += end.map_or(rest.len(), |end| end + 2);
            before = Role::Other;
        } else if c.is_alphabetic() || c == '_' {
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).unwrap_or(rest.len());
            let word = rest.get(..end).unwrap_or_default().trim_end_matches('.');
            marks.push(Mark { word, at: start + at, role: before });
            before = match (before, word) {
                (Role::Other, "is") | (Role::Test, "not") => Role::Test,
                _ => Role::Other,
            };
            if before == Role::Test && word == "not" {
                marks.pop();
            }
            at += end;
        } else {
            before = match c {
                '|' => Role::Filter,
                c if c.is_whitespace() || (c == '-' && before == Role::Statement) || c == '+' => before,
                _ => Role::Other,
            };
            at += c.len_utf8();
        }
    }
    body.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(source: &str) -> Vec<(&str, Role)> {
        marks(source).into_iter().map(|mark| (mark.word, mark.role)).collect()
    }

    #[test]
    fn words_have_the_role_of_what_stands_before_them() {
        assert_eq!(
            words("a {{ x.y | up('s | t') }} {%- if z is not defined %}"),
            [
                ("x.y", Role::Other),
                ("up", Role::Filter),
                ("if", Role::Statement),
                ("z", Role::Other),
                ("is", Role::Other),
                ("defined", Role::Test),
            ]
        );
    }

    #[test]
    fn comments_strings_and_raw_blocks_are_left_out() {
        let source = r#"{# a #}{% raw %}{{ b }}{% endraw %}{{ "c \" d" }}{{ e }}"#;
        assert_eq!(words(source), [("raw", Role::Statement), ("e", Role::Other)]);
    }

    proptest! {
        #[test]
        fn no_source_panics_and_every_place_holds_its_word(source in r#"[{}%#|"'\\a-c .é-]{0,40}"#) {
            for mark in marks(&source) {
                prop_assert_eq!(source.get(mark.at..mark.at + mark.word.len()), Some(mark.word));
            }
        }
    }
}
