//! What is left when a run is over, as plain data: what people said, what the simulator saw, and the rows of the
//! store. The rows are read from the database file itself: the verbs of the store are part of what is judged.

use std::{collections::BTreeSet, path::Path};

use anyhow::{Context as _, Result};
use botyard::{
    base::{Event as Stored, Millis, Trigger},
    brain::{Delivery, Destination},
};
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};
use uuid::Uuid;

use super::{
    bots::{Kind, Piece, Word},
    cloud::Cloud,
};

/// One message of a person to a bot.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) number: u32,
    pub(crate) bot: String,
    pub(crate) kind: Kind,
    pub(crate) word: Word,
    /// Its id at Webex.
    pub(crate) id: String,
}

/// One try of the simulator to deliver the webhook of a message.
#[derive(Debug, Clone)]
pub(crate) struct Knock {
    pub(crate) bot: String,
    pub(crate) message: String,
    pub(crate) at: Millis,
    /// What was answered; none: the connection broke, so nobody knows.
    pub(crate) status: Option<u64>,
}

impl Knock {
    pub(crate) fn accepted(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// One message of a bot.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    /// Running number of everything that happened at the simulator.
    pub(crate) seq: u64,
    pub(crate) id: String,
    pub(crate) bot: String,
    pub(crate) room: String,
    pub(crate) text: String,
}

/// A row of the inbox.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) seq: i64,
    pub(crate) id: Uuid,
    pub(crate) bot: String,
    pub(crate) order_key: String,
    pub(crate) state: State,
    pub(crate) attempt: u64,
    pub(crate) doubts: i64,
    pub(crate) accepted_at: Millis,
    pub(crate) finished_at: Option<Millis>,
    pub(crate) reason: Option<String>,
    pub(crate) rule: Option<String>,
    /// The id of the message it is about; none when it is about something else.
    pub(crate) message: Option<String>,
}

/// Where an event stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Finished,
    Buried,
}

/// A row of the outbox.
#[derive(Debug, Clone)]
pub(crate) struct Promise {
    pub(crate) seq: i64,
    pub(crate) event: Uuid,
    pub(crate) bot: String,
    pub(crate) order_key: String,
    pub(crate) fate: Fate,
    pub(crate) attempt: u64,
    pub(crate) doubtful: bool,
    pub(crate) created_at: Millis,
    pub(crate) finished_at: Option<Millis>,
    pub(crate) remote_id: Option<String>,
    pub(crate) reason: Option<String>,
    pub(crate) piece: Option<Piece>,
    /// Where to, when it is a room by id.
    pub(crate) room: Option<String>,
}

/// How a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Pending,
    Sent,
    Failed,
    Skipped,
}

/// Everything there is to judge by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    pub(crate) said: Vec<Said>,
    pub(crate) knocks: Vec<Knock>,
    pub(crate) replies: Vec<Reply>,
    pub(crate) events: Vec<Event>,
    pub(crate) promises: Vec<Promise>,
}

/// Reads what the simulator saw and what the store holds; the service has ended.
pub(crate) async fn gather(cloud: &Cloud, database: &Path, said: Vec<Said>) -> Result<Evidence> {
    let bots: BTreeSet<String> = said.iter().map(|said| address(&said.bot)).collect();
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let (tries, events) = (cloud.journal("delivery").await?, cloud.journal("event").await?);
    let knocks = tries.iter().filter(|entry| is_new_message(entry)).map(|entry| {
        // `botyard/<instance>/<bot>/messages.created`
        let bot = text(entry, "webhook").split('/').nth(2).unwrap_or_default().to_owned();
        let at = entry["at"].as_str().and_then(Millis::from_iso).context("an entry of the journal without a time")?;
        Ok(Knock { bot, message: text(entry, "id"), at, status: entry["status"].as_u64() })
    });
    let knocks = knocks.collect::<Result<_>>()?;
    let replies = events.iter().filter(|entry| is_new_message(entry)).filter_map(|entry| {
        let by = text(entry, "person");
        let bot = bots.get(&by)?.split('@').next()?.to_owned();
        let seq = entry["seq"].as_u64()?;
        Some(Reply { seq, id: text(entry, "id"), bot, room: text(entry, "room"), text: text(entry, "text") })
    });
    let replies = replies.collect();
    let mut store =
        SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(database).read_only(true)).await?;
    let (events, promises) = (inbox(&mut store).await?, outbox(&mut store).await?);
    store.close().await?;
    Ok(Evidence { said, knocks, replies, events, promises })
}

