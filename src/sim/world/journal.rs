//! What happened, in order: requests, events, deliveries. Bounded: the oldest goes first.

use std::collections::VecDeque;

use serde::Serialize;

use crate::{
    base::Millis,
    sim::ids::{PersonId, RoomId},
};

/// One thing that happened.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Running number, shared with messages: everything of the world is in one order.
    pub(crate) seq: u64,
    /// When.
    pub(crate) at: Millis,
    /// What.
    pub(crate) what: What,
}

/// The kinds of things. Kept as ids and small texts; the public form is made when somebody reads it.
#[derive(Debug)]
pub(crate) enum What {
    /// A request to the API was answered.
    Request {
        /// Who asked, if the token was good.
        person: Option<PersonId>,
        /// HTTP method.
        method: String,
        /// Below `/v1`, with the query.
        path: String,
        /// The answer; 0 when there was none.
        status: u16,
        /// As in the answer's header.
        tracking_id: String,
        /// The rule that had a hand in it.
        fault: Option<u64>,
    },
    /// Something changed: `messages/created` and so on.
    Event {
        /// Resource and event in Webex's words.
        resource: &'static str,
        /// See `resource`.
        event: &'static str,
        /// Who did it.
        actor: PersonId,
        /// Where.
        room: RoomId,
        /// Public id of the thing.
        id: String,
        /// A message's text.
        text: Option<String>,
    },
    /// A delivery was tried.
    Delivery {
        /// Whose webhook.
        person: PersonId,
        /// Its name.
        webhook: String,
        /// Resource and event in Webex's words.
        resource: &'static str,
        /// See `resource`.
        event: &'static str,
        /// Where it happened.
        room: RoomId,
        /// Public id of the thing.
        id: String,
        /// What the target answered.
        status: Option<u16>,
        /// Why there was no answer.
        error: Option<String>,
        /// The rule that had a hand in it.
        fault: Option<u64>,
    },
}

/// Which entries are wanted.
#[derive(Debug, Default, Clone)]
pub(crate) struct Search {
    /// Only later ones.
    pub(crate) after: u64,
    /// `request`, `event` or `delivery`.
    pub(crate) kind: Option<String>,
    /// Only of this room.
    pub(crate) room: Option<RoomId>,
    /// Only of this person.
    pub(crate) person: Option<PersonId>,
    /// At most so many.
    pub(crate) max: usize,
}

impl What {
    fn kind(&self) -> &'static str {
        match self {
            Self::Request { .. } => "request",
            Self::Event { .. } => "event",
            Self::Delivery { .. } => "delivery",
        }
    }

    fn room(&self) -> Option<RoomId> {
        match self {
            Self::Request { .. } => None,
            Self::Event { room, .. } | Self::Delivery { room, .. } => Some(*room),
        }
    }

    fn person(&self) -> Option<PersonId> {
        match self {
            Self::Request { person, .. } => *person,
            Self::Event { actor, .. } => Some(*actor),
            Self::Delivery { person, .. } => Some(*person),
        }
    }
}

impl Search {
    fn finds(&self, entry: &Entry) -> bool {
        entry.seq > self.after
            && self.kind.as_deref().is_none_or(|kind| kind == entry.what.kind())
            && self.room.is_none_or(|room| Some(room) == entry.what.room())
            && self.person.is_none_or(|person| Some(person) == entry.what.person())
    }
}

/// The last so many entries.
#[derive(Debug)]
pub(crate) struct Journal {
    entries: VecDeque<Entry>,
    keep: usize,
}

impl Journal {
    /// Zero switches it off.
    pub(crate) fn new(keep: usize) -> Self {
        Self { entries: VecDeque::new(), keep }
    }

    /// Whether anything is kept.
    pub(crate) fn is_on(&self) -> bool {
        self.keep > 0
    }

    /// Changes how many are kept.
    pub(crate) fn keep(&mut self, keep: usize) {
        self.keep = keep;
        let extra = self.entries.len().saturating_sub(keep);
        self.entries.drain(..extra);
    }

