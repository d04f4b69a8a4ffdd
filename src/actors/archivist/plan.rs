//! Backups by schedule: how they are called, when the next one is due, which old ones go. Pure.

use std::time::Duration;

use crate::base::{InstanceName, Millis};

/// What a backup of a moment is called. The name says all that the schedule has to know, also after a restart.
pub(super) fn name(instance: &InstanceName, at: Millis) -> String {
    format!("botyard-{instance}-{}.db", at.compact())
}

/// The moment in a name of ours; nothing for any other file.
pub(super) fn moment(instance: &InstanceName, name: &str) -> Option<Millis> {
    let rest = name.strip_prefix("botyard-")?.strip_prefix(instance.as_str())?.strip_prefix('-')?;
    Millis::from_compact(rest.strip_suffix(".db")?)
}

/// Whether one is due. Those from the future (a clock went wrong once) do not put the next one off.
pub(super) fn is_due(taken: &[Millis], every: Duration, now: Millis) -> bool {
    let newest = taken.iter().filter(|at| **at <= now).max();
    newest.is_none_or(|newest| now.since(*newest) >= every)
}

/// The names that go, so that the newest `keep` stay.
pub(super) fn too_many(instance: &InstanceName, names: &[String], keep: usize) -> Vec<String> {
    let mut ours: Vec<_> = names.iter().filter_map(|name| Some((moment(instance, name)?, name))).collect();
    ours.sort_unstable();
    let gone = ours.len().saturating_sub(keep.max(1));
    ours.into_iter().take(gone).map(|(_, name)| name.clone()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn main() -> InstanceName {
        InstanceName::parse("main").unwrap()
    }

    #[test]
    fn a_name_tells_its_moment_and_only_a_name_of_this_instance_does() {
        let at = Millis(1_767_225_600_000);
        assert_eq!(name(&main(), at), "botyard-main-20260101T000000Z.db");
        assert_eq!(moment(&main(), "botyard-main-20260101T000000Z.db"), Some(at));
        for other in [
            "botyard-main-2-20260101T000000Z.db",
            "botyard-mai-20260101T000000Z.db",
            "botyard-main-20260101T000000Z.db.partial",
            "botyard-main-20261301T000000Z.db",
            "botyard.db",
            "holiday.jpg",
        ] {
            assert_eq!(moment(&main(), other), None, "{other}");
        }
    }

    #[test]
    fn the_next_one_is_due_when_the_newest_is_old_enough() {
        let day = Duration::from_hours(24);
        let now = Millis(0).plus(day * 10);
        assert!(is_due(&[], day, now));
        assert!(is_due(&[now.minus(day * 2), now.minus(day)], day, now));
        assert!(!is_due(&[now.minus(day * 2), now.minus(day / 2)], day, now));
        assert!(is_due(&[now.plus(day * 300), now.minus(day)], day, now), "one from the future counts for nothing");
    }

    proptest! {
        #[test]
        fn the_newest_stay_and_strangers_are_never_touched(moments in prop::collection::btree_set(0_i64..1000, 0..30), keep in 1_usize..10) {
            let ours: Vec<_> = moments.iter().map(|at| name(&main(), Millis(at * 1000))).collect();
            let mut names = ours.clone();
            names.extend(["botyard.db".to_owned(), "botyard-main-2-19700101T000000Z.db".to_owned()]);
            let gone = too_many(&main(), &names, keep);
            prop_assert_eq!(&gone[..], &ours[..ours.len().saturating_sub(keep)]);
        }
    }
}
