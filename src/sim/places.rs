//! Who may send next: a bounded number of deliveries at once, shared so that a slow target holds up only itself.
//!
//! A server may hold as many places as are still free, and one webhook of it as many as would leave its server
//! some. So a single busy target gets half of all, a second one half of what is left, and so on: whatever hangs,
//! there is room for one who does not. Fixed shares were the other choice: they waste places while only one
//! target is busy, which is the usual case.

use std::collections::{BTreeSet, HashMap, VecDeque};

use super::ids::WebhookId;

/// Places, and who waits for one. `T` is whatever a waiting one is told by.
#[derive(Debug)]
pub(crate) struct Places<T> {
    free: usize,
    servers: HashMap<String, Server<T>>,
    /// Servers for which somebody waits, by how many places they hold.
    waiting: BTreeSet<(usize, String)>,
}

#[derive(Debug)]
struct Server<T> {
    held: usize,
    webhooks: HashMap<WebhookId, Lane<T>>,
    /// Webhooks for which somebody waits, by how many places they hold.
    waiting: BTreeSet<(usize, WebhookId)>,
}

#[derive(Debug)]
struct Lane<T> {
    held: usize,
    queue: VecDeque<T>,
}

impl<T> Places<T> {
    pub(crate) fn new(places: usize) -> Self {
        Self { free: places, servers: HashMap::new(), waiting: BTreeSet::new() }
    }

    /// Asks for a place. Those who have one now, this one among them or not.
    pub(crate) fn ask(&mut self, server: &str, webhook: WebhookId, who: T) -> Vec<T> {
        let found = self.servers.entry(server.to_owned()).or_insert_with(|| Server {
            held: 0,
            webhooks: HashMap::new(),
            waiting: BTreeSet::new(),
        });
        let lane = found.webhooks.entry(webhook).or_insert_with(|| Lane { held: 0, queue: VecDeque::new() });
        lane.queue.push_back(who);
        found.waiting.insert((lane.held, webhook));
        self.waiting.insert((found.held, server.to_owned()));
        self.grant()
    }

    /// Gives a place back. Those who have one now.
    pub(crate) fn give_back(&mut self, server: &str, webhook: WebhookId) -> Vec<T> {
        self.change(server, webhook, |held| held.saturating_sub(1));
        self.free += 1;
        self.grant()
    }

    fn grant(&mut self) -> Vec<T> {
        let mut granted = Vec::new();
        while let Some((server, webhook)) = self.next() {
            let lane = self.servers.get_mut(&server).and_then(|server| server.webhooks.get_mut(&webhook));
            granted.extend(lane.and_then(|lane| lane.queue.pop_front()));
            self.free -= 1;
            self.change(&server, webhook, |held| held + 1);
        }
        granted
    }

    /// Whose turn it is: the server that holds the least, of it the webhook that holds the least.
    fn next(&self) -> Option<(String, WebhookId)> {
        for (held, name) in &self.waiting {
            let spare = self.free.saturating_sub(*held);
            if spare == 0 {
                // Those behind hold at least as much.
                return None;
            }
            let first = self.servers.get(name).and_then(|server| server.waiting.first());
            if let Some((_, webhook)) = first.filter(|(held, _)| *held < spare) {
                return Some((name.clone(), *webhook));
            }
        }
        None
    }

    /// Changes how many places a webhook holds, and keeps every order by that number.
    fn change(&mut self, name: &str, webhook: WebhookId, change: impl Fn(usize) -> usize) {
        let Some(server) = self.servers.get_mut(name) else { return };
        let Some(lane) = server.webhooks.get_mut(&webhook) else { return };
        self.waiting.remove(&(server.held, name.to_owned()));
        server.waiting.remove(&(lane.held, webhook));
        (server.held, lane.held) = (change(server.held), change(lane.held));
        if !lane.queue.is_empty() {
            server.waiting.insert((lane.held, webhook));
        } else if lane.held == 0 {
            server.webhooks.remove(&webhook);
        }
        if !server.waiting.is_empty() {
            self.waiting.insert((server.held, name.to_owned()));
        } else if server.webhooks.is_empty() {
            self.servers.remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sim::ids::PersonId;

    fn hook(number: u32) -> WebhookId {
        WebhookId::of(PersonId::of("a@webex.bot"), &number.to_string())
    }

    #[test]
    fn a_target_that_hangs_leaves_half_of_the_places() {
        let mut places = Places::new(16);
        let held: usize = (0..100).map(|number| places.ask("slow", hook(number), ()).len()).sum();
        assert_eq!(held, 8);
        assert_eq!(places.ask("fast", hook(0), ()).len(), 1);
    }

    #[test]
    fn a_webhook_that_hangs_leaves_room_for_others_of_its_server() {
        let mut places = Places::new(16);
        let held: usize = (0..100).map(|_| places.ask("one", hook(1), ()).len()).sum();
        assert!((4..8).contains(&held), "{held}");
        assert_eq!(places.ask("one", hook(2), ()).len(), 1);
    }

    #[test]
    fn who_waited_is_told_when_a_place_is_free_again() {
        let mut places = Places::new(2);
        assert_eq!(places.ask("a", hook(1), 1), [1]);
        assert!(places.ask("a", hook(1), 2).is_empty());
        assert_eq!(places.give_back("a", hook(1)), [2]);
        assert!(places.give_back("a", hook(1)).is_empty());
        assert!(places.servers.is_empty() && places.waiting.is_empty());
        assert_eq!(places.free, 2);
    }

    proptest! {
        #[test]
        fn everyone_gets_a_place_once_and_no_more_than_there_are(
            asks in prop::collection::vec((0_usize..3, 0_u32..4), 1..60), count in 1_usize..9,
        ) {
            let names = ["a", "b", "c"];
            let mut places = Places::new(count);
            let mut holding: VecDeque<usize> = VecDeque::new();
            let mut served = vec![0; asks.len()];
            for (number, (server, webhook)) in asks.iter().enumerate() {
                holding.extend(places.ask(names[*server], hook(*webhook), number));
                prop_assert!(holding.len() <= count);
            }
            while let Some(number) = holding.pop_front() {
                served[number] += 1;
                let (server, webhook) = asks[number];
                holding.extend(places.give_back(names[server], hook(webhook)));
                prop_assert!(holding.len() <= count);
            }
            prop_assert!(served.iter().all(|times| *times == 1), "{:?}", served);
            prop_assert!(places.servers.is_empty());
            prop_assert_eq!(places.free, count);
        }
    }
}
