//! Writing messages, with the limits and refusals of Webex.

use serde::Deserialize;
use url::Url;

use super::{Body, Message, NewFile, Person, Room, World, cards, events::EventName};
use crate::sim::{
    ids::{ContentId, MessageId, PersonId, RoomId},
    markdown::{self, Directory},
    refusal::Refusal,
    wire::Attachment,
};

/// Webex's limit on `text` and on `markdown`, in UTF-8 bytes.
const MOST_BYTES: usize = 7439;

/// Where a new message goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Destination<'a> {
    /// Into this room.
    Room(&'a str),
    /// To this person, in the room of the two.
    PersonId(&'a str),
    /// As `PersonId`, by address.
    PersonEmail(&'a str),
}

/// `POST /messages`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct NewMessage {
    pub(crate) room_id: Option<String>,
    pub(crate) to_person_id: Option<String>,
    pub(crate) to_person_email: Option<String>,
    pub(crate) parent_id: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) markdown: Option<String>,
    /// Where its file is to be fetched from.
    pub(crate) files: Vec<String>,
    /// Its file: uploaded, or what was fetched.
    #[serde(skip)]
    pub(crate) file: Option<NewFile>,
    pub(crate) attachments: Vec<Attachment>,
}

/// Where a message belongs that may be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    room: Target,
    parent: Option<MessageId>,
}

#[derive(Debug, Clone, Copy)]
enum Target {
    Room(RoomId),
    /// In the room of the two, which is made if they meet for the first time.
    Person(PersonId),
}

impl Target {
    fn id(self, caller: PersonId) -> RoomId {
        match self {
            Self::Room(room) => room,
            Self::Person(person) => RoomId::direct(caller, person),
        }
    }
}

/// What a message is made of.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub(crate) body: Body,
    pub(crate) file: Option<NewFile>,
    pub(crate) attachments: Vec<Attachment>,
}

impl NewMessage {
    fn destination(&self) -> Result<Destination<'_>, Refusal> {
        fn given(field: Option<&String>) -> Option<&str> {
            field.map(String::as_str).filter(|text| !text.is_empty())
        }
        let (room, id, email) = (&self.room_id, &self.to_person_id, &self.to_person_email);
        match (given(room.as_ref()), given(id.as_ref()), given(email.as_ref())) {
            (Some(room), None, None) => Ok(Destination::Room(room)),
            (None, Some(id), None) => Ok(Destination::PersonId(id)),
            (None, None, Some(email)) => Ok(Destination::PersonEmail(email)),
            _ => Err(Refusal::bad(
                "Exactly one of the destination fields must not be empty (roomId, toPersonEmail, toPersonId)",
            )),
        }
    }
}

/// Whom a mention in a message to this room can mean: its members.
struct Members<'a> {
    world: &'a World,
    room: &'a Room,
}

impl Members<'_> {
    fn member(&self, person: Option<&Person>) -> Option<(PersonId, String)> {
        let person = person.filter(|person| self.room.members.contains_key(&person.id))?;
        Some((person.id, person.name.clone()))
    }
}

impl Directory for Members<'_> {
    fn by_email(&self, email: &str) -> Option<(PersonId, String)> {
        self.member(self.world.people.by_email(email))
    }
    fn by_id(&self, id: &str) -> Option<(PersonId, String)> {
        self.member(PersonId::parse(id).and_then(|id| self.world.people.get(id)))
    }
}

impl World {
    /// `POST /messages`, with its body as it came and its file fetched.
    pub(crate) fn create_message(&mut self, caller: PersonId, new: NewMessage) -> Result<MessageId, Refusal> {
        let Place { room, parent } = self.check_message(caller, &new)?;
        if !new.files.is_empty() {
            return Err(Refusal::bad("Unable to retrieve content."));
        }
        let room = match room {
            Target::Room(room) => room,
            Target::Person(person) => self.direct_room(caller, person),
        };
        let body = self.body(room, given(new.text), given(new.markdown))?;
        self.post(caller, room, parent, Content { body, file: new.file, attachments: new.attachments })
    }