    /// Appends one.
    pub(crate) fn push(&mut self, entry: Entry) {
        if self.entries.len() >= self.keep {
            self.entries.pop_front();
        }
        self.entries.push_back(entry);
    }

    /// The first `max` that are wanted, in order.
    pub(crate) fn search<'a>(&'a self, search: &'a Search) -> impl Iterator<Item = &'a Entry> {
        let start = self.entries.partition_point(|entry| entry.seq <= search.after);
        self.entries.range(start..).filter(|entry| search.finds(entry)).take(search.max)
    }

    /// The running number of the oldest kept entry: what came before it is forgotten.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|entry| entry.seq)
    }
}

/// An entry as the control API shows it.
#[derive(Debug, Serialize)]
pub(crate) struct Shown {
    pub(crate) seq: u64,
    pub(crate) at: String,
    pub(crate) kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) person: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) room: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) method: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) resource: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) event: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tracking_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fault: Option<u64>,
}

impl Entry {
    /// The public form; `email` names people.
    pub(crate) fn show(&self, email: impl Fn(PersonId) -> Option<String>) -> Shown {
        let mut shown = Shown {
            seq: self.seq,
            at: self.at.iso(),
            kind: self.what.kind(),
            person: self.what.person().and_then(email),
            room: self.what.room().map(RoomId::public),
            method: None,
            path: None,
            resource: None,
            event: None,
            id: None,
            text: None,
            webhook: None,
            status: None,
            error: None,
            tracking_id: None,
            fault: None,
        };
        match &self.what {
            What::Request { method, path, status, tracking_id, fault, .. } => {
                shown.method = Some(method.clone());
                shown.path = Some(path.clone());
                shown.status = Some(*status).filter(|status| *status > 0);
                shown.tracking_id = Some(tracking_id.clone());
                shown.fault = *fault;
            }
            What::Event { resource, event, id, text, .. } => {
                (shown.resource, shown.event) = (Some(*resource), Some(*event));
                shown.id = Some(id.clone());
                shown.text.clone_from(text);
            }
            What::Delivery { webhook, resource, event, id, status, error, fault, .. } => {
                (shown.resource, shown.event) = (Some(*resource), Some(*event));
                shown.id = Some(id.clone());
                shown.webhook = Some(webhook.clone());
                shown.status = *status;
                shown.error.clone_from(error);
                shown.fault = *fault;
            }
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(seq: u64) -> Entry {
        let what = What::Request {
            person: None,
            method: "GET".into(),
            path: "/rooms".into(),
            status: 200,
            tracking_id: "SIM_1".into(),
            fault: None,
        };
        Entry { seq, at: Millis(0), what }
    }

    #[test]
    fn the_oldest_entry_goes_first() {
        let mut journal = Journal::new(2);
        (1..=3).for_each(|seq| journal.push(entry(seq)));
        let all = Search { max: 10, ..Search::default() };
        assert_eq!(journal.search(&all).map(|entry| entry.seq).collect::<Vec<_>>(), [2, 3]);
        assert_eq!(journal.oldest(), Some(2));
        journal.keep(0);
        assert!(!journal.is_on() && journal.oldest().is_none());
    }

    #[test]
    fn a_search_goes_on_after_a_number_and_keeps_to_its_kind() {
        let mut journal = Journal::new(10);
        (1..=3).for_each(|seq| journal.push(entry(seq)));
        let search = Search { after: 1, max: 1, ..Search::default() };
        assert_eq!(journal.search(&search).map(|entry| entry.seq).collect::<Vec<_>>(), [2]);
        let search = Search { kind: Some("event".into()), max: 10, ..Search::default() };
        assert_eq!(journal.search(&search).count(), 0);
    }

    #[test]
    fn an_entry_shows_only_what_it_has() {
        let shown = serde_json::to_string(&entry(7).show(|_| None)).unwrap();
        assert_eq!(
            shown,
            concat!(
                r#"{"seq":7,"at":"1970-01-01T00:00:00.000Z","kind":"request","method":"GET","path":"/rooms","#,
                r#""status":200,"tracking_id":"SIM_1"}"#
            )
        );
    }
}
