//! What stands before rules: who may use them, who must agree, and whether anybody can ever pass.

use std::{collections::BTreeSet, sync::Arc};

use super::Compiler;
use crate::{
    brain::{
        access::{Access, Clause, Group, Layer, Place, never},
        destination, ids,
        names::{Names, Scope},
        program::{Approve, Body, Gate, Membership},
        uses::Uses,
    },
    definition::{
        Format, Spanned, codes,
        diagnostic::{Diagnostic, did_you_mean, quote},
        gate,
        rule::Rule,
    },
};

/// What the settings say about access, for all bots.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// What no definition can widen.
    pub ceiling: Arc<Access>,
    /// What is said of a bot that everybody may use.
    pub open: OpenBots,
}

/// What is said of a bot that everybody may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OpenBots {
    /// Nothing.
    #[default]
    Fine,
    /// A warning.
    Warned,
    /// It is refused.
    Refused,
}

impl Compiler<'_> {
    pub(super) fn gate(&mut self, gate: &gate::Gate, names: Names<'_>) -> Option<Gate> {
        let anybody = matches!(names.scope, Scope::Message | Scope::Press | Scope::Membership);
        let spans = [
            gate.access.as_ref().map(|access| access.span),
            gate.denied.as_ref().map(|denied| denied.span),
            gate.cooldown.as_ref().map(|cooldown| cooldown.span),
            gate.approve.as_ref().map(|approve| approve.span),
        ];
        if let (false, Some(span)) = (anybody, spans.iter().flatten().next()) {
            let message = "there is nobody here whose access could be asked: no person does this";
            self.tell_at(codes::CONFLICT, *span, message, Some("leave it out".into()));
            return None;
        }
        let access = gate.access.as_ref().map(|access| self.access(access));
        let denied = gate.denied.as_ref().map(|denied| self.text(denied, Format::Text, names));
        let approve = gate.approve.as_ref().map(|approve| self.approve(approve, names));
        let access = match access {
            Some(access) => access?,
            None => Access::default(),
        };
        if let Some(written) = &gate.access {
            self.passable(&access, written);
        }
        Some(Gate {
            access,
            denied: match denied {
                Some(denied) => Some(denied?),
                None => None,
            },
            cooldown: gate.cooldown.as_ref().map(|cooldown| cooldown.value),
            approve: match approve {
                Some(approve) => Some(approve?),
                None => None,
            },
        })
    }

    /// `[access]`.
    pub(super) fn top_access(&mut self) -> Option<(Access, Option<crate::brain::template::Text>)> {
        let gate = &self.definition.access;
        let denied = gate.denied.as_ref().map(|denied| self.text(denied, Format::Text, Names::of(Scope::Message)));
        let access = match &gate.access {
            Some(access) => self.access(access)?,
            None => Access::default(),
        };
        self.access = access.clone();
        if let Some(written) = &gate.access
            && let Some(because) = never(&[(Layer::Ceiling, &self.policy.ceiling), (Layer::Bot, &access)])
        {
            let message = format!("nobody may ever use this bot: {}", because.sentence);
            self.tell_at(codes::NEVER_ALLOWED, written.span, message, None);
        }
        Some((
            access,
            match denied {
                Some(denied) => Some(denied?),
                None => None,
            },
        ))
    }

    pub(super) fn membership(&mut self, membership: &gate::Membership) -> Option<Box<Membership>> {
        let denied = membership.denied.as_ref().map(|text| self.text(text, Format::Text, Names::of(Scope::Membership)));
        let added_by = self.access(&membership.added_by);
        Some(Box::new(Membership {
            added_by: added_by?,
            denied: match denied {
                Some(denied) => Some(denied?),
                None => None,
            },
        }))
    }

    fn approve(&mut self, approve: &gate::Approve, names: Names<'_>) -> Option<Approve> {
        if names.scope != Scope::Message {
            let (why, hint) = match names.scope {
                Scope::Press => (
                    "a press has no words to be shown to those who approve",
                    "put it on a `[[command]]`, or let the rule send a card of its own to them: `once = true` there, as \
                     the bot `approvals` that ships does it",
                ),
                _ => ("here nobody asks for anything", "use it with `[[command]]`"),
            };
            let message = format!("`approve` is about what somebody asks for in a message: {why}");
            self.tell_at(codes::CONFLICT, approve.span, message, Some(hint.into()));
            return None;
        }
        let to = approve.to.as_ref().map(|to| {
            let rooms = self.definition.rooms.iter().map(|(name, id)| (name.value.as_str(), id.value.as_str()));
            destination::parse(&to.value, rooms).map_err(|(message, hint)| {
                self.tell(codes::BAD_DESTINATION, to, message, Some(hint));
            })
        });
        Some(Approve {
            by: self.access(&approve.by)?,
            count: approve.count,
            not_requester: approve.not_requester,
            within: approve.within,
            to: match to {
                Some(to) => Some(to.ok()?),
                None => None,
            },
        })
    }

    /// Whether anybody can ever pass a rule's own access, the bot's and the settings'.
    fn passable(&mut self, access: &Access, written: &gate::Access) {
        let bot = [(Layer::Ceiling, &*self.policy.ceiling), (Layer::Bot, &self.access)];
        if access.is_empty() || never(&bot).is_some() {
            return;
        }
        if let Some(because) = never(&[bot[0], bot[1], (Layer::Rule, access)]) {
            let message = format!("nobody may ever use this rule: {}", because.sentence);
            let hint = "all must allow: the settings, `[access]` and the rule's `access`";
            self.tell_at(codes::NEVER_ALLOWED, written.span, message, Some(hint.into()));
        }
    }

    fn access(&mut self, access: &gate::Access) -> Option<Access> {
        let (allow, deny) = (self.clause(&access.allow), self.clause(&access.deny));
        Some(Access { allow: allow?, deny: deny? })
    }

    fn clause(&mut self, clause: &gate::Clause) -> Option<Clause> {
        let before = self.found.iter().filter(|found| found.is_error()).count();
        let domains = clause.domains.iter().filter_map(|domain| self.domain(domain)).collect();
        let orgs = clause.orgs.iter().map(|org| org.value.trim().into()).collect();
        let people = clause.people.iter().filter_map(|person| self.person(person)).collect();
        let groups = clause.groups.iter().filter_map(|group| self.group(group)).collect();
        let rooms = clause.rooms.iter().filter_map(|room| self.room(room)).collect();
        let place = clause.place.as_ref().map(|place| match place.value {
            gate::Where::Direct => Place::Direct,
            gate::Where::Group => Place::Group,
        });
        let after = self.found.iter().filter(|found| found.is_error()).count();
        (before == after).then_some(Clause { domains, orgs, people, groups, rooms, place })
    }

    fn domain(&mut self, domain: &Spanned<String>) -> Option<Box<str>> {
        let name = domain.value.trim();
        let bare = name.strip_prefix("*.").unwrap_or(name);
        let fits = !bare.is_empty()
            && bare.split('.').all(|part| !part.is_empty() && part.chars().all(|c| c.is_alphanumeric() || c == '-'));
        if fits {
            return Some(name.to_lowercase().into());
        }
        let hint = match name.rsplit_once('@') {
            Some(("", after)) => format!("write `{after}`"),
            Some(_) => "an address belongs into `people`".to_owned(),
            None => "for example `example.com`, or `*.example.com` for those below it".to_owned(),
        };
        self.tell(codes::BAD_ACCESS, domain, format!("{} is no domain", quote(&domain.value)), Some(hint));
        None
    }

    fn person(&mut self, person: &Spanned<String>) -> Option<Box<str>> {
        let name = person.value.trim();
        let odd = name.contains(char::is_whitespace) || name.len() > 400;
        let fits = match name.split_once('@') {
            Some((local, domain)) => !odd && !local.is_empty() && domain.contains('.') && !domain.contains('@'),
            None => !odd && name.len() >= 8 && ids::kind(name).is_none_or(|kind| kind == "PEOPLE"),
        };
        if fits {
            return Some(name.into());
        }
        let hint = match name.split_once('@') {
            Some(("", domain)) => format!("a whole domain is `domains = [\"{domain}\"]`"),
            _ => did_you_mean(name, self.definition.groups.iter().map(|(group, _)| group.value.as_str())).map_or_else(
                || "write an address, or the id of a person".to_owned(),
                |_| "a group is named with `groups = [\"…\"]`".to_owned(),
            ),
        };
        self.tell(
            codes::BAD_ACCESS,
            person,
            format!("{} is no address and no person id", quote(&person.value)),
            Some(hint),
        );
        None
    }

    fn group(&mut self, group: &Spanned<String>) -> Option<Group> {
        let groups = &self.definition.groups;
        if let Some((name, members)) = groups.iter().find(|(name, _)| name.value == group.value) {
            let before = self.found.len();
            let members: Vec<_> = members.iter().filter_map(|member| self.person(member)).collect();
            return (self.found.len() == before).then(|| (name.value.as_str().into(), members.into()));
        }
        let known: BTreeSet<&str> = groups.iter().map(|(name, _)| name.value.as_str()).collect();
        let hint = did_you_mean(&group.value, known)
            .unwrap_or_else(|| format!("write `{} = [\"lead@example.com\"]` into `_shared/groups.toml`", group.value));
        let message = format!("`_shared/groups.toml` has no group {}", quote(&group.value));
        self.tell(codes::UNKNOWN_GROUP, group, message, Some(hint));
        None
    }

    fn room(&mut self, room: &Spanned<String>) -> Option<Box<str>> {
        let name = room.value.trim();
        let names = || self.definition.rooms.iter().map(|(name, _)| name.value.as_str());
        let (message, hint) = if let Some(name) = name.strip_prefix('@') {
            if let Some((_, id)) = self.definition.rooms.iter().find(|(known, _)| known.value == name) {
                return Some(id.value.as_str().into());
            }
            let hint = did_you_mean(name, names()).unwrap_or_else(|| format!("add {} to `[rooms]`", quote(name)));
            (format!("`[rooms]` does not know {}", quote(name)), hint)
        } else if names().any(|known| known == name) {
            (format!("{} is no room id", quote(name)), format!("did you mean `@{name}`?"))
        } else {
            match destination::room(name) {
                Ok(()) => return Some(name.into()),
                Err(why) => {
                    (format!("{} is no room: {why}", quote(name)), "write `@name` from `[rooms]`, or a room id".into())
                }
            }
        };
        self.tell(codes::BAD_ACCESS, room, message, Some(hint));
        None
    }

    /// Values that `_shared/vars.toml` does not have would print nothing.
    pub(super) fn known_vars(&mut self, rule: &Rule, uses: &Uses) {
        let used = uses.lenient().iter().filter_map(|path| path.strip_prefix("vars."));
        for path in used {
            let mut at = Some(&self.definition.vars);
            for part in path.split('.') {
                // What is in a list is known when it is used.
                at = at.and_then(|value| if value.is_array() { Some(value) } else { value.get(part) });
            }
            if at.is_none() {
                let known = self.definition.vars.as_object().into_iter().flat_map(|all| all.keys().map(String::as_str));
                let hint = did_you_mean(path, known)
                    .unwrap_or_else(|| format!("write it into `_shared/vars.toml`: `{path} = \"…\"`"));
                let message =
                    format!("a template of this rule uses {}, and there is none", quote(&format!("vars.{path}")));
                self.tell_at(codes::UNKNOWN_NAME, rule.span, message, Some(hint));
            }
        }
    }

    /// Says so when everybody at Webex may use the bot and nobody wrote that this is meant.
    pub(super) fn open_bot(&mut self, bodies: &[&Body]) {
        let closed = |access: &Access| access.names_people() || !access.allow.rooms.is_empty();
        let on_purpose = |gate: &gate::Gate| gate.access.as_ref().is_some_and(|access| access.anyone);
        let definition = self.definition;
        let rules = definition.commands.iter().map(|command| &command.rule).chain(&definition.fallback);
        let some_open = bodies.iter().any(|body| body.gate.as_ref().is_none_or(|gate| !closed(&gate.access)));
        let required = self.policy.open == OpenBots::Refused;
        let meant = on_purpose(&definition.access) || rules.map(|rule| &rule.gate).any(on_purpose);
        if self.policy.open == OpenBots::Fine
            || closed(&self.policy.ceiling)
            || closed(&self.access)
            || !some_open
            || (meant && !required)
        {
            return;
        }
        let code = if required { codes::ACCESS_REQUIRED } else { codes::OPEN_BOT };
        let hint = if required {
            "add `[access]` with `domains = [\"example.com\"]`: the settings ask for it (`policy.require_access`)"
        } else {
            "add `[access]` with `domains = [\"example.com\"]`, or write `access = \"anyone\"` if it is meant"
        };
        let message = "everybody at Webex may use this bot";
        self.found.push(Diagnostic::about_file(code, definition.place().file, message).hint(hint));
    }
}
