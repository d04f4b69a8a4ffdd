//! The real service among bad input: what is wrong stays where it is, is said once, and shows no secret.

use std::{fs, net::SocketAddr};

use botyard::{
    base::Secret,
    webex::signature::{Algorithm, sign},
};
use rustix::process::Signal;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::support::{
    house::{ECHO, within},
    live::{Live, eventually},
    program::Ground,
    raw_http,
};

/// Answers like `echo`, but for one word that keeps it busy for ever, and one that it cannot handle.
const SPIN: &str = r#"token = "env:SPIN_TOKEN"
[fallback]
reply = """
{%- if message.text == "spin" %}{% for a in range(9999) %}{% for b in range(9999) %}{{ a * b }}{% endfor %}{% endfor %}{% endif -%}
{%- if message.text == "wh1sper" %}{{ message.text | float }}{% endif -%}
{{ message.text }}"""
"#;

#[actix::test]
async fn a_bot_without_a_token_is_held_and_says_what_to_set() {
    let ground = Ground::with(&[("echo.toml", ECHO), ("plain.toml", "[fallback]\nreply = \"hi\"\n")]);
    let service = ground.serve(&[]);
    service.serves().await;
    let held = service.logged("bot.id=echo hold=").await;
    assert!(held.contains("`ECHO_TOKEN`") && held.contains("botyard token set echo"), "{held}");
    let held = service.logged("bot.id=plain hold=").await;
    assert!(held.contains("botyard token set plain"), "{held}");
    let bots = ground.run_beside(&["bots"], &[]).await;
    assert_eq!(bots.code, 0);
    for words in ["echo: held: the environment variable `ECHO_TOKEN` is not set", "botyard token set plain"] {
        assert!(bots.out.contains(words), "{bots:?}");
    }
    let health = ground.run_beside(&["healthcheck"], &[]).await;
    assert_eq!((health.code, health.out.as_str()), (0, "ready\n"), "a bot that is held makes no service unwell");
    let log = service.stop().await;
    assert!(log.iter().any(|line| line.contains("botyard serves") && line.contains("bots=2")), "{log:#?}");
    assert_eq!(log.iter().filter(|line| line.contains("`ECHO_TOKEN`")).count(), 1, "said once: {log:#?}");
    assert!(log.iter().all(|line| !line.contains("actix")), "{log:#?}");
}

#[actix::test]
async fn a_template_that_never_ends_costs_only_its_own_event() {
    let settings = [("BOTYARD_BOTS__EVENT_ATTEMPTS", "2")];
    let live = Live::new(&[("spin.toml", SPIN), ("echo.toml", ECHO)], &settings).await;
    let service = live.serve().await;
    live.registered("spin").await;
    live.registered("echo").await;
    live.say("alice@example.com", "spin", "spin").await;
    assert_eq!(live.ask("echo", "still here?").await, "still here?");
    let buried = service.logged("event buried").await;
    assert!(buried.contains("bot.id=spin") && buried.contains("event.id="), "{buried}");
    assert_eq!(live.ask("spin", "and you?").await, "and you?");
    let dead = live.run(&["events", "spin", "--state", "buried", "--json"]).await;
    let id = buried.split("event.id=").nth(1).unwrap().split(' ').next().unwrap();
    assert!(dead.out.contains(id), "{dead:?}");
    let log = service.stop().await;
    assert_eq!(log.iter().filter(|line| line.contains("event buried")).count(), 1, "{log:#?}");
}

#[actix::test]
async fn a_folder_of_definitions_that_vanishes_takes_no_bot_along() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    fs::rename(live.ground.path("bots.d"), live.ground.path("away")).unwrap();
    let said = service.logged("a folder of definitions cannot be read").await;
    assert!(said.contains("dir=bots.d") && said.contains("BOTYARD_BOTS_DIR"), "{said}");
    service.logged("botyard reload --confirm-removals").await;
    for _ in 0..2 {
        let reload = live.run(&["reload", "--wait"]).await;
        assert!(reload.out.contains("--confirm-removals"), "{reload:?}");
    }
    assert_eq!(live.ask("echo", "still here?").await, "still here?");
    fs::rename(live.ground.path("away"), live.ground.path("bots.d")).unwrap();
    service.logged("a folder of definitions can be read again").await;
    let log = service.stop().await;
    for words in ["a folder of definitions cannot be read; put it there", "--confirm-removals"] {
        assert_eq!(log.iter().filter(|line| line.contains(words)).count(), 1, "said once: {log:#?}");
    }
}

