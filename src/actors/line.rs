//! Lines to actors: to a singleton across its restarts, and one that a full mailbox does not cut.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use actix::{Actor, Addr, Handler, Message, dev::ToEnvelope};

/// An address that the supervisor can exchange under its holders.
pub struct Line<A: Actor>(Arc<Mutex<Option<Addr<A>>>>);

impl<A: Actor> Line<A> {
    /// A line that is not yet connected.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(None)))
    }

    /// Connects the line to an incarnation.
    pub fn connect(&self, addr: Addr<A>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(addr);
    }

    /// Lets go of the incarnation, so that it can end by having no more callers.
    pub fn disconnect(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// The present incarnation; `None` before the first and after the last.
    #[must_use]
    pub fn addr(&self) -> Option<Addr<A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Puts a message into an actor's mailbox, also when that is full; `false` when the actor has ended.
///
/// Each clone of an address has one place of its own. By an address that is kept, the second message to a full
/// mailbox is refused, and an order such as "drain" would be lost. For orders, which are few; what comes in any
/// number must heed the refusal.
pub(super) fn tell<A, M>(addr: &Addr<A>, message: M) -> bool
where
    A: Actor + Handler<M>,
    A::Context: ToEnvelope<A, M>,
    M: Message + Send + 'static,
    M::Result: Send,
{
    addr.clone().try_send(message).is_ok()
}

impl<A: Actor> Default for Line<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Actor> Clone for Line<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Actor> fmt::Debug for Line<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use actix::Context;

    use super::*;

    #[derive(Default)]
    struct Counter(usize);

    impl Actor for Counter {
        type Context = Context<Self>;
    }

    #[derive(Message)]
    #[rtype(result = "usize")]
    struct Order;

    impl Handler<Order> for Counter {
        type Result = usize;

        fn handle(&mut self, _: Order, _: &mut Context<Self>) -> usize {
            self.0 += 1;
            self.0
        }
    }

    #[actix::test]
    async fn an_order_reaches_an_actor_whose_mailbox_is_full() {
        let counter = Counter::default().start();
        let mut told = 0;
        while counter.try_send(Order).is_ok() {
            told += 1;
        }
        assert!(tell(&counter, Order) && tell(&counter, Order), "refused though the actor lives");
        assert_eq!(counter.send(Order).await.unwrap(), told + 3);
    }
}
