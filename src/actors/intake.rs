//! How many events are on their way into the store: counted by the ingress, minded by the bots.
//!
//! Webex asks once. What is not stored yet can be lost, and what is stored can wait: so while very many are waiting
//! to be stored, each bot works on one event at a time, and disk and cores are with those that come in.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// From so many on. A hundred bots that are spoken to all the time have a few dozen.
const MANY: usize = 128;

/// The count; a clone counts along.
#[derive(Debug, Clone, Default)]
pub struct Intake(Arc<AtomicUsize>);

/// One event on its way; it has arrived, or was refused, when this drops.
#[derive(Debug)]
pub struct OnItsWay(Intake);

impl Intake {
    /// One more is on its way.
    #[must_use]
    pub fn enter(&self) -> OnItsWay {
        self.0.fetch_add(1, Ordering::Relaxed);
        OnItsWay(self.clone())
    }

    /// How many turns a bot may have at once now, where it may have `most` at other times.
    #[must_use]
    pub fn turns(&self, most: usize) -> usize {
        if self.0.load(Ordering::Relaxed) < MANY { most } else { most.min(1) }
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bots_hold_back_while_very_many_come_in_and_no_longer() {
        let intake = Intake::default();
        let mut coming: Vec<_> = (1..MANY).map(|_| intake.enter()).collect();
        assert_eq!(intake.turns(4), 4);
        coming.push(intake.clone().enter());
        assert_eq!(intake.turns(4), 1, "one, never none");
        coming.pop();
        assert_eq!(intake.turns(4), 4);
        drop(coming);
        assert_eq!(intake.0.load(Ordering::Relaxed), 0);
    }
}
