"""A person talks to a bot with Cisco's Python SDK: in the direct room, then in a group room with a mention.

Usage: person.py BASE_URL PERSON_TOKEN BOT_EMAIL

The bot is to say what was said to it. Ends with `all is well`, or with the assertion that does not hold.
"""

import sys
import time

import webexpythonsdk

# Seconds to wait for an answer. Each look is a round trip, so there is no pause in between.
PATIENCE = 30


def answers(look, bot_email, count):
    """The bot's messages, oldest first, once there are so many."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [message for message in look() if message.personEmail == bot_email]
        if len(found) >= count:
            return list(reversed(found))
        assert time.monotonic() < deadline, f"{len(found)} of {count} answers within {PATIENCE} seconds"


def direct(person, bot_email):
    texts = [f"number {number}" for number in range(5)]
    for text in texts:
        sent = person.messages.create(toPersonEmail=bot_email, text=text)
        assert sent.roomType == "direct", sent
    found = answers(lambda: person.messages.list_direct(personEmail=bot_email), bot_email, len(texts))
    assert [message.text for message in found] == texts, found


def group(person, bot_email):
    room = person.rooms.create("Kitchen")
    person.memberships.create(room.id, personEmail=bot_email)
    person.messages.create(roomId=room.id, text="nobody in particular")
    asked = person.messages.create(roomId=room.id, markdown=f"<@personEmail:{bot_email}|Bot> tea?")
    found = answers(lambda: person.messages.list(room.id), bot_email, 1)
    assert [message.text for message in found] == ["tea?"], found
    person.messages.create(roomId=room.id, parentId=asked.id, markdown=f"<@personEmail:{bot_email}|Bot> with milk?")
    found = answers(lambda: person.messages.list(room.id), bot_email, 2)
    assert [message.text for message in found] == ["tea?", "with milk?"], found
    assert found[1].parentId == asked.id, found[1]


def main(base_url, token, bot_email):
    person = webexpythonsdk.WebexAPI(access_token=token, base_url=base_url + "/")
    direct(person, bot_email)
    group(person, bot_email)
    print("all is well")


if __name__ == "__main__":
    main(*sys.argv[1:])
