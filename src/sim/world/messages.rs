//! Messages: how they are kept, who sees which, and the lists of them.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    Files, Page, Position, Room, Rooms, Wanted, World,
    events::{Emitted, EventName, Resource},
};
use crate::{
    base::Millis,
    sim::{
        ids::{ContentId, MessageId, PersonId, RoomId},
        refusal::Refusal,
        wire::{self, Attachment, RoomType},
    },
};

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
    /// How many files it has; they are in [`Files`].
    #[serde(default)]
    pub(crate) files: u8,
    pub(crate) created: Millis,
    pub(crate) updated: Option<Millis>,
    pub(crate) edits: u8,
}

impl Message {
    /// The names of its files, kept or not.
    pub(crate) fn contents(&self) -> impl Iterator<Item = ContentId> {
        let message = self.id;
        (0..self.files).map(move |index| ContentId { message, index })
    }
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
    /// Their files: they go with them.
    pub(crate) files: Files,
}

impl Messages {
    /// By id.
    pub(crate) fn get(&self, id: MessageId) -> Option<&Message> {
        self.by_id.get(&id)
    }

    /// By id, to change.
    pub(super) fn get_mut(&mut self, id: MessageId) -> Option<&mut Message> {
        self.by_id.get_mut(&id)
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

    /// Takes a message out, with its files.
    pub(super) fn remove(&mut self, rooms: &mut Rooms, id: MessageId) -> Option<Message> {
        let message = self.by_id.remove(&id)?;
        message.contents().for_each(|file| self.files.remove(file));
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

impl World {
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
        // A further page begins where the last one ended, without a walk over what was shown.
        let shown = wanted.after.map_or(u64::MAX, |last| last.1.unsigned_abs());
        let end = room.timeline.partition_point(|(seq, _)| *seq < before.min(shown));
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

    /// As clients see it; links to files begin as our own address does.
    pub(crate) fn show_message(&self, message: &Message) -> wire::Message {
        self.show_message_at(&self.home, message)
    }

    /// As a client sees it who reached us at `base`, which its links to files begin with.
    pub(crate) fn show_message_at(&self, base: &str, message: &Message) -> wire::Message {
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
            files: links(base, message),
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

    /// Tells those who may read a message about it. Of edits webhooks hear only where the switch says so; the journal
    /// always does.
    pub(super) fn emit_message(&mut self, event: EventName, actor: PersonId, id: MessageId) {
        let Some(message) = self.messages.get(id) else { return };
        let Some(room) = self.rooms.get(message.room) else { return };
        let told = event != EventName::Updated || self.switches.message_updates;
        let audience = room
            .members
            .keys()
            .copied()
            .filter(|person| told && self.webhooks.any(*person) && self.sees(*person, message))
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
                files: links(&self.home, message),
                parent_id: message.parent.map(MessageId::public),
                created: message.created.iso(),
                updated: message.updated.map(Millis::iso),
            };
            Emitted::new(Resource::Messages, event, actor, room, id, &data, audience)
        };
        emitted.facts.person = Some(message.author);
        emitted.facts.mentioned.clone_from(&message.body.mentioned);
        emitted.facts.has_files = message.files > 0;
        emitted.facts.has_attachments = !message.attachments.is_empty();
        if event != EventName::Deleted && self.journal.is_on() {
            emitted.text.clone_from(&message.body.text);
        }
        self.emit(emitted);
    }
}

/// Where a message's files are to be had.
fn links(base: &str, message: &Message) -> Vec<String> {
    message.contents().map(|file| format!("{base}/contents/{}", file.public())).collect()
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            NewMessage,
            writing::tests::{Ops, ops, to_room},
        },
        *,
    };

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

    #[test]
    fn a_thread_is_listed_by_its_root() {
        let Ops { mut world, alice, room, .. } = ops();
        let root = world.create_message(alice, to_room(room, "root")).unwrap();
        let reply = NewMessage { parent_id: Some(root.public()), ..to_room(room, "re") };
        let reply = world.create_message(alice, reply).unwrap();
        let query = MessageQuery { parent: Some(root), ..ANY };
        let page = world.list_messages(alice, room, query, EVERYTHING).unwrap();
        assert_eq!(page.items.iter().map(|message| message.id).collect::<Vec<_>>(), [reply]);
    }
}
