//! Many rows as two parameters: a JSON list, and one blob that holds their bytes end to end. So a statement has
//! one text whatever the number of rows, is prepared once, and crosses to the engine's thread once.

use serde::{Serialize, de::DeserializeOwned};

use super::super::engine::Trouble;

/// Rows for `jsonb_each`. Not `json_each`: that makes a text of each row again, to be parsed for each column (a
/// third of the time of the hot statements).
pub(in super::super) fn json<T: Serialize>(rows: &[T]) -> Result<String, Trouble> {
    serde_json::to_string(rows).map_err(|error| Trouble::Guilty(error.to_string()))
}

/// What a statement gathered with `json_group_array`. One row crosses the threads then: of many, each wakes who waits
/// for them, and the two threads take turns row by row (a switch of threads costs as much as three rows).
pub(in super::super) fn list<T: DeserializeOwned>(gathered: &str) -> Result<Vec<T>, Trouble> {
    serde_json::from_str(gathered).map_err(|error| Trouble::Other(format!("the engine's own list: {error}")))
}

/// Statements as parts of one text: the parameters of each are numbered on after those of the parts before it, so that
/// their values are bound one part after the other.
pub(super) fn parts(texts: &[&str]) -> Vec<String> {
    let mut before = 0;
    let numbered = texts.iter().map(|text| {
        let (mut pieces, mut most) = (text.split('$'), 0);
        let mut part = pieces.next().unwrap_or_default().to_owned();
        for piece in pieces {
            let end = piece.find(|c: char| !c.is_ascii_digit()).unwrap_or(piece.len());
            let (number, rest) = piece.split_at(end);
            // Ours are numbered all; another `$` would be taken for a parameter by the engine as well.
            let number: usize = number.parse().expect("a parameter without a number");
            most = most.max(number);
            part.push_str(&format!("${}{rest}", before + number));
        }
        before += most;
        part
    });
    numbered.collect()
}

/// Bytes of many rows, end to end; SQL cuts them out with `substr`.
#[derive(Debug, Default)]
pub(super) struct Heap(Vec<u8>);

impl Heap {
    /// Adds bytes; answers their place as `substr` counts: from 1, and how many.
    pub(super) fn put(&mut self, bytes: &[u8]) -> (usize, usize) {
        let at = self.0.len() + 1;
        self.0.extend_from_slice(bytes);
        (at, bytes.len())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The number of the `index`-th of `count` rows that one INSERT made, the last of which has number `last`:
/// AUTOINCREMENT counts without gaps inside a statement.
pub(super) fn seq_of(last: i64, count: usize, index: usize) -> i64 {
    last - i64::try_from(count - 1 - index).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_as_substr_counts() {
        let mut heap = Heap::default();
        assert_eq!(heap.put(b"abc"), (1, 3));
        assert_eq!(heap.put(b""), (4, 0));
        assert_eq!(heap.put(b"de"), (4, 2));
        assert_eq!(heap.into_bytes(), b"abcde");
    }

    #[test]
    fn parameters_of_a_part_are_numbered_on_after_those_before_it() {
        let numbered = parts(&["a = $1 AND b = $2 AND c = $1", "BEGIN", "x = $1", "$2, $1"]);
        assert_eq!(numbered, ["a = $1 AND b = $2 AND c = $1", "BEGIN", "x = $3", "$5, $4"]);
    }

    #[test]
    fn numbers_run_up_to_the_last() {
        assert_eq!([0, 1, 2].map(|index| seq_of(12, 3, index)), [10, 11, 12]);
    }
}
