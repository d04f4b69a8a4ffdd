//! Tabs of rooms: links that stay at the top. They live in their room and go with it.

use serde::{Deserialize, Serialize};

use super::{
    Page, Position, Room, Wanted, World,
    limits::{LONGEST_NAME, LONGEST_TEXT, MOST_TABS, check_text},
};
use crate::{
    base::Millis,
    sim::{
        ids::{PersonId, RoomId, TabId},
        refusal::Refusal,
        wire,
    },
};

/// A link on a room.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Tab {
    pub(crate) id: TabId,
    pub(crate) seq: u64,
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) creator: PersonId,
    pub(crate) created: Millis,
}

/// `POST /room/tabs` and `PUT /room/tabs/{id}`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TabChange {
    pub(crate) room_id: Option<String>,
    pub(crate) content_url: Option<String>,
    pub(crate) display_name: Option<String>,
}

impl TabChange {
    fn room(&self) -> Result<RoomId, Refusal> {
        let room = self.room_id.as_deref().filter(|id| !id.is_empty());
        let room = room.ok_or_else(|| Refusal::bad("roomId cannot be null"))?;
        RoomId::parse(room).ok_or_else(|| Refusal::missing("Could not find a room with provided ID."))
    }

    /// URL and name.
    fn link(self) -> Result<(String, String), Refusal> {
        let url = self.content_url.filter(|url| !url.is_empty());
        let url = url.ok_or_else(|| Refusal::bad("contentUrl cannot be null"))?;
        check_text("contentUrl", Some(&url), LONGEST_TEXT)?;
        let https = url::Url::parse(&url).is_ok_and(|url| url.scheme() == "https" && url.has_host());
        if !https {
            return Err(Refusal::bad("contentUrl must be a valid https URL"));
        }
        let name = self.display_name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Refusal::bad("displayName cannot be null"))?;
        check_text("displayName", Some(&name), LONGEST_NAME)?;
        Ok((url, name))
    }
}

impl World {
    /// `POST /room/tabs`. Everyone in the room may: what locking a room does to its tabs is not known.
    pub(crate) fn create_tab(&mut self, caller: PersonId, new: TabChange) -> Result<TabId, Refusal> {
        let room = self.room_of(caller, new.room()?)?;
        if room.tabs.len() >= MOST_TABS {
            return Err(Refusal::bad(format!("A room can have at most {MOST_TABS} tabs.")));
        }
        let room = room.id;
        let (url, name) = new.link()?;
        let id = TabId::fresh();
        let tab = Tab { id, seq: self.next_seq(), name, url, creator: caller, created: self.now };
        if let Some(room) = self.rooms.get_mut(room) {
            room.tabs.push(tab);
        }
        Ok(id)
    }

    /// The tab with its room, if the caller is in there.
    pub(crate) fn tab_of(&self, caller: PersonId, id: TabId) -> Result<(&Room, &Tab), Refusal> {
        let mut own = self.rooms.of(caller).flat_map(|room| room.tabs.iter().map(move |tab| (room, tab)));
        own.find(|(_, tab)| tab.id == id).ok_or_else(Refusal::no_such_resource)
    }

    /// `PUT /room/tabs/{id}`.
    pub(crate) fn update_tab(&mut self, caller: PersonId, id: TabId, change: TabChange) -> Result<(), Refusal> {
        let room = self.tab_of(caller, id)?.0.id;
        if change.room()? != room {
            return Err(Refusal::bad("The roomId is not that of the tab."));
        }
        let (url, name) = change.link()?;
        let tabs = self.rooms.get_mut(room).map(|room| &mut room.tabs);
        if let Some(tab) = tabs.and_then(|tabs| tabs.iter_mut().find(|tab| tab.id == id)) {
            (tab.url, tab.name) = (url, name);
        }
        self.touch();
        Ok(())
    }

