//! What could not be handled or sent is kept, found, rehearsed and replayed: once, in order, by whoever runs it.

use std::time::Duration;

use botyard::{app::Threads, base::Clock};
use serde_json::{Value, json};

use crate::{
    sim_support::with_stopped_clock,
    support::{
        house::{ECHO, House, Plan, address},
        live::Live,
        program::Ran,
    },
};

/// Echoes, but for one word that its template cannot digest.
const BROKEN: &str = r#"token = "env:ECHO_TOKEN"
[fallback]
reply = """{%- if message.text == "seven" %}{{ message.text | float }}{% endif -%}you said {{ message.text }}"""
"#;
const MENDED: &str = r#"token = "env:ECHO_TOKEN"
[fallback]
reply = "you said {{ message.text }}"
"#;

fn read(ran: &Ran) -> Value {
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str(&ran.out).unwrap()
}

/// The dead letters of the real program.
async fn dead(live: &Live, args: &[&str]) -> Vec<Value> {
    let told = read(&live.run(&[&["dead", "--json"], args].concat()).await);
    told["letters"].as_array().unwrap().clone()
}

#[actix::test]
async fn a_buried_event_is_answered_once_after_the_definition_was_mended() {
    let live = Live::new(&[("echo.toml", BROKEN)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    let (after, _) = live.say("alice@example.com", "echo", "seven").await;
    service.logged("event buried").await;
    let letters = dead(&live, &["echo"]).await;
    assert_eq!((letters.len(), &letters[0]["cause"], &letters[0]["kind"]), (1, &json!("failed"), &json!("event")));
    let id = letters[0]["id"].as_str().unwrap();
    let table = live.run(&["dead"]).await;
    assert!(table.out.contains("failed") && table.out.contains(id), "{table:?}");
    let whole = live.run(&["dead", "--id", id.split_at(13).0]).await;
    assert!(whole.out.contains("the template of fallback failed") && whole.out.contains("\"trigger\""), "{whole:?}");

    let rehearsed = live.run(&["replay", "--bot", "echo", "--dry-run"]).await;
    assert!(rehearsed.out.contains("would die again: the template of fallback failed"), "{rehearsed:?}");
    live.ground.write("bots.d/echo.toml", MENDED);
    let reload = live.run(&["reload", "--wait"]).await;
    assert_eq!(reload.code, 0, "{reload:?}");
    let rehearsed = read(&live.run(&["replay", "--reason", "failed", "--dry-run", "--json"]).await);
    let told = &rehearsed["letters"][0]["rehearsal"];
    assert_eq!((&told["would"], &told["rule"]), (&json!("act"), &json!("fallback")));
    assert_eq!(told["deliveries"][0]["text"], "you said seven");
    assert_eq!(dead(&live, &[]).await.len(), 1, "a rehearsal writes nothing");
    assert!(live.replies("echo", after, 0).await.is_empty(), "and sends nothing");

    let replayed = live.run(&["replay", "--reason", "failed"]).await;
    assert_eq!((replayed.code, replayed.out.as_str()), (0, "1 event replayed\n"), "{replayed:?}");
    assert_eq!(live.replies("echo", after, 1).await, ["you said seven"]);
    assert!(dead(&live, &[]).await.is_empty());
    let again = live.run(&["replay", "--all"]).await;
    assert_eq!(again.out, "0 events replayed\n");
    assert_eq!(live.ask("echo", "eight").await, "you said eight");
    assert_eq!(live.replies("echo", after, 2).await.len(), 2, "each was answered once");
    let story = live.run(&["events", "--id", id]).await;
    assert!(story.out.contains("replayed: it had been buried") && story.out.contains("finished"), "{story:?}");
    let acts = read(&live.run(&["audit", "--act", "replay", "--json"]).await);
    assert_eq!(
        (acts["acts"].as_array().unwrap().len(), &acts["acts"][0]["subject"], &acts["acts"][0]["rows"]),
        (1, &json!("cause failed"), &json!(1))
    );
    let log = service.stop().await;
    assert!(log.iter().all(|line| !line.contains("seven")), "no content in the log: {log:#?}");
}

#[actix::test]
async fn a_delivery_that_was_given_up_is_sent_again_and_what_is_dropped_is_gone() {
    let live = Live::new(&[("echo.toml", MENDED)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.rule(json!({ "method": "POST", "path": "/messages", "email": address("echo"), "status": 400, "times": 2 }))
        .await;
    let (after, _) = live.say("alice@example.com", "echo", "one").await;
    service.logged("a delivery was given up").await;
    let letters = dead(&live, &["--kind", "delivery"]).await;
    assert_eq!((letters.len(), &letters[0]["cause"], &letters[0]["doubtful"]), (1, &json!("refused"), &json!(false)));
    let id = letters[0]["id"].as_str().unwrap();
    let whole = read(&live.run(&["dead", "--id", id, "--json"]).await);
    assert_eq!(whole["content"]["text"], "you said one");
    let rehearsed = live.run(&["replay", "--id", id, "--dry-run"]).await;
    assert!(rehearsed.out.contains("would be sent again") && rehearsed.out.contains("you said one"), "{rehearsed:?}");

    live.say("alice@example.com", "echo", "two").await;
    let both = || async { (dead(&live, &[]).await.len() == 2).then_some(()) };
    crate::support::live::eventually("two dead letters", both).await;
    let replayed = live.run(&["replay", "--id", id]).await;
    assert_eq!(replayed.out, "1 delivery replayed\n", "{replayed:?}");
    assert_eq!(live.replies("echo", after, 1).await, ["you said one"]);

    let unasked = live.run(&["dead", "echo", "--drop"]).await;
    assert!(unasked.code == 1 && unasked.err.contains("--yes"), "{unasked:?}");
    let dropped = live.run(&["dead", "echo", "--drop", "--yes"]).await;
    assert_eq!(dropped.out, "1 delivery dropped\n", "{dropped:?}");
    assert!(dead(&live, &[]).await.is_empty());
    let gone = live.run(&["replay", "--id", id]).await;
    assert!(gone.code == 1 && gone.err.contains("there is no dead letter"), "{gone:?}");
    service.stop().await;

    // With no service running the store answers; only the bots themselves cannot be asked.
    let none = live.run(&["replay", "--all", "--json"]).await;
    assert_eq!(read(&none)["events"], 0);
    let nobody = live.run(&["replay", "--all", "--dry-run"]).await;
    assert!(nobody.code == 1 && nobody.err.contains("no service is running"), "{nobody:?}");
}

#[actix::test]
async fn without_saying_which_nothing_is_replayed_or_dropped() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    for (args, code, words) in [
        (&["replay"][..], 64, "--reason CAUSE"),
        (&["dead", "--drop"], 64, "--all"),
        (&["replay", "--all", "--bot", "echo"], 64, "--bot"),
        (&["replay", "--since", "soon"], 64, "no moment"),
        (&["dead", "--reason", "sorrow"], 64, "gave_up"),
        (&["dead", "--yes"], 64, "--drop"),
        (&["dead"], 1, "no running service was found"),
    ] {
        let ran = live.run(args).await;
        assert!(ran.code == code && ran.err.contains(words), "{args:?}: {ran:?}");
    }
    let house = House::with(&[("echo.toml", ECHO)]).await;
    for (path, body, status) in [
        ("/dead/replay", json!({}), 400),
        ("/dead/drop", json!({ "which": {} }), 400),
        ("/dead/replay", json!({ "all": true, "which": { "bot": "echo" } }), 400),
        ("/dead/replay", json!({ "which": { "colour": "red" } }), 400),
        ("/dead/replay", json!({ "all": true, "from": "here" }), 400),
        ("/dead/replay", json!({ "which": { "id": "01935f00-0000-7000-8000-000000000001" } }), 404),
        ("/dead/replay", json!({ "all": true }), 200),
    ] {
        let (answered, told) = house.admin("POST", path, Some(body.clone())).await;
        assert_eq!(answered, status, "{path} {body}: {told}");
    }
    for (path, status) in [
        ("/dead?cause=sorrow", 400),
        ("/dead?kind=song", 400),
        ("/dead?after=here", 400),
        ("/dead/01935f00-0000-7000-8000-000000000001", 404),
        ("/dead/nothing", 404),
        ("/dead?limit=1&cause=failed&kind=event&since=1&until=2", 200),
    ] {
        let (answered, told) = house.admin("GET", path, None).await;
        assert_eq!(answered, status, "{path}: {told}");
    }
    house.close().await;
}

/// The dead letters of a bot in this process.
async fn letters(house: &House, bot: &str) -> Vec<Value> {
    let (status, told) = house.admin("GET", &format!("/dead?bot={bot}"), None).await;
    assert_eq!(status, 200, "{told}");
    told["letters"].as_array().unwrap().clone()
}

async fn replay(house: &House, which: Value) -> (u16, Value) {
    house.admin("POST", "/dead/replay", Some(json!({ "which": which }))).await
}

#[actix::test]
async fn what_waits_for_a_bot_that_is_removed_while_it_is_down_can_be_replayed_when_it_is_back() {
    let house = House::with(&[("echo.toml", ECHO), ("one.toml", ECHO), ("two.toml", ECHO)]).await;
    house.registered(&["echo", "one", "two"]).await;
    house.sim.delete("/tokens", json!({ "token": "sim-bot-echo" })).await;
    let after = house.sim.say(&address("echo"), "first").await;
    house.state("echo", "parked").await;
    house.sim.say(&address("echo"), "second").await;
    let waits = || async { (house.bot("echo").await["waiting"] == 2).then_some(()) };
    house.sim.eventually("two events to wait", waits).await;
    house.remove("echo.toml");
    house.state("echo", "retired").await;
    let buried = letters(&house, "echo").await;
    assert_eq!(buried.iter().map(|letter| &letter["cause"]).collect::<Vec<_>>(), ["removed", "removed"]);
    let (status, told) = replay(&house, json!({ "id": buried[0]["id"] })).await;
    assert_eq!(status, 409, "{told}");
    assert!(told["error"]["message"].as_str().unwrap().contains("retired"), "{told}");
    assert_eq!(replay(&house, json!({ "cause": "removed" })).await.1["retired"], 2);
    let rehearse = format!("/dead/{}/rehearse", buried[0]["id"].as_str().unwrap());
    assert_eq!(house.admin("POST", &rehearse, Some(json!({}))).await.1["would"], "unknown");

    house.sim.post("/tokens", json!({ "email": address("echo"), "token": "sim-bot-echo" })).await;
    house.write("echo.toml", ECHO);
    house.state("echo", "running").await;
    assert_eq!(letters(&house, "echo").await.len(), 2, "nobody replays by himself");
    let (status, told) = replay(&house, json!({ "bot": "echo", "cause": "removed" })).await;
    assert_eq!((status, &told["events"]), (200, &json!(2)), "{told}");
    let replies = house.sim.replies("echo", after, 2).await;
    assert_eq!((&replies[0]["text"], &replies[1]["text"]), (&json!("first"), &json!("second")), "in their order");
    house.close().await;
}

#[test]
fn what_a_leaving_bot_cannot_work_off_in_time_is_buried() {
    with_stopped_clock(async {
        let plan = Plan { threads: Threads::One, clock: Clock::following_tokio(), ..Plan::default() };
        let files = [("echo.toml", ECHO), ("one.toml", ECHO), ("two.toml", ECHO)];
        let house = House::build(plan, &files).await;
        house.registered(&["echo", "one", "two"]).await;
        let away =
            json!({ "method": "GET", "path": "/messages/", "email": address("echo"), "status": 503, "times": 0 });
        house.sim.post("/rules", away).await;
        let after = house.sim.say(&address("echo"), "anybody?").await;
        let waits = || async {
            tokio::time::advance(Duration::from_millis(200)).await;
            (house.bot("echo").await["waiting"] == 1).then_some(())
        };
        house.sim.eventually("the event to wait", waits).await;
        house.remove("echo.toml");
        let begun = tokio::time::Instant::now();
        let retired = || async {
            tokio::time::advance(Duration::from_secs(1)).await;
            (house.bot("echo").await["state"] == "retired").then_some(())
        };
        house.sim.eventually("the bot to be retired", retired).await;
        assert!(begun.elapsed() >= Duration::from_mins(1), "it had its time: {:?}", begun.elapsed());
        let buried = letters(&house, "echo").await;
        assert_eq!((buried.len(), &buried[0]["cause"]), (1, &json!("removed")), "{buried:?}");

        house.sim.delete("/rules", json!({})).await;
        house.write("echo.toml", ECHO);
        let back = || async {
            tokio::time::advance(Duration::from_millis(500)).await;
            (house.bot("echo").await["state"] == "running").then_some(())
        };
        house.sim.eventually("the bot to be back", back).await;
        assert_eq!(replay(&house, json!({ "id": buried[0]["id"] })).await.1["events"], 1);
        assert_eq!(house.sim.replies("echo", after, 1).await[0]["text"], "anybody?");
        house.close().await;
    });
}
