//! Which call may be made while others are: one rule, for the runner and for tests beside definitions.

use serde_json::{Value, json};

use super::call::{Busy, HandlerCall};

/// A call that is being made, as far as others have to mind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Underway {
    rule: String,
    order: String,
}

/// What may become of a call now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// It may be made.
    Go,
    /// It waits until another is over.
    Wait,
    /// It is not made at all.
    Refused,
}

impl HandlerCall {
    /// What others have to mind while this one is being made.
    #[must_use]
    pub fn underway(&self) -> Underway {
        Underway { rule: self.rule.clone(), order: self.order.clone() }
    }

    /// What it stands in line for; none: it waits for no other of its order.
    #[must_use]
    pub fn line(&self) -> Option<&str> {
        (self.busy == Busy::Queue && !self.order.is_empty()).then_some(&self.order)
    }

    /// Whether it may be made beside those that are. One that refuses is refused before anything makes it wait: whoever
    /// asked is to hear that at once.
    #[must_use]
    pub fn beside<'a>(&self, others: impl Iterator<Item = &'a Underway>) -> May {
        let (mut of_rule, mut of_order) = (0_u32, false);
        for other in others.filter(|other| other.rule == self.rule) {
            of_rule += 1;
            of_order |= other.order == self.order && !self.order.is_empty();
        }
        match self.busy {
            Busy::Refuse if of_order => May::Refused,
            Busy::Queue if of_order => May::Wait,
            _ if self.max_in_flight > 0 && of_rule >= self.max_in_flight => May::Wait,
            _ => May::Go,
        }
    }
}

/// Why a call is refused.
pub const REFUSED: &str = "the call before it is still being made";

/// What a refused call is answered: the form in which the brain reads answers.
#[must_use]
pub fn refusal() -> Value {
    json!({ "error": REFUSED, "cause": "busy" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{Change, Event, Millis, Trigger},
        brain::Target,
    };

    fn call(rule: &str, order: &str, busy: Busy, max_in_flight: u32) -> HandlerCall {
        let trigger = Trigger::Room { change: Change::Updated, room: "R".into() };
        HandlerCall {
            rule: rule.into(),
            origin: Box::new(Event { at: Millis(0), actor: None, trigger }),
            order: order.into(),
            busy,
            max_in_flight,
            timeout_ms: 1,
            target: Target::Forward { url: "http://h".into(), secret: String::new(), envelope: String::new() },
        }
    }

    fn may(call: &HandlerCall, others: &[(&str, &str)]) -> May {
        let underway = |(rule, order): &(&str, &str)| Underway { rule: (*rule).into(), order: (*order).into() };
        let others: Vec<_> = others.iter().map(underway).collect();
        call.beside(others.iter())
    }

    #[test]
    fn of_one_order_a_call_waits_goes_along_or_is_refused() {
        for (busy, beside) in [(Busy::Queue, May::Wait), (Busy::Parallel, May::Go), (Busy::Refuse, May::Refused)] {
            let call = call("a", "alice", busy, 0);
            assert_eq!(may(&call, &[]), May::Go);
            assert_eq!(may(&call, &[("a", "bob"), ("b", "alice")]), May::Go, "another's, or another rule's");
            assert_eq!(may(&call, &[("a", "alice")]), beside);
        }
        assert_eq!(may(&call("a", "", Busy::Queue, 0), &[("a", "")]), May::Go, "without an order each is on its own");
    }

    #[test]
    fn a_rule_has_so_many_at_once_whoever_asks() {
        for busy in [Busy::Queue, Busy::Parallel, Busy::Refuse] {
            let call = call("a", "carol", busy, 2);
            assert_eq!(may(&call, &[("a", "alice"), ("b", "bob")]), May::Go);
            assert_eq!(may(&call, &[("a", "alice"), ("a", "bob")]), May::Wait);
        }
        let refused = call("a", "alice", Busy::Refuse, 1);
        assert_eq!(may(&refused, &[("a", "alice")]), May::Refused, "it is not kept waiting first");
    }
}
