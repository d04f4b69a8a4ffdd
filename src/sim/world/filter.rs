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

/// Whose eyes a filter is read with: what they do not see cannot be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sight {
    /// The owner's.
    Own,
    /// Those of the organisation: every room.
    Organisation,
    /// It was read before and is only put back; what it named may have vanished meanwhile.
    Restored,
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

    /// Reads a filter; ids must be such as may be seen. Of what never happens here nothing is read.
    pub(crate) fn parse(
        world: &World,
        caller: PersonId,
        sight: Sight,
        resource: Resource,
        source: Option<&str>,
    ) -> Result<Self, Refusal> {
        let Some(source) = source.filter(|source| !source.is_empty()) else { return Ok(Self::default()) };
        if !resource.happens() {
            return Ok(Self { source: Some(source.to_owned()), conditions: Vec::new() });
        }
        let conditions = source
            .split('&')
            .map(|pair| {
                let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                if !keys(resource).contains(&key) {
                    return Err(Refusal::bad(format!("invalid filter: {key}")));
                }
                condition(world, caller, sight, key, value)
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
        _ => &[],
    }
}

fn condition(world: &World, caller: PersonId, sight: Sight, key: &str, value: &str) -> Option<Condition> {
    let flag = || value.parse::<bool>().ok();
    let person = |id: &str| {
        let id = PersonId::parse(id)?;
        (sight == Sight::Restored || world.people.present(id).is_some()).then_some(id)
    };
    Some(match key {
        "roomId" => {
            let room = RoomId::parse(value)?;
            let seen = match sight {
                Sight::Own => world.room_of(caller, room).is_ok(),
                Sight::Organisation => world.rooms.get(room).is_some(),
                Sight::Restored => true,
            };
            Condition::Room(seen.then_some(room)?)
        }
        "roomType" | "type" => Condition::RoomType(match value {
            "direct" => RoomType::Direct,
            "group" => RoomType::Group,
            _ => return None,
        }),
        "personId" => Condition::Person(person(value)?),
        "personEmail" => Condition::Person(match world.people.by_email(value) {
            Some(person) => person.id,
            None if sight == Sight::Restored => PersonId::of(&value.to_lowercase()),
            None => return None,
        }),
        "mentionedPeople" => Condition::Mentioned(
            value.split(',').map(|id| if id == "me" { Some(caller) } else { person(id) }).collect::<Option<_>>()?,
        ),
        "hasFiles" => Condition::HasFiles(flag()?),
        "hasAttachments" => Condition::HasAttachments(flag()?),
        "isModerator" => Condition::Moderator(flag()?),
        "isLocked" => Condition::Locked(flag()?),
        "messageId" => {
            let message = MessageId::parse(value)?;
            let seen = match sight {
                Sight::Own => world.message_of(caller, message).is_ok(),
                Sight::Organisation => world.messages.get(message).is_some(),
                Sight::Restored => true,
            };
            Condition::Message(seen.then_some(message)?)
        }
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
        let filter = Filter::parse(&world, alice, Sight::Own, Resource::Messages, Some(&source)).unwrap();
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
        let refused = |resource, source: &str| {
            Filter::parse(&world, carol, Sight::Own, resource, Some(source)).unwrap_err().message
        };
        assert_eq!(refused(Resource::Messages, &format!("roomId={room}")), "invalid value for filter: roomId");
        assert_eq!(refused(Resource::Messages, "roomType=big"), "invalid value for filter: roomType");
        assert_eq!(refused(Resource::Rooms, "roomId=x"), "invalid filter: roomId");
        assert_eq!(refused(Resource::All, "roomType=direct"), "invalid filter: roomType");
    }

    #[test]
    fn the_organisation_sees_every_room_and_a_restored_filter_needs_none() {
        let mut world = World::seeded();
        let id = |world: &World, email| world.people.by_email(email).unwrap().id;
        let (alice, carol) = (id(&world, "alice@example.com"), id(&world, "carol@example.com"));
        let room = world.direct_room(alice, id(&world, "bob@example.com"));
        let read = |sight, room: RoomId| {
            let source = format!("roomId={}", room.public());
            Filter::parse(&world, carol, sight, Resource::Messages, Some(&source)).is_ok()
        };
        assert!(read(Sight::Organisation, room) && !read(Sight::Organisation, RoomId::fresh()));
        assert!(!read(Sight::Own, room) && read(Sight::Restored, RoomId::fresh()));
    }

    #[test]
    fn every_key_holds_what_it_says() {
        let mut world = World::seeded();
        let id = |world: &World, email| world.people.by_email(email).unwrap().id;
        let (alice, bob) = (id(&world, "alice@example.com"), id(&world, "bob@example.com"));
        let room = world.direct_room(alice, bob);
        let facts = Facts {
            person: Some(bob),
            has_files: true,
            moderator: Some(false),
            ..Facts::of(world.rooms.get(room).unwrap())
        };
        let holds = |resource, source: &str| {
            Filter::parse(&world, alice, Sight::Own, resource, Some(source)).unwrap().holds(&facts)
        };
        for (resource, yes, no) in [
            (Resource::Messages, "personEmail=Bob@example.com".to_owned(), "personEmail=alice@example.com".to_owned()),
            (Resource::Messages, format!("personId={}", bob.public()), format!("personId={}", alice.public())),
            (Resource::Messages, "hasFiles=true".to_owned(), "hasFiles=false".to_owned()),
            (Resource::Messages, "hasAttachments=false".to_owned(), "hasAttachments=true".to_owned()),
            (Resource::Memberships, "isModerator=false".to_owned(), "isModerator=true".to_owned()),
            (Resource::Rooms, "type=direct&isLocked=false".to_owned(), "type=direct&isLocked=true".to_owned()),
        ] {
            assert!(holds(resource, &yes), "{yes}");
            assert!(!holds(resource, &no), "{no}");
        }
    }
}
