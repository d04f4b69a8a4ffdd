//! One look at `bots.d`: every definition loaded and compiled. Blocking, so it runs beside the arbiters.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    base::BotId,
    brain::{self, CompiledSet, Program},
    definition::{self, Definition, DefinitionSource, Diagnostic, Loader, TokenSource},
};

/// Looks again and again; what did not change since the last look is neither read nor compiled again.
#[derive(Debug, Default)]
pub(super) struct Surveyor {
    loader: Loader,
    compiled: CompiledSet,
}

/// A definition that can be run.
#[derive(Debug, Clone)]
pub(super) struct Usable {
    pub(super) program: Arc<Program>,
    definition: Arc<Definition>,
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

impl Surveyor {
    /// Looks at all folders.
    pub(super) fn look(&mut self, dirs: &[PathBuf]) -> Survey {
        let loaded = self.loader.load(&definition::scan(dirs));
        self.compiled = brain::compile_set(&loaded, &self.compiled);
        let usable = |(bot, (definition, program)): (&BotId, &(Arc<Definition>, Arc<Program>))| {
            (bot.clone(), Usable { program: program.clone(), definition: definition.clone() })
        };
        let mut diagnostics: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for diagnostic in &self.compiled.diagnostics {
            diagnostics.entry(diagnostic.unit().to_owned()).or_default().push(diagnostic.clone());
        }
        Survey {
            usable: self.compiled.programs.iter().map(usable).collect(),
            broken: self.compiled.refused.clone(),
            diagnostics,
            unreadable: loaded.unreadable,
        }
    }
}

impl Usable {
    /// The last good definition that the store kept, if this version can still run it.
    pub(super) fn revive(source: &str) -> Option<Self> {
        let source = DefinitionSource::from_json(source).ok()?;
        let definition = definition::parse(&source).0?;
        let program = brain::compile(&definition).program?;
        Some(Self { program, definition: Arc::new(definition) })
    }

    /// Where the definition says its token is.
    pub(super) fn token(&self) -> Option<&TokenSource> {
        self.definition.token.as_ref().map(|token| &token.value)
    }

    /// The definition's files, for the store.
    pub(super) fn source(&self) -> String {
        self.definition.source.to_json()
    }
}
