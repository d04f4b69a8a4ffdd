//! Patterns: regular expressions, ASCII by default and limited in size.
//!
//! Built over bytes, because only there the ASCII classes (`\d`, `\w`, `.`) are allowed: a Unicode `\d`
//! costs fifteen times the memory, and a pattern that needs it says `(?u)`.

use std::cell::RefCell;

use regex_automata::{
    Input, PatternID,
    meta::{Cache, Config, Regex},
};
use regex_syntax::{
    ParserBuilder,
    hir::{Hir, HirKind},
};

/// Most bytes of a pattern as written.
const MAX_SOURCE: usize = 1000;
/// Most bytes of a compiled pattern.
const MAX_COMPILED: usize = 256 * 1024;
/// Most bytes that matching may cache for one pattern.
const MAX_CACHE: usize = 256 * 1024;
/// Nesting of groups.
const MAX_NESTING: u32 = 50;

/// Why a text is no pattern, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PatternError {
    pub(super) message: String,
    pub(super) range: Option<std::ops::Range<usize>>,
}

/// States of a pattern that are surely far below [`MAX_COMPILED`], so that it need not be built to know.
const SURELY_SMALL: usize = 500;

/// The names of a pattern's groups. Patterns are built when they are first used: ten thousand bots must
/// start without ten thousand patterns being built, so here a pattern is only read, unless it may be too large.
pub(super) fn check(source: &str) -> Result<Vec<String>, PatternError> {
    let parsed = parse(source)?;
    if states(&parsed) > SURELY_SMALL {
        build(source)?;
    }
    let mut names = Vec::new();
    groups(&parsed, &mut names);
    Ok(names)
}

/// A pattern, built.
#[derive(Debug)]
pub(super) struct Pattern {
    regex: Regex,
    large: bool,
}

thread_local! {
    /// What matching a small pattern takes on the way. A pattern would keep its own for each thread, and that is three
    /// quarters of what it costs; to make this one fit for the next pattern costs nothing.
    static SCRATCH: RefCell<Option<Cache>> = const { RefCell::new(None) };
}

/// Builds a pattern.
///
/// Small ones without the engines that trade memory for speed: messages are short, and thousands of bots have
/// a pattern of their own each (2 KB instead of 30).
pub(super) fn build(source: &str) -> Result<Pattern, PatternError> {
    let parsed = parse(source)?;
    let large = states(&parsed) > SURELY_SMALL;
    let config = Config::new()
        .utf8_empty(false)
        .nfa_size_limit(Some(MAX_COMPILED))
        .hybrid(large)
        .hybrid_cache_capacity(MAX_CACHE)
        .backtrack(large)
        .onepass(false)
        .dfa(false);
    let built = Regex::builder().configure(config).build_from_hir(&parsed);
    built.map(|regex| Pattern { regex, large }).map_err(|error| {
        let message = match error.size_limit() {
            Some(limit) => format!("the pattern is larger than {} KiB when compiled", limit / 1024),
            None => error.to_string(),
        };
        PatternError { message, range: None }
    })
}

fn parse(source: &str) -> Result<Hir, PatternError> {
    if source.len() > MAX_SOURCE {
        let message = format!("the pattern is longer than {MAX_SOURCE} bytes");
        return Err(PatternError { message, range: None });
    }
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).nest_limit(MAX_NESTING).build();
    parser.parse(source).map_err(|error| syntax(&error))
}

/// About how many states a pattern has when compiled.
fn states(hir: &Hir) -> usize {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => 1,
        HirKind::Literal(literal) => literal.0.len(),
        HirKind::Class(regex_syntax::hir::Class::Bytes(class)) => class.ranges().len(),
        // A range of characters is several of bytes.
        HirKind::Class(regex_syntax::hir::Class::Unicode(class)) => class.ranges().len().saturating_mul(8),
        HirKind::Repetition(repetition) => {
            let times = repetition.max.unwrap_or(repetition.min.saturating_add(1)) as usize;
            states(&repetition.sub).saturating_add(1).saturating_mul(times.max(1))
        }
        HirKind::Capture(capture) => states(&capture.sub).saturating_add(2),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().map(states).fold(1, usize::saturating_add),
    }
}

fn groups(hir: &Hir, names: &mut Vec<String>) {
    match hir.kind() {
        HirKind::Capture(capture) => {
            names.extend(capture.name.as_deref().map(str::to_owned));
            groups(&capture.sub, names);
        }
        HirKind::Repetition(repetition) => groups(&repetition.sub, names),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().for_each(|part| groups(part, names)),
        _ => {}
    }
}

