//! What one delivery does at Webex: it writes a message, changes or deletes one, or leaves a room.
//!
//! Most take one request. A message with a key first looks at what was last sent under it; where Webex refuses an
//! edit, a message in the thread follows; a replacement is a deletion and a message. Of these only writing a message
//! is in doubt when its answer is lost: an edit and a deletion may be repeated as often as one likes. So a try that
//! breaks off in the middle begins anew, and what it has found out is written down with its outcome.

mod kept;
mod request;

use serde::Deserialize;
use tracing::info;

use self::request::{Ended, Said, read};
use super::{
    Office,
    deliver::{News, Pass},
    upload,
};
use crate::{
    base::{Event, EventId, Millis, Trigger},
    brain::{Act, Attached, Delivery, Destination, Then},
    store::{
        Cause, Class, DeliveryOutcome, DeliveryRow, FailureEvent, NewEvent, Reason, SentChange, SentQuery, SentRow,
    },
    webex::{AttachedCard, NewMessage, Recipient, Request, kinds::Kinds, model},
};

/// So often Webex lets a message be edited.
const MOST_EDITS: u32 = 10;
/// What the rule is called that hears of deliveries given up: of its own it hears nothing, or it never ends.
const FAILURE_RULE: &str = "on deliveries.failed";

/// What a try came to.
#[derive(Debug)]
pub(super) struct Tried {
    pub(super) outcome: DeliveryOutcome,
    pub(super) news: News,
    pub(super) tracking_id: Option<String>,
    /// What it changed of what is kept of sent messages.
    pub(super) sent: Vec<SentChange>,
    /// What the program is told, if it was given up.
    pub(super) failure: Option<Box<FailureEvent>>,
    /// Requests it took.
    pub(super) requests: u32,
}

/// One try of a marked row.
pub(super) struct Try<'a> {
    office: &'a Office,
    pass: &'a Pass,
    row: &'a mut DeliveryRow,
    attempt: u32,
    sent: Vec<SentChange>,
    tracking_id: Option<String>,
    requests: u32,
}

/// Carries a marked row out.
pub(super) async fn carry_out(office: &Office, pass: &Pass, row: &mut DeliveryRow, attempt: u32) -> Tried {
    let delivery = Delivery::decode(&row.payload);
    let mut one = Try { office, pass, row, attempt, sent: Vec::new(), tracking_id: None, requests: 0 };
    let Ended(outcome, news) = match &delivery {
        Ok(delivery) => one.act(delivery).await.unwrap_or_else(|ended| ended),
        Err(error) => {
            // The place only: serde's own words may quote the text.
            let place = format!("(line {}, column {})", error.line(), error.column());
            Ended::failed(Cause::Unreadable, format!("the stored delivery cannot be read {place}"))
        }
    };
    let Try { sent, tracking_id, requests, .. } = one;
    let failure = match (&outcome, &delivery) {
        (DeliveryOutcome::Failed { reason }, Ok(delivery)) => failure(row, delivery, reason, office.clock.now()),
        _ => None,
    };
    Tried { outcome, news, tracking_id, sent, failure, requests }
}

/// As if it had been sent and its answer lost.
pub(super) fn lost(office: &Office, pass: &Pass, row: &mut DeliveryRow, attempt: u32, message: String) -> Tried {
    row.doubtful = true;
    let delivery = Delivery::decode(&row.payload);
    let one = Try { office, pass, row, attempt, sent: Vec::new(), tracking_id: None, requests: 1 };
    let Ended(outcome, news) = one.again(message, true);
    let failure = match (&outcome, &delivery) {
        (DeliveryOutcome::Failed { reason }, Ok(delivery)) => failure(row, delivery, reason, office.clock.now()),
        _ => None,
    };
    Tried { outcome, news, tracking_id: None, sent: Vec::new(), failure, requests: 1 }
}

