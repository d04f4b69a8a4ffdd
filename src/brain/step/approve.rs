//! Others must agree first: the rule is not done, a card asks, and the press that completes the number does it.
//!
//! What was asked for is kept in the bot's memory under a key that goes along with the card as its context, so no
//! client can forge it; a press says no more than yes or no, and by whom. The versions of what was read see to it
//! that of two presses at once one is decided after the other.

use serde_json::{Value, json};

use super::{Stepper, Stop, gate::spoken, nothing, scene::Scene};
use crate::{
    base::{Digest, Event, Millis, StateOp, StateScope, Trigger},
    brain::{
        Act, Decision, Delivery, Destination, Effect, Fact, Keyed, Read, SetTimer, Then, Turn,
        access::Layer,
        ids,
        markdown::escape,
        messages::messages,
        program::{Approve, Body, Program, To},
    },
    definition::Format,
};

/// Names of timers and keys of messages and memory that belong to requests begin so.
const PREFIX: &str = "$approve/";
/// A request is kept this long after its time, so that its timer finds it.
const GRACE: std::time::Duration = std::time::Duration::from_hours(1);
/// Most characters of what was asked for that are shown.
const MAX_SHOWN: usize = 500;

/// What a button says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Yes,
    No,
}

impl Answer {
    /// Reads the `action` of a button.
    pub(super) fn of(action: &str) -> Option<Self> {
        match action {
            "$approve" => Some(Self::Yes),
            "$reject" => Some(Self::No),
            _ => None,
        }
    }
}

/// A request that waits, as it is kept.
struct Request {
    event: Event,
    rule: String,
    by: String,
    by_name: String,
    said: String,
    /// Ids and names of those who agreed.
    yes: Vec<(String, String)>,
    until: Millis,
    to: Destination,
}

impl Request {
    fn json(&self) -> Value {
        json!({
            "event": self.event, "rule": self.rule, "by": self.by, "by_name": self.by_name, "said": self.said,
            "yes": self.yes, "until": self.until, "to": self.to,
        })
    }

    fn of(kept: &Value) -> Option<Self> {
        let text = |name: &str| kept.get(name).and_then(Value::as_str).map(str::to_owned);
        let read = |name: &str| kept.get(name).cloned().unwrap_or_default();
        Some(Self {
            event: serde_json::from_value(read("event")).ok()?,
            rule: text("rule")?,
            by: text("by")?,
            by_name: text("by_name")?,
            said: text("said")?,
            yes: serde_json::from_value(read("yes")).ok()?,
            until: serde_json::from_value(read("until")).ok()?,
            to: serde_json::from_value(read("to")).ok()?,
        })
    }
}

impl<'a> Stepper<'a> {
    /// Asks the others.
    pub(super) fn ask_others(self, label: &str, approve: &Approve, scene: &Scene<'a>) -> Result<Decision, Stop> {
        let event = self.turn.event;
        let by = event.person().unwrap_or_default();
        let by_name = self.name_of(by)?;
        let id = match &event.trigger {
            Trigger::Message { id, .. } => Digest::of([id.as_bytes(), label.as_bytes()]).mark(),
            _ => return Err(Stop::Fail(format!("{label} needs approval and is no message"))),
        };
        let to = match &approve.to {
            None | Some(To::Here) => self.here(),
            Some(To::Person) => Destination::Person(by.to_owned()),
            Some(To::Fixed(to)) => to.clone(),
            Some(_) => return Err(Stop::Fail(format!("the approval of {label} goes to no one place"))),
        };
        let request = Request {
            event: event.clone(),
            rule: label.to_owned(),
            by: by.to_owned(),
            by_name,
            said: scene.text.chars().take(MAX_SHOWN).collect(),
            yes: Vec::new(),
            until: self.turn.now.plus(approve.within),
            to: to.clone(),
        };
        let elsewhere = to != self.here();
        let parent = if elsewhere { None } else { self.thread(None, scene.message) };
        let key = format!("{PREFIX}{id}");
        let ask = Delivery {
            text: Some(question(&request, approve)),
            card: Some(card(&request, approve)),
            parent,
            key: Some(Keyed { key: key.clone(), then: Then::Replace }),
            context: json!({ "$approve": id }),
            ..Delivery::to(to)
        };
        let mut said = vec![ask];
        if elsewhere {
            said.extend(self.said(scene, "This needs approval: I have asked for it."));
        }
        let mut decision = Decision::of(label, said);
        decision.effects.extend(kept(&key, &request));
        let trigger = Trigger::Timer { name: key.clone(), room: String::new(), person: None, value: Value::Null };
        let lapse = Event { at: request.until, actor: None, trigger };
        decision.effects.push(Effect::Timer(SetTimer { name: key, at: request.until, event: lapse }));
        Ok(decision.named(format!("{label} waits for approval")))
    }

