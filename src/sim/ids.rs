//! Public ids in Webex's form: unpadded base64 of `ciscospark://us/TYPE/uuid`.
//!
//! Inside, everything is keyed by the bare uuid: sixteen bytes to hash and copy. Reading is as
//! lenient as Webex: padded, unpadded or a bare uuid.

use std::fmt;

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Writes without padding (some clients decode nothing else), reads either.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Encodes one `ciscospark://` address.
fn encode(kind: &str, body: impl fmt::Display) -> String {
    ENGINE.encode(format!("ciscospark://us/{kind}/{body}"))
}

/// The body of an address of this kind; the cluster is ignored, as clients send ids of other clusters too.
fn decode(kind: &str, text: &str) -> Option<String> {
    let bytes = ENGINE.decode(text).ok()?;
    let address = String::from_utf8(bytes).ok()?;
    let mut parts = address.strip_prefix("ciscospark://")?.splitn(3, '/');
    let _cluster = parts.next()?;
    if parts.next()? != kind {
        return None;
    }
    parts.next().map(str::to_owned)
}

/// A uuid that depends on nothing but `seed`: people keep their ids over a restart without a state file,
/// so a bot that was set up against an earlier run still finds the identity it knows.
fn derived(seed: &str) -> Uuid {
    use sha2::{Digest, Sha256};
    let hash = Sha256::digest(seed.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub(crate) struct $name(Uuid);

        impl $name {
            /// The form clients see.
            pub(crate) fn public(self) -> String {
                encode($kind, self.0)
            }

        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($kind, "/{}"), self.0)
            }
        }
    };
}

macro_rules! parsed {
    ($($name:ident $kind:literal),*) => {
        $(impl $name {
            /// Reads the form clients send.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                match Uuid::try_parse(text) {
                    Ok(bare) => Some(Self(bare)),
                    Err(_) => Uuid::try_parse(&decode($kind, text)?).ok().map(Self),
                }
            }
        })*
    };
}

macro_rules! fresh {
    ($($name:ident),*) => {
        $(impl $name {
            /// An id nobody has yet.
            pub(crate) fn fresh() -> Self {
                Self(Uuid::new_v4())
            }
        })*
    };
}

id!(
    /// A person or a bot.
    PersonId, "PEOPLE"
);
id!(
    /// A room.
    RoomId, "ROOM"
);
id!(
    /// A message.
    MessageId, "MESSAGE"
);
id!(
    /// A webhook.
    WebhookId, "WEBHOOK"
);
id!(
    /// A press of a card's button.
    ActionId, "ATTACHMENT_ACTION"
);
id!(
    /// The organisation.
    OrgId, "ORGANIZATION"
);
id!(
    /// The program that a token belongs to.
    AppId, "APPLICATION"
);
id!(
    /// A team: the uuid is that of its General room.
    TeamId, "TEAM"
);
id!(
    /// A tab of a room. How Webex calls its kind is not known for sure.
    TabId, "ROOM_TAB"
);
id!(
    /// A role in the organisation.
    RoleId, "ROLE"
);
id!(
    /// A licence of the organisation.
    LicenseId, "LICENSE"
);
parsed!(PersonId "PEOPLE", RoomId "ROOM", MessageId "MESSAGE", WebhookId "WEBHOOK", ActionId "ATTACHMENT_ACTION");
parsed!(OrgId "ORGANIZATION", TeamId "TEAM", TabId "ROOM_TAB", RoleId "ROLE", LicenseId "LICENSE");
fresh!(PersonId, RoomId, MessageId, WebhookId, ActionId, TabId);

impl PersonId {
    /// The id of whoever has this address.
    pub(crate) fn of(email: &str) -> Self {
        Self(derived(&format!("person {email}")))
    }

    /// The bare uuid: the other form in which clients write a mention.
    pub(crate) fn bare(self) -> String {
        self.0.to_string()
    }
}

impl RoomId {
    /// The id of the room of this title in a seed file.
    pub(crate) fn of(title: &str) -> Self {
        Self(derived(&format!("room {title}")))
    }

    /// The id of the room of these two; the same in both directions.
    pub(crate) fn direct(one: PersonId, other: PersonId) -> Self {
        let (first, second) = if one < other { (one, other) } else { (other, one) };
        Self(derived(&format!("direct {} {}", first.0, second.0)))
    }
}

impl TeamId {
    /// The room that all members of the team are in: it has the same uuid (Cisco's note on team memberships).
    pub(crate) fn general(self) -> RoomId {
        RoomId(self.0)
    }

    /// The team whose General room this is to be.
    pub(crate) fn of_general(room: RoomId) -> Self {
        Self(room.0)
    }
}

impl RoleId {
    /// The id of the role of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self(derived(&format!("role {name}")))
    }
}

impl LicenseId {
    /// The id of the licence of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self(derived(&format!("licence {name}")))
    }
}

impl RoomId {
    /// Digits that belong to this room alone, as its meeting has them.
    pub(crate) fn digits(self) -> u64 {
        self.0.as_u64_pair().0 % 1_000_000_000
    }
}

