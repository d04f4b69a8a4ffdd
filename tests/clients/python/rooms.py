"""Rooms: made, listed by pages, changed and deleted; rooms of all kinds; their tabs and meetings."""

from sdk import client, ids, refused, room_of_kind, run

alice, bob, bot = client("sim-alice"), client("sim-bob"), client("sim-bot-echo")
# A bot comes to be with the first use of its token.
bot.people.me()


def from_beginning_to_end():
    room = alice.rooms.create("Lunch")
    assert room.type == "group" and room.isLocked is False, room
    assert room.creatorId == alice.people.me().id and room.created and room.lastActivity, room
    assert alice.rooms.get(room.id).title == "Lunch"
    assert alice.rooms.update(room.id, title="Dinner").title == "Dinner"
    refused(400, "Title cannot be empty.", alice.rooms.create, " ")
    refused(404, "", bob.rooms.get, room.id)
    alice.rooms.delete(room.id)
    refused(404, "", alice.rooms.get, room.id)


def lists():
    made = [alice.rooms.create(f"Room {number}") for number in range(5)]
    direct = alice.messages.create(toPersonEmail="bob@example.com", text="hello").roomId
    # By pages of two: the SDK follows the links.
    assert ids(alice.rooms.list(type="group", sortBy="created", max=2)) == ids(reversed(made))
    assert sorted(ids(alice.rooms.list(max=1))) == sorted([direct, *ids(made)])
    assert ids(bob.rooms.list(type="direct")) == [direct]
    alice.messages.create(roomId=made[1].id, text="here I am")
    assert ids(alice.rooms.list(sortBy="lastactivity"))[0] == made[1].id
    for room in made:
        alice.rooms.delete(room.id)


def direct():
    room = alice.rooms.get(alice.messages.create(toPersonEmail="echo@webex.bot", text="hello").roomId)
    assert room.type == "direct" and room.title == bot.people.me().displayName, room
    assert bot.rooms.get(room.id).title == alice.people.me().displayName


def locked():
    room = room_of_kind(alice, "Board", isLocked=True, isAnnouncementOnly=True, description="Decisions")
    assert room.isLocked and room.isAnnouncementOnly and room.description == "Decisions", room
    member = alice.memberships.create(room.id, personEmail="bob@example.com")
    assert member.isModerator is False
    refused(403, "", bob.messages.create, roomId=room.id, text="me too")
    refused(403, "", bob.memberships.create, room.id, personEmail="carol@example.com")
    alice.messages.create(roomId=room.id, text="decided")
    alice.rooms.delete(room.id)


run(from_beginning_to_end, lists, direct, locked)