#[actix::test]
async fn a_hang_up_looks_at_the_definitions_and_stops_nothing() {
    let live = Live::new(&[("echo.toml", ECHO)], &[("TWO_TOKEN", "sim-bot-two")]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.ground.write("bots.d/two.toml", &ECHO.replace("ECHO", "TWO"));
    live.ground.write("bots.d/echo.toml", "reply = \n");
    service.signal(Signal::HUP);
    service.logged("definition applied bot.id=two").await;
    let refused = service.logged("definition=echo").await;
    assert!(refused.contains("echo.toml:1:"), "{refused}");
    service.logged("reloaded").await;
    service.signal(Signal::HUP);
    let unchanged = service.logged("definition unchanged bot.id=two").await;
    assert!(unchanged.contains("digest="), "{unchanged}");
    service.logged("definition refused definition=echo").await;
    live.registered("two").await;
    assert_eq!(live.ask("two", "new?").await, "new?");
    assert_eq!(live.ask("echo", "broken, but the last good one stays").await, "broken, but the last good one stays");
    service.stop().await;
}

#[actix::test]
async fn what_strangers_send_is_refused_and_keeps_nobody_waiting() {
    let settings = [("BOTYARD_INGRESS__HEADER_SECONDS", "1"), ("BOTYARD_INGRESS__MAX_BODY_BYTES", "2000")];
    let live = Live::new(&[("echo.toml", ECHO)], &settings).await;
    let service = live.serve().await;
    let (ingress, admin) = service.serves().await;
    live.registered("echo").await;
    let json = ("Content-Type", "application/json");
    // One that never gets to the end of its headers, and one that never gets to the end of its body.
    let slow = |text: &'static str| async move {
        let mut stream = TcpStream::connect(ingress).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    };
    let headers = slow("POST /hooks/echo HTTP/1.1\r\nHost: here\r\nX-Slow: ").await;
    let body = slow("POST /hooks/echo HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nX-Spark-Signature: aa\r\nContent-Length: 9\r\n\r\n{").await;
    let post = |path: &'static str, signature: Option<String>, body: String| async move {
        let mut headers = vec![json];
        headers.extend(signature.as_deref().map(|signature| ("X-Spark-Signature", signature)));
        let answer = raw_http::send(ingress, "POST", path, &headers, body).await;
        (answer.status, answer.code())
    };
    let signed = |secret: &str, body: &str| Some(sign(Algorithm::Sha1, &Secret::new(secret), body.as_bytes()));
    let state = live.sim.control("GET", "/state", Value::Null).await.ok();
    let secret = state["webhooks"][0]["secret"].as_str().unwrap_or_else(|| panic!("{state:#}")).to_owned();
    for (path, signature, body, expected) in [
        ("/hooks/nobody", None, "{}".to_owned(), (404, "unknown_bot")),
        ("/hooks/echo", None, "{}".to_owned(), (401, "missing_signature")),
        ("/hooks/echo", signed("guess", "{}"), "{}".to_owned(), (401, "bad_signature")),
        ("/hooks/echo", signed(&secret, "{\"id\":"), "{\"id\":".to_owned(), (400, "bad_envelope")),
        ("/hooks/echo", signed(&secret, "x"), "x".repeat(2001), (413, "body_too_large")),
    ] {
        assert_eq!(post(path, signature, body).await, (expected.0, expected.1.to_owned()), "{path}");
    }
    assert_eq!(live.ask("echo", "still here?").await, "still here?");
    within(ends(headers)).await;
    assert_eq!(within(raw_http::read(body)).await.status, 408);
    let metrics = metrics(admin).await;
    for code in ["unknown_bot", "missing_signature", "bad_signature", "bad_envelope", "body_too_large", "slow_body"] {
        let line = format!("botyard_ingress_refused_total{{code=\"{code}\"}} 1");
        assert!(metrics.contains(&line), "{line} is missing in\n{metrics}");
    }
    let log = service.stop().await;
    assert!(log.iter().all(|line| !line.contains(&secret)), "{log:#?}");
    assert!(
        log.iter().all(|line| !line.contains("WARN") && !line.contains("ERROR")),
        "strangers fill no log: {log:#?}"
    );
}

