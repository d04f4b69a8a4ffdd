//! People, bots and the tokens they act by.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::World;
use crate::{
    base::Millis,
    sim::{ids::PersonId, refusal::Refusal, wire},
};

/// What a bot's address ends with.
pub(crate) const BOT_DOMAIN: &str = "webex.bot";
/// A token that begins so makes its bot on first use.
const BOT_TOKEN: &str = "sim-bot-";
/// More people than any bench needs: a client that invents tokens in a loop fills no memory.
const MOST_PEOPLE: usize = 200_000;

/// A person or a bot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Derived from the address.
    pub(crate) id: PersonId,
    /// Lower case.
    pub(crate) email: String,
    /// As shown.
    pub(crate) name: String,
    /// Sees only what bots see.
    pub(crate) bot: bool,
    /// May list everyone.
    pub(crate) admin: bool,
    /// When.
    pub(crate) created: Millis,
    /// Running number.
    pub(crate) seq: u64,
}

/// Everyone, and who may act as whom.
#[derive(Debug, Default)]
pub(crate) struct People {
    by_id: HashMap<PersonId, Person>,
    by_email: HashMap<String, PersonId>,
    order: BTreeMap<u64, PersonId>,
    tokens: HashMap<String, PersonId>,
    /// Kept so that a revoked `sim-bot-…` does not come back to life on its next use.
    revoked: HashSet<String>,
}

impl People {
    /// By id.
    pub(crate) fn get(&self, id: PersonId) -> Option<&Person> {
        self.by_id.get(&id)
    }

    /// By address, in any case.
    pub(crate) fn by_email(&self, email: &str) -> Option<&Person> {
        self.by_email.get(&email.to_lowercase()).and_then(|id| self.by_id.get(id))
    }

    /// Everyone, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.order.values().filter_map(|id| self.by_id.get(id))
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Puts a person in, with its indexes.
    pub(crate) fn insert(&mut self, person: Person) {
        self.by_email.insert(person.email.clone(), person.id);
        self.order.insert(person.seq, person.id);
        self.by_id.insert(person.id, person);
    }

    /// Every token with its owner.
    pub(crate) fn tokens(&self) -> &HashMap<String, PersonId> {
        &self.tokens
    }

    /// Tokens that are dead for good.
    pub(crate) fn revoked(&self) -> &HashSet<String> {
        &self.revoked
    }

    /// Lets this token act as this person.
    pub(crate) fn grant(&mut self, token: &str, id: PersonId) {
        self.revoked.remove(token);
        self.tokens.insert(token.to_owned(), id);
    }

    /// Ends a token. Whether it was alive.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        self.revoked.insert(token.to_owned());
        self.tokens.remove(token).is_some()
    }

    /// Ends every token of a person, also the one that would make the bot anew.
    pub(crate) fn revoke_all(&mut self, id: PersonId) {
        let mut tokens: Vec<String> =
            self.tokens.iter().filter(|(_, owner)| **owner == id).map(|(token, _)| token.clone()).collect();
        if let Some(name) = self.by_id.get(&id).and_then(|person| person.email.strip_suffix("@webex.bot")) {
            tokens.push(format!("{BOT_TOKEN}{name}"));
        }
        for token in tokens {
            self.revoke(&token);
        }
    }
}

/// `on-call` is shown as `On call`.
pub(crate) fn display_name(name: &str) -> String {
    let spaced = name.replace('-', " ");
    let mut chars = spaced.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// What may stand before the `@` of a bot's address.
fn is_bot_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c))
}

impl World {
    /// Whose token this is; a `sim-bot-…` token makes its bot.
    pub(crate) fn authenticate(&mut self, token: &str) -> Option<PersonId> {
        if let Some(id) = self.people.tokens.get(token) {
            return Some(*id);
        }
        let name = token.strip_prefix(BOT_TOKEN).filter(|name| is_bot_name(name))?;
        if self.people.revoked.contains(token) {
            return None;
        }
        let email = format!("{name}@{BOT_DOMAIN}");
        let id = match self.people.by_email(&email) {
            Some(bot) => bot.id,
            None => self.add_person(&email, &display_name(name), false).ok()?,
        };
        self.people.grant(token, id);
        Some(id)
    }

