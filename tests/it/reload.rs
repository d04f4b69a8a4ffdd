//! The running bots follow `bots.d`: files dropped in, changed, broken and taken away while people talk to them.

use std::{fs, os::unix::fs::symlink};

use botyard::{actors::roster::TokenPolicy, base::BotId, store::Store};
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{
    house::{ECHO, House, Plan, address},
    raw_http,
};

/// A bot that says which version of it answers.
fn version(name: &str) -> String {
    format!("token = \"env:SOME_TOKEN\"\n[fallback]\nreply = \"{name}: {{{{ message.text }}}}\"\n")
}

/// The ids of a list in a report.
fn bots(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|entry| entry["bot"].as_str().or(entry.as_str()).unwrap()).collect()
}

async fn dropped_in(notified: bool) {
    let house = House::build(Plan { notified, ..Plan::default() }, &[("echo.toml", ECHO)]).await;
    house.write("later.toml", &version("later"));
    house.write("folder/bot.toml", &version("folder"));
    house.state("later", "running").await;
    house.registered(&["echo", "later", "folder"]).await;
    assert_eq!(house.sim.ask("later", "hello").await, "later: hello");
    assert_eq!(house.sim.ask("folder", "hello").await, "folder: hello");
    assert_eq!(house.sim.ask("echo", "hello").await, "hello");
    house.close().await;
}

#[actix::test]
async fn a_file_dropped_in_is_live_without_a_restart() {
    dropped_in(true).await;
}

#[actix::test]
async fn a_file_dropped_in_is_live_where_file_notification_is_blind() {
    dropped_in(false).await;
}

#[actix::test]
async fn an_event_in_hand_finishes_on_the_old_program_and_the_next_runs_on_the_new_one() {
    let house = House::with(&[("echo.toml", &version("one"))]).await;
    house.registered(&["echo"]).await;
    let before = house.bot("echo").await["digest"].clone();
    house.sim.post("/rules", json!({ "method": "GET", "path": "/messages/", "delay_ms": 5_000 })).await;

    let after = house.sim.say(&address("echo"), "in hand").await;
    let claimed = || async {
        let (_, list) = house.admin("GET", "/events?bot=echo&state=claimed", None).await;
        (list["events"].as_array().unwrap().len() == 1).then_some(())
    };
    house.sim.eventually("a turn in hand", claimed).await;
    for number in 0..5 {
        house.sim.say(&address("echo"), &format!("behind {number}")).await;
    }
    house.write("echo.toml", &version("two"));
    house.reload(false).await;
    assert_ne!(house.bot("echo").await["digest"], before);

    let replies = house.sim.replies("echo", after, 6).await;
    let texts: Vec<_> = replies.iter().map(|reply| reply["text"].as_str().unwrap()).collect();
    assert_eq!(
        texts,
        ["one: in hand", "two: behind 0", "two: behind 1", "two: behind 2", "two: behind 3", "two: behind 4"]
    );
    house.close().await;
}

#[actix::test]
async fn a_definition_that_changes_all_the_time_loses_no_message() {
    let house = House::with(&[("echo.toml", &version("v0"))]).await;
    house.registered(&["echo"]).await;
    let mut after = None;
    for number in 0..8 {
        house.write("echo.toml", &version(&format!("v{number}")));
        let said = house.sim.say(&address("echo"), &format!("{number}")).await;
        after.get_or_insert(said);
        house.reload(false).await;
    }
    let replies = house.sim.replies("echo", after.unwrap(), 8).await;
    let said: Vec<_> =
        replies.iter().map(|reply| reply["text"].as_str().unwrap().rsplit(' ').next().unwrap()).collect();
    assert_eq!(said, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    house.close().await;
}

#[actix::test]
async fn a_broken_definition_leaves_the_last_good_one_running_also_over_a_restart() {
    let mut house = House::with(&[("echo.toml", &version("good"))]).await;
    house.registered(&["echo"]).await;
    house.write("echo.toml", "token = \"env:SOME_TOKEN\"\n[fallback]\nrepyl = \"bad\"\n");
    let report = house.reported(|report| report.refused.iter().any(|refused| refused.bot == "echo")).await;
    let finding = &report.refused[0].diagnostics[0];
    assert_eq!((finding.file.as_str(), finding.line, finding.severity.as_str()), ("echo.toml", 3, "error"));
    assert!(finding.hint.as_deref().is_some_and(|hint| hint.contains("reply")), "{finding:?}");
    assert_eq!(house.sim.ask("echo", "still there?").await, "good: still there?");

    house.stop().await;
    house.open().await.unwrap();
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.ask("echo", "and now?").await, "good: and now?");
    assert_eq!(house.bot("echo").await["diagnostics"][0]["line"], 3);

    house.write("echo.toml", &version("mended"));
    house.reported(|report| report.refused.is_empty()).await;
    assert_eq!(house.sim.ask("echo", "hello").await, "mended: hello");
    assert_eq!(house.bot("echo").await["diagnostics"], json!([]));
    house.close().await;
}

