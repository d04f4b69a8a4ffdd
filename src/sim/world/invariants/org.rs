//! The steps and checks of people, teams and tabs.

use proptest::prelude::*;

use super::{Play, pick};
use crate::sim::{
    ids::{MembershipId, PersonId, TabId, TeamId},
    wire::RoomType,
    world::{Account, NewTeamMember, RoomChange, TabChange, TeamChange},
};

/// One operation; the numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Step {
    AddPerson { name: u8 },
    DeletePerson { person: usize },
    CreateTeam { who: usize },
    RenameTeam { who: usize, team: usize },
    DeleteTeam { who: usize, team: usize },
    JoinTeam { who: usize, team: usize, person: usize },
    ModerateTeam { who: usize, team: usize, person: usize, moderator: bool },
    LeaveTeam { who: usize, team: usize, person: usize },
    CreateTeamRoom { who: usize, team: usize },
    MoveToTeam { who: usize, room: usize, team: usize },
    CreatePublicRoom { who: usize },
    AddTab { who: usize, room: usize },
    ChangeTab { who: usize, room: usize, tab: usize },
    DeleteTab { who: usize, tab: usize },
}

/// What was ever made.
#[derive(Default)]
pub(super) struct Made {
    teams: Vec<TeamId>,
    tabs: Vec<TabId>,
    gone: Vec<PersonId>,
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let n = || 0_usize..12;
    prop_oneof![
        1 => (0_u8..4).prop_map(|name| Step::AddPerson { name }),
        1 => n().prop_map(|person| Step::DeletePerson { person }),
        2 => n().prop_map(|who| Step::CreateTeam { who }),
        1 => (n(), n()).prop_map(|(who, team)| Step::RenameTeam { who, team }),
        1 => (n(), n()).prop_map(|(who, team)| Step::DeleteTeam { who, team }),
        4 => (n(), n(), n()).prop_map(|(who, team, person)| Step::JoinTeam { who, team, person }),
        2 => (n(), n(), n(), any::<bool>())
            .prop_map(|(who, team, person, moderator)| Step::ModerateTeam { who, team, person, moderator }),
        2 => (n(), n(), n()).prop_map(|(who, team, person)| Step::LeaveTeam { who, team, person }),
        3 => (n(), n()).prop_map(|(who, team)| Step::CreateTeamRoom { who, team }),
        1 => (n(), n(), n()).prop_map(|(who, room, team)| Step::MoveToTeam { who, room, team }),
        1 => n().prop_map(|who| Step::CreatePublicRoom { who }),
        2 => (n(), n()).prop_map(|(who, room)| Step::AddTab { who, room }),
        1 => (n(), n(), n()).prop_map(|(who, room, tab)| Step::ChangeTab { who, room, tab }),
        1 => (n(), n()).prop_map(|(who, tab)| Step::DeleteTab { who, tab }),
    ]
}

impl Play {
    /// As [`Play::play`].
    pub(super) fn play_org(&mut self, step: Step) -> Option<()> {
        let Self { world, people, rooms, org, .. } = self;
        let titled = || RoomChange { title: Some("r".into()), ..RoomChange::default() };
        let tab = |room: crate::sim::ids::RoomId| TabChange {
            room_id: Some(room.public()),
            content_url: Some("https://example.com/".into()),
            display_name: Some("t".into()),
        };
        match step {
            Step::AddPerson { name } => {
                let admin = world.authenticate("sim-admin")?;
                let emails = vec![format!("new{name}@example.com")];
                let account = Account { emails, display_name: Some("New".into()), ..Account::default() };
                people.push(world.create_account(admin, account).ok()?);
            }
            Step::DeletePerson { person } => {
                let (admin, person) = (world.authenticate("sim-admin")?, pick(people, person)?);
                world.delete_account(admin, person).ok()?;
                people.retain(|other| *other != person);
                org.gone.push(person);
            }
            Step::CreateTeam { who } => {
                let new = TeamChange { name: Some("t".into()), ..TeamChange::default() };
                let team = world.create_team(pick(people, who)?, new).ok()?;
                org.teams.push(team);
                rooms.push(team.general());
            }
            Step::RenameTeam { who, team } => {
                let change = TeamChange { name: Some("u".into()), ..TeamChange::default() };
                world.update_team(pick(people, who)?, pick(&org.teams, team)?, change).ok()?;
            }
            Step::DeleteTeam { who, team } => world.delete_team(pick(people, who)?, pick(&org.teams, team)?).ok()?,
            Step::JoinTeam { who, team, person } => {
                let new = NewTeamMember {
                    team_id: Some(pick(&org.teams, team)?.public()),
                    person_id: Some(pick(people, person)?.public()),
                    ..NewTeamMember::default()
                };
                world.add_team_member(pick(people, who)?, &new).ok()?;
            }
            Step::ModerateTeam { who, team, person, moderator } => {
                let id = MembershipId { person: pick(people, person)?, room: pick(&org.teams, team)?.general() };
                world.update_membership(pick(people, who)?, id, Some(moderator), None).ok()?;
            }
            Step::LeaveTeam { who, team, person } => {
                let general = pick(&org.teams, team)?.general();
                world.remove_member(pick(people, who)?, general, pick(people, person)?).ok()?;
            }
            Step::CreateTeamRoom { who, team } => {
                let change = RoomChange { team_id: Some(pick(&org.teams, team)?.public()), ..titled() };
                rooms.push(world.create_room(pick(people, who)?, change).ok()?);
            }
            Step::MoveToTeam { who, room, team } => {
                let change = RoomChange { team_id: Some(pick(&org.teams, team)?.public()), ..titled() };
                world.update_room(pick(people, who)?, pick(rooms, room)?, change).ok()?;
            }
            Step::CreatePublicRoom { who } => {
                let change = RoomChange { is_public: Some(true), description: Some("d".into()), ..titled() };
                rooms.push(world.create_room(pick(people, who)?, change).ok()?);
            }
            Step::AddTab { who, room } => {
                org.tabs.push(world.create_tab(pick(people, who)?, tab(pick(rooms, room)?)).ok()?);
            }
            Step::ChangeTab { who, room, tab: id } => {
                world.update_tab(pick(people, who)?, pick(&org.tabs, id)?, tab(pick(rooms, room)?)).ok()?;
            }
            Step::DeleteTab { who, tab } => world.delete_tab(pick(people, who)?, pick(&org.tabs, tab)?).ok()?,
        }
        Some(())
    }

