//! Makes backups: by schedule and by word, one at a time.
//!
//! What a schedule has to know is in the names of its files, so a restart neither forgets a backup nor makes one too
//! many. An old one goes only after a newer one was made and found good.

mod plan;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, MessageResult, WrapFuture};
use serde::{Deserialize, Serialize};

use super::exit::ExitGuard;
use crate::{
    base::{Clock, InstanceName, Millis},
    store::{
        ActKind, AuditQuery, BackupError, BackupOrder, BackupProgress, BackupStage, BackupTaken, By, Store, StoreError,
    },
    telemetry::Metrics,
};

/// How often the schedule is looked at.
const LOOK: Duration = Duration::from_mins(1);
/// How long a schedule rests after a backup of it failed: a full disk is not mended in a minute.
const REST: Duration = Duration::from_mins(10);

/// Backups by schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// How far apart.
    pub every: Duration,
    /// How many stay.
    pub keep: usize,
    /// Where they go; made if it is not there.
    pub dir: PathBuf,
}

/// What the archivist is made from.
#[derive(Clone)]
pub struct ArchivistDeps {
    /// What is backed up.
    pub store: Arc<dyn Store>,
    /// For moments in names and for what is due.
    pub clock: Clock,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Stands in the names, and in the copies.
    pub instance: InstanceName,
    /// `serve` or `simulator`: stands in the copies.
    pub purpose: &'static str,
    /// None: by word only.
    pub schedule: Option<Schedule>,
}

/// Make a backup now.
#[derive(Debug, Message)]
#[rtype(result = "Result<BackupReport, Busy>")]
pub struct BackUp {
    /// Where to.
    pub file: PathBuf,
    /// An older backup there is replaced.
    pub force: bool,
    /// Who asks.
    pub by: By,
}

/// One is being made already.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a backup is being made already, to `{0}`: wait for its end")]
pub struct Busy(pub PathBuf);

/// How the newest backup is, or was.
#[derive(Debug, Message)]
#[rtype(result = "Option<BackupReport>")]
pub struct Newest;

/// How a backup is, or was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupReport {
    /// Its number since the process started.
    pub id: u64,
    /// Where it goes.
    pub file: PathBuf,
    /// How it is.
    pub state: BackupState,
    /// What is done of it.
    pub stage: BackupStage,
    /// Bytes written.
    pub done: u64,
    /// Bytes there will be, about.
    pub of: u64,
    /// What it came to.
    pub taken: Option<BackupTaken>,
    /// Why it came to nothing.
    pub error: Option<String>,
}

/// How a backup is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BackupState {
    /// It is being made.
    Running,
    /// It was made and found good.
    Done,
    /// It was not.
    Failed,
}

/// The archivist.
pub struct Archivist {
    deps: ArchivistDeps,
    running: Option<(BackupReport, BackupProgress)>,
    last: Option<BackupReport>,
    count: u64,
    /// The schedule is being looked at.
    looking: bool,
    rests_until: Millis,
    _exit: ExitGuard,
}

impl Archivist {
    /// An archivist that has made nothing yet.
    #[must_use]
    pub fn new(deps: ArchivistDeps, exit: ExitGuard) -> Self {
        let rests_until = Millis(i64::MIN);
        Self { deps, running: None, last: None, count: 0, looking: false, rests_until, _exit: exit }
    }

    fn begin(&mut self, word: BackUp, scheduled: bool, ctx: &mut Context<Self>) -> Result<BackupReport, Busy> {
        if let Some((running, _)) = &self.running {
            return Err(Busy(running.file.clone()));
        }
        self.count += 1;
        let progress = BackupProgress::default();
        let report = BackupReport {
            id: self.count,
            file: word.file.clone(),
            state: BackupState::Running,
            stage: BackupStage::Copying,
            done: 0,
            of: 0,
            taken: None,
            error: None,
        };
        self.running = Some((report.clone(), progress.clone()));
        let order = BackupOrder {
            file: word.file,
            force: word.force,
            instance: self.deps.instance.to_string(),
            purpose: self.deps.purpose.to_owned(),
            by: word.by,
            progress,
        };
        let store = self.deps.store.clone();
        let make = async move { store.backup(order).await.map_err(BackupError::from).flatten() };
        ctx.spawn(make.into_actor(self).map(move |made, archivist, ctx| archivist.end(made, scheduled, ctx)));
        Ok(report)
    }

