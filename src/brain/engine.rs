//! What all programs share: the language of templates, and compiled patterns, made on use, in a bounded cache.
//!
//! A program itself is plain data, so that thousands of bots cost the bytes of their texts. From outside an
//! [`Engine`] changes nothing: the same pattern finds the same, cached or not.

use std::{
    fmt, io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior, Value};

use super::{
    cache::Cache,
    markdown,
    pattern::{self, Pattern},
};
use crate::definition::Format;

/// Work that one rendering may do; a busy page of a reply costs some hundred.
const FUEL: u64 = 20_000;
/// Most bytes that one rendering may write: nine messages.
pub const MAX_OUTPUT: usize = 64 * 1024;
/// Most bytes that one value is printed as: marks and escapes that are taken out again have room too.
const MAX_MADE: usize = 2 * MAX_OUTPUT;
/// Most items of a `range`: going through more takes more fuel than there is.
const MAX_RANGE: i64 = 20_000;
/// Nesting of blocks and macros.
const RECURSION: usize = 50;

/// Compiled patterns kept, some kilobytes each: to make one takes up to a third of a millisecond.
const PATTERNS: usize = 256;

/// The language of templates, and the compiled patterns of all bots; equal ones of two bots are one. Shared by
/// reference; the lock is held only to look up.
pub struct Engine {
    language: Environment<'static>,
    patterns: Mutex<Cache<Arc<str>, Arc<Pattern>>>,
}

/// Why a template gave no text. Holds nothing of what was said to the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RenderError {
    pub(super) kind: ErrorKind,
    /// Line of the template, from 1.
    pub(super) line: usize,
    /// The place in the template, if known.
    pub(super) range: Option<std::ops::Range<usize>>,
    /// What the template engine adds; may hold values, so it is for checks only.
    pub(super) detail: String,
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl Engine {
    /// An engine with nothing compiled yet.
    #[must_use]
    pub fn new() -> Self {
        Self { language: environment(false), patterns: Mutex::new(Cache::new(PATTERNS)) }
    }

    /// Renders a template over values. Compiled each time: that takes microseconds for a reply as people write them,
    /// and kept it would be twelve kilobytes however short it is.
    pub(super) fn render(&self, format: Format, source: &str, values: Value) -> Result<String, RenderError> {
        finished(format, self.language.render_named_str(template_name(format), source, values)?)
    }

    /// Renders a text of a card, with its values marked; and the work it took.
    pub(super) fn render_marked(&self, source: &str, values: Value) -> Result<(String, u64), RenderError> {
        let template = self.language.template_from_named_str(template_name(Format::Markdown), source)?;
        let rendered = template.render_captured(values)?;
        if rendered.output().len() > MAX_OUTPUT {
            return Err(too_long().into());
        }
        let work = rendered.state().fuel_levels().map_or(0, |(taken, _)| taken);
        Ok((rendered.into_output(), work))
    }

    /// What an expression comes to.
    pub(super) fn evaluate(&self, source: &str, values: Value) -> Result<Value, RenderError> {
        Ok(self.language.compile_expression(source)?.eval(values)?)
    }

    /// The compiled form of a pattern; nothing if it is none, which `compile` has told before.
    pub(super) fn pattern(&self, source: &Arc<str>) -> Option<Arc<Pattern>> {
        if let Some(pattern) = lock(&self.patterns).get(&**source) {
            return Some(pattern);
        }
        let pattern = Arc::new(pattern::build(source).ok()?);
        lock(&self.patterns).put(Arc::clone(source), Arc::clone(&pattern));
        Some(pattern)
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine").finish_non_exhaustive()
    }
}

impl From<Error> for RenderError {
    fn from(error: Error) -> Self {
        Self {
            kind: error.kind(),
            line: error.line().unwrap_or(1),
            range: error.range(),
            detail: error.detail().unwrap_or_default().to_owned(),
        }
    }
}

/// A cache is whole after every call, so a panic of another thread while it held the lock harms nothing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What templates are checked with: the same language as the engine's, with places in errors.
#[derive(Debug)]
pub(super) struct Checker {
    environment: Environment<'static>,
}

