//! The files of a message as a program gets them: by links to this house, which fetches them with the bot's token.

use std::net::SocketAddr;

use serde_json::{Value, json};

use crate::support::{
    handler::{Heard, Program},
    house::{House, Plan, address},
    raw_http::{self, Answer},
};

/// A turn that a program was told, and where it was told to look.
struct Told {
    body: String,
    turn: Value,
    door: SocketAddr,
}

impl Told {
    fn token(&self) -> &str {
        self.turn["effects"]["token"].as_str().unwrap()
    }

    fn file(&self) -> &str {
        self.turn["message"]["files"][0].as_str().unwrap()
    }

    /// The path of an address of the house.
    fn path(&self, address: &str) -> String {
        let prefix = format!("http://{}", self.door);
        address.strip_prefix(&prefix).unwrap_or_else(|| panic!("{address} is not below {prefix}")).to_owned()
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        raw_http::send(self.door, "GET", path, &[("Authorization", &format!("Bearer {token}"))], "").await
    }

    /// What it is answered about its file.
    async fn fetched(&self) -> Answer {
        self.get(&self.path(self.file()), self.token()).await
    }

    async fn is_over(&self) {
        let path = self.path(self.turn["effects"]["url"].as_str().unwrap());
        let auth = format!("Bearer {}", self.token());
        let headers = [("Content-Type", "application/json"), ("Authorization", auth.as_str())];
        let done = json!({ "done": true }).to_string();
        assert_eq!(raw_http::send(self.door, "POST", &path, &headers, done).await.status, 202);
    }
}

/// A house whose bot `desk` hands everything to a program that takes each call over.
async fn desk() -> (House, Program) {
    let program = Program::start(|_, _| (202, "text/plain", String::new())).await;
    let plan = Plan { settings: vec![("handlers.allow", "127.0.0.1".to_owned())], ..Plan::default() };
    let text = format!("[fallback]\nhttp = {{ url = '{}', busy = 'parallel' }}\n", program.url("/"));
    let house = House::build(plan, &[("desk.toml", &text)]).await;
    house.registered(&["desk"]).await;
    (house, program)
}

/// Alice sends a file; the turn that comes of it.
async fn sent(house: &House, program: &Program, content: &str) -> Told {
    let before = program.heard().len();
    let file = json!({ "name": "a.txt", "type": "text/plain", "text": content });
    house.sim.say_it(json!({ "to": address("desk"), "text": "see", "file": file })).await;
    let heard = || async { program.heard().get(before).cloned() };
    let Heard { body, .. } = house.sim.eventually("the program to be called", heard).await;
    let body = String::from_utf8(body).unwrap();
    Told { turn: serde_json::from_str(&body).unwrap(), body, door: house.app().admin_addr() }
}

/// What Webex's scan says of a file from now on.
async fn scanned(house: &House, told: &Told, verdict: Value) {
    let shown = house.sim.v1("sim-bot-desk", "GET", &format!("/messages/{}", id(told)), None).await;
    let link = shown["files"][0].as_str().unwrap();
    house.sim.put(&format!("/files/{}", link.rsplit('/').next().unwrap()), verdict).await;
}

fn id(told: &Told) -> &str {
    told.turn["message"]["id"].as_str().unwrap()
}

#[actix::test]
async fn a_program_fetches_files_with_the_token_of_its_call_while_that_is_open() {
    let (house, program) = desk().await;
    let told = sent(&house, &program, "the plan").await;
    let other = sent(&house, &program, "another").await;
    for told in [&told, &other] {
        assert!(!told.body.contains("sim-bot-desk") && !told.body.contains("/contents/"), "{}", told.body);
    }
    let fetched = told.fetched().await;
    assert_eq!((fetched.status, fetched.body.as_str()), (200, "the plan"));
    assert_eq!(fetched.header("content-type"), Some("application/octet-stream"));
    assert!(!fetched.head.contains("sim-bot-desk"), "{}", fetched.head);
    assert_eq!(other.fetched().await.body, "another");

    let path = told.path(told.file());
    let admin = std::fs::read_to_string(house.data_dir().join("admin.token")).unwrap();
    for token in ["wrong", "", other.token(), admin.trim(), "sim-bot-desk"] {
        let refused = told.get(&path, token).await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "unknown_call"), "{token}");
    }
    let nothing = told.get(&format!("{}9", path.strip_suffix('0').unwrap()), told.token()).await;
    assert_eq!((nothing.status, nothing.code().as_str()), (404, "unknown_call"));

    for told in [&told, &other] {
        told.is_over().await;
    }
    house.quiet().await;
    let late = told.fetched().await;
    assert_eq!((late.status, late.code().as_str()), (404, "unknown_call"));
    house.close().await;
}

#[actix::test]
async fn a_file_that_is_not_to_be_had_is_told_with_the_reason() {
    let (house, program) = desk().await;
    let told = sent(&house, &program, "the plan").await;
    let refused = async |word: &str| {
        let refused = told.fetched().await;
        assert_eq!((refused.status, refused.code().as_str()), (404, "no_file"), "{word}");
        assert!(refused.body.contains(word) && !refused.body.contains("the plan"), "{word}: {}", refused.body);
        assert_eq!(refused.header("retry-after"), None, "asking again does not help");
    };
    scanned(&house, &told, json!({ "scan": "infected" })).await;
    refused("malware").await;
    scanned(&house, &told, json!({ "scan": "unscannable" })).await;
    refused("could not be scanned").await;
    // What is being scanned is waited for.
    scanned(&house, &told, json!({ "scan": "scanning", "for_ms": 1_500 })).await;
    assert_eq!(told.fetched().await.body, "the plan");
    let gone = house.sim.v1("sim-alice", "DELETE", &format!("/messages/{}", id(&told)), None).await;
    assert_eq!(gone, Value::Null);
    refused("gone").await;
    told.is_over().await;

    let most = 1 << 20;
    let large = sent(&house, &program, &"x".repeat(most)).await;
    assert_eq!(large.fetched().await.body.len(), most);
    large.is_over().await;
    let larger = sent(&house, &program, &"x".repeat(most + 1)).await;
    let refused = larger.fetched().await;
    assert_eq!((refused.status, refused.code().as_str()), (404, "no_file"));
    assert!(refused.body.contains("larger than 1 MiB"), "{}", refused.body);
    larger.is_over().await;
    house.close().await;
}
