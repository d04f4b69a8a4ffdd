//! A card as one person sees it: what they typed into it, opened and hid; and what a press sends.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::{Act, Block, Button, Card, Input, Part};

/// A card and what a person did with it.
#[derive(Debug, Clone)]
pub(in crate::cli::talk) struct Sheet {
    pub(super) card: Card,
    /// What was typed, by input.
    values: BTreeMap<usize, String>,
    /// Inputs that were filled in since the last press.
    filled: BTreeSet<usize>,
    /// Buttons whose card is open.
    open: BTreeSet<usize>,
    /// What was shown and hidden, by the element's id.
    shown: BTreeMap<String, bool>,
}

/// What a press did.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::cli::talk) enum Pressed {
    /// Something is to be sent, as soon as the inputs fit: see [`Sheet::submit`].
    Submits,
    /// The card looks different now.
    Changed,
    /// This page is to be opened.
    Opens(String),
}

impl Sheet {
    /// A card that nobody has touched.
    pub(in crate::cli::talk) fn new(card: Card) -> Self {
        Self { card, values: BTreeMap::new(), filled: BTreeSet::new(), open: BTreeSet::new(), shown: BTreeMap::new() }
    }

    pub(super) fn value(&self, input: usize) -> &str {
        let first = self.card.inputs.get(input).map_or("", |input| input.value.as_str());
        self.values.get(&input).map_or(first, String::as_str)
    }

    pub(super) fn is_open(&self, button: usize) -> bool {
        self.open.contains(&button)
    }

    pub(super) fn is_visible(&self, block: &Block) -> bool {
        block.id.as_ref().and_then(|id| self.shown.get(id)).copied().unwrap_or(block.visible)
    }

    /// Fills an input in, named by its id, label or number; what does not fit is refused as a client would.
    pub(in crate::cli::talk) fn fill(&mut self, name: &str, typed: &str) -> Result<(), String> {
        let at = self.input_named(name)?;
        self.answer(at, typed)
    }

    /// The same by index.
    pub(in crate::cli::talk) fn answer(&mut self, at: usize, typed: &str) -> Result<(), String> {
        let Some(input) = self.card.inputs.get(at) else { return Err(format!("there is no input {}", at + 1)) };
        let value = input.typed(typed)?;
        input.check(&value)?;
        self.values.insert(at, value);
        self.filled.insert(at);
        Ok(())
    }

    /// Leaves an input as it is, if that will do.
    pub(in crate::cli::talk) fn keep(&mut self, at: usize) -> Result<(), String> {
        if let Some(input) = self.card.inputs.get(at) {
            input.check(self.value(at))?;
        }
        self.filled.insert(at);
        Ok(())
    }

    /// How an input is asked for: its choices, and a prompt of one line.
    pub(in crate::cli::talk) fn question(&self, at: usize) -> Option<(Vec<String>, String)> {
        let input = self.card.inputs.get(at)?;
        let required = if input.required { ", required" } else { "" };
        let hint = match (input.hint(), required) {
            ("", "") => String::new(),
            ("", _) => " (required)".to_owned(),
            (hint, required) => format!(" ({hint}{required})"),
        };
        let value = input.shown(self.value(at));
        let value = if value.is_empty() { value } else { format!(" [{value}]") };
        Some((input.options(), format!("{}{hint}{value}: ", input.label)))
    }