impl Checker {
    pub(super) fn new() -> Self {
        Self { environment: environment(true) }
    }

    /// The names a template uses, dotted; an error if it is none.
    pub(super) fn names(&self, format: Format, source: &str) -> Result<Vec<String>, RenderError> {
        let environment: &Environment<'_> = &self.environment;
        let template = environment.template_from_named_str(template_name(format), source)?;
        let mut names: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        names.sort();
        Ok(names)
    }

    /// Renders once, without a cache.
    pub(super) fn try_out(&self, format: Format, source: &str, values: Value) -> Result<String, RenderError> {
        finished(format, self.environment.render_named_str(template_name(format), source, values)?)
    }

    /// Whether a text is an expression; one that is bounded.
    pub(super) fn expression(&self, source: &str) -> Result<(), RenderError> {
        self.environment.compile_expression(source)?;
        Ok(())
    }

    /// Whether templates know a filter (`what` is `filter`) or test (`test`) of this name.
    pub(super) fn knows(&self, what: &str, name: &str) -> bool {
        let question = format!("{{% if name is {what} %}}yes{{% endif %}}");
        let values = Value::from_pairs([("name", Value::from(name))]);
        self.environment.render_str(&question, values).is_ok_and(|answer| answer == "yes")
    }
}

fn finished(format: Format, rendered: String) -> Result<String, RenderError> {
    let text = match format {
        Format::Markdown => markdown::finish(&rendered),
        Format::Text => rendered,
    };
    if text.len() > MAX_OUTPUT {
        return Err(too_long().into());
    }
    Ok(text)
}

fn template_name(format: Format) -> &'static str {
    match format {
        Format::Text => "text",
        Format::Markdown => "markdown",
    }
}

fn environment(debug: bool) -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_debug(debug);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(RECURSION);
    // Names were checked when the definition was loaded; at run time a value that is missing prints nothing.
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(|name| match name {
        "markdown" => AutoEscape::Custom("markdown".into()),
        _ => AutoEscape::None,
    });
    environment.set_formatter(|out, state, value| {
        if value.is_undefined() || value.is_none() {
            return Ok(());
        }
        // Texts are bounded by the fuel already; of anything else no more is made than may be said.
        let made;
        let text = if let Some(text) = value.as_str() {
            text
        } else {
            made = Bounded::text(value)?;
            &made
        };
        if !matches!(state.auto_escape(), AutoEscape::Custom(_)) || value.is_safe() {
            return Ok(out.write_str(text)?);
        }
        let text = text.replace(markdown::is_mark, "");
        Ok(write!(out, "{}{text}{}", markdown::OPEN, markdown::CLOSE)?)
    });
    environment.add_filter("raw", |value: String| Value::from_safe_string(value));
    environment.add_filter("json_value", |value: Value| {
        if value.is_undefined() {
            return Ok(Value::from_safe_string("null".to_owned()));
        }
        let mut json = Bounded::default();
        match serde_json::to_writer(&mut json, &value) {
            Err(_) if json.full => Err(too_long()),
            made => Ok(Value::from_safe_string(made.map_or_else(|_| "null".to_owned(), |()| json.into_text()))),
        }
    });
    environment.add_filter("urlencode", |value: &str| percent_encoded(value));
    environment.add_filter("later", |moment: &str, length: &str| {
        let wrong = |why: String| Error::new(ErrorKind::InvalidOperation, why);
        let at = crate::base::Millis::from_iso(moment.trim()).ok_or_else(|| wrong("this is no moment".into()))?;
        crate::definition::length::parse(length).map(|length| at.plus(length).iso()).map_err(wrong)
    });
    environment.remove_global("debug");
    // A list that is there is paid for by the item; the engine's own would be made for nothing.
    environment.add_function("range", |lower: i64, upper: Option<i64>, step: Option<i64>| {
        let (from, to) = upper.map_or((0, lower), |upper| (lower, upper));
        let step = step.unwrap_or(1);
        let at = move |index: i64| index.checked_mul(step).and_then(|far| from.checked_add(far));
        if step == 0 {
            return Err(Error::new(ErrorKind::InvalidOperation, "cannot create range with step of 0"));
        }
        let before = move |item: &i64| if step > 0 { *item < to } else { *item > to };
        // Of values, which is the only list that the engine takes fuel for.
        let items: Vec<Value> = (0..=MAX_RANGE).map_while(at).take_while(before).map(Value::from).collect();
        if i64::try_from(items.len()).is_ok_and(|length| length > MAX_RANGE) {
            return Err(Error::new(ErrorKind::OutOfFuel, "the range is too long"));
        }
        Ok(items)
    });
    environment
}

