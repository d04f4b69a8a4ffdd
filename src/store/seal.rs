//! What a rotation of the seal key came to.

use serde::{Deserialize, Serialize};

/// Every secret is sealed with another key now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotated {
    /// Name of the key that seals now: 16 hex digits that do not tell the key.
    pub key: String,
    /// Name of the key that did before. What was copied before this still needs it.
    pub was: String,
    /// Secrets that are sealed with the new key.
    pub rows: u64,
    /// Secrets that no key opens, and none did before: left as they are.
    pub unreadable: u64,
    /// Where the old key is kept, when it is ours to keep.
    pub old_key_file: Option<String>,
    /// What a person has to do now: the new key was given by a setting, and takes the place of the old one there.
    pub to_do: Option<String>,
}
