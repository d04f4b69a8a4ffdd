//! The ceiling of access that a test is played under, where it says one.
//!
//! Not that of the settings: people in tests are made up, and a ceiling that names a real domain would keep all of them
//! out. A test says what it is about, and is the same on every machine.

use std::sync::Arc;

use super::{play::Subject, world::World};
use crate::{
    brain::{
        self, OpenBots, Policy, Program,
        access::{Access, Clause, Place},
    },
    definition::cases::{Case, CaseFile},
};

/// The bot as it is under the ceiling of a case, if that has one. None: it is none there.
pub(super) fn capped(subject: &Subject<'_>, file: &CaseFile, case: &Case) -> Option<Option<Arc<Program>>> {
    let Some(said) = &case.ceiling else { return Some(None) };
    // People and rooms are called as in steps; the ceiling knows ids.
    let mut world = World::new(subject, file, case);
    let mut people = |names: &[String]| names.iter().map(|name| world.person(name).id.into()).collect();
    let (allowed, denied) = (people(&said.people), people(&said.deny_people));
    let mut rooms = |names: &[String]| {
        let id = |name: &String| {
            let at = world.room(name);
            world.rooms.get(at).map(|room| room.id.as_str().into())
        };
        names.iter().filter_map(id).collect()
    };
    let (allowed_rooms, denied_rooms) = (rooms(&said.rooms), rooms(&said.deny_rooms));
    let list = |entries: &[String]| entries.iter().map(|entry| entry.trim().into()).collect();
    let allow = Clause {
        domains: list(&said.domains),
        orgs: list(&said.orgs),
        people: allowed,
        rooms: allowed_rooms,
        place: said.direct.map(|direct| if direct { Place::Direct } else { Place::Group }),
        ..Clause::default()
    };
    let deny = Clause {
        domains: list(&said.deny_domains),
        orgs: list(&said.deny_orgs),
        people: denied,
        rooms: denied_rooms,
        ..Clause::default()
    };
    let policy = Policy { ceiling: Arc::new(Access { allow, deny }), open: OpenBots::Fine };
    brain::compiler(policy)(subject.definition).program.map(Some)
}
