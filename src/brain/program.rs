//! A program: a definition compiled to plain shared data, what a turn runs.

use std::sync::Arc;

use super::{Inbound, Schedule, delivery::Destination, template::Text};
use crate::{
    base::{BotId, Digest},
    definition::{Doubt, Format, Who},
    webex::kinds::Kinds,
};

/// A definition, compiled. Immutable; shared by reference.
#[derive(Debug, PartialEq)]
pub struct Program {
    pub(super) bot: BotId,
    pub(super) digest: Digest,
    pub(super) description: Option<Arc<str>>,
    pub(super) doubt: Doubt,
    pub(super) kinds: Kinds,
    pub(super) line_to_try: Arc<str>,
    pub(super) rules: Box<[Rule]>,
    /// Markdown of the generated help.
    pub(super) help: Option<Arc<str>>,
    pub(super) ons: Box<[OnRule]>,
    pub(super) fallback: Option<Say>,
    pub(super) schedules: Box<[Schedule]>,
    pub(super) inbounds: Box<[Inbound]>,
}

/// What a message is compared with, and the answer.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) when: Match,
    pub(super) say: Say,
}

#[derive(Debug, PartialEq)]
pub(super) enum Match {
    Words(Box<[Box<str>]>),
    Pattern(Arc<str>),
}

/// What a membership is compared with, and the answer.
#[derive(Debug, PartialEq)]
pub(super) struct OnRule {
    pub(super) kind: &'static str,
    pub(super) who: Who,
    pub(super) say: Say,
}

/// What to say, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Say {
    pub(super) text: Text,
    pub(super) format: Format,
    pub(super) thread: Option<bool>,
    pub(super) to: To,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The room of the event.
    Here,
    /// The person of the event, directly.
    Person,
    /// Somewhere else.
    Fixed(Destination),
}

impl Program {
    /// The bot it was written for.
    #[must_use]
    pub fn bot(&self) -> &BotId {
        &self.bot
    }

    /// Digest of the definition it was made of.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What the bot is for, as written.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// What becomes of a delivery that may have been sent before.
    #[must_use]
    pub fn doubt(&self) -> Doubt {
        self.doubt
    }

    /// The events it reacts to; all others need not be stored.
    #[must_use]
    pub fn kinds(&self) -> Kinds {
        self.kinds
    }

    /// What makes it act at its time.
    #[must_use]
    pub fn schedules(&self) -> &[Schedule] {
        &self.schedules
    }

    /// The hooks that other programs post to.
    #[must_use]
    pub fn inbounds(&self) -> &[Inbound] {
        &self.inbounds
    }

    /// Something to say to it that it answers, for prompts.
    #[must_use]
    pub fn line_to_try(&self) -> &str {
        &self.line_to_try
    }
}
