//! Cards as a fuzzer thinks them up, over values that it thinks up too.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{compiled_beside, decided, placed, within_limits};
use crate::brain::Effect;

/// Bytes that a card may weigh at Webex.
const HEAVIEST: usize = 80 * 1024;
/// The bot whose card it is.
const CARD_FILE: &str = "cards/some.json";
const BOT: &str = "[fallback]\nreply = { text = \"x\", card = \"cards/some.json\" }\n";

/// A card's file and, after a line `---`, what is in the bot's memory, as JSON or as a text; a person says the same. A
/// card is made within Webex's limits or refused with a sentence. It has every element that is written, as often as
/// its lists say, and no other: values are inside of texts.
///
/// # Errors
/// Which promise is broken.
pub fn card(input: &[u8]) -> Result<(), String> {
    let input = String::from_utf8_lossy(input);
    let (written, said) = input.split_once("\n---\n").unwrap_or((&input, "hello"));
    let (program, found) = compiled_beside(BOT, &[(CARD_FILE, written)])?;
    for diagnostic in &found {
        placed(diagnostic, if diagnostic.file.ends_with(CARD_FILE) { written } else { BOT })?;
    }
    let Some(program) = program else { return Ok(()) };
    let memory = serde_json::from_str(said).unwrap_or_else(|_| json!(said));
    let Some(effects) = decided(&program, said, &memory)? else { return Ok(()) };
    within_limits(&effects)?;
    let written: Value = serde_json::from_str(written).map_err(|error| format!("a card that is no JSON: {error}"))?;
    for effect in &effects {
        let Effect::Say(delivery) = effect else { continue };
        let Some(made) = &delivery.card else { continue };
        let sent = made.to_string();
        if sent.len() > HEAVIEST {
            return Err(format!("a card of {} bytes", sent.len()));
        }
        if !fits(&written, made) {
            return Err(format!("{sent} is not what is written"));
        }
    }
    Ok(())
}

/// Whether what was made is what is written, but for what templates print into texts and how long lists are.
fn fits(written: &Value, made: &Value) -> bool {
    match (written, made) {
        (Value::String(text), Value::String(_)) if has_code(text) => true,
        (Value::Array(items), Value::Array(things)) => fits_list(items, things),
        (Value::Object(fields), Value::Object(has)) => {
            fields.len() == has.len()
                && fields.iter().all(|(key, value)| has.get(key).is_some_and(|made| fits(value, made)))
        }
        _ => written == made,
    }
}

/// All ways to read the list at once: after each item, how many things may have been made so far.
fn fits_list(items: &[Value], things: &[Value]) -> bool {
    let mut so_far = BTreeSet::from([0]);
    for item in items {
        let each = item.get("$each").and(item.get("item"));
        let fitting = |from: usize| things.get(from).is_some_and(|made| fits(each.unwrap_or(item), made));
        let mut next = BTreeSet::new();
        for from in so_far {
            if each.is_none() {
                next.extend(fitting(from).then_some(from + 1));
                continue;
            }
            let mut at = from;
            while next.insert(at) && fitting(at) {
                at += 1;
            }
        }
        so_far = next;
    }
    so_far.contains(&things.len())
}

fn has_code(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|code| text.contains(code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_values_added_would_be_seen() {
        let written = json!([{ "a": "{{ x }}" }, { "$each": "y", "item": { "b": "{{ item }}" } }, { "c": "plain" }]);
        let good = |made: Value| fits(&written, &made);
        assert!(good(json!([{ "a": "1" }, { "c": "plain" }])));
        assert!(good(json!([{ "a": "1" }, { "b": "2" }, { "b": "3" }, { "c": "plain" }])));
        assert!(!good(json!([{ "a": "1" }, { "c": "plain" }, { "c": "plain" }])), "an element more");
        assert!(!good(json!([{ "a": "1", "b": "2" }, { "c": "plain" }])), "a field more");
        assert!(!good(json!([{ "a": 1 }, { "c": "plain" }])), "no text");
        assert!(!good(json!([{ "a": "1" }, { "c": "other" }])), "a text without a template");
        assert!(!good(json!([{ "b": "1" }, { "a": "1" }, { "c": "plain" }])), "another order");
    }
}
