//! Registering webhooks: making, changing, deleting and listing them, with the refusals of Webex.

use serde::{Deserialize, de::DeserializeOwned};

use super::{
    Filter, Page, Position, Wanted, Webhook, World,
    events::{EventName, Resource},
    filter::Sight,
    limits::{LONGEST_NAME, LONGEST_TEXT, MOST_WEBHOOKS, MOST_WEBHOOKS_IN_ALL, check_count, check_text},
    webhooks::Record,
};
use crate::{
    base::Secret,
    sim::{
        ids::{PersonId, WebhookId},
        refusal::Refusal,
        wire,
    },
};

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
    pub(crate) owned_by: Option<String>,
}

/// `PUT /webhooks/{id}`: all else in a body (resource, event, filter, ownedBy) is ignored, as Webex does.
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

/// An empty secret is none.
fn secret(secret: Option<Secret>) -> Result<Option<Secret>, Refusal> {
    check_text("secret", secret.as_ref().map(Secret::expose), LONGEST_TEXT)?;
    Ok(secret.filter(|secret| !secret.expose().is_empty()))
}

fn target(url: Option<&str>) -> Result<String, Refusal> {
    let text = url.filter(|url| !url.is_empty()).ok_or_else(|| Refusal::bad("targetUrl cannot be null"))?;
    check_text("targetUrl", Some(text), LONGEST_TEXT)?;
    let parsed = url::Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    parsed.map(|_| text.to_owned()).ok_or_else(|| Refusal::bad("targetUrl is not a valid http or https URL"))
}

fn named(name: Option<&str>) -> Result<String, Refusal> {
    let name = name.filter(|name| !name.trim().is_empty()).ok_or_else(|| Refusal::bad("name cannot be empty"))?;
    check_text("name", Some(name), LONGEST_NAME)?;
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
        let of_org = match new.owned_by.as_deref().filter(|word| !word.is_empty()) {
            None | Some("creator") => false,
            Some("org") => true,
            Some(other) => return Err(Refusal::bad(format!("invalid ownedBy: {other}"))),
        };
        if of_org {
            // Webex offers this for some resources only and in part to compliance officers; here to administrators.
            self.only_admins(caller)?;
        }
        let sight = if of_org { Sight::Organisation } else { Sight::Own };
        check_text("filter", new.filter.as_deref(), LONGEST_TEXT)?;
        let filter = Filter::parse(self, caller, sight, resource, new.filter.as_deref())?;
        if self.webhooks.count(caller) >= MOST_WEBHOOKS {
            return Err(Refusal::bad(format!("A user can have at most {MOST_WEBHOOKS} webhooks.")));
        }
        check_count("webhooks", self.webhooks.len(), MOST_WEBHOOKS_IN_ALL)?;
        let webhook = Webhook {
            id: self.webhook_next.unwrap_or_else(WebhookId::fresh),
            seq: self.next_seq(),
            owner: caller,
            name,
            target_url,
            resource,
            event,
            filter,
            secret: secret(new.secret)?,
            active: true,
            of_org,
            created: self.now,
            record: Record::default(),
        };
        let id = webhook.id;
        self.webhooks.insert(webhook);
        Ok(id)
    }

    /// The webhook, if it is the caller's, or the organisation's and the caller administers that.
    pub(crate) fn webhook_of(&self, caller: PersonId, id: WebhookId) -> Result<&Webhook, Refusal> {
        self.webhooks.get(id).filter(|webhook| self.manages(caller, webhook)).ok_or_else(Refusal::no_such_resource)
    }

    fn manages(&self, caller: PersonId, webhook: &Webhook) -> bool {
        webhook.owner == caller || (webhook.of_org && self.is_admin(caller))
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
        let (now, named, secret) = (self.now, change.secret.is_some(), secret(change.secret)?);
        let replaces = named || self.switches.webhook_update_drops_secret;
        if let Some(webhook) = self.webhooks.get_mut(id) {
            webhook.name = name;
            webhook.target_url = target_url;
            if replaces {
                webhook.secret = secret;
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
            None => Err(Refusal::no_webhook_to_delete()),
            Some(webhook) if !self.manages(caller, webhook) => {
                Err(Refusal::bad("Failed to delete webhook.  You are not the owner of it."))
            }
            Some(_) => {
                self.webhooks.remove(id);
                self.touch();
                Ok(())
            }
        }
    }

    /// `GET /webhooks`: one's own, those made for the organisation among them.
    pub(crate) fn list_webhooks(&self, caller: PersonId, wanted: Wanted) -> Page<&Webhook> {
        wanted.cut(self.webhooks.of(caller).map(|webhook| (Position::rising(webhook.seq), webhook)))
    }

    /// `GET /webhooks?ownedBy=org`: those of the organisation, whoever made them.
    pub(crate) fn list_org_webhooks(&self, caller: PersonId, wanted: Wanted) -> Result<Page<&Webhook>, Refusal> {
        self.only_admins(caller)?;
        Ok(wanted.cut(self.webhooks.of_org().map(|webhook| (Position::rising(webhook.seq), webhook))))
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
            owned_by: webhook.owned_by(),
            status: if webhook.active { "active" } else { "inactive" },
            created: webhook.created.iso(),
        }
    }
}

#[cfg(test)]
pub(super) mod testing {
    //! Webhooks to try things with, and something for them to hear of.

    use super::*;
    use crate::sim::world::NewMessage;

