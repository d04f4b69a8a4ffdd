//! Hooks of `[[inbound]]` as their door knows them: with their secrets, which are in no program and not in the store.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use super::roster::TokenPolicy;
use crate::{
    base::{BotId, Secret},
    brain::{Inbound, Program},
    definition::TokenSource,
};

/// One hook. Its program stays alive as long as a request holds it.
#[derive(Debug, Clone)]
pub struct Hook {
    program: Arc<Program>,
    index: usize,
    /// What its secret is now.
    pub key: Key,
}

/// The secret of a hook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// It has none: whoever reaches it may post.
    None,
    /// This one.
    Secret(Secret),
    /// It has one that cannot be read now; nobody may post.
    Unreadable,
}

/// The hooks of one bot, by name.
pub type Hooks = HashMap<Arc<str>, Hook>;

impl Hook {
    /// What the program says of it.
    ///
    /// # Panics
    /// Never: its place was found in the same program.
    #[must_use]
    pub fn inbound(&self) -> &Inbound {
        &self.program.inbounds()[self.index]
    }
}

/// Files that secrets of hooks are read from: their change calls for a look.
pub fn files(program: &Program) -> impl Iterator<Item = PathBuf> {
    program.inbounds().iter().filter_map(|inbound| match inbound.auth.source() {
        Some(TokenSource::File(file)) => Some(file.clone()),
        _ => None,
    })
}

/// The hooks of a program with their secrets as they are now, and what is wrong with any.
#[must_use]
pub fn resolve(policy: &TokenPolicy, bot: &BotId, program: &Arc<Program>) -> (Hooks, Vec<String>) {
    let mut troubles = Vec::new();
    let hooks = program.inbounds().iter().enumerate().map(|(index, inbound)| {
        let key = match inbound.auth.source() {
            None => Key::None,
            Some(source) => match policy.hook_secret(bot, &inbound.name, source) {
                Ok(secret) => Key::Secret(secret),
                Err(why) => {
                    troubles.push(format!("the secret of the hook `{}` cannot be read: {why}", inbound.name));
                    Key::Unreadable
                }
            },
        };
        (inbound.name.clone(), Hook { program: Arc::clone(program), index, key })
    });
    let hooks = hooks.collect();
    (hooks, troubles)
}

/// Whether two are the same to whoever posts.
#[must_use]
pub fn same(one: &Hooks, other: &Hooks) -> bool {
    one.len() == other.len()
        && one.iter().all(|(name, hook)| {
            other.get(name).is_some_and(|has| has.key == hook.key && Arc::ptr_eq(&has.program, &hook.program))
        })
}
