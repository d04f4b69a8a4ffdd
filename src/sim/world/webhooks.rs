//! Registrations of webhooks, and the rule that switches off those that fail.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    time::Duration,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{
    Filter, Page, Position, Wanted, World,
    events::{EventName, Resource},
    filter::Facts,
};
use crate::{
    base::{Millis, Secret},
    sim::{
        ids::{PersonId, WebhookId},
        refusal::Refusal,
        wire,
    },
};

/// Most one user may own.
const MOST_WEBHOOKS: usize = 30_000;
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
    pub(crate) created: Millis,
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
    seq: u64,
    owner: PersonId,
    name: String,
    target_url: String,
    resource: Resource,
    event: EventName,
    filter: Option<String>,
    secret: Option<String>,
    active: bool,
    created: Millis,
}

impl Webhook {
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
        }
    }

    fn failed(&mut self, now: Millis) {
        self.failures.push_back(now);
        while self.failures.len() > MOST_FAILURES
            || self.failures.front().is_some_and(|first| now.since(*first) > FAILURE_WINDOW)
        {
            self.failures.pop_front();
        }
        let on_probation = self.on_probation.is_some_and(|until| now < until);
        if self.active && (on_probation || self.failures.len() >= MOST_FAILURES) {
            self.active = false;
            self.switched_off = Some(now);
            self.failures.clear();
        }
    }

    fn reactivate(&mut self, now: Millis) {
        let soon = self.switched_off.is_some_and(|at| now.since(at) < FAILURE_WINDOW);
        self.on_probation = soon.then(|| now.plus(FAILURE_WINDOW));
        self.switched_off = None;
        self.active = true;
    }
}

/// All registrations, with the index by owner.
#[derive(Debug, Default)]
pub(crate) struct Webhooks {
    by_id: HashMap<WebhookId, Webhook>,
    of: HashMap<PersonId, BTreeMap<u64, WebhookId>>,
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

    /// Whether this person has any.
    pub(super) fn any(&self, person: PersonId) -> bool {
        self.of.get(&person).is_some_and(|own| !own.is_empty())
    }

    /// This person's, oldest first.
    pub(super) fn of(&self, person: PersonId) -> impl Iterator<Item = &Webhook> {
        self.of.get(&person).into_iter().flat_map(BTreeMap::values).filter_map(|id| self.by_id.get(id))
    }

    fn insert(&mut self, webhook: Webhook) {
        self.of.entry(webhook.owner).or_default().insert(webhook.seq, webhook.id);
        self.by_id.insert(webhook.id, webhook);
    }

    fn remove(&mut self, id: WebhookId) {
        if let Some(webhook) = self.by_id.remove(&id)
            && let Some(own) = self.of.get_mut(&webhook.owner)
        {
            own.remove(&webhook.seq);
        }
    }
}

/// `POST /webhooks`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NewWebhook {
    pub(crate) name: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) event: Option<String>,
    pub(crate) filter: Option<String>,
    pub(crate) secret: Option<Secret>,
}

/// `PUT /webhooks/{id}`: resource, event and filter in a body are ignored, as Webex does.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct WebhookChange {
    pub(crate) name: Option<String>,
    pub(crate) target_url: Option<String>,
    pub(crate) secret: Option<Secret>,
    pub(crate) status: Option<String>,
}

/// A word of Webex's, by its serde name.
fn word<T: DeserializeOwned>(field: &str, text: Option<&str>) -> Result<T, Refusal> {
    let text = text.filter(|text| !text.is_empty());
    let text = text.ok_or_else(|| Refusal::bad(format!("{field} cannot be null")))?;
    serde_json::from_value(text.into()).map_err(|_unknown| Refusal::bad(format!("invalid {field}: {text}")))
}

fn target(url: Option<&str>) -> Result<String, Refusal> {
    let text = url.filter(|url| !url.is_empty()).ok_or_else(|| Refusal::bad("targetUrl cannot be null"))?;
    let parsed = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    parsed.map(|_| text.to_owned()).ok_or_else(|| Refusal::bad("targetUrl is not a valid http or https URL"))
}

