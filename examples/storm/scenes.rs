//! What is played: each scene starts the service anew, does one thing to it and writes down what came of it.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Seek as _, Write as _},
    net::SocketAddr,
    path::Path,
    sync::Arc,
    thread::available_parallelism,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use tokio::time::sleep;

use crate::{
    bare as handler,
    driver::{Load, Pace, Said, Target, Until, drive},
    figures::{Backlog, Conditions, Fleet, Flow, SlowSync, Times},
    ledger::Ledger,
    process,
    service::{Plan, Service, Start},
    upstream::Upstream,
};

/// Answers are waited for as long as some came within this time.
const STALL: Duration = Duration::from_secs(20);
/// After the last answer, how long is waited for one too many.
const LINGER: Duration = Duration::from_millis(500);
/// How many events wait in the backlog.
const BACKLOG: usize = 40_000;
/// Connections that one message to each bot comes over: what is asked is what bots cost, and a connection costs
/// as much as several.
const FLEET: usize = 32;
/// How much slower syncs are made.
const SYNC_DELAY_MS: u64 = 5;
/// At most so many messages a second are written down; a load that reaches it ends early.
const MOST_A_SECOND: u64 = 40_000;
/// The same for the bare handler.
const MOST_BARE: u64 = 200_000;

/// What all scenes have in common.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub(crate) plan: Plan,
    pub(crate) connections: usize,
    pub(crate) threads: usize,
    pub(crate) time: Duration,
    pub(crate) show_metrics: bool,
}

impl Setup {
    fn load(&self, pace: Pace, until: Until) -> Load {
        Load { connections: self.connections, threads: self.threads, pace, until }
    }

    /// So many people write to each bot that every connection has some, and no bot has one alone.
    fn pairs(&self, bots: usize) -> usize {
        bots * self.connections.div_ceil(bots).max(8)
    }

    fn with(&self, bots: usize, settings: &[(&str, String)]) -> Plan {
        let mut plan = self.plan.clone();
        plan.bots = bots;
        plan.settings.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        plan
    }
}

/// Upstream and service, ready to be stormed.
struct Stage {
    upstream: Upstream,
    service: Service,
    target: Arc<Target>,
    next_message: u64,
    show_metrics: bool,
}

impl Stage {
    async fn open(plan: &Plan, pairs: usize, show_metrics: bool) -> Result<(Self, Start)> {
        tell(&format!("starting the service with {} bots …", plan.bots));
        let upstream = Upstream::start(plan.bots)?;
        let (service, start, hooks) = Service::start(plan, &upstream).await?;
        let target = Arc::new(Target::new(service.listen, &hooks, pairs)?);
        Ok((Self { upstream, service, target, next_message: 1, show_metrics }, start))
    }

    /// Sends, waits for the answers and adds it all up.
    async fn load(&mut self, name: &str, load: Load) -> Result<Flow> {
        let mut running = self.send(name, load).await?;
        self.finish(&mut running).await
    }

    async fn send(&mut self, name: &str, load: Load) -> Result<Running> {
        tell(&format!("{name}: {} …", describe(load)));
        let capacity = capacity(load.until, MOST_A_SECOND, self.target.pairs)?;
        let ledger = Arc::new(Ledger::new(self.next_message, capacity, self.target.pairs, load.connections));
        self.upstream.record(&ledger);
        let pid = self.service.pid();
        let before = Used::now(pid, &self.upstream)?;
        let said = drive(&self.target, &ledger, load).await?;
        self.next_message = ledger.end();
        self.service.check()?;
        Ok(Running { name: name.to_owned(), load, ledger, before, said })
    }

