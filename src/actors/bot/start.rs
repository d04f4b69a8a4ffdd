//! How a bot begins: lease, token, lane, then who it is.
//!
//! A bot that was known before works at once with the identity the store remembers, also while Webex cannot
//! be reached; the token is checked with Webex in any case before its registrations are touched.

use std::{sync::Arc, time::Duration};

use actix::{ActorContext, ActorFutureExt, AsyncContext, Context, WrapFuture};

use super::{Bot, Deps, News};
use crate::{
    actors::{
        api::{Call, CallClass, CallError, OpenLane},
        place::spread,
        retries::Trouble,
        runner,
    },
    base::{BotId, Lease, Secret, whole_millis},
    brain::Me,
    definition::Doubt,
    store::{Identity, IdentityAnswer, StoreError},
    webex::{Request, Verdict, model},
};

/// How long one check of the token may take before it is tried again.
const CHECK_DEADLINE: Duration = Duration::from_mins(1);

/// What a check of the token came to.
enum Checked {
    /// The token is this bot's.
    Known(Identity),
    /// Webex refuses it; the api actor has told the supervisor.
    Refused,
    /// It must not run like this.
    Held(String),
    /// No answer yet: try again.
    Again(String),
}

impl Bot {
    /// Takes the lease and the token, opens the lane, then goes to work.
    pub(super) fn begin(&mut self, ctx: &mut Context<Self>) {
        let (deps, bot) = (self.deps.clone(), self.id.clone());
        let prepare = async move { prepare(&deps, bot).await };
        ctx.spawn(prepare.into_actor(self).map(|prepared, bot, ctx| match prepared {
            Ok(Some((lease, token))) => bot.open(lease, token, ctx),
            Ok(None) => {
                bot.tell(News::Held(format!(
                    "it has no token; set `token` in its definition, or run `botyard token set {}`",
                    bot.id
                )));
                ctx.stop();
            }
            Err(error) => {
                tracing::error!(bot.id = %bot.id, error = %error, "the bot could not take its lease");
                ctx.run_later(Duration::from_secs(1), super::Bot::begin);
            }
        }));
    }

    fn open(&mut self, lease: Lease, token: Secret, ctx: &mut Context<Self>) {
        self.deps.bells.register(&lease, ctx.address().recipient());
        self.lease = Some(lease.clone());
        self.tell(News::Leased(lease.epoch));
        if let Some(runner) = self.deps.runner.addr() {
            // Refused only by one that ends; we are started anew with the next.
            let _ = runner.try_send(runner::Open { lease: lease.clone() });
        }
        let repeat_doubtful = self.program.doubt() == Doubt::Resend;
        let opened =
            self.deps.api.addr().is_some_and(|api| api.try_send(OpenLane { lease, token, repeat_doubtful }).is_ok());
        if opened {
            self.check(0, ctx);
            self.pump(ctx);
        } else {
            // The api actor is between two incarnations; the supervisor starts us anew when it is back.
            tracing::warn!(bot.id = %self.id, "the lane could not be opened");
        }
    }

    /// Asks Webex who the token is.
    fn check(&mut self, attempt: u32, ctx: &mut Context<Self>) {
        let (deps, bot) = (self.deps.clone(), self.id.clone());
        let check = async move { check(&deps, bot).await };
        ctx.spawn(check.into_actor(self).map(move |checked, bot, ctx| match checked {
            Checked::Known(identity) => {
                bot.me = Some(Arc::new(me(&identity)));
                bot.tell(News::Ready(identity));
                bot.pump(ctx);
            }
            Checked::Refused => {}
            Checked::Held(reason) => {
                bot.tell(News::Held(reason));
                bot.draining = true;
                bot.pump(ctx);
            }
            Checked::Again(reason) => {
                let wait = Trouble::Token.wait(attempt.saturating_add(1), spread(&bot.id) as u64);
                tracing::warn!(bot.id = %bot.id, reason, retry_ms = whole_millis(wait), "the token could not be checked");
                ctx.run_later(wait, move |bot, ctx| bot.check(attempt.saturating_add(1), ctx));
            }
        }));
    }
}

/// Who the bot is, as the brain wants it.
pub(super) fn me(identity: &Identity) -> Me {
    Me { id: identity.person_id.clone(), name: identity.display_name.clone(), email: identity.email.clone() }
}

async fn prepare(deps: &Deps, bot: BotId) -> Result<Option<(Lease, Secret)>, StoreError> {
    let Some(token) = deps.store.token(bot.clone()).await? else { return Ok(None) };
    let lease = deps.store.take_lease(bot, deps.owner.clone()).await?;
    Ok(Some((lease, token)))
}

async fn check(deps: &Deps, bot: BotId) -> Checked {
    let call =
        Call { bot: bot.clone(), request: Request::people_me(), class: CallClass::Upkeep, deadline: CHECK_DEADLINE };
    let Some(api) = deps.api.addr() else { return Checked::Again("the api actor is not there".to_owned()) };
    let reply = match api.send(call).await {
        Ok(Ok(reply)) => reply,
        Ok(Err(CallError::Unauthorized)) => return Checked::Refused,
        Ok(Err(error)) => return Checked::Again(error.to_string()),
        Err(error) => return Checked::Again(error.to_string()),
    };
    match reply.verdict() {
        Verdict::Fine => {}
        other => return Checked::Again(format!("`GET /people/me` answered {}: {other:?}", reply.status)),
    }
    let person: model::Person = match reply.json() {
        Ok(person) => person,
        Err(error) => return Checked::Again(format!("`GET /people/me` cannot be read: {error}")),
    };
    if person.kind.as_deref() == Some("person") {
        return Checked::Held("its token is a person's, not a bot's; make a bot and use the bot's token".to_owned());
    }
    let identity = Identity {
        email: person.emails.first().cloned().unwrap_or_default(),
        display_name: person.display_name.unwrap_or_default(),
        person_id: person.id,
    };
    match deps.store.put_identity(bot.clone(), identity.clone()).await {
        Ok(IdentityAnswer::Kept) => Checked::Known(identity),
        Ok(IdentityAnswer::Changed { was }) => Checked::Held(format!(
            "its token belongs to {}, but this bot is {}; give it its own token, or a new file name to the other one",
            identity.email, was.email
        )),
        Ok(IdentityAnswer::Taken { by }) => Checked::Held(format!(
            "its token belongs to {}, which already runs as bot `{by}`; one identity runs in one bot",
            identity.email
        )),
        Err(error) => Checked::Again(error.to_string()),
    }
}
