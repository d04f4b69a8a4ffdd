//! Parts of the house panic, hang, crash again and again: each time that concerns as little as it can.

use std::time::Duration;

use botyard::{
    actors::bells::BellFaults,
    app::Threads,
    base::{Breaking, Clock, Point},
    store::{Cause, EventDetail, EventQuery, EventState, LetterFilter, LetterQuery, Store},
};
use serde_json::{Value, json};

use crate::{
    sim_support::{pass, with_stopped_clock},
    support::{
        house::{ECHO, House, Plan, address},
        raw_http,
    },
};

/// A house that breaks by these rules, on one thread whose clock stands.
async fn stopped(rules: &str, bots: &[(&str, &str)]) -> House {
    let breaking = Breaking::parse(rules).unwrap();
    let plan = Plan { threads: Threads::One, clock: Clock::following_tokio(), breaking, ..Plan::default() };
    House::build(plan, bots).await
}

/// Lets whatever can be done without time be done: each look goes through sockets and the store, as all work does.
async fn breathe(house: &House) {
    for _ in 0..20 {
        house.bot("echo").await;
    }
}

/// Moves the stopped clock by small steps until something is so.
async fn in_time<F: Future<Output = bool>>(house: &House, what: &str, step: Duration, is_so: impl Fn() -> F) {
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while !is_so().await {
        assert!(std::time::Instant::now() < deadline, "it never came to this: {what}");
        tokio::time::advance(step).await;
        breathe(house).await;
    }
}

async fn events(house: &House) -> Vec<EventDetail> {
    let store = house.app().store();
    let mut events = Vec::new();
    for event in store.events(EventQuery { bot: None, state: None, limit: 1_000 }).await.unwrap() {
        events.push(store.event(event.id).await.unwrap().unwrap());
    }
    events
}

async fn crashes(house: &House) -> String {
    let text = raw_http::send(house.app().admin_addr(), "GET", "/metrics", &[], "").await.body;
    text.lines().find(|line| line.starts_with("botyard_bot_crashes_total")).unwrap().to_owned()
}

async fn is(house: &House, bot: &str, state: &str) -> bool {
    house.bot(bot).await["state"] == state
}

