//! Cards and files in the replies of a definition.

use serde_json::json;

use crate::{
    brain::{
        Attached, Delivery,
        fixture::{Asked, World, compiled_beside, message_event},
    },
    definition::{Diagnostic, render},
};

const CARD: &str = r#"{
  "type": "AdaptiveCard",
  "version": "1.3",
  "body": [
    { "type": "TextBlock", "text": "Hello {{ person.first_name }}, {{ data.open }} open" },
    { "$each": "data.items", "as": "one", "item": { "type": "TextBlock", "text": "{{ one }}" } }
  ],
  "actions": [{ "type": "Action.Submit", "title": "Approve", "data": { "action": "approve" } }]
}"#;

fn said(reply: &str) -> Delivery {
    let text = format!("[fallback]\nreply = {reply}\n");
    let files = [("cards/a.json", CARD), ("plan.txt", "the plan")];
    let (program, found) = compiled_beside(&text, &files);
    assert_eq!(found, []);
    Asked::play(&program.unwrap(), &message_event(), &World::saying("hi")).unwrap().deliveries.remove(0)
}

fn shown(reply: &str, files: &[(&str, &str)]) -> String {
    let (program, found) = compiled_beside(&format!("[fallback]\nreply = {reply}\n"), files);
    assert!(program.is_none() && found.iter().any(Diagnostic::is_error));
    found.iter().map(|found| render(found, false)).collect::<Vec<_>>().join("\n\n")
}

#[test]
fn a_reply_brings_a_card_with_its_data_and_its_context() {
    let delivery = said(
        "{ text = 'for those who draw none', card = 'cards/a.json', data = { open = 2, items = ['x', 'y'] }, context = { ticket = 7 } }",
    );
    let card = delivery.card.unwrap();
    assert_eq!(card["body"][0]["text"], "Hello Alice, 2 open");
    assert_eq!(card["body"][2], json!({"type": "TextBlock", "text": "y"}));
    assert_eq!(delivery.context, json!({"ticket": 7}));
    assert_eq!(delivery.text.as_deref(), Some("for those who draw none"));
}

#[test]
fn a_reply_brings_a_file_of_its_folder_or_from_an_address() {
    let file = |file: &str| said(&format!("{{ text = 'here', file = '{file}' }}")).file.unwrap();
    assert_eq!(file("plan.txt"), Attached::Path("some/plan.txt".into()));
    assert_eq!(file("https://h/{{ message.text }}.pdf"), Attached::Url("https://h/hi.pdf".into()));
}

#[test]
fn a_card_that_is_broken_is_shown_at_its_place_in_its_own_file() {
    let broken = r#"{
  "type": "AdaptiveCard",
  "version": "1.5",
  "body": [
    { "type": "TextBlok", "text": "x" },
    { "type": "TextBlock", "text": "Hello {{ persn.first_name }}" },
    { "type": "Input.Text" }
  ]
}"#;
    insta::assert_snapshot!(shown("{ text = 'x', card = 'cards/a.json' }", &[("cards/a.json", broken)]));
}

#[test]
fn what_is_not_there_or_does_not_go_together_is_told() {
    let told = [
        shown("{ text = 'x', card = 'cards/b.json' }", &[("cards/a.json", CARD)]),
        shown("{ text = 'x', card = '../a.json' }", &[]),
        shown("{ text = 'x', file = 'plan.pdf' }", &[("plan.txt", "")]),
        shown("{ card = 'cards/a.json' }", &[("cards/a.json", CARD)]),
        shown("{ text = 'x', card = 'cards/a.json', file = 'plan.txt', data = {} }", &[("cards/a.json", "{}")]),
        shown("{ text = 'x', data = { a = 1 } }", &[]),
    ];
    insta::assert_snapshot!(told.join("\n\n"));
}
