"""Drives a simulated Webex with Cisco's Python SDK, as a person and as a bot.

Usage: webexpythonsdk_smoke.py BASE_URL PERSON_TOKEN BOT_TOKEN

Ends with `all is well`, or with the assertion that does not hold.
"""

import sys

import webexpythonsdk

CARD = {
    "contentType": "application/vnd.microsoft.card.adaptive",
    "content": {
        "type": "AdaptiveCard",
        "version": "1.3",
        "body": [{"type": "Input.Text", "id": "why"}],
        "actions": [{"type": "Action.Submit", "title": "Send"}],
    },
}


def refused(status, words, call, *arguments, **named):
    """The call must be refused with this status, in these words."""
    try:
        call(*arguments, **named)
    except webexpythonsdk.ApiError as error:
        assert error.status_code == status, error
        assert words in error.message, error
        assert error.tracking_id, error
    else:
        raise AssertionError(f"{call.__qualname__} was not refused")


def people(person, bot):
    me = person.people.me()
    assert me.emails == ["alice@example.com"] and me.type == "person", me
    assert me.created.year >= 2020
    robot = bot.people.me()
    assert robot.type == "bot" and robot.emails[0].endswith("@webex.bot"), robot
    assert person.people.get(robot.id).displayName == robot.displayName
    assert [found.id for found in person.people.list(email=robot.emails[0])] == [robot.id]
    assert [found.id for found in bot.people.list(displayName="Alice")] == [me.id]
    refused(400, "should be specified", lambda: list(person.people.list()))
    refused(404, "Person not found", person.people.get, "nobody")
    return me, robot


def rooms(person):
    room = person.rooms.create("Lunch")
    assert room.type == "group" and not room.isLocked, room
    assert person.rooms.get(room.id).title == "Lunch"
    assert person.rooms.update(room.id, "Dinner").title == "Dinner"
    for number in range(5):
        person.rooms.create(f"Room {number}")
    # Five and the first one, by pages of two: the SDK follows the links.
    titles = [found.title for found in person.rooms.list(type="group", sortBy="created", max=2)]
    assert titles == ["Room 4", "Room 3", "Room 2", "Room 1", "Room 0", "Dinner"], titles
    refused(400, "Title cannot be empty", person.rooms.create, " ")
    return room


def memberships(person, bot, room, robot):
    refused(404, "Room not found", bot.rooms.get, room.id)
    member = person.memberships.create(room.id, personEmail=robot.emails[0])
    assert member.personId == robot.id and member.personDisplayName == robot.displayName, member
    refused(409, "already in the room", person.memberships.create, room.id, personId=robot.id)
    assert len(list(person.memberships.list(roomId=room.id, max=1))) == 2
    assert [found.id for found in bot.memberships.list(roomId=room.id, personId=robot.id)] == [member.id]
    assert [found.roomId for found in bot.memberships.list()] == [room.id]
    refused(403, "moderator", bot.memberships.update, member.id, isModerator=True)
    assert person.memberships.get(member.id).isModerator is False
    return member


