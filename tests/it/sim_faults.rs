//! Faults on demand, as a client meets them on the wire.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use botyard::{
    base::{Clock, spawn::spawn},
    sim::SimOptions,
};

use crate::sim_support::{Sim, Target, on_arbiter, options, with_stopped_clock};

async fn rule(sim: &Sim, rule: Value) -> u64 {
    let rules = sim.control("POST", "/rules", rule).await.ok();
    rules.as_array().unwrap().last().unwrap()["id"].as_u64().unwrap()
}

async fn me(sim: &Sim) -> u16 {
    sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.status
}

/// Everything that comes back for one request of alice's, until the connection ends.
async fn bytes(sim: &Sim, method: &str, path: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = format!(
        "{method} /v1{path} HTTP/1.1\r\nHost: sim\r\nAuthorization: Bearer sim-alice\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(sim.handle.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    // However it ends: what came is what counts.
    let _ended = stream.read_to_end(&mut read).await;
    String::from_utf8(read).unwrap()
}

async fn messages(sim: &Sim) -> Value {
    sim.control("GET", "", Value::Null).await.ok()["messages"].clone()
}

/// On one thread with a clock that only the test moves.
fn stopped() -> SimOptions {
    SimOptions { threads: 0, clock: Clock::following_tokio(), ..options() }
}

async fn until_used_up(sim: &Sim) {
    while sim.control("GET", "/rules", Value::Null).await.ok() != json!([]) {}
}

#[test]
fn a_refusal_comes_as_json_or_html_with_any_retry_after_or_none() {
    on_arbiter(async {
        let sim = Sim::start().await;
        for retry_after in [Some("2"), Some("31536000"), Some("-1"), Some("Wed, 21 Oct 2015 07:28:00 GMT"), None] {
            rule(&sim, json!({"status": 429, "retry_after": retry_after})).await;
            let answer = sim.v1("sim-alice", "GET", "/rooms", Value::Null).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, retry_after));
            assert_eq!(answer.text("message"), "Too Many Requests");
        }
        rule(&sim, json!({"status": 429, "retry_after": "3600", "html": true})).await;
        let answer = bytes(&sim, "GET", "/rooms", &Value::Null).await.to_lowercase();
        assert!(answer.starts_with("http/1.1 429") && answer.contains("retry-after: 3600"), "{answer}");
        assert!(answer.contains("content-type: text/html") && answer.contains("<h1>429"), "{answer}");
        for status in [500, 502, 503, 504] {
            rule(&sim, json!({"status": status, "method": "POST"})).await;
            assert_eq!(me(&sim).await, 200, "another method");
            let new = json!({"toPersonEmail": "bob@example.com", "text": "hi"});
            assert_eq!(sim.v1("sim-alice", "POST", "/messages", new).await.status, status);
        }
        assert_eq!(messages(&sim).await, 0);
        sim.handle.stop().await;
    });
}

#[test]
fn a_dropped_connection_brings_no_byte_and_may_have_done_its_work() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let new = json!({"toPersonEmail": "bob@example.com", "text": "hi"});
        for (wire, done) in [("drop", 0), ("lose", 1)] {
            let id = rule(&sim, json!({"path": "/messages", "wire": wire})).await;
            assert_eq!(bytes(&sim, "POST", "/messages", &new).await, "");
            assert_eq!(messages(&sim).await, done, "{wire}");
            let journal = sim.control("GET", "/journal?kind=request", Value::Null).await.ok();
            let entry = journal["entries"].as_array().unwrap().last().unwrap();
            assert_eq!((&entry["fault"], entry["status"].is_null()), (&id.into(), wire == "drop"));
        }
        assert!(bytes(&sim, "POST", "/messages", &new).await.starts_with("HTTP/1.1 200"));
        sim.handle.stop().await;
    });
}

