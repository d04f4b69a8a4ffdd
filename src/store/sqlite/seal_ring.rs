//! The keys that a store has in hand: one seals, and while they change another one still opens.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use super::seal::{Place, SealKey, UnsealError};
use crate::base::Secret;

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(super) struct KeyRing(Arc<RwLock<Keys>>);

#[derive(Clone)]
struct Keys {
    seals: SealKey,
    /// Until the process ends: whoever has read a row just before it was sealed anew opens it just after.
    opens: Option<SealKey>,
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Keys { seals, opens } = self.keys();
        f.debug_struct("KeyRing").field("seals", &seals).field("opens", &opens).finish()
    }
}

impl KeyRing {
    pub(super) fn new(seals: SealKey, opens: Option<SealKey>) -> Self {
        Self(Arc::new(RwLock::new(Keys { seals, opens })))
    }

    fn keys(&self) -> Keys {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The key that seals.
    pub(super) fn sealing(&self) -> SealKey {
        self.keys().seals
    }

    /// The key that still opens.
    pub(super) fn opening(&self) -> Option<SealKey> {
        self.keys().opens
    }

    /// From now on another key seals, and the one that did opens.
    pub(super) fn turn_to(&self, next: &SealKey) {
        let mut keys = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if keys.seals.id() != next.id() {
            let old = std::mem::replace(&mut keys.seals, next.clone());
            keys.opens = Some(old);
        }
    }

    pub(super) fn seal(&self, place: Place<'_>, secret: &str) -> Result<Vec<u8>, String> {
        self.keys().seals.seal(place, secret)
    }

    pub(super) fn open(&self, place: Place<'_>, sealed: &[u8]) -> Result<Secret, UnsealError> {
        let Keys { seals, opens } = self.keys();
        match (seals.open(place, sealed), opens) {
            (Err(UnsealError::OtherKey), Some(opens)) => opens.open(place, sealed),
            (answer, _) => answer,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place<'_> = Place { column: "bots.token", bot: "echo", row: 0 };

    #[test]
    fn while_keys_change_either_opens_and_the_new_one_seals() {
        let [old, new, other] = [7, 8, 9].map(|byte| SealKey::from_bytes([byte; 32]));
        let ring = KeyRing::new(old.clone(), None);
        let before = ring.seal(PLACE, "hunter2").unwrap();
        let reader = ring.clone();
        ring.turn_to(&new);
        let after = reader.seal(PLACE, "hunter2").unwrap();
        for sealed in [&before, &after] {
            assert_eq!(reader.open(PLACE, sealed).unwrap().expose(), "hunter2");
        }
        assert!(new.open(PLACE, &after).is_ok() && old.open(PLACE, &after).is_err());
        let foreign = other.seal(PLACE, "hunter2").unwrap();
        assert_eq!(ring.open(PLACE, &foreign), Err(UnsealError::OtherKey));
        ring.turn_to(&new);
        assert_eq!(ring.open(PLACE, &before).unwrap().expose(), "hunter2", "turning twice forgets nothing");
    }
}
