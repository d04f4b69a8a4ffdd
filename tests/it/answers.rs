//! What a bot does to messages it sent: it edits them by their key, threads under them, replaces and deletes them;
//! it sends cards and files, and gets back what it gave along when a card is pressed.

use botyard::store::{EventQuery, EventState, Store};
use serde_json::{Value, json};

use crate::support::house::{House, address};

const BUILDS: &str = r#"token = "env:SOME_TOKEN"
[[command]]
words = ["build"]
reply = { text = "{{ args.rest }}", key = "build" }
[[command]]
words = ["thread"]
reply = { text = "{{ args.rest }}", key = "build", then = "thread" }
[[command]]
words = ["again"]
reply = { text = "{{ args.rest }}", key = "build", then = "replace" }
[[command]]
words = ["once"]
reply = { text = "{{ args.rest }}", key = "build", then = "skip" }
[[command]]
words = ["forget"]
delete = "build"
[[command]]
words = ["bye"]
leave = true
"#;

/// The bot's messages in the direct room with alice, the oldest first.
async fn said(house: &House, bot: &str) -> Vec<Value> {
    house.sim.replies(bot, 0, 0).await
}

fn text(message: &Value) -> &str {
    message["text"].as_str().unwrap()
}

#[actix::test]
async fn a_message_is_edited_by_its_key_ten_times_and_then_goes_on_in_its_thread() {
    let house = House::with(&[("builds.toml", BUILDS)]).await;
    house.registered(&["builds"]).await;
    let first = house.sim.ask("builds", "build 0").await;
    assert_eq!(first, "0");
    for number in 1..=12 {
        house.sim.say(&address("builds"), &format!("build {number}")).await;
        let wanted = number.to_string();
        let is_there =
            || async { said(&house, "builds").await.iter().any(|message| text(message) == wanted).then_some(()) };
        house.sim.eventually("the edit", is_there).await;
    }
    house.quiet().await;
    let all = said(&house, "builds").await;
    assert_eq!(all.iter().map(text).collect::<Vec<_>>(), ["10", "12"], "ten edits, a message in the thread, its edit");
    assert_eq!(all[1]["parentId"], all[0]["id"]);
    house.close().await;
}

#[actix::test]
async fn a_key_threads_replaces_skips_and_deletes() {
    let house = House::with(&[("builds.toml", BUILDS)]).await;
    house.registered(&["builds"]).await;
    house.sim.ask("builds", "build red").await;
    let first = said(&house, "builds").await.remove(0);
    let wait = async |words: &str, fits: &dyn Fn(&[Value]) -> bool| {
        house.sim.say(&address("builds"), words).await;
        let look = || async { Some(said(&house, "builds").await).filter(|all| fits(all)) };
        house.sim.eventually(words, look).await
    };
    let all = wait("thread still red", &|all| all.len() == 2).await;
    assert_eq!(all[1]["parentId"], first["id"]);
    let all = wait("again green", &|all| all.iter().any(|message| text(message) == "green")).await;
    assert!(all.iter().all(|message| message["id"] != first["id"]), "{all:?}");
    house.sim.say(&address("builds"), "once never").await;
    let all = wait("build gray", &|all| all.iter().any(|message| text(message) == "gray")).await;
    assert!(all.iter().all(|message| text(message) != "never" && text(message) != "green"), "{all:?}");
    wait("forget", &|all| all.iter().all(|message| text(message) != "gray")).await;
    let all = wait("once new", &|all| all.iter().any(|message| text(message) == "new")).await;
    assert_eq!(all.last().unwrap().get("parentId"), None);
    house.close().await;
}

#[actix::test]
async fn a_message_that_somebody_deleted_is_written_anew() {
    let house = House::with(&[("builds.toml", BUILDS)]).await;
    house.registered(&["builds"]).await;
    house.sim.ask("builds", "build one").await;
    let first = said(&house, "builds").await.remove(0);
    let path = format!("/messages/{}", first["id"].as_str().unwrap());
    house.sim.v1("sim-bot-builds", "DELETE", &path, None).await;
    assert_eq!(house.sim.ask("builds", "build two").await, "two");
    house.sim.say(&address("builds"), "build three").await;
    let edited = || async { said(&house, "builds").await.iter().any(|message| text(message) == "three").then_some(()) };
    house.sim.eventually("the edit", edited).await;
    house.close().await;
}

