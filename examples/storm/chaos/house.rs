//! The service of a run: the real binary, killed and started again on the same folder and the same ports.

use std::{
    collections::hash_map::RandomState,
    fs::{self, OpenOptions},
    hash::{BuildHasher as _, Hasher as _},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use botyard::{
    base::Secret,
    net::{HttpClient, HttpRequest},
};
use serde_json::Value;

use crate::ward::Ward;

/// How long a drain may take before it counts as a hang; twice what the service is given.
const LONGEST_DRAIN: Duration = Duration::from_secs(20);

/// What a service is started with.
#[derive(Debug, Clone)]
pub(crate) struct Ground {
    pub(crate) botyard: PathBuf,
    pub(crate) folder: PathBuf,
    pub(crate) admin: SocketAddr,
    /// All of its environment.
    pub(crate) env: Vec<(String, String)>,
}

/// The service, running or not.
pub(crate) struct House {
    ground: Ground,
    client: HttpClient,
    ward: Option<Ward>,
}

impl House {
    pub(crate) fn new(ground: Ground) -> Result<Self> {
        Ok(Self { ground, client: HttpClient::direct()?, ward: None })
    }

    pub(crate) fn start(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log())?;
        let child = Command::new(&self.ground.botyard)
            .arg("serve")
            .current_dir(&self.ground.folder)
            .env_clear()
            .envs(self.ground.env.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .with_context(|| format!("`{}` did not start", self.ground.botyard.display()))?;
        self.ward = Some(Ward::new(child));
        Ok(())
    }

    /// An error if it has ended by itself.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.ward.as_mut().map(Ward::ended).transpose()?.flatten() {
            Some(status) => bail!("the service ended by itself with {status}; it said:\n{}", self.said()),
            None => Ok(()),
        }
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.check()?;
        self.ward.take().map(Ward::kill).transpose()?;
        Ok(())
    }

    /// SIGTERM; how long it took to end.
    pub(crate) async fn stop(&mut self) -> Result<Duration> {
        self.check()?;
        let began = Instant::now();
        let Some(ward) = self.ward.take() else { return Ok(Duration::ZERO) };
        let status = ward.end(LONGEST_DRAIN).await?;
        // A SIGTERM before it listens to signals ends it as any program.
        let asked = status.success() || std::os::unix::process::ExitStatusExt::signal(&status) == Some(15);
        if !asked {
            bail!("asked to stop, the service ended with {status}; it said:\n{}", self.said());
        }
        Ok(began.elapsed())
    }

    /// Every bot as the admin API shows it; none while nobody answers there.
    pub(crate) async fn bots(&self) -> Option<Vec<Value>> {
        let token = fs::read_to_string(self.data_dir().join("admin.token")).ok()?;
        let request = HttpRequest {
            method: "GET",
            url: format!("http://{}/v1/bots", self.ground.admin),
            headers: Vec::new(),
            bearer: Some(Secret::new(token.trim())),
            body: None,
            timeout: Duration::from_secs(10),
            max_body: 16 << 20,
        };
        let answer = self.client.send(request).await.ok().filter(|answer| answer.status == 200)?;
        let answer: Value = serde_json::from_slice(&answer.body).ok()?;
        answer["bots"].as_array().cloned()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.ground.folder.join("data")
    }

    /// All that it has ever said, over all starts.
    pub(crate) fn log(&self) -> PathBuf {
        self.ground.folder.join("serve.log")
    }

    /// The last lines of that.
    fn said(&self) -> String {
        let log = fs::read(self.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }
}

/// Whether this service takes a definition.
pub(crate) fn takes(botyard: &Path, folder: &Path, definition: &str) -> Result<bool> {
    let tried = folder.join("tried.d");
    fs::create_dir_all(&tried)?;
    fs::write(tried.join("tried.toml"), definition)?;
    let status = Command::new(botyard)
        .args(["check", "tried.d"])
        .current_dir(folder)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    Ok(status.success())
}

/// An address for what is started more than once: out of the range that outgoing connections take theirs from.
pub(crate) fn free_address() -> SocketAddr {
    loop {
        let port = 10_000 + u16::try_from(RandomState::new().build_hasher().finish() % 20_000).unwrap_or_default();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
