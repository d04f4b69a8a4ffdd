//! One look at `bots.d`: every definition loaded and compiled. Blocking, so it runs beside the arbiters.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    base::BotId,
    brain::{self, Program},
    definition::{self, Definition, DefinitionSource, Diagnostic, Loader, TokenSource},
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

/// Looks at all folders; definitions that did not change since the loader's last look are not read again.
pub(super) fn survey(loader: &mut Loader, dirs: &[PathBuf]) -> Survey {
    let loaded = loader.load(&definition::scan(dirs));
    let mut survey = Survey { broken: loaded.refused, unreadable: loaded.unreadable, ..Survey::default() };
    for diagnostic in loaded.diagnostics {
        survey.note(diagnostic);
    }
    for (bot, definition) in loaded.definitions {
        let (usable, diagnostics) = compile(&definition);
        for diagnostic in diagnostics {
            survey.note(diagnostic);
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
    let source = DefinitionSource::from_json(source).ok()?;
    let (definition, _) = definition::parse(source);
    compile(&definition?).0
}

fn compile(definition: &Definition) -> (Option<Usable>, Vec<Diagnostic>) {
    let compiled = brain::compile(definition);
    let usable = compiled.program.map(|program| Usable {
        program,
        token: definition.token.as_ref().map(|token| token.value.clone()),
        source: definition.source.to_json(),
    });
    (usable, compiled.diagnostics)
}

impl Survey {
    fn note(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.entry(diagnostic.unit().to_owned()).or_default().push(diagnostic);
    }
}
