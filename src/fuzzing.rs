//! The doors of the fuzz targets, and the same functions under ordinary tests: what comes from strangers, or out
//! of files that people write, must never panic, and what is made of it must keep its promises.
//!
//! The simulator has a door of its own, `sim::fuzzing`.

mod card;
mod script;

use std::{fmt::Write as _, sync::Arc};

use chrono_tz::Tz;
use serde_json::Value;

pub use self::{card::card, script::script};
use crate::{
    base::{BotId, Change, Event, Millis, Secret, Trigger, Version},
    brain::{self, Act, Effect, Engine, Fact, Facts, Me, Program, Read, Step, Turn},
    definition::{self, Companion, DefinitionSource, Diagnostic},
    handlers::script::Scripts,
    webex::{
        envelope::Envelope,
        model::{Message, Person, Room},
        signature::{Algorithm, SignatureHeaders, sign, verify},
    },
};

/// The most bytes of UTF-8 that Webex takes for one text.
const LIMIT: usize = 7_439;
/// A turn that is not decided after so many rounds of reads never will be.
const ROUNDS: usize = 8;
/// Rows and columns that a place in a file may have.
const WIDEST: usize = 1024 * 1024;

/// A webhook's body: read or refused; what is read has keys, and comes back from the store as it went in.
///
/// # Errors
/// Which promise is broken.
pub fn webhook(body: &[u8]) -> Result<(), String> {
    let Ok(envelope) = Envelope::parse(body) else { return Ok(()) };
    let dedupe = envelope.dedupe();
    if dedupe.key.is_empty() {
        return Err("there is nothing to know it by when it comes again".to_owned());
    }
    if dedupe != Envelope::parse(body).map_err(|error| error.to_string())?.dedupe() {
        return Err("the same body has two keys".to_owned());
    }
    let kind = envelope.kind();
    let Some(event) = envelope.into_event(Millis(7)) else { return Ok(()) };
    if Some(event.kind()) != kind {
        return Err(format!("{kind:?} became {}", event.kind()));
    }
    if event.order_key().is_empty() {
        return Err("it has no order".to_owned());
    }
    match Event::decode(&event.encode()) {
        Ok(again) if again == event => Ok(()),
        other => Err(format!("{event:?} came back as {other:?}")),
    }
}

/// Signature headers: up to the first line break `X-Spark-Signature`, up to the second `X-Webex-Signature`, then the
/// body. Whoever does not know the secret is believed never, and who does always.
///
/// # Errors
/// Which promise is broken.
pub fn signature(input: &[u8]) -> Result<(), String> {
    let mut parts = input.splitn(3, |byte| *byte == b'\n');
    let [spark, webex, body] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let header = |bytes: &[u8]| std::str::from_utf8(bytes).ok().filter(|text| !text.is_empty()).map(str::to_owned);
    let (spark, webex) = (header(spark), header(webex));
    let secret = Secret::new("a secret that no input holds");
    let headers = SignatureHeaders { spark: spark.as_deref(), webex: webex.as_deref() };
    if let Ok(algorithm) = verify(headers, body, std::slice::from_ref(&secret)) {
        // A fuzzer may well copy it out of the program; then it is right, and nothing else is.
        let right = sign(algorithm, &secret, body);
        let said = format!("{spark:?} {webex:?}").to_ascii_lowercase();
        if !said.contains(&right) {
            return Err(format!("{said} is taken for {algorithm:?} of {} bytes", body.len()));
        }
    }
    let strong = format!("SHA-256={}", sign(Algorithm::Sha256, &secret, body));
    let headers = SignatureHeaders { spark: spark.as_deref(), webex: Some(&strong) };
    match verify(headers, body, &[Secret::new(""), secret]) {
        Ok(Algorithm::Sha256) => Ok(()),
        other => Err(format!("a right signature is {other:?}")),
    }
}

