//! Dialogues in a turn: what is heard goes to the machine, and what it comes to becomes effects.

use std::{cell::RefCell, sync::Arc, time::Duration};

use serde_json::Value as Json;

use super::{Stepper, Stop, act::Acting, nothing, scene::Scene};
use crate::{
    base::{Event, Trigger, Version, dialogue_timer},
    brain::{
        Decision, Delivery, DialogueStep, Effect, Fact, Read, SetTimer,
        data::Data,
        flow::{
            expect::Fits,
            machine::{self, Did, Heard, Judge, PROBLEM, Question, Walk, What},
            plan::Does,
            script::{Flow, unless_said},
            talk::{Answers, MARK, Mark, Talk},
        },
        messages::messages,
        pattern,
        program::Say,
        template::Text,
        values::{Found, Values},
    },
    definition::Format,
};

/// A dialogue stays for so long after its time-out, which its timer says: should that come late, it is still there.
const GRACE: Duration = Duration::from_hours(24);
/// A message with fewer bytes than this has room for the hint.
const ROOM_FOR_A_HINT: usize = 6_000;

/// A rule found nothing in any text.
static NOTHING_FOUND: Found = Found { args: None, captures: Vec::new(), complaint: None };

/// What is stored of a dialogue in a room.
struct Stored {
    room: String,
    person: String,
    /// Zero: none is open.
    version: Version,
    /// Nothing, too, when this version cannot read it.
    talk: Option<Talk>,
}

impl<'a> Stepper<'a> {
    /// The dialogue of the event's person in its room; nothing where there cannot be one.
    fn stored(self) -> Result<Option<Stored>, Stop> {
        let event = self.turn.event.origin();
        let (room, Some(person)) = (event.room(), event.person()) else { return Ok(None) };
        if room.is_empty() {
            return Ok(None);
        }
        let (room, person) = (room.to_owned(), person.to_owned());
        let read = Read::Dialogue { room: room.clone(), person: person.clone() };
        match self.turn.facts.get(&read) {
            Some(Fact::Dialogue(version, Some((value, _)))) => {
                Ok(Some(Stored { room, person, version: *version, talk: Talk::decode(value) }))
            }
            Some(_) => Ok(Some(Stored { room, person, version: Version(0), talk: None })),
            None => Err(Stop::Need(vec![read])),
        }
    }

    /// A message of somebody who is in a dialogue in this room is an answer, whatever it says.
    pub(super) fn dialogue_message(self, scene: &Scene<'a>) -> Result<Option<Decision>, Stop> {
        if self.program.flows.is_empty() {
            return Ok(None);
        }
        let Some(stored) = self.stored()? else { return Ok(None) };
        let Some(talk) = &stored.talk else { return Ok(None) };
        // Its timer is on the way. Two clocks are asked: that of Webex may differ from ours.
        if self.turn.event.at.min(self.turn.now) > talk.deadline {
            return Ok(None);
        }
        // Who may not speak to the bot any more is told so as anybody else.
        if self.denied(scene, None)?.is_some() {
            return Ok(None);
        }
        let talk = talk.clone();
        self.hear(&stored, talk, &Heard::Text(scene.text.to_owned()), scene).map(Some)
    }

    /// A press of a card that asked something; nothing when the card is none of a dialogue.
    pub(super) fn dialogue_press(self, scene: &Scene<'a>) -> Result<Option<Decision>, Stop> {
        let (Some(press), Some(message)) = (scene.press, scene.pressed) else { return Ok(None) };
        if !self.program.has_forms() {
            return Ok(None);
        }
        let read = Read::Sent(message.to_owned());
        let mark = match self.turn.facts.get(&read) {
            Some(Fact::Sent(sent)) => Mark::decode(&sent.context),
            Some(_) => None,
            None => return Err(Stop::Need(vec![read])),
        };
        let Some(mark) = mark else { return Ok(None) };
        if self.denied(scene, None)?.is_some() {
            return Ok(Some(nothing("none: whoever pressed may not speak to the bot")));
        }
        match self.stored()? {
            Some(stored) if stored.talk.as_ref().is_some_and(|talk| talk.question() == mark) => {
                let Some(talk) = stored.talk.clone() else { return Ok(None) };
                self.hear(&stored, talk, &Heard::Form(press.inputs.clone()), scene).map(Some)
            }
            _ => {
                let parent = self.thread(Some(true), None);
                let said = messages(unless_said::STALE, Format::Text, &self.here(), parent.as_deref());
                Ok(Some(Decision::of("none: the card of a question that is not open", said)))
            }
        }
    }

