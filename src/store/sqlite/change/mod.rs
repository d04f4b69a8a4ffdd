//! The rare verbs: each is a struct that knows how to do itself inside the writer's transaction.

pub(super) mod audit;
mod bots;
mod deletion;
pub(super) mod erase;
mod house;
mod letters;
mod memory;
mod person;
mod reseal;
mod retire;
mod schedules;
mod silence;
mod tidy;
mod webhooks;

use std::{fmt, future::Future, pin::Pin};

use sqlx::SqliteConnection;

use super::{batch::Round, book::Book, engine::Trouble, request::Reply};
use crate::store::{StoreError, Wake};

pub(super) use self::{
    bots::*, deletion::*, erase::Erase, house::*, letters::*, person::*, reseal::*, retire::*, schedules::*,
    silence::*, tidy::*, webhooks::*,
};

/// Why a change stopped.
#[derive(Debug)]
pub(super) enum Stop {
    /// The engine: the whole transaction is in doubt.
    Trouble(Trouble),
    /// The request makes no sense. Said before anything was written, so the rest of the batch goes on.
    Refused(String),
}

impl From<sqlx::Error> for Stop {
    fn from(error: sqlx::Error) -> Self {
        Self::Trouble(error.into())
    }
}

impl From<Trouble> for Stop {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

/// A rare verb.
pub(super) trait Change: Send + 'static {
    /// What it answers.
    type Answer: Send + 'static;

    /// Does it. Must be repeatable: a batch that fails for another member is done again.
    fn apply<'a>(
        &'a self,
        tx: &'a mut SqliteConnection,
        round: &'a Round<'_>,
    ) -> impl Future<Output = Result<Self::Answer, Stop>> + Send + 'a;

    /// Tells the writer's book, after the commit.
    fn note(&self, _answer: &Self::Answer, _book: &mut Book) {}

    /// Work that it made pending: its bots are rung for after the commit.
    fn wakes(&self, _answer: &mut Self::Answer) -> Vec<Wake> {
        Vec::new()
    }
}

/// A change on its way, whatever it is.
pub(super) trait AnyChange: Send {
    /// Does it and keeps the answer for later.
    fn apply<'a>(&'a mut self, tx: &'a mut SqliteConnection, round: &'a Round<'_>) -> Applying<'a>;
    /// It is committed: tells the book and answers. What comes back is to be rung.
    fn settle(self: Box<Self>, book: &mut Book) -> Vec<Wake>;
    /// It is not.
    fn fail(self: Box<Self>, error: StoreError);
}

pub(super) type Applying<'a> = Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send + 'a>>;

impl fmt::Debug for dyn AnyChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyChange")
    }
}

/// A change, who asked for it, and what it came to.
pub(super) struct Asked<C: Change> {
    pub(super) change: C,
    pub(super) reply: Reply<C::Answer>,
    pub(super) answer: Option<Result<C::Answer, String>>,
}

impl<C: Change + Sync> AnyChange for Asked<C>
where
    C::Answer: Sync,
{
    fn apply<'a>(&'a mut self, tx: &'a mut SqliteConnection, round: &'a Round<'_>) -> Applying<'a> {
        Box::pin(async move {
            self.answer = Some(match self.change.apply(tx, round).await {
                Ok(answer) => Ok(answer),
                Err(Stop::Refused(why)) => Err(why),
                Err(Stop::Trouble(trouble)) => return Err(trouble),
            });
            Ok(())
        })
    }

    fn settle(self: Box<Self>, book: &mut Book) -> Vec<Wake> {
        let mut wakes = Vec::new();
        let answer = match self.answer {
            Some(Ok(mut answer)) => {
                self.change.note(&answer, book);
                wakes = self.change.wakes(&mut answer);
                Ok(answer)
            }
            Some(Err(why)) => Err(StoreError::Refused(why)),
            None => Err(StoreError::Engine("a change was not carried out".into())),
        };
        drop(self.reply.send(answer));
        wakes
    }

    fn fail(self: Box<Self>, error: StoreError) {
        drop(self.reply.send(Err(error)));
    }
}
