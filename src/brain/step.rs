//! One step of a turn: match, then read what the matched answer uses, then say it.

use super::{
    Decision, Effect, Fact, Program, Read, Step, Turn,
    answer::{self, Values, Where, Who as Person},
    delivery::Destination,
    engine::Engine,
    ids, mention, pattern,
    program::{Match, Say, To},
    template::Uses,
    words,
};
use crate::{
    base::{Change, Trigger},
    definition::{Format, Who},
    webex::model::Message,
};

/// Decides one turn. Pure: the same program and turn give the same step, whatever the engine has cached.
#[must_use]
pub fn step(engine: &Engine, program: &Program, turn: &Turn<'_>) -> Step {
    let stepper = Stepper { engine, program, turn };
    match &turn.event.trigger {
        Trigger::Message { change: Change::Created, id, person, email, .. } => {
            if ids::same(person, &turn.me.id) {
                return nothing("none: own message");
            }
            if email.as_deref().is_some_and(is_bot) {
                return nothing("none: from another bot");
            }
            stepper.message(id)
        }
        Trigger::Membership { person, .. } => stepper.membership(person),
        _ => nothing(&format!("none: no rule for {}", turn.event.kind())),
    }
}

fn is_bot(email: &str) -> bool {
    email.to_ascii_lowercase().ends_with("@webex.bot")
}

fn nothing(rule: &str) -> Step {
    Step::Done(Decision { rule: rule.to_owned(), ..Decision::default() })
}

struct Stepper<'a> {
    engine: &'a Engine,
    program: &'a Program,
    turn: &'a Turn<'a>,
}

/// What a rule found in the text.
#[derive(Default)]
struct Found<'t> {
    text: &'t str,
    rest: &'t str,
    captures: Vec<(String, String)>,
}

impl<'a> Stepper<'a> {
    fn message(&self, id: &str) -> Step {
        let program = self.program;
        let fallback_uses_it =
            || program.fallback.as_ref().is_some_and(|say| say.text.uses().is_some_and(|u| u.message));
        let needed = !program.rules.is_empty() || program.help.is_some() || fallback_uses_it();
        let message = match self.turn.facts.get(&Read::Message(id.to_owned())) {
            Some(Fact::Message(message)) => Some(&**message),
            Some(_) => return nothing("none: message is gone"),
            None if needed => return Step::Need(vec![Read::Message(id.to_owned())]),
            None => None,
        };
        if message.and_then(|message| message.person_email.as_deref()).is_some_and(is_bot) {
            return nothing("none: from another bot");
        }
        let text = message.map(|message| mention::stripped(message, self.turn.me)).unwrap_or_default();
        for rule in &program.rules {
            match &rule.when {
                Match::Words(list) => {
                    let hit = list.iter().find_map(|word| Some((word, words::rest(&text, word)?)));
                    if let Some((word, rest)) = hit {
                        let found = Found { text: &text, rest, ..Found::default() };
                        return self.answer(&format!("command \"{word}\""), &rule.say, message, &found);
                    }
                }
                Match::Pattern(source) => {
                    let compiled = self.engine.pattern(source);
                    if let Some(captures) = compiled.and_then(|compiled| pattern::captures(&compiled, &text)) {
                        let found = Found { text: &text, captures, ..Found::default() };
                        return self.answer(&format!("pattern '{source}'"), &rule.say, message, &found);
                    }
                }
            }
        }
        if let (Some(help), Some(_)) = (&program.help, words::rest(&text, "help")) {
            return self.say("help", help, Format::Markdown, &To::Here, None, message, Vec::new());
        }
        match &program.fallback {
            Some(say) => self.answer("fallback", say, message, &Found { text: &text, ..Found::default() }),
            None => nothing("none: nothing matched"),
        }
    }

    fn membership(&self, member: &str) -> Step {
        let kind = self.turn.event.kind();
        let mine = ids::same(member, &self.turn.me.id);
        let fits = |who: Who| match who {
            Who::Anyone => true,
            Who::Bot => mine,
            Who::Others => !mine,
        };
        let mut rules = self.program.ons.iter().filter(|on| on.kind == kind).peekable();
        if rules.peek().is_none() {
            return nothing(&format!("none: no rule for {kind}"));
        }
        match rules.find(|on| fits(on.who)) {
            Some(on) => self.answer(&format!("on {kind}"), &on.say, None, &Found::default()),
            None if mine => nothing(&format!("none: {kind} of the bot itself")),
            None => nothing(&format!("none: {kind} of somebody else")),
        }
    }

