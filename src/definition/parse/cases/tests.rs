use super::*;
use crate::definition::{
    cases::{Act, Expected, Verb, Words},
    render,
};

fn parsed(text: &str) -> CaseFile {
    let (file, found) = parse_cases("echo.test.toml", text);
    assert_eq!(found, []);
    file.unwrap()
}

fn shown(text: &str) -> String {
    let (file, found) = parse_cases("echo.test.toml", text);
    assert!(file.is_none() && !found.is_empty());
    found.iter().map(|d| render(d, false)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_conversation_is_read_step_by_step() {
    let file = parsed(
        "in = 'Ops'\n[people]\ndave = 'dave@partner.example'\n[[case]]\nname = 'a'\nzone = 'Europe/Berlin'\nnow = 2026-03-29T01:30:00\n\
         steps = [\n  { alice = 'ping' },\n  { bot = 'pong' },\n  { dave.presses = 'OK', inputs = { n = 3 } },\n  { wait = '5m' },\n]\n",
    );
    let [case] = file.cases.as_slice() else { panic!() };
    assert_eq!((case.zone.name(), case.room.as_deref(), case.steps.len()), ("Europe/Berlin", Some("Ops"), 4));
    assert!(matches!(&case.steps[0].act, Act::Person(act) if act.verb == Verb::Says("ping".into())));
    assert!(matches!(&case.steps[1].act, Act::Expect(e) if e.what == Expected::Says(Words::Exact("pong".into()))));
    assert!(matches!(&case.steps[2].act, Act::Person(act) if act.who == "dave"));
    assert_eq!(file.line(case.steps[3].span), 12);
}

#[test]
fn an_address_acts_without_being_declared() {
    let file = parsed("[[case]]\nname = 'a'\nsteps = [{ 'eve@evil.example' = 'hi' }, { bot.silent = true }]\n");
    assert!(matches!(&file.cases[0].steps[0].act, Act::Person(act) if act.who == "eve@evil.example"));
}

#[test]
fn every_mistake_is_shown_at_its_place() {
    insta::assert_snapshot!(shown(
        "zone = 'Europe/Berln'\n\
         [people]\nbot = 'x@example.com'\ndave = 'dave'\n\
         [[case]]\nname = 'a'\nsteps = [\n\
         { alcie = 'hi' },\n\
         { alice = 'hi', bot = 'ho' },\n\
         { in = 'Ops' },\n\
         { alice.prses = 'x' },\n\
         { alice = 'hi', inputs = {} },\n\
         { wait = 'a while' },\n\
         { until = 'soon' },\n\
         { bot.says = { contians = 'x' } },\n\
         { bot.says = { matches = '(' } },\n\
         { bot.silent = false },\n\
         { bot.forgets = 'team' },\n\
         { bot = 'x', in = 'Ops', to = 'alice' },\n\
         { post = 'alert', json = 1, text = 'x' },\n\
         { given = { bt = { x = 1 } } },\n\
         { answer = { text = 'x', after = 'a while' } },\n\
         ]\n\
         [[case]]\nname = 'a'\nceiling = { domain = ['x'], where = 'here' }\n\
         [[case]]\nname = 'b'\nceiling = {}\nsteps = [{ alice = 'hi' }]\n"
    ));
}

#[test]
fn a_file_without_tests_says_so() {
    assert!(shown("zone = 'UTC'\n").contains("a file of tests has no `case`"));
}
