//! The audit: who changed what, and when. A row is written in the same transaction as what it tells.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::base::{BotId, Millis};

/// Characters of a name that somebody gives himself.
const LONGEST_NAME: usize = 80;

/// Who asked for something: `house:bots.d`, `admin:alice@host`, `cli:alice@host`.
///
/// What stands behind the colon is what the asker says of himself: whoever holds the admin token, or can write
/// the store, is trusted with more than his name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct By(String);

impl By {
    /// The house itself, on behalf of one of its parts.
    #[must_use]
    pub fn house(part: &'static str) -> Self {
        Self(format!("house:{part}"))
    }

    /// Somebody with the admin token.
    #[must_use]
    pub fn admin(name: Option<&str>) -> Self {
        Self::named("admin", name)
    }

    /// Somebody at the command line, while no service runs.
    #[must_use]
    pub fn command_line(name: Option<&str>) -> Self {
        Self::named("cli", name)
    }

    fn named(door: &str, name: Option<&str>) -> Self {
        let kept = |name: &str| name.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect::<String>();
        match name.map(kept).filter(|name| !name.trim().is_empty()) {
            Some(name) => Self(format!("{door}:{}", name.trim())),
            None => Self(door.to_owned()),
        }
    }

    /// As it was written down.
    pub(in crate::store) fn stored(text: String) -> Self {
        Self(text)
    }

    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! act_kinds {
    ($($(#[$doc:meta])* $kind:ident = $word:literal,)*) => {
        /// What was done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ActKind {
            $($(#[$doc])* $kind,)*
        }

        impl ActKind {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// The word for it, in the store, in JSON and in tables.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self {
                    $(Self::$kind => $word,)*
                }
            }
        }
    };
}

act_kinds! {
    /// A token was kept for a bot.
    TokenSet = "token_set",
    /// A definition was applied; the subject is its digest.
    Definition = "definition",
    /// A bot was paused.
    Pause = "pause",
    /// A bot, or everything after a restore, was let go on.
    Resume = "resume",
    /// Dead letters were made pending again.
    Replay = "replay",
    /// Dead letters were dropped.
    Drop = "drop",
    /// A bot's memory was changed by hand.
    StateEdit = "state_edit",
    /// A dialogue was ended by hand; the subject is its mark.
    DialogueEnd = "dialogue_end",
    /// A retired bot was deleted with all that was its own.
    Purge = "purge",
    /// A person was erased.
    Forget = "forget",
    /// Secrets were sealed with another key.
    Seal = "seal",
    /// A copy of the store was made.
    Backup = "backup",
    /// The store was put back from a copy.
    Restore = "restore",
}

impl ActKind {
    /// Reads what [`ActKind::word`] says.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.word() == word)
    }
}

/// One act, to be written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Act {
    /// Who asked for it.
    pub by: By,
    /// What was done.
    pub kind: ActKind,
    /// To which bot; `None`: to several, or to none.
    pub bot: Option<BotId>,
    /// To what: an id, a digest, a selection. Neither content nor a secret.
    pub subject: String,
    /// How many rows it concerned.
    pub rows: u64,
    /// What else a reader should know.
    pub note: Option<String>,
}

/// Which acts to list.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Of one bot, or of all.
    pub bot: Option<BotId>,
    /// Only of this kind.
    pub kind: Option<ActKind>,
    /// Only acts before this one: the next page.
    pub before: Option<i64>,
    /// At most this many, newest first.
    pub limit: u32,
}

/// One act, as it was written down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Its number; grows.
    pub seq: i64,
    /// When.
    pub at: Millis,
    /// Who asked for it.
    pub who: By,
    /// What was done: the word of an [`ActKind`], perhaps of a newer version.
    pub act: String,
    /// To which bot.
    pub bot: Option<String>,
    /// To what.
    pub subject: String,
    /// How many rows it concerned.
    pub rows: u64,
    /// What else a reader should know.
    pub note: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_the_asker_says_and_no_more_than_a_name() {
        assert_eq!(By::admin(Some(" alice@host\n")).as_str(), "admin:alice@host");
        assert_eq!(By::command_line(Some("\u{1b}\n")).as_str(), "cli");
        assert_eq!(By::admin(None).as_str(), "admin");
        assert!(By::admin(Some(&"x".repeat(10_000))).as_str().len() < 100);
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        for kind in ActKind::ALL {
            assert_eq!(ActKind::parse(kind.word()), Some(*kind));
        }
        assert_eq!(ActKind::parse("sung"), None);
    }
}
