//! Memberships: joining, leaving, and the lists of them.

use serde::Deserialize;

use super::{
    Member, Page, Position, Room, Wanted, World,
    events::{Emitted, EventName, Resource},
    limits::{MOST_MEMBERSHIPS, check_count},
};
use crate::sim::{
    ids::{MembershipId, PersonId, RoomId},
    refusal::Refusal,
    wire::{self, RoomType},
};

/// `POST /memberships`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NewMember {
    pub(crate) room_id: Option<String>,
    pub(crate) person_id: Option<String>,
    pub(crate) person_email: Option<String>,
    pub(crate) is_moderator: Option<bool>,
}

impl World {
    /// `POST /memberships`, with its body as it came.
    pub(crate) fn create_membership(&mut self, caller: PersonId, new: &NewMember) -> Result<MembershipId, Refusal> {
        let room = new.room_id.as_deref().filter(|id| !id.is_empty());
        let room = room.ok_or_else(|| Refusal::bad("roomId cannot be null"))?;
        if new.person_id.is_none() == new.person_email.is_none() {
            return Err(Refusal::bad("Must specify either personId or personEmail."));
        }
        let no_room = || Refusal::missing("Could not find a room with provided ID.");
        let room = RoomId::parse(room).ok_or_else(no_room)?;
        if self.rooms.get(room).is_none() {
            return Err(no_room());
        }
        let person = self.person_by(new.person_id.as_deref(), new.person_email.as_deref());
        let person = person.ok_or_else(|| Refusal::missing("Failed to find the person to add."))?.id;
        self.add_member(caller, room, person, new.is_moderator.unwrap_or(false))?;
        Ok(MembershipId { person, room })
    }

    /// Adds a person to a group room. Whoever is not in it may only come in, where that is allowed.
    pub(crate) fn add_member(
        &mut self,
        caller: PersonId,
        room: RoomId,
        person: PersonId,
        moderator: bool,
    ) -> Result<(), Refusal> {
        let place = self
            .rooms
            .get(room)
            .filter(|room| room.members.contains_key(&caller) || (caller == person && self.may_come_in(caller, room)));
        let place = place.ok_or_else(|| Refusal::new(502, "Add participant failed."))?;
        if place.kind == RoomType::Direct {
            return Err(Refusal::forbidden("Nobody can be added to a direct room."));
        }
        if place.members.contains_key(&person) {
            return Err(Refusal::new(409, "Person is already in the room."));
        }
        if place.archived {
            return Err(Refusal::forbidden("The room is read only."));
        }
        let runs = place.is_run_by(caller);
        if place.locked && !runs && caller != person {
            return Err(Refusal::forbidden("Only a moderator can add people to a locked room."));
        }
        if moderator && !runs {
            return Err(Refusal::forbidden("Only a moderator can make moderators."));
        }
        check_count("memberships", self.rooms.memberships(), MOST_MEMBERSHIPS)?;
        let member = self.new_member(moderator);
        self.rooms.join(room, person, member);
        self.emit_membership(EventName::Created, caller, room, person);
        Ok(())
    }

    /// Whether somebody may add himself: to a public room, as everyone of the organisation may, and to a room of
    /// his team that is not locked. Bots are added by others; whether they could join by themselves is not known.
    fn may_come_in(&self, person: PersonId, room: &Room) -> bool {
        let open = room.public && (self.switches.bots_join_public_rooms || !self.is_bot(person));
        !room.archived && (open || (!room.locked && self.is_of_own_team(person, room)))
    }

    /// The membership, if the caller sees the members of that room.
    pub(crate) fn membership_of(&self, caller: PersonId, id: MembershipId) -> Result<(&Room, &Member), Refusal> {
        let missing = || Refusal::missing("Failed to get membership");
        let room = self.rooms.get(id.room).ok_or_else(missing)?;
        let member = room.members.get(&id.person).ok_or_else(missing)?;
        if self.sees_member(caller, room, member) { Ok((room, member)) } else { Err(missing()) }
    }

    /// Members see all members; who is in the room's team without being in the room sees them too, but of a locked
    /// room only the moderators.
    fn sees_member(&self, caller: PersonId, room: &Room, member: &Member) -> bool {
        room.members.contains_key(&caller)
            || (self.is_of_own_team(caller, room) && !room.archived && (!room.locked || member.moderator))
    }

