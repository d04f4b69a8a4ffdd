//! What a step expects, held against what the bot did.

use serde_json::Value;

use super::{
    cards,
    play::Failure,
    turn::shown,
    words,
    world::{Deed, Done, World},
};
use crate::{
    base::StateScope,
    brain::{Attached, Delivery},
    definition::cases::{Expect, Expected, Scope, Whither, Words},
};

impl World<'_> {
    /// Holds one expectation against what the bot did.
    pub(super) fn expect(&mut self, expect: &Expect, line: usize) -> Result<(), Failure> {
        match &expect.what {
            Expected::Silent => {
                let place = expect.place.as_ref().map(|place| self.whither(place));
                let said = self
                    .done
                    .iter()
                    .position(|done| !done.expected && place.as_deref().is_none_or(|room| room == done.room));
                if let Some(done) = said.and_then(|at| self.done.get(at)) {
                    return Err(Failure::at(line, "the bot should be silent").got(self.deed(done)));
                }
                rule(expect.rule.as_deref(), &self.rule, line)
            }
            Expected::Remembers(values) => values.iter().try_for_each(|(scope, key, value)| {
                let held = self.held(expect, *scope, key);
                if held.as_ref().is_some_and(|held| cards::same(held, value)) {
                    return Ok(());
                }
                let what = format!("the bot does not keep this under `{}`", full_key(*scope, key));
                let got = held.map_or_else(|| "nothing".to_owned(), |held| held.to_string());
                Err(Failure::at(line, what).expected(value.to_string()).got(got))
            }),
            Expected::Forgets(keys) => keys.iter().try_for_each(|(scope, key)| match self.held(expect, *scope, key) {
                None => Ok(()),
                Some(held) => {
                    let what = format!("the bot still keeps `{}`", full_key(*scope, key));
                    Err(Failure::at(line, what).got(held.to_string()))
                }
            }),
            Expected::Ends => {
                let (room, person) = (self.memory_of(expect, Scope::Room), self.memory_of(expect, Scope::Person));
                let (StateScope::Room(room), StateScope::Person(person)) = (room, person) else { return Ok(()) };
                let open = self.dialogues.get(&(room, person)).and_then(|talk| talk.at(self.now).1);
                match open {
                    None => Ok(()),
                    Some((value, _)) => {
                        Err(Failure::at(line, "the dialogue should be over").got(format!("it stands at {value}")))
                    }
                }
            }
            Expected::Calls(shape, answer) => self.expect_call(shape, answer.as_ref(), expect.rule.as_deref(), line),
            Expected::CallsNobody => {
                self.expect_no_call(line)?;
                rule(expect.rule.as_deref(), &self.rule, line)
            }
            _ => self.expect_deed(expect, line),
        }
    }

    /// The next thing that the bot did in the place, and no step expected yet.
    fn expect_deed(&mut self, expect: &Expect, line: usize) -> Result<(), Failure> {
        let anywhere = matches!(expect.what, Expected::Fails(_));
        let place = match &expect.place {
            Some(place) => Some(self.whither(place)),
            None => self.last.room.clone().filter(|_| !anywhere),
        };
        let here = |done: &Done| !done.expected && place.as_deref().is_none_or(|room| room == done.room);
        let Some(at) = self.done.iter().position(here) else {
            let mut failure = Failure::at(line, "the bot did nothing more").expected(described(&expect.what));
            if let Some(elsewhere) = self.done.iter().find(|done| !done.expected) {
                let room = place.map(|room| self.called(&room)).unwrap_or_default();
                failure = failure.got(format!("{}\n(where it was expected: {room})", self.deed(elsewhere)));
            } else if !self.rule.is_empty() {
                failure = failure.got(format!("nothing, decided by {}", self.rule));
            }
            return Err(failure);
        };
        let Some(done) = self.done.get(at).cloned() else { return Ok(()) };
        let wrong = |what: &str| Failure::at(line, what).expected(described(&expect.what)).got(self.deed(&done));
        let text = |words: &Words, delivery: &Delivery, what: &str| {
            if words::fits(words, &forms(delivery)) {
                return Ok(());
            }
            let got =
                delivery.markdown.as_deref().map(words::seen).or_else(|| delivery.text.clone()).unwrap_or_default();
            Err(Failure::at(line, what).expected(words::described(words)).got(got))
        };
        match (&expect.what, &done.what) {
            (Expected::Says(words), Deed::Said(delivery)) => text(words, delivery, "the bot said something else")?,
            (Expected::Edits(words), Deed::Edited(delivery)) => {
                text(words, delivery, "the bot changed the message to something else")?;
            }
            (Expected::Shows(part), Deed::Said(delivery)) => card(part, delivery, line)?,
            (Expected::Deletes(words), Deed::Deleted { text, .. }) => {
                if !words::fits(words, std::slice::from_ref(text)) {
                    return Err(wrong("the bot deleted another message"));
                }
            }
            (Expected::Leaves, Deed::Left) => {}
            (Expected::Fails(words), Deed::Failed(why)) => {
                if !words::fits(words, std::slice::from_ref(why)) {
                    return Err(wrong("the event failed for another reason"));
                }
            }
            _ => return Err(wrong("the bot did something else")),
        }
        match &done.what {
            Deed::Said(delivery) | Deed::Edited(delivery) => beside(expect, delivery, line)?,
            Deed::Deleted { key, .. } => named("key", expect.key.as_deref(), key.as_deref(), line)?,
            Deed::Left | Deed::Failed(_) => {}
        }
        rule(expect.rule.as_deref(), &done.rule, line)?;
        if let Some(done) = self.done.get_mut(at) {
            done.expected = true;
        }
        Ok(())
    }

    /// Fails when the bot did something that no step expected.
    pub(super) fn nothing_left(&self) -> Result<(), Failure> {
        let Some(done) = self.done.iter().find(|done| !done.expected) else { return Ok(()) };
        Err(Failure::at(done.cause, "the bot did more than the steps after this one expect").got(self.deed(done)))
    }

    fn whither(&mut self, place: &Whither) -> String {
        let actor = self.last.person.clone().unwrap_or_else(|| "alice".to_owned());
        let at = match place {
            Whither::Room(room) => {
                let human = self.person(&actor);
                self.named(room, &human)
            }
            Whither::Person(name) => {
                let human = self.person(name);
                self.direct(&human.id)
            }
        };
        self.rooms.get(at).map(|room| room.id.clone()).unwrap_or_default()
    }

    fn memory_of(&mut self, expect: &Expect, scope: Scope) -> StateScope {
        let room = match &expect.place {
            Some(Whither::Room(room)) => Some(room.clone()),
            _ => None,
        };
        self.scope(scope, room.as_deref(), expect.person.as_deref())
    }

    fn held(&mut self, expect: &Expect, scope: Scope, key: &str) -> Option<Value> {
        let place = (self.memory_of(expect, scope), key.to_owned());
        self.memory.get(&place).and_then(|cell| cell.at(self.now)).cloned()
    }

    /// Something the bot did, for people.
    fn deed(&self, done: &Done) -> String {
        let room = self.called(&done.room);
        let place = if room.is_empty() { String::new() } else { format!(" ({room})") };
        match &done.what {
            Deed::Said(delivery) => format!("says{place}: {}", shown(delivery)),
            Deed::Edited(delivery) => format!("edits{place}: {}", shown(delivery)),
            Deed::Deleted { text, .. } => format!("deletes{place}: {text}"),
            Deed::Left => format!("leaves{place}"),
            Deed::Failed(why) => format!("fails{place}: {why}"),
        }
    }
}

