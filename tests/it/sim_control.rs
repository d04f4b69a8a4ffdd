//! The control API: acting as a person, waiting, the journal, faults.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::sim_support::{Sim, on_arbiter};

#[test]
fn one_waits_for_a_bots_answer_and_gets_it() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        let said = sim.control("POST", "/say", json!({"to": "echo@webex.bot", "text": "hi"})).await.ok();
        let wait = json!({
            "bot": "echo@webex.bot", "room": said["message"]["roomId"], "after": said["seq"], "timeout_ms": 20000,
        });
        let answering = async {
            let reply = json!({"roomId": said["message"]["roomId"], "text": "hi yourself"});
            sim.v1("sim-bot-echo", "POST", "/messages", reply).await.ok();
        };
        let (waited, ()) = tokio::join!(sim.control("POST", "/wait", wait), answering);
        let waited = waited.ok();
        assert_eq!(waited["messages"][0]["text"], "hi yourself");
        let wait = json!({"bot": "echo@webex.bot", "after": waited["seq"], "timeout_ms": 1});
        let answer = sim.control("POST", "/wait", wait).await;
        assert_eq!((answer.status, answer.text("message")), (504, "0 of 1 replies within 1 ms".into()));
        sim.handle.stop().await;
    });
}

#[test]
fn the_journal_tells_everything_in_order() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.v1("sim-alice", "POST", "/messages", json!({"toPersonEmail": "bob@example.com", "text": "psst"}))
            .await
            .ok();
        let journal = sim.control("GET", "/journal", Value::Null).await.ok();
        let entries = journal["entries"].as_array().unwrap();
        let told: Vec<String> = entries
            .iter()
            .map(|entry| match entry["kind"].as_str().unwrap() {
                "request" => format!("{} {} {}", entry["method"], entry["path"], entry["status"]).replace('"', ""),
                _ => format!("{}/{}", entry["resource"], entry["event"]).replace('"', ""),
            })
            .collect();
        assert_eq!(
            told,
            ["rooms/created", "memberships/created", "memberships/created", "messages/created", "POST /messages 200"]
        );
        assert_eq!((&entries[3]["text"], &entries[3]["person"]), (&"psst".into(), &"alice@example.com".into()));
        let last = entries.last().unwrap()["seq"].as_u64().unwrap();
        let later = format!("/journal?after={last}&kind=request&person=bob@example.com&wait_ms=20000");
        let looking = async { sim.v1("sim-bob", "GET", "/people/me", Value::Null).await.ok() };
        let (later, _) = tokio::join!(sim.control("GET", &later, Value::Null), looking);
        assert_eq!(later.ok()["entries"][0]["path"], "/people/me");
        sim.handle.stop().await;
    });
}

#[test]
fn a_fault_answers_instead_of_the_api_as_often_as_it_was_told() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let rule =
            json!({"token": "sim-bot-echo", "path": "/people", "times": 2, "status": 429, "retry_after": "soon"});
        sim.control("POST", "/rules", rule).await.ok();
        for _ in 0..2 {
            let answer = sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await;
            assert_eq!((answer.status, answer.header("retry-after")), (429, Some("soon")));
        }
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        assert_eq!(sim.control("GET", "/rules", Value::Null).await.ok(), json!([]));
        sim.handle.stop().await;
    });
}

#[test]
fn a_token_is_revoked_and_another_given() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        let wanted = json!({"email": "echo@webex.bot", "revoke_others": true});
        let token = sim.control("POST", "/tokens", wanted).await.text("token");
        assert_eq!(sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.status, 401);
        assert_eq!(sim.v1(&token, "GET", "/people/me", Value::Null).await.text("displayName"), "Echo");
        sim.control("DELETE", "/tokens", json!({"token": token})).await.ok();
        assert_eq!(sim.v1(&token, "GET", "/people/me", Value::Null).await.status, 401);
        let stolen = json!({"email": "bob@example.com", "token": "sim-alice"});
        assert_eq!(sim.control("POST", "/tokens", stolen).await.status, 409);
        sim.handle.stop().await;
    });
}

#[test]
fn people_rooms_and_webhooks_can_be_looked_at() {
    on_arbiter(async {
        let sim = Sim::start().await;
        let new = json!({"email": "page@webex.bot", "name": "Pager", "token": "t"});
        assert_eq!(sim.control("POST", "/people", new).await.ok()["tokens"], json!(["t"]));
        let room = sim.control("POST", "/rooms", json!({"title": "Ops", "members": ["page@webex.bot"]})).await.ok();
        assert_eq!(room["members"].as_array().unwrap().len(), 2);
        // A room of a chosen id: made once, then only joined.
        let id = "Y2lzY29zcGFyazovL3VzL1JPT00vNzA1YjY4ZGEtNGI5Mi00YTNmLTlmYzYtMWViNjVmZGYwMDAx";
        let chosen = |members: Value| json!({"id": id, "title": "Board", "members": members});
        let made = sim.control("POST", "/rooms", chosen(json!(["alice@example.com"]))).await.ok();
        assert_eq!((&made["id"], made["members"].as_array().unwrap().len()), (&json!(id), 1));
        let joined = sim.control("POST", "/rooms", chosen(json!(["alice@example.com", "page@webex.bot"]))).await.ok();
        assert_eq!(joined["members"].as_array().unwrap().len(), 2);
        let strange = json!({"id": "OPS", "title": "x"});
        assert_eq!(sim.control("POST", "/rooms", strange).await.status, 400);
        sim.control("POST", "/say", json!({"to": "Ops", "markdown": "**one**"})).await.ok();
        let messages = sim.control("GET", "/rooms/Ops/messages", Value::Null).await.ok();
        assert_eq!(messages[0]["html"], "<p><strong>one</strong></p>");
        let hook = json!({"name": "n", "targetUrl": "http://h/", "resource": "all", "event": "all", "secret": "s3"});
        sim.v1("t", "POST", "/webhooks", hook).await.ok();
        let hooks = sim.control("GET", "/webhooks", Value::Null).await.ok();
        assert_eq!((&hooks[0]["owner"], &hooks[0]["has_secret"]), (&"page@webex.bot".into(), &true.into()));
        assert!(!hooks.to_string().contains("s3"));
        let totals = sim.control("GET", "", Value::Null).await.ok();
        assert_eq!((&totals["people"], &totals["rooms"], &totals["messages"]), (&5.into(), &2.into(), &1.into()));
        sim.handle.stop().await;
    });
}

