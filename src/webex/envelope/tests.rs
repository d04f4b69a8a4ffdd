//! Bodies as Webex sends them, and as it should not.

use proptest::prelude::*;

use super::*;

const NOW: Millis = Millis(1_800_000_000_000);

/// A body with the outer fields as real deliveries have them.
fn body(resource: &str, event: &str, data: &str) -> String {
    format!(
        r#"{{"id":"W1","name":"botyard/prod/echo/{resource}.{event}","targetUrl":"https://bots.example.com/hooks/echo","resource":"{resource}","event":"{event}","orgId":"O1","createdBy":"B1","appId":"A1","ownedBy":"creator","status":"active","created":"2026-01-01T00:00:00.000Z","actorId":"P1","data":{data}}}"#
    )
}

fn event(resource: &str, event: &str, data: &str) -> Event {
    Envelope::parse(body(resource, event, data).as_bytes()).unwrap().into_event(NOW).unwrap()
}

fn key(resource: &str, event: &str, data: &str) -> Dedupe {
    Envelope::parse(body(resource, event, data).as_bytes()).unwrap().dedupe()
}

const MESSAGE: &str = r#"{"id":"M1","roomId":"R1","roomType":"group","personId":"P1","personEmail":"ann@example.com","mentionedPeople":["B1"],"files":["https://webexapis.com/v1/contents/C1"],"parentId":"M0","created":"2026-01-02T03:04:05.678Z"}"#;

#[test]
fn a_new_message_is_read_whole() {
    let read = event("messages", "created", MESSAGE);
    let expected = Event {
        at: Millis::from_iso("2026-01-02T03:04:05.678Z").unwrap(),
        actor: Some("P1".into()),
        trigger: Trigger::Message {
            change: Change::Created,
            id: "M1".into(),
            room: "R1".into(),
            room_type: Some("group".into()),
            person: "P1".into(),
            email: Some("ann@example.com".into()),
            parent: Some("M0".into()),
        },
    };
    assert_eq!(read, expected);
}

#[test]
fn edits_and_deletions_of_messages_are_read() {
    let data = r#"{"id":"M1","roomId":"R1","roomType":"direct","personId":"P1","personEmail":"ann@example.com","created":"2026-01-02T03:04:05.678Z","updated":"2026-01-02T04:00:00+00:00"}"#;
    let updated = event("messages", "updated", data);
    assert_eq!((updated.kind(), updated.at.iso().as_str()), ("messages.updated", "2026-01-02T04:00:00.000Z"));
    let data = r#"{"id":"M1","roomId":"R1","roomType":"direct","personId":"P1","personEmail":"ann@example.com"}"#;
    let deleted = event("messages", "deleted", data);
    assert_eq!((deleted.kind(), deleted.at), ("messages.deleted", NOW));
}

#[test]
fn a_membership_names_the_member_and_who_acted() {
    let data = r#"{"id":"MS1","roomId":"R1","roomType":"group","personId":"B1","personEmail":"echo@webex.bot","personDisplayName":"Echo","personOrgId":"O1","isModerator":false,"isMonitor":false,"isRoomHidden":false,"created":"2026-01-02T03:04:05.678Z"}"#;
    let read = event("memberships", "created", data);
    assert_eq!((read.actor.as_deref(), read.room(), read.person()), (Some("P1"), "R1", Some("B1")));
    let Trigger::Membership { name, email, .. } = read.trigger else { panic!("{read:?}") };
    assert_eq!((name.as_deref(), email.as_deref()), (Some("Echo"), Some("echo@webex.bot")));
}

#[test]
fn rooms_and_card_presses_are_read() {
    let data = r#"{"id":"R1","type":"group","isLocked":false,"lastActivity":"2026-01-02T03:04:05.678Z","creatorId":"P1","created":"2026-01-02T03:04:05.678Z"}"#;
    for change in ["created", "updated"] {
        assert_eq!(event("rooms", change, data).room(), "R1");
    }
    let data = r#"{"id":"AA1","type":"submit","messageId":"M1","personId":"P1","roomId":"R1","created":"2026-01-02T03:04:05.678Z"}"#;
    let press = event("attachmentActions", "created", data);
    assert_eq!((press.kind(), press.room(), press.person()), ("attachmentActions.created", "R1", Some("P1")));
    assert!(matches!(press.trigger, Trigger::CardAction { message, .. } if message == "M1"));
}

