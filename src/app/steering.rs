//! The house as the admin API moves it: asks actors and store, and puts their answers together.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use actix::Addr;

use crate::{
    actors::{
        archivist::{Archivist, BackUp, BackupReport, Newest},
        bot::FactCache,
        line::Line,
        registrar::{Registrar, Report, Reports},
        rehearsal::{Rehearsal, Rehearse},
        report::{BotState, BotStatus, Finding, PauseReport, ReloadReport, ResumeReport, WebhookSummary},
        roster::{Look, PutToken, PutTokenError, Roster},
        supervisor::{KeptState, Mind, States, Supervisor},
    },
    base::{BotId, Secret},
    http::{Readiness, SteerError, Steered, Steering},
    store::{BacklogRow, BotRow, By, Silence, Store, Whom},
    telemetry::Metrics,
};

/// What the admin API reaches.
pub(super) struct House {
    pub(super) store: Arc<dyn Store>,
    pub(super) supervisor: Addr<Supervisor>,
    pub(super) roster: Line<Roster>,
    pub(super) registrar: Line<Registrar>,
    pub(super) archivist: Line<Archivist>,
    pub(super) facts: Arc<FactCache>,
    pub(super) news: tokio::sync::watch::Receiver<Arc<ReloadReport>>,
    pub(super) readiness: Readiness,
    pub(super) metrics: Arc<Metrics>,
    /// One pause or resume at a time: the supervisor must hear last what the store holds last.
    pub(super) changing: tokio::sync::Mutex<()>,
}

/// Says whether the whole house is silent, and why, where probes and Prometheus look.
pub(super) fn tell(silence: &Silence, readiness: &Readiness, metrics: &Metrics) {
    let hold = silence.house();
    metrics.backups.house_is_silent(hold.is_some());
    if let Some(hold) = &hold {
        tracing::warn!(reason = hold.reason, "no bot works: what comes in is stored, and waits");
    }
    readiness.set_silence(hold.map(|hold| hold.reason));
}

impl House {
    async fn must_know(&self, whom: &Whom) -> Result<(), SteerError> {
        let Whom::Bot(bot) = whom else { return Ok(()) };
        let rows = self.store.bots().await.map_err(unavailable)?;
        if rows.iter().any(|row| row.bot == *bot) { Ok(()) } else { Err(SteerError::UnknownBot) }
    }

    /// Tells everybody who is silent now.
    async fn hush(&self, again: Option<BotId>) -> Result<Silence, SteerError> {
        let silence = self.store.silence().await.map_err(unavailable)?;
        tell(&silence, &self.readiness, &self.metrics);
        let mind = Mind { silence: silence.clone(), again };
        self.supervisor.send(mind).await.map_err(|_gone| SteerError::Closing)?;
        Ok(silence)
    }

    async fn statuses(&self) -> Result<Vec<BotStatus>, SteerError> {
        let kept = self.supervisor.send(States).await.map_err(|_gone| SteerError::Closing)?;
        let rows = self.store.bots().await.map_err(unavailable)?;
        let backlog = self.store.backlog().await.map_err(unavailable)?;
        let reports = match self.registrar.addr() {
            Some(registrar) => registrar.send(Reports).await.unwrap_or_default(),
            None => Vec::new(),
        };
        let mut reports: HashMap<_, _> = reports.into_iter().collect();
        let mut kept: HashMap<_, _> = kept.into_iter().map(|state| (state.bot.clone(), state)).collect();
        let backlog: HashMap<_, _> = backlog.into_iter().map(|row| (row.bot.clone(), row)).collect();
        let news = self.news.borrow().clone();
        let statuses = rows.into_iter().map(|row| {
            let kept = kept.remove(&row.bot);
            let report = reports.remove(&row.bot).unwrap_or_default();
            status(&row, kept, backlog.get(&row.bot), &report, &news)
        });
        Ok(statuses.collect())
    }
}

