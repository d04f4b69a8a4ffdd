//! Cards of a definition: JSON first, templates inside of its strings second.
//!
//! A card's file is read as JSON before any template runs, and what a template prints stays inside the string it
//! stands in. So no value, whoever said it, can add an element, a button or a field. Lists are made by one thing
//! alone, which the author writes:
//!
//! ```json
//! "items": [ { "$each": "payload.alerts", "as": "alert", "item": { "type": "TextBlock", "text": "{{ alert.name }}" } } ]
//! ```
//!
//! `$each` is an expression, without braces; `as` is what one of the list is called inside of `item` (left out:
//! `item`). It stands in a list and gives as many things as the expression has, or none.

mod json;
mod lint;
#[cfg(test)]
mod replies;
#[cfg(test)]
mod tests;

use std::{ops::Range, sync::Arc};

use minijinja::{Value, value::ValueKind};
use serde_json::{Map, Number, Value as Json};

use self::json::{Kind, Member, Node};
use super::{
    engine::{Checker, Engine, RenderError},
    markdown,
    names::{self, Names},
    template::{self, Text, Trouble},
    uses::Uses,
};
use crate::definition::{Format, codes, diagnostic::quote};

/// What a thing of a list is called when nothing is said.
const ITEM: &str = "item";
/// Things that one list makes at most.
const MOST_ITEMS: usize = 200;
/// Strings of one card that templates are run for, lists included.
const MOST_TEXTS: usize = 2_000;
/// Work that all templates of one card may do together: ten times that of one.
const MOST_WORK: u64 = 200_000;

/// A card as a program keeps it: plain data, rendered for each message anew.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Card {
    root: Part,
    uses: Uses,
}

/// Why a card was not made. Holds nothing of what was said to the bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CardError {
    /// A template of it gave no text.
    Template(RenderError),
    /// It came to more than Webex takes.
    Card(String),
}

impl CardError {
    /// For people: `the card …`.
    pub(super) fn sentence(&self) -> String {
        match self {
            Self::Template(error) => format!("a template of the card failed: {}", error.kind),
            Self::Card(sentence) => sentence.clone(),
        }
    }
}

impl From<RenderError> for CardError {
    fn from(error: RenderError) -> Self {
        Self::Template(error)
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Null,
    Bool(bool),
    Number(Number),
    Plain(Box<str>),
    /// `shown`: clients read markdown in it.
    Template {
        source: Arc<str>,
        shown: bool,
    },
    List(Box<[Item]>),
    Object(Box<[(Box<str>, Part)]>),
}

#[derive(Debug, Clone, PartialEq)]
enum Item {
    One(Part),
    Each { list: Arc<str>, name: Box<str>, item: Part },
}

/// Makes a card of a file's text, or says all that is wrong with it. Places are those of the text. `also` are names
/// that are there besides those of the rule.
pub(super) fn compile(checker: &Checker, text: &str, names: Names<'_>, also: &[&str]) -> Result<Card, Vec<Trouble>> {
    let root = json::parse(text).map_err(|wrong| {
        let hint = "a card is JSON; templates stand inside of its strings".to_owned();
        vec![Trouble { code: codes::BAD_CARD, range: wrong.at, message: wrong.message, hint: Some(hint) }]
    })?;
    let mut build = Build { checker, text, names, troubles: lint::written(text, &root), uses: Uses::default() };
    let names = also.iter().map(|name| (*name).to_owned()).collect();
    let made = build.part(&root, &Within { names, ..Within::default() });
    if build.troubles.is_empty() {
        return Ok(Card { root: made, uses: build.uses });
    }
    build.troubles.sort_by_key(|trouble| trouble.range.start);
    Err(build.troubles)
}

struct Build<'a> {
    checker: &'a Checker,
    text: &'a str,
    names: Names<'a>,
    troubles: Vec<Trouble>,
    uses: Uses,
}

/// Where in a card something stands.
#[derive(Debug, Clone, Default)]
struct Within {
    /// Names that lists around it give.
    names: Vec<String>,
    /// In the facts of a `FactSet`.
    facts: bool,
}

