//! A whole house for a test: simulator and app in this process, a `bots.d` of its own, real sockets between.
//!
//! `close` is the end of every test: it drains the app and fails when work is left in inbox or outbox. A house
//! that is dropped without it fails the test, unless it is failing already.

use std::{fs, path::PathBuf, time::Duration};

use botyard::{
    actors::{bells::BellFaults, report::ReloadReport, roster::TokenPolicy, runner::Making},
    app::{App, AppOptions, StartError, Threads, Use},
    base::{Breaking, Clock, Secret},
    net::{HttpClient, HttpRequest, install_tls},
    settings::{LoadOptions, Settings},
    sim::{self, SimHandle, SimOptions},
    store::Store,
};
use bytes::Bytes;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The smallest bot.
pub(crate) const ECHO: &str =
    "token = \"env:ECHO_TOKEN\"\naccess = \"anyone\"\n[fallback]\nreply = \"{{ message.text }}\"\n";

/// How a house is to be built.
pub(crate) struct Plan {
    pub(crate) threads: Threads,
    pub(crate) notified: bool,
    pub(crate) faults: BellFaults,
    pub(crate) breaking: Breaking,
    pub(crate) tokens: TokenPolicy,
    pub(crate) clock: Clock,
    pub(crate) settings: Vec<(&'static str, String)>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            threads: Threads::Many,
            notified: true,
            faults: BellFaults::default(),
            breaking: Breaking::default(),
            tokens: TokenPolicy::Simulated,
            clock: Clock::System,
            settings: Vec::new(),
        }
    }
}

/// A running house.
pub(crate) struct House {
    app: Option<App>,
    pub(crate) sim: Simulator,
    pub(crate) dir: TempDir,
    plan: Plan,
}

impl House {
    /// A house with these definitions: file name below `bots.d`, text.
    pub(crate) async fn with(bots: &[(&str, &str)]) -> Self {
        Self::build(Plan::default(), bots).await
    }

