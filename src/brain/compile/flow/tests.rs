use crate::{
    brain::fixture::{compiled, program},
    definition::{Diagnostic, render},
};

const RULE: &str = "[[command]]\nwords = ['book']\nflow = 'booking'\n";

fn shown(flow: &str) -> String {
    let (program, found) = compiled(&format!("{RULE}{flow}"));
    assert_eq!(program.is_none(), found.iter().any(Diagnostic::is_error));
    found.iter().map(|found| render(found, false)).collect::<Vec<_>>().join("\n\n")
}

fn codes(text: &str) -> Vec<&'static str> {
    compiled(text).1.into_iter().map(|found| found.code).collect()
}

#[test]
fn a_whole_flow_is_compiled_and_wants_messages() {
    let text = "[[on]]\ncard = 'book'\nflow = { name = 'booking', answers = { day = '{{ inputs.day }}' } }\n\
        [flow.booking]\ntimeout = '5m'\non_timeout = { reply = 'zzz', goto = 'sure' }\ncancel = 'halt'\n\
        [[flow.booking.step]]\nname = 'day'\nask = 'When?'\nexpect = 'date'\ncheck = 'dialogue.answer > now'\n\
        [[flow.booking.step]]\nname = 'people'\nask = { markdown = '**How many** on {{ dialogue.day }}?' }\n\
        expect = { type = 'int', min = 1, max = 20 }\nretry = '{{ dialogue.problem }} Again?'\ntries = 2\n\
        next = [{ when = 'dialogue.people > 10', goto = 'big' }, { goto = 'sure' }]\n\
        [[flow.booking.step]]\nname = 'big'\nsay = 'Wow.'\n\
        [[flow.booking.step]]\nname = 'sure'\nconfirm = true\nno = 'day'\nend = 'Booked.'\n\
        remember = { key = 'last', set = '{{ dialogue.day }}' }\n";
    let program = program(text);
    let kinds: Vec<_> = program.kinds().iter().map(|(resource, event)| format!("{resource}.{event}")).collect();
    assert_eq!(kinds, ["messages.created", "attachmentActions.created"]);
    let flow = &program.flows[0];
    assert_eq!((flow.plan.steps.len(), flow.plan.late, &*flow.plan.cancel[0]), (4, Some(3), "halt"));
    assert!(flow.uses.lenient().is_empty() && flow.uses.dialogue);
}

#[test]
fn steps_and_answers_that_are_not_there_are_told_with_the_likely_one() {
    insta::assert_snapshot!(shown(
        "[flow.booking]\non_timeout = { goto = 'dya' }\n[[flow.booking.step]]\nname = 'day'\nask = 'When?'\nexpect = 'date'\n\
         next = 'peple'\n[[flow.booking.step]]\nname = 'people'\nask = 'Who on {{ dialogue.dya }}?'\n\
         next = [{ when = 'dialogue.peple > 3', goto = 'end' }, { goto = 'day' }, { goto = 'people' }]\n"
    ));
}

#[test]
fn what_is_never_come_to_and_what_never_ends_is_told() {
    insta::assert_snapshot!(shown(
        "[flow.booking]\n[[flow.booking.step]]\nname = 'a'\nsay = 'x'\nnext = 'b'\n\
         [[flow.booking.step]]\nname = 'b'\nnext = [{ when = 'now', goto = 'a' }]\n\
         [[flow.booking.step]]\nname = 'c'\nask = 'x'\n[flow.other]\n[[flow.other.step]]\nname = 'a'\nask = 'x'\n"
    ));
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let step = |keys: &str| format!("{RULE}[flow.booking]\n[[flow.booking.step]]\nname = 'a'\n{keys}\n");
    for (text, code) in [
        (step(""), "missing-key"),
        (step("expect = 'int'"), "missing-key"),
        (step("ask = 'x'\nsay = 'y'"), "conflict"),
        (step("ask = 'x'\nto = 'y'"), "unknown-key"),
        (step("ask = { text = 'x', to = 'person' }"), "conflict"),
        (step("ask = 'x'\nconfirm = true\nexpect = 'int'"), "conflict"),
        (step("ask = 'x'\nno = 'a'"), "conflict"),
        (step("ask = 'x'\ninto = 'answer'"), "bad-value"),
        (step("ask = 'x'\ninto = 'a b'"), "bad-value"),
        (step("ask = 'x'\nexpect = { type = 'date', min = 1 }"), "conflict"),
        (step("ask = 'x'\nexpect = { type = 'int', min = 3, max = 1 }"), "bad-value"),
        (step("ask = 'x'\nexpect = { type = 'int', pattern = 'x' }"), "conflict"),
        (step("ask = 'x'\nexpect = { pattern = 'a(' }"), "bad-pattern"),
        (step("ask = 'x'\nexpect = ['a', 'A']"), "bad-value"),
        (step("ask = 'x'\ninputs = { a = 'int' }"), "missing-key"),
        (step("ask = 'x'\ntries = 0"), "bad-value"),
        (step("ask = 'x'\n[[flow.booking.step]]\nname = 'a'\nask = 'x'"), "conflict"),
        (format!("{RULE}[flow.booking]\n"), "missing-key"),
        (format!("{RULE}[flow.booking]\ntimeout = '1s'\n[[flow.booking.step]]\nname = 'a'\nask = 'x'\n"), "bad-value"),
        ("[[command]]\nwords = ['x']\nflow = 'bokking'\n".to_owned(), "unknown-flow"),
        ("[[command]]\nwords = ['x']\nflow = 'a'\nreply = 'x'\n[flow.a]\n[[flow.a.step]]\nname = 'a'\nask = 'x'\n".to_owned(), "conflict"),
        ("[[on]]\nevent = 'rooms.created'\nflow = 'a'\n[flow.a]\n[[flow.a.step]]\nname = 'a'\nask = 'x'\n".to_owned(), "conflict"),
        ("[[command]]\nwords = ['x']\nflow = { name = 'a', answers = { b = 1 } }\n[flow.a]\n[[flow.a.step]]\nname = 'a'\nask = 'x'\n".to_owned(), "unknown-name"),
    ] {
        let found = codes(&text);
        assert!(found.contains(&code), "{text} {found:?}");
    }
}
