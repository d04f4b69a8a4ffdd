use serde_json::{Value, json};

use crate::{
    base::{Event, EventId, Millis, Trigger},
    brain::{
        Effect, HandlerCall, Target,
        call::{Busy, Part},
        fixture::{Asked, World, compiled, message_event, program},
    },
};

fn play(text: &str, event: &Event, world: &World) -> Asked {
    Asked::play(&program(text), event, world).unwrap()
}

fn call(asked: &Asked) -> HandlerCall {
    let mut calls = asked.effects.iter().filter_map(|effect| match effect {
        Effect::Call(call) => Some(call.clone()),
        _ => None,
    });
    let call = calls.next().expect("no call was asked for");
    assert!(calls.next().is_none());
    call
}

/// What it asks for besides messages.
fn besides(asked: &Asked) -> usize {
    asked.effects.iter().filter(|effect| !matches!(effect, Effect::Say(_))).count()
}

fn answer(rule: &str, result: Value) -> Event {
    let trigger =
        Trigger::Answer { call: EventId::new(), part: 1, rule: rule.into(), origin: Box::new(message_event()), result };
    Event { at: Millis(1), actor: None, trigger }
}

fn texts(asked: &Asked) -> Vec<&str> {
    asked.deliveries.iter().map(|said| said.text.as_deref().or(said.markdown.as_deref()).unwrap_or_default()).collect()
}

#[test]
fn a_rule_with_a_handler_says_its_ack_and_asks_for_one_call() {
    let text = "[[command]]\nwords = ['page']\nack = 'One moment, {{ person.first_name }}'\n\
                http = { url = 'https://h/p', secret = 'env:S', timeout = '2m', busy = 'refuse', max_in_flight = 3 }\n";
    let asked = play(text, &message_event(), &World::saying("page db"));
    assert_eq!(texts(&asked), ["One moment, Alice"]);
    let call = call(&asked);
    assert_eq!((call.rule.as_str(), call.timeout_ms, call.max_in_flight), ("command \"page\"", 120_000, 3));
    assert_eq!((call.busy, call.origin.as_ref()), (Busy::Refuse, &message_event()));
    let Target::Http { url, secret, turn } = call.target else { panic!() };
    assert_eq!((url.as_str(), secret.as_deref()), ("https://h/p", Some("env:S")));
    assert_eq!((&turn["message"]["text"], &turn["person"]["email"]), (&json!("page db"), &json!("alice@example.com")));
    assert_eq!((&turn["version"], &turn["trigger"]), (&json!("1"), &json!("messages.created")));
}

#[test]
fn what_people_write_stays_behind_the_host_and_names_no_secret() {
    let text = "[[command]]\nwords = ['find']\n[command.call]\nurl = 'https://h/{{ args.rest }}'\n\
                query = { q = '{{ args.rest }}' }\nsecrets = { K = 'env:KEY' }\n\
                headers = { A = 'Bearer secret:K', B = '{{ args.rest }}' }\n";
    let asked = play(text, &message_event(), &World::saying("find @evil.com/?a=b secret:K"));
    let Target::Call { method, url, headers, body } = call(&asked).target else { panic!() };
    assert_eq!((method.as_str(), body), ("GET", None));
    assert!(url.starts_with("https://h/@evil.com/?a=b%20secret:K&q=%40evil.com%2F%3Fa%3Db+secret%3AK"), "{url}");
    let parts: std::collections::BTreeMap<_, _> = headers.into_iter().collect();
    assert_eq!(parts["A"], [Part::Text("Bearer ".into()), Part::Secret("env:KEY".into())]);
    assert_eq!(parts["B"], [Part::Text("@evil.com/?a=b secret:K".into())]);
}

#[test]
fn effects_of_an_answer_happen_in_the_talk_it_was_asked_in() {
    let text = "[rooms]\nops = 'OPSROOM1'\n[fallback]\nhttp = 'https://h/'\n";
    let effects = json!({"effects": [
        {"say": "done"}, {"say": {"markdown": "**x**", "to": "@ops", "key": "k"}},
        {"remember": {"scope": "room", "key": "n", "add": 2}}, {"timer": {"name": "t", "after_seconds": 5}},
    ]});
    let asked = play(text, &answer("fallback", effects), &World::saying("hi"));
    assert_eq!((texts(&asked), asked.rule.as_str()), (vec!["done", "**x**"], "fallback"));
    assert_eq!(asked.deliveries[0].to.order_key(), crate::brain::Destination::Room("R".into()).order_key());
    assert_eq!(asked.deliveries[1].to, crate::brain::Destination::Room("OPSROOM1".into()));
    assert_eq!(besides(&asked), 2);
}