#[test]
fn only_resource_event_and_data_id_are_needed() {
    let parse = |text: &'static str| Envelope::parse(text.as_bytes());
    let least = parse(r#"{"resource":"messages","event":"created","data":{"id":"M1"}}"#).unwrap();
    assert_eq!(least.kind(), Some("messages.created"));
    let read = least.into_event(NOW).unwrap();
    assert_eq!((read.at, read.room(), read.person()), (NOW, "", Some("")));
    for (text, missing) in [
        (r#"{"event":"created","data":{"id":"M1"}}"#, "resource"),
        (r#"{"resource":"messages","data":{"id":"M1"}}"#, "event"),
        (r#"{"resource":"messages","event":"created"}"#, "data"),
        (r#"{"resource":"messages","event":"created","data":{}}"#, "data.id"),
        (r#"{"resource":"messages","event":"created","data":{"id":""}}"#, "data.id"),
        (r#"{"resource":"messages","event":"created","data":{"id":7}}"#, "data.id"),
    ] {
        assert_eq!(parse(text).unwrap_err(), EnvelopeError::Missing(missing), "{text}");
    }
    for text in ["", "[]", "{", "null", "\"x\"", r#"{"resource":"messages","event":"created","data":[]}"#] {
        assert!(matches!(parse(text), Err(EnvelopeError::Json(_))), "{text}");
    }
}

#[test]
fn a_field_of_another_type_costs_nothing() {
    let data = r#"{"id":"M1","roomId":"R1","personId":"P1","personEmail":null,"parentId":7,"roomType":{"a":[1]},"created":[1,2],"updated":false}"#;
    let read = event("messages", "created", data);
    assert_eq!((read.at, read.room(), read.person()), (NOW, "R1", Some("P1")));
    let escaped = event("messages", "created", r#"{"id":"M\u00fc","roomId":"R1","personId":"P1"}"#);
    assert!(matches!(escaped.trigger, Trigger::Message { id, .. } if id == "Mü"));
}

#[test]
fn a_kind_that_is_new_to_us_is_parsed_and_is_no_event() {
    for (resource, what) in [("rooms", "migrated"), ("meetings", "started"), ("messages", "Created")] {
        let body = body(resource, what, r#"{"id":"X"}"#);
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        assert_eq!(envelope.kind(), None);
        assert!(envelope.into_event(NOW).is_none());
    }
}

#[test]
fn a_bot_hears_itself_only_in_its_own_messages() {
    let uuid = "7c1e5a02-3f0b-4b7e-9f57-0e3f5c7d9a11";
    let me = "Y2lzY29zcGFyazovL3VzL1BFT1BMRS83YzFlNWEwMi0zZjBiLTRiN2UtOWY1Ny0wZTNmNWM3ZDlhMTE";
    let own = |resource: &str, person: &str| {
        let data = format!(r#"{{"id":"M1","roomId":"R1","personId":"{person}"}}"#);
        Envelope::parse(body(resource, "created", &data).as_bytes()).unwrap().is_own_echo(me)
    };
    assert!(own("messages", me) && own("messages", uuid));
    assert!(!own("messages", "P2"));
    assert!(!own("memberships", me), "being added to a room is news");
    let unnamed = body("messages", "created", r#"{"id":"M1"}"#).replace("\"P1\"", &format!("\"{me}\""));
    assert!(Envelope::parse(unnamed.as_bytes()).unwrap().is_own_echo(me), "the actor stands in for the author");
}

#[test]
fn each_kind_has_its_own_way_of_being_the_same() {
    let same = |key: &str| Dedupe { key: key.into(), window: None };
    assert_eq!(key("messages", "created", MESSAGE), same("messages.created:M1"));
    assert_eq!(key("messages", "deleted", MESSAGE), same("messages.deleted:M1"));
    assert_eq!(key("attachmentActions", "created", r#"{"id":"A"}"#), same("attachmentActions.created:A"));
    assert_eq!(key("messages", "updated", r#"{"id":"M","updated":"T"}"#), same("messages.updated:M@T"));
    assert_eq!(key("memberships", "created", r#"{"id":"M","created":"T"}"#), same("memberships.created:M@T"));
    assert_eq!(key("memberships", "deleted", r#"{"id":"M","created":"T"}"#), same("memberships.deleted:M@T"));

    let first = key("memberships", "updated", r#"{"id":"M","isModerator":true}"#);
    assert_eq!(first.window, Some(Duration::from_mins(1)));
    assert_eq!(first, key("memberships", "updated", r#"{"id":"M","isModerator":true}"#));
    assert_ne!(first.key, key("memberships", "updated", r#"{"id":"M","isModerator":false}"#).key);
    // Without its stamp, content has to tell two of them apart.
    assert_eq!(key("messages", "updated", r#"{"id":"M"}"#).window, Some(Duration::from_mins(1)));
}

proptest! {
    #[test]
    fn no_body_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), text in ".*") {
        let _ = Envelope::parse(&bytes);
        let _ = Envelope::parse(text.as_bytes());
        let _ = Envelope::parse(body("messages", "created", &text).as_bytes());
    }

    #[test]
    fn a_key_is_never_empty_and_an_event_always_has_an_order(id in "[!-~]{1,40}", kind in 0..kinds::ALL.len()) {
        prop_assume!(kinds::Kinds::brought_by(|known| known == kinds::ALL[kind]).is_some());
        let (resource, what) = kinds::ALL[kind].split_once('.').unwrap();
        let data = serde_json::json!({ "id": id }).to_string();
        let body = body(resource, what, &data);
        let envelope = Envelope::parse(body.as_bytes()).unwrap();
        prop_assert!(envelope.dedupe().key.contains(&id));
        let event = envelope.into_event(NOW).unwrap();
        prop_assert_eq!(event.kind(), kinds::ALL[kind]);
        prop_assert!(!event.order_key().is_empty());
    }
}
