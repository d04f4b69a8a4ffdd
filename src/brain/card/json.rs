//! JSON with places: as strict as JSON is, and every value knows where it stands, so that what is wrong with a card
//! can be shown with a caret.

use std::ops::Range;

use serde_json::Number;

/// Values inside of values; a card that anybody can read needs a third of it.
const MAX_DEPTH: usize = 40;

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) at: Range<usize>,
    pub(super) is: Kind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Node>),
    Object(Vec<Member>),
}

/// A field of an object; `at` is where its name stands, quotes included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Member {
    pub(super) key: String,
    pub(super) at: Range<usize>,
    pub(super) value: Node,
}

impl Node {
    /// A field of an object.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        self.members().iter().find(|member| member.key == key).map(|member| &member.value)
    }

    /// A field that is a string.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        self.get(key).and_then(Self::as_text)
    }

    pub(super) fn as_text(&self) -> Option<&str> {
        if let Kind::String(text) = &self.is { Some(text) } else { None }
    }

    pub(super) fn members(&self) -> &[Member] {
        if let Kind::Object(members) = &self.is { members } else { &[] }
    }

    pub(super) fn items(&self) -> Option<&[Self]> {
        if let Kind::Array(items) = &self.is { Some(items) } else { None }
    }
}

/// What is no JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) at: Range<usize>,
    pub(super) message: String,
}

/// Reads a text that is one JSON value.
pub(super) fn parse(text: &str) -> Result<Node, Wrong> {
    let mut parser = Parser { text, at: 0 };
    let node = parser.value(0)?;
    parser.blank();
    if parser.at < text.len() {
        return Err(parser.wrong("there is something behind the end of the card"));
    }
    Ok(node)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn blank(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start_matches([' ', '\t', '\n', '\r']).len();
    }

    fn wrong(&self, message: &str) -> Wrong {
        let width = self.peek().map_or(0, char::len_utf8);
        Wrong { at: self.at..self.at + width, message: message.to_owned() }
    }

    fn expect(&mut self, wanted: char, message: &str) -> Result<(), Wrong> {
        self.blank();
        if self.peek() == Some(wanted) {
            self.at += wanted.len_utf8();
            return Ok(());
        }
        Err(self.wrong(message))
    }

    fn value(&mut self, depth: usize) -> Result<Node, Wrong> {
        self.blank();
        if depth > MAX_DEPTH {
            return Err(self.wrong("the card is nested too deeply"));
        }
        let start = self.at;
        let is = match self.peek() {
            Some('{') => self.object(depth)?,
            Some('[') => self.array(depth)?,
            Some('"') => Kind::String(self.string()?),
            Some('-' | '0'..='9') => self.number()?,
            Some('t') => self.word("true", Kind::Bool(true))?,
            Some('f') => self.word("false", Kind::Bool(false))?,
            Some('n') => self.word("null", Kind::Null)?,
            Some(_) => return Err(self.wrong("this is no JSON value")),
            None => return Err(self.wrong("the card ends in the middle")),
        };
        Ok(Node { at: start..self.at, is })
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, Wrong> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(kind);
        }
        Err(self.wrong("this is no JSON value"))
    }

    fn number(&mut self) -> Result<Kind, Wrong> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c)).unwrap_or(rest.len());
        let literal = rest.get(..end).unwrap_or_default();
        let number = serde_json::from_str(literal)
            .map_err(|_names_no_place| Wrong { at: self.at..self.at + end, message: "this is no number".to_owned() })?;
        self.at += end;
        Ok(Kind::Number(number))
    }

    fn string(&mut self) -> Result<String, Wrong> {
        let start = self.at;
        let mut escape = false;
        let end = self.rest().bytes().enumerate().skip(1).find_map(|(index, byte)| {
            let closes = byte == b'"' && !escape;
            escape = byte == b'\\' && !escape;
            (closes || byte == b'\n').then_some((index + 1, closes))
        });
        let Some((length, true)) = end else {
            let line = self.rest().lines().next().unwrap_or_default().len();
            let message = "this string has no end; a line break in it is written `\\n`".to_owned();
            return Err(Wrong { at: start..start + line, message });
        };
        self.at += length;
        let literal = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(literal).map_err(|_names_no_place| Wrong {
            at: start..self.at,
            message: "this string holds an escape that is none".to_owned(),
        })
    }

    fn array(&mut self, depth: usize) -> Result<Kind, Wrong> {
        self.at += 1;
        let mut items = Vec::new();
        loop {
            self.blank();
            if self.peek() == Some(']') && items.is_empty() {
                break;
            }
            items.push(self.value(depth + 1)?);
            self.blank();
            match self.peek() {
                Some(',') => self.at += 1,
                Some(']') => break,
                _ => return Err(self.wrong("a `,` or the closing `]` is missing here")),
            }
        }
        self.at += 1;
        Ok(Kind::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Kind, Wrong> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
        loop {
            self.blank();
            if self.peek() == Some('}') && members.is_empty() {
                break;
            }
            if self.peek() != Some('"') {
                return Err(self.wrong("a field's name is missing here, in double quotes"));
            }
            let start = self.at;
            let key = self.string()?;
            let at = start..self.at;
            if members.iter().any(|member| member.key == key) {
                return Err(Wrong { at, message: format!("`{}` stands twice in one object", key.escape_debug()) });
            }
            self.expect(':', "a `:` is missing here")?;
            let value = self.value(depth + 1)?;
            members.push(Member { key, at, value });
            self.blank();
            match self.peek() {
                Some(',') => self.at += 1,
                Some('}') => break,
                _ => return Err(self.wrong("a `,` or the closing `}` is missing here")),
            }
        }
        self.at += 1;
        Ok(Kind::Object(members))
    }
}

