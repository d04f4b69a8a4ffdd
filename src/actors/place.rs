//! Where an actor lives: on an arbiter, or right here when the whole app is built on one thread.

use actix::{Actor, Addr, ArbiterHandle, Context};

use crate::base::BotId;

/// The threads of the house.
#[derive(Debug, Clone)]
pub enum Place {
    /// The current thread: tests stop its clock and everything stands still.
    Here,
    /// One of these arbiters, chosen by the caller.
    Arbiters(Vec<ArbiterHandle>),
}

impl Place {
    /// Starts an actor on the `index`th arbiter (modulo their number), or here.
    ///
    /// `make` runs on that thread, so an actor may hold what cannot be sent between threads.
    pub fn start<A, F>(&self, index: usize, make: F) -> Addr<A>
    where
        A: Actor<Context = Context<A>>,
        F: FnOnce(&mut Context<A>) -> A + Send + 'static,
    {
        match self {
            Self::Here => A::create(make),
            Self::Arbiters(handles) => A::start_in_arbiter(&handles[index % handles.len()], make),
        }
    }
}

/// A stable number of a bot, to spread bots over arbiters: the same bot always lives on the same one.
#[must_use]
pub fn spread(bot: &BotId) -> usize {
    // FNV-1a: small, stable across runs, and good enough to spread short names.
    bot.as_str().bytes().fold(0x811c_9dc5_usize, |hash, byte| (hash ^ usize::from(byte)).wrapping_mul(0x0100_0193))
}
