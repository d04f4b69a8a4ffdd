//! The Webex cloud in a box: the REST API below `/v1`, signed webhooks, and a control API below `/sim`.
//!
//! `world` is the simulated cloud as plain data and functions; `api` is what Webex's clients call; `control`
//! is how a test, a chat or a bench acts as a person and sees everything; `deliver` sends webhooks; `http` and
//! `server` are the rest. Its wire shapes are its own: nothing is shared with the client side of this program.
//!
//! Without a state file it holds the organisation `Example` with `admin@example.com`, `alice@example.com`,
//! `bob@example.com` and `carol@example.com` (tokens `sim-admin`, `sim-alice`, `sim-bob`, `sim-carol`), and
//! makes a bot `<name>@webex.bot` of any token `sim-bot-<name>` on its first use. Ids of people follow from
//! their addresses, so they are the same in every run.

mod api;
pub mod control;
mod deliver;
#[doc(hidden)]
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod gate;
mod http;
mod ids;
mod intake;
mod markdown;
mod options;
#[cfg(test)]
mod page;
mod places;
mod refusal;
mod seed_file;
mod server;
mod shared;
mod state_file;
mod wire;
mod world;

pub use options::{Retention, SimError, SimOptions};
pub use server::{SimHandle, start};

/// Starts a simulator, hands out its handle's addresses by `ready`, and runs until `stop`.
///
/// # Errors
/// As [`start`].
pub async fn run(
    options: SimOptions,
    stop: tokio_util::sync::CancellationToken,
    ready: impl FnOnce(&SimHandle),
) -> Result<(), SimError> {
    let handle = start(options).await?;
    ready(&handle);
    stop.cancelled().await;
    handle.stop().await;
    Ok(())
}
