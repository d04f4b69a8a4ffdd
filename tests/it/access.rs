//! Who may use a bot: asked of Webex where only Webex knows, and changed while people talk to it.

use serde_json::json;

use crate::support::{
    house::{House, Plan, address},
    program::Ground,
};

const GUARDED: &str =
    "token = \"env:T\"\n[[command]]\nwords = [\"ping\"]\naccess = { groups = [\"leads\"] }\nreply = \"pong\"\n";

fn leads(address: &str) -> String {
    format!("leads = [\"{address}\"]\n")
}

#[actix::test]
async fn a_change_of_a_shared_group_lets_people_in_and_out() {
    let house = House::with(&[("guarded.toml", GUARDED), ("_shared/groups.toml", &leads("bob@example.com"))]).await;
    house.registered(&["guarded"]).await;
    assert_eq!(house.sim.ask("guarded", "ping").await, "You may not use this.");
    house.write("_shared/groups.toml", &leads("alice@example.com"));
    house.reload(false).await;
    assert_eq!(house.sim.ask("guarded", "ping").await, "pong");
    house.write("_shared/groups.toml", "leads = 1\n");
    house.reload(false).await;
    assert_eq!(house.sim.ask("guarded", "ping").await, "pong", "the last good definition stays, its groups with it");
    house.close().await;
}

#[actix::test]
async fn the_ceiling_keeps_out_whom_a_definition_lets_in_also_after_a_restart() {
    let open = GUARDED.replace("{ groups = [\"leads\"] }", "{ people = [\"alice@example.com\"] }");
    let settings = vec![("access.deny_people", "alice@example.com".to_owned())];
    let mut house = House::build(Plan { settings, ..Plan::default() }, &[("guarded.toml", &open)]).await;
    house.registered(&["guarded"]).await;
    assert_eq!(house.sim.ask("guarded", "ping").await, "You may not use this.");
    // A definition that is broken by now runs on as it was, under the same ceiling.
    house.write("guarded.toml", "broken");
    house.stop().await;
    house.open().await.unwrap();
    house.registered(&["guarded"]).await;
    assert_eq!(house.sim.ask("guarded", "ping").await, "You may not use this.");
    house.close().await;
}

const DEPLOY: &str = "token = \"env:T\"\n[[command]]\nusage = \"deploy <what>\"\nreply = \"deploying {{ args.what }}\"\n\
    approve = { by = { domains = [\"example.com\"] }, within = \"1h\" }\n";

#[actix::test]
async fn what_needs_approval_is_done_when_somebody_else_has_pressed() {
    let house = House::with(&[("deploy.toml", DEPLOY)]).await;
    house.registered(&["deploy"]).await;
    let room = json!({ "title": "Ops", "members": [address("deploy"), "bob@example.com"] });
    house.sim.post("/rooms", room).await;
    let asked = json!({ "to": "Ops", "text": "deploy prod", "mention": [address("deploy")] });
    let after = house.sim.say_it(asked).await;
    let card = house.sim.replies("deploy", after, 1).await.remove(0);
    assert!(card["text"].as_str().unwrap().contains("asks for approval: deploy prod"), "{card}");
    let press = |person: &str| json!({ "as": person, "message": card["id"], "inputs": { "action": "$approve" } });
    let says = async |wanted: &str| {
        let look = || async {
            let said = house.sim.replies("deploy", after, 0).await;
            said.iter()
                .any(|message| message["text"].as_str().is_some_and(|text| text.contains(wanted)))
                .then_some(said)
        };
        house.sim.eventually(wanted, look).await
    };
    house.sim.post("/press", press("alice@example.com")).await;
    let said = says("somebody else must approve it").await;
    assert!(!said.iter().any(|message| message["text"] == "deploying prod"), "{said:?}");
    house.sim.post("/press", press("bob@example.com")).await;
    let said = says("deploying prod").await;
    assert!(said.iter().all(|message| message["attachments"].is_null()), "the card is gone: {said:?}");
    house.close().await;
}

