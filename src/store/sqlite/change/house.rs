//! Keeping house: forget, prune, probe. Each call is bounded, because all other writes wait for it.

use sqlx::SqliteConnection;

use super::{Change, Stop, audit};
use crate::{
    base::BotId,
    store::{
        Act, ActKind, BackupTaken, By, Pruned, Retention,
        sqlite::{batch::Round, book::Book},
    },
};

/// Rows of one table that one call deletes at most: about 10 ms for all tables.
const STEP: i64 = 1000;

/// Expired state and ended dialogues stay this long: a turn that read them before must still see that they are
/// no longer what it read, and not a fresh row with the same version.
const AFTERLIFE_MS: i64 = 3_600_000;

/// One step of removing a bot; answers whether there is more to remove.
pub(in super::super) struct Forget {
    pub(in super::super) bot: BotId,
}

impl Change for Forget {
    type Answer = bool;

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<bool, Stop> {
        const STEPS: &[&str] = &[
            "DELETE FROM inbox WHERE seq IN (SELECT seq FROM inbox WHERE bot = $1 LIMIT $2)",
            "DELETE FROM outbox WHERE seq IN (SELECT seq FROM outbox WHERE bot = $1 LIMIT $2)",
            "DELETE FROM seen WHERE bot = $1 AND key IN (SELECT key FROM seen WHERE bot = $1 LIMIT $2)",
            "DELETE FROM state WHERE bot = $1
                AND (scope, key) IN (SELECT scope, key FROM state WHERE bot = $1 LIMIT $2)",
            "DELETE FROM dialogues WHERE bot = $1
                AND (room, person) IN (SELECT room, person FROM dialogues WHERE bot = $1 LIMIT $2)",
            "DELETE FROM timers WHERE bot = $1 AND name IN (SELECT name FROM timers WHERE bot = $1 LIMIT $2)",
            "DELETE FROM sent WHERE seq IN (SELECT seq FROM sent WHERE bot = $1 LIMIT $2)",
            "DELETE FROM schedules WHERE bot = $1 AND name IN (SELECT name FROM schedules WHERE bot = $1 LIMIT $2)",
            "DELETE FROM erase_later WHERE seq IN (SELECT seq FROM erase_later WHERE bot = $1 LIMIT $2)",
        ];
        let retired: Option<bool> = sqlx::query_scalar("SELECT retired_at IS NOT NULL FROM bots WHERE bot = $1")
            .bind(self.bot.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        match retired {
            None => return Ok(false),
            Some(false) => return Err(Stop::Refused(format!("the bot `{}` is not retired", self.bot))),
            Some(true) => {}
        }
        // Secrets go first: if the rest is interrupted, they are gone all the same.
        sqlx::query("UPDATE bots SET token = NULL WHERE bot = $1").bind(self.bot.as_str()).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM webhooks WHERE bot = $1").bind(self.bot.as_str()).execute(&mut *tx).await?;
        for step in STEPS {
            let done = sqlx::query(*step).bind(self.bot.as_str()).bind(STEP).execute(&mut *tx).await?;
            if done.rows_affected() > 0 {
                return Ok(true);
            }
        }
        sqlx::query("DELETE FROM state_keys WHERE bot = $1").bind(self.bot.as_str()).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM definitions WHERE bot = $1").bind(self.bot.as_str()).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM bots WHERE bot = $1").bind(self.bot.as_str()).execute(tx).await?;
        Ok(false)
    }

    fn note(&self, more: &bool, book: &mut Book) {
        if !more {
            book.remove(&self.bot);
        }
    }
}

/// Deletes what retention does not keep.
pub(in super::super) struct Prune(pub(in super::super) Retention);

