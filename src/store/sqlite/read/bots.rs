//! Bots, definitions, routes and registrations.

use sqlx::SqliteConnection;

use super::due::known;
use crate::{
    base::{BotId, Digest, Epoch, Millis, Secret},
    store::{
        BotRow, Hold, Identity, RouteRow, StoreError, StoredDefinition, WebhookRow,
        sqlite::{
            change::{hold_kind, secret_place, token_place},
            seal_ring::KeyRing,
        },
    },
};

#[derive(sqlx::FromRow)]
struct Row {
    bot: String,
    definition: String,
    digest: Vec<u8>,
    person_id: Option<String>,
    display_name: Option<String>,
    email: Option<String>,
    has_token: bool,
    owner: Option<String>,
    epoch: i64,
    hold_kind: Option<String>,
    hold_reason: Option<String>,
    hold_since: Option<i64>,
    retired_at: Option<i64>,
}

pub(in super::super) async fn all(conn: &mut SqliteConnection) -> Result<Vec<BotRow>, StoreError> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT b.bot, b.definition, d.digest, b.person_id, b.display_name, b.email, b.token IS NOT NULL AS has_token,
                b.owner, b.epoch, b.hold_kind, b.hold_reason, b.hold_since, b.retired_at
         FROM bots AS b JOIN definitions AS d ON d.bot = b.bot ORDER BY b.bot",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            Ok(BotRow {
                bot: known(&row.bot)?,
                definition: known(&row.definition)?,
                digest: digest(&row.digest)?,
                identity: row.person_id.map(|person_id| Identity {
                    person_id,
                    display_name: row.display_name.unwrap_or_default(),
                    email: row.email.unwrap_or_default(),
                }),
                has_token: row.has_token,
                owner: row.owner,
                epoch: Epoch(row.epoch),
                hold: row.hold_kind.map(|kind| Hold {
                    kind: hold_kind(&kind),
                    reason: row.hold_reason.unwrap_or_default(),
                    since: Millis(row.hold_since.unwrap_or_default()),
                }),
                retired_at: row.retired_at.map(Millis),
            })
        })
        .collect()
}

pub(in super::super) async fn definitions(conn: &mut SqliteConnection) -> Result<Vec<StoredDefinition>, StoreError> {
    let rows: Vec<(String, Vec<u8>, String)> = sqlx::query_as(
        "SELECT d.bot, d.digest, d.source FROM definitions AS d JOIN bots AS b ON b.bot = d.bot
         WHERE b.retired_at IS NULL ORDER BY d.bot",
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|(bot, digest, source)| Ok(StoredDefinition { bot: known(&bot)?, digest: self::digest(&digest)?, source }))
        .collect()
}

pub(in super::super) async fn token(
    conn: &mut SqliteConnection,
    seal: &KeyRing,
    bot: &BotId,
) -> Result<Option<Secret>, StoreError> {
    let sealed: Option<Option<Vec<u8>>> =
        sqlx::query_scalar("SELECT token FROM bots WHERE bot = $1").bind(bot.as_str()).fetch_optional(conn).await?;
    let Some(sealed) = sealed.flatten() else { return Ok(None) };
    let token = seal.open(token_place(bot.as_str()), &sealed);
    token.map(Some).map_err(|error| StoreError::Engine(format!("the token of `{bot}` does not open: {error}")))
}

/// One damaged secret must not close the door on every bot: it is left out, and its bot's webhooks are made anew.
pub(in super::super) async fn routes(conn: &mut SqliteConnection, seal: &KeyRing) -> Result<Vec<RouteRow>, StoreError> {
    type Row = (String, Option<String>, i64, Option<i64>, Option<Vec<u8>>);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT b.bot, b.person_id, b.kinds, w.row_id, w.secret
         FROM bots AS b LEFT JOIN webhooks AS w ON w.bot = b.bot
         WHERE b.retired_at IS NULL ORDER BY b.bot, w.row_id",
    )
    .fetch_all(conn)
    .await?;
    let mut routes: Vec<RouteRow> = Vec::new();
    for (bot, me, kinds, row, sealed) in rows {
        if routes.last().is_none_or(|last| last.bot.as_str() != bot) {
            let kinds = u32::try_from(kinds).unwrap_or_default();
            routes.push(RouteRow { bot: known(&bot)?, secrets: Vec::new(), me, kinds });
        }
        if let (Some(route), Some(row), Some(sealed)) = (routes.last_mut(), row, sealed) {
            match seal.open(secret_place(&bot, row), &sealed) {
                Ok(secret) => route.secrets.push(secret),
                Err(error) => tracing::error!(bot.id = bot, row, %error, "the secret of a webhook does not open"),
            }
        }
    }
    Ok(routes)
}

pub(in super::super) async fn webhooks(
    conn: &mut SqliteConnection,
    seal: &KeyRing,
    bot: &BotId,
) -> Result<Vec<WebhookRow>, StoreError> {
    type Row = (i64, String, String, Vec<u8>, Option<String>, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT row_id, resource, event, secret, webhook_id, created_at FROM webhooks WHERE bot = $1 ORDER BY row_id",
    )
    .bind(bot.as_str())
    .fetch_all(conn)
    .await?;
    let open = |(row, resource, event, sealed, webhook_id, created_at): Row| {
        let secret = match seal.open(secret_place(bot.as_str(), row), &sealed) {
            Ok(secret) => secret,
            Err(error) => {
                tracing::error!(bot.id = %bot, row, %error, "the secret of a webhook does not open");
                return None;
            }
        };
        let created_at = Millis(created_at);
        Some(WebhookRow { row, bot: bot.clone(), resource, event, secret, webhook_id, created_at })
    };
    Ok(rows.into_iter().filter_map(open).collect())
}

fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    bytes.try_into().map(Digest).or(Err(StoreError::Engine("a stored digest is none".into())))
}
