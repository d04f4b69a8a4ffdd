//! From a definition to a program: every text, pattern, name and destination is checked here.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    delivery::Destination,
    help, ids,
    names::Scope,
    pattern,
    program::{Match, OnRule, Program, Rule, Say, To},
    template::{self, Text},
    words,
};
use crate::{
    definition::{
        Answer, Code, Command, Definition, Diagnostic, On, Spanned, When, Who, codes,
        diagnostic::{did_you_mean, quote},
    },
    webex::Kinds,
};

/// Most bytes of one word of a command.
const MAX_WORD: usize = 100;

/// The events that `[[on]]` can react to.
const EVENTS: &[&str] = &["memberships.created", "memberships.updated", "memberships.deleted"];

/// A program, unless a diagnostic is an error.
#[derive(Debug)]
pub struct Compiled {
    /// What to run.
    pub program: Option<Arc<Program>>,
    /// What is wrong, or probably not as meant.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a definition.
#[must_use]
pub fn compile(definition: &Definition) -> Compiled {
    let mut compiler = Compiler { definition, found: Vec::new() };
    let program = compiler.program();
    let mut diagnostics = compiler.found;
    diagnostics.sort_by_key(|found| (found.line, found.column));
    let broken = diagnostics.iter().any(Diagnostic::is_error);
    Compiled { program: program.filter(|_| !broken).map(Arc::new), diagnostics }
}

struct Compiler<'d> {
    definition: &'d Definition,
    found: Vec<Diagnostic>,
}

