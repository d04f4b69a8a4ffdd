//! The brain decides. Pure: no IO, no clock, no actor; the same turn gives the same step, always.
//!
//! [`compile`] turns a definition into a [`Program`] and its diagnostics; [`step`] runs one turn of it.
//! A step that needs to know more answers [`Step::Need`] with idempotent reads, gets them as [`Facts`]
//! and is repeated; nothing it asked for before the last repetition has had any effect.

pub mod delivery;
pub mod turn;

pub use delivery::{Delivery, Destination};
pub use turn::{Decision, Effect, Fact, Facts, Me, Read, Step, Turn};
