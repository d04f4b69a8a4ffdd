//! What a rule says: to whom, in which thread, and as which messages.

use super::{
    Stepper, Stop,
    act::{Acting, rooms, topic_key},
    is_bot,
};
use crate::{
    base::{StateScope, Trigger},
    brain::{
        Act, Attached, Decision, Delivery, Destination, Effect, Fact, Keyed, Read,
        card::Card,
        data::Data,
        destination, ids,
        messages::messages,
        program::{Say, Sendable, To},
    },
    definition::rule::Update,
    webex::model::Message,
};

/// People whom one answer may be sent to one by one.
const MAX_MEMBERS: usize = 500;

impl Decision {
    /// Says these, and nothing else.
    pub(super) fn of(rule: &str, said: Vec<Delivery>) -> Self {
        let named = |delivery| Delivery { rule: rule.to_owned(), ..delivery };
        let effects = said.into_iter().map(named).map(Effect::Say).collect();
        Self { effects, rule: rule.to_owned(), ..Self::default() }
    }
}

impl Stepper<'_> {
    /// The room of the event; the person, directly, where there is no room.
    pub(super) fn here(self) -> Destination {
        let event = self.turn.event;
        match (event.room(), event.person()) {
            ("", Some(person)) => Destination::Person(person.to_owned()),
            (room, _) => Destination::Room(room.to_owned()),
        }
    }

    /// Webex's threads are flat: a reply hangs on the root, never on another reply.
    pub(super) fn thread(self, wanted: Option<bool>, message: Option<&Message>) -> Option<String> {
        let (id, parent) = match &self.turn.event.origin().trigger {
            Trigger::Message { id, parent, .. } => (id, parent.clone()),
            // The message with the card; whoever presses is in no thread unless the card is.
            Trigger::CardAction { message, .. } if wanted == Some(true) => return Some(message.clone()),
            _ => return None,
        };
        let root = parent.or_else(|| message.and_then(|message| message.parent_id.clone()));
        match wanted {
            Some(false) => None,
            Some(true) => Some(root.unwrap_or_else(|| id.clone())),
            None => root,
        }
    }
}

impl Acting<'_, '_> {
    pub(super) fn say(&mut self, say: &Say) -> Result<(), Stop> {
        let more = say.more();
        if let Some(when) = &more.when
            && !when.holds(self.stepper.engine, &self.values).map_err(|error| Stop::template(self.label, &error))?
        {
            return Ok(());
        }
        let text = self.rendered(&say.text, say.format)?;
        let key = match &more.key {
            Some((key, then)) => Some(Keyed { key: self.text(key)?, then: *then }),
            None => None,
        };
        let context = match &more.context {
            Some(context) => self.value(context)?,
            None => serde_json::Value::Null,
        };
        let card = match &more.card {
            Some((card, data)) => Some(self.card(card, data.as_ref())?),
            None => None,
        };
        let file = match &more.file {
            Some(Sendable::Path(path)) => Some(Attached::Path(path.to_string())),
            Some(Sendable::Url(url)) => Some(Attached::Url(self.text(url)?)),
            None => None,
        };
        let mut said = false;
        for destination in self.destinations(&say.to)? {
            let here = destination == self.stepper.here();
            let parent = if here { self.stepper.thread(say.thread, self.scene.message) } else { None };
            let mut parts = messages(&text, say.format, &destination, parent.as_deref());
            if let Some(first) = parts.first_mut() {
                first.key.clone_from(&key);
                first.context.clone_from(&context);
                first.card.clone_from(&card);
                first.file.clone_from(&file);
                first.act = self.act_of(more.update);
                said = true;
            }
            for part in parts {
                self.deliver(part);
            }
        }
        if !said {
            self.decision.notes.push("the reply is empty: nothing was sent".to_owned());
        }
        Ok(())
    }