impl Build<'_> {
    fn tell(&mut self, range: Range<usize>, message: impl Into<String>, hint: Option<&str>) {
        let hint = hint.map(str::to_owned);
        self.troubles.push(Trouble { code: codes::BAD_CARD, range, message: message.into(), hint });
    }

    fn part(&mut self, node: &Node, within: &Within) -> Part {
        match &node.is {
            Kind::Null => Part::Null,
            Kind::Bool(truth) => Part::Bool(*truth),
            Kind::Number(number) => Part::Number(number.clone()),
            Kind::String(text) => self.string(node, text, within, false),
            Kind::Array(items) => Part::List(items.iter().filter_map(|item| self.item(item, within)).collect()),
            Kind::Object(members) => {
                if let Some(each) = members.iter().find(|member| member.key == "$each") {
                    self.tell(each.at.clone(), "`$each` stands only in a list", Some("put it into `[ … ]`"));
                }
                self.object(node, members, within)
            }
        }
    }

    fn object(&mut self, node: &Node, members: &[Member], within: &Within) -> Part {
        let is_text_block = node.text("type") == Some("TextBlock");
        let mut fields = Vec::with_capacity(members.len());
        for Member { key, at, value } in members {
            if has_code(key) {
                self.tell(at.clone(), "a field's name is no template", Some("templates stand in values"));
            }
            let inner = Within { facts: key == "facts", ..within.clone() };
            let part = match (key.as_str(), value.as_text()) {
                ("type" | "version" | "$schema", Some(text)) if has_code(text) => {
                    self.tell(
                        value.at.clone(),
                        format!("`{key}` is no template: what a card is made of is fixed"),
                        None,
                    );
                    Part::Null
                }
                ("text", Some(text)) if is_text_block => self.string(value, text, within, true),
                ("title" | "value", Some(text)) if within.facts => self.string(value, text, within, true),
                _ => self.part(value, &inner),
            };
            fields.push((key.as_str().into(), part));
        }
        Part::Object(fields.into())
    }

    fn item(&mut self, node: &Node, within: &Within) -> Option<Item> {
        let Some(each) = node.members().iter().find(|member| member.key == "$each") else {
            // Facts are a list: what is said of the list holds for each.
            return Some(Item::One(match &node.is {
                Kind::Object(members) => self.object(node, members, within),
                _ => self.part(node, within),
            }));
        };
        let example = "for example { \"$each\": \"payload.alerts\", \"as\": \"alert\", \"item\": { … } }";
        for member in node.members().iter().filter(|member| !["$each", "as", "item"].contains(&member.key.as_str())) {
            let message = format!("unknown key {} beside `$each`", quote(&member.key));
            self.tell(member.at.clone(), message, Some(example));
        }
        let name = match node.get("as") {
            None => ITEM,
            Some(name) => {
                let Some(text) = name.as_text().filter(|name| self.may_be_called(name)) else {
                    let hint = "a word of letters, digits and `_` that is no name of templates already";
                    self.tell(name.at.clone(), "`as` is no name that can be given here", Some(hint));
                    return None;
                };
                text
            }
        };
        let Some(list) = each.value.as_text() else {
            self.tell(each.value.at.clone(), "`$each` is an expression, as a string", Some(example));
            return None;
        };
        let Some(item) = node.get("item") else {
            self.tell(each.at.clone(), "`$each` has no `item`", Some(example));
            return None;
        };
        self.expression(&each.value, list, within);
        let mut inner = within.clone();
        inner.names.push(name.to_owned());
        let item = match &item.is {
            Kind::Object(members) => self.object(item, members, &inner),
            _ => self.part(item, &inner),
        };
        Some(Item::Each { list: list.into(), name: name.into(), item })
    }

    fn may_be_called(&self, name: &str) -> bool {
        let word = name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        word && names::check(name, self.names).is_err()
    }

    fn expression(&mut self, node: &Node, source: &str, within: &Within) {
        if has_code(source) {
            self.tell(node.at.clone(), "`$each` is an expression: it has no braces", Some("write `payload.alerts`"));
            return;
        }
        if let Some(trouble) = template::unbounded(source, true) {
            let range = json::inside(self.text, &node.at, trouble.range.clone());
            self.troubles.push(Trouble { range, ..trouble });
            return;
        }
        if let Err(error) = self.checker.expression(source) {
            let message = if error.detail.is_empty() { error.kind.to_string() } else { error.detail };
            self.tell(node.at.clone(), format!("`$each` is no expression: {message}"), None);
            return;
        }
        // Closed and opened on lines of its own, nothing of it can close the braces: it was an expression already.
        self.check(node, "{{ ", source, " }}", within);
    }

    fn string(&mut self, node: &Node, text: &str, within: &Within, shown: bool) -> Part {
        if !has_code(text) {
            return Part::Plain(text.into());
        }
        self.check(node, "", text, "", within);
        Part::Template { source: text.into(), shown }
    }

    /// Checks a template. Names that lists give are set before it, so that they are known.
    fn check(&mut self, node: &Node, before: &str, text: &str, after: &str, within: &Within) {
        let set: Vec<_> = within.names.iter().map(|name| format!("{{% set {name} = {{}} %}}")).collect();
        let set = set.concat();
        let source = format!("{set}{before}{text}{after}");
        let shift = set.len() + before.len();
        match template::compile(self.checker, &source, Format::Text, self.names) {
            Ok(Text::Plain(_)) => {}
            Ok(Text::Template { uses, .. }) => self.uses.join(&uses),
            Err(troubles) => {
                for trouble in troubles {
                    let inner = trouble.range.start.saturating_sub(shift)..trouble.range.end.saturating_sub(shift);
                    let range = json::inside(self.text, &node.at, inner.start..inner.end.min(text.len()));
                    self.troubles.push(Trouble { range, ..trouble });
                }
            }
        }
    }
}

