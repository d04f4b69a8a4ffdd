//! What changes is told: to the journal, and to every webhook that may hear of it and asked for it.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

pub(crate) use super::kinds::{EventName, Resource};
use super::{Room, Webhook, What, World, filter::Facts};
use crate::{
    base::Secret,
    sim::{
        ids::{PersonId, RoomId, WebhookId},
        wire::{self, RoomType},
    },
};

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
        self.stir(actor, room, resource, event);
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
        let own = audience.iter().flat_map(|person| self.webhooks.of(*person)).filter(|webhook| !webhook.of_org);
        let wanting = own.chain(self.webhooks.of_org()).filter(|webhook| webhook.wants(resource, event, &facts));
        let mut made = Vec::new();
        for webhook in wanting {
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
                    person: webhook.owner,
                    webhook: webhook.name.clone(),
                    resource: resource.as_str(),
                    event: event.as_str(),
                    id: id.clone(),
                    fault: None,
                },
            });
        }
        for delivery in made {
            self.disturb(delivery);
        }
    }

    /// What everything that happens does besides: who did it was active, and a message shows a hidden room again.
    fn stir(&mut self, actor: PersonId, room: RoomId, resource: Resource, event: EventName) {
        let now = self.now;
        if let Some(person) = self.people.get_mut(actor) {
            person.last_activity = Some(now);
        }
        if (resource, event) == (Resource::Messages, EventName::Created)
            && let Some(room) = self.rooms.get_mut(room).filter(|room| room.kind == RoomType::Direct)
        {
            room.members.values_mut().for_each(|member| member.hidden = false);
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
        owned_by: webhook.owned_by(),
        status: "active",
        created: webhook.created.iso(),
        actor_id: actor,
        data,
    }
}
