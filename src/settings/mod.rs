//! How this process runs: `botyard.toml` (compiled in as the defaults), over it a file, over it the
//! environment, over it flags. Every field is explained in `botyard.toml`, where its default stands.

mod error;
mod files;
mod keys;
mod load;
#[cfg(test)]
mod reference;
mod rules;

use std::{net::SocketAddr, path::PathBuf};

use serde::Deserialize;

pub use error::SettingsError;
pub use load::LoadOptions;
pub use rules::Role;

use crate::base::{InstanceName, Secret};

/// All settings.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Where webhooks come in.
    pub listen: SocketAddr,
    /// How Webex reaches us; may have a path. Needed by `serve`.
    pub public_url: Option<String>,
    /// A path prefix the proxy in front does not strip, e.g. `/botyard`.
    pub base_path: String,
    /// Name of this installation.
    #[serde(deserialize_with = "instance_name")]
    pub instance: InstanceName,
    /// Folders with definitions.
    pub bots_dir: Vec<PathBuf>,
    /// Where the store, the seal key and the admin token live.
    pub data_dir: PathBuf,
    /// The admin listener.
    pub admin: Admin,
    /// Webex.
    pub webex: Webex,
    /// The way out.
    pub egress: Egress,
    /// Sealing of secrets at rest.
    #[serde(default)]
    pub seal: Seal,
    /// Limits of the ingress.
    pub ingress: Ingress,
    /// Hooks that other programs post to.
    #[serde(default)]
    pub inbound: Inbound,
    /// Schedules of definitions.
    pub schedule: Schedule,
    /// How bots run.
    pub bots: Bots,
    /// Programs that answer for bots.
    pub handlers: Handlers,
    /// The database.
    pub store: Store,
    /// How long things are kept.
    pub retention: Retention,
    /// Backups by schedule.
    pub backup: Backup,
    /// The log.
    pub log: Log,
    /// Where secrets may be read from.
    pub secrets: Secrets,
    /// What is asked of definitions.
    pub policy: Policy,
    /// Who may use any bot at all.
    pub access: Access,
    /// How the service ends.
    pub shutdown: Shutdown,
    /// The simulator.
    pub sim: Sim,
}

/// `[admin]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Admin {
    /// Where health, metrics and the admin API listen.
    pub listen: SocketAddr,
    /// File with the bearer token; empty: `admin.token` in the data dir, made at first start.
    pub token_file: Option<PathBuf>,
}

/// `[webex]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webex {
    /// Base URL of the REST API.
    pub api_url: String,
    /// Hosts that `api_url` may have; loopback always may.
    pub hosts: Vec<String>,
    /// The budget a bot's lane starts from.
    pub requests_per_minute: u32,
    /// Requests in flight at once, over all bots.
    pub connections: usize,
    /// Seconds to wait for an answer.
    pub timeout_seconds: u64,
    /// Tries of one delivery before it is given up.
    pub delivery_attempts: u32,
    /// Seconds between two looks at a bot's registrations.
    pub reconcile_seconds: u64,
}

/// `[egress]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Egress {
    /// HTTP CONNECT proxy, `http://[user:password@]host:port`.
    pub proxy: Option<Secret>,
    /// Hosts that are reached without it: `host`, `.suffix`, addresses, CIDR ranges, `*`.
    pub no_proxy: Vec<String>,
    /// PEM file with further certificate authorities.
    pub extra_ca_file: Option<PathBuf>,
}

/// `[seal]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// The key itself: 64 hex digits. For environments that have nothing but variables.
    pub key: Option<Secret>,
    /// File with the key; empty: `seal.key` in the data dir, made at first start.
    pub key_file: Option<PathBuf>,
    /// The key that takes its place at the next rotation, where the present one is given: 64 hex digits.
    pub next_key: Option<Secret>,
    /// File with that key; looked for when a rotation is asked for, and at the start.
    pub next_key_file: Option<PathBuf>,
}

/// `[ingress]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ingress {
    /// Largest body in bytes.
    pub max_body_bytes: usize,
    /// Seconds for a request's headers to arrive.
    pub header_seconds: u64,
    /// Connections at once, over all workers.
    pub max_connections: usize,
    /// HTTP workers; 0: one for every two cores, at most 4.
    pub workers: usize,
    /// Events of one bot a second; 0: as many as come.
    pub per_bot_per_second: u32,
    /// Events one bot may have pending.
    pub max_pending_per_bot: u64,
}

/// `[inbound]`
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inbound {
    /// Where hooks of `[[inbound]]` are served besides `listen`, those without authentication included.
    pub listen: Option<SocketAddr>,
}

/// `[schedule]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Zone of schedules that name none and of what people call `today`, as in `Europe/Berlin`.
    #[serde(deserialize_with = "zone")]
    pub timezone: chrono_tz::Tz,
}

