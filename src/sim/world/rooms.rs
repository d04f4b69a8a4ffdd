//! Rooms and who is in them, with the index by member.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::Tab;
use crate::{
    base::Millis,
    sim::{
        ids::{MessageId, PersonId, RoomId, TeamId},
        wire::RoomType,
    },
};

/// A room with its members. What came after the first version of the state file has a default.
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
    /// The team it belongs to, for ever.
    #[serde(default)]
    pub(crate) team: Option<TeamId>,
    /// Whatever was sent: there is no list of classifications here.
    #[serde(default)]
    pub(crate) classification: Option<String>,
    /// A compliance officer has stopped this direct room.
    #[serde(default)]
    pub(crate) read_only: bool,
    #[serde(default)]
    pub(crate) made_public: Option<Millis>,
    /// A room of a team that was deleted: it is listed no more, and nobody writes there.
    #[serde(default)]
    pub(crate) archived: bool,
    #[serde(default)]
    pub(crate) tabs: Vec<Tab>,
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
    /// Members of all rooms together.
    memberships: usize,
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

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// How many members all rooms have together.
    pub(crate) fn memberships(&self) -> usize {
        self.memberships
    }

    /// All, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Room> {
        self.by_id.values()
    }

    /// Those of one member.
    pub(crate) fn of(&self, person: PersonId) -> impl Iterator<Item = &Room> {
        self.of.get(&person).into_iter().flatten().filter_map(|id| self.by_id.get(id))
    }

    /// Puts a new room in, with its members.
    pub(super) fn insert(&mut self, room: Room) {
        for person in room.members.keys() {
            self.of.entry(*person).or_default().insert(room.id);
        }
        self.memberships += room.members.len();
        self.by_id.insert(room.id, room);
    }

    /// Takes a room out.
    pub(super) fn remove(&mut self, id: RoomId) -> Option<Room> {
        let room = self.by_id.remove(&id)?;
        self.memberships -= room.members.len();
        for person in room.members.keys() {
            self.forget(*person, id);
        }
        Some(room)
    }

    /// Adds a member.
    pub(super) fn join(&mut self, id: RoomId, person: PersonId, member: Member) {
        if let Some(room) = self.by_id.get_mut(&id) {
            if room.members.insert(person, member).is_none() {
                self.memberships += 1;
            }
            self.of.entry(person).or_default().insert(id);
        }
    }

    /// Removes a member.
    pub(super) fn leave(&mut self, id: RoomId, person: PersonId) -> Option<Member> {
        let member = self.by_id.get_mut(&id)?.members.remove(&person)?;
        self.memberships -= 1;
        self.forget(person, id);
        Some(member)
    }

    fn forget(&mut self, person: PersonId, room: RoomId) {
        if let Some(rooms) = self.of.get_mut(&person) {
            rooms.remove(&room);
        }
    }
}

impl Room {
    /// A group room of one member, before it is given its title.
    pub(super) fn group(creator: PersonId, now: Millis, seq: u64, member: Member) -> Self {
        let members = BTreeMap::from([(creator, member)]);
        Self::new(RoomId::fresh(), RoomType::Group, creator, now, seq, members)
    }

    /// A room with its first members.
    pub(super) fn new(
        id: RoomId,
        kind: RoomType,
        creator: PersonId,
        now: Millis,
        seq: u64,
        members: BTreeMap<PersonId, Member>,
    ) -> Self {
        Self {
            id,
            title: String::new(),
            kind,
            creator,
            created: now,
            last_activity: now,
            seq,
            locked: false,
            announcement_only: false,
            public: false,
            description: None,
            members,
            team: None,
            classification: None,
            read_only: false,
            made_public: None,
            archived: false,
            tabs: Vec::new(),
            timeline: VecDeque::new(),
        }
    }

    /// Whether this person may run the room: its moderators, and in a room without any its creator.
    pub(crate) fn is_run_by(&self, person: PersonId) -> bool {
        match self.members.get(&person) {
            None => false,
            Some(member) if member.moderator => true,
            Some(_) => self.creator == person && self.members.values().all(|member| !member.moderator),
        }
    }

    /// Whether only those who run it may change it and its members.
    pub(crate) fn is_moderated(&self) -> bool {
        self.locked || self.is_general()
    }

    /// Whether it is the room that all members of its team are in.
    pub(crate) fn is_general(&self) -> bool {
        self.team.is_some_and(|team| team.general() == self.id)
    }

    /// Whether this person is the only moderator.
    pub(crate) fn is_last_moderator(&self, person: PersonId) -> bool {
        let mut moderators = self.members.iter().filter(|(_, member)| member.moderator);
        moderators.next().is_some_and(|(first, _)| *first == person) && moderators.next().is_none()
    }

    /// The other one of a direct room.
    pub(crate) fn other(&self, person: PersonId) -> Option<PersonId> {
        self.members.keys().copied().find(|member| *member != person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(moderator: bool) -> Member {
        Member { moderator, hidden: false, created: Millis(0), seq: 0 }
    }

    #[test]
    fn members_are_counted_however_they_come_and_go() {
        let (alice, bob) = (PersonId::of("alice"), PersonId::of("bob"));
        let mut rooms = Rooms::default();
        let room = Room::group(alice, Millis(0), 1, member(false));
        let id = room.id;
        rooms.insert(room);
        rooms.join(id, bob, member(false));
        rooms.join(id, bob, member(true));
        assert_eq!((rooms.len(), rooms.memberships(), rooms.of(bob).count()), (1, 2, 1));
        rooms.leave(id, bob);
        assert!(rooms.leave(id, bob).is_none());
        assert_eq!((rooms.memberships(), rooms.of(bob).count()), (1, 0));
        rooms.remove(id);
        assert_eq!((rooms.len(), rooms.memberships()), (0, 0));
    }

    #[test]
    fn a_room_is_run_by_its_moderators_or_else_its_creator() {
        let (alice, bob) = (PersonId::of("alice"), PersonId::of("bob"));
        let mut room = Room::group(alice, Millis(0), 1, member(false));
        room.members.insert(bob, member(false));
        assert!(room.is_run_by(alice) && !room.is_run_by(bob));
        room.members.insert(bob, member(true));
        assert!(!room.is_run_by(alice) && room.is_run_by(bob));
        assert!(room.is_last_moderator(bob) && !room.is_last_moderator(alice));
        room.members.insert(alice, member(true));
        assert!(!room.is_last_moderator(bob));
    }
}
