//! Who may use a bot, and where. Pure: facts in, a verdict out, with the rule that decided by name.
//!
//! Three layers are asked: the ceiling in the settings, the bot's `[access]`, the rule's `access`. Each has what it
//! allows and what it denies. All of them must allow, and one that denies is enough: so no definition can widen the
//! ceiling, no rule can widen its bot, and the order of anything changes nothing.
//!
//! In reading order: [`Access`] (one layer), [`decide`] (the verdict), [`never`] (rules that can let nobody in).

mod decide;
mod never;

use std::sync::Arc;

pub use self::{
    decide::{Asker, Known, Verdict, decide},
    never::never,
};

/// Whether a place is a direct room or a group room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Place {
    /// A room of two: the person and the bot.
    Direct,
    /// Any other room.
    Group,
}

impl Place {
    /// The word Webex uses for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Group => "group",
        }
    }

    /// Reads Webex's word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "direct" => Some(Self::Direct),
            "group" => Some(Self::Group),
            _ => None,
        }
    }
}

/// One layer: what it allows and what it denies. Empty: it allows everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Access {
    /// Who is allowed (any of the lists will do; without any list: everybody), in which rooms and in which place.
    pub allow: Clause,
    /// Anything in it that fits denies.
    pub deny: Clause,
}

/// A group: its name, and the addresses and person ids in it.
pub type Group = (Box<str>, Arc<[Box<str>]>);

/// Names of people and places.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clause {
    /// Domains of addresses: `example.com`; `*.example.com` stands for those below it.
    pub domains: Box<[Box<str>]>,
    /// Organizations, by id.
    pub orgs: Box<[Box<str>]>,
    /// Addresses and person ids.
    pub people: Box<[Box<str>]>,
    /// Groups: the name, and the addresses and person ids in it.
    pub groups: Box<[Group]>,
    /// Rooms, by id.
    pub rooms: Box<[Box<str>]>,
    /// Direct or group.
    pub place: Option<Place>,
}

impl Clause {
    /// Whether it says nothing about people.
    #[must_use]
    pub fn names_nobody(&self) -> bool {
        self.domains.is_empty() && self.orgs.is_empty() && self.people.is_empty() && self.groups.is_empty()
    }

    /// Whether it says nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names_nobody() && self.rooms.is_empty() && self.place.is_none()
    }
}

impl Access {
    /// Whether it lets everybody in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allow.is_empty() && self.deny.is_empty()
    }

    /// Whether it says who is allowed, and not only where or who is not.
    #[must_use]
    pub fn names_people(&self) -> bool {
        !self.allow.names_nobody()
    }
}

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layer {
    /// `[access]` of the settings.
    Ceiling,
    /// `[access]` of the definition.
    Bot,
    /// `access` of the rule.
    Rule,
}

impl Layer {
    /// For people: `the ceiling`, `[access]`, `the rule's access`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ceiling => "`[access]` of the settings",
            Self::Bot => "`[access]` of the bot",
            Self::Rule => "`access` of the rule",
        }
    }
}

/// Which rule decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Because {
    /// Whose.
    pub layer: Layer,
    /// The key: `domains`, `deny.people`, …
    pub key: &'static str,
    /// As a sentence without its end: `` `deny.people` of … names `alice@example.com` ``.
    pub sentence: String,
}