def messages(person, bot, room, me, robot):
    person.messages.create(roomId=room.id, text="only for people")
    markdown = f"**Hello** <@personEmail:{robot.emails[0]}|Robot>, are you there?"
    sent = person.messages.create(roomId=room.id, markdown=markdown)
    assert sent.mentionedPeople == [robot.id], sent
    assert sent.text == "Hello Robot, are you there?", sent.text
    assert "<strong>Hello</strong>" in sent.html and "spark-mention" in sent.html, sent.html
    assert bot.messages.get(sent.id).personEmail == me.emails[0]

    # A bot sees what mentions it, and nothing else.
    refused(403, "mentionedPeople=me", lambda: list(bot.messages.list(room.id)))
    assert [found.id for found in bot.messages.list(room.id, mentionedPeople="me")] == [sent.id]

    reply = bot.messages.create(roomId=room.id, parentId=sent.id, text="I am")
    assert reply.parentId == sent.id
    assert [found.id for found in person.messages.list(room.id, parentId=sent.id)] == [reply.id]
    refused(400, "parent", person.messages.create, roomId=room.id, parentId=reply.id, text="deeper")

    for number in range(7):
        person.messages.create(roomId=room.id, text=f"number {number}")
    texts = [found.text for found in person.messages.list(room.id, max=3)]
    assert texts[:7] == [f"number {number}" for number in reversed(range(7))], texts
    assert len(texts) == 10, texts
    before = [found.id for found in person.messages.list(room.id, beforeMessage=reply.id)]
    assert before[0] == sent.id and reply.id not in before

    edited = bot.messages.update(messageId=reply.id, roomId=room.id, markdown="I _am_")
    assert edited.html == "<p>I <em>am</em></p>", edited.html
    assert edited.updated is not None
    refused(403, "author", person.messages.update, messageId=reply.id, roomId=room.id, text="no")
    refused(400, "7439", person.messages.create, roomId=room.id, text="x" * 7440)
    refused(400, "Both text and file cannot be empty", person.messages.create, roomId=room.id, text="")

    bot.messages.delete(reply.id)
    refused(404, "Could not find a message", person.messages.get, reply.id)

    direct = person.messages.create(toPersonEmail=robot.emails[0], text="between us")
    assert direct.roomType == "direct", direct
    assert [found.text for found in bot.messages.list_direct(personId=me.id)] == ["between us"]
    assert bot.rooms.get(direct.roomId).title == me.displayName
    return direct


def cards(person, bot, me):
    sent = bot.messages.create(toPersonId=me.id, text="a card", attachments=[CARD])
    assert sent.attachments[0]["content"]["version"] == "1.3", sent.attachments
    action = person.attachment_actions.create("submit", sent.id, {"why": "because", "unheard": "of"})
    read = bot.attachment_actions.get(action.id)
    assert read.personId == me.id and read.inputs == {"why": "because", "unheard": "of"}, read
    refused(400, "Author of a card", bot.attachment_actions.create, "submit", sent.id, {})
    two = [CARD, CARD]
    refused(400, "only one attachment", bot.messages.create, toPersonId=me.id, text="two", attachments=two)


def webhooks(bot):
    target = "http://127.0.0.1:9/hooks/echo"
    made = [
        bot.webhooks.create(f"hook {number}", target, "messages", "created", filter="roomType=direct", secret="s")
        for number in range(3)
    ]
    listed = list(bot.webhooks.list(max=2))
    assert [hook.name for hook in listed] == ["hook 0", "hook 1", "hook 2"], listed
    hook = made[0]
    assert hook.status == "active" and hook.filter == "roomType=direct" and hook.secret == "s", hook
    changed = bot.webhooks.update(hook.id, name="renamed", targetUrl=target + "?x=1")
    assert changed.name == "renamed" and changed.targetUrl.endswith("?x=1"), changed
    assert bot.webhooks.get(hook.id).name == "renamed"
    refused(400, "invalid resource", bot.webhooks.create, "x", target, "cats", "created")
    for hook in made:
        bot.webhooks.delete(hook.id)
    assert list(bot.webhooks.list()) == []
    refused(404, "could not be found", bot.webhooks.get, made[0].id)


def main(base_url, person_token, bot_token):
    def client(token):
        return webexpythonsdk.WebexAPI(access_token=token, base_url=base_url + "/")

    person, bot = client(person_token), client(bot_token)
    me, robot = people(person, bot)
    room = rooms(person)
    member = memberships(person, bot, room, robot)
    messages(person, bot, room, me, robot)
    cards(person, bot, me)
    webhooks(bot)
    person.memberships.delete(member.id)
    refused(404, "Room not found", bot.rooms.get, room.id)
    person.rooms.delete(room.id)
    refused(404, "Room not found", person.rooms.get, room.id)
    refused(401, "valid access token", client("nobody").people.me)
    print("all is well")


if __name__ == "__main__":
    main(*sys.argv[1:])
