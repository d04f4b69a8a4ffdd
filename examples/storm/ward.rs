//! A child process that ends with its owner, whatever happens.

use std::{
    process::{Child, ExitStatus},
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::sleep;

/// A child that is killed, by its id, when this is dropped.
#[derive(Debug)]
pub(crate) struct Ward(Child);

impl Ward {
    pub(crate) fn new(child: Child) -> Self {
        Self(child)
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.0.try_wait()?)
    }

    /// Ends it as a power cut would: nothing in it gets another word.
    pub(crate) fn kill(mut self) -> Result<ExitStatus> {
        self.0.kill()?;
        Ok(self.0.wait()?)
    }

    /// Asks it to end; kills it when it does not within that time. Tells how it ended.
    pub(crate) async fn end(mut self, patience: Duration) -> Result<ExitStatus> {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(Pid::from_raw) {
            kill_process(pid, Signal::TERM).context("could not ask the child to end")?;
        }
        let asked = Instant::now();
        loop {
            if let Some(status) = self.0.try_wait()? {
                return Ok(status);
            }
            if asked.elapsed() > patience {
                self.0.kill()?;
                return Ok(self.0.wait()?);
            }
            sleep(Duration::from_millis(2)).await;
        }
    }
}

impl Drop for Ward {
    fn drop(&mut self) {
        if matches!(self.0.try_wait(), Ok(None)) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }
}
