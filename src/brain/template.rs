//! A text of a definition: plain, or a template with what it uses.
//!
//! What a template uses is found when the definition is compiled, so that a turn reads from Webex only what
//! its answer needs.

use std::{ops::Range, sync::Arc};

use minijinja::ErrorKind;

use super::{
    engine::{Checker, Engine, RenderError},
    growth::{self, Growth},
    markdown,
    names::{self, Names},
    nesting,
    scan::{self, Mark, Role},
    uses::Uses,
    values::{self, Values},
};
use crate::definition::{Code, Format, codes, diagnostic::did_you_mean};

/// A text as a program keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Text {
    /// No template: said as it is.
    Plain(Arc<str>),
    /// A template.
    Template { source: Arc<str>, uses: Uses },
}

/// Something wrong with a template, at a place inside it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) code: Code,
    pub(super) range: Range<usize>,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Filters worth suggesting for a misspelt one.
const FILTERS: &[&str] = &[
    "abs",
    "capitalize",
    "default",
    "first",
    "float",
    "format",
    "int",
    "join",
    "last",
    "later",
    "length",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "raw",
    "reject",
    "replace",
    "reverse",
    "round",
    "select",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "trim",
    "unique",
    "upper",
    "urlencode",
];

/// Statements that need other templates.
const FOREIGN: &[&str] = &["include", "import", "from", "extends", "block"];

/// Makes a text of what was written, or says all that is wrong with it.
pub(super) fn compile(checker: &Checker, source: &str, format: Format, names: Names<'_>) -> Result<Text, Vec<Trouble>> {
    if !source.contains("{{") && !source.contains("{%") && !source.contains("{#") {
        return Ok(Text::Plain(source.into()));
    }
    if let Some(at) = source.find(markdown::is_mark) {
        let message = "a template may not hold the characters U+E000 and U+E001";
        return Err(vec![Trouble { code: codes::BAD_TEMPLATE, range: at..at, message: message.into(), hint: None }]);
    }
    if let Some(trouble) = unbounded(source, false) {
        return Err(vec![trouble]);
    }
    let used = checker.names(format, source).map_err(|error| vec![syntax(source, error)])?;
    let marks = scan::marks(source);
    let mut troubles = Vec::new();
    for name in used.iter().filter(|name| !scan::is_set(&marks, name)) {
        if let Err((message, hint)) = names::check(name, names) {
            let hint = (!hint.is_empty()).then_some(hint);
            troubles.push(Trouble { code: codes::UNKNOWN_NAME, range: place_of(source, &marks, name), message, hint });
        }
    }
    for mark in &marks {
        troubles.extend(unknown(checker, mark));
    }
    if troubles.is_empty() {
        troubles.extend(tried(checker, source, format, names));
    }
    if troubles.is_empty() {
        let uses = Uses::of(&used).at_hand(marks.iter().map(|mark| mark.word));
        return Ok(Text::Template { source: source.into(), uses });
    }
    troubles.sort_by_key(|trouble| trouble.range.start);
    Err(troubles)
}

/// What nothing could end once it has begun, of a template or an expression alone: told before it is compiled.
pub(super) fn unbounded(source: &str, expression: bool) -> Option<Trouble> {
    if let Some(range) = nesting::too_deep(source, expression) {
        let hint = Some("give parts of it names with `{% set %}`, or write it in several statements".into());
        return Some(Trouble { code: codes::BAD_TEMPLATE, range, message: nesting::TOO_DEEP.into(), hint });
    }
    let Growth { range, message, hint } = growth::check(source, expression)?;
    Some(Trouble { code: codes::GROWING_TEMPLATE, range, message: message.into(), hint: Some(hint.into()) })
}

fn syntax(source: &str, error: RenderError) -> Trouble {
    let message = if error.detail.is_empty() { error.kind.to_string() } else { error.detail };
    let range = error.range.unwrap_or_else(|| line_range(source, error.line));
    let hint = "text with `{{` or `{%` is a template; write `{{ '{{' }}` for the characters themselves";
    Trouble { code: codes::BAD_TEMPLATE, range, message: lower_first(&message), hint: Some(hint.into()) }
}

fn lower_first(sentence: &str) -> String {
    let mut chars = sentence.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}

