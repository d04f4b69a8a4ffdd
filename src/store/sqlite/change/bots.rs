//! Changes of a bot's own row: definition, lease, token, identity, hold.

use sqlx::SqliteConnection;

use super::{Change, Stop, audit};
use crate::{
    base::{BotId, Epoch, Lease, Secret},
    store::{
        Act, ActKind, By, Hold, HoldKind, Identity, IdentityAnswer, NewBot,
        sqlite::{batch::Round, book::Book, seal::Place, seal_ring::KeyRing},
    },
};

pub(super) fn unknown(bot: &BotId) -> Stop {
    Stop::Refused(format!("there is no bot `{bot}`"))
}

/// Where a bot's token is sealed to.
pub(in super::super) fn token_place(bot: &str) -> Place<'_> {
    Place { column: "bots.token", bot, row: 0 }
}

pub(in super::super) struct PutBot(pub(in super::super) NewBot);

impl Change for PutBot {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<(), Stop> {
        let NewBot { bot, definition, digest, source, kinds } = &self.0;
        // While it was retired, its identity may have gone to another bot. That one keeps it; this one learns at
        // its next start that it is taken, instead of both being refused for the other's sake.
        sqlx::query(
            "UPDATE bots SET person_id = NULL, display_name = NULL, email = NULL
             WHERE bot = $1 AND retired_at IS NOT NULL AND EXISTS (
                SELECT 1 FROM bots AS o
                WHERE o.person_id = bots.person_id AND o.bot <> bots.bot AND o.retired_at IS NULL)",
        )
        .bind(bot.as_str())
        .execute(&mut *tx)
        .await?;
        sqlx::query(
            "INSERT INTO bots (bot, definition, kinds, created_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (bot) DO UPDATE SET
                definition = excluded.definition, kinds = excluded.kinds, retired_at = NULL",
        )
        .bind(bot.as_str())
        .bind(definition.as_str())
        .bind(i64::from(*kinds))
        .bind(round.now.0)
        .execute(&mut *tx)
        .await?;
        let kept: Option<Vec<u8>> = sqlx::query_scalar("SELECT digest FROM definitions WHERE bot = $1")
            .bind(bot.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        sqlx::query(
            "INSERT INTO definitions (bot, digest, source, updated_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (bot) DO UPDATE SET
                digest = excluded.digest, source = excluded.source, updated_at = excluded.updated_at",
        )
        .bind(bot.as_str())
        .bind(digest.0.as_slice())
        .bind(source.as_str())
        .bind(round.now.0)
        .execute(&mut *tx)
        .await?;
        if kept.as_deref() != Some(digest.0.as_slice()) {
            let act = Act {
                by: By::house("bots.d"),
                kind: ActKind::Definition,
                bot: Some(bot.clone()),
                subject: digest.to_string(),
                rows: 1,
                note: None,
            };
            audit::write(tx, round, &act).await?;
        }
        Ok(())
    }

