//! The webhooks at Webex are made equal to what is wanted, whatever was there before, and nobody else's are touched.

use std::fs;

use botyard::{
    base::BotId,
    store::{Store, WebhookRow},
};
use serde_json::{Value, json};

use crate::support::house::{ECHO, House, Plan, address};

/// A bot that also hears of members.
const GREETER: &str = "token = \"env:SOME_TOKEN\"\n[[on]]\nevent = \"memberships.created\"\nreply = \"welcome\"\n\
                       [fallback]\nreply = \"yes?\"\n";
const OURS: &str = "botyard/main/echo/messages.created";
const DELETIONS: &str = "botyard/main/echo/messages.deleted";
const ELSEWHERE: &str = "http://127.0.0.1:9/elsewhere";

/// Somebody makes a webhook with the bot's token.
async fn make(house: &House, bot: &str, name: &str, target: &str) -> String {
    let hook = json!({ "name": name, "targetUrl": target, "resource": "messages", "event": "created" });
    let made = house.sim.v1(&format!("sim-bot-{bot}"), "POST", "/webhooks", Some(hook)).await;
    made["id"].as_str().unwrap().to_owned()
}

/// What the bot's token shows: secrets as well.
async fn listed(house: &House, bot: &str) -> Vec<Value> {
    let page = house.sim.v1(&format!("sim-bot-{bot}"), "GET", "/webhooks?max=100", None).await;
    page["items"].as_array().unwrap().clone()
}

fn target(house: &House, bot: &str) -> String {
    format!("http://{}/hooks/{bot}", house.app().ingress_addr())
}

async fn restart(house: &mut House) {
    house.stop().await;
    house.open().await.unwrap();
}

async fn rows(house: &House) -> Vec<WebhookRow> {
    house.app().store().webhooks(BotId::parse("echo").unwrap()).await.unwrap()
}

/// Waits until the only webhook of echo has this status.
async fn becomes(house: &House, status: &str) {
    let look = || async { (house.sim.webhooks("echo").await[0]["status"] == status).then_some(()) };
    house.sim.eventually(&format!("the webhook to be {status}"), look).await;
}

#[actix::test]
async fn each_wanted_kind_has_its_webhook_under_a_secret_of_its_own() {
    let house = House::with(&[("echo.toml", ECHO), ("greeter.toml", GREETER)]).await;
    house.registered(&["echo", "greeter"]).await;
    let mut hooks = listed(&house, "echo").await;
    hooks.extend(listed(&house, "greeter").await);
    let names: Vec<_> = hooks.iter().map(|hook| hook["name"].as_str().unwrap()).collect();
    assert_eq!(names[0], OURS);
    assert_eq!(names.len(), 5, "{names:?}");
    assert_eq!(names[1], DELETIONS);
    assert!(names.contains(&"botyard/main/greeter/messages.created"), "{names:?}");
    assert!(names.contains(&"botyard/main/greeter/messages.deleted"), "what is stored of a message goes with it");
    assert!(names.contains(&"botyard/main/greeter/memberships.created"), "{names:?}");
    let mut secrets: Vec<_> = hooks.iter().map(|hook| hook["secret"].as_str().unwrap()).collect();
    secrets.sort_unstable();
    secrets.dedup();
    assert!(secrets.len() == 5 && secrets.iter().all(|secret| secret.len() == 64), "{} secrets", secrets.len());
    assert_eq!(hooks[0]["targetUrl"], target(&house, "echo"));

    // Adding the bot to a room is what the second kind of the greeter is for.
    let room = json!({ "title": "Kitchen", "members": [address("greeter")] });
    house.sim.post("/rooms", room).await;
    assert_eq!(house.sim.replies("greeter", 0, 1).await[0]["text"], "welcome");
    house.close().await;
}

#[actix::test]
async fn a_webhook_that_posts_to_a_former_address_is_moved() {
    let mut house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let before = listed(&house, "echo").await.remove(0);
    // Without a public URL the target is the port of the listener, which is another one each time.
    restart(&mut house).await;
    house.registered(&["echo"]).await;
    let after = listed(&house, "echo").await;
    assert_eq!((after.len(), &after[0]["id"], &after[0]["secret"]), (2, &before["id"], &before["secret"]));
    assert_eq!(after[0]["targetUrl"], target(&house, "echo"));
    let status = house.bot("echo").await;
    assert_eq!((&status["webhooks"]["created"], &status["webhooks"]["updated"]), (&json!(0), &json!(2)));
    assert_eq!(house.sim.ask("echo", "found you").await, "found you");

    house.set("public_url", "http://127.0.0.1:9/bots/");
    house.set("base_path", "/bots");
    restart(&mut house).await;
    house.registered(&["echo"]).await;
    assert_eq!(listed(&house, "echo").await[0]["targetUrl"], "http://127.0.0.1:9/bots/hooks/echo");
    house.close().await;
}