/// From offsets into a string's value to offsets into the text; the whole string when they do not fit.
pub(super) fn inside(text: &str, literal: &Range<usize>, inner: Range<usize>) -> Range<usize> {
    let Some(body) = text.get(literal.start + 1..literal.end.saturating_sub(1)) else { return literal.clone() };
    match (raw_offset(body, inner.start), raw_offset(body, inner.end)) {
        (Some(start), Some(end)) => literal.start + 1 + start..literal.start + 1 + end.max(start),
        _ => literal.clone(),
    }
}

/// The offset in a literal, quotes left out, of the byte that becomes byte `wanted` of its value.
fn raw_offset(body: &str, wanted: usize) -> Option<usize> {
    let (mut at, mut value) = (0, 0);
    while value < wanted {
        let rest = body.get(at..)?;
        let next = rest.chars().next()?;
        if next != '\\' {
            at += next.len_utf8();
            value += next.len_utf8();
            continue;
        }
        let length = match rest.as_bytes().get(1)? {
            b'u' if rest.get(6..8) == Some("\\u") && is_high(rest.get(2..6)?) => 12,
            b'u' => 6,
            _ => 2,
        };
        let piece: String = serde_json::from_str(&format!("\"{}\"", rest.get(..length)?)).ok()?;
        at += length;
        value += piece.len();
    }
    Some(at)
}

/// The first half of a character that is written as two.
fn is_high(digits: &str) -> bool {
    u16::from_str_radix(digits, 16).is_ok_and(|unit| (0xD800..0xDC00).contains(&unit))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    fn plain(node: &Node) -> Value {
        match &node.is {
            Kind::Null => Value::Null,
            Kind::Bool(truth) => Value::Bool(*truth),
            Kind::Number(number) => Value::Number(number.clone()),
            Kind::String(text) => Value::String(text.clone()),
            Kind::Array(items) => items.iter().map(plain).collect(),
            Kind::Object(members) => {
                Value::Object(members.iter().map(|member| (member.key.clone(), plain(&member.value))).collect())
            }
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i32>().prop_map(Value::from),
            "\\PC{0,12}|[\"\\\\\n\t]{0,4}".prop_map(Value::String),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            let fields = prop::collection::btree_map("[a-z\"]{0,4}", inner.clone(), 0..6);
            prop_oneof![
                prop::collection::vec(inner, 0..6).prop_map(Value::Array),
                fields.prop_map(|fields| Value::Object(fields.into_iter().collect::<Map<_, _>>())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_serde_writes_is_read_the_same(value in any_json(), pretty: bool) {
            let text =
                if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) }.unwrap();
            prop_assert_eq!(plain(&parse(&text).unwrap()), value);
        }

        #[test]
        fn whatever_is_read_serde_reads_too(text in "[\\[\\]{}\",:0-9a-z \\\\.-]{0,24}") {
            if let Ok(node) = parse(&text) {
                prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), plain(&node));
            }
        }

        #[test]
        fn every_char_of_a_string_is_found_again(value in "\\PC{1,12}|[\"\\\\\n\tx]{1,6}", pick: prop::sample::Index) {
            let text = format!(" {}", Value::String(value.clone()));
            let chars: Vec<_> = value.char_indices().collect();
            let (offset, wanted) = chars[pick.index(chars.len())];
            let node = parse(&text).unwrap();
            let found = inside(&text, &node.at, offset..offset + wanted.len_utf8());
            let raw = text.get(found).unwrap();
            prop_assert!(raw == wanted.to_string() || raw.starts_with('\\'), "{text} {offset} {raw}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_at_its_place() {
        let wrong = |text: &str| {
            let wrong = parse(text).unwrap_err();
            (text.get(wrong.at).unwrap().to_owned(), wrong.message)
        };
        assert_eq!(wrong("{\"a\" 1}"), ("1".into(), "a `:` is missing here".into()));
        assert_eq!(wrong("[1, 2").1, "a `,` or the closing `]` is missing here");
        assert_eq!(wrong("{\"a\": 1, \"a\": 2}"), ("\"a\"".into(), "`a` stands twice in one object".into()));
        assert_eq!(wrong("[\"x\ny\"]").0, "\"x");
        assert_eq!(wrong("[01]").0, "01");
        assert_eq!(wrong("{} x").0, "x");
        assert!(wrong(&"[".repeat(100)).1.contains("deeply"));
        assert_eq!(wrong("[1,]").0, "]");
    }

    #[test]
    fn a_character_written_as_two_escapes_is_one() {
        let text = r#""\ud83d\ude00x""#;
        let node = parse(text).unwrap();
        assert_eq!(text.get(inside(text, &node.at, 4..5)), Some("x"));
    }
}
