//! One look at `bots.d`: every definition loaded and compiled. Blocking, so it runs beside the arbiters.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    base::BotId,
    brain::{self, Program},
    definition::{self, Diagnostic, Severity, TokenSource},
};

/// A definition that can be run.
#[derive(Debug, Clone)]
pub(super) struct Usable {
    pub(super) program: Arc<Program>,
    pub(super) token: Option<TokenSource>,
    /// The definition's files, for the store.
    pub(super) source: String,
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    pub(super) usable: BTreeMap<BotId, Usable>,
    /// Bots whose files are there but cannot be used.
    pub(super) broken: BTreeSet<BotId>,
    /// Everything that is wrong, by the name of the file or folder.
    pub(super) diagnostics: BTreeMap<String, Vec<Diagnostic>>,
    /// Folders that could not be read, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

/// Looks at all folders.
pub(super) fn survey(dirs: &[PathBuf]) -> Survey {
    let loaded = definition::load(dirs);
    let mut survey = Survey { broken: loaded.broken, unreadable: loaded.unreadable, ..Survey::default() };
    for diagnostic in loaded.diagnostics {
        survey.diagnostics.entry(unit(&diagnostic.file).to_owned()).or_default().push(diagnostic);
    }
    for (bot, definition) in loaded.definitions {
        let (usable, diagnostics) = compile(&definition);
        for diagnostic in diagnostics {
            survey.diagnostics.entry(unit(&diagnostic.file).to_owned()).or_default().push(diagnostic);
        }
        match usable {
            Some(usable) => {
                survey.usable.insert(bot, usable);
            }
            None => {
                survey.broken.insert(bot);
            }
        }
    }
    survey
}

/// Compiles the last good definition that the store kept.
pub(super) fn revive(source: &str) -> Option<Usable> {
    let source = definition::DefinitionSource::from_json(source).ok()?;
    let (definition, _) = definition::parse(source);
    compile(&definition?).0
}

fn compile(definition: &definition::Definition) -> (Option<Usable>, Vec<Diagnostic>) {
    let compiled = brain::compile(definition);
    let usable = compiled.program.map(|program| Usable {
        program,
        token: definition.token_source().cloned(),
        source: definition.source.to_json(),
    });
    (usable, compiled.diagnostics)
}

/// The file or folder right below `bots.d` that a diagnostic's file belongs to, without `.toml`.
fn unit(file: &str) -> &str {
    let top = file.split('/').next().unwrap_or(file);
    top.strip_suffix(".toml").unwrap_or(top)
}

/// Whether any of these makes a definition unusable.
pub(super) fn has_error(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diagnostic_belongs_to_the_file_or_folder_below_the_folder_of_bots() {
        assert_eq!([unit("echo.toml"), unit("oncall/bot.toml"), unit("a/b/c.json")], ["echo", "oncall", "a"]);
    }
}
