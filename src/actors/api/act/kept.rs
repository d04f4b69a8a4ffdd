//! What is known of messages that were sent before, and what is kept of the one that is sent now.

use std::time::Duration;

use super::{Ended, News, Place, Try};
use crate::{
    base::Millis,
    brain::{Delivery, Destination},
    store::{DeliveryOutcome, SENT_DAYS, SentAnswer, SentLook, SentQuery, SentRow, StoreError},
};

/// How long a delivery waits whose key could not be looked up.
const REST: Duration = Duration::from_secs(1);

impl Try<'_> {
    /// Whether the part before this one was given up: the rest of a text without its beginning helps nobody.
    pub(super) async fn is_torn(&mut self) -> Result<bool, Ended> {
        let torn = self.office.store.given_up_before(self.row.seq).await;
        torn.map_err(|error| self.unknown(&error))
    }

    /// The root of the thread that an answer to a message of ours was to go to: a card that stands in a thread is no
    /// root itself, and who answers its press need not know.
    pub(super) async fn root_of(&self, place: &Place) -> Result<Option<String>, Ended> {
        let Some(parent) = &place.parent else { return Ok(None) };
        let known = self.known(SentQuery::Id(parent.clone())).await?;
        Ok(known.and_then(|row| row.parent).filter(|root| root != parent))
    }

    /// What is kept of a message that this delivery makes.
    pub(super) fn row(&self, delivery: &Delivery, id: &str, room: Option<String>, parent: Option<String>) -> SentRow {
        let (to, person) = match &delivery.to {
            Destination::Room(id) => (Some(id.clone()), None),
            Destination::Person(name) | Destination::Email(name) => (None, Some(name.clone())),
        };
        SentRow {
            remote_id: id.to_owned(),
            delivery: self.row.id,
            order_key: self.row.order_key.clone(),
            room: room.or(to),
            person,
            key: None,
            context: delivery.context.clone(),
            parent,
            rule: delivery.rule.clone(),
            edits: 0,
            until: self.until(),
        }
    }

    pub(super) fn until(&self) -> Millis {
        self.office.clock.now().plus(Duration::from_hours(24 * SENT_DAYS))
    }

    /// The message that was last sent under a key to where this one goes.
    pub(super) async fn named(&self, delivery: &Delivery, key: &str) -> Result<Option<SentRow>, Ended> {
        let room = match &delivery.to {
            Destination::Room(id) => Some(id.clone()),
            _ => None,
        };
        self.known(SentQuery::Key { key: key.to_owned(), order_key: self.row.order_key.clone(), room }).await
    }

    pub(super) async fn known(&self, query: SentQuery) -> Result<Option<SentRow>, Ended> {
        let now = self.office.clock.now();
        match self.office.store.sent(SentLook { bot: self.row.bot.clone(), query, now }).await {
            Ok(SentAnswer::Known(row)) => Ok(Some(*row)),
            Ok(SentAnswer::NotYet | SentAnswer::Unknown) => Ok(None),
            Err(error) => Err(self.unknown(&error)),
        }
    }

    /// The store could not be asked: in a moment.
    fn unknown(&self, error: &StoreError) -> Ended {
        let reason = format!("what was sent before could not be looked up: {error}");
        let at = self.office.clock.now().plus(REST);
        Ended(DeliveryOutcome::Retry { at, reason, counts: false }, News::Fine)
    }
}
