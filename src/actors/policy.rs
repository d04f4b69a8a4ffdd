//! What the settings say about access, in the form in which definitions are compiled under it.

use std::sync::Arc;

use crate::{
    brain::{
        OpenBots, Policy,
        access::{Access, Clause, Place},
    },
    settings::Settings,
};

/// The policy of these settings.
#[must_use]
pub fn policy(settings: &Settings) -> Policy {
    let access = &settings.access;
    let list = |entries: &[String]| entries.iter().map(|entry| entry.trim().into()).collect();
    let allow = Clause {
        domains: list(&access.domains),
        orgs: list(&access.orgs),
        people: list(&access.people),
        rooms: list(&access.rooms),
        place: access.place.as_deref().and_then(Place::parse),
        ..Clause::default()
    };
    let deny = Clause {
        domains: list(&access.deny_domains),
        orgs: list(&access.deny_orgs),
        people: list(&access.deny_people),
        rooms: list(&access.deny_rooms),
        ..Clause::default()
    };
    let open = if settings.policy.require_access { OpenBots::Refused } else { OpenBots::Warned };
    Policy { ceiling: Arc::new(Access { allow, deny }), open }
}
