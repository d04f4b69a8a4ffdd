//! The simulated cloud itself: one plain structure, and operations on it as plain functions.
//!
//! An operation checks, changes, and leaves what must go out (webhook deliveries) in a list for its caller
//! to fetch. Nothing here knows HTTP, waits, or asks for the time: `now` is set before each operation.
//! Whatever a request does often is a look-up: rooms by member, webhooks by owner, messages by room and
//! by author are indexes, so no path that a bench takes walks over everything.

mod accounts;
mod budget;
mod cards;
mod directory;
mod editing;
mod events;
mod faults;
mod files;
mod filter;
mod journal;
mod kinds;
mod limits;
mod members;
mod messages;
mod page;
mod people;
mod registering;
mod room_acts;
mod room_lists;
mod rooms;
mod saved;
mod setup;
mod steering;
mod tabs;
mod teams;
mod webhooks;
mod writing;

#[cfg(test)]
mod invariants;

use std::{collections::HashMap, sync::Arc};

use serde::{Deserialize, Serialize};

pub(crate) use accounts::{Account, Detail};
pub(crate) use budget::{Budgets, Family};
pub(crate) use cards::{Action, Actions};
pub(crate) use directory::{License, Role};
pub(crate) use events::Delivery;
pub(crate) use faults::{Asked, EMPTIED, Effect, List, Rule, Rules, Wire};
pub(crate) use files::{File, Files, NewFile, NextScan, Scan};
pub(crate) use filter::Filter;
pub(crate) use journal::{Entry, Journal, Search, What};
pub(crate) use members::NewMember;
pub(crate) use messages::{Body, Message, MessageQuery, Messages};
pub(crate) use page::{Page, Position, Wanted};
pub(crate) use people::{People, Person};
pub(crate) use registering::{NewWebhook, WebhookChange};
pub(crate) use room_acts::RoomChange;
pub(crate) use room_lists::{RoomQuery, RoomSort};
pub(crate) use rooms::{Member, Room, Rooms};
pub(crate) use saved::Saved;
pub(crate) use setup::{Entry as SeedEntry, SeedBot, SeedPerson, SeedRoom, SeedWebhook, Setup};
pub(crate) use tabs::{Tab, TabChange};
pub(crate) use teams::{NewTeamMember, Team, TeamChange, Teams};
pub(crate) use webhooks::{Webhook, Webhooks};
pub(crate) use writing::{Content, NewMessage};

use super::{
    ids::{AppId, OrgId, PersonId, RoomId, WebhookId},
    options::Retention,
    refusal::Refusal,
};
use crate::base::Millis;

/// Everything there is.
#[derive(Debug)]
pub(crate) struct World {
    /// The moment of the operation in hand; never goes back.
    pub(crate) now: Millis,
    seq: u64,
    /// Counts what is worth saving; the journal alone is not.
    revision: u64,
    /// The one organisation.
    pub(crate) org: OrgId,
    /// What every token belongs to.
    pub(crate) app: AppId,
    /// Everyone, and their tokens.
    pub(crate) people: People,
    /// Rooms with their members.
    pub(crate) rooms: Rooms,
    /// Teams, beyond their General rooms.
    pub(crate) teams: Teams,
    /// Messages.
    pub(crate) messages: Messages,
    /// Presses of buttons.
    pub(crate) actions: Actions,
    /// Webhooks.
    pub(crate) webhooks: Webhooks,
    /// What happened.
    pub(crate) journal: Journal,
    /// Faults on demand.
    pub(crate) rules: Rules,
    /// Requests a minute.
    pub(crate) budgets: Budgets,
    /// Behaviour that is doubtful or optional at Webex.
    pub(crate) switches: Switches,
    /// What links begin with where nobody asks us: `http://127.0.0.1:7070/v1`.
    pub(crate) home: String,
    /// How the scanner finds a file that the request in hand brings, and for how many milliseconds: set around
    /// an operation by a fault, for whoever stores the file to take.
    pub(crate) scan_next: Option<(Scan, Option<u64>)>,
    /// The id of the room, and of the webhook, that is made next: set around an operation by the seed.
    room_next: Option<RoomId>,
    webhook_next: Option<WebhookId>,
    /// What is there at first start and after a reset.
    pub(crate) setup: Arc<Setup>,
    steering: steering::Steering,
    /// Deliveries that are not over, by whom they are for: a field of its own, because a wait asks for it often.
    flying: HashMap<PersonId, usize>,
    retention: Retention,
    deliveries: Vec<Delivery>,
}

/// Behaviour of Webex that is not settled, or that one wants to see both ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Switches {
    /// Deliveries also carry `X-Webex-Signature` (SHA-256 and SHA-512).
    pub(crate) webex_signature: bool,
    /// A reply to a reply goes to its root instead of being refused.
    pub(crate) resolve_thread_root: bool,
    /// A bot may reply in a thread whose root it cannot read. Believed: frameworks do so when a reply mentions them.
    pub(crate) reply_to_unseen_root: bool,
    /// Webhooks hear of edited messages.
    pub(crate) message_updates: bool,
    /// The text of a message with a card can be edited. Cisco's description refuses it, notes of others do not.
    pub(crate) edit_cards: bool,
    /// A file by URL and a card may stand in one message. Nobody says whether they may.
    pub(crate) file_with_card: bool,
    /// A press is answered with 202, as Cisco's description has it, instead of the 200 that clients expect.
    pub(crate) press_accepted: bool,
    /// Each new file is being scanned for so many milliseconds; 0 is not at all.
    pub(crate) scan_ms: u64,
    /// An update of a webhook that names no secret takes the old one away instead of keeping it.
    pub(crate) webhook_update_drops_secret: bool,
    /// Bots may add themselves to public rooms, as people may.
    pub(crate) bots_join_public_rooms: bool,
    /// `/people` and `/messages` have budgets of their own, twice as large.
    pub(crate) budget_by_family: bool,
    /// How long a webhook's target may take, in milliseconds. No time-out is documented; ten seconds are believed.
    pub(crate) delivery_timeout_ms: u32,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            webex_signature: false,
            resolve_thread_root: false,
            reply_to_unseen_root: true,
            message_updates: true,
            edit_cards: false,
            file_with_card: true,
            press_accepted: false,
            scan_ms: 0,
            webhook_update_drops_secret: false,
            bots_join_public_rooms: false,
            budget_by_family: false,
            delivery_timeout_ms: 10_000,
        }
    }
}