    async fn finish(&mut self, running: &mut Running) -> Result<Flow> {
        self.wait_for_answers(&running.ledger).await?;
        let Running { name, load, ledger, before, said } = running;
        let used = Used::now(self.service.pid(), &self.upstream)?.since(before);
        let memory = process::memory(self.service.pid())?;
        if self.show_metrics {
            tell(&format!("metrics after `{name}`:\n{}", self.service.metrics().await?));
        }
        let (accepted, replies) = ledger.progress();
        let each = |time: Duration| time.as_secs_f64() * 1e3 / float(accepted.max(1));
        Ok(Flow {
            name: name.clone(),
            bots: self.target.bots(),
            connections: load.connections,
            seconds: said.took.as_secs_f64(),
            accepted,
            refused: said.statuses.iter().filter(|(status, _)| **status != 200).map(|(s, c)| (*s, *c)).collect(),
            acks_per_second: float(accepted) / said.took.as_secs_f64(),
            ack_ms: Times::of(&ledger.ack_times()),
            replies,
            replies_per_second: float(replies) / ledger.answering_time().as_secs_f64().max(1e-9),
            reply_ms: Times::of(&ledger.answer_times()),
            faults: ledger.faults(),
            cpu_ms: each(used.service),
            cpu_ms_by_thread: used.threads.into_iter().map(|(name, time)| (name, each(time))).collect(),
            own_cpu_ms: each(used.own),
            reads: float(used.reads) / float(accepted.max(1)),
            memory,
        })
    }

    async fn wait_for_answers(&mut self, ledger: &Ledger) -> Result<()> {
        let (mut answered_before, mut since) = (0, Instant::now());
        loop {
            let (accepted, answered) = ledger.progress();
            if answered >= accepted {
                break;
            }
            if answered > answered_before {
                (answered_before, since) = (answered, Instant::now());
            } else if since.elapsed() > STALL {
                tell(&format!(
                    "{} answers did not come; the service said:\n{}",
                    accepted - answered,
                    self.service.said()
                ));
                break;
            }
            self.service.check()?;
            sleep(Duration::from_millis(10)).await;
        }
        sleep(LINGER).await;
        Ok(())
    }

    fn memory(&self) -> Result<process::Memory> {
        process::memory(self.service.pid())
    }

    async fn close(self) -> Result<()> {
        let unknown = self.upstream.asked().unknown;
        if unknown > 0 {
            tell(&format!("{unknown} requests asked the upstream for what it does not have"));
        }
        self.service.end().await
    }
}

/// A load whose webhooks have been sent.
struct Running {
    name: String,
    load: Load,
    ledger: Arc<Ledger>,
    before: Used,
    said: Said,
}

/// What was used up to a moment, or between two.
struct Used {
    service: Duration,
    threads: BTreeMap<String, Duration>,
    own: Duration,
    reads: u64,
}

impl Used {
    fn now(pid: u32, upstream: &Upstream) -> Result<Self> {
        Ok(Self {
            service: process::cpu(pid)?,
            threads: process::cpu_by_thread(pid)?,
            own: process::cpu(std::process::id())?,
            reads: upstream.asked().reads,
        })
    }

    fn since(mut self, before: &Self) -> Self {
        self.service = self.service.saturating_sub(before.service);
        self.own = self.own.saturating_sub(before.own);
        self.reads -= before.reads;
        for (name, time) in &mut self.threads {
            *time = time.saturating_sub(before.threads.get(name).copied().unwrap_or_default());
        }
        self
    }
}