    /// Whether a message may be written, and where it belongs. Changes nothing: what is refused leaves no room
    /// behind, and a file by URL is fetched only for a message that will be written.
    pub(crate) fn check_message(&self, caller: PersonId, new: &NewMessage) -> Result<Place, Refusal> {
        let destination = new.destination()?;
        check_length(new.text.as_deref(), new.markdown.as_deref())?;
        cards::check(&new.attachments)?;
        self.check_file(new)?;
        let has_file = !new.files.is_empty() || new.file.is_some();
        if !says(new.text.as_deref()) && !says(new.markdown.as_deref()) && !has_file && new.attachments.is_empty() {
            return Err(Refusal::bad("Both text and file cannot be empty."));
        }
        let room = self.target(caller, destination)?;
        let parent = new.parent_id.as_deref().filter(|id| !id.is_empty());
        let parent = parent.map(|id| self.thread_root(caller, room.id(caller), id)).transpose()?;
        Ok(Place { room, parent })
    }

    /// One file at most, and one that can be kept. The sentences are ours: Webex's are not known.
    fn check_file(&self, new: &NewMessage) -> Result<(), Refusal> {
        if new.files.len() + usize::from(new.file.is_some()) > 1 {
            return Err(Refusal::bad("Only one file is allowed per message."));
        }
        let web = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
        if let Some(url) = new.files.first()
            && !Url::parse(url).is_ok_and(|url| web(&url))
        {
            return Err(Refusal::bad(format!("Unable to retrieve content: '{url}' is no http or https URL.")));
        }
        self.check_size(new.file.as_ref())?;
        let has_file = !new.files.is_empty() || new.file.is_some();
        if has_file && !new.attachments.is_empty() && !self.switches.file_with_card {
            return Err(Refusal::bad("Files and attachments cannot be sent in one message."));
        }
        Ok(())
    }

    fn check_size(&self, file: Option<&NewFile>) -> Result<(), Refusal> {
        let most = self.retention.file_bytes;
        match file {
            Some(file) if file.bytes.len() > most => {
                Err(Refusal::new(413, format!("A file has at most {most} bytes.")))
            }
            _ => Ok(()),
        }
    }

    /// Where a message goes, if this person may write there.
    fn target(&self, caller: PersonId, destination: Destination<'_>) -> Result<Target, Refusal> {
        let person = match destination {
            Destination::Room(id) => {
                let id = RoomId::parse(id);
                let id = id.ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))?;
                self.check_may_write(caller, id)?;
                return Ok(Target::Room(id));
            }
            Destination::PersonId(id) => self.person_by(Some(id), None),
            Destination::PersonEmail(email) => self.person_by(None, Some(email)),
        };
        let person = person.ok_or_else(|| Refusal::missing("Failed to find the person to send to."))?.id;
        if person == caller {
            return Err(Refusal::bad("A message cannot be sent to oneself."));
        }
        if self.rooms.get(RoomId::direct(caller, person)).is_none() {
            self.check_place()?;
        }
        Ok(Target::Person(person))
    }

    fn check_may_write(&self, author: PersonId, room: RoomId) -> Result<(), Refusal> {
        self.room_of(author, room)?;
        self.check_posting(author, room)
    }

    /// The root of the thread that a reply to this message belongs to.
    pub(crate) fn thread_root(&self, caller: PersonId, room: RoomId, id: &str) -> Result<MessageId, Refusal> {
        let parent = MessageId::parse(id).and_then(|id| self.messages.get(id));
        let unseen = self.switches.reply_to_unseen_root;
        let parent = parent.filter(|parent| parent.room == room && (unseen || self.sees(caller, parent)));
        let parent = parent.ok_or_else(|| Refusal::missing("Could not find the parent message in this room."))?;
        match parent.parent {
            None => Ok(parent.id),
            Some(root) if self.switches.resolve_thread_root => Ok(root),
            Some(_) => Err(Refusal::bad("A reply cannot be the parent of another reply.")),
        }
    }

    /// What text and markdown come to in this room.
    pub(crate) fn body(&self, room: RoomId, text: Option<String>, markdown: Option<String>) -> Result<Body, Refusal> {
        let Some(markdown) = markdown else { return Ok(Body { text, ..Body::default() }) };
        let room = self.rooms.get(room).ok_or_else(Refusal::no_such_resource)?;
        let rendered = markdown::render(&markdown, &Members { world: self, room });
        Ok(Body {
            text: Some(text.unwrap_or(rendered.text)),
            markdown: Some(markdown),
            html: Some(rendered.html),
            mentioned: rendered.people,
            mentions_all: rendered.all,
        })
    }

    /// Writes a message into a room.
    pub(crate) fn post(
        &mut self,
        author: PersonId,
        room: RoomId,
        parent: Option<MessageId>,
        content: Content,
    ) -> Result<MessageId, Refusal> {
        self.check_may_write(author, room)?;
        let Content { body, file, attachments } = content;
        self.check_size(file.as_ref())?;
        let message = Message {
            id: MessageId::fresh(),
            seq: self.next_seq(),
            room,
            author,
            parent,
            body,
            attachments,
            files: u8::from(file.is_some()),
            created: self.now,
            updated: None,
            edits: 0,
        };
        let (id, seq) = (message.id, message.seq);
        self.messages.insert(&mut self.rooms, message, self.retention.messages);
        if let Some(file) = file {
            self.keep_file(ContentId { message: id, index: 0 }, seq, file);
        }
        self.emit_message(EventName::Created, author, id);
        Ok(id)
    }
}

