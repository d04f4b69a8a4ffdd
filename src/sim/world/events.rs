//! What changes is told: to the journal, and to every webhook that may hear of it and asked for it.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{Room, Webhook, What, World, filter::Facts};
use crate::{
    base::Secret,
    sim::{
        ids::{PersonId, RoomId, WebhookId},
        wire,
    },
};

/// What a webhook can be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Resource {
    Messages,
    Memberships,
    Rooms,
    AttachmentActions,
    /// The firehose: all but attachment actions.
    All,
}

impl Resource {
    /// Webex's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Messages => "messages",
            Self::Memberships => "memberships",
            Self::Rooms => "rooms",
            Self::AttachmentActions => "attachmentActions",
            Self::All => "all",
        }
    }

    /// Whether a registration for `self` is one for `resource`.
    pub(crate) fn covers(self, resource: Self) -> bool {
        self == resource || (self == Self::All && resource != Self::AttachmentActions)
    }

    /// Whether one may register for this event of it.
    pub(crate) fn offers(self, event: EventName) -> bool {
        match (self, event) {
            (Self::All, event) => event == EventName::All,
            (Self::AttachmentActions, event) => matches!(event, EventName::Created | EventName::All),
            (Self::Rooms, EventName::Deleted) => false,
            _ => true,
        }
    }
}

/// What happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EventName {
    Created,
    Updated,
    Deleted,
    /// Each of the others.
    All,
}

impl EventName {
    /// Webex's word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Deleted => "deleted",
            Self::All => "all",
        }
    }
}

/// Something that changed, and who with a webhook may hear of it.
#[derive(Debug)]
pub(crate) struct Emitted {
    resource: Resource,
    event: EventName,
    actor: PersonId,
    room: RoomId,
    /// Public id of the thing.
    id: String,
    /// For the journal only.
    pub(crate) text: Option<String>,
    /// What filters look at.
    pub(crate) facts: Facts,
    /// The `data` of its deliveries; absent when it could not be written, which plain structs never cause.
    data: Option<Box<RawValue>>,
    audience: Vec<PersonId>,
}

impl Emitted {
    /// Something that happened in a room.
    pub(crate) fn new(
        resource: Resource,
        event: EventName,
        actor: PersonId,
        room: &Room,
        id: String,
        data: &impl Serialize,
        audience: Vec<PersonId>,
    ) -> Self {
        let facts = Facts::of(room);
        // Nobody listens to most of what happens: its data is not even written.
        let data = if audience.is_empty() { None } else { serde_json::value::to_raw_value(data).ok() };
        Self { resource, event, actor, room: room.id, id, text: None, facts, data, audience }
    }
}

/// A delivery to be made.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// By which webhook.
    pub(crate) webhook: WebhookId,
    /// In which room it happened: order is kept per webhook and room.
    pub(crate) room: RoomId,
    /// Where to.
    pub(crate) url: String,
    /// What it is signed with.
    pub(crate) secret: Option<Secret>,
    /// Whether it carries the newer signature header too.
    pub(crate) webex_signature: bool,
    /// Milliseconds to wait before it is sent.
    pub(crate) delay_ms: u64,
    /// The next one of its webhook and room goes first.
    pub(crate) reorder: bool,
    /// The raw body.
    pub(crate) body: Bytes,
    /// What the journal says about it.
    pub(crate) note: DeliveryNote,
}

/// What the journal says about a delivery.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryNote {
    pub(crate) person: PersonId,
    pub(crate) webhook: String,
    pub(crate) resource: &'static str,
    pub(crate) event: &'static str,
    pub(crate) id: String,
    /// The rule that had a hand in it.
    pub(crate) fault: Option<u64>,
}

impl World {
    /// Writes it into the journal and makes the deliveries.
    pub(super) fn emit(&mut self, emitted: Emitted) {
        let Emitted { resource, event, actor, room, id, text, facts, data, audience } = emitted;
        self.touch();
        self.note(|_| What::Event {
            resource: resource.as_str(),
            event: event.as_str(),
            actor,
            room,
            id: id.clone(),
            text,
        });
        let Some(data) = data else { return };
        let (org, app, actor) = (self.org.public(), self.app.public(), actor.public());
        let mut made = Vec::new();
        for person in audience {
            for webhook in self.webhooks.of(person).filter(|webhook| webhook.wants(resource, event, &facts)) {
                let envelope = envelope(webhook, resource, event, &org, &app, &actor, &data);
                let Ok(body) = serde_json::to_vec(&envelope) else { continue };
                made.push(Delivery {
                    webhook: webhook.id,
                    room,
                    url: webhook.target_url.clone(),
                    secret: webhook.secret.clone(),
                    webex_signature: self.switches.webex_signature,
                    delay_ms: 0,
                    reorder: false,
                    body: body.into(),
                    note: DeliveryNote {
                        person,
                        webhook: webhook.name.clone(),
                        resource: resource.as_str(),
                        event: event.as_str(),
                        id: id.clone(),
                        fault: None,
                    },
                });
            }
        }
        for delivery in made {
            self.disturb(delivery);
        }
    }

