//! `bots.d/_shared`: what several definitions use. `groups.toml` names people, `vars.toml` holds values for
//! templates, and any other `NAME.toml` is a snippet: rules that a definition takes over with `use = ["NAME"]`.
//!
//! A definition gets the texts of those files that it may use: they belong to its digest and are kept with it as
//! the last good one. Which those are is found by their names alone; one too many costs nothing but its bytes.

use std::{ffi::OsStr, fs::File, io::Read, path::Path, sync::Arc};

use super::{
    codes,
    diagnostic::Diagnostic,
    files::Unit,
    loader::MAX_FILE,
    parse,
    source::{DefinitionSource, SharedFile},
};
use crate::base::BotId;

/// The file of groups.
pub const GROUPS: &str = "groups";
/// The file of values for templates.
pub const VARS: &str = "vars";
/// Files of one `_shared` that are read.
const MAX_FILES: usize = 64;

/// The files of one `_shared`, and what is wrong with them.
#[derive(Debug, Default)]
pub struct Shared {
    files: Vec<SharedFile>,
    pub(super) diagnostics: Vec<Diagnostic>,
}

impl Shared {
    /// Reads a folder.
    pub(super) fn read(unit: &Unit) -> Self {
        let mut shared = Self::default();
        let direct =
            |name: &str| name.matches('/').count() == 1 && Path::new(name).extension() == Some(OsStr::new("toml"));
        for (name, _) in unit.files.iter().filter(|(name, _)| direct(name)) {
            if shared.files.len() >= MAX_FILES {
                let message = format!("only {MAX_FILES} files of `_shared` are read; this one is not");
                shared.diagnostics.push(Diagnostic::about_file(codes::NOT_A_DEFINITION, &**name, message));
                continue;
            }
            match text(&unit.dir.join(&**name)) {
                Ok(text) => shared.files.push(SharedFile { file: Arc::clone(name), text: text.into() }),
                Err((code, why)) => {
                    shared.diagnostics.push(Diagnostic::about_file(code, &**name, format!("`{name}` {why}")));
                }
            }
        }
        let found = shared.check();
        shared.diagnostics.extend(found);
        shared
    }

    /// The files that a definition of this text may use, in the order of their names.
    #[must_use]
    pub fn used_by(&self, text: &str) -> Vec<SharedFile> {
        let mut wanted = vec![false; self.files.len()];
        let mut texts = vec![text];
        // A snippet may use groups and values too.
        while let Some(text) = texts.pop() {
            for (wanted, file) in wanted.iter_mut().zip(&self.files).filter(|(wanted, _)| !**wanted) {
                if text.contains(file.name()) {
                    *wanted = true;
                    texts.push(&file.text);
                }
            }
        }
        self.files.iter().zip(wanted).filter(|(_, wanted)| *wanted).map(|(file, _)| file.clone()).collect()
    }

    /// What is wrong with each file, also with those that nobody uses.
    fn check(&self) -> Vec<Diagnostic> {
        let Ok(bot) = BotId::parse("shared") else { return Vec::new() };
        let mut found = Vec::new();
        for file in &self.files {
            let text = match file.name() {
                GROUPS | VARS => String::new(),
                name => format!("use = ['{name}']\n"),
            };
            let (_, told) = parse(&DefinitionSource::new(bot.clone(), "", text).sharing(self.used_by(file.name())));
            found.extend(told.into_iter().filter(|told| *told.file == *file.file));
        }
        found
    }
}

fn text(path: &Path) -> Result<String, (super::Code, String)> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes))
        .map_err(|error| (codes::UNREADABLE, format!("cannot be read: {error}")))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err((codes::TOO_LARGE, "is larger than 1 MiB".into()));
    }
    String::from_utf8(bytes).map_err(|_not_utf8| (codes::NOT_UTF8, "is not UTF-8".into()))
}
