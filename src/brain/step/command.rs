//! Which command a message is, and with which arguments.

use super::{Stepper, Stop, scene::Scene};
use crate::brain::{
    Decision, Fact, Read, mention, pattern,
    program::{Match, Rule},
    usage::{Args, Usage, Value},
    values::Found,
    words,
};

impl<'a> Stepper<'a> {
    pub(super) fn commands(self, scene: &Scene<'a>) -> Result<Option<Decision>, Stop> {
        for rule in &self.program.rules {
            if let Some((label, found)) = self.hit(scene, rule)?
                && let Some(decision) = self.act(&label, &rule.body, scene, &found)?
            {
                return Ok(Some(decision));
            }
        }
        Ok(None)
    }

    /// Whether a message is what a command listens for: its label then, and what was found in it.
    pub(super) fn hit(self, scene: &Scene<'_>, rule: &Rule) -> Result<Option<(String, Found)>, Stop> {
        Ok(match &rule.listens {
            Match::Words(list) => first(list.iter().map(|word| &**word), scene.text).map(|(word, rest)| {
                let args = Some(serde_json::json!({ "rest": rest }));
                (command_label(word), Found { args, ..Found::default() })
            }),
            Match::Usage(usage, also) => {
                let known = std::iter::once(&*usage.words).chain(also.iter().map(|word| &**word));
                match first(known, scene.text) {
                    Some((word, rest)) => {
                        Some((command_label(&usage.words), self.arguments(scene, usage, word, rest)?))
                    }
                    None => None,
                }
            }
            Match::Pattern(source) => {
                let compiled = self.engine.pattern(source);
                let captures = compiled.and_then(|compiled| pattern::captures(&compiled, scene.text));
                captures.map(|captures| (pattern_label(source), Found { captures, ..Found::default() }))
            }
        })
    }

    fn arguments(self, scene: &Scene<'_>, usage: &Usage, word: &str, rest: &str) -> Result<Found, Stop> {
        let Some(message) = scene.message else { return Ok(Found::default()) };
        let text = scene.text;
        // The rest is what the text ends with, but for spaces behind it.
        let from = text.trim_end().len() - rest.len();
        let mentions = mention::others(message, self.turn.me, text);
        let (args, complaint) = match usage.read(text, from, &mentions, self.turn.today()) {
            Ok(args) => (args, None),
            Err(complaint) => (Args::default(), Some(complaint.text(usage, word))),
        };
        let mut json = args.json();
        self.know_people(&args, &mut json)?;
        for name in usage.names() {
            json.entry(name).or_insert(serde_json::Value::Null);
        }
        json.entry("rest").or_insert_with(|| rest.into());
        Ok(Found { args: Some(json.into()), complaint, ..Found::default() })
    }

    /// A mention tells an id and a name; templates see as much of the person as of who wrote.
    fn know_people(self, args: &Args, json: &mut serde_json::Map<String, serde_json::Value>) -> Result<(), Stop> {
        let mut missing = Vec::new();
        for (name, value) in &args.0 {
            let Some(Value::Mentioned { id, .. }) = value else { continue };
            let read = Read::Person(id.clone());
            match (self.turn.facts.get(&read), json.get_mut(name)) {
                (Some(Fact::Person(person)), Some(known)) => {
                    let email = person.emails.first().cloned().unwrap_or_default();
                    known["email"] = email.into();
                    let display = person.display_name.clone().filter(|name| !name.trim().is_empty());
                    if let Some(display) = display {
                        known["first_name"] = person.first_name.clone().unwrap_or_else(|| display.clone()).into();
                        known["display_name"] = display.into();
                    }
                }
                (None, _) if !missing.contains(&read) => missing.push(read),
                _ => {}
            }
        }
        if missing.is_empty() { Ok(()) } else { Err(Stop::Need(missing)) }
    }
}

/// The first of some words that a text begins with, and what follows it.
pub(super) fn first<'w, 't>(words: impl Iterator<Item = &'w str>, text: &'t str) -> Option<(&'w str, &'t str)> {
    let mut words = words;
    words.find_map(|word| Some((word, words::rest(text, word)?)))
}

impl Rule {
    /// The words that it begins with; none of a pattern.
    pub(super) fn words(&self) -> Vec<&str> {
        match &self.listens {
            Match::Words(list) => list.iter().map(|word| &**word).collect(),
            Match::Usage(usage, also) => {
                std::iter::once(&*usage.words).chain(also.iter().map(|word| &**word)).collect()
            }
            Match::Pattern(_) => Vec::new(),
        }
    }

    /// What it may be called in records.
    pub(in crate::brain) fn labels(&self) -> Vec<String> {
        match &self.listens {
            Match::Words(list) => list.iter().map(|word| command_label(word)).collect(),
            Match::Usage(usage, _) => vec![command_label(&usage.words)],
            Match::Pattern(source) => vec![pattern_label(source)],
        }
    }
}

fn command_label(word: &str) -> String {
    format!("command \"{}\"", words::folded(word))
}

fn pattern_label(source: &str) -> String {
    let short: String = source.chars().take(60).collect();
    format!("pattern '{short}'")
}