fn syntax(error: &regex_syntax::Error) -> PatternError {
    let (message, span) = match error {
        regex_syntax::Error::Parse(error) => (error.kind().to_string(), *error.span()),
        regex_syntax::Error::Translate(error) => (error.kind().to_string(), *error.span()),
        other => return PatternError { message: other.to_string(), range: None },
    };
    PatternError { message, range: Some(span.start.offset..span.end.offset) }
}

/// The named groups of the first match; a group that took no part is empty.
pub(super) fn captures(pattern: &Pattern, text: &str) -> Option<Vec<(String, String)>> {
    let Pattern { regex, large } = pattern;
    let mut found = regex.create_captures();
    if *large {
        // It keeps what it found out about itself, and is faster the next time.
        regex.captures(text, &mut found);
    } else {
        SCRATCH.with_borrow_mut(|scratch| {
            let scratch = scratch.get_or_insert_with(|| regex.create_cache());
            scratch.reset(regex);
            regex.search_captures_with(scratch, &Input::new(text), &mut found);
        });
    }
    if !found.is_match() {
        return None;
    }
    let named = found.group_info().pattern_names(PatternID::ZERO).flatten().map(|name| {
        let value = found.get_group_by_name(name).map(|group| widened(text, group.range())).unwrap_or_default();
        (name.to_owned(), value.to_owned())
    });
    Some(named.collect())
}

/// A match over bytes may begin or end inside a character: the whole character is taken.
fn widened(text: &str, range: std::ops::Range<usize>) -> &str {
    text.get(text.floor_char_boundary(range.start)..text.ceil_char_boundary(range.end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn named_groups_are_found_and_unused_ones_are_empty() {
        let pattern = build(r"\bINC(?<number>\d{6})(?<tail>x)?\b").unwrap();
        assert_eq!(check(r"\bINC(?<number>\d{6})(?<tail>x)?\b").unwrap(), ["number", "tail"]);
        let found = captures(&pattern, "see INC123456 please").unwrap();
        assert_eq!(found, [("number".into(), "123456".into()), ("tail".into(), String::new())]);
        assert_eq!(captures(&pattern, "INC12"), None);
    }

    #[test]
    fn patterns_that_are_matched_in_turn_do_not_mix() {
        let short = build("(?<x>b+)").unwrap();
        let long = build(r"^(?<a>\w+)-(?<b>\w+)-(?<c>[a-z]{20,40}|\d{3,9})$").unwrap();
        let text = "abb-bc-1234567";
        for _ in 0..2 {
            assert_eq!(captures(&short, text).unwrap(), [("x".into(), "bb".into())]);
            assert_eq!(captures(&long, text).unwrap()[2], ("c".into(), "1234567".into()));
            assert_eq!(captures(&short, "ac"), None);
        }
    }

    #[test]
    fn classes_are_ascii_unless_asked_otherwise() {
        assert!(captures(&build(r"^\d$").unwrap(), "٣").is_none());
        assert!(captures(&build(r"(?u)^\d$").unwrap(), "٣").is_some());
    }

    #[test]
    fn what_is_wrong_has_its_place() {
        let error = build(r"a(b").unwrap_err();
        assert_eq!((error.message.as_str(), error.range), ("unclosed group", Some(1..2)));
        assert!(build(&"x".repeat(2000)).unwrap_err().message.contains("longer than"));
        assert!(build("(?u)\\w{500}").unwrap_err().message.contains("larger than"));
    }

    #[test]
    fn what_a_check_lets_pass_is_built() {
        for source in [r"(?u)\w+", r"\d{400}", r"[a-z]{100}|x{300}", "(a|b|c){50}", "(?u)[äöü]{20}", "((a{5}){5}){5}"]
        {
            assert_eq!(check(source).is_ok(), build(source).is_ok(), "{source}");
        }
        assert!(check("(?u)\\w{500}").is_err());
    }

    proptest! {
        #[test]
        fn no_text_and_no_pattern_panics(source in r"[a-z.\\dw()?*<>\[\]]{0,12}", text in any::<String>()) {
            prop_assert_eq!(check(&source).is_ok(), build(&source).is_ok());
            if let Ok(pattern) = build(&source) {
                let _ = captures(&pattern, &text);
            }
        }

        #[test]
        fn a_group_is_always_whole_characters(text in "[äa€🎈]{0,8}") {
            if let Some(found) = captures(&build("(?<x>..)").unwrap(), &text) {
                prop_assert!(text.contains(&found[0].1));
            }
        }
    }
}
