//! Runs that can be repeated and steered: seed files, the clock, waiting for silence.

use std::{
    path::{Path, PathBuf},
    rc::Rc,
};

use serde_json::{Value, json};

use botyard::{
    base::spawn::spawn,
    sim::{self, SimOptions},
};

use crate::sim_support::{Sim, on_arbiter, options};

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/sim").join(name)
}

#[test]
fn the_shipped_seed_starts_the_same_team_each_time() {
    on_arbiter(async {
        let start = async || {
            let sim = Sim::start_with(SimOptions { seed: Some(shipped("team.toml")), ..options() }).await;
            let state = sim.control("GET", "/state", Value::Null).await.ok();
            let ids = |list: &str| -> Vec<Value> {
                state[list].as_array().unwrap().iter().map(|item| item["id"].clone()).collect()
            };
            let ids = [ids("people"), ids("rooms"), ids("webhooks")];
            assert_eq!(sim.handle.chance_seed(), 42);
            (sim, ids)
        };
        let (sim, ids) = start().await;
        assert_eq!(sim.v1("dana-token", "GET", "/people/me", Value::Null).await.text("displayName"), "Dana Diaz");
        assert_eq!(sim.v1("oncall-token", "GET", "/people/me", Value::Null).await.text("type"), "bot");
        let empty = sim.v1("oncall-token", "GET", "/rooms", Value::Null).await.ok();
        assert_eq!(empty["items"], json!([]), "the fault of the seed");
        let rooms = sim.v1("oncall-token", "GET", "/rooms", Value::Null).await.ok();
        assert_eq!(rooms["items"][0]["title"], "Incidents");
        let hooks = sim.v1("sim-bot-oncall", "GET", "/webhooks", Value::Null).await.ok();
        assert_eq!(hooks["items"][0]["targetUrl"], "http://127.0.0.1:8080/hooks/oncall");
        assert_eq!(sim.control("GET", "/switches", Value::Null).await.ok()["webex_signature"], true);
        sim.control("DELETE", "/tokens", json!({"token": "dana-token"})).await.ok();
        sim.control("POST", "/reset", Value::Null).await.ok();
        assert_eq!(sim.v1("dana-token", "GET", "/people/me", Value::Null).await.status, 200);
        sim.handle.stop().await;
        let (sim, again) = start().await;
        assert_eq!(again, ids);
        sim.handle.stop().await;
    });
}