    fn input_named(&self, name: &str) -> Result<usize, String> {
        let inputs = &self.card.inputs;
        let numbered = || name.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < inputs.len());
        let found = inputs
            .iter()
            .position(|input| input.id == name)
            .or_else(|| inputs.iter().position(|input| input.label.eq_ignore_ascii_case(name)))
            .or_else(numbered);
        found.ok_or_else(|| match inputs.as_slice() {
            [] => "the card has nothing to fill in".to_owned(),
            inputs => {
                let known = inputs.iter().map(|input| input.id.as_str());
                format!("the card has no input `{name}`; there is {}", listed(known))
            }
        })
    }

    /// The button of this number or title, if it can be seen.
    pub(in crate::cli::talk) fn button(&self, name: &str) -> Result<usize, String> {
        let seen = self.buttons_seen();
        let buttons = &self.card.buttons;
        let begins = |title: &str| title.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        let titled = |fits: &dyn Fn(&str) -> bool| -> Vec<usize> {
            let fitting = buttons.iter().enumerate().filter(|(_, button)| fits(&button.title)).map(|(at, _)| at);
            let (here, elsewhere): (Vec<usize>, Vec<usize>) = fitting.partition(|at| seen.contains(at));
            if here.is_empty() { elsewhere } else { here }
        };
        let numbered = || name.parse::<usize>().ok()?.checked_sub(1).filter(|at| *at < buttons.len());
        let found = match numbered() {
            Some(at) => vec![at],
            None => Some(titled(&|title| title.eq_ignore_ascii_case(name)))
                .filter(|found| !found.is_empty())
                .unwrap_or_else(|| titled(&begins)),
        };
        match found.as_slice() {
            [at] if seen.contains(at) => Ok(*at),
            [at] => Err(self.out_of_sight(*at)),
            [] if seen.is_empty() => Err("the card has nothing to press".to_owned()),
            [] => {
                let known = seen.iter().filter_map(|at| Some(format!("{} {}", at + 1, buttons.get(*at)?.title)));
                Err(format!("the card has no button `{name}`; there is {}", listed(known)))
            }
            several => {
                let numbers = several.iter().map(|at| (at + 1).to_string());
                Err(format!("several buttons are called `{name}`: press {} by number", listed(numbers)))
            }
        }
    }

    /// Why a button cannot be pressed now.
    fn out_of_sight(&self, at: usize) -> String {
        let closed = self.levels_around(at).into_iter().rev().find_map(|level| {
            let opens = self.card.levels.get(level)?.opened_by?;
            (!self.is_open(opens)).then_some((opens, self.card.buttons.get(opens)?))
        });
        match closed {
            Some((opens, button)) => {
                format!("button {} shows only after `{}`: press {} first", at + 1, button.title, opens + 1)
            }
            None => format!("button {} is hidden", at + 1),
        }
    }

    /// Levels of a button: its own, the one around it, and so on outwards.
    fn levels_around(&self, button: usize) -> Vec<usize> {
        let mut levels = Vec::new();
        let mut next = self.card.buttons.get(button);
        while let Some(Button { level, .. }) = next {
            levels.push(*level);
            let opened_by = self.card.levels.get(*level).and_then(|level| level.opened_by);
            next = opened_by.and_then(|button| self.card.buttons.get(button));
        }
        levels
    }

    /// Buttons that are on the screen, by index.
    fn buttons_seen(&self) -> BTreeSet<usize> {
        let mut seen = BTreeSet::new();
        if let Some(card) = self.card.levels.first() {
            self.look(&card.blocks, &mut seen);
        }
        seen
    }

    fn look(&self, blocks: &[Block], seen: &mut BTreeSet<usize>) {
        for block in blocks.iter().filter(|block| self.is_visible(block)) {
            match &block.part {
                Part::Group(blocks) | Part::Columns(blocks) => self.look(blocks, seen),
                Part::Buttons(buttons) => {
                    for at in buttons {
                        seen.insert(*at);
                        if let Some(level) = self.opened(*at).and_then(|level| self.card.levels.get(level)) {
                            self.look(&level.blocks, seen);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// The level that an open button shows.
    pub(super) fn opened(&self, button: usize) -> Option<usize> {
        match self.card.buttons.get(button)?.act {
            Act::ShowCard(level) if self.is_open(button) => Some(level),
            _ => None,
        }
    }

    /// Presses a button.
    pub(in crate::cli::talk) fn press(&mut self, at: usize) -> Result<Pressed, String> {
        let Some(button) = self.card.buttons.get(at) else { return Err(format!("there is no button {}", at + 1)) };
        match &button.act {
            Act::Submit { .. } => return Ok(Pressed::Submits),
            Act::OpenUrl(url) if url.is_empty() => {
                return Err(format!("`{}` opens no page: it has no url", button.title));
            }
            Act::OpenUrl(url) => return Ok(Pressed::Opens(url.clone())),
            Act::Unknown(kind) => {
                return Err(format!("`{}` does nothing: Webex knows no `{kind}`", button.title));
            }
            Act::ShowCard(_) => {
                if !self.open.remove(&at) {
                    // A client shows one of the cards beside each other.
                    let level = button.level;
                    self.open.retain(|other| self.card.buttons.get(*other).is_none_or(|other| other.level != level));
                    self.open.insert(at);
                }
            }
            Act::Toggle(targets) => {
                for (id, wanted) in targets {
                    let now = self.shown.get(id).copied().or_else(|| self.card.first_visible(id)).unwrap_or(true);
                    self.shown.insert(id.clone(), wanted.unwrap_or(!now));
                }
            }
        }
        Ok(Pressed::Changed)
    }

    /// The inputs that go with a button and were not filled in since the last press.
    pub(in crate::cli::talk) fn unfilled(&self, button: usize) -> Vec<usize> {
        self.inputs_of(button).map(|(at, _)| at).filter(|at| !self.filled.contains(at)).collect()
    }

    /// What pressing the button sends: its data, and over that the inputs. `Err`: what does not fit, by input.
    pub(in crate::cli::talk) fn submit(&mut self, button: usize) -> Result<Map<String, Value>, Vec<(usize, String)>> {
        let wrong: Vec<(usize, String)> =
            self.inputs_of(button).filter_map(|(at, input)| Some((at, input.check(self.value(at)).err()?))).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let mut sent = match self.card.buttons.get(button).map(|button| &button.act) {
            // Data that is no object has no names to be merged under.
            Some(Act::Submit { data: Some(Value::Object(data)), .. }) => data.clone(),
            _ => Map::new(),
        };
        sent.extend(self.inputs_of(button).map(|(at, input)| (input.id.clone(), Value::from(self.value(at)))));
        self.filled.clear();
        Ok(sent)
    }

    fn inputs_of(&self, button: usize) -> impl Iterator<Item = (usize, &Input)> {
        let with_inputs = match self.card.buttons.get(button).map(|button| &button.act) {
            Some(Act::Submit { with_inputs, .. }) => *with_inputs,
            _ => false,
        };
        let levels = if with_inputs { self.levels_around(button) } else { Vec::new() };
        self.card.inputs.iter().enumerate().filter(move |(_, input)| levels.contains(&input.level))
    }

    /// What a button is called.
    pub(in crate::cli::talk) fn title(&self, button: usize) -> &str {
        self.card.buttons.get(button).map_or("", |button| button.title.as_str())
    }
}

impl Card {
    /// Whether the element of this id is visible at first.
    fn first_visible(&self, id: &str) -> Option<bool> {
        fn find(blocks: &[Block], id: &str) -> Option<bool> {
            blocks.iter().find_map(|block| {
                if block.id.as_deref() == Some(id) {
                    return Some(block.visible);
                }
                match &block.part {
                    Part::Group(blocks) | Part::Columns(blocks) => find(blocks, id),
                    _ => None,
                }
            })
        }
        self.levels.iter().find_map(|level| find(&level.blocks, id))
    }
}

/// Names in a sentence.
fn listed(names: impl Iterator<Item = impl std::fmt::Display>) -> String {
    let names: Vec<String> = names.take(20).map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests;
