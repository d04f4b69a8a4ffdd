//! The service under test: the real binary as a child process, with a generated `bots.d`, a data folder of its
//! own and nothing of this process's settings.

use std::{
    fs::{self, OpenOptions},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::time::sleep;

use crate::{
    client::Connection,
    fleet,
    upstream::{Hook, Upstream},
    ward::Ward,
};

/// Registrations count as settled when Webex was left alone for so long.
const QUIET: Duration = Duration::from_secs(2);

/// What to start.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The binary.
    pub(crate) botyard: PathBuf,
    /// Where the temporary folder is made: on the disk that is to be measured.
    pub(crate) dir: PathBuf,
    pub(crate) bots: usize,
    /// Their definitions use the whole language.
    pub(crate) rich: bool,
    /// More of its environment.
    pub(crate) settings: Vec<(String, String)>,
    /// How long the start may take.
    pub(crate) patience: Duration,
}

/// The running service. It is killed, and its folder removed, when this is dropped.
#[derive(Debug)]
pub(crate) struct Service {
    /// None only between a stop and the start after it.
    ward: Option<Ward>,
    pub(crate) listen: SocketAddr,
    admin: SocketAddr,
    log: PathBuf,
    plan: Plan,
    env: Vec<(String, String)>,
    folder: TempDir,
}

/// How a stop and the start right after it went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Restarted {
    /// When it was asked to end.
    pub(crate) asked: Instant,
    /// When it had ended, and was started again.
    pub(crate) ended: Instant,
}

/// How the start went.
#[derive(Debug, Clone, serde::Serialize)]
pub(crate) struct Start {
    pub(crate) bots: usize,
    /// From the start of the process to the last request about a registration.
    pub(crate) seconds: f64,
    /// Webhooks that were registered.
    pub(crate) webhooks: usize,
    /// Requests that took.
    pub(crate) requests: u64,
}

impl Service {
    /// Starts it and waits until each bot has its webhooks.
    pub(crate) async fn start(plan: &Plan, upstream: &Upstream) -> Result<(Self, Start, Vec<Hook>)> {
        if !plan.botyard.is_file() {
            bail!(
                "there is no `{}`: build it with `cargo build --release --bin botyard`, or name it with `--botyard`",
                plan.botyard.display()
            );
        }
        let folder = tempfile::Builder::new().prefix("storm-").tempdir_in(&plan.dir)?;
        fleet::write_definitions(&folder.path().join("bots.d"), plan.bots, plan.rich)?;
        let (listen, admin) = (free_port()?, free_port()?);
        let log = folder.path().join("serve.log");
        let mut env = environment(folder.path(), listen, admin, upstream);
        env.extend((0..plan.bots).map(fleet::token));
        env.push(("STORM_HOOK".to_owned(), "storm-hook".to_owned()));
        env.extend(plan.settings.iter().cloned());
        let began = Instant::now();
        let ward = spawn(plan, &env, folder.path(), &log)?;
        let mut service = Self { ward: Some(ward), listen, admin, log, plan: plan.clone(), env, folder };
        let hooks = service.settle(plan, upstream, began).await?;
        let start = Start {
            bots: plan.bots,
            seconds: upstream.last_setup().saturating_duration_since(began).as_secs_f64(),
            webhooks: upstream.hook_count(),
            requests: upstream.asked().setup,
        };
        Ok((service, start, hooks))
    }

    async fn settle(&mut self, plan: &Plan, upstream: &Upstream, began: Instant) -> Result<Vec<Hook>> {
        loop {
            sleep(Duration::from_millis(50)).await;
            self.check()?;
            let hooks = upstream.hooks();
            let missing = hooks.iter().filter(|hook| hook.is_none()).count();
            if missing == 0 && upstream.last_setup().elapsed() > QUIET {
                let (status, answer) = Connection::new(self.admin).get("/readyz").await?;
                if status != 200 {
                    bail!("the service registered its webhooks but is not ready: {status} {answer}");
                }
                return Ok(hooks.into_iter().flatten().collect());
            }
            if began.elapsed() > plan.patience {
                bail!(
                    "{missing} of {} bots have no webhook for messages after {} s; the service said:\n{}",
                    plan.bots,
                    plan.patience.as_secs(),
                    self.said()
                );
            }
        }
    }

    /// Asks it to end, as a process manager would, and starts it again at once when it has ended.
    pub(crate) async fn restart(&mut self) -> Result<Restarted> {
        let asked = Instant::now();
        self.stop().await?;
        let ended = Instant::now();
        self.ward = Some(spawn(&self.plan, &self.env, self.folder.path(), &self.log)?);
        Ok(Restarted { asked, ended })
    }

    /// Bytes of a file in its data folder; 0 when it is not there.
    pub(crate) fn bytes_of(&self, file: &str) -> u64 {
        fs::metadata(self.folder.path().join("data").join(file)).map_or(0, |found| found.len())
    }

    /// An error if it has ended, with what it said.
    pub(crate) fn check(&mut self) -> Result<()> {
        match self.ward.as_mut().map(Ward::ended).transpose()?.flatten() {
            Some(status) => bail!("the service ended with {status}; it said:\n{}", self.said()),
            None => Ok(()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.ward.as_ref().map_or(0, Ward::pid)
    }

    /// Its metrics as it shows them.
    pub(crate) async fn metrics(&self) -> Result<String> {
        Ok(Connection::new(self.admin).get("/metrics").await?.1)
    }

    /// The last lines of its log.
    pub(crate) fn said(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Asks it to end, as a process manager would.
    pub(crate) async fn end(mut self) -> Result<()> {
        self.stop().await
    }

    async fn stop(&mut self) -> Result<()> {
        let Some(ward) = self.ward.take() else { return Ok(()) };
        let status = ward.end(Duration::from_secs(20)).await?;
        if !status.success() {
            bail!("the service ended with {status}; it said:\n{}", self.said());
        }
        Ok(())
    }
}

fn spawn(plan: &Plan, env: &[(String, String)], folder: &Path, log: &Path) -> Result<Ward> {
    let child = Command::new(&plan.botyard)
        .arg("serve")
        .current_dir(folder)
        .env_clear()
        .envs(env.iter().cloned())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(OpenOptions::new().create(true).append(true).open(log)?)
        .spawn()
        .with_context(|| format!("`{}` did not start", plan.botyard.display()))?;
    Ok(Ward::new(child))
}

/// All of its environment but the tokens.
fn environment(folder: &Path, listen: SocketAddr, admin: SocketAddr, upstream: &Upstream) -> Vec<(String, String)> {
    let path = |name: &str| folder.join(name).display().to_string();
    [
        ("BOTYARD_LISTEN", listen.to_string()),
        ("BOTYARD_ADMIN__LISTEN", admin.to_string()),
        ("BOTYARD_PUBLIC_URL", format!("http://{listen}")),
        ("BOTYARD_INSTANCE", "storm".to_owned()),
        ("BOTYARD_BOTS_DIR", path("bots.d")),
        ("BOTYARD_DATA_DIR", path("data")),
        ("BOTYARD_WEBEX__API_URL", upstream.url()),
        // The budget a lane starts from must not be what is measured.
        ("BOTYARD_WEBEX__REQUESTS_PER_MINUTE", "6000000".to_owned()),
        ("BOTYARD_LOG__LEVEL", "warn".to_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

fn free_port() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?.local_addr()?)
}
