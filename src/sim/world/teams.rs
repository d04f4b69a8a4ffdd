//! Teams: groups of people with rooms that all of them see.
//!
//! A team is its General room: same uuid, same name, same members, same moderators (that whoever is added to the
//! General room is in the team is Cisco's own word). So joining and leaving a team are joining and leaving that room, and
//! nothing can come apart.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    Member, Page, Position, Room, Wanted, World,
    events::EventName,
    limits::{LONGEST_NAME, LONGEST_TEXT, MOST_TEAMS, check_count, check_text},
};
use crate::{
    base::Millis,
    sim::{
        ids::{PersonId, RoomId, TeamId, TeamMembershipId},
        refusal::Refusal,
        wire,
    },
};

/// What a team has beyond its General room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Team {
    pub(crate) id: TeamId,
    pub(crate) seq: u64,
    pub(crate) creator: PersonId,
    pub(crate) created: Millis,
    pub(crate) description: Option<String>,
}

/// All teams.
#[derive(Debug, Default)]
pub(crate) struct Teams(HashMap<TeamId, Team>);

impl Teams {
    /// By id.
    pub(crate) fn get(&self, id: TeamId) -> Option<&Team> {
        self.0.get(&id)
    }

    /// All, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Team> {
        self.0.values()
    }

    /// Puts one in; its General room is another matter.
    pub(super) fn insert(&mut self, team: Team) {
        self.0.insert(team.id, team);
    }
}

/// `POST /teams` and `PUT /teams/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TeamChange {
    pub(crate) name: Option<String>,
    pub(crate) description: Option<String>,
}

impl TeamChange {
    fn name(&self) -> Result<String, Refusal> {
        let name = self.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        check_text("name", name, LONGEST_NAME)?;
        check_text("description", self.description.as_deref(), LONGEST_TEXT)?;
        name.map(str::to_owned).ok_or_else(|| Refusal::bad("name cannot be empty"))
    }
}

/// `POST /team/memberships`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NewTeamMember {
    pub(crate) team_id: Option<String>,
    pub(crate) person_id: Option<String>,
    pub(crate) person_email: Option<String>,
    pub(crate) is_moderator: Option<bool>,
}

impl World {
    /// Whether this person is in the team.
    pub(crate) fn is_in_team(&self, person: PersonId, team: TeamId) -> bool {
        self.rooms.get(team.general()).is_some_and(|general| general.members.contains_key(&person))
    }

    /// The team, if this person is in it.
    pub(crate) fn team_of(&self, caller: PersonId, id: TeamId) -> Result<&Team, Refusal> {
        let team = self.teams.get(id).filter(|_| self.is_in_team(caller, id));
        team.ok_or_else(Refusal::no_such_resource)
    }

    /// As [`Self::team_of`], by the id as it came.
    pub(super) fn team_named(&self, caller: PersonId, id: &str) -> Result<TeamId, Refusal> {
        let id = TeamId::parse(id).ok_or_else(Refusal::no_such_resource)?;
        self.team_of(caller, id).map(|team| team.id)
    }

    /// The team and its General room, if this person moderates it.
    fn team_run_by(&mut self, caller: PersonId, id: TeamId) -> Result<(&mut Team, &mut Room), Refusal> {
        self.team_of(caller, id)?;
        let general = self.rooms.get_mut(id.general()).ok_or_else(Refusal::no_such_resource)?;
        if !general.is_run_by(caller) {
            return Err(Refusal::forbidden("Only a moderator of the team can do this."));
        }
        Ok((self.teams.0.get_mut(&id).ok_or_else(Refusal::no_such_resource)?, general))
    }

    /// `POST /teams`: the one who makes it moderates it.
    pub(crate) fn create_team(&mut self, caller: PersonId, new: TeamChange) -> Result<TeamId, Refusal> {
        let title = new.name()?;
        check_count("teams", self.teams.0.len(), MOST_TEAMS)?;
        let member = self.new_member(true);
        let mut general = Room::group(caller, self.now, self.next_seq(), member);
        let id = TeamId::of_general(general.id);
        general.title = title;
        general.team = Some(id);
        let seq = self.next_seq();
        self.open_room(caller, general)?;
        self.teams.insert(Team { id, seq, creator: caller, created: self.now, description: new.description });
        Ok(id)
    }

