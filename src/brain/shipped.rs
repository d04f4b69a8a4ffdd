//! The definitions that ship with the program do what they say.

use std::path::PathBuf;

use super::{fixture::Asked, *};
use crate::definition;

fn shipped() -> Vec<Program> {
    let set = definition::load(&[PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bots.d")]);
    assert_eq!((set.diagnostics, set.unreadable), (vec![], vec![]));
    let compiled = set.definitions.values().map(|definition| compile(definition));
    compiled
        .map(|Compiled { program, diagnostics }| {
            assert_eq!(diagnostics, []);
            std::sync::Arc::into_inner(program.unwrap()).unwrap()
        })
        .collect()
}

fn bot(name: &str) -> Program {
    shipped().into_iter().find(|program| program.bot().as_str() == name).unwrap()
}

#[test]
fn each_has_a_line_to_try() {
    let found: Vec<_> = shipped().iter().map(|p| (p.bot().to_string(), p.line_to_try().to_owned())).collect();
    for (bot, line) in [("echo", "hello"), ("hello", "hello"), ("lookup", "help")] {
        assert!(found.contains(&(bot.to_owned(), line.to_owned())), "{found:?}");
    }
    assert!(found.iter().all(|(_, line)| !line.is_empty()), "{found:?}");
}

#[test]
fn echo_repeats_what_was_said_to_it() {
    let asked = Asked::of(&bot("echo"), "how are [you]?");
    assert_eq!((asked.said(), asked.rule.as_str()), (vec!["how are [you]?"], "fallback"));
    assert_eq!(asked.reads, ["message"]);
}

#[test]
fn hello_answers_by_name_and_reads_only_what_each_answer_needs() {
    let hello = bot("hello");
    let asked = Asked::of(&hello, "Good morning!");
    assert_eq!((asked.said(), asked.rule.as_str()), (vec!["Hello, Alice!"], "command \"good morning\""));
    assert_eq!(asked.reads, ["message", "person"]);
    let asked = Asked::of(&hello, "where am I?");
    assert_eq!(
        (asked.said(), asked.reads.as_slice()),
        (vec!["In “Ops”."], ["message", "room"].map(String::from).as_slice())
    );
    assert_eq!(Asked::of(&hello, "say it *loud*").said(), ["**IT \\*LOUD\\***"]);
    assert_eq!(Asked::of(&hello, "say").said(), ["**WHAT?**"]);
    assert_eq!(Asked::of(&hello, "nonsense").said(), ["I did not understand. Try `help`."]);
    assert_eq!(Asked::of(&hello, "thread").deliveries[0].parent.as_deref(), Some("M"));
}

#[test]
fn hello_lists_its_commands_and_welcomes_when_it_is_added() {
    let hello = bot("hello");
    insta::assert_snapshot!(Asked::of(&hello, "help").said()[0], @"
    Says hello and answers a few questions

    - **hello**, **hi**, **good morning**: Say hello
    - **where am i**, **where**: Tell which room this is
    - **say**: Say something loudly, as in: say good morning
    - **thread**: Answer in a thread
    - **help**: Show this list
    ");
    let added = Asked::member(&hello, fixture::ME);
    assert!(added.said()[0].starts_with("Hello! I am **Test Bot**."));
    assert_eq!(added.rule, "on memberships.created");
    assert_eq!(Asked::member(&hello, "somebody").rule, "none: memberships.created of somebody else");
}

#[test]
fn lookup_finds_numbers_anywhere_and_answers_in_a_thread() {
    let lookup = bot("lookup");
    let asked = Asked::of(&lookup, "see inc123456, please");
    assert_eq!(asked.said(), ["[INC123456](https://tickets.example.com/INC123456)"]);
    assert_eq!(asked.deliveries[0].parent.as_deref(), Some("M"));
    let asked = Asked::of(&lookup, "is CVE-2024-1234 bad?");
    assert_eq!(asked.said(), ["[CVE-2024-1234](https://www.cve.org/CVERecord?id=CVE-2024-1234)"]);
    assert_eq!(Asked::of(&lookup, "INC12").rule, "fallback");
}
