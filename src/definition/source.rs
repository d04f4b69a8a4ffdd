//! The files of a definition as they were read: kept in the store, so that the last good definition
//! survives a restart even when the files are broken or gone by then.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::place::Place;
use crate::base::{BotId, Digest};

/// A definition's files. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionSource(Arc<Stored>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "v")]
enum Stored {
    #[serde(rename = "1")]
    V1 {
        bot: BotId,
        /// The main file, relative to its `bots.d`.
        file: String,
        text: String,
        /// The shared files it may use.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        shared: Vec<SharedFile>,
    },
}

/// A file of `_shared`, as it was read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharedFile {
    /// Its name, relative to its `bots.d`: `_shared/groups.toml`.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
}

impl SharedFile {
    /// What it is called in definitions: `groups`, `vars`, or the name of a snippet.
    #[must_use]
    pub fn name(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or(&self.file);
        name.strip_suffix(".toml").unwrap_or(name)
    }
}

impl DefinitionSource {
    /// The source of a bot whose main file has this name (relative to its `bots.d`) and this text.
    #[must_use]
    pub fn new(bot: BotId, file: impl Into<String>, text: impl Into<String>) -> Self {
        Self(Arc::new(Stored::V1 { bot, file: file.into(), text: text.into(), shared: Vec::new() }))
    }

    /// The same with the shared files it may use.
    #[must_use]
    pub fn sharing(self, files: Vec<SharedFile>) -> Self {
        let Stored::V1 { bot, file, text, .. } = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Stored::V1 { bot, file, text, shared: files }))
    }

    /// Whose.
    #[must_use]
    pub fn bot(&self) -> &BotId {
        let Stored::V1 { bot, .. } = &*self.0;
        bot
    }

    /// Name and text of the main file, and the shared ones.
    #[must_use]
    pub fn place(&self) -> Place<'_> {
        let Stored::V1 { file, text, shared, .. } = &*self.0;
        Place { file, text, shared }
    }

    /// "Is it still the same?" The file's name is left out: moving `echo.toml` to `echo/bot.toml` changes nothing.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let Stored::V1 { bot, text, shared, .. } = &*self.0;
        let own = [bot.as_str().as_bytes(), b"bot.toml", text.as_bytes()];
        let shared = shared.iter().flat_map(|file| [file.file.as_bytes(), file.text.as_bytes()]);
        Digest::of(own.into_iter().chain(shared))
    }

    /// The form the store keeps.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string(&*self.0).unwrap_or_default()
    }

    /// Reads what [`DefinitionSource::to_json`] wrote, in this version of the program or an older one.
    ///
    /// # Errors
    /// When the text is no source of a known version.
    pub fn from_json(text: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(text).map(|stored| Self(Arc::new(stored)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_source_keeps_its_golden_form() {
        let source = DefinitionSource::new(BotId::parse("echo").unwrap(), "echo.toml", "x = 1");
        let text = r#"{"v":"1","bot":"echo","file":"echo.toml","text":"x = 1"}"#;
        assert_eq!(source.to_json(), text);
        assert_eq!(DefinitionSource::from_json(text).unwrap(), source);
        assert!(DefinitionSource::from_json(r#"{"v":"9"}"#).is_err());
    }

    #[test]
    fn shared_files_are_kept_and_belong_to_the_digest() {
        let source = DefinitionSource::new(BotId::parse("echo").unwrap(), "echo.toml", "x = 1");
        let file = |text: &str| SharedFile { file: "_shared/groups.toml".into(), text: text.into() };
        let sharing = source.clone().sharing(vec![file("a = []")]);
        assert_ne!(sharing.digest(), source.digest());
        assert_ne!(sharing.digest(), source.sharing(vec![file("b = []")]).digest());
        assert_eq!(DefinitionSource::from_json(&sharing.to_json()).unwrap(), sharing);
        assert_eq!(file("").name(), "groups");
    }

    #[test]
    fn the_digest_is_of_the_text_and_the_bot() {
        let bot = |name| BotId::parse(name).unwrap();
        let digest = |name, file: &str, text: &str| DefinitionSource::new(bot(name), file, text).digest();
        assert_eq!(digest("a", "a.toml", "x"), digest("a", "a/bot.toml", "x"));
        assert_ne!(digest("a", "a.toml", "x"), digest("b", "b.toml", "x"));
        assert_ne!(digest("a", "a.toml", "x"), digest("a", "a.toml", "y"));
    }
}
