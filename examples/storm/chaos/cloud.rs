//! The simulated Webex of a run: a process of its own that outlives every kill of the service, its people and
//! rooms, and what it has seen.

use std::{
    fs::File,
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use botyard::{
    base::Secret,
    net::{HttpClient, HttpRequest},
};
use bytes::Bytes;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::ward::Ward;

/// Entries of its journal and messages that it keeps: more than any run makes.
const KEPT: &str = "1000000";
/// Entries in one answer.
const PAGE: usize = 10_000;
/// How long a start may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running simulator.
pub(crate) struct Cloud {
    pub(crate) addr: SocketAddr,
    client: HttpClient,
    ward: Ward,
}

impl Cloud {
    /// Starts it; what it draws itself comes from `seed`.
    pub(crate) async fn start(botyard: &Path, folder: &Path, addr: SocketAddr, seed: u64) -> Result<Self> {
        let child = Command::new(botyard)
            .args(["sim", "--listen", &addr.to_string(), "--requests-per-minute", "0"])
            .args(["--keep-journal", KEPT, "--keep-messages", KEPT, "--chance-seed", &seed.to_string()])
            .current_dir(folder)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(folder.join("sim.log"))?)
            .spawn()
            .with_context(|| format!("`{}` did not start", botyard.display()))?;
        let mut cloud = Self { addr, client: HttpClient::direct()?, ward: Ward::new(child) };
        let began = Instant::now();
        while cloud.control("GET", "", Value::Null).await.is_err() {
            if began.elapsed() > PATIENCE || cloud.ward.ended()?.is_some() {
                bail!("the simulator did not start: see `{}`", folder.join("sim.log").display());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(cloud)
    }

    /// Base URL of its Webex API.
    pub(crate) fn api(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Asks the control API; anything but a success is an error.
    pub(crate) async fn control(&self, method: &'static str, path: &str, body: Value) -> Result<Value> {
        self.ask(method, format!("http://{}/sim{path}", self.addr), None, body).await
    }

    /// Makes the bot that this token is of.
    pub(crate) async fn meet(&self, token: &str) -> Result<()> {
        self.ask("GET", format!("{}/people/me", self.api()), Some(Secret::new(token)), Value::Null).await.map(drop)
    }

    /// A room with these members; its id.
    pub(crate) async fn open_room(&self, title: &str, members: &[&str]) -> Result<String> {
        let room = self.control("POST", "/rooms", json!({ "title": title, "members": members })).await?;
        Ok(room["id"].as_str().context("a room without an id")?.to_owned())
    }

    /// All entries of one kind, from the first on.
    pub(crate) async fn journal(&self, kind: &str) -> Result<Vec<Value>> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let page =
                self.control("GET", &format!("/journal?kind={kind}&after={after}&max={PAGE}"), Value::Null).await?;
            let Some(entries) = page["entries"].as_array().filter(|entries| !entries.is_empty()) else {
                return Ok(all);
            };
            after = entries.last().and_then(|entry| entry["seq"].as_u64()).context("an entry without a number")?;
            all.extend(entries.iter().cloned());
        }
    }

    /// Whether its journal has forgotten something.
    pub(crate) async fn has_forgotten(&self) -> Result<bool> {
        let all = self.control("GET", "/journal?max=1", Value::Null).await?;
        // The first things that happen in it are our own, before any message.
        Ok(all["oldest"].as_u64().is_some_and(|oldest| oldest > 100))
    }

    async fn ask(&self, method: &'static str, url: String, bearer: Option<Secret>, body: Value) -> Result<Value> {
        let what = format!("{method} {url}");
        let request = HttpRequest {
            method,
            url,
            headers: vec![("Content-Type".to_owned(), "application/json".to_owned())],
            bearer,
            body: (!body.is_null()).then(|| Bytes::from(body.to_string())),
            timeout: Duration::from_secs(30),
            max_body: 256 << 20,
        };
        let answer = self.client.send(request).await?;
        if !(200..300).contains(&answer.status) {
            bail!("{what}: {} {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        serde_json::from_slice(&answer.body).with_context(|| format!("{what}: no JSON"))
    }
}
