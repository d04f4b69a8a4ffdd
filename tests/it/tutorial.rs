//! The page "from the tutorial to Botyard": the classic echo bot by itself, and each form that it takes here.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use crate::support::{
    clients::set_up,
    house::address,
    live::{Live, eventually},
    program::free_port,
    served::Served,
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/tutorial")
}

fn python(file: &str, env: &[(&str, &str)]) -> Served {
    Served::start("bin/python", &folder().join(file), &[], env)
}

fn read(file: &str) -> String {
    fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn the_page_names_every_file_of_the_tutorial() {
    let page = fs::read_to_string(folder().join("../../docs/guide/from-the-tutorial.md")).unwrap();
    for folder in [folder(), folder().join("bots.d")] {
        for entry in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
            let text = fs::read_to_string(entry.path()).unwrap();
            assert!(page.contains(text.trim()), "{} is not on the page as it is", entry.path().display());
        }
    }
}

#[actix::test]
async fn the_classic_works_by_itself() {
    let live = Live::new(&[], &[]).await;
    let port = free_port();
    let (api, public, port) = (live.sim.handle.url(), format!("http://127.0.0.1:{port}/"), port.to_string());
    let env =
        [("WEBEX_API_URL", api.as_str()), ("WEBEX_TOKEN", "sim-bot-classic"), ("PUBLIC_URL", &public), ("PORT", &port)];
    let _classic = python("classic.py", &env);
    assert_eq!(live.ask("classic", "hello").await, "You said: hello");
}

#[actix::test]
async fn every_form_of_it_says_the_same() {
    let (http, classic) = (free_port(), free_port());
    let at = |file: &str, port: u16| read(file).replace("127.0.0.1:5000", &format!("127.0.0.1:{port}"));
    let script = folder().join("echo_exec.py").display().to_string();
    let interpreter = set_up("bin/python").display().to_string();
    let exec = read("bots.d/echo-exec.toml").replace("../echo_exec.py", &script).replace("python3", &interpreter);
    let bots = [
        // Another name: nobody waits for the webhooks of `echo` and finds those of `echo-exec`.
        ("plain.toml", read("bots.d/echo.toml")),
        ("echo-exec.toml", exec),
        ("echo-http.toml", at("bots.d/echo-http.toml", http)),
        ("echo-forward.toml", at("bots.d/echo-forward.toml", classic)),
    ];
    let bots: Vec<_> = bots.iter().map(|(file, text)| (*file, text.as_str())).collect();
    let secret = "a-secret-of-both";
    let live = Live::new(
        &bots,
        &[
            ("ECHO_TOKEN", "sim-bot-plain"),
            ("ECHO_EXEC_TOKEN", "sim-bot-echo-exec"),
            ("ECHO_HTTP_TOKEN", "sim-bot-echo-http"),
            ("ECHO_FORWARD_TOKEN", "sim-bot-echo-forward"),
            ("HANDLER_SECRET", secret),
            ("BOTYARD_HANDLERS__EXEC", "true"),
            ("BOTYARD_HANDLERS__ALLOW", "127.0.0.1"),
        ],
    )
    .await;
    let (api, http, classic) = (live.sim.handle.url(), http.to_string(), classic.to_string());
    let env = [("HANDLER_SECRET", secret), ("PORT", &http)];
    let _handler = python("echo_http.py", &env);
    let env = [("WEBEX_API_URL", api.as_str()), ("WEBEX_TOKEN", "sim-bot-echo-forward"), ("PORT", &classic)];
    let _classic = python("classic.py", &env);
    let service = live.serve().await;
    for bot in ["plain", "echo-exec", "echo-http", "echo-forward"] {
        live.registered(bot).await;
        assert_eq!(live.ask(bot, "hello").await, "You said: hello", "{bot}");
    }
    // Once: what the classic said by itself is not said again by anybody.
    let wait = json!({ "bot": address("echo-forward"), "after": 0, "replies": 1, "timeout_ms": 1_000 });
    let said: Value = live.sim.control("POST", "/wait", wait).await.ok();
    assert_eq!(said["messages"].as_array().unwrap().len(), 1, "{said}");
    // A forwarded webhook is finished when the program took it.
    eventually("no event that waits", || async {
        let bots = live.run(&["bots", "--json"]).await;
        let bots: Value = serde_json::from_str(&bots.out).ok()?;
        bots["bots"].as_array()?.iter().all(|bot| bot["waiting"] == 0 && bot["deliveries"] == 0).then_some(())
    })
    .await;
    service.stop().await;
}