/// Tries the template with two messages: what never ends never ends with them either.
fn tried(checker: &Checker, source: &str, format: Format, names: Names<'_>) -> Option<Trouble> {
    for text in ["text", "12"] {
        let Err(error) = checker.try_out(format, source, values::sample(text, names)) else { continue };
        let range = error.range.clone().unwrap_or_else(|| line_range(source, error.line));
        let found = |code, message: String, hint: &str| {
            let hint = (!hint.is_empty()).then(|| hint.to_owned());
            Some(Trouble { code, range: range.clone(), message, hint })
        };
        match error.kind {
            ErrorKind::OutOfFuel => {
                let message = "the template never ends, or does more than one answer may".to_owned();
                return found(codes::ENDLESS_TEMPLATE, message, "loop over less");
            }
            ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::UnknownMethod
            | ErrorKind::MissingArgument
            | ErrorKind::TooManyArguments => {
                let message = if error.detail.is_empty() { error.kind.to_string() } else { error.detail };
                return found(codes::BAD_TEMPLATE, message, "");
            }
            // Anything else may be due to the sample.
            _ => {}
        }
    }
    None
}

fn unknown(checker: &Checker, mark: &Mark<'_>) -> Option<Trouble> {
    let range = mark.at..mark.at + mark.word.len();
    let trouble = |message: String, hint| Some(Trouble { code: codes::BAD_TEMPLATE, range, message, hint });
    match mark.role {
        Role::Filter if !checker.knows("filter", mark.word) => {
            let hint = did_you_mean(mark.word, FILTERS.iter().copied());
            trouble(format!("there is no filter `{}`", mark.word), hint)
        }
        Role::Test if !checker.knows("test", mark.word) => trouble(format!("there is no test `{}`", mark.word), None),
        Role::Statement if FOREIGN.contains(&mark.word) => {
            trouble(format!("`{}` is not available: a template stands alone", mark.word), None)
        }
        _ => None,
    }
}

fn place_of(source: &str, marks: &[Mark<'_>], name: &str) -> Range<usize> {
    let mark = marks
        .iter()
        .filter(|mark| mark.role == Role::Other || mark.role == Role::Statement)
        .find(|mark| mark.word == name || mark.word.strip_prefix(name).is_some_and(|rest| rest.starts_with('.')));
    mark.map_or_else(|| line_range(source, 1), |mark| mark.at..mark.at + name.len())
}

fn line_range(source: &str, line: usize) -> Range<usize> {
    let mut start = 0;
    for (index, text) in source.split_inclusive('\n').enumerate() {
        if index + 1 == line {
            return start..start + text.trim_end().len();
        }
        start += text.len();
    }
    0..source.len()
}

/// What stands around an expression so that it is a template: it renders `1` where the expression is true.
const IF: (&str, &str) = ("{% if ", " %}1{% endif %}");
/// What stands around an expression so that it is a template: it renders the value as JSON.
const JSON: (&str, &str) = ("{{ (", ") | json_value }}");

/// Makes a text of an expression that is true or not. A place in it is a place in `source`.
pub(super) fn condition(checker: &Checker, source: &str, names: Names<'_>) -> Result<Text, Vec<Trouble>> {
    wrapped(checker, source, IF, names)
}

/// The expression that a text is, if it is one alone: `{{ args.count }}`.
pub(super) fn sole_expression(text: &str) -> Option<(usize, &str)> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?;
    let whole = !inner.contains("{{") && !inner.contains("}}") && !inner.starts_with('-') && !inner.ends_with('-');
    whole.then(|| (text.find("{{").unwrap_or_default() + 2, inner))
}

/// Makes a text of an expression, which gives its value as JSON. A place in it is a place in `source`.
pub(super) fn expression(checker: &Checker, source: &str, names: Names<'_>) -> Result<Text, Vec<Trouble>> {
    wrapped(checker, source, JSON, names)
}

fn wrapped(checker: &Checker, source: &str, around: (&str, &str), names: Names<'_>) -> Result<Text, Vec<Trouble>> {
    let (before, after) = around;
    let template = format!("{before}{source}{after}");
    compile(checker, &template, Format::Text, names).map_err(|mut troubles| {
        let moved = |at: usize| at.saturating_sub(before.len()).min(source.len());
        for trouble in &mut troubles {
            trouble.range = moved(trouble.range.start)..moved(trouble.range.end);
            if trouble.code == codes::BAD_TEMPLATE {
                trouble.hint =
                    Some("write an expression, as in `args.count > 3 and room.type == \"group\"`".to_owned());
            }
        }
        troubles
    })
}

impl Text {
    pub(super) fn uses(&self) -> Option<&Uses> {
        match self {
            Self::Plain(_) => None,
            Self::Template { uses, .. } => Some(uses),
        }
    }

    /// The text to be said.
    pub(super) fn say(&self, engine: &Engine, format: Format, values: &Values<'_>) -> Result<String, RenderError> {
        match self {
            Self::Plain(text) => Ok(text.to_string()),
            Self::Template { source, uses } => engine.render(format, source, values.context(uses)),
        }
    }

