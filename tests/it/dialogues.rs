//! Dialogues from outside: whole ones, several at once, over a restart, a changed definition and a time-out; seen and
//! ended from the command line.

use std::time::Duration;

use botyard::base::Clock;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{
    house::{House, Plan, address},
    live::{Live, eventually},
};

const TABLE: &str = r#"token = "env:TABLE_TOKEN"
[[command]]
words = ["book"]
flow = "booking"
[[command]]
words = ["last"]
reply = "{{ state.person.last }}"
[fallback]
reply = "what?"
[flow.booking]
timeout = "1h"
on_timeout = "Too late."
cancelled = "As you like."
[[flow.booking.step]]
name = "day"
ask = "Which day?"
expect = "date"
[[flow.booking.step]]
name = "people"
ask = "How many on {{ dialogue.day }}?"
expect = { type = "int", min = 1, max = 8 }
[[flow.booking.step]]
name = "sure"
ask = "{{ dialogue.people }} on {{ dialogue.day }}?"
confirm = true
end = "Booked."
remember = { scope = "person", key = "last", set = "{{ dialogue.people }} on {{ dialogue.day }}" }
"#;

#[actix::test]
async fn a_dialogue_is_held_to_its_end_or_cancelled_and_what_it_came_to_is_remembered() {
    let house = House::with(&[("table.toml", TABLE)]).await;
    house.registered(&["table"]).await;
    for (said, answer) in [
        ("book", "Which day?"),
        ("soon", "That is no date: write it as in `2026-12-31`, or `today` or `tomorrow`."),
        ("2026-12-31", "How many on 2026-12-31?"),
        ("9", "That may be at most 8."),
        ("cancel", "As you like."),
        ("4", "what?"),
        ("book", "Which day?"),
        ("31.12.2026", "How many on 2026-12-31?"),
        ("4", "4 on 2026-12-31?"),
        ("yes", "Booked."),
        ("last", "4 on 2026-12-31"),
    ] {
        assert_eq!(house.sim.ask("table", said).await, answer, "{said}");
    }
    house.close().await;
}

const REPORT: &str = r#"token = "env:REPORT_TOKEN"
[[command]]
words = ["report"]
flow = "report"
[flow.report]
[[flow.report.step]]
name = "form"
ask = { text = "What happened?", card = "cards/report.json" }
inputs = { what = "text", people = "int", note = "text?" }
end = "{{ dialogue.what }}, {{ dialogue.people }}"
"#;
const CARD: &str = r#"{ "type": "AdaptiveCard", "version": "1.3", "body": [
    { "type": "Input.Text", "id": "what", "label": "What?" },
    { "type": "Input.Text", "id": "people", "label": "How many?" },
    { "type": "Input.Text", "id": "note", "label": "Anything else?" } ],
    "actions": [{ "type": "Action.Submit", "title": "Send" }] }"#;

#[actix::test]
async fn a_card_is_filled_in_and_counts_while_its_question_is_open() {
    let house = House::with(&[("report/cards/report.json", CARD), ("report/bot.toml", REPORT)]).await;
    house.registered(&["report"]).await;
    let after = house.sim.say(&address("report"), "report").await;
    let asked = house.sim.replies("report", after, 1).await.remove(0);
    let message = asked["id"].as_str().unwrap().to_owned();
    let press = async |inputs: Value| {
        let pressed = json!({ "message": message, "inputs": inputs });
        let pressed = house.sim.post("/press", pressed).await;
        let after = pressed["seq"].as_u64().unwrap_or(after + 1);
        house.sim.replies("report", after, 1).await.last().unwrap()["text"].as_str().unwrap().to_owned()
    };
    let wrong = press(json!({ "what": "fire", "people": "some", "note": "" })).await;
    assert_eq!(wrong, "people: That is no whole number: write it as in `42`.");
    assert_eq!(press(json!({ "what": "fire", "people": "2", "note": "" })).await, "fire, 2");
    let late = press(json!({ "what": "flood", "people": "2", "note": "" })).await;
    assert_eq!(late, "This question is not open any more, or not yours.");
    house.close().await;
}

