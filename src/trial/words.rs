//! Whether a text is what was expected.

use crate::definition::cases::Words;

/// What clients show of markdown that escapes what it was given.
///
/// A value in markdown is escaped so that it makes nothing (`a\_b`, `&lt;`); a person who writes a test writes what
/// is seen.
pub(super) fn seen(markdown: &str) -> String {
    let mut out = String::new();
    let mut chars = markdown.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' if chars.peek().is_some_and(char::is_ascii_punctuation) => out.extend(chars.next()),
            '\u{200B}' => {}
            '\u{a0}' => out.push(' '),
            c => out.push(c),
        }
    }
    out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

/// Whether one of the forms of a text fits.
pub(super) fn fits(words: &Words, forms: &[String]) -> bool {
    let any = |fits: &dyn Fn(&str) -> bool| forms.iter().any(|form| fits(form));
    match words {
        Words::Any => true,
        Words::Exact(text) => any(&|form| form == text || form.trim_end() == text.trim_end()),
        Words::Like { contains, lacks, matches } => {
            contains.iter().all(|part| any(&|form| form.contains(part.as_str())))
                && !lacks.iter().any(|part| any(&|form| form.contains(part.as_str())))
                && matches.as_ref().is_none_or(|pattern| any(&|form| pattern.regex.is_match(form)))
        }
    }
}

/// Which part of it does not, for people.
pub(super) fn described(words: &Words) -> String {
    match words {
        Words::Any => "anything".to_owned(),
        Words::Exact(text) => text.clone(),
        Words::Like { contains, lacks, matches } => {
            let mut parts: Vec<String> = contains.iter().map(|part| format!("something with {part:?}")).collect();
            parts.extend(lacks.iter().map(|part| format!("nothing with {part:?}")));
            parts.extend(matches.iter().map(|pattern| format!("something like /{}/", pattern.source)));
            parts.join(", ")
        }
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::meta::Regex;

    use super::*;
    use crate::definition::cases::Pattern;

    #[test]
    fn escapes_are_not_seen() {
        assert_eq!(seen(r"**a\_b** \*x\* &lt;y>"), "**a_b** *x* <y>");
        assert_eq!(seen("a\\n"), "a\\n");
    }

    #[test]
    fn all_that_is_said_of_a_text_must_be_so() {
        let like = |contains: &[&str], lacks: &[&str], pattern: Option<&str>| Words::Like {
            contains: contains.iter().map(|text| (*text).to_owned()).collect(),
            lacks: lacks.iter().map(|text| (*text).to_owned()).collect(),
            matches: pattern.map(|source| Pattern { source: source.into(), regex: Regex::new(source).unwrap() }),
        };
        let fit = |words: &Words| fits(words, &["pong, Alice".to_owned()]);
        assert!(fit(&like(&["pong", "Alice"], &["Bob"], Some("^pong"))));
        assert!(!fit(&like(&["pong", "Bob"], &[], None)) && !fit(&like(&[], &["pong"], None)));
        assert!(!fit(&like(&[], &[], Some("^Alice"))));
        assert!(fit(&Words::Exact("pong, Alice\n".into())) && !fit(&Words::Exact("pong".into())) && fit(&Words::Any));
    }
}
