//! What the simulator does with targets that fail, hang or go: the rule of failures, time-outs, fairness.

use std::time::Duration;

use serde_json::{Value, json};

use botyard::{base::Clock, sim::SimOptions};

use crate::sim_support::{Sim, Target, on_arbiter, options, with_stopped_clock};

async fn status(sim: &Sim, id: &str) -> String {
    sim.v1("sim-bot-echo", "GET", &format!("/webhooks/{id}"), Value::Null).await.text("status")
}

async fn reactivate(sim: &Sim, target: &Target, id: &str) {
    let change = json!({"name": "test", "targetUrl": target.url, "status": "active"});
    sim.v1("sim-bot-echo", "PUT", &format!("/webhooks/{id}"), change).await.ok();
}

/// Waits until so many deliveries have been tried.
async fn tried(sim: &Sim, count: u64) {
    loop {
        let totals = sim.control("GET", "", Value::Null).await.ok();
        if totals["deliveries"]["failed"].as_u64().unwrap() + totals["deliveries"]["delivered"].as_u64().unwrap()
            >= count
        {
            return;
        }
        let after = totals["seq"].as_u64().unwrap();
        sim.control("GET", &format!("/journal?kind=delivery&wait_ms=20000&after={after}"), Value::Null).await.ok();
    }
}

#[test]
fn failures_switch_off_by_the_simulators_five_minutes_and_after_reactivation_one_is_enough() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, Target::start().await);
        let id = sim.hook(&target, "echo", "messages", "created").await;
        sim.control("PUT", "/clock", json!({"freeze": true})).await.ok();
        target.status.set(500);
        for number in 0..99 {
            sim.say(&number.to_string()).await;
        }
        tried(&sim, 99).await;
        assert_eq!(status(&sim, &id).await, "active");
        sim.control("PUT", "/clock", json!({"advance_ms": 300_001})).await.ok();
        sim.say("the others are forgotten").await;
        tried(&sim, 100).await;
        assert_eq!(status(&sim, &id).await, "active");
        for number in 0..99 {
            sim.say(&number.to_string()).await;
        }
        tried(&sim, 199).await;
        assert_eq!(status(&sim, &id).await, "inactive");

        reactivate(&sim, &target, &id).await;
        sim.say("on probation").await;
        tried(&sim, 200).await;
        assert_eq!(status(&sim, &id).await, "inactive");

        sim.control("PUT", "/clock", json!({"advance_ms": 300_000})).await.ok();
        reactivate(&sim, &target, &id).await;
        sim.say("afresh").await;
        tried(&sim, 201).await;
        assert_eq!(status(&sim, &id).await, "active");
        sim.handle.stop().await;
    });
}

#[test]
fn a_target_that_hangs_holds_up_only_itself() {
    on_arbiter(async {
        let (sim, slow, fast) = (Sim::start().await, Target::start().await, Target::start().await);
        slow.status.set(0);
        // More rooms than one thread has places.
        let bots: Vec<String> = (0..300).map(|number| format!("slow-{number}")).collect();
        for bot in &bots {
            sim.hook(&slow, bot, "messages", "created").await;
            let to = json!({"to": format!("{bot}@webex.bot"), "text": "anybody?"});
            sim.control("POST", "/say", to).await.ok();
        }
        // It hangs by now with as many as it may have.
        slow.hooks(100).await;
        sim.hook(&fast, "echo", "messages", "created").await;
        for number in 0..20 {
            sim.say(&number.to_string()).await;
        }
        fast.hooks(20).await;
        assert!(slow.count() < 256, "{}", slow.count());
        sim.handle.stop().await;
    });
}

#[test]
fn the_time_a_target_has_is_a_switch() {
    with_stopped_clock(async {
        let target = Target::start().await;
        target.status.set(0);
        let options = SimOptions { threads: 0, clock: Clock::following_tokio(), ..options() };
        let sim = Sim::start_with(options).await;
        sim.control("PUT", "/switches", json!({"delivery_timeout_ms": 2_000})).await.ok();
        assert_eq!(sim.control("PUT", "/switches", json!({"delivery_timeout_ms": 0})).await.status, 400);
        sim.hook(&target, "echo", "messages", "created").await;
        sim.say("anybody?").await;
        target.hooks(1).await;
        tokio::time::advance(Duration::from_millis(1_990)).await;
        assert_eq!(sim.control("GET", "/journal?kind=delivery", Value::Null).await.ok()["entries"], json!([]));
        tokio::time::advance(Duration::from_millis(20)).await;
        let journal = sim.control("GET", "/journal?kind=delivery&wait_ms=1000", Value::Null).await.ok();
        assert!(journal["entries"][0]["error"].as_str().unwrap().contains("2s"), "{journal}");
        sim.handle.stop().await;
    });
}

#[test]
fn whose_creator_is_gone_hears_no_more() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, Target::start().await);
        let id = sim.hook(&target, "echo", "messages", "created").await;
        let hooks = sim.control("DELETE", "/webhooks", json!({"email": "echo@webex.bot"})).await.ok();
        assert_eq!(hooks[0]["webhook"]["status"], "inactive");
        sim.say("nobody hears").await;
        reactivate(&sim, &target, &id).await;
        let heard = sim.say("somebody hears").await;
        assert_eq!(target.hooks(1).await[0].json()["data"]["id"], heard);
        sim.handle.stop().await;
    });
}