#[test]
fn a_truncated_body_is_shorter_than_it_was_promised() {
    on_arbiter(async {
        let sim = Sim::start().await;
        rule(&sim, json!({"path": "/people/me", "wire": "truncate"})).await;
        let answer = bytes(&sim, "GET", "/people/me", &Value::Null).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let promised = head.to_lowercase().lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let promised: usize = promised.unwrap();
        assert!(head.starts_with("HTTP/1.1 200") && body.starts_with(r#"{"id":"#), "{answer}");
        assert_eq!(body.len(), promised / 2);
        sim.handle.stop().await;
    });
}

#[test]
fn an_answer_is_late_by_what_was_said() {
    with_stopped_clock(async {
        let sim = std::rc::Rc::new(Sim::start_with(stopped()).await);
        rule(&sim, json!({"delay_ms": [4_000, 5_000]})).await;
        let asking = std::rc::Rc::clone(&sim);
        let asked = spawn(async move { me(&asking).await });
        until_used_up(&sim).await;
        tokio::time::advance(Duration::from_millis(3_990)).await;
        sim.control("GET", "", Value::Null).await.ok();
        assert!(!asked.is_finished());
        tokio::time::advance(Duration::from_millis(1_020)).await;
        assert_eq!(asked.await.unwrap(), 200);
    });
}

#[test]
fn a_slow_body_takes_its_time() {
    with_stopped_clock(async {
        let sim = std::rc::Rc::new(Sim::start_with(stopped()).await);
        rule(&sim, json!({"slow_ms": 8_000})).await;
        let start = tokio::time::Instant::now();
        let asking = std::rc::Rc::clone(&sim);
        let asked = spawn(async move { sim_name(&asking).await });
        until_used_up(&sim).await;
        while !asked.is_finished() {
            tokio::time::advance(Duration::from_millis(500)).await;
            sim.control("GET", "", Value::Null).await.ok();
        }
        assert_eq!(asked.await.unwrap(), "Echo");
        assert!(start.elapsed() >= Duration::from_secs(8), "{:?}", start.elapsed());
    });
}

async fn sim_name(sim: &Sim) -> String {
    sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.text("displayName")
}

#[test]
fn a_fault_is_for_one_token_one_person_or_one_path() {
    on_arbiter(async {
        let sim = Sim::start().await;
        for narrowed in [json!({"token": "sim-bot-echo"}), json!({"email": "Echo@webex.bot"})] {
            let mut wanted = narrowed;
            wanted["status"] = 503.into();
            wanted["path"] = "/people".into();
            rule(&sim, wanted).await;
            assert_eq!(sim.v1("sim-alice", "GET", "/people/me", Value::Null).await.status, 200);
            assert_eq!(sim.v1("sim-bot-echo", "GET", "/rooms", Value::Null).await.status, 200);
            assert_eq!(me(&sim).await, 503);
        }
        sim.handle.stop().await;
    });
}

#[test]
fn a_fault_for_a_time_ends_by_the_simulators_clock() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.control("PUT", "/clock", json!({"freeze": true})).await.ok();
        rule(&sim, json!({"status": 503, "for_ms": 60_000})).await;
        assert_eq!([me(&sim).await, me(&sim).await], [503, 503]);
        sim.control("PUT", "/clock", json!({"advance_ms": 59_000})).await.ok();
        assert_eq!(me(&sim).await, 503);
        assert_eq!(sim.control("GET", "/rules", Value::Null).await.ok()[0]["for_ms"], 1_000);
        sim.control("PUT", "/clock", json!({"advance_ms": 1_000})).await.ok();
        assert_eq!(me(&sim).await, 200);
        sim.handle.stop().await;
    });
}

#[test]
fn a_probability_is_drawn_the_same_from_the_same_seed() {
    on_arbiter(async {
        let draw = async |seed: u64| {
            let sim = Sim::start_with(SimOptions { chance_seed: Some(seed), ..options() }).await;
            assert_eq!(sim.handle.chance_seed(), seed);
            assert_eq!(sim.control("GET", "/chance", Value::Null).await.ok()["seed"], seed);
            rule(&sim, json!({"status": 500, "chance": 0.5})).await;
            let mut fates = Vec::new();
            for _ in 0..32 {
                fates.push(me(&sim).await);
            }
            sim.control("PUT", "/chance", json!({"seed": seed})).await.ok();
            assert_eq!(me(&sim).await, fates[0], "drawn anew from the start");
            sim.handle.stop().await;
            fates
        };
        let fates = draw(5).await;
        assert!(fates.contains(&200) && fates.contains(&500));
        assert_eq!(draw(5).await, fates);
        assert_ne!(draw(6).await, fates);
    });
}

#[test]
fn lists_come_out_wrong_in_each_of_the_known_ways() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        let room =
            sim.control("POST", "/rooms", json!({"title": "Ops", "members": ["echo@webex.bot"]})).await.text("id");
        for number in 0..3 {
            let said = json!({"to": "Ops", "text": number.to_string(), "mention": ["echo@webex.bot"]});
            sim.control("POST", "/say", said).await.ok();
        }

        rule(&sim, json!({"path": "/rooms", "list": "empty_page", "times": 0})).await;
        let empty = sim.v1("sim-bot-echo", "GET", "/rooms?max=5", Value::Null).await;
        assert_eq!(empty.body["items"], json!([]));
        let next = empty.next().unwrap().to_owned();
        let filled = sim.send(Some("sim-bot-echo"), "GET", next, Value::Null).await;
        assert_eq!(filled.body["items"][0]["title"], "Ops");
        assert_eq!(filled.next(), None);

        sim.control("DELETE", "/rules", json!({})).await.ok();
        rule(&sim, json!({"list": "next_unmentioned"})).await;
        let path = format!("/messages?roomId={room}&mentionedPeople=me&max=2");
        let page = sim.v1("sim-bot-echo", "GET", &path, Value::Null).await;
        let next = page.next().unwrap().to_owned();
        assert!(next.contains("roomId=") && next.contains("max=2") && !next.contains("mentionedPeople"), "{next}");
        assert_eq!(sim.send(Some("sim-bot-echo"), "GET", next, Value::Null).await.status, 403);

        rule(&sim, json!({"path": "/messages", "list": "kms_failure"})).await;
        let page = sim.v1("sim-bot-echo", "GET", &path, Value::Null).await;
        assert_eq!(page.body["items"][0]["errors"]["text"]["code"], "kms_failure");
        assert_eq!(page.body["items"][1]["text"], "Echo 1");
        sim.handle.stop().await;
    });
}

