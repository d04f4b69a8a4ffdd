//! The webhook that Webex would have sent of something that happened in a test: what `forward` passes on.

use serde_json::{Map, Value, json};

use crate::base::{Event, Trigger};

/// As it would have come in; none where Webex sends no webhook.
pub(super) fn of(event: &Event) -> Option<Vec<u8>> {
    let (resource, change) = event.kind().split_once('.')?;
    let at = event.at.iso();
    let mut data = fields(&event.trigger)?;
    data.insert("created".to_owned(), json!(at));
    if change == "updated" {
        data.insert("updated".to_owned(), json!(at));
    }
    let body = json!({
        "id": "webhook-1",
        "name": "botyard test",
        "targetUrl": "https://bots.example.com/hooks",
        "resource": resource,
        "event": change,
        "status": "active",
        "created": at,
        "actorId": event.actor,
        "data": data,
    });
    serde_json::to_vec(&body).ok()
}

fn fields(trigger: &Trigger) -> Option<Map<String, Value>> {
    let fields = match trigger {
        Trigger::Message { id, room, room_type, person, email, parent, .. } => json!({
            "id": id, "roomId": room, "roomType": room_type, "personId": person, "personEmail": email,
            "parentId": parent,
        }),
        Trigger::Membership { id, room, room_type, person, email, name, .. } => json!({
            "id": id, "roomId": room, "roomType": room_type, "personId": person, "personEmail": email,
            "personDisplayName": name,
        }),
        Trigger::Room { room, .. } => json!({ "id": room }),
        Trigger::CardAction { id, message, room, person } => json!({
            "id": id, "type": "submit", "messageId": message, "roomId": room, "personId": person,
        }),
        _ => return None,
    };
    match fields {
        Value::Object(fields) => Some(fields.into_iter().filter(|(_, value)| !value.is_null()).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        base::{Change, Millis},
        webex::Envelope,
    };

    #[test]
    fn what_is_sent_is_read_back_as_what_happened() {
        let text = |text: &str| Some(text.to_owned());
        let triggers = [
            Trigger::Message {
                change: Change::Created,
                id: "M".into(),
                room: "R".into(),
                room_type: text("group"),
                person: "P".into(),
                email: text("p@example.com"),
                parent: None,
            },
            Trigger::Membership {
                change: Change::Created,
                id: "MS".into(),
                room: "R".into(),
                room_type: text("direct"),
                person: "P".into(),
                email: text("p@example.com"),
                name: text("Pat"),
            },
            Trigger::Room { change: Change::Updated, room: "R".into() },
            Trigger::CardAction { id: "A".into(), message: "M".into(), room: "R".into(), person: "P".into() },
        ];
        for trigger in triggers {
            let event = Event { at: Millis(1_767_000_000_000), actor: text("P"), trigger };
            let body = of(&event).unwrap();
            assert_eq!(Envelope::parse(&body).unwrap().into_event(Millis(0)), Some(event));
        }
        let timer = Trigger::Schedule { name: "s".into(), planned: Millis(0), zone: String::new(), person: None };
        assert_eq!(of(&Event { at: Millis(0), actor: None, trigger: timer }), None);
    }
}
