//! Signals as words: stop (SIGTERM, SIGINT) and reload (SIGHUP).

use std::time::Duration;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::Instant,
};

/// What the operating system asks of us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Finish what is in hand and end; a second one: end now.
    Stop,
    /// Look at `bots.d` again.
    Reload,
}

/// A second word to stop within this time is the echo of the first: `timeout`, a terminal or a wrapper tells both
/// the process and its group, and nobody who asks once means "at once".
const ECHO: Duration = Duration::from_millis(100);

/// The signals we listen to, from the moment this is made.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    /// Taken and not heeded: where files are limited in size, a write beyond the limit fails then, as on a full disk,
    /// instead of ending the process.
    _file_size: Signal,
    /// When the last word to stop came.
    stopped: Option<Instant>,
}

impl Signals {
    /// Starts listening.
    ///
    /// # Errors
    /// When the operating system refuses a handler.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
            stopped: None,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Asked {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
                _ = self.hang_up.recv() => return Asked::Reload,
            }
            if is_new(&mut self.stopped, Instant::now()) {
                return Asked::Stop;
            }
        }
    }
}

/// Whether a word to stop is one of its own; notes when it came.
fn is_new(stopped: &mut Option<Instant>, now: Instant) -> bool {
    let new = stopped.is_none_or(|before| now - before > ECHO);
    if new {
        *stopped = Some(now);
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_and_its_echo_are_one_word_and_a_later_one_is_another() {
        let (first, mut stopped) = (Instant::now(), None);
        let after = |millis| first + Duration::from_millis(millis);
        let heard = [0, 1, 60, 120, 400, 410].map(|millis| is_new(&mut stopped, after(millis)));
        assert_eq!(heard, [true, false, false, true, true, false]);
    }
}
