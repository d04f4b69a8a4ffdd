//! The simulated REST API as a client meets it: headers, refusals, paging, budgets.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use crate::sim_support::{Sim, on_arbiter, options, with_stopped_clock};
use botyard::{
    base::Clock,
    sim::{self, SimError, SimOptions},
};

#[test]
fn a_request_without_a_good_token_is_refused_in_webex_words() {
    on_arbiter(async {
        let sim = Sim::start().await;
        for token in ["nobody", "sim-bot-Bad"] {
            let answer = sim.v1(token, "GET", "/people/me", Value::Null).await;
            assert_eq!(answer.status, 401);
            let words = "The request requires a valid access token set in the Authorization request header.";
            assert_eq!(answer.body["message"], words);
            assert_eq!(answer.body["errors"][0]["description"], words);
            assert_eq!(answer.header("trackingid"), answer.body["trackingId"].as_str());
        }
        sim.handle.stop().await;
    });
}

#[test]
fn answers_carry_the_headers_of_webex() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let headers = vec![("trackingid".to_owned(), "MINE_1".to_owned())];
        let url = format!("{}/people/me", sim.handle.url());
        let answer = sim.raw(Some("sim-bot-echo"), "GET", url, headers, None).await;
        assert_eq!(answer.header("trackingid"), Some("MINE_1"));
        assert_eq!(answer.header("content-type"), Some("application/json;charset=UTF-8"));
        assert_eq!(answer.text("displayName"), "Echo");
        sim.handle.stop().await;
    });
}

#[test]
fn refusals_that_http_has_a_status_for() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let url = |path: &str| format!("{}{path}", sim.handle.url());
        let form = vec![("Content-Type".to_owned(), "text/xml".to_owned())];
        let body = Some(Bytes::from_static(b"<title/>"));
        let answer = sim.raw(Some("sim-alice"), "POST", url("/rooms"), form, body).await;
        assert_eq!((answer.status, answer.text("message")), (415, "Content type 'text/xml' not supported".into()));
        let loud = vec![("Content-Type".to_owned(), "Application/JSON".to_owned())];
        let body = Some(Bytes::from_static(br#"{"title":"Ops"}"#));
        assert_eq!(sim.raw(Some("sim-alice"), "POST", url("/rooms"), loud, body).await.status, 200);
        let answer = sim.v1("sim-alice", "DELETE", "/people/me", Value::Null).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("GET")));
        assert_eq!(sim.v1("sim-alice", "GET", "/cats", Value::Null).await.status, 404);
        let large = json!({"title": "x".repeat(2 << 20)});
        assert_eq!(sim.v1("sim-alice", "POST", "/rooms", large).await.status, 413);
        let nowhere = format!("http://{}/", sim.handle.addr());
        assert_eq!(sim.send(None, "GET", nowhere, Value::Null).await.status, 404);
        sim.handle.stop().await;
    });
}

#[test]
fn a_list_is_followed_by_its_links_to_the_end() {
    on_arbiter(async {
        let sim = Sim::start().await;
        for number in 0..5 {
            let hook = json!({
                "name": format!("n{number}"), "targetUrl": "http://127.0.0.1:9/", "resource": "all", "event": "all",
            });
            sim.v1("sim-bot-echo", "POST", "/webhooks", hook).await.ok();
        }
        let mut names = Vec::new();
        let mut answer = sim.v1("sim-bot-echo", "GET", "/webhooks?max=2", Value::Null).await;
        loop {
            let items = answer.body["items"].as_array().unwrap();
            assert!(items.len() <= 2);
            names.extend(items.iter().map(|hook| hook["name"].as_str().unwrap().to_owned()));
            let Some(next) = answer.next().map(str::to_owned) else { break };
            answer = sim.send(Some("sim-bot-echo"), "GET", next, Value::Null).await;
        }
        assert_eq!(names, ["n0", "n1", "n2", "n3", "n4"]);
        sim.handle.stop().await;
    });
}

#[test]
fn a_spent_budget_is_429_for_that_token_alone() {
    on_arbiter(async {
        let sim = Sim::start_with(SimOptions { requests_per_minute: 2, ..options() }).await;
        for _ in 0..2 {
            sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        }
        let answer = sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await;
        assert_eq!(answer.status, 429);
        let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert!((1..=60).contains(&seconds));
        sim.v1("sim-alice", "GET", "/people/me", Value::Null).await.ok();
        sim.control("PUT", "/budget", json!({"email": "echo@webex.bot", "requests_per_minute": 0})).await.ok();
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        sim.handle.stop().await;
    });
}

#[test]
fn a_taken_port_and_an_open_address_are_refused_with_the_way_out() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let busy = sim::start(SimOptions::new(sim.handle.addr())).await.unwrap_err();
        assert!(busy.to_string().contains(&sim.handle.addr().to_string()), "{busy}");
        assert!(matches!(busy, SimError::Busy { .. }));
        let open = sim::start(SimOptions::new("0.0.0.0:0".parse().unwrap())).await.unwrap_err();
        assert!(open.to_string().contains("--allow-remote"), "{open}");
        sim.handle.stop().await;
    });
}

#[test]
fn the_state_file_brings_everything_back() {
    on_arbiter(async {
        let dir = tempfile::tempdir().unwrap();
        let with_file = || SimOptions { state: Some(dir.path().join("state.json")), ..options() };
        let sim = Sim::start_with(with_file()).await;
        let room = sim.v1("sim-alice", "POST", "/rooms", json!({"title": "Ops"})).await.text("id");
        sim.v1("sim-alice", "POST", "/messages", json!({"roomId": room, "text": "remember"})).await.ok();
        sim.handle.stop().await;

        let sim = Sim::start_with(with_file()).await;
        let path = format!("/messages?roomId={room}");
        let list = sim.v1("sim-alice", "GET", &path, Value::Null).await.ok();
        assert_eq!(list["items"][0]["text"], "remember");
        sim.handle.stop().await;
    });
}

#[test]
fn on_the_callers_thread_it_lives_by_the_callers_clock() {
    with_stopped_clock(async {
        let options = SimOptions { threads: 0, clock: Clock::following_tokio(), requests_per_minute: 1, ..options() };
        let sim = Sim::start_with(options).await;
        assert_eq!(sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.text("type"), "bot");
        for (left, passes) in [("60", 59_001), ("1", 999)] {
            let answer = sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some(left)));
            tokio::time::advance(Duration::from_millis(passes)).await;
        }
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        sim.handle.stop().await;
    });
}
