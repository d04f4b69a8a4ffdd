//! `/people`

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::PersonId,
    refusal::Refusal,
    wire::{Items, PersonRef},
    world::{Account, Detail, Person, Position, Role},
};

const MISSING: &str = "Person not found";
/// So many ids one may ask for at once.
const MOST_IDS: usize = 85;

pub(super) fn me(call: &mut Call<'_>) -> Outcome {
    calling_data(call)?;
    show(call, call.caller)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    calling_data(call)?;
    let id = call.id(PersonId::parse, MISSING)?;
    show(call, id)
}

/// Only an administrator may ask for everyone, by role or by place. There are no places here, so nobody is at one.
pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    calling_data(call)?;
    let brief = call.parsed("excludeStatus", |text| text.parse::<bool>().ok())?.unwrap_or(false);
    if let Some(ids) = call.param("id") {
        return by_ids(call, ids);
    }
    let wanted = call.wanted(100, 1000)?;
    let world = &*call.world;
    let roles: Option<Vec<Role>> = call.param("roles").map(|ids| ids.split(',').filter_map(Role::parse).collect());
    if roles.is_some() {
        world.only_admins(call.caller)?;
    }
    let (email, name) = (call.param("email"), call.param("displayName").map(str::to_lowercase));
    if email.is_none() && name.is_none() && !world.is_admin(call.caller) {
        return Err(Refusal::bad("Email, displayName, or id list should be specified."));
    }
    world.only_own_org(call.param("orgId"))?;
    let somewhere = call.param("locationId").is_some();
    let fits = |person: &&Person| {
        !somewhere
            && name.as_ref().is_none_or(|name| person.name.to_lowercase().starts_with(name))
            && roles.as_ref().is_none_or(|roles| person.roles().iter().any(|role| roles.contains(role)))
    };
    // Clients look people up by address all the time: that walks over nobody else.
    let page = match email {
        Some(email) => wanted.cut(world.people.by_email(email).into_iter().filter(fits).map(place)),
        None => wanted.cut(world.people.iter().filter(fits).map(place)),
    };
    let detail = if brief { Detail::WithoutStatus } else { Detail::Whole };
    call.page(page.map(|person| world.show_person(call.caller, person, detail)))
}

fn place(person: &Person) -> (Position, &Person) {
    (Position::rising(person.seq), person)
}

fn by_ids(call: &Call<'_>, ids: &str) -> Outcome {
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > MOST_IDS {
        return Err(Refusal::bad(format!("At most {MOST_IDS} ids can be given.")));
    }
    let (mut items, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match PersonId::parse(id).and_then(|id| call.world.people.present(id)) {
            Some(person) => items.push(call.world.show_person(call.caller, person, Detail::ById)),
            None => unknown.push(id.to_owned()),
        }
    }
    Reply::ok(&Items { items, not_found_ids: Some(unknown) })
}

pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let account: Account = call.json()?;
    let id = call.world.create_account(call.caller, account)?;
    show_changed(call, id)
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(PersonId::parse, MISSING)?;
    let account: Account = call.json()?;
    call.world.update_account(call.caller, id, account)?;
    show_changed(call, id)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(PersonId::parse, MISSING)?;
    call.world.delete_account(call.caller, id)?;
    Ok(Reply::empty())
}

/// With `minResponse` the id alone.
fn show_changed(call: &Call<'_>, id: PersonId) -> Outcome {
    calling_data(call)?;
    let short = call.parsed("minResponse", |text| text.parse::<bool>().ok())?.unwrap_or(false);
    if short { Reply::ok(&PersonRef { id: id.public() }) } else { show(call, id) }
}

fn show(call: &Call<'_>, id: PersonId) -> Outcome {
    let person = call.world.people.present(id).ok_or_else(|| Refusal::missing(MISSING))?;
    Reply::ok(&call.world.show_person(call.caller, person, Detail::Whole))
}

