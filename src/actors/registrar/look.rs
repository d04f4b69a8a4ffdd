//! One look at one bot's registrations: list, compare, change.
//!
//! Every step can be repeated: a look that breaks off leaves a state from which the next one finds its way. The
//! secret of a webhook is in the store and in the routes before Webex hears of it.

use std::{collections::BTreeSet, panic::AssertUnwindSafe, sync::Arc, time::Duration};

use futures_util::FutureExt as _;
use tracing::info;

use super::{
    ApiDoor,
    diff::{Action, ForeignNote, Listed, Plan, Wanted, plan},
    report::Changes,
};
use crate::{
    actors::{
        api::{Call, CallClass, CallError},
        routes::Routes,
    },
    base::{BotId, Breaking, InstanceName, Point, Secret},
    store::{NewWebhook, Store, StoreError, WebhookRow},
    telemetry::Metrics,
    webex::{Kinds, OwnerTag, Reply, Request, Verdict, WebhookSpec, model::Page},
};

/// Pages of a listing that are read: with a hundred a page a third of what one account may own.
const PAGES: usize = 100;

/// What the looks share.
pub(super) struct Desk {
    pub(super) instance: InstanceName,
    pub(super) public_url: String,
    pub(super) deadline: Duration,
    pub(super) store: Arc<dyn Store>,
    pub(super) api: ApiDoor,
    pub(super) routes: Routes,
    pub(super) metrics: Arc<Metrics>,
    pub(super) breaking: Breaking,
}

/// What is to be looked at.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) bot: BotId,
    pub(super) kinds: Kinds,
    /// The bot is leaving: its routes are no longer the registrar's affair.
    pub(super) leaving: bool,
    /// Webhooks that are off and rest.
    pub(super) resting: BTreeSet<String>,
}

/// What a look found and did.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) in_step: bool,
    pub(super) changes: Changes,
    pub(super) foreign: Vec<ForeignNote>,
    /// Webhooks of ours that were found switched off.
    pub(super) inactive: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) error: Option<LookError>,
}

/// Why a look did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum LookError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("Webex refuses it: {0}")]
    Refused(String),
    #[error("a webhook went away meanwhile")]
    Missing,
    #[error("the answer of Webex cannot be read")]
    Unreadable,
    #[error("there are more than {PAGES} pages of webhooks on this token")]
    TooMany,
    #[error("no secret can be made: {0}")]
    Random(String),
    #[error("the api is being restarted")]
    ApiGone,
    #[error("Botyard panicked over it; please report this as a fault of Botyard")]
    Crashed,
}

impl Desk {
    /// Looks, and changes what is not as wanted.
    pub(super) async fn look(&self, job: &Job) -> Look {
        let mut look = Look::default();
        // What one bot's webhooks hold may not end the looks at all others.
        let gone = AssertUnwindSafe(self.go(job, &mut look)).catch_unwind().await;
        if let Err(error) = gone.unwrap_or(Err(LookError::Crashed)) {
            look.in_step = false;
            look.error = Some(error);
        }
        look
    }

    async fn go(&self, job: &Job, look: &mut Look) -> Result<(), LookError> {
        self.breaking.pass(Point::InLook, Some(&job.bot)).await;
        let actual = self.list(&job.bot).await?;
        let known = self.store.webhooks(job.bot.clone()).await?;
        let Plan { actions, foreign, inactive, in_step } = plan(
            &Wanted {
                bot: &job.bot,
                instance: &self.instance,
                kinds: &job.kinds.iter().collect::<Vec<_>>(),
                target_url: &self.target(&job.bot),
                known: &known,
                resting: &job.resting,
            },
            &actual,
        );
        (look.foreign, look.inactive, look.in_step) = (foreign, inactive, in_step);
        if actions.is_empty() && !job.leaving {
            self.publish(&job.bot, &known);
        }
        let (mut whole, mut used) = (true, BTreeSet::new());
        for action in actions {
            whole &= self.carry_out(job, action, &known, &mut used, look).await?;
        }
        look.in_step |= whole && look.inactive.iter().all(|id| !job.resting.contains(id));
        Ok(())
    }

    fn target(&self, bot: &BotId) -> String {
        format!("{}/hooks/{bot}", self.public_url.trim_end_matches('/'))
    }

    /// Every webhook of the token. A page may be empty while a next one exists.
    async fn list(&self, bot: &BotId) -> Result<Vec<Listed>, LookError> {
        let (mut listed, mut request) = (Vec::new(), Request::webhooks());
        for _ in 0..PAGES {
            let reply = self.ask(bot, request.clone()).await?;
            let page: Page<serde_json::Value> =
                serde_json::from_slice(&reply.body).map_err(|_holds_secrets| LookError::Unreadable)?;
            // What cannot be read is none of ours: we write names and addresses that can be.
            listed.extend(page.items.into_iter().filter_map(|item| serde_json::from_value::<Listed>(item).ok()));
            match reply.next {
                Some(next) => request = request.following(&next),
                None => return Ok(listed),
            }
        }
        Err(LookError::TooMany)
    }

