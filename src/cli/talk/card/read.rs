//! Reads a card's JSON. Whatever a bot sends becomes something that can be shown.

use std::collections::VecDeque;

use serde_json::Value;

use super::{Act, Block, Button, Card, Choice, Input, Kind, Level, Part};
use crate::cli::talk::show::plain;

/// Deeper than any card that a client draws.
const DEEPEST: usize = 24;
/// More elements than fit into a card of 80 KB.
const MOST_ELEMENTS: usize = 4_000;

/// Reads a card.
pub(in crate::cli::talk) fn read(card: &Value) -> Card {
    let mut reader = Reader { card: Card::default(), waiting: VecDeque::new(), queued: 0, left: MOST_ELEMENTS };
    reader.enqueue(card, None);
    // Cards inside come after the whole card around them, so that opening one changes no number.
    while let Some((inner, opened_by)) = reader.waiting.pop_front() {
        let level = reader.card.levels.len();
        let mut blocks = reader.all(inner.get("body"), level, 0);
        blocks.extend(reader.actions(inner.get("actions"), level));
        blocks.extend(reader.select(inner, level));
        reader.card.levels.push(Level { opened_by, blocks });
    }
    reader.card
}

struct Reader<'a> {
    card: Card,
    /// Cards to be read, and the buttons that open them.
    waiting: VecDeque<(&'a Value, Option<usize>)>,
    /// How many cards have been put into `waiting`.
    queued: usize,
    /// How many more elements are read.
    left: usize,
}

impl<'a> Reader<'a> {
    /// Answers the level that the card will have.
    fn enqueue(&mut self, card: &'a Value, opened_by: Option<usize>) -> usize {
        self.waiting.push_back((card, opened_by));
        self.queued += 1;
        self.queued - 1
    }

    fn all(&mut self, elements: Option<&'a Value>, level: usize, depth: usize) -> Vec<Block> {
        let elements = elements.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        elements.iter().flat_map(|element| self.element(element, level, depth)).collect()
    }

    /// One element, and what can be pressed on it.
    fn element(&mut self, element: &'a Value, level: usize, depth: usize) -> Vec<Block> {
        if depth > DEEPEST || self.left == 0 {
            return Vec::new();
        }
        self.left -= 1;
        let Some(part) = self.part(element, level, depth) else {
            // An unknown element may say what to draw instead.
            return match element.get("fallback") {
                Some(fallback @ Value::Object(_)) => self.element(fallback, level, depth + 1),
                Some(Value::String(drop)) if drop == "drop" => Vec::new(),
                _ => vec![block(element, Part::Plain(format!("[{}]", kind(element))))],
            };
        };
        let mut blocks = vec![block(element, part)];
        blocks.extend(self.select(element, level));
        blocks
    }

    fn part(&mut self, element: &'a Value, level: usize, depth: usize) -> Option<Part> {
        Some(match kind(element).as_str() {
            "TextBlock" => {
                let strong = text(element, "weight").is_some_and(|weight| weight.eq_ignore_ascii_case("bolder"));
                Part::Markdown { text: text(element, "text").unwrap_or_default(), strong }
            }
            "RichTextBlock" => Part::Plain(runs(element)),
            "Image" => Part::Plain(image(element)),
            "Media" => Part::Plain(media(element)),
            "ImageSet" => Part::Group(self.all_images(element, level, depth)),
            "FactSet" => Part::Facts(facts(element)),
            "Container" | "Column" => Part::Group(self.all(element.get("items"), level, depth + 1)),
            "ColumnSet" => Part::Columns(self.columns(element, level, depth)),
            "ActionSet" => Part::Group(self.actions(element.get("actions"), level).into_iter().collect()),
            input if input.starts_with("Input.") => match read_input(element, input, level)? {
                Ok(input) => {
                    self.card.inputs.push(input);
                    Part::Input(self.card.inputs.len() - 1)
                }
                Err(unusable) => Part::Plain(unusable),
            },
            _ => return None,
        })
    }

