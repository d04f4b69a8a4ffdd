//! One request of a try: what its answer says of the request itself, and how a try ends whose request said nothing.

use std::time::Duration;

use super::{News, Try};
use crate::{
    actors::{api::wire::WireError, retries::Trouble},
    base::{Millis, Point},
    store::{Cause, DeliveryOutcome},
    webex::{Reply, Request, Verdict},
};

/// How a try ended, and what that says about its lane.
#[derive(Debug)]
pub(super) struct Ended(pub(super) DeliveryOutcome, pub(super) News);

impl Ended {
    pub(super) fn sent(id: Option<String>) -> Self {
        Self(DeliveryOutcome::Sent { remote_id: id }, News::Fine)
    }

    pub(super) fn failed(cause: Cause, why: impl Into<String>) -> Self {
        Self(DeliveryOutcome::Failed { reason: cause.because(why) }, News::Fine)
    }

    pub(super) fn needless(reason: &str) -> Self {
        Self(DeliveryOutcome::Needless { reason: reason.to_owned() }, News::Fine)
    }
}

/// An answer that says something about the request itself.
#[derive(Debug)]
pub(super) enum Said {
    Fine(Reply),
    /// It is not there, or not for us to see.
    Missing(u16),
    Refused(String),
}

impl Try<'_> {
    /// Sends a request. Whatever says nothing about the request itself ends the try.
    pub(super) async fn ask(&mut self, request: &Request, repeatable: bool) -> Result<Said, Ended> {
        let (office, bot) = (self.office, self.row.bot.clone());
        self.requests += 1;
        office.breaking.pass(Point::BeforeSend, Some(&bot)).await;
        let answer = office.send(self.pass, request, office.settings.timeout).await;
        office.breaking.pass(Point::AfterSend, Some(&bot)).await;
        let now = office.clock.now();
        let reply = match answer {
            Ok(reply) => reply,
            Err(WireError { message, may_have_arrived, .. }) => {
                let doubt = may_have_arrived && !repeatable;
                // Once in doubt it stays so: what a later try comes to says nothing about the one before.
                self.row.doubtful |= doubt;
                return Err(self.again(message, doubt));
            }
        };
        self.tracking_id = reply.tracking_id.clone().or(self.tracking_id.take());
        let uncounted = |at: Millis, reason: &str, news| {
            Err(Ended(DeliveryOutcome::Retry { at, reason: reason.to_owned(), counts: false }, news))
        };
        match reply.verdict() {
            Verdict::Fine => Ok(Said::Fine(reply)),
            Verdict::Missing => Ok(Said::Missing(reply.status)),
            Verdict::Refused(reason) => Ok(Said::Refused(reason)),
            Verdict::Wait(wait) => uncounted(now.plus(wait), "Webex asked to wait", News::Wait(wait)),
            Verdict::Unauthorized => uncounted(now, "Webex refuses the token", News::Refused),
            Verdict::Retry(reason) => Err(self.again(reason, false)),
        }
    }

    /// Tried again later, or given up. `POST /messages` has no idempotency key: what may have arrived is doubtful.
    pub(super) fn again(&self, reason: String, may_have_arrived: bool) -> Ended {
        let (office, attempt) = (self.office, self.attempt);
        let news = News::Trouble(reason.clone());
        if may_have_arrived && !self.pass.repeat_doubtful {
            return Ended(DeliveryOutcome::Skipped, news);
        }
        let outcome = if Trouble::Delivery.is_over(attempt, Duration::ZERO, office.settings.delivery_attempts) {
            let reason = Cause::GaveUp.because(format!("given up after {attempt} tries: {reason}"));
            DeliveryOutcome::Failed { reason }
        } else {
            let at = office.clock.now().plus(Trouble::Delivery.wait(attempt, self.row.seq.0.unsigned_abs()));
            DeliveryOutcome::Retry { at, reason, counts: true }
        };
        Ended(outcome, news)
    }
}

pub(super) fn read<T: serde::de::DeserializeOwned>(reply: &Reply) -> Result<T, Ended> {
    reply.json().map_err(|error| Ended::failed(Cause::Refused, error.to_string()))
}