    /// `PUT /memberships/{id}`.
    pub(crate) fn update_membership(
        &mut self,
        caller: PersonId,
        id: MembershipId,
        moderator: Option<bool>,
        hidden: Option<bool>,
    ) -> Result<(), Refusal> {
        let (room, member) = self.membership_of(caller, id)?;
        if moderator.is_none() && hidden.is_none() {
            return Err(Refusal::bad("isModerator cannot be null"));
        }
        let moderator = moderator.unwrap_or(member.moderator);
        if moderator != member.moderator && room.kind == RoomType::Direct {
            return Err(Refusal::bad("A direct room has no moderators."));
        }
        // Who makes the first moderator of an unlocked room at Webex is not known: here it is its creator.
        if moderator != member.moderator && !room.is_run_by(caller) {
            return Err(Refusal::forbidden("Only a moderator can change moderators."));
        }
        if !moderator && room.is_general() && room.is_last_moderator(id.person) {
            return Err(last_moderator());
        }
        if hidden == Some(true) && room.kind == RoomType::Group {
            return Err(Refusal::bad("Only a direct room can be hidden."));
        }
        if hidden.is_some_and(|hidden| hidden != member.hidden) && id.person != caller {
            return Err(Refusal::forbidden("A room can only be hidden for oneself."));
        }
        let member = self.rooms.get_mut(id.room).and_then(|room| room.members.get_mut(&id.person));
        if let Some(member) = member {
            member.moderator = moderator;
            member.hidden = hidden.unwrap_or(member.hidden);
        }
        self.emit_membership(EventName::Updated, caller, id.room, id.person);
        Ok(())
    }

    /// `DELETE /memberships/{id}`: one's own is leaving.
    pub(crate) fn remove_member(&mut self, caller: PersonId, room: RoomId, person: PersonId) -> Result<(), Refusal> {
        let place = self.rooms.get(room).filter(|room| room.members.contains_key(&caller));
        let place = place.filter(|room| room.members.contains_key(&person));
        let place = place.ok_or_else(|| Refusal::missing("User is not a participant of the room."))?;
        if place.kind == RoomType::Direct {
            return Err(Refusal::bad("Failed to leave room."));
        }
        if place.is_moderated() && caller != person && !place.is_run_by(caller) {
            return Err(Refusal::forbidden("Only a moderator can remove people from a locked room."));
        }
        if place.is_general() && place.is_last_moderator(person) {
            return Err(last_moderator());
        }
        self.expel(caller, room, person);
        Ok(())
    }

    /// Takes a person out of a group room, whoever may have wanted that. An empty room goes; with a General room
    /// goes its team, and who leaves it leaves the team's other rooms (Webex's help says so, its API does not).
    pub(super) fn expel(&mut self, actor: PersonId, room: RoomId, person: PersonId) {
        let Some(place) = self.rooms.get(room).filter(|room| room.members.contains_key(&person)) else { return };
        let team = place.team.filter(|_| place.is_general());
        // Told before it is done: whoever is removed hears of it too.
        self.emit_membership(EventName::Deleted, actor, room, person);
        self.rooms.leave(room, person);
        let left = self.rooms.get_mut(room).map_or(0, |place| place.members.len());
        if left == 0 {
            self.forget_room(room);
        }
        let Some(team) = team else { return };
        let mut others = self.rooms_of_team(team);
        others.retain(|other| *other != room);
        for other in others {
            self.expel(actor, other, person);
        }
        if left == 0 {
            self.disband(actor, team);
        } else {
            self.succeed(actor, room);
        }
    }

    /// A General room whose last moderator was deleted: whoever was there first follows, so that the team can
    /// still be run. What Webex does is not known.
    fn succeed(&mut self, actor: PersonId, general: RoomId) {
        let Some(place) = self.rooms.get_mut(general) else { return };
        if place.members.values().any(|member| member.moderator) {
            return;
        }
        let Some((heir, member)) = place.members.iter_mut().min_by_key(|(_, member)| member.seq) else { return };
        member.moderator = true;
        let heir = *heir;
        self.emit_membership(EventName::Updated, actor, general, heir);
    }

