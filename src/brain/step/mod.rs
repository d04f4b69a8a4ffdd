//! One step of a turn: match, then read what the matched rule uses, then do what it says.
//!
//! In reading order: this file finds the rule, [`scene`] knows what is known and asks for the rest, [`act`] does
//! what the rule's body says, [`say`] makes messages of it. Who is in a dialogue is heard by [`dialogue`] first.

mod act;
mod answer;
mod approve;
mod ask;
mod command;
mod dialogue;
#[cfg(test)]
mod dialogue_tests;
mod effects;
mod gate;
#[cfg(test)]
mod handler_tests;
mod help;
mod inbound;
mod say;
mod scene;
mod schedule;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_gate;

use self::scene::Scene;
use super::{
    Decision, Fact, Program, Read, Step, Turn,
    engine::{Engine, RenderError},
    ids, mention,
    program::{Body, OnRule, What, Where},
    values::Found,
};
use crate::{
    base::{Change, Trigger, is_dialogue_timer},
    definition::Who,
};

/// Decides one turn. Pure: the same program and turn give the same step, whatever the engine has cached.
#[must_use]
pub fn step(engine: &Engine, program: &Program, turn: &Turn<'_>) -> Step {
    match (Stepper { engine, program, turn, approved: None }).decide() {
        Ok(decision) => Step::Done(decision),
        Err(Stop::Need(reads)) => Step::Need(reads),
        Err(Stop::Fail(reason)) => Step::Fail(reason),
    }
}

/// Why a step ends before it has decided.
#[derive(Debug)]
pub(super) enum Stop {
    /// These must be known first; none of them twice, none of them known.
    Need(Vec<Read>),
    /// The event cannot be handled.
    Fail(String),
}

impl Stop {
    /// A template failed. Only the kind and the line: the engine's own words may hold what a person said.
    fn template(rule: &str, error: &RenderError) -> Self {
        Self::Fail(format!("the template of {rule} failed in its line {}: {}", error.line, error.kind))
    }
}

/// Two bots that answer each other never stop. The second domain is that of old bots.
fn is_bot(email: &str) -> bool {
    let email = email.to_ascii_lowercase();
    email.ends_with("@webex.bot") || email.ends_with("@sparkbot.io")
}

fn nothing(rule: &str) -> Decision {
    Decision { rule: rule.to_owned(), ..Decision::default() }
}

/// What one step works with.
#[derive(Clone, Copy)]
pub(super) struct Stepper<'a> {
    engine: &'a Engine,
    program: &'a Program,
    turn: &'a Turn<'a>,
    /// The rule that others have agreed to, by its label.
    approved: Option<&'a str>,
}

impl<'a> Stepper<'a> {
    fn decide(self) -> Result<Decision, Stop> {
        let me = &self.turn.me.id;
        match &self.turn.event.trigger {
            Trigger::Message { person, .. } if ids::same(person, me) => Ok(nothing("none: own message")),
            Trigger::Message { email: Some(email), .. } if is_bot(email) => Ok(nothing("none: from another bot")),
            Trigger::Message { change: Change::Deleted, .. } => self.plain(),
            Trigger::Message { change, id, email, .. } => self.message(*change, id, email.is_none()),
            Trigger::Membership { person, .. } => self.membership(ids::same(person, me)),
            Trigger::CardAction { id, message, .. } => self.press(id, message),
            Trigger::Timer { name, value, .. } if is_dialogue_timer(name) => self.dialogue_timer(value),
            Trigger::Room { .. } | Trigger::Timer { .. } | Trigger::DeliveryFailed { .. } => self.plain(),
            Trigger::Schedule { name, planned, zone, person } => self.schedule(name, *planned, zone, person.as_deref()),
            Trigger::Inbound { name, payload, .. } => self.inbound(name, payload),
            Trigger::Answer { rule, result, .. } => self.answer(rule, result),
        }
    }

    /// `unknown_author`: whether a bot wrote it can be told only from the message itself.
    fn message(self, change: Change, id: &str, unknown_author: bool) -> Result<Decision, Stop> {
        let program = self.program;
        let created = change == Change::Created;
        let ons: Vec<&OnRule> = program.ons.iter().filter(|on| on.what.is_about_messages(change)).collect();
        let fallback = program.fallback.as_ref().filter(|_| created);
        let reads_text = |body: &Body| body.when.is_some() || body.uses.message;
        let needed = unknown_author
            || (created && (!program.rules.is_empty() || !program.flows.is_empty() || program.help.is_some()))
            || ons.iter().any(|on| on.what.needs_the_message() || reads_text(&on.body))
            || fallback.is_some_and(reads_text);
        let message = match self.turn.facts.get(&Read::Message(id.to_owned())) {
            Some(Fact::Message(message)) => Some(&**message),
            Some(_) => return Ok(nothing("none: message is gone")),
            None if needed => return Err(Stop::Need(vec![Read::Message(id.to_owned())])),
            None => None,
        };
        if message.and_then(|message| message.person_email.as_deref()).is_some_and(is_bot) {
            return Ok(nothing("none: from another bot"));
        }
        let text = message.map(|message| mention::stripped(message, self.turn.me)).unwrap_or_default();
        let scene = Scene { text: &text, message, ..Scene::of(self) };
        // What others have agreed to was asked for before the dialogue that is open now, and is no answer in it.
        if created
            && self.approved.is_none()
            && let Some(decision) = self.dialogue_message(&scene)?
        {
            return Ok(decision);
        }
        if created && let Some(decision) = self.commands(&scene)? {
            return Ok(decision);
        }
        for on in ons.into_iter().filter(|on| on.what.fits_message(&scene)) {
            if let Some(decision) = self.act(&on.what.label(), &on.body, &scene, &Found::default())? {
                return Ok(decision);
            }
        }
        if created && let Some(decision) = self.help(&scene)? {
            return Ok(decision);
        }
        let unmatched = if created { "none: nothing matched" } else { "none: no rule for messages.updated" };
        let Some(fallback) = fallback else {
            let near = if created { self.nearest(&scene)? } else { None };
            return Ok(near.unwrap_or_else(|| nothing(unmatched)));
        };
        let decision = self.act("fallback", fallback, &scene, &Found::default())?;
        Ok(decision.unwrap_or_else(|| nothing(unmatched)))
    }