    fn card(&self, card: &Card, data: Option<&Data>) -> Result<serde_json::Value, Stop> {
        let mut context = self.values.context(card.uses());
        if let Some(data) = data {
            let data = crate::brain::values::json(&self.value(data)?);
            context = minijinja::value::merge_maps([minijinja::Value::from_pairs([("data", data)]), context]);
        }
        card.render(self.stepper.engine, &context)
            .map_err(|error| Stop::Fail(format!("{}, in {}", error.sentence(), self.label)))
    }

    fn act_of(&self, update: Option<Update>) -> Act {
        let pressed = || self.scene.pressed.unwrap_or_default().to_owned();
        match update {
            None => Act::Post,
            Some(Update::Edit) => Act::Edit(pressed()),
            Some(Update::Replace) => Act::Replace(pressed()),
        }
    }

    /// Everywhere that it goes, nowhere twice.
    pub(super) fn destinations(&mut self, to: &[To]) -> Result<Vec<Destination>, Stop> {
        let to = if to.is_empty() { &[To::Here] } else { to };
        let mut all: Vec<Destination> = Vec::new();
        for to in to {
            for destination in self.destinations_of(to)? {
                if !all.contains(&destination) {
                    all.push(destination);
                }
            }
        }
        Ok(all)
    }

    fn destinations_of(&mut self, to: &To) -> Result<Vec<Destination>, Stop> {
        let event = self.stepper.turn.event;
        Ok(match to {
            To::Here => self.somewhere(self.stepper.here())?,
            To::Person => match event.person() {
                Some(person) => vec![Destination::Person(person.to_owned())],
                None => self.somewhere(self.stepper.here())?,
            },
            To::Fixed(destination) => vec![destination.clone()],
            To::Members(room) => self.members(room.as_deref().unwrap_or(event.room()))?,
            To::Topic(topic) => {
                let topic = self.text(topic)?;
                let rooms = rooms(self.state(&StateScope::Bot, &topic_key(&topic))?.as_ref());
                if rooms.is_empty() {
                    self.decision.notes.push("no room has subscribed to the topic".to_owned());
                }
                rooms.into_iter().map(Destination::Room).collect()
            }
            To::Template(template) => {
                let written = self.text(template)?;
                self.written_destinations(&written)?
            }
        })
    }

    /// The places that a text names, with commas between them.
    pub(super) fn written_destinations(&mut self, written: &str) -> Result<Vec<Destination>, Stop> {
        let mut all = Vec::new();
        for to in written.split(',').map(str::trim).filter(|to| !to.is_empty()) {
            let rooms = self.stepper.program.rooms.iter().map(|(name, id)| (&**name, &**id));
            let to = destination::parse(to, rooms).map_err(|_quotes_what_was_said| {
                Stop::Fail(format!("the `to` of {} is no place a message can go to", self.label))
            })?;
            all.extend(self.destinations_of(&to)?);
        }
        Ok(all)
    }

    fn somewhere(&self, destination: Destination) -> Result<Vec<Destination>, Stop> {
        if destination == Destination::Room(String::new()) {
            return Err(Stop::Fail(format!("{} happens in no room: say where to with `to`", self.label)));
        }
        Ok(vec![destination])
    }

    /// Everybody in a room but bots.
    fn members(&mut self, room: &str) -> Result<Vec<Destination>, Stop> {
        let read = Read::Members(room.to_owned());
        let members = match self.stepper.turn.facts.get(&read) {
            Some(Fact::Members(members)) => members,
            Some(_) => {
                self.decision.notes.push("Webex does not show the bot who is in the room".to_owned());
                return Ok(Vec::new());
            }
            None => return Err(Stop::Need(vec![read])),
        };
        let me = &self.stepper.turn.me.id;
        let people = members
            .iter()
            .filter(|member| !ids::same(&member.person_id, me) && !member.person_email.as_deref().is_some_and(is_bot));
        let people: Vec<_> = people.map(|member| Destination::Person(member.person_id.clone())).collect();
        if people.len() > MAX_MEMBERS {
            return Err(Stop::Fail(format!("{} would write to more than {MAX_MEMBERS} people one by one", self.label)));
        }
        Ok(people)
    }
}
