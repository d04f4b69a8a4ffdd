//! Messages: writing, editing, deleting, and who sees which.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    Page, Person, Position, Room, Rooms, Wanted, World, cards,
    events::{Emitted, EventName, Resource},
};
use crate::{
    base::Millis,
    sim::{
        ids::{MessageId, PersonId, RoomId},
        markdown::{self, Directory},
        refusal::Refusal,
        wire::{self, Attachment, RoomType},
    },
};

/// Webex's limit on `text` and on `markdown`, in UTF-8 bytes.
const MOST_BYTES: usize = 7439;
/// So often a message may be edited.
const MOST_EDITS: u8 = 10;

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) id: MessageId,
    pub(crate) seq: u64,
    pub(crate) room: RoomId,
    pub(crate) author: PersonId,
    /// Root of its thread.
    pub(crate) parent: Option<MessageId>,
    pub(crate) body: Body,
    pub(crate) attachments: Vec<Attachment>,
    pub(crate) created: Millis,
    pub(crate) updated: Option<Millis>,
    pub(crate) edits: u8,
}

/// What a message says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Body {
    pub(crate) text: Option<String>,
    /// Only if the author sent markdown.
    pub(crate) markdown: Option<String>,
    pub(crate) html: Option<String>,
    pub(crate) mentioned: Vec<PersonId>,
    pub(crate) mentions_all: bool,
}

/// All messages that are kept.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    by_id: HashMap<MessageId, Message>,
    by_author: HashMap<PersonId, VecDeque<(u64, MessageId)>>,
    /// Oldest first; may name messages that are gone.
    order: VecDeque<MessageId>,
}

impl Messages {
    /// By id.
    pub(crate) fn get(&self, id: MessageId) -> Option<&Message> {
        self.by_id.get(&id)
    }

    /// How many are kept.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// All, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Message> {
        self.by_id.values()
    }

    /// What this person wrote after that running number, oldest first.
    pub(crate) fn written_since(&self, author: PersonId, after: u64) -> impl Iterator<Item = &Message> {
        let own = self.by_author.get(&author).into_iter();
        own.flat_map(move |own| own.range(own.partition_point(|(seq, _)| *seq <= after)..))
            .filter_map(|(_, id)| self.get(*id))
    }

    /// What was written in a room after that running number, oldest first.
    pub(crate) fn in_room_since<'a>(&'a self, room: &'a Room, after: u64) -> impl Iterator<Item = &'a Message> {
        let start = room.timeline.partition_point(|(seq, _)| *seq <= after);
        room.timeline.range(start..).filter_map(|(_, id)| self.get(*id))
    }

    /// Puts a message in, with its indexes; beyond `keep` the oldest goes. Messages come in rising order.
    pub(super) fn insert(&mut self, rooms: &mut Rooms, message: Message, keep: usize) {
        if let Some(room) = rooms.get_mut(message.room) {
            room.timeline.push_back((message.seq, message.id));
            room.last_activity = message.created;
        }
        self.by_author.entry(message.author).or_default().push_back((message.seq, message.id));
        self.order.push_back(message.id);
        self.by_id.insert(message.id, message);
        while self.by_id.len() > keep.max(1) {
            match self.order.pop_front() {
                Some(oldest) => drop(self.remove(rooms, oldest)),
                None => break,
            }
        }
        if self.order.len() > 2 * self.by_id.len() + 1024 {
            let by_id = &self.by_id;
            self.order.retain(|id| by_id.contains_key(id));
        }
    }

    /// Takes a message out.
    fn remove(&mut self, rooms: &mut Rooms, id: MessageId) -> Option<Message> {
        let message = self.by_id.remove(&id)?;
        if let Some(room) = rooms.get_mut(message.room)
            && let Ok(at) = room.timeline.binary_search_by_key(&message.seq, |(seq, _)| *seq)
        {
            room.timeline.remove(at);
        }
        if let Some(seqs) = self.by_author.get_mut(&message.author)
            && let Ok(at) = seqs.binary_search_by_key(&message.seq, |(seq, _)| *seq)
        {
            seqs.remove(at);
        }
        Some(message)
    }

    /// Takes all messages of a room out.
    pub(super) fn forget_room(&mut self, rooms: &mut Rooms, room: RoomId) {
        let ids: Vec<MessageId> =
            rooms.get(room).into_iter().flat_map(|room| &room.timeline).map(|(_, id)| *id).collect();
        for id in ids {
            self.remove(rooms, id);
        }
    }
}

