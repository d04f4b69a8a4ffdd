//! Behaviour of the whole, looked at from outside: one binary, a file a behaviour.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

mod access;
mod admin_commands;
mod admin_doors;
mod alerts;
mod answers;
mod backups;
mod binary_ends;
mod binary_refusals;
mod binary_service;
mod binary_usage;
#[cfg(debug_assertions)]
mod breaking_points;
mod chaos_short;
#[cfg(debug_assertions)]
mod crashes;
mod dead_letters;
mod dialogues;
mod disk;
mod disk_upgrade;
mod docs;
mod faq;
mod handler_examples;
mod handler_files;
mod handlers;
mod inbound;
mod ingress_answers;
mod ingress_limits;
mod layers;
mod main_path;
mod node_sdk;
mod pauses;
mod privacy;
mod python_bot;
mod python_sdk;
mod real_calls;
mod registrations;
mod reload;
mod seal;
mod shipped_bots;
mod state;
#[cfg(debug_assertions)]
mod timed;
mod tokens;
mod trouble;
mod tutorial;
mod unready_first;
mod wakes;

mod sim_chat;
mod sim_control;
mod sim_delivery;
mod sim_faults;
mod sim_files;
mod sim_org;
mod sim_rest;
mod sim_seed;
mod sim_support;
mod sim_webhooks;
mod support;

// What `make chaos` runs is what the short form of it runs.
#[path = "../../examples/storm/chaos/mod.rs"]
mod chaos;
#[path = "../../examples/storm/ward.rs"]
mod ward;