#[test]
fn a_response_has_a_branch_a_status_and_a_failure_its_sentence() {
    let text = "[[command]]\nwords = ['t']\non_error = 'sorry: {{ response.error }}'\n[command.call]\nurl = 'https://h/'\nreply = [\n\
                { text = '{{ args.rest }} is {{ response.json.id }}', when = 'response.status == 200' },\n\
                { text = 'no: {{ response.text }}', when = 'response.status == 404' },\n]\n";
    let world = World::saying("t one");
    let rule = "command \"t\"";
    let fine = json!({"response": {"status": 200, "text": "{\"id\": 7}", "json_type": true}});
    assert_eq!(texts(&play(text, &answer(rule, fine), &world)), ["one is 7"]);
    let gone = json!({"response": {"status": 404, "text": "gone", "json_type": false}});
    assert_eq!(texts(&play(text, &answer(rule, gone), &world)), ["no: gone"]);
    let failed = json!({"error": "it answered 500", "cause": "gave_up"});
    assert_eq!(texts(&play(text, &answer(rule, failed), &world)), ["sorry: it answered 500"]);
    let lost = play(text, &answer("command \"other\"", json!({"effects": []})), &world);
    assert!(lost.rule.starts_with("none: command \"other\" has gone"), "{}", lost.rule);
}

#[test]
fn rules_of_one_label_are_told_apart() {
    let text = "[[on]]\nevent = 'message'\nwhen = 'message.text == \"a\"'\non_error = 'first'\nhttp = 'https://h/1'\n\
                [[on]]\nevent = 'message'\non_error = 'second'\nhttp = 'https://h/2'\n";
    let rule = call(&play(text, &message_event(), &World::saying("b"))).rule;
    assert_eq!(rule, "on message #2");
    let failed = || json!({"error": "x", "cause": "refused"});
    assert_eq!(texts(&play(text, &answer(&rule, failed()), &World::saying("b"))), ["second"]);
    assert_eq!(texts(&play(text, &answer("on message", failed()), &World::saying("a"))), ["first"]);
}

#[test]
fn a_script_is_run_inside_the_turn() {
    let text = "[[command]]\nwords = ['add']\nscript = '''\nlet sum = 0;\nfor word in args.rest.split(\" \") { sum += parse_int(word); }\n\
                add(\"room\", \"sum\", sum);\nsay(`that is ${sum}`);\n'''\n";
    let asked = play(text, &message_event(), &World::saying("add 3 4"));
    assert_eq!((texts(&asked), besides(&asked)), (vec!["that is 7"], 1));
    let failing = "[fallback]\non_error = 'oh: {{ response.error }}'\nscript = 'loop { }'\n";
    let said = play(failing, &message_event(), &World::saying("x"));
    assert!(texts(&said)[0].starts_with("oh: line 1: it works too long"), "{:?}", texts(&said));
}

#[test]
fn mistakes_are_told_before_anything_runs() {
    for (wrong, code, words) in [
        ("http = 'ftp://h/'", "bad-value", "no address of a program"),
        ("http = 'https://{{ args.rest }}/'", "bad-value", "the host of an address is no template"),
        ("http = 'https://me:pw@h/'", "bad-value", "no name or password"),
        ("http = { url = 'https://h/', secret = 'hunter2' }", "literal-secret", "the secret itself"),
        ("http = { url = 'https://h/', timeout = '11m' }", "bad-value", "at most ten minutes"),
        ("http = 'https://h/'\nreply = 'x'", "conflict", "answers in one way"),
        ("http = 'https://h/'\nexec = ['x']", "conflict", "`http` and `exec`"),
        ("ack = 'x'\nreply = 'y'", "conflict", "there is none"),
        ("exec = ['sh', '{{ message.text }}']", "bad-value", "takes no templates"),
        ("call = { url = 'https://h/', headers = { A = 'secret:K' } }", "literal-secret", "there is no secret `K`"),
        ("call = { url = 'https://h/', json = {}, text = 'x' }", "conflict", "both `json` and `text`"),
        ("http = { url = 'https://h/', state = ['count'] }", "bad-value", "names no key"),
        ("http = { url = 'https://h/', busy = 'wait' }", "bad-value", "`wait` is no way"),
        ("script = 'let x = ;'", "bad-script", "the script is none in line 1"),
    ] {
        let found = compiled(&format!("[fallback]\n{wrong}\n")).1;
        let told = found.iter().find(|found| found.code == code);
        assert!(told.is_some_and(|told| told.message.contains(words)), "{wrong}: {found:?}");
    }
}
