//! Schedules that move on with their runs, and timers that become events.

use super::*;
use crate::{
    base::{Event, Trigger},
    store::{By, NewTimer, ScheduleMove, ScheduleMoved, ScheduleRow, TimersFired, Whom},
};

fn run(bot: &BotId, planned: i64) -> NewEvent {
    let event = Event {
        at: Millis(planned),
        actor: None,
        trigger: Trigger::Schedule {
            name: "standup".into(),
            planned: Millis(planned),
            zone: String::new(),
            person: None,
        },
    };
    NewEvent {
        kind: "schedule",
        class: Class::Background,
        payload: event.encode(),
        ..super::event(bot, &format!("schedule/standup/{planned}"), "standup")
    }
}

fn at(bot: &BotId, through: i64) -> ScheduleRow {
    ScheduleRow { bot: bot.clone(), name: "standup".into(), plan: "0 9 * * * UTC".into(), through: Millis(through) }
}

fn step(bot: &BotId, from: Option<i64>, to: i64, runs: &[i64]) -> ScheduleMove {
    let runs = runs.iter().map(|planned| run(bot, *planned)).collect();
    ScheduleMove { to: at(bot, to), from: from.map(Millis), runs }
}

fn timer(name: &str, due_at: i64) -> NewTimer {
    let event = Event {
        at: Millis(due_at),
        actor: None,
        trigger: Trigger::Timer { name: name.into(), room: "R".into(), person: None, value: serde_json::Value::Null },
    };
    NewTimer { name: name.into(), due_at: Millis(due_at), order_key: event.order_key(), payload: event.encode() }
}

impl Rig {
    async fn with_timers(&self, lease: &Lease, key: &str, timers: Vec<NewTimer>, cancelled: &[&str]) {
        let seq = self.claimed(lease, key).await;
        let cancelled = cancelled.iter().map(|name| (*name).to_owned()).collect();
        let answer = self.store.commit_turn(TurnCommit { timers, cancelled, ..turn(lease, seq) }).await.unwrap();
        assert_eq!(answer, TurnAnswer::Committed);
    }

    async fn waiting(&self, lease: &Lease) -> Vec<String> {
        let rows = self.due(lease).await;
        let names = rows.iter().map(|row| match Event::decode(&row.payload).unwrap().trigger {
            Trigger::Timer { name, .. } | Trigger::Schedule { name, .. } => name,
            other => panic!("{other:?}"),
        });
        names.collect()
    }
}

#[tokio::test]
async fn a_run_and_where_its_schedule_stands_are_one_commit() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let bot = &lease.bot;
        assert_eq!(rig.store.move_schedule(step(bot, None, 5, &[])).await.unwrap(), ScheduleMoved::Done);
        assert!(rig.due(&lease).await.is_empty(), "it begins without a run");
        rig.bell.take();
        assert_eq!(rig.store.move_schedule(step(bot, Some(5), 9, &[9])).await.unwrap(), ScheduleMoved::Done);
        assert_eq!(rig.bell.take()[0].events.len(), 1, "the bot hears of it");
        assert_eq!(rig.store.schedules(None).await.unwrap(), [at(bot, 9)]);
        // Whoever has seen it before the run runs nothing, however often it tries.
        for from in [None, Some(5)] {
            assert_eq!(rig.store.move_schedule(step(bot, from, 9, &[9])).await.unwrap(), ScheduleMoved::Elsewhere);
        }
        assert_eq!(rig.waiting(&lease).await, ["standup"]);
        let rig = rig.reopened().await;
        assert_eq!(rig.store.schedules(Some(bot.clone())).await.unwrap(), [at(bot, 9)]);
        assert_eq!(rig.store.schedules(Some(super::bot("b"))).await.unwrap(), []);
    })
    .await;
}

