//! `/room/tabs`

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::{RoomId, TabId},
    refusal::Refusal,
    world::TabChange,
};

const MISSING: &str = "The requested resource could not be found.";

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let wanted = call.wanted(100, 1000)?;
    let room = call.param("roomId").ok_or_else(|| Refusal::bad("Required String parameter 'roomId' is not present"))?;
    let room = RoomId::parse(room).ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))?;
    let page = call.world.list_tabs(call.caller, room, wanted)?;
    call.page(page.map(|(room, tab)| tab.show(room)))
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let new: TabChange = call.json()?;
    let id = call.world.create_tab(call.caller, new)?;
    show(call, id)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TabId::parse, MISSING)?;
    show(call, id)
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TabId::parse, MISSING)?;
    let change: TabChange = call.json()?;
    call.world.update_tab(call.caller, id, change)?;
    show(call, id)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TabId::parse, MISSING)?;
    call.world.delete_tab(call.caller, id)?;
    Ok(Reply::empty())
}

fn show(call: &Call<'_>, id: TabId) -> Outcome {
    let (room, tab) = call.world.tab_of(call.caller, id)?;
    Reply::ok(&tab.show(room))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::world::World;

    #[test]
    fn a_tab_is_made_read_changed_and_deleted() {
        let mut world = World::seeded();
        let (room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Ops"})).unwrap();
        let new = json!({"roomId": room["id"], "contentUrl": "https://example.com/", "displayName": "Board"});
        let (tab, _) = ask(&mut world, "sim-alice", "POST", "/room/tabs", &new).unwrap();
        assert_eq!((&tab["roomId"], &tab["roomType"]), (&room["id"], &"group".into()));
        let path = format!("/room/tabs/{}", tab["id"].as_str().unwrap());
        assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap().0, tab);
        assert_eq!(ask(&mut world, "sim-bob", "GET", &path, &Value::Null).unwrap_err().status, 404);
        let change = json!({"roomId": room["id"], "contentUrl": "https://example.com/2", "displayName": "New"});
        let (changed, _) = ask(&mut world, "sim-alice", "PUT", &path, &change).unwrap();
        assert_eq!((&changed["contentUrl"], &changed["displayName"]), (&change["contentUrl"], &"New".into()));
        let list = format!("/room/tabs?roomId={}", room["id"].as_str().unwrap());
        let (tabs, _) = ask(&mut world, "sim-alice", "GET", &list, &Value::Null).unwrap();
        assert_eq!(tabs["items"], json!([changed]));
        ask(&mut world, "sim-alice", "DELETE", &path, &Value::Null).unwrap();
        assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap_err().status, 404);
        let refusal = ask(&mut world, "sim-alice", "GET", "/room/tabs", &Value::Null).unwrap_err();
        assert_eq!(refusal.message, "Required String parameter 'roomId' is not present");
    }
}
