//! Programs that answer for a bot: the contract that they all speak, and what is needed to speak it.
//!
//! One turn, one answer, whatever the program is: [`HandlerTurn`] goes out as JSON, [`HandlerAnswer`] comes back as
//! JSON or as plain text. [`signing`] is for those that are reached over HTTP, [`process`] runs those that are
//! programs of this host. Who calls whom, when, and what becomes of it, is the runner's affair.

pub mod answer;
mod golden;
pub mod process;
pub mod script;
pub mod signing;
pub mod turn;
pub mod worker;

pub use answer::{AnswerError, Edit, HandlerAnswer, HandlerEffect, Named, Remember, Say, Timer};
pub use golden::schema;
pub use turn::{Bot, HandlerTurn, Message, Person, Room, VERSION};
