//! What a program answers: effects as JSON, or plain text.
//!
//! It is read strictly: a field that means nothing is a slip of the pen, and one that is dropped without a word is
//! worse than an error that names it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

/// Effects of one answer at most.
pub const MOST_EFFECTS: usize = 100;
/// Bytes of one text, markdown or plain, at most: what is longer than one message is split, but not without end.
pub const LONGEST_TEXT: usize = 64 * 1024;
/// Bytes of one value to be remembered, as JSON.
pub const LARGEST_VALUE: usize = 64 * 1024;

/// What a program wants to have happen.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HandlerAnswer {
    /// In this order.
    #[serde(default)]
    pub effects: Vec<HandlerEffect>,
    /// Nothing more will come for this call. Only asked for where answers are posted; an answer to the call itself is
    /// always the last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
}

/// One thing to happen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum HandlerEffect {
    /// Write a message. A text alone is `{"text": …}`.
    Say(SayForm),
    /// Change a message of the bot.
    Edit(Edit),
    /// Delete a message of the bot.
    Delete(Named),
    /// Change the bot's memory.
    Remember(Remember),
    /// Have an event come later; the same name again replaces it.
    Timer(Timer),
    /// Forget a timer that was set.
    CancelTimer(String),
    /// End the dialogue of this person in this room.
    End(bool),
}

/// A message, or its text alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum SayForm {
    /// Plain text.
    Text(String),
    /// A message.
    Message(Box<Say>),
}

/// A message to be written.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Say {
    /// Plain text. Beside a card: what clients show that cannot draw it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
    /// An adaptive card, as JSON. Needs a text beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<Value>,
    /// A file, by its public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Where to: `room`, `person`, `@name` of `[rooms]`, a room's id, an address. Without it: the room it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Into the thread of the message that is answered.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub thread: bool,
    /// A name for the message, so that a later one can change it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What becomes of an earlier message of that name: `edit` (when nothing is said), `thread`, `replace`, `skip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Then>,
    /// Kept with the message and given back as `card.context` when its card is pressed. No client sees it.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub context: Value,
}

/// What becomes of an earlier message of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// It is changed.
    Edit,
    /// The new one is written into its thread.
    Thread,
    /// It is deleted and the new one written.
    Replace,
    /// The new one is not written.
    Skip,
}

/// A message of the bot: by its id, or by the key it was sent under.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Named {
    /// Its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

/// A message of the bot and its new text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// The message's id.
    pub message: String,
    /// Plain text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Markdown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub markdown: Option<String>,
}

/// A change of the bot's memory: exactly one of `set`, `append`, `add`, `forget`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Remember {
    /// Whose memory: `bot`, `room`, `person`.
    pub scope: Scope,
    /// The key.
    pub key: String,
    /// Replace the value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Value>,
    /// Append to a list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub append: Option<Value>,
    /// Add to a number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add: Option<i64>,
    /// Forget it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub forget: bool,
    /// Seconds after which it is forgotten.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_seconds: Option<u64>,
    /// How many items of a list stay.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<u32>,
}

/// Whose memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// The whole bot.
    Bot,
    /// The room it is about.
    Room,
    /// The person it is about.
    Person,
}

/// A timer to be set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timer {
    /// Its name, one a bot; `[[on]] event = "timer"` hears of it.
    pub name: String,
    /// In how many seconds.
    pub after_seconds: u64,
    /// Given along.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub value: Value,
}

/// Why an answer cannot be used: for whoever wrote the program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AnswerError(pub String);

impl HandlerAnswer {
    /// One message in plain text; an empty one says nothing.
    #[must_use]
    pub fn text(text: &str) -> Self {
        let text = text.trim_end();
        let effects =
            if text.is_empty() { Vec::new() } else { vec![HandlerEffect::Say(SayForm::Text(text.to_owned()))] };
        Self { effects, done: false }
    }

    /// Reads what came back. With `json` it must be JSON; without, it is JSON when it begins like an object, and
    /// plain text otherwise.
    ///
    /// # Errors
    /// [`AnswerError`] names the effect and the field.
    pub fn read(body: &[u8], json: bool) -> Result<Self, AnswerError> {
        let Ok(text) = std::str::from_utf8(body) else {
            return Err(AnswerError("the answer is not UTF-8".into()));
        };
        if text.trim().is_empty() {
            return Ok(Self::default());
        }
        if !json && !text.trim_start().starts_with('{') {
            if text.len() > LONGEST_TEXT {
                return Err(AnswerError(format!(
                    "the answer has {} bytes of text; {LONGEST_TEXT} are allowed",
                    text.len()
                )));
            }
            return Ok(Self::text(text));
        }
        let value: Value = serde_json::from_str(text)
            .map_err(|error| AnswerError(format!("the answer is no JSON: {}", place(&error))))?;
        Self::from_value(value)
    }

