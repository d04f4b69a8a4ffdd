//! What the writer knows by heart: which bots exist, and how much each has pending. Exact, because nobody else
//! writes; loaded at open, changed only after a commit.

use std::collections::HashMap;

use sqlx::SqliteConnection;

use super::{engine::Trouble, restored};
use crate::base::{BotId, Seq};

#[derive(Debug, Default)]
pub(super) struct Book {
    bots: HashMap<BotId, Entry>,
    /// The newest event that stood in the backup put back last; 0: none was.
    restored_through: i64,
}

#[derive(Debug, Default)]
struct Entry {
    /// Events and deliveries.
    pending: u64,
    retired: bool,
}

impl Book {
    pub(super) async fn load(conn: &mut SqliteConnection) -> Result<Self, Trouble> {
        let rows: Vec<(String, i64, bool)> = sqlx::query_as(
            "SELECT b.bot, (SELECT count(*) FROM inbox i WHERE i.bot = b.bot AND i.finished_at IS NULL)
                         + (SELECT count(*) FROM outbox o WHERE o.bot = b.bot AND o.finished_at IS NULL),
                    b.retired_at IS NOT NULL
             FROM bots b",
        )
        .fetch_all(&mut *conn)
        .await?;
        let mut book = Self { restored_through: restored::through(conn).await?, ..Self::default() };
        for (bot, pending, retired) in rows {
            match BotId::parse(&bot) {
                Ok(bot) => {
                    let pending = u64::try_from(pending).unwrap_or(0);
                    book.bots.insert(bot, Entry { pending, retired });
                }
                Err(error) => tracing::error!(bot, %error, "the store holds a bot with an impossible id: left alone"),
            }
        }
        Ok(book)
    }

    /// Events and deliveries that a bot has pending; nothing when the store does not know it.
    pub(super) fn pending(&self, bot: &BotId) -> Option<u64> {
        self.bots.get(bot).map(|entry| entry.pending)
    }

    /// Whether it has left: nothing may become pending for it.
    pub(super) fn is_retired(&self, bot: &BotId) -> bool {
        self.bots.get(bot).is_some_and(|entry| entry.retired)
    }

    /// How much more a bot may have pending.
    pub(super) fn room(&self, bot: &BotId, limit: u64) -> u64 {
        limit.saturating_sub(self.pending(bot).unwrap_or(limit))
    }

    /// Bots that may have no more pending; retired ones have nothing.
    pub(super) fn full(&self, limit: u64) -> impl Iterator<Item = &BotId> {
        self.bots.iter().filter(move |(_, entry)| entry.pending >= limit && !entry.retired).map(|(bot, _)| bot)
    }

    pub(super) fn knows(&self, bot: &BotId) -> bool {
        self.bots.contains_key(bot)
    }

    /// Whether an event stood in a backup that was put back: it may have been answered after that was taken.
    pub(super) fn is_restored(&self, event: Seq) -> bool {
        event.0 <= self.restored_through
    }

    pub(super) fn add(&mut self, bot: &BotId) {
        self.bots.entry(bot.clone()).or_default().retired = false;
    }

    pub(super) fn retire(&mut self, bot: &BotId) {
        if let Some(entry) = self.bots.get_mut(bot) {
            entry.retired = true;
        }
    }

    pub(super) fn remove(&mut self, bot: &BotId) {
        self.bots.remove(bot);
    }

    pub(super) fn more(&mut self, bot: &BotId, rows: usize) {
        if let Some(entry) = self.bots.get_mut(bot) {
            entry.pending = entry.pending.saturating_add(rows as u64);
        }
    }

    pub(super) fn fewer(&mut self, bot: &BotId, rows: usize) {
        if let Some(entry) = self.bots.get_mut(bot) {
            entry.pending = entry.pending.saturating_sub(rows as u64);
        }
    }
}
