//! What stands before a rule: may this person use it here, do the arguments fit, not again so soon, and must
//! others agree first? In this order, so that whoever may not use a command is not told how it is used.

use std::time::Duration;

use serde_json::json;

use super::{Stepper, Stop, scene::Scene};
use crate::{
    base::{Change, Millis, StateOp, StateScope, Trigger},
    brain::{
        Act, Decision, Delivery, Effect, Fact, Read,
        access::{Access, Asker, Because, Known, Layer, Place, Verdict, decide},
        messages::messages,
        program::Body,
        template::Text,
        uses::Uses,
        values::Found,
    },
    definition::Format,
};

/// What those are told who may not, where nothing else was written; only in a direct room.
const DENIED: &str = "You may not use this.";

/// Whether the rule's own doing follows.
pub(super) enum Gate {
    /// It does, with these beside it.
    Open(Vec<Effect>),
    /// It does not; this happens instead.
    Shut(Box<Decision>),
}

impl<'a> Stepper<'a> {
    pub(super) fn gate(self, label: &str, body: &Body, scene: &Scene<'a>, found: &'a Found) -> Result<Gate, Stop> {
        // What a handler answers belongs to what was let in when it was asked.
        if matches!(self.turn.event.trigger, Trigger::Answer { .. }) {
            return Ok(Gate::Open(Vec::new()));
        }
        let own = body.gate.as_deref();
        let shut = |decision: Decision| Ok(Gate::Shut(Box::new(decision)));
        if let Some(because) = self.denied(scene, own.map(|gate| &gate.access))? {
            let rule = format!("none: {label} is denied: {}", because.sentence);
            let denied = own.and_then(|gate| gate.denied.as_ref()).or(self.program.denied.as_deref());
            let text = match denied {
                Some(denied) => Some(self.rendered(label, denied, scene, found)?),
                None => self.denied_by_default(scene).then(|| DENIED.to_owned()),
            };
            let said = text.map(|text| self.said(scene, &text)).unwrap_or_default();
            return shut(Decision::of(label, said).named(rule));
        }
        if let Some(complaint) = &found.complaint {
            let rule = format!("none: {label} was written in another way");
            return shut(Decision::of(label, self.said(scene, complaint)).named(rule));
        }
        let mut effects = Vec::new();
        let Some(gate) = own else { return Ok(Gate::Open(effects)) };
        if self.approved == Some(label) {
            return Ok(Gate::Open(effects));
        }
        if let (Some(wait), Some(person)) = (gate.cooldown, self.turn.event.person()) {
            match self.cooldown(label, person, wait)? {
                Ok(kept) => effects.extend(kept),
                Err(decision) => return shut(decision.answered(|text| self.said(scene, text))),
            }
        }
        if let Some(approve) = &gate.approve {
            let mut decision = self.ask_others(label, approve, scene)?;
            decision.effects.splice(0..0, effects);
            return shut(decision);
        }
        Ok(Gate::Open(effects))
    }

    /// Why whoever did this may not, if so. What no person does is asked of nobody.
    pub(super) fn denied(self, scene: &Scene<'_>, rule: Option<&Access>) -> Result<Option<Because>, Stop> {
        let nothing_more = Access::default();
        let layers = [
            (Layer::Ceiling, &*self.program.ceiling),
            (Layer::Bot, self.program.access.as_deref().unwrap_or(&nothing_more)),
            (Layer::Rule, rule.unwrap_or(&nothing_more)),
        ];
        match &self.turn.event.trigger {
            Trigger::Message { change: Change::Deleted, .. } => Ok(None),
            Trigger::Message { person, .. } | Trigger::CardAction { person, .. } => self.may(&layers, person, scene),
            Trigger::Membership { person, .. } => {
                let who = self.turn.event.actor.as_deref().unwrap_or(person);
                self.may(&layers, who, scene)
            }
            _ => Ok(None),
        }
    }

    /// Asks for what must be known first.
    pub(super) fn may(
        self,
        layers: &[(Layer, &Access)],
        person: &str,
        scene: &Scene<'_>,
    ) -> Result<Option<Because>, Stop> {
        let read = Read::Person(person.to_owned());
        let known = self.turn.facts.get(&read);
        let told = match known {
            Some(Fact::Person(known)) => Some(known),
            _ => None,
        };
        let written = match &self.turn.event.trigger {
            Trigger::Message { email, .. } => {
                email.as_deref().or_else(|| scene.message.and_then(|message| message.person_email.as_deref()))
            }
            _ => None,
        };
        let email = written.or_else(|| told.and_then(|person| person.emails.first().map(String::as_str)));
        let org = told.and_then(|person| person.org_id.as_deref());
        let room = self.turn.event.room();
        let asked_room = Read::Room(room.to_owned());
        let place = match (scene.room_type(), self.turn.facts.get(&asked_room)) {
            (Some(kind), _) => Place::parse(kind).map_or(Known::Untold, Known::Is),
            (None, Some(Fact::Room(room))) => {
                room.kind.as_deref().and_then(Place::parse).map_or(Known::Untold, Known::Is)
            }
            (None, Some(_)) => Known::Untold,
            (None, None) => Known::Unread,
        };
        let asker = Asker {
            id: Known::Is(person),
            email: or_untold(email, known.is_some()),
            org: or_untold(org, known.is_some()),
            room: Known::Is(room),
            place,
        };
        match decide(layers, &asker) {
            Verdict::Allowed(_) => Ok(None),
            Verdict::Denied(because) => Ok(Some(because)),
            Verdict::Unsure => {
                let person = (asker.email == Known::Unread || asker.org == Known::Unread).then_some(read);
                let room = (place == Known::Unread).then_some(asked_room);
                Err(Stop::Need(person.into_iter().chain(room).collect()))
            }
        }
    }

