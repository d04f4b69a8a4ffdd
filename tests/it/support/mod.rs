//! What several behaviours need to be tested.

pub(crate) mod clients;
pub(crate) mod fake_store;
pub(crate) mod handler;
pub(crate) mod house;
pub(crate) mod live;
pub(crate) mod program;
pub(crate) mod raw_http;
pub(crate) mod served;
pub(crate) mod webhook_door;
