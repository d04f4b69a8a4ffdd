//! A mark of a value: enough to see later that it is another one, without keeping the value.

use std::hash::{DefaultHasher, Hash, Hasher};

/// A mark of a value, within one process: the next version of the program may make another of it. What must be told
/// apart for good, or from what somebody made up to look alike, has a [`Digest`](super::Digest).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(u64);

impl Mark {
    /// Of this value.
    #[must_use]
    pub fn of(value: &impl Hash) -> Self {
        let mut hasher = DefaultHasher::new();
        value.hash(&mut hasher);
        Self(hasher.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_have_equal_marks_and_others_have_others() {
        let mark = |names: &[&str]| Mark::of(&names);
        assert_eq!(mark(&["a", "b"]), mark(&["a", "b"]));
        assert_ne!(mark(&["a", "b"]), mark(&["ab"]));
        assert_ne!(mark(&["a", "b"]), mark(&["b", "a"]));
    }
}