#[actix::test]
async fn several_are_held_at_once_in_different_rooms_and_with_different_people() {
    let house = House::with(&[("table.toml", TABLE)]).await;
    house.registered(&["table"]).await;
    let room = json!({ "title": "Kitchen", "members": [address("table"), "bob@example.com"] });
    house.sim.post("/rooms", room).await;
    let kitchen = |person: &'static str, text: &str| {
        let said = json!({ "as": person, "to": "Kitchen", "text": text, "mention": [address("table")] });
        let house = &house;
        async move {
            let after = house.sim.say_it(said).await;
            house.sim.replies("table", after, 1).await[0]["text"].as_str().unwrap().to_owned()
        }
    };
    assert_eq!(house.sim.ask("table", "book").await, "Which day?");
    let first = kitchen("alice@example.com", "book").await;
    assert!(first.starts_with("Which day?") && first.contains("mention me"), "{first}");
    assert!(kitchen("bob@example.com", "book").await.starts_with("Which day?"));
    assert_eq!(house.sim.ask("table", "2026-01-01").await, "How many on 2026-01-01?");
    assert_eq!(kitchen("bob@example.com", "2026-01-02").await, "How many on 2026-01-02?", "once is enough");
    assert_eq!(kitchen("alice@example.com", "2026-01-03").await, "How many on 2026-01-03?");
    assert_eq!(kitchen("bob@example.com", "2").await, "2 on 2026-01-02?");
    assert_eq!(house.sim.ask("table", "1").await, "1 on 2026-01-01?");
    assert_eq!(kitchen("alice@example.com", "stop").await, "As you like.");
    assert_eq!(kitchen("bob@example.com", "yes").await, "Booked.");
    assert_eq!(house.sim.ask("table", "yes").await, "Booked.");
    assert_eq!(house.sim.ask("table", "last").await, "1 on 2026-01-01");
    house.close().await;
}

#[actix::test]
async fn a_dialogue_goes_on_after_a_restart_and_is_seen_and_ended_from_the_command_line() {
    let live = Live::new(&[("table.toml", TABLE)], &[]).await;
    let service = live.serve().await;
    live.registered("table").await;
    assert_eq!(live.ask("table", "book").await, "Which day?");
    assert_eq!(live.ask("table", "2026-12-31").await, "How many on 2026-12-31?");
    service.stop().await;

    let listed = live.run(&["dialogues", "table", "--json"]).await;
    let listed: Value = serde_json::from_str(&listed.out).unwrap();
    let open = &listed["dialogues"][0];
    assert_eq!((&open["value"]["flow"], &open["value"]["step"]), (&json!("booking"), &json!("people")));
    let service = live.serve().await;
    live.registered("table").await;
    assert_eq!(live.ask("table", "3").await, "3 on 2026-12-31?");

    let table = live.run(&["dialogues", "table"]).await;
    assert!(
        table.out.contains("booking") && table.out.contains("sure") && !table.out.contains("2026-12-31"),
        "{table:?}"
    );
    let id = open["id"].as_str().unwrap().split_at(6).0;
    let shown = live.run(&["dialogues", "table", "show", id]).await;
    assert!(shown.out.contains("answer   day: \"2026-12-31\""), "{shown:?}");
    let ended = live.run(&["dialogues", "table", "end", id]).await;
    assert_eq!((ended.code, ended.out.as_str()), (0, "1 dialogue ended; the person was not told\n"), "{ended:?}");
    assert_eq!(live.run(&["dialogues", "table"]).await.out, "no dialogue is open\n");
    assert_eq!(live.ask("table", "yes").await, "what?");
    let acts = live.run(&["audit", "table", "--act", "dialogue_end"]).await.out;
    assert!(acts.contains(open["id"].as_str().unwrap()), "{acts}");
    service.stop().await;
}

#[actix::test]
async fn a_definition_that_changed_under_a_dialogue_goes_on_or_ends_it_with_a_sentence() {
    let live = Live::new(&[("table.toml", TABLE)], &[]).await;
    let service = live.serve().await;
    live.registered("table").await;
    assert_eq!(live.ask("table", "book").await, "Which day?");
    live.ground.write("bots.d/table.toml", &TABLE.replace("How many", "How many people"));
    assert_eq!(live.run(&["reload", "--wait"]).await.code, 0);
    assert_eq!(live.ask("table", "2026-12-31").await, "How many people on 2026-12-31?");
    let without = TABLE.replace("name = \"people\"", "name = \"guests\"").replace("dialogue.people", "dialogue.guests");
    live.ground.write("bots.d/table.toml", &without);
    assert_eq!(live.run(&["reload", "--wait"]).await.code, 0);
    assert_eq!(live.ask("table", "4").await, "I was changed meanwhile and cannot go on with this. Please begin anew.");
    assert_eq!(live.ask("table", "4").await, "what?");
    service.stop().await;
}

