//! One page of a list: what follows a position, at most so many, and the position to go on from.
//!
//! A position is the sort key of the last item shown, not a count of items: an item that appears or
//! vanishes between two pages shifts nothing, so each item that stays is visited once.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

/// Where an item stands in its list. Lists ascend; one that is shown newest first negates its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position(pub(crate) i64, pub(crate) i64);

impl Position {
    /// By the world's running number, oldest first.
    pub(crate) fn rising(seq: u64) -> Self {
        Self(0, i64::try_from(seq).unwrap_or(i64::MAX))
    }

    /// By the world's running number, newest first.
    pub(crate) fn falling(seq: u64) -> Self {
        Self(0, -Self::rising(seq).1)
    }

    /// The opaque form in a next link.
    pub(crate) fn encode(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("{}:{}", self.0, self.1))
    }

    /// Reads it back.
    pub(crate) fn decode(text: &str) -> Option<Self> {
        let text = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let (major, minor) = text.split_once(':')?;
        Some(Self(major.parse().ok()?, minor.parse().ok()?))
    }
}

/// Which page is asked for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    /// Only what stands behind this.
    pub(crate) after: Option<Position>,
    /// At most so many; at least 1.
    pub(crate) max: usize,
}

/// A page, and where the next one begins.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The items.
    pub(crate) items: Vec<T>,
    /// `None` on the last page.
    pub(crate) next: Option<Position>,
}

impl Wanted {
    /// Cuts the page out of items that ascend by position.
    pub(crate) fn cut<T>(self, items: impl Iterator<Item = (Position, T)>) -> Page<T> {
        let mut page = Page { items: Vec::new(), next: None };
        let mut last = None;
        for (position, item) in items {
            if self.after.is_some_and(|after| position <= after) {
                continue;
            }
            if page.items.len() == self.max {
                page.next = last;
                break;
            }
            last = Some(position);
            page.items.push(item);
        }
        page
    }
}

impl<T> Page<T> {
    /// The same page of something else.
    pub(crate) fn map<U>(self, change: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(change).collect(), next: self.next }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn paging_visits_each_item_once_and_in_order(count in 0_u64..60, max in 1_usize..20) {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let items = (0..count).rev().map(|seq| (Position::falling(seq), seq));
                let page = Wanted { after, max }.cut(items);
                prop_assert!(page.items.len() <= max);
                seen.extend(page.items);
                match page.next {
                    Some(next) => after = Position::decode(&next.encode()),
                    None => break,
                }
            }
            prop_assert_eq!(seen, (0..count).rev().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_position_that_nobody_gave_out_is_not_read() {
        assert_eq!(Position::decode("%%%"), None);
        assert_eq!(Position::decode(&URL_SAFE_NO_PAD.encode("1")), None);
    }
}
