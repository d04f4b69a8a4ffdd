//! What a world holds at first start: the usual people, and what a seed file adds. Plain data and how it is put in.
//!
//! It is kept, so that a reset comes back to it. Whatever is put in gets its id from its name: a run that starts
//! from the same file has the same people, rooms and webhooks, whatever it did before.

use serde::Deserialize;

use super::{
    NewWebhook, RoomChange, Rule, Switches, World,
    limits::{MOST_TOKENS, check_count},
    people,
};
use crate::{
    base::Secret,
    sim::{
        ids::{PersonId, RoomId, WebhookId},
        refusal::Refusal,
    },
};

/// What the generator behind faults starts from when nobody says.
pub(crate) const USUAL_CHANCE: u64 = 1;

/// A first start.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Whether admin, alice, bob and carol are there.
    pub(crate) usual_people: bool,
    /// What the generator starts from.
    pub(crate) chance_seed: u64,
    /// Requests a minute; 0 is no limit.
    pub(crate) requests_per_minute: u32,
    /// How the switches stand.
    pub(crate) switches: Switches,
    /// What is put in, in this order.
    pub(crate) entries: Vec<Entry>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            usual_people: true,
            chance_seed: USUAL_CHANCE,
            requests_per_minute: 0,
            switches: Switches::default(),
            entries: Vec::new(),
        }
    }
}

/// One thing that is put in.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// Somebody.
    Person(SeedPerson),
    /// A bot.
    Bot(SeedBot),
    /// A group room.
    Room(SeedRoom),
    /// A registration.
    Webhook(SeedWebhook),
    /// A fault.
    Fault(Rule),
}

/// `[[people]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedPerson {
    email: String,
    name: Option<String>,
    admin: Option<bool>,
    #[serde(default)]
    tokens: Vec<String>,
}

/// `[[bots]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedBot {
    /// What stands before `@webex.bot`.
    name: String,
    display_name: Option<String>,
    /// Besides `sim-bot-<name>`, which every bot has.
    #[serde(default)]
    tokens: Vec<String>,
}

/// `[[rooms]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedRoom {
    title: String,
    /// Addresses; the first one makes the room.
    members: Vec<String>,
    #[serde(default)]
    moderators: Vec<String>,
    #[serde(default)]
    locked: bool,
}

/// `[[webhooks]]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeedWebhook {
    /// An address.
    owner: String,
    name: String,
    target_url: String,
    resource: String,
    event: String,
    filter: Option<String>,
    secret: Option<Secret>,
}

impl World {
    /// Puts in what is there at first start.
    pub(crate) fn seed(&mut self) {
        let setup = std::sync::Arc::clone(&self.setup);
        self.switches = setup.switches;
        self.budgets.set(None, setup.requests_per_minute);
        if setup.usual_people {
            self.plant_usual();
        }
        for entry in setup.entries.iter().filter(|entry| !matches!(entry, Entry::Fault(_))) {
            // Tried out when the file was read.
            let _fits = self.plant(entry);
        }
        self.seed_faults();
    }

    /// The faults alone: they belong to a run, so also to one that goes on with a saved state.
    pub(crate) fn seed_faults(&mut self) {
        let setup = std::sync::Arc::clone(&self.setup);
        self.rules.set_seed(setup.chance_seed);
        for entry in setup.entries.iter().filter(|entry| matches!(entry, Entry::Fault(_))) {
            let _fits = self.plant(entry);
        }
    }

    /// The people that are there without a seed file, each with a fixed token.
    pub(crate) fn plant_usual(&mut self) {
        for (local, admin) in [("admin", true), ("alice", false), ("bob", false), ("carol", false)] {
            let name = format!("{} Example", people::display_name(local));
            if let Ok(id) = self.add_person(&format!("{local}@example.com"), &name, admin) {
                self.people.grant(&format!("sim-{local}"), id);
            }
        }
    }

    /// Puts one thing in, or says why it cannot be.
    pub(crate) fn plant(&mut self, entry: &Entry) -> Result<(), Refusal> {
        match entry {
            Entry::Person(person) => self.plant_person(person),
            Entry::Bot(bot) => self.plant_bot(bot),
            Entry::Room(room) => self.plant_room(room),
            Entry::Webhook(webhook) => self.plant_webhook(webhook),
            Entry::Fault(rule) => self.rules.add(rule.clone(), self.now).map(drop),
        }
    }

