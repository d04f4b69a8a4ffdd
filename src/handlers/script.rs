//! Scripts inside a definition: a little logic where a template says too little and a program would be too much.
//!
//! A script sees the turn and says what should happen; it can do nothing else. No files, no network, no clock, no
//! modules, no `eval`. How much it may work, hold and nest is bounded in one place, [`harden`], and what it asks for
//! is read as strictly as what any other program answers. The same turn gives the same answer, always.

use std::{
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use rhai::{AST, Array, Dynamic, Engine, EvalAltResult, OptimizationLevel, ParseError, Position, Scope};
use serde_json::{Map, Value, json};

use super::answer::{AnswerError, HandlerAnswer, MOST_EFFECTS};

/// Bytes of a script at most.
pub const LONGEST: usize = 64 * 1024;
/// Work of one run. A loop that does next to nothing gets to this in about 10 ms. What is built into the language
/// counts as one step however large its value is, so the size of values bounds work too: see [`LARGEST`].
const OPERATIONS: u64 = 100_000;
/// Elements of a list or map, those inside of its elements counted; and so how deep values nest.
const LARGEST: usize = 1_000;
/// Bytes of a text.
const LONGEST_TEXT: usize = 32 * 1024;
/// How deep a value may nest that is asked for; JSON is read to a depth of 128.
const DEEPEST: usize = 32;
/// Bytes of stack for one run. What walks through nested values calls itself, and a stack that overflows takes the
/// whole process along: there must be room for the deepest that can be made. Only what is used costs memory.
const STACK: usize = 64 * 1024 * 1024;
/// Compiled scripts kept.
const KEPT: usize = 64;

/// Everything that a script may not do, in one place.
fn harden(engine: &mut Engine) {
    engine.set_max_operations(OPERATIONS);
    engine.set_max_call_levels(32);
    engine.set_max_expr_depths(64, 32);
    engine.set_max_string_size(LONGEST_TEXT);
    engine.set_max_array_size(LARGEST);
    engine.set_max_map_size(LARGEST);
    engine.set_max_functions(100);
    engine.set_max_variables(200);
    engine.set_max_modules(0);
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_allow_shadowing(true);
    // Neither text of files nor of people becomes code.
    engine.disable_symbol("eval");
    engine.disable_symbol("import");
    // It holds a thread while it runs, and not a moment longer than it works.
    engine.register_fn("sleep", |_: i64| missing("sleep (i64)"));
    engine.register_fn("sleep", |_: f64| missing("sleep (f64)"));
    // What it prints goes nowhere: a log is no place for what people write.
    engine.on_print(|_| {});
    engine.on_debug(|_, _, _| {});
}

/// Why a script is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptError {
    /// For people.
    pub message: String,
    /// From 1; 0: it is not known.
    pub line: usize,
    /// From 1; 0: it is not known.
    pub column: usize,
}

/// Whether a text is a script.
///
/// # Errors
/// [`ScriptError`] with the place.
pub fn check(source: &str) -> Result<(), ScriptError> {
    if source.len() > LONGEST {
        let message = format!("a script has at most {LONGEST} bytes");
        return Err(ScriptError { message, line: 0, column: 0 });
    }
    compile(source).map(drop)
}

fn compile(source: &str) -> Result<AST, ScriptError> {
    equipped(&Asked::default()).compile(source).map_err(|error| parse_error(&error, source))
}

/// What runs scripts: one for the process. An engine is made when one is compiled or run, and not kept: it is some
/// hundred kilobytes, and most houses have no script.
#[derive(Default)]
pub struct Scripts {
    kept: Mutex<Vec<(Arc<str>, Arc<AST>)>>,
}

/// What a script asked for, collected while it runs.
type Asked = Arc<Mutex<Vec<Value>>>;

impl Scripts {
    /// With nothing compiled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a script over a turn.
    ///
    /// # Errors
    /// [`AnswerError`]: what went wrong, and in which line. Never what people wrote.
    pub fn run(&self, source: &Arc<str>, turn: &Value) -> Result<HandlerAnswer, AnswerError> {
        let ast = self.compiled(source)?;
        let ran = thread::scope(|scope| {
            let thread = thread::Builder::new().name("script".to_owned()).stack_size(STACK);
            let running = thread.spawn_scoped(scope, || evaluated(&ast, source, turn));
            running.map(thread::ScopedJoinHandle::join)
        });
        match ran {
            Ok(Ok(answer)) => answer,
            Ok(Err(_panic)) => Err(AnswerError("it failed".to_owned())),
            Err(error) => Err(AnswerError(format!("there is no thread to run it on: {error}"))),
        }
    }

