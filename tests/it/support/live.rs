//! The real program as a service against a simulator in this process.

use serde_json::{Value, json};

use super::{
    house::address,
    program::{Ground, Process, free_port},
    raw_http,
};
use crate::sim_support::Sim;

/// A simulator, and a folder for a service that talks to it.
pub(crate) struct Live {
    pub(crate) ground: Ground,
    pub(crate) sim: Sim,
    env: Vec<(String, String)>,
}

impl Live {
    /// With these definitions, whose tokens are `env:<BOT>_TOKEN`; `settings` go over the usual ones.
    pub(crate) async fn new(bots: &[(&str, &str)], settings: &[(&str, &str)]) -> Self {
        botyard::net::install_tls();
        let (ground, sim, port) = (Ground::with(bots), Sim::start().await, free_port());
        let mut env = vec![
            ("BOTYARD_PUBLIC_URL".to_owned(), format!("http://127.0.0.1:{port}")),
            ("BOTYARD_LISTEN".to_owned(), format!("127.0.0.1:{port}")),
            ("BOTYARD_WEBEX__API_URL".to_owned(), sim.handle.url()),
            ("BOTYARD_WEBEX__REQUESTS_PER_MINUTE".to_owned(), "60000".to_owned()),
            ("BOTYARD_BOTS__SWEEP_SECONDS".to_owned(), "1".to_owned()),
        ];
        env.extend(bots.iter().map(|(file, _)| {
            let bot = file.trim_end_matches(".toml");
            (format!("{}_TOKEN", bot.to_uppercase()), format!("sim-bot-{bot}"))
        }));
        env.extend(settings.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        Self { ground, sim, env }
    }

    /// Starts the service; it serves when this answers.
    pub(crate) async fn serve(&self) -> Process {
        let process = self.start(&[]);
        process.serves().await;
        process
    }

    /// Starts the service with more in its environment, and does not wait for it.
    pub(crate) fn start(&self, more: &[(&str, &str)]) -> Process {
        let usual = self.env.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        self.ground.serve(&usual.chain(more.iter().copied()).collect::<Vec<_>>())
    }

    /// Runs a command beside the service.
    pub(crate) async fn run(&self, args: &[&str]) -> super::program::Ran {
        self.ground.run_beside(args, &[]).await
    }

    /// Waits until a bot's webhooks stand, and are active.
    pub(crate) async fn registered(&self, bot: &str) {
        let owner = format!("/hooks/{bot}");
        eventually(&format!("webhooks of {bot}"), || async {
            let webhooks = self.sim.control("GET", "/webhooks", Value::Null).await.ok();
            let mut own =
                webhooks.as_array().unwrap().iter().filter(|hook| hook.to_string().contains(&owner)).peekable();
            own.peek()?;
            own.all(|hook| hook["webhook"]["status"] == "active").then_some(())
        })
        .await;
    }

    /// Waits until nothing is left to be done.
    pub(crate) async fn settled(&self, service: &Process) {
        let (_, admin) = service.serves().await;
        let token = std::fs::read_to_string(self.ground.path("data/admin.token")).unwrap();
        let bearer = format!("Bearer {}", token.trim());
        eventually("an empty inbox and outbox", || async {
            let answer = raw_http::send(admin, "GET", "/v1/bots", &[("Authorization", &bearer)], "").await;
            let bots: Value = serde_json::from_str(&answer.body).unwrap();
            let idle = |bot: &Value| bot["waiting"] == 0 && bot["deliveries"] == 0;
            bots["bots"].as_array().unwrap().iter().all(idle).then_some(())
        })
        .await;
    }

    /// Makes something go wrong at the simulator.
    pub(crate) async fn rule(&self, rule: Value) {
        self.sim.control("POST", "/rules", rule).await.ok();
    }

    /// Says something to a bot in the direct room; answers its running number and its id.
    pub(crate) async fn say(&self, person: &str, bot: &str, text: &str) -> (u64, String) {
        let said = json!({ "as": person, "to": address(bot), "text": text });
        let said = self.sim.control("POST", "/say", said).await.ok();
        (said["seq"].as_u64().unwrap(), said["message"]["id"].as_str().unwrap().to_owned())
    }

    /// The texts of a bot's messages after a moment, once there are so many.
    pub(crate) async fn replies(&self, bot: &str, after: u64, count: usize) -> Vec<String> {
        let wait = json!({ "bot": address(bot), "after": after, "replies": count, "timeout_ms": 30_000 });
        let waited = self.sim.control("POST", "/wait", wait).await.ok();
        let text = |message: &Value| message["text"].as_str().unwrap_or_default().to_owned();
        waited["messages"].as_array().unwrap().iter().map(text).collect()
    }

    /// Says something as alice, and waits for the answer.
    pub(crate) async fn ask(&self, bot: &str, text: &str) -> String {
        let (after, _) = self.say("alice@example.com", bot, text).await;
        self.replies(bot, after, 1).await.remove(0)
    }

    /// Ids of the messages whose webhook was answered 200.
    pub(crate) async fn accepted(&self) -> Vec<String> {
        let journal = self.sim.control("GET", "/journal?kind=delivery&max=10000", Value::Null).await.ok();
        let entries = journal["entries"].as_array().unwrap().iter();
        let good = entries.filter(|entry| entry["status"] == 200 && entry["resource"] == "messages");
        good.map(|entry| entry["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// Looks again and again until there is something; each look is a round trip, which is all the pause there is.
pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, look: impl Fn() -> F) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(std::time::Instant::now() < deadline, "waited in vain for {what}");
    }
}
