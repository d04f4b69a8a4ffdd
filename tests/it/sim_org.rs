//! The organisation of the simulator through sockets: who is deleted, teams, and webhooks for everyone.

use serde_json::{Value, json};

use crate::sim_support::{Sim, Target, on_arbiter};

#[test]
fn a_deleted_bot_is_locked_out_and_its_webhooks_are_silent() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, Target::start().await);
        let id = sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.text("id");
        for token in ["sim-bot-echo", "sim-alice"] {
            let hook = json!({"name": "n", "targetUrl": target.url, "resource": "memberships", "event": "all"});
            sim.v1(token, "POST", "/webhooks", hook).await.ok();
        }
        let room = sim.control("POST", "/rooms", json!({"title": "Ops", "members": ["echo@webex.bot"]})).await;
        target.hooks(3).await;
        let deleted = sim.v1("sim-admin", "DELETE", &format!("/people/{id}"), Value::Null).await;
        assert_eq!((deleted.status, deleted.body), (204, Value::Null));
        assert_eq!(sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.status, 401);
        let add = json!({"roomId": room.text("id"), "personEmail": "bob@example.com"});
        sim.v1("sim-alice", "POST", "/memberships", add).await.ok();
        // Alice hears of herself and the bot, of its leaving, and of Bob; the bot of its coming, and then no more.
        let hooks = target.hooks(5).await;
        let heard = |event: &str, email: &str| {
            let fits = |hook: &Value| hook["event"] == event && hook["data"]["personEmail"] == email;
            hooks.iter().filter(|hook| fits(&hook.json())).count()
        };
        assert_eq!(heard("deleted", "echo@webex.bot") + heard("created", "bob@example.com"), 2, "by Alice's alone");
        let webhooks = sim.control("GET", "/webhooks", Value::Null).await.ok();
        let status = |owner: &str| {
            let found = webhooks.as_array().unwrap().iter().find(|webhook| webhook["owner"] == owner);
            found.unwrap()["webhook"]["status"].clone()
        };
        assert_eq!((status("echo@webex.bot"), status("alice@example.com")), ("inactive".into(), "active".into()));
        sim.handle.stop().await;
    });
}

#[test]
fn a_webhook_of_the_organisation_hears_of_rooms_its_owner_is_not_in() {
    on_arbiter(async {
        let (sim, target) = (Sim::start().await, Target::start().await);
        let hook = json!({
            "name": "all", "targetUrl": target.url, "resource": "messages", "event": "created", "ownedBy": "org",
            "filter": "personEmail=alice@example.com",
        });
        sim.v1("sim-admin", "POST", "/webhooks", hook).await.ok();
        sim.control("POST", "/say", json!({"as": "bob@example.com", "to": "alice@example.com", "text": "no"}))
            .await
            .ok();
        let said = sim.control("POST", "/say", json!({"to": "bob@example.com", "text": "yes"})).await.ok();
        let heard = target.hooks(1).await.remove(0).json();
        assert_eq!((&heard["data"]["id"], &heard["ownedBy"]), (&said["message"]["id"], &"org".into()));
        sim.handle.stop().await;
    });
}

#[test]
fn teams_and_tabs_survive_in_the_saved_state() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let team = sim.v1("sim-alice", "POST", "/teams", json!({"name": "Builders"})).await.ok();
        let room = json!({"title": "Plans", "teamId": team["id"]});
        let room = sim.v1("sim-alice", "POST", "/rooms", room).await.text("id");
        let tab = json!({"roomId": room, "contentUrl": "https://example.com/", "displayName": "Board"});
        let tab = sim.v1("sim-alice", "POST", "/room/tabs", tab).await.ok();
        let state = sim.control("GET", "/state", Value::Null).await.ok();
        sim.control("POST", "/reset", Value::Null).await.ok();
        let path = format!("/teams/{}", team["id"].as_str().unwrap());
        assert_eq!(sim.v1("sim-alice", "GET", &path, Value::Null).await.status, 404);
        sim.control("PUT", "/state", state).await.ok();
        assert_eq!(sim.v1("sim-alice", "GET", &path, Value::Null).await.ok(), team);
        let tabs = sim.v1("sim-alice", "GET", &format!("/room/tabs?roomId={room}"), Value::Null).await.ok();
        assert_eq!(tabs["items"], json!([tab]));
        sim.handle.stop().await;
    });
}
