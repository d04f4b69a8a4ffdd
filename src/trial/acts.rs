//! What people and other programs do: each act becomes events, as Webex and the house would make them.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    cards,
    world::{Human, Message, World},
};
use crate::{
    base::{Change, Event, StateOp, StateScope, Trigger},
    definition::cases::{Body, Given, PersonAct, Post, Scope, Verb},
    webex::model,
};

/// How a button is pressed.
struct Pressing<'a> {
    button: &'a str,
    inputs: &'a Map<String, Value>,
    data: Option<&'a Value>,
    /// On a card that is gone.
    late: bool,
}

/// How long a post is remembered to know it again: the default of `retention.seen_hours`.
const SEEN: Duration = Duration::from_hours(24);

impl World<'_> {
    /// A person does something. An error says why that cannot be.
    pub(super) fn act(&mut self, act: &PersonAct) -> Result<(), String> {
        let human = self.person(&act.who);
        let room = match &act.verb {
            Verb::Joins(room) | Verb::Leaves(room) => self.named(room, &human),
            _ => match act.room.clone().or_else(|| self.usual_room.clone()) {
                Some(room) => self.named(&room, &human),
                None => self.direct(&human.id),
            },
        };
        let room_id = self.room_id(room);
        self.last.room = Some(room_id.clone());
        self.last.person = Some(human.id.clone());
        match &act.verb {
            Verb::Says(text) => self.says(&human, room, text, act),
            Verb::Edits(text) => self.edits(&human, &room_id, text),
            Verb::Deletes => self.deletes(&human, &room_id),
            Verb::Presses { button, inputs, data, late } => {
                let pressing = Pressing { button: &button.value, inputs, data: data.as_ref(), late: *late };
                self.presses(&human, &room_id, act, &pressing)
            }
            Verb::Joins(_) => {
                self.comes(&human, &human.id.clone(), room);
                Ok(())
            }
            Verb::Leaves(_) => {
                self.goes(&human, &human.id.clone(), room);
                Ok(())
            }
            Verb::Adds(whom) => {
                let whom = self.whom(whom);
                self.comes(&human, &whom, room);
                Ok(())
            }
            Verb::Removes(whom) => {
                let whom = self.whom(whom);
                self.goes(&human, &whom, room);
                Ok(())
            }
        }
    }

    fn room_id(&self, room: usize) -> String {
        self.rooms.get(room).map(|room| room.id.clone()).unwrap_or_default()
    }

    /// A room as somebody means it: `direct` is their room for two with the bot.
    pub(super) fn named(&mut self, room: &str, human: &Human) -> usize {
        if room == "direct" { self.direct(&human.id) } else { self.room(room) }
    }

    fn whom(&mut self, name: &str) -> String {
        if name == "bot" { self.me.id.clone() } else { self.person(name).id }
    }

    fn says(&mut self, human: &Human, room: usize, said: &str, act: &PersonAct) -> Result<(), String> {
        let Some(place) = self.rooms.get_mut(room) else { return Ok(()) };
        // Whoever speaks in a room is in it.
        place.members.insert(human.id.clone());
        let (room_id, kind) = (place.id.clone(), place.kind());
        let with_bot = place.members.contains(&self.me.id);
        let mention = act.mention.unwrap_or(kind == "group");
        let parent = act.thread.then(|| self.root(&room_id)).flatten();
        if act.thread && parent.is_none() {
            return Err(format!("there is no message in {} to reply to", self.called(&room_id)));
        }
        let id = self.id("message");
        let (text, html) = if mention {
            let element = format!(
                "<spark-mention data-object-type=\"person\" data-object-id=\"{}\">{}</spark-mention>",
                self.me.id, self.me.name
            );
            (format!("{} {said}", self.me.name), Some(format!("<p>{element} {}</p>", escaped(said))))
        } else {
            (said.to_owned(), None)
        };
        let files: Vec<String> =
            act.file.iter().map(|name| format!("https://webexapis.com/v1/contents/{name}")).collect();
        let model = model::Message {
            id: id.clone(),
            parent_id: parent.clone(),
            room_id: room_id.clone(),
            room_type: Some(kind.to_owned()),
            text: Some(text).filter(|text| !text.is_empty()),
            markdown: None,
            html,
            files,
            person_id: human.id.clone(),
            person_email: Some(human.email.clone()),
            mentioned_people: if mention { vec![self.me.id.clone()] } else { Vec::new() },
        };
        let shown = match &act.file {
            Some(file) if said.is_empty() => format!("[file {file}]"),
            Some(file) => format!("{said} [file {file}]"),
            None => said.to_owned(),
        };
        self.tell(&human.name, &room_id, shown);
        // In group rooms Webex tells a bot only of what mentions it.
        let heard = with_bot && (mention || kind == "direct");
        let sent_at = self.now;
        self.messages.push(Message { model, card: None, sent: None, sent_at, gone: false, heard, edits: 0 });
        if heard {
            self.hear_of(Change::Created, &id);
        }
        Ok(())
    }

    /// The root of the thread that the last message of a room is in.
    fn root(&self, room: &str) -> Option<String> {
        let last = self.messages.iter().rfind(|message| message.model.room_id == room && !message.gone)?;
        Some(last.model.parent_id.clone().unwrap_or_else(|| last.model.id.clone()))
    }

    fn own(&self, human: &Human, room: &str) -> Result<usize, String> {
        let own =
            |message: &Message| !message.gone && message.model.person_id == human.id && message.model.room_id == room;
        let none = || format!("{} has written nothing in {}", human.name, self.called(room));
        self.messages.iter().rposition(own).ok_or_else(none)
    }

    fn edits(&mut self, human: &Human, room: &str, text: &str) -> Result<(), String> {
        let at = self.own(human, room)?;
        self.tell(&human.name, room, format!("(edited) {text}"));
        let Some(message) = self.messages.get_mut(at) else { return Ok(()) };
        // The mention stays where it was: at the beginning.
        let before =
            if message.model.mentioned_people.is_empty() { String::new() } else { format!("{} ", self.me.name) };
        message.model.text = Some(format!("{before}{text}"));
        if let Some(html) = &mut message.model.html {
            let end = html.find("</spark-mention>").map_or(0, |at| at + "</spark-mention>".len());
            html.truncate(end);
            html.push_str(&format!(" {}</p>", escaped(text)));
        }
        let (id, heard) = (message.model.id.clone(), message.heard);
        if heard {
            self.hear_of(Change::Updated, &id);
        }
        Ok(())
    }

    fn deletes(&mut self, human: &Human, room: &str) -> Result<(), String> {
        let at = self.own(human, room)?;
        self.tell(&human.name, room, "(deleted the last message)");
        let Some(message) = self.messages.get(at) else { return Ok(()) };
        let (id, heard) = (message.model.id.clone(), message.heard);
        if heard {
            self.hear_of(Change::Deleted, &id);
        }
        if let Some(message) = self.messages.get_mut(at) {
            message.gone = true;
        }
        Ok(())
    }

    fn hear_of(&mut self, change: Change, id: &str) {
        let Some(message) = self.messages.iter().find(|message| message.model.id == id) else { return };
        let model = &message.model;
        let trigger = Trigger::Message {
            change,
            id: id.to_owned(),
            room: model.room_id.clone(),
            room_type: model.room_type.clone(),
            person: model.person_id.clone(),
            email: model.person_email.clone(),
            parent: model.parent_id.clone(),
        };
        let actor = Some(model.person_id.clone());
        self.queue.push_back(Event { at: self.now, actor, trigger });
    }

    fn presses(&mut self, human: &Human, room: &str, act: &PersonAct, pressing: &Pressing<'_>) -> Result<(), String> {
        let Pressing { button, inputs, data, late } = *pressing;
        // Without a room: wherever the button was last seen.
        let anywhere = act.room.is_none() && self.usual_room.is_none();
        let shown = |message: &&Message| {
            message.gone == late && (message.model.room_id == room || (anywhere && self.sees(human, message)))
        };
        let found = self.messages.iter().rev().filter(shown).find_map(|message| {
            let card = message.card.as_ref()?;
            Some((message.model.id.clone(), message.model.room_id.clone(), cards::press(card, button)?))
        });
        let Some((message, room, mut entered)) = found else {
            let on_cards: Vec<String> = self
                .messages
                .iter()
                .filter(shown)
                .filter_map(|message| message.card.as_ref())
                .flat_map(cards::titles)
                .collect();
            return Err(if on_cards.is_empty() {
                let gone = if late { " that is gone" } else { "" };
                format!("there is no card{gone} with a button {button:?}: none{gone} at all")
            } else {
                format!("there is no button {button:?}, only {}", on_cards.join(", "))
            });
        };
        if let Some(Value::Object(forged)) = data {
            entered.extend(forged.clone());
        }
        entered.extend(inputs.clone());
        self.last.room = Some(room.clone());
        let id = self.id("press");
        self.tell(&human.name, &room, format!("(presses {button})"));
        let press = model::AttachmentAction {
            id: id.clone(),
            message_id: message.clone(),
            person_id: human.id.clone(),
            room_id: room.clone(),
            inputs: entered,
        };
        self.presses.insert(id.clone(), press);
        let trigger = Trigger::CardAction { id, message, room, person: human.id.clone() };
        self.queue.push_back(Event { at: self.now, actor: Some(human.id.clone()), trigger });
        Ok(())
    }

    fn sees(&self, human: &Human, message: &Message) -> bool {
        self.rooms.iter().any(|room| room.id == message.model.room_id && room.members.contains(&human.id))
    }

    fn comes(&mut self, actor: &Human, whom: &str, room: usize) {
        let bot = whom == self.me.id;
        let Some(place) = self.rooms.get_mut(room) else { return };
        place.members.insert(actor.id.clone());
        place.members.insert(whom.to_owned());
        let room_id = place.id.clone();
        self.membership(Change::Created, actor, whom, &room_id, bot);
    }

    fn goes(&mut self, actor: &Human, whom: &str, room: usize) {
        let bot = whom == self.me.id;
        let Some(place) = self.rooms.get_mut(room) else { return };
        place.members.remove(whom);
        let room_id = place.id.clone();
        self.membership(Change::Deleted, actor, whom, &room_id, bot);
    }

    fn membership(&mut self, change: Change, actor: &Human, whom: &str, room: &str, bot: bool) {
        let (email, name, shown) = if bot {
            (self.me.email.clone(), self.me.name.clone(), "the bot".to_owned())
        } else {
            let human = self.person(whom);
            (human.email, human.display_name, human.name)
        };
        let came = change == Change::Created;
        let what = match (came, actor.id == whom) {
            (true, true) => "(joins)".to_owned(),
            (false, true) => "(leaves)".to_owned(),
            (true, false) => format!("(adds {shown})"),
            (false, false) => format!("(removes {shown})"),
        };
        self.tell(&actor.name, room, what);
        let present = self.rooms.iter().any(|known| known.id == room && known.members.contains(&self.me.id));
        if !present && !bot {
            return;
        }
        let kind = self.rooms.iter().find(|known| known.id == room).map(|room| room.kind().to_owned());
        let id = self.id("membership");
        let trigger = Trigger::Membership {
            change,
            id,
            room: room.to_owned(),
            room_type: kind,
            person: whom.to_owned(),
            email: Some(email),
            name: Some(name),
        };
        self.queue.push_back(Event { at: self.now, actor: Some(actor.id.clone()), trigger });
    }

    /// Another program posts to an inbound hook.
    pub(super) fn post(&mut self, post: &Post) -> Result<(), String> {
        let payload = match &post.body {
            Body::Value(value) => value.clone(),
            Body::File(file) => return Err(format!("`{}` was not read", file.value)),
        };
        self.last.room = None;
        self.last.person = None;
        self.tell("", "", format!("a post to the hook {}", post.hook.value));
        let hook = self.subject.program.inbounds().iter().find(|hook| *hook.name == *post.hook.value);
        if let Some(key) = hook.and_then(|hook| hook.key(self.subject.engine, &payload, &post.headers)) {
            let until = self.seen.entry((post.hook.value.clone(), key)).or_default();
            if *until > self.now {
                self.tell("", "", "(the same as one before: it is taken once)");
                return Ok(());
            }
            *until = self.now.plus(SEEN);
        }
        let trigger = Trigger::Inbound { name: post.hook.value.clone(), payload, headers: post.headers.clone() };
        self.queue.push_back(Event { at: self.now, actor: None, trigger });
        Ok(())
    }

    /// The bot's memory holds something already.
    pub(super) fn given(&mut self, given: &Given) -> Result<(), String> {
        for (scope, key, value) in &given.values {
            let scope = self.scope(*scope, given.room.as_deref(), given.person.as_deref());
            let op = StateOp::Set { scope: scope.clone(), key: key.clone(), value: value.clone() };
            let now = self.now;
            self.memory.entry((scope, key.clone())).or_default().apply(&op, now)?;
        }
        Ok(())
    }

    /// Whose memory a step means.
    pub(super) fn scope(&mut self, scope: Scope, room: Option<&str>, person: Option<&str>) -> StateScope {
        let human = match (person, self.last.person.clone()) {
            (Some(name), _) => self.person(name),
            (None, Some(id)) => self.person(&id),
            (None, None) => self.person("alice"),
        };
        match scope {
            Scope::Bot => StateScope::Bot,
            Scope::Person => StateScope::Person(human.id),
            Scope::Room => {
                let at = match (room, self.last.room.clone(), self.usual_room.clone()) {
                    (Some(room), ..) => self.named(room, &human),
                    (None, Some(id), _) => self.room_by_id(&id),
                    (None, None, Some(room)) => self.named(&room, &human),
                    (None, None, None) => self.direct(&human.id),
                };
                StateScope::Room(self.room_id(at))
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
