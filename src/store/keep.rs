//! What is kept and for how long, what is erased before its time, and how much room all of it takes: as plain data.

use serde::{Deserialize, Serialize};

use crate::base::{BotId, Millis};

/// Until when things are kept.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// The present: what is over by itself (state, dialogues) goes a while after it.
    pub now: Millis,
    /// Content goes of events finished, and of deliveries sent or skipped, before this.
    pub content_before: Millis,
    /// Content goes of events buried, and of deliveries failed, before this.
    pub dead_content_before: Millis,
    /// Rows of all of them go that ended before this.
    pub rows_before: Millis,
    /// Keys go whose time was over before this, unless content is kept of the message they name: a deletion finds
    /// it by its key.
    pub keys_before: Millis,
    /// Rows of the audit go that are older than this.
    pub audit_before: Millis,
}

/// What goes in the very commit that ends an event or a delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EraseAtEnd {
    /// Content of what is finished, sent or skipped.
    pub content: bool,
    /// Content of what is buried or failed: then nothing can be replayed.
    pub dead_content: bool,
}

/// What `prune` deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Rows deleted, of all tables.
    pub rows: u64,
    /// There is more: call again.
    pub more: bool,
}

/// What `erase` erased.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Erased {
    /// Events and deliveries whose content is gone now.
    pub rows: u64,
    /// There may be more: call again.
    pub more: bool,
}

/// What `tidy` did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tidied {
    /// Pages of the file that were given back.
    pub pages: u64,
    /// There is more: call again.
    pub more: bool,
}

/// How much room the store takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct StoreSize {
    /// Bytes of the database.
    pub database: u64,
    /// Bytes of its log.
    pub log: u64,
    /// Bytes of the database that hold nothing: they are used again, or given back.
    pub free: u64,
    /// Bytes that are left on the file system of the data dir.
    pub disk_free: u64,
    /// Events kept, pending or over: from the oldest number to the newest, so gaps count too.
    pub events: u64,
    /// Deliveries kept, counted likewise.
    pub deliveries: u64,
}

/// A message that was deleted at Webex.
#[derive(Debug, Clone)]
pub struct DeletedMessage {
    /// The bot that was told.
    pub bot: BotId,
    /// The key that the message's event was accepted with, or would be, should it come after its deletion.
    pub key: String,
    /// Until when a late one is known.
    pub seen_until: Millis,
    /// The bot's program has a rule for deletions: an event that still waits is left to it.
    pub handled: bool,
}

/// What obeying a deletion came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obeyed {
    /// Nothing is stored of the message; should its event still come, it counts as seen.
    Unknown,
    /// So many rows were erased.
    Erased {
        /// Events and deliveries.
        rows: u64,
        /// The event was waiting, and is finished now.
        finished: bool,
        /// The rest goes when it is over: a turn or a delivery is on its way.
        later: bool,
    },
}

/// Where a forgetting is: what it looks at next.
///
/// A person is looked for in everything that is stored, some thousand rows a step. The steps can be repeated: what
/// was broken off begins anew and finds what is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgetAt {
    /// Looks for the person's other names, in events after this one; erases nothing.
    Names(i64),
    /// Events after this one.
    Events(i64),
    /// Deliveries after this one.
    Deliveries(i64),
    /// Sent messages after this one.
    Sent(i64),
    /// Memory after this bot, scope and key.
    State(String, String, String),
    /// Dialogues after this bot, room and person.
    Dialogues(String, String, String),
    /// Timers after this bot and name.
    Timers(String, String),
    /// Definitions after this bot: they are somebody's files, and only named.
    Definitions(String),
}

impl Default for ForgetAt {
    fn default() -> Self {
        Self::Names(0)
    }
}

/// One step of forgetting a person.
#[derive(Debug, Clone)]
pub struct ForgetStep {
    /// Every name of the person that is known so far: person ids and addresses.
    pub names: Vec<String>,
    /// What to look at.
    pub at: ForgetAt,
    /// Only count.
    pub dry_run: bool,
}

/// What a step found, and erased unless it was only to count.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forgotten {
    /// Names to go on with: those given and those learned.
    pub names: Vec<String>,
    /// Events of or about the person.
    pub events: u64,
    /// Of these, events that waited, and are finished as forgotten.
    pub finished: u64,
    /// Of these, events in a turn or with deliveries on their way: their content goes when that is over.
    pub later: u64,
    /// Deliveries that answered these, went to the person, or name the person.
    pub deliveries: u64,
    /// Sent messages that went to the person, or whose key or context names the person: keys and contexts.
    #[serde(default)]
    pub sent: u64,
    /// Values of the person's own memory.
    pub state: u64,
    /// Dialogues of the person.
    pub dialogues: u64,
    /// Timers about the person.
    pub timers: u64,
    /// Other memory that names the person: it belongs to a room or a bot, and stays.
    pub left: u64,
    /// Bots whose definition names the person: files, which stay.
    pub definitions: Vec<String>,
    /// What to look at next; nothing: all was looked at.
    pub next: Option<ForgetAt>,
}

impl Forgotten {
    /// Adds what a further step found.
    pub fn add(&mut self, step: Self) {
        self.names = step.names;
        self.events += step.events;
        self.finished += step.finished;
        self.later += step.later;
        self.deliveries += step.deliveries;
        self.sent += step.sent;
        self.state += step.state;
        self.dialogues += step.dialogues;
        self.timers += step.timers;
        self.left += step.left;
        self.definitions.extend(step.definitions);
        self.next = step.next;
    }

    /// Rows that were erased, or would be.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.events + self.deliveries + self.sent + self.state + self.dialogues + self.timers
    }
}
