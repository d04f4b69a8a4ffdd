//! `/rooms`

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::RoomId,
    refusal::Refusal,
    wire::RoomType,
    world::{RoomChange, RoomSort},
};

const MISSING: &str = "Room not found";

/// `teamId` is known and finds nothing: there are no teams.
pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let kind = call.parsed("type", |text| match text {
        "direct" => Some(RoomType::Direct),
        "group" => Some(RoomType::Group),
        _ => None,
    })?;
    let sort = call.parsed("sortBy", |text| match text {
        "id" => Some(RoomSort::Id),
        "lastactivity" => Some(RoomSort::LastActivity),
        "created" => Some(RoomSort::Created),
        _ => None,
    })?;
    let mut wanted = call.wanted(100, 1000)?;
    if call.param("teamId").is_some() {
        wanted.max = 0;
    }
    let page = call.world.list_rooms(call.caller, kind, sort.unwrap_or(RoomSort::Created), wanted);
    call.page(page.map(|room| call.world.show_room(room, call.caller)))
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let change: RoomChange = call.json()?;
    let id = call.world.create_room(call.caller, change)?;
    show(call, id)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(RoomId::parse, MISSING)?;
    show(call, id)
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(RoomId::parse, MISSING)?;
    let change: RoomChange = call.json()?;
    call.world.update_room(call.caller, id, change)?;
    show(call, id)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(RoomId::parse, MISSING)?;
    call.world.delete_room(call.caller, id)?;
    Ok(Reply::empty())
}

fn show(call: &Call<'_>, id: RoomId) -> Outcome {
    let room = call.world.room_of(call.caller, id).map_err(|_refusal| Refusal::missing(MISSING))?;
    Reply::ok(&call.world.show_room(room, call.caller))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::world::World;

    #[test]
    fn a_room_is_made_read_changed_and_deleted() {
        let mut world = World::seeded();
        let (room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Ops"})).unwrap();
        let path = format!("/rooms/{}", room["id"].as_str().unwrap());
        let (same, _) = ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap();
        assert_eq!(same, room);
        assert_eq!(ask(&mut world, "sim-bob", "GET", &path, &Value::Null).unwrap_err().message, "Room not found");
        let (changed, _) = ask(&mut world, "sim-alice", "PUT", &path, &json!({"title": "Dev"})).unwrap();
        assert_eq!(changed["title"], "Dev");
        assert_eq!(ask(&mut world, "sim-alice", "DELETE", &path, &Value::Null).unwrap().0, Value::Null);
        assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap_err().status, 404);
    }

    #[test]
    fn a_parameter_with_an_unknown_word_is_refused() {
        let mut world = World::seeded();
        let mut refused = |path| ask(&mut world, "sim-alice", "GET", path, &Value::Null).unwrap_err().message;
        assert_eq!(refused("/rooms?type=big"), "invalid value for parameter: type");
        assert_eq!(refused("/rooms?max=none"), "invalid value for parameter: max");
        assert_eq!(refused("/rooms?cursor=x"), "invalid value for parameter: cursor");
    }
}