#[actix::test]
async fn a_report_says_what_was_applied_refused_and_left_as_it_was() {
    let files = [("changed.toml", &*version("one")), ("same.toml", ECHO)];
    let house = House::with(&files).await;
    house.registered(&["changed", "same"]).await;
    house.write("changed.toml", &version("two"));
    house.write("fresh.toml", ECHO);
    house.write("broken.toml", "token = 7\n");
    house.write("NOT A NAME.toml", ECHO);
    let report = house.reported(|report| report.applied.len() == 2 && report.refused.len() == 2).await;
    let report = serde_json::to_value(report).unwrap();
    assert_eq!(bots(&report["applied"]), ["changed", "fresh"]);
    assert_eq!(
        (&report["applied"][0]["change"], &report["applied"][1]["change"]),
        (&json!("changed"), &json!("started"))
    );
    assert_eq!(bots(&report["unchanged"]), ["same"]);
    assert_eq!(bots(&report["refused"]), ["NOT A NAME", "broken"]);
    assert_eq!(report["refused"][1]["diagnostics"][0]["line"], 1);

    let again = house.reload(false).await;
    assert_eq!(bots(&again["unchanged"]), ["changed", "fresh", "same"]);
    assert_eq!((&again["applied"], &again["removed"]), (&json!([]), &json!([])));
    assert_eq!(again["unchanged"][0]["digest"], report["applied"][0]["digest"]);
    assert_eq!(again["unchanged"][0]["digest"], house.bot("changed").await["digest"]);
    assert_eq!(again["refused"], report["refused"]);
    house.close().await;
}

#[actix::test]
async fn a_bot_whose_file_is_gone_answers_on_within_its_grace_time() {
    let settings = vec![("bots.removal_grace_seconds", "3600".to_owned())];
    let files = [("echo.toml", ECHO), ("one.toml", ECHO), ("two.toml", ECHO)];
    let house = House::build(Plan { settings, ..Plan::default() }, &files).await;
    house.registered(&["echo", "one", "two"]).await;
    house.remove("echo.toml");
    let report = house.reload(false).await;
    assert_eq!((bots(&report["unchanged"]), &report["removed"]), (vec!["one", "two"], &json!([])));
    assert_eq!(report["confirmation_needed"], Value::Null);
    assert_eq!(house.sim.ask("echo", "are you leaving?").await, "are you leaving?");
    house.write("echo.toml", ECHO);
    assert_eq!(bots(&house.reload(false).await["unchanged"]), ["echo", "one", "two"]);
    assert_eq!(house.sim.ask("echo", "you are back").await, "you are back");
    house.close().await;
}

