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
            let now = Instant::now();
            if self.stopped.is_none_or(|before| now - before > ECHO) {
                self.stopped = Some(now);
                return Asked::Stop;
            }
        }
    }
}