#[actix::test]
async fn own_duplicates_go_and_those_of_others_stay_and_are_named() {
    let mut house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let kept = listed(&house, "echo").await[0]["id"].clone();
    make(&house, "echo", OURS, &target(&house, "echo")).await;
    make(&house, "echo", OURS, ELSEWHERE).await;
    make(&house, "echo", "botyard/main/echo/memberships.deleted", ELSEWHERE).await;
    make(&house, "echo", "botyard/other/echo/messages.created", ELSEWHERE).await;
    make(&house, "echo", "my own", &format!("{ELSEWHERE}?key=hush")).await;
    restart(&mut house).await;
    house.registered(&["echo"]).await;
    let hooks = house.sim.webhooks("echo").await;
    let names: Vec<_> = hooks.iter().map(|hook| hook["name"].as_str().unwrap()).collect();
    assert_eq!(names, [OURS, DELETIONS, "botyard/other/echo/messages.created", "my own"]);
    assert_eq!((&hooks[0]["id"], &hooks[3]["targetUrl"]), (&kept, &json!(format!("{ELSEWHERE}?key=hush"))));
    let webhooks = house.bot("echo").await["webhooks"].clone();
    assert_eq!(webhooks["deleted"], 3);
    let foreign = [format!("botyard/other/echo/messages.created ({ELSEWHERE})"), format!("my own ({ELSEWHERE})")];
    assert_eq!(webhooks["foreign"], json!(foreign));
    house.close().await;
}

#[actix::test]
async fn a_webhook_that_was_switched_off_is_switched_on_and_a_deleted_one_made_anew() {
    let settings = vec![("webex.reconcile_seconds", "1".to_owned())];
    let mut house = House::build(Plan { settings, ..Plan::default() }, &[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let path = format!("/webhooks/{}", listed(&house, "echo").await[0]["id"].as_str().unwrap());
    house.stop().await;
    // A hundred deliveries that fail within five minutes switch a webhook off.
    for number in 0..100 {
        house.sim.say(&address("echo"), &format!("nobody hears {number}")).await;
    }
    becomes(&house, "inactive").await;
    house.open().await.unwrap();
    house.registered(&["echo"]).await;
    becomes(&house, "active").await;
    assert_eq!(house.sim.ask("echo", "awake?").await, "awake?");

    // A later look makes anew what somebody deleted.
    house.sim.v1("sim-bot-echo", "DELETE", &path, None).await;
    let made = || async { (listed(&house, "echo").await.len() == 2).then_some(()) };
    house.sim.eventually("a webhook", made).await;
    assert_eq!(house.sim.ask("echo", "and now?").await, "and now?");
    house.close().await;
}

#[actix::test]
async fn an_orphan_of_ours_is_adopted_under_a_new_secret() {
    let mut house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let before = listed(&house, "echo").await.remove(0);
    house.stop().await;
    // The data dir is lost, and with it every secret.
    fs::remove_dir_all(house.data_dir()).unwrap();
    house.open().await.unwrap();
    house.registered(&["echo"]).await;
    let after = listed(&house, "echo").await;
    assert_eq!((after.len(), &after[0]["id"]), (2, &before["id"]));
    assert_ne!(after[0]["secret"], before["secret"]);
    assert_eq!(house.bot("echo").await["webhooks"]["created"], 0);
    assert_eq!(house.sim.ask("echo", "remember me?").await, "remember me?");
    house.close().await;
}

#[actix::test]
async fn one_bot_that_webex_refuses_does_not_stop_the_others() {
    let mut house = House::with(&[("echo.toml", ECHO), ("dead.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["echo", "dead", "other"]).await;
    house.stop().await;
    house.sim.delete("/tokens", json!({ "token": "sim-bot-dead" })).await;
    let forbidden = json!({ "path": "/webhooks", "email": address("other"), "status": 403, "times": 0 });
    house.sim.post("/rules", forbidden).await;
    house.open().await.unwrap();
    house.registered(&["echo"]).await;
    house.state("dead", "parked").await;
    let look = || async { house.bot("other").await["last_error"].as_str().map(str::to_owned) };
    let error = house.sim.eventually("a failed look", look).await;
    assert!(error.contains("Webex refuses it"), "{error}");
    assert_eq!(house.sim.ask("echo", "hello").await, "hello");
    house.close().await;
}

#[actix::test]
async fn every_page_of_a_long_listing_is_read() {
    let mut house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    for number in 0..120 {
        make(&house, "echo", &format!("mine {number:03}"), ELSEWHERE).await;
    }
    // Ours is the first of the listing; this one stands on the second page.
    make(&house, "echo", OURS, ELSEWHERE).await;
    restart(&mut house).await;
    house.registered(&["echo"]).await;
    let hooks = house.sim.webhooks("echo").await;
    assert_eq!(hooks.iter().filter(|hook| hook["name"] == OURS).count(), 1);
    assert_eq!(hooks.len(), 122);
    house.close().await;
}

#[actix::test]
async fn messages_are_accepted_while_a_secret_is_replaced() {
    let settings = vec![("webex.reconcile_seconds", "1".to_owned())];
    let house = House::build(Plan { settings, ..Plan::default() }, &[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    // Once this one is there, `bots.d` is not looked at any more, and the routes are the registrar's affair alone.
    house.write("other.toml", ECHO);
    house.state("other", "running").await;
    let first = listed(&house, "echo").await[0]["secret"].clone();
    // The row is lost: the next look takes the webhook over under a new secret.
    house.app().store().drop_webhook(rows(&house).await[0].row).await.unwrap();
    let mut asked = 0;
    while listed(&house, "echo").await[0]["secret"] == first {
        assert_eq!(house.sim.ask("echo", &format!("{asked}")).await, format!("{asked}"));
        asked += 1;
    }
    assert_eq!(house.sim.ask("echo", "at last").await, "at last");
    let journal = house.sim.get("/journal?kind=delivery&max=10000").await;
    let answers: Vec<_> = journal["entries"].as_array().unwrap().iter().map(|entry| entry["status"].clone()).collect();
    assert!(asked > 0 && answers.iter().all(|status| *status == 200), "{asked} {answers:?}");
    assert_eq!(rows(&house).await.len(), 2);
    house.close().await;
}
