//! Bots that an operator keeps silent: what waits, what goes on, and what ends it.

use serde_json::json;

use crate::support::{
    house::ECHO,
    live::{Live, eventually},
};

const ALICE: &str = "alice@example.com";

async fn is(live: &Live, bot: &str, state: &str) -> serde_json::Value {
    eventually(&format!("{bot} to be {state}"), || async {
        let ran = live.run(&["bots", bot, "--json"]).await;
        let told: serde_json::Value = serde_json::from_str(&ran.out).ok()?;
        (told["state"] == state).then_some(told)
    })
    .await
}

async fn waits(live: &Live, bot: &str, waiting: u64, deliveries: u64) {
    eventually(&format!("{bot} to have {waiting} and {deliveries}"), || async {
        let told: serde_json::Value = serde_json::from_str(&live.run(&["bots", bot, "--json"]).await.out).ok()?;
        (told["waiting"] == waiting && told["deliveries"] == deliveries).then_some(())
    })
    .await;
}

#[actix::test]
async fn a_paused_bot_stores_and_keeps_its_promises_over_restarts_and_changes_and_its_neighbour_goes_on() {
    let live = Live::new(&[("echo.toml", ECHO), ("other.toml", &ECHO.replace("ECHO", "OTHER"))], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.registered("other").await;
    // One answer is promised and cannot leave yet.
    let echo_only =
        json!({ "token": "sim-bot-echo", "method": "POST", "path": "/messages", "status": 503, "times": 0 });
    live.rule(echo_only).await;
    live.say(ALICE, "echo", "promised").await;
    waits(&live, "echo", 0, 1).await;
    let paused = live.run(&["pause", "echo"]).await;
    assert!(paused.code == 0 && paused.out.contains("is paused"), "{paused:?}");
    let told = is(&live, "echo", "paused").await;
    assert!(told["reason"].as_str().unwrap().contains("botyard resume echo"), "{told}");
    live.sim.control("DELETE", "/rules", json!({})).await.ok();
    live.say(ALICE, "echo", "heard").await;
    waits(&live, "echo", 1, 1).await;
    assert_eq!(live.ask("other", "and you?").await, "and you?");

    live.ground.write("bots.d/echo.toml", &format!("description = \"changed\"\n{ECHO}"));
    assert_eq!(live.run(&["reload", "--wait"]).await.code, 0);
    is(&live, "echo", "paused").await;
    service.stop().await;
    assert!(live.run(&["bots"]).await.out.contains("echo: paused: paused by admin:"), "also where no service runs");
    let service = live.serve().await;
    is(&live, "echo", "paused").await;
    assert_eq!(live.ask("other", "still?").await, "still?");
    assert_eq!(live.replies("echo", 0, 0).await, [""; 0]);
    let others = live.run(&["resume", "--all"]).await;
    assert!(others.out.contains("still silent: echo: paused by"), "{others:?}");

    let resumed = live.run(&["resume", "echo"]).await;
    assert!(resumed.code == 0 && resumed.out.contains("the pause of `echo` is lifted"), "{resumed:?}");
    assert_eq!(live.replies("echo", 0, 2).await, ["promised", "heard"]);
    is(&live, "echo", "running").await;
    let acts = live.run(&["audit", "echo"]).await.out;
    assert!(acts.contains("resume") && acts.contains("pause"), "{acts}");
    service.stop().await;
}

#[actix::test]
async fn all_are_paused_also_one_that_comes_later_and_a_turn_in_hand_ends() {
    let live = Live::new(&[("echo.toml", ECHO), ("late.toml", &ECHO.replace("ECHO", "LATE"))], &[]).await;
    let late = std::fs::read_to_string(live.ground.path("bots.d/late.toml")).unwrap();
    std::fs::remove_file(live.ground.path("bots.d/late.toml")).unwrap();
    let service = live.serve().await;
    live.registered("echo").await;
    // A turn that takes its time to read what it was told.
    live.rule(json!({ "method": "GET", "path": "/messages/", "delay_ms": 1_500 })).await;
    live.say(ALICE, "echo", "in hand").await;
    eventually("a turn in hand", || async {
        live.run(&["events", "echo", "--state", "claimed"]).await.out.contains("claimed").then_some(())
    })
    .await;
    assert_eq!(live.run(&["pause", "--all"]).await.code, 0);
    let again = live.run(&["pause", "--all"]).await;
    assert!(again.out.contains("paused already"), "{again:?}");
    // It is decided, and what it decided waits.
    waits(&live, "echo", 0, 1).await;
    assert_eq!(live.replies("echo", 0, 0).await, [""; 0]);
    live.ground.write("bots.d/late.toml", &late);
    is(&live, "late", "paused").await;
    let resumed = live.run(&["resume", "--all"]).await;
    assert!(resumed.code == 0 && resumed.out.contains("pause of all bots is lifted"), "{resumed:?}");
    assert_eq!(live.replies("echo", 0, 1).await, ["in hand"]);
    live.registered("late").await;
    assert_eq!(live.ask("late", "hello").await, "hello");
    service.stop().await;
}

#[actix::test]
async fn a_parked_bot_is_tried_again_at_once_when_told_to() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.rule(json!({ "method": "GET", "path": "/messages/", "status": 401 })).await;
    live.say(ALICE, "echo", "are you there?").await;
    is(&live, "echo", "parked").await;
    let resumed = live.run(&["resume", "echo"]).await;
    assert!(resumed.code == 0 && resumed.out.contains("`echo` was parked, and is tried again"), "{resumed:?}");
    assert_eq!(live.replies("echo", 0, 1).await, ["are you there?"]);
    is(&live, "echo", "running").await;
    service.stop().await;
}
