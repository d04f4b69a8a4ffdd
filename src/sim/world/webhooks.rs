//! Webhooks: how they are kept, and the rule that switches off those that fail.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    Filter, World,
    events::{EventName, Resource},
    filter::{Facts, Sight},
};
use crate::{
    base::{Millis, Secret},
    sim::{
        ids::{PersonId, WebhookId},
        refusal::Refusal,
    },
};

/// So many failures within [`FAILURE_WINDOW`] switch a webhook off.
const MOST_FAILURES: usize = 100;
const FAILURE_WINDOW: Duration = Duration::from_mins(5);

/// A registration.
#[derive(Debug, Clone)]
pub(crate) struct Webhook {
    pub(crate) id: WebhookId,
    pub(crate) seq: u64,
    pub(crate) owner: PersonId,
    pub(crate) name: String,
    pub(crate) target_url: String,
    pub(crate) resource: Resource,
    pub(crate) event: EventName,
    pub(crate) filter: Filter,
    pub(crate) secret: Option<Secret>,
    pub(crate) active: bool,
    /// It hears of everyone's events: `ownedBy` is `org`.
    pub(crate) of_org: bool,
    pub(crate) created: Millis,
    pub(super) record: Record,
}

/// How a webhook has done.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// Moments of the latest failures, at most [`MOST_FAILURES`].
    failures: VecDeque<Millis>,
    /// When it was switched off for failing.
    switched_off: Option<Millis>,
    /// Until then a single failure switches it off again.
    on_probation: Option<Millis>,
}

/// A registration as it is saved: its filter as it was written, its secret in the open.
#[derive(Serialize, Deserialize)]
pub(crate) struct SavedWebhook {
    id: WebhookId,
    pub(super) seq: u64,
    owner: PersonId,
    name: String,
    target_url: String,
    resource: Resource,
    event: EventName,
    filter: Option<String>,
    secret: Option<String>,
    active: bool,
    created: Millis,
    #[serde(default)]
    of_org: bool,
    #[serde(default)]
    switched_off: Option<Millis>,
    #[serde(default)]
    on_probation: Option<Millis>,
}

impl Webhook {
    /// Webex's word for whose it is.
    pub(crate) fn owned_by(&self) -> &'static str {
        if self.of_org { "org" } else { "creator" }
    }

    /// Whether it is to hear of this.
    pub(super) fn wants(&self, resource: Resource, event: EventName, facts: &Facts) -> bool {
        self.active
            && self.resource.covers(resource)
            && (self.event == event || self.event == EventName::All)
            && self.filter.holds(facts)
    }

    /// For the state file.
    pub(super) fn save(&self) -> SavedWebhook {
        SavedWebhook {
            id: self.id,
            seq: self.seq,
            owner: self.owner,
            name: self.name.clone(),
            target_url: self.target_url.clone(),
            resource: self.resource,
            event: self.event,
            filter: self.filter.source().map(str::to_owned),
            secret: self.secret.as_ref().map(|secret| secret.expose().to_owned()),
            active: self.active,
            created: self.created,
            of_org: self.of_org,
            switched_off: self.record.switched_off,
            on_probation: self.record.on_probation,
        }
    }

    fn failed(&mut self, now: Millis) {
        let record = &mut self.record;
        record.failures.push_back(now);
        while record.failures.len() > MOST_FAILURES
            || record.failures.front().is_some_and(|first| now.since(*first) > FAILURE_WINDOW)
        {
            record.failures.pop_front();
        }
        let on_probation = record.on_probation.is_some_and(|until| now < until);
        if self.active && (on_probation || record.failures.len() >= MOST_FAILURES) {
            self.active = false;
            record.switched_off = Some(now);
            record.failures.clear();
        }
    }

    /// It is to try again. Within five minutes after it was switched off that is on probation.
    pub(super) fn reactivate(&mut self, now: Millis) {
        let soon = self.record.switched_off.is_some_and(|at| now.since(at) < FAILURE_WINDOW);
        self.record.on_probation = soon.then(|| now.plus(FAILURE_WINDOW));
        self.record.switched_off = None;
        self.active = true;
    }
}

/// All registrations, with the index by owner.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    by_id: HashMap<WebhookId, Webhook>,
    of: HashMap<PersonId, BTreeMap<u64, WebhookId>>,
    /// Those that hear of everyone's events.
    org: BTreeMap<u64, WebhookId>,
}

impl Webhooks {
    /// By id.
    pub(crate) fn get(&self, id: WebhookId) -> Option<&Webhook> {
        self.by_id.get(&id)
    }

    /// All, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Webhook> {
        self.by_id.values()
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether what this person hears of is worth telling: to webhooks of its own or of the organisation.
    pub(super) fn any(&self, person: PersonId) -> bool {
        !self.org.is_empty() || self.count(person) > 0
    }

