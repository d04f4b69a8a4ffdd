//! One binary for all tests that cross modules, a file a behaviour.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod admin_doors;
mod ingress_answers;
mod ingress_limits;
mod support;