    fn end(&mut self, made: Result<BackupTaken, BackupError>, scheduled: bool, ctx: &mut Context<Self>) {
        let Some((mut report, _)) = self.running.take() else { return };
        let counters = &self.deps.metrics.backups;
        match made {
            Ok(taken) => {
                counters.succeeded(taken.taken_at.0, taken.bytes);
                tracing::info!(file = %taken.file.display(), bytes = taken.bytes, "backup made and checked");
                report.state = BackupState::Done;
                (report.done, report.of) = (taken.bytes, taken.bytes);
                report.taken = Some(taken);
            }
            Err(error) => {
                // The end of the house says so itself, and the next start makes up for it.
                if !matches!(error, BackupError::Stopped | BackupError::Store(StoreError::Closed)) {
                    counters.failures.inc();
                    tracing::error!(file = %report.file.display(), %error, scheduled, "no backup was made");
                }
                if scheduled {
                    self.rests_until = self.deps.clock.now().plus(REST);
                }
                report.state = BackupState::Failed;
                report.error = Some(error.to_string());
            }
        }
        let good = report.state == BackupState::Done;
        self.last = Some(report);
        if good && scheduled {
            self.prune(ctx);
        }
    }

    /// Is one due? Looked up in the folder, where they are.
    fn look(&mut self, ctx: &mut Context<Self>) {
        let Some(Schedule { dir, .. }) = self.deps.schedule.clone() else { return };
        if self.running.is_some() || self.deps.clock.now() < self.rests_until || self.looking {
            return;
        }
        self.looking = true;
        let listed = tokio::task::spawn_blocking(move || made(&dir).and_then(|()| names(&dir)));
        ctx.spawn(listed.into_actor(self).map(|listed, archivist, ctx| {
            archivist.looking = false;
            archivist.decide(listed.unwrap_or_else(|error| Err(io::Error::other(error))), ctx);
        }));
    }

    fn decide(&mut self, listed: io::Result<Vec<String>>, ctx: &mut Context<Self>) {
        let Some(Schedule { every, dir, .. }) = self.deps.schedule.clone() else { return };
        let now = self.deps.clock.now();
        let names = match listed {
            Ok(names) => names,
            Err(error) => {
                self.deps.metrics.backups.failures.inc();
                self.rests_until = now.plus(REST);
                let dir = dir.display();
                tracing::error!(%dir, %error, "no backup was made: the folder of `backup.dir` cannot be used");
                return;
            }
        };
        let taken: Vec<_> = names.iter().filter_map(|name| plan::moment(&self.deps.instance, name)).collect();
        if plan::is_due(&taken, every, now) {
            let file = dir.join(plan::name(&self.deps.instance, now));
            // Somebody else's may be under way: then the next look comes back to it.
            let _ = self.begin(BackUp { file, force: false, by: By::house("schedule") }, true, ctx);
        }
    }

    fn prune(&self, ctx: &mut Context<Self>) {
        let Some(Schedule { keep, dir, .. }) = self.deps.schedule.clone() else { return };
        let instance = self.deps.instance.clone();
        let pruned = tokio::task::spawn_blocking(move || {
            for name in plan::too_many(&instance, &names(&dir)?, keep) {
                fs::remove_file(dir.join(&name))?;
                tracing::info!(file = name, "an old backup was deleted (`backup.keep`)");
            }
            Ok::<_, io::Error>(())
        });
        ctx.spawn(pruned.into_actor(self).map(|pruned, _, _| {
            if let Ok(Err(error)) = pruned {
                tracing::warn!(%error, "an old backup could not be deleted");
            }
        }));
    }

    /// When the last good one was made, for the metric: a restart must not look like a house without backups.
    fn recall(&self, ctx: &mut Context<Self>) {
        let store = self.deps.store.clone();
        let query = AuditQuery { kind: Some(ActKind::Backup), limit: 1, ..AuditQuery::default() };
        let asked = async move { store.audit(query).await };
        ctx.spawn(asked.into_actor(self).map(|acts, archivist, _| {
            if let Some(last) = acts.ok().and_then(|acts| acts.into_iter().next()) {
                archivist.deps.metrics.backups.recalled(last.at.0);
            }
        }));
    }
}

/// Makes the folder, for its owner only.
fn made(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

fn names(dir: &Path) -> io::Result<Vec<String>> {
    let names = fs::read_dir(dir)?.map(|file| Ok(file?.file_name().into_string().ok()));
    names.filter_map(Result::transpose).collect()
}

impl Actor for Archivist {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        self.recall(ctx);
        if self.deps.schedule.is_some() {
            ctx.run_interval(LOOK, Self::look);
        }
    }
}

impl Handler<BackUp> for Archivist {
    type Result = Result<BackupReport, Busy>;

    fn handle(&mut self, word: BackUp, ctx: &mut Self::Context) -> Self::Result {
        self.begin(word, false, ctx)
    }
}

impl Handler<Newest> for Archivist {
    type Result = MessageResult<Newest>;

    fn handle(&mut self, _: Newest, _: &mut Self::Context) -> Self::Result {
        let running = self.running.as_ref().map(|(report, progress)| {
            let (stage, done, of) = progress.look();
            BackupReport { stage, done, of, ..report.clone() }
        });
        MessageResult(running.or_else(|| self.last.clone()))
    }
}

impl std::fmt::Debug for ArchivistDeps {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchivistDeps").field("schedule", &self.schedule).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Archivist {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Archivist").field("deps", &self.deps).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