#[actix::test]
async fn a_bot_leaves_a_room_when_it_is_told_to() {
    let house = House::with(&[("builds.toml", BUILDS)]).await;
    house.registered(&["builds"]).await;
    house.sim.post("/rooms", json!({ "title": "Kitchen", "members": [address("builds")] })).await;
    let said = json!({ "to": "Kitchen", "text": "bye", "mention": [address("builds")] });
    house.sim.say_it(said).await;
    let gone = || async {
        let rooms = house.sim.get("/rooms").await;
        let kitchen = rooms.as_array().unwrap().iter().find(|room| room["title"] == "Kitchen")?.clone();
        (!kitchen["members"].to_string().contains(&address("builds"))).then_some(())
    };
    house.sim.eventually("the bot to leave", gone).await;
    house.close().await;
}

const POLL: &str = r#"token = "env:SOME_TOKEN"
[[command]]
words = ["ask"]
reply = { text = "May {{ args.rest }} go out?", card = "cards/ask.json", data = { what = "{{ args.rest }}" }, context = { what = "{{ args.rest }}", by = "{{ person.email }}" } }
[[on]]
card = "approve"
reply = { text = "{{ card.context.what }} of {{ card.context.by }} may go out, says {{ inputs.note }}", replace = true }
[[command]]
words = ["file"]
reply = { text = "here it is", file = "files/plan.txt" }
"#;

const CARD: &str = r#"{
  "type": "AdaptiveCard", "version": "1.3",
  "body": [
    { "type": "TextBlock", "text": "May {{ data.what }} go out?" },
    { "type": "Input.Text", "id": "note" }
  ],
  "actions": [{ "type": "Action.Submit", "title": "Approve", "data": { "action": "approve" } }]
}"#;

#[actix::test]
async fn a_pressed_card_brings_its_context_back_and_is_replaced() {
    let files = [("poll/bot.toml", POLL), ("poll/cards/ask.json", CARD), ("poll/files/plan.txt", "the plan")];
    let house = House::with(&files).await;
    house.registered(&["poll"]).await;
    assert_eq!(house.sim.ask("poll", "ask version 7").await, "May version 7 go out?");
    let message = said(&house, "poll").await.remove(0);
    let card = &message["attachments"][0]["content"];
    assert_eq!(card["body"][0]["text"], "May version 7 go out?");
    assert!(!message.to_string().contains("alice@example.com\",\"what"), "no client sees the context");
    // A client may send whatever it likes: what counts is what was kept here.
    let inputs = json!({ "action": "approve", "note": "me", "what": "version 8" });
    house.sim.post("/press", json!({ "message": message["id"], "inputs": inputs })).await;
    let replaced = || async {
        let all = said(&house, "poll").await;
        all.iter().any(|message| text(message) == "version 7 of alice@example.com may go out, says me").then_some(all)
    };
    let all = house.sim.eventually("the answer to the press", replaced).await;
    assert_eq!(all.len(), 1, "the card is gone: {all:?}");
    house.close().await;
}

#[actix::test]
async fn a_card_pressed_before_it_is_written_down_that_it_was_sent_brings_its_context_all_the_same() {
    let files = [("poll/bot.toml", POLL), ("poll/cards/ask.json", CARD), ("poll/files/plan.txt", "the plan")];
    let house = House::with(&files).await;
    house.registered(&["poll"]).await;
    // The message is there at once; that it is, the bot hears a while later.
    let slow = json!({ "method": "POST", "path": "/messages", "email": address("poll"), "slow_ms": 400, "times": 1 });
    house.sim.post("/rules", slow).await;
    assert_eq!(house.sim.ask("poll", "ask version 9").await, "May version 9 go out?");
    let message = said(&house, "poll").await.remove(0);
    let inputs = json!({ "action": "approve", "note": "me" });
    house.sim.post("/press", json!({ "message": message["id"], "inputs": inputs })).await;
    let wanted = "version 9 of alice@example.com may go out, says me";
    let answered = || async { said(&house, "poll").await.iter().any(|message| text(message) == wanted).then_some(()) };
    house.sim.eventually("the answer to the press", answered).await;
    house.close().await;
}

