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
    // An empty destination is none, and a person is named by the form that every answer has.
    let to_person_id = new.to_person_id.as_deref().and_then(PersonId::parse).map(PersonId::public);
    let to_person_email = new.to_person_email.clone().filter(|email| !email.is_empty());
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
    use crate::sim::{
        intake::Form,
        world::{NewFile, World},
    };

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
    fn the_answer_names_the_destination_that_was_given_and_no_empty_one() {
        let mut world = World::seeded();
        let bob = PersonId::of("bob@example.com");
        let new = json!({"toPersonId": bob.bare(), "toPersonEmail": "", "roomId": "", "text": "hi"});
        let (sent, _) = ask(&mut world, "sim-alice", "POST", "/messages", &new).unwrap();
        assert_eq!(sent["toPersonId"], bob.public());
        assert_eq!(sent.get("toPersonEmail"), None);
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

    /// Posts a form in parts.
    fn post_form(world: &mut World, fields: &[(&str, &str)], file: Option<NewFile>) -> Result<Reply, Refusal> {
        let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let form = Form { fields, file };
        let caller = world.authenticate("sim-alice").unwrap();
        let content_type = Some("multipart/form-data; boundary=x");
        let base = "http://sim/v1";
        let request =
            Request { method: "POST", path: "/messages", content_type, base, form: Some(&form), ..Request::default() };
        answer(world, caller, &request)
    }

    #[test]
    fn a_form_in_parts_carries_a_file_and_no_card() {
        let mut world = World::seeded();
        let file = || Some(NewFile::new("a.txt", Some("text/plain"), "x".into()));
        let to = ("toPersonEmail", "bob@example.com");
        let reply = post_form(&mut world, &[to, ("markdown", "**look**")], file()).unwrap();
        let body: Value = serde_json::from_slice(&reply.body.unwrap()).unwrap();
        assert_eq!(body["html"], "<p><strong>look</strong></p>");
        assert!(body["files"][0].as_str().unwrap().starts_with("http://sim/v1/contents/"));
        assert!(post_form(&mut world, &[to], file()).is_ok());
        let mut refused = |fields: &[(&str, &str)], file| post_form(&mut world, fields, file).unwrap_err().message;
        assert!(refused(&[to, ("attachments", "[]")], None).contains("JSON body only"));
        assert_eq!(refused(&[to, ("files", "http://h/")], file()), "Only one file is allowed per message.");
        assert_eq!(refused(&[to], None), "Both text and file cannot be empty.");
        assert!(refused(&[], file()).starts_with("Exactly one"));
    }

    #[test]
    fn a_file_by_url_is_asked_for_first_and_only_for_a_message_that_will_be_written() {
        let mut world = World::seeded();
        let caller = world.authenticate("sim-alice").unwrap();
        let file = NewFile::new("a.txt", None, "x".into());
        let mut post = |to: &str, fetched| {
            let body = json!({"toPersonEmail": to, "files": ["http://h/a.txt"]}).to_string();
            let content_type = Some("application/json");
            let (method, path, body) = ("POST", "/messages", body.as_bytes());
            let request = Request { method, path, content_type, body, fetched, ..Request::default() };
            let reply = answer(&mut world, caller, &request);
            (reply, world.messages.len())
        };
        let (reply, messages) = post("bob@example.com", None);
        assert_eq!((reply.unwrap().fetch.as_deref(), messages), (Some("http://h/a.txt"), 0));
        assert_eq!(post("nobody@example.com", None).0.unwrap_err().status, 404);
        let (reply, messages) = post("bob@example.com", Some(&file));
        assert_eq!((reply.unwrap().fetch, messages), (None, 1));
    }

    #[test]
    fn pages_of_mentions_are_shorter_and_a_bot_must_ask_for_its_own() {
        let mut world = World::seeded();
        let (room, _) = ask(&mut world, "sim-alice", "POST", "/rooms", &json!({"title": "Ops"})).unwrap();
        let room = room["id"].as_str().unwrap().to_owned();
        world.authenticate("sim-bot-echo").unwrap();
        let member = json!({"roomId": room, "personEmail": "echo@webex.bot"});
        ask(&mut world, "sim-alice", "POST", "/memberships", &member).unwrap();
        let new = json!({"roomId": room, "markdown": "<@personEmail:echo@webex.bot> hi"});
        for _ in 0..101 {
            ask(&mut world, "sim-alice", "POST", "/messages", &new).unwrap();
        }
        let mut list = |token, query: &str| {
            let path = format!("/messages?roomId={room}&max=5000{query}");
            ask(&mut world, token, "GET", &path, &Value::Null).map(|(body, _)| body["items"].as_array().unwrap().len())
        };
        assert_eq!(list("sim-alice", "").unwrap(), 101);
        assert_eq!(list("sim-bot-echo", "&mentionedPeople=me").unwrap(), 100);
        let own = PersonId::of("echo@webex.bot").public();
        assert_eq!(list("sim-bot-echo", &format!("&mentionedPeople={own}")).unwrap(), 100);
        assert_eq!(list("sim-bot-echo", "").unwrap_err().status, 403);
        for query in ["&before=yesterday", "&beforeMessage=x", "&parentId=x", "&mentionedPeople=all"] {
            assert_eq!(list("sim-alice", query).unwrap_err().status, 400, "{query}");
        }
    }

    #[test]
    fn a_thread_of_a_direct_room_is_listed_by_its_root() {
        let mut world = World::seeded();
        let mut say = |body: Value| ask(&mut world, "sim-alice", "POST", "/messages", &body).unwrap().0;
        let root = say(json!({"toPersonEmail": "bob@example.com", "text": "root"}));
        let reply = say(json!({"toPersonEmail": "bob@example.com", "text": "re", "parentId": root["id"]}));
        assert_eq!(reply["parentId"], root["id"]);
        let path = format!("/messages/direct?personEmail=bob@example.com&parentId={}", root["id"].as_str().unwrap());
        let (list, _) = ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        let mut refused = |path| ask(&mut world, "sim-alice", "GET", path, &Value::Null).unwrap_err();
        assert_eq!(refused("/messages/direct").message, "Must specify either personId or personEmail.");
        assert_eq!(refused("/messages/direct?personEmail=carol@example.com").status, 404);
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
