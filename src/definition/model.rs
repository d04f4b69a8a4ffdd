//! A definition as plain data: what was written, each value with its place, nothing resolved yet.

use super::{
    flow::Flow,
    gate::{Gate, Membership},
    inbound::Inbound,
    place::{Place, Span, Spanned},
    rule::Rule,
    schedule::Schedule,
    source::DefinitionSource,
    token::TokenSource,
};
use crate::base::{BotId, Digest};

/// One bot as a person wrote it.
#[derive(Debug, Clone, PartialEq)]
pub struct Definition {
    /// Its id: the name of its file or folder.
    pub bot: BotId,
    /// Of its files as written.
    pub digest: Digest,
    /// Its files, to be kept as the last good definition and to show places.
    pub source: DefinitionSource,
    /// What it is for, for people and for the generated help.
    pub description: Option<Spanned<String>>,
    /// Where its token is; none: it was given by command.
    pub token: Option<Spanned<TokenSource>>,
    /// `[deliveries]`: what becomes of one that may have been sent before; none: it is sent again.
    pub doubt: Option<Spanned<Doubt>>,
    /// `[access]` and its `denied`: who may use the bot at all.
    pub access: Gate,
    /// `[membership]`: who may bring it into a room.
    pub membership: Option<Membership>,
    /// How the generated help looks; none: as text.
    pub help: Option<Spanned<Help>>,
    /// Groups of `_shared/groups.toml`: name, members.
    pub groups: Vec<(Spanned<String>, Vec<Spanned<String>>)>,
    /// Values of `_shared/vars.toml`: an object; null: there are none.
    pub vars: serde_json::Value,
    /// Names for room ids: name, id.
    pub rooms: Vec<(Spanned<String>, Spanned<String>)>,
    /// `[[command]]`, in the order of the file.
    pub commands: Vec<Command>,
    /// `[[on]]`, in the order of the file.
    pub ons: Vec<On>,
    /// `[flow.NAME]`.
    pub flows: Vec<Flow>,
    /// `[[schedule]]`, in the order of the file.
    pub schedules: Vec<Schedule>,
    /// `[[inbound]]`, in the order of the file.
    pub inbounds: Vec<Inbound>,
    /// `[fallback]`.
    pub fallback: Option<Rule>,
}

impl Definition {
    /// File name and text that the spans belong to.
    #[must_use]
    pub fn place(&self) -> Place<'_> {
        self.source.place()
    }

    /// Whether some rule asks others to agree first, on a card.
    #[must_use]
    pub fn asks_for_approval(&self) -> bool {
        let commands = self.commands.iter().map(|command| &command.rule);
        let rules = commands.chain(self.ons.iter().map(|on| &on.rule)).chain(&self.fallback);
        rules.into_iter().any(|rule| rule.gate.approve.is_some())
    }
}

/// What becomes of a delivery that may have been sent before a crash, or before a backup was put back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// It is sent again, and shown as doubtful: said twice rather than not at all.
    Resend,
    /// It is not sent, and shown as skipped: not at all rather than twice.
    Skip,
}

/// How the generated help looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Help {
    /// Markdown.
    Text,
    /// A card, with the same text for clients that draw none.
    Card,
    /// There is none.
    None,
}

/// `[[command]]`
#[derive(Debug, Clone, PartialEq)]
pub struct Command {
    /// Where the table stands.
    pub span: Span,
    /// What it listens for.
    pub listens: Listens,
    /// Its line in the generated help.
    pub help: Option<Spanned<String>>,
    /// Whether the generated help leaves it out all the same, and no one is told of it who mistypes it.
    pub hidden: bool,
    /// What it does.
    pub rule: Rule,
}

/// What a command listens for.
#[derive(Debug, Clone, PartialEq)]
pub enum Listens {
    /// The first word or words of the message, whatever their case.
    Words(Vec<Spanned<String>>),
    /// Its first word or words and typed arguments, as in `page <team> [message...]`; and other words for the same.
    Usage(Spanned<String>, Vec<Spanned<String>>),
    /// A regular expression anywhere in the message.
    Pattern(Spanned<String>),
}

/// `[[on]]`
#[derive(Debug, Clone, PartialEq)]
pub struct On {
    /// What it reacts to.
    pub what: OnWhat,
    /// Whose membership; by default the bot's own for `memberships.created`, others' for the rest.
    pub who: Option<Spanned<Who>>,
    /// What it does.
    pub rule: Rule,
}

/// What an `[[on]]` reacts to.
#[derive(Debug, Clone, PartialEq)]
pub enum OnWhat {
    /// `event = "memberships.created"`, `event = "mention"`, …; of a timer with its name.
    Event(Spanned<String>, Option<Spanned<String>>),
    /// `card = "approve"`: a press of a button whose data says so in `action`.
    Card(Spanned<String>),
}

/// Whose membership an `[[on]]` is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    /// The bot's own.
    Bot,
    /// Anybody's but the bot's.
    Others,
    /// Anybody's.
    Anyone,
}