    /// Somebody pressed a button of such a card.
    pub(super) fn answered(self, answer: Answer, message: &str) -> Result<Decision, Stop> {
        let Trigger::CardAction { person, .. } = &self.turn.event.trigger else { return Ok(nothing("none: no press")) };
        let scene = Scene { pressed: Some(message), ..Scene::of(self) };
        let tell = |text: &str| Ok(Decision::of("approval", self.said(&scene, text)));
        let read = Read::Sent(message.to_owned());
        let id = match self.turn.facts.get(&read) {
            Some(Fact::Sent(sent)) => sent.context.get("$approve").and_then(Value::as_str),
            Some(_) => None,
            None => return Err(Stop::Need(vec![read])),
        };
        let Some(id) = id else { return Ok(nothing("none: no rule for this button")) };
        let key = format!("{PREFIX}{id}");
        let Some(mut request) = self.request(&key)?.filter(|request| request.until > self.turn.now) else {
            return tell("This is no longer open.");
        };
        let Some(approve) = self.program.approval(&request.rule) else {
            let mut decision = tell("This can no longer be done: the bot has changed.")?;
            decision.effects.extend(self.over(&key));
            return Ok(decision);
        };
        let layers = [(Layer::Rule, &approve.by)];
        if let Some(because) = self.may(&layers, person, &scene)? {
            let because = because.sentence.replace("`access` of the rule", "`by` of `approve`");
            return Ok(nothing(&format!("none: approval of {} is denied: {because}", request.rule)));
        }
        if answer == Answer::Yes && approve.not_requester && ids::same(person, &request.by) {
            return tell("You asked for this yourself: somebody else must approve it.");
        }
        let name = self.name_of(person)?;
        if answer == Answer::No {
            let text = format!("{name} rejected what {} asked for: {}", request.by_name, request.said);
            let mut decision = Decision::of("approval", instead(&request, message, &text));
            decision.effects.extend(self.over(&key));
            let origin = destination_of(&request.event);
            if origin != request.to {
                let text = format!("{name} rejected this: {}", request.said);
                decision.effects.extend(messages(&text, Format::Text, &origin, None).into_iter().map(Effect::Say));
            }
            return Ok(decision.named(format!("approval of {}: rejected", request.rule)));
        }
        if request.yes.iter().any(|(known, _)| ids::same(known, person)) {
            return tell("You have approved this already.");
        }
        request.yes.push((person.clone(), name.clone()));
        let there = u32::try_from(request.yes.len()).unwrap_or(u32::MAX);
        if there < approve.count {
            let mut decision = tell(&format!("{name} approved: {there} of {}.", approve.count))?;
            decision.effects.extend(kept(&key, &request));
            return Ok(decision.named(format!("approval of {}: {there} of {}", request.rule, approve.count)));
        }
        self.done(&request, message, &key)
    }

    /// Enough have agreed: what was asked for is done now, as if it were said now.
    fn done(self, request: &Request, message: &str, key: &str) -> Result<Decision, Stop> {
        let turn = Turn { event: &request.event, ..*self.turn };
        let inner = Stepper { engine: self.engine, program: self.program, turn: &turn, approved: Some(&request.rule) };
        let done = inner.decide()?;
        let mut names: Vec<&str> = request.yes.iter().map(|(_, name)| name.as_str()).collect();
        let last = names.pop().unwrap_or_default();
        let names = if names.is_empty() { last.to_owned() } else { format!("{} and {last}", names.join(", ")) };
        let same = done.rule == request.rule;
        let text = if same {
            format!("{names} approved what {} asked for: {}", request.by_name, request.said)
        } else {
            format!("This can no longer be done: {}", request.said)
        };
        let mut decision = Decision::of("approval", instead(request, message, &text));
        decision.effects.extend(self.over(key));
        if same {
            decision.effects.extend(done.effects);
            decision.notes = done.notes;
            return Ok(decision.named(format!("approval of {}: done", request.rule)));
        }
        Ok(decision.named(format!("approval of {}: {}", request.rule, done.rule)))
    }

    /// The time of a request is over.
    pub(super) fn lapsed(self, name: &str) -> Result<Option<Decision>, Stop> {
        if !name.starts_with(PREFIX) {
            return Ok(None);
        }
        let Some(request) = self.request(name)? else { return Ok(Some(nothing("none: the approval is decided"))) };
        let text = format!("Nobody approved in time what {} asked for: {}", request.by_name, request.said);
        let instead = Delivery {
            text: Some(text),
            key: Some(Keyed { key: name.to_owned(), then: Then::Replace }),
            ..Delivery::to(request.to.clone())
        };
        let mut decision = Decision::of("approval", vec![instead]);
        decision.effects.extend(forgotten(name, self.turn.now));
        Ok(Some(decision.named(format!("approval of {}: not in time", request.rule))))
    }

