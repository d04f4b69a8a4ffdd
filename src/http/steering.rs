//! What the admin API asks of the running house. The app answers it with its actors; tests with a puppet.

use std::{future::Future, path::PathBuf, pin::Pin};

use super::refusal::Refusal;
use crate::{
    actors::{
        archivist::BackupReport,
        rehearsal::Rehearsal,
        report::{BotStatus, PauseReport, ReloadReport, ResumeReport},
    },
    base::{BotId, Secret},
    store::{By, Whom},
};

/// What [`Steering`] answers with. Not `Send`: it is awaited where it was made.
pub type Steered<'a, T> = Pin<Box<dyn Future<Output = Result<T, SteerError>> + 'a>>;

/// Why something could not be steered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SteerError {
    /// There is no such bot.
    #[error("there is no bot of this name")]
    UnknownBot,
    /// It cannot be done as things are; the sentence says why, and the fix.
    #[error("{0}")]
    Conflict(String),
    /// The one who should do it is not there or does not answer.
    #[error("{0}")]
    Unavailable(String),
    /// The process is going down.
    #[error("going down")]
    Closing,
}

impl From<SteerError> for Refusal {
    fn from(error: SteerError) -> Self {
        match error {
            SteerError::UnknownBot => Refusal::UnknownBot,
            SteerError::Conflict(why) => Refusal::Conflict(why),
            SteerError::Unavailable(why) => Refusal::Unavailable(why),
            SteerError::Closing => Refusal::Closing,
        }
    }
}

/// The running house, as far as the admin API may move it.
pub trait Steering: Send + Sync + 'static {
    /// How every bot is, by id.
    fn bots(&self) -> Steered<'_, Vec<BotStatus>>;
    /// How one bot is.
    fn bot(&self, bot: BotId) -> Steered<'_, BotStatus>;
    /// Looks at `bots.d` now and makes the running bots equal to it; `confirm` lets it remove what a
    /// suddenly half-empty folder would otherwise not remove. It goes on when nobody waits for it any more.
    fn reload(&self, confirm: bool) -> Steered<'_, ReloadReport>;
    /// Keeps a token for a bot, on whose behalf it is, and starts it with that.
    fn put_token(&self, bot: BotId, token: Secret, by: By) -> Steered<'_, ()>;
    /// Keeps a bot, or all of them, from claiming and sending; what is in hand is finished.
    fn pause(&self, whom: Whom, by: By) -> Steered<'_, PauseReport>;
    /// Lets a bot, or the house, go on.
    fn resume(&self, whom: Whom, by: By) -> Steered<'_, ResumeReport>;
    /// Begins a backup; it goes on when nobody asks for it any more.
    fn back_up(&self, file: PathBuf, force: bool, by: By) -> Steered<'_, BackupReport>;
    /// How the newest backup is, or was.
    fn backup(&self) -> Steered<'_, Option<BackupReport>>;
    /// What the bot of today would do with a stored event, without doing it.
    fn rehearse(&self, bot: BotId, payload: Vec<u8>) -> Steered<'_, Rehearsal>;
    /// Forgets what the house remembers of people besides the store: a cache, in which it goes by itself a little
    /// later. A house that remembers nothing has nothing to do.
    fn forget_facts(&self) {}
}
