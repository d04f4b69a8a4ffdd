//! The shipped bot `faq` with the program that stands behind it, both as they are.

use std::{fs, path::Path};

use serde_json::{Value, json};

use crate::support::{
    house::address,
    live::{Live, eventually},
    served::Served,
};

const SECRET: &str = "whsec_aHVzaC1odXNo";

/// The definition that ships, with the program's address of this test.
fn shipped(port: u16) -> String {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("bots.d/faq/bot.toml")).unwrap();
    let (there, here) = ("http://faq:9000/", format!("http://127.0.0.1:{port}/"));
    assert_eq!(text.matches(there).count(), 2, "both rules ask the program");
    text.replace(there, &here)
}

async fn messages(live: &Live, after: u64, count: usize) -> Vec<Value> {
    let wait = json!({ "bot": address("faq"), "after": after, "replies": count, "timeout_ms": 30_000 });
    live.sim.control("POST", "/wait", wait).await.ok()["messages"].as_array().unwrap().clone()
}

#[actix::test]
async fn the_slow_answerer_says_how_far_it_is_in_one_message_and_then_answers() {
    let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/faq/service.py");
    // A handbook takes next to no time: what is shown is what is said, and in which order.
    let program = Served::start("bin/python", &service, &["0", "0.05"], &[("FAQ_SECRET", SECRET)]);
    let settings = [("BOTYARD_HANDLERS__ALLOW", "127.0.0.1"), ("FAQ_SECRET", SECRET)];
    let live = Live::new(&[("faq.toml", &shipped(program.port))], &settings).await;
    let house = live.serve().await;
    live.registered("faq").await;

    for (question, answer) in [
        ("ask how do I get a badge", "Badges are made at the front desk, between 9 and 11."),
        ("where is the printer?", "Every floor has one, beside the kitchen."),
        ("ask what is love", "None of my handbooks says anything about that."),
    ] {
        let (after, _) = live.say("alice@example.com", "faq", question).await;
        let said = messages(&live, after, 3).await;
        assert_eq!(said[0]["text"], "Let me look…", "{question}");
        assert_eq!(said[2]["text"], answer, "{question}");
        // The one in the middle is changed, more than once, and ends so.
        let status = said[1]["id"].as_str().unwrap();
        eventually("the last word about the handbooks", || async {
            let now = messages(&live, after, 3).await.into_iter().find(|message| message["id"] == status)?;
            (now["text"] == "Read 3 handbooks." && now["updated"].is_string()).then_some(())
        })
        .await;
        live.settled(&house).await;
        assert_eq!(messages(&live, after, 3).await.len(), 3, "{question}");
    }
    house.stop().await;
}

#[actix::test]
async fn the_slow_answerer_believes_only_who_knows_its_secret() {
    let service = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/faq/service.py");
    let program = Served::start("bin/python", &service, &["0", "0"], &[("FAQ_SECRET", SECRET)]);
    let settings = [("BOTYARD_HANDLERS__ALLOW", "127.0.0.1"), ("FAQ_SECRET", "whsec_YW5vdGhlcg==")];
    let live = Live::new(&[("faq.toml", &shipped(program.port))], &settings).await;
    let house = live.serve().await;
    live.registered("faq").await;
    let (after, _) = live.say("alice@example.com", "faq", "where is the printer?").await;
    let said = live.replies("faq", after, 2).await;
    assert_eq!(said[0], "Let me look…");
    assert!(said[1].starts_with("I cannot find out at the moment: ") && said[1].contains("401"), "{said:?}");
    house.stop().await;
}
