//! Hooks that other programs post to, through the whole house.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use botyard::{
    base::Secret,
    webex::signature::{Algorithm, sign},
};
use serde_json::{Value, json};

use crate::support::{
    house::{ECHO, House, Plan},
    raw_http::{Answer, send},
};

/// Without the variables that they name, secrets on the simulator are `sim-<bot>-<hook>`.
const HOOKS: &str = "
[[inbound]]
name = 'bearer'
auth = { bearer = 'env:BOT_X' }
to = 'alice@example.com'
reply = 'bearer {{ payload.title }}'

[[inbound]]
name = 'alone'
auth = { bearer = { secret = 'env:BOT_X', header = 'X-Gitlab-Token' } }
to = 'alice@example.com'
reply = 'alone {{ payload.title }} {{ headers[\"x-kind\"] }}{{ headers[\"x-gitlab-token\"] }}'

[[inbound]]
name = 'basic'
auth = { basic = { user = 'grafana', password = 'env:BOT_X' } }
to = 'alice@example.com'
reply = 'basic {{ payload.title }}'

[[inbound]]
name = 'signed'
auth = { hmac = { secret = 'env:BOT_X', header = 'X-Hub-Signature-256', prefix = 'sha256=' } }
dedupe = '{{ payload.id }}'
body_limit = 1024
to = 'alice@example.com'
reply = 'signed {{ payload.title }}'

[[inbound]]
name = 'fragile'
auth = { bearer = 'env:BOT_X' }
to = 'alice@example.com'
reply = 'there are {{ payload.count + 1 }}'

[[inbound]]
name = 'open'
auth = { none = true }
to = 'alice@example.com'
reply = 'open {{ payload }}'
";

async fn house() -> House {
    let settings = vec![("inbound.listen", "127.0.0.1:0".to_owned()), ("base_path", "/bots".to_owned())];
    let house = House::build(Plan { settings, ..Plan::default() }, &[("echo.toml", &format!("{ECHO}{HOOKS}"))]).await;
    house.registered(&["echo"]).await;
    house
}

async fn post(house: &House, hook: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let path = format!("/bots/in/{hook}");
    let mut all = headers.to_vec();
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        all.push(("Content-Type", "application/json"));
    }
    send(house.app().ingress_addr(), "POST", &path, &all, body).await
}

/// The text of the last that the bot said, once it has said so many.
async fn said(house: &House, count: usize) -> String {
    let replies = house.sim.replies("echo", 0, count).await;
    assert_eq!(replies.len(), count, "{replies:?}");
    replies.last().unwrap()["text"].as_str().unwrap().to_owned()
}

fn signature(hook: &str, body: &str) -> String {
    let secret = Secret::new(format!("sim-echo-{hook}"));
    format!("sha256={}", sign(Algorithm::Sha256, &secret, body.as_bytes()))
}

#[actix::test]
async fn whoever_knows_the_secret_makes_the_bot_speak_and_nobody_else() {
    let house = house().await;
    let body = r#"{"title":"disk full","id":1}"#;
    let basic = format!("Basic {}", STANDARD.encode("grafana:sim-echo-basic"));
    let signed = signature("signed", body);
    let good: [(&str, (&str, &str), &str); 4] = [
        ("bearer", ("Authorization", "Bearer sim-echo-bearer"), "bearer disk full"),
        ("alone", ("X-Gitlab-Token", "sim-echo-alone"), "alone disk full test"),
        ("basic", ("Authorization", &basic), "basic disk full"),
        ("signed", ("X-Hub-Signature-256", &signed), "signed disk full"),
    ];
    for (number, (hook, header, expected)) in good.into_iter().enumerate() {
        let answer = post(&house, &format!("echo/{hook}"), &[header, ("X-Kind", "test")], body).await;
        assert_eq!(answer.status, 202, "{hook}: {answer:?}");
        let event = answer.json()["event"].as_str().unwrap().to_owned();
        assert_eq!(said(&house, number + 1).await, expected);
        let (status, told) = house.admin("GET", &format!("/events/{event}"), None).await;
        assert_eq!(
            (status, &told["kind"], &told["rule"]),
            (200, &json!("inbound"), &json!(format!("inbound \"{hook}\"")))
        );
    }
    let wrong = [
        ("echo/bearer", vec![("Authorization", "Bearer other")], 401, "bad_credentials"),
        ("echo/bearer", vec![], 401, "bad_credentials"),
        ("echo/basic", vec![("Authorization", "Bearer sim-echo-basic")], 401, "bad_credentials"),
        ("echo/signed", vec![("X-Hub-Signature-256", "sha256=00")], 401, "bad_credentials"),
        ("echo/nothing", vec![("Authorization", "Bearer sim-echo-bearer")], 404, "unknown_hook"),
        ("nobody/bearer", vec![("Authorization", "Bearer sim-echo-bearer")], 404, "unknown_bot"),
        ("echo/open", vec![], 404, "unknown_hook"),
        (
            "echo/bearer",
            vec![("Authorization", "Bearer sim-echo-bearer"), ("Content-Type", "image/png")],
            415,
            "bad_type",
        ),
    ];
    for (hook, headers, status, code) in wrong {
        let answer = post(&house, hook, &headers, body).await;
        assert_eq!((answer.status, answer.code().as_str()), (status, code), "{hook} {headers:?}");
    }
    let bearer = [("Authorization", "Bearer sim-echo-bearer")];
    let answer = post(&house, "echo/bearer", &bearer, "{").await;
    assert_eq!((answer.status, answer.code().as_str()), (400, "bad_body"));
    let large = format!("\"{}\"", "x".repeat(2_000));
    let answer = post(&house, "echo/signed", &[("X-Hub-Signature-256", &signature("signed", &large))], &large).await;
    assert_eq!((answer.status, answer.code().as_str()), (413, "body_too_large"));
    let got = send(house.app().ingress_addr(), "GET", "/bots/in/echo/bearer", &[], "").await;
    assert_eq!((got.status, got.header("allow")), (405, Some("POST")));
    assert_eq!(house.sim.replies("echo", 0, 4).await.len(), 4, "what was refused says nothing");
    house.close().await;
}

