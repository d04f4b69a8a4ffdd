//! Scripts inside a definition: a little logic where a template says too little and a program would be too much.
//!
//! A script sees the turn and says what should happen; it can do nothing else. No files, no network, no clock, no
//! modules, no `eval`. How much it may work, hold and nest is bounded in one place, [`harden`], and what it asks for
//! is read as strictly as what any other program answers. The same turn gives the same answer, always.

use std::sync::{Arc, Mutex, PoisonError};

use rhai::{AST, Dynamic, Engine, EvalAltResult, OptimizationLevel, ParseError, Position, Scope};
use serde_json::{Map, Value, json};

use super::answer::{AnswerError, HandlerAnswer};

/// Bytes of a script at most.
pub const LONGEST: usize = 64 * 1024;
/// Work of one run. A loop that does next to nothing gets to this in about 20 ms.
const OPERATIONS: u64 = 200_000;
/// Compiled scripts kept.
const KEPT: usize = 64;

/// Everything that a script may not do, in one place.
fn harden(engine: &mut Engine) {
    engine.set_max_operations(OPERATIONS);
    engine.set_max_call_levels(32);
    engine.set_max_expr_depths(64, 32);
    engine.set_max_string_size(64 * 1024);
    engine.set_max_array_size(10_000);
    engine.set_max_map_size(10_000);
    engine.set_max_functions(100);
    engine.set_max_variables(200);
    engine.set_max_modules(0);
    engine.set_optimization_level(OptimizationLevel::Simple);
    engine.set_allow_shadowing(true);
    // Neither text of files nor of people becomes code.
    engine.disable_symbol("eval");
    engine.disable_symbol("import");
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

/// What runs scripts: one for the process.
pub struct Scripts {
    engine: Engine,
    kept: Mutex<Vec<(Arc<str>, Arc<AST>)>>,
}

/// What a script asked for, collected while it runs.
type Asked = Arc<Mutex<Vec<Value>>>;

impl Scripts {
    /// An engine with every limit set and the small library in it.
    #[must_use]
    pub fn new() -> Self {
        let mut engine = Engine::new();
        harden(&mut engine);
        library(&mut engine, &Asked::default());
        Self { engine, kept: Mutex::default() }
    }

    /// Whether a text is a script.
    ///
    /// # Errors
    /// [`ScriptError`] with the place.
    pub fn check(&self, source: &str) -> Result<(), ScriptError> {
        if source.len() > LONGEST {
            let message = format!("a script has at most {LONGEST} bytes");
            return Err(ScriptError { message, line: 0, column: 0 });
        }
        self.engine.compile(source).map(drop).map_err(|error| parse_error(&error))
    }

    /// Runs a script over a turn.
    ///
    /// # Errors
    /// [`AnswerError`]: what went wrong, and in which line. Never what people wrote.
    pub fn run(&self, source: &Arc<str>, turn: &Value) -> Result<HandlerAnswer, AnswerError> {
        let ast = self.compiled(source)?;
        // A library of its own for each run: what one asks for is never another's.
        let asked = Asked::default();
        let mut engine = Engine::new();
        harden(&mut engine);
        library(&mut engine, &asked);
        let mut scope = Scope::new();
        let fields = turn.as_object().cloned().unwrap_or_default();
        for name in NAMES {
            let value = fields.get(*name).cloned().unwrap_or_else(|| Value::Object(Map::new()));
            let value: Dynamic = rhai::serde::to_dynamic(value).unwrap_or_default();
            // `match` is a word of the language.
            scope.push_constant(if *name == "match" { "captures" } else { *name }, value);
        }
        let result = engine.eval_ast_with_scope::<Dynamic>(&mut scope, &ast);
        let result = result.map_err(|error| AnswerError(said(&error)))?;
        let mut effects = std::mem::take(&mut *asked.lock().unwrap_or_else(PoisonError::into_inner));
        // A script that is one expression says its value.
        if effects.is_empty()
            && let Ok(text) = result.into_string()
            && !text.is_empty()
        {
            effects.push(json!({ "say": text }));
        }
        HandlerAnswer::from_value(json!({ "effects": effects }))
    }

    fn compiled(&self, source: &Arc<str>) -> Result<Arc<AST>, AnswerError> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = kept.iter().position(|(known, _)| known == source) {
            let found = kept.remove(at);
            let ast = Arc::clone(&found.1);
            kept.push(found);
            return Ok(ast);
        }
        let ast = self.engine.compile(&**source).map_err(|error| AnswerError(parse_error(&error).message))?;
        let ast = Arc::new(ast);
        if kept.len() >= KEPT {
            kept.remove(0);
        }
        kept.push((Arc::clone(source), Arc::clone(&ast)));
        Ok(ast)
    }
}

