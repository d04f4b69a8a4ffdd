//! A turn played through for tests: every read is answered, every delivery collected.

use std::{collections::BTreeMap, sync::Arc};

use chrono_tz::Tz;
use serde_json::Value;

use super::{
    Decision, Delivery, Effect, Engine, Fact, Facts, Me, Program, Read, SentMessage, Step, Turn, compile, step,
};
use crate::{
    base::{BotId, Change, Event, Millis, StateScope, Trigger, Version},
    definition::{self, Companion, DefinitionSource, Diagnostic},
    webex::model::{AttachmentAction, Message, Person, Room},
};

pub(super) const ME: &str = "me";

/// Parses and compiles a text; the diagnostics of both.
pub(super) fn compiled(text: &str) -> (Option<Arc<Program>>, Vec<Diagnostic>) {
    compiled_of(&DefinitionSource::new(BotId::parse("some").unwrap(), "some.toml", text))
}

/// The same of a folder with these texts beside its `bot.toml`.
pub(super) fn compiled_beside(text: &str, files: &[(&str, &str)]) -> (Option<Arc<Program>>, Vec<Diagnostic>) {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Companion::Text((*text).to_owned())));
    let source = DefinitionSource::new(BotId::parse("some").unwrap(), "some/bot.toml", text);
    compiled_of(&source.with_files(files.collect()))
}

fn compiled_of(source: &DefinitionSource) -> (Option<Arc<Program>>, Vec<Diagnostic>) {
    let (definition, mut found) = definition::parse(source);
    let Some(definition) = definition else { return (None, found) };
    let compiled = compile(&definition);
    found.extend(compiled.diagnostics);
    (compiled.program, found)
}

/// The program of a text that has nothing wrong with it.
pub(super) fn program(text: &str) -> Arc<Program> {
    let (program, found) = compiled(text);
    assert_eq!(found, []);
    program.unwrap()
}

pub(super) fn me() -> Me {
    Me { id: ME.into(), name: "Test Bot".into(), email: "test@webex.bot".into() }
}

/// A world in which everything can be read.
pub(super) struct World {
    pub(super) message: Fact,
    pub(super) person: Fact,
    pub(super) room: Fact,
    pub(super) members: Fact,
    pub(super) press: Fact,
    pub(super) sent: Fact,
    pub(super) dialogue: Fact,
    /// The bot's memory; what is not here was never written.
    pub(super) state: BTreeMap<(StateScope, String), Value>,
}

impl World {
    pub(super) fn saying(text: &str) -> Self {
        let message = Message { id: "M".into(), text: Some(text.into()), person_id: "P".into(), ..Message::default() };
        let person = Person {
            id: "P".into(),
            emails: vec!["alice@example.com".into()],
            display_name: Some("Alice Example".into()),
            first_name: Some("Alice".into()),
            org_id: Some("ORG".into()),
            timezone: Some("Europe/Berlin".into()),
            kind: Some("person".into()),
        };
        let room = Room { id: "R".into(), title: Some("Ops".into()), kind: Some("group".into()) };
        Self {
            message: Fact::Message(Box::new(message)),
            person: Fact::Person(Box::new(person)),
            room: Fact::Room(Box::new(room)),
            members: Fact::Members(Vec::new()),
            press: Fact::Missing,
            sent: Fact::Missing,
            dialogue: Fact::Dialogue(Version(0), None),
            state: BTreeMap::new(),
        }
    }

    /// A world in which somebody pressed a button: what was entered, and what was kept with the message.
    pub(super) fn pressing(inputs: Value, context: Value) -> Self {
        let Value::Object(inputs) = inputs else { unreachable!("inputs are an object") };
        let press = AttachmentAction { id: "A".into(), message_id: "M".into(), inputs, ..AttachmentAction::default() };
        Self {
            press: Fact::Press(Box::new(press)),
            sent: Fact::Sent(Box::new(SentMessage { context, ..SentMessage::default() })),
            ..Self::saying("")
        }
    }

