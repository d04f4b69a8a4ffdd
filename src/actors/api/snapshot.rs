//! How the api is, as plain data: tests, the admin API and `bots` read the same.

use serde::{Deserialize, Serialize};

use super::lane::{Door, Lane};
use crate::base::{BotId, Millis};

/// The api at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiSnapshot {
    /// Requests on the wire.
    pub in_flight: usize,
    /// Requests that may be on the wire at once.
    pub connections: usize,
    /// Deliveries on their way: marked or about to be, their outcome not recorded.
    pub flying: usize,
    /// Each lane, by name.
    pub lanes: Vec<LaneSnapshot>,
}

/// One bot's lane at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaneSnapshot {
    /// Whose.
    pub bot: BotId,
    /// `open`, `refused` (Webex refuses the token), `closed` (its bot is gone, its penalty is not).
    pub state: LaneState,
    /// Calls in line.
    pub calls: usize,
    /// Deliveries in memory that have not left. The store may have more.
    pub deliveries: usize,
    /// Its requests on the wire.
    pub in_flight: usize,
    /// Until when Webex asked to wait, on some endpoint.
    pub penalty_until: Option<Millis>,
    /// What went wrong last, until something goes well.
    pub last_trouble: Option<String>,
}

/// Whether a lane sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LaneState {
    /// It does.
    Open,
    /// Webex refuses its token.
    Refused,
    /// Its bot went away.
    Closed,
}

impl LaneSnapshot {
    pub(super) fn of(bot: &BotId, lane: &Lane, now: Millis) -> Self {
        Self {
            bot: bot.clone(),
            state: match lane.door {
                Door::Open => LaneState::Open,
                Door::Refused => LaneState::Refused,
                Door::Closed => LaneState::Closed,
            },
            calls: lane.turns.len() + lane.upkeep.len(),
            deliveries: lane.outbox.len(),
            in_flight: lane.in_flight,
            penalty_until: lane.limiter.penalty(now),
            last_trouble: lane.trouble.clone(),
        }
    }
}
