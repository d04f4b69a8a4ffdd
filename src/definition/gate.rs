//! What stands before a rule: who may use it and where, how often, and who must agree first.

use std::time::Duration;

use super::place::{Span, Spanned};

/// What stands before one rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gate {
    /// Who may use it, and where.
    pub access: Option<Access>,
    /// What those are told who may not; a template.
    pub denied: Option<Spanned<String>>,
    /// How long one person waits before using it again.
    pub cooldown: Option<Spanned<Duration>>,
    /// Who must agree first.
    pub approve: Option<Approve>,
}

/// `access = { … }`
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Access {
    /// Where it stands.
    pub span: Span,
    /// `access = "anyone"`: said on purpose.
    pub anyone: bool,
    /// Who is allowed, and where.
    pub allow: Clause,
    /// Who is not, whatever else is said.
    pub deny: Clause,
}

/// Names of people and places.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Clause {
    /// Domains of addresses.
    pub domains: Vec<Spanned<String>>,
    /// Organizations, by id.
    pub orgs: Vec<Spanned<String>>,
    /// Addresses and person ids.
    pub people: Vec<Spanned<String>>,
    /// Names of shared groups.
    pub groups: Vec<Spanned<String>>,
    /// `@name` of `[rooms]`, and room ids.
    pub rooms: Vec<Spanned<String>>,
    /// Direct rooms or group rooms.
    pub place: Option<Spanned<Where>>,
}

/// In which kind of room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// In a room of two.
    Direct,
    /// In any other.
    Group,
}

/// `approve = { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Approve {
    /// Where it stands.
    pub span: Span,
    /// Who may agree.
    pub by: Access,
    /// How many must.
    pub count: u32,
    /// Whether the one who asks may not be among them.
    pub not_requester: bool,
    /// How long there is to agree.
    pub within: Duration,
    /// Where it is asked; none: where the rule was used.
    pub to: Option<Spanned<String>>,
}

/// `[membership]`
#[derive(Debug, Clone, PartialEq)]
pub struct Membership {
    /// Who may bring the bot into a room; brought by others, it leaves.
    pub added_by: Access,
    /// What it says before it leaves; a template.
    pub denied: Option<Spanned<String>>,
}
