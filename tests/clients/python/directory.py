"""What an administrator's programs look up: organizations, licenses, roles."""

from sdk import client, ids, refused, run

admin, alice = client("sim-admin"), client("sim-alice")


def looked_up(api, name):
    found = list(api.list())
    assert found, f"no {name}"
    for one in found:
        read = api.get(one.id)
        assert read.id == one.id and read.to_dict() == one.to_dict(), (read, one)
    refused(404, "", api.get, "nothing")
    return found


def organizations():
    found = looked_up(admin.organizations, "organizations")
    assert admin.people.me().orgId in ids(found)
    assert all(one.displayName and one.created for one in found), found


def licenses():
    found = looked_up(admin.licenses, "licenses")
    assert found[0].totalUnits > found[0].consumedUnits == len(list(admin.people.list())), found[0]
    assert all(one.name and one.totalUnits is not None and one.consumedUnits is not None for one in found), found
    assert ids(admin.licenses.list(orgId=admin.people.me().orgId)) == ids(found)


def roles():
    found = looked_up(admin.roles, "roles")
    assert "Full Administrator" in [one.name for one in found], found
    me = admin.people.me()
    assert me.roles and set(me.roles) <= set(ids(found)), me


def only_for_administrators():
    for api in [alice.organizations, alice.licenses, alice.roles]:
        refused(403, "", lambda api=api: list(api.list()))


run(organizations, licenses, roles, only_for_administrators)