#[actix::test]
async fn who_is_forgotten_is_in_no_dialogue_any_more() {
    let live = Live::new(&[("table.toml", TABLE)], &[]).await;
    let service = live.serve().await;
    live.registered("table").await;
    assert_eq!(live.ask("table", "book").await, "Which day?");
    let forgotten = live.run(&["forget", "alice@example.com", "--yes", "--json"]).await;
    let forgotten: Value = serde_json::from_str(&forgotten.out).unwrap();
    assert_eq!((&forgotten["dialogues"], &forgotten["timers"]), (&json!(1), &json!(1)), "{forgotten}");
    eventually("no dialogue to be open", || async {
        live.run(&["dialogues", "table"]).await.out.starts_with("no dialogue").then_some(())
    })
    .await;
    assert_eq!(live.ask("table", "2026-12-31").await, "what?");
    service.stop().await;
}

/// The same table, whose time-outs lead back to the first question.
fn patient(timeout: &str) -> String {
    let lead = "on_timeout = { reply = \"Still there?\", goto = \"day\" }";
    TABLE.replace("on_timeout = \"Too late.\"", lead).replace("\"1h\"", &format!("\"{timeout}\""))
}

#[actix::test]
async fn a_time_out_survives_a_kill_and_leads_where_it_says() {
    // The shortest there is. What is waited for is its sentence, not these seconds.
    let live = Live::new(&[("table.toml", &patient("10s"))], &[]).await;
    let service = live.serve().await;
    live.registered("table").await;
    assert_eq!(live.ask("table", "book").await, "Which day?");
    let (after, _) = live.say("alice@example.com", "table", "2026-12-31").await;
    assert_eq!(live.replies("table", after, 1).await, ["How many on 2026-12-31?"]);
    // That it was sent must be on record, or it is rightly said again.
    live.settled(&service).await;
    service.signal(Signal::KILL);
    service.ended().await;

    let service = live.serve().await;
    let said = live.replies("table", after, 3).await;
    assert_eq!(said, ["How many on 2026-12-31?", "Still there?", "Which day?"]);
    live.registered("table").await;
    assert_eq!(live.ask("table", "2026-01-01").await, "How many on 2026-01-01?");
    assert_eq!(live.ask("table", "2").await, "2 on 2026-01-01?");
    assert_eq!(live.ask("table", "yes").await, "Booked.");
    service.stop().await;
}

/// The house's wall clock so many hours from now. It runs as any clock does: only a house that was down in between
/// sees a jump.
fn hours_from_now(hours: u64) -> Clock {
    let wall = Clock::System.now().plus(Duration::from_hours(hours));
    Clock::Tokio { wall, origin: tokio::time::Instant::now() }
}

#[actix::test]
async fn a_time_out_that_came_while_nothing_ran_is_said_once_and_a_second_in_a_row_is_the_end() {
    let plan = Plan { clock: hours_from_now(0), ..Plan::default() };
    let mut house = House::build(plan, &[("table.toml", &patient("1h"))]).await;
    house.registered(&["table"]).await;
    assert_eq!(house.sim.ask("table", "book").await, "Which day?");
    let after = house.sim.say(&address("table"), "2026-12-31").await;
    let mut expected = vec!["How many on 2026-12-31?"];
    house.sim.replies("table", after, 1).await;
    for (hours, then) in [(2, vec!["Still there?", "Which day?"]), (4, vec!["Still there?"])] {
        house.stop().await;
        house.open_at(hours_from_now(hours)).await;
        expected.extend(then);
        let said = house.sim.replies("table", after, expected.len()).await;
        assert_eq!(said.iter().map(|said| said["text"].as_str().unwrap()).collect::<Vec<_>>(), expected);
    }
    let open = house.admin("GET", "/bots/table/dialogues", None).await.1;
    assert_eq!(open["dialogues"], json!([]), "{open}");
    house.registered(&["table"]).await;
    // By this answer anything that was said twice would have been said.
    assert_eq!(house.sim.ask("table", "4").await, "what?");
    assert_eq!(house.sim.replies("table", after, expected.len()).await.len(), expected.len() + 1);
    house.close().await;
}
