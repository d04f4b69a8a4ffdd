//! Two definitions that name one token: at Webex they would be one bot, and one identity runs in one bot. Which of
//! them is meant nobody can tell from here, so both are told, and the one that comes second is held when it starts.

use std::collections::BTreeMap;

use super::{codes, diagnostic::Diagnostic, model::Definition, token::TokenSource};
use crate::base::Digest;

/// Where a definition names its token: enough to say so, without the definition.
#[derive(Debug, Clone)]
pub(super) struct TokenPlace {
    /// A mark of what it names.
    what: Digest,
    /// Where it stands; what is told of it waits for another that names the same.
    found: Diagnostic,
}

impl TokenPlace {
    /// Of a definition that names one.
    pub(super) fn of(definition: &Definition) -> Option<Box<Self>> {
        let token = definition.token.as_ref()?;
        let what = match &token.value {
            TokenSource::Env(name) => Digest::of([b"env".as_slice(), name.as_bytes()]),
            TokenSource::File(path) => Digest::of([b"file".as_slice(), path.as_os_str().as_encoded_bytes()]),
        };
        let found = definition.place().at(codes::SAME_TOKEN, token.span, String::new());
        Some(Box::new(Self { what, found }))
    }
}

/// What there is to tell of tokens that are named more than once.
pub(super) fn told<'t>(places: impl Iterator<Item = &'t TokenPlace>) -> Vec<Diagnostic> {
    let mut by_token: BTreeMap<[u8; 32], Vec<&Diagnostic>> = BTreeMap::new();
    for place in places {
        by_token.entry(place.what.0).or_default().push(&place.found);
    }
    let mut told = Vec::new();
    for group in by_token.into_values().filter(|group| group.len() > 1) {
        for found in &group {
            let other = group.iter().find(|other| other.file != found.file);
            let Some(other) = other else { continue };
            let message = format!("`{}` names the same token", other.file);
            let hint = "each bot has a token of its own; the one that starts second is held";
            told.push(Diagnostic { message, ..(*found).clone() }.hint(hint));
        }
    }
    told
}
