//! What there is in a test: people, rooms, messages, the bot's memory, and what the bot did so far.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use chrono_tz::Tz;
use serde_json::Value;

use super::{
    cues::Cues,
    play::{Line, Subject},
};
use crate::{
    base::{Cell, Event, EventId, Millis, StateScope, Version},
    brain::{Delivery, HandlerCall, Me, SentMessage, busy::Underway},
    definition::cases::{Answered, Case, CaseFile, PEOPLE},
    webex::model,
};

/// The organization of everybody at `example.com`.
const ORG: &str = "org-example.com";

/// A world in memory.
#[derive(Debug)]
pub(super) struct World<'a> {
    pub(super) subject: &'a Subject<'a>,
    pub(super) me: Me,
    pub(super) now: Millis,
    pub(super) zone: Tz,
    /// The room of steps that name none.
    pub(super) usual_room: Option<String>,
    pub(super) people: Vec<Human>,
    pub(super) rooms: Vec<Room>,
    pub(super) messages: Vec<Message>,
    pub(super) presses: BTreeMap<String, model::AttachmentAction>,
    pub(super) memory: BTreeMap<(StateScope, String), Cell>,
    pub(super) dialogues: BTreeMap<(String, String), Talk>,
    pub(super) timers: BTreeMap<String, (Millis, Event)>,
    /// Up to where each schedule has run.
    pub(super) through: Vec<Millis>,
    /// Which message was last sent under a key, by room and key.
    pub(super) keys: BTreeMap<(String, String), usize>,
    /// What is to be handled, in order.
    pub(super) queue: VecDeque<Event>,
    /// The steps that are played.
    pub(super) cues: Cues<'a>,
    /// Calls that were made.
    pub(super) calls: Vec<Waiting>,
    /// Calls that wait until another is over.
    pub(super) kept: VecDeque<HandlerCall>,
    /// Answers that are on their way: when they come, and to which call.
    pub(super) coming: Vec<(Millis, EventId, Answered)>,
    /// What posts were the same as others by, for each hook, and until when that counts.
    pub(super) seen: BTreeMap<(String, String), Millis>,
    /// What the bot did, for the steps that expect it.
    pub(super) done: Vec<Done>,
    /// Everything that happened, for people.
    pub(super) told: Vec<Line>,
    /// The rule of the last turn.
    pub(super) rule: String,
    /// What the last step was about.
    pub(super) last: Last,
    /// Ids handed out.
    count: u32,
}

/// A dialogue: its version, where it stands, until when.
#[derive(Debug, Default)]
pub(super) struct Talk {
    pub(super) version: i64,
    pub(super) value: Option<(Value, Millis)>,
}

impl Talk {
    /// What is there at a moment.
    pub(super) fn at(&self, now: Millis) -> (Version, Option<(Value, Millis)>) {
        let value = self.value.clone().filter(|(_, until)| *until > now);
        (Version(if value.is_some() { self.version } else { 0 }), value)
    }
}

/// What the last step was about.
#[derive(Debug, Default, Clone)]
pub(super) struct Last {
    /// Line of the step, from 1.
    pub(super) line: usize,
    /// Room id.
    pub(super) room: Option<String>,
    /// Person id.
    pub(super) person: Option<String>,
}

/// Somebody.
#[derive(Debug, Clone)]
pub(super) struct Human {
    pub(super) id: String,
    /// What steps call them.
    pub(super) name: String,
    pub(super) email: String,
    pub(super) display_name: String,
    pub(super) first_name: String,
    pub(super) org: String,
    /// The time zone they have set.
    pub(super) zone: Option<String>,
}

/// A room.
#[derive(Debug, Clone)]
pub(super) struct Room {
    pub(super) id: String,
    pub(super) title: String,
    /// A room for two: whose.
    pub(super) direct: Option<String>,
    /// Person ids, the bot's among them.
    pub(super) members: BTreeSet<String>,
}

impl Room {
    pub(super) fn kind(&self) -> &'static str {
        if self.direct.is_some() { "direct" } else { "group" }
    }
}

/// A message.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) model: model::Message,
    pub(super) card: Option<Value>,
    /// What the bot keeps of it, if it is the bot's.
    pub(super) sent: Option<SentMessage>,
    pub(super) sent_at: Millis,
    pub(super) gone: bool,
    /// Whether the bot was told of it.
    pub(super) heard: bool,
    pub(super) edits: u32,
}

