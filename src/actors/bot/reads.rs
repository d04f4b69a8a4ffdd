//! Answers what a step wants to know: from the cache, from the store, or from Webex through the api actor.

use std::{sync::Arc, time::Duration};

use serde::de::DeserializeOwned;

use super::Deps;
use crate::{
    actors::{
        api::{Call, CallClass, CallError},
        retries::Trouble,
    },
    base::{BotId, Lease, Version},
    brain::{Fact, Read, SentMessage},
    store::{SentAnswer, SentLook, SentQuery, SentRow},
    webex::{Reply, Request, Verdict, model},
};

/// How long a turn waits for one answer of Webex, queueing and retries included.
const DEADLINE: Duration = Duration::from_secs(30);

/// People of a room that are read; who is beyond is as if not there.
const MEMBERS: usize = 1_000;
/// Pages of them: Webex may give fewer than were asked for, or none, and still say that there are more.
const MEMBER_PAGES: usize = 20;

/// Why a read has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ReadError {
    /// The bot cannot ask at all now (dead token, closed lane): give the event back.
    Down,
    /// Try the turn again later.
    Later(Trouble, String),
}

/// What was found, and where, for the turn's record.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answered {
    pub(super) fact: Fact,
    pub(super) from_cache: bool,
}

impl Deps {
    /// Reads one thing.
    pub(super) async fn read(&self, lease: &Lease, read: &Read) -> Result<Answered, ReadError> {
        if let Read::State(scope, key) = read {
            let keys = vec![(scope.clone(), key.clone())];
            let mut values = self.store.read_state(lease.bot.clone(), keys).await.map_err(|e| unread(&e))?;
            let value = values.pop().ok_or_else(|| unread(&"it answered nothing"))?;
            return Ok(Answered { fact: Fact::State(value.version, value.value), from_cache: false });
        }
        if let Read::Dialogue { room, person } = read {
            let now = self.clock.now();
            let asked = self.store.read_dialogue(lease.bot.clone(), room.clone(), person.clone(), now).await;
            let row = asked.map_err(|e| unread(&e))?;
            let fact = row.map_or(Fact::Dialogue(Version(0), None), |row| {
                Fact::Dialogue(row.version, Some((row.value, row.until)))
            });
            return Ok(Answered { fact, from_cache: false });
        }
        if let Read::Sent(id) = read {
            return Ok(Answered { fact: self.sent(lease, id).await?, from_cache: false });
        }
        if let Read::Script(run) = read {
            let Ok(_permit) = self.scripting.acquire().await else { return Err(ReadError::Down) };
            let (run, scripts) = (run.clone(), Arc::clone(&self.scripts));
            // In a thread of its own: a script may use up all it is allowed to, and nobody else waits for that.
            let ran = tokio::task::spawn_blocking(move || run.run(&scripts)).await;
            let fact = ran.unwrap_or_else(|_panicked| Fact::Script(Err("Botyard panicked on it".to_owned())));
            return Ok(Answered { fact, from_cache: false });
        }
        let cached = matches!(read, Read::Person(_) | Read::Room(_) | Read::Members(_));
        if cached && let Some(fact) = self.cache.get(&lease.bot, read, self.clock.now()) {
            return Ok(Answered { fact, from_cache: true });
        }
        let fact = match read {
            Read::Message(id) => self
                .ask::<model::Message>(&lease.bot, Request::message(id))
                .await?
                .map(|it| Fact::Message(Box::new(it))),
            Read::Person(id) => {
                self.ask::<model::Person>(&lease.bot, Request::person(id)).await?.map(|it| Fact::Person(Box::new(it)))
            }
            Read::Room(id) => {
                self.ask::<model::Room>(&lease.bot, Request::room(id)).await?.map(|it| Fact::Room(Box::new(it)))
            }
            Read::Press(id) => self
                .ask::<model::AttachmentAction>(&lease.bot, Request::attachment_action(id))
                .await?
                .map(|it| Fact::Press(Box::new(it))),
            Read::Members(room) => self.members(&lease.bot, room).await?.map(Fact::Members),
            Read::Sent(_) | Read::Script(_) | Read::State(..) | Read::Dialogue { .. } => None,
        };
        let fact = fact.unwrap_or(Fact::Missing);
        if cached {
            self.cache.put(&lease.bot, read, self.clock.now(), &fact);
        }
        Ok(Answered { fact, from_cache: false })
    }

