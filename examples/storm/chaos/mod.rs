//! Chaos: the real service against the real simulator, killed again and again at random moments while Webex is in
//! trouble and somebody rewrites its definitions; then the ledger. Nothing that was acknowledged may be lost, nothing
//! said twice without a mark, nothing overtaken inside an order key.
//!
//! What is done and when is drawn from a seed. The machine's own timing is not, so a seed asks for the same run again,
//! not for the same microseconds; the verdict is the same for every timing.

mod bots;
mod chance;
mod cloud;
mod conduct;
mod evidence;
mod house;
mod mischief;
mod show;
mod story;
mod talk;
mod verdict;

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use futures_util::future::{join, try_join_all};
use serde::Serialize;
use tempfile::TempDir;

pub(crate) use self::show::text;
use self::{
    bots::Kind,
    chance::Chance,
    cloud::Cloud,
    conduct::Conduct,
    house::{Ground, House, free_address, takes},
    mischief::{Folder, variable},
    talk::{Cast, Talk, token},
    verdict::{Verdict, Wrong, judge},
};

/// How a run is to go.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// The service's and the simulator's binary.
    pub(crate) botyard: PathBuf,
    /// Where the folder of the run is made.
    pub(crate) dir: PathBuf,
    /// What everything random comes from.
    pub(crate) seed: u64,
    /// It ends after so many `kill -9` …
    pub(crate) kills: u64,
    /// … or after this long.
    pub(crate) time: Duration,
    pub(crate) bots: usize,
    /// Messages a second.
    pub(crate) rate: u64,
    /// How long the service lives between two stops, in milliseconds.
    pub(crate) life_ms: Range<u64>,
    /// How long it may take to come to rest at the end.
    pub(crate) patience: Duration,
}

/// What was done and what came of it.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Outcome {
    pub(crate) seed: u64,
    pub(crate) seconds: f64,
    pub(crate) bots: usize,
    /// Whether one kind of bot would rather be silent than say a thing twice.
    pub(crate) careful_bots: bool,
    pub(crate) kills: u64,
    pub(crate) asked_to_stop: u64,
    pub(crate) starts: u64,
    pub(crate) longest_drain_ms: u64,
    pub(crate) faults: BTreeMap<String, u64>,
    pub(crate) reloads: BTreeMap<String, u64>,
    /// From a stop to the first webhook that is answered 2xx after it: the middle and the longest. Webhooks come as
    /// people write, so some of it is waiting for one.
    pub(crate) first_200_ms: Option<(u64, u64)>,
    pub(crate) said: u64,
    /// From the end of all trouble until nothing was left to do.
    pub(crate) rest_seconds: f64,
    /// Lines of the log that tell of a panic.
    pub(crate) panics: Vec<String>,
    #[serde(flatten)]
    pub(crate) verdict: Verdict,
    /// The folder of the run, kept because something is wrong.
    pub(crate) kept: Option<PathBuf>,
}

impl Outcome {
    pub(crate) fn is_sound(&self) -> bool {
        self.verdict.findings.is_empty() && self.panics.is_empty()
    }

    pub(crate) fn count(&self, wrong: Wrong) -> usize {
        self.verdict.count(wrong)
    }
}

/// Plays a run to its end. `tell` says how it goes.
pub(crate) async fn run(options: &Options, tell: &dyn Fn(&str)) -> Result<Outcome> {
    if !options.botyard.is_file() {
        bail!("there is no `{}`: build it, or name it with `--botyard`", options.botyard.display());
    }
    tell(&format!("chaos with seed {}", options.seed));
    let folder = tempfile::Builder::new().prefix("chaos-").tempdir_in(&options.dir)?;
    let played = play(options, &folder, tell).await;
    match played {
        Ok(outcome) if outcome.is_sound() => Ok(outcome),
        Ok(outcome) => Ok(Outcome { kept: Some(folder.keep()), ..outcome }),
        Err(error) => {
            let kept = folder.keep();
            Err(error.context(format!("seed {}, see `{}`", options.seed, kept.display())))
        }
    }
}

