//! Schedules and timers through the whole house, under a clock that stands still unless it is moved; and whose day it is.

use std::{future::Future, time::Duration};

use botyard::{
    app::Threads,
    base::{Breaking, Clock},
    store::{EventQuery, EventSummary, Store},
};
use serde_json::json;

use crate::{
    sim_support::{pass, with_stopped_clock},
    support::house::{ECHO, House, Plan, address},
};

/// Each minute to alice, with the moment it was planned for.
const EACH_MINUTE: &str =
    "[[schedule]]\nname = 'minute'\ncron = '* * * * *'\nto = 'alice@example.com'\nreply = 'at {{ event.value }}'\n";

async fn stopped(rules: &str, definition: &str) -> House {
    let breaking = Breaking::parse(rules).unwrap();
    let plan = Plan { threads: Threads::One, clock: Clock::following_tokio(), breaking, ..Plan::default() };
    House::build(plan, &[("echo.toml", definition)]).await
}

/// Moves the clock by small steps until something is so.
async fn in_time<T, F: Future<Output = Option<T>>>(house: &House, what: &str, look: impl Fn() -> F) -> T {
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "it never came to this: {what}");
        tokio::time::advance(Duration::from_secs(1)).await;
        // Whatever can be done without time is done: each look goes through sockets and the store, as all work does.
        for _ in 0..10 {
            house.bot("echo").await;
        }
    }
}

async fn events(house: &House, kind: &str) -> Vec<EventSummary> {
    let query = EventQuery { bot: None, state: None, limit: 1_000 };
    let all = house.app().store().events(query).await.unwrap();
    all.into_iter().filter(|event| event.kind == kind).collect()
}

/// What the bot said so far, the first first.
async fn said(house: &House) -> Vec<String> {
    let wait = json!({ "bot": address("echo"), "after": 0, "replies": 0, "timeout_ms": 0 });
    let messages = house.sim.post("/wait", wait).await["messages"].clone();
    messages.as_array().unwrap().iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

async fn so_many(house: &House, count: usize) -> Vec<String> {
    in_time(house, "so many answers", || async { Some(said(house).await).filter(|said| said.len() >= count) }).await
}

fn is_at(minute: usize) -> String {
    format!("at 2026-01-01T00:{minute:02}:00.000Z")
}

#[test]
fn a_schedule_runs_at_its_time_and_once_though_its_scheduler_panics_and_the_house_restarts() {
    with_stopped_clock(async {
        let mut house = stopped("in_scheduler:70=panic", &format!("{ECHO}{EACH_MINUTE}")).await;
        house.registered(&["echo"]).await;
        assert_eq!(so_many(&house, 2).await[..2], [is_at(1), is_at(2)]);
        house.stop().await;
        let last = said(&house).await.len();
        // Down over two runs: the last of them is made up for. The simulator is asked on the way, as ever.
        for _ in 0..30 {
            tokio::time::advance(Duration::from_secs(5)).await;
            said(&house).await;
        }
        house.open().await.unwrap();
        let said = so_many(&house, last + 2).await;
        let mut sorted = said.clone();
        sorted.dedup();
        assert_eq!(said, sorted, "none twice");
        house.close().await;
    });
}

#[test]
fn a_paused_bot_s_schedule_does_not_pile_up() {
    with_stopped_clock(async {
        let house = stopped("", &format!("{ECHO}{EACH_MINUTE}missed = 'skip'\n")).await;
        house.registered(&["echo"]).await;
        so_many(&house, 1).await;
        let (status, _) = house.admin("POST", "/bots/echo/pause", Some(json!({}))).await;
        assert_eq!(status, 200);
        house.state("echo", "paused").await;
        let before = events(&house, "schedule").await.len();
        for _ in 0..20 {
            pass(Duration::from_mins(1)).await;
            house.bot("echo").await;
        }
        assert_eq!(events(&house, "schedule").await.len(), before);
        let (status, _) = house.admin("POST", "/bots/echo/resume", Some(json!({}))).await;
        assert_eq!(status, 200);
        let after = so_many(&house, before + 1).await;
        assert!(after[before] > is_at(20), "{after:?}");
        house.close().await;
    });
}

#[test]
fn a_changed_definition_changes_its_schedules() {
    with_stopped_clock(async {
        let house = stopped("", &format!("{ECHO}{EACH_MINUTE}")).await;
        house.registered(&["echo"]).await;
        so_many(&house, 1).await;
        house.write("echo.toml", &format!("{ECHO}{}", EACH_MINUTE.replace("at {{", "now at {{")));
        house.reload(false).await;
        let said = so_many(&house, 3).await;
        // The clock may have moved on by the time that they are looked at: every one of them is looked at.
        let minutes = 2..=said.len();
        let expected: Vec<_> = [is_at(1)].into_iter().chain(minutes.map(|n| format!("now {}", is_at(n)))).collect();
        assert_eq!(said, expected);
        house.write("echo.toml", ECHO);
        house.reload(false).await;
        in_time(&house, "the schedule to be forgotten", || async {
            house.app().store().schedules(None).await.unwrap().is_empty().then_some(())
        })
        .await;
        house.close().await;
    });
}

#[test]
fn a_timer_comes_to_the_second_also_behind_a_restart_and_a_cancelled_one_does_not() {
    with_stopped_clock(async {
        let rules = "[[command]]\nwords = ['later']\ntimer = { name = 'tea', after = '5m', value = 'tea' }\n\
                     [[command]]\nwords = ['never']\ntimer = { name = 'ice', after = '1m' }\n\
                     [[command]]\nwords = ['stop']\ncancel_timer = 'ice'\n\
                     [[on]]\nevent = 'timer'\nreply = '{{ event.value }} is ready'\n";
        let mut house = stopped("", &format!("token = 'env:X'\n{rules}")).await;
        house.registered(&["echo"]).await;
        for line in ["later", "never", "stop"] {
            house.sim.say(&address("echo"), line).await;
        }
        in_time(&house, "the turns", || async {
            (events(&house, "messages.created").await.iter().filter(|e| e.finished_at.is_some()).count() == 3)
                .then_some(())
        })
        .await;
        let due = house.app().store().next_timer().await.unwrap().unwrap();
        house.stop().await;
        house.open().await.unwrap();
        assert_eq!(so_many(&house, 1).await, ["tea is ready"]);
        let fired = events(&house, "timer").await;
        assert_eq!(fired.len(), 1);
        let late = fired[0].accepted_at.since(due);
        assert!(late <= Duration::from_secs(2), "{late:?}");
        house.close().await;
    });
}

#[actix::test]
async fn today_is_a_day_in_the_zone_of_the_settings() {
    let text = "[[command]]\nusage = 'due <day:date>'\nreply = '{{ args.day }}'\n";
    let settings = vec![("schedule.timezone", "Pacific/Kiritimati".to_owned())];
    let mut house = House::build(Plan { settings, ..Plan::default() }, &[("diary.toml", text)]).await;
    house.registered(&["diary"]).await;
    let east = house.sim.ask("diary", "due today").await;
    house.stop().await;
    house.set("schedule.timezone", "Pacific/Pago_Pago");
    house.open().await.unwrap();
    house.registered(&["diary"]).await;
    let west = house.sim.ask("diary", "due today").await;
    // 25 hours lie between the two: it is never the same day in both.
    assert!(east > west, "{east} and {west}");
    house.close().await;
}
