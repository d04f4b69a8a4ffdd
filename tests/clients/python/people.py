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


run(oneself, others, everyone_by_pages)
