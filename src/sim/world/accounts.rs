//! Accounts of people: what an administrator makes, changes and deletes, and who sees what of a person.

use std::time::Duration;

use serde::Deserialize;

use super::{
    License, Person, Role, World,
    limits::{LONGEST_NAME, LONGEST_TEXT, MOST_PHONES, check_text},
    people::BOT_DOMAIN,
};
use crate::sim::{
    ids::{PersonId, RoomId},
    refusal::Refusal,
    wire::{self, PhoneNumber, RoomType},
};

/// Who did something so recently is `active`, later `inactive`.
const ACTIVE: Duration = Duration::from_mins(10);

/// `POST /people` and `PUT /people/{id}`. Fields of Webex Calling and of the address book are not kept.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Account {
    pub(crate) emails: Vec<String>,
    pub(crate) phone_numbers: Option<Vec<PhoneNumber>>,
    pub(crate) display_name: Option<String>,
    pub(crate) first_name: Option<String>,
    pub(crate) last_name: Option<String>,
    pub(crate) nick_name: Option<String>,
    pub(crate) avatar: Option<String>,
    pub(crate) org_id: Option<String>,
    pub(crate) roles: Option<Vec<String>>,
    pub(crate) licenses: Option<Vec<String>>,
    pub(crate) login_enabled: Option<bool>,
}

/// How much of a person an answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// All that the one who asks may see.
    Whole,
    /// Without presence, as with `excludeStatus`.
    WithoutStatus,
    /// Without presence and what only administrators see: a list by ids has neither.
    ById,
}

/// Roles and licences of a request, looked up.
struct Rights {
    roles: Option<Vec<Role>>,
    licenses: Option<Vec<License>>,
}

impl Account {
    /// What can be checked without knowing whose account it is.
    fn check(&self, world: &World) -> Result<Rights, Refusal> {
        let names = [
            ("displayName", &self.display_name),
            ("firstName", &self.first_name),
            ("lastName", &self.last_name),
            ("nickName", &self.nick_name),
        ];
        names.iter().try_for_each(|(field, name)| check_text(field, name.as_deref(), LONGEST_NAME))?;
        check_text("avatar", self.avatar.as_deref(), LONGEST_TEXT)?;
        let phones = self.phone_numbers.as_deref().unwrap_or_default();
        if phones.len() > MOST_PHONES {
            return Err(Refusal::bad(format!("At most {MOST_PHONES} phone numbers can be given.")));
        }
        phones.iter().try_for_each(|phone| check_text("phoneNumbers", Some(&phone.value), LONGEST_NAME))?;
        world.only_own_org(self.org_id.as_deref())?;
        let roles = self.roles.as_ref().map(|ids| known("roles", ids, Role::parse)).transpose()?;
        let licenses = self.licenses.as_ref().map(|ids| known("licenses", ids, License::parse)).transpose()?;
        Ok(Rights { roles, licenses })
    }

    /// The name to show, from what there is: one of three is needed.
    fn shown_name(&self) -> Option<String> {
        let given =
            |text: &Option<String>| text.as_deref().map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
        given(&self.display_name).or_else(|| match (given(&self.first_name), given(&self.last_name)) {
            (Some(first), Some(last)) => Some(format!("{first} {last}")),
            (first, last) => first.or(last),
        })
    }

    /// What is absent stays: whether Webex clears it is not known, and clients send all they got.
    fn apply(self, rights: Rights, person: &mut Person) {
        let text = |new: Option<String>, old: &mut Option<String>| {
            if let Some(new) = new {
                *old = Some(new).filter(|text| !text.is_empty());
            }
        };
        text(self.first_name, &mut person.first_name);
        text(self.last_name, &mut person.last_name);
        text(self.nick_name, &mut person.nick_name);
        text(self.avatar, &mut person.avatar);
        if let Some(phones) = self.phone_numbers {
            person.phone_numbers = phones;
        }
        if let Some(roles) = rights.roles {
            person.admin = roles.contains(&Role::FullAdministrator);
            person.compliance = roles.contains(&Role::ComplianceOfficer);
        }
        if let Some(licenses) = rights.licenses {
            person.licenses = licenses;
        }
        if let Some(enabled) = self.login_enabled {
            person.locked_out = !enabled;
        }
    }
}