    /// A house built as planned.
    pub(crate) async fn build(plan: Plan, bots: &[(&str, &str)]) -> Self {
        let sim = Simulator::start(&plan).await;
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("bots.d")).unwrap();
        let mut house = Self { app: None, sim, dir, plan };
        for (file, text) in bots {
            house.write(file, text);
        }
        house.open().await.unwrap();
        house
    }

    /// Starts the app, for the first time or again.
    pub(crate) async fn open(&mut self) -> Result<(), StartError> {
        let options = AppOptions {
            settings: self.settings(),
            tokens: self.plan.tokens.clone(),
            used_for: Use::Simulator { url: self.sim.control.clone() },
            clock: self.plan.clock.clone(),
            threads: self.plan.threads,
            notified: self.plan.notified,
            bell_faults: self.plan.faults,
            breaking: self.plan.breaking.clone(),
            making: Making::Real,
        };
        self.app = Some(App::start(options).await?);
        Ok(())
    }

    /// Starts the app again after it was down until this clock's time.
    pub(crate) async fn open_at(&mut self, clock: Clock) {
        self.plan.clock = clock;
        self.open().await.unwrap();
    }

    pub(crate) fn settings(&self) -> Settings {
        let mut overrides: Vec<(String, String)> = [
            ("listen", "127.0.0.1:0".to_owned()),
            ("admin.listen", "127.0.0.1:0".to_owned()),
            ("bots_dir", self.bots_dir().display().to_string()),
            ("data_dir", self.data_dir().display().to_string()),
            ("webex.api_url", self.sim.api.clone()),
            ("webex.requests_per_minute", "60000".to_owned()),
            ("ingress.workers", "1".to_owned()),
            ("bots.arbiters", "2".to_owned()),
            ("bots.sweep_seconds", "1".to_owned()),
            ("bots.removal_grace_seconds", "1".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into();
        overrides.extend(self.plan.settings.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
        Settings::load(&LoadOptions { overrides, ..LoadOptions::default() }).unwrap()
    }

    pub(crate) fn app(&self) -> &App {
        self.app.as_ref().unwrap()
    }

    /// Where it is broken on purpose.
    #[cfg(debug_assertions)]
    pub(crate) fn breaking(&self) -> &Breaking {
        &self.plan.breaking
    }

    pub(crate) fn bots_dir(&self) -> PathBuf {
        self.dir.path().join("bots.d")
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    /// Writes a definition as an editor does: beside it, then renamed.
    pub(crate) fn write(&self, file: &str, text: &str) {
        let path = self.bots_dir().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let half = path.with_extension("tmp");
        fs::write(&half, text).unwrap();
        fs::rename(half, path).unwrap();
    }

    pub(crate) fn remove(&self, file: &str) {
        fs::remove_file(self.bots_dir().join(file)).unwrap();
    }

    /// Waits until the roster has reported something that fits.
    pub(crate) async fn reported(&self, fits: impl Fn(&ReloadReport) -> bool) -> ReloadReport {
        let mut news = self.app().news();
        let report = within(news.wait_for(|report| fits(report))).await.unwrap();
        (**report).clone()
    }

    /// Changes how the app is started the next time.
    pub(crate) fn set(&mut self, key: &'static str, value: impl Into<String>) {
        self.plan.settings.push((key, value.into()));
    }

    /// Asks the admin API.
    pub(crate) async fn admin(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        let token = fs::read_to_string(self.data_dir().join("admin.token")).unwrap();
        let url = format!("http://{}/v1{path}", self.app().admin_addr());
        request(&self.sim.client, method, url, Some(token.trim()), body).await
    }

    /// Looks at `bots.d` by the admin API; answers the report.
    pub(crate) async fn reload(&self, confirm: bool) -> Value {
        let (status, report) = self.admin("POST", "/reload", Some(json!({ "wait": true, "confirm": confirm }))).await;
        assert_eq!(status, 200, "{report}");
        report
    }

    /// How a bot is, as `botyard bots` shows it.
    pub(crate) async fn bot(&self, bot: &str) -> Value {
        let (status, answer) = self.admin("GET", &format!("/bots/{bot}"), None).await;
        assert!(status == 200 || status == 404, "{status} {answer}");
        answer
    }

    /// Waits until a bot is in this state.
    pub(crate) async fn state(&self, bot: &str, state: &str) -> Value {
        let look = || async { Some(self.bot(bot).await).filter(|status| status["state"] == state) };
        self.sim.eventually(&format!("{bot} to be {state}"), look).await
    }

    /// Waits until these bots' webhooks at the simulator are as wanted, and bring messages to this app.
    pub(crate) async fn registered(&self, bots: &[&str]) {
        for bot in bots {
            let look = || async {
                let status = self.bot(bot).await;
                (status["state"] == "running" && status["webhooks"]["in_step"] == true).then_some(())
            };
            self.sim.eventually(&format!("webhooks of {bot}"), look).await;
        }
    }

    /// Waits until inbox and outbox are empty.
    pub(crate) async fn quiet(&self) {
        let store = self.app().store().clone();
        self.sim
            .eventually("an empty inbox and outbox", || async {
                let rows = store.backlog().await.unwrap();
                rows.iter().all(|row| row.events == 0 && row.deliveries == 0).then_some(())
            })
            .await;
    }

    /// Stops the app in order; nothing may be left undone.
    pub(crate) async fn stop(&mut self) {
        if self.app.is_some() {
            self.quiet().await;
        }
        self.stop_now().await;
    }

    /// Stops the app without waiting for what is left.
    pub(crate) async fn stop_now(&mut self) {
        if let Some(app) = self.app.take() {
            within(app.shutdown()).await;
        }
    }

    /// The end of a test.
    pub(crate) async fn close(mut self) {
        self.stop().await;
        if let Some(handle) = self.sim.handle.take() {
            handle.stop().await;
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        assert!(
            self.app.is_none() || std::thread::panicking(),
            "the house was not closed: end the test with `house.close().await`"
        );
    }
}

/// The simulator, and people at it.
pub(crate) struct Simulator {
    handle: Option<SimHandle>,
    api: String,
    control: String,
    client: HttpClient,
}

impl Simulator {
    async fn start(plan: &Plan) -> Self {
        install_tls();
        let mut options = SimOptions::new("127.0.0.1:0".parse().unwrap());
        options.requests_per_minute = 0;
        options.clock = plan.clock.clone();
        if plan.threads == Threads::One {
            options.threads = 0;
        }
        let handle = sim::start(options).await.unwrap();
        let (api, control) = (handle.url(), handle.control_url());
        Self { handle: Some(handle), api, control, client: HttpClient::direct().unwrap() }
    }

    /// Base URL of the simulated REST API.
    pub(crate) fn api(&self) -> &str {
        &self.api
    }

    /// Asks the simulated REST API with a token; anything but a success fails the test.
    pub(crate) async fn v1(&self, token: &str, method: &'static str, path: &str, body: Option<Value>) -> Value {
        let (status, answer) = request(&self.client, method, format!("{}{path}", self.api), Some(token), body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn send(&self, method: &'static str, path: &str, body: Option<Value>) -> (u16, Value) {
        request(&self.client, method, format!("{}{path}", self.control), None, body).await
    }

    /// Asks the control API; anything but a success fails the test.
    pub(crate) async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.send("GET", path, None).await;
        assert_eq!(status, 200, "GET {path}: {answer}");
        answer
    }

    /// Tells the control API; anything but a success fails the test.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send("POST", path, Some(body.clone())).await;
        assert_eq!(status, 200, "POST {path} {body}: {answer}");
        answer
    }

    /// Sets something at the control API; anything but a success fails the test.
    pub(crate) async fn put(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send("PUT", path, Some(body.clone())).await;
        assert_eq!(status, 200, "PUT {path} {body}: {answer}");
        answer
    }

    /// Takes something of the control API away.
    pub(crate) async fn delete(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.send("DELETE", path, Some(body.clone())).await;
        assert_eq!(status, 200, "DELETE {path} {body}: {answer}");
        answer
    }

    /// The webhooks of a bot, by name.
    pub(crate) async fn webhooks(&self, bot: &str) -> Vec<Value> {
        let all = self.get("/webhooks").await;
        let own = all.as_array().unwrap().iter().filter(|hook| hook["owner"] == address(bot));
        let mut own: Vec<Value> = own.map(|hook| hook["webhook"].clone()).collect();
        own.sort_by_key(|hook| hook["name"].as_str().unwrap().to_owned());
        own
    }

    /// Says something as alice; answers the message's number.
    pub(crate) async fn say(&self, to: &str, text: &str) -> u64 {
        self.say_it(json!({ "to": to, "text": text })).await
    }

    /// Says something; answers the message's number.
    pub(crate) async fn say_it(&self, what: Value) -> u64 {
        self.post("/say", what).await["seq"].as_u64().unwrap()
    }

    /// The bot's messages after a moment, once there are so many.
    pub(crate) async fn replies(&self, bot: &str, after: u64, count: usize) -> Vec<Value> {
        let wait = json!({ "bot": address(bot), "after": after, "replies": count, "timeout_ms": 20_000 });
        self.post("/wait", wait).await["messages"].as_array().unwrap().clone()
    }

    /// Says something to a bot in the direct room, and waits for its answer's text.
    pub(crate) async fn ask(&self, bot: &str, text: &str) -> String {
        let after = self.say(&address(bot), text).await;
        let replies = self.replies(bot, after, 1).await;
        replies[0]["text"].as_str().unwrap_or_default().to_owned()
    }

    /// Looks again and again until there is something; names what it waited for when there never is.
    pub(crate) async fn eventually<T, F>(&self, what: &str, look: impl Fn() -> F) -> T
    where
        F: Future<Output = Option<T>>,
    {
        let deadline = std::time::Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(found) = look().await {
                return found;
            }
            assert!(std::time::Instant::now() < deadline, "waited in vain for {what}");
            // Each look is a round trip; letting others run in between is all the pause there is.
            tokio::task::yield_now().await;
        }
    }
}

/// Sends JSON and reads JSON; an answer that is none is `Null`.
async fn request(
    client: &HttpClient,
    method: &'static str,
    url: String,
    token: Option<&str>,
    body: Option<Value>,
) -> (u16, Value) {
    let request = HttpRequest {
        method,
        url,
        headers: vec![("Content-Type".into(), "application/json".into())],
        bearer: token.map(Secret::new),
        body: body.map(|body| Bytes::from(body.to_string())),
        timeout: Duration::from_secs(30),
        max_body: 8 << 20,
    };
    let response = client.send(request).await.unwrap();
    (response.status, serde_json::from_slice(&response.body).unwrap_or(Value::Null))
}

/// The address of a shipped or simulated bot.
pub(crate) fn address(bot: &str) -> String {
    format!("{bot}@webex.bot")
}

/// Waits for at most as long as a busy machine may need; a test that gets to the end of it has failed.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), future).await.expect("took longer than 30 seconds")
}
