//! A program: a definition compiled to plain shared data, what a turn runs.

use std::{sync::Arc, time::Duration};

use super::{
    Inbound, Schedule,
    access::Access,
    call::{Busy, Part},
    card::Card,
    data::Data,
    delivery::{Destination, Then},
    flow::{self, script::Flow},
    template::Text,
    usage::Usage,
    uses::Uses,
};
use crate::{
    base::{BotId, Digest},
    definition::{
        Doubt, Format, Help, Who,
        rule::{Scope, Update},
    },
    webex::kinds::Kinds,
};

/// A definition, compiled. Immutable; shared by reference.
#[derive(Debug, PartialEq)]
pub struct Program {
    pub(super) bot: BotId,
    pub(super) digest: Digest,
    /// The definition's file, relative to its `bots.d`.
    pub(super) file: Arc<str>,
    pub(super) description: Option<Arc<str>>,
    pub(super) doubt: Doubt,
    pub(super) kinds: Kinds,
    pub(super) line_to_try: Arc<str>,
    /// What the settings allow at most.
    pub(super) ceiling: Arc<Access>,
    /// Who may use it at all; none: everybody whom the ceiling lets.
    pub(super) access: Option<Box<Access>>,
    /// What those are told who may not.
    pub(super) denied: Option<Box<Text>>,
    pub(super) membership: Option<Box<Membership>>,
    /// Shared values for templates.
    pub(super) vars: Option<Arc<serde_json::Value>>,
    /// Names for room ids.
    pub(super) rooms: Box<[(Box<str>, Box<str>)]>,
    pub(super) rules: Box<[Rule]>,
    /// How the generated help looks; none: there is none.
    pub(super) help: Option<Help>,
    pub(super) ons: Box<[OnRule]>,
    pub(super) flows: Box<[Flow]>,
    pub(super) fallback: Option<Body>,
    pub(super) schedules: Box<[Schedule]>,
    /// What each of them does.
    pub(super) schedule_rules: Box<[ScheduleRule]>,
    pub(super) inbounds: Box<[Inbound]>,
    /// What posts are compared with, in the order of the file: the name of the hook, and what is done then.
    pub(super) inbound_rules: Box<[(Arc<str>, Body)]>,
}

/// What a message is compared with, and what is done then.
#[derive(Debug, PartialEq)]
pub(super) struct Rule {
    pub(super) listens: Match,
    /// Its line in the generated help.
    pub(super) help: Option<Box<str>>,
    pub(super) hidden: bool,
    pub(super) body: Body,
}

#[derive(Debug, PartialEq)]
pub(super) enum Match {
    Words(Box<[Box<str>]>),
    /// Words and typed arguments; other words for the same.
    Usage(Box<Usage>, Box<[Box<str>]>),
    Pattern(Arc<str>),
}

/// What an event is compared with, and what is done then.
#[derive(Debug, PartialEq)]
pub(super) struct OnRule {
    pub(super) what: What,
    pub(super) body: Body,
}

