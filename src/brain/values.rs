//! What templates see: one place where everything a turn knows gets its name.

use minijinja::{Value, value::Serde};
use serde::Serialize;
use serde_json::{Map, Value as Json};

use super::{
    names::Names,
    turn::{Me, SentMessage},
    uses::Uses,
};
use crate::{
    base::{Event, Millis, Trigger},
    definition::rule::Scope as Memory,
    webex::model::{AttachmentAction, Message},
};

/// Who a turn is about, with names that fell back already.
#[derive(Debug, Clone, Default)]
pub(super) struct Who {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) display_name: String,
    pub(super) first_name: String,
    pub(super) org_id: String,
}

/// Where a turn happens.
#[derive(Debug, Clone, Default)]
pub(super) struct Where {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) kind: String,
}

/// What a rule found in the text.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// The arguments of a command: an object.
    pub(super) args: Option<Json>,
    /// The groups of a pattern.
    pub(super) captures: Vec<(String, String)>,
    /// What does not fit the usage of the command; said to whoever may use it.
    pub(super) complaint: Option<String>,
}

/// Everything a template may see.
#[derive(Debug, Clone)]
pub(super) struct Values<'a> {
    pub(super) event: &'a Event,
    pub(super) me: &'a Me,
    pub(super) now: Millis,
    /// The message with the bot's mention stripped, if there is a message.
    pub(super) text: &'a str,
    pub(super) message: Option<&'a Message>,
    pub(super) found: &'a Found,
    pub(super) person: Who,
    pub(super) room: Where,
    /// What was entered into a card.
    pub(super) press: Option<&'a AttachmentAction>,
    /// What was kept with the message that holds the card.
    pub(super) sent: Option<&'a SentMessage>,
    /// Keys of the bot's memory that have a value.
    pub(super) state: Vec<(Memory, String, &'a Json)>,
    /// The people of rooms that are named, bots left out.
    pub(super) members: Vec<(String, Vec<Json>)>,
    /// What the open dialogue knows.
    pub(super) dialogue: Option<Json>,
    /// Shared values.
    pub(super) vars: Option<&'a Json>,
    /// What a handler answered.
    pub(super) response: Option<&'a Json>,
}