    pub(super) fn check_org(&self) {
        let world = &self.world;
        for team in world.teams.iter() {
            assert_eq!(TeamId::parse(&team.id.public()), Some(team.id));
            let general = world.rooms.get(team.id.general()).expect("a team has a General room");
            assert!(general.members.values().any(|member| member.moderator), "a team has a moderator");
            assert!(!general.archived);
        }
        let mut memberships = 0;
        for room in world.rooms.iter() {
            memberships += room.members.len();
            assert!(room.team.is_none_or(|team| world.teams.get(team).is_some()), "a room of no team");
            assert_eq!(room.public, room.made_public.is_some());
            assert!(!room.public || room.description.is_some(), "a public room without a description");
            assert!(!room.announcement_only || room.locked);
            assert!(room.tabs.is_sorted_by_key(|tab| tab.seq));
        }
        assert_eq!(world.rooms.memberships(), memberships);
        for gone in &self.org.gone {
            assert!(world.people.present(*gone).is_none());
            assert!(world.people.tokens().values().all(|owner| owner != gone), "who is gone has a token");
            assert!(world.rooms.of(*gone).all(|room| room.kind == RoomType::Direct), "who is gone is a member");
            assert!(world.webhooks.of(*gone).all(|webhook| !webhook.active), "who is gone has a webhook");
        }
        for person in &self.people {
            let present = world.people.present(*person).expect("who is not gone is there");
            assert_eq!(world.people.by_email(&present.email).map(|found| found.id), Some(*person));
        }
    }
}

#[test]
fn a_play_of_teams_reaches_what_it_is_about() {
    let mut play = Play::new();
    play.play_org(Step::CreateTeam { who: 0 }).unwrap();
    play.play_org(Step::JoinTeam { who: 0, team: 0, person: 1 }).unwrap();
    play.play_org(Step::CreateTeamRoom { who: 1, team: 0 }).unwrap();
    play.play_org(Step::AddTab { who: 1, room: 1 }).unwrap();
    play.play_org(Step::ChangeTab { who: 1, room: 1, tab: 0 }).unwrap();
    play.play_org(Step::ModerateTeam { who: 0, team: 0, person: 1, moderator: true }).unwrap();
    play.play_org(Step::LeaveTeam { who: 0, team: 0, person: 0 }).unwrap();
    play.play_org(Step::RenameTeam { who: 1, team: 0 }).unwrap();
    play.check();
    play.play(super::Step::SaveAndLoad).unwrap();
    play.play_org(Step::DeletePerson { person: 1 }).unwrap();
    play.check();
    assert_eq!((play.world.teams.iter().count(), play.world.rooms.len()), (0, 0), "with its last member it goes");
    play.play_org(Step::AddPerson { name: 0 }).unwrap();
    play.play_org(Step::CreatePublicRoom { who: 0 }).unwrap();
    play.play_org(Step::CreateTeam { who: 0 }).unwrap();
    play.play_org(Step::MoveToTeam { who: 0, room: 2, team: 1 }).unwrap();
    play.play_org(Step::DeleteTeam { who: 0, team: 1 }).unwrap();
    play.check();
    assert!(play.world.rooms.iter().all(|room| room.archived));
}
