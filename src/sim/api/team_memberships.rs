//! `/team/memberships`

use serde::Deserialize;

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::{TeamId, TeamMembershipId},
    refusal::Refusal,
    world::{NewTeamMember, Page},
};

const MISSING: &str = "The requested resource could not be found.";

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let wanted = call.wanted(100, 1000)?;
    let team = call.param("teamId").ok_or_else(|| Refusal::bad("Required String parameter 'teamId' is not present"))?;
    let team = TeamId::parse(team).ok_or_else(Refusal::no_such_resource)?;
    let Page { items, next } = call.world.list_team_members(call.caller, team, wanted)?;
    let items = items.into_iter().map(|id| call.world.show_team_member(call.caller, id)).collect::<Result<_, _>>()?;
    call.page(Page { items, next })
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let new: NewTeamMember = call.json()?;
    let id = call.world.add_team_member(call.caller, &new)?;
    Reply::ok(&call.world.show_team_member(call.caller, id)?)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TeamMembershipId::parse, MISSING)?;
    Reply::ok(&call.world.show_team_member(call.caller, id)?)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Change {
    is_moderator: Option<bool>,
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TeamMembershipId::parse, MISSING)?;
    let change: Change = call.json()?;
    call.world.team_member(call.caller, id)?;
    call.world.update_membership(call.caller, id.general(), change.is_moderator, None)?;
    Reply::ok(&call.world.show_team_member(call.caller, id)?)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(TeamMembershipId::parse, MISSING)?;
    call.world.team_member(call.caller, id)?;
    call.world.remove_member(call.caller, id.team.general(), id.person)?;
    Ok(Reply::empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::world::World;

    #[test]
    fn people_come_to_a_team_and_go() {
        let mut world = World::seeded();
        let (team, _) = ask(&mut world, "sim-alice", "POST", "/teams", &json!({"name": "Builders"})).unwrap();
        let team = team["id"].as_str().unwrap();
        let new = json!({"teamId": team, "personEmail": "bob@example.com"});
        let (bob, _) = ask(&mut world, "sim-alice", "POST", "/team/memberships", &new).unwrap();
        assert_eq!((&bob["personDisplayName"], &bob["isModerator"]), (&"Bob Example".into(), &false.into()));
        let list = format!("/team/memberships?teamId={team}&max=1");
        let (first, next) = ask(&mut world, "sim-bob", "GET", &list, &Value::Null).unwrap();
        assert_eq!(first["items"][0]["personEmail"], "alice@example.com");
        assert!(next.is_some());
        let path = format!("/team/memberships/{}", bob["id"].as_str().unwrap());
        let promoted = json!({"isModerator": true});
        assert_eq!(ask(&mut world, "sim-bob", "PUT", &path, &promoted).unwrap_err().status, 403);
        let (bob, _) = ask(&mut world, "sim-alice", "PUT", &path, &promoted).unwrap();
        assert_eq!(bob["isModerator"], true);
        ask(&mut world, "sim-bob", "DELETE", &path, &Value::Null).unwrap();
        assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap_err().status, 404);
    }

    #[test]
    fn what_is_missing_is_named_and_the_last_moderator_stays() {
        let mut world = World::seeded();
        let (team, _) = ask(&mut world, "sim-alice", "POST", "/teams", &json!({"name": "Builders"})).unwrap();
        let team = team["id"].as_str().unwrap();
        let list = format!("/team/memberships?teamId={team}");
        let (members, _) = ask(&mut world, "sim-alice", "GET", &list, &Value::Null).unwrap();
        let own = format!("/team/memberships/{}", members["items"][0]["id"].as_str().unwrap());
        let mut refused = |token, method, path: &str, body: Value| {
            let refusal = ask(&mut world, token, method, path, &body).unwrap_err();
            (refusal.status, refusal.message)
        };
        let (status, words) = refused("sim-alice", "GET", "/team/memberships", Value::Null);
        assert_eq!((status, words.as_str()), (400, "Required String parameter 'teamId' is not present"));
        assert_eq!(refused("sim-bob", "GET", &list, Value::Null).0, 404);
        assert_eq!(refused("sim-alice", "POST", "/team/memberships", json!({})).1, "teamId cannot be null");
        let nobody = json!({"teamId": team});
        assert!(refused("sim-alice", "POST", "/team/memberships", nobody).1.starts_with("Must specify"));
        assert!(refused("sim-alice", "DELETE", &own, Value::Null).1.starts_with("The last moderator"));
        assert!(refused("sim-alice", "PUT", &own, json!({"isModerator": false})).1.starts_with("The last moderator"));
        assert_eq!(refused("sim-alice", "PUT", &own, json!({})).1, "isModerator cannot be null");
    }
}
