//! Botyard hosts many Webex bots in one process. Start with `ARCHITECTURE.md`.

#![forbid(unsafe_code)]

pub mod actors;
pub mod base;
pub mod brain;
pub mod definition;
pub mod http;
pub mod net;
pub mod settings;
pub mod sim;
pub mod store;
pub mod telemetry;
pub mod webex;