    /// `PUT /teams/{id}`.
    pub(crate) fn update_team(&mut self, caller: PersonId, id: TeamId, change: TeamChange) -> Result<(), Refusal> {
        let name = change.name()?;
        let (team, general) = self.team_run_by(caller, id)?;
        general.title = name;
        if let Some(description) = change.description {
            team.description = Some(description).filter(|text| !text.trim().is_empty());
        }
        self.emit_room(EventName::Updated, caller, id.general());
        Ok(())
    }

    /// `DELETE /teams/{id}`: the General room goes, the other rooms are archived, as when they are deleted singly.
    pub(crate) fn delete_team(&mut self, caller: PersonId, id: TeamId) -> Result<(), Refusal> {
        self.team_run_by(caller, id)?;
        self.close_room(caller, id.general());
        self.disband(caller, id);
        Ok(())
    }

    /// The team's General room is gone: so is the team.
    pub(super) fn disband(&mut self, actor: PersonId, id: TeamId) {
        self.teams.0.remove(&id);
        for room in self.rooms_of_team(id) {
            self.archive_room(actor, room);
            if let Some(room) = self.rooms.get_mut(room) {
                room.team = None;
            }
        }
        self.touch();
    }

    /// Every room of the team, archived ones too.
    pub(super) fn rooms_of_team(&self, id: TeamId) -> Vec<RoomId> {
        self.rooms.iter().filter(|room| room.team == Some(id)).map(|room| room.id).collect()
    }

    /// `GET /teams`: one's own, oldest first.
    pub(crate) fn list_teams(&self, caller: PersonId, wanted: Wanted) -> Page<&Team> {
        let own = self.rooms.of(caller).filter(|room| room.is_general()).filter_map(|room| room.team);
        let mut own: Vec<_> =
            own.filter_map(|id| self.teams.get(id)).map(|team| (Position::rising(team.seq), team)).collect();
        own.sort_unstable_by_key(|(position, _)| *position);
        wanted.cut(own.into_iter())
    }

    /// As clients see it.
    pub(crate) fn show_team(&self, team: &Team) -> wire::Team {
        let name = self.rooms.get(team.id.general()).map_or_else(String::new, |general| general.title.clone());
        wire::Team {
            id: team.id.public(),
            name,
            description: team.description.clone(),
            creator_id: team.creator.public(),
            created: team.created.iso(),
        }
    }

    /// `POST /team/memberships`, with its body as it came.
    pub(crate) fn add_team_member(
        &mut self,
        caller: PersonId,
        new: &NewTeamMember,
    ) -> Result<TeamMembershipId, Refusal> {
        let team = new.team_id.as_deref().filter(|id| !id.is_empty());
        let team = team.ok_or_else(|| Refusal::bad("teamId cannot be null"))?;
        if new.person_id.is_none() == new.person_email.is_none() {
            return Err(Refusal::bad("Must specify either personId or personEmail."));
        }
        let team = self.team_named(caller, team)?;
        let person = self.person_by(new.person_id.as_deref(), new.person_email.as_deref());
        let person = person.ok_or_else(|| Refusal::missing("Failed to find the person to add."))?.id;
        if self.is_in_team(person, team) {
            return Err(Refusal::new(409, "Person is already in the team."));
        }
        self.add_member(caller, team.general(), person, new.is_moderator.unwrap_or(false))?;
        Ok(TeamMembershipId { person, team })
    }

    /// `GET /team/memberships`, oldest first.
    pub(crate) fn list_team_members(
        &self,
        caller: PersonId,
        team: TeamId,
        wanted: Wanted,
    ) -> Result<Page<TeamMembershipId>, Refusal> {
        self.team_of(caller, team)?;
        let page = self.list_members(caller, team.general(), None, wanted)?;
        Ok(page.map(|id| TeamMembershipId { person: id.person, team }))
    }

