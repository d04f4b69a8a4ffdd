//! What is known where a turn happens, and what must be read before templates can see it.

use super::{Stepper, Stop};
use crate::{
    base::{StateScope, Trigger},
    brain::{
        Fact, Facts, Read, SentMessage, ids,
        uses::Uses,
        values::{Found, Values, Where, Who},
    },
    definition::rule::Scope as Memory,
    webex::model::{AttachmentAction, Message},
};

/// What is known before any rule was looked at.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub(super) stepper: Stepper<'a>,
    /// The message with the bot's mention stripped.
    pub(super) text: &'a str,
    pub(super) message: Option<&'a Message>,
    /// What was entered into a card, and the message that holds it.
    pub(super) press: Option<&'a AttachmentAction>,
    pub(super) pressed: Option<&'a str>,
}

/// The reads that are missing, and what else is worth knowing.
#[derive(Default)]
struct Gathered {
    missing: Vec<Read>,
    notes: Vec<String>,
}

impl Gathered {
    /// What was read; nothing when it must be read first.
    fn ask<'a>(&mut self, facts: &'a Facts, question: Read) -> Option<&'a Fact> {
        let known = facts.get(&question);
        if known.is_none() && !self.missing.contains(&question) {
            self.missing.push(question);
        }
        known
    }
}

impl<'a> Scene<'a> {
    /// Nothing but the event.
    pub(super) fn of(stepper: Stepper<'a>) -> Self {
        Self { stepper, text: "", message: None, press: None, pressed: None }
    }

    /// `direct` or `group`, as far as event and message tell.
    pub(super) fn room_type(&self) -> Option<&str> {
        let told = match &self.stepper.turn.event.origin().trigger {
            Trigger::Message { room_type, .. } | Trigger::Membership { room_type, .. } => room_type.as_deref(),
            _ => None,
        };
        told.or_else(|| self.message.and_then(|message| message.room_type.as_deref()))
    }

    /// What templates that use this much see, with notes about it; or what must be read first.
    pub(super) fn values(&self, uses: &Uses, found: &'a Found) -> Result<(Values<'a>, Vec<String>), Stop> {
        let turn = self.stepper.turn;
        let mut gathered = Gathered::default();
        let person = self.person(uses, &mut gathered);
        let room = self.room(uses, &mut gathered);
        let sent = self.sent(uses, &mut gathered);
        let state = self.state(uses, &mut gathered);
        let members = self.members(uses, &mut gathered);
        if !gathered.missing.is_empty() {
            return Err(Stop::Need(gathered.missing));
        }
        let values = Values {
            event: turn.event,
            me: turn.me,
            now: turn.now,
            text: self.text,
            message: self.message,
            found,
            person,
            room,
            press: self.press,
            sent,
            state,
            members,
            dialogue: None,
            vars: self.stepper.program.vars.as_deref(),
            response: None,
        };
        let mut notes = gathered.notes;
        notes.extend(values.missing(uses).map(|path| format!("`{path}` is missing: it printed nothing")));
        Ok((values, notes))
    }