    /// Carries one change out; `false` when Webex does not want it and the others shall go on.
    async fn carry_out(
        &self,
        job: &Job,
        action: Action,
        known: &[WebhookRow],
        used: &mut BTreeSet<i64>,
        look: &mut Look,
    ) -> Result<bool, LookError> {
        let counters = &self.metrics.bots;
        let bot = &job.bot;
        match action {
            Action::Create { resource, event } => {
                let name = self.tag(bot, &resource, &event);
                let (row, secret) = self.stage(bot, &resource, &event, known).await?;
                used.insert(row);
                let target_url = self.target(bot);
                let spec = WebhookSpec {
                    name: &name,
                    target_url: &target_url,
                    resource: &resource,
                    event: &event,
                    secret: &secret,
                };
                match self.ask(bot, Request::create_webhook(&spec)).await {
                    Ok(reply) => self.store.confirm_webhook(row, id_of(&reply)?).await?,
                    Err(LookError::Refused(reason)) => {
                        self.store.drop_webhook(row).await?;
                        look.notes.push(format!("Webex does not make the webhook `{resource}.{event}`: {reason}"));
                        return Ok(false);
                    }
                    Err(error) => return Err(error),
                }
                look.changes.created += 1;
                counters.registrations_created.inc();
                info!(bot.id = %bot, webhook = name, "made a webhook");
            }
            Action::Update { id, row, name, why } => {
                let Some(row) = known.iter().find(|known| known.row == row) else { return Ok(false) };
                let update = Request::update_webhook(&id, &name, &self.target(bot), &row.secret);
                self.ask(bot, update).await?;
                look.changes.updated += 1;
                counters.registrations_updated.inc();
                info!(bot.id = %bot, webhook = name, why, "put a webhook right");
            }
            Action::Adopt { id, resource, event } => {
                let name = self.tag(bot, &resource, &event);
                let (row, secret) = self.stage(bot, &resource, &event, known).await?;
                used.insert(row);
                self.ask(bot, Request::update_webhook(&id, &name, &self.target(bot), &secret)).await?;
                self.store.confirm_webhook(row, id).await?;
                look.changes.adopted += 1;
                counters.registrations_updated.inc();
                info!(bot.id = %bot, webhook = name, "took over a webhook of ours whose secret was not known");
            }
            Action::Delete { id, why } => {
                match self.ask(bot, Request::delete_webhook(&id)).await {
                    Ok(_) | Err(LookError::Missing) => {}
                    Err(error) => return Err(error),
                }
                look.changes.deleted += 1;
                counters.registrations_deleted.inc();
                info!(bot.id = %bot, webhook.id = id, why, "removed a webhook of ours");
            }
            Action::Forget { row } if used.contains(&row) => {}
            Action::Forget { row } => self.store.drop_webhook(row).await?,
        }
        Ok(true)
    }

    /// A secret that is in the store and in the routes, so that the first webhook signed with it is accepted. One
    /// that was staged before and never confirmed is used again: Webex may have it already.
    async fn stage(
        &self,
        bot: &BotId,
        resource: &str,
        event: &str,
        known: &[WebhookRow],
    ) -> Result<(i64, Secret), LookError> {
        let unused = |row: &&WebhookRow| row.webhook_id.is_none() && row.resource == resource && row.event == event;
        let (row, secret) = if let Some(row) = known.iter().filter(unused).max_by_key(|row| row.row) {
            (row.row, row.secret.clone())
        } else {
            let secret = random_secret()?;
            let (resource, event) = (resource.to_owned(), event.to_owned());
            let staged = NewWebhook { bot: bot.clone(), resource, event, secret: secret.clone() };
            (self.store.stage_webhook(staged).await?, secret)
        };
        self.routes.change(bot, |route| {
            if !route.secrets.contains(&secret) {
                route.secrets.push(secret.clone());
            }
        });
        Ok((row, secret))
    }

    /// The routes take the secrets that the store keeps, and no others. Only a look with nothing to change does so:
    /// after one that replaced a secret, what was signed with the former one may still be on its way.
    fn publish(&self, bot: &BotId, known: &[WebhookRow]) {
        let secrets: Vec<_> = known.iter().map(|row| row.secret.clone()).collect();
        self.routes.change(bot, |route| route.secrets = secrets);
    }

    fn tag(&self, bot: &BotId, resource: &str, event: &str) -> String {
        let (instance, bot) = (self.instance.clone(), bot.clone());
        OwnerTag { instance, bot, resource: resource.to_owned(), event: event.to_owned() }.to_string()
    }

    async fn ask(&self, bot: &BotId, request: Request) -> Result<Reply, LookError> {
        let call = Call { bot: bot.clone(), request, class: CallClass::Upkeep, deadline: self.deadline };
        let api = (self.api)().ok_or(LookError::ApiGone)?;
        let reply = api.send(call).await.map_err(|_gone| LookError::ApiGone)??;
        match reply.verdict() {
            Verdict::Fine => Ok(reply),
            Verdict::Missing => Err(LookError::Missing),
            Verdict::Refused(reason) | Verdict::Retry(reason) => Err(LookError::Refused(reason)),
            Verdict::Unauthorized => Err(CallError::Unauthorized.into()),
            Verdict::Wait(_) => Err(LookError::Refused("it asks to wait".to_owned())),
        }
    }
}

fn id_of(reply: &Reply) -> Result<String, LookError> {
    #[derive(serde::Deserialize)]
    struct Made {
        id: String,
    }
    // The answer holds the secret: nothing of it may get into a message.
    let made: Made = serde_json::from_slice(&reply.body).map_err(|_holds_secrets| LookError::Unreadable)?;
    if made.id.is_empty() { Err(LookError::Unreadable) } else { Ok(made.id) }
}

/// 32 random bytes as hex.
fn random_secret() -> Result<Secret, LookError> {
    let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| LookError::Random(error.to_string()))?;
    Ok(Secret::new(hex::encode(bytes.as_slice())))
}
