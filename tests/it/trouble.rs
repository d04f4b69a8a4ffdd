//! Things go wrong outside: Webex asks to wait, fails, is slow; somebody forges; the process ends in the middle.

use botyard::store::{EventQuery, EventState, EventSummary, LetterQuery, Store};
use serde_json::{Value, json};

use crate::support::{
    house::{ECHO, House, address},
    raw_http,
};

/// Most bytes that Webex takes in one message.
const LIMIT: usize = 7_439;

const TALKER: &str = r#"token = "env:SOME_TOKEN"
[[command]]
words = ["loop"]
reply = "{% for a in args.rest %}{% for b in args.rest %}{{ a }}{{ b }}{% endfor %}{% endfor %}"
[[command]]
words = ["often"]
reply = "{{ args.rest }} {{ args.rest }} {{ args.rest }} {{ args.rest }}"
[fallback]
reply = "{{ message.text }}"
"#;

async fn events(house: &House, state: EventState) -> Vec<EventSummary> {
    house.app().store().events(EventQuery { bot: None, state: Some(state), limit: 1_000 }).await.unwrap()
}

/// What the bot said in the direct room with alice.
async fn said(house: &House, bot: &str) -> Vec<String> {
    let messages = house.sim.replies(bot, 0, 0).await;
    messages.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

/// A rule on what this bot sends.
fn sends(bot: &str, fault: &Value) -> Value {
    let mut rule = json!({ "method": "POST", "path": "/messages", "email": address(bot) });
    rule.as_object_mut().unwrap().extend(fault.as_object().unwrap().clone());
    rule
}

#[actix::test]
async fn webex_asks_to_wait_and_the_reply_comes_later_and_once() {
    let house = House::with(&[("sensible.toml", ECHO), ("absurd.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["sensible", "absurd", "other"]).await;
    let sensible = json!({ "status": 429, "retry_after": "1", "times": 0 });
    house.sim.post("/rules", sends("sensible", &sensible)).await;
    house.sim.post("/rules", sends("absurd", &json!({ "status": 429, "retry_after": "-5", "times": 2 }))).await;
    let first = house.sim.say(&address("sensible"), "one").await;
    let second = house.sim.say(&address("absurd"), "one").await;
    for bot in ["sensible", "absurd"] {
        house.sim.say(&address(bot), "two").await;
    }
    house.sim.replies("absurd", second, 2).await;
    for number in 0..5 {
        assert_eq!(house.sim.ask("other", &format!("{number}")).await, format!("{number}"));
    }
    assert!(said(&house, "sensible").await.is_empty(), "the others were answered meanwhile");
    house.sim.delete("/rules", json!({})).await;
    house.sim.replies("sensible", first, 2).await;
    assert_eq!(said(&house, "sensible").await, ["one", "two"]);
    assert_eq!(said(&house, "absurd").await, ["one", "two"]);
    house.close().await;
}

#[actix::test]
async fn a_failure_of_webex_is_tried_again() {
    let house = House::with(&[("sends.toml", ECHO), ("reads.toml", ECHO), ("lags.toml", ECHO)]).await;
    house.registered(&["sends", "reads", "lags"]).await;
    house.sim.post("/rules", sends("sends", &json!({ "status": 503 }))).await;
    let read = |bot: &str, status: u16| json!({ "method": "GET", "path": "/messages/", "email": address(bot), "status": status, "times": 2 });
    house.sim.post("/rules", read("reads", 502)).await;
    // The event is there before the message can be read.
    house.sim.post("/rules", read("lags", 404)).await;
    let (sends, reads, lags) =
        tokio::join!(house.sim.ask("sends", "one"), house.sim.ask("reads", "two"), house.sim.ask("lags", "three"),);
    assert_eq!((&*sends, &*reads, &*lags), ("one", "two", "three"));
    for bot in ["sends", "reads", "lags"] {
        assert_eq!(said(&house, bot).await.len(), 1);
    }
    assert!(events(&house, EventState::Buried).await.is_empty());
    house.close().await;
}

#[actix::test]
async fn what_is_not_signed_with_the_webhooks_secret_is_not_stored() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.ask("echo", "real").await, "real");
    let body = json!({ "id": "w", "name": "botyard/main/echo/messages.created", "resource": "messages",
        "event": "created", "actorId": "a", "data": { "id": "m", "roomId": "r", "personId": "p",
        "personEmail": "alice@example.com", "roomType": "direct" } })
    .to_string();
    let json = ("Content-Type", "application/json");
    let forged = ("X-Spark-Signature", "de7c9b85b8b78aa6bc8a7a36f70a90701c9db4d9");
    for headers in [vec![json, forged], vec![json]] {
        let answer = raw_http::send(house.app().ingress_addr(), "POST", "/hooks/echo", &headers, &body).await;
        assert_eq!(answer.status, 401, "{answer:?}");
    }
    assert_eq!(events(&house, EventState::Finished).await.len(), 1);
    assert!(events(&house, EventState::Waiting).await.is_empty());
    house.close().await;
}

#[actix::test]
async fn a_bot_that_waits_for_webex_slows_no_other() {
    let house = House::with(&[("slow.toml", ECHO), ("quick.toml", ECHO)]).await;
    house.registered(&["slow", "quick"]).await;
    let rule =
        json!({ "method": "GET", "path": "/messages/", "email": address("slow"), "delay_ms": 6_000, "times": 0 });
    house.sim.post("/rules", rule).await;
    let people = ["alice", "bob", "carol", "admin"].map(|name| format!("{name}@example.com"));
    let mut after = None;
    for person in people.iter().cycle().take(12) {
        let seq = house.sim.say_it(json!({ "as": person, "to": address("slow"), "text": "hello" })).await;
        after.get_or_insert(seq);
    }
    for number in 0..10 {
        assert_eq!(house.sim.ask("quick", &format!("{number}")).await, format!("{number}"));
    }
    assert!(said(&house, "slow").await.is_empty(), "the quick one was answered ten times meanwhile");
    house.sim.delete("/rules", json!({})).await;
    house.sim.replies("slow", after.unwrap(), 12).await;
    house.close().await;
}

#[actix::test]
async fn a_template_that_never_ends_buries_its_event_and_the_bot_goes_on() {
    let house = House::with(&[("talker.toml", TALKER)]).await;
    house.registered(&["talker"]).await;
    house.sim.say(&address("talker"), &format!("loop {}", "x".repeat(5_000))).await;
    assert_eq!(house.sim.ask("talker", "still there?").await, "still there?");
    let buried = events(&house, EventState::Buried).await;
    assert_eq!(buried.len(), 1);
    let reason = buried[0].reason.as_deref().unwrap();
    assert!(reason.contains("command \"loop\"") && reason.contains("fuel"), "{reason}");
    assert_eq!(house.bot("talker").await["buried"], 1);
    house.close().await;
}

#[actix::test]
async fn a_long_answer_comes_in_parts_and_in_order() {
    let house = House::with(&[("talker.toml", TALKER)]).await;
    house.registered(&["talker"]).await;
    let words: Vec<_> = (0..900).map(|number| format!("ä{number}")).collect();
    let after = house.sim.say(&address("talker"), &format!("often {}", words.join(" "))).await;
    let whole = [words.join(" "), words.join(" "), words.join(" "), words.join(" ")].join(" ");
    let replies = house.sim.replies("talker", after, whole.len().div_ceil(LIMIT)).await;
    let parts: Vec<_> = replies.iter().map(|reply| reply["text"].as_str().unwrap()).collect();
    assert!(parts.len() > 2 && parts.iter().all(|part| part.len() <= LIMIT), "{} parts", parts.len());
    assert_eq!(parts.join(" "), whole);
    house.close().await;
}

#[actix::test]
async fn an_answer_in_a_thread_goes_to_its_root() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    house.sim.post("/rooms", json!({ "title": "Kitchen", "members": [address("echo")] })).await;
    let root = json!({ "to": "Kitchen", "text": "a thread", "mention": [address("echo")] });
    let root = house.sim.post("/say", root).await["message"]["id"].clone();
    let asked = json!({ "to": "Kitchen", "text": "tea?", "parent": root, "mention": [address("echo")] });
    house.sim.say_it(asked).await;
    let replies = house.sim.replies("echo", 0, 2).await;
    assert_eq!((&replies[0]["text"], &replies[0]["parentId"]), (&json!("a thread"), &Value::Null));
    assert_eq!((&replies[1]["text"], &replies[1]["parentId"]), (&json!("tea?"), &root));
    let after = house.sim.say_it(json!({ "to": "Kitchen", "text": "milk?", "mention": [address("echo")] })).await;
    let reply = house.sim.replies("echo", after, 1).await.remove(0);
    assert_eq!((&reply["text"], &reply["parentId"]), (&json!("milk?"), &Value::Null));
    house.close().await;
}

#[actix::test]
async fn what_was_accepted_before_a_restart_is_answered_once_after_it() {
    let mut house = House::with(&[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["echo", "other"]).await;
    house.set("bots.drain_seconds", "0");
    house.stop().await;
    house.open().await.unwrap();
    house.registered(&["echo", "other"]).await;
    // One bot stands before its reads, the other before its sends.
    let reads =
        json!({ "method": "GET", "path": "/messages/", "email": address("echo"), "delay_ms": 9_000, "times": 0 });
    house.sim.post("/rules", reads).await;
    house.sim.post("/rules", sends("other", &json!({ "status": 503, "times": 0 }))).await;
    for number in 0..6 {
        house.sim.say(&address("echo"), &format!("{number}")).await;
        house.sim.say(&address("other"), &format!("{number}")).await;
    }
    let stored = || async {
        let (echo, other) = (house.bot("echo").await, house.bot("other").await);
        (echo["waiting"] == 6 && other["deliveries"] == 6).then_some(())
    };
    house.sim.eventually("work in hand", stored).await;
    house.stop_now().await;
    assert!(said(&house, "echo").await.is_empty() && said(&house, "other").await.is_empty());
    house.sim.delete("/rules", json!({})).await;
    house.open().await.unwrap();
    house.sim.replies("echo", 0, 6).await;
    house.sim.replies("other", 0, 6).await;
    house.stop().await;
    let expected: Vec<_> = (0..6).map(|number| number.to_string()).collect();
    assert_eq!((said(&house, "echo").await, said(&house, "other").await), (expected.clone(), expected));
    house.close().await;
}

#[actix::test]
async fn a_text_whose_first_part_is_given_up_is_given_up_whole() {
    let house = House::with(&[("talker.toml", TALKER), ("other.toml", ECHO)]).await;
    house.registered(&["talker", "other"]).await;
    house.sim.post("/rules", sends("talker", &json!({ "status": 400, "times": 1 }))).await;
    // Four times that: three parts.
    let said_to = house.sim.say(&address("talker"), &format!("often {}", "word ".repeat(1_000))).await;
    house.sim.say(&address("talker"), "after it").await;
    house.sim.replies("talker", said_to, 1).await;
    assert_eq!(said(&house, "talker").await, ["after it"], "no end of a text without its beginning");
    let letters = house.app().store().letters(LetterQuery { limit: 10, ..LetterQuery::default() }).await.unwrap();
    let reasons: Vec<_> = letters.letters.iter().map(|letter| letter.reason.clone().unwrap_or_default()).collect();
    assert!(reasons.len() >= 3, "{reasons:?}");
    let torn = reasons.iter().filter(|reason| *reason == "an earlier part of the same text was given up").count();
    assert_eq!(torn, reasons.len() - 1, "{reasons:?}");
    house.close().await;
}
