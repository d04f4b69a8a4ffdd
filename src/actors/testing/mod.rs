//! What the tests of the actors stand on: a store in memory with switches for its faults, and a scripted wire.

pub(super) mod store;
pub(super) mod wire;

use std::time::Duration;

use crate::base::{BotId, Epoch, Lease};

pub(super) fn bot(name: &str) -> BotId {
    BotId::parse(name).unwrap()
}

pub(super) fn lease(name: &str, epoch: i64) -> Lease {
    Lease { bot: bot(name), epoch: Epoch(epoch) }
}

/// Waits for a condition under Tokio's paused clock: with nothing else to do, the clock jumps to the next timer,
/// so this takes no time. Gives up after an hour of it.
pub(super) async fn until(what: &str, mut met: impl FnMut() -> bool) {
    for _ in 0..360_000 {
        if met() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never came to this: {what}");
}
