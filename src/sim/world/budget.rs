//! Requests a minute, per person: what Webex answers with 429 beyond.

use std::collections::HashMap;

use crate::{base::Millis, sim::ids::PersonId};

const MINUTE: i64 = 60_000;

/// Who has used how much of the minute at hand.
#[derive(Debug)]
pub(crate) struct Budgets {
    per_minute: u32,
    own: HashMap<PersonId, u32>,
    /// Start of the minute at hand, and requests in it. As many as there are people.
    spent: HashMap<PersonId, (Millis, u32)>,
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
    pub(crate) fn take(&mut self, person: PersonId, now: Millis) -> Result<(), u64> {
        let limit = self.own.get(&person).copied().unwrap_or(self.per_minute);
        if limit == 0 {
            return Ok(());
        }
        let (start, count) = self.spent.entry(person).or_insert((now, 0));
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

    #[test]
    fn a_spent_minute_says_when_the_next_begins() {
        let (alice, bob) = (PersonId::of("a"), PersonId::of("b"));
        let mut budgets = Budgets::new(2);
        assert_eq!(budgets.take(alice, Millis(0)), Ok(()));
        assert_eq!(budgets.take(alice, Millis(10_000)), Ok(()));
        assert_eq!(budgets.take(alice, Millis(10_500)), Err(50));
        assert_eq!(budgets.take(bob, Millis(10_500)), Ok(()), "another token has its own budget");
        assert_eq!(budgets.take(alice, Millis(60_000)), Ok(()));
    }

    #[test]
    fn zero_is_no_limit_and_one_person_may_have_another() {
        let alice = PersonId::of("a");
        let mut budgets = Budgets::new(0);
        assert!((0..1000).all(|_| budgets.take(alice, Millis(0)).is_ok()));
        budgets.set(Some(alice), 1);
        assert_eq!(budgets.take(alice, Millis(0)), Ok(()));
        assert_eq!(budgets.take(alice, Millis(59_999)), Err(1));
    }
}
