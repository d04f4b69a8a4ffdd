//! What a delivery does besides writing a message: keys, edits, replacements, deletions, files, leaving.

use serde_json::{Value, json};

use super::*;
use crate::{
    brain::{Act, Attached, Delivery, Destination, Keyed, Then},
    net::HttpRequest,
};

/// Answers by method; a message that is written has the number of its request.
fn wire(answer: impl Fn(&str, &str, usize) -> Option<Reply> + Send + Sync + 'static) -> FakeWire {
    FakeWire::new(move |request: &HttpRequest, count| {
        let path = request.url.split("/v1").nth(1).unwrap_or_default();
        let given = answer(request.method, path, count);
        let usual = || match request.method {
            "POST" => reply(200, &format!(r#"{{"id":"M{count}","roomId":"ROOM"}}"#)),
            "DELETE" => reply(204, ""),
            _ => reply(200, "{}"),
        };
        (MOMENT, Ok(given.unwrap_or_else(usual)))
    })
}

fn well() -> FakeWire {
    wire(|_, _, _| None)
}

fn says(text: &str) -> Delivery {
    Delivery {
        text: Some(text.into()),
        rule: "inbound \"alert\"".into(),
        ..Delivery::to(Destination::Room("R".into()))
    }
}

fn keyed(text: &str, then: Then) -> Delivery {
    Delivery { key: Some(Keyed { key: "build 7".into(), then }), ..says(text) }
}

/// Method, path and body of each request.
fn asked(house: &House) -> Vec<(String, Value)> {
    let said = |seen: crate::actors::testing::wire::Seen| {
        let path = seen.request.url.split("/v1").nth(1).unwrap_or_default().to_owned();
        let body = seen.request.body.as_deref().map(|body| serde_json::from_slice(body).unwrap_or_default());
        (format!("{} {path}", seen.request.method), body.unwrap_or_default())
    };
    house.wire.seen().into_iter().map(said).collect()
}

impl House {
    /// Delivers one after the other, and waits for the last.
    async fn all(&self, deliveries: &[Delivery]) -> Vec<Seq> {
        let seqs: Vec<_> = deliveries.iter().map(|one| self.store.deliver(&self.bells, &bot("echo"), one)).collect();
        let last = *seqs.last().unwrap();
        until("all have ended", || matches!(self.store.stands(last), Stands::Ended(_))).await;
        seqs
    }

    fn paths(&self) -> Vec<String> {
        asked(self).into_iter().map(|(path, _)| path).collect()
    }
}

async fn opened(wire: &FakeWire) -> House {
    pause();
    let house = House::new(wire);
    house.open("echo", 1).await;
    house
}

#[actix::test]
async fn a_later_message_of_a_key_edits_the_earlier_one() {
    let house = opened(&well()).await;
    let seqs = house.all(&[keyed("red", Then::Edit), keyed("green", Then::Edit), says("other")]).await;
    let asked = asked(&house);
    assert_eq!(asked[1], ("PUT /messages/M0".into(), json!({"roomId": "ROOM", "text": "green"})));
    assert_eq!(asked[2].0, "POST /messages");
    assert_eq!(house.store.stands(seqs[1]), Stands::Ended(DeliveryOutcome::Sent { remote_id: Some("M0".into()) }));
    let kept = house.store.kept();
    assert_eq!((kept.len(), kept[0].edits, kept[0].key.as_deref()), (1, 1, Some("build 7")));
}

#[actix::test]
async fn after_ten_edits_a_message_in_the_thread_takes_the_key_over() {
    let house = opened(&well()).await;
    house.all(&vec![keyed("x", Then::Edit); 13]).await;
    let asked = asked(&house);
    let paths: Vec<_> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths[1..11], ["PUT /messages/M0"; 10]);
    assert_eq!(asked[11], ("POST /messages".into(), json!({"roomId": "R", "text": "x", "parentId": "M0"})));
    assert_eq!(paths[12], "PUT /messages/M11", "and is edited in its turn");
    let named: Vec<_> = house.store.kept().into_iter().filter(|row| row.key.is_some()).collect();
    assert_eq!((named.len(), named[0].remote_id.as_str(), named[0].root()), (1, "M11", "M0"));
}

#[actix::test]
async fn where_webex_refuses_an_edit_a_message_in_the_thread_follows() {
    let refused = wire(|method, _, _| (method == "PUT").then(|| reply(400, r#"{"message":"no"}"#)));
    let house = opened(&refused).await;
    house.all(&[keyed("red", Then::Edit), keyed("green", Then::Edit)]).await;
    assert_eq!(house.paths(), ["POST /messages", "PUT /messages/M0", "POST /messages"]);
    assert_eq!(asked(&house)[2].1["parentId"], "M0");
    // Edits know no cards: it is not even tried.
    let card = Delivery { card: Some(json!({"type": "AdaptiveCard"})), ..keyed("card", Then::Edit) };
    house.all(&[card]).await;
    assert_eq!(house.paths().len(), 4);
    let last = &asked(&house)[3].1;
    assert_eq!((&last["parentId"], &last["attachments"][0]["content"]["type"]), (&json!("M0"), &json!("AdaptiveCard")));
}

#[actix::test]
async fn a_message_that_is_gone_is_written_anew_and_has_the_key() {
    let gone = wire(|method, _, _| (method == "PUT").then(|| reply(404, "{}")));
    let house = opened(&gone).await;
    house.all(&[keyed("red", Then::Edit), keyed("green", Then::Edit)]).await;
    assert_eq!(house.paths(), ["POST /messages", "PUT /messages/M0", "POST /messages"]);
    assert_eq!(asked(&house)[2].1.get("parentId"), None);
    let kept = house.store.kept();
    assert_eq!((kept.len(), kept[0].remote_id.as_str(), kept[0].key.as_deref()), (1, "M2", Some("build 7")));
}

#[actix::test]
async fn a_key_can_thread_replace_and_skip() {
    let house = opened(&well()).await;
    let seqs = house
        .all(&[
            keyed("one", Then::Thread),
            keyed("two", Then::Thread),
            keyed("three", Then::Skip),
            keyed("four", Then::Replace),
            Delivery { act: Act::DeleteKey("build 7".into()), ..says("") },
            Delivery { act: Act::DeleteKey("build 7".into()), ..says("") },
            keyed("five", Then::Skip),
        ])
        .await;
    let asked = asked(&house);
    let paths: Vec<_> = asked.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "POST /messages",
            "POST /messages",
            "DELETE /messages/M0",
            "POST /messages",
            "DELETE /messages/M3",
            "POST /messages"
        ]
    );
    assert_eq!((asked[1].1["parentId"].as_str(), asked[3].1.get("parentId")), (Some("M0"), None));
    for seq in [seqs[2], seqs[5]] {
        assert!(matches!(house.store.stands(seq), Stands::Ended(DeliveryOutcome::Needless { .. })));
    }
}

#[actix::test]
async fn a_message_named_by_its_id_is_edited_replaced_and_deleted() {
    let house = opened(&well()).await;
    let context = json!({"ticket": 7});
    let card = Delivery { card: Some(json!({"type": "AdaptiveCard"})), context: context.clone(), ..says("card") };
    house.all(&[card]).await;
    assert_eq!(house.store.kept()[0].context, context);
    house.all(&[Delivery { act: Act::Edit("M0".into()), ..says("done") }]).await;
    assert_eq!(house.store.kept()[0].context, context, "what it was given along stays");
    house.all(&[Delivery { act: Act::Replace("M0".into()), ..says("done") }]).await;
    house.all(&[Delivery { act: Act::Delete("M3".into()), ..says("") }]).await;
    assert_eq!(
        house.paths(),
        ["POST /messages", "PUT /messages/M0", "DELETE /messages/M0", "POST /messages", "DELETE /messages/M3"]
    );
    assert!(house.store.kept().is_empty());
}

#[actix::test]
async fn an_answer_to_a_card_in_a_thread_goes_to_its_root() {
    let flat = wire(|_, _, count| (count == 1).then(|| reply(400, r#"{"message":"no reply to a reply"}"#)));
    let house = opened(&flat).await;
    let card = Delivery { card: Some(json!({"type": "AdaptiveCard"})), parent: Some("ROOT".into()), ..says("card") };
    let seqs = house.all(&[card, Delivery { parent: Some("M0".into()), ..says("pressed") }]).await;
    assert!(house.store.is_sent(seqs[1]));
    let parents: Vec<_> = asked(&house).into_iter().map(|(_, body)| body["parentId"].clone()).collect();
    assert_eq!(parents, [json!("ROOT"), json!("M0"), json!("ROOT")]);
}

#[actix::test]
async fn an_edit_whose_answer_is_lost_is_repeated_whatever_the_bot_says_of_doubt() {
    pause();
    let wire = FakeWire::new(|request, count| {
        let answer = match (request.method, count) {
            ("PUT", 1) => Err(lost(true)),
            _ => Ok(reply(200, &format!(r#"{{"id":"M{count}","roomId":"R"}}"#))),
        };
        (MOMENT, answer)
    });
    let house = House::new(&wire);
    house.open_with("echo", 1, "token", false).await;
    let seqs = house.all(&[keyed("red", Then::Edit), keyed("green", Then::Edit)]).await;
    assert!(house.store.is_sent(seqs[1]));
    assert_eq!(house.paths(), ["POST /messages", "PUT /messages/M0", "PUT /messages/M0"]);
    assert_eq!(house.store.kept()[0].edits, 1);
}

#[actix::test]
async fn a_replacement_that_broke_off_deletes_nothing_twice_and_is_written_once() {
    let busy = wire(|method, _, count| (method == "POST" && count == 2).then(|| wait(1)));
    let house = opened(&busy).await;
    house.all(&[keyed("red", Then::Replace), keyed("green", Then::Replace)]).await;
    assert_eq!(house.paths(), ["POST /messages", "DELETE /messages/M0", "POST /messages", "POST /messages"]);
    assert_eq!(house.store.kept().len(), 1);
}

#[actix::test]
async fn a_file_is_sent_by_its_address_or_from_the_folder_of_its_bot() {
    pause();
    let root = tempfile::tempdir().unwrap();
    std::fs::create_dir_all(root.path().join("echo/files")).unwrap();
    std::fs::write(root.path().join("echo/files/plan.txt"), "the plan").unwrap();
    let folder = root.path().to_owned();
    let house = House::with(&well(), BellFaults::default(), |settings| settings.files = vec![folder]);
    house.open("echo", 1).await;
    let with = |file| Delivery { file: Some(file), ..says("here") };
    let seqs = house
        .all(&[
            with(Attached::Url("https://h/a.pdf".into())),
            with(Attached::Path("echo/files/plan.txt".into())),
            with(Attached::Path("echo/files/none.txt".into())),
        ])
        .await;
    let seen = house.wire.seen();
    assert_eq!(asked(&house)[0].1["files"], json!(["https://h/a.pdf"]));
    let header = seen[1].request.headers.iter().find(|(name, _)| name == "content-type").unwrap();
    assert!(header.1.starts_with("multipart/form-data; boundary=botyard-"), "{}", header.1);
    let form = String::from_utf8_lossy(seen[1].request.body.as_ref().unwrap()).into_owned();
    assert!(form.contains("filename=\"plan.txt\"\r\nContent-Type: text/plain\r\n\r\nthe plan\r\n"), "{form}");
    assert_eq!(seen.len(), 2);
    let Stands::Ended(DeliveryOutcome::Failed { reason }) = house.store.stands(seqs[2]) else { panic!() };
    assert_eq!(reason.text, "the file `echo/files/none.txt` cannot be sent: it is not there any more");
}

#[actix::test]
async fn a_room_is_left_and_only_once() {
    let rooms = wire(|method, path, count| {
        if path == "/people/me" {
            return Some(reply(200, r#"{"id":"ME"}"#));
        }
        let there = if count < 3 { r#"{"items":[{"id":"MINE"}]}"# } else { r#"{"items":[]}"# };
        (method == "GET").then(|| reply(200, there))
    });
    let house = opened(&rooms).await;
    let leave = Delivery { act: Act::Leave, ..says("") };
    let seqs = house.all(&[leave.clone(), leave]).await;
    assert_eq!(
        house.paths()[..3],
        ["GET /people/me", "GET /memberships?roomId=R&personId=ME", "DELETE /memberships/MINE"]
    );
    assert!(house.store.is_sent(seqs[0]));
    assert!(matches!(house.store.stands(seqs[1]), Stands::Ended(DeliveryOutcome::Needless { .. })));
}

#[actix::test]
async fn who_gives_a_delivery_up_says_so_but_not_of_the_rule_that_hears_it() {
    let refused = wire(|_, _, _| Some(reply(400, r#"{"message":"no"}"#)));
    let house = opened(&refused).await;
    house.all(&[says("x"), Delivery { rule: "on deliveries.failed".into(), ..says("it failed") }]).await;
    let failures = house.store.failures();
    assert_eq!(failures.len(), 1);
    let event = crate::base::Event::decode(&failures[0].payload).unwrap();
    assert_eq!((event.kind(), event.room()), ("deliveries.failed", "R"));
    assert!(
        matches!(event.trigger, crate::base::Trigger::DeliveryFailed { reason, rule, .. } if reason == "no (400)" && rule == "inbound \"alert\"")
    );
}

#[actix::test]
async fn what_takes_several_requests_is_paid_for() {
    pause();
    let house = House::with(&well(), BellFaults::default(), |settings| settings.requests_per_minute = 60);
    house.open("echo", 1).await;
    house.all(&vec![keyed("x", Then::Replace); 10]).await;
    let at: Vec<_> = house.wire.seen().iter().map(|seen| seen.at).collect();
    // Ten messages and nine deletions; six go at once, one a second after that, each deletion with its message.
    assert_eq!(at.len(), 19);
    assert!(at[18] - at[0] >= Duration::from_secs(11), "{:?}", at[18] - at[0]);
}
