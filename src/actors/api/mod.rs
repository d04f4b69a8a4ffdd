//! The one actor shared by all bots: the only way out to Webex.
//!
//! Two faces under the same permits: *deliver* (rows of the outbox) and *call* (a question with an answer,
//! idempotent only). It decides who goes when; the HTTP itself runs on a few wire arbiters.

pub mod messages;

pub use messages::{Call, CallClass, CallError, CloseLane, OpenLane, Ring, TokenRefused};