impl WebhookId {
    /// The id of the webhook of this name in a seed file.
    pub(crate) fn of(owner: PersonId, name: &str) -> Self {
        Self(derived(&format!("webhook {} {name}", owner.0)))
    }
}

impl OrgId {
    /// The id of the organisation of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self(derived(&format!("organisation {name}")))
    }
}

impl AppId {
    /// The id of the program of this name.
    pub(crate) fn of(name: &str) -> Self {
        Self(derived(&format!("application {name}")))
    }
}

/// A membership is named by its two ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct MembershipId {
    /// Who.
    pub(crate) person: PersonId,
    /// Where.
    pub(crate) room: RoomId,
}

impl MembershipId {
    /// The form clients see.
    pub(crate) fn public(self) -> String {
        encode("MEMBERSHIP", format_args!("{}:{}", self.person.0, self.room.0))
    }

    /// Reads the form clients send.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = decode("MEMBERSHIP", text)?;
        let (person, room) = body.split_once(':')?;
        Some(Self { person: PersonId(Uuid::try_parse(person).ok()?), room: RoomId(Uuid::try_parse(room).ok()?) })
    }
}

/// A file of a message is named by the message and its place there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct ContentId {
    /// Of which message.
    pub(crate) message: MessageId,
    /// From 0.
    pub(crate) index: u8,
}

impl ContentId {
    /// The form clients see, the last part of a URL in `files`.
    pub(crate) fn public(self) -> String {
        encode("CONTENT", format_args!("{}/{}", self.message.0, self.index))
    }

    /// Reads the form clients send.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = decode("CONTENT", text)?;
        let (message, index) = body.split_once('/')?;
        Some(Self { message: MessageId(Uuid::try_parse(message).ok()?), index: index.parse().ok()? })
    }
}

/// A team membership is named by its two ends too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TeamMembershipId {
    /// Who.
    pub(crate) person: PersonId,
    /// In which team.
    pub(crate) team: TeamId,
}

impl TeamMembershipId {
    /// The form clients see.
    pub(crate) fn public(self) -> String {
        encode("TEAM_MEMBERSHIP", format_args!("{}:{}", self.person.0, self.team.0))
    }

    /// Reads the form clients send.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let body = decode("TEAM_MEMBERSHIP", text)?;
        let (person, team) = body.split_once(':')?;
        Some(Self { person: PersonId(Uuid::try_parse(person).ok()?), team: TeamId(Uuid::try_parse(team).ok()?) })
    }

    /// The same in the team's General room.
    pub(crate) fn general(self) -> MembershipId {
        MembershipId { person: self.person, room: self.team.general() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_unpadded_base64_of_a_ciscospark_address() {
        let alice = PersonId::of("alice@example.com");
        let public = alice.public();
        assert!(!public.contains('='));
        let address = String::from_utf8(ENGINE.decode(&public).unwrap()).unwrap();
        assert_eq!(address, format!("ciscospark://us/PEOPLE/{}", alice.bare()));
    }

    #[test]
    fn every_form_of_an_id_is_read_and_another_kind_is_not() {
        let room = RoomId::fresh();
        let public = room.public();
        assert_eq!(RoomId::parse(&public), Some(room));
        assert_eq!(RoomId::parse(&format!("{public}{}", "=".repeat((4 - public.len() % 4) % 4))), Some(room));
        assert_eq!(RoomId::parse(&room.0.to_string()), Some(room));
        assert_eq!(PersonId::parse(&public), None);
        assert_eq!(RoomId::parse("nonsense!"), None);
    }

    #[test]
    fn a_membership_id_holds_both_ends() {
        let id = MembershipId { person: PersonId::of("a@example.com"), room: RoomId::fresh() };
        assert_eq!(MembershipId::parse(&id.public()), Some(id));
    }

    #[test]
    fn a_content_id_holds_the_message_and_the_place_of_the_file() {
        let id = ContentId { message: MessageId::fresh(), index: 0 };
        let address = String::from_utf8(ENGINE.decode(id.public()).unwrap()).unwrap();
        assert_eq!(address, format!("ciscospark://us/CONTENT/{}/0", id.message.0));
        assert_eq!(ContentId::parse(&id.public()), Some(id));
        assert_eq!(ContentId::parse(&id.message.public()), None);
    }

    #[test]
    fn a_team_is_its_general_room_under_another_kind() {
        let general = RoomId::fresh();
        let team = TeamId::of_general(general);
        assert_eq!((team.general(), TeamId::parse(&team.public())), (general, Some(team)));
        assert_eq!(RoomId::parse(&team.public()), None);
        let id = TeamMembershipId { person: PersonId::of("a@example.com"), team };
        assert_eq!(TeamMembershipId::parse(&id.public()), Some(id));
        assert_eq!(MembershipId::parse(&id.public()), None);
    }

    #[test]
    fn a_direct_room_has_one_id_from_both_sides() {
        let (alice, bob) = (PersonId::of("alice@example.com"), PersonId::of("bob@example.com"));
        assert_eq!(RoomId::direct(alice, bob), RoomId::direct(bob, alice));
        assert_ne!(RoomId::direct(alice, bob), RoomId::direct(alice, alice));
    }
}