fn has_code(text: &str) -> bool {
    ["{{", "{%", "{#"].iter().any(|code| text.contains(code))
}

impl Card {
    /// What must be read or made before it can be rendered.
    pub(super) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// The card over values, as it is sent.
    pub(super) fn render(&self, engine: &Engine, context: &Value) -> Result<Json, CardError> {
        let mut render = Render { engine, bytes: 2 * lint::MOST_BYTES, texts: MOST_TEXTS, work: MOST_WORK };
        let card = render.part(&self.root, context)?;
        lint::rendered(&card).map_err(CardError::Card)?;
        Ok(card)
    }
}

/// One rendering, and how much it may still do.
struct Render<'a> {
    engine: &'a Engine,
    bytes: usize,
    texts: usize,
    work: u64,
}

impl Render<'_> {
    fn part(&mut self, part: &Part, context: &Value) -> Result<Json, CardError> {
        Ok(match part {
            Part::Null => Json::Null,
            Part::Bool(truth) => Json::Bool(*truth),
            Part::Number(number) => Json::Number(number.clone()),
            Part::Plain(text) => Json::String(self.weighed(text.to_string())?),
            Part::Template { source, shown } => {
                self.texts = self.texts.checked_sub(1).ok_or_else(too_much)?;
                let (marked, work) = self.engine.render_marked(source, context.clone())?;
                self.work = self.work.checked_sub(work).ok_or_else(|| {
                    CardError::Card("the templates of the card do more than those of one card may".to_owned())
                })?;
                Json::String(self.weighed(if *shown { without_links(&marked) } else { without_marks(&marked) })?)
            }
            Part::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    self.item(item, context, &mut list)?;
                }
                Json::Array(list)
            }
            Part::Object(fields) => {
                let mut object = Map::with_capacity(fields.len());
                for (key, part) in fields {
                    object.insert(self.weighed(key.to_string())?, self.part(part, context)?);
                }
                Json::Object(object)
            }
        })
    }

    fn item(&mut self, item: &Item, context: &Value, list: &mut Vec<Json>) -> Result<(), CardError> {
        let (source, name, item) = match item {
            Item::One(part) => {
                list.push(self.part(part, context)?);
                return Ok(());
            }
            Item::Each { list, name, item } => (list, name, item),
        };
        let found = self.engine.evaluate(source, context.clone())?;
        // A field that is not there is an empty list, as it prints nothing elsewhere.
        if found.is_undefined() || found.is_none() {
            return Ok(());
        }
        if !matches!(found.kind(), ValueKind::Seq | ValueKind::Iterable) {
            return Err(CardError::Card("`$each` of the card came to something that is no list".to_owned()));
        }
        let things = found.try_iter().map_err(RenderError::from)?;
        for (number, thing) in things.enumerate() {
            if number >= MOST_ITEMS {
                return Err(CardError::Card(format!("a list of the card came to more than {MOST_ITEMS}")));
            }
            let named = Value::from_pairs([(name.to_string(), thing)]);
            let context = minijinja::value::merge_maps([named, context.clone()]);
            list.push(self.part(item, &context)?);
        }
        Ok(())
    }

    fn weighed(&mut self, text: String) -> Result<String, CardError> {
        self.bytes = self.bytes.checked_sub(text.len()).ok_or_else(too_much)?;
        Ok(text)
    }
}

fn too_much() -> CardError {
    CardError::Card("the card came to more than 80 KB, which is what Webex takes".to_owned())
}

fn without_marks(marked: &str) -> String {
    marked.replace(markdown::is_mark, "")
}

/// Clients read links in some texts of a card. Where one would begin, and part of that came from a value, a space is
/// put between: then it is none, and reads the same.
fn without_links(marked: &str) -> String {
    let mut out = String::with_capacity(marked.len());
    let (mut depth, mut last_is_value) = (0_usize, false);
    for c in marked.chars() {
        match c {
            markdown::OPEN => depth += 1,
            markdown::CLOSE => depth = depth.saturating_sub(1),
            _ => {
                let is_value = depth > 0;
                if c == '(' && out.ends_with(']') && (is_value || last_is_value) {
                    out.push(' ');
                }
                out.push(c);
                last_is_value = is_value;
            }
        }
    }
    out
}