/// A call that was made.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) id: EventId,
    pub(super) call: HandlerCall,
    /// A step expected it.
    pub(super) expected: bool,
    /// It is being made: a step to come answers it.
    pub(super) open: bool,
    /// What others mind as long as it is.
    pub(super) underway: Underway,
    /// When that began.
    pub(super) since: Millis,
    /// Answers so far.
    pub(super) parts: u32,
}

/// Something the bot did.
#[derive(Debug, Clone)]
pub(super) struct Done {
    pub(super) what: Deed,
    /// Room id; empty: in none.
    pub(super) room: String,
    /// The rule that decided.
    pub(super) rule: String,
    /// The line of the step that led to it.
    pub(super) cause: usize,
    /// A step expected it.
    pub(super) expected: bool,
}

/// What it was.
#[derive(Debug, Clone)]
pub(super) enum Deed {
    /// A message.
    Said(Delivery),
    /// A message was changed to this.
    Edited(Delivery),
    /// The message that said this was deleted.
    Deleted {
        /// What it said.
        text: String,
        /// The key it was sent under.
        key: Option<String>,
    },
    /// It left the room.
    Left,
    /// An event could not be handled, for this reason.
    Failed(String),
}

impl<'a> World<'a> {
    pub(super) fn new(subject: &'a Subject<'a>, file: &CaseFile, case: &'a Case) -> Self {
        let bot = subject.program.bot().as_str();
        let me = Me { id: format!("person-{bot}"), name: title_case(bot), email: format!("{bot}@webex.bot") };
        let mut world = Self {
            subject,
            me,
            now: Millis(0),
            zone: case.zone,
            usual_room: case.room.clone(),
            people: Vec::new(),
            rooms: Vec::new(),
            messages: Vec::new(),
            presses: BTreeMap::new(),
            memory: BTreeMap::new(),
            dialogues: BTreeMap::new(),
            timers: BTreeMap::new(),
            through: Vec::new(),
            keys: BTreeMap::new(),
            queue: VecDeque::new(),
            cues: Cues::new(&case.steps),
            calls: Vec::new(),
            kept: VecDeque::new(),
            coming: Vec::new(),
            seen: BTreeMap::new(),
            done: Vec::new(),
            told: Vec::new(),
            rule: String::new(),
            last: Last::default(),
            count: 0,
        };
        for name in PEOPLE {
            let display_name = format!("{} Example", title_case(name));
            world.meet(name, &format!("{name}@example.com"), Some(display_name), None, None);
        }
        for who in &file.people {
            world.meet(&who.name, &who.email, who.display_name.clone(), who.org.clone(), who.zone);
        }
        for hall in &file.rooms {
            let id = hall
                .id
                .clone()
                .or_else(|| world.declared(&hall.name.value))
                .unwrap_or_else(|| room_id(&hall.name.value));
            let members: Vec<String> = hall.members.iter().map(|who| world.person(&who.value).id).collect();
            let members = if members.is_empty() { vec![world.person("alice").id] } else { members };
            world.open(id, hall.name.value.clone(), None, members);
        }
        world
    }

    /// A new id: `message-1`, `press-2`. Short, because people read them when a test fails.
    pub(super) fn id(&mut self, kind: &str) -> String {
        self.count += 1;
        format!("{kind}-{}", self.count)
    }

    /// A number for what is told apart by one.
    pub(super) fn number(&mut self) -> u32 {
        self.count += 1;
        self.count
    }

    fn meet(
        &mut self,
        name: &str,
        email: &str,
        display_name: Option<String>,
        org: Option<String>,
        zone: Option<Tz>,
    ) -> Human {
        let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
        let display_name = display_name.unwrap_or_else(|| title_case(name.split('@').next().unwrap_or(name)));
        let human = Human {
            id: format!("person-{name}"),
            name: name.to_owned(),
            email: email.to_owned(),
            first_name: display_name.split(' ').next().unwrap_or_default().to_owned(),
            display_name,
            org: org.unwrap_or_else(|| if domain == "example.com" { ORG.to_owned() } else { format!("org-{domain}") }),
            zone: zone.map(|zone| zone.name().to_owned()),
        };
        self.people.push(human.clone());
        human
    }

