//! Whether something stored names a person. Pure.

use serde_json::Value;

/// The names of one person: ids and addresses, in any case.
#[derive(Debug)]
pub(super) struct Mentions(Vec<String>);

impl Mentions {
    /// Names are words without quotes and backslashes: so they stand in JSON as they are.
    pub(super) fn of(names: &[String]) -> Result<Self, String> {
        let bad = |name: &&String| name.len() < 3 || name.chars().any(|c| c.is_control() || " \"\\".contains(c));
        if let Some(name) = names.iter().find(bad) {
            return Err(format!("`{}` is no person id and no address", name.escape_debug()));
        }
        if names.is_empty() {
            return Err("no name of a person is given".to_owned());
        }
        Ok(Self(names.iter().map(|name| name.to_ascii_lowercase()).collect()))
    }

    /// Whether a text has one of the names as a word of its own: `bob@x.org` is not in `jimbob@x.org`.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let text = text.to_ascii_lowercase();
        let bytes = text.as_bytes();
        let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let alone = |at: usize, name: &str| {
            let before = at.checked_sub(1).and_then(|at| bytes.get(at));
            let (next, after_next) = (bytes.get(at + name.len()), bytes.get(at + name.len() + 1));
            let begins_before = before.is_some_and(|byte| goes_on(byte) || matches!(byte, b'.' | b'+' | b'%'));
            let dotted = next == Some(&b'.') && after_next.is_some_and(u8::is_ascii_alphanumeric);
            !begins_before && !next.is_some_and(goes_on) && !dotted
        };
        self.0.iter().any(|name| text.match_indices(name.as_str()).any(|(at, name)| alone(at, name)))
    }

    /// Whether a stored JSON text has one of the names in any of its strings. What is no JSON counts by its bytes:
    /// rather too much goes than too little.
    pub(super) fn are_in_json(&self, stored: &[u8]) -> bool {
        // Most rows name somebody else: those are not taken apart.
        let text = String::from_utf8_lossy(stored).to_ascii_lowercase();
        if !self.0.iter().any(|name| text.contains(name.as_str())) {
            return false;
        }
        match serde_json::from_slice(stored) {
            Ok(value) => self.are_in_value(&value),
            Err(_) => true,
        }
    }

    fn are_in_value(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.are_in(text),
            Value::Array(items) => items.iter().any(|item| self.are_in_value(item)),
            Value::Object(fields) => fields.iter().any(|(key, field)| self.are_in(key) || self.are_in_value(field)),
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn of(names: &[&str]) -> Mentions {
        Mentions::of(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn a_name_is_found_as_a_word_of_its_own_in_any_case() {
        let bob = of(&["bob@x.org"]);
        let found = ["bob@x.org", "To: Bob@X.org.", "<@personEmail:bob@x.org|Bob>", "mailto:bob@x.org", "(bob@x.org)"];
        for text in found.iter().chain(&["x=bob@x.org&y", "bob@x.org, alice", "jimbob@x.org bob@x.org"]) {
            assert!(bob.are_in(text), "{text}");
        }
        for text in ["jimbob@x.org", "jim.bob@x.org", "bob@x.organic", "bob@x.org.uk", "bob@x.org-lab", "bob", ""] {
            assert!(!bob.are_in(text), "{text}");
        }
    }

    #[test]
    fn json_is_looked_at_by_its_strings_and_not_by_how_they_are_written() {
        let bob = of(&["Y2lz-BOB", "bob@x.org"]);
        let told = json!({ "to": { "room": "R" }, "text": "hello\nbob@x.org" }).to_string();
        assert!(bob.are_in_json(told.as_bytes()), "a line end stands as `\\n` before it");
        assert!(bob.are_in_json(br#"{"person":"Y2lz-BOB"}"#));
        assert!(bob.are_in_json(br#"{"bob@x.org":1}"#), "a key");
        assert!(!bob.are_in_json(br#"{"person":"Y2lz-BOBBY","text":["jimbob@x.org"]}"#));
        assert!(bob.are_in_json(b"no json: jimbob@x.org"), "rather too much");
        assert!(!bob.are_in_json(b""));
    }

    #[test]
    fn of_two_names_that_begin_alike_either_is_found() {
        let padded = of(&["abc", "abc=="]);
        assert!(padded.are_in("abc") && padded.are_in("abc==") && !padded.are_in("abcd"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for wrong in ["", "ab", "a b c", "a\"bc", "a\\bc", "a\nbc"] {
            assert!(Mentions::of(&[wrong.to_owned()]).is_err(), "{wrong:?}");
        }
        assert!(Mentions::of(&[]).is_err());
    }

    proptest! {
        #[test]
        fn whoever_wrote_around_it_a_name_with_space_around_is_found(before in ".*", after in ".*", name in "[a-z]{3,8}@[a-z]{2,8}\\.org") {
            let mentions = of(&[&name]);
            let told = [before.as_str(), &name, &after].join(" ");
            prop_assert!(mentions.are_in(&told));
            let told = [before.as_str(), &name, &after].join("\n");
            let json = json!({ "text": told }).to_string();
            prop_assert!(mentions.are_in_json(json.as_bytes()));
        }
    }
}