    /// Reads an answer that is JSON already.
    ///
    /// # Errors
    /// As [`HandlerAnswer::read`].
    pub fn from_value(value: Value) -> Result<Self, AnswerError> {
        let Value::Object(mut fields) = value else {
            return Err(AnswerError(r#"the answer must be an object like {"effects": [{"say": "hello"}]}"#.into()));
        };
        let effects = fields.remove("effects");
        let done = match fields.remove("done") {
            None => false,
            Some(Value::Bool(done)) => done,
            Some(_) => return Err(AnswerError("`done` must be true or false".into())),
        };
        // What a program says of its version is for people; the form decides.
        fields.remove("version");
        if let Some(unknown) = fields.keys().next() {
            return Err(AnswerError(format!("unknown field `{unknown}`; an answer has `effects` and `done`")));
        }
        let list = match effects {
            None => Vec::new(),
            Some(Value::Array(list)) => list,
            Some(_) => return Err(AnswerError("`effects` must be a list".into())),
        };
        if list.len() > MOST_EFFECTS {
            return Err(AnswerError(format!("{} effects in one answer; {MOST_EFFECTS} are allowed", list.len())));
        }
        let effects = list.into_iter().enumerate().map(|(at, value)| effect(at, value)).collect::<Result<_, _>>()?;
        Ok(Self { effects, done })
    }
}

/// Reads one effect; by hand as far as its name goes, so that the error can say where it is.
fn effect(at: usize, value: Value) -> Result<HandlerEffect, AnswerError> {
    const KNOWN: &str = "`say`, `edit`, `delete`, `remember`, `timer`, `cancel_timer`, `end`";
    let place = format!("effects[{at}]");
    let Value::Object(fields) = value else {
        return Err(AnswerError(format!(r#"{place} must be an object with one name, like {{"say": "hello"}}"#)));
    };
    let mut fields = fields.into_iter();
    let (Some((name, body)), None) = (fields.next(), fields.next()) else {
        return Err(AnswerError(format!("{place} must have exactly one name: {KNOWN}")));
    };
    let place = format!("{place}.{name}");
    let effect = match name.as_str() {
        "say" => HandlerEffect::Say(match body {
            Value::String(text) => SayForm::Text(text),
            other => SayForm::Message(Box::new(read(&place, other)?)),
        }),
        "edit" => HandlerEffect::Edit(read(&place, body)?),
        "delete" => HandlerEffect::Delete(read(&place, body)?),
        "remember" => HandlerEffect::Remember(read(&place, body)?),
        "timer" => HandlerEffect::Timer(read(&place, body)?),
        "cancel_timer" => HandlerEffect::CancelTimer(read(&place, body)?),
        "end" => HandlerEffect::End(read(&place, body)?),
        _ => return Err(AnswerError(format!("{place}: there is no such effect; there are {KNOWN}"))),
    };
    check(&effect).map_err(|why| AnswerError(format!("{place}: {why}")))?;
    Ok(effect)
}

fn read<T: DeserializeOwned>(place: &str, value: Value) -> Result<T, AnswerError> {
    // What serde says names fields and types of ours; a text of the answer it would quote is the program's own.
    serde_json::from_value(value).map_err(|error| AnswerError(format!("{place}: {error}")))
}

/// The rules that types do not say.
fn check(effect: &HandlerEffect) -> Result<(), String> {
    let long = |name: &str, text: &Option<String>| match text {
        Some(text) if text.len() > LONGEST_TEXT => {
            Err(format!("`{name}` has {} bytes; {LONGEST_TEXT} are allowed", text.len()))
        }
        _ => Ok(()),
    };
    match effect {
        HandlerEffect::Say(SayForm::Text(text)) => long("say", &Some(text.clone())),
        HandlerEffect::Say(SayForm::Message(say)) => {
            long("text", &say.text)?;
            long("markdown", &say.markdown)?;
            if say.text.is_none() && say.markdown.is_none() && say.file.is_none() {
                return Err("it says nothing: it needs `text`, `markdown` or `file`, beside a `card` too".into());
            }
            if say.card.is_some() && say.file.is_some() {
                return Err("a message has a card or a file, not both".into());
            }
            if say.then.is_some() && say.key.is_none() {
                return Err("`then` needs a `key`".into());
            }
            key("key", say.key.as_deref())
        }
        HandlerEffect::Edit(edit) => {
            long("text", &edit.text)?;
            long("markdown", &edit.markdown)?;
            if edit.text.is_none() && edit.markdown.is_none() {
                return Err("it needs `text` or `markdown`".into());
            }
            Ok(())
        }
        HandlerEffect::Delete(named) => match (&named.message, &named.key) {
            (Some(_), None) | (None, Some(_)) => Ok(()),
            _ => Err("it needs `message` or `key`, and not both".into()),
        },
        HandlerEffect::Remember(remember) => {
            key("key", Some(&remember.key))?;
            let ways = [remember.set.is_some(), remember.append.is_some(), remember.add.is_some(), remember.forget];
            if ways.into_iter().filter(|way| *way).count() != 1 {
                return Err("it needs exactly one of `set`, `append`, `add` and `forget`".into());
            }
            let value = remember.set.as_ref().or(remember.append.as_ref());
            match value.map(|value| value.to_string().len()) {
                Some(size) if size > LARGEST_VALUE => {
                    Err(format!("the value has {size} bytes as JSON; {LARGEST_VALUE} are allowed"))
                }
                _ => Ok(()),
            }
        }
        HandlerEffect::Timer(timer) => key("name", Some(&timer.name)),
        HandlerEffect::CancelTimer(_) | HandlerEffect::End(_) => Ok(()),
    }
}

/// Names that begin with `$` are the house's own.
fn key(field: &str, name: Option<&str>) -> Result<(), String> {
    match name {
        Some("") => Err(format!("`{field}` is empty")),
        Some(name) if name.len() > 200 => Err(format!("`{field}` is longer than 200 bytes")),
        Some(name) if name.starts_with('$') => Err(format!("`{field}` may not begin with `$`")),
        _ => Ok(()),
    }
}

/// Where a JSON text stops being one. Not serde's own words: they may quote it.
fn place(error: &serde_json::Error) -> String {
    format!("line {}, column {}", error.line(), error.column())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn refused(value: Value) -> String {
        HandlerAnswer::from_value(value).unwrap_err().to_string()
    }

    #[test]
    fn plain_text_is_one_message_and_nothing_is_none() {
        let answer = HandlerAnswer::read(b"hello\n", false).unwrap();
        assert_eq!(answer.effects, [HandlerEffect::Say(SayForm::Text("hello".into()))]);
        assert!(HandlerAnswer::read(b" \n", false).unwrap().effects.is_empty());
        assert!(HandlerAnswer::read(b"hello", true).unwrap_err().0.contains("no JSON"));
    }

    #[test]
    fn every_effect_is_read_as_documented() {
        let answer = json!({"version": "1", "done": true, "effects": [
            {"say": "a"},
            {"say": {"markdown": "**b**", "to": "@ops", "thread": true, "key": "k", "then": "thread"}},
            {"say": {"text": "c", "card": {"type": "AdaptiveCard"}, "context": {"id": 1}}},
            {"edit": {"message": "M", "text": "d"}},
            {"delete": {"key": "k"}},
            {"remember": {"scope": "room", "key": "n", "add": 1}},
            {"timer": {"name": "t", "after_seconds": 60, "value": [1]}},
            {"cancel_timer": "t"},
            {"end": true},
        ]});
        let read = HandlerAnswer::from_value(answer.clone()).unwrap();
        assert_eq!((read.effects.len(), read.done), (9, true));
        let again = HandlerAnswer::from_value(serde_json::to_value(&read).unwrap()).unwrap();
        assert_eq!(again, read, "it is stored and read again");
    }

    #[test]
    fn a_wrong_answer_names_the_effect_and_the_field() {
        let one = |effect: Value| refused(json!({"effects": [{"say": "fine"}, effect]}));
        assert!(one(json!({"say": {"txt": "x"}})).starts_with("effects[1].say: unknown field `txt`"));
        assert!(one(json!({"shout": "x"})).contains("effects[1].shout: there is no such effect"));
        assert!(one(json!({"say": "a", "end": true})).contains("exactly one name"));
        assert!(one(json!({"say": {"card": {}}})).contains("it says nothing"));
        assert!(one(json!({"remember": {"scope": "bot", "key": "$x", "set": 1}})).contains("may not begin with `$`"));
        assert!(one(json!({"remember": {"scope": "bot", "key": "x"}})).contains("exactly one of"));
        assert!(one(json!({"delete": {}})).contains("`message` or `key`"));
        assert!(refused(json!([])).contains("must be an object"));
        assert!(refused(json!({"effect": []})).contains("unknown field `effect`"));
    }

    #[test]
    fn an_answer_has_bounds() {
        let many = vec![json!({"say": "x"}); MOST_EFFECTS + 1];
        assert!(refused(json!({ "effects": many })).contains("101 effects"));
        assert!(refused(json!({"effects": [{"say": "x".repeat(LONGEST_TEXT + 1)}]})).contains("65537 bytes"));
        assert!(HandlerAnswer::read("x".repeat(LONGEST_TEXT + 1).as_bytes(), false).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>, json: bool) {
            let _ = HandlerAnswer::read(&body, json);
        }

        #[test]
        fn what_is_read_can_be_written_and_read_again(text in ".{1,40}", key in "[a-z]{1,9}") {
            let value = json!({"effects": [{"say": {"text": text, "key": key}}, {"cancel_timer": key}]});
            let read = HandlerAnswer::from_value(value).unwrap();
            prop_assert_eq!(HandlerAnswer::from_value(serde_json::to_value(&read).unwrap()).unwrap(), read);
        }
    }
}
