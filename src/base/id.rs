//! Names and numbers that travel between layers. Each is parsed once, at the door.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// Names a bot may not have, because a path, a file or a command already means something else.
const RESERVED: &[&str] = &["all", "botyard", "default", "me", "new", "schema", "sim", "test", "tests"];

/// A bot's id: the name of its file or folder below `bots.d`.
///
/// 1 to 64 characters of `a-z`, `0-9`, `-`, beginning with a letter or a digit: it stands in
/// URLs (`/hooks/{bot_id}`), in webhook names and in log lines, so nothing in it needs quoting.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BotId(Arc<str>);

/// Why a text is no [`BotId`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BotIdError {
    /// Nothing between the path separator and the suffix.
    #[error("a bot id cannot be empty")]
    Empty,
    /// Longer than 64 characters.
    #[error("a bot id has at most 64 characters, this one has {0}")]
    TooLong(usize),
    /// A character outside `a-z0-9-`, or a leading `-`.
    #[error("a bot id is made of `a-z`, `0-9` and `-` and begins with a letter or digit; found `{0}`")]
    Character(char),
    /// One of the reserved names.
    #[error("`{0}` is a reserved name")]
    Reserved(String),
}

impl BotId {
    /// Parses an id; see [`BotId`] for the rules.
    ///
    /// # Errors
    /// [`BotIdError`] says which rule the text breaks.
    pub fn parse(text: &str) -> Result<Self, BotIdError> {
        if text.is_empty() {
            return Err(BotIdError::Empty);
        }
        if text.chars().count() > 64 {
            return Err(BotIdError::TooLong(text.chars().count()));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if let Some(wrong) = text.chars().find(|&c| !allowed(c)) {
            return Err(BotIdError::Character(wrong));
        }
        if text.starts_with('-') {
            return Err(BotIdError::Character('-'));
        }
        if RESERVED.contains(&text) {
            return Err(BotIdError::Reserved(text.to_owned()));
        }
        Ok(Self(text.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for BotId {
    type Err = BotIdError;
    fn from_str(text: &str) -> Result<Self, BotIdError> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for BotId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for BotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::borrow::Borrow<str> for BotId {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// The name of this installation; part of the owner tag of every webhook it makes.
///
/// Same alphabet as a [`BotId`], at most 32 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct InstanceName(Arc<str>);

impl InstanceName {
    /// Parses an instance name.
    ///
    /// # Errors
    /// A sentence naming the rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, String> {
        let fits = (1..=32).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !text.starts_with('-');
        if fits {
            Ok(Self(text.into()))
        } else {
            Err(format!("`{text}` is no instance name: 1 to 32 of `a-z`, `0-9`, `-`, not beginning with `-`"))
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The public id of an event: what logs, handlers and people see. Ordered by time (UUIDv7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventId(pub Uuid);

impl EventId {
    /// A new id. Its order is that of creation; nothing may depend on the time inside it.
    #[must_use]
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for EventId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for EventId {
    type Err = uuid::Error;
    fn from_str(text: &str) -> Result<Self, uuid::Error> {
        Uuid::from_str(text).map(Self)
    }
}

/// The writer's own running number of a row: it orders, and it never leaves the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Seq(pub i64);

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Counts the incarnations of a bot. Only the holder of the newest may claim and commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Epoch(pub i64);

/// The right of one incarnation of a bot to claim and to commit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Whose work.
    pub bot: BotId,
    /// Which incarnation; the store refuses every other one.
    pub epoch: Epoch,
}

/// SHA-256 of a definition as written: "is it still the same?" without keeping both.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// The digest of some parts; each part is length-prefixed, so moving a byte from one to the next shows.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        use sha2::Digest as _;
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update((part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Half of it in 22 characters of URL-safe base64: a key in place of a long one, in rows and indexes.
    #[must_use]
    pub fn mark(&self) -> String {
        let (half, _) = self.0.split_at(16);
        URL_SAFE_NO_PAD.encode(half)
    }

    /// The first twelve hex digits: enough for a person to compare.
    #[must_use]
    pub fn short(&self) -> String {
        hex::encode(&self.0[..6])
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_name_is_a_bot_id() {
        for text in ["echo", "on-call", "2fa", "a"] {
            assert_eq!(BotId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_would_need_quoting_is_refused_with_the_character() {
        assert_eq!(BotId::parse(""), Err(BotIdError::Empty));
        assert_eq!(BotId::parse("Echo"), Err(BotIdError::Character('E')));
        assert_eq!(BotId::parse("a/b"), Err(BotIdError::Character('/')));
        assert_eq!(BotId::parse("-a"), Err(BotIdError::Character('-')));
        assert_eq!(BotId::parse(&"a".repeat(65)), Err(BotIdError::TooLong(65)));
        assert_eq!(BotId::parse("all"), Err(BotIdError::Reserved("all".into())));
    }

    #[test]
    fn a_digest_sees_a_byte_that_moved_between_parts() {
        assert_ne!(Digest::of([&b"ab"[..], b"c"]), Digest::of([&b"a"[..], b"bc"]));
    }
}
