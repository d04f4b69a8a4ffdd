//! Hooks that other programs post to: who may, what makes two posts the same, and what is done then.

use std::sync::Arc;

use super::Compiler;
use crate::{
    brain::{
        Inbound,
        inbound::BODY,
        names::{Names, Scope},
        program::Body,
    },
    definition::{Auth, Format, codes, diagnostic::quote},
};

/// What posts are compared with: the name of the hook, and what is done then.
type Rules = Box<[(Arc<str>, Body)]>;

impl Compiler<'_> {
    /// All hooks, and their rules in the order of the file.
    pub(super) fn inbounds(&mut self) -> Option<(Box<[Inbound]>, Rules)> {
        let mut hooks: Vec<Inbound> = Vec::new();
        let mut rules = Vec::new();
        for written in &self.definition.inbounds {
            self.must_say_where(&written.rule, "`[[inbound]]`");
            let body = self.body(&written.rule, Names::of(Scope::Nowhere));
            let again = hooks.iter().any(|hook| *hook.name == *written.name.value);
            let dedupe = written.dedupe.as_ref().map(|dedupe| self.text(dedupe, Format::Text, Names::of(Scope::Post)));
            if again {
                let own = [
                    written.auth.as_ref().map(|auth| ("auth", auth.span)),
                    written.dedupe.as_ref().map(|dedupe| ("dedupe", dedupe.span)),
                    written.body_limit.as_ref().map(|limit| ("body_limit", limit.span)),
                ];
                for (key, span) in own.into_iter().flatten() {
                    let name = quote(&written.name.value);
                    let message = format!("`{key}` of the hook {name} stands in its first table");
                    self.tell_at(codes::CONFLICT, span, message, Some("leave it out here".into()));
                }
            } else {
                let Some(auth) = &written.auth else {
                    let message = "`[[inbound]]` has no `auth`";
                    let hint = "add `auth = { bearer = \"env:ALERT_SECRET\" }`: whoever knows the secret may post";
                    self.tell_at(codes::MISSING_KEY, written.rule.span, message, Some(hint.into()));
                    continue;
                };
                if auth.value == Auth::Nobody {
                    let message = "whoever reaches the internal listener may post to this hook";
                    let hint = "it is served only where the setting `inbound.listen` says";
                    self.tell(codes::OPEN_HOOK, auth, message, Some(hint.into()));
                }
                hooks.push(Inbound {
                    name: written.name.value.as_str().into(),
                    auth: auth.value.clone(),
                    body_limit: written.body_limit.as_ref().map_or(BODY, |limit| limit.value),
                    dedupe: match dedupe {
                        Some(dedupe) => Some(dedupe?),
                        None => None,
                    },
                });
            }
            rules.push(body.map(|body| (Arc::<str>::from(written.name.value.as_str()), body)));
        }
        let rules: Vec<_> = rules.into_iter().collect::<Option<_>>()?;
        Some((hooks.into(), rules.into()))
    }
}
