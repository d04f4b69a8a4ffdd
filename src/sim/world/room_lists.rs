//! Who sees a room from outside, the lists of rooms, and how a room looks to somebody.

use super::{Page, Position, Room, Wanted, World};
use crate::{
    base::Millis,
    sim::{
        ids::{PersonId, RoomId, TeamId},
        refusal::Refusal,
        wire::{self, RoomType},
    },
};

/// Order of `GET /rooms`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RoomSort {
    /// Newest room first.
    #[default]
    Created,
    /// The one with the last message first.
    LastActivity,
    /// Oldest room first: nobody knows how ids are sorted, and this is an order too.
    Id,
}

/// `GET /rooms`.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RoomQuery {
    /// Those of this team, joined or not, instead of one's own.
    pub(crate) team: Option<TeamId>,
    /// Only this kind.
    pub(crate) kind: Option<RoomType>,
    /// The public rooms, joined or not, instead of one's own; the order is that of becoming public, newest first.
    pub(crate) public: bool,
    /// With `public`: only those made public after this.
    pub(crate) from: Option<Millis>,
    /// With `public`: only those made public before this.
    pub(crate) to: Option<Millis>,
    /// In which order.
    pub(crate) sort: RoomSort,
}

impl RoomQuery {
    fn wants(&self, room: &Room) -> bool {
        let in_time = match room.made_public {
            Some(at) => self.from.is_none_or(|from| at > from) && self.to.is_none_or(|to| at < to),
            None => false,
        };
        !room.archived
            && self.kind.is_none_or(|kind| kind == room.kind)
            && self.team.is_none_or(|team| room.team == Some(team))
            && (!self.public || (room.public && in_time))
    }

    fn position(&self, room: &Room) -> Position {
        let newest_first = Position::falling(room.seq);
        match (self.public, self.sort) {
            (true, _) => Position(-room.made_public.map_or(0, |at| at.0), newest_first.1),
            (false, RoomSort::Created) => newest_first,
            (false, RoomSort::LastActivity) => Position(-room.last_activity.0, newest_first.1),
            (false, RoomSort::Id) => Position::rising(room.seq),
        }
    }
}

