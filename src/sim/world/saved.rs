//! The whole state as one JSON document: what is saved, and how a world is made of it again.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Action, File, Message, Person, Room, Switches, Team, World, steering::END, webhooks::SavedWebhook};
use crate::{base::Millis, sim::ids::PersonId};

/// Everything that outlives the process. Faults, budgets and the journal belong to a run.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Saved {
    /// Form of this document.
    version: u32,
    seq: u64,
    now: Millis,
    people: Vec<Person>,
    tokens: BTreeMap<String, PersonId>,
    revoked: Vec<String>,
    #[serde(default)]
    teams: Vec<Team>,
    rooms: Vec<Room>,
    messages: Vec<Message>,
    #[serde(default)]
    files: Vec<File>,
    actions: Vec<Action>,
    webhooks: Vec<SavedWebhook>,
    switches: Switches,
}

const VERSION: u32 = 1;

impl Saved {
    /// The last running number of anything in it.
    fn newest(&self) -> u64 {
        let people = self.people.iter().map(|person| person.seq);
        let teams = self.teams.iter().map(|team| team.seq);
        let rooms = self.rooms.iter().flat_map(|room| {
            let (members, tabs) = (room.members.values().map(|member| member.seq), room.tabs.iter().map(|tab| tab.seq));
            members.chain(tabs).chain([room.seq])
        });
        let messages = self.messages.iter().map(|message| message.seq);
        let actions = self.actions.iter().map(|action| action.seq);
        let webhooks = self.webhooks.iter().map(|webhook| webhook.seq);
        people.chain(teams).chain(rooms).chain(messages).chain(actions).chain(webhooks).max().unwrap_or_default()
    }
}

impl World {
    /// What is saved, oldest first.
    pub(crate) fn save(&self) -> Saved {
        let mut rooms: Vec<Room> = self.rooms.iter().cloned().collect();
        rooms.sort_unstable_by_key(|room| room.seq);
        let mut teams: Vec<Team> = self.teams.iter().cloned().collect();
        teams.sort_unstable_by_key(|team| team.seq);
        let mut messages: Vec<Message> = self.messages.iter().cloned().collect();
        messages.sort_unstable_by_key(|message| message.seq);
        let mut actions: Vec<Action> = self.actions.iter().cloned().collect();
        actions.sort_unstable_by_key(|action| action.seq);
        let mut webhooks: Vec<_> = self.webhooks.iter().collect();
        webhooks.sort_unstable_by_key(|webhook| webhook.seq);
        let mut revoked: Vec<String> = self.people.revoked().iter().cloned().collect();
        revoked.sort_unstable();
        Saved {
            version: VERSION,
            seq: self.seq,
            now: self.now,
            people: self.people.all().cloned().collect(),
            tokens: self.people.tokens().iter().map(|(token, id)| (token.clone(), *id)).collect(),
            revoked,
            teams,
            rooms,
            messages,
            // Cheap: bytes are shared, and turned into text where the document is written.
            files: self.messages.files.iter().cloned().collect(),
            actions,
            webhooks: webhooks.into_iter().map(super::Webhook::save).collect(),
            switches: self.switches,
        }
    }

    /// Takes over what was saved; the world must be empty. The error says what does not fit.
    pub(crate) fn load(&mut self, saved: Saved) -> Result<(), String> {
        if saved.version != VERSION {
            return Err(format!("it has version {}, this program reads version {VERSION}", saved.version));
        }
        if !(Millis::default()..=END).contains(&saved.now) {
            return Err("its `now` is no moment from 1970 to 9999".to_owned());
        }
        saved.switches.check().map_err(|refusal| format!("its switches: {}", refusal.message))?;
        // Written by hand, it may be behind what it holds: what comes next would stand among what was there.
        self.seq = saved.seq.max(saved.newest());
        self.now = saved.now;
        self.switches = saved.switches;
        saved.people.into_iter().for_each(|person| self.people.insert(person));
        for token in saved.revoked {
            self.people.revoke(&token);
        }
        for (token, id) in saved.tokens {
            self.known(id)?;
            self.people.grant(&token, id);
        }
        for team in saved.teams {
            self.teams.insert(team);
        }
        for room in saved.rooms {
            if room.team.is_some_and(|team| self.teams.get(team).is_none()) {
                return Err(format!("room {:?} belongs to no team", room.id));
            }
            room.members.keys().try_for_each(|id| self.known(*id))?;
            self.rooms.insert(room);
        }
        if let Some(team) = self.teams.iter().find(|team| self.rooms.get(team.id.general()).is_none()) {
            return Err(format!("team {:?} has no General room", team.id));
        }
        let mut messages = saved.messages;
        messages.sort_unstable_by_key(|message| message.seq);
        for message in messages {
            self.known(message.author)?;
            let Some(room) = self.rooms.get(message.room) else {
                return Err(format!("message {:?} is in no room", message.id));
            };
            let last_activity = room.last_activity;
            let room = message.room;
            self.messages.insert(&mut self.rooms, message, self.retention.messages);
            if let Some(room) = self.rooms.get_mut(room) {
                room.last_activity = last_activity;
            }
        }
        for file in saved.files {
            // One whose message is no longer kept goes too.
            if self.messages.get(file.id.message).is_some_and(|message| file.id.index < message.files) {
                self.messages.files.insert(file, self.retention.file_bytes);
            }
        }
        for action in saved.actions {
            self.actions.insert(action, self.retention.actions);
        }
        for webhook in saved.webhooks {
            self.restore_webhook(webhook).map_err(|refusal| format!("a webhook does not fit: {}", refusal.message))?;
        }
        self.catch_up();
        Ok(())
    }