    /// What is kept of a message that we sent. That of a moment ago may not be written down yet.
    async fn sent(&self, lease: &Lease, id: &str) -> Result<Fact, ReadError> {
        let look = SentLook { bot: lease.bot.clone(), query: SentQuery::Id(id.to_owned()), now: self.clock.now() };
        match self.store.sent(look).await.map_err(|e| unread(&e))? {
            SentAnswer::Known(row) => {
                let SentRow { context, key, parent, .. } = *row;
                Ok(Fact::Sent(Box::new(SentMessage { context, key, parent })))
            }
            SentAnswer::NotYet => Ok(Fact::Missing),
            SentAnswer::Unknown => Ok(Fact::Sent(Box::default())),
        }
    }

    /// Everybody in a room: page after page, as long as there are not too many.
    async fn members(&self, bot: &BotId, room: &str) -> Result<Option<Vec<model::Membership>>, ReadError> {
        let mut request = Request::memberships(room);
        let mut all: Vec<model::Membership> = Vec::new();
        for _ in 0..MEMBER_PAGES {
            let Some((page, next)) = self.page::<model::Membership>(bot, request.clone()).await? else {
                return Ok(None);
            };
            all.extend(page);
            match next {
                Some(next) if all.len() < MEMBERS => request = request.following(&next),
                _ => break,
            }
        }
        all.truncate(MEMBERS);
        Ok(Some(all))
    }

    /// One page of a list, and where the next one is.
    async fn page<T: DeserializeOwned>(
        &self,
        bot: &BotId,
        request: Request,
    ) -> Result<Option<(Vec<T>, Option<String>)>, ReadError> {
        let Some(reply) = self.reply(bot, request).await? else { return Ok(None) };
        let page: model::Page<T> = reply.json().map_err(|error| later(&error))?;
        Ok(Some((page.items, reply.next)))
    }

    /// Asks Webex for one object; `None` when it is not there or not ours to see.
    pub(super) async fn ask<T: DeserializeOwned>(&self, bot: &BotId, request: Request) -> Result<Option<T>, ReadError> {
        let Some(reply) = self.reply(bot, request).await? else { return Ok(None) };
        reply.json().map(Some).map_err(|error| later(&error))
    }

    async fn reply(&self, bot: &BotId, request: Request) -> Result<Option<Reply>, ReadError> {
        let call = Call { bot: bot.clone(), request, class: CallClass::Turn, deadline: DEADLINE };
        let Some(api) = self.api.addr() else { return Err(ReadError::Down) };
        let reply = match api.send(call).await {
            Ok(Ok(reply)) => reply,
            Ok(Err(CallError::NoLane | CallError::Unauthorized | CallError::Elsewhere(_))) | Err(_) => {
                return Err(ReadError::Down);
            }
            Ok(Err(error @ (CallError::Deadline(_) | CallError::TooLarge | CallError::Busy))) => {
                return Err(later(&error));
            }
        };
        match reply.verdict() {
            Verdict::Fine => Ok(Some(reply)),
            // A 403 on a message or a room is Webex's way to say "not yours to see".
            Verdict::Missing | Verdict::Refused(_) => Ok(None),
            Verdict::Unauthorized => Err(ReadError::Down),
            Verdict::Wait(_) => Err(later(&"Webex asked to wait")),
            Verdict::Retry(reason) => {
                let tracking_id = reply.tracking_id.as_deref().unwrap_or("none");
                Err(later(&format!("{reason}, TrackingID {tracking_id}")))
            }
        }
    }
}

/// Webex, or the way to it.
fn later(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Later(Trouble::Webex, error.to_string())
}

fn unread(error: &dyn std::fmt::Display) -> ReadError {
    ReadError::Later(Trouble::Store, format!("the store could not be read: {error}"))
}