#[actix::test]
async fn what_is_approved_may_start_a_dialogue_with_whoever_asked() {
    let text = "token = \"env:T\"\n[[command]]\nusage = \"deploy <what>\"\nflow = \"deploy\"\n\
        approve = { by = \"bob@example.com\", to = \"bob@example.com\" }\n\
        [[flow.deploy.step]]\nname = \"where\"\nask = \"Where to?\"\nexpect = \"text\"\nend = \"to {{ dialogue.where }}\"\n";
    let house = House::with(&[("deploy.toml", text)]).await;
    house.registered(&["deploy"]).await;
    let after = house.sim.say(&address("deploy"), "deploy prod").await;
    let card = house.sim.replies("deploy", after, 2).await;
    let card = card.iter().find(|message| !message["attachments"].is_null()).unwrap();
    let press = json!({ "as": "bob@example.com", "message": card["id"], "inputs": { "action": "$approve" } });
    house.sim.post("/press", press).await;
    let asked = || async {
        let said = house.sim.replies("deploy", after, 0).await;
        let text = |wanted: &str| said.iter().any(|message| message["text"].as_str().unwrap().contains(wanted));
        (text("Where to?") && text("Bob Example approved")).then_some(())
    };
    house.sim.eventually("the first question, and the word to bob", asked).await;
    assert_eq!(house.sim.ask("deploy", "the lab").await, "to the lab");
    house.close().await;
}

#[actix::test]
async fn a_bot_leaves_the_room_that_an_outsider_brought_it_to() {
    let text = "token = \"env:T\"\naccess = \"anyone\"\n[membership]\nadded_by = { domains = [\"other.org\"] }\n[fallback]\nreply = \"x\"\n";
    let house = House::with(&[("shy.toml", text)]).await;
    house.registered(&["shy"]).await;
    house.sim.post("/rooms", json!({ "title": "Kitchen", "members": [address("shy"), "bob@example.com"] })).await;
    let left = || async { (!house.sim.get("/rooms").await.to_string().contains(&address("shy"))).then_some(()) };
    house.sim.eventually("the bot to leave", left).await;
    house.close().await;
}

#[test]
fn why_names_the_deciding_rule_and_its_place() {
    let ground = Ground::new();
    let text = "[access]\ndomains = [\"example.com\"]\n\n[[command]]\nusage = \"page <team>\"\naccess = { where = \"direct\" }\nreply = \"{{ args.team }}\"\n[[command]]\nusage = \"due <day:date>\"\nreply = \"due {{ args.day }}\"\n";
    ground.write("bots.d/oncall.toml", text);
    let why = |args: &[&str], settings: &[(&str, &str)]| {
        let ran = ground.run(&[&["why"], args, &["--bot", "oncall"]].concat(), settings);
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.out
    };
    let allowed = why(&["bob@example.com", "page ops"], &[]);
    assert!(allowed.starts_with("command \"page\" (oncall.toml:6)\n"), "{allowed}");
    assert!(allowed.contains("it would say: ops"), "{allowed}");
    let group = why(&["bob@example.com", "page ops", "--room", "ROOMROOM"], &[]);
    assert!(group.contains("decided by: `where` in `access` of the rule is `direct`"), "{group}");
    let other = why(&["eve@evil.org", "page ops"], &[]);
    assert!(
        other.contains("(oncall.toml:1)") && other.contains("decided by: `domains` in `[access]` of the bot"),
        "{other}"
    );
    let ceiling = why(&["bob@example.com", "page ops", "--json"], &[("BOTYARD_ACCESS__DENY_DOMAINS", "example.com")]);
    let report: serde_json::Value = serde_json::from_str(&ceiling).unwrap();
    assert_eq!(report["allowed"], false);
    assert!(report["decided_by"].as_str().unwrap().contains("`[access]` of the settings"), "{report}");
    assert_eq!(ground.run(&["why", "bob@example.com", "x", "--bot", "nobody"], &[]).code, 1);
    // These two zones are 25 hours apart: it is never the same day in both.
    let due = |zone: &str| {
        let out = why(&["bob@example.com", "due today"], &[("BOTYARD_SCHEDULE__TIMEZONE", zone)]);
        out.split_once("it would say: due ").unwrap().1.to_owned()
    };
    assert!(due("Pacific/Kiritimati") > due("Pacific/Pago_Pago"));
}

#[test]
fn a_policy_refuses_what_is_otherwise_a_warning() {
    let ground = Ground::new();
    ground.write("bots.d/open.toml", "[fallback]\nreply = 'x'\n");
    let warned = ground.run(&["check"], &[]);
    assert!(warned.code == 0 && warned.out.contains("warning[open-bot]"), "{warned:?}");
    let refused = ground.run(&["check"], &[("BOTYARD_POLICY__REQUIRE_ACCESS", "true")]);
    assert!(refused.code == 1 && refused.out.contains("error[access-required]"), "{refused:?}");
}
