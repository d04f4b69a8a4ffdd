//! A bot's token: dead, new, missing, of somebody else. Whatever is wrong with it concerns that bot alone.

use std::fs;

use botyard::actors::roster::TokenPolicy;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::house::{ECHO, House, Plan, address};

/// A bot whose token is given by command.
const BARE: &str = "[fallback]\nreply = \"{{ message.text }}\"\n";

async fn put_token(house: &House, bot: &str, token: &str) {
    let (status, answer) = house.admin("POST", &format!("/bots/{bot}/token"), Some(json!({ "token": token }))).await;
    assert_eq!(status, 204, "{answer}");
}

fn reason(status: &Value) -> &str {
    status["reason"].as_str().unwrap()
}

#[actix::test]
async fn a_dead_token_parks_that_bot_only_and_a_new_one_brings_it_back() {
    let house = House::with(&[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["echo", "other"]).await;
    house.sim.delete("/tokens", json!({ "token": "sim-bot-echo" })).await;
    let after = house.sim.say(&address("echo"), "are you there?").await;
    let parked = house.state("echo", "parked").await;
    assert!(reason(&parked).contains("401") && reason(&parked).contains("botyard token set"), "{parked}");
    // Its webhooks stand, so what people say is accepted and waits.
    house.sim.say(&address("echo"), "still not?").await;
    let waits = || async { (house.bot("echo").await["waiting"] == 2).then_some(()) };
    house.sim.eventually("two events to wait", waits).await;
    assert_eq!(house.sim.ask("other", "and you?").await, "and you?");

    let granted = house.sim.post("/tokens", json!({ "email": address("echo") })).await;
    put_token(&house, "echo", granted["token"].as_str().unwrap()).await;
    let replies = house.sim.replies("echo", after, 2).await;
    assert_eq!((&replies[0]["text"], &replies[1]["text"]), (&json!("are you there?"), &json!("still not?")));
    assert_eq!(house.state("echo", "running").await["reason"], Value::Null);
    assert_eq!(house.sim.ask("echo", "welcome back").await, "welcome back");
    house.close().await;
}

#[actix::test]
async fn a_refusal_of_the_former_token_does_not_park_a_bot_that_has_a_new_one() {
    let tokens = TokenPolicy::Definitions { secret_dirs: Vec::new() };
    let house = House::build(Plan { tokens, ..Plan::default() }, &[("echo.toml", BARE)]).await;
    house.state("echo", "held").await;
    put_token(&house, "echo", "sim-bot-echo").await;
    house.registered(&["echo"]).await;
    let refusal = json!({ "path": "/messages/", "email": address("echo"), "status": 401, "delay_ms": 3_000 });
    house.sim.post("/rules", refusal).await;
    let after = house.sim.say(&address("echo"), "hello").await;
    let claimed = || async {
        let (_, list) = house.admin("GET", "/events?bot=echo&state=claimed", None).await;
        (list["events"].as_array().unwrap().len() == 1).then_some(())
    };
    house.sim.eventually("a turn in hand", claimed).await;
    // The turn waits for an answer to the former token; the bot ends with it, and begins again with this one.
    let granted = house.sim.post("/tokens", json!({ "email": address("echo") })).await;
    put_token(&house, "echo", granted["token"].as_str().unwrap()).await;
    assert_eq!(house.sim.replies("echo", after, 1).await[0]["text"], "hello");
    assert_eq!(house.state("echo", "running").await["reason"], Value::Null);
    house.close().await;
}

#[actix::test]
async fn a_parked_bot_takes_the_token_that_is_put_into_its_file() {
    let secrets = tempdir().unwrap();
    let file = secrets.path().join("filed");
    fs::write(&file, "sim-bot-filed").unwrap();
    let definition = ECHO.replace("env:ECHO_TOKEN", &format!("file:{}", file.display()));
    let tokens = TokenPolicy::Definitions { secret_dirs: vec![secrets.path().to_owned()] };
    let house = House::build(Plan { tokens, ..Plan::default() }, &[("filed.toml", &definition)]).await;
    house.registered(&["filed"]).await;
    house.sim.delete("/tokens", json!({ "token": "sim-bot-filed" })).await;
    let after = house.sim.say(&address("filed"), "hello").await;
    house.state("filed", "parked").await;
    house.sim.post("/tokens", json!({ "email": address("filed"), "token": "another" })).await;
    let (status, answer) = house.admin("POST", "/bots/filed/token", Some(json!({ "token": "another" }))).await;
    assert_eq!((status, &answer["error"]["code"]), (409, &json!("conflict")), "{answer}");
    assert!(answer.to_string().contains("secrets") || answer.to_string().contains("file:"), "{answer}");
    fs::write(&file, "another").unwrap();
    assert_eq!(house.sim.replies("filed", after, 1).await[0]["text"], "hello");
    house.close().await;
}

#[actix::test]
async fn a_token_of_another_identity_is_held_until_the_right_one_is_there() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let stranger = json!({ "email": "stranger@webex.bot", "token": "a-strangers-token" });
    house.sim.post("/people", stranger).await;
    put_token(&house, "echo", "a-strangers-token").await;
    let held = house.state("echo", "held").await;
    assert!(reason(&held).contains("stranger@webex.bot") && reason(&held).contains("echo@webex.bot"), "{held}");
    let none = house.sim.v1("a-strangers-token", "GET", "/webhooks", None).await;
    assert_eq!(none["items"], json!([]), "nothing is registered for a stranger");

    let after = house.sim.say(&address("echo"), "who are you?").await;
    put_token(&house, "echo", "sim-bot-echo").await;
    assert_eq!(house.sim.replies("echo", after, 1).await[0]["text"], "who are you?");
    house.close().await;
}

