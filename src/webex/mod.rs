//! What Webex speaks: its objects, requests as plain data, what its answers mean, ids, signatures.
//!
//! Nothing here does IO. The api actor decides when a [`Request`] goes and `net` carries it.

pub mod envelope;
mod form;
pub mod ids;
pub mod kinds;
pub mod link;
pub mod model;
pub mod owner_tag;
pub mod reply;
pub mod request;
pub mod retry_after;
pub mod signature;

pub use envelope::{Dedupe, Envelope, EnvelopeError};
pub use kinds::Kinds;
pub use owner_tag::OwnerTag;
pub use reply::{Reply, Verdict};
pub use request::{AttachedCard, Body, ForeignUrl, NewMessage, Recipient, Request, Upload, WebhookSpec};
pub use signature::{SignatureError, SignatureHeaders};
