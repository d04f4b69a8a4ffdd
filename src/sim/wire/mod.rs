//! What goes over the wire, in Webex's shapes: camelCase, absent rather than null, dates in ISO 8601.
//!
//! These types are the simulator's own. The client side of this program has its own as well, so a field
//! that is wrong on one side is seen by the tests of the other. Golden JSON in each file pins them.

mod directory;
mod envelope;
mod event;
mod message;
mod people;
mod room;
mod tab;
mod team;
mod webhook;

use serde::Serialize;

pub(crate) use directory::{License, Organization, Role};
pub(crate) use envelope::Envelope;
pub(crate) use event::{DeletedMessageData, MessageData, RoomData};
pub(crate) use message::{Action, Attachment, Message};
pub(crate) use people::{Membership, Person, PersonRef, PhoneNumber};
pub(crate) use room::{MeetingInfo, Room};
pub(crate) use tab::Tab;
pub(crate) use team::{Team, TeamMembership};
pub(crate) use webhook::Webhook;

/// Every list.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Items<T> {
    /// One page of them.
    pub(crate) items: Vec<T>,
    /// Only in `GET /people?id=…`: ids nobody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) not_found_ids: Option<Vec<String>>,
}

/// Direct or group: `roomType`, and `type` of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoomType {
    /// Two people.
    Direct,
    /// Any number.
    Group,
}

#[cfg(test)]
fn golden<T: Serialize>(value: &T) -> String {
    serde_json::to_string_pretty(value).unwrap()
}
