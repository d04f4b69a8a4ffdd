//! Making, changing and deleting rooms, and who may write in them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Member, Room, World,
    events::{Emitted, EventName, Resource},
    limits::{LONGEST_NAME, LONGEST_TEXT, MOST_MEMBERSHIPS, MOST_ROOMS, check_count, check_text},
};
use crate::{
    base::Millis,
    sim::{
        ids::{PersonId, RoomId, TeamId},
        refusal::Refusal,
        wire::{self, RoomType},
    },
};

/// What a room is made or changed to. What is absent, or what the room is already, changes nothing: clients send
/// back the whole room.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RoomChange {
    pub(crate) title: Option<String>,
    pub(crate) team_id: Option<String>,
    pub(crate) classification_id: Option<String>,
    pub(crate) is_locked: Option<bool>,
    pub(crate) is_public: Option<bool>,
    pub(crate) description: Option<String>,
    pub(crate) is_announcement_only: Option<bool>,
    pub(crate) is_read_only: Option<bool>,
}

impl Room {
    /// All of a change that needs no look at anything else.
    fn apply(&mut self, change: RoomChange, now: Millis) -> Result<(), Refusal> {
        let title = change.title.as_deref().map_or("", str::trim);
        if title.is_empty() {
            return Err(Refusal::bad("Title cannot be empty."));
        }
        check_text("title", Some(title), LONGEST_NAME)?;
        check_text("description", change.description.as_deref(), LONGEST_TEXT)?;
        check_text("classificationId", change.classification_id.as_deref(), LONGEST_NAME)?;
        title.clone_into(&mut self.title);
        self.locked = change.is_locked.unwrap_or(self.locked);
        // A single space takes the description away.
        let description = change.description.or_else(|| self.description.take());
        self.description = description.filter(|text| !text.trim().is_empty());
        self.classification = change.classification_id.or_else(|| self.classification.take());
        self.announcement_only = change.is_announcement_only.unwrap_or(self.announcement_only);
        let public = change.is_public.unwrap_or(self.public);
        if public && self.description.is_none() {
            return Err(Refusal::bad("Description cannot be empty for a public room."));
        }
        if self.announcement_only && !self.locked {
            return Err(Refusal::bad("A room must be locked before it can be announcement only."));
        }
        if public != self.public {
            self.public = public;
            self.made_public = public.then_some(now);
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

    /// Whether this person may write there. Being a member is another question.
    pub(crate) fn check_posting(&self, author: PersonId, room: RoomId) -> Result<(), Refusal> {
        let Some(room) = self.rooms.get(room) else { return Ok(()) };
        if room.read_only || room.archived {
            return Err(Refusal::forbidden("The room is read only."));
        }
        if room.announcement_only && !room.is_run_by(author) {
            return Err(Refusal::forbidden("Only moderators can post in an announcement-only room."));
        }
        Ok(())
    }

    /// `POST /rooms`.
    pub(crate) fn create_room(&mut self, caller: PersonId, change: RoomChange) -> Result<RoomId, Refusal> {
        if change.classification_id.is_some() && self.is_bot(caller) {
            return Err(Refusal::forbidden("Bots cannot classify a room while they create it."));
        }
        let team = change.team_id.as_deref().filter(|id| !id.is_empty());
        let team = team.map(|id| self.team_named(caller, id)).transpose()?;
        let member = self.new_member(change.is_locked == Some(true));
        let mut room = Room::group(caller, self.now, self.next_seq(), member);
        room.id = self.room_next.unwrap_or(room.id);
        room.apply(change, self.now)?;
        room.team = team;
        self.open_room(caller, room)
    }

    /// The same with an id that was chosen; nobody has it.
    pub(crate) fn create_room_as(
        &mut self,
        id: RoomId,
        caller: PersonId,
        change: RoomChange,
    ) -> Result<RoomId, Refusal> {
        self.room_next = Some(id);
        let made = self.create_room(caller, change);
        self.room_next = None;
        made
    }

    /// The room of these two, made when they meet for the first time.
    pub(crate) fn direct_room(&mut self, one: PersonId, other: PersonId) -> RoomId {
        let id = RoomId::direct(one, other);
        if self.rooms.get(id).is_some() {
            return id;
        }
        let members = BTreeMap::from([(one, self.new_member(false)), (other, self.new_member(false))]);
        let room = Room::new(id, RoomType::Direct, one, self.now, self.next_seq(), members);
        self.enter(one, room)
    }

    /// Somebody who comes into a room now.
    pub(super) fn new_member(&mut self, moderator: bool) -> Member {
        Member { moderator, hidden: false, created: self.now, seq: self.next_seq() }
    }

    /// Puts a new group room in, if there is a place.
    pub(super) fn open_room(&mut self, caller: PersonId, room: Room) -> Result<RoomId, Refusal> {
        self.check_place()?;
        Ok(self.enter(caller, room))
    }

    /// Whether there is a place for one more room.
    pub(super) fn check_place(&self) -> Result<(), Refusal> {
        check_count("rooms", self.rooms.len(), MOST_ROOMS)?;
        check_count("memberships", self.rooms.memberships(), MOST_MEMBERSHIPS)
    }

    fn enter(&mut self, caller: PersonId, room: Room) -> RoomId {
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
        let officer = self.people.get(caller).is_some_and(|person| person.compliance);
        let read_only = |room: &Room| change.is_read_only.unwrap_or(room.read_only);
        if let Some(room) = self.rooms.get(id).filter(|room| officer && read_only(room) != room.read_only) {
            return self.set_read_only(caller, id, read_only(room));
        }
        let room = self.room_of(caller, id)?;
        if room.kind == RoomType::Direct {
            return Err(Refusal::bad("A direct room cannot be changed."));
        }
        if room.archived {
            return Err(Refusal::forbidden("The room is read only."));
        }
        if read_only(room) != room.read_only {
            return Err(Refusal::forbidden("Only a compliance officer can make a room read only."));
        }
        if room.is_moderated() && !room.is_run_by(caller) {
            return Err(Refusal::forbidden("Only a moderator can change a locked room."));
        }
        if change.is_public == Some(true) && !room.public && !officer {
            return Err(Refusal::forbidden("Only a compliance officer can make a private room public."));
        }
        let classified = change.classification_id.is_some() && change.classification_id != room.classification;
        if classified && room.members.keys().all(|member| self.is_bot(*member)) {
            return Err(Refusal::forbidden("A room of bots alone cannot be classified."));
        }
        let team = self.team_after(caller, room, change.team_id.as_deref())?;
        let becomes_locked = change.is_locked == Some(true) && !room.locked;
        let mut changed = room.clone();
        changed.apply(change, self.now)?;
        changed.team = team;
        if becomes_locked && let Some(member) = changed.members.get_mut(&caller) {
            member.moderator = true;
        }
        if let Some(room) = self.rooms.get_mut(id) {
            *room = changed;
        }
        self.emit_room(EventName::Updated, caller, id);
        Ok(())
    }

    /// A compliance officer stops a direct room, or lets it go on; he need not be in it.
    fn set_read_only(&mut self, caller: PersonId, id: RoomId, read_only: bool) -> Result<(), Refusal> {
        let room = self.rooms.get_mut(id).ok_or_else(Refusal::no_such_resource)?;
        if room.kind != RoomType::Direct {
            return Err(Refusal::bad("Only a direct room can be made read only."));
        }
        room.read_only = read_only;
        self.emit_room(EventName::Updated, caller, id);
        Ok(())
    }

    /// The team of a room once this is asked for: a room without a team may get one, if all its moderators are
    /// in there; from team to team none goes.
    fn team_after(&self, caller: PersonId, room: &Room, wanted: Option<&str>) -> Result<Option<TeamId>, Refusal> {
        let Some(wanted) = wanted.filter(|id| !id.is_empty()) else { return Ok(room.team) };
        if room.team.is_some() {
            let same = TeamId::parse(wanted) == room.team;
            return if same {
                Ok(room.team)
            } else {
                Err(Refusal::bad("A room of a team cannot be moved to another."))
            };
        }
        let team = self.team_named(caller, wanted)?;
        let moderators = room.members.iter().filter(|(_, member)| member.moderator);
        let strangers = moderators.filter(|(person, _)| !self.is_in_team(**person, team)).count();
        if strangers > 0 {
            return Err(Refusal::bad("All moderators of the room must be members of the team."));
        }
        Ok(Some(team))
    }

    /// `DELETE /rooms/{id}`: who does not run the room only leaves it; a room of a team is archived.
    pub(crate) fn delete_room(&mut self, caller: PersonId, id: RoomId) -> Result<(), Refusal> {
        let room = self.room_of(caller, id)?;
        if room.kind == RoomType::Direct {
            return Err(Refusal::bad("A direct room cannot be deleted."));
        }
        if !room.is_run_by(caller) {
            return self.remove_member(caller, id, caller);
        }
        if room.is_general() {
            return Err(Refusal::bad("The General room goes with its team: delete the team."));
        }
        if room.team.is_some() || room.archived {
            self.archive_room(caller, id);
            return Ok(());
        }
        self.close_room(caller, id);
        Ok(())
    }

    /// Takes a room away with all that is in it, and tells its members.
    pub(super) fn close_room(&mut self, actor: PersonId, id: RoomId) {
        let members: Vec<PersonId> =
            self.rooms.get(id).into_iter().flat_map(|room| room.members.keys()).copied().collect();
        for person in members {
            self.emit_membership(EventName::Deleted, actor, id, person);
        }
        self.forget_room(id);
    }

    /// Takes a room away without a word.
    pub(super) fn forget_room(&mut self, id: RoomId) {
        self.messages.forget_room(&mut self.rooms, id);
        self.actions.forget_room(id);
        self.rooms.remove(id);
    }

    /// From now on the room is listed no more and nobody writes there; its members may still read.
    pub(super) fn archive_room(&mut self, actor: PersonId, id: RoomId) {
        let Some(room) = self.rooms.get_mut(id).filter(|room| !room.archived) else { return };
        room.archived = true;
        self.emit_room(EventName::Updated, actor, id);
    }

    /// Tells the room's creator that it is new, or its members that it changed.
    pub(super) fn emit_room(&mut self, event: EventName, actor: PersonId, id: RoomId) {
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
            team_id: room.team.map(TeamId::public),
            last_activity: room.last_activity.iso(),
            creator_id: room.creator.public(),
            created: room.created.iso(),
        };
        let emitted = Emitted::new(Resource::Rooms, event, actor, room, data.id.clone(), &data, audience);
        self.emit(emitted);
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! A room to be made, and two who may.

    use super::*;

    pub(in crate::sim::world) fn titled(title: &str) -> RoomChange {
        RoomChange { title: Some(title.into()), ..RoomChange::default() }
    }

    pub(in crate::sim::world) fn alice_and_bob(world: &World) -> (PersonId, PersonId) {
        let id = |email| world.people.by_email(email).unwrap().id;
        (id("alice@example.com"), id("bob@example.com"))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        testing::{alice_and_bob, titled},
        *,
    };

    #[test]
    fn a_direct_room_is_made_once_and_cannot_be_changed() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let id = world.direct_room(alice, bob);
        assert_eq!(world.direct_room(bob, alice), id);
        assert!(world.delete_room(alice, id).is_err() && world.update_room(alice, id, titled("x")).is_err());
    }

    #[test]
    fn a_room_needs_a_title_and_the_rules_of_its_kind() {
        let mut world = World::seeded();
        let (alice, _) = alice_and_bob(&world);
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let mut refused = |who, change| world.create_room(who, change).unwrap_err().message;
        assert_eq!(refused(alice, RoomChange::default()), "Title cannot be empty.");
        let public = RoomChange { is_public: Some(true), ..titled("x") };
        assert!(refused(alice, public).starts_with("Description"));
        let announcement = RoomChange { is_announcement_only: Some(true), ..titled("x") };
        assert!(refused(alice, announcement).starts_with("A room must be locked"));
        let classified = RoomChange { classification_id: Some("c".into()), ..titled("x") };
        assert!(refused(echo, classified).starts_with("Bots cannot classify"));
        assert_eq!(refused(alice, titled(&"x".repeat(LONGEST_NAME + 1))), "title is longer than 1024 bytes");
    }

    #[test]
    fn a_bot_may_classify_once_a_human_is_there() {
        let mut world = World::seeded();
        let (alice, _) = alice_and_bob(&world);
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let id = world.create_room(echo, titled("x")).unwrap();
        let classified = || RoomChange { classification_id: Some("c".into()), ..titled("x") };
        assert_eq!(world.update_room(echo, id, classified()).unwrap_err().status, 403);
        world.add_member(echo, id, alice, false).unwrap();
        world.update_room(echo, id, classified()).unwrap();
        assert_eq!(world.rooms.get(id).unwrap().classification.as_deref(), Some("c"));
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
    fn in_an_announcement_only_room_moderators_alone_post() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let change = RoomChange { is_locked: Some(true), is_announcement_only: Some(true), ..titled("News") };
        let id = world.create_room(alice, change).unwrap();
        world.add_member(alice, id, bob, false).unwrap();
        assert!(world.check_posting(alice, id).is_ok());
        assert_eq!(world.check_posting(bob, id).unwrap_err().status, 403);
        let unlocked = RoomChange { is_locked: Some(false), ..titled("News") };
        assert_eq!(world.update_room(alice, id, unlocked).unwrap_err().status, 400);
    }

    #[test]
    fn only_a_compliance_officer_stops_a_direct_room_or_opens_a_private_one() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let carol = world.people.by_email("carol@example.com").unwrap().id;
        world.people.get_mut(carol).unwrap().compliance = true;
        let direct = world.direct_room(alice, bob);
        let stop = || RoomChange { is_read_only: Some(true), ..RoomChange::default() };
        assert!(world.update_room(alice, direct, stop()).is_err());
        world.update_room(carol, direct, stop()).unwrap();
        assert_eq!(world.check_posting(alice, direct).unwrap_err().message, "The room is read only.");
        let room = world.create_room(carol, titled("x")).unwrap();
        world.add_member(carol, room, alice, false).unwrap();
        assert_eq!(
            world.update_room(carol, room, RoomChange { title: Some("x".into()), ..stop() }).unwrap_err().status,
            400
        );
        let open = || RoomChange { is_public: Some(true), description: Some("d".into()), ..titled("x") };
        assert_eq!(world.update_room(alice, room, open()).unwrap_err().status, 403);
        world.update_room(carol, room, open()).unwrap();
        assert_eq!(world.rooms.get(room).unwrap().made_public, Some(world.now));
        world.update_room(alice, room, RoomChange { is_public: Some(false), ..titled("x") }).unwrap();
        let room = world.rooms.get(room).unwrap();
        assert_eq!((room.made_public, room.description.as_deref()), (None, Some("d")));
    }

    #[test]
    fn a_space_takes_the_description_away() {
        let mut world = World::seeded();
        let (alice, _) = alice_and_bob(&world);
        let id = world.create_room(alice, RoomChange { description: Some("d".into()), ..titled("x") }).unwrap();
        world.update_room(alice, id, RoomChange { description: Some(" ".into()), ..titled("x") }).unwrap();
        assert_eq!(world.rooms.get(id).unwrap().description, None);
    }
}
