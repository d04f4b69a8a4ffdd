//! Events under suspicion: those whose turn was cut short by the end of the process more than once.
//!
//! When the process goes down, every event in a turn is left behind, and only one of them need be the cause. If all
//! of them counted alike, three crashes in a row would bury the innocent with the guilty. So from the second time on
//! a turn is a trial: one at a time in the whole process, and who waits for a trial holds no claim. What takes the
//! process down in its own trial is the cause.

use std::time::Duration;

use super::{
    Deps,
    turn::{DOUBTS, Ended, Job},
};

/// From so many claims that ended with the process on, an event is tried alone.
const SUSPECT: u32 = DOUBTS - 1;

/// How long the others that came to life with a suspect have to give their claims back: some commits, also on a slow
/// disk. A suspect has waited for a whole start of the process.
const OTHERS_GIVE_BACK: Duration = Duration::from_millis(300);

impl Job {
    /// Runs the turn: at once, or alone when its event is under suspicion.
    pub(super) async fn run_or_try(&mut self, deps: &Deps) -> Ended {
        if self.claimed.doubts != SUSPECT {
            return self.run(deps).await;
        }
        self.give_back(deps).await;
        // Closed when the process ends: what was not tried yet is not claimed any more.
        let Ok(_alone) = deps.trial.acquire().await else { return Ended::Returned };
        // Others of other bots were claimed in the same moment; one that had no time to give its claim back before
        // this trial ends the process would count as if it had been in it.
        tokio::time::sleep(OTHERS_GIVE_BACK).await;
        match deps.store.claim(self.lease.clone(), vec![self.row.seq]).await {
            Ok(claimed) if !claimed.is_empty() => {
                self.claimed = claimed[0];
                tracing::warn!(bot.id = %self.lease.bot, event.id = %self.row.id, "an event that was there when the process went down is tried alone");
                self.run(deps).await
            }
            Ok(_) => Ended::Returned,
            Err(error) => {
                tracing::error!(bot.id = %self.lease.bot, event.id = %self.row.id, error = %error, "an event could not be claimed again");
                Ended::Returned
            }
        }
    }
}
