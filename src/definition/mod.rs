//! What a person wrote, parsed to spanned plain data, and what is wrong with it.
//!
//! The loader answers the set *and* every diagnostic of every file, never a `Result`: one broken
//! definition hides no other. Nothing here compiles: whether a template or a pattern makes sense is for
//! the brain to say, with the same [`Diagnostic`].
//!
//! In reading order: [`files`] (which files count), [`loader`] (all of them), [`parse`] (one of them),
//! [`model`] (the result), [`diagnostic`] and [`codes`] (what may be wrong), [`render`] (how it is shown).

pub mod cases;
pub mod codes;
pub mod companion;
pub mod data;
pub mod diagnostic;
pub mod files;
pub mod flow;
pub mod gate;
#[cfg(test)]
mod golden;
pub mod handler;
pub mod inbound;
pub mod length;
pub mod loader;
pub mod mask;
pub mod model;
mod parse;
pub mod place;
pub mod render;
pub mod rule;
pub mod schedule;
pub mod shape;
pub mod shared;
pub mod source;
mod spread;
pub mod token;
mod twins;

pub use codes::Code;
pub use data::Data;
pub use diagnostic::{Diagnostic, Severity};
pub use files::{Snapshot, scan};
pub use inbound::{Algorithm, Auth, Encoding, Hmac, Inbound};
pub use loader::{LoadedSet, Loader, load};
pub use model::{Command, Definition, Doubt, Help, Listens, On, OnWhat, Who};
pub use parse::{parse, parse_cases};
pub use place::{Place, Span, Spanned};
pub use render::render;
pub use rule::{Action, Format, Reply, Rule};
pub use schedule::{Except, Missed, Schedule, Timing};
pub use source::{Companion, DefinitionSource, SharedFile};
pub use token::{TokenError, TokenSource};