    /// A team's member, if the caller is in the team too.
    pub(crate) fn team_member(&self, caller: PersonId, id: TeamMembershipId) -> Result<&Member, Refusal> {
        self.team_of(caller, id.team)?;
        let general = self.rooms.get(id.team.general());
        general.and_then(|general| general.members.get(&id.person)).ok_or_else(Refusal::no_such_resource)
    }

    /// As clients see it.
    pub(crate) fn show_team_member(
        &self,
        caller: PersonId,
        id: TeamMembershipId,
    ) -> Result<wire::TeamMembership, Refusal> {
        let member = self.team_member(caller, id)?;
        let person = self.person(id.person)?;
        Ok(wire::TeamMembership {
            id: id.public(),
            team_id: id.team.public(),
            person_id: person.id.public(),
            person_email: person.email.clone(),
            person_display_name: person.name.clone(),
            person_org_id: self.org.public(),
            is_moderator: member.moderator,
            created: member.created.iso(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::{RoomChange, RoomQuery};

    const ALL: Wanted = Wanted { after: None, max: 100 };

    fn people(world: &World) -> [PersonId; 3] {
        ["alice", "bob", "carol"].map(|name| world.people.by_email(&format!("{name}@example.com")).unwrap().id)
    }

    fn named(name: &str) -> TeamChange {
        TeamChange { name: Some(name.into()), ..TeamChange::default() }
    }

    fn member(team: TeamId, email: &str) -> NewTeamMember {
        NewTeamMember { team_id: Some(team.public()), person_email: Some(email.into()), ..NewTeamMember::default() }
    }

    fn room(world: &mut World, who: PersonId, team: TeamId) -> RoomId {
        let team_id = Some(team.public());
        world.create_room(who, RoomChange { title: Some("Plans".into()), team_id, ..RoomChange::default() }).unwrap()
    }

    #[test]
    fn a_team_has_a_general_room_of_its_name_and_members() {
        let mut world = World::seeded();
        let [alice, bob, _] = people(&world);
        assert_eq!(world.create_team(alice, TeamChange::default()).unwrap_err().message, "name cannot be empty");
        let team = world.create_team(alice, named("Builders")).unwrap();
        let bobs = world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        let again = world.add_team_member(alice, &member(team, "bob@example.com")).unwrap_err();
        assert_eq!((again.status, again.message.as_str()), (409, "Person is already in the team."));
        assert!(world.room_of(bob, team.general()).is_ok());
        assert_eq!(world.update_team(bob, team, named("x")).unwrap_err().status, 403);
        world.update_team(alice, team, named("Makers")).unwrap();
        assert_eq!(world.title(world.rooms.get(team.general()).unwrap(), bob), "Makers");
        assert!(!world.show_team_member(alice, bobs).unwrap().is_moderator);
        assert_eq!(world.list_teams(bob, ALL).items.len(), 1);
    }

    #[test]
    fn members_of_a_team_see_its_rooms_and_may_come_in() {
        let mut world = World::seeded();
        let [alice, bob, carol] = people(&world);
        let team = world.create_team(alice, named("Builders")).unwrap();
        world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        let plans = room(&mut world, alice, team);
        let query = RoomQuery { team: Some(team), ..RoomQuery::default() };
        assert_eq!(world.list_rooms(bob, &query, ALL).unwrap().items.len(), 2);
        assert_eq!(world.list_rooms(carol, &query, ALL).unwrap_err().status, 404);
        assert!(world.visible_room(bob, plans).is_ok() && world.visible_room(carol, plans).is_err());
        assert_eq!(world.add_member(carol, plans, carol, false).unwrap_err().status, 502);
        world.add_member(bob, plans, bob, false).unwrap();
        assert!(world.room_of(bob, plans).is_ok());
    }

    #[test]
    fn the_last_moderator_can_neither_go_nor_step_down() {
        let mut world = World::seeded();
        let [alice, bob, _] = people(&world);
        let team = world.create_team(alice, named("Builders")).unwrap();
        let bobs = world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        let general = team.general();
        assert_eq!(world.remove_member(alice, general, alice).unwrap_err().status, 400);
        let alices = TeamMembershipId { person: alice, team }.general();
        assert_eq!(world.update_membership(alice, alices, Some(false), None).unwrap_err().status, 400);
        assert_eq!(world.remove_member(bob, general, alice).unwrap_err().status, 403);
        world.update_membership(alice, bobs.general(), Some(true), None).unwrap();
        world.remove_member(alice, general, alice).unwrap();
        assert!(world.team_of(alice, team).is_err() && world.team_of(bob, team).is_ok());
    }

    #[test]
    fn who_leaves_a_team_leaves_its_rooms() {
        let mut world = World::seeded();
        let [alice, bob, _] = people(&world);
        let team = world.create_team(alice, named("Builders")).unwrap();
        world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        let plans = room(&mut world, alice, team);
        world.add_member(alice, plans, bob, false).unwrap();
        world.remove_member(alice, team.general(), bob).unwrap();
        assert!(world.room_of(bob, plans).is_err() && world.visible_room(bob, plans).is_err());
    }

    #[test]
    fn a_deleted_room_of_a_team_is_archived_and_a_deleted_team_archives_all() {
        let mut world = World::seeded();
        let [alice, bob, _] = people(&world);
        let team = world.create_team(alice, named("Builders")).unwrap();
        world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        let (plans, notes) = (room(&mut world, alice, team), room(&mut world, alice, team));
        world.delete_room(alice, plans).unwrap();
        world.delete_room(alice, plans).unwrap();
        assert_eq!(world.check_posting(alice, plans).unwrap_err().status, 403);
        assert!(world.room_of(alice, plans).is_ok() && world.visible_room(bob, plans).is_err());
        let query = RoomQuery { team: Some(team), ..RoomQuery::default() };
        assert_eq!(world.list_rooms(alice, &query, ALL).unwrap().items.len(), 2);
        assert_eq!(world.delete_room(alice, team.general()).unwrap_err().status, 400);
        assert_eq!(world.delete_team(bob, team).unwrap_err().status, 403);
        world.delete_team(alice, team).unwrap();
        assert!(world.rooms.get(team.general()).is_none() && world.teams.get(team).is_none());
        let notes = world.rooms.get(notes).unwrap();
        assert!(notes.archived && notes.team.is_none());
    }

    #[test]
    fn a_room_gets_a_team_once_when_its_moderators_are_in_there() {
        let mut world = World::seeded();
        let [alice, bob, carol] = people(&world);
        let team = world.create_team(alice, named("Builders")).unwrap();
        let other = world.create_team(alice, named("Others")).unwrap();
        let change = |team: Option<TeamId>| RoomChange {
            title: Some("Plans".into()),
            team_id: team.map(TeamId::public),
            ..RoomChange::default()
        };
        let plans = world.create_room(alice, change(None)).unwrap();
        world.add_member(alice, plans, bob, true).unwrap();
        world.add_member(bob, plans, carol, true).unwrap();
        assert!(world.update_room(bob, plans, change(Some(team))).unwrap_err().status == 404, "not his team");
        assert!(world.update_room(alice, plans, change(Some(team))).unwrap_err().message.starts_with("All moderators"));
        world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        world.add_team_member(alice, &member(team, "carol@example.com")).unwrap();
        world.update_room(alice, plans, change(Some(team))).unwrap();
        world.update_room(alice, plans, change(Some(team))).unwrap();
        assert!(world.update_room(alice, plans, change(Some(other))).unwrap_err().message.contains("cannot be moved"));
    }

    #[test]
    fn when_the_last_moderator_is_deleted_the_oldest_member_follows() {
        let mut world = World::seeded();
        let [alice, bob, _] = people(&world);
        let admin = world.authenticate("sim-admin").unwrap();
        let team = world.create_team(alice, named("Builders")).unwrap();
        world.add_team_member(alice, &member(team, "bob@example.com")).unwrap();
        let plans = room(&mut world, bob, team);
        world.delete_account(admin, alice).unwrap();
        assert!(world.rooms.get(team.general()).unwrap().is_last_moderator(bob));
        world.delete_account(admin, bob).unwrap();
        assert!(world.teams.get(team).is_none() && world.rooms.get(plans).is_none());
    }
}