    pub(in crate::sim::world) fn new(resource: &str, event: &str) -> NewWebhook {
        NewWebhook {
            name: Some("n".into()),
            target_url: Some("http://127.0.0.1:1/hooks/echo".into()),
            resource: Some(resource.into()),
            event: Some(event.into()),
            ..NewWebhook::default()
        }
    }

    pub(in crate::sim::world) fn change() -> WebhookChange {
        WebhookChange { name: Some("n".into()), target_url: Some("http://h/".into()), ..WebhookChange::default() }
    }

    pub(in crate::sim::world) fn say(world: &mut World, to: &str) {
        let alice = world.people.by_email("alice@example.com").unwrap().id;
        let new = NewMessage { to_person_email: Some(to.into()), text: Some("hi".into()), ..NewMessage::default() };
        world.create_message(alice, new).unwrap();
    }
}

#[cfg(test)]
mod tests {
    use super::{
        testing::{change, new, say},
        *,
    };
    use crate::sim::world::RoomChange;

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
    fn one_user_owns_so_many_and_no_more() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        for _ in 0..MOST_WEBHOOKS {
            world.create_webhook(echo, new("messages", "created")).unwrap();
        }
        let refusal = world.create_webhook(echo, new("messages", "created")).unwrap_err();
        assert!(refusal.message.contains("30000"), "{}", refusal.message);
        let other = world.authenticate("sim-bot-other").unwrap();
        assert!(world.create_webhook(other, new("messages", "created")).is_ok());
    }

    #[test]
    fn what_never_happens_here_can_be_registered_too() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let filtered = NewWebhook { filter: Some("hostEmail=x@example.com".into()), ..new("meetings", "started") };
        let id = world.create_webhook(echo, filtered).unwrap();
        assert_eq!(world.webhook_of(echo, id).unwrap().filter.source(), Some("hostEmail=x@example.com"));
        world.create_webhook(echo, new("telephony_calls", "all")).unwrap();
        world.create_webhook(echo, new("rooms", "migrated")).unwrap();
        say(&mut world, "echo@webex.bot");
        assert!(world.take_deliveries().is_empty());
    }

    #[test]
    fn the_organisations_webhook_is_an_administrators_and_hears_everyone_once() {
        let mut world = World::seeded();
        world.authenticate("sim-bot-echo").unwrap();
        let (admin, alice) = (world.authenticate("sim-admin").unwrap(), world.authenticate("sim-alice").unwrap());
        let org = || NewWebhook { owned_by: Some("org".into()), ..new("messages", "created") };
        assert_eq!(world.create_webhook(alice, org()).unwrap_err().status, 403);
        let odd = NewWebhook { owned_by: Some("me".into()), ..org() };
        assert_eq!(world.create_webhook(admin, odd).unwrap_err().message, "invalid ownedBy: me");
        let id = world.create_webhook(admin, org()).unwrap();
        say(&mut world, "echo@webex.bot");
        say(&mut world, "admin@example.com");
        let heard = world.take_deliveries();
        assert_eq!(heard.len(), 2, "once each, also where the administrator is a member");
        let body: serde_json::Value = serde_json::from_slice(&heard[0].body).unwrap();
        assert_eq!((&body["ownedBy"], &body["createdBy"]), (&"org".into(), &admin.public().into()));
        let all = Wanted { after: None, max: 10 };
        assert_eq!(world.list_org_webhooks(alice, all).unwrap_err().status, 403);
        assert_eq!(world.list_org_webhooks(admin, all).unwrap().items.len(), 1);
        assert_eq!(world.list_webhooks(admin, all).items.len(), 1);
        world.delete_webhook(admin, id).unwrap();
        say(&mut world, "echo@webex.bot");
        assert!(world.take_deliveries().is_empty());
    }

    #[test]
    fn an_update_without_a_secret_keeps_it_unless_the_switch_says_otherwise() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let secret = Some(Secret::new("s"));
        let id = world.create_webhook(echo, NewWebhook { secret, ..new("all", "all") }).unwrap();
        world.update_webhook(echo, id, change()).unwrap();
        assert!(world.webhook_of(echo, id).unwrap().secret.is_some());
        world.switches.webhook_update_drops_secret = true;
        world.update_webhook(echo, id, change()).unwrap();
        assert!(world.webhook_of(echo, id).unwrap().secret.is_none());
    }

    #[test]
    fn an_update_can_only_switch_on() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let id = world.create_webhook(echo, new("all", "all")).unwrap();
        let off = WebhookChange { status: Some("inactive".into()), ..change() };
        assert_eq!(world.update_webhook(echo, id, off).unwrap_err().message, "invalid status: inactive");
        assert!(world.update_webhook(echo, id, WebhookChange::default()).unwrap_err().message.starts_with("name"));
    }

    #[test]
    fn only_its_maker_hears_of_a_new_room_and_all_of_its_change() {
        let mut world = World::seeded();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let alice = world.authenticate("sim-alice").unwrap();
        world.create_webhook(echo, new("rooms", "all")).unwrap();
        world.create_webhook(alice, new("rooms", "all")).unwrap();
        let titled = || RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        let room = world.create_room(alice, titled()).unwrap();
        world.add_member(alice, room, echo, false).unwrap();
        world.update_room(alice, room, titled()).unwrap();
        let heard: Vec<_> =
            world.take_deliveries().into_iter().map(|delivery| (delivery.note.event, delivery.note.person)).collect();
        assert_eq!(heard[0], ("created", alice));
        assert_eq!(heard.len(), 3);
        assert!(heard.contains(&("updated", alice)) && heard.contains(&("updated", echo)));
    }
}