    /// Somebody by the name that steps use, by address or by id; whoever is not known yet is met now.
    pub(super) fn person(&mut self, name: &str) -> Human {
        let same = |human: &&Human| human.name == name || human.id == name || human.email.eq_ignore_ascii_case(name);
        match self.people.iter().find(same) {
            Some(human) => human.clone(),
            None => self.meet(
                name,
                &if name.contains('@') { name.to_owned() } else { format!("{name}@example.com") },
                None,
                None,
                None,
            ),
        }
    }

    /// Somebody by id.
    pub(super) fn human(&self, id: &str) -> Option<&Human> {
        self.people.iter().find(|human| human.id == id)
    }

    /// The id that the definition gives a name of a room.
    fn declared(&self, name: &str) -> Option<String> {
        let rooms = &self.subject.definition.rooms;
        rooms.iter().find(|(known, _)| known.value == name).map(|(_, id)| id.value.clone())
    }

    pub(super) fn open(&mut self, id: String, title: String, direct: Option<String>, members: Vec<String>) -> usize {
        let members = members.into_iter().chain([self.me.id.clone()]).collect();
        self.rooms.push(Room { id, title, direct, members });
        self.rooms.len() - 1
    }

    /// The room for two with somebody.
    pub(super) fn direct(&mut self, person: &str) -> usize {
        if let Some(at) = self.rooms.iter().position(|room| room.direct.as_deref() == Some(person)) {
            return at;
        }
        let title = self.human(person).map(|human| human.display_name.clone()).unwrap_or_default();
        let name = person.strip_prefix("person-").unwrap_or(person);
        self.open(format!("direct-{name}"), title, Some(person.to_owned()), vec![person.to_owned()])
    }

    /// A room by the name in the definition's `[rooms]` (with `@` or without), by title or by id. Whichever is not
    /// known is a new one, with alice and the bot in it.
    pub(super) fn room(&mut self, name: &str) -> usize {
        let bare = name.strip_prefix('@').unwrap_or(name);
        let id = self.declared(bare);
        let wanted = |room: &Room| id.as_deref().map_or(room.id == name || room.title == bare, |id| room.id == id);
        if let Some(at) = self.rooms.iter().position(|room| room.direct.is_none() && wanted(room)) {
            return at;
        }
        let alice = self.person("alice").id;
        // An id that only the definition or the bot knows is as good a room as any.
        let titled =
            self.subject.definition.rooms.iter().find(|(_, id)| id.value == name).map(|(title, _)| title.value.clone());
        let known_id = id.or_else(|| titled.is_some().then(|| name.to_owned()));
        let id = known_id.unwrap_or_else(|| room_id(bare));
        self.open(id, titled.unwrap_or_else(|| bare.to_owned()), None, vec![alice])
    }

    /// A room by its id; a new one where there is none.
    pub(super) fn room_by_id(&mut self, id: &str) -> usize {
        if let Some(at) = self.rooms.iter().position(|room| room.id == id) {
            return at;
        }
        let title = self.subject.definition.rooms.iter().find(|(_, known)| known.value == id);
        let title = title.map_or_else(|| id.to_owned(), |(name, _)| name.value.clone());
        let alice = self.person("alice").id;
        self.open(id.to_owned(), title, None, vec![alice])
    }

    /// What people call a room.
    pub(super) fn called(&self, room: &str) -> String {
        match self.rooms.iter().find(|known| known.id == room) {
            None => room.to_owned(),
            Some(Room { direct: Some(person), .. }) => {
                self.human(person).map_or_else(|| "direct".to_owned(), |human| format!("direct, {}", human.name))
            }
            Some(known) => known.title.clone(),
        }
    }

    pub(super) fn message(&self, id: &str) -> Option<usize> {
        self.messages.iter().position(|message| message.model.id == id && !message.gone)
    }

    /// A line of what happened.
    pub(super) fn tell(&mut self, who: &str, room: &str, what: impl Into<String>) {
        let room = if room.is_empty() { String::new() } else { self.called(room) };
        self.told.push(Line { at: self.now, line: self.last.line, who: who.to_owned(), room, what: what.into() });
    }
}

fn room_id(title: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    format!("room-{}", title.chars().map(plain).collect::<String>())
}

fn title_case(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
