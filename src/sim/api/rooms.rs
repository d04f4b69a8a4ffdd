//! `/rooms`

use super::{Call, Outcome, Reply};
use crate::{
    base::Millis,
    sim::{
        ids::{RoomId, TeamId},
        refusal::Refusal,
        wire::RoomType,
        world::{RoomChange, RoomQuery, RoomSort},
    },
};

const MISSING: &str = "Room not found";

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
    let query = RoomQuery {
        team: call.parsed("teamId", TeamId::parse)?,
        kind,
        public: call.parsed("orgPublicSpaces", |text| text.parse().ok())?.unwrap_or(false),
        from: call.parsed("from", Millis::from_iso)?,
        to: call.parsed("to", Millis::from_iso)?,
        sort: sort.unwrap_or_default(),
    };
    let page = call.world.list_rooms(call.caller, &query, call.wanted(100, 1000)?)?;
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
    // A compliance officer need not be in the room that he has changed.
    let room = call.world.rooms.get(id).ok_or_else(|| Refusal::missing(MISSING))?;
    Reply::ok(&call.world.show_room(room, call.caller))
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(RoomId::parse, MISSING)?;
    call.world.delete_room(call.caller, id)?;
    Ok(Reply::empty())
}

pub(super) fn meeting_info(call: &mut Call<'_>) -> Outcome {
    let id = call.id(RoomId::parse, MISSING)?;
    let info = call.world.meeting_info(call.caller, id).map_err(|_refusal| Refusal::missing(MISSING))?;
    Reply::ok(&info)
}

fn show(call: &Call<'_>, id: RoomId) -> Outcome {
    let room = call.world.visible_room(call.caller, id).map_err(|_refusal| Refusal::missing(MISSING))?;
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
        assert_eq!(refused("/rooms?from=yesterday"), "invalid value for parameter: from");
    }

    #[test]
    fn a_public_room_is_found_and_entered_by_everyone() {
        let mut world = World::seeded();
        let new = json!({"title": "All", "isPublic": true, "description": "for all"});
        let (room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &new).unwrap();
        assert_eq!(room["madePublic"], room["created"]);
        let (found, _) = ask(&mut world, "sim-bob", "GET", "/rooms?orgPublicSpaces=true", &Value::Null).unwrap();
        assert_eq!(found["items"][0], room);
        let path = format!("/rooms/{}", room["id"].as_str().unwrap());
        assert_eq!(ask(&mut world, "sim-bob", "GET", &path, &Value::Null).unwrap().0, room);
        let join = json!({"roomId": room["id"], "personEmail": "bob@example.com"});
        ask(&mut world, "sim-bob", "POST", "/memberships", &join).unwrap();
        let (own, _) = ask(&mut world, "sim-bob", "GET", "/rooms", &Value::Null).unwrap();
        assert_eq!(own["items"][0]["id"], room["id"]);
    }

    #[test]
    fn a_whole_room_can_be_sent_back_as_it_came() {
        let mut world = World::seeded();
        let (mut room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Ops"})).unwrap();
        let path = format!("/rooms/{}", room["id"].as_str().unwrap());
        room["title"] = "Dev".into();
        let (changed, _) = ask(&mut world, "sim-alice", "PUT", &path, &room).unwrap();
        assert_eq!(changed, room);
    }

    #[test]
    fn a_room_tells_where_one_would_meet() {
        let mut world = World::seeded();
        let (room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Ops"})).unwrap();
        let path = format!("/rooms/{}/meetingInfo", room["id"].as_str().unwrap());
        let (info, _) = ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap();
        assert_eq!(info["roomId"], room["id"]);
        assert_eq!(ask(&mut world, "sim-bob", "GET", &path, &Value::Null).unwrap_err().message, "Room not found");
    }
}
