//! What has to be done so that the running bots equal `bots.d`. Pure: boot, reload and shutdown compare the same way.
//!
//! Starting is reloading from nothing: at boot the bots of the store are known and none runs. What is gone
//! from `bots.d` is only removed after a grace time, and when so much is gone that it looks like an accident
//! (a mount that vanished, a folder emptied by a failed deployment) not before somebody confirms it.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use crate::base::{BotId, Digest, Millis};

/// What a look at `bots.d` found.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Definitions that can be run.
    pub(super) good: BTreeMap<BotId, Digest>,
    /// Bots whose files are there but cannot be used.
    pub(super) broken: BTreeSet<BotId>,
    /// A whole folder could not be read: what is not found may be there all the same.
    pub(super) unreadable: bool,
}

/// A bot that has run before and is not retired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    /// Digest of its last good definition.
    pub(super) digest: Digest,
    /// Whether it has been handed to the supervisor in this process.
    pub(super) handed: bool,
    /// Since when its files are gone.
    pub(super) gone_since: Option<Millis>,
    /// Somebody said that they are meant to be gone. It holds until they are back, so that the looks at the end
    /// of the grace time need no second word.
    pub(super) confirmed: bool,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// Run these on what was found: new, or changed, or back.
    pub(super) apply: Vec<BotId>,
    /// Run these on their last good definition: files broken or gone, and not running yet.
    pub(super) apply_last_good: Vec<BotId>,
    /// Files broken: the last good definition stays, or there is none.
    pub(super) refused: Vec<BotId>,
    /// Nothing to do.
    pub(super) unchanged: Vec<BotId>,
    /// Files gone: still running, removed at the moment given unless they come back.
    pub(super) leaving: Vec<(BotId, Millis)>,
    /// Of what is gone: what somebody has confirmed, now or before.
    pub(super) confirmed: BTreeSet<BotId>,
    /// Files gone and the grace time over.
    pub(super) remove: Vec<BotId>,
    /// Why nothing is removed until confirmed.
    pub(super) unconfirmed: Option<String>,
}

/// Compares what was found with what is known.
pub(super) fn plan(
    found: &Found,
    known: &BTreeMap<BotId, Known>,
    now: Millis,
    grace: Duration,
    confirmed: bool,
) -> Plan {
    let mut plan = Plan::default();
    for (bot, digest) in &found.good {
        match known.get(bot) {
            Some(before) if before.digest == *digest && before.handed => plan.unchanged.push(bot.clone()),
            _ => plan.apply.push(bot.clone()),
        }
    }
    for bot in &found.broken {
        plan.refused.push(bot.clone());
        if known.get(bot).is_some_and(|before| !before.handed) {
            plan.apply_last_good.push(bot.clone());
        }
    }
    let gone: Vec<_> =
        known.iter().filter(|(bot, _)| !found.good.contains_key(*bot) && !found.broken.contains(*bot)).collect();
    let doubtful = gone.iter().filter(|(_, before)| !confirmed && !before.confirmed).count();
    plan.unconfirmed = alarming(found, doubtful, known.len());
    for (bot, before) in gone {
        if !before.handed {
            plan.apply_last_good.push(bot.clone());
        }
        if confirmed || before.confirmed {
            plan.confirmed.insert(bot.clone());
        } else if plan.unconfirmed.is_some() {
            continue;
        }
        let leaves_at = before.gone_since.unwrap_or(now).plus(grace);
        if leaves_at <= now && before.handed {
            plan.remove.push(bot.clone());
        } else {
            plan.leaving.push((bot.clone(), leaves_at));
        }
    }
    plan
}