#[actix::test]
async fn a_bot_that_leaves_takes_only_its_own_webhooks_along_and_can_come_back() {
    let house = House::with(&[("echo.toml", ECHO), ("one.toml", ECHO), ("two.toml", ECHO)]).await;
    house.registered(&["echo", "one", "two"]).await;
    let target = "http://127.0.0.1:9/elsewhere";
    for name in ["botyard/other/echo/messages.created", "botyard/main/one/messages.created", "my own"] {
        let hook = json!({ "name": name, "targetUrl": target, "resource": "messages", "event": "deleted" });
        house.sim.v1("sim-bot-echo", "POST", "/webhooks", Some(hook)).await;
    }
    assert_eq!(house.sim.webhooks("echo").await.len(), 5);
    // What it has promised is sent before it goes: here Webex makes it wait.
    let rule =
        json!({ "method": "POST", "path": "/messages", "email": address("echo"), "status": 429, "retry_after": "2" });
    house.sim.post("/rules", rule).await;
    let after = house.sim.say(&address("echo"), "my last word").await;
    house.remove("echo.toml");

    house.state("echo", "retired").await;
    assert_eq!(house.sim.replies("echo", after, 1).await[0]["text"], "my last word");
    let left = house.sim.webhooks("echo").await;
    let names: Vec<_> = left.iter().map(|hook| hook["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["botyard/main/one/messages.created", "botyard/other/echo/messages.created", "my own"]);
    let (id, rows) = (BotId::parse("echo").unwrap(), house.app().store().bots().await.unwrap());
    let row = rows.iter().find(|row| row.bot == id).unwrap();
    assert!(row.has_token && row.identity.is_some() && row.retired_at.is_some(), "{row:?}");
    let headers = [("Content-Type", "application/json"), ("X-Spark-Signature", "00")];
    let gone = || async {
        let answer = raw_http::send(house.app().ingress_addr(), "POST", "/hooks/echo", &headers, "{}").await;
        (answer.status == 404).then_some(())
    };
    house.sim.eventually("the route to be gone", gone).await;

    house.write("echo.toml", ECHO);
    house.state("echo", "running").await;
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.ask("echo", "hello again").await, "hello again");
    house.close().await;
}

#[actix::test]
async fn an_emptied_folder_removes_nothing_until_it_is_confirmed() {
    let mut house = House::with(&[("echo.toml", ECHO), ("one.toml", ECHO)]).await;
    house.registered(&["echo", "one"]).await;
    house.remove("echo.toml");
    house.remove("one.toml");
    let report = house.reported(|report| report.confirmation_needed.is_some()).await;
    assert!(report.removed.is_empty());
    house.stop().await;
    house.open().await.unwrap();
    house.registered(&["echo", "one"]).await;
    assert_eq!(house.sim.ask("one", "after the restart").await, "after the restart");
    assert!(house.reload(false).await["confirmation_needed"].as_str().unwrap().contains("no definition is left of 2"));
    assert_eq!(house.sim.ask("echo", "anybody?").await, "anybody?");

    assert_eq!(house.reload(true).await["confirmation_needed"], Value::Null);
    house.state("echo", "retired").await;
    house.state("one", "retired").await;
    assert_eq!(house.sim.get("/webhooks").await, json!([]));
    house.close().await;
}

#[actix::test]
async fn more_than_half_gone_at_once_removes_nothing() {
    let house = House::with(&[("echo.toml", ECHO), ("one.toml", ECHO), ("two.toml", ECHO)]).await;
    house.registered(&["echo", "one", "two"]).await;
    house.remove("one.toml");
    house.remove("two.toml");
    let report = house.reported(|report| report.confirmation_needed.is_some()).await;
    assert_eq!(report.confirmation_needed.as_deref(), Some("2 of 3 definitions are gone at once"));
    assert_eq!(house.sim.ask("two", "anybody?").await, "anybody?");
    house.write("two.toml", ECHO);
    // One of three is an ordinary removal.
    house.state("one", "retired").await;
    assert_eq!(house.sim.ask("two", "and you?").await, "and you?");
    house.close().await;
}

#[actix::test]
async fn a_folder_that_vanishes_and_comes_back_changes_nothing() {
    let house = House::with(&[("echo.toml", ECHO), ("one.toml", ECHO)]).await;
    house.registered(&["echo", "one"]).await;
    let hooks = house.sim.get("/webhooks").await;
    let away = house.dir.path().join("away");
    fs::rename(house.bots_dir(), &away).unwrap();
    let report = house.reported(|report| report.confirmation_needed.is_some()).await;
    assert!(report.confirmation_needed.unwrap().contains("cannot be read"));
    assert_eq!(house.sim.ask("echo", "anybody?").await, "anybody?");
    fs::rename(&away, house.bots_dir()).unwrap();
    let report = house.reported(|report| report.confirmation_needed.is_none()).await;
    assert!(report.applied.is_empty() && report.unchanged.len() == 2, "{report:?}");
    assert_eq!(house.sim.ask("one", "and now?").await, "and now?");
    assert_eq!(house.sim.get("/webhooks").await, hooks);
    house.close().await;
}

#[actix::test]
async fn the_swapped_link_of_a_mounted_config_map_is_noticed() {
    let house = House::build(Plan { notified: false, ..Plan::default() }, &[("other.toml", ECHO)]).await;
    let dir = house.bots_dir();
    for name in ["one", "two"] {
        fs::create_dir(dir.join(format!("..{name}"))).unwrap();
        fs::write(dir.join(format!("..{name}/echo.toml")), version(name)).unwrap();
    }
    symlink("..one", dir.join("..data")).unwrap();
    symlink("..data/echo.toml", dir.join("echo.toml")).unwrap();
    house.state("echo", "running").await;
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.ask("echo", "hello").await, "one: hello");

    let before = house.bot("echo").await["digest"].clone();
    symlink("..two", dir.join("..data_tmp")).unwrap();
    fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    let swapped = || async { (house.bot("echo").await["digest"] != before).then_some(()) };
    house.sim.eventually("the swapped definition", swapped).await;
    assert_eq!(house.sim.ask("echo", "hello").await, "two: hello");
    house.close().await;
}

#[actix::test]
async fn a_token_rotated_in_its_file_is_taken() {
    let secrets = tempdir().unwrap();
    let file = secrets.path().join("filed");
    fs::write(&file, "sim-bot-filed\n").unwrap();
    let definition = ECHO.replace("env:ECHO_TOKEN", &format!("file:{}", file.display()));
    let tokens = TokenPolicy::Definitions { secret_dirs: vec![secrets.path().to_owned()] };
    let house = House::build(Plan { tokens, ..Plan::default() }, &[("filed.toml", &definition)]).await;
    house.registered(&["filed"]).await;
    assert_eq!(house.sim.ask("filed", "one").await, "one");

    let grant = json!({ "email": address("filed"), "token": "a-new-token", "revoke_others": true });
    house.sim.post("/tokens", grant).await;
    fs::write(&file, "a-new-token\n").unwrap();
    assert_eq!(house.sim.ask("filed", "two").await, "two");
    assert_eq!(house.state("filed", "running").await["reason"], Value::Null);
    house.close().await;
}
