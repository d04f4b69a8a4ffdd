//! The real service and what disks do: full, slow, read-only, damaged.

use std::{
    fs,
    os::unix::fs::FileExt as _,
    time::{Duration, Instant},
};

use botyard::{
    base::Secret,
    webex::signature::{Algorithm, sign},
};
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::{Value, json};

use crate::support::{
    house::ECHO,
    live::{Live, eventually},
    program::{Ground, Process},
    raw_http, webhook_door,
};

const ALICE: &str = "alice@example.com";

/// No file of the process may grow beyond so many bytes, which to whoever writes is a disk that is full; `None`
/// makes room again.
fn files_of_at_most(service: &Process, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(service.pid()).unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// What `/readyz` says: the status, and why.
async fn ready(service: &Process) -> (u16, String) {
    let (_, admin) = service.serves().await;
    let answer = raw_http::send(admin, "GET", "/readyz", &[], "").await;
    (answer.status, answer.json()["reasons"].to_string())
}

async fn becomes_ready(service: &Process) {
    eventually("a service that is ready", || async { (ready(service).await.0 == 200).then_some(()) }).await;
}

/// Posts a webhook of a new message as Webex would, and answers the status and, when refused, the code.
async fn post(live: &Live, service: &Process, id: &str) -> (u16, String) {
    let (ingress, _) = service.serves().await;
    let state = live.sim.control("GET", "/state", Value::Null).await.ok();
    let hooks = state["webhooks"].as_array().unwrap();
    let hook = hooks.iter().find(|hook| hook["resource"] == "messages").unwrap();
    let body = webhook_door::message(id, "ann");
    let signature = sign(Algorithm::Sha1, &Secret::new(hook["secret"].as_str().unwrap()), body.as_bytes());
    let headers = [("Content-Type", "application/json"), ("X-Spark-Signature", signature.as_str())];
    let answer = raw_http::send(ingress, "POST", "/hooks/echo", &headers, body).await;
    let code = if answer.status == 200 { String::new() } else { answer.code() };
    (answer.status, code)
}

#[actix::test]
async fn a_disk_that_is_full_for_a_while_loses_nothing_and_is_left_behind_without_help() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    // On its way to Webex when the disk becomes full: its outcome has to wait for room.
    live.rule(json!({ "method": "POST", "path": "/messages", "delay_ms": 500 })).await;
    live.say(ALICE, "echo", "under way").await;
    eventually("a promised answer", || async {
        let events = live.run(&["events", "echo", "--state", "finished"]).await;
        events.out.contains("finished").then_some(())
    })
    .await;
    files_of_at_most(&service, Some(4096));
    assert_eq!(live.replies("echo", 0, 1).await, ["under way"]);
    service.logged("the data dir cannot be written").await;
    let (status, why) = ready(&service).await;
    assert!(status == 503 && why.contains("cannot be written"), "{status} {why}");
    for number in 0..3 {
        let (status, code) = post(&live, &service, &format!("refused {number}")).await;
        assert!(status == 503 && (code == "unwritable" || code == "disk_full"), "{status} {code}");
    }
    files_of_at_most(&service, None);
    becomes_ready(&service).await;
    service.logged("the disk has room again").await;
    assert_eq!(live.ask("echo", "and now?").await, "and now?");
    let log = service.stop().await;
    assert_eq!(log.iter().filter(|line| line.contains("events are refused")).count(), 1, "said once: {log:#?}");

    let service = live.serve().await;
    assert_eq!(live.ask("echo", "after a restart").await, "after a restart");
    let replies = live.replies("echo", 0, 0).await;
    assert_eq!(replies, ["under way", "and now?", "after a restart"], "nothing is lost, and nothing repeated");
    service.stop().await;
}

