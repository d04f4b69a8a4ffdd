//! How much of the writer's queue one bot may hold: counted at the handle, before anything is queued, so that
//! a flood for one bot is refused where it comes in and the others find the queue as empty as ever.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{base::BotId, store::StoreError};

/// Accepts that are queued or being committed.
#[derive(Debug)]
pub(super) struct Shares {
    total: usize,
    per_bot: usize,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    total: usize,
    of: HashMap<BotId, usize>,
}

impl Shares {
    pub(super) fn new(total: usize, per_bot: usize) -> Arc<Self> {
        Arc::new(Self { total, per_bot, taken: Mutex::default() })
    }

    /// A place in the queue, free again when the answer drops.
    pub(super) fn take(self: &Arc<Self>, bot: &BotId) -> Result<Share, StoreError> {
        let mut taken = self.lock();
        if taken.total >= self.total {
            return Err(StoreError::Overloaded);
        }
        let of = taken.of.entry(bot.clone()).or_default();
        if *of >= self.per_bot {
            return Err(StoreError::BotFull(bot.clone()));
        }
        *of += 1;
        taken.total += 1;
        Ok(Share { shares: Arc::clone(self), bot: bot.clone() })
    }

    /// Nothing can panic while it is held, so a poisoned lock has whole numbers in it all the same.
    fn lock(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One place in the queue.
#[derive(Debug)]
pub(super) struct Share {
    shares: Arc<Shares>,
    bot: BotId,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.lock();
        taken.total -= 1;
        if let Some(of) = taken.of.get_mut(&self.bot) {
            *of -= 1;
            // Only bots with something queued have an entry.
            if *of == 0 {
                taken.of.remove(&self.bot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot(name: &str) -> BotId {
        BotId::parse(name).unwrap()
    }

    #[test]
    fn a_bot_that_holds_its_share_is_refused_and_its_neighbour_is_not() {
        let shares = Shares::new(10, 2);
        let held = [shares.take(&bot("a")).unwrap(), shares.take(&bot("a")).unwrap()];
        assert!(matches!(shares.take(&bot("a")), Err(StoreError::BotFull(full)) if full == bot("a")));
        let neighbour = shares.take(&bot("b")).unwrap();
        drop(held);
        shares.take(&bot("a")).unwrap();
        drop(neighbour);
        assert!(shares.lock().of.is_empty(), "no entry stays for a bot that holds nothing");
    }

    #[test]
    fn a_full_queue_refuses_everybody() {
        let shares = Shares::new(2, 2);
        let _held = [shares.take(&bot("a")).unwrap(), shares.take(&bot("b")).unwrap()];
        assert!(matches!(shares.take(&bot("c")), Err(StoreError::Overloaded)));
    }
}