fn status(
    row: &BotRow,
    kept: Option<KeptState>,
    backlog: Option<&BacklogRow>,
    report: &Report,
    news: &ReloadReport,
) -> BotStatus {
    let (state, reason) = match &kept {
        Some(kept) => (kept.state, kept.reason.clone()),
        None if row.retired_at.is_some() => (BotState::Retired, Some("its definition is gone".to_owned())),
        None => (BotState::Starting, None),
    };
    let identity = kept.as_ref().and_then(|kept| kept.identity.clone()).or_else(|| row.identity.clone());
    let diagnostics: Vec<Finding> = news
        .refused
        .iter()
        .filter(|refused| refused.bot == row.bot.as_str())
        .flat_map(|refused| refused.diagnostics.clone())
        .collect();
    BotStatus {
        id: row.bot.clone(),
        state,
        reason,
        digest: Some(kept.map_or_else(|| row.digest.short(), |kept| kept.digest)),
        name: identity.as_ref().map(|identity| identity.display_name.clone()),
        email: identity.map(|identity| identity.email),
        waiting: backlog.map_or(0, |row| row.events),
        deliveries: backlog.map_or(0, |row| row.deliveries),
        buried: backlog.map_or(0, |row| row.buried),
        webhooks: WebhookSummary {
            in_step: report.in_step,
            created: report.so_far.created,
            updated: report.so_far.updated + report.so_far.adopted,
            deleted: report.so_far.deleted,
            foreign: report.doubling().collect(),
        },
        last_error: report.error.clone(),
        diagnostics,
    }
}

fn unavailable(error: impl std::fmt::Display) -> SteerError {
    SteerError::Unavailable(error.to_string())
}

impl Steering for House {
    fn bots(&self) -> Steered<'_, Vec<BotStatus>> {
        Box::pin(self.statuses())
    }

    fn bot(&self, bot: BotId) -> Steered<'_, BotStatus> {
        Box::pin(async move {
            let all = self.statuses().await?;
            all.into_iter().find(|status| status.id == bot).ok_or(SteerError::UnknownBot)
        })
    }

    fn reload(&self, confirm: bool) -> Steered<'_, ReloadReport> {
        Box::pin(async move {
            let roster = self.roster.addr().ok_or(SteerError::Closing)?;
            roster.send(Look { confirm_removals: confirm }).await.map_err(unavailable)
        })
    }

    fn put_token(&self, bot: BotId, token: Secret, by: By) -> Steered<'_, ()> {
        Box::pin(async move {
            self.must_know(&Whom::Bot(bot.clone())).await?;
            let roster = self.roster.addr().ok_or(SteerError::Closing)?;
            roster.send(PutToken { bot, token, by }).await.map_err(unavailable)?.map_err(|error| match error {
                PutTokenError::Overruled(why) => SteerError::Conflict(why),
                PutTokenError::Store(error) => unavailable(error),
            })
        })
    }

    fn pause(&self, whom: Whom, by: By) -> Steered<'_, PauseReport> {
        Box::pin(async move {
            self.must_know(&whom).await?;
            let _one = self.changing.lock().await;
            // In the store first: a pause must outlive whatever comes next.
            let changed = self.store.pause(whom, by).await.map_err(unavailable)?;
            self.hush(None).await?;
            Ok(PauseReport { changed })
        })
    }

    fn resume(&self, whom: Whom, by: By) -> Steered<'_, ResumeReport> {
        Box::pin(async move {
            self.must_know(&whom).await?;
            let _one = self.changing.lock().await;
            let lifted = self.store.resume(whom.clone(), by).await.map_err(unavailable)?;
            let again = match &whom {
                Whom::Bot(bot) => Some(bot.clone()),
                Whom::All => None,
            };
            let left = self.hush(again).await?;
            Ok(ResumeReport::of(&lifted, &whom, &left))
        })
    }

    fn back_up(&self, file: PathBuf, force: bool, by: By) -> Steered<'_, BackupReport> {
        Box::pin(async move {
            let archivist = self.archivist.addr().ok_or(SteerError::Closing)?;
            let begun = archivist.send(BackUp { file, force, by }).await.map_err(unavailable)?;
            begun.map_err(|busy| SteerError::Conflict(busy.to_string()))
        })
    }

    fn backup(&self) -> Steered<'_, Option<BackupReport>> {
        Box::pin(async move {
            let archivist = self.archivist.addr().ok_or(SteerError::Closing)?;
            archivist.send(Newest).await.map_err(unavailable)
        })
    }

    fn rehearse(&self, bot: BotId, payload: Vec<u8>) -> Steered<'_, Rehearsal> {
        Box::pin(
            async move { self.supervisor.send(Rehearse { bot, payload }).await.map_err(|_gone| SteerError::Closing) },
        )
    }

    fn forget_facts(&self) {
        self.facts.clear();
    }
}