/// The text of a definition: a program or diagnostics with places in that text; and a program answers within Webex's
/// limits, or says why it cannot.
///
/// # Errors
/// Which promise is broken.
pub fn definition(text: &[u8]) -> Result<(), String> {
    let text = String::from_utf8_lossy(text);
    let (program, found) = compiled(&text)?;
    for diagnostic in &found {
        placed(diagnostic, &text)?;
    }
    match program {
        None if !found.iter().any(Diagnostic::is_error) => Err("no program, and nothing is wrong".to_owned()),
        None => Ok(()),
        Some(program) => {
            said(&program, "ping pong")?;
            said(&program, "")
        }
    }
}

/// A template and, after the first line break of two, what a person says to it: as plain text and as markdown.
///
/// # Errors
/// Which promise is broken.
pub fn template(input: &[u8]) -> Result<(), String> {
    let input = String::from_utf8_lossy(input);
    let (template, text) = input.split_once("\n\n").unwrap_or((&input, "hello"));
    for form in ["reply = ", "reply.markdown = "] {
        let mut definition = "[fallback]\n".to_owned();
        let _ = writeln!(definition, "{form}{}", quoted(template));
        if let (Some(program), _) = compiled(&definition)? {
            said(&program, text)?;
        }
    }
    Ok(())
}

/// As a basic string of TOML.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for char in text.chars() {
        match char {
            '"' | '\\' => quoted.extend(['\\', char]),
            char if char.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(char));
            }
            char => quoted.push(char),
        }
    }
    quoted.push('"');
    quoted
}

/// A program, or what is wrong.
type Compiled = (Option<Arc<Program>>, Vec<Diagnostic>);

fn compiled(text: &str) -> Result<Compiled, String> {
    compiled_beside(text, &[])
}

/// The same with these files beside it.
fn compiled_beside(text: &str, files: &[(&str, &str)]) -> Result<Compiled, String> {
    let bot = BotId::parse("some").map_err(|error| error.to_string())?;
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Companion::Text((*text).to_owned()))).collect();
    let source = DefinitionSource::new(bot, "some.toml", text).with_files(files);
    let (definition, mut found) = definition::parse(&source);
    let Some(definition) = definition else { return Ok((None, found)) };
    let compiled = brain::compile(&definition);
    found.extend(compiled.diagnostics);
    Ok((compiled.program, found))
}

/// A diagnostic stands where there is something, and can be drawn.
fn placed(diagnostic: &Diagnostic, text: &str) -> Result<(), String> {
    let lines = text.split('\n').count();
    if diagnostic.line > lines || diagnostic.column > WIDEST || diagnostic.width > WIDEST {
        return Err(format!("{diagnostic} is nowhere in {lines} lines"));
    }
    if definition::render::render(diagnostic, false).is_empty() {
        return Err(format!("{diagnostic} cannot be shown"));
    }
    Ok(())
}

/// Somebody says something: the program decides, within the limits, or fails with a sentence.
fn said(program: &Program, text: &str) -> Result<(), String> {
    decided(program, text, &Value::Null)?.map_or(Ok(()), |effects| within_limits(&effects))
}

/// What a program decides when somebody says something and this is in its memory everywhere; nothing: it failed with a
/// sentence.
fn decided(program: &Program, text: &str, memory: &Value) -> Result<Option<Vec<Effect>>, String> {
    let me = Me { id: "ME".into(), name: "Some Bot".into(), email: "some@webex.bot".into() };
    let event = event();
    let (engine, mut facts) = (Engine::new(), Facts::new());
    for _ in 0..ROUNDS {
        let turn = Turn { event: &event, me: &me, facts: &facts, now: Millis(0), zone: Tz::UTC };
        match brain::step(&engine, program, &turn) {
            Step::Need(reads) => facts.extend(reads.into_iter().map(|read| {
                let fact = fact(&read, text, memory);
                (read, fact)
            })),
            Step::Done(decision) => return Ok(Some(decision.effects)),
            Step::Fail(reason) if reason.is_empty() => return Err("it failed without a reason".to_owned()),
            Step::Fail(_) => return Ok(None),
        }
    }
    Err("it asks for ever".to_owned())
}

