//! Acting as a person: say, press, open a room, add and remove members.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use serde_json::{Map, Value, json as value};

use super::{Outcome, USUAL_PERSON, actor, json, look, parse, person, room};
use crate::sim::{
    ids::{MessageId, PersonId, RoomId},
    markdown,
    refusal::Refusal,
    shared::Shared,
    wire::Attachment,
    world::{Body, Content, NewFile, NewMember, NewMessage, RoomChange, World},
};

/// How clients write the id in a mention: both forms are seen.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MentionForm {
    #[default]
    Id,
    Uuid,
}

/// How much of a name clients write in a mention: some show the first word alone.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum MentionWords {
    #[default]
    Whole,
    First,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Say {
    r#as: Option<String>,
    to: String,
    text: Option<String>,
    markdown: Option<String>,
    parent: Option<String>,
    #[serde(default)]
    mention: Vec<String>,
    #[serde(default)]
    mention_form: MentionForm,
    #[serde(default)]
    mention_words: MentionWords,
    #[serde(default)]
    attachments: Vec<Attachment>,
    file: Option<Upload>,
}

/// A file, its bytes as base64 or as text.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Upload {
    name: String,
    r#type: Option<String>,
    base64: Option<String>,
    text: Option<String>,
}

impl Upload {
    fn read(self) -> Result<NewFile, Refusal> {
        let bytes = match (self.base64, self.text) {
            (Some(base64), None) => {
                STANDARD.decode(base64).map_err(|error| Refusal::bad(format!("`file.base64`: {error}")))?
            }
            (None, Some(text)) => text.into_bytes(),
            _ => return Err(Refusal::bad("`file` needs `base64` or `text`, one of the two")),
        };
        Ok(NewFile::new(&self.name, self.r#type.as_deref(), bytes.into()))
    }
}

pub(super) fn say(shared: &Shared, body: &[u8]) -> Outcome {
    let mut say: Say = parse(body)?;
    let file = say.file.take().map(Upload::read).transpose()?;
    shared.act(|world| {
        let author = actor(world, say.r#as.as_deref())?;
        let id = if say.mention.is_empty() {
            write(world, author, say, file)?
        } else {
            write_mentioning(world, author, &say, file)?
        };
        let message = world.messages.get(id).ok_or_else(Refusal::no_such_resource)?;
        json(&value!({ "seq": message.seq, "message": world.show_message(message) }))
    })
}

/// As a program with the person's token would.
fn write(world: &mut World, author: PersonId, say: Say, file: Option<NewFile>) -> Result<MessageId, Refusal> {
    let mut new = NewMessage {
        parent_id: say.parent,
        text: say.text,
        markdown: say.markdown,
        attachments: say.attachments,
        file,
        ..NewMessage::default()
    };
    if say.to.contains('@') {
        person(world, &say.to)?;
        new.to_person_email = Some(say.to);
    } else {
        new.room_id = Some(room(world, &say.to)?.public());
    }
    world.create_message(author, new)
}

/// As a person in a client would: text and html with the mentions in front, and no markdown.
fn write_mentioning(
    world: &mut World,
    author: PersonId,
    say: &Say,
    file: Option<NewFile>,
) -> Result<MessageId, Refusal> {
    let text = say.text.as_deref().filter(|_| say.markdown.is_none() && say.attachments.is_empty());
    let text =
        text.ok_or_else(|| Refusal::bad("`mention` goes with `text`; in markdown write the mention yourself"))?;
    let room = room(world, &say.to)?;
    let parent = say.parent.as_deref().map(|id| world.thread_root(author, room, id)).transpose()?;
    let (mut plain, mut html, mut mentioned) = (String::new(), String::new(), Vec::new());
    for email in &say.mention {
        let id = person(world, email)?;
        if !world.room_of(author, room)?.members.contains_key(&id) {
            return Err(Refusal::bad(format!("`{email}` is not in the room, so it cannot be mentioned there")));
        }
        let name = world.person(id)?.name.as_str();
        let name = match say.mention_words {
            MentionWords::Whole => name,
            MentionWords::First => name.split_whitespace().next().unwrap_or(name),
        };
        let written = match say.mention_form {
            MentionForm::Id => id.public(),
            MentionForm::Uuid => id.bare(),
        };
        plain.push_str(name);
        plain.push(' ');
        html.push_str(&markdown::element(&written, name));
        html.push(' ');
        if !mentioned.contains(&id) {
            mentioned.push(id);
        }
    }
    plain.push_str(text);
    // What a client writes has the limits of any other message.
    let written = NewMessage { room_id: Some(room.public()), text: Some(plain.clone()), ..NewMessage::default() };
    world.check_message(author, &written)?;
    html.push_str(&markdown::escape(text));
    let body = Body {
        text: Some(plain),
        markdown: None,
        html: Some(format!("<p>{html}</p>")),
        mentioned,
        mentions_all: false,
    };
    world.post(author, room, parent, Content { body, file, attachments: Vec::new() })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Press {
    r#as: Option<String>,
    message: String,
    inputs: Map<String, Value>,
}

pub(super) fn press(shared: &Shared, body: &[u8]) -> Outcome {
    let press: Press = parse(body)?;
    shared.act(|world| {
        let person = actor(world, press.r#as.as_deref())?;
        let message = MessageId::parse(&press.message).ok_or_else(|| Refusal::bad("`message` is no message id"))?;
        let id = world.press(person, message, press.inputs)?;
        let action = world.action_of(person, id)?;
        json(&value!({ "seq": action.seq, "action": action.show(true) }))
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Open {
    r#as: Option<String>,
    title: String,
    #[serde(default)]
    members: Vec<String>,
    /// The room is to have this id; if it is there, it keeps its title and the members come into it.
    id: Option<String>,
}

pub(super) fn open_room(shared: &Shared, body: &[u8]) -> Outcome {
    let open: Open = parse(body)?;
    shared.act(|world| {
        let author = actor(world, open.r#as.as_deref())?;
        // All are looked up first: a room with half of its members helps nobody.
        let members = open.members.iter().map(|email| person(world, email)).collect::<Result<Vec<_>, _>>()?;
        let wanted = open.id.map(|id| RoomId::parse(&id).ok_or_else(|| Refusal::bad("`id` is no id of a room")));
        let change = RoomChange { title: Some(open.title), ..RoomChange::default() };
        let id = match wanted.transpose()? {
            None => world.create_room(author, change)?,
            Some(id) if world.rooms.get(id).is_some() => id,
            Some(id) => world.create_room_as(id, author, change)?,
        };
        let author = world.rooms.get(id).map_or(author, |room| room.creator);
        for member in members {
            if !world.rooms.get(id).is_some_and(|room| room.members.contains_key(&member)) {
                world.add_member(author, id, member, false)?;
            }
        }
        show(world, id)
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Membership {
    r#as: Option<String>,
    email: String,
}

pub(super) fn add_member(shared: &Shared, name: &str, body: &[u8]) -> Outcome {
    let wanted: Membership = parse(body)?;
    shared.act(|world| {
        let id = room(world, name)?;
        let author = member(world, id, wanted.r#as.as_deref())?;
        let new = NewMember { room_id: Some(id.public()), person_email: Some(wanted.email), ..NewMember::default() };
        world.create_membership(author, &new)?;
        show(world, id)
    })
}

pub(super) fn remove_member(shared: &Shared, name: &str, body: &[u8]) -> Outcome {
    let wanted: Membership = parse(body)?;
    shared.act(|world| {
        let id = room(world, name)?;
        let author = member(world, id, wanted.r#as.as_deref())?;
        let person = person(world, &wanted.email)?;
        world.remove_member(author, id, person)?;
        show(world, id)
    })
}

/// Who changes a room's members: whoever is named; else alice if she is in it, else who made the room.
fn member(world: &World, id: RoomId, email: Option<&str>) -> Result<PersonId, Refusal> {
    if email.is_some() {
        return actor(world, email);
    }
    let usual = person(world, USUAL_PERSON).ok();
    let room = world.rooms.get(id).ok_or_else(Refusal::no_such_resource)?;
    Ok(usual.filter(|usual| room.members.contains_key(usual)).unwrap_or(room.creator))
}

fn show(world: &World, id: RoomId) -> Outcome {
    match world.rooms.get(id) {
        Some(room) => json(&look::show_room(world, room)),
        // The last member left.
        None => json(&Value::Null),
    }
}
