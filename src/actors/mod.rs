//! The actors, and who tells whom what. Work is a row; a message between actors is a doorbell,
//! a question with an answer, or a change of who runs.

pub mod api;
pub mod bells;
pub mod registrar;
pub mod report;
pub mod routes;
#[cfg(test)]
mod testing;
