//! People, bots and the tokens they act by.

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    License, World,
    limits::{LONGEST_NAME, MOST_PEOPLE, MOST_TOKENS, check_count, check_text},
};
use crate::{
    base::Millis,
    sim::{ids::PersonId, refusal::Refusal, wire::PhoneNumber},
};

/// What a bot's address ends with.
pub(crate) const BOT_DOMAIN: &str = "webex.bot";
/// A token that begins so makes its bot on first use.
const BOT_TOKEN: &str = "sim-bot-";

/// A person or a bot. What came after the first version of the state file has a default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Person {
    /// Derived from the address, except for who has the address of somebody who is gone.
    pub(crate) id: PersonId,
    /// Lower case.
    pub(crate) email: String,
    /// As shown.
    pub(crate) name: String,
    /// Sees only what bots see.
    pub(crate) bot: bool,
    /// Sees and changes everyone.
    pub(crate) admin: bool,
    /// When.
    pub(crate) created: Millis,
    /// Running number.
    pub(crate) seq: u64,
    /// Makes direct rooms read only and private rooms public.
    #[serde(default)]
    pub(crate) compliance: bool,
    /// When it is not the first word of the name.
    #[serde(default)]
    pub(crate) first_name: Option<String>,
    /// When it is not what follows the first word of the name.
    #[serde(default)]
    pub(crate) last_name: Option<String>,
    /// When it is not the first name.
    #[serde(default)]
    pub(crate) nick_name: Option<String>,
    /// URL of a picture.
    #[serde(default)]
    pub(crate) avatar: Option<String>,
    #[serde(default)]
    pub(crate) phone_numbers: Vec<PhoneNumber>,
    #[serde(default = "usual_licenses")]
    pub(crate) licenses: Vec<License>,
    /// As `Europe/Berlin`; only a state file sets it.
    #[serde(default)]
    pub(crate) timezone: Option<String>,
    /// When an administrator changed it last.
    #[serde(default)]
    pub(crate) modified: Option<Millis>,
    /// When it last did something that others may see.
    #[serde(default)]
    pub(crate) last_activity: Option<Millis>,
    /// Made by an administrator, and without a token so far.
    #[serde(default)]
    pub(crate) invite_pending: bool,
    /// Its tokens do not work: an administrator took away its right to log in.
    #[serde(default)]
    pub(crate) locked_out: bool,
    /// Deleted. What it wrote stays and still names it.
    #[serde(default)]
    pub(crate) gone: bool,
}

