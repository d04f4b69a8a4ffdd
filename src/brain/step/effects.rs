//! What a program wants to have happen becomes effects of the turn, within the same limits as what a rule says.

use std::sync::Arc;

use super::{Stop, act::Acting};
use crate::{
    base::{Event, StateOp, StateScope, Trigger},
    brain::{
        Act, Attached, Delivery, DialogueStep, Effect, Fact, Keyed, Read, ScriptRun, SetTimer, Then,
        messages::messages,
        program::{Script, To},
    },
    definition::{Format, rule::Scope as Memory},
    handlers::answer::{self, Edit, HandlerAnswer, HandlerEffect, Remember, Say, SayForm, Scope},
};

/// Items of a list that stay, where nothing else is said; and at most.
const KEEP: (u32, u32) = (100, 1_000);

impl Acting<'_, '_> {
    /// Runs a script inside the turn: what it asks for is in the same commit as all else.
    pub(super) fn script(&mut self, script: &Script) -> Result<(), Stop> {
        let turn = self.turn().to_value().to_string();
        let read = Read::Script(ScriptRun { source: Arc::clone(&script.source), turn });
        let answer = match self.stepper.turn.facts.get(&read) {
            None => return Err(Stop::Need(vec![read])),
            Some(Fact::Script(Ok(answer))) => {
                HandlerAnswer::from_value(answer.clone()).map_err(|error| error.to_string())
            }
            Some(Fact::Script(Err(why))) => Err(why.clone()),
            Some(_) => Err("it was not run".to_owned()),
        };
        match (answer, &script.on_error) {
            (Ok(answer), _) => {
                answer.effects.into_iter().try_for_each(|effect| self.handler_effect(effect, &script.to))
            }
            (Err(why), None) => Err(Stop::Fail(format!("the script of {} failed: {why}", self.label))),
            (Err(why), Some(said)) => {
                let response = serde_json::json!({ "error": why, "cause": "failed" });
                let mut values = self.values.clone();
                values.response = Some(&response);
                let said = said
                    .say(self.stepper.engine, Format::Text, &values)
                    .map_err(|error| Stop::template(self.label, &error))?;
                self.decision.notes.push(format!("the script failed: {why}"));
                self.say_plainly(&said, &script.to)
            }
        }
    }

    /// `to` is where it speaks to, where it says nothing of that.
    pub(super) fn handler_effect(&mut self, effect: HandlerEffect, to: &[To]) -> Result<(), Stop> {
        match effect {
            HandlerEffect::Say(SayForm::Text(text)) => {
                self.handler_say(&Say { text: Some(text), ..Say::default() }, to)
            }
            HandlerEffect::Say(SayForm::Message(say)) => self.handler_say(&say, to),
            HandlerEffect::Edit(edit) => self.handler_edit(edit),
            HandlerEffect::Delete(named) => {
                let act = match (named.message, named.key) {
                    (Some(message), _) => Act::Delete(message),
                    (None, key) => Act::DeleteKey(key.unwrap_or_default()),
                };
                self.act_here(act);
                Ok(())
            }
            HandlerEffect::Remember(remember) => self.handler_remember(remember),
            HandlerEffect::Timer(timer) => {
                let event = self.stepper.turn.event;
                let at = self.now().plus(std::time::Duration::from_secs(timer.after_seconds));
                let trigger = Trigger::Timer {
                    name: timer.name.clone(),
                    room: event.room().to_owned(),
                    person: event.person().map(str::to_owned),
                    value: timer.value,
                };
                let event = Event { at, actor: event.person().map(str::to_owned), trigger };
                self.effect(Effect::Timer(SetTimer { name: timer.name, at, event }));
                Ok(())
            }
            HandlerEffect::CancelTimer(name) => {
                self.effect(Effect::CancelTimer(name));
                Ok(())
            }
            HandlerEffect::End(true) => self.end_dialogue(),
            HandlerEffect::End(false) => Ok(()),
        }
    }

