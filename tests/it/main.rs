//! The integration tests: one binary, a file a behaviour.

mod sim;
mod sim_control;
mod sim_rest;
mod sim_webhooks;
