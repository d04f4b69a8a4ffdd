//! Any sequence of operations, by anybody, on anything, leaves a world that holds together.

use proptest::prelude::*;
use serde_json::Map;

mod org;

use super::{
    MessageQuery, NewFile, NewMessage, NewWebhook, RoomChange, RoomQuery, RoomSort, Saved, Wanted, WebhookChange,
    World, cards,
};
use crate::sim::{
    ids::{ContentId, MembershipId, MessageId, PersonId, RoomId, WebhookId},
    options::Retention,
    wire::{Attachment, RoomType},
};

/// One operation; the numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    CreateRoom { who: usize, locked: bool },
    UpdateRoom { who: usize, room: usize, locked: bool },
    DeleteRoom { who: usize, room: usize },
    Join { who: usize, room: usize, person: usize },
    Moderate { who: usize, room: usize, person: usize, moderator: bool },
    Leave { who: usize, room: usize, person: usize },
    Write { who: usize, room: usize, parent: Option<usize>, mention: usize, card: bool, file: Option<usize> },
    WriteTo { who: usize, person: usize },
    Edit { who: usize, message: usize },
    Delete { who: usize, message: usize },
    Press { who: usize, message: usize },
    Hook { who: usize, all: bool },
    Unhook { who: usize, hook: usize },
    Fail { hook: usize },
    Reactivate { who: usize, hook: usize },
    Org(org::Step),
    SaveAndLoad,
}

fn step() -> impl Strategy<Value = Step> {
    let (n, flag) = (|| 0_usize..12, any::<bool>);
    prop_oneof![
        1 => (n(), flag()).prop_map(|(who, locked)| Step::CreateRoom { who, locked }),
        1 => (n(), n(), flag()).prop_map(|(who, room, locked)| Step::UpdateRoom { who, room, locked }),
        1 => (n(), n()).prop_map(|(who, room)| Step::DeleteRoom { who, room }),
        4 => (n(), n(), n()).prop_map(|(who, room, person)| Step::Join { who, room, person }),
        1 => (n(), n(), n(), flag())
            .prop_map(|(who, room, person, moderator)| Step::Moderate { who, room, person, moderator }),
        1 => (n(), n(), n()).prop_map(|(who, room, person)| Step::Leave { who, room, person }),
        8 => (n(), n(), prop::option::of(n()), n(), flag(), prop::option::of(0_usize..110))
            .prop_map(|(who, room, parent, mention, card, file)| Step::Write { who, room, parent, mention, card, file }),
        4 => (n(), n()).prop_map(|(who, person)| Step::WriteTo { who, person }),
        1 => (n(), n()).prop_map(|(who, message)| Step::Edit { who, message }),
        1 => (n(), n()).prop_map(|(who, message)| Step::Delete { who, message }),
        1 => (n(), n()).prop_map(|(who, message)| Step::Press { who, message }),
        2 => (n(), flag()).prop_map(|(who, all)| Step::Hook { who, all }),
        1 => (n(), n()).prop_map(|(who, hook)| Step::Unhook { who, hook }),
        1 => (n()).prop_map(|hook| Step::Fail { hook }),
        1 => (n(), n()).prop_map(|(who, hook)| Step::Reactivate { who, hook }),
        8 => org::step().prop_map(Step::Org),
        1 => Just(Step::SaveAndLoad),
    ]
}

/// A world, and everything that was ever made in it.
struct Play {
    world: World,
    people: Vec<PersonId>,
    rooms: Vec<RoomId>,
    messages: Vec<MessageId>,
    hooks: Vec<WebhookId>,
    org: org::Made,
}

const KEPT: Retention = Retention { messages: 20, actions: 5, journal: 50, file_bytes: 100 };

fn pick<T: Copy>(from: &[T], at: usize) -> Option<T> {
    from.get(at % from.len().max(1)).copied()
}

impl Play {
    fn new() -> Self {
        let mut world = World::empty(KEPT, 0);
        world.seed();
        let tokens = ["sim-alice", "sim-bob", "sim-carol", "sim-bot-echo", "sim-bot-other"];
        let people = tokens.iter().filter_map(|token| world.authenticate(token)).collect();
        Self { world, people, rooms: Vec::new(), messages: Vec::new(), hooks: Vec::new(), org: org::Made::default() }
    }