    /// Makes a person, or a bot when the address ends in `@webex.bot`.
    pub(crate) fn add_person(&mut self, email: &str, name: &str, admin: bool) -> Result<PersonId, Refusal> {
        let email = email.trim().to_lowercase();
        let parts = email.split_once('@').filter(|(local, domain)| !local.is_empty() && !domain.is_empty());
        let Some((local, domain)) = parts else {
            return Err(Refusal::bad(format!("`{email}` is no address")));
        };
        let bot = domain == BOT_DOMAIN;
        if bot && !is_bot_name(local) {
            return Err(Refusal::bad(format!("`{local}` is no bot name: 1 to 64 of `a-z`, `0-9`, `-`, `_`, `.`")));
        }
        if self.people.by_email(&email).is_some() {
            return Err(Refusal::new(409, format!("`{email}` exists already")));
        }
        if self.people.len() >= MOST_PEOPLE {
            return Err(Refusal::new(503, format!("the simulator holds at most {MOST_PEOPLE} people")));
        }
        let name = if name.trim().is_empty() { display_name(local) } else { name.trim().to_owned() };
        let person =
            Person { id: PersonId::of(&email), email, name, bot, admin, created: self.now, seq: self.next_seq() };
        let id = person.id;
        self.people.insert(person);
        Ok(id)
    }

    /// The person of this id; ids in the world always have one.
    pub(crate) fn person(&self, id: PersonId) -> Result<&Person, Refusal> {
        self.people.get(id).ok_or_else(Refusal::no_such_resource)
    }

    /// Exactly one of id and address, as the bodies of memberships and direct messages name people.
    pub(crate) fn person_by(&self, id: Option<&str>, email: Option<&str>) -> Option<&Person> {
        match (id, email) {
            (Some(id), _) => self.people.get(PersonId::parse(id)?),
            (None, Some(email)) => self.people.by_email(email),
            (None, None) => None,
        }
    }

    /// As clients see it.
    pub(crate) fn show_person(&self, person: &Person) -> wire::Person {
        let (first, last) = match person.name.split_once(' ') {
            Some((first, last)) => (first, Some(last.to_owned())),
            None => (person.name.as_str(), None),
        };
        wire::Person {
            id: person.id.public(),
            emails: vec![person.email.clone()],
            phone_numbers: Vec::new(),
            display_name: person.name.clone(),
            nick_name: if person.bot { person.name.clone() } else { first.to_owned() },
            first_name: (!person.bot).then(|| first.to_owned()),
            last_name: last.filter(|_| !person.bot),
            org_id: self.org.public(),
            created: person.created.iso(),
            last_modified: person.created.iso(),
            status: "unknown",
            kind: if person.bot { "bot" } else { "person" },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bot_token_makes_its_bot_on_first_use_and_only_then() {
        let mut world = World::seeded();
        let id = world.authenticate("sim-bot-on-call").unwrap();
        let bot = world.person(id).unwrap();
        assert_eq!((bot.email.as_str(), bot.name.as_str(), bot.bot), ("on-call@webex.bot", "On call", true));
        let count = world.people.len();
        assert_eq!(world.authenticate("sim-bot-on-call"), Some(id));
        assert_eq!(world.people.len(), count);
    }

    #[test]
    fn other_tokens_mean_nobody() {
        let mut world = World::seeded();
        for token in ["", "sim-bot-", "sim-bot-Echo", "sim-bot-a/b", "sim-dave", "Bearer sim-alice"] {
            assert_eq!(world.authenticate(token), None, "{token}");
        }
        assert!(world.authenticate("sim-alice").is_some());
    }

    #[test]
    fn a_revoked_token_stays_dead_and_the_person_stays() {
        let mut world = World::seeded();
        let id = world.authenticate("sim-bot-echo").unwrap();
        world.people.revoke_all(id);
        assert_eq!(world.authenticate("sim-bot-echo"), None);
        world.people.grant("new-token", id);
        assert_eq!(world.authenticate("new-token"), Some(id));
    }

    #[test]
    fn people_have_two_names_and_bots_one() {
        let mut world = World::seeded();
        let alice = world.people.by_email("ALICE@example.com").unwrap().clone();
        assert_eq!(world.show_person(&alice).first_name.as_deref(), Some("Alice"));
        let bot = world.authenticate("sim-bot-echo").unwrap();
        let bot = world.person(bot).unwrap();
        assert_eq!(world.show_person(bot).first_name, None);
    }
}
