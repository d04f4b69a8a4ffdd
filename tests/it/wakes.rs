//! A wake carries no work: what is lost with it comes a look later. And the whole house on one thread.

use std::time::Duration;

use botyard::{actors::bells::BellFaults, app::Threads, base::Clock};
use serde_json::json;

use crate::{
    sim_support::{pass, with_stopped_clock},
    support::house::{ECHO, House, Plan, address},
};

/// Several bots, direct and group rooms, order: what the main path promises.
async fn main_path(plan: Plan) {
    let house = House::build(plan, &[("echo.toml", ECHO), ("other.toml", ECHO)]).await;
    house.registered(&["echo", "other"]).await;
    house.sim.post("/rooms", json!({ "title": "Kitchen", "members": [address("echo")] })).await;
    let asked = json!({ "to": "Kitchen", "text": "tea?", "mention": [address("echo")] });
    let after = house.sim.say_it(asked).await;
    for number in 0..20 {
        house.sim.say(&address("other"), &format!("{number}")).await;
    }
    assert_eq!(house.sim.replies("echo", after, 1).await[0]["text"], "tea?");
    let replies = house.sim.replies("other", after, 20).await;
    let texts: Vec<_> = replies.iter().map(|reply| reply["text"].as_str().unwrap()).collect();
    let expected: Vec<_> = (0..20).map(|number| number.to_string()).collect();
    assert_eq!(texts, expected);
    house.close().await;
}

#[actix::test]
async fn everything_is_answered_when_every_hand_over_is_lost() {
    let faults = BellFaults { drop_hand_over: true, ..BellFaults::default() };
    main_path(Plan { faults, ..Plan::default() }).await;
}

#[actix::test]
async fn everything_is_answered_when_every_wake_is_lost() {
    let faults = BellFaults { drop_wakes: true, ..BellFaults::default() };
    main_path(Plan { faults, ..Plan::default() }).await;
}

#[actix::test]
async fn the_whole_house_works_on_one_thread() {
    main_path(Plan { threads: Threads::One, ..Plan::default() }).await;
}

#[actix::test]
async fn the_whole_house_works_where_bots_and_api_share_a_thread() {
    main_path(Plan { settings: vec![("bots.arbiters", "1".to_owned())], ..Plan::default() }).await;
}

#[test]
fn a_reply_that_has_to_wait_waits_its_time_and_no_longer() {
    with_stopped_clock(async {
        let plan = Plan { threads: Threads::One, clock: Clock::following_tokio(), ..Plan::default() };
        let house = House::build(plan, &[("echo.toml", ECHO)]).await;
        house.registered(&["echo"]).await;
        let later = json!({ "method": "POST", "path": "/messages", "email": address("echo"), "status": 429 });
        house.sim.post("/rules", later).await;
        let after = house.sim.say(&address("echo"), "in a quarter of a minute").await;
        let told = || async {
            let (_, list) = house.admin("GET", "/events?bot=echo", None).await;
            let id = list["events"][0]["id"].as_str()?.to_owned();
            let (_, event) = house.admin("GET", &format!("/events/{id}"), None).await;
            let delivery = event["deliveries"].get(0)?.clone();
            (delivery["state"] == "waiting" && !delivery["reason"].is_null()).then_some(delivery)
        };
        let delivery = house.sim.eventually("the delivery to wait", told).await;
        let wait = delivery["due_at"].as_i64().unwrap() - delivery["marked_at"].as_i64().unwrap();
        assert_eq!(wait, 15_000, "no `Retry-After` is a quarter of a minute: {delivery}");

        let tries = || async {
            let journal = house.sim.get(&format!("/journal?kind=request&after={after}&max=10000")).await;
            let entries = journal["entries"].as_array().unwrap();
            entries.iter().filter(|entry| entry["method"] == "POST" && entry["path"] == "/messages").count()
        };
        pass(Duration::from_millis(14_990)).await;
        for _ in 0..20 {
            assert_eq!(tries().await, 1, "it is not tried before its time");
        }
        tokio::time::advance(Duration::from_millis(20)).await;
        let reply = house.sim.replies("echo", after, 1).await;
        assert_eq!(reply[0]["text"], "in a quarter of a minute");
        assert_eq!(tries().await, 2);
        house.close().await;
    });
}