    /// The timer of a dialogue: nobody answered in time, unless somebody did meanwhile.
    pub(super) fn dialogue_timer(self, value: &Json) -> Result<Decision, Stop> {
        let stored = self.stored()?;
        match stored {
            Some(Stored { talk: Some(ref talk), .. }) if Mark::decode(value) == Some(talk.mark()) => {
                let talk = talk.clone();
                let Some(stored) = stored else { return Ok(nothing("none: a dialogue that is over")) };
                self.hear(&stored, talk, &Heard::Late, &Scene::of(self))
            }
            _ => Ok(nothing("none: a dialogue that went on or is over")),
        }
    }

    fn hear(self, stored: &Stored, talk: Talk, heard: &Heard, scene: &Scene<'a>) -> Result<Decision, Stop> {
        let label = format!("flow \"{}\"", talk.flow);
        let found = self.program.flows.iter().find(|flow| *flow.plan.name == *talk.flow);
        let Some(flow) = found else { return Ok(self.flow_is_gone(stored, &talk, &label)) };
        self.walk(flow, stored, scene, &label, |flow, scene, judge| {
            machine::hear(&flow.plan, talk, heard, scene, judge)
        })
    }

    /// The whole flow is gone from the definition, and its words with it.
    fn flow_is_gone(self, stored: &Stored, talk: &Talk, label: &str) -> Decision {
        let parent = self.thread(None, None).or_else(|| talk.parent.clone());
        let said = messages(unless_said::GONE, Format::Text, &self.here(), parent.as_deref());
        let mut decision = Decision::of(label, said);
        decision.notes.push("the flow is gone from the definition: the dialogue ended".to_owned());
        decision.effects.extend(ended(stored));
        decision
    }

