//! Botyard hosts many Webex bots in one process. Start with `ARCHITECTURE.md`.

#![forbid(unsafe_code)]

pub mod actors;
pub mod app;
pub mod base;
pub mod brain;
pub mod cli;
pub mod definition;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
pub mod handlers;
pub mod http;
pub mod net;
pub mod settings;
pub mod shutdown;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod trial;
pub mod webex;