#[actix::test]
async fn one_identity_runs_in_one_bot() {
    let secrets = tempdir().unwrap();
    let file = secrets.path().join("shared");
    fs::write(&file, "sim-bot-shared").unwrap();
    let definition = ECHO.replace("env:ECHO_TOKEN", &format!("file:{}", file.display()));
    let tokens = TokenPolicy::Definitions { secret_dirs: vec![secrets.path().to_owned()] };
    let house = House::build(Plan { tokens, ..Plan::default() }, &[("first.toml", &definition)]).await;
    house.registered(&["first"]).await;
    house.write("second.toml", &definition);
    let held = house.state("second", "held").await;
    assert!(reason(&held).contains("already runs as bot `first`"), "{held}");
    let after = house.sim.say(&address("shared"), "hello").await;
    assert_eq!(house.sim.replies("shared", after, 1).await[0]["text"], "hello");
    let hooks = house.sim.webhooks("shared").await;
    assert_eq!((hooks.len(), &hooks[0]["name"]), (2, &json!("botyard/main/first/messages.created")));
    house.close().await;
}

#[actix::test]
async fn a_bot_without_a_token_is_held_with_the_way_out_and_a_persons_token_is_none() {
    let tokens = TokenPolicy::Definitions { secret_dirs: Vec::new() };
    let named = ECHO.replace("ECHO_TOKEN", "A_TOKEN_THAT_NOBODY_SET");
    let files = [("named.toml", &*named), ("bare.toml", BARE)];
    let house = House::build(Plan { tokens, ..Plan::default() }, &files).await;
    let held = house.state("named", "held").await;
    assert!(reason(&held).contains("A_TOKEN_THAT_NOBODY_SET"), "{held}");
    assert!(reason(&held).contains("botyard token set named"), "{held}");
    let held = house.state("bare", "held").await;
    assert!(reason(&held).contains("botyard token set bare"), "{held}");

    put_token(&house, "bare", "sim-alice").await;
    let person = || async {
        let status = house.bot("bare").await;
        (status["state"] == "held" && reason(&status).contains("a person's")).then_some(())
    };
    house.sim.eventually("a person's token to be refused", person).await;
    put_token(&house, "bare", "sim-bot-bare").await;
    house.registered(&["bare"]).await;
    assert_eq!(house.sim.ask("bare", "hello").await, "hello");
    house.close().await;
}
