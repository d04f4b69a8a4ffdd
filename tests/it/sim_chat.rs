//! `botyard chat` without a terminal, against bots that nobody hosts: what they send is shown, their cards are
//! pressed, files go both ways.

use std::fs;

use serde_json::{Value, json};

use crate::{
    sim_support::{Sim, Target, on_arbiter},
    support::program::{Ground, Ran},
};

/// A simulator and a folder to run the program in.
struct Stage {
    sim: Sim,
    ground: Ground,
}

impl Stage {
    /// With the bot `desk`, which has called once and so exists.
    async fn new() -> Self {
        botyard::net::install_tls();
        let stage = Self { sim: Sim::start().await, ground: Ground::new() };
        stage.sim.v1("sim-bot-desk", "GET", "/people/me", Value::Null).await.ok();
        stage.hears("messages").await;
        stage
    }

    /// A webhook to nowhere shows that the bot listens, so nobody waits for it to begin.
    async fn hears(&self, resource: &str) {
        let hook =
            json!({ "name": resource, "targetUrl": "http://127.0.0.1:9/", "resource": resource, "event": "created" });
        self.sim.v1("sim-bot-desk", "POST", "/webhooks", hook).await.ok();
    }

    async fn send(&self, message: Value) -> Value {
        self.sim.v1("sim-bot-desk", "POST", "/messages", message).await.ok()
    }

    /// Runs `botyard chat desk` with these lines on stdin. Where several messages make one answer, it is given more
    /// silence than the bot here ever needs between them.
    async fn chat(&self, args: &[&str], lines: &str) -> Ran {
        let url = self.sim.handle.control_url();
        let args: Vec<&str> = ["chat", "desk", "--sim", &url].iter().chain(args).copied().collect();
        self.ground.run_with(&args, &[], lines).await
    }

    /// The inputs of the last press, as the bot reads them.
    async fn pressed(&self) -> Value {
        let journal = self.sim.control("GET", "/journal?kind=event&max=1000", Value::Null).await.ok();
        let entries = journal["entries"].as_array().unwrap();
        let press = entries.iter().rfind(|entry| entry["resource"] == "attachmentActions").unwrap();
        let path = format!("/attachment/actions/{}", press["id"].as_str().unwrap());
        self.sim.v1("sim-bot-desk", "GET", &path, Value::Null).await.ok()["inputs"].clone()
    }

    /// The message with this text, as soon as Alice has said it.
    async fn said(&self, text: &str) -> Value {
        let mut after = 0;
        loop {
            let path = format!("/journal?kind=event&after={after}&max=1000&wait_ms=30000");
            let news = self.sim.control("GET", &path, Value::Null).await.ok();
            let found = news["entries"].as_array().unwrap().iter().find(|entry| entry["text"] == text);
            if let Some(id) = found.and_then(|entry| entry["id"].as_str()) {
                return self.sim.v1("sim-alice", "GET", &format!("/messages/{id}"), Value::Null).await.ok();
            }
            after = news["seq"].as_u64().unwrap();
        }
    }

    /// Plays the bot: answers each new message or press of Alice with the next of these.
    async fn answers(&self, resource: &str, answers: Vec<Vec<Value>>) {
        let mut after = 0;
        for answer in answers {
            loop {
                let path = format!("/journal?kind=event&after={after}&max=1000&wait_ms=30000");
                let news = self.sim.control("GET", &path, Value::Null).await.ok();
                let asked = |entry: &&Value| entry["resource"] == resource && entry["person"] == "alice@example.com";
                let found = news["entries"].as_array().unwrap().iter().find(asked);
                after = found.map_or(&news["seq"], |entry| &entry["seq"]).as_u64().unwrap();
                if found.is_some() {
                    break;
                }
            }
            for message in answer {
                // What names its author is said as a client would, files included.
                if message.get("as").is_some() {
                    self.sim.control("POST", "/say", message).await.ok();
                } else {
                    self.send(message).await;
                }
            }
        }
    }
}

fn to_alice(text: &str) -> Value {
    json!({ "toPersonEmail": "alice@example.com", "text": text })
}

fn card() -> Value {
    let content = json!({ "type": "AdaptiveCard", "version": "1.3",
        "body": [
            { "type": "TextBlock", "text": "Deploy **web**?" },
            { "type": "Input.Text", "id": "reason", "label": "Reason", "isRequired": true, "errorMessage": "say why" },
            { "type": "Input.Toggle", "id": "loud", "title": "Tell all" },
        ],
        "actions": [
            { "type": "Action.Submit", "title": "Approve", "data": { "action": "approve", "ticket": 7 } },
            { "type": "Action.ShowCard", "title": "Later", "card": { "type": "AdaptiveCard", "version": "1.3",
                "body": [{ "type": "Input.Time", "id": "at", "label": "When" }],
                "actions": [{ "type": "Action.Submit", "title": "Remind me" }] } },
            { "type": "Action.OpenUrl", "title": "Docs", "url": "https://x.example/docs" },
        ] });
    json!({ "toPersonEmail": "alice@example.com", "text": "deploy?",
        "attachments": [{ "contentType": "application/vnd.microsoft.card.adaptive", "content": content }] })
}

