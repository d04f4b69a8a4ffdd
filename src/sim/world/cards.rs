//! Cards on messages, and the presses of their buttons.

use std::collections::{HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    World,
    events::{Emitted, EventName, Resource},
    limits::{LONGEST_INPUTS, check_text},
};
use crate::{
    base::Millis,
    sim::{
        ids::{ActionId, MessageId, PersonId, RoomId},
        refusal::Refusal,
        wire::{self, Attachment, RoomType},
    },
};

/// The only attachment there is.
pub(crate) const CARD: &str = "application/vnd.microsoft.card.adaptive";
/// What a card may weigh.
const MOST_CARD_BYTES: usize = 80 * 1024;
/// Links to images in a card.
const MOST_IMAGES: usize = 10;
/// Buttons in one row of them. Webex says "five actions"; that each row counts alone is believed, as a card
/// behind `Action.ShowCard` has a row of its own.
const MOST_ACTIONS: usize = 5;

/// Somebody pressed a button.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Action {
    pub(crate) id: ActionId,
    pub(crate) seq: u64,
    pub(crate) message: MessageId,
    pub(crate) room: RoomId,
    pub(crate) person: PersonId,
    pub(crate) inputs: Map<String, Value>,
    pub(crate) created: Millis,
}

impl Action {
    /// As clients see it; without inputs, as webhooks tell it.
    pub(crate) fn show(&self, with_inputs: bool) -> wire::Action {
        wire::Action {
            id: self.id.public(),
            kind: "submit",
            message_id: self.message.public(),
            inputs: with_inputs.then(|| self.inputs.clone()),
            person_id: self.person.public(),
            room_id: self.room.public(),
            created: self.created.iso(),
        }
    }
}

/// The presses that are kept.
#[derive(Debug, Default)]
pub(crate) struct Actions {
    by_id: HashMap<ActionId, Action>,
    /// Oldest first; may name presses that are gone.
    order: VecDeque<ActionId>,
}

impl Actions {
    /// By id.
    pub(crate) fn get(&self, id: ActionId) -> Option<&Action> {
        self.by_id.get(&id)
    }

    /// All, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Action> {
        self.by_id.values()
    }

    /// Puts one in; beyond `keep` the oldest goes.
    pub(super) fn insert(&mut self, action: Action, keep: usize) {
        self.order.push_back(action.id);
        self.by_id.insert(action.id, action);
        while self.order.len() > keep.max(1) {
            if let Some(oldest) = self.order.pop_front() {
                self.by_id.remove(&oldest);
            }
        }
    }

    /// Takes those of a room out.
    pub(super) fn forget_room(&mut self, room: RoomId) {
        self.by_id.retain(|_, action| action.room != room);
    }
}

/// One card at most, and one that a client can draw.
pub(super) fn check(attachments: &[Attachment]) -> Result<(), Refusal> {
    let attachment = match attachments {
        [] => return Ok(()),
        [one] => one,
        _ => return Err(Refusal::bad_card("only one attachment is allowed per message")),
    };
    if attachment.content_type != CARD {
        return Err(Refusal::bad_card(&format!("unsupported contentType {}", attachment.content_type)));
    }
    let card = &attachment.content;
    if card.get("type").and_then(Value::as_str) != Some("AdaptiveCard") {
        return Err(Refusal::bad_card("the card's type is not AdaptiveCard"));
    }
    match card.get("version").and_then(Value::as_str) {
        Some("1.0" | "1.1" | "1.2" | "1.3") => {}
        _ => return Err(Refusal::bad_card("the card's version is not one of 1.0 to 1.3")),
    }
    if card.to_string().len() > MOST_CARD_BYTES {
        return Err(Refusal::bad_card("the card is larger than 80 KB"));
    }
    if images(card) > MOST_IMAGES {
        return Err(Refusal::bad_card("the card has more than 10 images"));
    }
    if most_actions(card) > MOST_ACTIONS {
        return Err(Refusal::bad_card("the card has more than 5 actions"));
    }
    Ok(())
}

/// Everything directly inside of a value. A card came through a parser that bounds its depth.
fn inside(value: &Value) -> Box<dyn Iterator<Item = &Value> + '_> {
    match value {
        Value::Array(items) => Box::new(items.iter()),
        Value::Object(fields) => Box::new(fields.values()),
        _ => Box::new(std::iter::empty()),
    }
}

/// Links to images: of `Image` elements, of backgrounds and of icons on buttons.
fn images(value: &Value) -> usize {
    let image = value.get("type").and_then(Value::as_str) == Some("Image");
    let here = usize::from(image && value.get("url").is_some())
        + usize::from(value.get("backgroundImage").is_some())
        + usize::from(value.get("iconUrl").is_some());
    here + inside(value).map(images).sum::<usize>()
}

/// Buttons in the longest row.
fn most_actions(value: &Value) -> usize {
    let here = value.get("actions").and_then(Value::as_array).map_or(0, Vec::len);
    inside(value).map(most_actions).max().unwrap_or(0).max(here)
}

