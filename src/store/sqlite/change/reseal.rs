//! A rotation of the seal key, in steps between which other commits go on: its beginning, so many secrets sealed
//! anew, its end. Whatever is killed in between, what is there says how far it came.

use sqlx::SqliteConnection;

use super::{Change, Stop, audit, secret_place, token_place};
use crate::store::{
    Act, ActKind, By,
    sqlite::{
        batch::Round,
        book::Book,
        engine::Trouble,
        seal::{Place, SealKey},
        seal_ring::KeyRing,
    },
};

/// Everything that is sealed, by the column of its [`Place`]. A test holds this against the source.
#[cfg(test)]
pub(in super::super) const SEALED: &[&str] = &["bots.token", "webhooks.secret", "meta.seal.check"];

/// A known text is sealed when the store is made; every later key must open it.
pub(in super::super) const CHECK: Place<'_> = Place { column: "meta.seal.check", bot: "", row: 0 };
pub(in super::super) const CHECK_TEXT: &str = "the key fits";

/// From now on the next key seals; which one it is, and who asked, is written down first.
pub(in super::super) struct BeginRotation {
    pub(in super::super) next: SealKey,
    pub(in super::super) by: By,
    pub(in super::super) ring: KeyRing,
}

impl Change for BeginRotation {
    type Answer = ();

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<(), Stop> {
        let note = format!("{} {}", self.next.name(), self.by);
        sqlx::query("INSERT INTO meta (key, value) VALUES ('seal.rotating', $1) ON CONFLICT (key) DO NOTHING")
            .bind(note.into_bytes())
            .execute(tx)
            .await?;
        Ok(())
    }

    fn note(&self, (): &(), _: &mut Book) {
        self.ring.turn_to(&self.next);
    }
}

/// Where the next step begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) enum Cursor {
    /// Behind the token of this bot.
    Tokens(String),
    /// Behind this row of webhooks.
    Secrets(i64),
}

impl Cursor {
    pub(in super::super) const START: Self = Self::Tokens(String::new());
}

/// Seals so many secrets anew; answers where the next step begins.
pub(in super::super) struct Reseal {
    pub(in super::super) after: Cursor,
    pub(in super::super) limit: u32,
    pub(in super::super) ring: KeyRing,
}

impl Change for Reseal {
    type Answer = Option<Cursor>;

    async fn apply(&self, tx: &mut SqliteConnection, _: &Round<'_>) -> Result<Option<Cursor>, Stop> {
        let id = self.ring.sealing().id();
        match &self.after {
            Cursor::Tokens(after) => {
                let rows: Vec<(String, Vec<u8>)> = sqlx::query_as(
                    "SELECT bot, token FROM bots WHERE bot > $1 AND token IS NOT NULL AND substr(token, 2, 8) <> $2
                     ORDER BY bot LIMIT $3",
                )
                .bind(after.as_str())
                .bind(id.as_slice())
                .bind(self.limit)
                .fetch_all(&mut *tx)
                .await?;
                for (bot, sealed) in &rows {
                    if let Some(sealed) = self.anew(token_place(bot), sealed)? {
                        sqlx::query("UPDATE bots SET token = $2 WHERE bot = $1")
                            .bind(bot.as_str())
                            .bind(sealed)
                            .execute(&mut *tx)
                            .await?;
                    }
                }
                let last = rows.into_iter().next_back();
                Ok(Some(last.map_or(Cursor::Secrets(0), |(bot, _)| Cursor::Tokens(bot))))
            }
            Cursor::Secrets(after) => {
                let rows: Vec<(i64, String, Vec<u8>)> = sqlx::query_as(
                    "SELECT row_id, bot, secret FROM webhooks WHERE row_id > $1 AND substr(secret, 2, 8) <> $2
                     ORDER BY row_id LIMIT $3",
                )
                .bind(after)
                .bind(id.as_slice())
                .bind(self.limit)
                .fetch_all(&mut *tx)
                .await?;
                for (row, bot, sealed) in &rows {
                    if let Some(sealed) = self.anew(secret_place(bot, *row), sealed)? {
                        sqlx::query("UPDATE webhooks SET secret = $2 WHERE row_id = $1")
                            .bind(row)
                            .bind(sealed)
                            .execute(&mut *tx)
                            .await?;
                    }
                }
                Ok(rows.last().map(|(row, _, _)| Cursor::Secrets(*row)))
            }
        }
    }
}