    /// Lets the machine walk, and does what it says.
    fn walk(
        self,
        flow: &'a Flow,
        stored: &Stored,
        scene: &Scene<'a>,
        label: &str,
        walk: impl FnOnce(&Flow, &machine::Scene<'_>, &dyn Judge) -> Result<Walk, String>,
    ) -> Result<Decision, Stop> {
        let (values, notes) = scene.values(&flow.uses, &NOTHING_FOUND)?;
        let program = self.program.digest.short();
        let parent = self.thread(None, scene.message);
        let around = machine::Scene {
            now: self.turn.now,
            today: self.turn.today(),
            program: &program,
            group: values.room.kind == "group",
            parent: parent.as_deref(),
        };
        let judge = Judged { stepper: self, flow, label, values: RefCell::new(values) };
        let walked = walk(flow, &around, &judge).map_err(Stop::Fail)?;
        let decision = Decision { notes, ..nothing(label) };
        let mut acting = Acting { stepper: self, scene, values: judge.values.into_inner(), label, decision };
        let thread = match &walked.talk {
            Some(talk) => talk.parent.clone(),
            None => stored.talk.as_ref().and_then(|talk| talk.parent.clone()),
        };
        for did in walked.did {
            acting.did(flow, did, walked.talk.as_ref(), thread.as_deref())?;
        }
        let Acting { mut decision, .. } = acting;
        match walked.talk {
            Some(talk) => decision.effects.extend(goes_on(stored, &talk)),
            None => decision.effects.extend(ended(stored)),
        }
        Ok(decision)
    }
}

/// It waits again: until when, and what comes then.
fn goes_on(stored: &Stored, talk: &Talk) -> [Effect; 2] {
    let Stored { room, person, version, .. } = stored;
    let name = dialogue_timer(room, person);
    let trigger = Trigger::Timer {
        name: name.clone(),
        room: room.clone(),
        person: Some(person.clone()),
        value: talk.mark().encode(),
    };
    let event = Event { at: talk.deadline, actor: None, trigger };
    let value = Some((talk.encode(), talk.deadline.plus(GRACE)));
    [
        Effect::Dialogue(DialogueStep { room: room.clone(), person: person.clone(), read: *version, value }),
        Effect::Timer(SetTimer { name, at: talk.deadline, event }),
    ]
}

/// It is over; one that ended with its first word never was in the store.
fn ended(stored: &Stored) -> Vec<Effect> {
    let Stored { room, person, version, .. } = stored;
    if *version == Version(0) {
        return Vec::new();
    }
    let end = DialogueStep { room: room.clone(), person: person.clone(), read: *version, value: None };
    vec![Effect::Dialogue(end), Effect::CancelTimer(dialogue_timer(room, person))]
}

/// Answers the machine's questions about expressions and patterns.
struct Judged<'x, 'a> {
    stepper: Stepper<'a>,
    flow: &'x Flow,
    label: &'x str,
    values: RefCell<Values<'a>>,
}

impl Fits for Judged<'_, '_> {
    fn fits(&self, source: &Arc<str>, text: &str) -> bool {
        let compiled = self.stepper.engine.pattern(source);
        compiled.is_some_and(|compiled| pattern::captures(&compiled, text).is_some())
    }
}

impl Judge for Judged<'_, '_> {
    fn holds(&self, question: Question, answers: &Answers) -> Result<bool, String> {
        let text = match question {
            Question::Check(step) => self.flow.lines[step].check.as_ref(),
            Question::Branch(step, way) => self.flow.lines[step].when[way].as_ref(),
        };
        let Some(text) = text else { return Ok(true) };
        let mut values = self.values.borrow_mut();
        values.dialogue = Some(Json::Object(answers.clone()));
        text.holds(self.stepper.engine, &values).map_err(|error| match Stop::template(self.label, &error) {
            Stop::Fail(sentence) => sentence,
            Stop::Need(_) => "a template needs what cannot be read".to_owned(),
        })
    }
}

impl Acting<'_, '_> {
    /// `flow = "…"` of a rule.
    pub(super) fn start_flow(&mut self, number: usize, answers: &[(Box<str>, Data)]) -> Result<(), Stop> {
        let stepper = self.stepper;
        let Some(flow) = stepper.program.flows.get(number) else { return Ok(()) };
        let me = &stepper.turn.me.id;
        let nobody = stepper.turn.event.person().is_none_or(|person| crate::brain::ids::same(person, me));
        let stored = if nobody { None } else { stepper.stored()? };
        let Some(stored) = stored else {
            return Err(Stop::Fail(format!("{} starts a dialogue, and there is nobody to ask", self.label)));
        };
        let mut given = Answers::new();
        for (name, data) in answers {
            let value = self.value(data)?;
            let nothing = value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty());
            if !nothing {
                given.insert(name.to_string(), value);
            }
        }
        if let Some(talk) = &stored.talk {
            self.decision.notes.push(format!("the dialogue of flow \"{}\" was given up for it", talk.flow));
        }
        let label = format!("flow \"{}\"", flow.plan.name);
        let started = stepper.walk(flow, &stored, self.scene, &label, |flow, scene, judge| {
            machine::start(&flow.plan, given, scene, judge)
        })?;
        self.decision.effects.extend(started.effects);
        self.decision.notes.extend(started.notes);
        Ok(())
    }

    fn did(&mut self, flow: &Flow, did: Did, talk: Option<&Talk>, thread: Option<&str>) -> Result<(), Stop> {
        let problem = did.answers.get(PROBLEM).and_then(Json::as_str).unwrap_or_default().to_owned();
        let summary = |answers: &Answers| summary(flow, answers);
        let plain = match did.what {
            What::Ask { step, .. } if flow.lines[step].ask.is_empty() => Some(summary(&did.answers)),
            What::Retry { step } if flow.lines[step].retry.is_none() => Some(problem),
            _ => None,
        };
        self.values.dialogue = Some(Json::Object(did.answers));
        let begun = self.decision.effects.len();
        match did.what {
            _ if plain.is_some() => self.sentence(&plain.unwrap_or_default()),
            What::Ask { step, .. } => {
                self.says(&flow.lines[step].ask)?;
                if let (Does::Form { .. }, Some(talk)) = (&flow.plan.steps[step].does, talk) {
                    self.mark(begun, talk.question());
                }
            }
            What::Say { step } => self.says(&flow.lines[step].say)?,
            What::End { step } => self.says(&flow.lines[step].end)?,
            What::Retry { step } => {
                if let Some(retry) = &flow.lines[step].retry {
                    self.own(retry)?;
                }
            }
            What::Remember { step } => {
                for one in &flow.lines[step].remember {
                    self.one(one)?;
                }
            }
            What::TimedOut => self.says(&flow.timed_out)?,
            What::Cancelled => self.own(&flow.cancelled)?,
            What::GaveUp => self.own(&flow.gave_up)?,
            What::Gone => self.own(&flow.gone)?,
        }
        if let What::Ask { hint: true, .. } = did.what {
            self.hint(&flow.hint, begun)?;
        }
        self.put_into_thread(begun, thread);
        Ok(())
    }