fn too_long() -> Error {
    Error::new(ErrorKind::OutOfFuel, "the text is too long")
}

/// A text that is made of a value, and takes no more than may be said: a value may print as more than there is room
/// for, and nothing else stops it.
#[derive(Default)]
struct Bounded {
    text: Vec<u8>,
    full: bool,
}

impl Bounded {
    fn text(value: &Value) -> Result<String, Error> {
        let mut made = Self::default();
        match fmt::Write::write_fmt(&mut made, format_args!("{value}")) {
            Ok(()) => Ok(made.into_text()),
            Err(_) => Err(too_long()),
        }
    }

    fn into_text(self) -> String {
        // Nothing but whole texts was written.
        String::from_utf8(self.text).unwrap_or_default()
    }

    fn take(&mut self, bytes: &[u8]) -> bool {
        self.full = self.full || self.text.len() + bytes.len() > MAX_MADE;
        if !self.full {
            self.text.extend_from_slice(bytes);
        }
        !self.full
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.take(text.as_bytes()) { Ok(()) } else { Err(fmt::Error) }
    }
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.take(bytes) { Ok(bytes.len()) } else { Err(io::ErrorKind::OutOfMemory.into()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything but letters, digits and `-_.~` as `%XX`: safe in any part of an address.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn render(format: Format, source: &str, text: &str) -> Result<String, RenderError> {
        Engine::new().render(format, source, Value::from_pairs([("text", Value::from(text))]))
    }

    #[test]
    fn text_is_not_escaped_and_markdown_is_unless_marked_raw() {
        let value = "[a](b) <@all>";
        assert_eq!(render(Format::Text, "{{ text }}", value).unwrap(), value);
        assert_eq!(render(Format::Markdown, "**{{ text }}**", value).unwrap(), "**\\[a\\](b) &lt;@all>**");
        assert_eq!(
            render(Format::Markdown, "{{ text | raw }} {{ text | safe }}", value).unwrap(),
            format!("{value} {value}")
        );
    }

    #[test]
    fn no_way_through_the_template_takes_the_escaping_away() {
        for source in [
            "{{ text ~ '' }}",
            "{% set x %}{{ text }}{% endset %}{{ x }}",
            "{% set x %}{{ text }}{% endset %}{{ x ~ '' }}",
            "{% set x %}{{ text }}{% endset %}{{ x | reverse | reverse }}",
            "{% set x %}{{ text }}{% endset %}{{ x[1:] }}",
            "{% macro m(v) %}{{ v }}{% endmacro %}{{ m(text) }}",
            "{{ [text] | join(',') }}",
            "{{ text | upper }}",
            "{{ text | replace('x', 'y') }}",
            "{{ [text] }}",
            "{% filter upper %}{{ text }}{% endfilter %}",
            "{{ '%s' | format(text) }}",
            "{{ text | default('x') }}",
            "{% for c in [text] %}{{ c }}{% endfor %}",
            "{{ text | trim | string }}",
        ] {
            let out = render(Format::Markdown, source, "[a](b) <@all>").unwrap();
            assert!(!out.to_lowercase().contains("[a](b)") && !out.to_lowercase().contains("<@all"), "{source}: {out}");
            assert!(!out.contains(markdown::is_mark), "{source}");
        }
    }

    #[test]
    fn work_and_output_are_bounded() {
        let endless = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        assert_eq!(render(Format::Text, endless, "").unwrap_err().kind, ErrorKind::OutOfFuel);
        let long = "{% for a in range(200) %}{{ text }}{% endfor %}";
        assert_eq!(render(Format::Text, long, &"x".repeat(1000)).unwrap_err().kind, ErrorKind::OutOfFuel);
    }

    #[test]
    fn what_is_made_on_the_way_is_bounded_as_what_is_written() {
        let twice = "{% set x = x ~ x %}".repeat(40);
        let replaced = "{% set x = x | replace('y', 'yy') %}".repeat(40);
        for source in [
            format!("{{% set x = text %}}{twice}done"),
            format!("{{% set x = text %}}{replaced}done"),
            "{% set n = namespace(x=text) %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}done".into(),
            "{% set x = text * 2000000000 %}done".into(),
            "{{ [text] * 2000000000 | length }}done".into(),
            "{{ range(2000000000) | list | length }}".into(),
            "{{ '%2000000000s' | format(text) | length }}".into(),
            "{{ text | indent(2000000000) | length }}".into(),
        ] {
            let rendered = render(Format::Text, &source, "%y").map_err(|error| error.kind);
            assert!(
                matches!(rendered, Err(ErrorKind::OutOfFuel | ErrorKind::InvalidOperation)),
                "{source}: {rendered:?}"
            );
        }
    }

    #[test]
    fn a_value_that_prints_as_more_than_there_is_room_for_is_no_text() {
        let grown = |round: &str, last: &str| {
            format!(
                "{{% set n = namespace(x=[text]) %}}{{% for i in range(40) %}}{{% set n.x = {round} %}}{{% endfor %}}{last}"
            )
        };
        // Those who check refuse them; should one come here all the same, it ends.
        for source in [
            grown("[n.x, n.x]", "{{ n.x }}"),
            grown("[n.x, n.x]", "{{ n.x | json_value }}"),
            grown("{'a': n.x, 'b': n.x}", "{{ n.x }}"),
            "{{ range(20001) | length }}".into(),
            "{% for i in range(999) %}{% set x = range(19999) %}{% endfor %}".into(),
        ] {
            for format in [Format::Text, Format::Markdown] {
                assert_eq!(render(format, &source, "x").unwrap_err().kind, ErrorKind::OutOfFuel, "{source}");
            }
        }
    }

    #[test]
    fn a_range_is_that_of_jinja() {
        let source = "{{ range(3) }} {{ range(1, 3) }} {{ range(0, 9, 4) }} {{ range(5, 0, -2) }} {{ range(3, 1) }}";
        assert_eq!(render(Format::Text, source, "").unwrap(), "[0, 1, 2] [1, 2] [0, 4, 8] [5, 3, 1] []");
        assert!(render(Format::Text, "{{ range(1, 2, 0) }}", "").is_err());
    }

    #[test]
    fn missing_and_none_print_nothing() {
        assert_eq!(render(Format::Text, "<{{ payload.a.b }}{{ none }}>", "").unwrap(), "<>");
    }

    #[test]
    fn a_name_set_in_a_branch_is_there_behind_it() {
        let source = "{% if text %}{% set y = 1 %}{% endif %}{{ y }}";
        assert_eq!(render(Format::Text, source, "x").unwrap(), "1");
    }

    #[test]
    fn an_address_part_is_encoded() {
        let later = render(Format::Text, "{{ text | later('1h 30m') }}", "2026-11-29T08:00:00.000Z").unwrap();
        assert_eq!(later, "2026-11-29T09:30:00.000Z");
        assert_eq!(render(Format::Text, "{{ text | urlencode }}", "a b/ü~").unwrap(), "a%20b%2F%C3%BC~");
    }

    #[test]
    fn a_pattern_is_built_once_and_shared() {
        let engine = Engine::new();
        let first = engine.pattern(&"a+".into()).unwrap();
        assert!(Arc::ptr_eq(&first, &engine.pattern(&"a+".into()).unwrap()));
        assert!(engine.pattern(&"(".into()).is_none());
    }

    #[test]
    fn filters_and_tests_can_be_asked_for() {
        let checker = Checker::new();
        let knows = |what, name| checker.knows(what, name);
        assert!(knows("filter", "upper") && knows("filter", "raw") && knows("test", "defined"));
        assert!(!knows("filter", "uper") && !knows("test", "uper"));
    }
}