fn within_limits(effects: &[Effect]) -> Result<(), String> {
    for effect in effects {
        let Effect::Say(delivery) = effect else { continue };
        // What deletes or leaves says nothing.
        if matches!(delivery.act, Act::Delete(_) | Act::DeleteKey(_) | Act::Leave) {
            continue;
        }
        let longest = [&delivery.text, &delivery.markdown].into_iter().flatten().map(String::len).max();
        match longest {
            None | Some(0) => return Err("a message without text".to_owned()),
            Some(length) if length > LIMIT => return Err(format!("a message of {length} bytes")),
            Some(_) => {}
        }
    }
    Ok(())
}

fn event() -> Event {
    Event {
        at: Millis(0),
        actor: None,
        trigger: Trigger::Message {
            change: Change::Created,
            id: "M".into(),
            room: "R".into(),
            room_type: Some("group".into()),
            person: "P".into(),
            email: Some("alice@example.com".into()),
            parent: None,
        },
    }
}

/// Everything can be read, and names are what nobody should trust.
fn fact(read: &Read, text: &str, memory: &Value) -> Fact {
    match read {
        Read::Message(id) => Fact::Message(Box::new(Message {
            id: id.clone(),
            text: Some(text.into()),
            person_id: "P".into(),
            ..Message::default()
        })),
        Read::Person(id) => Fact::Person(Box::new(Person {
            id: id.clone(),
            emails: vec!["alice@example.com".into()],
            display_name: Some("{{ 1 }} <@all> **A** [x](http://h/)".into()),
            first_name: Some("```".into()),
            org_id: Some("ORG".into()),
            timezone: Some("Asia/Tokyo".into()),
            kind: Some("person".into()),
        })),
        Read::Room(id) => {
            Fact::Room(Box::new(Room { id: id.clone(), title: Some("Ops".into()), kind: Some("group".into()) }))
        }
        // Whatever stands in a script, it ends within its bounds.
        Read::Script(run) => run.run(&Scripts::new()),
        Read::State(..) if !memory.is_null() => Fact::State(Version(1), Some(memory.clone())),
        Read::Members(_) | Read::Press(_) | Read::Sent(_) | Read::State(..) | Read::Dialogue { .. } => Fact::Missing,
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use proptest::prelude::*;

    use super::*;

    type Door = fn(&[u8]) -> Result<(), String>;

    const DOORS: [(&str, Door); 6] = [
        ("webhook", webhook),
        ("signature", signature),
        ("definition", definition),
        ("template", template),
        ("script", script),
        ("card", card),
    ];

    #[test]
    fn every_seed_of_every_target_keeps_the_promises() {
        for (name, door) in DOORS {
            let seeds = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(name);
            let seeds: Vec<_> = fs::read_dir(&seeds).unwrap().map(|entry| entry.unwrap().path()).collect();
            assert!(!seeds.is_empty(), "`{name}` has no seed");
            for seed in seeds {
                assert_eq!(door(&fs::read(&seed).unwrap()), Ok(()), "{}", seed.display());
            }
        }
    }

    #[test]
    fn seeds_reach_what_they_are_for() {
        let seed = |path: &str| fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(path)).unwrap();
        let body = seed("webhook/message");
        assert!(Envelope::parse(&body).unwrap().into_event(Millis(0)).is_some());
        let text = String::from_utf8(seed("definition/rules.toml")).unwrap();
        assert!(compiled(&text).unwrap().0.is_some(), "{:?}", compiled(&text).unwrap().1);
        let made = |path: &str| {
            let text = String::from_utf8(seed(path)).unwrap();
            let (written, said) = text.split_once("\n---\n").unwrap();
            let bot = "[fallback]\nreply = { text = \"x\", card = \"c.json\" }\n";
            let (program, found) = compiled_beside(bot, &[("c.json", written)]).unwrap();
            let memory = serde_json::from_str(said).unwrap();
            decided(&program.unwrap_or_else(|| panic!("{found:?}")), said, &memory).unwrap().expect("a card")
        };
        for path in ["card/list", "card/values"] {
            assert!(matches!(&made(path)[..], [Effect::Say(said)] if said.card.is_some()), "{path}");
        }
        assert_eq!(compiled(&format!("[fallback]\nreply = {}", quoted("\"\\\n\t{{ message.text }}"))).unwrap().1, []);
    }

    proptest! {
        #[test]
        fn any_bytes_keep_the_promises(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for (name, door) in DOORS {
                let kept = door(&bytes);
                prop_assert!(kept.is_ok(), "{name}: {kept:?}");
            }
        }

        #[test]
        fn scripts_of_likely_pieces_keep_the_promises(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "say(", "message.text", ")", ";", "let a = ", "[", "]", "#{", "}", "{", "a", ": ", "1", "`${", "`", "loop ",
                "for x in ", "a.push(", "fn f(x) ", "f(", "if ", " == ", "remember(\"room\", \"k\", ", "Fn(", "throw ",
                "person.first_name", "a.pad(900, 0)", "\n", "\n---\n", " + ", "try ", "catch (e) ", "return ",
            ]), 0..14)
        ) {
            let kept = script(pieces.concat().as_bytes());
            prop_assert!(kept.is_ok(), "{pieces:?}: {kept:?}");
        }

        #[test]
        fn cards_of_likely_pieces_keep_the_promises(
            texts in prop::collection::vec(prop::sample::select(vec![
                "{{ message.text }}", "{{ state.room.x }}", "{{ item }}", "{{ state.room.x | tojson }}", "{% for a in b %}",
                "{% for a in state.room.x %}{{ a }}{% endfor %}", "plain", "{{ state.room.x | raw }}", "[a](", ")", "{#",
            ]), 1..4),
            list in prop::sample::select(vec!["state.room.x", "range(3)", "message.text", "[1, [2]]", "range(9999)", "("]),
            memory in prop::sample::select(vec![
                "[1, \"a\", {\"type\": \"Image\"}]", "{\"a\": [1]}", "\"},{\"", "[[[]]]", "7", "\"}], \"actions\": [",
            ]),
        ) {
            let text = texts.concat();
            let item = serde_json::json!({ "type": "TextBlock", "text": text });
            let body = serde_json::json!([{ "$each": list, "item": item.clone() }, item]);
            let written = serde_json::json!({ "type": "AdaptiveCard", "version": "1.3", "body": body });
            let kept = card(format!("{written}\n---\n{memory}").as_bytes());
            prop_assert!(kept.is_ok(), "{written} {memory}: {kept:?}");
        }

        #[test]
        fn templates_of_likely_pieces_keep_the_promises(
            pieces in prop::collection::vec(prop::sample::select(vec![
                "{{ message.text }}", "{{ person.display_name }}", "{% for x in range(9) %}", "{% endfor %}", "{% if",
                " message.text ", "%}", "{% endif %}", "```", "**", "<@all>", "{{", "}}", "|upper", "|raw", "\n\n", "x",
                "{# ", "#}", "é", "'", "\"", "[a](b)", "*9999", "~", "{% set x = [message.text] %}",
                "{% set x = x + x %}", "{% set x = [x] %}", "{{ x }}", "{% macro m(x) %}", "{{ m(x + x) }}",
                "{% endmacro %}", "{% with y = x %}", "{% set x = [x, y] %}", "{% endwith %}",
            ]), 0..12)
        ) {
            let kept = template(pieces.concat().as_bytes());
            prop_assert!(kept.is_ok(), "{pieces:?}: {kept:?}");
        }
    }
}
