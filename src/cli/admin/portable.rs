//! A bot's memory as a file: JSON lines or one JSON document, each key with its value, in one order.

use std::{collections::HashMap, fmt::Write as _};

use serde_json::{Value, json};

use crate::{
    base::{Millis, is_own_state_key},
    store::{StateChange, StateRow},
};

/// Problems that are told of one file; one that is wrong throughout needs no thousand sentences.
const TOLD: usize = 10;

fn object(row: &StateRow) -> Value {
    let mut object = json!({ "scope": row.scope, "key": row.key, "value": row.value });
    if let Some(at) = row.expires_at {
        object["expires_at"] = json!(at);
    }
    object
}

/// A line for each key.
pub(super) fn lines(rows: &[StateRow]) -> String {
    rows.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{}", object(row));
        text
    })
}

/// One document.
pub(super) fn document(rows: &[StateRow]) -> String {
    format!("{:#}\n", json!({ "state": rows.iter().map(object).collect::<Vec<_>>() }))
}

/// What is to be imported.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Imported {
    pub(super) changes: Vec<StateChange>,
    /// Keys whose time is over already.
    pub(super) expired: usize,
}

/// Reads what [`lines`] or [`document`] made, or a person wrote; else everything that is wrong, a line each.
pub(super) fn read(text: &str, now: Millis) -> Result<Imported, String> {
    let text = text.trim_start_matches('\u{feff}');
    let items = items(text)?;
    let mut problems = Vec::new();
    let mut seen: HashMap<(String, String), String> = HashMap::new();
    let mut imported = Imported::default();
    for (place, value) in items {
        let checked = value.and_then(change);
        let checked =
            checked.and_then(|change| match seen.insert((change.scope.clone(), change.key.clone()), place.clone()) {
                Some(earlier) => Err(format!("`{}` of `{}` stands in {earlier} already", change.key, change.scope)),
                None => Ok(change),
            });
        match checked {
            Ok(change) if change.expires_at.is_some_and(|at| at <= now) => imported.expired += 1,
            Ok(change) => imported.changes.push(change),
            Err(why) => problems.push(format!("{place}: {why}")),
        }
    }
    if problems.is_empty() {
        return Ok(imported);
    }
    let more = problems.len().saturating_sub(TOLD);
    problems.truncate(TOLD);
    if more > 0 {
        problems.push(format!("and {more} more like these"));
    }
    Err(problems.join("\n"))
}

type Item = (String, Result<Value, String>);

fn items(text: &str) -> Result<Vec<Item>, String> {
    if let Ok(Value::Object(mut whole)) = serde_json::from_str::<Value>(text)
        && !whole.contains_key("scope")
    {
        return match whole.remove("state") {
            Some(Value::Array(items)) => Ok(numbered(items)),
            _ => Err("the file is a JSON object without a list `state`".to_owned()),
        };
    }
    if let Ok(Value::Array(items)) = serde_json::from_str::<Value>(text) {
        return Ok(numbered(items));
    }
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    Ok(lines
        .map(|(number, line)| {
            let value =
                serde_json::from_str(line).map_err(|error| format!("it is no JSON (column {})", error.column()));
            (format!("line {}", number + 1), value)
        })
        .collect())
}

fn numbered(items: Vec<Value>) -> Vec<Item> {
    items.into_iter().enumerate().map(|(number, item)| (format!("item {}", number + 1), Ok(item))).collect()
}

fn change(value: Value) -> Result<StateChange, String> {
    let Value::Object(object) = &value else { return Err("it is no JSON object".to_owned()) };
    let known = ["scope", "key", "value", "expires_at"];
    if let Some(unknown) = object.keys().find(|key| !known.contains(&key.as_str())) {
        return Err(format!(
            "there is no field `{unknown}`: a key has `scope`, `key`, `value` and perhaps `expires_at`"
        ));
    }
    if let Some(missing) = known.iter().take(3).find(|key| !object.contains_key(**key)) {
        return Err(format!("`{missing}` is missing"));
    }
    let change: StateChange = serde_json::from_value(value)
        .map_err(|_error| "`scope` and `key` are texts, `expires_at` is a moment in milliseconds".to_owned())?;
    change.check()?;
    Ok(change)
}