#[tokio::test]
async fn a_schedule_of_a_bot_that_is_full_or_gone_stays_where_it_is() {
    here(async {
        let rig = Rig::with(|options| options.limits.pending_per_bot = 2).await;
        let lease = rig.lease("a").await;
        let bot = &lease.bot;
        rig.store.move_schedule(step(bot, None, 5, &[])).await.unwrap();
        let full = rig.store.move_schedule(step(bot, Some(5), 8, &[6, 7, 8])).await.unwrap();
        assert_eq!(full, ScheduleMoved::Full);
        assert_eq!(rig.store.schedules(None).await.unwrap(), [at(bot, 5)]);
        let gone = rig.store.move_schedule(step(&super::bot("ghost"), None, 5, &[])).await.unwrap();
        assert_eq!(gone, ScheduleMoved::Gone);
        rig.store.retire(bot.clone(), Millis(1)).await.unwrap();
        assert_eq!(rig.store.move_schedule(step(bot, Some(5), 6, &[6])).await.unwrap(), ScheduleMoved::Gone);
        while !rig.store.schedules(None).await.unwrap().is_empty() {
            rig.store.forget(bot.clone()).await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn due_timers_become_events_once_and_others_wait() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        let now = rig.clock.now().0;
        assert_eq!(rig.store.next_timer().await.unwrap(), None);
        let timers = vec![timer("late", now + 60_000), timer("second", now - 1), timer("first", now - 2)];
        rig.with_timers(&lease, "m1", timers, &[]).await;
        assert_eq!(rig.store.next_timer().await.unwrap(), Some(Millis(now - 2)));
        rig.bell.take();
        assert_eq!(rig.store.fire_timers().await.unwrap(), TimersFired { fired: 2, more: false });
        assert_eq!(rig.bell.take()[0].events.len(), 2);
        assert_eq!(rig.store.fire_timers().await.unwrap(), TimersFired::default());
        assert_eq!(rig.waiting(&lease).await, ["first", "second"]);
        assert_eq!(rig.store.next_timer().await.unwrap(), Some(Millis(now + 60_000)));
        let rig = rig.reopened().await;
        assert_eq!(rig.store.fire_timers().await.unwrap(), TimersFired::default());
    })
    .await;
}

#[tokio::test]
async fn a_cancelled_timer_does_not_come_and_one_set_anew_does() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        rig.with_timers(&lease, "m1", vec![timer("x", 1), timer("y", 1)], &[]).await;
        rig.with_timers(&lease, "m2", vec![timer("y", 2)], &["x", "y", "never set"]).await;
        assert_eq!(rig.store.fire_timers().await.unwrap().fired, 1);
        assert_eq!(rig.waiting(&lease).await, ["y"]);
    })
    .await;
}

#[tokio::test]
async fn timers_are_fired_in_bounded_steps_and_a_full_bot_holds_nobody_up() {
    here(async {
        let rig = Rig::with(|options| options.limits.pending_per_bot = 300).await;
        let (full, other) = (rig.lease("full").await, rig.lease("other").await);
        let many = (0..400).map(|n| timer(&format!("t{n:03}"), 1)).collect();
        rig.with_timers(&full, "m1", many, &[]).await;
        rig.with_timers(&other, "m1", vec![timer("x", 2)], &[]).await;
        assert_eq!(rig.store.fire_timers().await.unwrap(), TimersFired { fired: 256, more: true });
        let mut fired = 0;
        for _ in 0..3 {
            fired += rig.store.fire_timers().await.unwrap().fired;
        }
        assert_eq!(fired, 44 + 1, "as many as fit, and the other bot's");
        assert_eq!(rig.waiting(&other).await, ["x"]);
        assert_eq!(rig.due(&full).await.len(), 100, "a look is bounded too");
    })
    .await;
}

#[tokio::test]
async fn timers_of_a_bot_that_has_left_are_dropped() {
    here(async {
        let rig = Rig::new().await;
        let lease = rig.lease("a").await;
        rig.with_timers(&lease, "m1", vec![timer("x", 1)], &[]).await;
        rig.store.retire(lease.bot.clone(), Millis(1)).await.unwrap();
        assert_eq!(rig.store.fire_timers().await.unwrap(), TimersFired::default());
        assert_eq!(rig.store.next_timer().await.unwrap(), None);
    })
    .await;
}

#[tokio::test]
async fn the_end_of_an_ordinary_pause_leaves_schedules_where_they_are() {
    here(async {
        let rig = Rig::new().await;
        let bot = rig.bot("a").await;
        rig.store.move_schedule(step(&bot, None, 5, &[])).await.unwrap();
        rig.store.pause(Whom::All, By::house("test")).await.unwrap();
        rig.store.resume(Whom::All, By::house("test")).await.unwrap();
        assert_eq!(rig.store.schedules(None).await.unwrap(), [at(&bot, 5)]);
    })
    .await;
}
