//! Events under suspicion: those whose turn was cut short by the end of the process more than once.
//!
//! When the process goes down, every event in a turn is left behind, and only one of them need be the cause. If all
//! of them counted alike, three crashes in a row would bury the innocent with the guilty. So from the second time on
//! a turn is a trial: one at a time in the whole process, and who waits for a trial holds no claim (the store gives
//! none out until it is asked for a suspect by name). What takes the process down in its own trial is the cause.

use super::{
    Deps,
    turn::{Ended, Job},
};
use crate::store::SUSPECT;

impl Job {
    /// Runs the turn: at once, or alone when its event is under suspicion.
    pub(super) async fn run_or_try(&mut self, deps: &Deps) -> Ended {
        if self.claimed.doubts != SUSPECT {
            return self.run(deps).await;
        }
        // Closed when the process ends: what was not tried yet is not claimed.
        let Ok(_alone) = deps.trial.acquire().await else { return Ended::Returned };
        match deps.store.claim_suspect(self.lease.clone(), self.row.seq).await {
            Ok(claimed) if !claimed.is_empty() => {
                self.claimed = claimed[0];
                tracing::warn!(bot.id = %self.lease.bot, event.id = %self.row.id, "an event that was there when the process went down is tried alone");
                self.run(deps).await
            }
            Ok(_) => Ended::Returned,
            Err(error) => {
                tracing::error!(bot.id = %self.lease.bot, event.id = %self.row.id, error = %error, "an event could not be claimed");
                Ended::Returned
            }
        }
    }
}
