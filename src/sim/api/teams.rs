//! `/teams`

use super::{Call, Outcome, Reply};
use crate::sim::{ids::TeamId, world::TeamChange};

const MISSING: &str = "The requested resource could not be found.";

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let page = call.world.list_teams(call.caller, call.wanted(100, 1000)?);
    call.page(page.map(|team| call.world.show_team(team)))
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let new: TeamChange = call.json()?;
    let id = call.world.create_team(call.caller, new)?;
    show(call, id)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TeamId::parse, MISSING)?;
    show(call, id)
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TeamId::parse, MISSING)?;
    let change: TeamChange = call.json()?;
    call.world.update_team(call.caller, id, change)?;
    show(call, id)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TeamId::parse, MISSING)?;
    call.world.delete_team(call.caller, id)?;
    Ok(Reply::empty())
}

fn show(call: &Call<'_>, id: TeamId) -> Outcome {
    let team = call.world.team_of(call.caller, id)?;
    Reply::ok(&call.world.show_team(team))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::{ids::TeamId, world::World};

    #[test]
    fn a_team_is_made_read_changed_and_deleted() {
        let mut world = World::seeded();
        let new = json!({"name": "Builders", "description": "who build"});
        let (team, _) = ask(&mut world, "sim-alice", "POST", "/teams", &new).unwrap();
        assert_eq!((&team["name"], &team["description"]), (&"Builders".into(), &"who build".into()));
        let path = format!("/teams/{}", team["id"].as_str().unwrap());
        assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap().0, team);
        assert_eq!(ask(&mut world, "sim-bob", "GET", &path, &Value::Null).unwrap_err().status, 404);
        let (changed, _) = ask(&mut world, "sim-alice", "PUT", &path, &json!({"name": "Makers"})).unwrap();
        assert_eq!((&changed["name"], &changed["description"]), (&"Makers".into(), &"who build".into()));
        ask(&mut world, "sim-alice", "DELETE", &path, &Value::Null).unwrap();
        let (list, _) = ask(&mut world, "sim-alice", "GET", "/teams", &Value::Null).unwrap();
        assert_eq!(list["items"], json!([]));
    }

    #[test]
    fn the_rooms_of_a_team_are_listed_and_made_by_its_id() {
        let mut world = World::seeded();
        let (team, _) = ask(&mut world, "sim-alice", "POST", "/teams", &json!({"name": "Builders"})).unwrap();
        let id = team["id"].as_str().unwrap();
        let (plans, _) =
            ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Plans", "teamId": id})).unwrap();
        assert_eq!(plans["teamId"], id);
        let list = format!("/rooms?teamId={id}");
        let (rooms, _) = ask(&mut world, "sim-alice", "GET", &list, &Value::Null).unwrap();
        let titles: Vec<_> = rooms["items"].as_array().unwrap().iter().map(|room| room["title"].clone()).collect();
        assert_eq!(titles, ["Plans", "Builders"]);
        let general = TeamId::parse(id).unwrap().general().public();
        assert_eq!(rooms["items"][1]["id"], general, "the General room has the uuid of its team");
        assert_eq!(ask(&mut world, "sim-bob", "GET", &list, &Value::Null).unwrap_err().status, 404);
        let new = json!({"title": "Mine", "teamId": id});
        assert_eq!(ask(&mut world, "sim-bob", "POST", "/rooms", &new).unwrap_err().status, 404);
    }
}
