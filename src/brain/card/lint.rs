//! What Webex draws of a card, and how much of it. As written, with places; and once more, cheaply, as rendered.
//!
//! The limits are Webex's: version 1.3 at most, five buttons in a row, ten images, 80 KB. Which elements it draws is
//! nowhere listed whole; what version 1.3 has is taken, without `Media` and `Action.Execute`, which it does not know.

use std::ops::Range;

use serde_json::Value;

use super::{
    Trouble,
    json::{Kind, Member, Node},
};
use crate::definition::{
    codes,
    diagnostic::{did_you_mean, quote},
};

/// What a card may weigh, as it is sent.
pub(super) const MOST_BYTES: usize = 80 * 1024;
/// Images in a card, backgrounds and icons counted.
pub(super) const MOST_IMAGES: usize = 10;
/// Buttons in one row.
pub(super) const MOST_ACTIONS: usize = 5;

const VERSIONS: &[&str] = &["1.0", "1.1", "1.2", "1.3"];
const ELEMENTS: &[&str] = &[
    "TextBlock",
    "RichTextBlock",
    "Image",
    "ImageSet",
    "Container",
    "ColumnSet",
    "FactSet",
    "ActionSet",
    "Input.Text",
    "Input.Number",
    "Input.Date",
    "Input.Time",
    "Input.Toggle",
    "Input.ChoiceSet",
];
const ACTIONS: &[&str] = &["Action.OpenUrl", "Action.Submit", "Action.ShowCard", "Action.ToggleVisibility"];

/// Fields that a thing cannot do without.
const NEEDED: &[(&str, &[&str])] = &[
    ("TextBlock", &["text"]),
    ("RichTextBlock", &["inlines"]),
    ("Image", &["url"]),
    ("ImageSet", &["images"]),
    ("Container", &["items"]),
    ("FactSet", &["facts"]),
    ("ActionSet", &["actions"]),
    ("Input.Text", &["id"]),
    ("Input.Number", &["id"]),
    ("Input.Date", &["id"]),
    ("Input.Time", &["id"]),
    ("Input.Toggle", &["id", "title"]),
    ("Input.ChoiceSet", &["id", "choices"]),
    ("Action.OpenUrl", &["url"]),
    ("Action.ShowCard", &["card"]),
    ("Action.ToggleVisibility", &["targetElements"]),
];

/// What stands somewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Element,
    Column,
    Image,
    Action,
}

/// All that is wrong with a card as written.
pub(super) fn written(text: &str, card: &Node) -> Vec<Trouble> {
    let mut lint = Lint { troubles: Vec::new(), images: 0, ids: Vec::new() };
    lint.card(card, true);
    if compact(card) > MOST_BYTES {
        lint.tell(0..text.len().min(1), "the card is larger than 80 KB, which is what Webex takes", None);
    }
    lint.troubles
}

struct Lint<'n> {
    troubles: Vec<Trouble>,
    images: usize,
    /// Ids of inputs, and where.
    ids: Vec<&'n str>,
}

impl<'n> Lint<'n> {
    fn tell(&mut self, range: Range<usize>, message: impl Into<String>, hint: Option<String>) {
        self.troubles.push(Trouble { code: codes::BAD_CARD, range, message: message.into(), hint });
    }

    fn card(&mut self, card: &'n Node, outermost: bool) {
        if !matches!(card.is, Kind::Object(_)) {
            self.tell(
                card.at.clone(),
                "a card is an object",
                Some("begin with `{ \"type\": \"AdaptiveCard\", … }`".into()),
            );
            return;
        }
        match card.get("type") {
            Some(kind) if kind.as_text() == Some("AdaptiveCard") => {}
            Some(kind) => {
                self.tell(kind.at.clone(), "a card's `type` is `AdaptiveCard`", None);
                return;
            }
            None => self.tell(begin(card), "the card has no `type`", Some("add `\"type\": \"AdaptiveCard\"`".into())),
        }
        match card.get("version") {
            None if outermost => {
                self.tell(begin(card), "the card has no `version`", Some("add `\"version\": \"1.3\"`".into()));
            }
            Some(version) if !version.as_text().is_some_and(|text| VERSIONS.contains(&text)) => {
                self.tell(
                    version.at.clone(),
                    "Webex draws cards of version 1.0 to 1.3",
                    Some("write `\"1.3\"`".into()),
                );
            }
            _ => {}
        }
        self.inside(card);
    }

    /// What stands in the fields of a thing.
    fn inside(&mut self, node: &'n Node) {
        for Member { key, value, .. } in node.members() {
            match key.as_str() {
                "body" | "items" => self.list(value, Place::Element),
                "columns" => self.list(value, Place::Column),
                "images" => self.list(value, Place::Image),
                "actions" => {
                    self.list(value, Place::Action);
                    if let Some(sixth) = value.items().and_then(|items| items.get(MOST_ACTIONS)) {
                        let hint = "put the others behind an `Action.ShowCard`, or into another `ActionSet`";
                        self.tell(sixth.at.clone(), "a card has at most five buttons in a row", Some(hint.into()));
                    }
                }
                "selectAction" => self.thing(value, Place::Action),
                "card" => self.card(value, false),
                "backgroundImage" | "iconUrl" => self.image(&value.at),
                _ => {}
            }
        }
    }