/// One load as asked for, after a warm-up.
pub(crate) async fn run(setup: &Setup, pace: Pace, until: Until) -> Result<Vec<Flow>> {
    let plan = &setup.plan;
    let (mut stage, _) = Stage::open(plan, setup.pairs(plan.bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let flow = stage.load("run", setup.load(pace, until)).await?;
    stage.close().await?;
    Ok(vec![flow])
}

/// Closed loop over acknowledgements, closed loop over answers, and half of that as a steady rate.
pub(crate) async fn flows(setup: &Setup) -> Result<Vec<Flow>> {
    let plan = &setup.plan;
    let (mut stage, _) = Stage::open(plan, setup.pairs(plan.bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let until = Until::Elapsed(setup.time);
    let replies = stage.load("replies", setup.load(Pace::Answered, until)).await?;
    let half = (replies.replies_per_second / 2.0).max(1.0);
    let steady = stage.load("steady", setup.load(Pace::Rate(half), until)).await?;
    let acks = stage.load("acks", setup.load(Pace::Acked, until)).await?;
    stage.close().await?;
    Ok(vec![acks, replies, steady])
}

/// One message of every pair: people and rooms are known, templates and patterns compiled.
async fn warm_up(stage: &mut Stage, setup: &Setup) -> Result<()> {
    let flow = stage.load("warm-up", setup.load(Pace::Acked, Until::Rounds(1))).await?;
    if !flow.is_sound() {
        bail!("already the warm-up went wrong: {:?}, refused {:?}", flow.faults, flow.refused);
    }
    Ok(())
}

/// A start with that many bots and, if wanted, one message to each.
pub(crate) async fn fleet(setup: &Setup, bots: usize, speak: bool) -> Result<(Fleet, Vec<Flow>)> {
    let (mut stage, start) = Stage::open(&setup.with(bots, &[]), bots, setup.show_metrics).await?;
    let idle = stage.memory()?;
    let mut fleet = Fleet { start, idle, each_answered: None };
    let mut flows = Vec::new();
    if speak {
        let load = Load { connections: setup.connections.min(FLEET), ..setup.load(Pace::Acked, Until::Rounds(1)) };
        let flow = stage.load(&format!("each of {bots}"), load).await?;
        fleet.each_answered = Some((float(flow.replies) / flow.replies_per_second.max(1e-9), flow.memory));
        flows.push(flow);
    }
    stage.close().await?;
    Ok((fleet, flows))
}

/// Webex stands still while 40,000 events come in; then it goes on.
pub(crate) async fn backlog(setup: &Setup) -> Result<(Backlog, Flow)> {
    let bots = setup.plan.bots;
    let pairs = setup.pairs(bots);
    // Waiting must look like waiting, not like Webex having failed.
    let plan = setup.with(bots, &[("BOTYARD_WEBEX__TIMEOUT_SECONDS", "120".to_owned())]);
    let (mut stage, _) = Stage::open(&plan, pairs, setup.show_metrics).await?;
    let idle = stage.memory()?;
    process::forget_peak(stage.service.pid())?;
    stage.upstream.set_open(false);
    let rounds = u64::try_from(BACKLOG.div_ceil(pairs))?;
    let sent = stage.send("backlog", setup.load(Pace::Acked, Until::Rounds(rounds))).await;
    let mut running = sent?;
    // Whatever was still being taken in has settled, or shows in the peak.
    sleep(Duration::from_secs(3)).await;
    let full = stage.memory()?;
    let (accepted, answered) = running.ledger.progress();
    process::forget_peak(stage.service.pid())?;
    stage.upstream.set_open(true);
    let released = Instant::now();
    let flow = stage.finish(&mut running).await?;
    let drained_seconds = released.elapsed().saturating_sub(LINGER).as_secs_f64();
    let drained_peak_mb = stage.memory()?.peak;
    stage.close().await?;
    Ok((Backlog { waiting: accepted - answered, idle, full, drained_seconds, drained_peak_mb }, flow))
}

/// Commits made slower, over one connection and over all.
pub(crate) async fn slow_sync(setup: &Setup, sync_ms: f64) -> Result<(SlowSync, Vec<Flow>)> {
    let bots = setup.plan.bots;
    let plan = setup.with(bots, &[("BOTYARD_STORE__SYNC_DELAY_MS", SYNC_DELAY_MS.to_string())]);
    let (mut stage, _) = Stage::open(&plan, setup.pairs(bots), setup.show_metrics).await?;
    warm_up(&mut stage, setup).await?;
    let until = Until::Elapsed(setup.time);
    let alone = Load { connections: 1, threads: 1, pace: Pace::Acked, until };
    let one = stage.load("slow, one", alone).await?;
    let all = stage.load("slow, all", setup.load(Pace::Acked, until)).await?;
    stage.close().await?;
    let delay = float(SYNC_DELAY_MS);
    if one.acks_per_second > 1000.0 / delay * 1.05 {
        bail!("the delay is not in effect: {:.0} commits a second over one connection", one.acks_per_second);
    }
    let slow = SlowSync {
        delay_ms: SYNC_DELAY_MS,
        one_connection: one.acks_per_second,
        one_commit_a_row: 1000.0 / (delay + sync_ms),
        connections: setup.connections,
        all_connections: all.acks_per_second,
    };
    Ok((slow, vec![one, all]))
}

/// The bare handler under the same closed loop: acknowledgements a second.
pub(crate) async fn bare(setup: &Setup) -> Result<f64> {
    let bots = setup.plan.bots;
    let (ward, addr): (_, SocketAddr) = handler::start(cores().min(4))?;
    let target = Arc::new(Target::new(addr, &handler::hooks(bots, addr), setup.pairs(bots))?);
    let load = setup.load(Pace::Acked, Until::Elapsed(setup.time));
    tell(&format!("bare: {} …", describe(load)));
    let capacity = capacity(load.until, MOST_BARE, target.pairs)?;
    let ledger = Arc::new(Ledger::new(1, capacity, target.pairs, load.connections));
    let said = drive(&target, &ledger, load).await?;
    ward.end(Duration::from_secs(5)).await?;
    if said.statuses.keys().any(|&status| status != 200) {
        bail!("the bare handler answered {:?}", said.statuses);
    }
    Ok(float(ledger.progress().0) / said.took.as_secs_f64())
}

/// Looks at the machine and at the disk below `dir`.
pub(crate) fn conditions(setup: &Setup) -> Result<Conditions> {
    Ok(Conditions {
        cores: cores(),
        busy: process::load_average()?,
        file_system: file_system(&setup.plan.dir)?,
        sync_ms: sync_time(&setup.plan.dir)?.as_secs_f64() * 1e3,
        connections: setup.connections,
        seconds: setup.time.as_secs(),
        driver_threads: setup.threads,
        debug_build: cfg!(debug_assertions),
    })
}

fn cores() -> usize {
    available_parallelism().map_or(1, usize::from)
}

fn file_system(dir: &Path) -> Result<String> {
    let kind = rustix::fs::statfs(dir).with_context(|| format!("`{}`", dir.display()))?.f_type;
    Ok(match kind {
        0xef53 => "ext4".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683e => "btrfs".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x794c_7630 => "overlayfs".to_owned(),
        other => format!("file system {other:#x}"),
    })
}

/// The median time to write a page and sync it, as a commit does to a log that was written before: the file has
/// its size already, so only data is synced.
fn sync_time(dir: &Path) -> Result<Duration> {
    const PAGES: usize = 100;
    let mut file = tempfile::Builder::new().prefix("storm-sync-").tempfile_in(dir)?;
    file.write_all(&vec![0; PAGES * 4096])?;
    file.as_file().sync_all()?;
    file.rewind()?;
    let mut times = (0..PAGES).map(|_| one_sync(file.as_file())).collect::<Result<Vec<_>>>()?;
    times.sort_unstable();
    Ok(times[PAGES / 2])
}

fn one_sync(mut file: &File) -> Result<Duration> {
    let began = Instant::now();
    file.write_all(&[0x5a; 4096])?;
    file.sync_data()?;
    Ok(began.elapsed())
}

/// How many messages a load may have at most.
fn capacity(until: Until, most_a_second: u64, pairs: usize) -> Result<usize> {
    let most = match until {
        Until::Elapsed(time) => time.as_secs().max(1) * most_a_second,
        Until::Count(count) => count,
        Until::Rounds(rounds) => rounds * u64::try_from(pairs)?,
    };
    Ok(usize::try_from(most)?)
}

fn describe(load: Load) -> String {
    let pace = match load.pace {
        Pace::Acked => "each as soon as the last was acknowledged".to_owned(),
        Pace::Answered => "each as soon as the last was answered".to_owned(),
        Pace::Rate(rate) => format!("{rate:.0} a second"),
    };
    let until = match load.until {
        Until::Elapsed(time) => format!("{} s", time.as_secs_f64()),
        Until::Count(count) => format!("{count} messages"),
        Until::Rounds(rounds) => format!("{rounds} of every pair"),
    };
    format!("{until}, {pace}, {} connections", load.connections)
}

/// Says what goes on, so that nobody takes a measurement for a hang.
pub(crate) fn tell(what: &str) {
    let _ = writeln!(std::io::stderr(), "storm: {what}");
}

#[expect(clippy::cast_precision_loss, reason = "counts here are far below 2^52")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_has_room_for_what_its_load_may_send() {
        assert_eq!(capacity(Until::Elapsed(Duration::from_secs(3)), 10, 7).unwrap(), 30);
        assert_eq!(capacity(Until::Count(5), 10, 7).unwrap(), 5);
        assert_eq!(capacity(Until::Rounds(2), 10, 7).unwrap(), 14);
    }

    #[test]
    fn syncs_can_be_timed_and_the_disk_has_a_name() {
        let dir = tempfile::tempdir().unwrap();
        assert!(sync_time(dir.path()).unwrap() > Duration::ZERO);
        assert!(!file_system(dir.path()).unwrap().is_empty());
    }
}
