//! Does what a rule's body says: all of it becomes effects of one turn.

use serde_json::{Value, json};

use super::{Stepper, Stop, gate::Gate, nothing, scene::Scene};
use crate::{
    base::{Event, Millis, StateOp, StateScope, Trigger},
    brain::{
        Act, Decision, Delivery, Effect, Fact, Read, SetTimer,
        messages::messages,
        program::{At, Body, Does, Once, Operation, Remember, Timer, To},
        template::Text,
        values::{Found, Values},
    },
    definition::{Format, rule::Scope as Memory},
};

/// How long the first press of a card is remembered: cards stay active for ever, so long enough for anybody.
const ONCE_KEPT: std::time::Duration = std::time::Duration::from_hours(90 * 24);
/// Rooms that one topic may have.
pub(super) const MAX_SUBSCRIBED: usize = 500;

/// A rule at work: what it sees, and what it has come to so far.
pub(super) struct Acting<'s, 'a> {
    pub(super) stepper: Stepper<'a>,
    pub(super) scene: &'s Scene<'a>,
    pub(super) values: Values<'a>,
    pub(super) label: &'s str,
    pub(super) decision: Decision,
}

/// The key under which a topic's rooms are kept.
pub(super) fn topic_key(topic: &str) -> String {
    format!("$topic/{topic}")
}

impl<'a> Stepper<'a> {
    /// Runs a rule; nothing when it does not apply, so that the next is tried.
    pub(super) fn act(
        self,
        label: &str,
        body: &'a Body,
        scene: &Scene<'a>,
        found: &'a Found,
    ) -> Result<Option<Decision>, Stop> {
        if let Some(when) = &body.when {
            let nothing_used = crate::brain::uses::Uses::default();
            let (values, _) = scene.values(when.uses().unwrap_or(&nothing_used), found)?;
            if !when.holds(self.engine, &values).map_err(|error| Stop::template(label, &error))? {
                return Ok(None);
            }
        }
        let effects = match self.gate(label, body, scene, found)? {
            Gate::Open(effects) => effects,
            Gate::Shut(decision) => return Ok(Some(*decision)),
        };
        let (values, notes) = scene.values(&body.uses, found)?;
        let decision = Decision { effects, notes, ..nothing(label) };
        let mut acting = Acting { stepper: self, scene, values, label, decision };
        if let Some(once) = &body.once
            && !acting.first_press(once)?
        {
            return Ok(Some(acting.decision));
        }
        for one in &body.does {
            acting.one(one)?;
        }
        Ok(Some(acting.decision))
    }
}

impl Acting<'_, '_> {
    /// Plain words.
    pub(super) fn say_plainly(&mut self, text: &str, to: &[To]) -> Result<(), Stop> {
        for destination in self.destinations(to)? {
            let here = destination == self.stepper.here();
            let parent = if here { self.stepper.thread(None, self.scene.message) } else { None };
            let said = messages(text, Format::Text, &destination, parent.as_deref());
            said.into_iter().for_each(|delivery| self.deliver(delivery));
        }
        Ok(())
    }

    pub(super) fn one(&mut self, does: &Does) -> Result<(), Stop> {
        match does {
            Does::Say(say) => self.say(say),
            Does::Remember(remember) => self.remember(remember),
            Does::Subscribe(topic) => self.subscribe(topic, true),
            Does::Unsubscribe(topic) => self.subscribe(topic, false),
            Does::Timer(timer) => self.timer(timer),
            Does::CancelTimer(name) => {
                let name = self.text(name)?;
                self.effect(Effect::CancelTimer(name));
                Ok(())
            }
            Does::Flow(start) => self.start_flow(start.flow, &start.answers),
            Does::DeletePressed => {
                let message = self.scene.pressed.unwrap_or_default().to_owned();
                self.act_here(Act::Delete(message));
                Ok(())
            }
            Does::DeleteKey(key) => {
                let key = self.text(key)?;
                self.act_here(Act::DeleteKey(key));
                Ok(())
            }
            Does::Leave => {
                self.act_here(Act::Leave);
                Ok(())
            }
            Does::Ack(ack) => {
                let text = self.text(&ack.text)?;
                self.say_plainly(&text, &ack.to)
            }
            Does::Ask(asks) => self.ask(asks),
            Does::Script(script) => self.script(script),
        }
    }

    /// Whether this is the first press of the card that counts. It becomes so in the turn's own commit: two that
    /// read "nobody yet" cannot both commit.
    fn first_press(&mut self, once: &Once) -> Result<bool, Stop> {
        let message = self.scene.pressed.unwrap_or_default();
        let key = format!("$once/{message}");
        if self.state(&StateScope::Bot, &key)?.is_some() {
            self.decision.rule = format!("none: {} was pressed before", self.label);
            if let Some(already) = &once.already {
                let text = self.text(already)?;
                let parent = self.stepper.thread(Some(true), self.scene.message);
                let said = messages(&text, Format::Text, &self.stepper.here(), parent.as_deref());
                said.into_iter().for_each(|delivery| self.deliver(delivery));
            }
            return Ok(false);
        }
        let value = json!({ "by": self.stepper.turn.event.person(), "at": self.now().iso() });
        let at = self.now().plus(ONCE_KEPT);
        self.effect(Effect::Remember(StateOp::Set { scope: StateScope::Bot, key: key.clone(), value }));
        self.effect(Effect::Remember(StateOp::Expire { scope: StateScope::Bot, key, at }));
        Ok(true)
    }