/// Reads until the peer is gone, with an answer or without.
async fn ends(mut stream: TcpStream) {
    let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut Vec::new()).await;
}

async fn metrics(admin: SocketAddr) -> String {
    raw_http::send(admin, "GET", "/metrics", &[], "").await.body
}

#[actix::test]
async fn the_log_says_who_and_which_but_never_what() {
    for format in ["json", "text"] {
        let settings =
            [("BOTYARD_LOG__FORMAT", format), ("BOTYARD_LOG__LEVEL", "trace"), ("BOTYARD_BOTS__EVENT_ATTEMPTS", "1")];
        let live = Live::new(&[("echo.toml", ECHO), ("spin.toml", SPIN)], &settings).await;
        let service = live.serve().await;
        live.registered("echo").await;
        live.registered("spin").await;
        assert_eq!(live.ask("echo", "wh1sper it").await, "wh1sper it");
        // What cannot be handled is content as well.
        live.say("alice@example.com", "spin", "wh1sper").await;
        service.logged("event buried").await;
        live.rule(serde_json::json!({ "method": "POST", "path": "/messages", "status": 502 })).await;
        assert_eq!(live.ask("echo", "wh1sper again").await, "wh1sper again");
        let delivered = service.logged(if format == "json" { "\"delivered\"" } else { ": delivered " }).await;
        let state = live.sim.control("GET", "/state", Value::Null).await.ok();
        let log = service.stop().await;
        for webhook in state["webhooks"].as_array().unwrap() {
            let secret = webhook["secret"].as_str().unwrap();
            assert!(secret.len() > 20 && log.iter().all(|line| !line.contains(secret)));
        }
        let again = log.iter().find(|line| line.contains("a delivery waits for its next try")).unwrap();
        if format == "json" {
            let lines: Vec<Value> =
                log.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
            assert!(lines.iter().all(|line| line["level"].is_string() && line["message"].is_string()), "{log:#?}");
        }
        for line in [&delivered, again] {
            for part in ["bot.id", "event.id", "delivery.id", "tracking_id", "echo"] {
                assert!(line.contains(part), "{part} is missing in {line}");
            }
            assert!(!line.contains("none"), "Webex's own id is told: {line}");
        }
    }
}

#[actix::test]
async fn a_token_that_webex_refuses_parks_that_bot_alone() {
    let live = Live::new(&[("echo.toml", ECHO), ("spin.toml", SPIN)], &[("SPIN_TOKEN", "s3cret-but-dead")]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    let parked = service.logged("bot.id=spin hold=").await;
    assert!(parked.contains("token"), "{parked}");
    assert_eq!(live.ask("echo", "still here?").await, "still here?");
    let shown = eventually("the parked bot in the table", || async {
        let bots = live.run(&["bots"]).await;
        bots.out.contains("spin: parked").then_some(bots.out)
    })
    .await;
    assert!(shown.contains("token"), "{shown}");
    service.stop().await;
}

#[actix::test]
async fn without_any_definition_it_serves_and_says_where_they_go() {
    let ground = Ground::new();
    let service = ground.serve(&[]);
    let said = service.logged("there are no bots").await;
    assert!(said.contains("`bots_dir`") && said.contains("[\"bots.d\"]"), "{said}");
    service.stop().await;
}
