//! A hook of a program, as far as the door must know it that other programs post to.

use std::{collections::BTreeMap, sync::Arc};

use minijinja::{Value, value::Serde};

use super::{Engine, template::Text};
use crate::definition::{Auth, Format};

/// Bytes of a body where a hook says nothing.
pub const BODY: usize = 256 * 1024;
/// Bytes of a body at most.
pub const MOST_BODY: usize = 4 * 1024 * 1024;

/// An `[[inbound]]`, as its door needs it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inbound {
    /// Its name: the last part of its path.
    pub name: Arc<str>,
    /// Who may post.
    pub auth: Auth,
    /// Largest body in bytes.
    pub body_limit: usize,
    /// What makes two posts the same; none: each is one of its own.
    pub(super) dedupe: Option<Text>,
}

impl Inbound {
    /// What makes a post the same as another; none: nothing does.
    ///
    /// Where its template fails or says nothing, nothing does either: an alert that comes twice is better than one
    /// that does not come.
    #[must_use]
    pub fn key(
        &self,
        engine: &Engine,
        payload: &serde_json::Value,
        headers: &BTreeMap<String, String>,
    ) -> Option<String> {
        let key = match self.dedupe.as_ref()? {
            Text::Plain(text) => text.to_string(),
            Text::Template { source, .. } => {
                let context = Value::from_pairs([
                    ("payload", Value::from(Serde(payload))),
                    ("headers", Value::from(Serde(headers))),
                ]);
                engine.render(Format::Text, source, context).ok()?
            }
        };
        Some(key.trim().to_owned()).filter(|key| !key.is_empty())
    }
}
