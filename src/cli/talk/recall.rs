//! What messages said, for when they are answered, edited away or deleted. Bounded: the oldest go first.

use std::collections::{HashMap, VecDeque};

/// Messages that are remembered.
const MOST: usize = 1_000;
/// Characters of each: enough to know which one it was.
const LONGEST: usize = 400;

/// The beginnings of what was said lately, by message.
#[derive(Debug, Default)]
pub(super) struct Recall {
    texts: HashMap<String, String>,
    /// Oldest first.
    order: VecDeque<String>,
}

impl Recall {
    pub(super) fn get(&self, message: &str) -> Option<&str> {
        self.texts.get(message).map(String::as_str)
    }

    pub(super) fn put(&mut self, message: &str, text: &str) {
        let text: String = text.chars().take(LONGEST).collect();
        if self.texts.insert(message.to_owned(), text).is_none() {
            self.order.push_back(message.to_owned());
        }
        while self.order.len() > MOST {
            if let Some(oldest) = self.order.pop_front() {
                self.texts.remove(&oldest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_words_stand_and_the_oldest_message_goes_first() {
        let mut recall = Recall::default();
        recall.put("first", "before");
        recall.put("first", "after");
        assert_eq!(recall.get("first"), Some("after"));
        for number in 0..MOST {
            recall.put(&number.to_string(), &"x".repeat(LONGEST + 1));
        }
        assert_eq!((recall.get("first"), recall.get("0").map(str::len)), (None, Some(LONGEST)));
        assert_eq!((recall.texts.len(), recall.order.len()), (MOST, MOST));
    }
}
