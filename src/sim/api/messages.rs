//! `/messages`

use serde::Deserialize;

use super::{Call, Outcome, Reply};
use crate::{
    base::Millis,
    sim::{
        ids::{MessageId, PersonId, RoomId},
        refusal::Refusal,
        world::{MessageQuery, NewMessage, Wanted},
    },
};

const MISSING: &str = "Could not find a message with provided ID.";
const NO_ROOM: &str = "Could not find a room with provided ID.";
/// A list without paging shows so many.
const DIRECT: Wanted = Wanted { after: None, max: 50 };

pub(super) fn list(call: &mut Call<'_>) -> Outcome {
    let room = call.param("roomId").ok_or_else(|| Refusal::bad("Required String parameter 'roomId' is not present"))?;
    let room = RoomId::parse(room).ok_or_else(|| Refusal::missing(NO_ROOM))?;
    let caller = call.caller;
    let mentioned = call.parsed("mentionedPeople", |text| match text {
        "me" => Some(caller),
        id => PersonId::parse(id).filter(|id| *id == caller),
    })?;
    let query = MessageQuery {
        parent: call.parsed("parentId", MessageId::parse)?,
        mentioned,
        before: call.parsed("before", Millis::from_iso)?,
        before_message: call.parsed("beforeMessage", MessageId::parse)?,
    };
    let wanted = call.wanted(50, if mentioned.is_some() { 100 } else { 1000 })?;
    let page = call.world.list_messages(caller, room, query, wanted)?;
    call.page(page.map(|message| call.show_message(message)))
}

pub(super) fn list_direct(call: &mut Call<'_>) -> Outcome {
    let (id, email) = (call.param("personId"), call.param("personEmail"));
    if id.is_none() == email.is_none() {
        return Err(Refusal::bad("Must specify either personId or personEmail."));
    }
    let parent = call.parsed("parentId", MessageId::parse)?;
    let query = MessageQuery { parent, mentioned: None, before: None, before_message: None };
    let person = call.world.person_by(id, email).ok_or_else(|| Refusal::missing(NO_ROOM))?;
    let room = RoomId::direct(call.caller, person.id);
    let mut page = call.world.list_messages(call.caller, room, query, DIRECT)?;
    page.next = None;
    call.page(page.map(|message| call.show_message(message)))
}

/// A file by URL is fetched between two askings: nothing waits for it under the world's lock, and only a message
/// that would be written has its file fetched.
pub(super) fn create(call: &mut Call<'_>) -> Outcome {
    let (mut new, file): (NewMessage, _) = call.json_or_any_form()?;
    new.file = file;
    if let Some(url) = new.files.first() {
        let Some(file) = call.fetched() else {
            call.world.check_message(call.caller, &new)?;
            return Ok(Reply::fetch(url.clone()));
        };
        new.file = Some(file.clone());
        new.files.clear();
    }
    let (to_person_id, to_person_email) = (new.to_person_id.clone(), new.to_person_email.clone());
    let id = call.world.create_message(call.caller, new)?;
    let message = call.world.message_of(call.caller, id)?;
    let mut shown = call.show_message(message);
    (shown.to_person_id, shown.to_person_email) = (to_person_id, to_person_email);
    Reply::ok(&shown)
}

pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(MessageId::parse, MISSING)?;
    show(call, id)
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Edit {
    room_id: Option<String>,
    text: Option<String>,
    markdown: Option<String>,
}

pub(super) fn update(call: &mut Call<'_>) -> Outcome {
    let id = call.id(MessageId::parse, MISSING)?;
    let edit: Edit = call.json()?;
    let room = edit.room_id.ok_or_else(|| Refusal::bad("roomId cannot be null"))?;
    call.world.edit_message(call.caller, id, &room, edit.text, edit.markdown)?;
    show(call, id)
}

pub(super) fn delete(call: &mut Call<'_>) -> Outcome {
    let id = call.id(MessageId::parse, MISSING)?;
    call.world.delete_message(call.caller, id)?;
    Ok(Reply::empty())
}

fn show(call: &Call<'_>, id: MessageId) -> Outcome {
    let message = call.world.message_of(call.caller, id)?;
    Reply::ok(&call.show_message(message))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{Request, answer, testing::ask},
        *,
    };
    use crate::sim::world::World;

    #[test]
    fn a_direct_message_is_listed_on_both_sides() {
        let mut world = World::seeded();
        world.authenticate("sim-bot-echo");
        let new = json!({"toPersonEmail": "echo@webex.bot", "markdown": "**hi**"});
        let (sent, _) = ask(&mut world, "sim-alice", "POST", "/messages", &new).unwrap();
        assert_eq!(sent["toPersonEmail"], "echo@webex.bot");
        assert_eq!((&sent["text"], &sent["html"]), (&"hi".into(), &"<p><strong>hi</strong></p>".into()));
        let path = "/messages/direct?personEmail=alice@example.com";
        let (list, _) = ask(&mut world, "sim-bot-echo", "GET", path, &Value::Null).unwrap();
        assert_eq!(list["items"][0]["id"], sent["id"]);
        assert!(list["items"][0].get("toPersonEmail").is_none());
    }

    #[test]
    fn a_form_is_as_good_as_json() {
        let mut world = World::seeded();
        let caller = world.authenticate("sim-alice").unwrap();
        let request = Request {
            method: "POST",
            path: "/messages",
            content_type: Some("application/x-www-form-urlencoded"),
            body: b"toPersonEmail=bob%40example.com&text=hi+Bob",
            ..Request::default()
        };
        let reply = answer(&mut world, caller, &request).unwrap();
        let body: Value = serde_json::from_slice(&reply.body.unwrap()).unwrap();
        assert_eq!(body["text"], "hi Bob");
    }

    #[test]
    fn the_list_needs_a_room_and_mentions_may_only_be_ones_own() {
        let mut world = World::seeded();
        let mut refused = |path: &str| ask(&mut world, "sim-alice", "GET", path, &Value::Null).unwrap_err();
        assert_eq!(refused("/messages").message, "Required String parameter 'roomId' is not present");
        assert_eq!(refused("/messages?roomId=nope").message, NO_ROOM);
        let room = RoomId::fresh().public();
        let bob = PersonId::of("bob@example.com").public();
        let other = refused(&format!("/messages?roomId={room}&mentionedPeople={bob}"));
        assert_eq!(other.message, "invalid value for parameter: mentionedPeople");
    }

    #[test]
    fn an_edit_shows_when_it_was() {
        let mut world = World::seeded();
        let new = json!({"toPersonEmail": "bob@example.com", "text": "one"});
        let (sent, _) = ask(&mut world, "sim-alice", "POST", "/messages", &new).unwrap();
        assert!(sent.get("updated").is_none());
        let path = format!("/messages/{}", sent["id"].as_str().unwrap());
        let edit = json!({"roomId": sent["roomId"], "text": "two"});
        let (edited, _) = ask(&mut world, "sim-alice", "PUT", &path, &edit).unwrap();
        assert_eq!(edited["text"], "two");
        assert!(edited["updated"].is_string());
        ask(&mut world, "sim-alice", "DELETE", &path, &Value::Null).unwrap();
        assert_eq!(ask(&mut world, "sim-bob", "GET", &path, &Value::Null).unwrap_err().message, MISSING);
    }
}
