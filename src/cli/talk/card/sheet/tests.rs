use serde_json::json;

use super::*;
use crate::cli::talk::card::read;

/// Approve needs nothing more, reject opens a card that asks for the reason; the note goes with both.
fn approval() -> Sheet {
    Sheet::new(read(&json!({ "type": "AdaptiveCard", "version": "1.3", "body": [
        { "type": "TextBlock", "text": "Deploy?" },
        { "type": "Input.Text", "id": "note", "label": "Note", "value": "none" },
        { "type": "Input.Toggle", "id": "loud", "title": "Tell all", "isVisible": false },
        { "type": "TextBlock", "id": "more", "text": "long story", "isVisible": false },
    ], "actions": [
        { "type": "Action.Submit", "title": "Approve", "data": { "action": "approve", "note": "of the button", "n": 7 } },
        { "type": "Action.ShowCard", "title": "Reject", "card": { "type": "AdaptiveCard", "body": [
            { "type": "Input.Text", "id": "reason", "label": "Reason", "isRequired": true, "errorMessage": "say why" },
        ], "actions": [{ "type": "Action.Submit", "title": "Send", "data": { "action": "reject" } }] } },
        { "type": "Action.ShowCard", "title": "Ask", "card": { "body": [{ "type": "Input.Text", "id": "question" }],
            "actions": [{ "type": "Action.Submit", "title": "Send" }] } },
        { "type": "Action.ToggleVisibility", "title": "Story", "targetElements": ["more",
            { "elementId": "loud", "isVisible": true }] },
        { "type": "Action.Submit", "title": "Ignore", "data": "text", "associatedInputs": "none" },
        { "type": "Action.OpenUrl", "title": "Docs", "url": "https://x.example" },
        { "type": "Action.OpenUrl", "title": "Broken" },
        { "type": "Action.Execute", "title": "Run" },
    ] })))
}

fn press(sheet: &mut Sheet, name: &str) -> Result<Pressed, String> {
    let button = sheet.button(name)?;
    sheet.press(button)
}

#[test]
fn a_press_sends_the_inputs_over_the_buttons_data() {
    let mut sheet = approval();
    let approve = sheet.button("approve").unwrap();
    assert_eq!(sheet.press(approve), Ok(Pressed::Submits));
    sheet.fill("Note", "go").unwrap();
    let sent = sheet.submit(approve).unwrap();
    // Hidden inputs are sent, those of cards inside are not.
    assert_eq!(Value::from(sent), json!({ "action": "approve", "note": "go", "n": 7, "loud": "false" }));
    let ignore = sheet.button("ignore").unwrap();
    assert_eq!(sheet.submit(ignore), Ok(Map::new()));
}

#[test]
fn a_card_inside_opens_with_numbers_of_its_own() {
    let mut sheet = approval();
    insta::assert_snapshot!("closed", sheet.lines(false).join("\n"));
    assert_eq!(sheet.button("9"), Err("button 9 shows only after `Reject`: press 2 first".into()));
    assert_eq!(press(&mut sheet, "2"), Ok(Pressed::Changed));
    insta::assert_snapshot!("open", sheet.lines(false).join("\n"));
    let send = sheet.button("send").unwrap();
    assert_eq!(send, 8);
    assert_eq!(sheet.submit(send), Err(vec![(2, "say why".into())]));
    sheet.fill("reason", "no").unwrap();
    let sent = sheet.submit(send).unwrap();
    assert_eq!(Value::from(sent), json!({ "action": "reject", "note": "none", "loud": "false", "reason": "no" }));
    // Opening the other one closes it.
    press(&mut sheet, "Ask").unwrap();
    assert_eq!(sheet.button("send"), Ok(9));
    press(&mut sheet, "Ask").unwrap();
    assert!(sheet.button("send").is_err());
}

#[test]
fn what_is_hidden_is_shown_and_hidden_again() {
    let mut sheet = approval();
    let shows = |sheet: &Sheet, text: &str| sheet.lines(false).iter().any(|line| line.contains(text));
    press(&mut sheet, "Story").unwrap();
    assert!(shows(&sheet, "long story") && shows(&sheet, "Tell all"));
    press(&mut sheet, "Story").unwrap();
    assert!(!shows(&sheet, "long story") && shows(&sheet, "Tell all"));
}

#[test]
fn only_what_was_not_filled_in_is_asked_for_and_after_a_press_all_again() {
    let mut sheet = approval();
    let approve = sheet.button("1").unwrap();
    assert_eq!(sheet.unfilled(approve), [0, 1]);
    sheet.fill("note", "go").unwrap();
    sheet.keep(1).unwrap();
    assert!(sheet.unfilled(approve).is_empty());
    sheet.submit(approve).unwrap();
    assert_eq!(sheet.unfilled(approve), [0, 1]);
    let (options, question) = sheet.question(0).unwrap();
    assert_eq!((options.len(), question.as_str()), (0, "Note [go]: "));
    assert_eq!(sheet.question(1).unwrap().1, "Tell all (yes or no) [no]: ");
    assert_eq!(sheet.question(2).unwrap().1, "Reason (required): ");
    assert_eq!(sheet.keep(2), Err("say why".into()));
}

#[test]
fn what_cannot_be_done_is_answered_with_what_can() {
    let mut sheet = approval();
    assert_eq!(
        sheet.fill("resaon", "x"),
        Err("the card has no input `resaon`; there is `note`, `loud`, `reason`, `question`".into())
    );
    assert!(sheet.fill("2", "maybe").unwrap_err().contains("`yes` or `no`"));
    assert_eq!(press(&mut sheet, "Docs"), Ok(Pressed::Opens("https://x.example".into())));
    assert!(press(&mut sheet, "Broken").unwrap_err().contains("no url"));
    assert!(press(&mut sheet, "Run").unwrap_err().contains("Webex knows no `Action.Execute`"));
    assert!(sheet.button("nothing").unwrap_err().starts_with("the card has no button `nothing`; there is `1 Approve`"));
    assert_eq!(sheet.button("app"), Ok(0));
    let twice = Sheet::new(read(&json!({ "actions": [
        { "type": "Action.Submit", "title": "Yes" }, { "type": "Action.Submit", "title": "Yes" }] })));
    assert_eq!(twice.button("yes"), Err("several buttons are called `yes`: press `1`, `2` by number".into()));
    let empty = Sheet::new(read(&json!(null)));
    assert_eq!(empty.button("1"), Err("the card has nothing to press".into()));
    assert_eq!(empty.clone().fill("1", "x"), Err("the card has nothing to fill in".into()));
}