    /// Queues a delivery as the rules want it: late, several times, behind the next one, or never.
    fn disturb(&mut self, mut delivery: Delivery) {
        if self.rules.is_empty() {
            self.deliveries.push(delivery);
            return;
        }
        let email = self.people.get(delivery.note.person).map(|person| person.email.as_str());
        let path = format!("{}/{}", delivery.note.resource, delivery.note.event);
        let Some(effect) = self.rules.apply(super::Asked::delivery(email, &path), self.now) else {
            self.deliveries.push(delivery);
            return;
        };
        delivery.note.fault = Some(effect.rule);
        delivery.delay_ms = effect.delay_ms;
        delivery.reorder = effect.reorder;
        if let Some(millis) = effect.hide_ms {
            let until = self.now.plus(std::time::Duration::from_millis(millis));
            self.rules.hidden.hide(&delivery.note.id, until, self.now);
        }
        let copies = effect.copies.unwrap_or(1);
        if copies == 0 {
            self.note(|_| delivery.into_note(None, Some("dropped by a fault".to_owned())));
            return;
        }
        for _ in 1..copies {
            self.deliveries.push(delivery.clone());
        }
        self.deliveries.push(delivery);
    }
}

impl World {
    /// A delivery is on its way; how many others for the same person are.
    pub(crate) fn delivery_begins(&mut self, delivery: &Delivery) -> usize {
        let flying = self.flying.entry(delivery.note.person).or_default();
        *flying += 1;
        *flying - 1
    }

    /// A delivery is over, however it ended.
    pub(crate) fn delivery_over(&mut self, delivery: &Delivery) {
        // Somebody may wait for nothing more to be on its way. Nothing that is saved has changed.
        self.seq += 1;
        if let Some(flying) = self.flying.get_mut(&delivery.note.person) {
            *flying -= 1;
            if *flying == 0 {
                self.flying.remove(&delivery.note.person);
            }
        }
    }

    /// Whether a delivery for this person, or for anybody, is on its way.
    pub(crate) fn is_flying(&self, person: Option<PersonId>) -> bool {
        person.map_or(!self.flying.is_empty(), |person| self.flying.contains_key(&person))
    }
}

impl Delivery {
    /// The journal's words about it.
    pub(crate) fn into_note(self, status: Option<u16>, error: Option<String>) -> What {
        let Self { room, note, .. } = self;
        What::Delivery {
            person: note.person,
            webhook: note.webhook,
            resource: note.resource,
            event: note.event,
            room,
            id: note.id,
            status,
            error,
            fault: note.fault,
        }
    }
}

fn envelope<'a>(
    webhook: &'a Webhook,
    resource: Resource,
    event: EventName,
    org: &'a str,
    app: &'a str,
    actor: &'a str,
    data: &'a RawValue,
) -> wire::Envelope<'a> {
    wire::Envelope {
        id: webhook.id.public(),
        name: &webhook.name,
        target_url: &webhook.target_url,
        resource: resource.as_str(),
        event: event.as_str(),
        filter: webhook.filter.source(),
        org_id: org,
        created_by: webhook.owner.public(),
        app_id: app,
        owned_by: "creator",
        status: "active",
        created: webhook.created.iso(),
        actor_id: actor,
        data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_firehose_is_everything_but_attachment_actions() {
        for resource in [Resource::Messages, Resource::Memberships, Resource::Rooms] {
            assert!(Resource::All.covers(resource) && resource.covers(resource));
        }
        assert!(!Resource::All.covers(Resource::AttachmentActions));
        assert!(!Resource::Rooms.covers(Resource::Messages));
    }

    #[test]
    fn only_the_events_of_a_resource_are_offered() {
        assert!(Resource::All.offers(EventName::All) && !Resource::All.offers(EventName::Created));
        assert!(!Resource::Rooms.offers(EventName::Deleted));
        assert!(!Resource::AttachmentActions.offers(EventName::Updated));
        assert!(Resource::Messages.offers(EventName::Updated));
    }
}
