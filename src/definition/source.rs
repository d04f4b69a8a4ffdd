//! The files of a definition as they were read: kept in the store, so that the last good definition
//! survives a restart even when the files are broken or gone by then.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    companion,
    diagnostic::{did_you_mean, quote},
    place::Place,
};
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
        /// Of a folder: what lies beside its `bot.toml`, by paths from there.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        files: BTreeMap<String, Companion>,
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

/// A file beside a `bot.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Companion {
    /// A text that belongs to the definition: a card, a script, a table.
    Text(String),
    /// Any other file, of so many bytes: it is read when it is sent.
    Bytes(u64),
    /// A file that cannot be used, and why.
    Unusable(String),
}

/// Why a file beside a definition cannot be used; with what to do about it.
pub type NoCompanion = (String, Option<String>);

impl DefinitionSource {
    /// The source of a bot whose main file has this name (relative to its `bots.d`) and this text.
    #[must_use]
    pub fn new(bot: BotId, file: impl Into<String>, text: impl Into<String>) -> Self {
        let (shared, files) = (Vec::new(), BTreeMap::new());
        Self(Arc::new(Stored::V1 { bot, file: file.into(), text: text.into(), shared, files }))
    }

    /// The same with the shared files it may use.
    #[must_use]
    pub fn sharing(self, used: Vec<SharedFile>) -> Self {
        let Stored::V1 { bot, file, text, files, .. } = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Stored::V1 { bot, file, text, shared: used, files }))
    }

    /// The same with what lies beside the main file.
    #[must_use]
    pub fn with_files(self, beside: BTreeMap<String, Companion>) -> Self {
        let Stored::V1 { bot, file, text, shared, .. } = Arc::unwrap_or_clone(self.0);
        Self(Arc::new(Stored::V1 { bot, file, text, shared, files: beside }))
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

    /// What lies beside the main file, by paths below the bot's folder.
    #[must_use]
    pub fn files(&self) -> &BTreeMap<String, Companion> {
        let Stored::V1 { files, .. } = &*self.0;
        files
    }

    /// A text beside the main file (a card, a script, a table), by its path from there.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do about it.
    pub fn companion(&self, path: &str) -> Result<&str, NoCompanion> {
        match self.found(path)? {
            Companion::Text(text) => Ok(text),
            Companion::Bytes(_) => Err((format!("{} is no text that a definition can use", quote(path)), None)),
            Companion::Unusable(why) => Err((format!("{} cannot be used: {why}", quote(path)), None)),
        }
    }

    /// A file to be sent, by its path from the main file; answers its path below `bots.d`.
    ///
    /// # Errors
    /// Why it cannot be used, and what to do about it.
    pub fn sendable(&self, path: &str) -> Result<String, NoCompanion> {
        match self.found(path)? {
            Companion::Bytes(bytes) if *bytes > companion::MOST_SENT => {
                let most = companion::MOST_SENT / 1024 / 1024;
                let message = format!("{} is larger than {most} MiB, which is the most that is sent", quote(path));
                Err((message, Some("put it where Webex can fetch it, and write its address".to_owned())))
            }
            Companion::Unusable(why) => Err((format!("{} cannot be sent: {why}", quote(path)), None)),
            _ => Ok(format!("{}/{path}", self.bot())),
        }
    }

    fn found(&self, path: &str) -> Result<&Companion, NoCompanion> {
        if !companion::stays_inside(path) {
            let hint = "write its path from the bot's folder, without `..`: `cards/welcome.json`";
            return Err((format!("{} leads out of the bot's folder", quote(path)), Some(hint.to_owned())));
        }
        let files = self.files();
        if files.is_empty() {
            let hint = if self.place().file.contains('/') {
                "put it there, beside `bot.toml` or in a folder below".to_owned()
            } else {
                format!("a bot with files of its own is a folder: move the definition to `{}/bot.toml`", self.bot())
            };
            return Err((format!("there is no file {} beside the definition", quote(path)), Some(hint)));
        }
        files.get(path).ok_or_else(|| {
            let hint = did_you_mean(path, files.keys().map(String::as_str));
            let hint = hint.or_else(|| Some("put it there, beside `bot.toml` or in a folder below".to_owned()));
            (format!("there is no file {} beside the definition", quote(path)), hint)
        })
    }

    /// "Is it still the same?" The file's name is left out: moving `echo.toml` to `echo/bot.toml` changes nothing.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let Stored::V1 { bot, text, shared, files, .. } = &*self.0;
        let beside: Vec<(&String, String)> =
            files.iter().map(|(name, file)| (name, serde_json::to_string(file).unwrap_or_default())).collect();
        let mut parts = vec![bot.as_str().as_bytes(), b"bot.toml", text.as_bytes()];
        parts.extend(shared.iter().flat_map(|file| [file.file.as_bytes(), file.text.as_bytes()]));
        parts.extend(beside.iter().flat_map(|(name, file)| [name.as_bytes(), file.as_bytes()]));
        Digest::of(parts)
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

    fn folder() -> DefinitionSource {
        let files = BTreeMap::from([
            ("cards/welcome.json".to_owned(), Companion::Text("{}".into())),
            ("plan.pdf".to_owned(), Companion::Bytes(7)),
            ("large.pdf".to_owned(), Companion::Bytes(companion::MOST_SENT + 1)),
        ]);
        DefinitionSource::new(BotId::parse("oncall").unwrap(), "oncall/bot.toml", "x").with_files(files)
    }

    #[test]
    fn a_stored_folder_keeps_its_golden_form() {
        let files = BTreeMap::from([
            ("a.json".to_owned(), Companion::Text("{}".into())),
            ("b.pdf".to_owned(), Companion::Bytes(7)),
        ]);
        let source = DefinitionSource::new(BotId::parse("a").unwrap(), "a/bot.toml", "x").with_files(files);
        let text = r#"{"v":"1","bot":"a","file":"a/bot.toml","text":"x","files":{"a.json":{"text":"{}"},"b.pdf":{"bytes":7}}}"#;
        assert_eq!(source.to_json(), text);
        assert_eq!(DefinitionSource::from_json(text).unwrap(), source);
    }

    #[test]
    fn a_file_beside_a_definition_is_found_by_its_path_or_told_why_not() {
        let source = folder();
        assert_eq!(source.companion("cards/welcome.json"), Ok("{}"));
        assert_eq!(source.sendable("plan.pdf"), Ok("oncall/plan.pdf".into()));
        assert_eq!(source.companion("cards/welcom.json").unwrap_err().1.unwrap(), "did you mean `cards/welcome.json`?");
        for path in ["../secret.json", "/etc/passwd", ""] {
            assert!(source.companion(path).unwrap_err().0.contains("leads out"), "{path}");
        }
        assert!(source.companion("plan.pdf").unwrap_err().0.contains("no text"));
        assert!(source.sendable("large.pdf").unwrap_err().0.contains("larger than 20 MiB"));
        let file = DefinitionSource::new(BotId::parse("echo").unwrap(), "echo.toml", "x");
        assert!(file.companion("a.json").unwrap_err().1.unwrap().contains("`echo/bot.toml`"));
    }

    #[test]
    fn what_lies_beside_a_definition_is_part_of_its_digest() {
        let of = |name: &str, file| {
            let bot = BotId::parse("a").unwrap();
            let files = BTreeMap::from([(name.to_owned(), file)]);
            DefinitionSource::new(bot, "a/bot.toml", "x").with_files(files).digest()
        };
        let text = |text: &str| Companion::Text(text.into());
        assert_ne!(of("a.json", text("{}")), of("a.json", text("[]")));
        assert_ne!(of("a.json", text("{}")), of("b.json", text("{}")));
        assert_ne!(of("a.pdf", Companion::Bytes(1)), of("a.pdf", Companion::Bytes(2)));
    }
}