    fn request(self, key: &str) -> Result<Option<Request>, Stop> {
        let read = Read::State(StateScope::Bot, key.to_owned());
        match self.turn.facts.get(&read) {
            Some(Fact::State(_, kept)) => Ok(kept.as_ref().and_then(Request::of)),
            Some(_) => Ok(None),
            None => Err(Stop::Need(vec![read])),
        }
    }

    fn over(self, key: &str) -> Vec<Effect> {
        let mut effects = forgotten(key, self.turn.now);
        effects.push(Effect::CancelTimer(key.to_owned()));
        effects
    }

    /// What people call somebody.
    fn name_of(self, person: &str) -> Result<String, Stop> {
        let read = Read::Person(person.to_owned());
        let known = match self.turn.facts.get(&read) {
            Some(Fact::Person(known)) => known,
            Some(_) => return Ok("Somebody".to_owned()),
            None => return Err(Stop::Need(vec![read])),
        };
        let name = known.display_name.clone().filter(|name| !name.trim().is_empty());
        Ok(name.or_else(|| known.emails.first().cloned()).unwrap_or_else(|| "Somebody".to_owned()))
    }
}

impl Program {
    fn bodies(&self) -> impl Iterator<Item = (Vec<String>, &Body)> {
        let commands = self.rules.iter().map(|rule| (rule.labels(), &rule.body));
        let ons = self.ons.iter().map(|on| (vec![on.what.label()], &on.body));
        let fallback = self.fallback.iter().map(|body| (vec!["fallback".to_owned()], body));
        commands.chain(ons).chain(fallback)
    }

    /// Whether some rule asks others first.
    pub(super) fn asks_for_approval(&self) -> bool {
        self.bodies().any(|(_, body)| body.gate.as_ref().is_some_and(|gate| gate.approve.is_some()))
    }

    fn approval(&self, label: &str) -> Option<&Approve> {
        let mut bodies = self.bodies().filter(|(labels, _)| labels.iter().any(|known| known == label));
        bodies.find_map(|(_, body)| body.gate.as_ref()?.approve.as_ref())
    }
}

/// What stands in the place of the card. A message with a card cannot be edited.
fn instead(request: &Request, message: &str, text: &str) -> Vec<Delivery> {
    let mut parts = messages(text, Format::Text, &request.to, None);
    if let Some(first) = parts.first_mut() {
        first.act = Act::Replace(message.to_owned());
    }
    parts
}

fn kept(key: &str, request: &Request) -> Vec<Effect> {
    let (scope, key) = (StateScope::Bot, key.to_owned());
    vec![
        Effect::Remember(StateOp::Set { scope: scope.clone(), key: key.clone(), value: request.json() }),
        Effect::Remember(StateOp::Expire { scope, key, at: request.until.plus(GRACE) }),
    ]
}

fn forgotten(key: &str, now: Millis) -> Vec<Effect> {
    vec![Effect::Remember(StateOp::Expire { scope: StateScope::Bot, key: key.to_owned(), at: now })]
}

fn destination_of(event: &Event) -> Destination {
    match (event.room(), event.person()) {
        ("", Some(person)) => Destination::Person(person.to_owned()),
        (room, _) => Destination::Room(room.to_owned()),
    }
}

fn needs(approve: &Approve) -> String {
    let who = match (approve.count, approve.not_requester) {
        (1, true) => "somebody else".to_owned(),
        (1, false) => "somebody".to_owned(),
        (count, true) => format!("{count} others"),
        (count, false) => format!("{count} people"),
    };
    format!("Needs the approval of {who}, within {}.", spoken(approve.within))
}

fn question(request: &Request, approve: &Approve) -> String {
    format!("{} asks for approval: {}\n{}", request.by_name, request.said, needs(approve))
}

fn card(request: &Request, approve: &Approve) -> Value {
    let text = |text: String| json!({ "type": "TextBlock", "text": text, "wrap": true });
    json!({
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.3",
        "body": [
            { "type": "TextBlock", "text": format!("{} asks for approval", escape(&request.by_name)), "weight": "Bolder", "wrap": true },
            text(escape(&request.said)),
            text(needs(approve)),
        ],
        "actions": [
            { "type": "Action.Submit", "title": "Approve", "data": { "action": "$approve" } },
            { "type": "Action.Submit", "title": "Reject", "data": { "action": "$reject" } },
        ],
    })
}
