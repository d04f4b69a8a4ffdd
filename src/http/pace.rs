//! How fast the events of one bot are taken in: so many a second, and what comes faster waits its turn.
//!
//! Storing an event costs the machine the same whoever it is for. Webex sends no bot five hundred messages a second;
//! a loop, a load test or an alert storm does, and would keep all cores busy while it lasts. This way it lasts longer
//! instead, and the answers of all other bots come as if nothing were the matter.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, sleep};

use super::Refusal;
use crate::base::BotId;

/// So many may come at once after a rest.
const BURST: u32 = 64;
/// Who would have to wait longer is refused: each who waits holds a connection, and others need some too.
const LONGEST: Duration = Duration::from_millis(250);

/// The pace of every bot.
#[derive(Debug)]
pub struct Pace {
    /// Between two events of a bot; nothing: no bot is paced.
    step: Option<Duration>,
    /// When a bot would be even, had its events come at exactly this pace. Bots at rest may be missing.
    even: Mutex<HashMap<BotId, Instant>>,
}

impl Pace {
    /// At most so many events of one bot a second; 0: as many as come.
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        let step = (per_second > 0).then(|| Duration::from_secs(1) / per_second);
        Self { step, even: Mutex::default() }
    }

    /// Returns when it is this event's turn. Refused if that is too far off.
    pub(super) async fn wait(&self, bot: &BotId) -> Result<(), Refusal> {
        let Some(step) = self.step else { return Ok(()) };
        let wait = {
            let mut even = self.lock();
            turn(even.entry(bot.clone()).or_insert_with(Instant::now), Instant::now(), step)
        };
        match wait {
            None => Err(Refusal::TooFast),
            Some(Duration::ZERO) => Ok(()),
            Some(wait) => {
                sleep(wait).await;
                Ok(())
            }
        }
    }

    /// Nothing can panic while it is held.
    fn lock(&self) -> MutexGuard<'_, HashMap<BotId, Instant>> {
        self.even.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How long the event that comes now waits; nothing if it is refused, which then costs its bot no place.
fn turn(even: &mut Instant, now: Instant, step: Duration) -> Option<Duration> {
    let begin = (*even).max(now);
    let wait = begin.duration_since(now).saturating_sub(step * (BURST - 1));
    if wait > LONGEST {
        return None;
    }
    *even = begin + step;
    Some(wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_goes_at_once_and_then_one_goes_each_step() {
        let now = Instant::now();
        let mut even = now;
        let waits: Vec<_> = (0..BURST + 3).map(|_| turn(&mut even, now, STEP).unwrap()).collect();
        let (at_once, later) = waits.split_at(BURST as usize);
        assert!(at_once.iter().all(Duration::is_zero));
        assert_eq!(later, [STEP, STEP * 2, STEP * 3]);
    }

    #[test]
    fn after_a_rest_there_is_a_burst_again_and_no_larger_one() {
        let now = Instant::now();
        let mut even = now;
        for _ in 0..200 {
            turn(&mut even, now, STEP).unwrap();
        }
        let later = now + Duration::from_hours(1);
        let at_once = (0..200).filter(|_| turn(&mut even, later, STEP) == Some(Duration::ZERO)).count();
        assert_eq!(at_once, BURST as usize);
    }

    #[test]
    fn who_would_wait_too_long_is_refused_and_takes_no_place() {
        let now = Instant::now();
        let mut even = now;
        let taken = (0..10_000).filter_map(|_| turn(&mut even, now, STEP)).count();
        assert_eq!(taken, (BURST + 250) as usize);
        assert_eq!(turn(&mut even, now, STEP), None);
        assert_eq!(turn(&mut even, now + STEP, STEP), Some(LONGEST));
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_one_bot_takes_its_time_and_its_neighbour_none() {
        let (pace, began) = (Pace::new(1000), Instant::now());
        let (flooded, other) = (BotId::parse("flooded").unwrap(), BotId::parse("other").unwrap());
        for _ in 0..1064 {
            pace.wait(&flooded).await.unwrap();
        }
        assert_eq!(began.elapsed().as_millis(), 1000);
        pace.wait(&other).await.unwrap();
        assert_eq!(began.elapsed().as_millis(), 1000);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_pace_nobody_waits() {
        let (pace, began) = (Pace::new(0), Instant::now());
        for _ in 0..10_000 {
            pace.wait(&BotId::parse("flooded").unwrap()).await.unwrap();
        }
        assert!(began.elapsed().is_zero());
    }
}
