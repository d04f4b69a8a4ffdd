//! What Webex speaks: its objects, requests as plain data, what its answers mean, ids, signatures.
//!
//! Nothing here does IO. The api actor decides when a [`Request`] goes and `net` carries it.

pub mod kinds;
pub mod model;
pub mod request;

pub use kinds::Kinds;
pub use request::{Reply, Request, Verdict};
