//! What a schedule comes to at a moment. Pure.

use std::time::Duration;

use chrono_tz::Tz;

use crate::{
    base::{BotId, Millis},
    brain::{
        Schedule,
        cron::{self, Missed},
    },
    store::ScheduleRow,
};

/// A run that is later than this was missed: nobody was there for it.
pub(super) const LATE: Duration = Duration::from_mins(1);
/// Runs that are made up for at most, the last of them.
pub(super) const MADE_UP: usize = 100;
/// As long as it may still be that time somewhere on earth: twenty-six hours, and one for good measure.
const SOMEWHERE: Duration = Duration::from_hours(27);
/// Further ahead than this a schedule can only be because a clock was wrong: it begins anew.
const AHEAD: Duration = Duration::from_hours(24);

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing before this moment; none: never any more.
    Wait(Option<Millis>),
    /// It begins: runs are counted from now on.
    Begin,
    /// It moves on.
    Move {
        /// All runs up to here are dealt with then.
        through: Millis,
        /// What runs, by the moment it was planned for.
        runs: Vec<Millis>,
        /// What it is called in metrics.
        how: How,
    },
}

/// How a schedule moves on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// A run at its time.
    OnTime,
    /// Runs that were missed are made up for, as far as its rule says so.
    MadeUp,
}

