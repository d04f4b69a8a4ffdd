//! What every kind of rule has below what it reacts to: when it applies, and what it does then.

use std::time::Duration;

use super::{
    data::Data,
    flow::Start,
    gate::Gate,
    handler::Handler,
    place::{Span, Spanned},
};

/// The body of a rule.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Rule {
    /// Where its table stands.
    pub span: Span,
    /// An expression; where it is false the next rule is tried.
    pub when: Option<Spanned<String>>,
    /// Who may use it, how often, and who must agree.
    pub gate: Gate,
    /// The first press of a card alone counts; later ones get the sentence of `already`.
    pub once: Option<Once>,
    /// What it keeps in the bot's memory.
    pub remember: Vec<Remember>,
    /// Adds the room to a topic.
    pub subscribe: Option<Spanned<String>>,
    /// Takes the room out of a topic.
    pub unsubscribe: Option<Spanned<String>>,
    /// An event for later.
    pub timer: Option<Timer>,
    /// Forgets a timer.
    pub cancel_timer: Option<Spanned<String>>,
    /// Deletes a message of the bot.
    pub delete: Option<Deletion>,
    /// The bot leaves the room.
    pub leave: bool,
    /// How it answers.
    pub action: Action,
}

impl Rule {
    /// Whether anything happens when it applies.
    #[must_use]
    pub fn does_something(&self) -> bool {
        self.action != Action::Nothing
            || !self.remember.is_empty()
            || self.subscribe.is_some()
            || self.unsubscribe.is_some()
            || self.timer.is_some()
            || self.cancel_timer.is_some()
            || self.delete.is_some()
            || self.leave
    }
}

/// How a rule answers.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Action {
    /// Not at all.
    #[default]
    Nothing,
    /// `reply`: one answer or several, in order.
    Reply(Vec<Reply>),
    /// `http`, `call`, `forward`, `exec`: a program does.
    Handler(Box<Handler>),
    /// `flow`: it starts a dialogue.
    Flow(Start),
}

/// `once = true`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    /// Where it stands.
    pub span: Span,
    /// What later presses are told.
    pub already: Option<Spanned<String>>,
}

/// `remember = { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Remember {
    /// Whose memory.
    pub scope: Scope,
    /// Under which key.
    pub key: Spanned<String>,
    /// What becomes of what is there.
    pub operation: Operation,
    /// How long it is kept; none: for good.
    pub expires: Option<Duration>,
}

/// Whose memory something is kept in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// The whole bot's.
    Bot,
    /// The room's, in which it happens.
    Room,
    /// The person's, whom it is about.
    Person,
}

impl Scope {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Self); 3] = [("bot", Self::Bot), ("room", Self::Room), ("person", Self::Person)];

    /// As it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Bot => "bot",
            Self::Room => "room",
            Self::Person => "person",
        }
    }
}

/// What becomes of what is kept.
#[derive(Debug, Clone, PartialEq)]
pub enum Operation {
    /// It is replaced.
    Set(Data),
    /// It is a list, and this becomes its last item; its last `keep` items stay.
    Append {
        /// The item.
        item: Data,
        /// How many stay.
        keep: u32,
    },
    /// It is a number, and this is added.
    Add(Data),
    /// It is forgotten.
    Forget,
}

/// `timer = { … }`
#[derive(Debug, Clone, PartialEq)]
pub struct Timer {
    /// Its name, one a bot; a template.
    pub name: Spanned<String>,
    /// When.
    pub at: At,
    /// What it brings along.
    pub value: Option<Data>,
}

/// When a timer is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// After a while.
    After(Duration),
    /// After a while: a template that gives `30m`, or a number of seconds.
    Later(Spanned<String>),
    /// At a moment: a template that gives `2026-11-29T09:00:00Z`.
    Moment(Spanned<String>),
}

/// What a rule deletes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Deletion {
    /// The message whose card was pressed.
    Pressed(Span),
    /// The message last sent under a key, in the room; a template.
    Key(Spanned<String>),
}

/// One answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// Where it stands.
    pub span: Span,
    /// An expression; where it is false this one is left out.
    pub when: Option<Spanned<String>>,
    /// What is said: text or template.
    pub body: Spanned<String>,
    /// What the text is.
    pub format: Format,
    /// In a thread: `true` begins one, `false` stays out of the one the message is in.
    pub thread: Option<bool>,
    /// Where to, as written; none: where the event happened.
    pub to: Vec<Spanned<String>>,
    /// A name for the message, and what becomes of an earlier one of that name.
    pub key: Option<(Spanned<String>, Then)>,
    /// Kept with the message, and given back with each press of its card.
    pub context: Option<Data>,
    /// The message whose card was pressed becomes this one.
    pub update: Option<Spanned<Update>>,
    /// A card, by the path of its file from the definition.
    pub card: Option<Spanned<String>>,
    /// What the card's templates see as `data`.
    pub data: Option<Data>,
    /// A file: its path from the definition, or its address.
    pub file: Option<Spanned<String>>,
}

/// What becomes of an earlier message of the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Then {
    /// It is changed.
    Edit,
    /// This one is written into its thread.
    Thread,
    /// It is deleted, and this one is written.
    Replace,
    /// This one is not written.
    Skip,
}

/// How the message whose card was pressed becomes another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Update {
    /// It is edited.
    Edit,
    /// It is deleted, and the other is written: for cards, which Webex does not let be edited.
    Replace,
}

/// What a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Shown as it is.
    Text,
    /// Webex's markdown.
    Markdown,
}
