//! Makes calls and says what each try came to: everything about a call but its row.
//!
//! The runner writes down what comes of it; `botyard test --calls=real` plays it. Both make calls with this, so what a
//! test saw is what the service does: the same guard, the same secrets by reference, the same reading of answers.

use std::{fmt, path::PathBuf, time::Duration};

use serde_json::{Value, json};

use super::{
    OpenCalls,
    form::{self, Made, Which},
    workers::Workers,
};
use crate::{
    actors::retries::Trouble,
    base::Clock,
    brain::HandlerCall,
    net::HttpClient,
    settings::Settings,
    store::{Cause, DeliveryOutcome, Reason},
};

/// What the settings say of a call.
#[derive(Debug, Clone)]
pub struct CallSettings {
    /// Tries of one call before it is given up.
    pub attempts: u32,
    /// Bytes of an answer at most.
    pub max_answer: usize,
    /// Whether programs of this host may be run.
    pub exec: bool,
    /// Memory that one of them may have, in bytes; 0: no limit.
    pub exec_memory: u64,
    /// Folders with definitions: programs run in the folder of theirs.
    pub bots_dirs: Vec<PathBuf>,
    /// Folders that `file:` may read from.
    pub secret_dirs: Vec<PathBuf>,
    /// Base URL under which programs reach the effects addresses.
    pub effects_url: String,
}

impl CallSettings {
    /// What these settings say; answers are posted below `effects_url`.
    #[must_use]
    pub fn of(settings: &Settings, effects_url: String) -> Self {
        let handlers = &settings.handlers;
        Self {
            attempts: handlers.attempts,
            max_answer: handlers.max_answer_bytes,
            exec: handlers.exec,
            exec_memory: handlers.exec_memory_mb.saturating_mul(1 << 20),
            bots_dirs: settings.bots_dir.clone(),
            secret_dirs: settings.secrets.dirs.clone(),
            effects_url,
        }
    }
}

/// Makes calls.
pub struct Maker {
    pub(super) client: Result<HttpClient, String>,
    pub(super) open: OpenCalls,
    pub(super) clock: Clock,
    pub(super) workers: Workers,
    pub(super) settings: CallSettings,
}

/// What a try came to.
pub(super) struct Verdict {
    pub(super) outcome: DeliveryOutcome,
    /// The answer, in the form that the brain reads.
    pub(super) result: Option<Value>,
}

impl Maker {
    /// Calls go out with this client; where there is none, those over HTTP are refused for that reason.
    #[must_use]
    pub fn new(client: Result<HttpClient, String>, open: OpenCalls, clock: Clock, settings: CallSettings) -> Self {
        Self { client, open, clock, workers: Workers::default(), settings }
    }

    /// Makes a call until it is over, waiting between its tries; answers what the brain hears of it. What the program
    /// posts meanwhile goes where [`OpenCalls`] says.
    pub async fn carry(&self, this: Which<'_>, call: &HandlerCall) -> Option<Value> {
        for attempt in 1.. {
            let made = form::make(self, &this, call, attempt).await;
            let Verdict { outcome, result } = self.judge(made, attempt, 0);
            let DeliveryOutcome::Retry { at, .. } = outcome else { return result };
            tokio::time::sleep(at.since(self.clock.now())).await;
        }
        None
    }

    /// Whether a try was the last, and what the brain hears then. `seed` spreads the waits.
    pub(super) fn judge(&self, made: Made, attempt: u32, seed: u64) -> Verdict {
        let over = Trouble::Handler.is_over(attempt, Duration::ZERO, self.settings.attempts);
        let never = |reason: Reason| {
            let result = Some(json!({ "error": reason.text, "cause": reason.cause.as_str() }));
            Verdict { outcome: DeliveryOutcome::Failed { reason }, result }
        };
        match made {
            Made::Answer(result) => Verdict { outcome: DeliveryOutcome::Sent { remote_id: None }, result },
            Made::Never(reason) => never(reason),
            // An answer all the same: the definition may have a branch for its status.
            Made::Again { answer: Some(answer), .. } if over => {
                Verdict { outcome: DeliveryOutcome::Sent { remote_id: None }, result: Some(answer) }
            }
            Made::Again { reason, .. } if over => {
                never(Cause::GaveUp.because(format!("given up after {attempt} tries: {reason}")))
            }
            Made::Again { reason, wait, .. } => {
                let least = Trouble::Handler.wait(attempt, seed);
                let at = self.clock.now().plus(wait.unwrap_or_default().max(least));
                Verdict { outcome: DeliveryOutcome::Retry { at, reason, counts: true }, result: None }
            }
        }
    }
}

impl fmt::Debug for Maker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Maker").field("settings", &self.settings).finish_non_exhaustive()
    }
}
