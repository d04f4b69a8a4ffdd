//! State changes of a batch's turns. What the turns read and write is looked up once; then the turns are gone
//! through in order, each against what the ones before it left: of two turns of one batch that rely on the same
//! version, the second is in conflict.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    pack,
    trips::{Query, Remembered},
};
use crate::{
    base::{BotId, Cell, Millis, StateOp},
    store::{TurnCommit, sqlite::engine::Trouble},
};

/// One dialogue; ended ones stay for a while, so that their version is not used again.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Talk {
    version: i64,
    value: Option<Value>,
    until: i64,
}

type Key = (BotId, String, String);

/// What the turns of a batch read and write.
#[derive(Debug, Default)]
pub(super) struct Memory {
    cells: HashMap<Key, (Cell, bool)>,
    talks: HashMap<Key, (Talk, bool)>,
    /// How many keys the bots have whose turns change some.
    keys: HashMap<BotId, u64>,
}

/// What a turn's changes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Applied {
    /// They are in.
    Yes,
    /// Something it relied on is not so any more.
    Conflict,
    /// One of them cannot be done.
    Refused(String),
}

pub(super) const LOAD_STATE: &str = "
    SELECT json_group_array(json_array(s.bot, s.scope, s.key, s.version, s.value, s.expires_at))
    FROM jsonb_each($1) AS t
    JOIN state AS s ON s.bot = t.value->>0 AND s.scope = t.value->>1 AND s.key = t.value->>2";

pub(super) const LOAD_TALKS: &str = "
    SELECT json_group_array(json_array(d.bot, d.room, d.person, d.version, d.value, d.until))
    FROM jsonb_each($1) AS t
    JOIN dialogues AS d ON d.bot = t.value->>0 AND d.room = t.value->>1 AND d.person = t.value->>2";

pub(in super::super) const COUNT_KEYS: &str = "
    SELECT json_group_array(json_array(k.bot, k.keys)) FROM jsonb_each($1) AS t JOIN state_keys AS k ON k.bot = t.value";

pub(super) const SAVE_STATE: &str = "
    INSERT INTO state (bot, scope, key, version, value, expires_at)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM jsonb_each($1) WHERE true
    ON CONFLICT (bot, scope, key) DO UPDATE SET
        version = excluded.version, value = excluded.value, expires_at = excluded.expires_at";

pub(super) const SAVE_TALKS: &str = "
    INSERT INTO dialogues (bot, room, person, version, value, until)
    SELECT value->>0, value->>1, value->>2, value->>3, value->>4, value->>5 FROM jsonb_each($1) WHERE true
    ON CONFLICT (bot, room, person) DO UPDATE SET
        version = excluded.version, value = excluded.value, until = excluded.until";

type Stored = (BotId, String, String, i64, Option<String>, Option<i64>);

