"""Messages: to every destination, with mentions, in threads, listed by pages, edited and deleted."""

from sdk import client, ids, refused, run

alice, bob, bot = client("sim-alice"), client("sim-bob"), client("sim-bot-echo")
# A bot comes to be with the first use of its token.
bot.people.me()
room = alice.rooms.create("Kitchen")
for email in ["bob@example.com", "echo@webex.bot"]:
    alice.memberships.create(room.id, personEmail=email)


def every_destination():
    robot = bot.people.me()
    for destination in [{"roomId": room.id}, {"toPersonId": robot.id}, {"toPersonEmail": "echo@webex.bot"}]:
        sent = alice.messages.create(text="hello", **destination)
        assert sent.text == "hello" and sent.personEmail == "alice@example.com" and sent.created, sent
        assert sent.roomType == ("group" if "roomId" in destination else "direct"), sent
    refused(400, "Exactly one of the destination fields", alice.messages.create, text="to nobody")
    refused(400, "Both text and file cannot be empty.", alice.messages.create, roomId=room.id, text="")
    refused(404, "", alice.messages.create, roomId="nowhere", text="hello")


def mentions():
    robot = bot.people.me()
    unheard = alice.messages.create(roomId=room.id, text="only for people")
    markdown = "**Hello** <@personEmail:echo@webex.bot|Echo>, are you there?"
    sent = alice.messages.create(roomId=room.id, markdown=markdown)
    assert sent.markdown == markdown and sent.text == "Hello Echo, are you there?", sent
    assert "<strong>Hello</strong>" in sent.html and "spark-mention" in sent.html, sent.html
    assert sent.mentionedPeople == [robot.id], sent
    by_id = alice.messages.create(roomId=room.id, markdown=f"<@personId:{robot.id}|Echo> again")
    assert by_id.mentionedPeople == [robot.id], by_id
    assert alice.messages.create(roomId=room.id, markdown="<@all> lunch!").mentionedGroups == ["all"]

    # A bot sees what mentions it, and nothing else.
    assert bot.messages.get(sent.id).personEmail == "alice@example.com"
    refused(404, "", bot.messages.get, unheard.id)
    refused(403, "", lambda: list(bot.messages.list(room.id)))
    assert ids(bot.messages.list(room.id, mentionedPeople="me")) == [by_id.id, sent.id]
    # By pages of one: the parameter that a bot needs goes along.
    assert ids(bot.messages.list(room.id, mentionedPeople="me", max=1)) == [by_id.id, sent.id]


def threads():
    root = alice.messages.create(roomId=room.id, markdown="<@personEmail:echo@webex.bot> a question")
    reply = bot.messages.create(roomId=room.id, parentId=root.id, text="an answer")
    assert reply.parentId == root.id, reply
    assert ids(alice.messages.list(room.id, parentId=root.id)) == [reply.id]
    refused(400, "", alice.messages.create, roomId=room.id, parentId=reply.id, text="deeper")


def pages():
    sent = [alice.messages.create(roomId=room.id, text=f"number {number}") for number in range(7)]
    newest_first = ids(reversed(sent))
    found = ids(alice.messages.list(room.id, max=3))
    assert found[:7] == newest_first and len(found) == len(set(found)), found
    assert found == ids(bob.messages.list(room.id, max=50))
    before = ids(alice.messages.list(room.id, beforeMessage=sent[3].id, max=2))
    assert before == found[4:], before
    earlier = ids(alice.messages.list(room.id, before=str(sent[0].created), max=100))
    assert sent[0].id not in earlier and set(earlier) <= set(found[7:]), earlier
    refused(404, "", lambda: list(alice.messages.list("nowhere")))


def direct():
    sent = bob.messages.create(toPersonEmail="echo@webex.bot", text="between us")
    reply = bot.messages.create(toPersonId=bob.people.me().id, parentId=sent.id, text="indeed")
    assert ids(bot.messages.list_direct(personId=bob.people.me().id)) == [reply.id, sent.id]
    assert ids(bob.messages.list_direct(personEmail="echo@webex.bot", parentId=sent.id)) == [reply.id]


def edits():
    sent = bot.messages.create(roomId=room.id, text="draft")
    assert sent.updated is None, sent
    for number in range(10):
        edited = bot.messages.edit(messageId=sent.id, roomId=room.id, markdown=f"version _{number}_")
        assert edited.id == sent.id and edited.updated is not None, edited
    assert edited.html == "<p>version <em>9</em></p>" and edited.text == "version 9", edited
    refused(400, "", bot.messages.edit, messageId=sent.id, roomId=room.id, text="once too often")
    refused(403, "", alice.messages.edit, messageId=sent.id, roomId=room.id, text="not mine")


def deletes():
    sent = bob.messages.create(roomId=room.id, text="oops")
    refused(403, "", bob.messages.delete, alice.messages.create(roomId=room.id, text="hers").id)
    bob.messages.delete(sent.id)
    refused(404, "", alice.messages.get, sent.id)
    assert sent.id not in ids(alice.messages.list(room.id))


def long_ones():
    # Bytes count, not characters.
    assert len(alice.messages.create(roomId=room.id, text="é" * 3719).text) == 3719
    refused(400, "7439", alice.messages.create, roomId=room.id, text="é" * 3720)


run(every_destination, mentions, threads, pages, direct, edits, deletes, long_ones)
