//! What a person wrote, parsed to spanned plain data, and what is wrong with it.
//!
//! The loader answers the set *and* every diagnostic of every file, never a `Result`: one broken
//! definition hides no other.

pub mod diagnostic;

pub use diagnostic::{Diagnostic, Severity};