#[test]
fn a_saved_state_goes_before_the_seed_and_faults_come_with_every_run() {
    on_arbiter(async {
        let dir = tempfile::tempdir().unwrap();
        let faults = dir.path().join("faults.json");
        std::fs::write(&faults, r#"{"chance_seed": 9, "faults": [{"path": "/people", "status": 503}]}"#).unwrap();
        let with = |seed: Option<PathBuf>| SimOptions {
            seed,
            faults: Some(faults.clone()),
            state: Some(dir.path().join("state.json")),
            ..options()
        };
        let sim = Sim::start_with(with(None)).await;
        assert_eq!(sim.v1("sim-alice", "GET", "/people/me", Value::Null).await.status, 503);
        sim.control("POST", "/rooms", json!({"title": "Kept"})).await.ok();
        sim.handle.stop().await;
        let sim = Sim::start_with(with(Some(shipped("team.toml")))).await;
        assert_eq!(sim.handle.chance_seed(), 9);
        assert_eq!(sim.v1("sim-alice", "GET", "/people/me", Value::Null).await.status, 503, "in this run too");
        assert_eq!(sim.v1("dana-token", "GET", "/people/me", Value::Null).await.status, 401, "no seed");
        assert_eq!(sim.control("GET", "/rooms", Value::Null).await.ok()[0]["title"], "Kept");
        sim.handle.stop().await;
    });
}

#[test]
fn files_that_are_wrong_do_not_start_and_say_where_and_why() {
    on_arbiter(async {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.toml");
        std::fs::write(&path, "[[rooms]]\ntitle = \"Ops\"\nmembers = [\"ghost@example.com\"]\n").unwrap();
        let error = sim::start(SimOptions { seed: Some(path.clone()), ..options() }).await.unwrap_err().to_string();
        for word in ["s.toml", "line 1", "`ghost@example.com`", "`[[people]]`"] {
            assert!(error.contains(word), "{error}");
        }
        let error = sim::start(SimOptions { faults: Some(path), ..options() }).await.unwrap_err().to_string();
        assert!(error.contains("unknown field `rooms`"), "{error}");
        let sim = Sim::start_with(SimOptions { faults: Some(shipped("rough-day.toml")), ..options() }).await;
        assert_eq!(sim.control("GET", "/rules", Value::Null).await.ok().as_array().unwrap().len(), 7);
        sim.handle.stop().await;
    });
}

#[test]
fn the_clock_is_moved_set_stopped_and_let_go_but_never_back() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let clock = async |wanted: Value| sim.control("PUT", "/clock", wanted).await;
        let frozen = clock(json!({"freeze": true})).await.ok();
        assert_eq!(frozen["running"], false);
        assert_eq!(sim.control("GET", "/clock", Value::Null).await.ok()["now"], frozen["now"]);
        clock(json!({"set": "2031-05-01T08:00:00.000Z"})).await.ok();
        let room = sim.control("POST", "/rooms", json!({"title": "Later"})).await.ok();
        assert_eq!(room["lastActivity"], "2031-05-01T08:00:00.000Z");
        assert_eq!(clock(json!({"advance_ms": 86_400_000})).await.text("now"), "2031-05-02T08:00:00.000Z");
        let back = clock(json!({"set": "2031-05-02T07:59:59.999Z"})).await;
        assert_eq!(back.status, 400);
        assert!(back.text("message").contains("never goes back: it is 2031-05-02T08:00:00.000Z"), "{}", back.body);
        for wrong in
            [json!({}), json!({"advance_ms": 1, "run": true}), json!({"set": "tomorrow"}), json!({"run": false})]
        {
            assert_eq!(clock(wrong.clone()).await.status, 400, "{wrong}");
        }
        assert_eq!(clock(json!({"run": true})).await.ok()["running"], true);
        let state = sim.control("GET", "/state", Value::Null).await.ok();
        sim.handle.stop().await;

        let sim = Sim::start().await;
        sim.control("PUT", "/state", state).await.ok();
        let now = sim.control("GET", "/clock", Value::Null).await.text("now");
        assert!(now.starts_with("2031-05-02T08:00"), "time goes on from where the state was: {now}");
        sim.handle.stop().await;
    });
}

#[test]
fn one_waits_for_silence_on_the_simulators_clock() {
    on_arbiter(async {
        let sim = Rc::new(Sim::start().await);
        let reply = json!({"toPersonEmail": "alice@example.com", "text": "the last word"});
        sim.v1("sim-bot-echo", "POST", "/messages", reply).await.ok();
        sim.control("PUT", "/clock", json!({"freeze": true})).await.ok();
        let short = json!({"bot": "echo@webex.bot", "silent_ms": 1, "timeout_ms": 300});
        assert_eq!(sim.control("POST", "/wait", short).await.status, 504, "its time stands still");

        let long = json!({"bot": "echo@webex.bot", "silent_ms": 3_600_000, "timeout_ms": 60_000});
        let waiting = Rc::clone(&sim);
        let waiting = spawn(async move { waiting.control("POST", "/wait", long).await.ok() });
        while !waiting.is_finished() {
            sim.control("PUT", "/clock", json!({"advance_ms": 60_000})).await.ok();
        }
        let waited = waiting.await.unwrap();
        assert_eq!((&waited["silent"], &waited["messages"][0]["text"]), (&true.into(), &"the last word".into()));

        let either = json!({"bot": "echo@webex.bot", "replies": 1, "silent_ms": 3_600_000, "timeout_ms": 20_000});
        let waited = sim.control("POST", "/wait", either).await.ok();
        assert_eq!(waited["silent"], false, "it has answered");
        drop(sim);
    });
}

#[test]
fn silence_does_not_begin_while_a_webhook_is_on_its_way() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, crate::sim_support::Target::start().await);
        sim.hook(&target, "echo", "messages", "created").await;
        target.status.set(0);
        sim.say("hi").await;
        target.hooks(1).await;
        let silence = json!({"bot": "echo@webex.bot", "silent_ms": 1, "timeout_ms": 100});
        assert_eq!(sim.control("POST", "/wait", silence.clone()).await.status, 504, "it may be about to answer");
        let other = json!({"bot": "other@webex.bot", "silent_ms": 1, "timeout_ms": 20_000});
        sim.control("POST", "/wait", other).await.ok();
        sim.handle.stop().await;
    });
}
