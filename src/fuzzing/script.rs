//! Scripts as a fuzzer thinks them up.

use std::sync::Arc;

use serde_json::json;

use crate::handlers::{
    answer::{AnswerError, MOST_EFFECTS},
    script::{self, ScriptError, Scripts},
};

/// What somebody wrote, and no message may quote.
const WHISPER: &str = "wh1sper";

/// A script and, after a line `---`, what a person says to it: a script or a sentence with a place in it; it ends
/// within its bounds, twice in the same way, and what it fails with quotes nobody.
///
/// # Errors
/// Which promise is broken.
pub fn script(input: &[u8]) -> Result<(), String> {
    let input = String::from_utf8_lossy(input);
    let (source, text) = input.split_once("\n---\n").unwrap_or((&input, "hello"));
    if let Err(error) = script::check(source) {
        return placed(&error, source);
    }
    let turn = json!({
        "message": { "text": text, "markdown": format!("**{text}**"), "files": [] },
        "person": { "id": "P", "first_name": WHISPER, "email": "alice@example.com" },
        "room": { "id": "R", "title": WHISPER, "type": "group" },
        "args": { "rest": text, "count": 3 },
        "match": [text, WHISPER],
        "state": { "room": { "count": 7, "list": [WHISPER, { "deep": [1, 2.5, null, true] }] } },
    });
    let source: Arc<str> = source.into();
    let scripts = Scripts::new();
    let answer = scripts.run(&source, &turn);
    if answer != scripts.run(&source, &turn) {
        return Err("one turn has two answers".to_owned());
    }
    match answer {
        Ok(answer) if answer.effects.len() > MOST_EFFECTS => Err(format!("{} effects", answer.effects.len())),
        Err(AnswerError(why)) if why.is_empty() => Err("it failed without a reason".to_owned()),
        Err(AnswerError(why)) if why.contains(WHISPER) && !source.contains(WHISPER) => {
            Err(format!("what somebody wrote is shown: {why}"))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// What is wrong stands in the script.
fn placed(error: &ScriptError, source: &str) -> Result<(), String> {
    let lines = source.split('\n').count();
    if error.message.is_empty() || error.line > lines {
        return Err(format!("{error:?} is nowhere in {lines} lines"));
    }
    Ok(())
}