impl Default for Scripts {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Scripts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scripts").finish_non_exhaustive()
    }
}

/// What a script sees of the turn.
const NAMES: &[&str] = &["message", "person", "room", "bot", "args", "match", "inputs", "card", "payload", "state"];

/// What a script may ask for. Documented in docs/guide/handlers.md.
fn library(engine: &mut Engine, asked: &Asked) {
    let ask = |asked: &Asked, effect: Value| asked.lock().unwrap_or_else(PoisonError::into_inner).push(effect);
    let json = |value: &Dynamic| rhai::serde::from_dynamic::<Value>(value).unwrap_or_default();
    let to = Arc::clone(asked);
    engine.register_fn("say", move |text: &str| ask(&to, json!({ "say": text })));
    let to = Arc::clone(asked);
    engine.register_fn("say", move |message: Dynamic| ask(&to, json!({ "say": json(&message) })));
    let to = Arc::clone(asked);
    engine.register_fn("markdown", move |text: &str| ask(&to, json!({ "say": { "markdown": text } })));
    let to = Arc::clone(asked);
    engine.register_fn("edit", move |message: &str, text: &str| {
        ask(&to, json!({ "edit": { "message": message, "text": text } }));
    });
    let to = Arc::clone(asked);
    engine.register_fn("delete", move |key: &str| ask(&to, json!({ "delete": { "key": key } })));
    let to = Arc::clone(asked);
    engine.register_fn("remember", move |scope: &str, key: &str, value: Dynamic| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "set": json(&value) } }));
    });
    let to = Arc::clone(asked);
    engine.register_fn("add", move |scope: &str, key: &str, amount: i64| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "add": amount } }));
    });
    let to = Arc::clone(asked);
    engine.register_fn("append", move |scope: &str, key: &str, value: Dynamic| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "append": json(&value) } }));
    });
    let to = Arc::clone(asked);
    engine.register_fn("forget", move |scope: &str, key: &str| {
        ask(&to, json!({ "remember": { "scope": scope, "key": key, "forget": true } }));
    });
    let to = Arc::clone(asked);
    engine.register_fn("timer", move |name: &str, seconds: i64| {
        ask(&to, json!({ "timer": { "name": name, "after_seconds": seconds.max(0) } }));
    });
}

fn parse_error(error: &ParseError) -> ScriptError {
    let Position { .. } = error.1;
    let (line, column) = (error.1.line().unwrap_or(0), error.1.position().unwrap_or(0));
    ScriptError { message: error.0.to_string(), line, column }
}

/// The kind of trouble and its line. Not the engine's own words where they may quote a value.
fn said(error: &EvalAltResult) -> String {
    let kind = match error.unwrap_inner() {
        EvalAltResult::ErrorTooManyOperations(_) => "it works too long: is there a loop without an end?".to_owned(),
        EvalAltResult::ErrorDataTooLarge(..) => "a text, list or map grows too large".to_owned(),
        EvalAltResult::ErrorStackOverflow(_) => "functions call one another too deep".to_owned(),
        EvalAltResult::ErrorTooManyVariables(_) => "it has too many variables".to_owned(),
        EvalAltResult::ErrorVariableNotFound(name, _) => format!("there is no variable `{name}`"),
        EvalAltResult::ErrorFunctionNotFound(name, _) => format!("there is no function `{name}`"),
        EvalAltResult::ErrorPropertyNotFound(name, _) => format!("there is no property `{name}`"),
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
    fn there_is_no_way_out() {
        for source in ["eval(\"1\")", "import \"x\" as y;", "open_file(\"/etc/passwd\")", "timestamp_now()"] {
            assert!(Scripts::new().check(source).is_err() || run(source).is_err(), "{source}");
        }
    }

    #[test]
    fn a_broken_script_is_shown_at_its_place() {
        let error = Scripts::new().check("let x = 1;\nlet y = ;\n").unwrap_err();
        assert_eq!((error.line, error.column > 0), (2, true), "{error:?}");
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_run_for_ever(source in "[a-z0-9 (){};=+*\"`$\\[\\]#:.,!<>&|\n-]{0,120}") {
            let _ = run(&source);
        }
    }
}