    fn handler_say(&mut self, say: &Say, to: &[To]) -> Result<(), Stop> {
        let (text, format) = match (&say.markdown, &say.text) {
            (Some(markdown), _) => (markdown.as_str(), Format::Markdown),
            (None, Some(text)) => (text.as_str(), Format::Text),
            (None, None) => ("", Format::Text),
        };
        let destinations = match &say.to {
            Some(written) => self.written_destinations(written)?,
            None => self.destinations(to)?,
        };
        for destination in destinations {
            let here = destination == self.stepper.here();
            let thread = if say.thread { Some(true) } else { None };
            let parent = if here { self.stepper.thread(thread, self.scene.message) } else { None };
            let mut parts = messages(text, format, &destination, parent.as_deref());
            if parts.is_empty() && (say.card.is_some() || say.file.is_some()) {
                parts.push(Delivery { parent, ..Delivery::to(destination) });
            }
            if let Some(first) = parts.first_mut() {
                if format == Format::Markdown && say.card.is_some() && first.text.is_none() {
                    first.text.clone_from(&say.text);
                }
                first.card.clone_from(&say.card);
                first.file = say.file.clone().map(Attached::Url);
                first.key = say.key.clone().map(|key| Keyed { key, then: say.then.map(then).unwrap_or_default() });
                first.context.clone_from(&say.context);
            }
            parts.into_iter().for_each(|part| self.deliver(part));
        }
        Ok(())
    }

    fn handler_edit(&mut self, edit: Edit) -> Result<(), Stop> {
        let (text, format) = match (&edit.markdown, &edit.text) {
            (Some(markdown), _) => (markdown.as_str(), Format::Markdown),
            (None, text) => (text.as_deref().unwrap_or_default(), Format::Text),
        };
        let mut parts = messages(text, format, &self.stepper.here(), None);
        if parts.len() > 1 {
            let label = self.label;
            return Err(Stop::Fail(format!("the program of {label} edits a message to more than one can hold")));
        }
        if let Some(mut part) = parts.pop() {
            part.act = Act::Edit(edit.message);
            self.deliver(part);
        }
        Ok(())
    }

    fn handler_remember(&mut self, remember: Remember) -> Result<(), Stop> {
        let scope: StateScope = self.memory(match remember.scope {
            Scope::Bot => Memory::Bot,
            Scope::Room => Memory::Room,
            Scope::Person => Memory::Person,
        })?;
        let (of, key) = (scope.clone(), remember.key.clone());
        let operation = match (remember.set, remember.append, remember.add) {
            (Some(value), ..) => StateOp::Set { scope: of, key, value },
            (_, Some(value), _) => {
                let keep = remember.keep.unwrap_or(KEEP.0).clamp(1, KEEP.1);
                StateOp::Append { scope: of, key, value, keep }
            }
            (.., Some(amount)) => StateOp::Add { scope: of, key, amount },
            _ => StateOp::Expire { scope: of, key, at: self.now() },
        };
        self.effect(Effect::Remember(operation));
        if let Some(seconds) = remember.expires_seconds {
            let at = self.now().plus(std::time::Duration::from_secs(seconds));
            self.effect(Effect::Remember(StateOp::Expire { scope, key: remember.key, at }));
        }
        Ok(())
    }

    /// Ends what this person is in the middle of in this room, if anything.
    fn end_dialogue(&mut self) -> Result<(), Stop> {
        let event = self.stepper.turn.event;
        let (room, Some(person)) = (event.room().to_owned(), event.person().map(str::to_owned)) else { return Ok(()) };
        let read = Read::Dialogue { room: room.clone(), person: person.clone() };
        match self.stepper.turn.facts.get(&read) {
            None => return Err(Stop::Need(vec![read])),
            Some(Fact::Dialogue(version, Some(_))) => {
                self.effect(Effect::Dialogue(DialogueStep { room, person, read: *version, value: None }));
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn then(then: answer::Then) -> Then {
    match then {
        answer::Then::Edit => Then::Edit,
        answer::Then::Thread => Then::Thread,
        answer::Then::Replace => Then::Replace,
        answer::Then::Skip => Then::Skip,
    }
}
