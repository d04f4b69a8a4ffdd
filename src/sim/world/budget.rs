//! Requests a minute, per person: what Webex answers with 429 beyond.
//!
//! The limit belongs to the user behind the token. Webex counts most endpoints at about 300 a minute and is more
//! generous with `/people` and `/messages`; by how much is not published, so counting them apart is a switch and
//! their factor a guess.

use std::collections::HashMap;

use crate::{base::Millis, sim::ids::PersonId};

const MINUTE: i64 = 60_000;
/// How much higher `/people` and `/messages` are when they are counted apart. Believed: only "higher" is documented.
const MORE: u32 = 2;

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// Everything, or everything without a family of its own.
    Rest,
    /// `/people`
    People,
    /// `/messages`
    Messages,
}

impl Family {
    /// The family of a path below `/v1`, when families are counted apart.
    pub(crate) fn of(path: &str, apart: bool) -> Self {
        match path.trim_start_matches('/').split('/').next() {
            Some("people") if apart => Self::People,
            Some("messages") if apart => Self::Messages,
            _ => Self::Rest,
        }
    }
}

/// Who has used how much of the minute at hand.
#[derive(Debug)]
pub(crate) struct Budgets {
    per_minute: u32,
    own: HashMap<PersonId, u32>,
    /// Start of the minute at hand, and requests in it. Three for each person at most.
    spent: HashMap<(PersonId, Family), (Millis, u32)>,
}

impl Budgets {
    /// Zero means no limit.
    pub(crate) fn new(per_minute: u32) -> Self {
        Self { per_minute, own: HashMap::new(), spent: HashMap::new() }
    }

    /// For everyone without a limit of their own.
    pub(crate) fn default_per_minute(&self) -> u32 {
        self.per_minute
    }

    /// Changes the limit of everyone, or of one person.
    pub(crate) fn set(&mut self, person: Option<PersonId>, per_minute: u32) {
        match person {
            Some(person) => {
                self.own.insert(person, per_minute);
            }
            None => self.per_minute = per_minute,
        }
        self.spent.clear();
    }

    /// Takes one request, or says in how many whole seconds the next may come.
    pub(crate) fn take(&mut self, person: PersonId, family: Family, now: Millis) -> Result<(), u64> {
        let limit = self.own.get(&person).copied().unwrap_or(self.per_minute);
        if limit == 0 {
            return Ok(());
        }
        let limit = if family == Family::Rest { limit } else { limit.saturating_mul(MORE) };
        let (start, count) = self.spent.entry((person, family)).or_insert((now, 0));
        if now.0 - start.0 >= MINUTE {
            (*start, *count) = (now, 0);
        }
        if *count < limit {
            *count += 1;
            return Ok(());
        }
        let left = start.0 + MINUTE - now.0;
        Err(u64::try_from(left).unwrap_or(0).div_ceil(1000).max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: Family = Family::Rest;

    #[test]
    fn a_spent_minute_says_when_the_next_begins() {
        let (alice, bob) = (PersonId::of("a"), PersonId::of("b"));
        let mut budgets = Budgets::new(2);
        assert_eq!(budgets.take(alice, REST, Millis(0)), Ok(()));
        assert_eq!(budgets.take(alice, REST, Millis(10_000)), Ok(()));
        assert_eq!(budgets.take(alice, REST, Millis(10_500)), Err(50));
        assert_eq!(budgets.take(bob, REST, Millis(10_500)), Ok(()), "another token has its own budget");
        assert_eq!(budgets.take(alice, REST, Millis(60_000)), Ok(()));
    }

    #[test]
    fn zero_is_no_limit_and_one_person_may_have_another() {
        let alice = PersonId::of("a");
        let mut budgets = Budgets::new(0);
        assert!((0..1000).all(|_| budgets.take(alice, REST, Millis(0)).is_ok()));
        budgets.set(Some(alice), 1);
        assert_eq!(budgets.take(alice, REST, Millis(0)), Ok(()));
        assert_eq!(budgets.take(alice, REST, Millis(59_999)), Err(1));
    }

    #[test]
    fn counted_apart_people_and_messages_have_more_and_their_own() {
        let alice = PersonId::of("a");
        let mut budgets = Budgets::new(1);
        let mut take = |path: &str, apart| budgets.take(alice, Family::of(path, apart), Millis(0)).is_ok();
        assert!(take("/rooms", true) && !take("/webhooks/x", true));
        assert!(take("/messages", true) && take("/messages/x", true) && !take("/messages", true));
        assert!(take("/people/me", true));
        assert!(!take("/people/me", false), "together all have one");
    }
}