/// Whether so much is gone that it looks like an accident.
fn alarming(found: &Found, gone: usize, known: usize) -> Option<String> {
    if gone == 0 {
        return None;
    }
    let present = found.good.len() + found.broken.len();
    if found.unreadable {
        Some(format!("a folder of definitions cannot be read, so {gone} of {known} bots cannot be found"))
    } else if present == 0 {
        Some(format!("no definition is left of {known}"))
    } else if gone * 2 > known {
        Some(format!("{gone} of {known} definitions are gone at once"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const GRACE: Duration = Duration::from_mins(1);

    fn bot(number: usize) -> BotId {
        BotId::parse(&format!("bot-{number}")).unwrap()
    }

    fn digest(number: u8) -> Digest {
        Digest([number; 32])
    }

    fn found(numbers: &[usize]) -> Found {
        Found { good: numbers.iter().map(|n| (bot(*n), digest(1))).collect(), ..Found::default() }
    }

    fn known(numbers: &[usize]) -> BTreeMap<BotId, Known> {
        let entry = Known { digest: digest(1), handed: true, gone_since: None, confirmed: false };
        numbers.iter().map(|n| (bot(*n), entry)).collect()
    }

    #[test]
    fn new_and_changed_definitions_are_applied_and_the_rest_left_alone() {
        let mut found = found(&[1, 2, 3]);
        found.good.insert(bot(2), digest(9));
        let plan = plan(&found, &known(&[1, 2]), Millis(0), GRACE, false);
        assert_eq!((plan.apply, plan.unchanged), (vec![bot(2), bot(3)], vec![bot(1)]));
    }

    #[test]
    fn boot_is_a_reload_in_which_nothing_runs_yet() {
        let mut before = known(&[1, 2]);
        for entry in before.values_mut() {
            entry.handed = false;
        }
        let mut found = found(&[1]);
        found.broken.insert(bot(2));
        let plan = plan(&found, &before, Millis(0), GRACE, false);
        assert_eq!((plan.apply, plan.apply_last_good, plan.refused), (vec![bot(1)], vec![bot(2)], vec![bot(2)]));
    }

    #[test]
    fn a_vanished_file_is_removed_only_after_the_grace_time() {
        let mut before = known(&[1, 2, 3]);
        let first = plan(&found(&[1, 2]), &before, Millis(0), GRACE, false);
        assert_eq!((first.leaving, first.remove), (vec![(bot(3), Millis(60_000))], vec![]));
        before.get_mut(&bot(3)).unwrap().gone_since = Some(Millis(0));
        let later = plan(&found(&[1, 2]), &before, Millis(60_000), GRACE, false);
        assert_eq!((later.leaving, later.remove), (vec![], vec![bot(3)]));
    }

    #[test]
    fn an_emptied_folder_removes_nothing_until_confirmed() {
        let mut before = known(&[1, 2]);
        for entry in before.values_mut() {
            entry.gone_since = Some(Millis(0));
        }
        let later = Millis(1_000_000);
        let alarmed = plan(&found(&[]), &before, later, GRACE, false);
        assert!(alarmed.remove.is_empty() && alarmed.leaving.is_empty());
        assert_eq!(alarmed.unconfirmed.as_deref(), Some("no definition is left of 2"));
        assert_eq!(plan(&found(&[]), &before, later, GRACE, true).remove, [bot(1), bot(2)]);
    }

    #[test]
    fn what_was_confirmed_once_leaves_when_its_grace_time_is_over() {
        let mut before = known(&[1, 2, 3]);
        let first = plan(&found(&[]), &before, Millis(0), GRACE, true);
        assert_eq!((first.leaving.len(), first.confirmed.len(), first.unconfirmed), (3, 3, None));
        for entry in before.values_mut() {
            (entry.gone_since, entry.confirmed) = (Some(Millis(0)), true);
        }
        assert_eq!(plan(&found(&[]), &before, Millis(60_000), GRACE, false).remove, [bot(1), bot(2), bot(3)]);
        before.get_mut(&bot(3)).unwrap().confirmed = false;
        let later = plan(&found(&[]), &before, Millis(60_000), GRACE, false);
        assert_eq!((later.remove, later.unconfirmed.is_some()), (vec![bot(1), bot(2)], true), "3 came back meanwhile");
    }

    #[test]
    fn an_unreadable_folder_removes_nothing() {
        let look = Found { unreadable: true, ..found(&[1, 2, 3]) };
        assert!(plan(&look, &known(&[1, 2, 3, 4]), Millis(0), GRACE, false).unconfirmed.is_some());
    }

    proptest! {
        /// At most half is ever removed without a word, and what is found never is.
        #[test]
        fn removal_is_never_sudden(
            here in prop::collection::btree_set(0usize..20, 0..20),
            before in prop::collection::btree_set(0usize..20, 0..20),
        ) {
            let mut entries = known(&before.iter().copied().collect::<Vec<_>>());
            for entry in entries.values_mut() {
                entry.gone_since = Some(Millis(0));
            }
            let here: Vec<_> = here.into_iter().collect();
            let plan = plan(&found(&here), &entries, Millis(1_000_000), GRACE, false);
            prop_assert!(plan.remove.len() * 2 <= entries.len());
            prop_assert!(plan.remove.iter().all(|bot| !here.iter().any(|n| super::tests::bot(*n) == *bot)));
        }
    }
}