#[test]
fn the_state_is_taken_out_put_back_and_reset() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.control("POST", "/rooms", json!({"title": "Ops"})).await.ok();
        let state = sim.control("GET", "/state", Value::Null).await.ok();
        let before = sim.control("GET", "", Value::Null).await.ok();
        let after = sim.control("POST", "/reset", Value::Null).await.ok();
        assert_eq!((&after["rooms"], &after["people"]), (&0.into(), &4.into()));
        assert!(after["seq"].as_u64() > before["seq"].as_u64());
        assert_eq!(sim.control("PUT", "/state", state).await.ok()["rooms"], 1);
        let broken = sim.control("PUT", "/state", json!({"version": 1})).await;
        assert_eq!(broken.status, 400);
        assert_eq!(sim.control("GET", "", Value::Null).await.ok()["rooms"], 1);
        sim.handle.stop().await;
    });
}

#[test]
fn what_a_client_writes_with_a_mention_has_the_limits_of_any_message() {
    on_arbiter(async {
        let sim = Sim::start().await;
        sim.v1("sim-bot-echo", "GET", "/people/me", Value::Null).await.ok();
        for title in ["Ops", "Other"] {
            sim.control("POST", "/rooms", json!({"title": title, "members": ["echo@webex.bot"]})).await.ok();
        }
        let root = sim.control("POST", "/say", json!({"to": "Ops", "text": "root"})).await.ok();
        let root = root["message"]["id"].clone();
        let say = |to| json!({"to": to, "text": "hi", "mention": ["echo@webex.bot"], "parent": root});
        let said = sim.control("POST", "/say", say("Ops")).await.ok();
        assert_eq!(said["message"]["parentId"], root);
        assert_eq!(sim.control("POST", "/say", say("Other")).await.status, 404);
        let long = json!({"to": "Ops", "text": "x".repeat(7_439), "mention": ["echo@webex.bot"]});
        let refused = sim.control("POST", "/say", long).await;
        assert!(refused.status == 400 && refused.text("message").contains("7439"), "{}", refused.body);
        let twice = json!({"to": "Ops", "text": "hi", "mention": ["echo@webex.bot", "echo@webex.bot"]});
        let said = sim.control("POST", "/say", twice).await.ok();
        assert_eq!(said["message"]["mentionedPeople"].as_array().map(Vec::len), Some(1));
        sim.handle.stop().await;
    });
}

#[test]
fn what_cannot_be_meant_is_refused_with_a_reason() {
    on_arbiter(async {
        let sim = Sim::start().await;
        for (method, path, body, status, words) in [
            ("POST", "/say", json!({"to": "ghost@webex.bot", "text": "hi"}), 404, "ghost@webex.bot"),
            ("POST", "/say", json!({"to": "Ops", "text": "hi"}), 404, "`Ops`"),
            ("POST", "/say", json!({"too": "Ops"}), 400, "unknown field `too`"),
            ("POST", "/wait", json!({}), 400, "`bot`"),
            ("GET", "/journal?kind=cats", Value::Null, 400, "`kind`"),
            ("GET", "/journal?after=soon", Value::Null, 400, "`after`"),
            ("POST", "/rules", json!({"status": 200}), 400, "400 to 599"),
            ("DELETE", "/rules", json!({"id": 7}), 404, "rule 7"),
            ("PUT", "/switches", json!({"cats": true}), 400, "cats"),
            ("GET", "/cats", Value::Null, 404, "GET /sim/cats"),
        ] {
            let answer = sim.control(method, path, body).await;
            assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
            assert!(answer.text("message").contains(words), "{method} {path}: {}", answer.body);
        }
        let headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
        let url = format!("{}/reset", sim.handle.control_url());
        let answer = sim.raw(None, "POST", url, headers, Some(Bytes::from_static(b"{}"))).await;
        assert_eq!(answer.status, 415, "a page in a browser could send this");
        let headers = vec![("Origin".to_owned(), "https://elsewhere.example".to_owned())];
        let url = format!("{}/reset", sim.handle.control_url());
        assert_eq!(sim.raw(None, "POST", url, headers, None).await.status, 403, "and this, without any body");
        sim.handle.stop().await;
    });
}