    fn compiled(&self, source: &Arc<str>) -> Result<Arc<AST>, AnswerError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(known, _)| known == source) {
            let found = kept.remove(at);
            let ast = Arc::clone(&found.1);
            kept.push(found);
            return Ok(ast);
        }
        let ast = Arc::new(compile(source).map_err(|error| AnswerError(error.message))?);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((Arc::clone(source), Arc::clone(&ast)));
        Ok(ast)
    }
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").finish_non_exhaustive()
    }
}

/// An engine with every limit set and the small library in it.
fn equipped(asked: &Asked) -> Engine {
    let mut engine = Engine::new();
    harden(&mut engine);
    library(&mut engine, asked);
    engine
}

/// Runs a compiled script, on a thread with room for it. All that it made ends here.
fn evaluated(ast: &AST, source: &str, turn: &Value) -> Result<HandlerAnswer, AnswerError> {
    // A library of its own for each run: what one asks for is never another's.
    let asked = Asked::default();
    let engine = equipped(&asked);
    let mut scope = Scope::new();
    let fields = turn.as_object().cloned().unwrap_or_default();
    for name in NAMES {
        let value = fields.get(*name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
        let value: Dynamic = rhai::serde::to_dynamic(value).unwrap_or_default();
        // `match` is a word of the language.
        scope.push_constant(if *name == "match" { "captures" } else { *name }, value);
    }
    let result = engine.eval_ast_with_scope::<Dynamic>(&mut scope, ast);
    let result = result.map_err(|error| AnswerError(said(&error, source)))?;
    let mut effects = std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
    // A script that is one expression says its value.
    if effects.is_empty()
        && let Ok(text) = result.into_string()
        && !text.is_empty()
    {
        effects.push(json!({ "say": text }));
    }
    HandlerAnswer::from_value(json!({ "effects": effects })).map_err(|error| hushed(error, source))
}

/// Why an answer is refused, without a field's name or a value that is no word of the script: a text may become both.
fn hushed(AnswerError(message): AnswerError, source: &str) -> AnswerError {
    let quotes = ['`', '"'];
    let quoted = message.rsplit_once(", expected ").and_then(|(found, expected)| {
        let (before, rest) = found.split_once(quotes)?;
        let (word, after) = rest.rsplit_once(quotes)?;
        (!source.contains(word)).then(|| format!("{before}`…`{after}, expected {expected}"))
    });
    AnswerError(quoted.unwrap_or(message))
}

/// What a script sees of the turn.
const NAMES: &[&str] = &["message", "person", "room", "bot", "args", "match", "inputs", "card", "payload", "state"];

/// What comes of asking for something.
type Taken = Result<(), Box<EvalAltResult>>;

/// What the language has and a script has not.
fn missing(name: &str) -> Taken {
    Err(Box::new(EvalAltResult::ErrorFunctionNotFound(name.to_owned(), Position::NONE)))
}

/// One more thing that a script asks for. More than an answer may hold are not even collected.
fn ask(asked: &Asked, effect: Value) -> Taken {
    let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
    if asked.len() >= MOST_EFFECTS {
        return Err(Box::new(EvalAltResult::ErrorTerminated(Dynamic::UNIT, Position::NONE)));
    }
    asked.push(effect);
    Ok(())
}

fn plain(value: &Dynamic) -> Result<Value, Box<EvalAltResult>> {
    if !is_shallow(value, DEEPEST) {
        return Err(Box::new(EvalAltResult::ErrorDataTooLarge("Depth of a value".to_owned(), Position::NONE)));
    }
    Ok(rhai::serde::from_dynamic(value).unwrap_or_default())
}

fn is_shallow(value: &Dynamic, levels: usize) -> bool {
    let inner = |value: &Dynamic| levels.checked_sub(1).is_some_and(|levels| is_shallow(value, levels));
    if let Some(list) = value.read_lock::<Array>() {
        return list.iter().all(inner);
    }
    value.read_lock::<rhai::Map>().is_none_or(|map| map.values().all(inner))
}

/// What a script may ask for. Documented in docs/guide/handlers.md.
fn library(engine: &mut Engine, asked: &Asked) {
    let to = Arc::clone(asked);
    engine.register_fn("say", move |text: &str| ask(&to, json!({ "say": text })));
    let to = Arc::clone(asked);
    engine.register_fn("say", move |message: Dynamic| ask(&to, json!({ "say": plain(&message)? })));
    let to = Arc::clone(asked);
    engine.register_fn("markdown", move |text: &str| ask(&to, json!({ "say": { "markdown": text } })));
    let to = Arc::clone(asked);
    engine.register_fn("edit", move |message: &str, text: &str| {
        ask(&to, json!({ "edit": { "message": message, "text": text } }))
    });
    let to = Arc::clone(asked);
    engine.register_fn("delete", move |key: &str| ask(&to, json!({ "delete": { "key": key } })));
    let to = Arc::clone(asked);
    engine.register_fn("remember", move |scope: &str, key: &str, value: Dynamic| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "set": plain(&value)? } }))
    });
    let to = Arc::clone(asked);
    engine.register_fn("add", move |scope: &str, key: &str, amount: i64| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "add": amount } }))
    });
    let to = Arc::clone(asked);
    engine.register_fn("append", move |scope: &str, key: &str, value: Dynamic| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "append": plain(&value)? } }))
    });
    let to = Arc::clone(asked);
    engine.register_fn("forget", move |scope: &str, key: &str| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "forget": true } }))
    });
    let to = Arc::clone(asked);
    engine.register_fn("timer", move |name: &str, seconds: i64| {
        ask(&to, json!({ "timer": { "name": name, "after_seconds": seconds.max(0) } }))
    });
}