impl Switches {
    /// Whether they can be meant.
    pub(crate) fn check(self) -> Result<(), Refusal> {
        // Ten minutes: a target that takes longer never answers.
        if (1..=600_000).contains(&self.delivery_timeout_ms) {
            return Ok(());
        }
        Err(Refusal::bad("`delivery_timeout_ms` is 1 to 600000"))
    }
}

impl World {
    /// An empty organisation.
    pub(crate) fn empty(retention: Retention, requests_per_minute: u32) -> Self {
        Self {
            now: Millis::default(),
            seq: 0,
            revision: 0,
            org: OrgId::of(directory::ORGANISATION),
            app: AppId::of("simulator"),
            people: People::default(),
            rooms: Rooms::default(),
            teams: Teams::default(),
            messages: Messages::default(),
            actions: Actions::default(),
            webhooks: Webhooks::default(),
            journal: Journal::new(retention.journal),
            rules: Rules::new(setup::USUAL_CHANCE),
            budgets: Budgets::new(requests_per_minute),
            switches: Switches::default(),
            home: "http://127.0.0.1:7070/v1".to_owned(),
            scan_next: None,
            room_next: None,
            webhook_next: None,
            setup: Arc::new(Setup { requests_per_minute, ..Setup::default() }),
            steering: steering::Steering::default(),
            flying: HashMap::new(),
            retention,
            deliveries: Vec::new(),
        }
    }

    /// Everything as at first start; the running number goes on, so that no waiting reader is confused, and so
    /// does time.
    pub(crate) fn reset(&mut self) {
        let fresh = Self::empty(self.retention, self.setup.requests_per_minute);
        self.succeed_by(fresh);
        self.revision += 1;
        self.seed();
    }

    /// Puts back what was saved, in the place of everything; faults are those of a start with it. On an error nothing
    /// has changed.
    pub(crate) fn replace(&mut self, saved: Saved) -> Result<(), String> {
        let mut fresh = Self::empty(self.retention, self.budgets.default_per_minute());
        fresh.load(saved)?;
        self.succeed_by(fresh);
        self.seq += 1;
        self.revision += 1;
        self.seed_faults();
        Ok(())
    }

    /// Another world in the place of this one: what belongs to the run rather than to the world stays.
    fn succeed_by(&mut self, fresh: Self) {
        let before = std::mem::replace(self, fresh);
        self.seq = self.seq.max(before.seq);
        self.revision = before.revision;
        self.now = self.now.max(before.now);
        self.home = before.home;
        self.setup = before.setup;
        self.steering = before.steering;
        self.flying = before.flying;
        self.catch_up();
    }

    /// Sets the moment of the next operation.
    pub(crate) fn at(&mut self, now: Millis) -> &mut Self {
        self.now = self.now.max(now);
        self
    }

    /// The last running number given out.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// How often anything that is saved has changed.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// Something changed that has no number of its own.
    pub(crate) fn touch(&mut self) {
        self.next_seq();
    }

    fn next_seq(&mut self) -> u64 {
        self.revision += 1;
        self.seq += 1;
        self.seq
    }

    /// What the operations so far want delivered, in their order.
    pub(crate) fn take_deliveries(&mut self) -> Vec<Delivery> {
        std::mem::take(&mut self.deliveries)
    }

    /// Notes something in the journal, where there is one.
    pub(crate) fn note(&mut self, what: impl FnOnce(&Self) -> What) {
        if self.journal.is_on() {
            let what = what(self);
            self.seq += 1;
            self.journal.push(Entry { seq: self.seq, at: self.now, what });
        }
    }

    #[cfg(test)]
    pub(crate) fn seeded() -> Self {
        let mut world = Self::empty(Retention::default(), 0);
        world.at(Millis(1_767_225_600_000)).seed();
        world
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_world_is_the_seeded_one_with_a_later_number() {
        let mut world = World::seeded();
        world.authenticate("sim-bot-echo");
        let before = world.seq();
        world.reset();
        assert!(world.seq() > before);
        assert_eq!(world.people.len(), 4);
        assert!(world.authenticate("sim-carol").is_some());
    }

    #[test]
    fn a_state_that_is_put_back_meets_the_faults_of_a_start_with_it() {
        let mut world = World::seeded();
        let rule = serde_json::from_str(r#"{"status": 500, "times": 0}"#).unwrap();
        world.setup = Arc::new(Setup { chance_seed: 7, entries: vec![SeedEntry::Fault(rule)], ..Setup::default() });
        let saved = world.save();
        world.replace(saved).unwrap();
        assert_eq!((world.rules.list(world.now).len(), world.rules.seed()), (1, 7));
    }

    #[test]
    fn time_never_goes_back() {
        let mut world = World::seeded();
        let now = world.now;
        assert_eq!(world.at(Millis(0)).now, now);
    }
}
