//! The actors, and who tells whom what. Work is a row; a message between actors is a doorbell,
//! a question with an answer, or a change of who runs.

pub mod api;
pub mod archivist;
pub mod bells;
pub mod bot;
pub mod exit;
pub mod hooks;
pub mod intake;
pub mod janitor;
pub mod line;
pub mod meter;
mod moments;
mod outcome;
pub mod place;
pub mod policy;
pub mod registrar;
pub mod rehearsal;
pub mod report;
pub mod retries;
pub mod roster;
pub mod routes;
pub mod runner;
pub mod scheduler;
pub mod supervisor;
pub mod sweeper;
#[cfg(test)]
mod testing;
pub mod watcher;
