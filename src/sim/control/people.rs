//! People, bots and their tokens.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::{Value, json as value};

use super::{Outcome, json, parse, person};
use crate::sim::{ids::PersonId, shared::Shared, world::Person};

pub(super) fn list(shared: &Shared) -> Outcome {
    shared.act(|world| {
        let mut tokens: HashMap<PersonId, Vec<&str>> = HashMap::new();
        for (token, owner) in world.people.tokens() {
            tokens.entry(*owner).or_default().push(token);
        }
        let people: Vec<Value> =
            world.people.iter().map(|person| show(person, tokens.remove(&person.id).unwrap_or_default())).collect();
        json(&people)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    email: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    admin: bool,
    token: Option<String>,
}

pub(super) fn add(shared: &Shared, body: &[u8]) -> Outcome {
    let new: New = parse(body)?;
    shared.act(|world| {
        if let Some(token) = &new.token {
            world.may_give(token)?;
        }
        let id = world.add_person(&new.email, &new.name, new.admin)?;
        if let Some(token) = &new.token {
            world.people.grant(token, id);
        }
        json(&show(world.person(id)?, new.token.as_deref().into_iter().collect()))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grant {
    email: String,
    token: Option<String>,
    #[serde(default)]
    revoke_others: bool,
}

pub(super) fn grant(shared: &Shared, body: &[u8]) -> Outcome {
    let wanted: Grant = parse(body)?;
    shared.act(|world| {
        let id = person(world, &wanted.email)?;
        let token = wanted.token.unwrap_or_else(|| format!("sim-token-{}", uuid::Uuid::new_v4()));
        if world.people.tokens().get(&token) != Some(&id) {
            world.may_give(&token)?;
        }
        if wanted.revoke_others {
            world.people.revoke_all(id);
        }
        world.people.grant(&token, id);
        world.touch();
        json(&value!({ "token": token }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke {
    token: String,
}

pub(super) fn revoke(shared: &Shared, body: &[u8]) -> Outcome {
    let Revoke { token } = parse(body)?;
    shared.act(|world| {
        let revoked = world.people.revoke(&token);
        world.touch();
        json(&value!({ "revoked": revoked }))
    })
}

fn show(person: &Person, mut tokens: Vec<&str>) -> Value {
    tokens.sort_unstable();
    value!({
        "id": person.id.public(),
        "email": person.email,
        "name": person.name,
        "bot": person.bot,
        "admin": person.admin,
        "tokens": tokens,
    })
}