    fn answer(&self, rule: &str, say: &Say, message: Option<&Message>, found: &Found<'_>) -> Step {
        let mut notes = Vec::new();
        let nothing_used = Uses::default();
        let uses = say.text.uses().unwrap_or(&nothing_used);
        let mut missing = Vec::new();
        let person = self.person(uses, message, &mut missing, &mut notes);
        let room = self.room(uses, message, &mut missing, &mut notes);
        if !missing.is_empty() {
            return Step::Need(missing);
        }
        notes.extend(uses.lenient.iter().map(|path| format!("`{path}` is missing: it printed nothing")));
        let values = Values {
            text: found.text,
            message,
            person,
            room,
            me: self.turn.me,
            rest: found.rest,
            captures: &found.captures,
            kind: self.turn.event.kind(),
            at: self.turn.event.at,
            now: self.turn.now,
        };
        match say.text.say(self.engine, say.format, &values) {
            Ok(text) => self.say(rule, &text, say.format, &say.to, say.thread, message, notes),
            // Only the kind and the line: the engine's own words may hold what a person said.
            Err(error) => {
                Step::Fail(format!("the template of {rule} failed in its line {}: {}", error.line, error.kind))
            }
        }
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one answer, each named where it is made")]
    fn say(
        &self,
        rule: &str,
        text: &str,
        format: Format,
        to: &To,
        thread: Option<bool>,
        message: Option<&Message>,
        mut notes: Vec<String>,
    ) -> Step {
        let event = self.turn.event;
        let destination = match to {
            To::Here => Destination::Room(event.room().to_owned()),
            To::Person => match event.person() {
                Some(person) => Destination::Person(person.to_owned()),
                None => Destination::Room(event.room().to_owned()),
            },
            To::Fixed(destination) => destination.clone(),
        };
        let here = matches!(&destination, Destination::Room(room) if room == event.room());
        let parent = if here { self.thread(thread, message) } else { None };
        let deliveries = answer::deliveries(text, format, &destination, parent.as_deref());
        if deliveries.is_empty() {
            notes.push("the reply is empty: nothing was sent".to_owned());
        }
        let effects = deliveries.into_iter().map(Effect::Say).collect();
        Step::Done(Decision { effects, rule: rule.to_owned(), notes })
    }

    /// Webex's threads are flat: a reply hangs on the root, never on another reply.
    fn thread(&self, wanted: Option<bool>, message: Option<&Message>) -> Option<String> {
        let Trigger::Message { id, parent, .. } = &self.turn.event.trigger else { return None };
        let root = parent.clone().or_else(|| message.and_then(|message| message.parent_id.clone()));
        match wanted {
            Some(false) => None,
            Some(true) => Some(root.unwrap_or_else(|| id.clone())),
            None => root,
        }
    }

    fn person(
        &self,
        uses: &Uses,
        message: Option<&Message>,
        missing: &mut Vec<Read>,
        notes: &mut Vec<String>,
    ) -> Person {
        let (email, name) = match &self.turn.event.trigger {
            Trigger::Message { email, .. } => (email.clone(), None),
            Trigger::Membership { email, name, .. } => (email.clone(), name.clone()),
            _ => (None, None),
        };
        let id = self.turn.event.person().unwrap_or_default().to_owned();
        let mut email = email.or_else(|| message.and_then(|message| message.person_email.clone()));
        let mut display_name = name.filter(|name| !name.trim().is_empty());
        let mut first_name = None;
        let read = uses.first_name || (uses.display_name && display_name.is_none()) || (uses.email && email.is_none());
        if read && !id.is_empty() {
            let question = Read::Person(id.clone());
            match self.turn.facts.get(&question) {
                Some(Fact::Person(person)) => {
                    email = email.or_else(|| person.emails.first().cloned());
                    display_name = display_name.or_else(|| person.display_name.clone());
                    first_name.clone_from(&person.first_name);
                }
                Some(_) => {}
                None => missing.push(question),
            }
        }
        let email = email.unwrap_or_default();
        let filled = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let fell_back = (uses.display_name && !filled(&display_name)) || (uses.first_name && !filled(&first_name));
        if fell_back && missing.is_empty() {
            notes.push("the person's name is not known: the address stands for it".to_owned());
        }
        let display_name = display_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| email.clone());
        let first_name = first_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| email.clone());
        Person { id, email, display_name, first_name }
    }

    fn room(&self, uses: &Uses, message: Option<&Message>, missing: &mut Vec<Read>, notes: &mut Vec<String>) -> Where {
        let kind = match &self.turn.event.trigger {
            Trigger::Message { room_type, .. } | Trigger::Membership { room_type, .. } => room_type.clone(),
            _ => None,
        };
        let id = self.turn.event.room().to_owned();
        let mut kind = kind.or_else(|| message.and_then(|message| message.room_type.clone()));
        let mut title = None;
        if uses.room_title || (uses.room_type && kind.is_none()) {
            let question = Read::Room(id.clone());
            match self.turn.facts.get(&question) {
                Some(Fact::Room(room)) => {
                    title.clone_from(&room.title);
                    kind = kind.or_else(|| room.kind.clone());
                }
                Some(_) => {}
                None => missing.push(question),
            }
            if uses.room_title && title.is_none() && missing.is_empty() {
                notes.push("the room's title is not known: it printed nothing".to_owned());
            }
        }
        Where { id, title: title.unwrap_or_default(), kind: kind.unwrap_or_default() }
    }
}
