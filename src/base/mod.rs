//! What every layer may use: names, ids, time, secrets, events. Nothing here knows a layer above.

pub mod backoff;
pub mod breaking;
pub mod cell;
pub mod dialogue;
pub mod event;
pub mod id;
pub mod mark;
pub mod secret;
pub mod secret_file;
pub mod spawn;
pub mod state;
pub mod thread;
pub mod time;

pub use backoff::Backoff;
pub use breaking::{Breaking, Point};
pub use cell::Cell;
pub use dialogue::{dialogue_mark, dialogue_timer, is_dialogue_timer};
pub use event::{Change, Event, Trigger};
pub use id::{BotId, Digest, Epoch, EventId, InstanceName, Lease, Seq};
pub use mark::Mark;
pub use secret::Secret;
pub use state::{
    MAX_STATE_KEY, MAX_STATE_VALUE, StateOp, StateScope, Version, check_state_key, check_state_value, is_own_state_key,
    state_value_size,
};
pub use time::{Clock, Millis, whole_millis};
