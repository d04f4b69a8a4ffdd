//! Editing and deleting messages, with the limits and refusals of Webex.

use super::{
    World,
    events::EventName,
    writing::{check_length, given, says},
};
use crate::sim::{
    ids::{MessageId, PersonId, RoomId},
    refusal::Refusal,
};

/// So often a message may be edited.
const MOST_EDITS: u8 = 10;

impl World {
    /// `PUT /messages/{id}`.
    pub(crate) fn edit_message(
        &mut self,
        caller: PersonId,
        id: MessageId,
        room: &str,
        text: Option<String>,
        markdown: Option<String>,
    ) -> Result<(), Refusal> {
        let message = self.message_of(caller, id)?;
        if RoomId::parse(room) != Some(message.room) {
            return Err(Refusal::bad("The roomId is not that of the message."));
        }
        if message.author != caller {
            return Err(Refusal::forbidden("Only the author of a message can edit it."));
        }
        if message.files > 0 {
            return Err(Refusal::bad("Messages with files cannot be edited."));
        }
        if !message.attachments.is_empty() && !self.switches.edit_cards {
            return Err(Refusal::bad("Messages with attachments cannot be edited."));
        }
        if message.edits >= MOST_EDITS {
            return Err(Refusal::bad("The message has been edited the maximum number of times."));
        }
        check_length(text.as_deref(), markdown.as_deref())?;
        if !says(text.as_deref()) && !says(markdown.as_deref()) {
            return Err(Refusal::bad("Both text and markdown cannot be empty."));
        }
        let body = self.body(message.room, given(text), given(markdown))?;
        let now = self.now;
        if let Some(message) = self.messages.get_mut(id) {
            message.body = body;
            message.updated = Some(now);
            message.edits += 1;
        }
        self.emit_message(EventName::Updated, caller, id);
        Ok(())
    }

    /// `DELETE /messages/{id}`.
    pub(crate) fn delete_message(&mut self, caller: PersonId, id: MessageId) -> Result<(), Refusal> {
        let message = self.message_of(caller, id)?;
        let moderates = self.rooms.get(message.room).and_then(|room| room.members.get(&caller));
        if message.author != caller && !moderates.is_some_and(|member| member.moderator) {
            return Err(Refusal::forbidden("Only the author of a message or a moderator can delete it."));
        }
        // Told before it is done: nothing of it can be told afterwards.
        self.emit_message(EventName::Deleted, caller, id);
        self.messages.remove(&mut self.rooms, id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            NewFile, NewMessage, NewWebhook,
            cards::CARD,
            writing::tests::{Ops, ops, to_room},
        },
        *,
    };
    use crate::sim::{ids::MembershipId, wire::Attachment};

    #[test]
    fn a_message_can_be_edited_ten_times_by_its_author() {
        let Ops { mut world, alice, echo, room } = ops();
        let id = world.create_message(alice, to_room(room, "<@personEmail:echo@webex.bot> v0")).unwrap();
        let mut edit = |who| world.edit_message(who, id, &room.public(), Some("v".into()), None);
        assert_eq!(edit(echo).unwrap_err().status, 403);
        for _ in 0..10 {
            edit(alice).unwrap();
        }
        assert_eq!(edit(alice).unwrap_err().status, 400);
        assert_eq!(world.messages.get(id).unwrap().body.text.as_deref(), Some("v"));
    }

    #[test]
    fn an_edit_needs_the_messages_own_room_and_something_to_say() {
        let Ops { mut world, alice, room, .. } = ops();
        let id = world.create_message(alice, to_room(room, "one")).unwrap();
        let mut refused = |room: &str, text: Option<&str>, markdown: Option<&str>| {
            let refusal = world.edit_message(alice, id, room, text.map(str::to_owned), markdown.map(str::to_owned));
            let refusal = refusal.unwrap_err();
            (refusal.status, refusal.message)
        };
        let room = room.public();
        assert_eq!(refused(&RoomId::fresh().public(), Some("two"), None).0, 400);
        assert_eq!(refused(&room, Some(" "), Some("")).1, "Both text and markdown cannot be empty.");
        assert!(refused(&room, None, Some(&"x".repeat(7440))).1.contains("7439"));
        world.edit_message(alice, id, &room, Some(String::new()), Some("*two*".into())).unwrap();
        let message = world.messages.get(id).unwrap();
        assert_eq!((message.body.text.as_deref(), message.updated), (Some("two"), Some(world.now)));
    }

    #[test]
    fn what_holds_a_file_or_a_card_is_not_edited_unless_the_switch_lets_a_card() {
        let Ops { mut world, alice, room, .. } = ops();
        let content = serde_json::json!({"type": "AdaptiveCard", "version": "1.3"});
        let card = vec![Attachment { content_type: CARD.into(), content }];
        let card = world.create_message(alice, NewMessage { attachments: card, ..to_room(room, "card") }).unwrap();
        let file = Some(NewFile::new("a", None, "x".into()));
        let file = world.create_message(alice, NewMessage { file, ..to_room(room, "file") }).unwrap();
        let edit = |world: &mut World, id| {
            let edited = world.edit_message(alice, id, &room.public(), Some("new".into()), None);
            edited.map_or_else(|refusal| refusal.status, |()| 200)
        };
        assert_eq!((edit(&mut world, card), edit(&mut world, file)), (400, 400));
        world.switches.edit_cards = true;
        assert_eq!((edit(&mut world, card), edit(&mut world, file)), (200, 400));
        assert_eq!(world.messages.get(card).unwrap().attachments.len(), 1);
    }

    #[test]
    fn an_edit_that_webhooks_do_not_hear_of_still_happened() {
        let Ops { mut world, alice, echo, room } = ops();
        let hook = NewWebhook {
            name: Some("n".into()),
            target_url: Some("http://h/".into()),
            resource: Some("messages".into()),
            event: Some("updated".into()),
            ..NewWebhook::default()
        };
        world.create_webhook(echo, hook).unwrap();
        let id = world.create_message(alice, to_room(room, "<@personEmail:echo@webex.bot> v0")).unwrap();
        let mut edit = |told| {
            world.switches.message_updates = told;
            let before = world.revision();
            let text = Some("<@personEmail:echo@webex.bot> v".into());
            world.edit_message(alice, id, &room.public(), None, text).unwrap();
            (world.take_deliveries().len(), world.revision() > before)
        };
        assert_eq!((edit(true), edit(false)), ((1, true), (0, true)));
    }

    #[test]
    fn a_message_is_deleted_by_its_author_or_by_a_moderator() {
        let Ops { mut world, alice, echo, room } = ops();
        let bob = world.people.by_email("bob@example.com").unwrap().id;
        world.add_member(alice, room, bob, false).unwrap();
        let first = world.create_message(echo, to_room(room, "one")).unwrap();
        let second = world.create_message(echo, to_room(room, "two")).unwrap();
        assert_eq!(world.delete_message(bob, first).unwrap_err().status, 403);
        world.delete_message(echo, first).unwrap();
        world.update_membership(alice, MembershipId { person: bob, room }, Some(true), None).unwrap();
        world.delete_message(bob, second).unwrap();
        assert_eq!(world.delete_message(bob, second).unwrap_err().status, 404);
    }
}