/// Why a key cannot be changed by a single command.
pub(super) fn own(key: &str) -> Option<String> {
    is_own_state_key(key).then(|| {
        format!("`{key}` is a key of Botyard itself: it belongs to what began with `$` (topics, presses, approvals)")
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Millis = Millis(1000);

    fn row(scope: &str, key: &str, value: Value, expires_at: Option<i64>) -> StateRow {
        StateRow { scope: scope.into(), key: key.into(), value, version: 3, expires_at: expires_at.map(Millis) }
    }

    #[test]
    fn what_was_exported_is_read_in_either_form() {
        let rows = [row("bot", "a", json!({ "x": [1, null] }), None), row("room:R", "t", json!("ä\n"), Some(5000))];
        insta::assert_snapshot!(lines(&rows), @r#"
        {"key":"a","scope":"bot","value":{"x":[1,null]}}
        {"expires_at":5000,"key":"t","scope":"room:R","value":"ä\n"}
        "#);
        let read_lines = read(&lines(&rows), NOW).unwrap();
        assert_eq!(read_lines, read(&document(&rows), NOW).unwrap());
        assert_eq!(read_lines.changes[1].expires_at, Some(Millis(5000)));
        assert_eq!(read(&lines(&rows), Millis(5000)).unwrap().expired, 1);
        assert_eq!(read("", NOW), Ok(Imported::default()));
        assert_eq!(read("{\"scope\":\"bot\",\"key\":\"a\",\"value\":1}", NOW).unwrap().changes.len(), 1);
    }

    #[test]
    fn everything_that_is_wrong_is_told_with_its_line() {
        let text = concat!(
            "{\"scope\":\"bot\",\"key\":\"a\",\"value\":1}\n\n",
            "{\"scope\":\"bot\",\"key\":\"a\",\"value\":2}\n",
            "{\"scope\":\"team:x\",\"key\":\"a\",\"value\":2}\n",
            "{\"scope\":\"bot\",\"key\":\"b\"}\n",
            "{\"scope\":\"bot\",\"key\":\"b\",\"value\":1,\"ttl\":4}\n",
            "{\"scope\":\"bot\",\"key\":7,\"value\":1}\n",
            "[1]\n{",
        );
        insta::assert_snapshot!(read(text, NOW).unwrap_err(), @r"
        line 3: `a` of `bot` stands in line 1 already
        line 4: a scope is `bot`, `room:` and a room id, or `person:` and a person id
        line 5: `value` is missing
        line 6: there is no field `ttl`: a key has `scope`, `key`, `value` and perhaps `expires_at`
        line 7: `scope` and `key` are texts, `expires_at` is a moment in milliseconds
        line 8: it is no JSON object
        line 9: it is no JSON (column 1)
        ");
        assert_eq!(read("{\"states\":[]}", NOW).unwrap_err(), "the file is a JSON object without a list `state`");
        assert_eq!(read(&"x\n".repeat(30), NOW).unwrap_err().lines().count(), 11);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_every_export_reads_as_itself(
            text in r#"[{}\[\]":,a-z0-9 \n]{0,60}"#,
            keys in prop::collection::btree_map("[a-zä$ ]{1,10}", "[^\u{0}]{0,10}", 0..5),
        ) {
            let _ = read(&text, NOW);
            let rows: Vec<_> = keys.iter().map(|(key, value)| row("bot", key, json!(value), None)).collect();
            let changes = read(&lines(&rows), NOW).unwrap().changes;
            prop_assert_eq!(changes.iter().map(|c| (&c.key, c.value.as_ref().unwrap())).collect::<Vec<_>>(),
                rows.iter().map(|r| (&r.key, &r.value)).collect::<Vec<_>>());
        }
    }
}
