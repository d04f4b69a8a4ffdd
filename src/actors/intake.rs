//! How many events are on their way into the store, counted by the ingress; and what bots may do meanwhile.
//!
//! Webex asks once. What is not stored yet can be lost, and what is stored can wait: so while very many are waiting
//! to be stored, a bot takes up one event at a time, and few bots do so at once: disk and cores are with those that
//! come in. Nobody is passed over: bots have a pass for one event each, in the order of asking. A pass is for taking
//! an event up and not for the turn that follows, which may wait for Webex.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::Instant,
};

/// From so many on it is a rush. A hundred bots that are spoken to all the time have a few dozen.
const MANY: usize = 128;

/// It is over when there were fewer for so long. All that wait for one commit have arrived at once, and the next are
/// there a moment later: that moment is none in which there is nothing to do.
pub(super) const CALM: Duration = Duration::from_millis(100);

/// Events of all bots together that are being taken up at once in a rush. Each takes a commit.
const MEANWHILE: usize = 8;

/// The count; a clone counts along.
#[derive(Debug, Clone)]
pub struct Intake(Arc<Counts>);

#[derive(Debug)]
struct Counts {
    coming: AtomicUsize,
    began: Instant,
    /// When there were many for the last time: microseconds after `began`; 0: never.
    many_at: AtomicU64,
    meanwhile: Arc<Semaphore>,
}

/// One event on its way; it has arrived, or was refused, when this drops.
#[derive(Debug)]
pub struct OnItsWay(Intake);

/// Leave to take up one event in a rush, until it drops.
pub type Pass = OwnedSemaphorePermit;

impl Default for Intake {
    fn default() -> Self {
        Self(Arc::new(Counts {
            coming: AtomicUsize::new(0),
            began: Instant::now(),
            many_at: AtomicU64::new(0),
            meanwhile: Arc::new(Semaphore::new(MEANWHILE)),
        }))
    }
}

impl Intake {
    /// One more is on its way.
    #[must_use]
    pub fn enter(&self) -> OnItsWay {
        if self.0.coming.fetch_add(1, Ordering::Relaxed) + 1 >= MANY {
            self.there_are_many();
        }
        OnItsWay(self.clone())
    }

    /// Whether very many come in.
    #[must_use]
    pub fn is_rush(&self) -> bool {
        let at = self.0.many_at.load(Ordering::Relaxed);
        at > 0
            && (self.0.coming.load(Ordering::Relaxed) >= MANY
                || u128::from(self.micros().saturating_sub(at)) < CALM.as_micros())
    }

    /// A pass, if one is free.
    #[must_use]
    pub fn pass(&self) -> Option<Pass> {
        Arc::clone(&self.0.meanwhile).try_acquire_owned().ok()
    }

    /// A pass, when those who asked before had theirs.
    pub async fn wait(&self) -> Option<Pass> {
        Arc::clone(&self.0.meanwhile).acquire_owned().await.ok()
    }

    fn there_are_many(&self) {
        self.0.many_at.store(self.micros().max(1), Ordering::Relaxed);
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.0.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Drop for OnItsWay {
    fn drop(&mut self) {
        if self.0.0.coming.fetch_sub(1, Ordering::Relaxed) >= MANY {
            self.0.there_are_many();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_a_rush_while_very_many_come_in_and_a_moment_longer() {
        let intake = Intake::default();
        advance(Duration::from_secs(1)).await;
        let mut coming: Vec<_> = (1..MANY).map(|_| intake.enter()).collect();
        assert!(!intake.is_rush());
        coming.push(intake.clone().enter());
        advance(CALM * 2).await;
        assert!(intake.is_rush(), "as long as they wait");
        drop(coming);
        assert_eq!(intake.0.coming.load(Ordering::Relaxed), 0);
        assert!(intake.is_rush(), "the next ones may come at once, however long the last ones waited");
        advance(CALM).await;
        assert!(!intake.is_rush());
    }

    #[tokio::test]
    async fn passes_are_few_and_go_to_those_who_asked_first() {
        let intake = Intake::default();
        let mut passes: Vec<_> = (0..MEANWHILE).map(|_| intake.pass().unwrap()).collect();
        assert!(intake.pass().is_none());
        let (first, second) = (intake.wait(), intake.wait());
        tokio::pin!(first, second);
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        drop(passes.pop());
        assert!((&mut second).now_or_never().is_none());
        assert!((&mut first).now_or_never().is_some());
    }
}