fn named(name: Option<&str>) -> Result<String, Refusal> {
    let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| Refusal::bad("name cannot be empty"))?;
    Ok(name.to_owned())
}

impl World {
    /// `POST /webhooks`.
    pub(crate) fn create_webhook(&mut self, caller: PersonId, new: NewWebhook) -> Result<WebhookId, Refusal> {
        let name = named(new.name.as_deref())?;
        let target_url = target(new.target_url.as_deref())?;
        let resource: Resource = word("resource", new.resource.as_deref())?;
        let event: EventName = word("event", new.event.as_deref())?;
        if !resource.offers(event) {
            let (resource, event) = (resource.as_str(), event.as_str());
            return Err(Refusal::bad(format!("invalid event for resource {resource}: {event}")));
        }
        let filter = Filter::parse(self, caller, resource, new.filter.as_deref())?;
        if self.webhooks.of.get(&caller).is_some_and(|own| own.len() >= MOST_WEBHOOKS) {
            return Err(Refusal::bad(format!("A user can have at most {MOST_WEBHOOKS} webhooks.")));
        }
        let webhook = Webhook {
            id: self.webhook_next.unwrap_or_else(WebhookId::fresh),
            seq: self.next_seq(),
            owner: caller,
            name,
            target_url,
            resource,
            event,
            filter,
            secret: new.secret.filter(|secret| !secret.expose().is_empty()),
            active: true,
            created: self.now,
            failures: VecDeque::new(),
            switched_off: None,
            on_probation: None,
        };
        let id = webhook.id;
        self.webhooks.insert(webhook);
        Ok(id)
    }

    /// The webhook, if it is the caller's.
    pub(crate) fn webhook_of(&self, caller: PersonId, id: WebhookId) -> Result<&Webhook, Refusal> {
        self.webhooks.get(id).filter(|webhook| webhook.owner == caller).ok_or_else(Refusal::no_such_resource)
    }

    /// `PUT /webhooks/{id}`.
    pub(crate) fn update_webhook(
        &mut self,
        caller: PersonId,
        id: WebhookId,
        change: WebhookChange,
    ) -> Result<(), Refusal> {
        self.webhook_of(caller, id)?;
        let name = named(change.name.as_deref())?;
        let target_url = target(change.target_url.as_deref())?;
        let reactivate = match change.status.as_deref() {
            None => false,
            Some("active") => true,
            Some(other) => return Err(Refusal::bad(format!("invalid status: {other}"))),
        };
        let now = self.now;
        if let Some(webhook) = self.webhooks.by_id.get_mut(&id) {
            webhook.name = name;
            webhook.target_url = target_url;
            if let Some(secret) = change.secret {
                webhook.secret = Some(secret).filter(|secret| !secret.expose().is_empty());
            }
            if reactivate && !webhook.active {
                webhook.reactivate(now);
            }
        }
        self.touch();
        Ok(())
    }

    /// `DELETE /webhooks/{id}`.
    pub(crate) fn delete_webhook(&mut self, caller: PersonId, id: WebhookId) -> Result<(), Refusal> {
        match self.webhooks.get(id) {
            None => Err(Refusal::no_such_resource()),
            Some(webhook) if webhook.owner != caller => {
                Err(Refusal::bad("Failed to delete webhook.  You are not the owner of it."))
            }
            Some(_) => {
                self.webhooks.remove(id);
                self.touch();
                Ok(())
            }
        }
    }

    /// `GET /webhooks`.
    pub(crate) fn list_webhooks(&self, caller: PersonId, wanted: Wanted) -> Page<&Webhook> {
        wanted.cut(self.webhooks.of(caller).map(|webhook| (Position::rising(webhook.seq), webhook)))
    }

    /// Whether deliveries by it may still be made.
    pub(crate) fn is_active(&self, id: WebhookId) -> bool {
        self.webhooks.get(id).is_some_and(|webhook| webhook.active)
    }