fn usual_licenses() -> Vec<License> {
    vec![License::Messaging]
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
    /// By id; also who is gone, because what they did still names them.
    pub(crate) fn get(&self, id: PersonId) -> Option<&Person> {
        self.by_id.get(&id)
    }

    /// By id, unless they are gone.
    pub(crate) fn present(&self, id: PersonId) -> Option<&Person> {
        self.by_id.get(&id).filter(|person| !person.gone)
    }

    /// By id, to change. The address stays: it has an index.
    pub(super) fn get_mut(&mut self, id: PersonId) -> Option<&mut Person> {
        self.by_id.get_mut(&id)
    }

    /// By address, in any case.
    pub(crate) fn by_email(&self, email: &str) -> Option<&Person> {
        self.by_email.get(&email.to_lowercase()).and_then(|id| self.by_id.get(id))
    }

    /// Everyone who is not gone, oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Person> {
        self.all().filter(|person| !person.gone)
    }

    /// Everyone who was ever there, oldest first.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Person> {
        self.order.values().filter_map(|id| self.by_id.get(id))
    }

    /// How many, without those who are gone.
    pub(crate) fn len(&self) -> usize {
        self.by_email.len()
    }

    /// Puts a person in, with its indexes.
    pub(crate) fn insert(&mut self, person: Person) {
        if !person.gone {
            self.by_email.insert(person.email.clone(), person.id);
        }
        self.order.insert(person.seq, person.id);
        self.by_id.insert(person.id, person);
    }

    /// Somebody is gone: nobody finds them any more, their tokens are dead, their address is free.
    pub(super) fn part(&mut self, id: PersonId) {
        self.revoke_all(id);
        if let Some(person) = self.by_id.get_mut(&id) {
            person.gone = true;
            self.by_email.remove(&person.email);
        }
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
        if let Some(person) = self.by_id.get_mut(&id) {
            person.invite_pending = false;
        }
    }

    /// Ends a token. Whether it was alive. Remembered is only one that would come back by itself.
    pub(crate) fn revoke(&mut self, token: &str) -> bool {
        let alive = self.tokens.remove(token).is_some();
        if token.starts_with(BOT_TOKEN) && (alive || self.revoked.len() < MOST_TOKENS) {
            self.revoked.insert(token.to_owned());
        }
        alive
    }

    /// Tokens, dead ones that are remembered included.
    pub(super) fn count_tokens(&self) -> usize {
        self.tokens.len() + self.revoked.len()
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
            return self.people.get(*id).filter(|person| !person.locked_out).map(|person| person.id);
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
        check_count("people", self.people.by_id.len(), MOST_PEOPLE)?;
        check_text("email", Some(&email), LONGEST_NAME)?;
        check_text("displayName", Some(name), LONGEST_NAME)?;
        let name = if name.trim().is_empty() { display_name(local) } else { name.trim().to_owned() };
        // Whoever had this address before was somebody else.
        let id = Some(PersonId::of(&email)).filter(|id| self.people.get(*id).is_none());
        let id = id.unwrap_or_else(PersonId::fresh);
        let seq = self.next_seq();
        self.people.insert(Person {
            id,
            email,
            name,
            bot,
            admin,
            created: self.now,
            seq,
            compliance: false,
            first_name: None,
            last_name: None,
            nick_name: None,
            avatar: None,
            phone_numbers: Vec::new(),
            licenses: usual_licenses(),
            timezone: None,
            modified: None,
            last_activity: None,
            invite_pending: false,
            locked_out: false,
            gone: false,
        });
        Ok(id)
    }

    /// Whether it is a bot; who is not there is none.
    pub(crate) fn is_bot(&self, id: PersonId) -> bool {
        self.people.get(id).is_some_and(|person| person.bot)
    }

    /// The person of this id; ids in the world always have one.
    pub(crate) fn person(&self, id: PersonId) -> Result<&Person, Refusal> {
        self.people.get(id).ok_or_else(Refusal::no_such_resource)
    }

    /// Exactly one of id and address, as the bodies of memberships and direct messages name people.
    pub(crate) fn person_by(&self, id: Option<&str>, email: Option<&str>) -> Option<&Person> {
        match (id, email) {
            (Some(id), _) => self.people.present(PersonId::parse(id)?),
            (None, Some(email)) => self.people.by_email(email),
            (None, None) => None,
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
    fn of_dead_tokens_only_those_are_remembered_that_would_make_their_bot_anew() {
        let mut world = World::seeded();
        assert!(world.people.revoke("sim-alice") && !world.people.revoke("never-there"));
        assert_eq!(world.authenticate("sim-alice"), None);
        assert!(world.people.revoked().is_empty());
        assert!(!world.people.revoke("sim-bot-early"));
        assert_eq!(world.authenticate("sim-bot-early"), None);
    }

    #[test]
    fn who_is_gone_is_found_by_nobody_and_leaves_the_address_free() {
        let mut world = World::seeded();
        let alice = world.authenticate("sim-alice").unwrap();
        let count = world.people.len();
        world.people.part(alice);
        assert_eq!(world.authenticate("sim-alice"), None);
        assert!(world.people.by_email("alice@example.com").is_none() && world.people.present(alice).is_none());
        assert_eq!((world.people.len(), world.people.iter().count()), (count - 1, count - 1));
        assert_eq!(world.people.get(alice).map(|gone| gone.email.as_str()), Some("alice@example.com"));
        let again = world.add_person("alice@example.com", "", false).unwrap();
        assert_ne!(again, alice, "somebody else with the same address");
    }
}
