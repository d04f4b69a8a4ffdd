//! One look at `bots.d`: every definition loaded and compiled. Blocking, so it runs beside the arbiters.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::Arc,
};

use crate::{
    base::BotId,
    brain::{self, Policy, Program},
    definition::{self, Definition, DefinitionSource, Diagnostic, Loader, TokenSource},
};

/// Looks again and again; what did not change since the last look is neither read nor compiled again.
#[derive(Debug)]
pub(super) struct Surveyor {
    loader: Loader<Usable>,
    policy: Policy,
}

/// A definition that can be run: its program, and the little else that is still needed of it.
#[derive(Debug, Clone)]
pub(super) struct Usable {
    pub(super) program: Arc<Program>,
    token: Option<TokenSource>,
    /// The definition's files, until the store has them: nobody else needs them again.
    pub(super) source: Option<DefinitionSource>,
}

/// What a look found.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Each with its files only at the look that read them.
    pub(super) usable: BTreeMap<BotId, Usable>,
    /// Bots whose files are there but cannot be used.
    pub(super) broken: BTreeSet<BotId>,
    /// Everything that is wrong, by the name of the file or folder.
    pub(super) diagnostics: BTreeMap<String, Box<[Diagnostic]>>,
    /// Folders that could not be read, and why.
    pub(super) unreadable: Vec<(PathBuf, String)>,
}

impl Surveyor {
    pub(super) fn under(policy: Policy) -> Self {
        Self { loader: Loader::default(), policy }
    }

    /// Looks at all folders.
    pub(super) fn look(&mut self, dirs: &[PathBuf]) -> Survey {
        let compile = brain::compiler(self.policy.clone());
        let loaded = self.loader.load(&definition::scan(dirs), |definition| {
            let compiled = compile(&definition);
            (compiled.program.map(|program| Usable::new(program, definition)), compiled.diagnostics)
        });
        self.loader.lighten(&loaded.definitions, |usable| usable.source = None);
        let mut diagnostics: BTreeMap<String, Vec<Diagnostic>> = BTreeMap::new();
        for diagnostic in loaded.diagnostics {
            diagnostics.entry(diagnostic.unit().to_owned()).or_default().push(diagnostic);
        }
        let diagnostics = diagnostics.into_iter().map(|(unit, found)| (unit, found.into())).collect();
        Survey { usable: loaded.definitions, broken: loaded.refused, diagnostics, unreadable: loaded.unreadable }
    }
}

impl Usable {
    fn new(program: Arc<Program>, definition: Definition) -> Self {
        Self { program, token: definition.token.map(|token| token.value), source: Some(definition.source) }
    }

    /// The last good definition that the store kept, if this version can still run it.
    pub(super) fn revive(source: &str, policy: &Policy) -> Option<Self> {
        let source = DefinitionSource::from_json(source).ok()?;
        let definition = definition::parse(&source).0?;
        let program = brain::compiler(policy.clone())(&definition).program?;
        Some(Self::new(program, definition))
    }

    /// Where the definition says its token is.
    pub(super) fn token(&self) -> Option<&TokenSource> {
        self.token.as_ref()
    }
}
