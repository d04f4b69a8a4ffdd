//! A bounded cache that forgets what was not used for longest.

use std::{borrow::Borrow, collections::HashMap, hash::Hash};

/// At most `capacity` values. When full, the older half goes at once, so that forgetting costs little per
/// use, without a list threaded through the map.
#[derive(Debug)]
pub(super) struct Cache<K, V> {
    capacity: usize,
    tick: u64,
    values: HashMap<K, (u64, V)>,
}

impl<K: Hash + Eq + Clone, V: Clone> Cache<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), tick: 0, values: HashMap::new() }
    }

    pub(super) fn get<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.tick += 1;
        let (used, value) = self.values.get_mut(key)?;
        *used = self.tick;
        Some(value.clone())
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        self.tick += 1;
        if self.values.len() >= self.capacity && !self.values.contains_key(&key) {
            let mut uses: Vec<u64> = self.values.values().map(|(used, _)| *used).collect();
            let uses_len = uses.len();
            let (_, middle, _) = uses.select_nth_unstable((uses_len - 1) / 2);
            let middle = *middle;
            self.values.retain(|_, (used, _)| *used > middle);
        }
        self.values.insert(key, (self.tick, value));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.values.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_used_stays_and_what_is_not_goes() {
        let mut cache = Cache::new(4);
        for key in 0..100 {
            cache.put(key, key);
            assert_eq!(cache.get(&0), Some(0), "used each time, so it stays");
        }
        assert_eq!(cache.get(&50), None);
        assert_eq!(cache.get(&99), Some(99));
    }

    proptest! {
        #[test]
        fn it_never_holds_more_than_it_may(capacity in 1..9usize, keys in prop::collection::vec(0..40u8, 0..200)) {
            let mut cache = Cache::new(capacity);
            for key in keys {
                cache.put(key, key);
                prop_assert!(cache.len() <= capacity);
                prop_assert_eq!(cache.get(&key), Some(key));
            }
        }
    }
}
