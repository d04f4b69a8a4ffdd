//! A simulator in which the test plays a bot, to talk to.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::{sync::mpsc, task::LocalSet};

use super::{Bot, Happening, News, Screen, Talk, follow};
use crate::{
    base::Secret,
    cli::control::Control,
    net::{HttpClient, HttpRequest},
    sim::{SimHandle, SimOptions, start},
};

pub(super) const ALICE: &str = "alice@example.com";

/// A simulator, and `echo` who is played by the test.
pub(super) struct Stage {
    simulator: SimHandle,
    pub(super) control: Control,
    http: HttpClient,
}

/// Runs a test on a stage.
pub(super) async fn on_stage(play: impl AsyncFnOnce(&Stage)) {
    LocalSet::new()
        .run_until(async {
            let stage = Stage::new().await;
            play(&stage).await;
            stage.simulator.stop().await;
        })
        .await;
}

impl Stage {
    async fn new() -> Self {
        let options = SimOptions { threads: 0, ..SimOptions::new("127.0.0.1:0".parse().unwrap()) };
        let simulator = start(options).await.unwrap();
        let control = Control::new(&simulator.control_url()).unwrap();
        let stage = Self { simulator, control, http: HttpClient::direct().unwrap() };
        // Its first call brings the bot to life; a webhook shows that it listens.
        let hook =
            json!({ "name": "n", "targetUrl": "http://127.0.0.1:9/", "resource": "messages", "event": "created" });
        stage.echo("POST", "/webhooks", &hook).await;
        stage
    }

    /// What happens from now on.
    pub(super) async fn news(&self) -> mpsc::Receiver<News> {
        follow(self.control.clone(), self.control.seq().await.unwrap())
    }

    /// Alice at a prompt, talking to `echo`.
    pub(super) fn talk(&self) -> Talk {
        Talk::new(self.control.clone(), Screen::default(), "alice", Bot::named("echo"))
    }

    /// Calls the Webex API as `echo`.
    pub(super) async fn echo(&self, method: &'static str, path: &str, body: &Value) -> Value {
        self.call(method, format!("{}{path}", self.simulator.url()), Some(Secret::new("sim-bot-echo")), body).await
    }

    /// Calls the control API.
    pub(super) async fn steer(&self, method: &'static str, path: &str, body: &Value) -> Value {
        self.call(method, format!("{}{path}", self.simulator.control_url()), None, body).await
    }

    async fn call(&self, method: &'static str, url: String, bearer: Option<Secret>, body: &Value) -> Value {
        let request = HttpRequest {
            method,
            url,
            headers: vec![("content-type".into(), "application/json".into())],
            bearer,
            body: (!body.is_null()).then(|| body.to_string().into()),
            timeout: Duration::from_secs(10),
            max_body: 1 << 20,
        };
        let asked = format!("{method} {}", request.url);
        let response = self.http.send(request).await.unwrap();
        assert!(response.status < 300, "{asked}: {}", response.status);
        serde_json::from_slice(&response.body).unwrap_or_default()
    }
}

/// The next thing that happens.
pub(super) async fn next(news: &mut mpsc::Receiver<News>) -> Happening {
    match news.recv().await {
        Some(News::Happened(happening)) => *happening,
        other => panic!("{other:?}"),
    }
}

/// What a message says.
pub(super) fn text(happening: &Happening) -> Option<&str> {
    happening.message.as_ref().and_then(|message| message.text.as_deref())
}