    /// The sentence that nobody wrote is for those who talk to the bot alone: in a group it would only disturb.
    fn denied_by_default(self, scene: &Scene<'_>) -> bool {
        let spoken_to = matches!(
            self.turn.event.trigger,
            Trigger::Message { change: Change::Created, .. } | Trigger::CardAction { .. }
        );
        spoken_to && scene.room_type() == Some("direct")
    }

    /// What one person did lately with this rule: the memory of it, or what they are told. They are told once: a
    /// bot that answers each of a flood of messages is part of the flood.
    fn cooldown(self, label: &str, person: &str, wait: Duration) -> Result<Result<Vec<Effect>, Wait>, Stop> {
        let scope = StateScope::Person(person.to_owned());
        let key = format!("$cool/{label}");
        let read = Read::State(scope.clone(), key.clone());
        let now = self.turn.now;
        let kept = match self.turn.facts.get(&read) {
            Some(Fact::State(_, kept)) => kept.as_ref(),
            Some(_) => None,
            None => return Err(Stop::Need(vec![read])),
        };
        let until = kept.and_then(|kept| kept.get("until")).and_then(serde_json::Value::as_i64).map(Millis);
        let keep = |until: Millis, told: bool| {
            let value = json!({ "until": until.0, "told": told });
            vec![
                Effect::Remember(StateOp::Set { scope: scope.clone(), key: key.clone(), value }),
                Effect::Remember(StateOp::Expire { scope: scope.clone(), key: key.clone(), at: until }),
            ]
        };
        match until.filter(|until| *until > now) {
            None => Ok(Ok(keep(now.plus(wait), false))),
            Some(until) => {
                let told = kept.and_then(|kept| kept.get("told")).and_then(serde_json::Value::as_bool).unwrap_or(false);
                let text = (!told).then(|| format!("Not so fast: try again in {}.", spoken(until.since(now))));
                let effects = if told { Vec::new() } else { keep(until, true) };
                Ok(Err(Wait { label: label.to_owned(), text, effects }))
            }
        }
    }

    /// Whether the bot was brought into a room by somebody who may not: then it leaves.
    pub(super) fn brought(self) -> Result<Option<Decision>, Stop> {
        let Trigger::Membership { change: Change::Created, room_type, .. } = &self.turn.event.trigger else {
            return Ok(None);
        };
        let Some(membership) = &self.program.membership else { return Ok(None) };
        // Nobody can leave a direct room; there `[access]` is what keeps strangers out.
        if room_type.as_deref() == Some("direct") {
            return Ok(None);
        }
        let scene = Scene::of(self);
        let because = match &self.turn.event.actor {
            Some(actor) => {
                self.may(&[(Layer::Bot, &membership.added_by)], actor, &scene)?.map(|because| because.sentence)
            }
            None => Some("Webex does not tell who brought it".to_owned()),
        };
        let Some(because) = because else { return Ok(None) };
        let label = "membership";
        let nothing_found = Found::default();
        let mut said = match &membership.denied {
            Some(denied) => {
                let text = self.rendered(label, denied, &scene, &nothing_found)?;
                messages(&text, Format::Text, &self.here(), None)
            }
            None => Vec::new(),
        };
        said.push(Delivery { act: Act::Leave, ..Delivery::to(self.here()) });
        let because = because.replace("`[access]` of the bot", "`added_by`");
        Ok(Some(Decision::of(label, said).named(format!("membership: the bot leaves: {because}"))))
    }

    /// A sentence where the event happened, in its thread.
    pub(super) fn said(self, scene: &Scene<'_>, text: &str) -> Vec<Delivery> {
        let wanted = matches!(self.turn.event.trigger, Trigger::CardAction { .. }).then_some(true);
        messages(text, Format::Text, &self.here(), self.thread(wanted, scene.message).as_deref())
    }

    fn rendered(self, label: &str, text: &Text, scene: &Scene<'_>, found: &Found) -> Result<String, Stop> {
        let nothing_used = Uses::default();
        let (values, _) = scene.values(text.uses().unwrap_or(&nothing_used), found)?;
        text.say(self.engine, Format::Text, &values).map_err(|error| Stop::template(label, &error))
    }
}

/// A fact that somebody has looked for, or not.
fn or_untold(value: Option<&str>, looked: bool) -> Known<&str> {
    match value {
        Some(value) => Known::Is(value),
        None if looked => Known::Untold,
        None => Known::Unread,
    }
}

/// Somebody is too fast.
struct Wait {
    label: String,
    text: Option<String>,
    effects: Vec<Effect>,
}

impl Wait {
    fn answered(self, say: impl FnOnce(&str) -> Vec<Delivery>) -> Decision {
        let said = self.text.as_deref().map(say).unwrap_or_default();
        let mut decision = Decision::of(&self.label, said);
        decision.effects.splice(0..0, self.effects);
        decision.named(format!("none: {} was used a moment ago", self.label))
    }
}

impl Decision {
    /// The same under the name of what it came to.
    pub(super) fn named(mut self, rule: String) -> Self {
        self.rule = rule;
        self
    }
}

/// A while in words: the two largest units, rounded up.
pub(super) fn spoken(while_: Duration) -> String {
    let seconds = while_.as_millis().div_ceil(1000).max(1);
    let unit = |amount: u128, name: &str| match amount {
        0 => String::new(),
        1 => format!("1 {name}"),
        _ => format!("{amount} {name}s"),
    };
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    let parts = [unit(days, "day"), unit(hours, "hour"), unit(minutes, "minute"), unit(seconds % 60, "second")];
    let parts: Vec<_> =
        parts.into_iter().skip_while(String::is_empty).take(2).filter(|part| !part.is_empty()).collect();
    parts.join(" ")
}
