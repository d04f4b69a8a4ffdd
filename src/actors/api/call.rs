//! A question with an answer: tried again within its deadline, as long as asking twice harms nobody.

use std::{cell::RefCell, future::Future, rc::Rc, time::Duration};

use tokio::sync::oneshot;
use tracing::debug;

use super::{
    Done, Office,
    deliver::{News, Pass},
    limiter::Endpoint,
    messages::{Call, CallError},
    queue::Asked,
    wire::WireError,
};
use crate::{
    actors::retries::Trouble,
    base::Millis,
    webex::{Reply, Verdict},
};

/// What is put in line for a call, and what its caller waits for.
pub(super) fn asked(call: Call, now: Millis) -> (Asked, impl Future<Output = Result<Reply, CallError>> + use<>) {
    let (answer, receiver) = oneshot::channel();
    let trouble = Rc::new(RefCell::new("it was never its turn".to_owned()));
    let asked = Asked {
        endpoint: Endpoint::of(&call.request.path),
        request: call.request,
        class: call.class,
        expires: now.plus(call.deadline),
        tries: 0,
        not_before: now,
        trouble: Rc::clone(&trouble),
        answer,
    };
    let waits = async move {
        match tokio::time::timeout(call.deadline, receiver).await {
            Ok(Ok(answer)) => answer,
            // The actor dropped it: it ends, or its lane is over.
            Ok(Err(_dropped)) => Err(CallError::NoLane),
            Err(_elapsed) => Err(CallError::Deadline(trouble.borrow().clone())),
        }
    };
    (asked, waits)
}

/// One try of a call.
pub(super) async fn carry(office: Rc<Office>, pass: Rc<Pass>, call: Asked) {
    let left = call.expires.since(office.steady.now()).max(Duration::from_millis(1));
    "it is on the way".clone_into(&mut call.trouble.borrow_mut());
    let answer = office.send(&pass, &call.request, left.min(office.settings.timeout)).await;
    office.tell(Done::Called { bot: pass.lease.bot.clone(), generation: pass.generation, call, answer }).await;
}

/// What becomes of a call after a try.
#[derive(Debug)]
pub(super) enum Next {
    /// Its caller has what it asked for.
    Answer(Box<Result<Reply, CallError>>),
    /// It is tried again at a moment, for this reason.
    Again(Millis, String),
}

/// Reads an answer: what becomes of the call, and what it says about the lane.
pub(super) fn judge(answer: Result<Reply, WireError>, call: &Asked, now: Millis) -> (Next, News) {
    let again = |reason: String, arrived: bool| {
        let news = News::Trouble(reason.clone());
        // A POST that may have arrived is not repeated blindly: who asked looks first what is there now.
        if arrived && call.request.method == "POST" {
            return (Next::Answer(Box::new(Err(CallError::Deadline(reason)))), news);
        }
        let seed = u64::try_from(call.expires.0).unwrap_or_default();
        (Next::Again(now.plus(Trouble::Call.wait(call.tries, seed)), reason), news)
    };
    match answer {
        Ok(reply) => match reply.verdict() {
            Verdict::Fine | Verdict::Missing | Verdict::Refused(_) => (Next::Answer(Box::new(Ok(reply))), News::Fine),
            Verdict::Unauthorized => (Next::Answer(Box::new(Err(CallError::Unauthorized))), News::Refused),
            Verdict::Wait(wait) => (Next::Again(now.plus(wait), "Webex asked to wait".to_owned()), News::Wait(wait)),
            Verdict::Retry(reason) => again(reason, true),
        },
        Err(error) if error.too_large => (Next::Answer(Box::new(Err(CallError::TooLarge))), News::Fine),
        Err(error) => again(error.message, error.may_have_arrived),
    }
}

/// Notes the trouble where the caller will read it.
pub(super) fn note(call: &Asked, reason: &str) {
    debug!(path = %path_only(&call.request.path), tries = call.tries, reason, "a request to Webex is tried again");
    reason.clone_into(&mut call.trouble.borrow_mut());
}

/// A path without its query: that may hold addresses.
fn path_only(path: &str) -> &str {
    path.split('?').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        actors::{
            api::CallClass,
            testing::{
                bot,
                wire::{lost, reply},
            },
        },
        webex::Request,
    };

    fn call(method: &'static str) -> Asked {
        let request = Request { method, path: "/webhooks".into(), body: None };
        let deadline = Duration::from_secs(10);
        asked(Call { bot: bot("echo"), request, class: CallClass::Upkeep, deadline }, Millis(0)).0
    }

    fn is_tried_again(method: &'static str, answer: Result<Reply, WireError>) -> bool {
        matches!(judge(answer, &call(method), Millis(0)).0, Next::Again(..))
    }

    #[test]
    fn every_status_that_is_an_answer_is_answered() {
        for status in [200, 204, 400, 403, 404, 409, 410] {
            let (next, news) = judge(Ok(reply(status, "")), &call("GET"), Millis(0));
            assert!(matches!(next, Next::Answer(answer) if answer.as_ref().as_ref().unwrap().status == status));
            assert_eq!(news, News::Fine);
        }
    }

    #[test]
    fn trouble_of_webex_and_of_the_way_is_tried_again() {
        assert!(is_tried_again("GET", Ok(reply(502, ""))) && is_tried_again("PUT", Ok(reply(429, ""))));
        assert!(is_tried_again("GET", Err(lost(true))) && is_tried_again("DELETE", Err(lost(true))));
    }

    #[test]
    fn an_answer_that_is_too_large_is_not_fetched_again() {
        let error = WireError { too_large: true, ..lost(true) };
        let (next, news) = judge(Err(error), &call("GET"), Millis(0));
        assert!(matches!(next, Next::Answer(answer) if matches!(*answer, Err(CallError::TooLarge))));
        assert_eq!(news, News::Fine);
    }

    #[test]
    fn a_post_is_tried_again_only_when_it_cannot_have_arrived() {
        assert!(is_tried_again("POST", Err(lost(false))) && is_tried_again("POST", Ok(reply(429, ""))));
        assert!(!is_tried_again("POST", Err(lost(true))) && !is_tried_again("POST", Ok(reply(503, ""))));
    }

    #[test]
    fn a_dead_token_is_news_for_the_lane() {
        let (next, news) = judge(Ok(reply(401, "")), &call("GET"), Millis(0));
        assert!(matches!(next, Next::Answer(answer) if matches!(*answer, Err(CallError::Unauthorized))));
        assert_eq!(news, News::Refused);
    }
}
