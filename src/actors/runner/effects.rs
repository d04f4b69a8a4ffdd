//! The calls that answers may be posted for: from before a handler hears of its call until the call is over.
//!
//! Each has an address and a token of its own, good for nothing else. What is posted is accepted as an event before
//! the answer to the post is 2xx, as a webhook is.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::{
    base::{BotId, Clock, Digest, Event, EventId, Secret, Trigger},
    handlers::{AnswerError, HandlerAnswer},
    store::{Accepted, Answer, Class, NewEvent, Store, StoreError},
};

/// How long a posted answer is remembered, to know it when it comes again.
const SEEN: Duration = Duration::from_hours(24);
/// Answers to one call at most.
const MOST: u32 = 1_000;

/// The calls that answers may be posted for. Cheap to clone: all clones are the same.
#[derive(Clone)]
pub struct OpenCalls(Arc<Inner>);

struct Inner {
    calls: Mutex<HashMap<EventId, Arc<OpenCall>>>,
    inbox: Arc<dyn Inbox>,
    clock: Clock,
}

/// Where posted answers go.
pub trait Inbox: Send + Sync {
    /// Takes one in, unless its key has come before. The post is answered after this.
    fn take_in(&self, event: NewEvent) -> Answer<'_, Accepted>;
}

/// In the house: the inbox of the store.
struct Stored(Arc<dyn Store>);

impl Inbox for Stored {
    fn take_in(&self, event: NewEvent) -> Answer<'_, Accepted> {
        self.0.accept(event)
    }
}

/// One of them.
pub(super) struct OpenCall {
    token: Secret,
    bot: BotId,
    rule: String,
    origin: Event,
    files: Vec<String>,
    parts: AtomicU32,
    pub(super) done: Notify,
}

/// Why a post was not taken.
#[derive(Debug, thiserror::Error)]
pub enum EffectsError {
    /// No call of this id is being made, or the token is another's. Which of the two is nobody's business.
    #[error("no call with this id and token is open: it is over, or was made anew with another token")]
    Unknown,
    /// What was posted cannot be used.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// The call has had as many answers as it may.
    #[error("a call has at most {MOST} answers")]
    TooMany,
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OpenCalls {
    /// None yet; what is posted is stored.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Self {
        Self::into_inbox(Arc::new(Stored(store)), clock)
    }

    /// None yet; what is posted goes there.
    #[must_use]
    pub fn into_inbox(inbox: Arc<dyn Inbox>, clock: Clock) -> Self {
        Self(Arc::new(Inner { calls: Mutex::default(), inbox, clock }))
    }

    /// Opens the door of a call; it closes when the answer is dropped.
    pub(super) fn open(&self, call: EventId, bot: BotId, rule: String, origin: Event, files: Vec<String>) -> Opened {
        let token = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let entry = Arc::new(OpenCall {
            token: Secret::new(token),
            bot,
            rule,
            origin,
            files,
            parts: AtomicU32::new(0),
            done: Notify::new(),
        });
        self.lock().insert(call, Arc::clone(&entry));
        Opened { calls: self.clone(), id: call, call: entry }
    }

    /// Takes a posted answer in: durable when this answers. `again` is what makes it the same post when it comes again.
    ///
    /// # Errors
    /// [`EffectsError`]; nothing was taken in then.
    pub async fn post(
        &self,
        call: EventId,
        token: &Secret,
        body: &[u8],
        json: bool,
        again: Option<&str>,
    ) -> Result<Posted, EffectsError> {
        let open = self.find(call, token).ok_or(EffectsError::Unknown)?;
        let answer = HandlerAnswer::read(body, json)?;
        let mut event = None;
        if !answer.effects.is_empty() {
            let part = open.parts.fetch_add(1, Ordering::Relaxed) + 1;
            if part > MOST {
                return Err(EffectsError::TooMany);
            }
            let key = match again {
                Some(key) => format!("key/{}", Digest::of([key.as_bytes()]).mark()),
                None => format!("new/{}", EventId::new()),
            };
            let new = answered(&Answered {
                call,
                bot: &open.bot,
                rule: &open.rule,
                origin: &open.origin,
                part,
                key: &key,
                result: json!({ "effects": answer.effects }),
                clock: &self.0.clock,
            });
            let id = new.id;
            if let Accepted::New(_) = self.0.inbox.take_in(new).await? {
                event = Some(id);
            }
        }
        if answer.done {
            open.done.notify_one();
        }
        Ok(Posted { event, done: answer.done })
    }

    /// Whose file it is and where it is at Webex, if this call may have it.
    #[must_use]
    pub fn file(&self, call: EventId, token: &Secret, number: usize) -> Option<(BotId, String)> {
        let open = self.find(call, token)?;
        Some((open.bot.clone(), open.files.get(number)?.clone()))
    }

    fn find(&self, call: EventId, token: &Secret) -> Option<Arc<OpenCall>> {
        // Compared in constant time: a secret is.
        self.lock().get(&call).filter(|open| open.token == *token).cloned()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<EventId, Arc<OpenCall>>> {
        self.0.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What became of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posted {
    /// The event it is now; none when it held no effects, or had come before.
    pub event: Option<EventId>,
    /// It was the last.
    pub done: bool,
}

/// An open call; dropping it closes the door.
pub(super) struct Opened {
    calls: OpenCalls,
    id: EventId,
    pub(super) call: Arc<OpenCall>,
}

impl Opened {
    pub(super) fn token(&self) -> &str {
        self.call.token.expose()
    }

    /// The number of the next answer.
    pub(super) fn next_part(&self) -> u32 {
        self.call.parts.load(Ordering::Relaxed) + 1
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        let mut calls = self.calls.lock();
        // Only if it was not opened anew meanwhile.
        if calls.get(&self.id).is_some_and(|open| Arc::ptr_eq(open, &self.call)) {
            calls.remove(&self.id);
        }
    }
}

/// What an answer event is made from.
pub(super) struct Answered<'a> {
    pub(super) call: EventId,
    pub(super) bot: &'a BotId,
    pub(super) rule: &'a str,
    pub(super) origin: &'a Event,
    pub(super) part: u32,
    /// What makes it the same answer when it comes again.
    pub(super) key: &'a str,
    pub(super) result: Value,
    pub(super) clock: &'a Clock,
}

/// The event of an answer: it keeps the order of what was asked about.
pub(super) fn answered(answered: &Answered<'_>) -> NewEvent {
    let Answered { call, bot, rule, origin, part, key, result, clock } = answered;
    let now = clock.now();
    let trigger = Trigger::Answer {
        call: *call,
        part: *part,
        rule: (*rule).to_owned(),
        origin: Box::new((*origin).clone()),
        result: result.clone(),
    };
    let event = Event { at: now, actor: None, trigger };
    NewEvent {
        bot: (*bot).clone(),
        id: EventId::new(),
        kind: event.kind(),
        order_key: event.order_key(),
        dedupe_key: format!("answer/{call}/{key}"),
        seen_until: now.plus(SEEN),
        class: Class::Interactive,
        due_at: now,
        payload: event.encode(),
        envelope: None,
        answers: Some(*call),
    }
}

impl fmt::Debug for OpenCalls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenCalls").field("open", &self.lock().len()).finish()
    }
}
