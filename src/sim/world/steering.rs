//! The simulator's own time: the clock it was given, moved forward, or stopped.
//!
//! Budgets, the five minutes of failing webhooks, dates and faults with an end all live by it, so that a test
//! sees an hour pass without waiting for it. What waits for a socket or a delay waits in real time.

use serde::Serialize;

use super::World;
use crate::{base::Millis, sim::refusal::Refusal};

/// The end of the year 9999: what lies behind has no form in which Webex writes dates.
pub(super) const END: Millis = Millis(253_402_300_799_999);

/// How the simulator's time follows the clock it was given.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Steering {
    /// What the given clock said last.
    given: Millis,
    /// How many milliseconds the simulator is ahead of it.
    ahead: i64,
    /// The moment it stands still at.
    frozen: Option<Millis>,
}

/// What `GET /sim/clock` shows.
#[derive(Debug, Serialize)]
pub(crate) struct ShownClock {
    /// The simulator's time.
    now: String,
    /// Whether it goes on by itself.
    running: bool,
    /// Milliseconds that it is ahead of the clock it was given; behind it when below zero.
    ahead_ms: i64,
}

impl Steering {
    fn now(&self) -> Millis {
        self.frozen.unwrap_or(Millis(self.given.0.saturating_add(self.ahead)))
    }

    /// Makes it this time now, standing or running.
    fn set(&mut self, now: Millis) {
        if self.frozen.is_some() {
            self.frozen = Some(now);
        }
        self.ahead = now.0.saturating_sub(self.given.0);
    }
}

impl World {
    /// Sets the moment of the next operation by the clock that was given.
    pub(crate) fn follow(&mut self, given: Millis) -> &mut Self {
        self.steering.given = self.steering.given.max(given);
        self.at(self.steering.now())
    }

    /// Moves time forward.
    pub(crate) fn advance(&mut self, millis: u64) -> Result<(), Refusal> {
        self.set_time(self.now.plus(std::time::Duration::from_millis(millis)))
    }

    /// Makes it a later moment. Time never goes back: what has happened would lie in the future.
    pub(crate) fn set_time(&mut self, to: Millis) -> Result<(), Refusal> {
        if to < self.now {
            return Err(Refusal::bad(format!("time never goes back: it is {} already", self.now.iso())));
        }
        if to > END {
            return Err(Refusal::bad("the simulator's time ends with the year 9999"));
        }
        self.steering.set(to);
        self.now = to;
        self.touch();
        Ok(())
    }

    /// Stops time where it is; operations and [`Self::advance`] go on.
    pub(crate) fn freeze(&mut self) {
        self.steering.frozen = Some(self.now);
        self.touch();
    }

    /// Lets time go on from where it is.
    pub(crate) fn run(&mut self) {
        self.steering.frozen = None;
        self.steering.set(self.now);
        self.touch();
    }

    /// Whether time goes on by itself.
    pub(crate) fn is_running(&self) -> bool {
        self.steering.frozen.is_none()
    }

    /// After a state of another run was put in: time goes on from there, if it is later.
    pub(super) fn catch_up(&mut self) {
        if self.now > self.steering.now() {
            self.steering.set(self.now);
        }
    }

    /// As the control API shows it.
    pub(crate) fn clock(&self) -> ShownClock {
        ShownClock {
            now: self.now.iso(),
            running: self.is_running(),
            ahead_ms: self.now.0.saturating_sub(self.steering.given.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn world() -> World {
        let mut world = World::seeded();
        let now = world.now;
        world.follow(now);
        world
    }

    #[test]
    fn time_is_moved_forward_and_then_goes_on_as_the_given_clock_does() {
        let mut world = world();
        let start = world.now;
        world.advance(60_000).unwrap();
        assert_eq!(world.now.0 - start.0, 60_000);
        world.follow(Millis(start.0 + 5));
        assert_eq!(world.now.0 - start.0, 60_005);
    }

    #[test]
    fn frozen_time_stands_until_it_is_moved_or_let_go() {
        let mut world = world();
        let start = world.now;
        world.freeze();
        world.follow(Millis(start.0 + 1_000));
        assert_eq!(world.now, start);
        world.advance(10).unwrap();
        world.follow(Millis(start.0 + 2_000));
        assert_eq!(world.now.0 - start.0, 10);
        world.run();
        world.follow(Millis(start.0 + 2_007));
        assert_eq!(world.now.0 - start.0, 17, "it goes on from where it stood");
        assert_eq!(world.clock().ahead_ms, -1_990);
    }

    #[test]
    fn time_is_not_set_back_and_not_beyond_the_calendar() {
        let mut world = world();
        let earlier = Millis(world.now.0 - 1);
        assert!(world.set_time(earlier).unwrap_err().message.contains("never goes back"));
        assert_eq!(world.advance(u64::MAX).unwrap_err().status, 400);
        world.set_time(Millis(world.now.0 + 1)).unwrap();
        assert_eq!(world.now.0, earlier.0 + 2);
    }

    #[test]
    fn a_state_from_a_later_time_goes_on_from_there() {
        let mut later = world();
        later.advance(3_600_000).unwrap();
        let saved = later.save();
        let mut world = world();
        let start = world.now;
        world.replace(saved).unwrap();
        world.follow(Millis(start.0 + 5));
        assert_eq!(world.now.0 - start.0, 3_600_005);
    }
}
