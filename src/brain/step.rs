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
            stepper.message(id, email.is_none())
        }
        Trigger::Membership { person, .. } => stepper.membership(person),
        _ => nothing(&format!("none: no rule for {}", turn.event.kind())),
    }
}

/// Two bots that answer each other never stop. The second domain is that of old bots.
fn is_bot(email: &str) -> bool {
    let email = email.to_ascii_lowercase();
    email.ends_with("@webex.bot") || email.ends_with("@sparkbot.io")
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

impl Stepper<'_> {
    /// `unknown_author`: whether a bot wrote it can be told only from the message itself.
    fn message(&self, id: &str, unknown_author: bool) -> Step {
        let program = self.program;
        let fallback_uses_it =
            || program.fallback.as_ref().is_some_and(|say| say.text.uses().is_some_and(|u| u.message));
        let needed = unknown_author || !program.rules.is_empty() || program.help.is_some() || fallback_uses_it();
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
                        let short: String = source.chars().take(60).collect();
                        return self.answer(&format!("pattern '{short}'"), &rule.say, message, &found);
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
        Step::Done(Decision { effects, rule: rule.to_owned(), notes, buried: None })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::Event,
        brain::fixture::{Asked, ME, World, member_event, message_event, program},
    };

    const ECHO: &str = "[fallback]\nreply = '{{ message.text }}'\n";

    fn changed(mut event: Event, change: impl FnOnce(&mut Trigger)) -> Event {
        change(&mut event.trigger);
        event
    }

    fn from(person_id: &str, address: Option<&str>) -> Event {
        changed(message_event(), |trigger| {
            if let Trigger::Message { person, email, .. } = trigger {
                person_id.clone_into(person);
                *email = address.map(str::to_owned);
            }
        })
    }

    fn in_thread() -> Event {
        changed(message_event(), |trigger| {
            if let Trigger::Message { parent, .. } = trigger {
                *parent = Some("ROOT".into());
            }
        })
    }

    fn play(text: &str, event: &Event, world: &World) -> Asked {
        Asked::play(&program(text), event, world).unwrap()
    }

    #[test]
    fn its_own_messages_and_those_of_other_bots_are_ignored_without_a_read() {
        let world = World::saying("hi");
        for (event, rule) in [
            (from(ME, Some("alice@example.com")), "none: own message"),
            (from("P", Some("Other@Webex.Bot")), "none: from another bot"),
            (from("P", Some("old@sparkbot.io")), "none: from another bot"),
        ] {
            let asked = play(ECHO, &event, &world);
            assert_eq!((asked.rule.as_str(), asked.deliveries.len(), asked.reads.len()), (rule, 0, 0));
        }
    }

    #[test]
    fn a_bot_whose_address_only_the_message_tells_is_ignored_too() {
        let mut world = World::saying("hi");
        let bot = Message { person_email: Some("other@webex.bot".into()), ..Message::default() };
        world.message = Fact::Message(Box::new(bot));
        let asked = play("[fallback]\nreply = 'always this'\n", &from("P", None), &world);
        assert_eq!(asked.rule, "none: from another bot");
    }

    #[test]
    fn a_message_that_is_gone_ends_the_turn_quietly() {
        let world = World { message: Fact::Missing, ..World::saying("hi") };
        let asked = play(ECHO, &message_event(), &world);
        assert_eq!((asked.rule.as_str(), asked.deliveries.len()), ("none: message is gone", 0));
    }

    #[test]
    fn an_answer_that_needs_nothing_reads_nothing() {
        let asked = play("[fallback]\nreply = 'always this'\n", &message_event(), &World::saying("hi"));
        assert_eq!((asked.said(), asked.reads.len()), (vec!["always this"], 0));
    }

    #[test]
    fn rules_are_tried_in_the_order_of_the_file() {
        let text = "[[command]]\npattern = 'p.ng'\nreply = 'first'\n[[command]]\nwords = ['ping']\nreply = 'second'\n";
        assert_eq!(Asked::of(&program(text), "ping").said(), ["first"]);
        assert_eq!(Asked::of(&program(text), "PING").said(), ["second"]);
        assert_eq!(Asked::of(&program(text), "x").rule, "none: nothing matched");
    }

    #[test]
    fn a_reply_stays_in_the_thread_it_was_asked_in() {
        let parent = |reply: &str, event: &Event| {
            play(&format!("[fallback]\nreply = {{ text = 'x', {reply} }}\n"), event, &World::saying("hi")).deliveries[0]
                .parent
                .clone()
        };
        assert_eq!(parent("", &message_event()), None);
        assert_eq!(parent("", &in_thread()).as_deref(), Some("ROOT"));
        assert_eq!(parent("thread = true", &message_event()).as_deref(), Some("M"));
        assert_eq!(parent("thread = true", &in_thread()).as_deref(), Some("ROOT"));
        assert_eq!(parent("thread = false", &in_thread()), None);
        assert_eq!(parent("to = 'person'", &in_thread()), None, "another room has other threads");
    }

    #[test]
    fn an_answer_can_go_elsewhere() {
        let to = |to: &str| {
            let text = format!("[rooms]\nops = 'OPSROOM1'\n[fallback]\nreply = 'x'\nto = '{to}'\n");
            play(&text, &message_event(), &World::saying("hi")).deliveries[0].to.clone()
        };
        assert_eq!(to("@ops"), Destination::Room("OPSROOM1".into()));
        assert_eq!(to("person"), Destination::Person("P".into()));
        assert_eq!(to("lead@example.com"), Destination::Email("lead@example.com".into()));
        assert_eq!(to("room"), Destination::Room("R".into()));
    }

    #[test]
    fn names_fall_back_to_the_address_and_titles_to_nothing_with_a_note() {
        let world = World { person: Fact::Missing, room: Fact::Missing, ..World::saying("hi") };
        let text = "[fallback]\nreply = '{{ person.first_name }}|{{ person.display_name }}|{{ room.title }}|'\n";
        let asked = play(text, &message_event(), &world);
        assert_eq!(asked.said(), ["alice@example.com|alice@example.com||"]);
        assert_eq!(asked.reads, ["person", "room"]);
        assert_eq!(asked.notes.len(), 2);
    }

    #[test]
    fn what_the_event_tells_is_not_read() {
        let text = "[[on]]\nevent = 'memberships.created'\nwho = 'others'\nreply = 'Hi {{ person.display_name }} in a {{ room.type }} room'\n";
        let asked = play(text, &member_event("B"), &World::saying(""));
        assert_eq!((asked.said(), asked.reads.len()), (vec!["Hi Bob Example in a group room"], 0));
        assert_eq!(
            play(text, &member_event(ME), &World::saying("")).rule,
            "none: memberships.created of the bot itself"
        );
    }

    #[test]
    fn what_is_missing_below_a_lenient_name_is_noted() {
        let asked = Asked::of(&program("[fallback]\nreply = 'a{{ payload.title }}b'\n"), "hi");
        assert_eq!((asked.said(), asked.notes.len()), (vec!["ab"], 1));
        let empty = Asked::of(&program("[fallback]\nreply = '{{ payload.title }}'\n"), "hi");
        assert_eq!(empty.deliveries.len(), 0);
        assert!(empty.notes.iter().any(|note| note.contains("empty")));
    }

    #[test]
    fn a_template_that_fails_names_its_rule_and_nothing_that_was_said() {
        let failing = program("[[command]]\nwords = ['add']\nreply = \"\\n{{ args.rest | int + 1 }}\"\n");
        assert_eq!(Asked::of(&failing, "add 41").said(), ["42"]);
        let error = Asked::play(&failing, &message_event(), &World::saying("add hunter2")).unwrap_err();
        assert_eq!(error, "the template of command \"add\" failed in its line 2: invalid operation");
    }

    #[test]
    fn a_template_that_runs_away_with_what_was_said_fails() {
        let text = "[[command]]\nwords = ['x']\nreply = '{% for a in message.text %}{% for b in message.text %}{{ message.text }}{% endfor %}{% endfor %}'\n";
        let error = Asked::play(&program(text), &message_event(), &World::saying(&"x ".repeat(500))).unwrap_err();
        assert_eq!(error, "the template of command \"x\" failed in its line 1: engine ran out of fuel");
    }

    #[test]
    fn a_long_answer_is_several_messages_in_order() {
        let text = "[fallback]\nreply = { text = '{{ message.text }}', thread = true }\n";
        let asked = Asked::of(&program(text), &"word ".repeat(4000));
        assert_eq!(asked.deliveries.len(), 3);
        assert!(
            asked.deliveries.iter().all(|d| d.parent.as_deref() == Some("M") && d.text.as_ref().unwrap().len() <= 7439)
        );
    }

    #[test]
    fn the_mention_is_stripped_before_anything_matches() {
        let mut world = World::saying("Test Bot ping");
        if let Fact::Message(message) = &mut world.message {
            message.html = Some(format!("<p><spark-mention data-object-id=\"{ME}\">Test</spark-mention> ping</p>"));
        }
        let text = "[[command]]\nwords = ['ping']\nreply = '{{ message.raw }}'\n";
        assert_eq!(play(text, &message_event(), &world).said(), ["Test Bot ping"]);
    }

    #[test]
    fn other_events_are_nobodys_business() {
        let event = changed(message_event(), |trigger| {
            if let Trigger::Message { change, .. } = trigger {
                *change = Change::Deleted;
            }
        });
        assert_eq!(play(ECHO, &event, &World::saying("")).rule, "none: no rule for messages.deleted");
    }
}