/// What a rule of `[[on]]` reacts to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum What {
    /// Any message, or only those in group rooms (there a bot is told only what mentions it), or only direct ones.
    Message(Where),
    /// A message with a file.
    File,
    Membership(&'static str, Who),
    /// A timer, of this name.
    Timer(Option<Box<str>>),
    /// A press of a button whose data says so in `action`.
    Card(Box<str>),
    /// Any other kind, by its name.
    Kind(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Where {
    Anywhere,
    Group,
    Direct,
}

/// What a schedule does.
#[derive(Debug, PartialEq)]
pub(super) struct ScheduleRule {
    /// The room whose people have it each at their own time.
    pub(super) people_of: Option<Box<str>>,
    pub(super) body: Body,
}

/// The body of a rule: when it applies, and what it does, in order.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Body {
    pub(super) when: Option<Box<Text>>,
    pub(super) gate: Option<Box<Gate>>,
    pub(super) once: Option<Box<Once>>,
    pub(super) does: Box<[Does]>,
    /// What all that it does uses.
    pub(super) uses: Uses,
}

/// What stands before a rule.
#[derive(Debug, PartialEq, Default)]
pub(super) struct Gate {
    pub(super) access: Access,
    /// What those are told who may not.
    pub(super) denied: Option<Text>,
    /// How long one person waits before using it again.
    pub(super) cooldown: Option<Duration>,
    pub(super) approve: Option<Approve>,
}

/// Who must agree first.
#[derive(Debug, PartialEq)]
pub(super) struct Approve {
    pub(super) by: Access,
    pub(super) count: u32,
    pub(super) not_requester: bool,
    pub(super) within: Duration,
    /// Where it is asked; none: where the rule was used.
    pub(super) to: Option<To>,
}

/// Who may bring the bot into a room.
#[derive(Debug, PartialEq)]
pub(super) struct Membership {
    pub(super) added_by: Access,
    /// What it says before it leaves.
    pub(super) denied: Option<Text>,
}

/// The first press of a card alone counts.
#[derive(Debug, PartialEq)]
pub(super) struct Once {
    /// What later presses are told.
    pub(super) already: Option<Text>,
}

/// One thing that a rule does. Each is boxed: most rules only say something, and the largest of these would set the
/// size of all.
#[derive(Debug, PartialEq)]
pub(super) enum Does {
    Say(Box<Say>),
    Remember(Box<Remember>),
    Subscribe(Box<Text>),
    Unsubscribe(Box<Text>),
    Timer(Box<Timer>),
    CancelTimer(Box<Text>),
    Flow(Box<Start>),
    DeletePressed,
    DeleteKey(Box<Text>),
    Leave,
    /// A sentence at once, while a program works.
    Ack(Box<Ack>),
    /// A call of a program.
    Ask(Box<Asks>),
    /// A script, run inside the turn.
    Script(Box<Script>),
}

/// A change of the bot's memory.
#[derive(Debug, PartialEq)]
pub(super) struct Remember {
    pub(super) scope: Scope,
    pub(super) key: Text,
    pub(super) operation: Operation,
    pub(super) expires: Option<Duration>,
}

/// A timer that is set.
#[derive(Debug, PartialEq)]
pub(super) struct Timer {
    pub(super) name: Text,
    pub(super) at: At,
    pub(super) value: Data,
}

/// A dialogue that begins, with answers that are known already.
#[derive(Debug, PartialEq)]
pub(super) struct Start {
    pub(super) flow: usize,
    pub(super) answers: Box<[(Box<str>, Data)]>,
}

/// A sentence, and where it goes.
#[derive(Debug, PartialEq)]
pub(super) struct Ack {
    pub(super) text: Text,
    pub(super) to: Box<[To]>,
}

/// A script, and what is said when it fails.
#[derive(Debug, PartialEq)]
pub(super) struct Script {
    pub(super) source: Arc<str>,
    pub(super) on_error: Option<Text>,
    pub(super) to: Box<[To]>,
    pub(super) uses: Uses,
}

/// A call of a program, and what becomes of its answer.
#[derive(Debug, PartialEq)]
pub(super) struct Asks {
    pub(super) form: AskForm,
    pub(super) timeout_ms: u64,
    pub(super) busy: Busy,
    /// 0: as many as the bot may have.
    pub(super) max_in_flight: u32,
    /// Said when it is given up.
    pub(super) on_error: Option<Text>,
    /// Where what it says goes, where it says nothing of that itself; nothing: where the event is.
    pub(super) to: Box<[To]>,
    /// What is done with the response of an API.
    pub(super) then: Box<[Does]>,
    /// What the call itself uses.
    pub(super) uses: Uses,
    /// What is used when the answer is there.
    pub(super) later: Uses,
}

/// Texts by name.
pub(super) type NamedTexts = Box<[(Box<str>, Text)]>;
/// Texts by name, of pieces each.
pub(super) type NamedPieces = Box<[(Box<str>, Box<[Piece]>)]>;

#[derive(Debug, PartialEq)]
pub(super) enum AskForm {
    Http {
        url: Box<str>,
        /// A reference; none: it is not signed.
        secret: Option<Box<str>>,
    },
    Call {
        method: &'static str,
        url: Text,
        query: NamedTexts,
        headers: NamedPieces,
        body: Option<AskBody>,
    },
    Forward {
        url: Box<str>,
        /// A reference; empty: it is not signed.
        secret: Box<str>,
    },
    Exec {
        command: Box<[Box<str>]>,
        env: Box<[(Box<str>, Part)]>,
        worker: bool,
    },
}

#[derive(Debug, PartialEq)]
pub(super) enum AskBody {
    Json(Data),
    Form(Box<[(Box<str>, Text)]>),
    Text(Text),
}

/// A piece of a header.
#[derive(Debug, PartialEq)]
pub(super) enum Piece {
    Text(Text),
    /// A reference.
    Secret(Box<str>),
}

impl AskForm {
    /// Adds what its templates use.
    pub(super) fn join_uses(&self, uses: &mut Uses) {
        let Self::Call { url, query, headers, body, .. } = self else { return };
        let mut join = |text: &Text| text.uses().into_iter().for_each(|used| uses.join(used));
        join(url);
        query.iter().for_each(|(_, text)| join(text));
        let pieces = headers.iter().flat_map(|(_, pieces)| pieces);
        pieces.for_each(|piece| {
            if let Piece::Text(text) = piece {
                join(text);
            }
        });
        match body {
            Some(AskBody::Json(data)) => data.join_uses(uses),
            Some(AskBody::Form(fields)) => fields.iter().for_each(|(_, text)| join(text)),
            Some(AskBody::Text(text)) => join(text),
            None => {}
        }
    }
}

#[derive(Debug, PartialEq)]
pub(super) enum Operation {
    Set(Data),
    Append { item: Data, keep: u32 },
    Add(Data),
    Forget,
}

#[derive(Debug, PartialEq)]
pub(super) enum At {
    After(Duration),
    Later(Text),
    Moment(Text),
}

/// What to say, and where.
#[derive(Debug, PartialEq)]
pub(super) struct Say {
    pub(super) text: Text,
    pub(super) format: Format,
    pub(super) thread: Option<bool>,
    /// Nothing: where the event is.
    pub(super) to: Box<[To]>,
    /// None: nothing of it.
    pub(super) more: Option<Box<More>>,
}

/// What few replies have.
#[derive(Debug, PartialEq, Default)]
pub(super) struct More {
    pub(super) when: Option<Text>,
    pub(super) key: Option<(Text, Then)>,
    pub(super) context: Option<Data>,
    pub(super) update: Option<Update>,
    /// A card, and what its templates see as `data`.
    pub(super) card: Option<(Card, Option<Data>)>,
    pub(super) file: Option<Sendable>,
}

/// A file to be sent.
#[derive(Debug, PartialEq)]
pub(super) enum Sendable {
    /// By its path below `bots.d`.
    Path(Box<str>),
    /// By its address.
    Url(Text),
}

#[derive(Debug, PartialEq, Eq, Clone)]
pub(super) enum To {
    /// The room of the event.
    Here,
    /// The person of the event, directly.
    Person,
    /// Somewhere else.
    Fixed(Destination),
    /// Each member of a room, directly; nothing: of the room of the event.
    Members(Option<Box<str>>),
    /// Every room that subscribed to a topic; a template.
    Topic(Text),
    /// What a template says.
    Template(Text),
}

impl Say {
    pub(super) fn more(&self) -> &More {
        const NOTHING: &More = &More { when: None, key: None, context: None, update: None, card: None, file: None };
        self.more.as_deref().unwrap_or(NOTHING)
    }
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

    /// The definition's file, relative to its `bots.d`.
    #[must_use]
    pub fn file(&self) -> &str {
        &self.file
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

    /// Whether a dialogue asks by a card.
    pub(super) fn has_forms(&self) -> bool {
        let forms = |flow: &Flow| flow.plan.steps.iter().any(|step| matches!(step.does, flow::plan::Does::Form { .. }));
        self.flows.iter().any(forms)
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