    /// A column need not say that it is one.
    fn columns(&mut self, element: &'a Value, level: usize, depth: usize) -> Vec<Block> {
        let columns = element.get("columns").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let read = |column: &'a Value| {
            let mut blocks = self.all(column.get("items"), level, depth + 1);
            blocks.extend(self.select(column, level));
            block(column, Part::Group(blocks))
        };
        columns.iter().map(read).collect()
    }

    /// Nor need an image in a set.
    fn all_images(&mut self, element: &'a Value, level: usize, depth: usize) -> Vec<Block> {
        let images = element.get("images").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let read = |each: &'a Value| match kind(each).as_str() {
            "Image" => self.element(each, level, depth + 1),
            _ => vec![block(each, Part::Plain(image(each)))],
        };
        images.iter().flat_map(read).collect()
    }

    fn actions(&mut self, actions: Option<&'a Value>, level: usize) -> Option<Block> {
        let actions = actions.and_then(Value::as_array)?;
        let buttons: Vec<usize> = actions.iter().filter_map(|action| self.button(action, level, None)).collect();
        (!buttons.is_empty()).then_some(Block { id: None, visible: true, part: Part::Buttons(buttons) })
    }

    /// An element that can be pressed as a whole, or has a button inside, has one of its own here.
    fn select(&mut self, element: &'a Value, level: usize) -> Option<Block> {
        let action = element.get("selectAction").or_else(|| element.get("inlineAction"))?;
        let title = text(element, "altText").unwrap_or_else(|| format!("press the {}", kind(element)));
        let button = self.button(action, level, Some(title))?;
        let visible = element.get("isVisible").and_then(Value::as_bool).unwrap_or(true);
        Some(Block { id: text(element, "id"), visible, part: Part::Buttons(vec![button]) })
    }

    fn button(&mut self, action: &'a Value, level: usize, usual: Option<String>) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let kind = kind(action);
        let act = match kind.as_str() {
            "Action.Submit" => Act::Submit {
                data: action.get("data").cloned(),
                with_inputs: text(action, "associatedInputs").is_none_or(|with| !with.eq_ignore_ascii_case("none")),
            },
            "Action.OpenUrl" => Act::OpenUrl(text(action, "url").unwrap_or_default()),
            "Action.ToggleVisibility" => Act::Toggle(targets(action)),
            "Action.ShowCard" => {
                let opens = self.enqueue(action.get("card").unwrap_or(&Value::Null), Some(self.card.buttons.len()));
                Act::ShowCard(opens)
            }
            _ => match action.get("fallback") {
                Some(fallback @ Value::Object(_)) => return self.button(fallback, level, usual),
                Some(Value::String(drop)) if drop == "drop" => return None,
                _ => Act::Unknown(kind.clone()),
            },
        };
        let title = text(action, "title").or(usual).unwrap_or(kind).replace('\n', " ");
        self.card.buttons.push(Button { title, level, act });
        Some(self.card.buttons.len() - 1)
    }
}

fn block(element: &Value, part: Part) -> Block {
    let visible = element.get("isVisible").and_then(Value::as_bool).unwrap_or(true);
    Block { id: text(element, "id"), visible, part }
}

