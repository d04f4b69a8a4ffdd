//! Dead letters as plain data: events that were buried and deliveries that were given up, and how they are chosen.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::base::{BotId, EventId, Millis};

/// Letters that one step of a replay or a drop moves at most: about 10 ms of the writer, which all others wait for.
pub const LETTERS_A_STEP: usize = 500;

/// Why something is a dead letter, in one word to find it by. The sentence is in [`Reason`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The program cannot handle the event.
    Failed,
    /// It was tried as often as it may be.
    GaveUp,
    /// What it waited for took longer than a day.
    TooOld,
    /// This version cannot read what was stored.
    Unreadable,
    /// The program panicked on it, or it took the process down.
    Crashed,
    /// Webex does not take the delivery, or the store does not take the turn.
    Refused,
    /// Its bot left before it was handled.
    Removed,
}

impl Cause {
    /// All of them, in the order in which documents list them.
    pub const ALL: [Self; 7] =
        [Self::Failed, Self::GaveUp, Self::TooOld, Self::Unreadable, Self::Crashed, Self::Refused, Self::Removed];

    /// The word for it, in the store, JSON, queries and tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::GaveUp => "gave_up",
            Self::TooOld => "too_old",
            Self::Unreadable => "unreadable",
            Self::Crashed => "crashed",
            Self::Refused => "refused",
            Self::Removed => "removed",
        }
    }

    /// Reads what [`Cause::as_str`] says.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == word)
    }

    /// With the sentence that tells it to people.
    #[must_use]
    pub fn because(self, text: impl Into<String>) -> Reason {
        Reason { cause: self, text: text.into() }
    }
}

/// Why something is a dead letter: the word and the sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The word.
    pub cause: Cause,
    /// The sentence, for people. No content, no secrets.
    pub text: String,
}

/// A sentence alone is about the event itself.
impl From<&str> for Reason {
    fn from(text: &str) -> Self {
        Cause::Failed.because(text)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What a dead letter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// An event that was buried.
    Event,
    /// A delivery that was given up.
    Delivery,
}

impl LetterKind {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Event => "event",
            Self::Delivery => "delivery",
        }
    }

    /// Reads what [`LetterKind::as_str`] says.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Event, Self::Delivery].into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Which dead letters are meant; what is not said does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LetterFilter {
    /// This one alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// Of this bot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bot: Option<BotId>,
    /// Only events, or only deliveries.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<LetterKind>,
    /// That died of this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// That died at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Millis>,
    /// That died before this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Millis>,
    /// A replay also takes deliveries that may have been sent although nothing says so. One that is named by its
    /// id is taken in any case.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub doubtful: bool,
}

impl LetterFilter {
    /// Nothing is said that chooses: it is all there are.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self { doubtful: self.doubtful, ..Self::default() }
    }
}

/// `bot echo, cause failed`: for people and the audit.
impl fmt::Display for LetterFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        let mut put = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                let comma = if text.is_empty() { "" } else { ", " };
                let _ = write!(text, "{comma}{name} {value}");
            }
        };
        put("id", self.id.map(|id| id.to_string()));
        put("bot", self.bot.as_ref().map(ToString::to_string));
        put("kind", self.kind.map(|kind| kind.as_str().to_owned()));
        put("cause", self.cause.map(|cause| cause.as_str().to_owned()));
        put("since", self.since.map(Millis::iso));
        put("until", self.until.map(Millis::iso));
        f.write_str(if text.is_empty() { "all" } else { &text })
    }
}

/// Which dead letters to list.
#[derive(Debug, Clone, Default)]
pub struct LetterQuery {
    /// Which.
    pub filter: LetterFilter,
    /// Those after the last one of a page: its [`LetterPage::next`].
    pub after: Option<LetterPlace>,
    /// At most this many, the last to die first.
    pub limit: u32,
}

/// Where a page of the list ends. Opaque to whoever hands it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LetterPlace {
    pub(super) at: i64,
    pub(super) kind: LetterKind,
    pub(super) seq: i64,
}

impl fmt::Display for LetterPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.at, self.kind.as_str(), self.seq)
    }
}

impl FromStr for LetterPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('.');
        let place = (|| {
            let place = Self {
                at: parts.next()?.parse().ok()?,
                kind: LetterKind::parse(parts.next()?)?,
                seq: parts.next()?.parse().ok()?,
            };
            parts.next().is_none().then_some(place)
        })();
        place.ok_or_else(|| "this is no place in a list that was handed out".to_owned())
    }
}

/// A page of dead letters.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LetterPage {
    /// The last to die first.
    pub letters: Vec<Letter>,
    /// There are more: where the next page begins.
    pub next: Option<String>,
}

/// One line of `botyard dead`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Public id of the event or delivery.
    pub id: EventId,
    /// Which of the two it is.
    pub kind: LetterKind,
    /// Whose.
    pub bot: BotId,
    /// `messages.created`, … of an event; nothing of a delivery.
    pub what: Option<String>,
    /// The event that a delivery answers.
    pub event: Option<EventId>,
    /// Why it died, in one word. One of a newer version may not be known here.
    pub cause: Option<Cause>,
    /// Why it died, as a sentence.
    pub reason: Option<String>,
    /// Claims or tries since it was accepted or last replayed.
    pub attempt: u32,
    /// When the event was accepted, or the delivery promised.
    pub accepted_at: Millis,
    /// When it was buried or given up.
    pub died_at: Millis,
    /// How often it was replayed.
    pub replays: u32,
    /// A delivery that may have been sent although nothing says so.
    pub doubtful: bool,
}