    /// Does it if it can be done; a refusal is as good an outcome. `None` when there is nothing to do it with.
    fn play(&mut self, step: Step) -> Option<()> {
        if let Step::Org(step) = step {
            return self.play_org(step);
        }
        let Self { world, people, rooms, messages, hooks, .. } = self;
        let titled = |locked| RoomChange { title: Some("r".into()), is_locked: Some(locked), ..RoomChange::default() };
        match step {
            Step::CreateRoom { who, locked } => {
                rooms.extend(world.create_room(pick(people, who)?, titled(locked)).ok());
            }
            Step::UpdateRoom { who, room, locked } => {
                world.update_room(pick(people, who)?, pick(rooms, room)?, titled(locked)).ok()?;
            }
            Step::DeleteRoom { who, room } => world.delete_room(pick(people, who)?, pick(rooms, room)?).ok()?,
            Step::Join { who, room, person } => {
                world.add_member(pick(people, who)?, pick(rooms, room)?, pick(people, person)?, false).ok()?;
            }
            Step::Moderate { who, room, person, moderator } => {
                let id = MembershipId { person: pick(people, person)?, room: pick(rooms, room)? };
                world.update_membership(pick(people, who)?, id, Some(moderator), None).ok()?;
            }
            Step::Leave { who, room, person } => {
                world.remove_member(pick(people, who)?, pick(rooms, room)?, pick(people, person)?).ok()?;
            }
            Step::Write { who, room, parent, mention, card, file } => {
                let content = serde_json::json!({"type": "AdaptiveCard", "version": "1.0"});
                let card = card.then(|| Attachment { content_type: cards::CARD.into(), content });
                let new = NewMessage {
                    room_id: Some(pick(rooms, room)?.public()),
                    parent_id: parent.and_then(|parent| pick(messages, parent)).map(MessageId::public),
                    markdown: Some(format!("<@personId:{}> hi", pick(people, mention)?.public())),
                    attachments: card.into_iter().collect(),
                    file: file.map(|size| NewFile::new("f", None, vec![0; size].into())),
                    ..NewMessage::default()
                };
                messages.extend(world.create_message(pick(people, who)?, new).ok());
            }
            Step::WriteTo { who, person } => {
                let to_person_id = Some(pick(people, person)?.public());
                let new = NewMessage { to_person_id, text: Some("hi".into()), ..NewMessage::default() };
                let message = world.create_message(pick(people, who)?, new).ok()?;
                messages.push(message);
                rooms.push(world.messages.get(message)?.room);
            }
            Step::Edit { who, message } => {
                let id = pick(messages, message)?;
                let room = world.messages.get(id)?.room.public();
                world.edit_message(pick(people, who)?, id, &room, Some("edited".into()), None).ok()?;
            }
            Step::Delete { who, message } => {
                world.delete_message(pick(people, who)?, pick(messages, message)?).ok()?;
            }
            Step::Press { who, message } => {
                world.press(pick(people, who)?, pick(messages, message)?, Map::new()).ok()?;
            }
            Step::Hook { who, all } => {
                let (resource, event) = if all { ("all", "all") } else { ("messages", "created") };
                let new = NewWebhook {
                    name: Some("n".into()),
                    target_url: Some("http://h/".into()),
                    resource: Some(resource.into()),
                    event: Some(event.into()),
                    ..NewWebhook::default()
                };
                hooks.extend(world.create_webhook(pick(people, who)?, new).ok());
            }
            Step::Unhook { who, hook } => world.delete_webhook(pick(people, who)?, pick(hooks, hook)?).ok()?,
            Step::Fail { hook } => {
                let hook = pick(hooks, hook)?;
                (0..100).for_each(|_| world.delivery_failed(hook));
            }
            Step::Reactivate { who, hook } => {
                let change = WebhookChange {
                    name: Some("n".into()),
                    target_url: Some("http://h/".into()),
                    status: Some("active".into()),
                    ..WebhookChange::default()
                };
                world.update_webhook(pick(people, who)?, pick(hooks, hook)?, change).ok()?;
            }
            Step::Org(_) => {}
            Step::SaveAndLoad => {
                let text = serde_json::to_string(&world.save()).ok()?;
                let saved: Saved = serde_json::from_str(&text).ok()?;
                let mut again = World::empty(KEPT, 0);
                again.load(saved).unwrap();
                *world = again;
            }
        }
        Some(())
    }