    fn list(&mut self, list: &'n Node, place: Place) {
        let Some(items) = list.items() else {
            self.tell(list.at.clone(), "a list is expected here", Some("put it into `[ … ]`".into()));
            return;
        };
        for item in items {
            let made = if item.get("$each").is_some() { item.get("item") } else { Some(item) };
            if let Some(made) = made {
                self.thing(made, place);
            }
        }
    }

    fn thing(&mut self, thing: &'n Node, place: Place) {
        if !matches!(thing.is, Kind::Object(_)) {
            let message = if place == Place::Action { "a button is an object" } else { "an element is an object" };
            self.tell(thing.at.clone(), message, None);
            return;
        }
        let (known, one): (&[&str], &str) = match place {
            Place::Element => (ELEMENTS, "element"),
            Place::Column => (&["Column"], "column"),
            Place::Image => (&["Image"], "image"),
            Place::Action => (ACTIONS, "action"),
        };
        let kind = match thing.get("type") {
            // The two that need not say what they are.
            None if matches!(place, Place::Column | Place::Image) => known.first().copied().unwrap_or_default(),
            None => {
                self.tell(begin(thing), format!("the {one} has no `type`"), Some(listed(known)));
                return;
            }
            Some(node) => {
                let Some(kind) = node.as_text().and_then(|text| known.iter().find(|known| **known == text)) else {
                    let name = node.as_text().unwrap_or_default();
                    let hint = match name {
                        "Action.Execute" => Some("use `Action.Submit`".to_owned()),
                        _ => did_you_mean(name, known.iter().copied()).or_else(|| Some(listed(known))),
                    };
                    self.tell(node.at.clone(), format!("Webex knows no {one} {}", quote(name)), hint);
                    return;
                };
                kind
            }
        };
        let needed = NEEDED.iter().find(|(of, _)| *of == kind).map_or(&[][..], |(_, fields)| fields);
        for field in needed.iter().filter(|field| thing.get(field).is_none()) {
            let why = if *field == "id" { ": what is entered would come back without a name" } else { "" };
            self.tell(begin(thing), format!("`{kind}` needs `{field}`{why}"), None);
        }
        if kind == "Image" {
            self.image(&thing.at);
        }
        if kind.starts_with("Input.")
            && let Some(id) = thing.get("id")
            && let Some(name) = id.as_text()
        {
            if self.ids.contains(&name) && !name.contains("{{") {
                let hint = "of two inputs with one `id` only one comes back";
                self.tell(id.at.clone(), format!("there are two inputs {}", quote(name)), Some(hint.into()));
            }
            self.ids.push(name);
        }
        self.inside(thing);
    }

    fn image(&mut self, at: &Range<usize>) {
        self.images += 1;
        if self.images == MOST_IMAGES + 1 {
            self.tell(at.clone(), "a card has at most ten images, backgrounds and icons counted", None);
        }
    }
}

/// The first brace of an object: what is missing has no place of its own.
fn begin(node: &Node) -> Range<usize> {
    node.at.start..node.at.start + 1
}

fn listed(known: &[&str]) -> String {
    let names: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
    format!("Webex knows {}", names.join(", "))
}

/// Bytes of a value as it is sent, without what stands between its parts in the file.
fn compact(node: &Node) -> usize {
    match &node.is {
        Kind::Null | Kind::Bool(true) => 4,
        Kind::Bool(false) => 5,
        Kind::Number(_) | Kind::String(_) => node.at.len(),
        Kind::Array(items) => 2 + items.iter().map(|item| compact(item) + 1).sum::<usize>(),
        Kind::Object(members) => {
            2 + members.iter().map(|member| member.at.len() + 2 + compact(&member.value)).sum::<usize>()
        }
    }
}

/// Looks once more at what values and lists have made of it.
pub(super) fn rendered(card: &Value) -> Result<(), String> {
    let bytes = card.to_string().len();
    if bytes > MOST_BYTES {
        return Err("the card came to more than 80 KB, which is what Webex takes".to_owned());
    }
    if images(card) > MOST_IMAGES {
        return Err(format!("the card came to more than {MOST_IMAGES} images"));
    }
    if most_actions(card) > MOST_ACTIONS {
        return Err(format!("the card came to more than {MOST_ACTIONS} buttons in a row"));
    }
    Ok(())
}

fn children(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        // What a button carries along is data, whatever it is called there.
        Value::Object(fields) => Box::new(fields.iter().filter(|(key, _)| *key != "data").map(|(_, value)| value)),
        _ => Box::new(std::iter::empty()),
    }
}

fn images(value: &Value) -> usize {
    let is_image = value.get("type").and_then(Value::as_str) == Some("Image");
    let here = usize::from(is_image)
        + usize::from(value.get("backgroundImage").is_some())
        + usize::from(value.get("iconUrl").is_some());
    here + children(value).map(images).sum::<usize>()
}

fn most_actions(value: &Value) -> usize {
    let here = value.get("actions").and_then(Value::as_array).map_or(0, Vec::len);
    children(value).map(most_actions).max().unwrap_or(0).max(here)
}
