//! The calls of one lane that wait for their turn: bounded, and forgotten when their caller is gone.

use std::{cell::RefCell, collections::VecDeque, rc::Rc};

use tokio::sync::oneshot;

use super::{
    limiter::{Endpoint, Limiter},
    messages::{CallClass, CallError},
};
use crate::{
    base::Millis,
    webex::{Reply, Request},
};

/// Calls of one lane and class that may wait.
const WAITING: usize = 64;

/// A call in line or on its way.
#[derive(Debug)]
pub(super) struct Asked {
    /// What.
    pub(super) request: Request,
    /// What its limit belongs to.
    pub(super) endpoint: Endpoint,
    /// Who waits for it.
    pub(super) class: CallClass,
    /// When its caller gives up.
    pub(super) expires: Millis,
    /// Tries so far.
    pub(super) tries: u32,
    /// Not before.
    pub(super) not_before: Millis,
    /// The last trouble, in words; the caller reads it when it gives up.
    pub(super) trouble: Rc<RefCell<String>>,
    /// Who asked.
    pub(super) answer: oneshot::Sender<Result<Reply, CallError>>,
}

impl Asked {
    /// Answers the caller, if it still waits.
    pub(super) fn reply(self, answer: Result<Reply, CallError>) {
        let _ = self.answer.send(answer);
    }
}

/// The line.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Asked>);

impl Queue {
    /// Puts a call at the end; a full line answers it [`CallError::Busy`].
    pub(super) fn push(&mut self, call: Asked) {
        if self.0.len() >= WAITING {
            self.0.retain(|waiting| !waiting.answer.is_closed());
        }
        if self.0.len() >= WAITING {
            call.reply(Err(CallError::Busy));
        } else {
            self.0.push_back(call);
        }
    }

    /// Puts a call that will be tried again where it was: at the front.
    pub(super) fn again(&mut self, call: Asked) {
        self.0.push_front(call);
    }

    /// Takes the first call that may go now.
    pub(super) fn take(&mut self, limiter: &Limiter, now: Millis) -> Option<Asked> {
        while self.0.front().is_some_and(|first| first.answer.is_closed()) {
            self.0.pop_front();
        }
        let may_go = |call: &Asked| call.not_before <= now && limiter.allows(call.endpoint, now);
        let first = self.0.iter().position(|call| may_go(call) && !call.answer.is_closed())?;
        let call = self.0.remove(first);
        if self.0.is_empty() {
            // Of thousands of lanes, few have a call in line.
            self.0 = VecDeque::new();
        }
        call
    }

    /// When the first of these calls may go, as far as is known now.
    pub(super) fn wakes_at(&self, limiter: &Limiter, now: Millis) -> Option<Millis> {
        let waiting = self.0.iter().filter(|call| !call.answer.is_closed());
        waiting.map(|call| call.not_before.max(limiter.allowed_at(call.endpoint, now))).min()
    }

    /// Answers every call in line with the same trouble.
    pub(super) fn refuse_all(&mut self, trouble: &CallError) {
        for call in self.0.drain(..) {
            call.reply(Err(trouble.clone()));
        }
    }

    /// Calls in line whose caller still waits.
    pub(super) fn len(&self) -> usize {
        self.0.iter().filter(|call| !call.answer.is_closed()).count()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    type Answer = oneshot::Receiver<Result<Reply, CallError>>;

    fn call(path: &str) -> (Asked, Answer) {
        let (answer, receiver) = oneshot::channel();
        let call = Asked {
            request: Request { method: "GET", path: path.into(), body: None },
            endpoint: Endpoint::of(path),
            class: CallClass::Turn,
            expires: Millis(i64::MAX),
            tries: 0,
            not_before: Millis(0),
            trouble: Rc::default(),
            answer,
        };
        (call, receiver)
    }

    #[test]
    fn a_full_line_is_busy_until_a_caller_gives_up() {
        let mut queue = Queue::default();
        let mut answers: Vec<_> = (0..WAITING)
            .map(|_| {
                let (call, answer) = call("/people/P");
                queue.push(call);
                answer
            })
            .collect();
        let (one_more, mut busy) = call("/people/P");
        queue.push(one_more);
        assert_eq!(busy.try_recv().unwrap().unwrap_err(), CallError::Busy);
        answers.pop();
        let (fits, mut waiting) = call("/people/P");
        queue.push(fits);
        assert!(waiting.try_recv().is_err(), "it has no answer yet");
    }

    #[test]
    fn a_call_whose_endpoint_is_penalized_lets_others_pass() {
        let mut queue = Queue::default();
        let mut limiter = Limiter::new(6_000, Millis(0));
        let until = limiter.penalize(Endpoint::Webhooks, Duration::from_mins(1), Millis(0));
        let (held, _first) = call("/webhooks");
        let (free, _second) = call("/people/me");
        queue.push(held);
        queue.push(free);
        let now = Millis(1_000);
        assert_eq!(queue.take(&limiter, now).unwrap().request.path, "/people/me");
        assert!(queue.take(&limiter, now).is_none());
        assert_eq!(queue.wakes_at(&limiter, now), Some(until));
        assert_eq!(queue.take(&limiter, until).unwrap().request.path, "/webhooks");
    }
}
