//! What a look at a bot's registrations led to.

use serde::{Deserialize, Serialize};

use super::diff::ForeignNote;
use crate::base::Millis;

/// The newest look, and what was changed since the process started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// When it ended.
    pub at: Millis,
    /// What is there is what is wanted.
    pub in_step: bool,
    /// What this look changed.
    pub changes: Changes,
    /// What was changed since the process started, this look included.
    pub so_far: Changes,
    /// Webhooks of others on the same token.
    pub foreign: Vec<ForeignNote>,
    /// What is worth knowing: a webhook that rests, a kind that Webex does not offer.
    pub notes: Vec<String>,
    /// Why the look did not come to its end; it is repeated.
    pub error: Option<String>,
}

/// Counts of changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Webhooks made.
    pub created: u64,
    /// Webhooks put right.
    pub updated: u64,
    /// Webhooks removed.
    pub deleted: u64,
    /// Webhooks taken over.
    pub adopted: u64,
}

impl Report {
    /// Webhooks of others that would double the answers, as `name (target)`.
    pub fn doubling(&self) -> impl Iterator<Item = String> {
        self.foreign.iter().filter(|note| note.doubles).map(|note| format!("{} ({})", note.name, note.target))
    }
}

impl Changes {
    pub(super) fn add(&mut self, more: Self) {
        self.created += more.created;
        self.updated += more.updated;
        self.deleted += more.deleted;
        self.adopted += more.adopted;
    }
}
