//! `/contents`

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Call, Outcome, Reply, call::Download};
use crate::sim::ids::ContentId;

const MISSING: &str = "The requested resource could not be found.";

/// All but what RFC 5987 lets stand as it is in `filename*`.
const EXTENDED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// A file, when the scan lets it out. HEAD is the same without the body.
pub(super) fn get(call: &mut Call<'_>) -> Outcome {
    let id = call.id(ContentId::parse, MISSING)?;
    let unscannable = call.param("allow") == Some("unscannable");
    let file = call.world.download(call.caller, id, unscannable)?;
    let download = Download { media_type: file.media_type.clone(), disposition: disposition(&file.name) };
    Ok(Reply { download: Some(download), ..Reply::with(200, Some(file.bytes.clone())) })
}

/// `Content-Disposition`. A name beyond ASCII is said a second time, in the form made for it; that Webex does
/// so too is believed.
fn disposition(name: &str) -> String {
    let mut quoted = String::with_capacity(name.len() + 2);
    for c in name.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => quoted.push('_'),
        }
    }
    let plain = format!("attachment; filename=\"{quoted}\"");
    if name.is_ascii() { plain } else { format!("{plain}; filename*=UTF-8''{}", utf8_percent_encode(name, EXTENDED)) }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{
        super::{Request, answer, testing::ask},
        *,
    };
    use crate::sim::{
        refusal::Refusal,
        world::{NewFile, NewMessage, Scan, World},
    };

    /// A world in which alice has sent echo a file; and the link to it.
    fn sent() -> (World, String) {
        let mut world = World::seeded();
        let alice = world.authenticate("sim-alice").unwrap();
        world.authenticate("sim-bot-echo").unwrap();
        let new = NewMessage {
            to_person_email: Some("echo@webex.bot".into()),
            file: Some(NewFile::new("a.txt", Some("text/plain"), "some text".into())),
            ..NewMessage::default()
        };
        let message = world.create_message(alice, new).unwrap();
        let path = format!("/messages/{}", message.public());
        let (shown, _) = ask(&mut world, "sim-bot-echo", "GET", &path, &Value::Null).unwrap();
        assert_eq!(shown.get("text"), None);
        let link = shown["files"][0].as_str().unwrap().strip_prefix("http://sim/v1").unwrap().to_owned();
        (world, link)
    }

    fn get(world: &mut World, token: &str, method: &str, link: &str, query: &str) -> Result<Reply, Refusal> {
        let caller = world.authenticate(token).unwrap();
        answer(world, caller, &Request { method, path: link, query, ..Request::default() })
    }

    #[test]
    fn a_files_link_leads_to_it_for_who_may_read_the_message() {
        let (mut world, link) = sent();
        for (token, method) in [("sim-alice", "GET"), ("sim-bot-echo", "GET"), ("sim-bot-echo", "HEAD")] {
            let reply = get(&mut world, token, method, &link, "").unwrap();
            let download = reply.download.unwrap();
            assert_eq!(reply.body.as_deref(), Some("some text".as_bytes()));
            assert_eq!((download.media_type.as_str(), reply.status), ("text/plain", 200));
            assert_eq!(download.disposition, "attachment; filename=\"a.txt\"");
        }
        let refusal = get(&mut world, "sim-carol", "GET", &link, "").unwrap_err();
        assert_eq!((refusal.status, refusal.message.as_str()), (404, MISSING));
        assert_eq!(get(&mut world, "sim-alice", "GET", "/contents/nothing", "").unwrap_err().status, 404);
        assert_eq!(get(&mut world, "sim-alice", "DELETE", &link, "").unwrap_err().allow.as_deref(), Some("GET"));
    }

    #[test]
    fn an_unscannable_file_is_given_only_to_who_asks_for_it_so() {
        let (mut world, link) = sent();
        let id = ContentId::parse(link.rsplit('/').next().unwrap()).unwrap();
        world.scan_file(id, Scan::Unscannable, None).unwrap();
        assert_eq!(get(&mut world, "sim-alice", "GET", &link, "allow=everything").unwrap_err().status, 428);
        assert_eq!(get(&mut world, "sim-alice", "GET", &link, "allow=unscannable").unwrap().status, 200);
    }

    #[test]
    fn a_name_is_quoted_and_beyond_ascii_said_twice() {
        assert_eq!(disposition("a \"b\" \\c.txt"), r#"attachment; filename="a \"b\" \\c.txt""#);
        assert_eq!(
            disposition("Größe (1).txt"),
            "attachment; filename=\"Gr__e (1).txt\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%281%29.txt"
        );
    }

    #[test]
    fn webhooks_tell_of_files_and_can_be_asked_for_them() {
        let mut world = World::seeded();
        for (token, name) in [("sim-bot-echo", "with"), ("sim-bot-echo", "without")] {
            let hook = json!({
                "name": name, "targetUrl": "http://h/", "resource": "messages", "event": "created",
                "filter": format!("hasFiles={}", name == "with"),
            });
            ask(&mut world, token, "POST", "/webhooks", &hook).unwrap();
        }
        let alice = world.authenticate("sim-alice").unwrap();
        let file = NewFile::new("a.txt", None, "x".into());
        for file in [Some(file), None] {
            let to = Some("echo@webex.bot".to_owned());
            let new = NewMessage { to_person_email: to, text: Some("t".into()), file, ..NewMessage::default() };
            world.create_message(alice, new).unwrap();
        }
        let told: Vec<(String, usize)> = world
            .take_deliveries()
            .iter()
            .map(|delivery| {
                let body: Value = serde_json::from_slice(&delivery.body).unwrap();
                let files = body["data"]["files"].as_array().map_or(0, Vec::len);
                (body["name"].as_str().unwrap().to_owned(), files)
            })
            .collect();
        assert_eq!(told, [("with".to_owned(), 1), ("without".to_owned(), 0)]);
    }
}
