"""People: oneself, others, lists, and what only an administrator may do."""

from sdk import client, ids, refused, run

admin, alice, bot = client("sim-admin"), client("sim-alice"), client("sim-bot-echo")


def oneself():
    me = alice.people.me()
    assert me.emails == ["alice@example.com"] and me.type == "person", me
    assert me.created.year >= 2020, me.created
    robot = bot.people.me()
    assert robot.type == "bot" and robot.emails == ["echo@webex.bot"], robot
    refused(401, "valid access token", client("nobody").people.me)


def others():
    robot = bot.people.me()
    assert alice.people.get(robot.id).displayName == robot.displayName
    assert ids(alice.people.list(email="echo@webex.bot")) == [robot.id]
    assert ids(bot.people.list(displayName="Alice")) == [alice.people.me().id]
    two = [alice.people.me().id, robot.id]
    assert sorted(ids(alice.people.list(id=",".join(two)))) == sorted(two)
    refused(400, "Email, displayName, or id list should be specified.", lambda: list(alice.people.list()))
    refused(404, "", alice.people.get, "nobody")


def everyone_by_pages():
    everyone = ids(admin.people.list(max=2))
    assert len(everyone) == len(set(everyone)) >= 4, everyone
    assert ids(admin.people.list()) == everyone
    assert alice.people.me().id in everyone


def an_account():
    messaging = next(iter(admin.licenses.list()))
    new = {"emails": ["dave@example.com"], "displayName": "Dave Example", "licenses": [messaging.id]}
    refused(403, "", alice.people.create, **new)
    refused(403, "", bot.people.create, **new)
    dave = admin.people.create(**new)
    assert dave.emails == new["emails"] and dave.displayName == "Dave Example" and dave.type == "person", dave
    assert dave.orgId == admin.people.me().orgId and dave.firstName == "Dave", dave
    assert dave.invitePending is True and dave.licenses == [messaging.id], dave
    refused(409, "", admin.people.create, **new)
    refused(400, "", admin.people.create, emails=["dave@webex.bot"], displayName="No bot is made like this")
    assert ids(alice.people.list(email="dave@example.com")) == [dave.id]

    # As the SDK advises: all that is known, with what is to change.
    roles = ids(admin.roles.list())
    new |= {"displayName": "David Example", "firstName": "David", "lastName": "Example", "roles": roles}
    changed = admin.people.update(dave.id, **new)
    assert (changed.id, changed.displayName, changed.firstName) == (dave.id, "David Example", "David"), changed
    assert changed.roles == roles, changed
    refused(403, "", alice.people.update, dave.id, **new)
    seen = alice.people.get(dave.id)
    assert (seen.displayName, seen.nickName) == ("David Example", "David"), seen
    assert seen.roles is None and seen.loginEnabled is None, "this is for administrators"

    room = alice.rooms.create("With Dave")
    alice.memberships.create(room.id, personId=dave.id)
    refused(403, "", alice.people.delete, dave.id)
    admin.people.delete(dave.id)
    refused(404, "", alice.people.get, dave.id)
    refused(404, "", admin.people.delete, dave.id)
    assert [member.personEmail for member in alice.memberships.list(room.id)] == ["alice@example.com"]


run(oneself, others, everyone_by_pages, an_account)
