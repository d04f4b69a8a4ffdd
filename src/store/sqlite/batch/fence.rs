//! Requests of one batch that name the same row.
//!
//! A statement over many rows answers by row number. Two requests for one row would then share an answer, so of
//! those with the same fence only the first goes into the statement, and those with different fences (an old
//! lease and a new one, say) send the whole batch to be done one by one. Both are rare.

use std::collections::HashMap;

use crate::store::sqlite::engine::Trouble;

/// The rows named so far, and under what.
#[derive(Debug)]
pub(super) struct Fences<F>(HashMap<i64, F>);

impl<F: PartialEq> Fences<F> {
    pub(super) fn with_capacity(rows: usize) -> Self {
        Self(HashMap::with_capacity(rows))
    }

    /// Whether this is the first request for the row.
    pub(super) fn is_first(&mut self, row: i64, fence: F) -> Result<bool, Trouble> {
        match self.0.get(&row) {
            None => {
                self.0.insert(row, fence);
                Ok(true)
            }
            Some(first) if *first == fence => Ok(false),
            Some(_) => Err(Trouble::Guilty(format!("row {row} was asked for twice under different fences"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_request_twice_counts_once_and_a_different_one_parts_the_batch() {
        let mut fences = Fences::with_capacity(2);
        assert_eq!(fences.is_first(1, "epoch 1"), Ok(true));
        assert_eq!(fences.is_first(2, "epoch 2"), Ok(true));
        assert_eq!(fences.is_first(1, "epoch 1"), Ok(false));
        assert!(matches!(fences.is_first(1, "epoch 2"), Err(Trouble::Guilty(_))));
    }
}