    fn plant_person(&mut self, new: &SeedPerson) -> Result<(), Refusal> {
        if new.email.to_lowercase().ends_with(&format!("@{}", people::BOT_DOMAIN)) {
            return Err(Refusal::bad(format!("`{}` is a bot's address: write it under `[[bots]]`", new.email)));
        }
        // One of the usual people may be described anew.
        let id = match self.people.by_email(&new.email).cloned() {
            Some(mut known) => {
                known.name = new.name.clone().unwrap_or(known.name);
                known.admin = new.admin.unwrap_or(known.admin);
                let id = known.id;
                self.people.insert(known);
                id
            }
            None => self.add_person(&new.email, new.name.as_deref().unwrap_or_default(), new.admin == Some(true))?,
        };
        self.plant_tokens(&new.tokens, id)
    }

    fn plant_bot(&mut self, new: &SeedBot) -> Result<(), Refusal> {
        if new.name.contains('@') {
            return Err(Refusal::bad(format!(
                "`name` is what stands before `@webex.bot`, and `{}` has an `@`",
                new.name
            )));
        }
        let email = format!("{}@{}", new.name, people::BOT_DOMAIN);
        let id = self.add_person(&email, new.display_name.as_deref().unwrap_or_default(), false)?;
        self.plant_tokens(&new.tokens, id)
    }

    fn plant_tokens(&mut self, tokens: &[String], id: PersonId) -> Result<(), Refusal> {
        for token in tokens {
            self.may_give(token)?;
            self.people.grant(token, id);
        }
        Ok(())
    }

    /// Whether this can become somebody's token: a token is the name of one person.
    pub(crate) fn may_give(&self, token: &str) -> Result<(), Refusal> {
        if token.is_empty() || token.len() > 512 || !token.chars().all(|c| ('!'..='~').contains(&c)) {
            return Err(Refusal::bad("a token is 1 to 512 printable ASCII characters without a space"));
        }
        if self.people.tokens().contains_key(token) {
            return Err(Refusal::new(409, "this token belongs to somebody already"));
        }
        check_count("tokens", self.people.count_tokens(), MOST_TOKENS)
    }

    fn planted(&self, field: &str, email: &str) -> Result<PersonId, Refusal> {
        let missing = || {
            let section = if email.ends_with(people::BOT_DOMAIN) { "[[bots]]" } else { "[[people]]" };
            Refusal::bad(format!("`{email}` in `{field}` is nobody: describe them under `{section}`"))
        };
        self.people.by_email(email).map(|person| person.id).ok_or_else(missing)
    }

    fn plant_room(&mut self, new: &SeedRoom) -> Result<(), Refusal> {
        let members = new.members.iter().map(|email| self.planted("members", email)).collect::<Result<Vec<_>, _>>()?;
        let (creator, others) = members.split_first().ok_or_else(|| Refusal::bad("`members` names nobody"))?;
        if let Some(email) = new.moderators.iter().find(|email| !new.members.contains(email)) {
            return Err(Refusal::bad(format!("`{email}` in `moderators` is not in `members`")));
        }
        let id = RoomId::of(&new.title);
        if self.rooms.get(id).is_some() {
            return Err(Refusal::bad(format!(
                "there are two rooms `{}`: titles tell the rooms of a seed apart",
                new.title
            )));
        }
        let change =
            RoomChange { title: Some(new.title.clone()), is_locked: Some(new.locked), ..RoomChange::default() };
        self.create_room_as(id, *creator, change)?;
        for (email, member) in new.members.iter().skip(1).zip(others) {
            self.add_member(*creator, id, *member, new.moderators.contains(email))?;
        }
        Ok(())
    }

    fn plant_webhook(&mut self, new: &SeedWebhook) -> Result<(), Refusal> {
        let owner = self.planted("owner", &new.owner)?;
        let id = WebhookId::of(owner, &new.name);
        if self.webhooks.get(id).is_some() {
            return Err(Refusal::bad(format!(
                "`{}` has two webhooks `{}`: names tell them apart",
                new.owner, new.name
            )));
        }
        self.webhook_next = Some(id);
        let made = self.create_webhook(
            owner,
            NewWebhook {
                name: Some(new.name.clone()),
                target_url: Some(new.target_url.clone()),
                resource: Some(new.resource.clone()),
                event: Some(new.event.clone()),
                filter: new.filter.clone(),
                secret: new.secret.clone(),
                owned_by: None,
            },
        );
        self.webhook_next = None;
        made.map(drop)
    }
}