/// What a schedule comes to that stands there.
pub(super) fn due(bot: &BotId, schedule: &Schedule, stands: Option<&ScheduleRow>, now: Millis, house: Tz) -> Due {
    let plan = &schedule.plan;
    let Some(row) = stands.filter(|row| row.plan == plan.text(house) && row.through <= now.plus(AHEAD)) else {
        return Due::Begin;
    };
    let Some(planned) = plan.next(row.through, house) else { return Due::Wait(None) };
    let at = planned.plus(cron::jitter(bot, &schedule.name, planned, plan.jitter));
    if at > now {
        return Due::Wait(Some(at));
    }
    // Whatever of this comes after is not late yet, even if it waited as long as it may.
    let late = now.minus(LATE).minus(plan.jitter);
    if planned > late {
        return Due::Move { through: planned, runs: vec![planned], how: How::OnTime };
    }
    let (mut runs, _) = plan.last(row.through, late, MADE_UP, house);
    let through = runs.last().copied().unwrap_or(planned);
    let still_somewhere = |run: &Millis| plan.per_person && run.plus(SOMEWHERE) > now;
    match plan.missed {
        Missed::All => {}
        Missed::Once => runs.retain(|run| *run == through || still_somewhere(run)),
        Missed::Skip => runs.retain(still_somewhere),
    }
    Due::Move { through, runs, how: How::MadeUp }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::brain::cron::{Plan, Timing};

    const UTC: Tz = Tz::UTC;

    fn bot() -> BotId {
        BotId::parse("echo").unwrap()
    }

    fn at(text: &str) -> Millis {
        Millis::from_iso(&format!("{text}:00Z")).unwrap()
    }

    fn daily(missed: Missed) -> Schedule {
        let plan = Plan { missed, ..Plan::new(Timing::Cron("0 9 * * *".into())) };
        Schedule { name: "standup".into(), plan }
    }

    fn row(schedule: &Schedule, through: Millis) -> ScheduleRow {
        ScheduleRow { bot: bot(), name: schedule.name.to_string(), plan: schedule.plan.text(UTC), through }
    }

    fn seen(schedule: &Schedule, through: &str, now: Millis) -> Due {
        due(&bot(), schedule, Some(&row(schedule, at(through))), now, UTC)
    }

    fn moved(through: &str, runs: &[&str], how: How) -> Due {
        Due::Move { through: at(through), runs: runs.iter().map(|run| at(run)).collect(), how }
    }

    #[test]
    fn it_begins_where_it_never_stood_and_with_another_plan() {
        let schedule = daily(Missed::All);
        assert_eq!(due(&bot(), &schedule, None, at("2026-11-30T12:00"), UTC), Due::Begin);
        let berlin = due(
            &bot(),
            &schedule,
            Some(&row(&schedule, at("2026-11-01T09:00"))),
            at("2026-11-30T12:00"),
            Tz::Europe__Berlin,
        );
        assert_eq!(berlin, Due::Begin, "another zone is another plan");
        assert_eq!(seen(&schedule, "2030-01-01T00:00", at("2026-11-30T12:00")), Due::Begin, "a clock was wrong");
    }

    #[test]
    fn a_run_at_its_time_runs_whatever_the_rule() {
        for missed in [Missed::Skip, Missed::Once, Missed::All] {
            let schedule = daily(missed);
            let before = at("2026-11-30T09:00").minus(Duration::from_millis(1));
            assert_eq!(seen(&schedule, "2026-11-29T09:00", before), Due::Wait(Some(at("2026-11-30T09:00"))));
            let ran = moved("2026-11-30T09:00", &["2026-11-30T09:00"], How::OnTime);
            assert_eq!(seen(&schedule, "2026-11-29T09:00", at("2026-11-30T09:00")), ran);
            let within = at("2026-11-30T09:00").plus(Duration::from_secs(59));
            assert_eq!(seen(&schedule, "2026-11-29T09:00", within), ran);
        }
    }

    #[test]
    fn what_was_missed_follows_the_rule() {
        let now = at("2026-11-30T12:00");
        let of = |missed| seen(&daily(missed), "2026-11-27T09:00", now);
        assert_eq!(of(Missed::Skip), moved("2026-11-30T09:00", &[], How::MadeUp));
        assert_eq!(of(Missed::Once), moved("2026-11-30T09:00", &["2026-11-30T09:00"], How::MadeUp));
        let all = ["2026-11-28T09:00", "2026-11-29T09:00", "2026-11-30T09:00"];
        assert_eq!(of(Missed::All), moved("2026-11-30T09:00", &all, How::MadeUp));
    }

    #[test]
    fn making_up_is_bounded() {
        let schedule =
            Schedule { name: "often".into(), plan: Plan { missed: Missed::All, ..Plan::new(Timing::Every(60_000)) } };
        let Due::Move { runs, through, .. } = seen(&schedule, "2026-01-01T00:00", at("2026-11-30T12:00")) else {
            panic!()
        };
        assert_eq!((runs.len(), through), (MADE_UP, at("2026-11-30T11:59")));
    }

    #[test]
    fn a_run_of_each_person_is_not_missed_while_it_is_that_time_somewhere() {
        let mut schedule = daily(Missed::Skip);
        schedule.plan.per_person = true;
        // 09:00 on the 30th begins on earth at 19:00Z of the 29th.
        let late = seen(&schedule, "2026-11-27T19:00", at("2026-11-30T12:00"));
        assert_eq!(late, moved("2026-11-29T19:00", &["2026-11-29T19:00"], How::MadeUp));
    }

    proptest! {
        /// Whenever it is looked at, and however often: with `all` each run comes once, in order; with `once` no run
        /// comes twice, and one that nobody missed comes; none comes before its time.
        #[test]
        fn no_run_is_doubled_and_none_is_lost(
            steps in prop::collection::vec(1_u64..40_000_000, 1..40), jitter in 0_u64..600_000, which in 0..3_usize,
        ) {
            let missed = [Missed::Skip, Missed::Once, Missed::All][which];
            let mut schedule = daily(missed);
            schedule.plan.timing = Timing::Cron("0 */3 * * *".into());
            schedule.plan.jitter = Duration::from_millis(jitter);
            let begin = at("2026-03-01T00:00");
            let (mut stands, mut now, mut ran) = (row(&schedule, begin), begin, Vec::new());
            for step in steps {
                now = now.plus(Duration::from_millis(step));
                for _ in 0..50 {
                    let Due::Move { through, runs, .. } = due(&bot(), &schedule, Some(&stands), now, UTC) else { break };
                    prop_assert!(through > stands.through && through <= now);
                    ran.extend(runs);
                    stands.through = through;
                }
            }
            prop_assert!(ran.is_sorted_by(|one, next| one < next));
            prop_assert!(ran.iter().all(|run| *run <= now));
            if missed == Missed::All {
                let mut expected = Vec::new();
                let mut at = begin;
                while let Some(next) = schedule.plan.next(at, UTC).filter(|next| *next <= stands.through) {
                    expected.push(next);
                    at = next;
                }
                prop_assert_eq!(ran, expected);
            }
        }
    }
}