#[actix::test]
async fn a_slow_disk_is_waited_for_and_what_it_cannot_take_is_refused() {
    let delay = Duration::from_millis(300);
    let settings = [("BOTYARD_STORE__SYNC_DELAY_MS", "300"), ("BOTYARD_STORE__QUEUE", "4")];
    let live = Live::new(&[("echo.toml", ECHO)], &settings).await;
    let service = live.serve().await;
    live.registered("echo").await;
    let posts = (0..24).map(|number| {
        let (live, service) = (&live, &service);
        async move {
            let begun = Instant::now();
            let (status, code) = post(live, service, &format!("message {number}")).await;
            (status, code, begun.elapsed())
        }
    });
    let answers = futures_util::future::join_all(posts).await;
    let (mut stored, mut refused) = (0, 0);
    for (status, code, took) in answers {
        match status {
            200 => {
                assert!(took >= delay, "answered before its commit: {took:?}");
                stored += 1;
            }
            status => {
                assert_eq!((status, code.as_str()), (503, "overloaded"));
                refused += 1;
            }
        }
    }
    assert!(stored > 0 && refused > 0, "{stored} stored, {refused} refused");
    assert_eq!(ready(&service).await.0, 200, "slow is not broken");
    let events = live.run(&["events", "echo", "--limit", "1000", "--json"]).await;
    let events: Value = serde_json::from_str(&events.out).unwrap();
    let kept = events["events"].as_array().unwrap().iter().filter(|event| event["kind"] == "messages.created").count();
    assert_eq!(kept, stored, "what was answered 200 is there, and nothing else");
    service.stop().await;
}

#[actix::test]
async fn a_disk_too_slow_for_any_deadline_makes_the_service_unready() {
    let live = Live::new(&[("echo.toml", ECHO)], &[("BOTYARD_STORE__SYNC_DELAY_MS", "2500")]).await;
    let ground = &live.ground;
    let service = ground.serve(&[("BOTYARD_STORE__SYNC_DELAY_MS", "2500")]);
    service.serves().await;
    let (status, why) = ready(&service).await;
    assert!(status == 503 && why.contains("did not answer within 2 s"), "{status} {why}");
}

/// Starts a service for which the rights of files count, also when the tests run as root; it must refuse to run.
fn refused_by_rights(ground: &Ground) -> String {
    let program = env!("CARGO_BIN_EXE_botyard");
    let mut command = if rustix::process::geteuid().is_root() {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--bounding-set", "-dac_override,-dac_read_search", "--inh-caps", "-all", "--", program]);
        command
    } else {
        std::process::Command::new(program)
    };
    let env = [("BOTYARD_PUBLIC_URL", "https://bots.example.com"), ("BOTYARD_LISTEN", "127.0.0.1:0")];
    command.env("BOTYARD_ADMIN__LISTEN", "127.0.0.1:0").envs(env).current_dir(ground.path("")).arg("serve");
    let ended = command.output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(78), "{said}");
    said
}

#[actix::test]
async fn what_may_not_be_written_is_refused_with_the_line_to_run() {
    let ground = Ground::new();
    let first = ground.serve(&[]);
    first.serves().await;
    first.stop().await;
    ground.mode("data/botyard.db", 0o400);
    let said = refused_by_rights(&ground);
    assert!(said.contains("`data/botyard.db` cannot be written") && said.contains("chmod u+rw"), "{said}");
    ground.mode("data/botyard.db", 0o600);
    fs::remove_file(ground.path("data/lock")).unwrap();
    ground.mode("data", 0o500);
    let said = refused_by_rights(&ground);
    ground.mode("data", 0o700);
    assert!(said.contains("the data dir `data` cannot be written") && said.contains("BOTYARD_DATA_DIR"), "{said}");
}

#[actix::test]
async fn damage_that_shows_while_running_ends_the_service_and_the_next_start_says_what_to_do() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    for number in 0..60 {
        assert_eq!(post(&live, &service, &format!("message {number}")).await.0, 200);
    }
    service.stop().await;
    // With its log written back, and then overwritten from the second page on, behind its back.
    let service = live.serve().await;
    let path = live.ground.path("data/botyard.db");
    let length = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    let file = fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&vec![0xa5; length - 4096], 4096).unwrap();
    let looked = live.run(&["events", "echo", "--limit", "1000"]).await;
    assert_ne!(looked.code, 0, "{looked:?}");
    let (status, log) = service.ended().await;
    assert_eq!(status.code(), Some(70), "{log:#?}");
    // Not always the last line, and not the first about damage: whoever reads meanwhile says so too.
    let told = |line: &String| line.contains("the database is damaged") && line.contains("nothing more is accepted");
    assert!(log.iter().any(told), "{log:#?}");

    let next = live.ground.serve(&[]);
    let (status, log) = next.ended().await;
    assert_eq!(status.code(), Some(78), "{log:#?}");
    let last = log.last().unwrap();
    assert!(last.contains("damaged or no database") && last.contains("botyard restore FILE"), "{last}");
}