#[test]
fn a_revoked_token_is_dead_from_that_request_on() {
    on_arbiter(async {
        let sim = Sim::start().await;
        rule(&sim, json!({"email": "echo@webex.bot", "path": "/rooms", "revoke": true})).await;
        assert_eq!(me(&sim).await, 200);
        for path in ["/rooms", "/people/me", "/rooms"] {
            assert_eq!(sim.v1("sim-bot-echo", "GET", path, Value::Null).await.status, 401, "{path}");
        }
        assert_eq!(sim.control("GET", "/rules", Value::Null).await.ok(), json!([]));
        sim.handle.stop().await;
    });
}

#[test]
fn deliveries_are_dropped_doubled_and_overtaken() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, Target::start().await);
        sim.hook(&target, "echo", "messages", "created").await;
        let dropped = rule(&sim, json!({"on": "delivery", "copies": 0})).await;
        rule(&sim, json!({"on": "delivery", "path": "messages/created", "reorder": true, "delay_ms": 600_000})).await;
        rule(&sim, json!({"on": "delivery", "email": "echo@webex.bot", "copies": 2})).await;
        let [_, first, second] = [sim.say("0").await, sim.say("1").await, sim.say("2").await];
        let ids: Vec<Value> = target.hooks(3).await.iter().map(|hook| hook.json()["data"]["id"].clone()).collect();
        assert_eq!(ids, [second.clone(), first, second]);
        let journal = sim.control("GET", "/journal?kind=delivery", Value::Null).await.ok();
        assert_eq!(journal["entries"][0]["fault"], dropped);
        assert_eq!(journal["entries"][0]["error"], "dropped by a fault");
        sim.handle.stop().await;
    });
}

#[test]
fn one_that_nothing_overtakes_goes_out_alone_after_its_time() {
    with_stopped_clock(async {
        let (sim, target) = (Sim::start_with(stopped()).await, Target::start().await);
        sim.hook(&target, "echo", "messages", "created").await;
        for late in [json!({"on": "delivery", "reorder": true}), json!({"on": "delivery", "delay_ms": 1_000})] {
            let before = target.count();
            rule(&sim, late).await;
            sim.say("hi").await;
            tokio::time::advance(Duration::from_millis(990)).await;
            sim.control("GET", "", Value::Null).await.ok();
            assert_eq!(target.count(), before);
            tokio::time::advance(Duration::from_millis(20)).await;
            target.hooks(before + 1).await;
        }
    });
}

#[test]
fn an_event_can_come_before_its_message_can_be_read() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, Target::start().await);
        sim.hook(&target, "echo", "messages", "created").await;
        sim.control("PUT", "/clock", json!({"freeze": true})).await.ok();
        rule(&sim, json!({"on": "delivery", "hide_ms": 2_000})).await;
        let id = sim.say("hi").await;
        assert_eq!(target.hooks(1).await[0].json()["data"]["id"], id);
        let path = format!("/messages/{}", id.as_str().unwrap());
        let answer = sim.v1("sim-bot-echo", "GET", &path, Value::Null).await;
        assert_eq!((answer.status, answer.text("message")), (404, "Could not find a message with provided ID.".into()));
        sim.control("PUT", "/clock", json!({"advance_ms": 2_000})).await.ok();
        assert_eq!(sim.v1("sim-bot-echo", "GET", &path, Value::Null).await.text("text"), "hi");
        sim.handle.stop().await;
    });
}

#[test]
fn a_budget_comes_back_with_the_simulators_minute_and_families_have_their_own() {
    on_arbiter(async {
        let sim = Sim::start_with(SimOptions { requests_per_minute: 1, ..options() }).await;
        sim.control("PUT", "/clock", json!({"freeze": true})).await.ok();
        assert_eq!(me(&sim).await, 200);
        sim.control("PUT", "/clock", json!({"advance_ms": 20_000})).await.ok();
        let answer = sim.v1("sim-bot-echo", "GET", "/rooms", Value::Null).await;
        assert_eq!((answer.status, answer.header("retry-after")), (429, Some("40")));
        sim.control("PUT", "/clock", json!({"advance_ms": 40_000})).await.ok();
        assert_eq!(me(&sim).await, 200);

        sim.control("PUT", "/switches", json!({"budget_by_family": true})).await.ok();
        assert_eq!([me(&sim).await, me(&sim).await, me(&sim).await], [200, 200, 429]);
        assert_eq!(sim.v1("sim-bot-echo", "GET", "/webhooks", Value::Null).await.status, 429, "the rest is spent");
        let totals = sim.control("GET", "", Value::Null).await.ok();
        assert_eq!((&totals["throttled"], &totals["faulted"]), (&3.into(), &0.into()));
        sim.handle.stop().await;
    });
}