impl Compiler<'_> {
    fn tell<T>(&mut self, code: Code, at: &Spanned<T>, message: impl Into<String>, hint: Option<String>) {
        self.found.push(self.definition.place().at(code, at.span, message).maybe_hint(hint));
    }

    fn program(&mut self) -> Option<Program> {
        let definition = self.definition;
        for (name, id) in &definition.rooms {
            if let Err(why) = room(&id.value) {
                self.tell(codes::BAD_DESTINATION, id, format!("{} is no room id: {why}", quote(&name.value)), None);
            }
        }
        self.shadowed();
        let rules: Vec<_> = definition.commands.iter().map(|command| self.command(command)).collect();
        let ons: Vec<_> = definition.ons.iter().map(|on| self.on(on)).collect();
        let fallback = definition.fallback.as_ref().map(|answer| self.say(answer, Scope::Fallback, &[]));
        let kinds = self.kinds();
        if kinds == Kinds::default() {
            let file = definition.place().file;
            self.found.push(
                Diagnostic::about_file(codes::NO_RULES, file, "the bot has no rule: it will never say anything")
                    .hint("add a `[[command]]`, an `[[on]]` or a `[fallback]`"),
            );
        }
        Some(Program {
            bot: definition.bot.clone(),
            digest: definition.digest,
            description: definition.description.as_ref().map(|text| text.value.as_str().into()),
            kinds,
            line_to_try: self.line_to_try().into(),
            rules: rules.into_iter().collect::<Option<_>>()?,
            help: help::page(definition).map(Into::into),
            ons: ons.into_iter().collect::<Option<_>>()?,
            fallback: match fallback {
                Some(say) => Some(say?),
                None => None,
            },
        })
    }

    fn kinds(&self) -> Kinds {
        let messages = !self.definition.commands.is_empty() || self.definition.fallback.is_some();
        let start = if messages { Kinds::default().with("messages.created") } else { Kinds::default() };
        self.definition.ons.iter().fold(start, |kinds, on| kinds.with(&on.event.value))
    }

    fn line_to_try(&self) -> String {
        let first_word = self.definition.commands.iter().find_map(|command| match &command.when {
            When::Words(words) => words.first().map(|word| word.value.trim().to_owned()),
            When::Pattern(_) => None,
        });
        let help = || help::page(self.definition).map(|_| "help".to_owned());
        first_word.or_else(help).unwrap_or_else(|| "hello".to_owned())
    }

    /// A word that an earlier command listens for already never reaches the later one.
    fn shadowed(&mut self) {
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        for (number, command) in self.definition.commands.iter().enumerate() {
            let When::Words(list) = &command.when else { continue };
            for word in list {
                let folded = words::folded(&word.value);
                let mut prefix = String::new();
                let mut earlier = None;
                for part in folded.split(' ') {
                    prefix = if prefix.is_empty() { part.to_owned() } else { format!("{prefix} {part}") };
                    earlier = earlier.or_else(|| taken.get(&prefix).copied());
                }
                if earlier.is_some_and(|earlier| earlier != number) {
                    let message = format!("{} is never reached: a command before listens for it", quote(&word.value));
                    self.tell(codes::SHADOWED, word, message, Some("remove it, or move its command up".into()));
                }
                taken.entry(folded).or_insert(number);
            }
        }
    }

    fn command(&mut self, command: &Command) -> Option<Rule> {
        match &command.when {
            When::Words(list) => {
                for word in list.iter().filter(|word| word.value.len() > MAX_WORD) {
                    self.tell(codes::BAD_VALUE, word, format!("a word has at most {MAX_WORD} bytes"), None);
                }
                let say = self.say(&command.answer, Scope::Words, &[])?;
                let list = list.iter().map(|word| words::folded(&word.value).into()).collect();
                Some(Rule { when: Match::Words(list), say })
            }
            When::Pattern(source) => {
                let groups = match pattern::build(&source.value) {
                    Ok(pattern) => pattern::groups(&pattern),
                    Err(error) => {
                        let place = self.definition.place();
                        let span = error.range.map_or(source.span, |range| place.inside(source.span, range));
                        let hint = "in TOML write patterns in single quotes: there a backslash is only a backslash";
                        self.found.push(place.at(codes::BAD_PATTERN, span, error.message).hint(hint));
                        return None;
                    }
                };
                let say = self.say(&command.answer, Scope::Pattern, &groups)?;
                Some(Rule { when: Match::Pattern(source.value.as_str().into()), say })
            }
        }
    }

    fn on(&mut self, on: &On) -> Option<OnRule> {
        let Some(kind) = EVENTS.iter().find(|known| **known == on.event.value) else {
            let list: Vec<_> = EVENTS.iter().map(|event| format!("`{event}`")).collect();
            let hint = match on.event.value.as_str() {
                "messages.created" => "messages are for `[[command]]` and `[fallback]`".to_owned(),
                other => did_you_mean(other, EVENTS.iter().copied())
                    .unwrap_or_else(|| format!("`[[on]]` knows {}", list.join(", "))),
            };
            let message = format!("`[[on]]` cannot react to {}", quote(&on.event.value));
            self.tell(codes::UNKNOWN_EVENT, &on.event, message, Some(hint));
            return None;
        };
        let default = if *kind == "memberships.created" { Who::Bot } else { Who::Others };
        let who = on.who.as_ref().map_or(default, |who| who.value);
        Some(OnRule { kind, who, say: self.say(&on.answer, Scope::Membership, &[])? })
    }

    fn say(&mut self, answer: &Answer, scope: Scope, groups: &[String]) -> Option<Say> {
        let to = match &answer.to {
            Some(to) => self.to(to),
            None => Some(To::Here),
        };
        let reply = &answer.reply;
        let text = self.text(&reply.body, reply.format, scope, groups);
        Some(Say { text: text?, format: reply.format, thread: reply.thread, to: to? })
    }

    fn text(
        &mut self,
        body: &Spanned<String>,
        format: crate::definition::Format,
        scope: Scope,
        groups: &[String],
    ) -> Option<Text> {
        if body.value.trim().is_empty() {
            self.tell(codes::BAD_VALUE, body, "a reply cannot be empty", Some("write what to say".into()));
            return None;
        }
        match template::compile(&body.value, format, scope, groups) {
            Ok(text) => Some(text),
            Err(troubles) => {
                let place = self.definition.place();
                for trouble in troubles {
                    let span = place.inside(body.span, trouble.range);
                    self.found.push(place.at(trouble.code, span, trouble.message).maybe_hint(trouble.hint));
                }
                None
            }
        }
    }

    fn to(&mut self, to: &Spanned<String>) -> Option<To> {
        let text = to.value.trim();
        let bad = |why: String, hint: String| Err((why, hint));
        let kinds = "write `@name` from `[rooms]`, a room id, an address, `person` or `room`";
        let found = if text == "room" {
            Ok(To::Here)
        } else if text == "person" {
            Ok(To::Person)
        } else if let Some(name) = text.strip_prefix('@') {
            match self.definition.rooms.iter().find(|(known, _)| known.value == name) {
                Some((_, id)) => Ok(To::Fixed(Destination::Room(id.value.clone()))),
                None => {
                    let names = self.definition.rooms.iter().map(|(name, _)| name.value.as_str());
                    let hint = did_you_mean(name, names).unwrap_or_else(|| format!("add `{name}` to `[rooms]`"));
                    bad(format!("`[rooms]` does not know {}", quote(name)), hint)
                }
            }
        } else if text.contains("{{") {
            bad("`to` cannot be a template".into(), kinds.into())
        } else if text.contains('@') {
            let parts = text.split_once('@').unwrap_or_default();
            let fits = !parts.0.is_empty() && parts.1.contains('.') && !text.contains(char::is_whitespace);
            if fits {
                Ok(To::Fixed(Destination::Email(text.to_owned())))
            } else {
                bad(format!("{} is no address", quote(text)), kinds.into())
            }
        } else if ids::kind(text).as_deref() == Some("PEOPLE") {
            Ok(To::Fixed(Destination::Person(text.to_owned())))
        } else {
            match room(text) {
                Ok(()) => Ok(To::Fixed(Destination::Room(text.to_owned()))),
                Err(why) => bad(format!("{} is no place a message can go to: {why}", quote(text)), kinds.into()),
            }
        };
        match found {
            Ok(to) => Some(to),
            Err((why, hint)) => {
                self.tell(codes::BAD_DESTINATION, to, why, Some(hint));
                None
            }
        }
    }
}

/// Whether a text can be a room id. Ids are opaque: only what cannot be one at all is refused.
fn room(id: &str) -> Result<(), String> {
    if id.len() < 8 || id.len() > 400 || !id.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("an id is one long word".into());
    }
    match ids::kind(id) {
        Some(kind) if kind != "ROOM" => Err(format!("it is the id of something else ({})", kind.to_lowercase())),
        _ => Ok(()),
    }
}