impl Reseal {
    /// The same secret under the key that seals now. One that does not open stays: it is no worse than it was, and
    /// must not keep all others under the old key.
    fn anew(&self, place: Place<'_>, sealed: &[u8]) -> Result<Option<Vec<u8>>, Stop> {
        match self.ring.open(place, sealed) {
            Ok(secret) => self.ring.seal(place, secret.expose()).map(Some).map_err(unsealed),
            Err(error) => {
                tracing::error!(bot.id = place.bot, column = place.column, row = place.row, %error, "a secret cannot be sealed anew");
                Ok(None)
            }
        }
    }
}

fn unsealed(why: String) -> Stop {
    Stop::Trouble(Trouble::Other(why))
}

/// What a rotation came to in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Sealed {
    /// Secrets under the key that seals now.
    pub(in super::super) rows: u64,
    /// Secrets that no key opens.
    pub(in super::super) unreadable: u64,
}

/// Ends a rotation, unless a secret is still under the old key: then there is no answer, and another round is due.
pub(in super::super) struct EndRotation {
    pub(in super::super) by: By,
    pub(in super::super) ring: KeyRing,
}

impl Change for EndRotation {
    type Answer = Option<Sealed>;

    async fn apply(&self, tx: &mut SqliteConnection, round: &Round<'_>) -> Result<Option<Sealed>, Stop> {
        let key = self.ring.sealing();
        let (id, was) = (key.id(), self.ring.opening().map(|key| key.name()).unwrap_or_default());
        let tokens: Vec<(String, Vec<u8>)> =
            sqlx::query_as("SELECT bot, token FROM bots WHERE token IS NOT NULL AND substr(token, 2, 8) <> $1")
                .bind(id.as_slice())
                .fetch_all(&mut *tx)
                .await?;
        let secrets: Vec<(i64, String, Vec<u8>)> =
            sqlx::query_as("SELECT row_id, bot, secret FROM webhooks WHERE substr(secret, 2, 8) <> $1")
                .bind(id.as_slice())
                .fetch_all(&mut *tx)
                .await?;
        let opens = |place: Place<'_>, sealed: &[u8]| self.ring.open(place, sealed).is_ok();
        if tokens.iter().any(|(bot, sealed)| opens(token_place(bot), sealed))
            || secrets.iter().any(|(row, bot, sealed)| opens(secret_place(bot, *row), sealed))
        {
            return Ok(None);
        }
        let unreadable = (tokens.len() + secrets.len()) as u64;
        let rows: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM bots WHERE token IS NOT NULL AND substr(token, 2, 8) = $1)
                  + (SELECT count(*) FROM webhooks WHERE substr(secret, 2, 8) = $1)",
        )
        .bind(id.as_slice())
        .fetch_one(&mut *tx)
        .await?;
        let check = self.ring.seal(CHECK, CHECK_TEXT).map_err(unsealed)?;
        sqlx::query("UPDATE meta SET value = $1 WHERE key = 'seal.check'").bind(check).execute(&mut *tx).await?;
        sqlx::query("DELETE FROM meta WHERE key = 'seal.rotating'").execute(&mut *tx).await?;
        let sealed = Sealed { rows: rows.unsigned_abs(), unreadable };
        let act = Act {
            by: self.by.clone(),
            kind: ActKind::Seal,
            bot: None,
            subject: key.name(),
            rows: sealed.rows,
            note: Some(match unreadable {
                0 => format!("before: {was}"),
                more => format!("before: {was}; {more} unreadable"),
            }),
        };
        audit::write(tx, round, &act).await?;
        Ok(Some(sealed))
    }
}

/// The key check as it is sealed; `None`: there is none yet.
pub(in super::super) async fn check(conn: &mut SqliteConnection) -> Result<Option<Vec<u8>>, sqlx::Error> {
    sqlx::query_scalar("SELECT value FROM meta WHERE key = 'seal.check'").fetch_optional(conn).await
}

/// The rotation that was begun and not ended: name of the next key, and who asked.
pub(in super::super) async fn unfinished(conn: &mut SqliteConnection) -> Result<Option<(String, By)>, sqlx::Error> {
    let note: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = 'seal.rotating'").fetch_optional(conn).await?;
    let note = note.and_then(|note| String::from_utf8(note).ok());
    Ok(note.and_then(|note| {
        let (key, by) = note.split_once(' ')?;
        Some((key.to_owned(), By::stored(by.to_owned())))
    }))
}
