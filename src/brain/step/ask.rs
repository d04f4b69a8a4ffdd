//! Asks a program: what a rule says of a call becomes a call with everything in it that it needs.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Map, Value};
use url::form_urlencoded;

use super::{Stop, act::Acting};
use crate::{
    base::{Digest, Trigger},
    brain::{
        Effect, HandlerCall, Target,
        call::Part,
        program::{AskBody, AskForm, Asks, Piece},
        template::Text,
    },
    definition::rule::Scope as Memory,
    handlers::turn::{self, VERSION},
};

/// Bytes of a body that is sent to an API at most.
const MAX_BODY: usize = 256 * 1024;

impl Acting<'_, '_> {
    pub(super) fn ask(&mut self, asks: &Asks) -> Result<(), Stop> {
        let event = self.stepper.turn.event;
        let target = match &asks.form {
            AskForm::Http { url, secret } => Target::Http {
                url: url.to_string(),
                secret: secret.as_ref().map(ToString::to_string),
                turn: self.turn().to_value(),
            },
            AskForm::Forward { url, secret } => {
                Target::Forward { url: url.to_string(), secret: secret.to_string(), envelope: String::new() }
            }
            AskForm::Exec { command, env, worker } => Target::Exec {
                command: command.iter().map(ToString::to_string).collect(),
                file: self.stepper.program.file().to_owned(),
                env: env.iter().map(|(name, value)| (name.to_string(), value.clone())).collect(),
                turn: self.turn().to_value(),
                worker: *worker,
            },
            AskForm::Call { method, url, query, headers, body } => {
                let url = self.url(url, query)?;
                let (body, kind) = self.body(body.as_ref())?;
                let mut filled = Vec::with_capacity(headers.len() + 1);
                for (name, pieces) in headers {
                    filled.push((name.to_string(), self.parts(pieces)?));
                }
                let has_kind = filled.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
                if let (Some(kind), false) = (kind, has_kind) {
                    filled.push(("content-type".to_owned(), vec![Part::Text(kind.to_owned())]));
                }
                Target::Call { method: (*method).to_owned(), url, headers: filled, body }
            }
        };
        let rule = self.stepper.ask_label(self.label, asks);
        let order = Digest::of([b"call".as_slice(), rule.as_bytes(), event.order_key().as_bytes()]).mark();
        self.effect(Effect::Call(HandlerCall {
            rule,
            origin: Box::new(event.clone()),
            order,
            busy: asks.busy,
            max_in_flight: asks.max_in_flight,
            timeout_ms: asks.timeout_ms,
            target,
        }));
        Ok(())
    }

    /// The address with what follows its `?`. What templates put behind the host stays behind it.
    fn url(&self, url: &Text, query: &[(Box<str>, Text)]) -> Result<String, Stop> {
        let mut written = self.text(url)?;
        if !query.is_empty() {
            let mut pairs = form_urlencoded::Serializer::new(String::new());
            for (name, value) in query {
                pairs.append_pair(name, &self.text(value)?);
            }
            let begin = if written.contains('?') { '&' } else { '?' };
            let _ = write!(written, "{begin}{}", pairs.finish());
        }
        // Spaces and the like that a value brought are encoded; the host is not a template.
        let parsed = url::Url::parse(&written)
            .map_err(|_quotes_it| Stop::Fail(format!("the `url` of {} is no address", self.label)))?;
        Ok(parsed.into())
    }

    fn body(&self, body: Option<&AskBody>) -> Result<(Option<String>, Option<&'static str>), Stop> {
        let (text, kind) = match body {
            None => return Ok((None, None)),
            Some(AskBody::Json(data)) => (self.value(data)?.to_string(), "application/json"),
            Some(AskBody::Form(fields)) => {
                let mut pairs = form_urlencoded::Serializer::new(String::new());
                for (name, value) in fields {
                    pairs.append_pair(name, &self.text(value)?);
                }
                (pairs.finish(), "application/x-www-form-urlencoded")
            }
            Some(AskBody::Text(text)) => (self.text(text)?, "text/plain; charset=utf-8"),
        };
        if text.len() > MAX_BODY {
            return Err(Stop::Fail(format!("the body of {} is larger than {MAX_BODY} bytes", self.label)));
        }
        Ok((Some(text), Some(kind)))
    }

    fn parts(&self, pieces: &[Piece]) -> Result<Vec<Part>, Stop> {
        let part = |piece: &Piece| {
            Ok(match piece {
                // One line, whatever was said: a header ends where its line does.
                Piece::Text(text) => Part::Text(self.text(text)?.replace(['\r', '\n'], " ")),
                Piece::Secret(place) => Part::Secret(place.to_string()),
            })
        };
        pieces.iter().map(part).collect()
    }

    /// The turn as a program is told it.
    pub(super) fn turn(&self) -> turn::HandlerTurn {
        let (values, event) = (&self.values, self.stepper.turn.event.origin());
        let me = self.stepper.turn.me;
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let message = values.message.map(|message| turn::Message {
            id: message.id.clone(),
            text: values.text.to_owned(),
            raw: text(&message.text),
            markdown: text(&message.markdown),
            html: text(&message.html),
            parent_id: text(&message.parent_id),
            files: message.files.clone(),
        });
        let person = Some(&values.person).filter(|person| !person.id.is_empty()).map(|person| turn::Person {
            id: person.id.clone(),
            email: person.email.clone(),
            display_name: person.display_name.clone(),
            first_name: person.first_name.clone(),
        });
        let room = Some(&values.room).filter(|room| !room.id.is_empty()).map(|room| turn::Room {
            id: room.id.clone(),
            title: room.title.clone(),
            kind: room.kind.clone(),
        });
        let args = match &values.found.args {
            Some(Value::Object(args)) => args.clone().into_iter().collect(),
            _ => BTreeMap::new(),
        };
        let captures = values.found.captures.iter();
        let (mut inputs, mut card) = (Value::Null, Value::Null);
        if let Some(press) = values.press {
            inputs = Value::Object(press.inputs.clone().into_iter().collect());
            let context = values.sent.map(|sent| sent.context.clone()).unwrap_or_default();
            let mut known = Map::new();
            known.insert("message_id".into(), press.message_id.clone().into());
            known.insert("context".into(), context);
            card = Value::Object(known);
        }
        turn::HandlerTurn {
            version: VERSION.to_owned(),
            bot: turn::Bot {
                id: self.stepper.program.bot().to_string(),
                person_id: me.id.clone(),
                display_name: me.name.clone(),
                email: me.email.clone(),
            },
            trigger: event.kind().to_owned(),
            at: event.at.iso(),
            rule: self.label.to_owned(),
            message,
            person,
            room,
            args,
            caught: captures.map(|(name, value)| (name.clone(), Value::from(value.as_str()))).collect(),
            inputs,
            card,
            payload: match &event.trigger {
                Trigger::Inbound { payload, .. } => payload.clone(),
                Trigger::Timer { value, .. } => value.clone(),
                _ => Value::Null,
            },
            state: self.told_state(),
            ..turn::HandlerTurn::default()
        }
    }

    fn told_state(&self) -> Value {
        let mut all = Map::new();
        for (name, wanted) in Memory::ALL {
            let of = self.values.state.iter().filter(|(scope, ..)| *scope == wanted);
            let of: Map<String, Value> = of.map(|(_, key, value)| (key.clone(), (*value).clone())).collect();
            if !of.is_empty() {
                all.insert(name.to_owned(), Value::Object(of));
            }
        }
        if all.is_empty() { Value::Null } else { Value::Object(all) }
    }
}