/// An empty field is as good as none.
pub(super) fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

pub(super) fn says(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.trim().is_empty())
}

pub(super) fn check_length(text: Option<&str>, markdown: Option<&str>) -> Result<(), Refusal> {
    if [text, markdown].into_iter().flatten().any(|text| text.len() > MOST_BYTES) {
        return Err(Refusal::bad(
            "Unable to post message to room: Message length limited to 7439 characters before encryption and 10000 \
             characters after encryption.",
        ));
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::sim::world::RoomChange;

    pub(in crate::sim::world) struct Ops {
        pub(in crate::sim::world) world: World,
        pub(in crate::sim::world) alice: PersonId,
        pub(in crate::sim::world) echo: PersonId,
        pub(in crate::sim::world) room: RoomId,
    }

    pub(in crate::sim::world) fn ops() -> Ops {
        let mut world = World::seeded();
        let alice = world.people.by_email("alice@example.com").unwrap().id;
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let change = RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        let room = world.create_room(alice, change).unwrap();
        world.add_member(alice, room, echo, false).unwrap();
        Ops { world, alice, echo, room }
    }

    pub(in crate::sim::world) fn to_room(room: RoomId, markdown: &str) -> NewMessage {
        NewMessage { room_id: Some(room.public()), markdown: Some(markdown.into()), ..NewMessage::default() }
    }

    #[test]
    fn a_first_message_to_a_person_makes_their_room() {
        let Ops { mut world, alice, echo, .. } = ops();
        let new = NewMessage {
            to_person_email: Some("Echo@webex.bot".into()),
            text: Some("hi".into()),
            ..NewMessage::default()
        };
        let id = world.create_message(alice, new).unwrap();
        let room = world.messages.get(id).unwrap().room;
        assert_eq!(room, RoomId::direct(alice, echo));
        assert!(world.message_of(echo, id).is_ok());
    }

    #[test]
    fn a_message_needs_one_destination_and_something_to_say() {
        let Ops { mut world, alice, room, .. } = ops();
        let mut refused = |new| world.create_message(alice, new).unwrap_err().message;
        assert!(refused(NewMessage { text: Some("x".into()), ..NewMessage::default() }).starts_with("Exactly one"));
        let both = NewMessage { to_person_email: Some("bob@example.com".into()), ..to_room(room, "x") };
        assert!(refused(both).starts_with("Exactly one"));
        assert_eq!(refused(to_room(room, " ")), "Both text and file cannot be empty.");
        assert_eq!(refused(to_room(RoomId::fresh(), "x")), "Could not find a room with provided ID.");
    }

    #[test]
    fn the_limit_counts_bytes_not_characters() {
        let Ops { mut world, alice, room, .. } = ops();
        assert!(world.create_message(alice, to_room(room, &"x".repeat(7439))).is_ok());
        let refusal = world.create_message(alice, to_room(room, &"é".repeat(3720))).unwrap_err();
        assert!(refusal.message.contains("7439"), "{}", refusal.message);
    }

    #[test]
    fn a_thread_is_flat_unless_the_switch_says_otherwise() {
        let Ops { mut world, alice, room, .. } = ops();
        let root = world.create_message(alice, to_room(room, "root")).unwrap();
        let reply_to = |id: MessageId| NewMessage { parent_id: Some(id.public()), ..to_room(room, "re") };
        let reply = world.create_message(alice, reply_to(root)).unwrap();
        assert_eq!(world.create_message(alice, reply_to(reply)).unwrap_err().status, 400);
        world.switches.resolve_thread_root = true;
        let second = world.create_message(alice, reply_to(reply)).unwrap();
        assert_eq!(world.messages.get(second).unwrap().parent, Some(root));
    }

    #[test]
    fn a_bot_replies_in_a_thread_that_it_cannot_read_unless_the_switch_says_otherwise() {
        let Ops { mut world, alice, room, .. } = ops();
        let bot = world.authenticate("sim-bot-echo").unwrap();
        let root = world.create_message(alice, to_room(room, "root")).unwrap();
        let reply = || NewMessage { parent_id: Some(root.public()), ..to_room(room, "re") };
        assert!(world.message_of(bot, root).is_err());
        world.create_message(bot, reply()).unwrap();
        world.switches.reply_to_unseen_root = false;
        assert_eq!(world.create_message(bot, reply()).unwrap_err().status, 404);
    }

    #[test]
    fn a_refused_message_leaves_no_room_behind() {
        let Ops { mut world, alice, room, .. } = ops();
        let elsewhere = world.create_message(alice, to_room(room, "root")).unwrap();
        let to_bob = |parent_id| NewMessage {
            to_person_email: Some("bob@example.com".into()),
            text: Some("re".into()),
            parent_id,
            ..NewMessage::default()
        };
        let refusal = world.create_message(alice, to_bob(Some(elsewhere.public()))).unwrap_err();
        assert_eq!(refusal.message, "Could not find the parent message in this room.");
        assert_eq!(world.rooms.iter().count(), 1);
        assert!(world.create_message(alice, to_bob(None)).is_ok());
    }

    #[test]
    fn text_beside_markdown_is_kept_as_it_is() {
        let Ops { mut world, alice, room, .. } = ops();
        let id = world.create_message(alice, NewMessage { text: Some("plain".into()), ..to_room(room, "**rich**") });
        let body = &world.messages.get(id.unwrap()).unwrap().body;
        assert_eq!((body.text.as_deref(), body.markdown.as_deref()), (Some("plain"), Some("**rich**")));
        assert_eq!(body.html.as_deref(), Some("<p><strong>rich</strong></p>"));
        let id = world.create_message(alice, NewMessage { text: Some(String::new()), ..to_room(room, "**rich**") });
        assert_eq!(world.messages.get(id.unwrap()).unwrap().body.text.as_deref(), Some("rich"));
    }

    #[test]
    fn a_message_has_one_file_that_fits() {
        let Ops { mut world, alice, room, .. } = ops();
        world.retention.file_bytes = 10;
        let file = |size| Some(NewFile::new("a", None, vec![0; size].into()));
        let urls = |urls: &[&str]| urls.iter().map(|url| (*url).to_owned()).collect::<Vec<_>>();
        let new = |file, files| NewMessage { files, file, ..to_room(room, "") };
        let refused = |new| world.check_message(alice, &new).unwrap_err();
        assert_eq!(refused(new(file(11), vec![])).status, 413);
        for many in [new(file(1), urls(&["http://h/a"])), new(None, urls(&["http://h/a", "http://h/b"]))] {
            assert_eq!(refused(many).message, "Only one file is allowed per message.");
        }
        for url in ["", "/etc/passwd", "file:///etc/passwd", "ftp://h/a", "data:text/plain,x"] {
            let refusal = refused(new(None, urls(&[url])));
            assert!(refusal.message.starts_with("Unable to retrieve content"), "{url}: {}", refusal.message);
        }
        assert!(world.check_message(alice, &new(None, urls(&["https://h/a?b#c"]))).is_ok());
        assert!(world.create_message(alice, new(file(10), vec![])).is_ok());
    }

    #[test]
    fn a_file_beside_a_card_is_taken_unless_the_switch_says_otherwise() {
        let Ops { mut world, alice, room, .. } = ops();
        let content = serde_json::json!({"type": "AdaptiveCard", "version": "1.3"});
        let attachments = vec![Attachment { content_type: cards::CARD.into(), content }];
        let new = NewMessage { attachments, files: vec!["http://h/a".into()], ..to_room(room, "x") };
        assert!(world.check_message(alice, &new).is_ok());
        world.switches.file_with_card = false;
        assert_eq!(world.check_message(alice, &new).unwrap_err().status, 400);
    }

    #[test]
    fn a_file_that_nobody_fetched_makes_no_message() {
        let Ops { mut world, alice, room, .. } = ops();
        let new = NewMessage { files: vec!["http://h/a".into()], ..to_room(room, "x") };
        assert_eq!(world.create_message(alice, new).unwrap_err().message, "Unable to retrieve content.");
    }
}