    fn says(&mut self, all: &[Box<Say>]) -> Result<(), Stop> {
        all.iter().try_for_each(|say| self.say(say))
    }

    fn own(&mut self, text: &Text) -> Result<(), Stop> {
        let text = self.text(text)?;
        self.sentence(&text);
        Ok(())
    }

    fn sentence(&mut self, text: &str) {
        let parent = self.stepper.thread(None, self.scene.message);
        let said = messages(text, Format::Text, &self.stepper.here(), parent.as_deref());
        said.into_iter().for_each(|delivery| self.deliver(delivery));
    }

    /// What was said here since a moment.
    fn said_here(&mut self, begun: usize) -> impl DoubleEndedIterator<Item = &mut Delivery> {
        let here = self.stepper.here();
        self.decision.effects.iter_mut().skip(begun).filter_map(move |effect| match effect {
            Effect::Say(delivery) if delivery.to == here => Some(delivery),
            _ => None,
        })
    }

    /// A press of the card comes back with what marks the question, which no client can forge.
    fn mark(&mut self, begun: usize, question: Mark) {
        for delivery in self.said_here(begun) {
            match (&mut delivery.context, question.encode()) {
                (Json::Object(context), Json::Object(mark)) => context.extend(mark),
                (context @ Json::Null, mark) => *context = mark,
                (other, mark) => *other = serde_json::json!({ "value": other.clone(), MARK: mark[MARK].clone() }),
            }
        }
    }

    /// Below the question, where there is room.
    fn hint(&mut self, hint: &Text, begun: usize) -> Result<(), Stop> {
        let (plain, markdown) = (self.rendered(hint, Format::Text)?, self.rendered(hint, Format::Markdown)?);
        let mut put = false;
        if let Some(last) = self.said_here(begun).next_back() {
            let texts = [(&mut last.text, &plain), (&mut last.markdown, &markdown)];
            for (text, hint) in texts {
                if let Some(text) = text.as_mut().filter(|text| text.len() < ROOM_FOR_A_HINT) {
                    text.push_str("\n\n");
                    text.push_str(hint);
                    put = true;
                }
            }
        }
        if !put {
            self.sentence(&plain);
        }
        Ok(())
    }

    /// What is said at a time-out or a press belongs into the thread in which the dialogue is held.
    fn put_into_thread(&mut self, begun: usize, thread: Option<&str>) {
        let event = self.stepper.turn.event.origin();
        if matches!(event.trigger, Trigger::Message { .. }) {
            return;
        }
        for delivery in self.said_here(begun) {
            if delivery.parent.is_none() {
                delivery.parent = thread.map(str::to_owned);
            }
        }
    }
}

/// All answers, where a step that confirms has no words of its own.
fn summary(flow: &Flow, answers: &Answers) -> String {
    let mut lines = vec!["Is this right?".to_owned()];
    let mut line = |name: &str, value: &Json| {
        let value = match value {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        lines.push(format!("- {name}: {value}"));
    };
    for step in &flow.plan.steps {
        match &step.does {
            Does::Ask { into, .. } | Does::Form { into: Some(into), .. } => {
                answers.get(&**into).into_iter().for_each(|value| line(into, value));
            }
            Does::Form { inputs, into: None } => {
                for (name, _) in inputs {
                    answers.get(&**name).into_iter().for_each(|value| line(name, value));
                }
            }
            Does::Confirm { .. } | Does::Pass => {}
        }
    }
    let first = |words: &[Box<str>]| words.first().map(ToString::to_string).unwrap_or_default();
    let (yes, no) = (first(&flow.plan.yes_no.yes), first(&flow.plan.yes_no.no));
    lines.push(String::new());
    lines.push(format!("Please answer {yes} or {no}."));
    lines.join("\n")
}
