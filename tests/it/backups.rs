//! Backups of the real program, and putting one back: under load, with the wrong key, half-written.

use std::{collections::BTreeMap, fs, os::unix::fs::PermissionsExt};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    house::ECHO,
    live::{Live, eventually},
    program::{Ground, Process},
    raw_http,
};

const ALICE: &str = "alice@example.com";
const BOB: &str = "bob@example.com";

/// Prefers silence to saying a thing twice.
const QUIET: &str =
    "token = \"env:QUIET_TOKEN\"\ndeliveries = { doubt = \"skip\" }\n[fallback]\nreply = \"{{ message.text }}\"\n";

async fn bots(live: &Live) -> Vec<Value> {
    let ran = live.run(&["bots", "--json"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    serde_json::from_str::<Value>(&ran.out).unwrap()["bots"].as_array().unwrap().clone()
}

/// Waits until a bot has so much waiting and promised.
async fn has(live: &Live, bot: &str, waiting: u64, deliveries: u64) {
    eventually(&format!("{bot} to have {waiting} and {deliveries}"), || async {
        let bots = bots(live).await;
        let it = bots.iter().find(|known| known["id"] == bot)?;
        (it["waiting"] == waiting && it["deliveries"] == deliveries).then_some(())
    })
    .await;
}

async fn metric(service: &Process, name: &str) -> i64 {
    let (_, admin) = service.serves().await;
    let text = raw_http::send(admin, "GET", "/metrics", &[], "").await.body;
    let line = text.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

#[actix::test]
async fn a_backup_taken_under_load_starts_held_in_a_fresh_data_dir_and_goes_on_when_told_to() {
    let live = Live::new(&[("echo.toml", ECHO), ("quiet.toml", QUIET)], &[]).await;
    let service = live.serve().await;
    live.registered("echo").await;
    live.registered("quiet").await;
    assert_eq!(metric(&service, "botyard_backup_last_success_timestamp_seconds").await, 0);
    // From now on Webex takes its time, so that answers are promised and under way when the backup is taken.
    live.rule(json!({ "method": "POST", "path": "/messages", "delay_ms": 120_000, "times": 0 })).await;
    for text in ["one", "two"] {
        live.say(ALICE, "echo", text).await;
        live.say(ALICE, "quiet", text).await;
    }
    has(&live, "echo", 0, 2).await;
    has(&live, "quiet", 0, 2).await;
    let file = live.ground.path("b.db");
    let load = async {
        for number in 0..20 {
            live.say(BOB, "echo", &format!("load {number}")).await;
        }
    };
    let (ran, ()) = tokio::join!(live.run(&["backup", "b.db"]), load);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("checked; 2 bots") && ran.err.contains("the seal key is not in it"), "{ran:?}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(metric(&service, "botyard_backup_last_success_timestamp_seconds").await > 0);
    assert_eq!(metric(&service, "botyard_backup_failures_total").await, 0);
    assert!(live.run(&["audit"]).await.out.contains("backup"));
    let running = live.run(&["restore", "b.db"]).await;
    assert!(running.code == 1 && running.err.contains("in use by process"), "{running:?}");

    // The disaster: the machine is gone, and with it the data dir. The key was kept elsewhere.
    service.signal(Signal::KILL);
    service.ended().await;
    let key = fs::read(live.ground.path("data/seal.key")).unwrap();
    fs::rename(live.ground.path("data"), live.ground.path("lost")).unwrap();
    let keyless = live.run(&["restore", "b.db"]).await;
    assert!(keyless.code == 78 && keyless.err.contains("kept beside the backup"), "{keyless:?}");
    fs::create_dir_all(live.ground.path("data")).unwrap();
    fs::write(live.ground.path("data/seal.key"), key).unwrap();
    live.ground.mode("data/seal.key", 0o600);
    let restored = live.run(&["restore", "b.db"]).await;
    assert!(restored.code == 0 && restored.out.contains("botyard resume --all"), "{restored:?}");
    live.sim.control("DELETE", "/rules", json!({})).await.ok();

    let service = live.serve().await;
    service.logged("no bot works").await;
    for bot in bots(&live).await {
        assert_eq!(bot["state"], "held", "{bot}");
        assert!(bot["reason"].as_str().unwrap().contains("was put back"), "{bot}");
    }
    let health = live.run(&["healthcheck"]).await;
    assert!(health.code == 0 && health.out.contains("ready; but the backup of"), "{health:?}");
    // The ingress stores meanwhile, and a restart changes nothing.
    live.say(ALICE, "echo", "while held").await;
    live.say(ALICE, "quiet", "while held").await;
    has(&live, "quiet", 1, 2).await;
    service.stop().await;
    let service = live.serve().await;
    assert_eq!(metric(&service, "botyard_house_silent").await, 1);
    has(&live, "quiet", 1, 2).await;
    assert_eq!(live.replies("quiet", 0, 0).await.len() + live.replies("echo", 0, 0).await.len(), 0);

    let resumed = live.run(&["resume", "--all"]).await;
    assert!(resumed.code == 0 && resumed.out.contains("may have been sent after that backup"), "{resumed:?}");
    eventually("all that waited to be said", || async {
        let told = live.replies("echo", 0, 0).await;
        ["one", "two", "while held"].iter().all(|text| told.contains(&(*text).to_owned())).then_some(())
    })
    .await;
    eventually("what is new to be said", || async {
        live.replies("quiet", 0, 0).await.contains(&"while held".to_owned()).then_some(())
    })
    .await;
    // Said is not yet known to have been said.
    has(&live, "echo", 0, 0).await;
    has(&live, "quiet", 0, 0).await;
    assert_eq!(live.replies("quiet", 0, 0).await, ["while held"], "what is doubtful is not repeated");
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for text in live.replies("echo", 0, 0).await {
        *counts.entry(text).or_default() += 1;
    }
    assert!(counts.values().all(|count| *count == 1), "{counts:#?}");
    let events: Value = serde_json::from_str(&live.run(&["events", "quiet", "--json"]).await.out).unwrap();
    let mut states = Vec::new();
    for event in events["events"].as_array().unwrap() {
        let story = live.run(&["events", "--id", event["id"].as_str().unwrap(), "--json"]).await;
        for delivery in serde_json::from_str::<Value>(&story.out).unwrap()["deliveries"].as_array().unwrap() {
            states.push((delivery["state"].as_str().unwrap().to_owned(), delivery["doubtful"] == true));
        }
    }
    states.sort();
    let expected = [("sent", false), ("skipped", true), ("skipped", true)];
    assert_eq!(states, expected.map(|(state, doubtful)| (state.to_owned(), doubtful)));
    assert_eq!(metric(&service, "botyard_house_silent").await, 0);
    let acts = live.run(&["audit", "--json"]).await.out;
    for act in ["\"restore\"", "\"resume\""] {
        assert!(acts.contains(act), "{act} is missing in {acts}");
    }
    service.stop().await;
}

#[actix::test]
async fn the_age_of_the_last_backup_is_known_after_a_restart() {
    let live = Live::new(&[("echo.toml", ECHO)], &[]).await;
    let service = live.serve().await;
    let ran = live.run(&["backup", "by-hand.db"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let taken = metric(&service, "botyard_backup_last_success_timestamp_seconds").await;
    service.stop().await;
    let service = live.serve().await;
    eventually("the age of the last backup", || async {
        let now = metric(&service, "botyard_backup_last_success_timestamp_seconds").await;
        (now >= taken).then_some(())
    })
    .await;
    service.stop().await;
}

#[test]
fn without_a_service_the_store_is_copied_and_what_is_in_the_way_is_said() {
    let ground = Ground::with(&[("echo.toml", "[fallback]\nreply = \"hi\"\n")]);
    let nothing = ground.run(&["backup", "b.db"], &[]);
    assert!(nothing.code == 1 && nothing.err.contains("no running service was found"), "{nothing:?}");
    let data = [("BOTYARD_ADMIN__LISTEN", "127.0.0.1:0")];
    let kept = ground.run(&["token", "set", "echo"], &data);
    assert_eq!(kept.code, 1, "no token was piped in: {kept:?}");
    let kept = std::process::Command::new(env!("CARGO_BIN_EXE_botyard"))
        .args(["token", "set", "echo"])
        .current_dir(ground.path("."))
        .stdin(fs::File::open(token(&ground)).unwrap())
        .status()
        .unwrap();
    assert!(kept.success());

    let made = ground.run(&["backup", "b.db", "--json"], &data);
    assert_eq!(made.code, 0, "{made:?}");
    assert_eq!(serde_json::from_str::<Value>(&made.out).unwrap()["bots"], 1);
    for (args, said) in [
        (vec!["backup", "b.db"], "`--force` replaces it"),
        (vec!["backup", "data/b.db"], "best on another disk"),
        (vec!["backup", "none/b.db"], "make it, writable"),
        (vec!["backup", "--force", "bots.d/echo.toml"], "is no backup"),
        (vec!["backup", "bots.d"], "no plain file"),
    ] {
        let refused = ground.run(&args, &data);
        assert!(refused.code == 1 && refused.err.contains(said), "{args:?}: {refused:?}");
    }
    assert_eq!(ground.run(&["backup", "--force", "b.db"], &data).code, 0);

    // A disk that takes only so much: what was begun is taken away again.
    let cut = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 100; exec \"$0\" backup half.db", env!("CARGO_BIN_EXE_botyard")])
        .current_dir(ground.path("."))
        .output()
        .unwrap();
    let told = String::from_utf8(cut.stderr).unwrap();
    assert!(cut.status.code() == Some(1) && told.contains("no backup was made"), "{told}");
    let names: Vec<_> = fs::read_dir(ground.path(".")).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(names.iter().all(|name| !name.to_string_lossy().contains("half")), "{names:?}");

    // Half a file, another key: said, and nothing is touched.
    let whole = fs::read(ground.path("b.db")).unwrap();
    fs::write(ground.path("half.db"), &whole[..whole.len() / 2]).unwrap();
    let before = fs::read(ground.path("data/botyard.db")).unwrap();
    let half = ground.run(&["restore", "half.db"], &data);
    assert!(half.code == 1 && half.err.contains("damaged"), "{half:?}");
    let other = [("BOTYARD_SEAL__KEY", "ab".repeat(32))];
    let other: Vec<_> = other.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let wrong = ground.run(&["restore", "b.db"], &other);
    assert!(wrong.code == 1 && wrong.err.contains("another key"), "{wrong:?}");
    assert_eq!(fs::read(ground.path("data/botyard.db")).unwrap(), before);

    let restored = ground.run(&["restore", "b.db"], &data);
    assert!(restored.code == 0 && restored.out.contains("what stood there before is in"), "{restored:?}");
    let shown = ground.run(&["bots"], &data);
    assert!(shown.out.contains("echo: held: the backup of"), "{shown:?}");
    let resumed = ground.run(&["resume", "--all"], &data);
    assert!(resumed.code == 0 && resumed.out.contains("hold after the restore"), "{resumed:?}");
    assert!(ground.run(&["bots"], &data).out.contains("stopped"));
}

/// A file with a token in it.
fn token(ground: &Ground) -> std::path::PathBuf {
    ground.write("token.txt", "s3cret-token\n");
    ground.path("token.txt")
}
