//! A program answered, or will not: its effects happen, or the rule that asked says what it says then.

use serde_json::{Value, json};

use super::{Stepper, Stop, act::Acting, nothing, scene::Scene};
use crate::{
    base::{Change, Trigger},
    brain::{
        Decision, Fact, Read, mention,
        program::{Asks, Body, Does, Rule},
        values::Found,
    },
    handlers::answer::HandlerAnswer,
};

/// A rule that asks, and how it is found in a text when it is a command.
#[derive(Clone, Copy)]
struct Asking<'a> {
    asks: &'a Asks,
    command: Option<&'a Rule>,
}

impl<'a> Stepper<'a> {
    /// Every rule's body with its labels.
    fn bodies(self) -> impl Iterator<Item = (Vec<String>, &'a Body, Option<&'a Rule>)> {
        let commands = self.program.rules.iter().map(|rule| (rule.labels(), &rule.body, Some(rule)));
        let ons = self.program.ons.iter().map(|on| (vec![on.what.label()], &on.body, None));
        let fallback = self.program.fallback.iter().map(|body| (vec!["fallback".to_owned()], body, None));
        let schedules = self.program.schedules.iter().zip(&self.program.schedule_rules);
        let schedules = schedules.map(|(one, rule)| (vec![format!("schedule \"{}\"", one.name)], &rule.body, None));
        let hooks = self.program.inbound_rules.iter();
        let hooks = hooks.map(|(hook, body)| (vec![format!("inbound \"{hook}\"")], body, None));
        commands.chain(ons).chain(fallback).chain(schedules).chain(hooks)
    }

    /// The label by which the answer finds its rule again: several rules of one label are told apart by a number.
    pub(super) fn ask_label(self, label: &str, asks: &Asks) -> String {
        let same = self.bodies().filter(|(labels, ..)| labels.iter().any(|known| known == label));
        let mut before = 0;
        for (_, body, _) in same {
            match asked(body) {
                Some(found) if std::ptr::eq(found, asks) => break,
                Some(_) => before += 1,
                None => {}
            }
        }
        if before == 0 { label.to_owned() } else { format!("{label} #{}", before + 1) }
    }

    fn asking(self, label: &str) -> Option<Asking<'a>> {
        let (label, number) = match label.rsplit_once(" #") {
            Some((label, number)) if number.parse::<usize>().is_ok() => (label, number.parse().unwrap_or(1)),
            _ => (label, 1),
        };
        let same = self.bodies().filter(|(labels, ..)| labels.iter().any(|known| known == label));
        let asking = same.filter_map(|(_, body, command)| Some(Asking { asks: asked(body)?, command }));
        asking.into_iter().nth(number.max(1) - 1)
    }

    pub(super) fn answer(self, label: &str, result: &Value) -> Result<Decision, Stop> {
        let Some(asking) = self.asking(label) else {
            return Ok(nothing(&format!("none: {label} has gone, or asks nobody any more")));
        };
        if let Some(effects) = result.get("effects") {
            let answer = HandlerAnswer::from_value(json!({ "effects": effects }))
                .map_err(|error| Stop::Fail(format!("the stored answer to {label} cannot be used: {error}")))?;
            let (scene, found) = (Scene::of(self), Found::default());
            let (values, _) = scene.values(&asking.asks.later, &found)?;
            let mut acting = Acting { stepper: self, scene: &scene, values, label, decision: nothing(label) };
            for effect in answer.effects {
                acting.handler_effect(effect, &asking.asks.to)?;
            }
            return Ok(acting.decision);
        }
        self.respond(label, asking, result)
    }

    /// What the rule itself says of a response, or of there being none.
    fn respond(self, label: &str, asking: Asking<'a>, result: &Value) -> Result<Decision, Stop> {
        let asks = asking.asks;
        let (response, failed) = match result.get("response") {
            Some(response) => (response_of(response), false),
            None => (json!({ "error": result.get("error"), "cause": result.get("cause") }), true),
        };
        if failed && asks.on_error.is_none() {
            let mut decision = nothing(label);
            decision.notes.push("the call was given up, and the rule has no `on_error`".to_owned());
            return Ok(decision);
        }
        let message = self.asked_message(asking)?;
        let text = message.map(|message| mention::stripped(message, self.turn.me)).unwrap_or_default();
        let mut scene = Scene { text: &text, message, ..Scene::of(self) };
        let found = match asking.command {
            Some(rule) => self.hit(&scene, rule)?.map(|(_, found)| found).unwrap_or_default(),
            None => Found::default(),
        };
        if let Trigger::CardAction { id, message, .. } = &self.turn.event.origin().trigger {
            scene.pressed = Some(message);
            if asks.later.inputs || asks.later.card {
                scene.press = match self.turn.facts.get(&Read::Press(id.clone())) {
                    Some(Fact::Press(press)) => Some(press),
                    Some(_) => None,
                    None => return Err(Stop::Need(vec![Read::Press(id.clone())])),
                };
            }
        }
        let (mut values, mut notes) = scene.values(&asks.later, &found)?;
        values.response = Some(&response);
        notes.retain(|note| !note.starts_with("`response"));
        let decision = Decision { notes, ..nothing(label) };
        let mut acting = Acting { stepper: self, scene: &scene, values, label, decision };
        match (&asks.on_error, failed) {
            (Some(said), true) => {
                let said = acting.text(said)?;
                acting.say_plainly(&said, &asks.to)?;
            }
            _ => {
                for does in &asks.then {
                    acting.one(does)?;
                }
            }
        }
        Ok(acting.decision)
    }

    /// The message that was answered, where what is said of the answer needs it.
    fn asked_message(self, asking: Asking<'a>) -> Result<Option<&'a crate::webex::model::Message>, Stop> {
        let Trigger::Message { change: Change::Created | Change::Updated, id, .. } = &self.turn.event.origin().trigger
        else {
            return Ok(None);
        };
        // A command's arguments are found in its message again.
        if !asking.asks.later.message && asking.command.is_none() {
            return Ok(None);
        }
        match self.turn.facts.get(&Read::Message(id.clone())) {
            Some(Fact::Message(message)) => Ok(Some(message)),
            Some(_) => Ok(None),
            None => Err(Stop::Need(vec![Read::Message(id.clone())])),
        }
    }
}

/// What templates see of a response: its JSON too, where it is some.
fn response_of(response: &Value) -> Value {
    let mut seen = response.clone();
    if let Value::Object(fields) = &mut seen {
        let text = fields.get("text").and_then(Value::as_str).unwrap_or_default();
        if let Ok(json) = serde_json::from_str::<Value>(text) {
            fields.insert("json".to_owned(), json);
        }
        fields.remove("json_type");
    }
    seen
}

fn asked(body: &Body) -> Option<&Asks> {
    body.does.iter().find_map(|does| match does {
        Does::Ask(asks) => Some(&**asks),
        _ => None,
    })
}
