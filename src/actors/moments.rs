//! When whom is to be looked at next: one moment a bot, the first of all first.
//!
//! Not a heap whose outdated entries are skipped when they come up: a moment far away, replaced again and again by
//! nearer ones, would leave an entry each time.

use std::collections::{BTreeSet, HashMap};

use crate::base::{BotId, Millis};

/// The moments of all bots.
#[derive(Debug, Default)]
pub(super) struct Moments {
    of: HashMap<BotId, Millis>,
    order: BTreeSet<(Millis, BotId)>,
}

impl Moments {
    /// Looks at a bot then, and at no other moment.
    pub(super) fn set(&mut self, bot: &BotId, at: Millis) {
        self.clear(bot);
        self.of.insert(bot.clone(), at);
        self.order.insert((at, bot.clone()));
    }

    /// Looks at a bot then, unless it has a moment that comes sooner.
    pub(super) fn set_sooner(&mut self, bot: &BotId, at: Millis) {
        if self.of.get(bot).is_none_or(|set| at < *set) {
            self.set(bot, at);
        }
    }

    /// Forgets a bot's moment.
    pub(super) fn clear(&mut self, bot: &BotId) {
        if let Some(at) = self.of.remove(bot) {
            self.order.remove(&(at, bot.clone()));
        }
    }

    /// The first moment of all.
    pub(super) fn first(&self) -> Option<Millis> {
        self.order.first().map(|(at, _)| *at)
    }

    /// Takes out a bot whose moment has come.
    pub(super) fn due(&mut self, now: Millis) -> Option<BotId> {
        self.first().filter(|at| *at <= now)?;
        let (_, bot) = self.order.pop_first()?;
        self.of.remove(&bot);
        Some(bot)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::testing::bot;

    #[test]
    fn a_bot_has_one_moment_however_often_it_is_set() {
        let mut moments = Moments::default();
        for at in 0..100 {
            moments.set(&bot("a"), Millis(1_000 + at));
            moments.set_sooner(&bot("b"), Millis(2_000 - at));
            moments.set_sooner(&bot("b"), Millis(9_000));
        }
        assert_eq!((moments.of.len(), moments.order.len()), (2, 2));
        assert_eq!(moments.first(), Some(Millis(1_099)));
        assert_eq!(moments.due(Millis(1_098)), None);
        assert_eq!(moments.due(Millis(1_901)), Some(bot("a")));
        assert_eq!(moments.due(Millis(1_901)), Some(bot("b")));
        assert_eq!((moments.due(Millis(i64::MAX)), moments.first()), (None, None));
        moments.set(&bot("a"), Millis(1));
        moments.clear(&bot("a"));
        assert!(moments.of.is_empty() && moments.order.is_empty());
    }
}
