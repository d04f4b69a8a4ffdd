//! The brain decides. Pure: no IO, no clock, no actor; the same turn gives the same step, always.
//!
//! [`compile`] turns a definition into a [`Program`] and its diagnostics; [`step`] runs one turn of it.
//! A step that needs to know more answers [`Step::Need`] with idempotent reads, gets them as [`Facts`]
//! and is repeated; nothing it asked for before the last repetition has had any effect.
//!
//! A program is plain shared data: texts and flags. What is dear to keep is made on use, in one [`Engine`] that all
//! bots share: templates each time, patterns into a bounded cache.

pub mod access;
pub mod busy;
mod cache;
pub mod call;
mod card;
pub mod compile;
pub mod cron;
mod data;
pub mod delivery;
mod destination;
pub mod engine;
#[cfg(test)]
mod fixture;
mod flow;
mod growth;
mod help;
mod html;
mod ids;
pub mod inbound;
pub mod markdown;
pub mod mention;
mod messages;
pub mod names;
mod nesting;
mod pattern;
pub mod program;
#[cfg(test)]
mod recipes;
mod scan;
pub mod schedule;
#[cfg(test)]
mod shipped;
pub mod split;
mod step;
mod template;
pub mod turn;
pub mod usage;
mod uses;
mod values;
pub mod why;
mod words;

pub use call::{Busy, HandlerCall, Part, Target};
pub use compile::{Compiled, OpenBots, Policy, compile, compiler};
pub use delivery::{Act, Attached, Delivery, Destination, Keyed, Then};
pub use engine::Engine;
pub use inbound::Inbound;
pub use program::Program;
pub use schedule::Schedule;
pub use step::step;
pub use turn::{Decision, DialogueStep, Effect, Fact, Facts, Me, Read, ScriptRun, SentMessage, SetTimer, Step, Turn};