/// Where a new message goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Destination<'a> {
    /// Into this room.
    Room(&'a str),
    /// To this person, in the room of the two.
    PersonId(&'a str),
    /// As `PersonId`, by address.
    PersonEmail(&'a str),
}

/// `POST /messages`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NewMessage {
    pub(crate) room_id: Option<String>,
    pub(crate) to_person_id: Option<String>,
    pub(crate) to_person_email: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) markdown: Option<String>,
    pub(crate) files: Vec<String>,
    pub(crate) attachments: Vec<Attachment>,
}

impl NewMessage {
    fn destination(&self) -> Result<Destination<'_>, Refusal> {
        fn given(field: Option<&String>) -> Option<&str> {
            field.map(String::as_str).filter(|text| !text.is_empty())
        }
        let (room, id, email) = (&self.room_id, &self.to_person_id, &self.to_person_email);
        match (given(room.as_ref()), given(id.as_ref()), given(email.as_ref())) {
            (Some(room), None, None) => Ok(Destination::Room(room)),
            (None, Some(id), None) => Ok(Destination::PersonId(id)),
            (None, None, Some(email)) => Ok(Destination::PersonEmail(email)),
            _ => Err(Refusal::bad(
                "Exactly one of the destination fields must not be empty (roomId, toPersonEmail, toPersonId)",
            )),
        }
    }
}

/// `GET /messages`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MessageQuery {
    /// Only replies in this thread.
    pub(crate) parent: Option<MessageId>,
    /// Only messages that mention this person.
    pub(crate) mentioned: Option<PersonId>,
    /// Only messages older than this moment.
    pub(crate) before: Option<Millis>,
    /// Only messages older than this one.
    pub(crate) before_message: Option<MessageId>,
}

/// Whom a mention in a message to this room can mean: its members.
struct Members<'a> {
    world: &'a World,
    room: &'a Room,
}

impl Members<'_> {
    fn member(&self, person: Option<&Person>) -> Option<(PersonId, String)> {
        let person = person.filter(|person| self.room.members.contains_key(&person.id))?;
        Some((person.id, person.name.clone()))
    }
}

impl Directory for Members<'_> {
    fn by_email(&self, email: &str) -> Option<(PersonId, String)> {
        self.member(self.world.people.by_email(email))
    }
    fn by_id(&self, id: &str) -> Option<(PersonId, String)> {
        self.member(PersonId::parse(id).and_then(|id| self.world.people.get(id)))
    }
}

impl World {
    /// `POST /messages`, with its body as it came.
    pub(crate) fn create_message(&mut self, caller: PersonId, new: NewMessage) -> Result<MessageId, Refusal> {
        let destination = new.destination()?;
        if !new.files.is_empty() {
            return Err(Refusal::bad("This simulator does not take files yet."));
        }
        check_length(new.text.as_deref(), new.markdown.as_deref())?;
        cards::check(&new.attachments)?;
        let says = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        if !says(&new.text) && !says(&new.markdown) && new.attachments.is_empty() {
            return Err(Refusal::bad("Both text and file cannot be empty."));
        }
        let room = self.destination_room(caller, destination)?;
        let parent = new.parent_id.as_deref().filter(|id| !id.is_empty());
        let parent = parent.map(|id| self.thread_root(caller, room, id)).transpose()?;
        let body = self.body(room, new.text, new.markdown)?;
        self.post(caller, room, parent, body, new.attachments)
    }