    /// `DELETE /room/tabs/{id}`.
    pub(crate) fn delete_tab(&mut self, caller: PersonId, id: TabId) -> Result<(), Refusal> {
        let room = self.tab_of(caller, id)?.0.id;
        if let Some(room) = self.rooms.get_mut(room) {
            room.tabs.retain(|tab| tab.id != id);
        }
        self.touch();
        Ok(())
    }

    /// `GET /room/tabs`, oldest first, each with its room.
    pub(crate) fn list_tabs(
        &self,
        caller: PersonId,
        room: RoomId,
        wanted: Wanted,
    ) -> Result<Page<(&Room, &Tab)>, Refusal> {
        let room = self.room_of(caller, room)?;
        Ok(wanted.cut(room.tabs.iter().map(|tab| (Position::rising(tab.seq), (room, tab)))))
    }
}

impl Tab {
    /// As clients see it.
    pub(crate) fn show(&self, room: &Room) -> wire::Tab {
        wire::Tab {
            id: self.id.public(),
            room_id: room.id.public(),
            room_type: room.kind,
            display_name: self.name.clone(),
            content_url: self.url.clone(),
            creator_id: self.creator.public(),
            created: self.created.iso(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::RoomChange;

    fn tab(room: RoomId, url: &str) -> TabChange {
        TabChange { room_id: Some(room.public()), content_url: Some(url.into()), display_name: Some("Board".into()) }
    }

    fn room(world: &mut World) -> (PersonId, RoomId) {
        let alice = world.authenticate("sim-alice").unwrap();
        let change = RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        (alice, world.create_room(alice, change).unwrap())
    }

    #[test]
    fn a_tab_is_a_link_by_https_in_a_room_one_is_in() {
        let mut world = World::seeded();
        let (alice, room) = room(&mut world);
        let bob = world.authenticate("sim-bob").unwrap();
        let mut refused = |who, new| world.create_tab(who, new).unwrap_err().message;
        assert_eq!(refused(alice, TabChange::default()), "roomId cannot be null");
        assert_eq!(refused(alice, tab(room, "http://example.com/")), "contentUrl must be a valid https URL");
        let nameless = TabChange { display_name: None, ..tab(room, "https://example.com/") };
        assert_eq!(refused(alice, nameless), "displayName cannot be null");
        assert_eq!(refused(bob, tab(room, "https://example.com/")), "Could not find a room with provided ID.");
    }

    #[test]
    fn a_tab_is_changed_listed_and_goes_with_its_room() {
        let mut world = World::seeded();
        let (alice, room) = room(&mut world);
        let id = world.create_tab(alice, tab(room, "https://example.com/")).unwrap();
        let elsewhere = tab(RoomId::fresh(), "https://example.com/2");
        assert_eq!(world.update_tab(alice, id, elsewhere).unwrap_err().status, 400);
        world.update_tab(alice, id, tab(room, "https://example.com/2")).unwrap();
        let all = Wanted { after: None, max: 10 };
        let page = world.list_tabs(alice, room, all).unwrap();
        assert_eq!(page.items.iter().map(|(_, tab)| tab.url.as_str()).collect::<Vec<_>>(), ["https://example.com/2"]);
        world.delete_tab(alice, id).unwrap();
        assert_eq!(world.delete_tab(alice, id).unwrap_err().status, 404);
        let other = world.create_tab(alice, tab(room, "https://example.com/")).unwrap();
        world.delete_room(alice, room).unwrap();
        assert!(world.tab_of(alice, other).is_err());
    }

    #[test]
    fn a_room_holds_so_many_tabs_and_no_more() {
        let mut world = World::seeded();
        let (alice, room) = room(&mut world);
        for _ in 0..MOST_TABS {
            world.create_tab(alice, tab(room, "https://example.com/")).unwrap();
        }
        assert_eq!(world.create_tab(alice, tab(room, "https://example.com/")).unwrap_err().status, 400);
    }
}