impl Memory {
    /// What these turns read and write; most touch nothing. What stands there is not known yet.
    pub(super) fn of<'a>(turns: impl Iterator<Item = &'a TurnCommit>) -> Self {
        let mut memory = Self::default();
        for turn in turns {
            let bot = &turn.lease.bot;
            for (scope, key, _) in &turn.reads {
                memory.cells.entry((bot.clone(), scope.column(), key.clone())).or_default();
            }
            for op in &turn.state {
                memory.cells.entry(target(bot, op)).or_default();
                memory.keys.entry(bot.clone()).or_default();
            }
            if let Some(change) = &turn.dialogue {
                memory.talks.entry((bot.clone(), change.room.clone(), change.person.clone())).or_default();
            }
        }
        memory
    }

    /// What [`LOAD_STATE`], [`COUNT_KEYS`] and [`LOAD_TALKS`] read.
    pub(super) fn bind_look<'q>(&self, query: Query<'q>) -> Result<Query<'q>, Trouble> {
        let cells: Vec<_> = self.cells.keys().collect();
        let bots: Vec<_> = self.keys.keys().collect();
        let talks: Vec<_> = self.talks.keys().collect();
        Ok(query.bind(pack::json(&cells)?).bind(pack::json(&bots)?).bind(pack::json(&talks)?))
    }

    /// Takes in what stands there.
    pub(super) fn found(&mut self, found: &Remembered) -> Result<(), Trouble> {
        for (bot, scope, key, version, value, expires_at) in pack::list::<Stored>(&found.state)? {
            let cell = Cell { version, value: parsed(value)?, expires_at };
            self.cells.insert((bot, scope, key), (cell, false));
        }
        for (bot, keys) in pack::list::<(BotId, i64)>(&found.keys)? {
            self.keys.insert(bot, keys.unsigned_abs());
        }
        for (bot, room, person, version, value, until) in pack::list::<Stored>(&found.talks)? {
            let talk = Talk { version, value: parsed(value)?, until: until.unwrap_or_default() };
            self.talks.insert((bot, room, person), (talk, false));
        }
        Ok(())
    }

    /// Does all that a turn wants, or nothing.
    pub(super) fn apply(&mut self, turn: &TurnCommit, now: Millis, keys_per_bot: u64) -> Applied {
        let bot = &turn.lease.bot;
        for (scope, key, version) in &turn.reads {
            let found = self.cells.get(&(bot.clone(), scope.column(), key.clone()));
            if found.map_or(0, |(cell, _)| cell.version) != version.0 {
                return Applied::Conflict;
            }
        }
        let mut talk = None;
        if let Some(change) = &turn.dialogue {
            let key = (bot.clone(), change.room.clone(), change.person.clone());
            let found = self.talks.get(&key).map(|(talk, _)| talk.clone()).unwrap_or_default();
            let open = found.value.is_some() && found.until > now.0;
            // One that lapsed during the turn that read it is still the one it read.
            let relied =
                if change.read.0 == 0 { !open } else { found.value.is_some() && found.version == change.read.0 };
            if !relied {
                return Applied::Conflict;
            }
            let (value, until) = match &change.value {
                Some((value, until)) => (Some(value.clone()), until.0),
                None => (None, now.0),
            };
            talk = Some((key, Talk { version: found.version + 1, value, until }));
        }
        let mut cells: HashMap<Key, Cell> = HashMap::new();
        for op in &turn.state {
            let key = target(bot, op);
            let cell = cells
                .entry(key)
                .or_insert_with_key(|key| self.cells.get(key).map(|(cell, _)| cell.clone()).unwrap_or_default());
            if let Err(why) = cell.apply(op, now) {
                return Applied::Refused(why);
            }
        }
        let new = |(key, cell): &(&Key, &Cell)| {
            cell.version > 0 && self.cells.get(*key).is_none_or(|(cell, _)| cell.version == 0)
        };
        let new = cells.iter().filter(new).count() as u64;
        if new > 0 {
            let keys = self.keys.entry(bot.clone()).or_default();
            if *keys + new > keys_per_bot {
                return Applied::Refused(too_many(bot, *keys, keys_per_bot));
            }
            *keys += new;
        }
        self.cells.extend(cells.into_iter().map(|(key, cell)| (key, (cell, true))));
        self.talks.extend(talk.map(|(key, talk)| (key, (talk, true))));
        Applied::Yes
    }

    /// Whether there is something to write.
    pub(super) fn has_changed(&self) -> bool {
        self.cells.values().any(|(_, changed)| *changed) || self.talks.values().any(|(_, changed)| *changed)
    }

    /// What [`SAVE_STATE`] and [`SAVE_TALKS`] read: what changed.
    pub(super) fn bind_save<'q>(&self, query: Query<'q>) -> Result<Query<'q>, Trouble> {
        let cells: Vec<_> = self
            .cells
            .iter()
            .filter(|(_, (cell, changed))| *changed && cell.version > 0)
            .map(|((bot, scope, key), (cell, _))| {
                (bot, scope, key, cell.version, cell.value.as_ref().map(Value::to_string), cell.expires_at)
            })
            .collect();
        let talks: Vec<_> = self
            .talks
            .iter()
            .filter(|(_, (_, changed))| *changed)
            .map(|((bot, room, person), (talk, _))| {
                (bot, room, person, talk.version, talk.value.as_ref().map(Value::to_string), talk.until)
            })
            .collect();
        Ok(query.bind(pack::json(&cells)?).bind(pack::json(&talks)?))
    }
}

/// Why a bot can keep nothing more under a new key.
pub(in super::super) fn too_many(bot: &BotId, keys: u64, most: u64) -> String {
    format!(
        "the state of bot `{bot}` has {keys} keys already, and may have {most}: let keys expire, or keep lists under fewer"
    )
}

fn target(bot: &BotId, op: &StateOp) -> Key {
    let (scope, key) = op.target();
    (bot.clone(), scope.column(), key.to_owned())
}

fn parsed(value: Option<String>) -> Result<Option<Value>, Trouble> {
    let value = value.map(|text| serde_json::from_str(&text)).transpose();
    value.map_err(|error| Trouble::Other(format!("a stored value is no JSON: {error}")))
}