    fn membership(self, mine: bool) -> Result<Decision, Stop> {
        let kind = self.turn.event.kind();
        if mine && let Some(decision) = self.brought()? {
            return Ok(decision);
        }
        let fits = |who: Who| match who {
            Who::Anyone => true,
            Who::Bot => mine,
            Who::Others => !mine,
        };
        let about = |on: &OnRule| matches!(on.what, What::Membership(wanted, _) if wanted == kind);
        if !self.program.ons.iter().any(about) {
            return Ok(nothing(&format!("none: no rule for {kind}")));
        }
        let fitting = |on: &&OnRule| matches!(on.what, What::Membership(wanted, who) if wanted == kind && fits(who));
        let whose = if mine { "of the bot itself" } else { "of somebody else" };
        self.first_of(fitting, &Scene::of(self), &format!("none: {kind} {whose}"))
    }

    fn press(self, id: &str, message: &str) -> Result<Decision, Stop> {
        let asks = self.program.asks_for_approval();
        if !asks && !self.program.has_forms() && !self.program.ons.iter().any(|on| matches!(on.what, What::Card(_))) {
            return Ok(nothing("none: no rule for attachmentActions.created"));
        }
        let press = match self.turn.facts.get(&Read::Press(id.to_owned())) {
            Some(Fact::Press(press)) => &**press,
            Some(_) => return Ok(nothing("none: the press is gone")),
            None => return Err(Stop::Need(vec![Read::Press(id.to_owned())])),
        };
        let action = press.inputs.get("action").and_then(serde_json::Value::as_str).unwrap_or_default();
        if let (true, Some(answer)) = (asks, approve::Answer::of(action)) {
            return self.answered(answer, message);
        }
        let scene = Scene { press: Some(press), pressed: Some(message), ..Scene::of(self) };
        if let Some(decision) = self.dialogue_press(&scene)? {
            return Ok(decision);
        }
        let fitting = |on: &&OnRule| matches!(&on.what, What::Card(wanted) if **wanted == *action);
        self.first_of(fitting, &scene, "none: no rule for this button")
    }

    /// An event that is just what it is.
    fn plain(self) -> Result<Decision, Stop> {
        let kind = self.turn.event.kind();
        if let Trigger::Timer { name, .. } = &self.turn.event.trigger
            && let Some(decision) = self.lapsed(name)?
        {
            return Ok(decision);
        }
        let fitting = |on: &&OnRule| match (&on.what, &self.turn.event.trigger) {
            (What::Timer(wanted), Trigger::Timer { name, .. }) => wanted.as_deref().is_none_or(|wanted| wanted == name),
            (What::Kind(wanted), _) => *wanted == kind,
            _ => false,
        };
        self.first_of(fitting, &Scene::of(self), &format!("none: no rule for {kind}"))
    }

    /// The first fitting rule of `[[on]]` that applies.
    fn first_of(
        self,
        fitting: impl Fn(&&OnRule) -> bool,
        scene: &Scene<'a>,
        otherwise: &str,
    ) -> Result<Decision, Stop> {
        for on in self.program.ons.iter().filter(fitting) {
            if let Some(decision) = self.act(&on.what.label(), &on.body, scene, &Found::default())? {
                return Ok(decision);
            }
        }
        Ok(nothing(otherwise))
    }
}

impl What {
    /// As records, answers and deliveries name the rule.
    pub(in crate::brain) fn label(&self) -> String {
        match self {
            Self::Message(Where::Anywhere) => "on message".to_owned(),
            Self::Message(Where::Group) => "on mention".to_owned(),
            Self::Message(Where::Direct) => "on direct".to_owned(),
            Self::File => "on file".to_owned(),
            Self::Membership(kind, _) | Self::Kind(kind) => format!("on {kind}"),
            Self::Timer(Some(name)) => format!("on timer \"{name}\""),
            Self::Timer(None) => "on timer".to_owned(),
            Self::Card(action) => format!("card \"{action}\""),
        }
    }

    /// Whether a person does it, of whom it can be asked whether they may.
    pub(super) fn is_of_people(&self) -> bool {
        matches!(self, Self::Message(_) | Self::File | Self::Card(_)) || matches!(self, Self::Kind("messages.updated"))
    }

    fn is_about_messages(&self, change: Change) -> bool {
        match self {
            Self::Message(_) | Self::File => change == Change::Created,
            Self::Kind(kind) => change == Change::Updated && *kind == "messages.updated",
            _ => false,
        }
    }

    /// Whether only the message itself tells if the rule fits.
    fn needs_the_message(&self) -> bool {
        matches!(self, Self::File)
    }

    fn fits_message(&self, scene: &Scene<'_>) -> bool {
        match self {
            Self::Message(Where::Anywhere) | Self::Kind(_) => true,
            Self::Message(Where::Group) => scene.room_type() == Some("group"),
            Self::Message(Where::Direct) => scene.room_type() == Some("direct"),
            Self::File => scene.message.is_some_and(|message| !message.files.is_empty()),
            _ => false,
        }
    }
}
