//! The doors: ingress for webhooks, admin for people and probes.
//!
//! Both are plain routes ([`ingress::routes`], [`admin::routes`]) served by the same [`server`], each on
//! threads of its own or, in a one-thread build, here. Whatever they refuse is a [`Refusal`].

pub mod admin;
pub mod admin_token;
pub mod effects;
mod inbound;
pub mod ingress;
pub mod pace;
pub mod probes;
pub mod refusal;
pub mod server;
mod stall;
pub mod steering;

pub use admin::{ASKER, Admin};
pub use admin_token::AdminToken;
pub use effects::EffectsDoor;
pub use ingress::Ingress;
pub use pace::Pace;
pub use probes::Readiness;
pub use refusal::Refusal;
pub use server::{Limits, Running, ServerMode};
pub use steering::{SteerError, Steered, Steering};
