//! A schedule of a program: its name, and when it runs.

use std::sync::Arc;

use super::cron::Plan;

/// A `[[schedule]]`, as far as whoever makes it run must know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Its name, one a bot.
    pub name: Arc<str>,
    /// When it runs.
    pub plan: Plan,
}
