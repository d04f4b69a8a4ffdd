//! Tests beside a definition (`echo.test.toml`) as plain data: conversations, and what is expected of the bot.
//!
//! They are read with the same reader and answered with the same diagnostics as definitions. Nothing is played
//! here: that is what `trial` is for.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use chrono::{NaiveDateTime, NaiveTime, Weekday};
use chrono_tz::Tz;
use serde_json::{Map, Value};

use super::place::{Place, Span, Spanned};
use crate::base::Millis;

/// People that every test knows; all of them are at `example.com`.
pub const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "admin"];

/// A file of tests.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseFile {
    /// Its name, relative to its `bots.d`.
    pub file: String,
    /// Its text, for places.
    pub text: Arc<str>,
    /// People besides [`PEOPLE`].
    pub people: Vec<Stranger>,
    /// What is said of rooms.
    pub rooms: Vec<Hall>,
    /// The tests.
    pub cases: Vec<Case>,
}

impl CaseFile {
    /// File name and text that the spans belong to.
    #[must_use]
    pub fn place(&self) -> Place<'_> {
        Place::alone(&self.file, &self.text)
    }

    /// The line of a span, from 1.
    #[must_use]
    pub fn line(&self, span: Span) -> usize {
        let before = self.text.get(..span.start as usize).unwrap_or_default();
        before.matches('\n').count() + 1
    }
}

/// Somebody a test makes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// What they are called in steps.
    pub name: String,
    /// Address.
    pub email: String,
    /// Display name; none: made of `name`.
    pub display_name: Option<String>,
    /// Organization; none: that of everybody at the same domain.
    pub org: Option<String>,
    /// The time zone they have set; none: they have not.
    pub zone: Option<Tz>,
}

/// A room a test makes up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hall {
    /// What it is called in steps.
    pub name: Spanned<String>,
    /// Its id; none: made of its name.
    pub id: Option<String>,
    /// Who is in it besides the bot.
    pub members: Vec<Spanned<String>>,
}

/// One test.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// What it shows.
    pub name: Spanned<String>,
    /// When it begins.
    pub now: Moment,
    /// Where clocks are read.
    pub zone: Tz,
    /// The room of steps that name none; none: the room for two.
    pub room: Option<String>,
    /// What the settings allow at most; none: everything.
    pub ceiling: Option<Ceiling>,
    /// What happens, and what is expected, in order.
    pub steps: Vec<Step>,
}

/// What the settings allow at most, with the keys of their `[access]`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ceiling {
    /// Domains of addresses.
    pub domains: Vec<String>,
    /// Organizations, by id.
    pub orgs: Vec<String>,
    /// People, as steps call them.
    pub people: Vec<String>,
    /// Rooms, as steps call them.
    pub rooms: Vec<String>,
    /// Only direct rooms (`true`), or only the others.
    pub direct: Option<bool>,
    /// Domains of addresses that are kept out.
    pub deny_domains: Vec<String>,
    /// Organizations that are kept out.
    pub deny_orgs: Vec<String>,
    /// People that are kept out.
    pub deny_people: Vec<String>,
    /// Rooms in which no bot is used.
    pub deny_rooms: Vec<String>,
}

/// A moment as a person writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Date and time on the clock of the test's zone.
    Local(NaiveDateTime),
    /// Date, time and offset.
    Exact(Millis),
    /// The next time that the clock shows this, on this day of the week if there is one.
    Next(Option<Weekday>, NaiveTime),
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// Where it stands.
    pub span: Span,
    /// What it is.
    pub act: Act,
}

/// What a step is.
#[derive(Debug, Clone, PartialEq)]
pub enum Act {
    /// A person does something.
    Person(PersonAct),
    /// Time passes.
    Wait(Duration),
    /// Time passes until a moment.
    Until(Moment),
    /// Another program posts to an inbound hook.
    Post(Post),
    /// The bot's memory holds this already.
    Given(Given),
    /// A handler answers the oldest call that is open.
    Answer(Answered),
    /// The bot is expected to do, or to have done, something.
    Expect(Box<Expect>),
}

/// A person does something.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonAct {
    /// A name, or an address.
    pub who: String,
    /// What.
    pub verb: Verb,
    /// In which room; none: the test's.
    pub room: Option<String>,
    /// Whether the bot is mentioned; none: in group rooms, because there a bot hears nothing else.
    pub mention: Option<bool>,
    /// As a reply in the thread of the last message there.
    pub thread: bool,
    /// A file that goes along, by its name.
    pub file: Option<String>,
}