    fn known(&self, id: PersonId) -> Result<(), String> {
        self.people.get(id).map(|_| ()).ok_or_else(|| format!("it names {id:?}, who is not in it"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Secret;
    use crate::sim::{
        ids::ContentId,
        options::Retention,
        world::{NewFile, NewMessage, NewWebhook, RoomChange},
    };

    #[test]
    fn what_is_saved_comes_back_the_same() {
        let mut world = World::seeded();
        let alice = world.authenticate("sim-alice").unwrap();
        let echo = world.authenticate("sim-bot-echo").unwrap();
        world.people.revoke("sim-bob");
        let change = RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        let room = world.create_room(alice, change).unwrap();
        world.add_member(alice, room, echo, false).unwrap();
        let new = NewMessage {
            room_id: Some(room.public()),
            markdown: Some("<@personEmail:echo@webex.bot> hi".into()),
            file: Some(NewFile::new("a.bin", None, vec![0, 1, 255].into())),
            ..NewMessage::default()
        };
        let message = world.create_message(alice, new).unwrap();
        let webhook = NewWebhook {
            name: Some("n".into()),
            target_url: Some("http://h/".into()),
            resource: Some("messages".into()),
            event: Some("created".into()),
            filter: Some(format!("roomId={}", room.public())),
            secret: Some(Secret::new("s")),
            ..NewWebhook::default()
        };
        world.create_webhook(echo, webhook).unwrap();
        let text = serde_json::to_string(&world.save()).unwrap();

        let mut again = World::empty(Retention::default(), 0);
        again.load(serde_json::from_str(&text).unwrap()).unwrap();
        assert_eq!(serde_json::to_string(&again.save()).unwrap(), text);
        assert_eq!(again.authenticate("sim-bob"), None);
        assert!(again.message_of(echo, message).is_ok());
        let file = again.download(echo, ContentId { message, index: 0 }, false).unwrap();
        assert_eq!((file.name.as_str(), file.bytes.as_ref()), ("a.bin", [0, 1, 255].as_slice()));
        assert_eq!(again.rooms.get(room).unwrap().timeline.len(), 1);
    }

    #[test]
    fn a_document_from_before_there_were_files_is_read() {
        let mut world = World::seeded();
        let alice = world.authenticate("sim-alice").unwrap();
        let to = NewMessage { to_person_email: Some("bob@example.com".into()), ..NewMessage::default() };
        world.create_message(alice, NewMessage { text: Some("hi".into()), ..to }).unwrap();
        let mut old = serde_json::to_value(world.save()).unwrap();
        old.as_object_mut().unwrap().remove("files").unwrap();
        old["messages"][0].as_object_mut().unwrap().remove("files").unwrap();
        World::empty(Retention::default(), 0).load(serde_json::from_value(old).unwrap()).unwrap();
    }

    #[test]
    fn what_comes_next_stands_behind_all_that_a_document_holds() {
        let mut world = World::seeded();
        let alice = world.authenticate("sim-alice").unwrap();
        let to_bob = |text: &str| NewMessage {
            to_person_email: Some("bob@example.com".into()),
            text: Some(text.into()),
            ..NewMessage::default()
        };
        for text in ["one", "two"] {
            world.create_message(alice, to_bob(text)).unwrap();
        }
        let mut saved = serde_json::to_value(world.save()).unwrap();
        saved["seq"] = 0.into();
        saved["messages"].as_array_mut().unwrap().reverse();
        let mut again = World::empty(Retention::default(), 0);
        again.load(serde_json::from_value(saved).unwrap()).unwrap();
        again.create_message(alice, to_bob("three")).unwrap();
        let said: Vec<_> = again.messages.written_since(alice, 0).map(|message| message.body.text.clone()).collect();
        assert_eq!(said, ["one", "two", "three"].map(|text| Some(text.to_owned())));
        assert!(again.rooms.iter().all(|room| room.timeline.iter().is_sorted()));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut saved = World::seeded().save();
        saved.people.clear();
        let error = World::empty(Retention::default(), 0).load(saved).unwrap_err();
        assert!(error.contains("who is not in it"), "{error}");
        let saved = Saved { version: 9, ..World::seeded().save() };
        assert!(World::empty(Retention::default(), 0).load(saved).unwrap_err().contains("version 9"));
        let saved = Saved { now: Millis(i64::MAX), ..World::seeded().save() };
        assert!(World::empty(Retention::default(), 0).load(saved).unwrap_err().contains("`now`"));
        let switches = Switches { delivery_timeout_ms: 0, ..Switches::default() };
        let saved = Saved { switches, ..World::seeded().save() };
        assert!(World::empty(Retention::default(), 0).load(saved).unwrap_err().contains("`delivery_timeout_ms`"));
    }
}
