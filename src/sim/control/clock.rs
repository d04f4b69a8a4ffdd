//! Steering the simulator's time.

use serde::Deserialize;

use super::{Outcome, json, parse};
use crate::{
    base::Millis,
    sim::{refusal::Refusal, shared::Shared},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Steer {
    advance_ms: Option<u64>,
    set: Option<String>,
    #[serde(default)]
    freeze: bool,
    #[serde(default)]
    run: bool,
}

pub(super) fn show(shared: &Shared) -> Outcome {
    shared.act(|world| json(&world.clock()))
}

pub(super) fn steer(shared: &Shared, body: &[u8]) -> Outcome {
    let steer: Steer = parse(body)?;
    shared.act(|world| {
        match steer {
            Steer { advance_ms: Some(millis), set: None, freeze: false, run: false } => world.advance(millis)?,
            Steer { advance_ms: None, set: Some(text), freeze: false, run: false } => {
                let to = Millis::from_iso(&text)
                    .ok_or_else(|| Refusal::bad("`set` is a date like `2026-01-01T09:00:00.000Z`"))?;
                world.set_time(to)?;
            }
            Steer { advance_ms: None, set: None, freeze: true, run: false } => world.freeze(),
            Steer { advance_ms: None, set: None, freeze: false, run: true } => world.run(),
            _ => {
                let ways = "name one of `advance_ms`, `set`, `\"freeze\": true` and `\"run\": true`";
                return Err(Refusal::bad(ways));
            }
        }
        json(&world.clock())
    })
}
