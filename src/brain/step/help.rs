//! The generated help: what a person may use, each command by itself, and the nearest one to what was mistyped.

use super::{Stepper, Stop, command::first, scene::Scene};
use crate::{
    brain::{
        Decision, Delivery,
        help::{self, Entry},
        messages::messages,
        program::{Match, Rule},
        words,
    },
    definition::{Format, Help, diagnostic::nearest},
};

impl<'a> Stepper<'a> {
    /// Answers `help`, `help page`.
    pub(super) fn help(self, scene: &Scene<'a>) -> Result<Option<Decision>, Stop> {
        let Some(form) = self.program.help else { return Ok(None) };
        let Some(about) = words::rest(scene.text, "help") else { return Ok(None) };
        if let Some(because) = self.denied(scene, None)? {
            return Ok(Some(Decision::default().named(format!("none: help is denied: {}", because.sentence))));
        }
        let about = about.trim_matches(['`', '"', '*', '“', '”']);
        let usable = self.usable(scene)?;
        let meant = usable.iter().find(|rule| first(rule.words().into_iter(), about).is_some());
        let as_card = form == Help::Card;
        let (text, card) = if let Some(rule) = meant {
            (help::one(&rule.entry()), as_card.then(|| help::one_card(&rule.entry())))
        } else {
            let listed = usable.iter().filter(|rule| !rule.hidden && rule.help.is_some());
            let listed: Vec<Entry<'_>> = listed.map(|rule| rule.entry()).collect();
            let description = self.program.description.as_deref();
            if as_card {
                (help::beside(description, &listed), Some(help::page_card(description, &listed)))
            } else {
                (help::page(description, &listed), None)
            }
        };
        let parent = self.thread(None, scene.message);
        let mut said = messages(&text, Format::Markdown, &self.here(), parent.as_deref());
        if let (Some(first), Some(card)) = (said.first_mut(), card) {
            first.card = Some(card);
        }
        Ok(Some(Decision::of("help", said)))
    }

    /// What a message that matches nothing was probably meant as.
    pub(super) fn nearest(self, scene: &Scene<'a>) -> Result<Option<Decision>, Stop> {
        if self.program.help.is_none() || scene.text.is_empty() {
            return Ok(None);
        }
        let near = |rule: &&Rule| rule.words().iter().any(|words| is_near(scene.text, words));
        if !self.program.rules.iter().any(|rule| near(&rule) && !rule.hidden) {
            return Ok(None);
        }
        if self.denied(scene, None)?.is_some() {
            return Ok(None);
        }
        let usable = self.usable(scene)?;
        let Some(rule) = usable.into_iter().filter(|rule| !rule.hidden).find(near) else { return Ok(None) };
        let entry = rule.entry();
        let text = format!("I do not know that. Did you mean this?\nUsage: {}", entry.line());
        let said: Vec<Delivery> = self.said(scene, &text);
        Ok(Some(Decision::of("none", said).named(format!("none: nothing matched, near {}", rule.labels().join(", ")))))
    }

    /// The commands that this person may use here.
    fn usable(self, scene: &Scene<'a>) -> Result<Vec<&'a Rule>, Stop> {
        let mut usable = Vec::new();
        for rule in &self.program.rules {
            let access = rule.body.gate.as_ref().map(|gate| &gate.access);
            if access.is_none() || self.denied(scene, access)?.is_none() {
                usable.push(rule);
            }
        }
        Ok(usable)
    }
}

/// Whether a text begins nearly with these words, and not with them.
fn is_near(text: &str, words: &str) -> bool {
    let count = words.split_whitespace().count();
    let said: Vec<&str> = text.split_whitespace().take(count).collect();
    nearest(&said.join(" "), [words]).is_some()
}

impl Rule {
    fn entry(&self) -> Entry<'_> {
        let usage = match &self.listens {
            Match::Usage(usage, _) => Some(&**usage),
            _ => None,
        };
        Entry { words: self.words(), usage, help: self.help.as_deref() }
    }
}
