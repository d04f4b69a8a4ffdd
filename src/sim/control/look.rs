//! Seeing everything, as nobody at Webex can.

use std::sync::atomic::Ordering;

use serde_json::{Value, json as value};

use super::{Outcome, Query, json, room};
use crate::sim::{
    refusal::Refusal,
    shared::Shared,
    world::{Room, World},
};

/// Messages in one answer.
const MOST_MESSAGES: usize = 10_000;

pub(super) fn totals(shared: &Shared) -> Outcome {
    let counts = &shared.counts;
    let read = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
    let deliveries = value!({
        "delivered": read(&counts.delivered),
        "failed": read(&counts.failed),
        "dropped": read(&counts.dropped),
        "waiting": shared.waiting(),
    });
    shared.act(|world| {
        json(&value!({
            "seq": world.seq(),
            "now": world.now.iso(),
            "people": world.people.len(),
            "rooms": world.rooms.len(),
            "messages": world.messages.len(),
            "webhooks": world.webhooks.len(),
            "requests": read(&counts.requests),
            "faulted": read(&counts.faulted),
            "throttled": read(&counts.throttled),
            "deliveries": deliveries,
        }))
    })
}

/// A room with the addresses of its members.
pub(super) fn show_room(world: &World, room: &Room) -> Value {
    let members: Vec<String> = room.members.keys().map(|person| world.email(*person)).collect();
    value!({
        "id": room.id.public(),
        "type": room.kind,
        "title": room.title,
        "members": members,
        "messages": room.timeline.len(),
        "lastActivity": room.last_activity.iso(),
    })
}

pub(super) fn rooms(shared: &Shared) -> Outcome {
    shared.act(|world| {
        let mut rooms: Vec<&Room> = world.rooms.iter().collect();
        rooms.sort_unstable_by_key(|room| room.seq);
        json(&rooms.into_iter().map(|room| show_room(world, room)).collect::<Vec<_>>())
    })
}

pub(super) fn messages(shared: &Shared, name: &str, query: &Query) -> Outcome {
    let after = query.number("after")?.unwrap_or(0);
    shared.act(|world| {
        let room = world.rooms.get(room(world, name)?).ok_or_else(Refusal::no_such_resource)?;
        let messages = world.messages.in_room_since(room, after).take(MOST_MESSAGES);
        json(&messages.map(|message| world.show_message(message)).collect::<Vec<_>>())
    })
}

pub(super) fn webhooks(shared: &Shared) -> Outcome {
    shared.act(|world| {
        let mut webhooks: Vec<_> = world.webhooks.iter().collect();
        webhooks.sort_unstable_by_key(|webhook| webhook.seq);
        let show = |webhook: &&crate::sim::world::Webhook| {
            let mut shown = world.show_webhook(webhook);
            shown.secret = None;
            value!({ "owner": world.email(webhook.owner), "has_secret": webhook.secret.is_some(), "webhook": shown })
        };
        json(&webhooks.iter().map(show).collect::<Vec<_>>())
    })
}
