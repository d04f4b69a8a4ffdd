//! How long a run waits, so that a thousand bots do not speak at nine o'clock sharp.

use std::time::Duration;

use crate::base::{BotId, Digest, Millis};

/// How long one run waits: the same each time it is asked, also after a restart, and spread over bots, schedules and
/// runs. Below `most`.
#[must_use]
pub fn jitter(bot: &BotId, schedule: &str, planned: Millis, most: Duration) -> Duration {
    let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
    if most == 0 {
        return Duration::ZERO;
    }
    let digest = Digest::of([bot.as_str().as_bytes(), schedule.as_bytes(), &planned.0.to_be_bytes()]);
    let drawn = digest.0.iter().take(8).fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    Duration::from_millis(drawn % most)
}
