//! Changing the seal key on the real program: while it works, while it does not, and where the key is given.

use std::{fs, os::unix::process::ExitStatusExt as _};

use botyard::base::breaking::VARIABLE;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::{house::ECHO, live::Live, program::Ground};

const ALICE: &str = "alice@example.com";

#[actix::test]
async fn while_webhooks_come_in_signatures_are_believed_and_answers_sent() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    let before = fs::read_to_string(live.ground.path("data/seal.key")).unwrap();
    let talking = async {
        for number in 0..30 {
            live.say(ALICE, "echo", &format!("number {number}")).await;
        }
    };
    let changing = async {
        let mut names = Vec::new();
        for _ in 0..3 {
            let rotated = live.run(&["seal", "rotate", "--json"]).await;
            assert_eq!(rotated.code, 0, "{rotated:?}");
            let rotated: Value = serde_json::from_str(&rotated.out).unwrap();
            assert!(rotated["rows"].as_u64().unwrap() > 0 && rotated["unreadable"] == 0, "{rotated}");
            names.push((rotated["was"].clone(), rotated["key"].clone()));
        }
        names
    };
    let ((), names) = tokio::join!(talking, changing);
    assert_eq!(names[0].1, names[1].0, "each change goes on from the one before");
    let mut replies = live.replies("echo", 0, 30).await;
    replies.sort();
    let mut said: Vec<_> = (0..30).map(|number| format!("number {number}")).collect();
    said.sort();
    assert_eq!(replies, said);
    let journal = live.sim.control("GET", "/journal?kind=delivery&max=10000", Value::Null).await.ok();
    let entries = journal["entries"].as_array().unwrap();
    assert!(entries.iter().all(|entry| entry["status"] == 200), "{journal:#}");
    let after = fs::read_to_string(live.ground.path("data/seal.key")).unwrap();
    assert_ne!(before, after);
    let audit = live.run(&["audit", "--act", "seal", "--json"]).await;
    let audit: Value = serde_json::from_str(&audit.out).unwrap();
    assert_eq!(audit["acts"].as_array().unwrap().len(), 3, "{audit}");
    let log = service.stop().await;
    assert!(log.iter().all(|line| !line.contains(before.trim()) && !line.contains(after.trim())), "{log:#?}");

    // With nothing of the old keys but what is kept of them.
    let service = live.serve().await;
    assert_eq!(live.ask("echo", "still here?").await, "still here?");
    service.stop().await;
    let alone = live.run(&["seal", "rotate"]).await;
    assert_eq!(alone.code, 0, "{alone:?}");
    assert!(alone.out.contains("the old key is kept in `data/seal.key.old-"), "{alone:?}");
    let service = live.serve().await;
    assert_eq!(live.ask("echo", "and now?").await, "and now?");
    service.stop().await;
}

#[actix::test]
async fn stopped_dead_at_each_step_the_change_goes_on_at_the_next_start() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    service.stop().await;
    // Begun; sealed anew; found that nothing is left; ended but for the key's file.
    let mut passes = 0;
    for pass in 1.. {
        let service = live.start(&[(VARIABLE, &format!("resealing:{pass}=abort"))]);
        service.serves().await;
        let rotated = live.run(&["seal", "rotate"]).await;
        if rotated.code == 0 {
            // There was no such pass: every step has been broken once.
            service.stop().await;
            break;
        }
        let (status, log) = service.ended().await;
        assert_eq!(status.signal(), Some(Signal::ABORT.as_raw()), "{status}\n{}", log.join("\n"));
        let service = live.serve().await;
        live.registered("echo").await;
        let said = format!("after step {pass}");
        assert_eq!(live.ask("echo", &said).await, said, "token and secrets open");
        service.stop().await;
        passes = pass;
    }
    assert!(passes >= 3, "{passes} steps");
    let audit: Value = serde_json::from_str(&live.run(&["audit", "--act", "seal", "--json"]).await.out).unwrap();
    assert_eq!(audit["acts"].as_array().unwrap().len(), passes + 1, "each change is written down once: {audit}");
}

#[actix::test]
async fn a_given_key_is_changed_as_on_kubernetes() {
    let ground = Ground::new();
    for (file, hex) in [("present", "ab"), ("other", "cd")] {
        ground.write(file, &hex.repeat(32));
        ground.mode(file, 0o600);
    }
    let present = ("BOTYARD_SEAL__KEY_FILE", "present");
    let next = ("BOTYARD_SEAL__NEXT_KEY_FILE", "next");
    let service = ground.serve(&[present, next]);
    service.serves().await;
    // The file is named, but has not come yet.
    let early = ground.run_beside(&["seal", "rotate"], &[]).await;
    assert!(early.code == 1 && early.err.contains("`next` of `seal.next_key_file` is not there"), "{early:?}");
    fs::rename(ground.path("other"), ground.path("next")).unwrap();
    let rotated = ground.run_beside(&["seal", "rotate"], &[]).await;
    assert_eq!(rotated.code, 0, "{rotated:?}");
    assert!(rotated.out.contains("to do:") && rotated.out.contains("BOTYARD_SEAL__KEY_FILE"), "{rotated:?}");
    let again = ground.run_beside(&["seal", "rotate"], &[]).await;
    assert!(again.code == 1 && again.err.contains("nothing to do"), "{again:?}");
    service.stop().await;

    // A restart before the settings follow, and after.
    let service = ground.serve(&[present, next]);
    let said = service.logged("every secret is sealed with the key of").await;
    assert!(said.contains("WARN") && said.contains("BOTYARD_SEAL__KEY_FILE"), "{said}");
    service.serves().await;
    service.stop().await;
    let service = ground.serve(&[("BOTYARD_SEAL__KEY_FILE", "next")]);
    service.serves().await;
    service.stop().await;
    let (status, log) = ground.serve(&[present]).ended().await;
    assert_eq!(status.code(), Some(78), "{log:#?}");
    assert!(log.last().unwrap().contains("the seal key does not fit"), "{log:#?}");
    assert!(!ground.path("data/seal.key").exists(), "no key is made where one is given");
}

#[test]
fn two_keys_where_one_is_meant_are_refused() {
    let ground = Ground::new();
    let hex = "ab".repeat(32);
    let env = [
        ("BOTYARD_PUBLIC_URL", "https://bots.example.com"),
        ("BOTYARD_SEAL__NEXT_KEY", hex.as_str()),
        ("BOTYARD_SEAL__NEXT_KEY_FILE", "next"),
    ];
    let ran = ground.run(&["serve"], &env);
    assert_eq!(ran.code, 78, "{ran:?}");
    assert!(ran.err.contains("`seal.next_key`") && ran.err.contains("keep one of them"), "{ran:?}");
}
