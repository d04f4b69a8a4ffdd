//! A card as lines of text: inputs with numbers in round brackets, buttons with numbers in square ones.

use super::{Act, Block, Input, Part, Sheet};
use crate::cli::talk::markdown;

/// Columns are drawn side by side in a line up to so many characters.
const WIDEST: usize = 76;
/// A level of indentation.
const STEP: &str = "  ";

impl Sheet {
    /// The card as it looks now. With `style`, what is strong is bold.
    pub(in crate::cli::talk) fn lines(&self, style: bool) -> Vec<String> {
        let pen = Pen { sheet: self, style };
        self.card.levels.first().map(|level| pen.blocks(&level.blocks)).unwrap_or_default()
    }
}

struct Pen<'a> {
    sheet: &'a Sheet,
    style: bool,
}

impl Pen<'_> {
    fn blocks(&self, blocks: &[Block]) -> Vec<String> {
        let visible = blocks.iter().filter(|block| self.sheet.is_visible(block));
        visible.flat_map(|block| self.part(&block.part)).collect()
    }

    fn part(&self, part: &Part) -> Vec<String> {
        match part {
            Part::Markdown { text, strong } => {
                let text = markdown::terminal(text, self.style);
                let bold = *strong && self.style;
                // What is bold already must not end it.
                let text = if bold { text.replace("\u{1b}[1m", "").replace("\u{1b}[22m", "") } else { text };
                text.lines()
                    .map(|line| if bold { format!("\u{1b}[1m{line}\u{1b}[22m") } else { line.to_owned() })
                    .collect()
            }
            Part::Plain(text) => text.lines().map(str::to_owned).collect(),
            Part::Facts(facts) => drawn_facts(facts),
            Part::Group(blocks) => self.blocks(blocks),
            Part::Columns(columns) => self.columns(columns),
            Part::Input(at) => self.input(*at),
            Part::Buttons(buttons) => self.buttons(buttons),
        }
    }

    /// Side by side while each is one short line, else one below the other.
    fn columns(&self, columns: &[Block]) -> Vec<String> {
        let visible = columns.iter().filter(|column| self.sheet.is_visible(column));
        let drawn: Vec<Vec<String>> =
            visible.map(|column| self.part(&column.part)).filter(|lines| !lines.is_empty()).collect();
        let width: usize = drawn.iter().flatten().map(|line| line.chars().count() + 3).sum();
        if drawn.iter().all(|lines| lines.len() == 1) && width <= WIDEST {
            return vec![drawn.concat().join(" | ")].into_iter().filter(|line| !line.is_empty()).collect();
        }
        drawn.concat()
    }

    fn input(&self, at: usize) -> Vec<String> {
        let Some(input) = self.sheet.card.inputs.get(at) else { return Vec::new() };
        let value = input.shown(self.sheet.value(at));
        let value = if value.is_empty() { "___".to_owned() } else { value };
        let Input { label, id, .. } = input;
        let required = if input.required { "required" } else { "" };
        let called = if label == id { "" } else { id };
        let notes = [called, input.hint(), required];
        let notes: Vec<&str> = notes.into_iter().filter(|note| !note.is_empty()).collect();
        let notes = if notes.is_empty() { String::new() } else { format!("  ({})", notes.join("; ")) };
        let mut lines = vec![format!("({}) {label}: {value}{notes}", at + 1)];
        lines.extend(input.options().iter().map(|option| format!("{STEP}{STEP}{option}")));
        lines
    }

    /// In one line if they fit; below it the cards that they opened.
    fn buttons(&self, buttons: &[usize]) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        for at in buttons {
            let Some(button) = self.sheet.card.buttons.get(*at) else { continue };
            let act = match &button.act {
                Act::ShowCard(_) if self.sheet.is_open(*at) => " (open)",
                Act::ShowCard(_) => " …",
                Act::OpenUrl(_) => " ↗",
                Act::Unknown(_) => " (does nothing)",
                Act::Submit { .. } | Act::Toggle(_) => "",
            };
            let drawn = format!("[{}] {}{act}", at + 1, button.title);
            match lines.last_mut() {
                Some(line) if line.chars().count() + drawn.chars().count() + 3 <= WIDEST => {
                    line.push_str("   ");
                    line.push_str(&drawn);
                }
                _ => lines.push(drawn),
            }
        }
        let opened = buttons.iter().filter_map(|at| self.sheet.card.levels.get(self.sheet.opened(*at)?));
        lines.extend(opened.flat_map(|level| self.blocks(&level.blocks)).map(|line| format!("{STEP}{line}")));
        lines
    }
}

