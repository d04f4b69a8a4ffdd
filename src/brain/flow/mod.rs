//! Dialogues: a flow is a definition's list of steps, a dialogue is one person going through it in one room.
//!
//! In reading order: [`plan`] (a flow without its words), [`expect`] (what an answer must be), [`talk`] (where a
//! dialogue stands), [`machine`] (what becomes of it when something is heard), [`script`]
//! (a flow with its words).

pub(super) mod expect;
pub(super) mod machine;
pub(super) mod plan;
pub(super) mod script;
pub(super) mod talk;
#[cfg(test)]
mod tests;