#[actix::test]
async fn a_post_that_comes_again_is_one_where_its_template_says_so() {
    let house = house().await;
    let body = r#"{"title":"once","id":7}"#;
    let signed = signature("signed", body);
    let header = [("X-Hub-Signature-256", signed.as_str())];
    assert_eq!(post(&house, "echo/signed", &header, body).await.status, 202);
    let again = post(&house, "echo/signed", &header, body).await;
    assert_eq!((again.status, again.json()), (202, json!({ "duplicate": true })));
    assert_eq!(said(&house, 1).await, "signed once");
    let bearer = [("Authorization", "Bearer sim-echo-bearer")];
    for count in [2, 3] {
        assert_eq!(post(&house, "echo/bearer", &bearer, body).await.status, 202);
        assert_eq!(said(&house, count).await, "bearer once");
    }
    house.close().await;
}

#[actix::test]
async fn an_alert_arrives_although_its_template_fails_and_is_a_dead_letter() {
    let house = house().await;
    let bearer = [("Authorization", "Bearer sim-echo-fragile")];
    let answer = post(&house, "echo/fragile", &bearer, r#"{"count":"many","title":"disk full"}"#).await;
    assert_eq!(answer.status, 202);
    let text = said(&house, 1).await;
    assert!(text.contains("inbound \"fragile\"") && text.contains("disk full"), "{text}");
    let (_, told) = house.admin("GET", &format!("/events/{}", answer.json()["event"].as_str().unwrap()), None).await;
    assert_eq!(told["state"], "buried", "{told}");
    assert!(told["reason"].as_str().unwrap().contains("template"), "{told}");
    assert_eq!(told["deliveries"].as_array().unwrap().len(), 1);
    house.close().await;
}

#[actix::test]
async fn a_hook_without_authentication_is_on_the_internal_listener_alone() {
    let house = house().await;
    let internal = house.app().internal_addr().unwrap();
    let text = [("Content-Type", "text/plain")];
    let answer = send(internal, "POST", "/in/echo/open", &text, "hello").await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(said(&house, 1).await, "open hello");
    let form = [("Content-Type", "application/x-www-form-urlencoded"), ("Authorization", "Bearer sim-echo-bearer")];
    assert_eq!(send(internal, "POST", "/in/echo/bearer", &form, "title=a+form&x=1").await.status, 202);
    assert_eq!(said(&house, 2).await, "bearer a form");
    let webhook = send(internal, "POST", "/hooks/echo", &[("Content-Type", "application/json")], "{}").await;
    assert_eq!(webhook.status, 404, "webhooks have no business there");
    house.close().await;
}

#[actix::test]
async fn hooks_change_with_their_definition() {
    let house = house().await;
    let bearer = [("Authorization", "Bearer sim-echo-young")];
    assert_eq!(post(&house, "echo/young", &bearer, "1").await.status, 404);
    let young = HOOKS.replace("'bearer'", "'young'").replace("bearer {{", "young {{");
    house.write("echo.toml", &format!("{ECHO}{young}"));
    let report: Value = house.reload(false).await;
    assert_eq!(report["applied"].as_array().map(Vec::len), Some(1), "{report}");
    assert_eq!(post(&house, "echo/young", &bearer, r#"{"title":"x"}"#).await.status, 202);
    assert_eq!(said(&house, 1).await, "young x");
    let old = [("Authorization", "Bearer sim-echo-bearer")];
    assert_eq!(post(&house, "echo/bearer", &old, "1").await.status, 404);
    house.close().await;
}
