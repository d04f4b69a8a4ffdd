//! The bot's turn: step until decided, answer what it asks for, keep what it decides.

use std::collections::BTreeMap;

use super::{
    cards, words,
    world::{Deed, Done, Message, World},
};
use crate::{
    base::{Event, EventId, StateOp, Trigger, Version},
    brain::{
        self, Act, Attached, Decision, Delivery, Destination, DialogueStep, Effect, Fact, Facts, Keyed, Read,
        SentMessage, Step, Then, Turn,
    },
    handlers::script::Scripts,
    webex::{kinds, model},
};

/// A turn asks at most this often for more, as in the house.
const STEPS: usize = 8;
/// More turns after one act are a bot that talks to itself.
const MOST_TURNS: usize = 200;
/// Edits of one message that Webex lets through.
const MOST_EDITS: u32 = 10;
/// How long a key names a message.
const KEY_LIVES: std::time::Duration = std::time::Duration::from_hours(720);

impl World<'_> {
    /// Handles what there is to be handled.
    pub(super) fn settle(&mut self) -> Result<(), String> {
        for _ in 0..MOST_TURNS {
            let Some(event) = self.queue.pop_front() else { return Ok(()) };
            self.turn(&event);
        }
        Err(format!("the bot goes round in circles: {MOST_TURNS} turns after one step"))
    }

    fn turn(&mut self, event: &Event) {
        let kind = event.kind();
        let program = self.subject.program;
        if kinds::ALL.contains(&kind) && !program.kinds().contains(kind) {
            self.rule = format!("none: no rule for {kind}");
            return;
        }
        let mut facts = Facts::new();
        for _ in 0..STEPS {
            let turn = Turn { event, me: &self.me, facts: &facts, now: self.now, zone: self.zone };
            match brain::step(self.subject.engine, program, &turn) {
                Step::Need(reads) => {
                    for read in reads {
                        let fact = self.fact(&read);
                        facts.insert(read, fact);
                    }
                }
                Step::Done(decision) => {
                    self.rule.clone_from(&decision.rule);
                    if let Err(why) = self.keep(&decision) {
                        self.failed(event, why);
                        return;
                    }
                    let buried = decision.buried.clone();
                    self.carry_out(decision);
                    if let Some(why) = buried {
                        self.failed(event, why);
                    }
                    return;
                }
                Step::Fail(why) => {
                    self.rule = String::new();
                    self.failed(event, why);
                    return;
                }
            }
        }
        self.failed(event, format!("no decision after {STEPS} rounds of reads"));
    }

    fn failed(&mut self, event: &Event, why: String) {
        let room = event.room().to_owned();
        self.tell("the house", &room, format!("(buries the event: {why})"));
        self.did(Deed::Failed(why), room);
    }

    fn did(&mut self, what: Deed, room: String) {
        let rule = self.rule.clone();
        self.done.push(Done { what, room, rule, cause: self.last.line, expected: false });
    }

    /// What a read finds.
    fn fact(&mut self, read: &Read) -> Fact {
        match read {
            Read::Message(id) => self.message(id).map_or(Fact::Missing, |at| {
                self.messages.get(at).map_or(Fact::Missing, |message| Fact::Message(Box::new(message.model.clone())))
            }),
            Read::Person(id) => self.human(id).map_or(Fact::Missing, |human| {
                Fact::Person(Box::new(model::Person {
                    id: human.id.clone(),
                    emails: vec![human.email.clone()],
                    display_name: Some(human.display_name.clone()),
                    first_name: Some(human.first_name.clone()),
                    org_id: Some(human.org.clone()),
                    timezone: human.zone.clone(),
                    kind: Some("person".to_owned()),
                }))
            }),
            Read::Room(id) => {
                let at = self.room_by_id(id);
                self.rooms.get(at).map_or(Fact::Missing, |room| {
                    let (id, title) = (room.id.clone(), Some(room.title.clone()));
                    Fact::Room(Box::new(model::Room { id, title, kind: Some(room.kind().to_owned()) }))
                })
            }
            Read::Members(id) => {
                let at = self.room_by_id(id);
                let ids: Vec<String> =
                    self.rooms.get(at).map(|room| room.members.iter().cloned().collect()).unwrap_or_default();
                Fact::Members(ids.into_iter().map(|id| self.member(id)).collect())
            }
            Read::Press(id) => self.presses.get(id).map_or(Fact::Missing, |press| Fact::Press(Box::new(press.clone()))),
            Read::Sent(id) => {
                let sent = self
                    .messages
                    .iter()
                    .find(|message| message.model.id == *id)
                    .and_then(|message| message.sent.clone());
                sent.map_or(Fact::Missing, |sent| Fact::Sent(Box::new(sent)))
            }
            Read::Script(run) => run.run(&Scripts::new()),
            Read::State(scope, key) => {
                let cell = self.memory.get(&(scope.clone(), key.clone()));
                let version = Version(cell.map_or(0, |cell| cell.version));
                Fact::State(version, cell.and_then(|cell| cell.at(self.now)).cloned())
            }
            Read::Dialogue { room, person } => {
                let talk = self.dialogues.get(&(room.clone(), person.clone()));
                let (version, value) = talk.map(|talk| talk.at(self.now)).unwrap_or_default();
                Fact::Dialogue(version, value)
            }
        }
    }

    fn member(&self, id: String) -> model::Membership {
        let (email, name) = match self.human(&id) {
            Some(human) => (human.email.clone(), human.display_name.clone()),
            None => (self.me.email.clone(), self.me.name.clone()),
        };
        model::Membership {
            id: format!("membership-of-{id}"),
            person_id: id,
            person_email: Some(email),
            person_display_name: Some(name),
        }
    }

    /// Changes the bot's memory: all that the turn wants, or nothing.
    fn keep(&mut self, decision: &Decision) -> Result<(), String> {
        let mut cells = BTreeMap::new();
        let operations = decision.effects.iter().filter_map(|effect| match effect {
            Effect::Remember(operation) => Some(operation),
            _ => None,
        });
        for operation in operations {
            let (scope, key) = operation.target();
            let place = (scope.clone(), key.to_owned());
            let known = self.memory.get(&place).cloned().unwrap_or_default();
            cells.entry(place).or_insert(known).apply(operation, self.now)?;
        }
        for operation in decision.effects.iter().filter_map(|effect| match effect {
            Effect::Remember(operation) => Some(operation),
            _ => None,
        }) {
            self.tell("", "", format!("(keeps {})", kept(operation)));
        }
        self.memory.extend(cells);
        Ok(())
    }

    fn carry_out(&mut self, decision: Decision) {
        for effect in decision.effects {
            match effect {
                Effect::Say(delivery) => self.deliver(delivery),
                Effect::Remember(_) => {}
                Effect::Dialogue(DialogueStep { room, person, value, .. }) => {
                    let talk = self.dialogues.entry((room, person)).or_default();
                    talk.version += 1;
                    talk.value = value;
                }
                Effect::Call(call) => self.call(call),
                Effect::Timer(timer) => {
                    self.timers.insert(timer.name, (timer.at, timer.event));
                }
                Effect::CancelTimer(name) => {
                    self.timers.remove(&name);
                }
            }
        }
    }

    fn deliver(&mut self, delivery: Delivery) {
        let at = match &delivery.to {
            Destination::Room(id) => self.room_by_id(id),
            Destination::Person(name) | Destination::Email(name) => {
                let human = self.person(name);
                self.direct(&human.id)
            }
        };
        let Some(room) = self.rooms.get(at).cloned() else { return };
        if !room.members.contains(&self.me.id) {
            let reason = "404: the bot is not in the room".to_owned();
            self.tell("Webex", &room.id, format!("(refuses the message: {reason})"));
            let number = self.number();
            let trigger = Trigger::DeliveryFailed {
                delivery: EventId(uuid::Uuid::from_u128(u128::from(number))),
                room: room.id,
                person: room.direct,
                reason,
                rule: self.rule.clone(),
            };
            self.queue.push_back(Event { at: self.now, actor: None, trigger });
            return;
        }
        match delivery.act.clone() {
            Act::Post => self.post_keyed(delivery, &room.id),
            Act::Edit(id) => match self.message(&id) {
                Some(at) => self.edit(at, delivery, &room.id),
                None => self.write(delivery, &room.id, None),
            },
            Act::Replace(id) => match self.message(&id) {
                Some(at) => self.replace(at, delivery, &room.id),
                None => self.write(delivery, &room.id, None),
            },
            Act::Delete(id) => {
                if let Some(at) = self.message(&id) {
                    self.remove(at);
                }
            }
            Act::DeleteKey(key) => {
                if let Some(at) = self.keyed(&room.id, &key) {
                    self.remove(at);
                }
            }
            Act::Leave => {
                let (room, me) = (room.id, self.me.id.clone());
                if let Some(known) = self.rooms.iter_mut().find(|known| known.id == room) {
                    known.members.remove(&me);
                }
                self.tell("the bot", &room, "(leaves)");
                self.did(Deed::Left, room);
            }
        }
    }

    /// The message that was last sent under a key and is still there.
    fn keyed(&self, room: &str, key: &str) -> Option<usize> {
        let at = *self.keys.get(&(room.to_owned(), key.to_owned()))?;
        let message = self.messages.get(at)?;
        (!message.gone && self.now.since(message.sent_at) < KEY_LIVES).then_some(at)
    }

    fn post_keyed(&mut self, delivery: Delivery, room: &str) {
        let earlier = delivery.key.as_ref().and_then(|keyed| Some((self.keyed(room, &keyed.key)?, keyed.then)));
        let Some((at, then)) = earlier else {
            self.write(delivery, room, None);
            return;
        };
        match then {
            Then::Edit => self.edit(at, delivery, room),
            Then::Replace => self.replace(at, delivery, room),
            Then::Thread => {
                let root = self.root_of(at);
                let key = delivery.key.as_ref().map(|keyed| keyed.key.clone());
                self.write(delivery, room, root);
                // What follows in a thread leaves the key with the message that it follows.
                if let Some(key) = key {
                    self.keys.insert((room.to_owned(), key), at);
                }
            }
            Then::Skip => {}
        }
    }

    /// The root of the thread that an answer to a message belongs into.
    fn root_of(&self, at: usize) -> Option<String> {
        let message = self.messages.get(at)?;
        Some(message.model.parent_id.clone().unwrap_or_else(|| message.model.id.clone()))
    }

    /// Changes a message. Where Webex does not let that be, a message in its thread follows, and has the key from
    /// then on.
    fn edit(&mut self, at: usize, delivery: Delivery, room: &str) {
        let Some(message) = self.messages.get(at) else { return };
        let plain = message.card.is_none() && message.model.files.is_empty() && message.edits < MOST_EDITS;
        if plain && delivery.card.is_none() && delivery.file.is_none() {
            self.change(at, delivery);
        } else {
            let root = self.root_of(at);
            self.write(delivery, room, root);
        }
    }

    /// Deletes a message and writes it anew, in the thread it was in and under the key it had.
    fn replace(&mut self, at: usize, mut delivery: Delivery, room: &str) {
        let earlier = self.messages.get(at).map(|message| (message.model.id.clone(), message.model.parent_id.clone()));
        let key = self.messages.get(at).and_then(|message| message.sent.as_ref()).and_then(|sent| sent.key.clone());
        self.remove(at);
        let (id, parent) = earlier.unwrap_or_default();
        // A root that is gone takes its thread with it.
        delivery.parent = delivery.parent.filter(|parent| *parent != id).or(parent);
        delivery.key = delivery.key.or_else(|| key.map(|key| Keyed { key, then: Then::Edit }));
        self.write(delivery, room, None);
    }

    /// Writes a message; in a thread other than the one it asks for when it follows an earlier one.
    fn write(&mut self, delivery: Delivery, room: &str, follows: Option<String>) {
        let id = self.id("message");
        let parent = follows.or_else(|| delivery.parent.clone());
        let files = delivery.file.iter().map(|file| match file {
            Attached::Path(path) | Attached::Url(path) => path.clone(),
        });
        let model = model::Message {
            id,
            parent_id: parent.clone(),
            room_id: room.to_owned(),
            room_type: self.rooms.iter().find(|known| known.id == room).map(|known| known.kind().to_owned()),
            text: delivery.text.clone(),
            markdown: delivery.markdown.clone(),
            html: None,
            files: files.collect(),
            person_id: self.me.id.clone(),
            person_email: Some(self.me.email.clone()),
            mentioned_people: Vec::new(),
        };
        let key = delivery.key.as_ref().map(|keyed| keyed.key.clone());
        let sent = Some(SentMessage { context: delivery.context.clone(), key: key.clone(), parent: parent.clone() });
        let (card, sent_at) = (delivery.card.clone(), self.now);
        self.messages.push(Message { model, card, sent, sent_at, gone: false, heard: false, edits: 0 });
        if let Some(key) = key {
            self.keys.insert((room.to_owned(), key), self.messages.len() - 1);
        }
        self.tell("the bot", room, shown(&delivery));
        self.did(Deed::Said(Delivery { parent, ..delivery }), room.to_owned());
    }

    fn change(&mut self, at: usize, delivery: Delivery) {
        let Some(message) = self.messages.get_mut(at) else { return };
        message.model.text.clone_from(&delivery.text);
        message.model.markdown.clone_from(&delivery.markdown);
        message.card.clone_from(&delivery.card);
        message.edits += 1;
        if let Some(sent) = &mut message.sent {
            // What is said anew without a context keeps the one it has.
            if !delivery.context.is_null() {
                sent.context.clone_from(&delivery.context);
            }
        }
        let room = message.model.room_id.clone();
        self.tell("the bot", &room, format!("(edits) {}", shown(&delivery)));
        self.did(Deed::Edited(delivery), room);
    }

    fn remove(&mut self, at: usize) {
        let Some(message) = self.messages.get_mut(at) else { return };
        message.gone = true;
        let room = message.model.room_id.clone();
        let text = message.model.markdown.as_deref().map(words::seen).or_else(|| message.model.text.clone());
        let text = text.unwrap_or_default();
        let key = message.sent.as_ref().and_then(|sent| sent.key.clone());
        self.tell("the bot", &room, format!("(deletes) {text}"));
        self.did(Deed::Deleted { text, key }, room);
    }
}

/// A message as people see it.
pub(super) fn shown(delivery: &Delivery) -> String {
    let mut text = delivery.markdown.as_deref().map(words::seen).or_else(|| delivery.text.clone()).unwrap_or_default();
    if let Some(card) = &delivery.card {
        text.push_str(&format!(" [card with {}]", cards::summary(card)));
    }
    if let Some(Attached::Path(file) | Attached::Url(file)) = &delivery.file {
        text.push_str(&format!(" [file {file}]"));
    }
    text.trim_start().to_owned()
}

fn kept(operation: &StateOp) -> String {
    let (scope, key) = operation.target();
    let scope = match scope.column().split_once(':') {
        Some((kind, _)) => kind.to_owned(),
        None => scope.column(),
    };
    match operation {
        StateOp::Set { value, .. } => format!("{scope}.{key} = {value}"),
        StateOp::Add { amount, .. } => format!("{scope}.{key} + {amount}"),
        StateOp::Append { value, .. } => format!("{scope}.{key} and {value}"),
        StateOp::Expire { at, .. } => format!("{scope}.{key} until {at}"),
    }
}
