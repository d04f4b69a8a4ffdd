//! People and rooms that turns read again and again: bounded in number and age, shared by the bots of a process.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{
    base::{BotId, Millis},
    brain::{Fact, Read},
};

/// Entries kept at most (two generations of half of it).
const CAPACITY: usize = 8_192;
/// How long an entry is believed.
const FRESH: Duration = Duration::from_mins(10);
/// The same of who is in a room: a thousand people are some hundred kilobytes, and they come and go.
const ROOMS: usize = 64;
const FRESH_MEMBERS: Duration = Duration::from_mins(1);

/// What Webex said of people and rooms, per bot: what one bot may see is nobody else's to know.
#[derive(Debug, Default)]
pub struct FactCache {
    facts: Mutex<Generations>,
    /// Of rooms, who is in them: large, and soon outdated.
    members: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(BotId, Read), (Millis, Fact)>,
    old: HashMap<(BotId, Read), (Millis, Fact)>,
}

impl FactCache {
    /// A fact that is still fresh.
    pub(super) fn get(&self, bot: &BotId, read: &Read, now: Millis) -> Option<Fact> {
        let (generations, capacity, fresh) = self.of(read);
        let key = (bot.clone(), read.clone());
        let mut generations = generations.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, fact) = match generations.young.get(&key) {
            Some(entry) => entry.clone(),
            None => generations.old.remove(&key)?,
        };
        if now.since(at) > fresh {
            generations.young.remove(&key);
            return None;
        }
        generations.put(key, (at, fact.clone()), capacity);
        Some(fact)
    }

    /// Forgets everything: somebody is to be forgotten, and rooms are named after people as well.
    pub fn clear(&self) {
        for generations in [&self.facts, &self.members] {
            *generations.lock().unwrap_or_else(PoisonError::into_inner) = Generations::default();
        }
    }

    /// Keeps a fact read at `now`.
    pub(super) fn put(&self, bot: &BotId, read: &Read, now: Millis, fact: &Fact) {
        let (generations, capacity, _) = self.of(read);
        let entry = ((bot.clone(), read.clone()), (now, fact.clone()));
        generations.lock().unwrap_or_else(PoisonError::into_inner).put(entry.0, entry.1, capacity);
    }

    /// Where it is kept, how many of its kind are, and for how long.
    fn of(&self, read: &Read) -> (&Mutex<Generations>, usize, Duration) {
        match read {
            Read::Members(_) => (&self.members, ROOMS, FRESH_MEMBERS),
            _ => (&self.facts, CAPACITY, FRESH),
        }
    }
}

impl Generations {
    fn put(&mut self, key: (BotId, Read), entry: (Millis, Fact), capacity: usize) {
        if self.young.len() >= capacity / 2 {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bot() -> BotId {
        BotId::parse("echo").unwrap()
    }

    #[test]
    fn a_fact_is_believed_for_ten_minutes_and_by_its_own_bot_only() {
        let cache = FactCache::default();
        let read = Read::Person("P".into());
        cache.put(&bot(), &read, Millis(0), &Fact::Missing);
        assert_eq!(cache.get(&bot(), &read, Millis(600_000)), Some(Fact::Missing));
        assert_eq!(cache.get(&BotId::parse("other").unwrap(), &read, Millis(1)), None);
        assert_eq!(cache.get(&bot(), &read, Millis(600_001)), None);
    }

    #[test]
    fn what_was_cleared_is_not_known_any_more() {
        let cache = FactCache::default();
        let read = Read::Person("P".into());
        cache.put(&bot(), &read, Millis(0), &Fact::Missing);
        cache.clear();
        assert_eq!(cache.get(&bot(), &read, Millis(0)), None);
    }

    #[test]
    fn the_number_of_entries_stays_bounded_and_used_ones_survive() {
        let cache = FactCache::default();
        let kept = Read::Room("kept".into());
        cache.put(&bot(), &kept, Millis(0), &Fact::Missing);
        for number in 0..3 * CAPACITY {
            cache.put(&bot(), &Read::Room(number.to_string()), Millis(0), &Fact::Missing);
            assert!(cache.get(&bot(), &kept, Millis(1)).is_some());
        }
        let generations = cache.facts.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= CAPACITY);
    }

    #[test]
    fn who_is_in_a_room_is_kept_of_few_rooms_and_not_for_long() {
        let cache = FactCache::default();
        for number in 0..3 * ROOMS {
            cache.put(&bot(), &Read::Members(number.to_string()), Millis(0), &Fact::Members(Vec::new()));
        }
        let last = Read::Members((3 * ROOMS - 1).to_string());
        assert!(cache.get(&bot(), &last, Millis(60_000)).is_some());
        assert_eq!(cache.get(&bot(), &last, Millis(60_001)), None);
        let generations = cache.members.lock().unwrap();
        assert!(generations.young.len() + generations.old.len() <= ROOMS);
    }
}
