//! The door for the fuzz target, and the same function under ordinary tests: calls of the API out of any bytes.
//!
//! An input is a list of requests, apart by lines with a single `~`. A request is a line
//! `WHO METHOD PATH CONTENT-TYPE` and a body. In path and body a word such as `$room` stands for an id of the world
//! that each input begins with, `$last` for the id in the last answer, `$file` for the last file in one: what is
//! base64 of a uuid would hardly be found by chance.

use bytes::Bytes;
use futures_util::FutureExt;
use serde_json::Value;

use super::{
    api::{self, Reply, Request},
    ids::PersonId,
    intake,
    options::Retention,
    refusal::Refusal,
    world::{NewFile, Saved, World},
};

/// What links begin with.
const BASE: &str = "http://sim/v1";
/// Requests of one input; what comes after them is not looked at.
const MOST_CALLS: usize = 16;

/// The world an input begins with: somebody of each kind, and one of each thing.
const PREPARED: &[(&str, &str, &str, &str, &str)] = &[
    ("alice", "alice", "GET", "/people/me", ""),
    ("bob", "bob", "GET", "/people/me", ""),
    ("admin", "admin", "GET", "/people/me", ""),
    ("echo", "echo", "GET", "/people/me", ""),
    ("room", "alice", "POST", "/rooms", r#"{"title":"Ops"}"#),
    ("member", "alice", "POST", "/memberships", r#"{"roomId":"$room","personId":"$echo"}"#),
    ("message", "alice", "POST", "/messages", r#"{"roomId":"$room","markdown":"<@personId:$echo> hi"}"#),
    ("direct", "bob", "POST", "/messages", r#"{"toPersonId":"$echo","text":"hi"}"#),
    (
        "card",
        "echo",
        "POST",
        "/messages",
        concat!(
            r#"{"roomId":"$room","text":"card","attachments":[{"contentType":"application/vnd.microsoft.card.adaptive","#,
            r#""content":{"type":"AdaptiveCard","version":"1.0"}}]}"#
        ),
    ),
    ("action", "alice", "POST", "/attachment/actions", r#"{"type":"submit","messageId":"$card","inputs":{}}"#),
    (
        "hook",
        "echo",
        "POST",
        "/webhooks",
        r#"{"name":"n","targetUrl":"http://h/","resource":"all","event":"all","secret":"s"}"#,
    ),
    ("team", "alice", "POST", "/teams", r#"{"name":"Ops"}"#),
    ("mate", "alice", "POST", "/team/memberships", r#"{"teamId":"$team","personId":"$bob"}"#),
    ("tab", "alice", "POST", "/room/tabs", r#"{"roomId":"$room","contentUrl":"https://h/","displayName":"T"}"#),
];

/// How many calls an input made, and how many of them were granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Made {
    /// Calls.
    pub calls: usize,
    /// Those that were answered with a success.
    pub granted: usize,
}

/// Makes the calls that `input` spells.
///
/// # Errors
/// What is wrong with an answer, or with the world that the calls leave. A panic is worse.
pub fn calls(input: &[u8]) -> Result<Made, String> {
    let mut play = Play::new()?;
    let mut made = Made { calls: 0, granted: 0 };
    for request in split(input, b"\n~\n").take(MOST_CALLS) {
        let line = split(request, b"\n").next().unwrap_or_default();
        let body = request.get(line.len() + 1..).unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        let mut words = line.splitn(4, ' ');
        let [who, method, path, kind] = std::array::from_fn(|_| words.next().unwrap_or_default());
        made.calls += 1;
        made.granted += usize::from(play.call(who, method, path, kind, body)?.is_some());
    }
    play.check()?;
    Ok(made)
}

/// What stands between the separators.
fn split<'a>(bytes: &'a [u8], separator: &'a [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let at = bytes.windows(separator.len()).position(|window| window == separator);
        rest = at.and_then(|at| bytes.get(at + separator.len()..));
        Some(at.and_then(|at| bytes.get(..at)).unwrap_or(bytes))
    })
}

/// So little is kept that a few calls reach what happens at its end.
fn kept() -> Retention {
    Retention { messages: 8, actions: 4, journal: 16, file_bytes: 4_096 }
}

struct Play {
    world: World,
    /// Ids by the words that stand for them.
    known: Vec<(&'static str, String)>,
}

impl Play {
    fn new() -> Result<Self, String> {
        let mut world = World::empty(kept(), 0);
        world.seed();
        let mut play = Self { world, known: Vec::new() };
        for (name, who, method, path, body) in PREPARED {
            let id = play.call(who, method, path, "application/json", body.as_bytes())?;
            play.learn(name, &id.ok_or_else(|| format!("`{name}` cannot be prepared"))?);
        }
        Ok(play)
    }

    /// One call; the id in its answer when it was granted, or nothing when the answer has none.
    fn call(&mut self, who: &str, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Option<String>, String> {
        let token = if who == "echo" { "sim-bot-echo".to_owned() } else { format!("sim-{who}") };
        // A request without a good token comes no further than the HTTP surface.
        let Some(caller) = self.world.authenticate(&token) else { return Ok(None) };
        let path = String::from_utf8_lossy(&self.filled(path.as_bytes())).into_owned();
        let body = self.filled(body);
        let (path, query) = path.split_once('?').unwrap_or((&path, ""));
        let content_type = (!kind.is_empty()).then_some(kind);
        let request = Request { method, path, query, content_type, body: &body, base: BASE, ..Request::default() };
        let outcome = self.answer(caller, request)?;
        let told = api::shape::read(&outcome, BASE).map_err(|wrong| format!("{method} {path}: {wrong}"))?;
        if outcome.is_err() {
            return Ok(None);
        }
        let id = told.as_ref().and_then(|body| body["id"].as_str()).unwrap_or_default().to_owned();
        self.learn("last", &id);
        let file = told.as_ref().and_then(|body| body["files"][0].as_str()).and_then(|link| link.rsplit('/').next());
        if let Some(file) = file {
            self.learn("file", file);
        }
        Ok(Some(id))
    }

    fn learn(&mut self, word: &'static str, id: &str) {
        self.known.retain(|(known, _)| *known != word);
        self.known.push((word, id.to_owned()));
    }

    /// As the HTTP surface does it: a form in parts is taken apart first, a file by URL is fetched in between.
    fn answer(&mut self, caller: PersonId, request: Request<'_>) -> Result<Result<Reply, Refusal>, String> {
        let parts = request.content_type.filter(|kind| kind.starts_with("multipart/form-data"));
        let parts = parts.filter(|_| api::takes_files(request.method, request.path));
        let form = match parts.map(|kind| intake::of_bytes(request.body, kind).now_or_never()) {
            None => None,
            Some(None) => return Err("a form that is all there is waited for".to_owned()),
            Some(Some(Err(refusal))) => return Ok(Err(refusal)),
            Some(Some(Ok(form))) => Some(form),
        };
        let body = if form.is_some() { &[] } else { request.body };
        let request = Request { form: form.as_ref(), body, ..request };
        let outcome = api::answer(&mut self.world, caller, &request);
        let Ok(Reply { fetch: Some(url), .. }) = &outcome else { return Ok(outcome) };
        let file = NewFile::new(url, None, Bytes::copy_from_slice(url.as_bytes()));
        Ok(api::answer(&mut self.world, caller, &Request { fetched: Some(&file), ..request }))
    }

    /// With ids in the place of words.
    fn filled(&self, text: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(text.len());
        let mut rest = text;
        while let Some((first, after)) = rest.split_first() {
            let known = self.known.iter().find(|(word, _)| *first == b'$' && after.starts_with(word.as_bytes()));
            if let Some((word, id)) = known {
                filled.extend_from_slice(id.as_bytes());
                rest = after.get(word.len()..).unwrap_or_default();
            } else {
                filled.push(*first);
                rest = after;
            }
        }
        filled
    }

    /// What any calls leave can be saved and put back, and what they want delivered is JSON.
    fn check(&mut self) -> Result<(), String> {
        for delivery in self.world.take_deliveries() {
            serde_json::from_slice::<Value>(&delivery.body).map_err(|error| format!("a delivery: {error}"))?;
        }
        let saved = serde_json::to_string(&self.world.save()).map_err(|error| error.to_string())?;
        let read: Saved = serde_json::from_str(&saved).map_err(|error| format!("saved: {error}"))?;
        let mut again = World::empty(kept(), 0);
        again.load(read).map_err(|error| format!("the saved state does not load: {error}"))?;
        let twice = serde_json::to_string(&again.save()).map_err(|error| error.to_string())?;
        if twice == saved { Ok(()) } else { Err(format!("saved as\n{saved}\nbut loaded as\n{twice}")) }
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_words_of_an_input_stand_for_ids() {
        let input = "alice GET /rooms/$room\n~\necho GET /messages/$message\n~\nbob GET /rooms/$room\n~\nnobody GET /";
        assert_eq!(calls(input.as_bytes()), Ok(Made { calls: 4, granted: 2 }));
        let input = "alice POST /rooms application/json\n{\"title\":\"$\"}\n~\nalice DELETE /rooms/$last";
        assert_eq!(calls(input.as_bytes()), Ok(Made { calls: 2, granted: 2 }));
    }

    #[test]
    fn every_seed_of_the_fuzz_target_is_granted_something() {
        let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds/calls");
        let mut found = 0;
        for seed in fs::read_dir(seeds).unwrap().map(|entry| entry.unwrap().path()) {
            let made = calls(&fs::read(&seed).unwrap()).unwrap();
            assert!(made.granted > 0, "{} reaches nothing: {made:?}", seed.display());
            found += 1;
        }
        assert!(found > 5, "only {found} seeds");
    }

    /// Bodies that are nearly what an operation takes.
    fn nearly() -> impl Strategy<Value = String> {
        let name = prop::sample::select(vec![
            "roomId",
            "toPersonId",
            "text",
            "markdown",
            "files",
            "attachments",
            "parentId",
            "title",
            "isLocked",
            "name",
            "targetUrl",
            "resource",
            "event",
            "filter",
            "secret",
            "status",
            "type",
            "messageId",
            "inputs",
            "personId",
            "personEmail",
            "isModerator",
            "teamId",
            "emails",
            "displayName",
            "contentUrl",
        ]);
        let word = prop::sample::select(vec![
            r#""$room""#,
            r#""$message""#,
            r#""$card""#,
            r#""$echo""#,
            r#""all""#,
            r#""messages""#,
            r#""created""#,
            r#""submit""#,
            r#""http://h/""#,
            r#""<@all> **x**""#,
            r#""""#,
            "true",
            "null",
            "0",
            "-1e99",
            "[]",
            "{}",
            r#"{"a":[{}]}"#,
            r#"["$echo"]"#,
            r#"[{"contentType":"application/vnd.microsoft.card.adaptive","content":{}}]"#,
        ]);
        prop::collection::vec((name, word), 0..5).prop_map(|fields| {
            let fields: Vec<String> = fields.iter().map(|(name, word)| format!("\"{name}\":{word}")).collect();
            format!("{{{}}}", fields.join(","))
        })
    }

    fn line() -> impl Strategy<Value = String> {
        let who = prop::sample::select(vec!["alice", "bob", "admin", "echo"]);
        let method = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH"]);
        let path = prop::sample::select(vec![
            "/rooms",
            "/rooms/$room",
            "/messages",
            "/messages?roomId=$room",
            "/messages/$message",
            "/messages/$card",
            "/memberships",
            "/memberships/$member",
            "/attachment/actions",
            "/attachment/actions/$action",
            "/webhooks",
            "/webhooks/$hook",
            "/teams",
            "/teams/$team",
            "/team/memberships",
            "/team/memberships/$mate",
            "/room/tabs",
            "/room/tabs/$tab",
            "/rooms/$room/meetingInfo",
            "/contents/$file",
            "/roles",
            "/people",
            "/people?email=%",
            "/people/$echo",
            "/$room",
            "//",
            "",
        ]);
        let kind = prop::sample::select(vec![
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "text/x",
            "",
        ]);
        (who, method, path, kind).prop_map(|(who, method, path, kind)| format!("{who} {method} {path} {kind}\n"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(calls(&bytes).is_ok());
        }

        #[test]
        fn any_body_at_any_path_is_answered(line in line(), body in prop::collection::vec(any::<u8>(), 0..200)) {
            let made = calls(&[line.as_bytes(), body.as_slice()].concat());
            prop_assert!(made.is_ok(), "{made:?}");
        }

        #[test]
        fn nearly_good_bodies_are_answered_one_after_another(
            requests in prop::collection::vec((line(), nearly()), 1..6)
        ) {
            let input: Vec<String> = requests.iter().map(|(line, body)| format!("{line}{body}")).collect();
            let made = calls(input.join("\n~\n").as_bytes());
            prop_assert!(made.is_ok(), "{made:?}");
        }
    }
}