    /// `GET /memberships` of one room, oldest first.
    pub(crate) fn list_members(
        &self,
        caller: PersonId,
        room: RoomId,
        only: Option<PersonId>,
        wanted: Wanted,
    ) -> Result<Page<MembershipId>, Refusal> {
        let place = self.rooms.get(room);
        let place = place.filter(|room| room.members.contains_key(&caller) || self.is_of_own_team(caller, room));
        let place = place.ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))?;
        let mut members: Vec<_> = place
            .members
            .iter()
            .filter(|(person, member)| {
                only.is_none_or(|only| only == **person) && self.sees_member(caller, place, member)
            })
            .map(|(person, member)| (Position::rising(member.seq), MembershipId { person: *person, room }))
            .collect();
        members.sort_unstable_by_key(|(position, _)| *position);
        Ok(wanted.cut(members.into_iter()))
    }

    /// `GET /memberships` without a room: the caller's own.
    pub(crate) fn list_own_memberships(&self, caller: PersonId, wanted: Wanted) -> Page<MembershipId> {
        let mut own: Vec<_> = self
            .rooms
            .of(caller)
            .filter_map(|room| {
                let member = room.members.get(&caller)?;
                Some((Position::rising(member.seq), MembershipId { person: caller, room: room.id }))
            })
            .collect();
        own.sort_unstable_by_key(|(position, _)| *position);
        wanted.cut(own.into_iter())
    }

    /// As clients see it.
    pub(crate) fn show_membership(&self, id: MembershipId) -> Result<wire::Membership, Refusal> {
        let missing = || Refusal::missing("Failed to get membership");
        let room = self.rooms.get(id.room).ok_or_else(missing)?;
        let member = room.members.get(&id.person).ok_or_else(missing)?;
        let person = self.person(id.person)?;
        Ok(wire::Membership {
            id: id.public(),
            room_id: id.room.public(),
            person_id: id.person.public(),
            person_email: person.email.clone(),
            person_display_name: person.name.clone(),
            person_org_id: self.org.public(),
            is_moderator: member.moderator,
            is_monitor: member.moderator,
            is_room_hidden: member.hidden,
            room_type: room.kind,
            created: member.created.iso(),
        })
    }

    /// Tells the members of a room about one of them. Removals are told in group rooms only.
    pub(super) fn emit_membership(&mut self, event: EventName, actor: PersonId, room: RoomId, person: PersonId) {
        let Some(place) = self.rooms.get(room) else { return };
        let Ok(data) = self.show_membership(MembershipId { person, room }) else { return };
        let audience = place.members.keys().copied().filter(|member| self.webhooks.any(*member)).collect();
        let mut emitted = Emitted::new(Resource::Memberships, event, actor, place, data.id.clone(), &data, audience);
        emitted.facts.person = Some(person);
        emitted.facts.moderator = Some(data.is_moderator);
        self.emit(emitted);
    }
}