/// A bot's address at the simulator.
pub(crate) fn address(bot: &str) -> String {
    format!("{bot}@webex.bot")
}

fn is_new_message(entry: &Value) -> bool {
    entry["resource"] == "messages" && entry["event"] == "created"
}

type EventRow =
    (i64, Vec<u8>, String, String, i64, i64, i64, i64, Option<i64>, Option<String>, Option<String>, Option<Vec<u8>>);

async fn inbox(store: &mut SqliteConnection) -> Result<Vec<Event>> {
    let rows: Vec<EventRow> = sqlx::query_as(
        "SELECT seq, public_id, bot, order_key, state, attempt, doubts, accepted_at, finished_at, reason,
                record ->> '$.rule', payload
         FROM inbox ORDER BY seq",
    )
    .fetch_all(store)
    .await?;
    rows.into_iter()
        .map(|(seq, id, bot, order_key, state, attempt, doubts, accepted, finished, reason, rule, payload)| {
            let state = match (finished, state) {
                (None, _) => State::Pending,
                (_, 3) => State::Buried,
                _ => State::Finished,
            };
            let stored = payload.map(|payload| Stored::decode(&payload)).transpose()?;
            let message = stored.and_then(|stored| match stored.trigger {
                Trigger::Message { id, .. } => Some(id),
                _ => None,
            });
            Ok(Event {
                seq,
                id: Uuid::from_slice(&id)?,
                bot,
                order_key,
                state,
                attempt: attempt.unsigned_abs(),
                doubts,
                accepted_at: Millis(accepted),
                finished_at: finished.map(Millis),
                reason,
                rule,
                message,
            })
        })
        .collect()
}

type PromiseRow =
    (i64, Vec<u8>, String, String, i64, i64, bool, i64, Option<i64>, Option<String>, Option<String>, Option<Vec<u8>>);

async fn outbox(store: &mut SqliteConnection) -> Result<Vec<Promise>> {
    let rows: Vec<PromiseRow> = sqlx::query_as(
        "SELECT seq, event, bot, order_key, state, attempt, doubtful <> 0, created_at, finished_at, remote_id, reason,
                payload
         FROM outbox ORDER BY seq",
    )
    .fetch_all(store)
    .await?;
    rows.into_iter()
        .map(|(seq, event, bot, order_key, state, attempt, doubtful, created, finished, remote_id, reason, payload)| {
            let fate = match (finished, state) {
                (None, _) => Fate::Pending,
                (_, 2) => Fate::Sent,
                (_, 3) => Fate::Failed,
                _ => Fate::Skipped,
            };
            let delivery = payload.map(|payload| Delivery::decode(&payload)).transpose()?;
            let text = delivery.as_ref().and_then(|delivery| delivery.text.as_deref().or(delivery.markdown.as_deref()));
            let piece = text.and_then(Piece::of);
            let room = delivery.and_then(|delivery| match delivery.to {
                Destination::Room(id) => Some(id),
                Destination::Person(_) | Destination::Email(_) => None,
            });
            Ok(Promise {
                seq,
                event: Uuid::from_slice(&event)?,
                bot,
                order_key,
                fate,
                attempt: attempt.unsigned_abs(),
                doubtful,
                created_at: Millis(created),
                finished_at: finished.map(Millis),
                remote_id,
                reason,
                piece,
                room,
            })
        })
        .collect()
}
