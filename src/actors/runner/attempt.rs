//! One call on its way: marked before it is made, recorded after, with what it brought.

use std::{panic::AssertUnwindSafe, time::Duration};

use futures_util::FutureExt as _;
use tracing::{debug, error, info, warn};

use super::{
    Ended, Making, Office,
    effects::{self, Answered},
    form::{self, Made, Which},
    maker::Verdict,
};
use crate::{
    actors::outcome,
    base::{Lease, Millis, Point, whole_millis},
    brain::{HandlerCall, busy},
    store::{Cause, DeliveryOutcome, DeliveryResult, DeliveryRow, NewEvent, StoreError},
};

/// Marks the row, makes the call, records how it ended.
pub(super) async fn carry(
    office: &Office,
    lease: Lease,
    row: DeliveryRow,
    call: Option<HandlerCall>,
    refused: bool,
) -> Ended {
    let epoch = lease.epoch;
    let marked = match office.store.mark(lease, vec![row.seq]).await {
        Ok(marked) => marked.into_iter().next(),
        Err(StoreError::Closed) => None,
        Err(error) => {
            warn!(bot.id = %row.bot, call.id = %row.id, %error, "a call waits for the store");
            None
        }
    };
    let Some(mark) = marked else { return Ended::Unmarked };
    let began = office.maker.clock.now();
    let made = match &call {
        None => Made::Never(Cause::Unreadable.because("this version cannot read the stored call")),
        Some(_) if refused => Made::Never(Cause::Refused.because(format!("busy: {}", busy::REFUSED))),
        Some(call) => match AssertUnwindSafe(make(office, &row, call, mark.attempt)).catch_unwind().await {
            Ok(made) => made,
            Err(_logged) => {
                Made::Never(Cause::Crashed.because("Botyard panicked on it; please report this as a fault of Botyard"))
            }
        },
    };
    let took = office.maker.clock.now().since(began);
    let mut verdict = office.maker.judge(made, mark.attempt, row.seq.0.unsigned_abs());
    if refused {
        verdict.result = Some(busy::refusal());
    }
    tell(office, &row, call.as_ref(), &verdict, mark.attempt, took);
    let then = call.as_ref().and_then(|call| follows(office, &row, call, &verdict, mark.attempt));
    let again = match &verdict.outcome {
        DeliveryOutcome::Retry { at, .. } => Ended::Again(*at),
        _ => Ended::Over,
    };
    let result = DeliveryResult {
        // A call is repeated under its id: a program that minds has seen it. So there is no doubt to keep.
        doubtful: false,
        then: then.into_iter().collect(),
        ..DeliveryResult::new(row.seq, epoch, mark.attempt, verdict.outcome)
    };
    outcome::record(&*office.store, &row, result).await;
    again
}

async fn make(office: &Office, row: &DeliveryRow, call: &HandlerCall, attempt: u32) -> Made {
    if office.settings.making == Making::Shown {
        info!(
            target: "botyard::calls",
            bot = %row.bot, call = %row.id, rule = call.rule, form = call.target.form(), to = call.target.shown(),
            "a handler would be called now; with `--calls=real` it is"
        );
        return Made::Answer(None);
    }
    office.breaking.pass(Point::BeforeSend, Some(&row.bot)).await;
    let made = form::make(&office.maker, &Which { bot: &row.bot, id: row.id }, call, attempt).await;
    office.breaking.pass(Point::AfterSend, Some(&row.bot)).await;
    made
}

/// The event of the answer.
fn follows(
    office: &Office,
    row: &DeliveryRow,
    call: &HandlerCall,
    verdict: &Verdict,
    attempt: u32,
) -> Option<NewEvent> {
    let result = verdict.result.clone()?;
    let answered = Answered {
        call: row.id,
        bot: &row.bot,
        rule: &call.rule,
        origin: &call.origin,
        part: 1,
        // A call that was replayed answers anew: attempts begin anew, its place in the outbox does not.
        key: &format!("{}/{attempt}", row.seq),
        result,
        clock: &office.maker.clock,
    };
    Some(effects::answered(&answered))
}

/// Logs and counts; a failure is logged here and nowhere else. Neither what was sent nor what came back.
fn tell(
    office: &Office,
    row: &DeliveryRow,
    call: Option<&HandlerCall>,
    verdict: &Verdict,
    attempt: u32,
    took: Duration,
) {
    let (form, rule) = call.map_or(("unknown", ""), |call| (call.target.form(), call.rule.as_str()));
    let (bot, id, took_ms) = (&row.bot, &row.id, whole_millis(took));
    let counters = &office.metrics.handlers;
    counters.took(took);
    match &verdict.outcome {
        DeliveryOutcome::Retry { at, reason, .. } => {
            counters.retried.inc();
            let at: &Millis = at;
            warn!(bot.id = %bot, call.id = %id, form, rule, attempt, took_ms, retry.at = %at, reason, "a call will be tried again");
        }
        DeliveryOutcome::Failed { reason } => {
            counters.failed.inc();
            error!(bot.id = %bot, call.id = %id, form, rule, attempt, took_ms, cause = reason.cause.as_str(), reason = reason.text, "a call is given up");
        }
        _ => {
            counters.answered.inc();
            debug!(bot.id = %bot, call.id = %id, form, rule, attempt, took_ms, "a call was answered");
        }
    }
}