    /// A delivery by it failed: not reached, or not answered 2xx.
    pub(crate) fn delivery_failed(&mut self, id: WebhookId) {
        let now = self.now;
        if let Some(webhook) = self.webhooks.by_id.get_mut(&id) {
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
        let filter = Filter::parse(self, saved.owner, saved.resource, saved.filter.as_deref())?;
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
            created: saved.created,
            failures: VecDeque::new(),
            switched_off: None,
            on_probation: None,
        });
        Ok(())
    }

    /// As clients see it.
    pub(crate) fn show_webhook(&self, webhook: &Webhook) -> wire::Webhook {
        wire::Webhook {
            id: webhook.id.public(),
            name: webhook.name.clone(),
            target_url: webhook.target_url.clone(),
            resource: webhook.resource.as_str(),
            event: webhook.event.as_str(),
            filter: webhook.filter.source().map(str::to_owned),
            secret: webhook.secret.as_ref().map(|secret| secret.expose().to_owned()),
            org_id: self.org.public(),
            created_by: webhook.owner.public(),
            app_id: self.app.public(),
            owned_by: "creator",
            status: if webhook.active { "active" } else { "inactive" },
            created: webhook.created.iso(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::NewMessage;

    fn new(resource: &str, event: &str) -> NewWebhook {
        NewWebhook {
            name: Some("n".into()),
            target_url: Some("http://127.0.0.1:1/hooks/echo".into()),
            resource: Some(resource.into()),
            event: Some(event.into()),
            ..NewWebhook::default()
        }
    }

    fn change() -> WebhookChange {
        WebhookChange { name: Some("n".into()), target_url: Some("http://h/".into()), ..WebhookChange::default() }
    }

    fn say(world: &mut World, to: &str) {
        let alice = world.people.by_email("alice@example.com").unwrap().id;
        let new = NewMessage { to_person_email: Some(to.into()), text: Some("hi".into()), ..NewMessage::default() };
        world.create_message(alice, new).unwrap();
    }

    #[test]
    fn a_registration_has_the_refusals_of_webex() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let mut refused = |new| world.create_webhook(echo, new).unwrap_err().message;
        assert_eq!(refused(NewWebhook::default()), "name cannot be empty");
        assert_eq!(refused(NewWebhook { target_url: None, ..new("all", "all") }), "targetUrl cannot be null");
        let ftp = NewWebhook { target_url: Some("ftp://h/".into()), ..new("all", "all") };
        assert!(refused(ftp).starts_with("targetUrl is not"));
        assert_eq!(refused(new("cats", "all")), "invalid resource: cats");
        assert_eq!(refused(new("rooms", "deleted")), "invalid event for resource rooms: deleted");
        assert_eq!(refused(NewWebhook { event: None, ..new("rooms", "") }), "event cannot be null");
    }

    #[test]
    fn the_firehose_and_one_event_both_hear_a_message_once() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        world.create_webhook(echo, new("all", "all")).unwrap();
        world.create_webhook(echo, new("messages", "created")).unwrap();
        world.create_webhook(echo, new("messages", "deleted")).unwrap();
        say(&mut world, "echo@webex.bot");
        let heard: Vec<_> =
            world.take_deliveries().into_iter().filter(|delivery| delivery.note.resource == "messages").collect();
        assert_eq!(heard.len(), 2);
        let body: serde_json::Value = serde_json::from_slice(&heard[0].body).unwrap();
        assert_eq!(body["data"]["personEmail"], "alice@example.com");
        assert!(body.get("secret").is_none() && body["data"].get("text").is_none());
    }

    #[test]
    fn an_update_changes_only_what_may_change() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let id = world
            .create_webhook(echo, NewWebhook { secret: Some(Secret::new("s")), ..new("messages", "created") })
            .unwrap();
        world.update_webhook(echo, id, change()).unwrap();
        let webhook = world.webhook_of(echo, id).unwrap();
        assert_eq!(
            (webhook.target_url.as_str(), webhook.secret.as_ref().map(Secret::expose)),
            ("http://h/", Some("s"))
        );
        assert_eq!(webhook.resource, Resource::Messages);
        let other = world.authenticate("sim-bot-other").unwrap();
        assert_eq!(world.update_webhook(other, id, change()).unwrap_err().status, 404);
        assert!(world.delete_webhook(other, id).unwrap_err().message.contains("not the owner"));
    }

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