/// `[bots]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bots {
    /// Threads that bots live on; 0: one for every two cores. Where it is one, the api lives on it too.
    pub arbiters: usize,
    /// Turns of one bot at once.
    pub turns_at_once: usize,
    /// Tries of one event before it is buried.
    pub event_attempts: u32,
    /// Seconds that one turn may take to decide, its reads included.
    pub turn_seconds: u64,
    /// Seconds between two looks of the sweeper.
    pub sweep_seconds: u64,
    /// Seconds that a bot whose file is gone still accepts before it is drained and its webhooks removed.
    pub removal_grace_seconds: u64,
    /// Days its state and token are kept after that.
    pub keep_removed_days: u64,
    /// Seconds for turns in hand to finish at shutdown.
    pub drain_seconds: u64,
}

/// `[handlers]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Handlers {
    /// Hosts, `.suffix`, addresses and ranges that may be called although they are not public.
    pub allow: Vec<String>,
    /// Whether programs of this host may be run.
    pub exec: bool,
    /// Megabytes of memory that one of them may have; 0: no limit.
    pub exec_memory_mb: u64,
    /// Calls in flight at once, over all bots.
    pub calls_at_once: usize,
    /// Calls in flight of one bot.
    pub calls_per_bot: usize,
    /// Tries of one call before it is given up.
    pub attempts: u32,
    /// Bytes of an answer at most.
    pub max_answer_bytes: usize,
    /// Base URL under which programs reach the admin listener, for more answers and for files.
    pub effects_url: Option<String>,
}

/// `[store]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Store {
    /// Connections for reading.
    pub readers: u32,
    /// Requests that may queue for the writer.
    pub queue: usize,
    /// Seconds to wait for another process to let go of the data dir; 0: not at all.
    pub lock_wait_seconds: u64,
    /// Milliseconds that each commit is made slower; for benchmarks.
    pub sync_delay_ms: u64,
}

/// `[retention]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Days that content of finished events and of deliveries sent is kept; 0: not beyond their end.
    pub content_days: u64,
    /// Days that content of buried events and of failed deliveries is kept; 0: not beyond their end.
    pub dead_content_days: u64,
    /// Days that the rows of all of them are kept, with ids and times.
    pub rows_days: u64,
    /// Hours that a webhook's key is remembered, to know it when it comes again.
    pub seen_hours: u64,
    /// Days that the audit is kept.
    pub audit_days: u64,
    /// Whether a message that is deleted at Webex is erased here too.
    pub follow_deletions: bool,
}

/// `[backup]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backup {
    /// Hours between two backups; 0: none are made by schedule.
    pub every_hours: u64,
    /// How many of them are kept.
    pub keep: usize,
    /// Where they go.
    pub dir: Option<PathBuf>,
}

/// `[log]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `text` or `json`.
    pub format: LogFormat,
    /// As in `info,botyard::actors=debug`.
    pub level: String,
}

/// Form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// `[secrets]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secrets {
    /// Folders that `file:` may read from.
    pub dirs: Vec<PathBuf>,
}

/// `[policy]`
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Whether a bot without access rules is refused.
    pub require_access: bool,
}

/// `[access]`: a ceiling that no definition can widen.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Access {
    /// Domains of addresses.
    pub domains: Vec<String>,
    /// Organizations, by id.
    pub orgs: Vec<String>,
    /// Addresses and person ids.
    pub people: Vec<String>,
    /// Rooms, by id.
    pub rooms: Vec<String>,
    /// `direct`, `group`, or nothing for both.
    #[serde(rename = "where")]
    pub place: Option<String>,
    /// Domains of addresses that are kept out.
    pub deny_domains: Vec<String>,
    /// Organizations that are kept out.
    pub deny_orgs: Vec<String>,
    /// Addresses and person ids that are kept out.
    pub deny_people: Vec<String>,
    /// Rooms in which no bot is used.
    pub deny_rooms: Vec<String>,
}

/// `[shutdown]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shutdown {
    /// Seconds between `/readyz` saying 503 and the drain.
    pub unready_first: u64,
}

/// `[sim]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sim {
    /// Where the simulator listens.
    pub listen: SocketAddr,
    /// Whether it may listen beyond loopback, and be reached by plain http there.
    pub allow_remote: bool,
    /// TOML file with what is there at first start.
    pub seed: Option<PathBuf>,
    /// TOML or JSON file with faults.
    pub faults: Option<PathBuf>,
    /// What the generator behind faults starts from.
    pub chance_seed: Option<u64>,
    /// Requests a minute and token; 0: no limit.
    pub budget_per_minute: u32,
    /// Messages that are kept.
    pub keep_messages: usize,
    /// Presses of buttons that are kept.
    pub keep_actions: usize,
    /// Bytes of files that are kept.
    pub keep_file_bytes: usize,
    /// Entries of the journal; 0: none.
    pub keep_journal: usize,
}

fn zone<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<chrono_tz::Tz, D::Error> {
    let name = String::deserialize(deserializer)?;
    name.trim().parse().map_err(|_unknown| {
        serde::de::Error::custom(format!("`{name}` is no time zone: write one like `Europe/Berlin` or `UTC`"))
    })
}

fn instance_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<InstanceName, D::Error> {
    let text = String::deserialize(deserializer)?;
    InstanceName::parse(&text).map_err(serde::de::Error::custom)
}