    /// How many this person owns.
    pub(super) fn count(&self, person: PersonId) -> usize {
        self.of.get(&person).map_or(0, BTreeMap::len)
    }

    /// Those of the organisation, oldest first.
    pub(super) fn of_org(&self) -> impl Iterator<Item = &Webhook> {
        self.org.values().filter_map(|id| self.by_id.get(id))
    }

    /// By id, to change what no index knows.
    pub(super) fn get_mut(&mut self, id: WebhookId) -> Option<&mut Webhook> {
        self.by_id.get_mut(&id)
    }

    /// This person's, oldest first.
    pub(super) fn of(&self, person: PersonId) -> impl Iterator<Item = &Webhook> {
        self.of.get(&person).into_iter().flat_map(BTreeMap::values).filter_map(|id| self.by_id.get(id))
    }

    /// Puts one in, with its indexes.
    pub(super) fn insert(&mut self, webhook: Webhook) {
        if webhook.of_org {
            self.org.insert(webhook.seq, webhook.id);
        }
        self.of.entry(webhook.owner).or_default().insert(webhook.seq, webhook.id);
        self.by_id.insert(webhook.id, webhook);
    }

    /// Takes one out.
    pub(super) fn remove(&mut self, id: WebhookId) {
        let Some(webhook) = self.by_id.remove(&id) else { return };
        self.org.remove(&webhook.seq);
        if let Some(own) = self.of.get_mut(&webhook.owner) {
            own.remove(&webhook.seq);
        }
    }
}

impl World {
    /// Whether deliveries by it may still be made.
    pub(crate) fn is_active(&self, id: WebhookId) -> bool {
        self.webhooks.get(id).is_some_and(|webhook| webhook.active)
    }

    /// A delivery by it failed: not reached, or not answered 2xx.
    pub(crate) fn delivery_failed(&mut self, id: WebhookId) {
        let now = self.now;
        if let Some(webhook) = self.webhooks.get_mut(id) {
            webhook.failed(now);
        }
        self.touch();
    }

    /// The creator is gone: their webhooks are disabled, and nobody will ever enable them again.
    pub(crate) fn disable_webhooks_of(&mut self, owner: PersonId) {
        let ids: Vec<WebhookId> = self.webhooks.of(owner).map(|webhook| webhook.id).collect();
        for id in ids {
            if let Some(webhook) = self.webhooks.by_id.get_mut(&id) {
                webhook.active = false;
            }
        }
        self.touch();
    }

    /// As it was saved.
    pub(super) fn restore_webhook(&mut self, saved: SavedWebhook) -> Result<(), Refusal> {
        let filter = Filter::parse(self, saved.owner, Sight::Restored, saved.resource, saved.filter.as_deref())?;
        self.webhooks.insert(Webhook {
            id: saved.id,
            seq: saved.seq,
            owner: saved.owner,
            name: saved.name,
            target_url: saved.target_url,
            resource: saved.resource,
            event: saved.event,
            filter,
            secret: saved.secret.map(Secret::new),
            active: saved.active,
            of_org: saved.of_org,
            created: saved.created,
            record: Record {
                failures: VecDeque::new(),
                switched_off: saved.switched_off,
                on_probation: saved.on_probation,
            },
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::{
        WebhookChange,
        registering::testing::{change, new, say},
    };

    #[test]
    fn a_hundred_failures_in_five_minutes_switch_it_off() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let id = world.create_webhook(echo, new("all", "all")).unwrap();
        for _ in 0..99 {
            world.delivery_failed(id);
        }
        assert!(world.is_active(id));
        let later = world.now.plus(FAILURE_WINDOW + Duration::from_secs(1));
        world.at(later).delivery_failed(id);
        assert!(world.is_active(id), "the old failures no longer count");
        for _ in 0..99 {
            world.delivery_failed(id);
        }
        assert!(!world.is_active(id));
        say(&mut world, "echo@webex.bot");
        assert!(world.take_deliveries().is_empty());
    }

    #[test]
    fn reactivated_too_soon_one_failure_is_enough() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let id = world.create_webhook(echo, new("all", "all")).unwrap();
        let active = || WebhookChange { status: Some("active".into()), ..change() };
        (0..100).for_each(|_| world.delivery_failed(id));
        world.update_webhook(echo, id, active()).unwrap();
        assert!(world.is_active(id));
        world.delivery_failed(id);
        assert!(!world.is_active(id));
        let later = world.now.plus(FAILURE_WINDOW);
        world.at(later).update_webhook(echo, id, active()).unwrap();
        world.delivery_failed(id);
        assert!(world.is_active(id), "after five minutes it starts afresh");
    }
}