/// What a person does.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Writes.
    Says(String),
    /// Presses a button of the last card that has it, by its title, its `data.action` or its id.
    Presses {
        /// Which button.
        button: Spanned<String>,
        /// What is filled in.
        inputs: Map<String, Value>,
        /// What stands in place of the button's own data: clients can be forged.
        data: Option<Value>,
        /// The card is gone, and their client still shows it.
        late: bool,
    },
    /// Changes the own last message.
    Edits(String),
    /// Deletes the own last message.
    Deletes,
    /// Comes into a room.
    Joins(String),
    /// Goes.
    Leaves(String),
    /// Brings somebody, or the bot, into the room.
    Adds(String),
    /// Puts somebody, or the bot, out of the room.
    Removes(String),
}

/// Another program posts to an inbound hook.
#[derive(Debug, Clone, PartialEq)]
pub struct Post {
    /// Its name in the definition.
    pub hook: Spanned<String>,
    /// What is posted.
    pub body: Body,
    /// Headers, names in lower case.
    pub headers: BTreeMap<String, String>,
}

/// What is posted.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// This.
    Value(Value),
    /// What a file beside the test holds: JSON if it ends in `.json`, otherwise text.
    File(Spanned<String>),
}

/// What a handler answers.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What.
    pub what: Fixture,
    /// More will come: the call stays open.
    pub more: bool,
    /// It comes so much later; none: now.
    pub after: Option<Duration>,
}

/// An answer that no program gave.
#[derive(Debug, Clone, PartialEq)]
pub enum Fixture {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its body.
        body: String,
        /// Whether that is JSON.
        json: bool,
    },
    /// None, for this reason.
    Error(String),
}

/// What a call is like.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CallShape {
    /// `http`, `call`, `forward`, `exec`.
    pub form: Option<String>,
    /// `GET`, …
    pub method: Option<String>,
    /// The address, or a part of it; of a program its command.
    pub url: Option<String>,
    /// What its JSON has.
    pub json: Option<Value>,
    /// What its body has in it.
    pub contains: Vec<String>,
}

/// The bot's memory holds this already.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Given {
    /// What it holds.
    pub values: Vec<(Scope, String, Value)>,
    /// The room of what is the room's.
    pub room: Option<String>,
    /// The person of what is the person's.
    pub person: Option<String>,
}

/// Whose memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The bot's.
    Bot,
    /// A room's.
    Room,
    /// A person's.
    Person,
}

impl Scope {
    /// All of them, as they are written.
    pub const ALL: [(&'static str, Self); 3] = [("bot", Self::Bot), ("room", Self::Room), ("person", Self::Person)];
}

/// What the bot is expected to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Expect {
    /// What.
    pub what: Expected,
    /// Where; none: where the last thing happened.
    pub place: Option<Whither>,
    /// The person of what is a person's; none: whoever did something last.
    pub person: Option<String>,
    /// In a thread, or not in one.
    pub thread: Option<bool>,
    /// The rule that decided, by its label.
    pub rule: Option<String>,
    /// What the message's card has.
    pub card: Option<Value>,
    /// The key the message was sent under.
    pub key: Option<String>,
    /// What is kept with the message.
    pub context: Option<Value>,
    /// The file sent along: its path or address, or the end of it.
    pub file: Option<String>,
}

/// Where something is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whither {
    /// In a room.
    Room(String),
    /// In the room for two with a person.
    Person(String),
}

/// What is expected.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// A message.
    Says(Words),
    /// A message with a card that has this.
    Shows(Value),
    /// A message is changed to this.
    Edits(Words),
    /// A message that said this is deleted.
    Deletes(Words),
    /// Nothing more than was expected so far.
    Silent,
    /// It keeps these.
    Remembers(Vec<(Scope, String, Value)>),
    /// It does not keep these.
    Forgets(Vec<(Scope, String)>),
    /// It calls a handler; what that answers, if it does so at once.
    Calls(CallShape, Option<Answered>),
    /// It has made no call that was not expected so far.
    CallsNobody,
    /// It leaves a room.
    Leaves,
    /// No dialogue is open with the person in the room.
    Ends,
    /// The event cannot be handled, with this sentence.
    Fails(Words),
}

/// What a text is compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Words {
    /// Any text.
    Any,
    /// This one.
    Exact(String),
    /// One that fits.
    Like {
        /// What it has in it.
        contains: Vec<String>,
        /// What it has not in it.
        lacks: Vec<String>,
        /// A regular expression for some of it.
        matches: Option<Pattern>,
    },
}

/// A regular expression.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// As written.
    pub source: String,
    /// Ready to be used.
    pub regex: regex_automata::meta::Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}