#[test]
fn a_card_is_filled_in_and_pressed_by_lines_on_stdin() {
    on_arbiter(async {
        let stage = Stage::new().await;
        stage.hears("attachmentActions").await;
        stage.send(card()).await;
        let lines = "/card\n/set reason it is urgent\n/set loud yes\n/press approve\n/press 3\n/press Later\n\
            /set at 09:30\n/set reason busy\n/press 4\n";
        let bot = stage.answers("attachmentActions", vec![vec![to_alice("done")], vec![to_alice("later then")]]);
        let (ran, ()) = tokio::join!(stage.chat(&[], lines), bot);
        assert_eq!((ran.code, ran.out.as_str()), (0, "done\nlater then\n"), "{ran:?}");
        for shown in ["(1) Reason: ___", "[1] Approve", "`Docs` opens https://x.example/docs", "[4] Remind me"] {
            assert!(ran.err.contains(shown), "{shown}: {ran:?}");
        }
        assert_eq!(stage.pressed().await, json!({ "reason": "busy", "loud": "true", "at": "09:30" }));
        stage.sim.handle.stop().await;
    });
}

#[test]
fn one_command_asks_fills_in_and_presses() {
    on_arbiter(async {
        let stage = Stage::new().await;
        stage.hears("attachmentActions").await;
        let args = ["--once", "deploy", "--press", "Approve", "--input", "reason=late"];
        let asked = stage.answers("messages", vec![vec![card()]]);
        let pressed = stage.answers("attachmentActions", vec![vec![to_alice("done")]]);
        let (ran, (), ()) = tokio::join!(stage.chat(&args, ""), asked, pressed);
        assert_eq!(ran.code, 0, "{ran:?}");
        insta::assert_snapshot!(ran.out);
        let inputs = json!({ "action": "approve", "ticket": 7, "reason": "late", "loud": "false" });
        assert_eq!(stage.pressed().await, inputs);
        stage.sim.handle.stop().await;
    });
}

#[test]
fn what_cannot_be_pressed_ends_with_the_reason() {
    on_arbiter(async {
        let stage = Stage::new().await;
        let none = stage.chat(&["--press", "1"], "").await;
        assert_eq!((none.code, none.out.as_str()), (1, ""));
        assert!(none.err.contains("desk has sent no card here"), "{none:?}");
        stage.send(card()).await;
        for (args, said) in [
            (&["--press", "Approve"][..], "say why"),
            (&["--press", "Reject"], "no button `Reject`; there is `1 Approve`, `2 Later`, `3 Docs`"),
            (&["--press", "4"], "press 2 first"),
            (&["--press", "1", "--input", "raeson=x"], "no input `raeson`"),
            (&["--press", "1", "--input", "loud=perhaps"], "`yes` or `no`"),
        ] {
            let ran = stage.chat(args, "").await;
            assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{args:?}: {ran:?}");
            assert!(ran.err.contains(said), "{args:?}: {ran:?}");
        }
        let usage = stage.chat(&["--press", "1", "--input", "reason"], "").await;
        assert_eq!(usage.code, 64, "{usage:?}");
        // Nobody hears of it: that is said, and so is the silence.
        let unheard = stage.chat(&["--press", "1", "--input", "reason=x", "--wait", "0"], "").await;
        assert_eq!(unheard.code, 1);
        assert!(unheard.err.contains("no webhook for `attachmentActions`"), "{unheard:?}");
        assert!(unheard.err.contains("`desk` did not answer within 0 s"), "{unheard:?}");
        stage.sim.handle.stop().await;
    });
}

