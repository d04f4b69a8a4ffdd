//! The organisation as an administrator sees it: roles, licences and the organisation itself, all read only.
//!
//! A small fixed set that everyone's `roles` and `licenses` refer to. Every role that is here has an effect.

use serde::{Deserialize, Serialize};

use super::World;
use crate::sim::{
    ids::{LicenseId, OrgId, PersonId, RoleId},
    refusal::Refusal,
    wire,
};

/// Name of the one organisation.
pub(crate) const ORGANISATION: &str = "Example";

/// What somebody may do beyond what everyone may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Sees and changes everyone; makes webhooks for the whole organisation.
    FullAdministrator,
    /// Makes direct rooms read only and private rooms public.
    ComplianceOfficer,
}

impl Role {
    /// All there are.
    pub(crate) const ALL: [Self; 2] = [Self::FullAdministrator, Self::ComplianceOfficer];

    /// As shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::FullAdministrator => "Full Administrator",
            Self::ComplianceOfficer => "Compliance Officer",
        }
    }

    /// Its id.
    pub(crate) fn id(self) -> RoleId {
        RoleId::of(self.name())
    }

    /// The role of this id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let id = RoleId::parse(text)?;
        Self::ALL.into_iter().find(|role| role.id() == id)
    }

    /// As clients see it.
    pub(crate) fn show(self) -> wire::Role {
        wire::Role { id: self.id().public(), name: self.name() }
    }
}

/// What somebody may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum License {
    /// What everyone has.
    Messaging,
    /// For those who get it.
    Meetings,
}

impl License {
    /// All there are.
    pub(crate) const ALL: [Self; 2] = [Self::Messaging, Self::Meetings];

    /// As shown.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Messaging => "Messaging",
            Self::Meetings => "Meeting - Webex Meeting Center",
        }
    }

    /// Its id.
    pub(crate) fn id(self) -> LicenseId {
        LicenseId::of(self.name())
    }

    /// The licence of this id.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let id = LicenseId::parse(text)?;
        Self::ALL.into_iter().find(|license| license.id() == id)
    }
}

impl World {
    /// Refuses everyone but administrators, in the words of Cisco's API description.
    pub(crate) fn only_admins(&self, caller: PersonId) -> Result<(), Refusal> {
        if self.is_admin(caller) {
            return Ok(());
        }
        Err(Refusal::forbidden("The request is understood, but it has been refused or access is not allowed."))
    }

    /// Whether this person administers the organisation.
    pub(crate) fn is_admin(&self, person: PersonId) -> bool {
        self.people.get(person).is_some_and(|person| person.admin)
    }

    /// Refuses another organisation than the one there is.
    pub(crate) fn only_own_org(&self, org: Option<&str>) -> Result<(), Refusal> {
        match org.filter(|org| !org.is_empty()) {
            Some(org) if OrgId::parse(org) != Some(self.org) => {
                Err(Refusal::forbidden("The organization is not one that you manage."))
            }
            _ => Ok(()),
        }
    }

    /// A licence with how often it is used. There is always one left: the limit is that of people.
    pub(crate) fn show_license(&self, license: License) -> wire::License {
        let used = self.people.iter().filter(|person| !person.bot && person.licenses.contains(&license)).count();
        wire::License {
            id: license.id().public(),
            name: license.name(),
            total_units: super::limits::MOST_PEOPLE,
            consumed_units: used,
            consumed_by_users: used,
            consumed_by_workspaces: 0,
        }
    }

    /// The organisation; it is as old as the first who is in it.
    pub(crate) fn show_organization(&self) -> wire::Organization {
        let created = self.people.all().next().map_or(self.now, |first| first.created);
        wire::Organization { id: self.org.public(), display_name: ORGANISATION, created: created.iso() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_licences_are_found_by_their_ids_alone() {
        for role in Role::ALL {
            assert_eq!(Role::parse(&role.id().public()), Some(role));
        }
        for license in License::ALL {
            assert_eq!(License::parse(&license.id().public()), Some(license));
        }
        assert_eq!(Role::parse("Full Administrator"), None);
        assert_eq!(License::parse(&Role::FullAdministrator.id().public()), None);
    }

    #[test]
    fn a_licence_counts_those_who_have_it() {
        let mut world = World::seeded();
        world.authenticate("sim-bot-echo");
        let messaging = world.show_license(License::Messaging);
        assert_eq!((messaging.consumed_units, messaging.consumed_by_users), (4, 4), "bots need none");
        assert_eq!(world.show_license(License::Meetings).consumed_units, 0);
    }

    #[test]
    fn only_an_administrator_is_one() {
        let world = World::seeded();
        let id = |email: &str| world.people.by_email(email).unwrap().id;
        assert!(world.only_admins(id("admin@example.com")).is_ok());
        assert_eq!(world.only_admins(id("alice@example.com")).unwrap_err().status, 403);
        assert!(world.only_own_org(Some(&world.org.public())).is_ok() && world.only_own_org(None).is_ok());
        assert_eq!(world.only_own_org(Some(&OrgId::of("Other").public())).unwrap_err().status, 403);
    }
}