/// A text field, without what a terminal would obey; numbers and truth count as text. None when it is empty.
fn text(element: &Value, name: &str) -> Option<String> {
    let text = match element.get(name)? {
        Value::String(text) => plain(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        _ => return None,
    };
    (!text.trim().is_empty()).then_some(text)
}

fn kind(element: &Value) -> String {
    text(element, "type").map_or_else(|| "element without a type".to_owned(), |kind| kind.replace('\n', " "))
}

fn runs(element: &Value) -> String {
    let inlines = element.get("inlines").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let run = |run: &Value| run.as_str().or_else(|| run.get("text")?.as_str()).map(str::to_owned);
    plain(&inlines.iter().filter_map(run).collect::<String>())
}

fn image(element: &Value) -> String {
    let url = text(element, "url").filter(|url| !url.starts_with("data:"));
    named("image", text(element, "altText"), url.as_slice())
}

fn media(element: &Value) -> String {
    let sources = element.get("sources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let urls: Vec<String> = sources.iter().filter_map(|source| text(source, "url")).collect();
    named("media", text(element, "altText"), &urls)
}

/// `[image: a cat] https://…`
fn named(what: &str, alt: Option<String>, urls: &[String]) -> String {
    let alt = alt.map(|alt| format!(": {}", alt.replace('\n', " "))).unwrap_or_default();
    let mut parts = vec![format!("[{what}{alt}]")];
    parts.extend_from_slice(urls);
    parts.join(" ")
}

fn facts(element: &Value) -> Vec<(String, String)> {
    let facts = element.get("facts").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let fact = |fact: &Value| (text(fact, "title").unwrap_or_default(), text(fact, "value").unwrap_or_default());
    facts.iter().map(fact).collect()
}

fn targets(action: &Value) -> Vec<(String, Option<bool>)> {
    let targets = action.get("targetElements").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let target = |target: &Value| match target {
        Value::String(id) => Some((plain(id), None)),
        target => Some((text(target, "elementId")?, target.get("isVisible").and_then(Value::as_bool))),
    };
    targets.iter().filter_map(target).collect()
}

/// An input; `Err` is what to show of one that cannot be sent, `None` one that nobody knows.
fn read_input(element: &Value, name: &str, level: usize) -> Option<Result<Input, String>> {
    let number = |field: &str| text(element, field)?.parse::<f64>().ok();
    let kind = match name {
        "Input.Text" => Kind::Text {
            most: element.get("maxLength").and_then(Value::as_u64).and_then(|most| usize::try_from(most).ok()),
            regex: element.get("regex").and_then(Value::as_str).filter(|regex| !regex.is_empty()).map(str::to_owned),
        },
        "Input.Number" => Kind::Number { min: number("min"), max: number("max") },
        "Input.Date" => Kind::Date { min: text(element, "min"), max: text(element, "max") },
        "Input.Time" => Kind::Time { min: text(element, "min"), max: text(element, "max") },
        "Input.Toggle" => Kind::Toggle {
            on: text(element, "valueOn").unwrap_or_else(|| "true".to_owned()),
            off: text(element, "valueOff").unwrap_or_else(|| "false".to_owned()),
        },
        "Input.ChoiceSet" => Kind::Choices {
            choices: choices(element),
            many: element.get("isMultiSelect").and_then(Value::as_bool).unwrap_or(false),
        },
        _ => return None,
    };
    let Some(id) = text(element, "id") else {
        return Some(Err(format!("[{name} without an id: nothing of it is ever sent]")));
    };
    let toggle = if matches!(kind, Kind::Toggle { .. }) { text(element, "title") } else { None };
    let label = text(element, "label").or(toggle).or_else(|| text(element, "placeholder"));
    let input = Input {
        label: label.unwrap_or_else(|| id.clone()).replace('\n', " "),
        id,
        level,
        required: element.get("isRequired").and_then(Value::as_bool).unwrap_or(false),
        error: text(element, "errorMessage").map(|error| error.replace('\n', " ")),
        value: text(element, "value").unwrap_or_default(),
        kind,
    };
    Some(Ok(Input { value: input.first_value(), ..input }))
}

fn choices(element: &Value) -> Vec<Choice> {
    let choices = element.get("choices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let choice = |choice: &Value| {
        let value = text(choice, "value")?;
        let title = text(choice, "title").unwrap_or_else(|| value.clone()).replace('\n', " ");
        Some(Choice { title, value })
    };
    choices.iter().filter_map(choice).take(MOST_ELEMENTS).collect()
}