impl Change for Prune {
    type Answer = Pruned;

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<Pruned, Stop> {
        let Retention { now, rows_before, keys_before, audit_before, .. } = self.0;
        let gone = now.0.saturating_sub(AFTERLIFE_MS);
        let steps: &[(&'static str, i64)] = &[
            (
                "DELETE FROM inbox WHERE seq IN (
                    SELECT seq FROM inbox WHERE finished_at IS NOT NULL AND state = 2 AND finished_at < $1 LIMIT $2)",
                rows_before.0,
            ),
            (
                "DELETE FROM inbox WHERE seq IN (
                    SELECT seq FROM inbox WHERE finished_at IS NOT NULL AND state = 3 AND finished_at < $1 LIMIT $2)",
                rows_before.0,
            ),
            (
                "DELETE FROM outbox WHERE seq IN (
                    SELECT seq FROM outbox
                    WHERE finished_at IS NOT NULL AND state IN (2, 3, 4) AND finished_at < $1 LIMIT $2)",
                rows_before.0,
            ),
            ("DELETE FROM audit WHERE seq IN (SELECT seq FROM audit WHERE at < $1 LIMIT $2)", audit_before.0),
            ("DELETE FROM sent WHERE seq IN (SELECT seq FROM sent WHERE until <= $1 LIMIT $2)", now.0),
            (
                "DELETE FROM state WHERE (bot, scope, key) IN (
                    SELECT bot, scope, key FROM state WHERE expires_at IS NOT NULL AND expires_at <= $1 LIMIT $2)",
                gone,
            ),
            (
                "DELETE FROM dialogues WHERE (bot, room, person) IN (
                    SELECT bot, room, person FROM dialogues WHERE until <= $1 LIMIT $2)",
                gone,
            ),
        ];
        let mut pruned = keys(tx, keys_before.0).await?;
        for &(step, before) in steps {
            let rows = sqlx::query(step).bind(before).bind(STEP).execute(&mut *tx).await?.rows_affected();
            pruned.rows += rows;
            pruned.more |= rows >= STEP.unsigned_abs();
        }
        Ok(pruned)
    }
}

/// Deletes keys whose time is over. Not those of messages of which content is kept: a deletion at Webex finds it by
/// its key. Such a key is looked at again a day later; should that count as seen, so be it: its message is stored.
async fn keys(tx: &mut SqliteConnection, before: i64) -> Result<Pruned, Stop> {
    const DAY_MS: i64 = 86_400_000;
    let kept = sqlx::query(
        "UPDATE seen SET until = $3 WHERE (bot, key) IN (
            SELECT s.bot, s.key
            FROM (SELECT bot, key, event FROM seen WHERE until <= $1 ORDER BY until LIMIT $2) AS s
            JOIN inbox AS e ON e.public_id = s.event
            WHERE e.erased_at IS NULL AND e.kind GLOB 'messages.*')",
    )
    .bind(before)
    .bind(STEP)
    .bind(before.saturating_add(DAY_MS))
    .execute(&mut *tx)
    .await?
    .rows_affected();
    let left = STEP - i64::try_from(kept).unwrap_or(STEP);
    let gone = sqlx::query(
        "DELETE FROM seen WHERE (bot, key) IN (SELECT bot, key FROM seen WHERE until <= $1 ORDER BY until LIMIT $2)",
    )
    .bind(before)
    .bind(left)
    .execute(tx)
    .await?
    .rows_affected();
    Ok(Pruned { rows: gone, more: kept + gone >= STEP.unsigned_abs() })
}

/// Is the store writable?
pub(in super::super) struct Probe;

impl Change for Probe {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<(), Stop> {
        let written = round.now.0.to_be_bytes();
        let read: Vec<u8> = sqlx::query_scalar(
            "INSERT INTO meta (key, value) VALUES ('probe', $1)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value RETURNING value",
        )
        .bind(written.as_slice())
        .fetch_one(tx)
        .await?;
        if read == written { Ok(()) } else { Err(Stop::Refused("what was written reads back differently".into())) }
    }
}

/// A backup was made: for the audit.
pub(in super::super) struct NoteBackup {
    pub(in super::super) by: By,
    pub(in super::super) taken: BackupTaken,
}

impl Change for NoteBackup {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<(), Stop> {
        let act = Act {
            by: self.by.clone(),
            kind: ActKind::Backup,
            bot: None,
            subject: self.taken.file.display().to_string(),
            rows: 0,
            note: Some(format!("of {}, {} bytes", self.taken.taken_at, self.taken.bytes)),
        };
        audit::write(tx, round, &act).await
    }
}