impl World {
    /// The room, if this person is in it or may come in: it is public, or of one of this person's teams.
    pub(crate) fn visible_room(&self, caller: PersonId, id: RoomId) -> Result<&Room, Refusal> {
        let room = self.rooms.get(id).filter(|room| {
            room.members.contains_key(&caller) || (!room.archived && (room.public || self.is_of_own_team(caller, room)))
        });
        room.ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))
    }

    /// Whether the room belongs to a team that this person is in.
    pub(super) fn is_of_own_team(&self, person: PersonId, room: &Room) -> bool {
        room.team.is_some_and(|team| self.is_in_team(person, team))
    }

    /// `GET /rooms`.
    pub(crate) fn list_rooms(
        &self,
        caller: PersonId,
        query: &RoomQuery,
        wanted: Wanted,
    ) -> Result<Page<&Room>, Refusal> {
        // Only what is one's own has an index: the other two lists are asked for by hand.
        let from: Box<dyn Iterator<Item = &Room>> = match query.team {
            Some(team) => {
                self.team_of(caller, team)?;
                Box::new(self.rooms.iter())
            }
            None if query.public => Box::new(self.rooms.iter()),
            None => Box::new(self.rooms.of(caller)),
        };
        let mut rooms: Vec<(Position, &Room)> =
            from.filter(|room| query.wants(room)).map(|room| (query.position(room), room)).collect();
        rooms.sort_unstable_by_key(|(position, _)| *position);
        Ok(wanted.cut(rooms.into_iter()))
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
            team_id: room.team.map(TeamId::public),
            last_activity: room.last_activity.iso(),
            creator_id: room.creator.public(),
            created: room.created.iso(),
            owner_id: self.org.public(),
            classification_id: room.classification.clone(),
            is_announcement_only: room.announcement_only,
            is_read_only: room.read_only || room.archived,
            is_public: room.public,
            made_public: room.made_public.map(Millis::iso),
            description: room.description.clone(),
        }
    }

    /// `GET /rooms/{id}/meetingInfo`, which Webex has given up: every room has a number, and nobody meets there.
    pub(crate) fn meeting_info(&self, caller: PersonId, id: RoomId) -> Result<wire::MeetingInfo, Refusal> {
        let room = self.room_of(caller, id)?;
        let number = format!("{:09}", room.id.digits());
        Ok(wire::MeetingInfo {
            room_id: room.id.public(),
            meeting_link: format!("https://example.webex.com/m/{number}"),
            sip_address: format!("{number}@example.webex.com"),
            meeting_id: format!("1{number}"),
            meeting_number: number,
            call_in_toll_free_number: "+1-800-555-0100".to_owned(),
            call_in_toll_number: "+1-202-555-0100".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sim::world::{
        RoomChange,
        room_acts::testing::{alice_and_bob, titled},
    };

    const ALL: Wanted = Wanted { after: None, max: 10 };

    fn ids(world: &World, caller: PersonId, query: RoomQuery) -> Vec<RoomId> {
        world.list_rooms(caller, &query, ALL).unwrap().items.iter().map(|room| room.id).collect()
    }

    #[test]
    fn a_direct_room_is_titled_after_the_other() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let id = world.direct_room(alice, bob);
        let room = world.rooms.get(id).unwrap();
        assert_eq!(world.title(room, alice), "Bob Example");
        assert_eq!(world.title(room, bob), "Alice Example");
    }

    #[test]
    fn rooms_are_listed_by_their_last_activity() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let first = world.create_room(alice, titled("first")).unwrap();
        let later = world.now.plus(Duration::from_secs(1));
        let second = world.at(later).create_room(alice, titled("second")).unwrap();
        let sorted = |sort| RoomQuery { sort, ..RoomQuery::default() };
        assert_eq!(ids(&world, alice, sorted(RoomSort::LastActivity)), [second, first]);
        assert_eq!(ids(&world, alice, sorted(RoomSort::Id)), [first, second]);
        assert!(ids(&world, bob, sorted(RoomSort::Id)).is_empty());
    }

    #[test]
    fn public_rooms_are_seen_by_everyone_in_the_order_of_becoming_public() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let open = |title| RoomChange { is_public: Some(true), description: Some("d".into()), ..titled(title) };
        world.create_room(alice, titled("private")).unwrap();
        let start = world.now;
        let first = world.create_room(alice, open("first")).unwrap();
        let later = start.plus(Duration::from_secs(1));
        let second = world.at(later).create_room(alice, open("second")).unwrap();
        let public = RoomQuery { public: true, ..RoomQuery::default() };
        assert_eq!(ids(&world, bob, public), [second, first]);
        assert_eq!(ids(&world, bob, RoomQuery { from: Some(start), ..public }), [second]);
        assert_eq!(ids(&world, bob, RoomQuery { to: Some(later), ..public }), [first]);
        assert!(world.visible_room(bob, first).is_ok() && world.room_of(bob, first).is_err());
        assert!(ids(&world, bob, RoomQuery::default()).is_empty());
    }

    #[test]
    fn the_details_of_a_rooms_meeting_stay_the_same() {
        let mut world = World::seeded();
        let (alice, bob) = alice_and_bob(&world);
        let id = world.create_room(alice, titled("x")).unwrap();
        let info = world.meeting_info(alice, id).unwrap();
        assert_eq!(info.sip_address, format!("{}@example.webex.com", info.meeting_number));
        assert_eq!(world.meeting_info(alice, id).unwrap().meeting_id, info.meeting_id);
        assert_eq!(world.meeting_info(bob, id).unwrap_err().status, 404);
    }
}
