//! `/roles`, `/licenses` and `/organizations`: read only, and for administrators alone.

use super::{Call, Outcome, Reply};
use crate::sim::{
    ids::OrgId,
    refusal::Refusal,
    wire::Items,
    world::{License, Role},
};

pub(super) fn list_roles(call: &mut Call<'_>) -> Outcome {
    call.world.only_admins(call.caller)?;
    all(Role::ALL.map(Role::show).into())
}

pub(super) fn get_role(call: &mut Call<'_>) -> Outcome {
    call.world.only_admins(call.caller)?;
    Reply::ok(&call.id(Role::parse, MISSING)?.show())
}

pub(super) fn list_licenses(call: &mut Call<'_>) -> Outcome {
    call.world.only_admins(call.caller)?;
    call.world.only_own_org(call.param("orgId"))?;
    all(License::ALL.map(|license| call.world.show_license(license)).into())
}

pub(super) fn get_license(call: &mut Call<'_>) -> Outcome {
    call.world.only_admins(call.caller)?;
    let license = call.id(License::parse, MISSING)?;
    Reply::ok(&call.world.show_license(license))
}

pub(super) fn list_organizations(call: &mut Call<'_>) -> Outcome {
    call.world.only_admins(call.caller)?;
    all(vec![call.world.show_organization()])
}

pub(super) fn get_organization(call: &mut Call<'_>) -> Outcome {
    call.world.only_admins(call.caller)?;
    if call.id(OrgId::parse, MISSING)? != call.world.org {
        return Err(Refusal::no_such_resource());
    }
    Reply::ok(&call.world.show_organization())
}

const MISSING: &str = "The requested resource could not be found.";

/// These lists are short and have one page.
fn all<T: serde::Serialize>(items: Vec<T>) -> Outcome {
    Reply::ok(&Items { items, not_found_ids: None })
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::testing::ask;
    use crate::sim::world::World;

    #[test]
    fn an_administrator_reads_the_directory_and_nobody_else_does() {
        let mut world = World::seeded();
        for list in ["/roles", "/licenses", "/organizations"] {
            assert_eq!(ask(&mut world, "sim-alice", "GET", list, &Value::Null).unwrap_err().status, 403);
            let (found, _) = ask(&mut world, "sim-admin", "GET", list, &Value::Null).unwrap();
            let first = &found["items"][0];
            let path = format!("{list}/{}", first["id"].as_str().unwrap());
            assert_eq!(&ask(&mut world, "sim-admin", "GET", &path, &Value::Null).unwrap().0, first);
            assert_eq!(ask(&mut world, "sim-alice", "GET", &path, &Value::Null).unwrap_err().status, 403);
            let other = format!("{list}/other");
            assert_eq!(ask(&mut world, "sim-admin", "GET", &other, &Value::Null).unwrap_err().status, 404);
        }
    }

    #[test]
    fn everyones_organisation_is_the_one_there_is() {
        let mut world = World::seeded();
        let (me, _) = ask(&mut world, "sim-admin", "GET", "/people/me", &Value::Null).unwrap();
        let (found, _) = ask(&mut world, "sim-admin", "GET", "/organizations", &Value::Null).unwrap();
        assert_eq!(found["items"][0]["id"], me["orgId"]);
        assert_eq!(found["items"][0]["displayName"], "Example");
        let (roles, _) = ask(&mut world, "sim-admin", "GET", "/roles", &Value::Null).unwrap();
        assert_eq!(roles["items"][0]["id"], me["roles"][0]);
    }
}
