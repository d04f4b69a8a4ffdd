//! The main path: a person writes, Webex posts a signed webhook, the event is stored, the bot decides, its reply
//! arrives. For several bots at once, in direct and group rooms, over restarts.

use serde_json::json;

use crate::support::house::{ECHO, House, address};

const HELLO: &str = include_str!("../../bots.d/hello.toml");
const LOOKUP: &str = include_str!("../../bots.d/lookup.toml");
const SHIPPED_ECHO: &str = include_str!("../../bots.d/echo.toml");

#[actix::test]
async fn a_person_writes_and_the_bot_answers() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    assert_eq!(house.sim.ask("echo", "good morning").await, "good morning");
    house.close().await;
}

#[actix::test]
async fn several_bots_answer_at_once_each_for_itself() {
    let house = House::with(&[("echo.toml", SHIPPED_ECHO), ("hello.toml", HELLO), ("lookup.toml", LOOKUP)]).await;
    house.registered(&["echo", "hello", "lookup"]).await;
    let (echo, hello, lookup) = tokio::join!(
        house.sim.ask("echo", "one"),
        house.sim.ask("hello", "help"),
        house.sim.ask("lookup", "what about INC123456?"),
    );
    assert_eq!(echo, "one");
    assert!(hello.contains("help"), "{hello}");
    assert!(lookup.contains("123456"), "{lookup}");
    house.close().await;
}

#[actix::test]
async fn in_a_group_room_a_bot_hears_only_what_mentions_it() {
    let house = House::with(&[("on-call.toml", ECHO)]).await;
    house.registered(&["on-call"]).await;
    let room = json!({ "title": "Kitchen", "members": [address("on-call"), "bob@example.com"] });
    house.sim.post("/rooms", room).await;
    house.sim.say("Kitchen", "not for you").await;
    // It is called `On call`, and some clients write no more than the first word of a name.
    for (form, words) in [("id", "whole"), ("uuid", "whole"), ("id", "first"), ("uuid", "first")] {
        let mention = json!({
            "to": "Kitchen", "text": "tea?", "mention": [address("on-call")],
            "mention_form": form, "mention_words": words,
        });
        let after = house.sim.say_it(mention).await;
        let replies = house.sim.replies("on-call", after, 1).await;
        assert_eq!(replies[0]["text"], "tea?", "the mention is not part of the text");
    }
    let messages = house.sim.get("/rooms/Kitchen/messages").await.to_string();
    assert_eq!(messages.matches("not for you").count(), 1, "{messages}");
    house.close().await;
}

#[actix::test]
async fn a_webhook_delivered_twice_is_answered_once() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    house.sim.post("/rules", json!({ "on": "delivery", "copies": 3, "times": 0 })).await;
    for number in 0..5 {
        assert_eq!(house.sim.ask("echo", &format!("number {number}")).await, format!("number {number}"));
    }
    house.quiet().await;
    let rooms = house.sim.get("/rooms").await;
    let room = rooms.as_array().or_else(|| rooms["rooms"].as_array()).unwrap()[0]["id"].as_str().unwrap().to_owned();
    let messages = house.sim.get(&format!("/rooms/{room}/messages")).await;
    let texts: Vec<_> = messages["messages"].as_array().or_else(|| messages.as_array()).unwrap().iter().collect();
    assert_eq!(texts.len(), 10, "five questions and five answers: {messages}");
    house.close().await;
}

#[actix::test]
async fn messages_of_one_person_are_answered_in_their_order() {
    let house = House::with(&[("echo.toml", ECHO)]).await;
    house.registered(&["echo"]).await;
    let mut after = 0;
    for number in 0..40 {
        let seq = house.sim.say(&address("echo"), &format!("{number}")).await;
        if number == 0 {
            after = seq;
        }
    }
    let replies = house.sim.replies("echo", after, 40).await;
    let texts: Vec<_> = replies.iter().map(|reply| reply["text"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(texts, expected);
    house.close().await;
}

#[actix::test]
async fn in_a_rush_more_bots_than_may_work_at_once_still_all_answer() {
    let names: Vec<String> = (0..24).map(|number| format!("bot-{number}")).collect();
    let files: Vec<String> = names.iter().map(|name| format!("{name}.toml")).collect();
    let bots: Vec<(&str, &str)> = files.iter().map(|file| (file.as_str(), ECHO)).collect();
    let house = House::with(&bots).await;
    house.registered(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let rush: Vec<_> = (0..200).map(|_| house.app().intake().enter()).collect();
    assert!(house.app().intake().is_rush());
    let mut after = Vec::new();
    for name in &names {
        after.push(house.sim.say(&address(name), "one").await);
        house.sim.say(&address(name), "two").await;
    }
    for (name, after) in names.iter().zip(after) {
        let replies = house.sim.replies(name, after, 2).await;
        assert_eq!((&replies[0]["text"], &replies[1]["text"]), (&json!("one"), &json!("two")), "{name}");
    }
    drop(rush);
    house.close().await;
}