/// One dead letter whole: with what people wrote. It is for its operator; logs and metrics never hold it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LetterDetail {
    /// The line.
    #[serde(flatten)]
    pub letter: Letter,
    /// What it keeps its order with.
    pub order_key: String,
    /// When it was last claimed or tried.
    pub tried_at: Option<Millis>,
    /// Webex's TrackingID of a delivery's last try.
    pub tracking_id: Option<String>,
    /// The record of an event's last turn.
    pub record: Option<Value>,
    /// The event or the delivery as it is stored; text when it is no JSON, nothing when it was erased.
    pub content: Option<Value>,
    /// The webhook as Webex sent it, where it is kept.
    pub envelope: Option<Value>,
}

/// A step of a replay or a drop: bounded work, so that nobody else waits for long.
#[derive(Debug, Clone, Default)]
pub struct LetterStep {
    /// Which.
    pub filter: LetterFilter,
    /// Where the last step ended; nothing: this is the first.
    pub from: Option<StepPlace>,
}

/// Where a step ended. Opaque to whoever hands it back.
///
/// It carries the newest numbers there were when the first step began: what is replayed, fails again and dies a
/// second time has a higher one, and is not taken a second time by the same replay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepPlace {
    pub(super) kind: LetterKind,
    pub(super) at: i64,
    pub(super) seq: i64,
    pub(super) events: i64,
    pub(super) deliveries: i64,
}

impl fmt::Display for StepPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, at, seq, events, deliveries } = self;
        write!(f, "{}.{at}.{seq}.{events}.{deliveries}", kind.as_str())
    }
}

impl FromStr for StepPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('.');
        let place = (|| {
            let kind = LetterKind::parse(parts.next()?)?;
            let mut number = || parts.next()?.parse().ok();
            let place = Self { kind, at: number()?, seq: number()?, events: number()?, deliveries: number()? };
            parts.next().is_none().then_some(place)
        })();
        place.ok_or_else(|| "this is no place of a step that was handed out".to_owned())
    }
}

/// What a step came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LettersMoved {
    /// Events replayed, or dropped.
    pub events: u64,
    /// Deliveries replayed, or dropped.
    pub deliveries: u64,
    /// Left where they are: their bot is retired.
    pub retired: u64,
    /// Left where they are: deliveries that may have been sent already.
    pub doubtful: u64,
    /// Left where they are: their content was erased.
    pub erased: u64,
    /// This bot has no room for more: the step ended there, and so should the replay for now.
    pub full: Option<BotId>,
    /// There are more: where the next step begins.
    pub next: Option<String>,
}

impl LettersMoved {
    /// How many were moved.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.events + self.deliveries
    }

    /// Adds what a later step came to.
    pub fn add(&mut self, later: Self) {
        self.events += later.events;
        self.deliveries += later.deliveries;
        self.retired += later.retired;
        self.doubtful += later.doubtful;
        self.erased += later.erased;
        self.full = later.full;
        self.next = later.next;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kind() -> impl Strategy<Value = LetterKind> {
        prop_oneof![Just(LetterKind::Event), Just(LetterKind::Delivery)]
    }

    proptest! {
        #[test]
        fn places_travel_as_text(kind in kind(), at: i64, seq: i64, events: i64, deliveries: i64) {
            let place = LetterPlace { at, kind, seq };
            prop_assert_eq!(place.to_string().parse(), Ok(place));
            let step = StepPlace { kind, at, seq, events, deliveries };
            prop_assert_eq!(step.to_string().parse(), Ok(step));
        }

        #[test]
        fn what_is_no_place_is_refused(text in "[a-z0-9.-]{0,40}") {
            prop_assert!(text.parse::<LetterPlace>().is_err() || text.matches('.').count() == 2);
            prop_assert!(text.parse::<StepPlace>().is_err() || text.matches('.').count() == 4);
        }
    }

    #[test]
    fn a_cause_has_one_word_in_json_and_everywhere_else() {
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_value(cause).unwrap(), cause.as_str());
            assert_eq!(Cause::parse(cause.as_str()), Some(cause));
        }
        assert_eq!(Cause::parse("sorrow"), None);
    }

    #[test]
    fn a_filter_says_in_words_what_it_chooses() {
        let all = LetterFilter { doubtful: true, ..LetterFilter::default() };
        assert!(all.is_all());
        assert_eq!(all.to_string(), "all");
        let some = LetterFilter {
            bot: Some(BotId::parse("echo").unwrap()),
            cause: Some(Cause::GaveUp),
            since: Some(Millis(1_767_225_600_000)),
            ..LetterFilter::default()
        };
        assert!(!some.is_all());
        assert_eq!(some.to_string(), "bot echo, cause gave_up, since 2026-01-01T00:00:00.000Z");
    }
}
