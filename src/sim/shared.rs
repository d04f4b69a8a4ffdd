//! The world behind its lock, and what follows from a change: deliveries go out, who waits is woken.
//!
//! One short lock around plain memory: nothing is awaited under it, and deliveries are handed over before it
//! is released, so that their order is that of the changes.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    net::SocketAddr,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use tokio::sync::{mpsc, watch};

use super::world::{Delivery, World};
use crate::base::Clock;

/// Deliveries that may wait; what comes beyond is dropped and journalled, as Webex drops it. One owner of webhooks
/// may have as many waiting as there are places left, so a dead target never fills the queue of the others.
const MOST_WAITING: usize = 100_000;

/// What every thread of a simulator shares.
pub(crate) struct Shared {
    world: Mutex<World>,
    clock: Clock,
    /// Where it listens: what its links begin with when a client does not say how it reached us.
    pub(crate) addr: SocketAddr,
    /// The world's running number, for those who wait for something to happen.
    changes: watch::Sender<u64>,
    /// One queue for each thread that delivers.
    queues: Vec<mpsc::UnboundedSender<Delivery>>,
    /// Deliveries in the queues and in flight.
    waiting: AtomicUsize,
    pub(crate) counts: Counts,
}

/// Totals since the start.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) requests: AtomicU64,
    pub(crate) delivered: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    /// Requests that a fault had a hand in.
    pub(crate) faulted: AtomicU64,
    /// Requests beyond a budget.
    pub(crate) throttled: AtomicU64,
}

impl Counts {
    /// One more.
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl Shared {
    /// Around a world; deliveries are spread over the queues.
    pub(crate) fn new(
        world: World,
        clock: Clock,
        addr: SocketAddr,
        queues: Vec<mpsc::UnboundedSender<Delivery>>,
    ) -> Self {
        let changes = watch::Sender::new(world.seq());
        let (waiting, counts) = (AtomicUsize::new(0), Counts::default());
        Self { world: Mutex::new(world), clock, addr, changes, queues, waiting, counts }
    }

    /// Does something with the world.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        // A panic under the lock ended one request; the world is plain data and goes on.
        let mut world = self.world.lock().unwrap_or_else(PoisonError::into_inner);
        let before = world.seq();
        let result = act(world.follow(self.clock.now()));
        for delivery in world.take_deliveries() {
            self.queue(&mut world, delivery);
        }
        let after = world.seq();
        drop(world);
        if after != before {
            self.changes.send_replace(after);
        }
        result
    }

    /// Hears of every change from now on.
    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A delivery is over, however it ended.
    pub(crate) fn delivery_ended(&self, world: &mut World, delivery: &Delivery) {
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        world.delivery_over(delivery);
    }

    /// How many deliveries are not over yet.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    fn queue(&self, world: &mut World, delivery: Delivery) {
        let mut hasher = DefaultHasher::new();
        (delivery.webhook, delivery.room).hash(&mut hasher);
        let threads = u64::try_from(self.queues.len()).unwrap_or(1).max(1);
        let queue = usize::try_from(hasher.finish() % threads).ok().and_then(|at| self.queues.get(at));
        let own = world.delivery_begins(&delivery);
        let free = MOST_WAITING.saturating_sub(self.waiting.fetch_add(1, Ordering::Relaxed));
        match queue {
            Some(queue) if own < free => {
                if let Err(mpsc::error::SendError(back)) = queue.send(delivery) {
                    self.drop_delivery(world, back);
                }
            }
            _ => self.drop_delivery(world, delivery),
        }
    }

    fn drop_delivery(&self, world: &mut World, delivery: Delivery) {
        self.delivery_ended(world, &delivery);
        Counts::add(&self.counts.dropped);
        world.note(|_| delivery.into_note(None, Some("dropped: too many deliveries are waiting".to_owned())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::{NewMessage, NewWebhook};

    fn hook(world: &mut World, token: &str) {
        let owner = world.authenticate(token).unwrap();
        let new = NewWebhook {
            name: Some("n".into()),
            target_url: Some("http://h/".into()),
            resource: Some("messages".into()),
            event: Some("created".into()),
            ..NewWebhook::default()
        };
        world.create_webhook(owner, new).unwrap();
    }

    fn say(world: &mut World, to: &str) {
        let alice = world.authenticate("sim-alice").unwrap();
        let new = NewMessage { to_person_email: Some(to.into()), text: Some("hi".into()), ..NewMessage::default() };
        world.create_message(alice, new).unwrap();
    }

    #[test]
    fn whoever_floods_the_queue_leaves_the_others_half_of_it() {
        let mut world = World::seeded();
        for token in ["sim-bot-flood", "sim-bot-quiet"] {
            hook(&mut world, token);
        }
        let rule = r#"{"on": "delivery", "email": "flood@webex.bot", "copies": 10, "times": 0}"#;
        let now = world.now;
        world.rules.add(serde_json::from_str(rule).unwrap(), now).unwrap();
        // Nobody takes from the queue.
        let (sender, queue) = mpsc::unbounded_channel();
        let shared = Shared::new(world, Clock::System, "127.0.0.1:1".parse().unwrap(), vec![sender]);
        (0..MOST_WAITING / 10).for_each(|_| shared.act(|world| say(world, "flood@webex.bot")));
        assert_eq!(shared.waiting(), MOST_WAITING / 2);
        assert_eq!(shared.counts.dropped.load(Ordering::Relaxed), (MOST_WAITING / 2) as u64);
        shared.act(|world| say(world, "quiet@webex.bot"));
        assert_eq!(queue.len(), MOST_WAITING / 2 + 1);
        assert!(shared.act(|world| world.is_flying(world.people.by_email("quiet@webex.bot").map(|bot| bot.id))));
    }
}