fn last_moderator() -> Refusal {
    Refusal::bad("The last moderator of a team cannot go: make another member a moderator first.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::{NewMessage, RoomChange};

    fn room(world: &mut World) -> (PersonId, PersonId, RoomId) {
        let id = |world: &World, email| world.people.by_email(email).unwrap().id;
        let (alice, bob) = (id(world, "alice@example.com"), id(world, "bob@example.com"));
        let change = RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        let room = world.create_room(alice, change).unwrap();
        (alice, bob, room)
    }

    fn new(room: &str, email: Option<&str>) -> NewMember {
        NewMember { room_id: Some(room.to_owned()), person_email: email.map(str::to_owned), ..NewMember::default() }
    }

    #[test]
    fn adding_has_the_refusals_of_webex() {
        let mut world = World::seeded();
        let (alice, bob, room) = room(&mut world);
        let id = room.public();
        let mut refused = |caller, new: &NewMember| {
            let refusal = world.create_membership(caller, new).unwrap_err();
            (refusal.status, refusal.message)
        };
        let answer = |status, message: &str| (status, message.to_owned());
        assert_eq!(refused(alice, &NewMember::default()), answer(400, "roomId cannot be null"));
        assert_eq!(refused(alice, &new(&id, None)), answer(400, "Must specify either personId or personEmail."));
        assert_eq!(refused(alice, &new(&id, Some("alice@example.com"))), answer(409, "Person is already in the room."));
        assert_eq!(refused(bob, &new(&id, Some("carol@example.com"))), answer(502, "Add participant failed."));
        assert_eq!(refused(alice, &new("nope", Some("bob@example.com"))).0, 404);
        assert_eq!(refused(alice, &new(&id, Some("nobody@example.com"))).0, 404);
    }

    #[test]
    fn the_last_one_to_leave_takes_the_room_along() {
        let mut world = World::seeded();
        let (alice, bob, room) = room(&mut world);
        world.add_member(alice, room, bob, false).unwrap();
        world.remove_member(alice, room, alice).unwrap();
        world.remove_member(bob, room, bob).unwrap();
        assert!(world.rooms.get(room).is_none());
    }

    #[test]
    fn nobody_leaves_a_direct_room() {
        let mut world = World::seeded();
        let (alice, bob, _) = room(&mut world);
        let direct = world.direct_room(alice, bob);
        assert_eq!(world.remove_member(alice, direct, alice).unwrap_err().message, "Failed to leave room.");
    }

    #[test]
    fn only_who_runs_the_room_makes_moderators() {
        let mut world = World::seeded();
        let (alice, bob, room) = room(&mut world);
        world.add_member(alice, room, bob, false).unwrap();
        let bobs = MembershipId { person: bob, room };
        assert_eq!(world.update_membership(bob, bobs, Some(true), None).unwrap_err().status, 403);
        world.update_membership(alice, bobs, Some(true), None).unwrap();
        assert!(world.show_membership(bobs).unwrap().is_moderator);
    }

    #[test]
    fn everyone_but_bots_may_come_into_a_public_room() {
        let mut world = World::seeded();
        let (alice, bob, private) = room(&mut world);
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let change = RoomChange {
            title: Some("All".into()),
            is_public: Some(true),
            description: Some("for all".into()),
            ..RoomChange::default()
        };
        let public = world.create_room(alice, change).unwrap();
        assert_eq!(world.add_member(bob, private, bob, false).unwrap_err().status, 502);
        assert_eq!(world.add_member(bob, public, echo, false).unwrap_err().status, 502, "others only from inside");
        assert_eq!(world.add_member(bob, public, bob, true).unwrap_err().status, 403);
        world.add_member(bob, public, bob, false).unwrap();
        assert_eq!(world.add_member(echo, public, echo, false).unwrap_err().status, 502);
        world.switches.bots_join_public_rooms = true;
        world.add_member(echo, public, echo, false).unwrap();
    }

    #[test]
    fn a_hidden_direct_room_shows_again_with_the_next_message() {
        let mut world = World::seeded();
        let (alice, bob, group) = room(&mut world);
        let direct = world.direct_room(alice, bob);
        let own = MembershipId { person: alice, room: direct };
        let hide = |world: &mut World, who, id| world.update_membership(who, id, None, Some(true));
        assert_eq!(hide(&mut world, bob, own).unwrap_err().status, 403);
        assert_eq!(hide(&mut world, alice, MembershipId { person: alice, room: group }).unwrap_err().status, 400);
        hide(&mut world, alice, own).unwrap();
        assert!(world.show_membership(own).unwrap().is_room_hidden);
        let new = NewMessage { room_id: Some(direct.public()), text: Some("hi".into()), ..NewMessage::default() };
        world.create_message(bob, new).unwrap();
        assert!(!world.show_membership(own).unwrap().is_room_hidden);
    }

    #[test]
    fn a_locked_room_is_its_moderators() {
        let mut world = World::seeded();
        let (alice, bob, room) = room(&mut world);
        let carol = world.authenticate("sim-carol").unwrap();
        world.add_member(alice, room, bob, false).unwrap();
        let lock = RoomChange { title: Some("Ops".into()), is_locked: Some(true), ..RoomChange::default() };
        world.update_room(alice, room, lock).unwrap();
        assert_eq!(world.add_member(bob, room, carol, false).unwrap_err().status, 403);
        assert_eq!(world.remove_member(bob, room, alice).unwrap_err().status, 403);
        world.remove_member(alice, room, bob).unwrap();
    }
}