    /// The same with a value in the bot's memory.
    pub(super) fn knowing(mut self, scope: StateScope, key: &str, value: Value) -> Self {
        self.state.insert((scope, key.to_owned()), value);
        self
    }

    pub(super) fn fact(&self, read: &Read) -> Fact {
        match read {
            Read::Message(_) => self.message.clone(),
            Read::Person(_) => self.person.clone(),
            Read::Room(_) => self.room.clone(),
            Read::Members(_) => self.members.clone(),
            Read::Press(_) => self.press.clone(),
            Read::Sent(_) => self.sent.clone(),
            Read::Script(run) => run.run(&crate::handlers::script::Scripts::new()),
            Read::Dialogue { .. } => self.dialogue.clone(),
            Read::State(scope, key) => match self.state.get(&(scope.clone(), key.clone())) {
                Some(value) => Fact::State(Version(1), Some(value.clone())),
                None => Fact::State(Version(0), None),
            },
        }
    }
}

pub(super) fn message_event() -> Event {
    Event {
        at: Millis(0),
        actor: None,
        trigger: Trigger::Message {
            change: Change::Created,
            id: "M".into(),
            room: "R".into(),
            room_type: Some("group".into()),
            person: "P".into(),
            email: Some("alice@example.com".into()),
            parent: None,
        },
    }
}

pub(super) fn press_event() -> Event {
    let (id, message, room, person) = ("A".into(), "M".into(), "R".into(), "P".into());
    Event { at: Millis(0), actor: None, trigger: Trigger::CardAction { id, message, room, person } }
}

pub(super) fn member_event(person: &str) -> Event {
    Event {
        at: Millis(0),
        actor: None,
        trigger: Trigger::Membership {
            change: Change::Created,
            id: "MS".into(),
            room: "R".into(),
            room_type: Some("group".into()),
            person: person.into(),
            email: None,
            name: Some("Bob Example".into()),
        },
    }
}

/// How a turn ended, and what it took.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) deliveries: Vec<Delivery>,
    pub(super) rule: String,
    pub(super) notes: Vec<String>,
    /// Kinds of reads, in the order they were asked for.
    pub(super) reads: Vec<String>,
    /// Why it is buried all the same.
    pub(super) buried: Option<String>,
    /// All that it asks for, in order.
    pub(super) effects: Vec<Effect>,
}

impl Asked {
    /// A person says something.
    pub(super) fn of(program: &Program, text: &str) -> Self {
        Self::play(program, &message_event(), &World::saying(text)).unwrap()
    }

    /// A person is added to a room.
    pub(super) fn member(program: &Program, person: &str) -> Self {
        Self::play(program, &member_event(person), &World::saying("")).unwrap()
    }

    /// Steps until decided; an error is the sentence of a failure.
    pub(super) fn play(program: &Program, event: &Event, world: &World) -> Result<Self, String> {
        let engine = Engine::new();
        let mut facts = Facts::new();
        let mut reads = Vec::new();
        for _ in 0..8 {
            let turn = Turn { event, me: &me(), facts: &facts, now: Millis(0), zone: Tz::UTC };
            match step(&engine, program, &turn) {
                Step::Need(wanted) => {
                    for read in wanted {
                        reads.push(read.kind().to_owned());
                        let fact = world.fact(&read);
                        assert!(facts.insert(read, fact).is_none(), "asked twice");
                    }
                }
                Step::Done(decision) => {
                    let Decision { effects, rule, notes, buried } = decision;
                    let deliveries = effects.iter().filter_map(|effect| match effect {
                        Effect::Say(delivery) => Some(delivery.clone()),
                        _ => None,
                    });
                    return Ok(Self { deliveries: deliveries.collect(), rule, notes, reads, effects, buried });
                }
                Step::Fail(sentence) => return Err(sentence),
            }
        }
        panic!("the turn never ends");
    }

    pub(super) fn said(&self) -> Vec<&str> {
        self.deliveries.iter().map(|d| d.text.as_deref().or(d.markdown.as_deref()).unwrap()).collect()
    }
}