async fn play(options: &Options, folder: &TempDir, tell: &dyn Fn(&str)) -> Result<Outcome> {
    let mut chance = Chance::new(options.seed);
    let cloud = Cloud::start(&options.botyard, folder.path(), free_address(), options.seed).await?;
    let careful_bots = takes(&options.botyard, folder.path(), &Kind::Careful.definition("T_TOKEN", 1, "R"))?;
    let kinds = if careful_bots { &Kind::ALL[..] } else { &Kind::ALL[..Kind::ALL.len() - 1] };
    let bots: Vec<_> = (0..options.bots).map(|bot| (format!("chaos-{bot:02}"), kinds[bot % kinds.len()])).collect();
    let (cast, log_room) = Cast::gather(&cloud, bots, &mut chance).await?;
    let definitions = Folder::write(&folder.path().join("bots.d"), &cast.bots, &log_room)?;
    let house = House::new(ground(options, folder, &cloud, &cast))?;
    let talk = Talk::default();
    let mut conduct = Conduct::new(options, &cloud, house, definitions, chance.branch());
    conduct.open(cast.bots.len()).await?;

    let began = Instant::now();
    let people = cast.people.len() as u64;
    let each = (options.rate / people).max(1);
    let speaking = try_join_all((0..people).map(|_| talk.speak(&cloud, &cast, chance.branch(), each)));
    let conducting = async {
        let conducted = conduct.storm(&talk, tell).await;
        talk.over.set(true);
        conducted
    };
    let (spoken, conducted) = join(speaking, conducting).await;
    conducted?;
    spoken?;
    let seconds = began.elapsed().as_secs_f64();
    tell("everything is in order again; waiting until nothing is left to do …");
    let rest = conduct.rest(tell).await?;
    let Conduct { house, done, .. } = conduct;

    if cloud.has_forgotten().await? {
        bail!("the run was too long: the simulator's journal has forgotten its beginning");
    }
    let log = fs::read(house.log())?;
    let panics =
        String::from_utf8_lossy(&log).lines().filter(|line| line.contains("panicked at")).map(str::to_owned).collect();
    let said = talk.said.into_inner();
    let evidence = evidence::gather(&cloud, &house.data_dir().join("botyard.db"), said).await?;
    tell(&format!("judging {} messages …", evidence.said.len()));
    Ok(Outcome {
        seed: options.seed,
        seconds,
        bots: cast.bots.len(),
        careful_bots,
        kills: done.kills,
        asked_to_stop: done.asked,
        starts: done.starts,
        longest_drain_ms: u64::try_from(done.longest_drain.as_millis())?,
        first_200_ms: conduct::first_200(&done.stops, &evidence.knocks),
        faults: done.faults,
        reloads: done.reloads,
        said: evidence.said.len() as u64,
        rest_seconds: rest.as_secs_f64(),
        panics,
        verdict: judge(&evidence),
        kept: None,
    })
}

fn ground(options: &Options, folder: &TempDir, cloud: &Cloud, cast: &Cast) -> Ground {
    let (listen, admin) = (free_address(), free_address());
    let path = |name: &str| folder.path().join(name).display().to_string();
    let mut env: Vec<(String, String)> = [
        ("BOTYARD_LISTEN", listen.to_string()),
        ("BOTYARD_ADMIN__LISTEN", admin.to_string()),
        ("BOTYARD_PUBLIC_URL", format!("http://{listen}")),
        ("BOTYARD_INSTANCE", "chaos".to_owned()),
        ("BOTYARD_BOTS_DIR", path("bots.d")),
        ("BOTYARD_DATA_DIR", path("data")),
        ("BOTYARD_WEBEX__API_URL", cloud.api()),
        // The simulator has no limit but its faults.
        ("BOTYARD_WEBEX__REQUESTS_PER_MINUTE", "60000".to_owned()),
        ("BOTYARD_WEBEX__TIMEOUT_SECONDS", "5".to_owned()),
        ("BOTYARD_BOTS__SWEEP_SECONDS", "1".to_owned()),
        ("BOTYARD_BOTS__DRAIN_SECONDS", "2".to_owned()),
        ("RUST_BACKTRACE", "1".to_owned()),
        ("PATH", std::env::var("PATH").unwrap_or_default()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    env.extend(cast.bots.iter().map(|(bot, _)| (variable(bot), token(bot))));
    Ground { botyard: options.botyard.clone(), folder: folder.path().to_owned(), admin, env }
}
