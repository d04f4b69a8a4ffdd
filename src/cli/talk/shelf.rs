//! Cards and files that were shown, under the numbers that a person calls them by. Bounded: the oldest go first.

use std::collections::VecDeque;

use super::card::{Sheet, read};
use crate::cli::control::{Facts, Message};

/// Cards that can still be pressed.
const MOST_CARDS: usize = 50;
/// Files that can still be saved.
const MOST_FILES: usize = 200;

/// What was shown, numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    cards: VecDeque<Kept>,
    files: VecDeque<(usize, Facts)>,
    last_card: usize,
    last_file: usize,
    /// The card that is meant when none is named.
    current: Option<usize>,
}

/// A card on a message.
#[derive(Debug)]
pub(super) struct Kept {
    number: usize,
    /// The message's id.
    pub(super) message: String,
    /// Its room's.
    pub(super) room: String,
    pub(super) sheet: Sheet,
}

impl Shelf {
    /// Keeps the card of a message, if it has one, and makes it the current one; answers its number, which stays
    /// the same however often the message is edited.
    pub(super) fn put(&mut self, message: &Message) -> Option<usize> {
        let card = message.attachments.first()?;
        let sheet = Sheet::new(read(&card.content));
        if let Some(kept) = self.cards.iter_mut().find(|kept| kept.message == message.id) {
            kept.sheet = sheet;
            self.current = Some(kept.number);
        } else {
            self.last_card += 1;
            let (number, message, room) = (self.last_card, message.id.clone(), message.room_id.clone());
            self.cards.push_back(Kept { number, message, room, sheet });
            self.current = Some(number);
        }
        if self.cards.len() > MOST_CARDS {
            self.cards.pop_front();
        }
        self.current
    }

    /// Its message is gone.
    pub(super) fn remove(&mut self, message: &str) {
        self.cards.retain(|kept| kept.message != message);
        if self.current.is_some_and(|current| !self.cards.iter().any(|kept| kept.number == current)) {
            self.current = self.cards.back().map(|kept| kept.number);
        }
    }

    /// Keeps a file; answers its number.
    pub(super) fn put_file(&mut self, file: &Facts) -> usize {
        if let Some((number, known)) = self.files.iter_mut().find(|(_, known)| known.url == file.url) {
            known.clone_from(file);
            return *number;
        }
        self.last_file += 1;
        self.files.push_back((self.last_file, file.clone()));
        if self.files.len() > MOST_FILES {
            self.files.pop_front();
        }
        self.last_file
    }

    /// The number of the card that is meant when none is named.
    pub(super) fn current(&self) -> Option<usize> {
        self.current
    }

    /// The card of this number.
    pub(super) fn card(&self, number: usize) -> Option<&Kept> {
        self.cards.iter().find(|kept| kept.number == number)
    }

    /// From now on this one is meant; `Err` says which there are.
    pub(super) fn choose(&mut self, number: usize) -> Result<&mut Kept, String> {
        let known: Vec<usize> = self.cards.iter().map(|kept| kept.number).collect();
        match self.cards.iter_mut().find(|kept| kept.number == number) {
            Some(kept) => {
                self.current = Some(number);
                Ok(kept)
            }
            None => Err(unknown("card", number, &known)),
        }
    }

    /// The file of this number.
    pub(super) fn file(&self, number: usize) -> Result<&Facts, String> {
        let known: Vec<usize> = self.files.iter().map(|(number, _)| *number).collect();
        let found = self.files.iter().find(|(known, _)| *known == number);
        found.map(|(_, facts)| facts).ok_or_else(|| unknown("file", number, &known))
    }
}

fn unknown(what: &str, number: usize, known: &[usize]) -> String {
    match (known.first(), known.last()) {
        (Some(only), Some(last)) if only == last => format!("there is no {what} {number}, only {what} {only}"),
        (Some(first), Some(last)) => format!("there is no {what} {number}; there are {first} to {last}"),
        _ => format!("there is no {what} {number}, nor any other"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::cli::control::Attachment;

    fn with_card(id: &str) -> Message {
        let content = json!({ "type": "AdaptiveCard", "body": [{ "type": "TextBlock", "text": id }] });
        Message { id: id.into(), attachments: vec![Attachment { content, more: Map::new() }], ..Message::default() }
    }

    #[test]
    fn a_card_keeps_its_number_while_its_message_is_edited() {
        let mut shelf = Shelf::default();
        assert_eq!([shelf.put(&with_card("a")), shelf.put(&with_card("b"))], [Some(1), Some(2)]);
        assert_eq!(shelf.put(&Message::default()), None);
        assert_eq!(shelf.current(), Some(2));
        assert_eq!((shelf.put(&with_card("a")), shelf.current()), (Some(1), Some(1)));
        assert_eq!(shelf.choose(2).map(|kept| kept.message.clone()), Ok("b".into()));
        assert_eq!(shelf.current(), Some(2));
        shelf.remove("b");
        assert_eq!(shelf.current(), Some(1));
        assert_eq!(shelf.choose(2).err().as_deref(), Some("there is no card 2, only card 1"));
    }

    #[test]
    fn a_number_that_nobody_has_is_answered_with_those_that_there_are() {
        let mut shelf = Shelf::default();
        assert_eq!(shelf.file(1), Err("there is no file 1, nor any other".into()));
        for number in 0..=MOST_FILES {
            shelf.put_file(&Facts { url: format!("u{number}"), ..Facts::default() });
        }
        assert_eq!(shelf.put_file(&Facts { url: "u7".into(), size: Some(3), ..Facts::default() }), 8);
        assert_eq!(shelf.file(8).unwrap().size, Some(3));
        assert_eq!(shelf.file(1), Err("there is no file 1; there are 2 to 201".into()));
        for number in 0..=MOST_CARDS {
            shelf.put(&with_card(&number.to_string()));
        }
        assert_eq!(shelf.choose(1).err().as_deref(), Some("there is no card 1; there are 2 to 51"));
    }
}