/// Nobody has Webex Calling here: the parameter is read and changes nothing.
fn calling_data(call: &Call<'_>) -> Result<(), Refusal> {
    call.parsed("callingData", |text| text.parse::<bool>().ok()).map(|_unused| ())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::testing::ask;
    use crate::sim::{ids::PersonId, world::World};

    #[test]
    fn only_an_administrator_lists_everyone() {
        let mut world = World::seeded();
        let mut get = |token, path: &str| ask(&mut world, token, "GET", path, &Value::Null);
        let refusal = get("sim-alice", "/people").unwrap_err();
        assert_eq!(refusal.message, "Email, displayName, or id list should be specified.");
        assert_eq!(get("sim-admin", "/people").unwrap().0["items"].as_array().unwrap().len(), 4);
        let (found, _) = get("sim-alice", "/people?displayName=bo").unwrap();
        assert_eq!(found["items"][0]["emails"][0], "bob@example.com");
        let (none, _) = get("sim-alice", "/people?email=nobody%40example.com").unwrap();
        assert_eq!(none["items"], Value::Array(vec![]));
    }

    #[test]
    fn ids_that_nobody_has_are_listed_apart() {
        let mut world = World::seeded();
        let alice = PersonId::of("alice@example.com").public();
        let (body, _) = ask(&mut world, "sim-bob", "GET", &format!("/people?id={alice},nobody"), &Value::Null).unwrap();
        assert_eq!(body["items"][0]["id"], alice.as_str());
        assert_eq!(body["notFoundIds"][0], "nobody");
    }

    #[test]
    fn a_bot_finds_out_who_it_is() {
        let mut world = World::seeded();
        let (me, _) = ask(&mut world, "sim-bot-echo", "GET", "/people/me", &Value::Null).unwrap();
        assert_eq!((&me["type"], &me["emails"][0]), (&"bot".into(), &"echo@webex.bot".into()));
    }

    #[test]
    fn an_administrator_keeps_the_accounts() {
        let mut world = World::seeded();
        let new = json!({"emails": ["dave@example.com"], "displayName": "Dave", "roles": []});
        assert_eq!(ask(&mut world, "sim-alice", "POST", "/people", &new).unwrap_err().status, 403);
        let (dave, _) = ask(&mut world, "sim-admin", "POST", "/people", &new).unwrap();
        assert_eq!((&dave["invitePending"], &dave["roles"]), (&true.into(), &json!([])));
        let path = format!("/people/{}", dave["id"].as_str().unwrap());
        let mut changed = dave.clone();
        changed["displayName"] = "David".into();
        let (answer, _) = ask(&mut world, "sim-admin", "PUT", &path, &changed).unwrap();
        assert_eq!(answer["displayName"], "David");
        let (seen, _) = ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap();
        assert!(seen.get("roles").is_none() && seen.get("loginEnabled").is_none());
        let short = format!("{path}?minResponse=true");
        let (answer, _) = ask(&mut world, "sim-admin", "PUT", &short, &changed).unwrap();
        assert_eq!(answer, json!({"id": dave["id"]}));
        assert_eq!(ask(&mut world, "sim-alice", "DELETE", &path, &Value::Null).unwrap_err().status, 403);
        ask(&mut world, "sim-admin", "DELETE", &path, &Value::Null).unwrap();
        assert_eq!(ask(&mut world, "sim-admin", "GET", &path, &Value::Null).unwrap_err().message, "Person not found");
    }

    #[test]
    fn a_list_is_narrowed_by_all_that_is_asked() {
        let mut world = World::seeded();
        let mut count = |token, path: &str| {
            let (list, _) = ask(&mut world, token, "GET", path, &Value::Null)?;
            Ok::<_, crate::sim::refusal::Refusal>(list["items"].as_array().unwrap().len())
        };
        let role = crate::sim::world::Role::FullAdministrator.id().public();
        assert_eq!(count("sim-admin", &format!("/people?roles={role}")), Ok(1));
        assert_eq!(count("sim-alice", &format!("/people?displayName=a&roles={role}")).unwrap_err().status, 403);
        assert_eq!(count("sim-admin", "/people?locationId=somewhere"), Ok(0));
        assert_eq!(count("sim-alice", "/people?email=bob@example.com&displayName=al"), Ok(0));
        assert_eq!(count("sim-admin", "/people?orgId=other").unwrap_err().status, 403);
        assert_eq!(count("sim-admin", "/people?callingData=perhaps").unwrap_err().status, 400);
        assert_eq!(count("sim-alice", "/people?displayName=al&callingData=true&excludeStatus=true"), Ok(1));
    }
}