impl World {
    /// `POST /attachment/actions`. The inputs may be others than the card has: the client decides.
    pub(crate) fn press(
        &mut self,
        caller: PersonId,
        message: MessageId,
        inputs: Map<String, Value>,
    ) -> Result<ActionId, Refusal> {
        let refused = |why: &str| Refusal::bad(format!("Unable to post attachment action: \"{why}\""));
        let card = self.message_of(caller, message).ok().filter(|message| !message.attachments.is_empty());
        let card = card.ok_or_else(|| refused("MessageId should point to an activity with cards"))?;
        if card.author == caller {
            return Err(refused("Author of a card cannot submit a cardAction on that card"));
        }
        check_text("inputs", serde_json::to_string(&inputs).ok().as_deref(), LONGEST_INPUTS)?;
        let (room, author) = (card.room, card.author);
        let action = Action {
            id: ActionId::fresh(),
            seq: self.next_seq(),
            message,
            room,
            person: caller,
            inputs,
            created: self.now,
        };
        let id = action.id;
        self.actions.insert(action.clone(), self.retention.actions);
        self.emit_press(&action, author);
        Ok(id)
    }

    /// The press, if this person may read it: who pressed, whose card it is, and people in the room.
    pub(crate) fn action_of(&self, caller: PersonId, id: ActionId) -> Result<&Action, Refusal> {
        let action = self.actions.get(id).filter(|action| {
            let author = self.messages.get(action.message).map(|message| message.author);
            let member = self.rooms.get(action.room).is_some_and(|room| room.members.contains_key(&caller));
            let person = self.people.get(caller).is_some_and(|person| !person.bot);
            member && (person || action.person == caller || author == Some(caller))
        });
        action.ok_or_else(|| Refusal::missing("Unable to get attachment action."))
    }

    /// A bot hears of presses on its own cards, without a mention; people of all in their rooms.
    fn emit_press(&mut self, action: &Action, author: PersonId) {
        let Some(room) = self.rooms.get(action.room) else { return };
        let audience = room
            .members
            .keys()
            .copied()
            .filter(|person| {
                let bot = self.people.get(*person).is_none_or(|person| person.bot);
                self.webhooks.any(*person) && (*person == author || !bot || room.kind == RoomType::Direct)
            })
            .collect();
        let data = action.show(false);
        let mut emitted = Emitted::new(
            Resource::AttachmentActions,
            EventName::Created,
            action.person,
            room,
            data.id.clone(),
            &data,
            audience,
        );
        emitted.facts.person = Some(action.person);
        emitted.facts.message = Some(action.message);
        self.emit(emitted);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sim::world::NewMessage;

    fn card() -> Attachment {
        Attachment { content_type: CARD.into(), content: json!({"type": "AdaptiveCard", "version": "1.3"}) }
    }

    #[test]
    fn a_card_must_be_one_and_drawable() {
        assert!(check(&[card()]).is_ok());
        let refused = |attachments: &[Attachment]| check(attachments).unwrap_err().message;
        assert!(refused(&[card(), card()]).contains("only one"));
        assert!(refused(&[Attachment { content_type: "text/html".into(), ..card() }]).contains("text/html"));
        let with = |content| Attachment { content, ..card() };
        assert!(refused(&[with(json!({"type": "Card"}))]).contains("AdaptiveCard"));
        assert!(refused(&[with(json!({"type": "AdaptiveCard", "version": "1.6"}))]).contains("1.3"));
        let card = |field: &str, value: Value| {
            let mut content = json!({"type": "AdaptiveCard", "version": "1.3"});
            content[field] = value;
            [with(content)]
        };
        let image = json!({"type": "Image", "url": "https://h/i.png"});
        assert!(check(&card("body", json!([{"type": "Container", "items": vec![image.clone(); 10]}]))).is_ok());
        assert!(refused(&card("body", json!([{"type": "Container", "items": vec![image; 11]}]))).contains("10 images"));
        let submit = json!({"type": "Action.Submit", "title": "t"});
        let show = json!({"type": "Action.ShowCard", "card": {"actions": vec![submit.clone(); 5]}});
        assert!(check(&card("actions", json!(vec![show; 5]))).is_ok());
        assert!(
            refused(&card("body", json!([{"type": "ActionSet", "actions": vec![submit; 6]}]))).contains("5 actions")
        );
        let big = json!({"type": "AdaptiveCard", "version": "1.3", "x": "y".repeat(MOST_CARD_BYTES)});
        assert!(refused(&[with(big)]).contains("80 KB"));
    }

    #[test]
    fn anybody_but_its_author_presses_a_card_with_any_inputs() {
        let mut world = World::seeded();
        let alice = world.people.by_email("alice@example.com").unwrap().id;
        let echo = world.authenticate("sim-bot-echo").unwrap();
        let new = NewMessage {
            to_person_email: Some("alice@example.com".into()),
            attachments: vec![card()],
            ..NewMessage::default()
        };
        let message = world.create_message(echo, new).unwrap();
        let inputs = Map::from_iter([("unheard".to_owned(), json!("of"))]);
        assert!(world.press(echo, message, inputs.clone()).unwrap_err().message.contains("Author of a card"));
        let id = world.press(alice, message, inputs.clone()).unwrap();
        assert_eq!(world.action_of(echo, id).unwrap().inputs, inputs);
        let large = Map::from_iter([("x".to_owned(), json!("y".repeat(LONGEST_INPUTS)))]);
        assert!(world.press(alice, message, large).unwrap_err().message.starts_with("inputs is longer"));
        assert!(world.press(alice, MessageId::fresh(), Map::new()).unwrap_err().message.contains("MessageId"));
    }
}
