"""Memberships: who is in a room, who moderates it, who leaves."""

from sdk import client, ids, refused, room_of_kind, run

alice, bob, bot = client("sim-alice"), client("sim-bob"), client("sim-bot-echo")
# A bot comes to be with the first use of its token.
bot.people.me()


def coming_and_going():
    room, robot = alice.rooms.create("Kitchen"), bot.people.me()
    refused(404, "", bot.rooms.get, room.id)
    member = alice.memberships.create(room.id, personEmail="echo@webex.bot")
    assert (member.personId, member.personDisplayName) == (robot.id, robot.displayName), member
    assert member.roomId == room.id and member.personOrgId and member.isModerator is False, member
    assert alice.memberships.get(member.id).personEmail == "echo@webex.bot"
    refused(409, "already in the room", alice.memberships.create, room.id, personId=robot.id)
    refused(400, "Must specify either personId or personEmail.", alice.memberships.create, room.id)
    assert ids(bot.memberships.list(roomId=room.id, personId=robot.id)) == [member.id]
    assert [own.roomId for own in bot.memberships.list()] == [room.id]
    bot.memberships.delete(member.id)
    refused(404, "", bot.rooms.get, room.id)
    refused(404, "", alice.memberships.get, member.id)


def pages():
    room = alice.rooms.create("Crowd")
    for number in range(4):
        client(f"sim-bot-guest-{number}").people.me()
        alice.memberships.create(room.id, personEmail=f"guest-{number}@webex.bot")
    members = ids(alice.memberships.list(roomId=room.id, max=2))
    assert len(members) == len(set(members)) == 5, members


def moderators():
    room = room_of_kind(alice, "Talk", isLocked=True)
    own = next(iter(alice.memberships.list(room.id)))
    assert own.isModerator, own
    member = alice.memberships.create(room.id, personEmail="bob@example.com")
    refused(403, "", bob.memberships.update, member.id, isModerator=True)
    assert alice.memberships.update(member.id, isModerator=True).isModerator
    assert bob.memberships.create(room.id, personEmail="carol@example.com").isModerator is False


def hidden():
    room = alice.messages.create(toPersonEmail="bob@example.com", text="hello").roomId
    own = next(iter(alice.memberships.list(room, personEmail="alice@example.com")))
    changed = alice.memberships.update(own.id, isModerator=False, isRoomHidden=True)
    # The older SDK knows no such field by name; both hand through what came.
    assert changed.to_dict()["isRoomHidden"] is True, changed
    refused(400, "Failed to leave room.", alice.memberships.delete, own.id)


run(coming_and_going, pages, moderators, hidden)