    fn note(&self, (): &(), book: &mut Book) {
        book.add(&self.0.bot);
    }
}

pub(in super::super) struct TakeLease {
    pub(in super::super) bot: BotId,
    pub(in super::super) owner: String,
}

impl Change for TakeLease {
    type Answer = Lease;

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<Lease, Stop> {
        let epoch: Option<i64> =
            sqlx::query_scalar("UPDATE bots SET epoch = epoch + 1, owner = $2 WHERE bot = $1 RETURNING epoch")
                .bind(self.bot.as_str())
                .bind(self.owner.as_str())
                .fetch_optional(tx)
                .await?;
        epoch.map(|epoch| Lease { bot: self.bot.clone(), epoch: Epoch(epoch) }).ok_or_else(|| unknown(&self.bot))
    }
}

pub(in super::super) struct PutToken {
    pub(in super::super) bot: BotId,
    pub(in super::super) token: Secret,
    pub(in super::super) by: By,
    pub(in super::super) seal: KeyRing,
}

impl Change for PutToken {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<(), Stop> {
        let found: Option<Option<Vec<u8>>> = sqlx::query_scalar("SELECT token FROM bots WHERE bot = $1")
            .bind(self.bot.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let kept = found.ok_or_else(|| unknown(&self.bot))?;
        // Sealing the same token anew would write for nothing at every start of every bot.
        if kept.is_some_and(|kept| {
            self.seal.open(token_place(self.bot.as_str()), &kept).is_ok_and(|kept| kept == self.token)
        }) {
            return Ok(());
        }
        let sealed = self.seal.seal(token_place(self.bot.as_str()), self.token.expose()).map_err(Stop::Refused)?;
        sqlx::query("UPDATE bots SET token = $2 WHERE bot = $1")
            .bind(self.bot.as_str())
            .bind(sealed)
            .execute(&mut *tx)
            .await?;
        let act = Act {
            by: self.by.clone(),
            kind: ActKind::TokenSet,
            bot: Some(self.bot.clone()),
            subject: "token".to_owned(),
            rows: 1,
            note: None,
        };
        audit::write(tx, round, &act).await
    }
}

pub(in super::super) struct PutIdentity {
    pub(in super::super) bot: BotId,
    pub(in super::super) identity: Identity,
}

impl Change for PutIdentity {
    type Answer = IdentityAnswer;

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<IdentityAnswer, Stop> {
        type Own = (Option<String>, Option<String>, Option<String>);
        let Identity { person_id, display_name, email } = &self.identity;
        let taken: Option<String> = sqlx::query_scalar(
            "SELECT bot FROM bots WHERE person_id = $1 AND bot <> $2 AND retired_at IS NULL LIMIT 1",
        )
        .bind(person_id.as_str())
        .bind(self.bot.as_str())
        .fetch_optional(&mut *tx)
        .await?;
        if let Some(by) = taken {
            return match BotId::parse(&by) {
                Ok(by) => Ok(IdentityAnswer::Taken { by }),
                Err(error) => Err(Stop::Refused(error.to_string())),
            };
        }
        let own: Option<Own> = sqlx::query_as("SELECT person_id, display_name, email FROM bots WHERE bot = $1")
            .bind(self.bot.as_str())
            .fetch_optional(&mut *tx)
            .await?;
        let (was, name, address) = own.ok_or_else(|| unknown(&self.bot))?;
        if let Some(was) = was.filter(|was| was != person_id) {
            let was =
                Identity { person_id: was, display_name: name.unwrap_or_default(), email: address.unwrap_or_default() };
            return Ok(IdentityAnswer::Changed { was });
        }
        sqlx::query("UPDATE bots SET person_id = $2, display_name = $3, email = $4 WHERE bot = $1")
            .bind(self.bot.as_str())
            .bind(person_id.as_str())
            .bind(display_name.as_str())
            .bind(email.as_str())
            .execute(tx)
            .await?;
        Ok(IdentityAnswer::Kept)
    }
}

pub(in super::super) struct PutHold {
    pub(in super::super) bot: BotId,
    pub(in super::super) hold: Option<Hold>,
}

impl Change for PutHold {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<(), Stop> {
        let hold = self.hold.as_ref();
        let done = sqlx::query("UPDATE bots SET hold_kind = $2, hold_reason = $3, hold_since = $4 WHERE bot = $1")
            .bind(self.bot.as_str())
            .bind(hold.map(|hold| hold_word(hold.kind)))
            .bind(hold.map(|hold| hold.reason.as_str()))
            .bind(hold.map(|hold| hold.since.0))
            .execute(tx)
            .await?;
        if done.rows_affected() == 0 { Err(unknown(&self.bot)) } else { Ok(()) }
    }
}

pub(super) fn hold_word(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::Parked => "parked",
        HoldKind::Quarantined => "quarantined",
        HoldKind::Paused => "paused",
        HoldKind::Held => "held",
    }
}

/// Reads the word back; one of a newer program counts as the mildest, since only its reason is shown.
pub(in super::super) fn hold_kind(word: &str) -> HoldKind {
    match word {
        "parked" => HoldKind::Parked,
        "quarantined" => HoldKind::Quarantined,
        "paused" => HoldKind::Paused,
        _ => HoldKind::Held,
    }
}
