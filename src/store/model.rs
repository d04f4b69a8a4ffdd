//! Bots, definitions, registrations and memory as plain data.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{BotId, Digest, Epoch, Millis, Secret, Version};

/// What `put_bot` keeps of a bot.
#[derive(Debug, Clone)]
pub struct NewBot {
    /// Its id.
    pub bot: BotId,
    /// The definition it runs (today of the same name; a definition may serve several bots later).
    pub definition: BotId,
    /// Digest of the definition.
    pub digest: Digest,
    /// The definition's files, so that the last good one survives a restart: JSON, made and read by `definition`.
    pub source: String,
    /// Mask of wanted event kinds, as bits of `webex::kinds`.
    pub kinds: u32,
}

/// A bot as the store knows it.
#[derive(Debug, Clone)]
pub struct BotRow {
    /// Its id.
    pub bot: BotId,
    /// The definition it runs.
    pub definition: BotId,
    /// Digest of its last good definition.
    pub digest: Digest,
    /// Who it is at Webex, once known.
    pub identity: Option<Identity>,
    /// Whether a sealed token is kept.
    pub has_token: bool,
    /// Which process last took its lease.
    pub owner: Option<String>,
    /// Its newest epoch.
    pub epoch: Epoch,
    /// Why it is held, if it is.
    pub hold: Option<Hold>,
    /// When its definition went away, if it did.
    pub retired_at: Option<Millis>,
}

/// Who a token is at Webex.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// Person id.
    pub person_id: String,
    /// Display name; what people mention.
    pub display_name: String,
    /// Address, `<name>@webex.bot`.
    pub email: String,
}

/// Whether an identity could be kept for a bot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IdentityAnswer {
    /// Kept (or it was the same before).
    Kept,
    /// The bot had another identity: the old one stays, the token is held.
    Changed {
        /// Who the bot was until now.
        was: Identity,
    },
    /// Another bot that is not retired already has this identity.
    Taken {
        /// Which.
        by: BotId,
    },
}

/// Why a bot is kept down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// One word: `parked`, `quarantined`, `paused`, `held`.
    pub kind: HoldKind,
    /// A sentence for people, with the fix.
    pub reason: String,
    /// Since when.
    pub since: Millis,
}

/// The four ways to be kept down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// Webex refuses the token.
    Parked,
    /// It crashed again and again.
    Quarantined,
    /// The operator said so.
    Paused,
    /// Something in its definition or token must be put right first.
    Held,
}

/// The last good definition of a bot.
#[derive(Debug, Clone)]
pub struct StoredDefinition {
    /// Whose.
    pub bot: BotId,
    /// Its digest.
    pub digest: Digest,
    /// Its files, as given to `put_bot`.
    pub source: String,
}

/// What ingress needs of a bot: kept small, a snapshot of all of them is in memory.
#[derive(Debug, Clone)]
pub struct RouteRow {
    /// Whose.
    pub bot: BotId,
    /// Every live secret of its webhooks; during a rotation there are two.
    pub secrets: Vec<Secret>,
    /// Its own person id, to drop its own echoes.
    pub me: Option<String>,
    /// Mask of wanted kinds.
    pub kinds: u32,
}

/// A registration to be made.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Whose.
    pub bot: BotId,
    /// `messages`, `memberships`, …
    pub resource: String,
    /// `created`, …
    pub event: String,
    /// Its secret; sealed at rest.
    pub secret: Secret,
}

/// A registration as the store knows it.
#[derive(Debug, Clone)]
pub struct WebhookRow {
    /// Row number.
    pub row: i64,
    /// Whose.
    pub bot: BotId,
    /// `messages`, `memberships`, …
    pub resource: String,
    /// `created`, …
    pub event: String,
    /// Its secret.
    pub secret: Secret,
    /// Its id at Webex, once confirmed.
    pub webhook_id: Option<String>,
    /// When it was staged.
    pub created_at: Millis,
}

/// A value of a bot's memory.
#[derive(Debug, Clone, PartialEq)]
pub struct StateValue {
    /// How often it was changed; 0: never written.
    pub version: Version,
    /// The value; nothing when never written or expired.
    pub value: Option<Value>,
}

/// A bot's memory of one person in one room.
#[derive(Debug, Clone, PartialEq)]
pub struct DialogueRow {
    /// How often it was changed.
    pub version: Version,
    /// Where it stands: JSON, made and read by the brain.
    pub value: Value,
    /// When it lapses.
    pub until: Millis,
}
