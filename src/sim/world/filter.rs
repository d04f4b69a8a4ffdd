//! The filter of a webhook: `key=value` joined by `&`, all of which must hold.

use super::{Room, World, events::Resource};
use crate::sim::{
    ids::{MessageId, PersonId, RoomId},
    refusal::Refusal,
    wire::RoomType,
};

/// What filters can ask about.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) room: RoomId,
    pub(crate) room_type: RoomType,
    pub(crate) locked: bool,
    /// Author, member or presser.
    pub(crate) person: Option<PersonId>,
    pub(crate) mentioned: Vec<PersonId>,
    pub(crate) has_files: bool,
    pub(crate) has_attachments: bool,
    pub(crate) moderator: Option<bool>,
    /// Of a press: the card's message.
    pub(crate) message: Option<MessageId>,
}

impl Facts {
    /// What follows from the room alone.
    pub(crate) fn of(room: &Room) -> Self {
        Self {
            room: room.id,
            room_type: room.kind,
            locked: room.locked,
            person: None,
            mentioned: Vec::new(),
            has_files: false,
            has_attachments: false,
            moderator: None,
            message: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Condition {
    Room(RoomId),
    RoomType(RoomType),
    Person(PersonId),
    Mentioned(Vec<PersonId>),
    HasFiles(bool),
    HasAttachments(bool),
    Moderator(bool),
    Locked(bool),
    Message(MessageId),
}

impl Condition {
    fn holds(&self, facts: &Facts) -> bool {
        match self {
            Self::Room(room) => *room == facts.room,
            Self::RoomType(kind) => *kind == facts.room_type,
            Self::Person(person) => facts.person == Some(*person),
            Self::Mentioned(people) => people.iter().any(|person| facts.mentioned.contains(person)),
            Self::HasFiles(wanted) => *wanted == facts.has_files,
            Self::HasAttachments(wanted) => *wanted == facts.has_attachments,
            Self::Moderator(wanted) => Some(*wanted) == facts.moderator,
            Self::Locked(wanted) => *wanted == facts.locked,
            Self::Message(message) => facts.message == Some(*message),
        }
    }
}

/// A filter, parsed when the webhook is registered.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    source: Option<String>,
    conditions: Vec<Condition>,
}

impl Filter {
    /// As it was written; `None` when there is none.
    pub(crate) fn source(&self) -> Option<&str> {
        self.source.as_deref()
    }

    /// Whether all of it holds.
    pub(crate) fn holds(&self, facts: &Facts) -> bool {
        self.conditions.iter().all(|condition| condition.holds(facts))
    }

    /// Reads a filter; ids must be such as this person may see.
    pub(crate) fn parse(
        world: &World,
        caller: PersonId,
        resource: Resource,
        source: Option<&str>,
    ) -> Result<Self, Refusal> {
        let Some(source) = source.filter(|source| !source.is_empty()) else { return Ok(Self::default()) };
        let conditions = source
            .split('&')
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                if !keys(resource).contains(&key) {
                    return Err(Refusal::bad(format!("invalid filter: {key}")));
                }
                condition(world, caller, key, value)
                    .ok_or_else(|| Refusal::bad(format!("invalid value for filter: {key}")))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { source: Some(source.to_owned()), conditions })
    }
}

/// What may be asked of each resource.
fn keys(resource: Resource) -> &'static [&'static str] {
    match resource {
        Resource::Messages => {
            &["roomId", "roomType", "personId", "personEmail", "mentionedPeople", "hasFiles", "hasAttachments"]
        }
        Resource::Memberships => &["roomId", "personId", "personEmail", "isModerator"],
        Resource::Rooms => &["type", "isLocked"],
        Resource::AttachmentActions => &["messageId", "personId", "roomId"],
        Resource::All => &[],
    }
}

fn condition(world: &World, caller: PersonId, key: &str, value: &str) -> Option<Condition> {
    let flag = || value.parse::<bool>().ok();
    Some(match key {
        "roomId" => {
            let room = RoomId::parse(value)?;
            world.room_of(caller, room).ok()?;
            Condition::Room(room)
        }
        "roomType" | "type" => Condition::RoomType(match value {
            "direct" => RoomType::Direct,
            "group" => RoomType::Group,
            _ => return None,
        }),
        "personId" => Condition::Person(world.people.get(PersonId::parse(value)?)?.id),
        "personEmail" => Condition::Person(world.people.by_email(value)?.id),
        "mentionedPeople" => Condition::Mentioned(
            value
                .split(',')
                .map(|person| if person == "me" { Some(caller) } else { PersonId::parse(person) })
                .collect::<Option<_>>()?,
        ),
        "hasFiles" => Condition::HasFiles(flag()?),
        "hasAttachments" => Condition::HasAttachments(flag()?),
        "isModerator" => Condition::Moderator(flag()?),
        "isLocked" => Condition::Locked(flag()?),
        "messageId" => Condition::Message(MessageId::parse(value)?),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_parts_of_a_filter_must_hold() {
        let mut world = World::seeded();
        let id = |world: &World, email| world.people.by_email(email).unwrap().id;
        let (alice, bob) = (id(&world, "alice@example.com"), id(&world, "bob@example.com"));
        let room = world.direct_room(alice, bob);
        let source = format!("roomId={}&mentionedPeople=me&roomType=direct", room.public());
        let filter = Filter::parse(&world, alice, Resource::Messages, Some(&source)).unwrap();
        assert_eq!(filter.source(), Some(source.as_str()));
        let facts = Facts::of(world.rooms.get(room).unwrap());
        assert!(!filter.holds(&facts));
        assert!(filter.holds(&Facts { mentioned: vec![alice], ..facts }));
    }

    #[test]
    fn what_may_not_be_seen_or_asked_is_refused() {
        let mut world = World::seeded();
        let id = |world: &World, email| world.people.by_email(email).unwrap().id;
        let (alice, bob) = (id(&world, "alice@example.com"), id(&world, "bob@example.com"));
        let carol = id(&world, "carol@example.com");
        let room = world.direct_room(alice, bob).public();
        let refused =
            |resource, source: &str| Filter::parse(&world, carol, resource, Some(source)).unwrap_err().message;
        assert_eq!(refused(Resource::Messages, &format!("roomId={room}")), "invalid value for filter: roomId");
        assert_eq!(refused(Resource::Messages, "roomType=big"), "invalid value for filter: roomType");
        assert_eq!(refused(Resource::Rooms, "roomId=x"), "invalid filter: roomId");
        assert_eq!(refused(Resource::All, "roomType=direct"), "invalid filter: roomType");
    }
}