#[actix::test]
async fn a_file_of_the_bots_folder_is_sent_along() {
    let files = [("poll/bot.toml", POLL), ("poll/cards/ask.json", CARD), ("poll/files/plan.txt", "the plan")];
    let house = House::with(&files).await;
    house.registered(&["poll"]).await;
    assert_eq!(house.sim.ask("poll", "file").await, "here it is");
    let message = said(&house, "poll").await.remove(0);
    let files = message["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "{message}");
    house.close().await;
}

#[actix::test]
async fn a_card_that_changes_is_used_without_a_restart_and_a_broken_one_is_not() {
    let files = [("poll/bot.toml", POLL), ("poll/cards/ask.json", CARD), ("poll/files/plan.txt", "the plan")];
    let house = House::with(&files).await;
    house.registered(&["poll"]).await;
    let drawn = async |words: &str| {
        house.sim.ask("poll", words).await;
        let last = said(&house, "poll").await.pop().unwrap();
        last["attachments"][0]["content"]["body"][0]["text"].as_str().unwrap().to_owned()
    };
    assert_eq!(drawn("ask one").await, "May one go out?");
    house.write("poll/cards/ask.json", &CARD.replace("May {{ data.what }} go out?", "Shall {{ data.what }} go out?"));
    house.reload(false).await;
    assert_eq!(drawn("ask two").await, "Shall two go out?");
    house.write("poll/cards/ask.json", "{ \"type\": \"AdaptiveCard\" ");
    let report = house.reload(false).await;
    assert!(report.to_string().contains("poll/cards/ask.json"), "{report}");
    assert_eq!(drawn("ask three").await, "Shall three go out?", "the last good one goes on");
    house.close().await;
}

const FAILING: &str = r#"token = "env:SOME_TOKEN"
[rooms]
gone = "Y2lzY29zcGFyazovL3VzL1JPT00vNWE2YjdjOGQtOWUwZi00YTFiLThjMmQtM2U0ZjVhNmI3Yzhk"
[[command]]
words = ["tell"]
reply = { text = "x", to = "@gone" }
[[on]]
event = "deliveries.failed"
remember = { scope = "bot", key = "failed", add = 1 }
reply = { text = "it did not arrive", to = "alice@example.com" }
"#;

#[actix::test]
async fn a_bot_hears_of_a_delivery_that_was_given_up() {
    let house = House::with(&[("teller.toml", FAILING)]).await;
    house.registered(&["teller"]).await;
    let after = house.sim.say(&address("teller"), "tell").await;
    let replies = house.sim.replies("teller", after, 1).await;
    assert_eq!(replies[0]["text"], "it did not arrive");
    house.quiet().await;
    let query = EventQuery { bot: None, state: Some(EventState::Finished), limit: 100 };
    let events = house.app().store().events(query).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "deliveries.failed").count(), 1);
    house.close().await;
}

const SUMMONS: &str = r#"token = "env:SOME_TOKEN"
[[command]]
words = ["summon"]
reply = { text = "you are wanted", to = "members_of:room" }
"#;

#[actix::test]
async fn everybody_in_a_room_is_written_to_page_by_page() {
    let house = House::with(&[("summons.toml", SUMMONS)]).await;
    house.registered(&["summons"]).await;
    let members = [address("summons"), "bob@example.com".into(), "carol@example.com".into()];
    house.sim.post("/rooms", json!({ "title": "Kitchen", "members": members })).await;
    let said = json!({ "to": "Kitchen", "text": "summon", "mention": [address("summons")] });
    house.sim.say_it(said).await;
    let reached = || async {
        let rooms = house.sim.get("/rooms").await;
        let direct = rooms.as_array().unwrap().iter().filter(|room| room["type"] == "direct").count();
        (direct == 3).then_some(())
    };
    house.sim.eventually("three direct rooms", reached).await;
    house.close().await;
}
