//! Changes of registrations: the secret is here before Webex hears of it.

use sqlx::SqliteConnection;

use super::{Change, Stop};
use crate::store::{
    NewWebhook,
    sqlite::{batch::Round, seal::Place, seal_ring::KeyRing},
};

/// Where a webhook's secret is sealed to.
pub(in super::super) fn secret_place(bot: &str, row: i64) -> Place<'_> {
    Place { column: "webhooks.secret", bot, row }
}

pub(in super::super) struct StageWebhook {
    pub(in super::super) webhook: NewWebhook,
    pub(in super::super) seal: KeyRing,
}

impl Change for StageWebhook {
    type Answer = i64;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<i64, Stop> {
        let NewWebhook { bot, resource, event, secret } = &self.webhook;
        if !round.book.knows(bot) {
            return Err(Stop::Refused(format!("there is no bot `{bot}`")));
        }
        // The row number is part of the seal, so it must be known first.
        let done =
            sqlx::query("INSERT INTO webhooks (bot, resource, event, secret, created_at) VALUES ($1, $2, $3, x'', $4)")
                .bind(bot.as_str())
                .bind(resource.as_str())
                .bind(event.as_str())
                .bind(round.now.0)
                .execute(&mut *tx)
                .await?;
        let row = done.last_insert_rowid();
        let sealed = self.seal.seal(secret_place(bot.as_str(), row), secret.expose());
        let sealed = sealed.map_err(|why| Stop::Trouble(crate::store::sqlite::engine::Trouble::Other(why)))?;
        sqlx::query("UPDATE webhooks SET secret = $2 WHERE row_id = $1").bind(row).bind(sealed).execute(tx).await?;
        Ok(row)
    }
}

pub(in super::super) struct ConfirmWebhook {
    pub(in super::super) row: i64,
    pub(in super::super) webhook_id: String,
}

impl Change for ConfirmWebhook {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<(), Stop> {
        let done = sqlx::query("UPDATE webhooks SET webhook_id = $2 WHERE row_id = $1")
            .bind(self.row)
            .bind(self.webhook_id.as_str())
            .execute(&mut *tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(Stop::Refused(format!("there is no webhook row {}", self.row)));
        }
        sqlx::query(
            "DELETE FROM webhooks WHERE row_id < $1
                AND (bot, resource, event) = (SELECT n.bot, n.resource, n.event FROM webhooks AS n WHERE n.row_id = $1)",
        )
        .bind(self.row)
        .execute(tx)
        .await?;
        Ok(())
    }
}

pub(in super::super) struct DropWebhook {
    pub(in super::super) row: i64,
}

impl Change for DropWebhook {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<(), Stop> {
        sqlx::query("DELETE FROM webhooks WHERE row_id = $1").bind(self.row).execute(tx).await?;
        Ok(())
    }
}