fn full_key(scope: Scope, key: &str) -> String {
    let name = Scope::ALL.iter().find(|(_, known)| *known == scope).map_or("", |(name, _)| name);
    format!("{name}.{key}")
}

/// A message in the forms that a test may name it by.
fn forms(delivery: &Delivery) -> Vec<String> {
    let seen = delivery.markdown.as_deref().map(words::seen);
    [delivery.text.clone(), delivery.markdown.clone(), seen].into_iter().flatten().collect()
}

fn described(expected: &Expected) -> String {
    match expected {
        Expected::Says(words) => format!("says: {}", words::described(words)),
        Expected::Edits(words) => format!("edits: {}", words::described(words)),
        Expected::Deletes(words) => format!("deletes: {}", words::described(words)),
        Expected::Fails(words) => format!("fails: {}", words::described(words)),
        Expected::Shows(part) => format!("shows a card with {part}"),
        Expected::Leaves => "leaves the room".to_owned(),
        _ => String::new(),
    }
}

fn card(part: &Value, delivery: &Delivery, line: usize) -> Result<(), Failure> {
    let Some(card) = &delivery.card else {
        return Err(Failure::at(line, "the message has no card").expected(pretty(part)).got(shown(delivery)));
    };
    if cards::has(card, part) {
        return Ok(());
    }
    Err(Failure::at(line, "the card is another one").expected(pretty(part)).got(pretty(card)))
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn beside(expect: &Expect, delivery: &Delivery, line: usize) -> Result<(), Failure> {
    if let Some(part) = &expect.card {
        card(part, delivery, line)?;
    }
    if let Some(wanted) = expect.thread
        && wanted != delivery.parent.is_some()
    {
        let what = if wanted { "the message should be in a thread" } else { "the message should be in no thread" };
        return Err(Failure::at(line, what).got(shown(delivery)));
    }
    named("key", expect.key.as_deref(), delivery.key.as_ref().map(|keyed| keyed.key.as_str()), line)?;
    if let Some(context) = &expect.context
        && !cards::has(&delivery.context, context)
    {
        let failure = Failure::at(line, "the context kept with the message is another one");
        return Err(failure.expected(pretty(context)).got(pretty(&delivery.context)));
    }
    if let Some(file) = &expect.file {
        let sent = delivery.file.as_ref().map(|file| match file {
            Attached::Path(path) | Attached::Url(path) => path.as_str(),
        });
        if !sent.is_some_and(|sent| sent.ends_with(file.as_str())) {
            return Err(Failure::at(line, "the file is another one")
                .expected(file.clone())
                .got(sent.unwrap_or("no file")));
        }
    }
    Ok(())
}

fn named(what: &str, wanted: Option<&str>, got: Option<&str>, line: usize) -> Result<(), Failure> {
    match wanted {
        Some(wanted) if got != Some(wanted) => {
            Err(Failure::at(line, format!("the {what} is another one")).expected(wanted).got(got.unwrap_or("none")))
        }
        _ => Ok(()),
    }
}

fn rule(wanted: Option<&str>, got: &str, line: usize) -> Result<(), Failure> {
    match wanted {
        Some(wanted) if wanted != got => Err(Failure::at(line, "another rule decided").expected(wanted).got(got)),
        _ => Ok(()),
    }
}