    /// The room a message goes to; two who meet for the first time get theirs.
    fn destination_room(&mut self, caller: PersonId, destination: Destination<'_>) -> Result<RoomId, Refusal> {
        let person = match destination {
            Destination::Room(id) => {
                let id = RoomId::parse(id);
                let id = id.ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))?;
                return self.room_of(caller, id).map(|room| room.id);
            }
            Destination::PersonId(id) => self.person_by(Some(id), None),
            Destination::PersonEmail(email) => self.person_by(None, Some(email)),
        };
        let person = person.ok_or_else(|| Refusal::missing("Failed to find the person to send to."))?.id;
        if person == caller {
            return Err(Refusal::bad("A message cannot be sent to oneself."));
        }
        Ok(self.direct_room(caller, person))
    }

    /// The root of the thread that a reply to this message belongs to.
    fn thread_root(&self, caller: PersonId, room: RoomId, id: &str) -> Result<MessageId, Refusal> {
        let parent = MessageId::parse(id).and_then(|id| self.messages.get(id));
        let parent = parent.filter(|parent| parent.room == room && self.sees(caller, parent));
        let parent = parent.ok_or_else(|| Refusal::missing("Could not find the parent message in this room."))?;
        match parent.parent {
            None => Ok(parent.id),
            Some(root) if self.switches.resolve_thread_root => Ok(root),
            Some(_) => Err(Refusal::bad("A reply cannot be the parent of another reply.")),
        }
    }

    /// What text and markdown come to in this room.
    pub(crate) fn body(&self, room: RoomId, text: Option<String>, markdown: Option<String>) -> Result<Body, Refusal> {
        let Some(markdown) = markdown else { return Ok(Body { text, ..Body::default() }) };
        let room = self.rooms.get(room).ok_or_else(Refusal::no_such_resource)?;
        let rendered = markdown::render(&markdown, &Members { world: self, room });
        Ok(Body {
            text: Some(text.unwrap_or(rendered.text)),
            markdown: Some(markdown),
            html: Some(rendered.html),
            mentioned: rendered.people,
            mentions_all: rendered.all,
        })
    }

    /// Writes a message into a room.
    pub(crate) fn post(
        &mut self,
        author: PersonId,
        room: RoomId,
        parent: Option<MessageId>,
        body: Body,
        attachments: Vec<Attachment>,
    ) -> Result<MessageId, Refusal> {
        let place = self.room_of(author, room)?;
        if place.announcement_only && !place.is_run_by(author) {
            return Err(Refusal::forbidden("Only moderators can post in an announcement-only room."));
        }
        let message = Message {
            id: MessageId::fresh(),
            seq: self.next_seq(),
            room,
            author,
            parent,
            body,
            attachments,
            created: self.now,
            updated: None,
            edits: 0,
        };
        let id = message.id;
        self.messages.insert(&mut self.rooms, message, self.retention.messages);
        self.emit_message(EventName::Created, author, id);
        Ok(id)
    }

    /// `PUT /messages/{id}`.
    pub(crate) fn edit_message(
        &mut self,
        caller: PersonId,
        id: MessageId,
        room: &str,
        text: Option<String>,
        markdown: Option<String>,
    ) -> Result<(), Refusal> {
        let message = self.message_of(caller, id)?;
        if RoomId::parse(room) != Some(message.room) {
            return Err(Refusal::bad("The roomId is not that of the message."));
        }
        if message.author != caller {
            return Err(Refusal::forbidden("Only the author of a message can edit it."));
        }
        if !message.attachments.is_empty() {
            return Err(Refusal::bad("Messages with attachments cannot be edited."));
        }
        if message.edits >= MOST_EDITS {
            return Err(Refusal::bad("The message has been edited the maximum number of times."));
        }
        check_length(text.as_deref(), markdown.as_deref())?;
        if text.as_deref().or(markdown.as_deref()).is_none_or(|text| text.trim().is_empty()) {
            return Err(Refusal::bad("Both text and markdown cannot be empty."));
        }
        let body = self.body(message.room, text, markdown)?;
        let now = self.now;
        if let Some(message) = self.messages.by_id.get_mut(&id) {
            message.body = body;
            message.updated = Some(now);
            message.edits += 1;
        }
        if self.switches.message_updates {
            self.emit_message(EventName::Updated, caller, id);
        }
        Ok(())
    }

    /// `DELETE /messages/{id}`.
    pub(crate) fn delete_message(&mut self, caller: PersonId, id: MessageId) -> Result<(), Refusal> {
        let message = self.message_of(caller, id)?;
        let moderates = self.rooms.get(message.room).and_then(|room| room.members.get(&caller));
        if message.author != caller && !moderates.is_some_and(|member| member.moderator) {
            return Err(Refusal::forbidden("Only the author of a message or a moderator can delete it."));
        }
        // Told before it is done: nothing of it can be told afterwards.
        self.emit_message(EventName::Deleted, caller, id);
        self.messages.remove(&mut self.rooms, id);
        Ok(())
    }

    /// The message, if this person may read it.
    pub(crate) fn message_of(&self, caller: PersonId, id: MessageId) -> Result<&Message, Refusal> {
        let message = self.messages.get(id).filter(|message| self.sees(caller, message));
        message.ok_or_else(|| Refusal::missing("Could not find a message with provided ID."))
    }

    /// Whether this person may read a message: members may, bots in group rooms only what mentions them
    /// (by name, not `@all`) and what they wrote.
    pub(crate) fn sees(&self, person: PersonId, message: &Message) -> bool {
        let Some(room) = self.rooms.get(message.room) else { return false };
        room.members.contains_key(&person)
            && (room.kind == RoomType::Direct
                || message.author == person
                || message.body.mentioned.contains(&person)
                || self.people.get(person).is_some_and(|person| !person.bot))
    }

    /// `GET /messages`, newest first.
    pub(crate) fn list_messages(
        &self,
        caller: PersonId,
        room: RoomId,
        query: MessageQuery,
        wanted: Wanted,
    ) -> Result<Page<&Message>, Refusal> {
        let room = self.room_of(caller, room)?;
        let bot = self.people.get(caller).is_some_and(|person| person.bot);
        if bot && room.kind == RoomType::Group && query.mentioned.is_none() {
            return Err(Refusal::forbidden("Bots can list messages of a group room only with mentionedPeople=me."));
        }
        let before = match query.before_message {
            Some(id) => {
                let message = self.messages.get(id).filter(|message| message.room == room.id);
                message.ok_or_else(|| Refusal::missing("Could not find the message of beforeMessage."))?.seq
            }
            None => u64::MAX,
        };
        let end = room.timeline.partition_point(|(seq, _)| *seq < before);
        let messages = room
            .timeline
            .range(..end)
            .rev()
            .filter_map(|(_, id)| self.messages.get(*id))
            .filter(|message| query.before.is_none_or(|before| message.created < before))
            .filter(|message| query.parent.is_none_or(|parent| message.parent == Some(parent)))
            .filter(|message| query.mentioned.is_none_or(|person| message.body.mentioned.contains(&person)))
            .map(|message| (Position::falling(message.seq), message));
        Ok(wanted.cut(messages))
    }

    /// As clients see it.
    pub(crate) fn show_message(&self, message: &Message) -> wire::Message {
        wire::Message {
            id: message.id.public(),
            parent_id: message.parent.map(MessageId::public),
            room_id: message.room.public(),
            room_type: self.rooms.get(message.room).map_or(RoomType::Group, |room| room.kind),
            to_person_id: None,
            to_person_email: None,
            text: message.body.text.clone(),
            markdown: message.body.markdown.clone(),
            html: message.body.html.clone(),
            person_id: message.author.public(),
            person_email: self.email(message.author),
            mentioned_people: message.body.mentioned.iter().map(|person| person.public()).collect(),
            mentioned_groups: if message.body.mentions_all { vec!["all".to_owned()] } else { Vec::new() },
            attachments: message.attachments.clone(),
            created: message.created.iso(),
            updated: message.updated.map(Millis::iso),
        }
    }

    /// The address of somebody who is there.
    pub(crate) fn email(&self, person: PersonId) -> String {
        self.people.get(person).map_or_else(String::new, |person| person.email.clone())
    }

    /// Tells those who may read a message about it.
    fn emit_message(&mut self, event: EventName, actor: PersonId, id: MessageId) {
        let Some(message) = self.messages.get(id) else { return };
        let Some(room) = self.rooms.get(message.room) else { return };
        let audience = room
            .members
            .keys()
            .copied()
            .filter(|person| self.webhooks.any(*person) && self.sees(*person, message))
            .collect();
        let id = message.id.public();
        let mut emitted = if event == EventName::Deleted {
            let data = wire::DeletedMessageData {
                id: id.clone(),
                room_id: message.room.public(),
                room_type: room.kind,
                person_id: message.author.public(),
                person_email: self.email(message.author),
            };
            Emitted::new(Resource::Messages, event, actor, room, id, &data, audience)
        } else {
            let data = wire::MessageData {
                id: id.clone(),
                room_id: message.room.public(),
                room_type: room.kind,
                person_id: message.author.public(),
                person_email: self.email(message.author),
                mentioned_people: message.body.mentioned.iter().map(|person| person.public()).collect(),
                parent_id: message.parent.map(MessageId::public),
                created: message.created.iso(),
                updated: message.updated.map(Millis::iso),
            };
            Emitted::new(Resource::Messages, event, actor, room, id, &data, audience)
        };
        emitted.facts.person = Some(message.author);
        emitted.facts.mentioned.clone_from(&message.body.mentioned);
        emitted.facts.has_attachments = !message.attachments.is_empty();
        if event != EventName::Deleted && self.journal.is_on() {
            emitted.text.clone_from(&message.body.text);
        }
        self.emit(emitted);
    }
}

