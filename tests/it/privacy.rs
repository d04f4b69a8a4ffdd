//! What is stored of people goes: with the message that is deleted at Webex, and by `botyard forget`.

use serde_json::{Value, json};

use crate::support::{
    handler::Program,
    house::{ECHO, House, Plan, address},
    live::Live,
};

/// Says something to echo as alice; answers the message's id, once it was answered.
async fn said(house: &House, text: &str) -> String {
    let said = house.sim.post("/say", json!({ "to": address("echo"), "text": text })).await;
    house.sim.replies("echo", said["seq"].as_u64().unwrap(), 1).await;
    said["message"]["id"].as_str().unwrap().to_owned()
}

/// The newest event of echo, whole.
async fn newest(house: &House) -> Value {
    let (_, list) = house.admin("GET", "/events?bot=echo&limit=1", None).await;
    let id = list["events"][0]["id"].as_str().unwrap().to_owned();
    house.admin("GET", &format!("/events/{id}"), None).await.1
}

#[actix::test]
async fn what_is_stored_of_a_message_goes_when_it_is_deleted_at_webex() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let names: Vec<Value> = house.sim.webhooks("echo").await.into_iter().map(|hook| hook["name"].clone()).collect();
    assert_eq!(names, ["botyard/main/echo/messages.created", "botyard/main/echo/messages.deleted"]);
    let message = said(&house, "a slip of the tongue").await;
    house.quiet().await;
    let before = newest(&house).await;
    assert_eq!((&before["erased_at"], &before["deliveries"][0]["erased_at"]), (&Value::Null, &Value::Null));

    house.sim.v1("sim-alice", "DELETE", &format!("/messages/{message}"), None).await;
    let erased = || async {
        let event = newest(&house).await;
        (event["erased_at"].is_number() && event["deliveries"][0]["erased_at"].is_number()).then_some(event)
    };
    let after = house.sim.eventually("the event to be erased", erased).await;
    assert_eq!((&after["id"], &after["state"]), (&before["id"], &json!("finished")));
    assert_eq!(after["deliveries"][0]["remote_id"], before["deliveries"][0]["remote_id"], "ids stay");
    let (_, list) = house.admin("GET", "/events?bot=echo", None).await;
    assert_eq!(list["events"].as_array().unwrap().len(), 1, "a deletion that no rule is for is no event");
    assert_eq!(house.sim.ask("echo", "still there?").await, "still there?");
    house.close().await;
}

#[actix::test]
async fn what_a_program_answered_about_a_deleted_message_goes_too() {
    let program = Program::start(|_, _| {
        let effects = json!({ "effects": [{ "say": "I heard a slip of the tongue" }] });
        (200, "application/json", effects.to_string())
    })
    .await;
    let settings = vec![("handlers.allow", "127.0.0.1".to_owned())];
    let text = format!("[fallback]\nhttp = '{}'\n", program.url("/"));
    let mut house = House::build(Plan { settings, ..Plan::default() }, &[("echo.toml", &text)]).await;
    house.registered(&["echo"]).await;
    let message = said(&house, "a slip of the tongue").await;
    house.quiet().await;
    let ids = async || -> Vec<String> {
        let (_, list) = house.admin("GET", "/events?bot=echo", None).await;
        list["events"].as_array().unwrap().iter().map(|event| event["id"].as_str().unwrap().to_owned()).collect()
    };
    let ids = ids().await;
    assert_eq!(ids.len(), 2, "the message, and what the program answered");
    house.sim.v1("sim-alice", "DELETE", &format!("/messages/{message}"), None).await;
    for id in ids {
        let erased = || async {
            let (_, event) = house.admin("GET", &format!("/events/{id}"), None).await;
            let deliveries = event["deliveries"].as_array()?;
            assert_eq!(deliveries.len(), 1, "a call, or a message: {event}");
            (event["erased_at"].is_number() && deliveries[0]["erased_at"].is_number()).then_some(())
        };
        house.sim.eventually("the event and what it promised to be erased", erased).await;
    }
    house.stop().await;
    let stored = std::fs::read(house.data_dir().join("botyard.db")).unwrap();
    assert!(!stored.windows(18).any(|some| some == b"slip of the tongue"), "it is overwritten");
    house.close().await;
}

#[actix::test]
async fn who_does_not_follow_deletions_has_no_webhook_for_them() {
    let settings = vec![("retention.follow_deletions", "false".to_owned())];
    let house = House::build(Plan { settings, ..Plan::default() }, &[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.webhooks("echo").await.len(), 1);
    house.close().await;
}

#[actix::test]
async fn nothing_is_kept_beyond_its_end_when_no_day_is_given() {
    let settings = vec![("retention.content_days", "0".to_owned())];
    let house = House::build(Plan { settings, ..Plan::default() }, &[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    said(&house, "not to be kept").await;
    house.quiet().await;
    let event = newest(&house).await;
    assert!(event["erased_at"].is_number() && event["deliveries"][0]["erased_at"].is_number(), "{event:#}");
    house.close().await;
}

#[actix::test]
async fn a_person_is_forgotten_by_a_command_which_is_on_record_without_the_name() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.ask("echo", "remember me").await;
    let idle = || async {
        let bots: Value = serde_json::from_str(&live.run(&["bots", "--json"]).await.out).unwrap();
        (bots["bots"][0]["waiting"] == 0 && bots["bots"][0]["deliveries"] == 0).then_some(())
    };
    crate::support::live::eventually("the answer to be recorded", idle).await;

    let refused = live.run(&["forget", "alice@example.com"]).await;
    assert!(refused.code == 1 && refused.err.contains("--yes"), "{}", refused.err);
    let counted = live.run(&["forget", "Alice@Example.com", "--dry-run", "--json"]).await;
    let counted: Value = serde_json::from_str(&counted.out).unwrap();
    assert_eq!((&counted["events"], &counted["deliveries"], &counted["dry_run"]), (&json!(1), &json!(1), &json!(true)));
    let done = live.run(&["forget", "alice@example.com", "--yes"]).await;
    assert!(done.code == 0 && done.out.contains("not reached: what Webex itself keeps"), "{} {}", done.out, done.err);
    let again = live.run(&["forget", "alice@example.com", "--dry-run", "--json"]).await;
    let again: Value = serde_json::from_str(&again.out).unwrap();
    assert_eq!((&again["events"], &again["deliveries"]), (&json!(0), &json!(0)));

    let audit = live.run(&["audit", "--act", "forget", "--json"]).await.out;
    assert!(audit.contains("\"forget\"") && !audit.to_lowercase().contains("alice@example.com"), "{audit}");
    let bot = live.run(&["forget", "echo@webex.bot", "--yes"]).await;
    assert!(bot.code == 1 && bot.err.contains("no person but the bot `echo`"), "{}", bot.err);
    service.stop().await;

    let alone = live.run(&["forget", "alice@example.com", "--yes"]).await;
    assert!(alone.code == 0 && alone.err.contains("no service is running"), "{} {}", alone.out, alone.err);
    let nonsense = live.run(&["forget", "alice"]).await;
    assert!(nonsense.code == 64 && nonsense.err.contains("neither the address nor the id"), "{}", nonsense.err);
}
