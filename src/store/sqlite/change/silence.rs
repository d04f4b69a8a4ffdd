//! An operator's pause, and the end of it; the end of the hold after a restore.

use sqlx::SqliteConnection;

use super::{Change, Stop, audit, hold_kind};
use crate::{
    base::{BotId, Millis},
    store::{
        Act, ActKind, By, Hold, Lifted, Paused, Restored, Whom,
        sqlite::{batch::Round, read::silence},
    },
};

/// Answers whether it was not paused before.
pub(in super::super) struct Pause {
    pub(in super::super) whom: Whom,
    pub(in super::super) by: By,
}

impl Change for Pause {
    type Answer = bool;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<bool, Stop> {
        let changed = match &self.whom {
            Whom::All => {
                let paused = serde_json::to_vec(&Paused { at: round.now, by: self.by.clone() });
                let paused = paused.map_err(|error| Stop::Refused(error.to_string()))?;
                sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO NOTHING")
                    .bind(silence::PAUSED)
                    .bind(paused)
                    .execute(&mut *tx)
                    .await?
            }
            Whom::Bot(bot) => {
                known(tx, bot).await?;
                sqlx::query("UPDATE bots SET paused_at = $2, paused_by = $3 WHERE bot = $1 AND paused_at IS NULL")
                    .bind(bot.as_str())
                    .bind(round.now.0)
                    .bind(self.by.as_str())
                    .execute(&mut *tx)
                    .await?
            }
        };
        if changed.rows_affected() == 0 {
            return Ok(false);
        }
        audit::write(tx, round, &act(&self.by, ActKind::Pause, &self.whom, 1, None)).await?;
        Ok(true)
    }
}

/// What keeps a bot down by any word but its definition's is lifted; of the house, its pause and its hold.
pub(in super::super) struct Resume {
    pub(in super::super) whom: Whom,
    pub(in super::super) by: By,
}

impl Change for Resume {
    type Answer = Lifted;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Lifted, Stop> {
        let lifted = match &self.whom {
            Whom::All => resume_house(tx, round).await?,
            Whom::Bot(bot) => resume_bot(tx, bot).await?,
        };
        if lifted != Lifted::default() {
            let note = match (&lifted.restored, &lifted.hold) {
                (Some(Restored { taken_at, .. }), _) => Some(format!("held since the backup of {taken_at}")),
                (None, Some(hold)) => Some(format!("was {}", super::hold_word(hold.kind))),
                (None, None) => None,
            };
            let rows = 1 + lifted.timers;
            audit::write(tx, round, &act(&self.by, ActKind::Resume, &self.whom, rows, note)).await?;
        }
        Ok(lifted)
    }
}

async fn resume_house(tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Lifted, Stop> {
    let before = silence::house(tx).await.map_err(|error| Stop::Refused(error.to_string()))?;
    sqlx::query("DELETE FROM meta WHERE key IN ($1, $2)")
        .bind(silence::PAUSED)
        .bind(silence::RESTORED)
        .execute(&mut *tx)
        .await?;
    let mut timers = 0;
    if before.restored.is_some() {
        // As with timers below. Ahead of now is whoever was moved on by a clock that has been put back since.
        sqlx::query("UPDATE schedules SET through = max(through, $1)").bind(round.now.0).execute(&mut *tx).await?;
        // The life that the backup is of has run them, or nobody wants to be reminded of them any more.
        let done = sqlx::query("DELETE FROM timers WHERE due_at <= $1").bind(round.now.0).execute(tx).await?;
        timers = done.rows_affected();
    }
    Ok(Lifted { restored: before.restored, paused: before.paused.is_some(), hold: None, timers })
}

async fn resume_bot(tx: &mut SqliteConnection, bot: &BotId) -> Result<Lifted, Stop> {
    type Row = (bool, Option<String>, Option<String>, Option<i64>);
    let row: Option<Row> =
        sqlx::query_as("SELECT paused_at IS NOT NULL, hold_kind, hold_reason, hold_since FROM bots WHERE bot = $1")
            .bind(bot.as_str())
            .fetch_optional(&mut *tx)
            .await?;
    let (paused, kind, reason, since) = row.ok_or_else(|| unknown(bot))?;
    sqlx::query(
        "UPDATE bots SET paused_at = NULL, paused_by = NULL, hold_kind = NULL, hold_reason = NULL, hold_since = NULL
         WHERE bot = $1",
    )
    .bind(bot.as_str())
    .execute(tx)
    .await?;
    let hold = kind.map(|kind| Hold {
        kind: hold_kind(&kind),
        reason: reason.unwrap_or_default(),
        since: Millis(since.unwrap_or_default()),
    });
    Ok(Lifted { paused, hold, ..Lifted::default() })
}

async fn known(tx: &mut SqliteConnection, bot: &BotId) -> Result<(), Stop> {
    let found: Option<i64> =
        sqlx::query_scalar("SELECT 1 FROM bots WHERE bot = $1").bind(bot.as_str()).fetch_optional(tx).await?;
    found.map(drop).ok_or_else(|| unknown(bot))
}

fn unknown(bot: &BotId) -> Stop {
    Stop::Refused(format!("there is no bot `{bot}`"))
}

fn act(by: &By, kind: ActKind, whom: &Whom, rows: u64, note: Option<String>) -> Act {
    let (bot, subject) = match whom {
        Whom::All => (None, "all".to_owned()),
        Whom::Bot(bot) => (Some(bot.clone()), bot.to_string()),
    };
    Act { by: by.clone(), kind, bot, subject, rows, note }
}