fn check_length(text: Option<&str>, markdown: Option<&str>) -> Result<(), Refusal> {
    if [text, markdown].into_iter().flatten().any(|text| text.len() > MOST_BYTES) {
        return Err(Refusal::bad(
            "Unable to post message to room: Message length limited to 7439 characters before encryption and 10000 \
             characters after encryption.",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::RoomChange;

    struct Ops {
        world: World,
        alice: PersonId,
        echo: PersonId,
        room: RoomId,
    }

    fn ops() -> Ops {
        let mut world = World::seeded();
        let alice = world.people.by_email("alice@example.com").unwrap().id;
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let change = RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        let room = world.create_room(alice, change).unwrap();
        world.add_member(alice, room, echo, false).unwrap();
        Ops { world, alice, echo, room }
    }

    fn to_room(room: RoomId, markdown: &str) -> NewMessage {
        NewMessage { room_id: Some(room.public()), markdown: Some(markdown.into()), ..NewMessage::default() }
    }

    const EVERYTHING: Wanted = Wanted { after: None, max: 100 };
    const ANY: MessageQuery = MessageQuery { parent: None, mentioned: None, before: None, before_message: None };

    #[test]
    fn a_bot_in_a_group_room_sees_what_mentions_it_and_what_it_wrote() {
        let Ops { mut world, alice, echo, room } = ops();
        let plain = world.create_message(alice, to_room(room, "hello")).unwrap();
        let all = world.create_message(alice, to_room(room, "<@all> hello")).unwrap();
        let mention = world.create_message(alice, to_room(room, "<@personEmail:echo@webex.bot> hello")).unwrap();
        let own = world.create_message(echo, to_room(room, "hello yourself")).unwrap();
        for (id, seen) in [(plain, false), (all, false), (mention, true), (own, true)] {
            assert_eq!(world.message_of(echo, id).is_ok(), seen);
            assert!(world.message_of(alice, id).is_ok());
        }
        assert_eq!(world.list_messages(echo, room, ANY, EVERYTHING).unwrap_err().status, 403);
        let query = MessageQuery { mentioned: Some(echo), ..ANY };
        let page = world.list_messages(echo, room, query, EVERYTHING).unwrap();
        assert_eq!(page.items.iter().map(|message| message.id).collect::<Vec<_>>(), [mention]);
    }

    #[test]
    fn a_first_message_to_a_person_makes_their_room() {
        let Ops { mut world, alice, echo, .. } = ops();
        let new = NewMessage {
            to_person_email: Some("Echo@webex.bot".into()),
            text: Some("hi".into()),
            ..NewMessage::default()
        };
        let id = world.create_message(alice, new).unwrap();
        let room = world.messages.get(id).unwrap().room;
        assert_eq!(room, RoomId::direct(alice, echo));
        assert!(world.message_of(echo, id).is_ok());
    }

    #[test]
    fn a_message_needs_one_destination_and_something_to_say() {
        let Ops { mut world, alice, room, .. } = ops();
        let mut refused = |new| world.create_message(alice, new).unwrap_err().message;
        assert!(refused(NewMessage { text: Some("x".into()), ..NewMessage::default() }).starts_with("Exactly one"));
        let both = NewMessage { to_person_email: Some("bob@example.com".into()), ..to_room(room, "x") };
        assert!(refused(both).starts_with("Exactly one"));
        assert_eq!(refused(to_room(room, " ")), "Both text and file cannot be empty.");
        assert_eq!(refused(to_room(RoomId::fresh(), "x")), "Could not find a room with provided ID.");
    }

    #[test]
    fn the_limit_counts_bytes_not_characters() {
        let Ops { mut world, alice, room, .. } = ops();
        assert!(world.create_message(alice, to_room(room, &"x".repeat(7439))).is_ok());
        let refusal = world.create_message(alice, to_room(room, &"é".repeat(3720))).unwrap_err();
        assert!(refusal.message.contains("7439"), "{}", refusal.message);
    }

    #[test]
    fn a_thread_is_flat_unless_the_switch_says_otherwise() {
        let Ops { mut world, alice, room, .. } = ops();
        let root = world.create_message(alice, to_room(room, "root")).unwrap();
        let reply_to = |id: MessageId| NewMessage { parent_id: Some(id.public()), ..to_room(room, "re") };
        let reply = world.create_message(alice, reply_to(root)).unwrap();
        assert_eq!(world.create_message(alice, reply_to(reply)).unwrap_err().status, 400);
        world.switches.resolve_thread_root = true;
        let second = world.create_message(alice, reply_to(reply)).unwrap();
        assert_eq!(world.messages.get(second).unwrap().parent, Some(root));
        let query = MessageQuery { parent: Some(root), ..ANY };
        assert_eq!(world.list_messages(alice, room, query, EVERYTHING).unwrap().items.len(), 2);
    }

    #[test]
    fn a_message_can_be_edited_ten_times_by_its_author() {
        let Ops { mut world, alice, echo, room } = ops();
        let id = world.create_message(alice, to_room(room, "<@personEmail:echo@webex.bot> v0")).unwrap();
        let mut edit = |who| world.edit_message(who, id, &room.public(), Some("v".into()), None);
        assert_eq!(edit(echo).unwrap_err().status, 403);
        for _ in 0..10 {
            edit(alice).unwrap();
        }
        assert_eq!(edit(alice).unwrap_err().status, 400);
        assert_eq!(world.messages.get(id).unwrap().body.text.as_deref(), Some("v"));
    }

    #[test]
    fn beyond_the_limit_the_oldest_message_is_forgotten_everywhere() {
        let Ops { mut world, alice, room, .. } = ops();
        world.retention.messages = 3;
        let ids: Vec<MessageId> =
            (0..5).map(|n| world.create_message(alice, to_room(room, &format!("{n}"))).unwrap()).collect();
        assert!(world.message_of(alice, ids[1]).is_err() && world.message_of(alice, ids[2]).is_ok());
        assert_eq!(world.rooms.get(room).unwrap().timeline.len(), 3);
        assert_eq!(world.messages.written_since(alice, 0).count(), 3);
        let after = world.messages.get(ids[3]).unwrap().seq;
        assert_eq!(world.messages.written_since(alice, after).count(), 1);
    }

    #[test]
    fn before_means_strictly_before() {
        let Ops { mut world, alice, room, .. } = ops();
        let first = world.create_message(alice, to_room(room, "1")).unwrap();
        let later = world.now.plus(std::time::Duration::from_millis(5));
        let second = world.at(later).create_message(alice, to_room(room, "2")).unwrap();
        let ids = |query| {
            let page = world.list_messages(alice, room, query, EVERYTHING).unwrap();
            page.items.iter().map(|message| message.id).collect::<Vec<_>>()
        };
        assert_eq!(ids(ANY), [second, first]);
        assert_eq!(ids(MessageQuery { before: Some(later), ..ANY }), [first]);
        assert_eq!(ids(MessageQuery { before_message: Some(second), ..ANY }), [first]);
    }
}