impl Values<'_> {
    /// The template's context: what it uses, and what is there for few turns only.
    pub(super) fn context(&self, uses: &Uses) -> Value {
        let mut names = Vec::new();
        if uses.bot {
            let me = self.me;
            names.push(("bot", pairs([("id", &me.id), ("name", &me.name), ("email", &me.email)])));
        }
        if uses.event {
            names.push(("event", self.event_value()));
        }
        if uses.now {
            names.push(("now", Value::from(self.now.iso())));
        }
        if uses.room {
            let room = &self.room;
            names.push(("room", pairs([("id", &room.id), ("title", &room.title), ("type", &room.kind)])));
        }
        if uses.captures {
            let captures = self.found.captures.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            names.push(("match", Value::from_pairs(captures)));
        }
        if uses.person {
            names.push(("person", self.person_value()));
        }
        if let Some(args) = &self.found.args {
            names.push(("args", json(args)));
        }
        if uses.message {
            names.push(("message", self.message_value()));
        }
        if let (true, Some(press)) = (uses.inputs, self.press) {
            names.push(("inputs", json(&press.inputs)));
            names.push(("card", self.card_value(press)));
        }
        if let Trigger::Inbound { payload, headers, .. } = &self.event.origin().trigger {
            names.push(("payload", json(payload)));
            names.push(("headers", json(headers)));
        }
        if !uses.members().is_empty() {
            let rooms = self.members.iter().map(|(name, people)| (name.as_str(), json(people)));
            names.push(("members", Value::from_pairs(rooms)));
        }
        if !uses.state().is_empty() {
            names.push(("state", self.state_value()));
        }
        if let Some(dialogue) = &self.dialogue {
            names.push(("dialogue", json(dialogue)));
        }
        if let Some(vars) = self.vars {
            names.push(("vars", json(vars)));
        }
        if let Some(response) = self.response {
            names.push(("response", json(response)));
        }
        Value::from_pairs(names)
    }

    /// Those lenient paths that lead nowhere: they print nothing, and the turn's record says so.
    pub(super) fn missing<'u>(&self, uses: &'u Uses) -> impl Iterator<Item = &'u str> {
        let context = if uses.lenient().is_empty() { Value::UNDEFINED } else { self.context(uses) };
        uses.lenient().iter().map(|path| &**path).filter(move |path| {
            let mut at = context.clone();
            for part in path.split('.') {
                at = at.get_attr(part).unwrap_or(Value::UNDEFINED);
            }
            at.is_undefined()
        })
    }

    fn person_value(&self) -> Value {
        let Who { id, email, display_name, first_name, org_id } = &self.person;
        pairs([
            ("id", id),
            ("email", email),
            ("display_name", display_name),
            ("first_name", first_name),
            ("org_id", org_id),
        ])
    }

    fn event_value(&self) -> Value {
        let origin = self.event.origin();
        let mut fields = vec![("kind", Value::from(origin.kind())), ("at", Value::from(origin.at.iso()))];
        let mut field = |name, value: Value| fields.push((name, value));
        match &origin.trigger {
            Trigger::Schedule { name, planned, .. } => {
                field("name", Value::from(name.as_str()));
                field("value", Value::from(planned.iso()));
            }
            Trigger::Inbound { name, .. } => field("name", Value::from(name.as_str())),
            Trigger::Timer { name, value, .. } => {
                field("name", Value::from(name.as_str()));
                field("value", json(value));
            }
            Trigger::DeliveryFailed { reason, rule, .. } => {
                field("reason", Value::from(reason.as_str()));
                field("rule", Value::from(rule.as_str()));
            }
            _ => {}
        }
        Value::from_pairs(fields)
    }

    fn card_value(&self, press: &AttachmentAction) -> Value {
        let nothing = SentMessage::default();
        let sent = self.sent.unwrap_or(&nothing);
        Value::from_pairs([
            ("context", json(&sent.context)),
            ("key", Value::from(sent.key.clone().unwrap_or_default())),
            ("message_id", Value::from(press.message_id.as_str())),
            ("action", press.inputs.get("action").map_or(Value::UNDEFINED, json)),
        ])
    }

    fn state_value(&self) -> Value {
        let of = |wanted: Memory| {
            let values = self.state.iter().filter(move |(scope, ..)| *scope == wanted);
            Value::from_pairs(values.map(|(_, key, value)| (key.as_str(), json(value))))
        };
        Value::from_pairs(Memory::ALL.map(|(name, scope)| (name, of(scope))))
    }

    fn message_value(&self) -> Value {
        let empty = Message::default();
        let message = self.message.unwrap_or(&empty);
        let or_empty = |text: &Option<String>| Value::from(text.clone().unwrap_or_default());
        Value::from_pairs([
            ("text", Value::from(self.text)),
            ("raw", or_empty(&message.text)),
            ("markdown", or_empty(&message.markdown)),
            ("html", or_empty(&message.html)),
            ("files", message.files.iter().map(String::as_str).collect()),
            ("id", Value::from(message.id.as_str())),
            ("parent_id", or_empty(&message.parent_id)),
        ])
    }
}

/// Values to try a template with. Lenient names are left out: what they hold is not known beforehand.
pub(super) fn sample(text: &str, names: Names<'_>) -> Value {
    let message = Message { text: Some(text.to_owned()), id: "id".into(), ..Message::default() };
    let name = || "Alice Example".to_owned();
    let with_text = |names: &[String]| names.iter().map(|name| (name.clone(), text.to_owned())).collect::<Vec<_>>();
    let args: Map<String, Json> =
        with_text(names.args.unwrap_or_default()).into_iter().map(|(name, text)| (name, text.into())).collect();
    let found =
        Found { args: Some(args.into()), captures: with_text(names.groups.unwrap_or_default()), ..Found::default() };
    let event = Event {
        at: Millis(0),
        actor: None,
        trigger: Trigger::Timer { name: "name".into(), room: "id".into(), person: None, value: text.into() },
    };
    let values = Values {
        event: &event,
        me: &Me { id: "id".into(), name: "Bot".into(), email: "bot@webex.bot".into() },
        now: Millis(0),
        text,
        message: Some(&message),
        found: &found,
        person: Who {
            id: "id".into(),
            email: "alice@example.com".into(),
            display_name: name(),
            first_name: "Alice".into(),
            org_id: "id".into(),
        },
        room: Where { id: "id".into(), title: "A room".into(), kind: "group".into() },
        press: None,
        sent: None,
        state: Vec::new(),
        members: Vec::new(),
        dialogue: None,
        vars: None,
        response: None,
    };
    let (message, person, room) = (true, true, true);
    let (bot, event, now, captures) = (true, true, true, true);
    values.context(&Uses { bot, event, now, captures, message, person, room, ..Uses::default() })
}

/// A JSON value as templates see it.
pub(super) fn json(value: impl Serialize) -> Value {
    Value::from(Serde(value))
}

fn pairs<const N: usize>(pairs: [(&'static str, &str); N]) -> Value {
    Value::from_pairs(pairs.map(|(name, value)| (name, Value::from(value))))
}