/// What the ids of a list stand for, each once.
fn known<T: PartialEq>(field: &str, ids: &[String], parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refusal> {
    let mut found = Vec::new();
    for id in ids {
        let one = parse(id).ok_or_else(|| Refusal::bad(format!("Invalid id in {field}: {id}")))?;
        if !found.contains(&one) {
            found.push(one);
        }
    }
    Ok(found)
}

impl Person {
    /// The roles this person has.
    pub(crate) fn roles(&self) -> Vec<Role> {
        let has = |role: &Role| match role {
            Role::FullAdministrator => self.admin,
            Role::ComplianceOfficer => self.compliance,
        };
        Role::ALL.into_iter().filter(has).collect()
    }
}

impl World {
    /// `POST /people`.
    pub(crate) fn create_account(&mut self, caller: PersonId, account: Account) -> Result<PersonId, Refusal> {
        self.only_admins(caller)?;
        let email = account.emails.first().map(|email| email.trim().to_lowercase()).filter(|email| !email.is_empty());
        let email = email.ok_or_else(|| Refusal::bad("emails cannot be empty"))?;
        if email.rsplit_once('@').is_some_and(|(_, domain)| domain == BOT_DOMAIN) {
            return Err(Refusal::bad("Bots cannot be created with the People API."));
        }
        let rights = account.check(self)?;
        let name = account.shown_name();
        let name = name.ok_or_else(|| Refusal::bad("displayName, firstName or lastName should be specified."))?;
        if self.people.by_email(&email).is_some() {
            return Err(Refusal::new(409, "A person with this email address exists already."));
        }
        let id = self.add_person(&email, &name, false)?;
        if let Some(person) = self.people.get_mut(id) {
            account.apply(rights, person);
            person.invite_pending = true;
        }
        Ok(id)
    }

    /// `PUT /people/{id}`.
    pub(crate) fn update_account(&mut self, caller: PersonId, id: PersonId, account: Account) -> Result<(), Refusal> {
        self.only_admins(caller)?;
        let person = self.people.present(id).ok_or_else(|| Refusal::missing("Person not found"))?;
        if person.bot {
            return Err(Refusal::bad("Bots cannot be changed with the People API."));
        }
        let name = account.display_name.as_deref().map(str::trim).filter(|name| !name.is_empty());
        let name = name.ok_or_else(|| Refusal::bad("displayName cannot be empty"))?.to_owned();
        if !account.emails.is_empty() && !account.emails.iter().any(|email| email.eq_ignore_ascii_case(&person.email)) {
            return Err(Refusal::bad("The email address of a person cannot be changed."));
        }
        let rights = account.check(self)?;
        let now = self.now;
        if let Some(person) = self.people.get_mut(id) {
            person.name = name;
            person.modified = Some(now);
            account.apply(rights, person);
        }
        self.touch();
        Ok(())
    }

    /// `DELETE /people/{id}`: leaves its group rooms and teams, its tokens die, its webhooks are switched off.
    ///
    /// Direct rooms stay for the one who is left. A bot goes the same way, though at Webex its owner deletes it
    /// elsewhere: only so can one see what becomes of its webhooks.
    pub(crate) fn delete_account(&mut self, caller: PersonId, id: PersonId) -> Result<(), Refusal> {
        self.only_admins(caller)?;
        self.people.present(id).ok_or_else(|| Refusal::missing("Person not found"))?;
        let of_group = |room: &&super::Room| room.kind == RoomType::Group;
        let rooms: Vec<RoomId> = self.rooms.of(id).filter(of_group).map(|room| room.id).collect();
        for room in rooms {
            self.expel(caller, room, id);
        }
        self.disable_webhooks_of(id);
        self.people.part(id);
        self.touch();
        Ok(())
    }

    /// As this one sees it.
    pub(crate) fn show_person(&self, viewer: PersonId, person: &Person, detail: Detail) -> wire::Person {
        let (first, last) = match person.name.split_once(' ') {
            Some((first, last)) => (first.to_owned(), Some(last.to_owned())),
            None => (person.name.clone(), None),
        };
        let first = person.first_name.clone().unwrap_or(first);
        let last = person.last_name.clone().or(last);
        let admin = detail != Detail::ById && self.is_admin(viewer);
        let present = detail == Detail::Whole;
        let nick = person.nick_name.clone();
        wire::Person {
            id: person.id.public(),
            emails: vec![person.email.clone()],
            phone_numbers: person.phone_numbers.clone(),
            display_name: person.name.clone(),
            nick_name: nick.unwrap_or_else(|| if person.bot { person.name.clone() } else { first.clone() }),
            first_name: (!person.bot).then_some(first),
            last_name: last.filter(|_| !person.bot),
            avatar: person.avatar.clone(),
            org_id: self.org.public(),
            roles: admin.then(|| person.roles().into_iter().map(|role| role.id().public()).collect()),
            licenses: (admin && !person.bot)
                .then(|| person.licenses.iter().map(|license| license.id().public()).collect()),
            created: person.created.iso(),
            last_modified: person.modified.unwrap_or(person.created).iso(),
            timezone: person.timezone.clone(),
            last_activity: person.last_activity.filter(|_| present && !person.bot).map(crate::base::Millis::iso),
            status: present.then(|| self.status(person)),
            invite_pending: admin.then_some(person.invite_pending),
            login_enabled: admin.then_some(!person.locked_out),
            kind: if person.bot { "bot" } else { "person" },
        }
    }

    /// Of the words for presence only those that follow from what somebody does here. A bot has none.
    fn status(&self, person: &Person) -> &'static str {
        match person.last_activity {
            _ if person.bot => "unknown",
            None if person.invite_pending => "pending",
            None => "unknown",
            Some(last) if self.now.since(last) < ACTIVE => "active",
            Some(_) => "inactive",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::world::{NewMessage, NewWebhook, RoomChange};

    fn id(world: &World, name: &str) -> PersonId {
        world.people.by_email(&format!("{name}@example.com")).unwrap().id
    }

    fn dave() -> Account {
        Account { emails: vec!["Dave@Example.com".into()], display_name: Some("Dave".into()), ..Account::default() }
    }

    #[test]
    fn an_administrator_makes_a_person_once_and_nobody_else_does() {
        let mut world = World::seeded();
        let (admin, alice) = (id(&world, "admin"), id(&world, "alice"));
        assert_eq!(world.create_account(alice, dave()).unwrap_err().status, 403);
        let made = world.create_account(admin, dave()).unwrap();
        assert_eq!(world.create_account(admin, dave()).unwrap_err().status, 409);
        let shown = world.show_person(admin, world.person(made).unwrap(), Detail::Whole);
        assert_eq!(
            (shown.emails[0].as_str(), shown.invite_pending, shown.status),
            ("dave@example.com", Some(true), Some("pending"))
        );
        world.people.grant("token", made);
        assert!(!world.person(made).unwrap().invite_pending);
    }

    #[test]
    fn an_account_that_does_not_hold_together_is_refused() {
        let mut world = World::seeded();
        let admin = id(&world, "admin");
        let mut refused = |account| world.create_account(admin, account).unwrap_err();
        assert_eq!(refused(Account::default()).message, "emails cannot be empty");
        assert!(refused(Account { display_name: None, ..dave() }).message.starts_with("displayName, firstName"));
        let bot = Account { emails: vec!["x@webex.bot".into()], ..dave() };
        assert!(refused(bot).message.starts_with("Bots cannot"));
        let roles = Account { roles: Some(vec!["King".into()]), ..dave() };
        assert_eq!(refused(roles).message, "Invalid id in roles: King");
        assert_eq!(refused(Account { org_id: Some("elsewhere".into()), ..dave() }).status, 403);
        let long = Account { avatar: Some("x".repeat(LONGEST_TEXT + 1)), ..dave() };
        assert!(refused(long).message.starts_with("avatar is longer"));
        let names = Account { display_name: None, last_name: Some("D".into()), ..dave() };
        let made = world.create_account(admin, names).unwrap();
        assert_eq!(world.person(made).unwrap().name, "D");
    }

    #[test]
    fn an_update_needs_the_name_and_keeps_the_address() {
        let mut world = World::seeded();
        let (admin, alice) = (id(&world, "admin"), id(&world, "alice"));
        let change = || Account {
            display_name: Some("Alicia".into()),
            roles: Some(vec![Role::ComplianceOfficer.id().public()]),
            ..Account::default()
        };
        assert_eq!(world.update_account(alice, alice, change()).unwrap_err().status, 403);
        assert!(world.update_account(admin, alice, Account::default()).unwrap_err().message.contains("displayName"));
        let moved = Account { emails: vec!["alicia@example.com".into()], ..change() };
        assert_eq!(world.update_account(admin, alice, moved).unwrap_err().status, 400);
        world.update_account(admin, alice, change()).unwrap();
        assert!(world.person(alice).unwrap().compliance);
        let off = Account { login_enabled: Some(false), ..change() };
        world.update_account(admin, alice, off).unwrap();
        assert_eq!(world.authenticate("sim-alice"), None);
    }

    #[test]
    fn what_administrators_see_others_do_not() {
        let world = World::seeded();
        let (admin, alice) = (id(&world, "admin"), id(&world, "alice"));
        let person = world.person(admin).unwrap();
        let (own, other) =
            (world.show_person(admin, person, Detail::Whole), world.show_person(alice, person, Detail::Whole));
        assert_eq!(own.roles, Some(vec![Role::FullAdministrator.id().public()]));
        assert_eq!((own.login_enabled, own.licenses.map(|all| all.len())), (Some(true), Some(1)));
        assert!(other.roles.is_none() && other.licenses.is_none() && other.invite_pending.is_none());
        let by_id = world.show_person(admin, person, Detail::ById);
        assert!(by_id.roles.is_none() && by_id.status.is_none());
        assert_eq!(world.show_person(alice, person, Detail::WithoutStatus).status, None);
    }

    #[test]
    fn who_does_something_is_active_for_ten_minutes() {
        let mut world = World::seeded();
        let (alice, bob) = (id(&world, "alice"), id(&world, "bob"));
        let new = NewMessage { to_person_id: Some(bob.public()), text: Some("hi".into()), ..NewMessage::default() };
        world.create_message(alice, new).unwrap();
        let status =
            |world: &World, who| world.show_person(bob, world.person(who).unwrap(), Detail::Whole).status.unwrap();
        assert_eq!((status(&world, alice), status(&world, bob)), ("active", "unknown"));
        let later = world.now.plus(ACTIVE);
        assert_eq!(status(world.at(later), alice), "inactive");
    }

    #[test]
    fn who_is_deleted_leaves_rooms_tokens_and_webhooks() {
        let mut world = World::seeded();
        let (admin, alice, bob) = (id(&world, "admin"), id(&world, "alice"), id(&world, "bob"));
        let change = RoomChange { title: Some("Ops".into()), ..RoomChange::default() };
        let room = world.create_room(alice, change).unwrap();
        world.add_member(alice, room, bob, false).unwrap();
        let direct = world.direct_room(alice, bob);
        let new = NewMessage { room_id: Some(room.public()), text: Some("hi".into()), ..NewMessage::default() };
        let message = world.create_message(alice, new).unwrap();
        let hook = NewWebhook {
            name: Some("n".into()),
            target_url: Some("http://h/".into()),
            resource: Some("all".into()),
            event: Some("all".into()),
            ..NewWebhook::default()
        };
        let hook = world.create_webhook(alice, hook).unwrap();
        assert_eq!(world.delete_account(bob, alice).unwrap_err().status, 403);
        world.delete_account(admin, alice).unwrap();
        assert_eq!(world.delete_account(admin, alice).unwrap_err().message, "Person not found");
        assert_eq!(world.authenticate("sim-alice"), None);
        assert!(!world.is_active(hook));
        assert_eq!(world.rooms.get(room).unwrap().members.keys().collect::<Vec<_>>(), [&bob]);
        assert_eq!(world.rooms.get(direct).unwrap().members.len(), 2);
        let shown = world.show_message(world.message_of(bob, message).unwrap());
        assert_eq!(shown.person_email, "alice@example.com", "what she wrote still names her");
    }
}
