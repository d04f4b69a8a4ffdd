//! Where a request comes in and its answer goes out: faults on demand, the token, its budget.
//!
//! What an operation does is not known here, and no operation knows of faults: a fault is something around it.

mod lists;
mod wire;

use std::time::Duration;

use actix_web::{HttpResponse, http::StatusCode};

use super::{
    api::{self, Reply, Request},
    ids::PersonId,
    refusal::Refusal,
    shared::{Counts, Shared},
    world::{Asked, Effect, Family, Wire, World},
};

/// What the gate found out about a request.
pub(crate) struct Pass {
    /// Who asks, if the token is good.
    pub(crate) person: Option<PersonId>,
    /// Whether the request is to be handled.
    verdict: Result<PersonId, Refusal>,
    effect: Option<Effect>,
}

impl Pass {
    /// For a request that is not even read.
    pub(crate) fn unread(refusal: Refusal) -> Self {
        Self { person: None, verdict: Err(refusal), effect: None }
    }
}

/// Lets a request in: faults first, then the token, then its budget.
pub(crate) async fn admit(shared: &Shared, token: Option<&str>, method: &str, path: &str, query: &str) -> Pass {
    let (person, effect) = shared.act(|world| {
        let person = token.and_then(|token| world.authenticate(token));
        if world.rules.is_empty() {
            return (person, None);
        }
        let email = person.map(|person| world.email(person));
        let now = world.now;
        let effect = world.rules.apply(Asked::request(token, email.as_deref(), method, path, query), now);
        (person, effect)
    });
    if let Some(effect) = &effect {
        Counts::add(&shared.counts.faulted);
        if effect.delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(effect.delay_ms)).await;
        }
    }
    let verdict = judge(shared, token, path, person, effect.as_ref());
    Pass { person, verdict, effect }
}

fn judge(
    shared: &Shared,
    token: Option<&str>,
    path: &str,
    person: Option<PersonId>,
    effect: Option<&Effect>,
) -> Result<PersonId, Refusal> {
    if let Some(effect) = effect {
        if effect.revoke {
            shared.act(|world| {
                world.people.revoke(token.unwrap_or_default());
                world.touch();
            });
            return Err(Refusal::no_token());
        }
        if effect.wire == Some(Wire::Drop) {
            return Err(Refusal::new(0, "dropped"));
        }
        if let Some(status) = effect.status {
            let message = StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason());
            let refusal = Refusal::new(status, message.unwrap_or("fault on demand"));
            return Err(Refusal { retry_after: effect.retry_after.clone(), ..refusal });
        }
    }
    let caller = person.ok_or_else(Refusal::no_token)?;
    shared.act(|world| {
        let (now, family) = (world.now, Family::of(path, world.switches.budget_by_family));
        world.budgets.take(caller, family, now).map_err(|seconds| {
            Counts::add(&shared.counts.throttled);
            Refusal::too_many(seconds)
        })
    })?;
    Ok(caller)
}

impl Pass {
    /// Handles the request, if it was let in.
    pub(crate) fn through(&self, world: &mut World, request: &Request<'_>) -> Result<Reply, Refusal> {
        let caller = self.verdict.clone()?;
        if world.rules.hidden.hides(request.method, request.path, world.now) {
            return Err(missing(request.path));
        }
        world.scan_next = self.effect.as_ref().and_then(|effect| effect.scan);
        let outcome = api::answer(world, caller, request);
        world.scan_next = None;
        match self.effect.as_ref().and_then(|effect| effect.list) {
            Some(list) => outcome.map(|reply| lists::disturb(list, reply, request)),
            None => outcome,
        }
    }

    /// What the request needed could not be had: from here on it is refused.
    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.verdict = Err(refusal);
    }

    /// Which rule had a hand in it, for the journal.
    pub(crate) fn fault(&self) -> Option<u64> {
        self.effect.as_ref().map(|effect| effect.rule)
    }

    /// Sends the answer out, as whole as it is meant to be.
    pub(crate) fn send(self, response: HttpResponse) -> HttpResponse {
        let Some(effect) = self.effect else { return response };
        let response = if effect.html { wire::html(response) } else { response };
        let response = match effect.wire {
            Some(Wire::Drop | Wire::Lose) => return wire::nothing(),
            Some(Wire::Truncate) => return wire::truncated(response),
            None => response,
        };
        match effect.slow_ms {
            Some(millis) => wire::slow(response, millis),
            None => response,
        }
    }
}

/// As for a thing that is not there.
fn missing(path: &str) -> Refusal {
    if path.starts_with("/attachment/actions") {
        Refusal::missing("Unable to get attachment action.")
    } else {
        Refusal::missing("Could not find a message with provided ID.")
    }
}