#[actix::test]
async fn a_panic_in_a_turn_buries_that_event_and_touches_nothing_else() {
    let breaking = Breaking::parse("mid_turn:echo:2=panic").unwrap();
    let house = House::build(Plan { breaking, ..Plan::default() }, &[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["echo", "other"]).await;
    let people = ["alice", "bob", "carol"].map(|name| format!("{name}@example.com"));
    for round in 0..3 {
        for person in &people {
            for bot in ["echo", "other"] {
                let said = json!({ "as": person, "to": address(bot), "text": format!("{round}") });
                house.sim.say_it(said).await;
            }
        }
    }
    house.sim.replies("other", 0, 9).await;
    house.sim.replies("echo", 0, 8).await;
    house.quiet().await;
    let events = events(&house).await;
    let buried: Vec<_> = events.iter().filter(|event| event.summary.state == EventState::Buried).collect();
    assert_eq!((events.len(), buried.len()), (18, 1));
    let crashed = LetterFilter { cause: Some(Cause::Crashed), ..LetterFilter::default() };
    let query = LetterQuery { filter: crashed, after: None, limit: 10 };
    let letters = house.app().store().letters(query).await.unwrap().letters;
    assert_eq!(letters.len(), 1, "its cause says so: {buried:?}");
    assert!(events.iter().all(|event| event.summary.attempt == 1), "no other turn was disturbed: {events:?}");
    assert_eq!(crashes(&house).await, "botyard_bot_crashes_total 0", "the bot itself goes on");
    house.close().await;
}

#[actix::test]
async fn a_panic_at_any_point_leaves_no_event_without_its_outcome() {
    let rules = "after_verify:2=panic, after_accept:4=panic, mid_turn:5=panic, before_turn_commit:7=panic, \
                 after_turn_commit:9=panic, before_send:10=panic, after_send:11=panic";
    let breaking = Breaking::parse(rules).unwrap();
    let house = House::build(Plan { breaking, ..Plan::default() }, &[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    for number in 0..20 {
        house.sim.say(&address("echo"), &format!("{number}")).await;
    }
    // Nobody acknowledged the second, so nobody promised anything about it; two are buried.
    house.sim.replies("echo", 0, 17).await;
    house.quiet().await;
    let events = events(&house).await;
    let buried = events.iter().filter(|event| event.summary.state == EventState::Buried).count();
    assert_eq!((events.len(), buried), (19, 2), "{events:#?}");
    let deliveries: Vec<_> = events.iter().flat_map(|event| &event.deliveries).collect();
    assert!(deliveries.iter().all(|delivery| delivery.state == "sent"), "{deliveries:?}");
    assert_eq!(deliveries.iter().filter(|delivery| delivery.doubtful).count(), 2, "before and after it left");
    let replies = house.sim.replies("echo", 0, 18).await;
    assert_eq!(replies.len(), 18, "one was there when the try panicked, and is said again");
    assert_eq!(house.sim.ask("echo", "as ever").await, "as ever");
    house.close().await;
}

#[test]
fn a_stuck_turn_is_cut_tried_again_and_buried_at_last() {
    with_stopped_clock(async {
        let house = stopped("mid_turn:echo:2+=hang", &[("echo.toml", ECHO)]).await;
        house.registered(&["echo"]).await;
        assert_eq!(house.sim.ask("echo", "one").await, "one");
        let turns = house.breaking().passes(Point::MidTurn);
        house.sim.say(&address("echo"), "two").await;
        let stuck = || async { (house.breaking().passes(Point::MidTurn) > turns).then_some(()) };
        house.sim.eventually("a stuck turn", stuck).await;
        let reasons = || async { events(&house).await.into_iter().filter_map(|event| event.summary.reason).count() };
        pass(Duration::from_secs(119)).await;
        breathe(&house).await;
        assert_eq!(reasons().await, 0, "it is not cut before its time");
        tokio::time::advance(Duration::from_secs(2)).await;
        house.sim.eventually("the turn to be cut", || async { (reasons().await == 1).then_some(()) }).await;
        for attempt in 2..=5 {
            let begun = || async { house.breaking().passes(Point::MidTurn) >= turns + attempt };
            in_time(&house, "another try", Duration::from_millis(500), begun).await;
            pass(Duration::from_secs(121)).await;
        }
        let buried =
            || async { events(&house).await.into_iter().find(|event| event.summary.state == EventState::Buried) };
        let event = house.sim.eventually("its burial", buried).await;
        assert_eq!(event.summary.attempt, 5);
        let reason = event.summary.reason.as_deref().unwrap();
        assert_eq!(reason, "gave up after 5 attempts: stuck: cut after 120 s without a decision");
        house.breaking().arm("").unwrap();
        assert_eq!(house.sim.ask("echo", "three").await, "three");
        house.close().await;
    });
}

#[test]
fn a_bot_that_keeps_crashing_is_quarantined_until_its_definition_changes_and_loses_nothing() {
    with_stopped_clock(async {
        let mut house = stopped("", &[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
        house.registered(&["echo", "other"]).await;
        house.breaking().arm("in_bot:echo:1+=panic").unwrap();
        let after = house.sim.say(&address("echo"), "one").await;
        let crashed = |count: usize| {
            let house = &house;
            move || async move { crashes(house).await == format!("botyard_bot_crashes_total {count}") }
        };
        let mut moments = Vec::new();
        for count in 1..=5 {
            in_time(&house, "a crash", Duration::from_millis(100), crashed(count)).await;
            moments.push(tokio::time::Instant::now());
        }
        let waits: Vec<_> = moments.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(
            waits[0] >= Duration::from_millis(400) && waits[3] >= Duration::from_secs(4),
            "longer waits: {waits:?}"
        );
        let quarantined = house.state("echo", "quarantined").await;
        assert!(quarantined["reason"].as_str().unwrap().contains("crashed five times"), "{quarantined}");
        house.sim.say(&address("echo"), "two").await;
        let kept = || async { (house.bot("echo").await["waiting"] == 2).then_some(()) };
        house.sim.eventually("two events to wait", kept).await;
        assert_eq!(house.sim.ask("other", "and you?").await, "and you?");

        house.breaking().arm("").unwrap();
        house.write("echo.toml", &ECHO.replace("{{ message.text }}", "mended: {{ message.text }}"));
        house.reload(false).await;
        let replies = house.sim.replies("echo", after, 2).await;
        assert_eq!((&replies[0]["text"], &replies[1]["text"]), (&json!("mended: one"), &json!("mended: two")));
        assert_eq!(house.state("echo", "running").await["reason"], Value::Null);
        house.stop().await;
        house.close().await;
    });
}

#[test]
fn a_parked_bot_is_tried_again_every_quarter_of_an_hour() {
    with_stopped_clock(async {
        let house = stopped("", &[("echo.toml", ECHO)]).await;
        house.registered(&["echo"]).await;
        let refused = json!({ "email": address("echo"), "status": 401, "times": 0 });
        house.sim.post("/rules", refused).await;
        house.sim.say(&address("echo"), "are you there?").await;
        house.state("echo", "parked").await;
        let tries = || async {
            let journal = house.sim.get("/journal?kind=request&max=10000").await;
            let entries = journal["entries"].as_array().unwrap();
            entries.iter().filter(|entry| entry["path"] == "/people/me" && entry["status"] == 401).count()
        };
        let before = tries().await;
        pass(Duration::from_secs(890)).await;
        breathe(&house).await;
        assert_eq!(tries().await, before, "it is not tried before its time");
        let again = || async { tries().await > before };
        in_time(&house, "a probe", Duration::from_secs(1), again).await;
        house.state("echo", "parked").await;
        house.sim.delete("/rules", json!({})).await;
        pass(Duration::from_secs(890)).await;
        in_time(&house, "a probe that succeeds", Duration::from_secs(1), || is(&house, "echo", "running")).await;
        assert_eq!(house.sim.replies("echo", 0, 1).await[0]["text"], "are you there?");
        house.close().await;
    });
}

/// A point inside a singleton panics; its successor comes by again.
async fn made_anew(house: &House, point: Point) {
    let breaking = house.breaking();
    let before = breaking.passes(point);
    breaking.arm(&format!("{}=panic", point.word())).unwrap();
    let again = || async { (breaking.passes(point) >= before + 2).then_some(()) };
    house.sim.say(&address("echo"), point.word()).await;
    house.sim.eventually(&format!("{point:?} to be passed again"), again).await;
}

/// It is made anew; what was said before, meanwhile and after is answered in its order.
async fn nothing_is_lost_with(house: &House, point: Point) {
    let after = house.sim.say(&address("echo"), "before").await;
    made_anew(house, point).await;
    house.sim.say(&address("echo"), "after").await;
    let replies = house.sim.replies("echo", after, 3).await;
    let texts: Vec<_> = replies.iter().map(|reply| reply["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["before", point.word(), "after"]);
    house.registered(&["echo", "other"]).await;
    assert_eq!(house.sim.ask("other", "and you?").await, "and you?");
    assert_eq!(crashes(house).await, "botyard_bot_crashes_total 0");
}

#[actix::test]
async fn the_api_and_the_registrar_are_made_anew_and_nothing_is_lost() {
    // With one thread of bots the api lives there too.
    for arbiters in ["1", "2"] {
        let plan = Plan { settings: vec![("bots.arbiters", arbiters.to_owned())], ..Plan::default() };
        let house = House::build(plan, &[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
        house.registered(&["echo", "other"]).await;
        nothing_is_lost_with(&house, Point::InApi).await;
        nothing_is_lost_with(&house, Point::InRegistrar).await;
        house.close().await;
    }
}

#[actix::test]
async fn the_sweeper_is_made_anew_and_nothing_is_lost() {
    // No commit rings, so nothing is done without it.
    let faults = BellFaults { drop_wakes: true, ..BellFaults::default() };
    let house = House::build(Plan { faults, ..Plan::default() }, &[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["echo", "other"]).await;
    nothing_is_lost_with(&house, Point::InSweeper).await;
    house.close().await;
}

#[test]
fn a_panic_over_the_webhooks_of_one_bot_ends_that_look_alone() {
    with_stopped_clock(async {
        let house = stopped("in_look:echo=panic", &[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
        house.registered(&["other"]).await;
        let told = || async {
            let echo = house.bot("echo").await;
            echo["last_error"].as_str().is_some_and(|error| error.contains("panicked")).then_some(())
        };
        house.sim.eventually("the error", told).await;
        let looks = house.breaking().passes(Point::InLook);
        let again = || async { house.bot("echo").await["webhooks"]["in_step"] == true };
        in_time(&house, "the next look", Duration::from_millis(500), again).await;
        assert_eq!(house.breaking().passes(Point::InLook), looks + 1, "nobody else was looked at again");
        house.close().await;
    });
}

#[actix::test]
async fn a_registrar_made_anew_looks_at_every_bot() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    for webhook in house.sim.webhooks("echo").await {
        let path = format!("/webhooks/{}", webhook["id"].as_str().unwrap());
        house.sim.v1("sim-bot-echo", "DELETE", &path, None).await;
    }
    made_anew(&house, Point::InRegistrar).await;
    let there = || async { (!house.sim.webhooks("echo").await.is_empty()).then_some(()) };
    house.sim.eventually("webhooks", there).await;
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.ask("echo", "hello").await, "hello");
    house.close().await;
}

#[actix::test]
async fn the_roster_and_the_watcher_are_made_anew_and_go_on_noticing() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    for (number, point) in [Point::InRoster, Point::InWatcher].into_iter().enumerate() {
        let breaking = house.breaking();
        let before = breaking.passes(point);
        breaking.arm(&format!("{}=panic", point.word())).unwrap();
        // The roster panics over this change, and finds it when it is back.
        let reply = |step: usize| format!("{number}.{step} {{{{ message.text }}}}");
        house.write("echo.toml", &ECHO.replace("{{ message.text }}", &reply(1)));
        house.sim.eventually("two passes", || async { (breaking.passes(point) >= before + 2).then_some(()) }).await;
        let says = |step: usize| {
            let house = &house;
            move || async move { (house.sim.ask("echo", "x").await == format!("{number}.{step} x")).then_some(()) }
        };
        house.sim.eventually("the change", says(1)).await;
        house.write("echo.toml", &ECHO.replace("{{ message.text }}", &reply(2)));
        house.sim.eventually("the next change", says(2)).await;
    }
    assert_eq!(house.bot("echo").await["state"], "running");
    house.close().await;
}

#[test]
fn the_janitor_and_the_meter_are_made_anew_and_go_on() {
    with_stopped_clock(async {
        let house = stopped("in_janitor=panic, in_meter=panic", &[("echo.toml", ECHO)]).await;
        house.registered(&["echo"]).await;
        let goes_on = |point| move |house: &House| house.breaking().passes(point) >= 3;
        for goes_on in [goes_on(Point::InJanitor), goes_on(Point::InMeter)] {
            in_time(&house, "a look of its own", Duration::from_secs(5), || async { goes_on(&house) }).await;
        }
        assert_eq!(house.sim.ask("echo", "hello").await, "hello");
        house.close().await;
    });
}