    fn check(&mut self) {
        let world = &mut self.world;
        for delivery in world.take_deliveries() {
            let body: serde_json::Value = serde_json::from_slice(&delivery.body).unwrap();
            let actor = body["actorId"].as_str().and_then(PersonId::parse).unwrap();
            assert!(world.people.get(actor).is_some(), "an actor nobody knows");
            assert_eq!(body["data"].get("text"), None, "content leaves by a webhook");
        }
        let world = &self.world;
        assert!(world.messages.len() <= KEPT.messages);
        for room in world.rooms.iter() {
            assert_eq!(RoomId::parse(&room.id.public()), Some(room.id));
            assert!(!room.members.is_empty(), "an empty room");
            if room.kind == RoomType::Direct {
                assert_eq!(room.members.len(), 2, "a direct room has two members");
            }
            for person in room.members.keys() {
                assert!(world.rooms.of(*person).any(|of| of.id == room.id), "the index by member");
                let id = MembershipId { person: *person, room: room.id };
                assert_eq!(MembershipId::parse(&world.show_membership(id).unwrap().id), Some(id));
            }
            assert!(room.timeline.iter().is_sorted(), "a room's messages are in order");
            for (seq, id) in &room.timeline {
                let message = world.messages.get(*id).expect("the index by room");
                assert_eq!((message.seq, message.room), (*seq, room.id));
            }
        }
        for message in world.messages.iter() {
            let room = world.rooms.get(message.room).expect("a deleted room has no messages");
            assert!(room.timeline.binary_search(&(message.seq, message.id)).is_ok());
            assert!(world.messages.written_since(message.author, 0).any(|own| own.id == message.id));
            assert!(message.edits <= 10);
        }
        let files = &world.messages.files;
        assert_eq!(files.bytes(), files.iter().map(|file| file.bytes.len()).sum::<usize>());
        assert!(files.bytes() <= KEPT.file_bytes, "more bytes of files than are kept");
        for file in files.iter() {
            let message = world.messages.get(file.id.message).expect("a file belongs to a kept message");
            assert!(message.contents().any(|id| id == file.id));
            assert_eq!(ContentId::parse(&file.id.public()), Some(file.id));
            for person in &self.people {
                let sees = world.sees(*person, message);
                assert_eq!(world.download(*person, file.id, false).is_ok(), sees, "who reads the message has its file");
            }
        }
        for action in world.actions.iter() {
            assert!(world.rooms.get(action.room).is_some(), "a deleted room has no presses");
        }
        self.check_org();
        for person in &self.people {
            self.check_paging(*person);
        }
    }

    /// Every list visits each item once, whatever the size of its pages.
    fn check_paging(&self, person: PersonId) {
        let world = &self.world;
        for sort in [RoomSort::Created, RoomSort::LastActivity, RoomSort::Id] {
            let rooms = pages(|wanted| {
                let page = world.list_rooms(person, &RoomQuery { sort, ..RoomQuery::default() }, wanted).unwrap();
                (page.items.iter().map(|room| room.id).collect(), page.next)
            });
            assert_eq!(rooms.len(), world.rooms.of(person).filter(|room| !room.archived).count());
        }
        for room in world.rooms.of(person) {
            let mentioned = world.person(person).unwrap().bot.then_some(person);
            let query = MessageQuery { parent: None, mentioned, before: None, before_message: None };
            let messages = pages(|wanted| {
                let page = world.list_messages(person, room.id, query, wanted).unwrap();
                (page.items.iter().map(|message| message.id).collect(), page.next)
            });
            assert!(messages.iter().all(|id| world.message_of(person, *id).is_ok()));
            if mentioned.is_none() {
                assert_eq!(messages.len(), room.timeline.len());
            }
        }
    }
}

fn pages<T: Copy + PartialEq + std::fmt::Debug>(page: impl Fn(Wanted) -> (Vec<T>, Option<super::Position>)) -> Vec<T> {
    let mut all: Vec<T> = Vec::new();
    let mut after = None;
    loop {
        let (items, next) = page(Wanted { after, max: 2 });
        for item in items {
            assert!(!all.contains(&item), "{item:?} twice");
            all.push(item);
        }
        match next {
            Some(next) => after = Some(next),
            None => return all,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn any_sequence_of_operations_leaves_a_world_that_holds_together(steps in prop::collection::vec(step(), 1..80)) {
        let mut play = Play::new();
        for step in steps {
            // A step that has nothing to work on does nothing.
            let _done = play.play(step);
            play.check();
        }
    }
}

#[test]
fn a_play_reaches_what_it_is_about() {
    let mut play = Play::new();
    play.play(Step::CreateRoom { who: 0, locked: false }).unwrap();
    play.play(Step::Join { who: 0, room: 0, person: 3 }).unwrap();
    play.play(Step::Hook { who: 3, all: true }).unwrap();
    play.play(Step::Write { who: 0, room: 0, parent: None, mention: 3, card: true, file: Some(5) }).unwrap();
    assert_eq!(play.world.take_deliveries().len(), 1);
    play.play(Step::Press { who: 3, message: 0 }).unwrap();
    play.play(Step::SaveAndLoad).unwrap();
    assert_eq!((play.world.messages.len(), play.world.actions.iter().count()), (1, 1));
    assert_eq!(play.world.messages.get(play.messages[0]).unwrap().body.mentioned, [play.people[3]]);
    assert_eq!(play.world.messages.files.bytes(), 5);
    play.play(Step::DeleteRoom { who: 0, room: 0 }).unwrap();
    assert_eq!(play.world.messages.files.bytes(), 0);
    assert_eq!((play.world.messages.len(), play.world.actions.iter().count()), (0, 0));
}
