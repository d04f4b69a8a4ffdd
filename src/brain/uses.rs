//! What templates use of what must be read or made for them, found when a definition is compiled: so a turn reads
//! from Webex and from the store only what its answer needs.

use super::names;
use crate::definition::rule::Scope as Memory;

/// What one template, or all those of a rule, use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Uses {
    pub(super) bot: bool,
    pub(super) event: bool,
    pub(super) now: bool,
    /// What the groups of a pattern took.
    pub(super) captures: bool,
    pub(super) message: bool,
    pub(super) person: bool,
    pub(super) email: bool,
    pub(super) display_name: bool,
    pub(super) first_name: bool,
    pub(super) org_id: bool,
    pub(super) room: bool,
    pub(super) room_title: bool,
    pub(super) room_type: bool,
    /// What was entered into a card.
    pub(super) inputs: bool,
    /// What was kept with the message that holds the card.
    pub(super) card: bool,
    /// The dialogue that is open.
    pub(super) dialogue: bool,
    /// What is used by names of the definition's own; nothing when it would be empty. Few templates use any, and
    /// thousands of bots have several templates each.
    pub(super) named: Option<Box<Named>>,
}

/// See the methods of [`Uses`] by the same names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Named {
    members: Box<[Box<str>]>,
    state: Box<[(Memory, Box<str>)]>,
    lenient: Box<[Box<str>]>,
}

impl Uses {
    /// What these dotted names come to.
    pub(super) fn of(names: &[String]) -> Self {
        let uses = |root: &str, field: &str| {
            names.iter().any(|name| match name.strip_prefix(root) {
                Some("") => true,
                Some(rest) => rest.strip_prefix('.').is_some_and(|rest| rest.split('.').next() == Some(field)),
                None => false,
            })
        };
        let root = |name: &str| name.split('.').next().unwrap_or_default().to_owned();
        let has = |wanted: &str| names.iter().any(|name| root(name) == wanted);
        let lenient = names.iter().filter(|name| names::LENIENT.contains(&root(name).as_str()));
        let mut lenient: Vec<Box<str>> = lenient.map(|name| name.as_str().into()).collect();
        lenient.sort();
        let mut members: Vec<Box<str>> =
            names.iter().filter_map(|name| name.strip_prefix("members.")?.split('.').next()).map(Into::into).collect();
        members.sort();
        members.dedup();
        let mut state: Vec<_> =
            names.iter().filter_map(|name| names::memory(name)).map(|(scope, key)| (scope, key.into())).collect();
        state.sort();
        state.dedup();
        Self {
            bot: has("bot"),
            event: has("event"),
            now: has("now"),
            captures: has("match"),
            message: has("message"),
            person: has("person"),
            email: uses("person", "email"),
            display_name: uses("person", "display_name"),
            first_name: uses("person", "first_name"),
            org_id: uses("person", "org_id"),
            room: has("room"),
            room_title: uses("room", "title"),
            room_type: uses("room", "type"),
            inputs: has("inputs") || has("card"),
            card: has("card"),
            dialogue: has("dialogue"),
            named: Named { members: members.into(), state: state.into(), lenient: lenient.into() }.if_any(),
        }
    }

    /// The same with what stands anywhere in the template and is known without being asked for. Of `{% set now =
    /// now[:10] %}` the names above say that `now` is set, and not that it is used first.
    pub(super) fn at_hand<'w>(mut self, words: impl Iterator<Item = &'w str>) -> Self {
        for word in words {
            match word.split('.').next() {
                Some("bot") => self.bot = true,
                Some("event") => self.event = true,
                Some("now") => self.now = true,
                Some("match") => self.captures = true,
                Some("person") => self.person = true,
                Some("room") => self.room = true,
                _ => {}
            }
        }
        self
    }

    /// Rooms whose people are named, by their name in `[rooms]`; `room` is the event's.
    pub(super) fn members(&self) -> &[Box<str>] {
        self.named.as_ref().map_or(&[], |named| &named.members)
    }

    /// Keys of the bot's memory.
    pub(super) fn state(&self) -> &[(Memory, Box<str>)] {
        self.named.as_ref().map_or(&[], |named| &named.state)
    }

    /// Paths below lenient names.
    pub(super) fn lenient(&self) -> &[Box<str>] {
        self.named.as_ref().map_or(&[], |named| &named.lenient)
    }

    /// The same without some of the lenient paths.
    pub(super) fn lenient_only(mut self, wanted: impl Fn(&str) -> bool) -> Self {
        self.named = self.named.and_then(|mut named| {
            named.lenient = named.lenient.into_iter().filter(|path| wanted(path)).collect();
            named.if_any()
        });
        self
    }

    /// What this and another use.
    pub(super) fn join(&mut self, other: &Self) {
        self.bot |= other.bot;
        self.event |= other.event;
        self.now |= other.now;
        self.captures |= other.captures;
        self.message |= other.message;
        self.person |= other.person;
        self.email |= other.email;
        self.display_name |= other.display_name;
        self.first_name |= other.first_name;
        self.org_id |= other.org_id;
        self.room |= other.room;
        self.room_title |= other.room_title;
        self.room_type |= other.room_type;
        self.inputs |= other.inputs;
        self.card |= other.card;
        self.dialogue |= other.dialogue;
        if let Some(more) = &other.named {
            self.named.get_or_insert_default().join(more);
        }
    }
}

impl Named {
    fn if_any(self) -> Option<Box<Self>> {
        (self != Self::default()).then(|| Box::new(self))
    }

    fn join(&mut self, other: &Self) {
        self.members = joined(&self.members, &other.members);
        self.state = joined(&self.state, &other.state);
        self.lenient = joined(&self.lenient, &other.lenient);
    }
}

fn joined<T: Clone + Ord>(some: &[T], others: &[T]) -> Box<[T]> {
    let mut all: Vec<T> = some.iter().chain(others).cloned().collect();
    all.sort();
    all.dedup();
    all.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_uses_are_joined_without_doubles() {
        let of = |names: &[&str]| Uses::of(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        let mut both = of(&["message.text", "state.room.count", "payload.a"]);
        both.join(&of(&["state.room.count", "state.bot.x", "card.context.id"]));
        assert_eq!(both, of(&["message.text", "state.room.count", "payload.a", "state.bot.x", "card.context.id"]));
        assert!(both.card && both.inputs && both.state().len() == 2);
    }
}