/// The event that tells the program that a delivery was given up.
fn failure(row: &DeliveryRow, delivery: &Delivery, reason: &Reason, now: Millis) -> Option<Box<FailureEvent>> {
    if delivery.rule.starts_with(FAILURE_RULE) {
        return None;
    }
    let (room, person) = match &delivery.to {
        Destination::Room(id) => (id.clone(), None),
        Destination::Person(name) | Destination::Email(name) => (String::new(), Some(name.clone())),
    };
    let (reason, rule) = (reason.text.clone(), delivery.rule.clone());
    let trigger = Trigger::DeliveryFailed { delivery: row.id, room, person, reason, rule };
    let event = Event { at: now, actor: None, trigger };
    let kind = event.kind();
    let event = NewEvent {
        bot: row.bot.clone(),
        id: EventId::new(),
        kind,
        order_key: event.order_key(),
        dedupe_key: format!("{kind}/{}/{}", row.id, row.seq),
        seen_until: now,
        class: Class::Background,
        due_at: now,
        payload: event.encode(),
        envelope: None,
        answers: None,
    };
    Some(Box::new(FailureEvent { wanted: Kinds::default().with(kind).0, event }))
}

impl Try<'_> {
    /// `Err` is as good an end as `Ok`: it lets steps end a try with `?`.
    async fn act(&mut self, delivery: &Delivery) -> Result<Ended, Ended> {
        if delivery.continues && self.is_torn().await? {
            return Err(Ended::failed(Cause::Refused, "an earlier part of the same text was given up"));
        }
        match &delivery.act {
            Act::Post => self.say(delivery).await,
            Act::Edit(id) => {
                let known = self.known(SentQuery::Id(id.clone())).await?;
                self.edit(delivery, id, known).await
            }
            Act::Replace(id) => {
                let known = self.known(SentQuery::Id(id.clone())).await?;
                self.replace(delivery, id, known).await
            }
            Act::Delete(id) => self.delete(id).await.map(|()| Ended::sent(Some(id.clone()))),
            Act::DeleteKey(key) => match self.named(delivery, key).await? {
                Some(row) => {
                    let id = row.remote_id;
                    self.delete(&id).await.map(|()| Ended::sent(Some(id)))
                }
                None => Ok(Ended::needless("there is no message of its key")),
            },
            Act::Leave => self.leave(delivery).await,
        }
    }

    /// Writes a message, or does to the one of the same key what is to be done.
    async fn say(&mut self, delivery: &Delivery) -> Result<Ended, Ended> {
        let Some(keyed) = &delivery.key else {
            return self.post(delivery, Place::of(delivery)).await;
        };
        let name = Some(keyed.key.clone());
        let Some(row) = self.named(delivery, &keyed.key).await? else {
            return self.post(delivery, Place { name, ..Place::of(delivery) }).await;
        };
        let id = row.remote_id.clone();
        match keyed.then {
            Then::Edit => self.edit(delivery, &id, Some(row)).await,
            Then::Replace => self.replace(delivery, &id, Some(row)).await,
            Then::Skip => Ok(Ended::needless("there is a message of its key already")),
            Then::Thread => {
                let below = Place { parent: Some(row.root().to_owned()), below: Some(id), name: None };
                self.post_below(delivery, below, name).await
            }
        }
    }

    /// Changes a message. Where that cannot be, a message in its thread follows, and has the key from then on.
    async fn edit(&mut self, delivery: &Delivery, id: &str, known: Option<SentRow>) -> Result<Ended, Ended> {
        let room = known.as_ref().and_then(|row| row.room.as_deref()).or(match &delivery.to {
            Destination::Room(room) => Some(room),
            _ => None,
        });
        let edits = known.as_ref().map_or(0, |row| row.edits);
        let name = delivery.key.as_ref().map(|keyed| keyed.key.clone());
        let name = name.or_else(|| known.as_ref().and_then(|row| row.key.clone()));
        // Webex's edits know neither files nor cards.
        if let Some(room) = room.filter(|_| delivery.card.is_none() && delivery.file.is_none() && edits < MOST_EDITS) {
            let request = Request::edit_message(id, room, delivery.text.as_deref(), delivery.markdown.as_deref());
            match self.ask(&request, true).await? {
                Said::Fine(_) => {
                    let worth = known.is_some() || name.is_some() || !delivery.context.is_null();
                    let room = Some(room.to_owned());
                    let kept = known.unwrap_or_else(|| self.row(delivery, id, room, None));
                    if worth {
                        let new = Some(&delivery.context).filter(|context| !context.is_null()).cloned();
                        let context = new.unwrap_or_else(|| kept.context.clone());
                        let (delivery, until) = (self.row.id, self.until());
                        let row = SentRow { key: name, context, edits: edits + 1, delivery, until, ..kept };
                        self.sent.push(SentChange::Keep(Box::new(row)));
                    }
                    return Ok(Ended::sent(Some(id.to_owned())));
                }
                Said::Missing(_) => {
                    self.sent.push(SentChange::Gone(id.to_owned()));
                    return self.post(delivery, Place { name, ..Place::of(delivery) }).await;
                }
                Said::Refused(reason) => {
                    info!(bot.id = %self.row.bot, delivery.id = %self.row.id, reason, "Webex refuses an edit; a message in the thread follows");
                }
            }
        }
        let root = known.as_ref().map_or(id, SentRow::root).to_owned();
        let below = Place { parent: Some(root), below: Some(id.to_owned()), name: name.clone() };
        self.post_below(delivery, below, name).await
    }

    /// Writes into the thread of a message; should that be gone, anew.
    async fn post_below(&mut self, delivery: &Delivery, place: Place, name: Option<String>) -> Result<Ended, Ended> {
        let below = place.below.clone();
        match self.try_post(delivery, &place).await? {
            Ok(ended) => Ok(ended),
            Err(_status) => {
                self.sent.extend(below.map(SentChange::Gone));
                self.post(delivery, Place { name, ..Place::of(delivery) }).await
            }
        }
    }

    /// Deletes a message and writes it anew.
    async fn replace(&mut self, delivery: &Delivery, id: &str, known: Option<SentRow>) -> Result<Ended, Ended> {
        if let Said::Refused(reason) = self.gone(id).await? {
            info!(bot.id = %self.row.bot, delivery.id = %self.row.id, reason, "Webex refuses to delete a message; its replacement is written all the same");
        }
        let (parent, key) = known.map(|row| (row.parent, row.key)).unwrap_or_default();
        let place = Place::of(delivery);
        let name = delivery.key.as_ref().map(|keyed| keyed.key.clone()).or(key);
        // A root that is gone takes its thread with it.
        let parent = place.parent.filter(|parent| parent != id).or(parent);
        self.post(delivery, Place { parent, name, below: None }).await
    }

    async fn delete(&mut self, id: &str) -> Result<(), Ended> {
        match self.gone(id).await? {
            Said::Refused(reason) => Err(Ended::failed(Cause::Refused, reason)),
            Said::Fine(_) | Said::Missing(_) => Ok(()),
        }
    }

    /// Deletes a message; one that is not there is as good as deleted.
    async fn gone(&mut self, id: &str) -> Result<Said, Ended> {
        let said = self.ask(&Request::delete_message(id), true).await?;
        if !matches!(said, Said::Refused(_)) {
            self.sent.push(SentChange::Gone(id.to_owned()));
        }
        Ok(said)
    }

    async fn leave(&mut self, delivery: &Delivery) -> Result<Ended, Ended> {
        let Destination::Room(room) = &delivery.to else {
            return Err(Ended::failed(Cause::Failed, "only a room can be left"));
        };
        let me: model::Person = match self.ask(&Request::people_me(), true).await? {
            Said::Fine(reply) => read(&reply)?,
            Said::Missing(_) | Said::Refused(_) => {
                return Err(Ended::failed(Cause::Refused, "who the bot is cannot be asked"));
            }
        };
        let memberships: model::Page<model::Membership> =
            match self.ask(&Request::membership_of(room, &me.id), true).await? {
                Said::Fine(reply) => read(&reply)?,
                // Who is in no room is not shown it.
                Said::Missing(_) | Said::Refused(_) => return Ok(Ended::needless("the bot is not in the room")),
            };
        let Some(membership) = memberships.items.into_iter().find(|membership| !membership.id.is_empty()) else {
            return Ok(Ended::needless("the bot is not in the room"));
        };
        match self.ask(&Request::delete_membership(&membership.id), true).await? {
            Said::Fine(_) | Said::Missing(_) => Ok(Ended::sent(None)),
            Said::Refused(reason) => Err(Ended::failed(Cause::Refused, reason)),
        }
    }

    async fn post(&mut self, delivery: &Delivery, place: Place) -> Result<Ended, Ended> {
        self.try_post(delivery, &place).await?.map_err(|status| {
            let reason = format!("Webex does not show this room or person to the bot ({status})");
            Ended::failed(Cause::Refused, reason)
        })
    }

    /// Writes a message. The inner error: what it was to be written to is not there.
    async fn try_post(&mut self, delivery: &Delivery, place: &Place) -> Result<Result<Ended, u16>, Ended> {
        if self.row.doubtful {
            if !self.pass.repeat_doubtful {
                return Err(Ended(DeliveryOutcome::Skipped, News::Fine));
            }
            self.office.metrics.outbound.doubtful.inc();
            info!(bot.id = %self.row.bot, delivery.id = %self.row.id, "repeating a delivery that may have been sent before");
        }
        let message = NewMessage {
            parent_id: place.parent.as_deref(),
            text: delivery.text.as_deref(),
            markdown: delivery.markdown.as_deref(),
            attachments: delivery.card.as_ref().map(|card| [AttachedCard::new(card)]),
            files: match &delivery.file {
                Some(Attached::Url(url)) => Some([url.as_str()]),
                _ => None,
            },
            ..NewMessage::to(match &delivery.to {
                Destination::Room(id) => Recipient::Room(id),
                Destination::Person(id) => Recipient::Person(id),
                Destination::Email(address) => Recipient::Email(address),
            })
        };
        let said = if let Some(Attached::Path(path)) = &delivery.file {
            let _turn = self.office.uploads.acquire().await;
            let file = upload::read(&self.office.settings.files, path).await;
            let file = file.map_err(|why| Ended::failed(Cause::Failed, why))?;
            self.ask(&Request::upload_message(&message, &file, &self.row.id.to_string()), false).await?
        } else {
            self.ask(&Request::create_message(&message), false).await?
        };
        match said {
            Said::Missing(status) => Ok(Err(status)),
            Said::Refused(reason) => match self.root_of(place).await? {
                Some(root) => {
                    let place = Place { parent: Some(root), ..place.clone() };
                    Box::pin(self.try_post(delivery, &place)).await
                }
                None => Err(Ended::failed(Cause::Refused, reason)),
            },
            Said::Fine(reply) => {
                // An answer that is not what it should be: it was sent all the same.
                let posted: Posted = serde_json::from_slice(&reply.body).unwrap_or_default();
                if let Some(id) = &posted.id
                    && (place.name.is_some() || delivery.card.is_some() || !delivery.context.is_null())
                {
                    let mut row = self.row(delivery, id, posted.room_id, place.parent.clone());
                    row.key.clone_from(&place.name);
                    self.sent.push(SentChange::Keep(Box::new(row)));
                }
                Ok(Ok(Ended::sent(posted.id)))
            }
        }
    }
}

/// Where a message is written.
#[derive(Debug, Clone, Default)]
struct Place {
    /// Root of the thread.
    parent: Option<String>,
    /// The message it follows, whose root that is.
    below: Option<String>,
    /// The key it has from then on.
    name: Option<String>,
}

impl Place {
    fn of(delivery: &Delivery) -> Self {
        Self { parent: delivery.parent.clone(), ..Self::default() }
    }
}

/// What Webex answers to a message.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    id: Option<String>,
    room_id: Option<String>,
}
