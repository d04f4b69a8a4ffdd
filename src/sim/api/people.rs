//! `/people`

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::PersonId,
    refusal::Refusal,
    wire::Items,
    world::{Page, Position},
};

const MOST_IDS: usize = 85;

pub(super) fn me(call: &mut Call<'_>) -> Outcome {
    Reply::ok(&call.world.show_person(call.world.person(call.caller)?))
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(PersonId::parse, "Person not found")?;
    let person = call.world.people.get(id).ok_or_else(|| Refusal::missing("Person not found"))?;
    Reply::ok(&call.world.show_person(person))
}

/// Only an administrator may ask for everyone.
pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    if let Some(ids) = call.param("id") {
        return by_ids(call, ids);
    }
    let wanted = call.wanted(100, 1000)?;
    let world = &*call.world;
    let (email, name) = (call.param("email"), call.param("displayName").map(str::to_lowercase));
    let page = match (email, name) {
        (Some(email), _) => {
            let items = world.people.by_email(email).map(|person| world.show_person(person)).into_iter().collect();
            Page { items, next: None }
        }
        (None, None) if !world.person(call.caller)?.admin => {
            return Err(Refusal::bad("Email, displayName, or id list should be specified."));
        }
        (None, name) => {
            let named = |found: &str| name.as_deref().is_none_or(|name| found.to_lowercase().starts_with(name));
            let people = world.people.iter().filter(|person| named(&person.name));
            wanted
                .cut(people.map(|person| (Position::rising(person.seq), person)))
                .map(|person| world.show_person(person))
        }
    };
    call.page(page)
}

fn by_ids(call: &Call<'_>, ids: &str) -> Outcome {
    let ids: Vec<&str> = ids.split(',').collect();
    if ids.len() > MOST_IDS {
        return Err(Refusal::bad(format!("At most {MOST_IDS} ids can be given.")));
    }
    let (mut items, mut unknown) = (Vec::new(), Vec::new());
    for id in ids {
        match PersonId::parse(id).and_then(|id| call.world.people.get(id)) {
            Some(person) => items.push(call.world.show_person(person)),
            None => unknown.push(id.to_owned()),
        }
    }
    Reply::ok(&Items { items, not_found_ids: Some(unknown) })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
}
