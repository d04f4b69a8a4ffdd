//! Cards as a person with a mouse sees them: buttons, inputs, and what a press sends.

use serde_json::{Map, Value};

/// Deeper than any card that a client draws.
const DEEPEST: usize = 24;

/// Titles of all buttons of a card.
pub(super) fn titles(card: &Value) -> Vec<String> {
    let mut titles = Vec::new();
    each(card, 0, &mut |element| {
        if is_submit(element) {
            titles.push(format!("{:?}", text(element, "title").unwrap_or_default()));
        }
    });
    titles
}

/// A card in a few words: its first texts and its buttons.
pub(super) fn summary(card: &Value) -> String {
    let mut parts = Vec::new();
    each(card, 0, &mut |element| {
        if let (Some("TextBlock"), Some(text)) = (text(element, "type"), text(element, "text")) {
            parts.push(format!("{text:?}"));
        }
    });
    parts.truncate(4);
    parts.extend(titles(card).into_iter().map(|title| format!("button {title}")));
    parts.join(", ")
}

/// What a press of a button sends: the card's inputs as they are filled in at first, and the button's data.
pub(super) fn press(card: &Value, button: &str) -> Option<Map<String, Value>> {
    let mut found: Option<Map<String, Value>> = None;
    let mut inputs = Map::new();
    each(card, 0, &mut |element| {
        let kind = text(element, "type").unwrap_or_default();
        if let (true, Some(id)) = (kind.starts_with("Input."), text(element, "id")) {
            let off = if kind == "Input.Toggle" { "false" } else { "" };
            inputs.insert(id.to_owned(), element.get("value").cloned().unwrap_or_else(|| off.into()));
        } else if found.is_none() && is_submit(element) && is_called(element, button) {
            found = Some(match element.get("data") {
                Some(Value::Object(data)) => data.clone(),
                _ => Map::new(),
            });
        }
    });
    let data = found?;
    inputs.extend(data);
    Some(inputs)
}

fn is_submit(element: &Value) -> bool {
    matches!(text(element, "type"), Some("Action.Submit" | "Action.Execute"))
}

/// By title, by `data.action`, or by id.
fn is_called(element: &Value, name: &str) -> bool {
    let action = element.get("data").and_then(|data| text(data, "action"));
    [text(element, "title"), action, text(element, "id")]
        .into_iter()
        .flatten()
        .any(|known| known.eq_ignore_ascii_case(name))
}

fn text<'a>(element: &'a Value, key: &str) -> Option<&'a str> {
    element.get(key).and_then(Value::as_str)
}

/// Every object of a card, the outermost first.
fn each(value: &Value, depth: usize, visit: &mut impl FnMut(&Value)) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(fields) => {
            visit(value);
            // Data is the button's own, and holds no elements.
            fields.iter().filter(|(name, _)| *name != "data").for_each(|(_, inner)| each(inner, depth + 1, visit));
        }
        Value::Array(items) => items.iter().for_each(|inner| each(inner, depth + 1, visit)),
        _ => {}
    }
}

/// Whether `whole` has everything that `part` asks for: a table some of its keys, a list its items in this order
/// with others between them, a text alone any text that holds it.
pub(super) fn has(whole: &Value, part: &Value) -> bool {
    match part {
        Value::String(wanted) => holds(whole, wanted, 0),
        Value::Array(wanted) if wanted.iter().all(Value::is_string) => wanted.iter().all(|text| has(whole, text)),
        part => part_of(whole, part),
    }
}

fn part_of(whole: &Value, part: &Value) -> bool {
    match (whole, part) {
        (Value::Object(whole), Value::Object(part)) => {
            part.iter().all(|(key, part)| whole.get(key).is_some_and(|whole| part_of(whole, part)))
        }
        (Value::Array(whole), Value::Array(part)) => {
            let mut rest = whole.iter();
            part.iter().all(|part| rest.any(|whole| part_of(whole, part)))
        }
        (whole, part) => same(whole, part),
    }
}

/// Equal; a whole number is the same number with a point.
pub(super) fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one == other || one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| other.get(key).is_some_and(|other| same(value, other)))
        }
        _ => one == other,
    }
}

fn holds(value: &Value, wanted: &str, depth: usize) -> bool {
    match value {
        Value::String(text) => text.contains(wanted),
        Value::Array(items) if depth <= DEEPEST => items.iter().any(|item| holds(item, wanted, depth + 1)),
        Value::Object(fields) if depth <= DEEPEST => fields.values().any(|item| holds(item, wanted, depth + 1)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn card() -> Value {
        json!({ "type": "AdaptiveCard", "body": [
            { "type": "TextBlock", "text": "Deploy web?" },
            { "type": "Input.Text", "id": "reason", "value": "none" },
            { "type": "Input.Toggle", "id": "sure" },
            { "type": "ActionSet", "actions": [{ "type": "Action.Submit", "title": "Yes", "data": { "action": "approve", "n": 1 } }] },
        ], "actions": [{ "type": "Action.Submit", "title": "No" }, { "type": "Action.OpenUrl", "title": "Docs" }] })
    }

    #[test]
    fn a_press_sends_the_inputs_and_the_data_of_the_button() {
        let sent = |button: &str| press(&card(), button).map(Value::Object);
        let expected = json!({ "reason": "none", "sure": "false", "action": "approve", "n": 1 });
        assert_eq!((sent("Yes"), sent("approve")), (Some(expected.clone()), Some(expected)));
        assert_eq!(sent("no"), Some(json!({ "reason": "none", "sure": "false" })));
        assert_eq!((sent("Docs"), sent("x")), (None, None));
        assert_eq!(titles(&card()).len(), 2);
    }

    #[test]
    fn a_part_is_found_in_the_whole_and_a_wrong_one_is_not() {
        assert!(has(&card(), &json!("Deploy")) && has(&card(), &json!(["Deploy", "No"])));
        assert!(has(&card(), &json!({ "body": [{ "text": "Deploy web?" }, { "id": "sure" }] })));
        assert!(!has(&card(), &json!({ "body": [{ "id": "sure" }, { "text": "Deploy web?" }] })), "the order counts");
        assert!(!has(&card(), &json!({ "body": [{ "text": "Deploy" }] })) && !has(&card(), &json!("Undeploy")));
        assert!(same(&json!({ "a": [1] }), &json!({ "a": [1.0] })) && !same(&json!([1]), &json!([1, 2])));
    }
}