    /// Of a [`condition`]: whether it is true.
    pub(super) fn holds(&self, engine: &Engine, values: &Values<'_>) -> Result<bool, RenderError> {
        Ok(self.say(engine, Format::Text, values)? == "1")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brain::names::Scope;

    fn compiled(source: &str) -> Result<Text, Vec<Trouble>> {
        let args = ["rest".to_owned()];
        let names = Names { args: Some(&args), ..Names::of(Scope::Message) };
        compile(&Checker::new(), source, Format::Text, names)
    }

    fn troubles(source: &str) -> Vec<(String, String)> {
        let found = compiled(source).unwrap_err();
        found.into_iter().map(|t| (source.get(t.range).unwrap_or("?").to_owned(), t.message)).collect()
    }

    fn uses(source: &str) -> Uses {
        compiled(source).unwrap().uses().unwrap().clone()
    }

    #[test]
    fn text_without_code_is_no_template() {
        assert_eq!(compiled("50% {sure}"), Ok(Text::Plain("50% {sure}".into())));
    }

    #[test]
    fn only_what_is_used_is_needed() {
        assert_eq!(uses("{{ message.text }}"), Uses { message: true, ..Uses::default() });
        assert_eq!(uses("{{ person.first_name | upper }}"), Uses { person: true, first_name: true, ..Uses::default() });
        let known = Uses { person: true, room: true, now: true, ..Uses::default() };
        assert_eq!(uses("{{ person.id }}{{ room.id }}{{ now }}"), known, "known without being asked for");
        let all = uses("{% set p = person %}{{ p.email }}");
        assert!(all.email && all.display_name && all.first_name && !all.message);
        assert_eq!(*uses("{{ payload.a.b }}").lenient(), ["payload.a.b".into()]);
        assert!(uses("{% if room.title %}x{% endif %}").room_title);
        assert!(uses("{% set now = now[:10] %}{{ now }}").now, "used before it is set");
        assert!(uses("{% with event = event.value %}{{ event }}{% endwith %}").event);
    }

    #[test]
    fn unknown_names_filters_and_tests_are_told_at_their_place() {
        assert_eq!(troubles("a {{ mesage.text }}"), [("mesage.text".into(), "there is no `mesage`".into())]);
        assert_eq!(troubles("'x' {{ 'person.nam' ~ person.nam }}").first().unwrap().0, "person.nam");
        assert_eq!(troubles("{{ message.text | uper }}"), [("uper".into(), "there is no filter `uper`".into())]);
        assert_eq!(troubles("{% if now is not foo %}{% endif %}"), [("foo".into(), "there is no test `foo`".into())]);
        assert_eq!(troubles("{%- include 'x' %}").first().unwrap().0, "include");
        assert_eq!(troubles("{{ foo() }}").first().unwrap().1, "there is no `foo`");
    }

    #[test]
    fn what_only_looks_like_a_name_is_not_one() {
        for source in [
            "{# mesage.text #}{{ now }}",
            "{% raw %}{{ mesage }}{% endraw %}{{ now }}",
            "{{ 'a | b is c' }}",
            "{% for x in range(3) %}{{ loop.index }}{{ x }}{% endfor %}",
            "{% set y = 1 %}{{ y }}",
            "{% if now %}{% set y = 1 %}{% else %}{% set y = 2 %}{% endif %}{{ y }}",
            "{{ {'is': 1}['is'] }}",
        ] {
            let found = compiled(source);
            assert!(found.is_ok(), "{source} {found:?}");
        }
    }

    #[test]
    fn syntax_errors_and_endless_loops_are_told() {
        assert_eq!(compiled("{{ a").unwrap_err()[0].code, codes::BAD_TEMPLATE);
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert_eq!(compiled(endless).unwrap_err()[0].code, codes::ENDLESS_TEMPLATE);
    }

    #[test]
    fn an_expression_is_told_at_its_own_place() {
        let names = Names::of(Scope::Message);
        let checker = Checker::new();
        assert!(condition(&checker, "room.type == 'group'", names).is_ok());
        let found = condition(&checker, "rom.type == 'group'", names).unwrap_err();
        assert_eq!((found[0].range.clone(), found[0].code), (0..8, codes::UNKNOWN_NAME));
        assert!(condition(&checker, "a ==", names).is_err());
        assert!(condition(&checker, "true %}{% raw", names).is_err());
        assert_eq!(sole_expression(" {{ a.b }}"), Some((3, " a.b ")));
        assert_eq!(sole_expression("{{ a }} {{ b }}"), None);
        assert_eq!(sole_expression("x {{ a }}"), None);
    }

    #[test]
    fn a_filter_that_depends_on_what_was_said_is_no_trouble() {
        assert!(compiled("{{ message.text | int }}").is_ok());
    }
}
