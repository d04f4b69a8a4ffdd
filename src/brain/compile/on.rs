//! What an `[[on]]` can react to, in people's words and in Webex's.

use super::Compiler;
use crate::{
    brain::{
        names::{Names, Scope},
        program::{OnRule, What, Where},
    },
    definition::{
        On, OnWhat, Spanned, Who, codes,
        diagnostic::{did_you_mean, quote},
    },
};

/// An event: how it is written, the kind it is in Webex's words, and what there is when it happens.
struct Known {
    word: &'static str,
    kind: &'static str,
    scope: Scope,
}

const fn known(word: &'static str, kind: &'static str, scope: Scope) -> Known {
    Known { word, kind, scope }
}

const EVENTS: &[Known] = &[
    known("message", "messages.created", Scope::Message),
    known("mention", "messages.created", Scope::Message),
    known("direct", "messages.created", Scope::Message),
    known("file", "messages.created", Scope::Message),
    known("edit", "messages.updated", Scope::Message),
    known("delete", "messages.deleted", Scope::Bare),
    known("memberships.created", "memberships.created", Scope::Membership),
    known("memberships.updated", "memberships.updated", Scope::Membership),
    known("memberships.deleted", "memberships.deleted", Scope::Membership),
    known("rooms.created", "rooms.created", Scope::Bare),
    known("rooms.updated", "rooms.updated", Scope::Bare),
    known("timer", "timer", Scope::Timer),
    known("deliveries.failed", "deliveries.failed", Scope::Failed),
];

/// The kinds of webhooks that an `[[on]]` wants.
pub(super) fn kinds(what: &OnWhat) -> Vec<&'static str> {
    match what {
        OnWhat::Card(_) => vec!["attachmentActions.created"],
        OnWhat::Event(event, _) => find(&event.value).map(|known| known.kind).into_iter().collect(),
    }
}

fn find(word: &str) -> Option<&'static Known> {
    EVENTS.iter().find(|known| known.word == word)
}

impl Compiler<'_> {
    pub(super) fn on(&mut self, on: &On) -> Option<OnRule> {
        let (what, scope) = match &on.what {
            OnWhat::Card(action) => (What::Card(action.value.as_str().into()), Scope::Press),
            OnWhat::Event(event, name) => {
                let Some(known) = find(&event.value) else {
                    self.unknown_event(event);
                    return None;
                };
                (what(known, on.who.as_ref(), name.as_ref()), known.scope)
            }
        };
        if let (Some(who), false) = (&on.who, scope == Scope::Membership) {
            let message = "`who` says whose membership it is, and this is about none";
            self.tell(codes::CONFLICT, who, message, Some("leave it out".into()));
        }
        Some(OnRule { what, body: self.body(&on.rule, Names::of(scope))? })
    }

    fn unknown_event(&mut self, event: &Spanned<String>) {
        let words = || EVENTS.iter().map(|known| known.word);
        let hint = match event.value.as_str() {
            "messages.created" => "write `message`, `mention`, `direct` or `file`".to_owned(),
            "messages.updated" => "write `edit`".to_owned(),
            "messages.deleted" => "write `delete`".to_owned(),
            "attachmentActions.created" => "write `card = \"…\"`, with the `action` of the button's data".to_owned(),
            other => did_you_mean(other, words()).unwrap_or_else(|| {
                let list: Vec<_> = words().map(|word| format!("`{word}`")).collect();
                format!("`[[on]]` knows {}", list.join(", "))
            }),
        };
        let message = format!("`[[on]]` cannot react to {}", quote(&event.value));
        self.tell(codes::UNKNOWN_EVENT, event, message, Some(hint));
    }
}

fn what(known: &Known, who: Option<&Spanned<Who>>, name: Option<&Spanned<String>>) -> What {
    match known.word {
        "message" => What::Message(Where::Anywhere),
        "mention" => What::Message(Where::Group),
        "direct" => What::Message(Where::Direct),
        "file" => What::File,
        "timer" => What::Timer(name.map(|name| name.value.as_str().into())),
        _ if known.scope == Scope::Membership => {
            let default = if known.kind == "memberships.created" { Who::Bot } else { Who::Others };
            What::Membership(known.kind, who.map_or(default, |who| who.value))
        }
        _ => What::Kind(known.kind),
    }
}
