//! Rooms: who may see and change them, and the lists of them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{
    Page, Position, Wanted, World,
    events::{Emitted, EventName, Resource},
};
use crate::{
    base::Millis,
    sim::{
        ids::{MessageId, PersonId, RoomId},
        refusal::Refusal,
        wire::{self, RoomType},
    },
};

/// A room with its members.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Room {
    pub(crate) id: RoomId,
    /// Empty for a direct room: there the title depends on who looks.
    pub(crate) title: String,
    pub(crate) kind: RoomType,
    pub(crate) creator: PersonId,
    pub(crate) created: Millis,
    pub(crate) last_activity: Millis,
    pub(crate) seq: u64,
    pub(crate) locked: bool,
    pub(crate) announcement_only: bool,
    pub(crate) public: bool,
    pub(crate) description: Option<String>,
    pub(crate) members: BTreeMap<PersonId, Member>,
    /// Its messages, oldest first, by running number. Not saved: it follows from the messages.
    #[serde(skip)]
    pub(crate) timeline: VecDeque<(u64, MessageId)>,
}

/// A person's place in a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Member {
    pub(crate) moderator: bool,
    pub(crate) hidden: bool,
    pub(crate) created: Millis,
    pub(crate) seq: u64,
}

/// All rooms, with the index by member.
#[derive(Debug, Default)]
pub(crate) struct Rooms {
    by_id: HashMap<RoomId, Room>,
    of: HashMap<PersonId, BTreeSet<RoomId>>,
}

impl Rooms {
    /// By id.
    pub(crate) fn get(&self, id: RoomId) -> Option<&Room> {
        self.by_id.get(&id)
    }

    /// By id, to change. Members come and go by [`Rooms::join`] and [`Rooms::leave`], for the index.
    pub(super) fn get_mut(&mut self, id: RoomId) -> Option<&mut Room> {
        self.by_id.get_mut(&id)
    }

    /// All, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.by_id.values()
    }

    /// Those of one member.
    pub(crate) fn of(&self, person: PersonId) -> impl Iterator<Item = &Room> {
        self.of.get(&person).into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// Puts a room in, with its members.
    pub(super) fn insert(&mut self, room: Room) {
        for person in room.members.keys() {
            self.of.entry(*person).or_default().insert(room.id);
        }
        self.by_id.insert(room.id, room);
    }

    /// Takes a room out.
    pub(super) fn remove(&mut self, id: RoomId) -> Option<Room> {
        let room = self.by_id.remove(&id)?;
        for person in room.members.keys() {
            self.forget(*person, id);
        }
        Some(room)
    }

    /// Adds a member.
    pub(super) fn join(&mut self, id: RoomId, person: PersonId, member: Member) {
        if let Some(room) = self.by_id.get_mut(&id) {
            room.members.insert(person, member);
            self.of.entry(person).or_default().insert(id);
        }
    }

    /// Removes a member.
    pub(super) fn leave(&mut self, id: RoomId, person: PersonId) -> Option<Member> {
        let member = self.by_id.get_mut(&id)?.members.remove(&person)?;
        self.forget(person, id);
        Some(member)
    }

    fn forget(&mut self, person: PersonId, room: RoomId) {
        if let Some(rooms) = self.of.get_mut(&person) {
            rooms.remove(&room);
        }
    }
}

/// Order of `GET /rooms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RoomSort {
    /// Newest room first.
    Created,
    /// The one with the last message first.
    LastActivity,
    /// By id.
    Id,
}

/// What a room is made or changed to.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RoomChange {
    pub(crate) title: Option<String>,
    pub(crate) is_locked: Option<bool>,
    pub(crate) is_public: Option<bool>,
    pub(crate) description: Option<String>,
    pub(crate) is_announcement_only: Option<bool>,
}

impl Room {
    /// Whether this person may run the room: its moderators, and in a room without any its creator.
    pub(crate) fn is_run_by(&self, person: PersonId) -> bool {
        match self.members.get(&person) {
            None => false,
            Some(member) if member.moderator => true,
            Some(_) => self.creator == person && self.members.values().all(|member| !member.moderator),
        }
    }

    /// The other one of a direct room.
    pub(crate) fn other(&self, person: PersonId) -> Option<PersonId> {
        self.members.keys().copied().find(|member| *member != person)
    }

    /// The events of a room are those of its members.
    fn apply(&mut self, change: RoomChange) -> Result<(), Refusal> {
        let title = change.title.as_deref().map_or("", str::trim);
        if title.is_empty() {
            return Err(Refusal::bad("Title cannot be empty."));
        }
        title.clone_into(&mut self.title);
        self.locked = change.is_locked.unwrap_or(self.locked);
        self.public = change.is_public.unwrap_or(self.public);
        self.description = change.description.or_else(|| self.description.take());
        self.announcement_only = change.is_announcement_only.unwrap_or(self.announcement_only);
        if self.public && self.description.as_deref().is_none_or(str::is_empty) {
            return Err(Refusal::bad("Description cannot be empty for a public room."));
        }
        if self.announcement_only && !self.locked {
            return Err(Refusal::bad("A room must be locked before it can be announcement only."));
        }
        Ok(())
    }
}