    fn remember(&mut self, remember: &Remember) -> Result<(), Stop> {
        let key = self.text(&remember.key)?;
        let scope = self.memory(remember.scope)?;
        let value = |data: &crate::brain::data::Data| self.value(data);
        let (op_scope, op_key) = (scope.clone(), key.clone());
        let operation = match &remember.operation {
            Operation::Set(data) => StateOp::Set { scope: op_scope, key: op_key, value: value(data)? },
            Operation::Append { item, keep } => {
                StateOp::Append { scope: op_scope, key: op_key, value: value(item)?, keep: *keep }
            }
            Operation::Add(data) => {
                let Some(amount) = whole(&value(data)?) else {
                    return Err(Stop::Fail(format!("{} adds what is no whole number to `{key}`", self.label)));
                };
                StateOp::Add { scope: op_scope, key: op_key, amount }
            }
            Operation::Forget => StateOp::Expire { scope: op_scope, key: op_key, at: self.now() },
        };
        self.effect(Effect::Remember(operation));
        if let Some(expires) = remember.expires {
            let at = self.now().plus(expires);
            self.effect(Effect::Remember(StateOp::Expire { scope, key, at }));
        }
        Ok(())
    }

    fn subscribe(&mut self, topic: &Text, wanted: bool) -> Result<(), Stop> {
        let key = topic_key(&self.text(topic)?);
        let room = self.stepper.turn.event.room().to_owned();
        if room.is_empty() {
            return Err(Stop::Fail(format!("{} happens in no room that could be subscribed", self.label)));
        }
        let mut rooms = rooms(self.state(&StateScope::Bot, &key)?.as_ref());
        let there = rooms.contains(&room);
        if there == wanted {
            self.decision
                .notes
                .push(format!("the room was {} before", if wanted { "subscribed" } else { "not subscribed" }));
            return Ok(());
        }
        if wanted && rooms.len() >= MAX_SUBSCRIBED {
            return Err(Stop::Fail(format!("the topic of {} has {MAX_SUBSCRIBED} rooms already", self.label)));
        }
        rooms.retain(|known| *known != room);
        rooms.extend(wanted.then_some(room));
        self.effect(Effect::Remember(StateOp::Set { scope: StateScope::Bot, key, value: json!(rooms) }));
        Ok(())
    }

    fn timer(&mut self, timer: &Timer) -> Result<(), Stop> {
        let name = self.text(&timer.name)?;
        let at = match &timer.at {
            At::After(length) => self.now().plus(*length),
            At::Later(length) => {
                let length = self.text(length)?;
                let length = length.trim();
                let seconds = length.parse().ok().map(std::time::Duration::from_secs);
                let length = seconds.or_else(|| crate::definition::length::parse(length).ok()).ok_or_else(|| {
                    Stop::Fail(format!("the timer of {} is set to what is no length of time like `30m`", self.label))
                })?;
                self.now().plus(length)
            }
            At::Moment(moment) => {
                let moment = self.text(moment)?;
                Millis::from_iso(moment.trim()).ok_or_else(|| {
                    Stop::Fail(format!(
                        "the timer of {} is set to what is no moment like `2026-01-31T09:00:00Z`",
                        self.label
                    ))
                })?
            }
        };
        let event = self.stepper.turn.event;
        let trigger = Trigger::Timer {
            name: name.clone(),
            room: event.room().to_owned(),
            person: event.person().map(str::to_owned),
            value: self.value(&timer.value)?,
        };
        let event = Event { at, actor: event.person().map(str::to_owned), trigger };
        self.effect(Effect::Timer(SetTimer { name, at, event }));
        Ok(())
    }

    pub(super) fn act_here(&mut self, act: Act) {
        let delivery = Delivery { act, ..Delivery::to(self.stepper.here()) };
        self.deliver(delivery);
    }

    pub(super) fn deliver(&mut self, delivery: Delivery) {
        let delivery = Delivery { rule: self.label.to_owned(), ..delivery };
        self.effect(Effect::Say(delivery));
    }

    pub(super) fn effect(&mut self, effect: Effect) {
        self.decision.effects.push(effect);
    }

    pub(super) fn now(&self) -> Millis {
        self.stepper.turn.now
    }

    pub(super) fn text(&self, text: &Text) -> Result<String, Stop> {
        self.rendered(text, Format::Text)
    }

    pub(super) fn rendered(&self, text: &Text, format: Format) -> Result<String, Stop> {
        text.say(self.stepper.engine, format, &self.values).map_err(|error| Stop::template(self.label, &error))
    }

    pub(super) fn value(&self, data: &crate::brain::data::Data) -> Result<Value, Stop> {
        data.value(self.stepper.engine, &self.values).map_err(|error| Stop::template(self.label, &error))
    }

    pub(super) fn memory(&self, memory: Memory) -> Result<StateScope, Stop> {
        let what = memory.as_str();
        self.scene
            .memory(memory)
            .ok_or_else(|| Stop::Fail(format!("{} remembers something of a {what}, and there is none", self.label)))
    }

    /// A value of the bot's memory; the turn relies on its version from now on.
    pub(super) fn state(&self, scope: &StateScope, key: &str) -> Result<Option<Value>, Stop> {
        let read = Read::State(scope.clone(), key.to_owned());
        match self.stepper.turn.facts.get(&read) {
            Some(Fact::State(_, value)) => Ok(value.clone()),
            Some(_) => Ok(None),
            None => Err(Stop::Need(vec![read])),
        }
    }
}

/// The rooms of a topic, as they are kept.
pub(super) fn rooms(kept: Option<&Value>) -> Vec<String> {
    let list = kept.and_then(Value::as_array).into_iter().flatten();
    list.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A whole number, also one that a template made a text of.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str().and_then(|text| text.trim().parse().ok()))
}