fn parse_error(error: &ParseError, source: &str) -> ScriptError {
    let (line, column) = (error.1.line().unwrap_or(0), error.1.position().unwrap_or(0));
    // The engine counts a lone carriage return as a line in places: then the end of the last one is as near as it gets.
    let last = source.split('\n').count();
    let end = || source.rsplit('\n').next().unwrap_or_default().chars().count();
    let (line, column) = if line > last { (last, end()) } else { (line, column) };
    ScriptError { message: error.0.to_string(), line, column }
}

/// The kind of trouble and its line. Not the engine's own words where they may quote a value; nor a name that is no
/// word of the script: a text becomes one by `Fn(…)`.
fn said(error: &EvalAltResult, source: &str) -> String {
    let none = |what: &str, name: &str| match name.split(" (").next() {
        Some(word) if source.contains(word) => format!("there is no {what} `{name}`"),
        _ => format!("there is no {what} of the name that it comes to"),
    };
    let kind = match error.unwrap_inner() {
        EvalAltResult::ErrorTooManyOperations(_) => "it works too long: is there a loop without an end?".to_owned(),
        EvalAltResult::ErrorDataTooLarge(..) => "a text, list or map grows too large".to_owned(),
        EvalAltResult::ErrorTerminated(..) => format!("it asks for more than {MOST_EFFECTS} things"),
        EvalAltResult::ErrorStackOverflow(_) => "functions call one another too deep".to_owned(),
        EvalAltResult::ErrorTooManyVariables(_) => "it has too many variables".to_owned(),
        EvalAltResult::ErrorVariableNotFound(name, _) => none("variable", name),
        EvalAltResult::ErrorFunctionNotFound(name, _) => none("function", name),
        EvalAltResult::ErrorPropertyNotFound(name, _) => none("property", name),
        EvalAltResult::ErrorMismatchDataType(wanted, found, _) => format!("a value is {found}, not {wanted}"),
        EvalAltResult::ErrorArithmetic(..) => "a calculation has no result".to_owned(),
        EvalAltResult::ErrorRuntime(..) => "it ended with an error of its own".to_owned(),
        _ => "it failed".to_owned(),
    };
    match error.position().line() {
        Some(line) => format!("line {line}: {kind}"),
        None => kind,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::handlers::answer::{HandlerEffect, SayForm};

    #[test]
    fn what_is_wrong_stands_in_the_script_whatever_ends_its_lines() {
        let place = |source: &str| check(source).map_err(|error| (error.line, error.column)).unwrap_err();
        assert_eq!(place("let a = 1;\nlet b = ;"), (2, 9));
        assert_eq!(place("let a = 1;\r\nlet b = ;"), (2, 9));
        assert_eq!(place("say(`\r${a}, b(\"c"), (1, 16));
    }

    fn run(source: &str) -> Result<Vec<HandlerEffect>, String> {
        let turn = json!({
            "message": {"text": "3 4"}, "person": {"first_name": "Alice"}, "args": {"count": 3},
            "state": {"room": {"count": 7}},
        });
        Scripts::new().run(&source.into(), &turn).map(|answer| answer.effects).map_err(|error| error.0)
    }

    fn said(source: &str) -> String {
        match &run(source).unwrap()[..] {
            [HandlerEffect::Say(SayForm::Text(text))] => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_script_sees_the_turn_and_says_what_should_happen() {
        assert_eq!(said("say(`Hello ${person.first_name}, ${args.count * 2}`);"), "Hello Alice, 6");
        assert_eq!(said("let n = 0; for w in message.text.split(' ') { n += parse_int(w); } `${n}`"), "7");
        assert_eq!(said("if state.room.count > 5 { \"many\" } else { \"few\" }"), "many");
        let all =
            "say(#{ markdown: `**x**`, key: `k` }); remember('room', 'a', [1, 2]); add('bot', 'n', 1); timer('t', 60);";
        assert_eq!(run(&all.replace('\'', "\"")).unwrap().len(), 4);
    }

    #[test]
    fn what_it_asks_for_is_read_as_strictly_as_any_answer() {
        assert!(run("say(#{ txt: \"x\" });").unwrap_err().contains("effects[0].say: unknown field `txt`"));
        assert!(run("remember(\"room\", \"$once\", 1);").unwrap_err().contains("may not begin with `$`"));
    }

    #[test]
    fn it_cannot_work_hold_or_nest_without_end() {
        for (source, word) in [
            ("loop { }", "works too long"),
            ("let s = \"x\"; loop { s += s; }", "too large"),
            ("let a = []; loop { a.push(1); }", "too"),
            ("fn f(n) { f(n + 1) } f(0)", "too deep"),
        ] {
            let error = run(source).unwrap_err();
            assert!(error.contains(word), "{source}: {error}");
        }
    }

    #[test]
    fn the_dearest_that_is_built_in_is_bounded_and_the_deepest_value_takes_no_stack_along() {
        assert!(
            run("let m = #{}; for i in 0..990 { m[`${i}`] = i; } loop { m.keys(); }").unwrap_err().contains("long")
        );
        let deep = "let a = []; for i in 0..990 { a = [a]; } for i in 0..990 { a = #{ a: a }; }";
        for (then, word) in
            [("remember(\"room\", \"k\", a)", "too large"), ("say(a)", "too large"), ("throw a", "of its own")]
        {
            let error = run(&format!("{deep} {then}")).unwrap_err();
            assert!(error.contains(word), "{then}: {error}");
        }
        assert_eq!(said(&format!("{deep} let b = a; if a == b && `${{a}}`.len() > 0 {{ say(`same`) }}")), "same");
        assert!(run("let a = []; for i in 0..30 { a = [a]; } remember(\"room\", \"k\", a);").is_ok());
    }

    #[test]
    fn it_asks_for_so_many_things_and_no_more_are_kept() {
        assert_eq!(run("for i in 0..100 { say(`x`) }").unwrap().len(), 100);
        let error = run("for i in 0..101 { try { say(`x`) } catch { } }").unwrap_err();
        assert_eq!(error, "line 1: it asks for more than 100 things");
    }

    #[test]
    fn what_people_wrote_is_in_no_error() {
        let turn = json!({"message": {"text": "wh1sper"}});
        for source in [
            "Fn(message.text).call()",
            "[1].map(message.text)",
            "call(message.text)",
            "throw message.text",
            "message[message.text]",
            "parse_int(message.text)",
            "say(#{ txt: message.text })",
            "say(#{ `x`: 1 }); remember(message.text, message.text, 1)",
            "remember(`room`, message.text + ` `, 1)",
            "let m = #{}; m[message.text] = 1; say(m)",
            "say(#{ text: `x`, thread: message.text })",
        ] {
            if let Err(error) = Scripts::new().run(&source.into(), &turn) {
                assert!(!error.0.contains("wh1sper"), "{source}: {error}");
            }
        }
        assert!(run("foo(1)").unwrap_err().contains("`foo (i64)`"), "a word of the script is shown");
    }

    #[test]
    fn there_is_no_way_out() {
        for source in [
            "eval(\"1\")",
            "import \"x\" as y;",
            "open_file(\"/etc/passwd\")",
            "timestamp()",
            "sleep(9999)",
            "sleep(9e9)",
        ] {
            assert!(check(source).is_err() || run(source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_broken_script_is_shown_at_its_place() {
        let error = check("let x = 1;\nlet y = ;\n").unwrap_err();
        assert_eq!((error.line, error.column > 0), (2, true), "{error:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_run_for_ever(source in "[a-z0-9 (){};=+*\"`$\\[\\]#:.,!<>&|\n-]{0,120}") {
            let _ = run(&source);
        }
    }
}
