//! Ids that answers have shown, by kind; and that each is what its field says.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use serde_json::Value;

/// The kind of an id, as it stands in it: `ciscospark://us/KIND/…`.
///
/// # Panics
/// When it is no id: unpadded base64 of such an address.
pub(super) fn kind(id: &str) -> String {
    let bytes = STANDARD_NO_PAD.decode(id).unwrap_or_else(|error| panic!("`{id}` is no id: {error}"));
    let address = String::from_utf8(bytes).unwrap();
    let parts: Vec<&str> = address.splitn(5, '/').collect();
    match parts[..] {
        ["ciscospark:", "", "us", kind, body] if !body.is_empty() => kind.to_owned(),
        _ => panic!("`{address}` is not the address of an id"),
    }
}

/// What the id in a path below this is of, and the `id` of what is found there.
pub(super) fn kind_at(path: &str) -> &'static str {
    match path.trim_end_matches("/{}") {
        "people" | "people/me" => "PEOPLE",
        "rooms" | "rooms/{}/meetingInfo" => "ROOM",
        "room/tabs" => "ROOM_TAB",
        "teams" => "TEAM",
        "team/memberships" => "TEAM_MEMBERSHIP",
        "roles" => "ROLE",
        "licenses" => "LICENSE",
        "organizations" => "ORGANIZATION",
        "memberships" => "MEMBERSHIP",
        "messages" | "messages/direct" => "MESSAGE",
        "attachment/actions" => "ATTACHMENT_ACTION",
        "contents" => "CONTENT",
        "webhooks" => "WEBHOOK",
        other => panic!("say here what `{other}` is a path to"),
    }
}

/// What a field of this name holds; `None` when it is no id of ours.
fn kind_in(field: &str) -> Option<&'static str> {
    Some(match field {
        "roomId" => "ROOM",
        "personId" | "creatorId" | "createdBy" | "toPersonId" => "PEOPLE",
        "messageId" | "parentId" => "MESSAGE",
        "orgId" | "personOrgId" | "ownerId" => "ORGANIZATION",
        "appId" => "APPLICATION",
        "teamId" => "TEAM",
        other => {
            // The one is no id of the messaging API, the other what the client said.
            let foreign = ["meetingId", "classificationId"].contains(&other);
            assert!(foreign || !other.ends_with("Id"), "say here what the field `{other}` holds");
            return None;
        }
    })
}

/// Every id seen so far, by kind, and what was last shown of each thing.
#[derive(Debug, Default)]
pub(super) struct Pool {
    ids: BTreeMap<String, Vec<String>>,
    things: BTreeMap<String, Value>,
}

impl Pool {
    /// All of a kind, oldest first.
    pub(super) fn of(&self, kind: &str) -> &[String] {
        self.ids.get(kind).map_or(&[], Vec::as_slice)
    }

    /// Takes over the ids of one object that was answered at `path`, and looks at each.
    pub(super) fn learn(&mut self, path: &str, object: &Value) {
        for (field, value) in object.as_object().into_iter().flatten() {
            let wanted = if field == "id" { Some(kind_at(path)) } else { kind_in(field) };
            let (Some(wanted), Some(id)) = (wanted, value.as_str()) else { continue };
            assert_eq!(kind(id), wanted, "`{field}` at `{path}`");
            self.add(wanted, id);
        }
        for file in Self::files_of(object) {
            assert_eq!(kind(&file), "CONTENT");
            self.add("CONTENT", &file);
        }
        if let Some(id) = object["id"].as_str() {
            self.things.insert(id.to_owned(), object.clone());
        }
        for (field, wanted) in [("mentionedPeople", "PEOPLE"), ("roles", "ROLE"), ("licenses", "LICENSE")] {
            for id in object[field].as_array().into_iter().flatten() {
                assert_eq!(kind(id.as_str().unwrap()), wanted, "`{field}` at `{path}`");
            }
        }
    }

    /// The ids of a message's files; their links must lead to where files are.
    pub(super) fn files_of(message: &Value) -> Vec<String> {
        let links = message["files"].as_array().into_iter().flatten().map(|link| link.as_str().unwrap());
        links.map(|link| link.strip_prefix("http://sim/v1/contents/").unwrap().to_owned()).collect()
    }

    /// What was last shown of it; `Null` when nothing was.
    pub(super) fn thing(&self, id: &str) -> &Value {
        self.things.get(id).unwrap_or(&Value::Null)
    }

    fn add(&mut self, kind: &str, id: &str) {
        let known = self.ids.entry(kind.to_owned()).or_default();
        if !known.iter().any(|known| known == id) {
            known.push(id.to_owned());
        }
    }
}