impl World {
    /// The room, if this person is in it.
    pub(crate) fn room_of(&self, caller: PersonId, id: RoomId) -> Result<&Room, Refusal> {
        self.rooms
            .get(id)
            .filter(|room| room.members.contains_key(&caller))
            .ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))
    }

    /// `POST /rooms`.
    pub(crate) fn create_room(&mut self, caller: PersonId, change: RoomChange) -> Result<RoomId, Refusal> {
        let member = Member {
            moderator: change.is_locked == Some(true),
            hidden: false,
            created: self.now,
            seq: self.next_seq(),
        };
        let mut room = Room {
            id: self.room_next.unwrap_or_else(RoomId::fresh),
            title: String::new(),
            kind: RoomType::Group,
            creator: caller,
            created: self.now,
            last_activity: self.now,
            seq: self.next_seq(),
            locked: false,
            announcement_only: false,
            public: false,
            description: None,
            members: BTreeMap::from([(caller, member)]),
            timeline: VecDeque::new(),
        };
        room.apply(change)?;
        Ok(self.open_room(caller, room))
    }

    /// The room of these two, made when they meet for the first time.
    pub(crate) fn direct_room(&mut self, one: PersonId, other: PersonId) -> RoomId {
        let id = RoomId::direct(one, other);
        if self.rooms.get(id).is_some() {
            return id;
        }
        let (now, first, second) = (self.now, self.next_seq(), self.next_seq());
        let member = |seq| Member { moderator: false, hidden: false, created: now, seq };
        let room = Room {
            id,
            title: String::new(),
            kind: RoomType::Direct,
            creator: one,
            created: now,
            last_activity: now,
            seq: self.next_seq(),
            locked: false,
            announcement_only: false,
            public: false,
            description: None,
            members: BTreeMap::from([(one, member(first)), (other, member(second))]),
            timeline: VecDeque::new(),
        };
        self.open_room(one, room)
    }

    fn open_room(&mut self, caller: PersonId, room: Room) -> RoomId {
        let id = room.id;
        let members: Vec<PersonId> = room.members.keys().copied().collect();
        self.rooms.insert(room);
        self.emit_room(EventName::Created, caller, id);
        for person in members {
            self.emit_membership(EventName::Created, caller, id, person);
        }
        id
    }

    /// `PUT /rooms/{id}`.
    pub(crate) fn update_room(&mut self, caller: PersonId, id: RoomId, change: RoomChange) -> Result<(), Refusal> {
        let room = self.room_of(caller, id)?;
        if room.kind == RoomType::Direct {
            return Err(Refusal::bad("A direct room cannot be changed."));
        }
        if room.locked && !room.is_run_by(caller) {
            return Err(Refusal::forbidden("Only a moderator can change a locked room."));
        }
        let becomes_locked = change.is_locked == Some(true) && !room.locked;
        let mut changed = room.clone();
        changed.apply(change)?;
        if becomes_locked && let Some(member) = changed.members.get_mut(&caller) {
            member.moderator = true;
        }
        self.rooms.insert(changed);
        self.emit_room(EventName::Updated, caller, id);
        Ok(())
    }

    /// `DELETE /rooms/{id}`: who does not run the room only leaves it.
    pub(crate) fn delete_room(&mut self, caller: PersonId, id: RoomId) -> Result<(), Refusal> {
        let room = self.room_of(caller, id)?;
        if room.kind == RoomType::Direct {
            return Err(Refusal::bad("A direct room cannot be deleted."));
        }
        if !room.is_run_by(caller) {
            return self.remove_member(caller, id, caller);
        }
        let members: Vec<PersonId> = room.members.keys().copied().collect();
        for person in members {
            self.emit_membership(EventName::Deleted, caller, id, person);
        }
        self.messages.forget_room(&mut self.rooms, id);
        self.actions.forget_room(id);
        self.rooms.remove(id);
        Ok(())
    }

    /// `GET /rooms`.
    pub(crate) fn list_rooms(
        &self,
        caller: PersonId,
        kind: Option<RoomType>,
        sort: RoomSort,
        wanted: Wanted,
    ) -> Page<&Room> {
        let mut rooms: Vec<(Position, &Room)> = self
            .rooms
            .of(caller)
            .filter(|room| kind.is_none_or(|kind| kind == room.kind))
            .map(|room| {
                let newest_first = Position::falling(room.seq);
                let position = match sort {
                    RoomSort::Created => newest_first,
                    RoomSort::LastActivity => Position(-room.last_activity.0, newest_first.1),
                    RoomSort::Id => Position::rising(room.seq),
                };
                (position, room)
            })
            .collect();
        rooms.sort_unstable_by_key(|(position, _)| *position);
        wanted.cut(rooms.into_iter())
    }

    /// The title as this person sees it.
    pub(crate) fn title(&self, room: &Room, caller: PersonId) -> String {
        let other = room.other(caller).filter(|_| room.kind == RoomType::Direct);
        other.and_then(|id| self.people.get(id)).map_or_else(|| room.title.clone(), |person| person.name.clone())
    }

    /// As clients see it.
    pub(crate) fn show_room(&self, room: &Room, caller: PersonId) -> wire::Room {
        wire::Room {
            id: room.id.public(),
            title: self.title(room, caller),
            kind: room.kind,
            is_locked: room.locked,
            last_activity: room.last_activity.iso(),
            creator_id: room.creator.public(),
            created: room.created.iso(),
            owner_id: self.org.public(),
            is_announcement_only: room.announcement_only,
            is_read_only: false,
            is_public: room.public,
            description: room.description.clone(),
        }
    }

    /// Tells the room's creator that it is new, or its members that it changed.
    fn emit_room(&mut self, event: EventName, actor: PersonId, id: RoomId) {
        let Some(room) = self.rooms.get(id) else { return };
        let audience = room
            .members
            .keys()
            .copied()
            .filter(|person| self.webhooks.any(*person) && (event != EventName::Created || *person == room.creator))
            .collect();
        let data = wire::RoomData {
            id: room.id.public(),
            title: room.title.clone(),
            kind: room.kind,
            is_locked: room.locked,
            last_activity: room.last_activity.iso(),
            creator_id: room.creator.public(),
            created: room.created.iso(),
        };
        let emitted = Emitted::new(Resource::Rooms, event, actor, room, data.id.clone(), &data, audience);
        self.emit(emitted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titled(title: &str) -> RoomChange {
        RoomChange { title: Some(title.into()), ..RoomChange::default() }
    }

    fn alice_and_bob(world: &World) -> (PersonId, PersonId) {
        let id = |email| world.people.by_email(email).unwrap().id;
        (id("alice@example.com"), id("bob@example.com"))
    }

    #[test]
    fn a_direct_room_is_made_once_and_titled_after_the_other() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let id = world.direct_room(alice, bob);
        assert_eq!(world.direct_room(bob, alice), id);
        let room = world.rooms.get(id).unwrap();
        assert_eq!(world.title(room, alice), "Bob Example");
        assert_eq!(world.title(room, bob), "Alice Example");
        assert!(world.delete_room(alice, id).is_err() && world.update_room(alice, id, titled("x")).is_err());
    }

    #[test]
    fn a_room_needs_a_title_and_the_rules_of_its_kind() {
        let mut world = World::seeded();
        let (alice, _) = alice_and_bob(&world);
        let refused = |world: &mut World, change| world.create_room(alice, change).unwrap_err().message;
        assert_eq!(refused(&mut world, RoomChange::default()), "Title cannot be empty.");
        let public = RoomChange { is_public: Some(true), ..titled("x") };
        assert!(refused(&mut world, public).starts_with("Description"));
        let announcement = RoomChange { is_announcement_only: Some(true), ..titled("x") };
        assert!(refused(&mut world, announcement).starts_with("A room must be locked"));
    }

    #[test]
    fn whoever_does_not_run_a_room_only_leaves_it() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let id = world.create_room(alice, titled("Ops")).unwrap();
        world.add_member(alice, id, bob, false).unwrap();
        world.delete_room(bob, id).unwrap();
        assert_eq!(world.rooms.get(id).unwrap().members.len(), 1);
        world.delete_room(alice, id).unwrap();
        assert!(world.rooms.get(id).is_none() && world.rooms.of(alice).next().is_none());
    }

    #[test]
    fn rooms_are_listed_by_their_last_activity() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let first = world.create_room(alice, titled("first")).unwrap();
        let later = world.now.plus(std::time::Duration::from_secs(1));
        let second = world.at(later).create_room(alice, titled("second")).unwrap();
        let all = Wanted { after: None, max: 10 };
        let ids = |sort| world.list_rooms(alice, None, sort, all).items.iter().map(|r| r.id).collect::<Vec<_>>();
        assert_eq!(ids(RoomSort::LastActivity), [second, first]);
        assert_eq!(ids(RoomSort::Id), [first, second]);
        assert!(world.list_rooms(bob, None, RoomSort::Id, all).items.is_empty());
    }
}
