//! `/memberships`

use serde::Deserialize;

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::{MembershipId, RoomId},
    refusal::Refusal,
    world::{NewMember, Page},
};

const MISSING: &str = "Failed to get membership";

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let wanted = call.wanted(100, 1000)?;
    let (id, email) = (call.param("personId"), call.param("personEmail"));
    let world = &*call.world;
    let page = match call.param("roomId") {
        None if id.is_some() || email.is_some() => {
            return Err(Refusal::bad("personId and personEmail can only be used together with roomId."));
        }
        None => world.list_own_memberships(call.caller, wanted),
        Some(room) => {
            let room = RoomId::parse(room);
            let room = room.ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))?;
            match world.person_by(id, email) {
                None if id.is_some() || email.is_some() => {
                    world.room_of(call.caller, room)?;
                    Page { items: Vec::new(), next: None }
                }
                only => world.list_members(call.caller, room, only.map(|person| person.id), wanted)?,
            }
        }
    };
    let Page { items, next } = page;
    let items = items.into_iter().map(|id| world.show_membership(id)).collect::<Result<_, _>>()?;
    call.page(Page { items, next })
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let new: NewMember = call.json()?;
    let id = call.world.create_membership(call.caller, &new)?;
    Reply::ok(&call.world.show_membership(id)?)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(MembershipId::parse, MISSING)?;
    call.world.membership_of(call.caller, id)?;
    Reply::ok(&call.world.show_membership(id)?)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Change {
    is_moderator: Option<bool>,
    is_room_hidden: Option<bool>,
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(MembershipId::parse, MISSING)?;
    let change: Change = call.json()?;
    call.world.update_membership(call.caller, id, change.is_moderator, change.is_room_hidden)?;
    Reply::ok(&call.world.show_membership(id)?)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(MembershipId::parse, MISSING)?;
    call.world.remove_member(call.caller, id.room, id.person)?;
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::world::World;

    #[test]
    fn a_person_comes_and_goes() {
        let mut world = World::seeded();
        let (room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Ops"})).unwrap();
        let room = room["id"].as_str().unwrap();
        let new = json!({"roomId": room, "personEmail": "bob@example.com", "isModerator": null});
        let (bob, _) = ask(&mut world, "sim-alice", "POST", "/memberships", &new).unwrap();
        assert_eq!((&bob["personDisplayName"], &bob["roomType"]), (&"Bob Example".into(), &"group".into()));
        let list = format!("/memberships?roomId={room}");
        let count = |world: &mut World, path: &str| {
            let (list, _) = ask(world, "sim-alice", "GET", path, &Value::Null).unwrap();
            list["items"].as_array().unwrap().len()
        };
        assert_eq!(count(&mut world, &list), 2);
        assert_eq!(count(&mut world, &format!("{list}&personEmail=bob@example.com")), 1);
        assert_eq!(count(&mut world, &format!("{list}&personEmail=nobody@example.com")), 0);
        assert_eq!(count(&mut world, "/memberships"), 1);
        let path = format!("/memberships/{}", bob["id"].as_str().unwrap());
        ask(&mut world, "sim-alice", "DELETE", &path, &Value::Null).unwrap();
        assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap_err().status, 404);
        assert_eq!(count(&mut world, &list), 1);
    }

    #[test]
    fn a_person_is_looked_up_inside_a_room_only() {
        let mut world = World::seeded();
        let path = "/memberships?personEmail=bob@example.com";
        assert_eq!(ask(&mut world, "sim-alice", "GET", path, &Value::Null).unwrap_err().status, 400);
    }
}