fn drawn_facts(facts: &[(String, String)]) -> Vec<String> {
    let width = facts.iter().map(|(title, _)| title.chars().count()).max().unwrap_or(0).min(30);
    let line = |(title, value): &(String, String)| format!("{title:<width$}  {}", value.replace('\n', " "));
    facts.iter().map(|fact| line(fact).trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::{Sheet, read};

    fn drawn(card: &Value) -> String {
        Sheet::new(read(card)).lines(false).join("\n")
    }

    #[test]
    fn every_element_is_drawn() {
        let text = |text: &str| json!({ "type": "TextBlock", "text": text });
        let card = json!({ "type": "AdaptiveCard", "version": "1.3", "body": [
            { "type": "TextBlock", "text": "**Deploy** `web` to [production](https://x.example)?", "weight": "Bolder" },
            { "type": "RichTextBlock", "inlines": ["plain and ", { "type": "TextRun", "text": "*no* markdown" }] },
            { "type": "Image", "url": "https://x.example/cat.png", "altText": "a cat" },
            { "type": "Image", "url": "data:image/png;base64,AAAA" },
            { "type": "ImageSet", "images": [{ "type": "Image", "url": "https://x.example/1.png" },
                { "url": "https://x.example/2.png", "altText": "two" }] },
            { "type": "Media", "sources": [{ "mimeType": "video/mp4", "url": "https://x.example/a.mp4" }] },
            { "type": "FactSet", "facts": [{ "title": "Cost", "value": "7" }, { "title": "Asked by", "value": "Bob" }] },
            { "type": "Container", "items": [text("inside"), { "type": "Container", "items": [text("deep inside")] }] },
            { "type": "ColumnSet", "columns": [{ "type": "Column", "items": [text("left")] },
                { "items": [text("right")] }] },
            { "type": "ColumnSet", "columns": [{ "items": [text("one"), text("two")] }, { "items": [text("three")] }] },
            { "type": "TextBlock", "text": "hidden", "isVisible": false },
            { "type": "Table", "rows": [] },
            { "type": "Chart", "fallback": text("instead of a chart") },
            { "type": "Chart", "fallback": "drop" },
            { "text": "of no type" },
            7,
            { "type": "Container", "items": [text("press me")],
                "selectAction": { "type": "Action.OpenUrl", "url": "https://x.example/all" } },
            { "type": "ActionSet", "actions": [{ "type": "Action.Submit", "title": "Later" }] },
        ], "actions": [
            { "type": "Action.Submit", "title": "Approve" },
            { "type": "Action.OpenUrl", "title": "Docs", "url": "https://x.example/docs" },
            { "type": "Action.ShowCard", "title": "Reject", "card": { "body": [text("Why?")] } },
            { "type": "Action.Execute", "title": "Run" },
            { "type": "Action.Submit" },
        ] });
        insta::assert_snapshot!(drawn(&card));
    }

    #[test]
    fn every_input_is_drawn_with_what_it_takes() {
        let card = json!({ "type": "AdaptiveCard", "body": [
            { "type": "Input.Text", "id": "reason", "label": "Reason", "isRequired": true },
            { "type": "Input.Text", "id": "note", "value": "first\nsecond" },
            { "type": "Input.Number", "id": "cost", "placeholder": "How much?", "value": 7 },
            { "type": "Input.Date", "id": "day", "label": "Day", "value": "2026-11-22" },
            { "type": "Input.Time", "id": "at", "label": "At" },
            { "type": "Input.Toggle", "id": "all", "title": "Tell everybody", "value": "true" },
            { "type": "Input.ChoiceSet", "id": "colour", "label": "Colour", "value": "g", "choices": [
                { "title": "Red", "value": "r" }, { "title": "Green", "value": "g" }] },
            { "type": "Input.ChoiceSet", "id": "days", "isMultiSelect": true, "choices": [
                { "title": "Monday", "value": "mon" }, { "title": "Friday", "value": "fri" }] },
            { "type": "Input.Text", "label": "without an id" },
            { "type": "Input.Rating", "id": "stars" },
        ] });
        insta::assert_snapshot!(drawn(&card));
    }

    #[test]
    fn a_card_cannot_steer_the_terminal() {
        let bad = "a\u{1b}[2Jb\rc\u{9b}";
        let action = json!({ "type": "Action.Submit", "title": bad });
        let choices = json!([{ "title": bad, "value": bad }]);
        let card = json!({ "body": [
            { "type": "TextBlock", "text": bad }, { "type": "Image", "url": bad, "altText": bad }, { "type": bad },
            { "type": "RichTextBlock", "inlines": [bad] },
            { "type": "FactSet", "facts": [{ "title": bad, "value": bad }] },
            { "type": "Input.Text", "id": bad, "label": bad, "value": bad },
            { "type": "Input.ChoiceSet", "id": "x", "choices": choices },
        ], "actions": [action] });
        let drawn = drawn(&card);
        assert!(drawn.lines().count() > 7 && !drawn.contains(|c: char| c.is_control() && c != '\n'), "{drawn:?}");
    }

    #[test]
    fn bold_is_bold_only_where_the_terminal_has_it() {
        let card = json!({ "body": [{ "type": "TextBlock", "text": "Now **or** never", "weight": "bolder" }] });
        assert_eq!(Sheet::new(read(&card)).lines(true), ["\u{1b}[1mNow or never\u{1b}[22m"]);
        assert_eq!(drawn(&card), "Now **or** never");
    }

    #[test]
    fn nesting_and_size_have_an_end() {
        let mut deep = json!({ "type": "TextBlock", "text": "the ground" });
        for _ in 0..100 {
            deep = json!({ "type": "Container", "items": [deep] });
        }
        assert_eq!(drawn(&json!({ "body": [deep] })), "");
        let many: Vec<Value> = (0..10_000).map(|_| json!({ "type": "TextBlock", "text": "x" })).collect();
        assert_eq!(drawn(&json!({ "body": many })).lines().count(), 4_000);
        let mut cards = json!({ "body": [] });
        for _ in 0..100 {
            cards = json!({ "actions": [{ "type": "Action.ShowCard", "title": "on", "card": cards }] });
        }
        let mut sheet = Sheet::new(read(&cards));
        for button in 0..100 {
            sheet.press(button).unwrap();
        }
        assert_eq!(sheet.lines(false).len(), 100);
    }

    /// Anything that looks a little like a card.
    fn element() -> impl Strategy<Value = Value> {
        let kinds = prop::sample::select(vec![
            "TextBlock",
            "Container",
            "ColumnSet",
            "ActionSet",
            "Input.Text",
            "Input.ChoiceSet",
            "Input.Toggle",
            "Action.Submit",
            "Action.ShowCard",
            "Action.ToggleVisibility",
            "Image",
            "FactSet",
            "Odd",
        ]);
        let leaf = prop_oneof![
            kinds.clone().prop_map(|kind| json!({ "type": kind, "id": kind, "text": "t", "title": "x" })),
            any::<bool>().prop_map(Value::from),
            "\\PC{0,8}".prop_map(Value::from),
            Just(Value::Null),
        ];
        leaf.prop_recursive(5, 60, 5, move |inner| {
            let names = [
                "body",
                "items",
                "columns",
                "actions",
                "selectAction",
                "card",
                "choices",
                "fallback",
                "targetElements",
                "facts",
                "value",
                "isVisible",
            ];
            let fields = prop::collection::vec(
                (
                    prop::sample::select(names.to_vec()),
                    prop_oneof![inner.clone(), prop::collection::vec(inner, 0..4).prop_map(Value::Array),],
                ),
                0..5,
            );
            (kinds.clone(), fields).prop_map(|(kind, fields)| {
                let mut element = json!({ "type": kind, "id": "i" });
                for (name, value) in fields {
                    element[name] = value;
                }
                element
            })
        })
    }

    proptest! {
        #[test]
        fn any_json_is_drawn_and_pressed_without_a_panic(card in element(), presses in prop::collection::vec(0usize..6, 0..6)) {
            let mut sheet = Sheet::new(read(&card));
            for button in presses {
                let _ = sheet.press(button);
                let _ = sheet.submit(button);
                let _ = sheet.button(&(button + 1).to_string());
            }
            let lines = sheet.lines(false);
            prop_assert!(lines.iter().all(|line| !line.contains('\n')), "{lines:?}");
        }
    }
}
