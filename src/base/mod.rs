//! What every layer may use: names, ids, time, secrets, events. Nothing here knows a layer above.

pub mod backoff;
pub mod breaking;
pub mod event;
pub mod id;
pub mod secret;
pub mod secret_file;
pub mod spawn;
pub mod state;
pub mod thread;
pub mod time;

pub use backoff::Backoff;
pub use breaking::{Breaking, Point};
pub use event::{Change, Event, Trigger};
pub use id::{BotId, Digest, Epoch, EventId, InstanceName, Lease, Seq};
pub use secret::Secret;
pub use state::{StateOp, StateScope, Version};
pub use time::{Clock, Millis, whole_millis};
