//! Making things go wrong, and the knobs.

use serde::Deserialize;
use serde_json::{Map, Value, json as value};

use super::{Outcome, json, look, parse, person};
use crate::sim::{
    refusal::Refusal,
    shared::Shared,
    world::{Rule, Switches},
};

/// More entries than a person reads; some 100 MB.
const MOST_JOURNAL: usize = 1_000_000;

pub(super) fn rules(shared: &Shared) -> Outcome {
    shared.act(|world| json(&world.rules.list(world.now)))
}

pub(super) fn add_rule(shared: &Shared, body: &[u8]) -> Outcome {
    let rule: Rule = parse(body)?;
    shared.act(|world| {
        world.rules.add(rule, world.now)?;
        json(&world.rules.list(world.now))
    })
}

pub(super) fn chance(shared: &Shared) -> Outcome {
    shared.act(|world| json(&value!({ "seed": world.rules.seed() })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seed {
    seed: u64,
}

pub(super) fn set_chance(shared: &Shared, body: &[u8]) -> Outcome {
    let Seed { seed } = parse(body)?;
    shared.act(|world| world.rules.set_seed(seed));
    chance(shared)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Remove {
    id: Option<u64>,
}

pub(super) fn remove_rule(shared: &Shared, body: &[u8]) -> Outcome {
    let Remove { id } = parse(body)?;
    shared.act(|world| {
        match id {
            Some(id) if !world.rules.remove(id) => {
                return Err(Refusal::missing(format!("there is no rule {id}, or it is used up")));
            }
            Some(_) => {}
            None => world.rules.clear(),
        }
        json(&world.rules.list(world.now))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Owner {
    email: String,
}

pub(super) fn disable_webhooks(shared: &Shared, body: &[u8]) -> Outcome {
    let Owner { email } = parse(body)?;
    shared.act(|world| {
        let owner = person(world, &email)?;
        world.disable_webhooks_of(owner);
        Ok::<_, Refusal>(())
    })?;
    look::webhooks(shared)
}

pub(super) fn switches(shared: &Shared) -> Outcome {
    shared.act(|world| json(&world.switches))
}

pub(super) fn set_switches(shared: &Shared, body: &[u8]) -> Outcome {
    let wanted: Map<String, Value> = parse(body)?;
    shared.act(|world| {
        let mut all = serde_json::to_value(world.switches).unwrap_or_default();
        if let Value::Object(all) = &mut all {
            all.extend(wanted);
        }
        let switches: Switches = serde_json::from_value(all).map_err(|error| Refusal::bad(error.to_string()))?;
        switches.check()?;
        world.switches = switches;
        world.touch();
        json(&world.switches)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Budget {
    email: Option<String>,
    requests_per_minute: u32,
}

pub(super) fn set_budget(shared: &Shared, body: &[u8]) -> Outcome {
    let budget: Budget = parse(body)?;
    shared.act(|world| {
        let who = budget.email.as_deref().map(|email| person(world, email)).transpose()?;
        world.budgets.set(who, budget.requests_per_minute);
        json(&value!({ "email": budget.email, "requests_per_minute": budget.requests_per_minute }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Keep {
    keep: usize,
}

pub(super) fn keep_journal(shared: &Shared, body: &[u8]) -> Outcome {
    let Keep { keep } = parse(body)?;
    if keep > MOST_JOURNAL {
        return Err(Refusal::bad(format!("`keep` is at most {MOST_JOURNAL}")));
    }
    shared.act(|world| world.journal.keep(keep));
    look::totals(shared)
}