    fn person(&self, uses: &Uses, gathered: &mut Gathered) -> Who {
        let event = self.stepper.turn.event.origin();
        let (email, name) = match &event.trigger {
            Trigger::Message { email, .. } => (email.clone(), None),
            Trigger::Membership { email, name, .. } => (email.clone(), name.clone()),
            _ => (None, None),
        };
        let id = event.person().unwrap_or_default().to_owned();
        let mut email = email.or_else(|| self.message.and_then(|message| message.person_email.clone()));
        let mut display_name = name.filter(|name| !name.trim().is_empty());
        let (mut first_name, mut org_id) = (None, None);
        let read = uses.first_name
            || uses.org_id
            || (uses.display_name && display_name.is_none())
            || (uses.email && email.is_none());
        let mut asked = None;
        if read && !id.is_empty() {
            asked = gathered.ask(self.stepper.turn.facts, Read::Person(id.clone()));
            if let Some(Fact::Person(person)) = asked {
                email = email.or_else(|| person.emails.first().cloned());
                display_name = display_name.or_else(|| person.display_name.clone());
                first_name.clone_from(&person.first_name);
                org_id.clone_from(&person.org_id);
            }
        }
        let email = email.unwrap_or_default();
        let filled = |text: &Option<String>| text.as_deref().is_some_and(|text| !text.trim().is_empty());
        let fell_back = (uses.display_name && !filled(&display_name)) || (uses.first_name && !filled(&first_name));
        if fell_back && asked.is_some() {
            gathered.notes.push("the person's name is not known: the address stands for it".to_owned());
        }
        let display_name = display_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| email.clone());
        let first_name = first_name.filter(|name| !name.trim().is_empty()).unwrap_or_else(|| email.clone());
        Who { id, email, display_name, first_name, org_id: org_id.unwrap_or_default() }
    }

    fn room(&self, uses: &Uses, gathered: &mut Gathered) -> Where {
        let id = self.stepper.turn.event.room().to_owned();
        let mut kind = self.room_type().map(str::to_owned);
        let mut title = None;
        if (uses.room_title || (uses.room_type && kind.is_none())) && !id.is_empty() {
            let asked = gathered.ask(self.stepper.turn.facts, Read::Room(id.clone()));
            if let Some(Fact::Room(room)) = asked {
                title.clone_from(&room.title);
                kind = kind.or_else(|| room.kind.clone());
            }
            if uses.room_title && title.is_none() && asked.is_some() {
                gathered.notes.push("the room's title is not known: it printed nothing".to_owned());
            }
        }
        Where { id, title: title.unwrap_or_default(), kind: kind.unwrap_or_default() }
    }

    /// What was kept with the message that holds the pressed card.
    fn sent(&self, uses: &Uses, gathered: &mut Gathered) -> Option<&'a SentMessage> {
        let message = self.pressed.filter(|_| uses.card)?;
        if let Fact::Sent(sent) = gathered.ask(self.stepper.turn.facts, Read::Sent(message.to_owned()))? {
            Some(sent)
        } else {
            gathered.notes.push("nothing was kept with the message that holds the card".to_owned());
            None
        }
    }

    /// The people of the rooms that are named. Bots are left out: they are not asked and do not answer.
    fn members(&self, uses: &Uses, gathered: &mut Gathered) -> Vec<(String, Vec<serde_json::Value>)> {
        let turn = self.stepper.turn;
        let mut rooms = Vec::new();
        for name in uses.members() {
            let known = self.stepper.program.rooms.iter().find(|(known, _)| known == name);
            let room = known.map_or(turn.event.room(), |(_, id)| id);
            if room.is_empty() {
                continue;
            }
            let people = match gathered.ask(turn.facts, Read::Members(room.to_owned())) {
                Some(Fact::Members(members)) => members.as_slice(),
                Some(_) => {
                    gathered.notes.push(format!("Webex does not show the bot who is in `{name}`"));
                    &[]
                }
                None => &[],
            };
            let others = people.iter().filter(|member| {
                !ids::same(&member.person_id, &turn.me.id) && !member.person_email.as_deref().is_some_and(super::is_bot)
            });
            let told = others.map(|member| {
                let email = member.person_email.clone().unwrap_or_default();
                let name = member.person_display_name.clone().unwrap_or_else(|| email.clone());
                serde_json::json!({ "id": member.person_id, "email": email, "display_name": name })
            });
            rooms.push((name.to_string(), told.collect()));
        }
        rooms
    }

    fn state(&self, uses: &Uses, gathered: &mut Gathered) -> Vec<(Memory, String, &'a serde_json::Value)> {
        let mut state = Vec::new();
        for (memory, key) in uses.state() {
            let Some(scope) = self.memory(*memory) else { continue };
            let read = Read::State(scope, key.to_string());
            if let Some(Fact::State(_, Some(value))) = gathered.ask(self.stepper.turn.facts, read) {
                state.push((*memory, key.to_string(), value));
            }
        }
        state
    }

    /// The memory of this room or person; nothing when there is none.
    pub(super) fn memory(&self, memory: Memory) -> Option<StateScope> {
        let event = self.stepper.turn.event;
        match memory {
            Memory::Bot => Some(StateScope::Bot),
            Memory::Room => {
                Some(event.room()).filter(|room| !room.is_empty()).map(|id| StateScope::Room(id.to_owned()))
            }
            Memory::Person => event.person().map(|id| StateScope::Person(id.to_owned())),
        }
    }
}