#[test]
fn a_welcome_is_not_the_answer() {
    on_arbiter(async {
        let stage = Stage::new().await;
        let target = Target::start().await;
        for resource in ["memberships", "messages"] {
            let hook = json!({ "name": resource, "targetUrl": target.url, "resource": resource, "event": "created" });
            stage.sim.v1("sim-bot-desk", "POST", "/webhooks", hook).await.ok();
        }
        let (first, ()) = tokio::join!(stage.chat(&["--once", "ping"], ""), async {
            // Two came into the room, and then something was said in it.
            for (count, resource, answer) in [(2, "memberships", "Welcome!"), (3, "messages", "pong")] {
                let told = target.hooks(count).await;
                assert_eq!(told.last().unwrap().json()["resource"], resource);
                stage.send(to_alice(answer)).await;
            }
        });
        assert_eq!((first.code, first.out.as_str()), (0, "pong\n"), "{first:?}");
        assert!(first.err.contains("* desk welcomes alice@example.com: Welcome!"), "{first:?}");
        assert_eq!(stage.sim.control("GET", "/rules", Value::Null).await.ok(), json!([]));
        // They know each other now: whatever is said is the answer.
        let (second, ()) = tokio::join!(stage.chat(&["--once", "again", "--silence", "4000"], ""), async {
            stage.said("again").await;
            stage.send(to_alice("one")).await;
            stage.send(to_alice("two")).await;
        });
        assert_eq!((second.code, second.out.as_str()), (0, "one\ntwo\n"), "{second:?}");
        stage.sim.handle.stop().await;
    });
}

#[test]
fn an_edit_answers_too() {
    on_arbiter(async {
        let stage = Stage::new().await;
        let before = stage.send(to_alice("working")).await;
        let (ran, ()) = tokio::join!(stage.chat(&["--once", "ready?"], ""), async {
            stage.said("ready?").await;
            let path = format!("/messages/{}", before["id"].as_str().unwrap());
            let edit = json!({ "roomId": before["roomId"], "text": "ready" });
            stage.sim.v1("sim-bot-desk", "PUT", &path, edit).await.ok();
        });
        assert_eq!((ran.code, ran.out.as_str()), (0, "ready (edited)\n"), "{ran:?}");
        stage.sim.handle.stop().await;
    });
}

#[test]
fn json_is_the_message_as_webex_writes_it() {
    on_arbiter(async {
        let stage = Stage::new().await;
        let bot = stage.answers("messages", vec![vec![card()]]);
        let (ran, ()) = tokio::join!(stage.chat(&["--once", "deploy", "--json"], ""), bot);
        let line: Value = serde_json::from_str(&ran.out).unwrap();
        assert_eq!((ran.code, &line["event"]), (0, &"created".into()), "{ran:?}");
        let path = format!("/messages/{}", line["message"]["id"].as_str().unwrap());
        assert_eq!(line["message"], stage.sim.v1("sim-bot-desk", "GET", &path, Value::Null).await.ok());
        stage.sim.handle.stop().await;
    });
}

#[test]
fn files_are_sent_shown_and_saved() {
    on_arbiter(async {
        let stage = Stage::new().await;
        fs::write(stage.ground.path("my report.csv"), "a,b\n1,2\n").unwrap();
        let file = json!({ "name": "../back.csv", "type": "text/csv", "text": "3,4\n" });
        let back = json!({ "as": "desk@webex.bot", "to": "alice@example.com", "text": "yours", "file": file });
        let lines = "/file \"my report.csv\" here it is\n/save 1\n/save 1 again.csv\n/save 1\n";
        let bot = stage.answers("messages", vec![vec![back]]);
        let (ran, ()) = tokio::join!(stage.chat(&[], lines), bot);
        assert!(ran.out.starts_with("yours\n[file 1] "), "{ran:?}");
        assert!(
            ran.out.contains("back.csv, 4 bytes, text/csv  http://") && ran.out.contains("/v1/contents/"),
            "{ran:?}"
        );
        for saved in ["back.csv", "again.csv"] {
            assert_eq!(fs::read_to_string(stage.ground.path(saved)).unwrap(), "3,4\n", "{ran:?}");
        }
        assert_eq!(ran.code, 1);
        assert!(ran.err.contains("`back.csv` is there already: `/save 1 PATH`"), "{ran:?}");

        // What was sent is what the bot gets.
        let sent = stage.said("here it is").await;
        let url = sent["files"][0].as_str().unwrap().to_owned();
        let got = stage.sim.v1("sim-bot-desk", "HEAD", url.split_once("/v1").unwrap().1, Value::Null).await;
        assert_eq!(got.header("content-disposition"), Some("attachment; filename=\"my report.csv\""));
        assert_eq!((got.header("content-type"), got.header("content-length")), (Some("text/csv"), Some("8")));
        stage.sim.handle.stop().await;
    });
}

#[test]
fn an_input_without_a_button_is_a_wrong_command_line() {
    let ground = Ground::new();
    for (args, said) in [(&["--input", "a=b"][..], "--press"), (&["--silence", "soon"], "--silence")] {
        let ran = ground.run(&[&["chat", "desk"], args].concat(), &[]);
        assert_eq!(ran.code, 64, "{args:?}: {ran:?}");
        assert!(ran.err.contains(said), "{args:?}: {ran:?}");
    }
}
