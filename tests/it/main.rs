//! The tests that look at the whole from outside: one binary, a file a behaviour.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod layers;
mod python_sdk;
mod sim_control;
mod sim_rest;
mod sim_support;
mod sim_webhooks;
