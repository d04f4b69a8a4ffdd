"""What goes wrong at Webex now and then, made to happen on demand, as the SDK sees it."""

import requests

from sdk import SDK, client, control, ids, refused, run

alice, bot = client("sim-alice"), client("sim-bot-echo")
bot.people.me()
room = alice.rooms.create("Kitchen")
alice.memberships.create(room.id, personEmail="echo@webex.bot")
asked = [
    alice.messages.create(roomId=room.id, markdown=f"<@personEmail:echo@webex.bot> number {number}")
    for number in range(4)
]
newest_first = ids(reversed(asked))


def rule(**fields):
    control("POST", "/rules", fields)


def errors():
    for status in [500, 502, 503, 504]:
        rule(path="/people", status=status)
        refused(status, "", alice.people.me)
        alice.people.me()
    # Some errors have a page of HTML for a body: then there is no message to read.
    rule(path="/people", status=503, html=True)
    try:
        alice.people.me()
    except SDK.ApiError as error:
        assert error.status_code == 503 and error.message is None and error.tracking_id, error
    else:
        raise AssertionError("no error")


def broken_connections():
    for wire in ["drop", "truncate"]:
        rule(path="/people", wire=wire)
        try:
            alice.people.me()
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError):
            pass
        else:
            raise AssertionError(f"{wire} went unnoticed")
        alice.people.me()
    rule(path="/people", slow_ms=200)
    alice.people.me()


def odd_lists():
    def mentions():
        return ids(bot.messages.list(room.id, mentionedPeople="me", max=2))

    # A page may be empty and yet lead on.
    rule(path="/messages", list="empty_page")
    assert mentions() == newest_first
    # The link to the next page may have lost what a bot must ask for: the SDK puts it back.
    rule(path="/messages", list="next_unmentioned")
    assert mentions() == newest_first
    # One item of a list may be unreadable, and says so itself.
    rule(path="/messages", list="kms_failure")
    first = next(iter(alice.messages.list(room.id)))
    assert first.id == newest_first[0] and "kms_failure" in str(first.to_dict()["errors"]), first
    assert control("GET", "/rules") == []


def dead_token():
    client("sim-bot-gone").people.me()
    rule(token="sim-bot-gone", revoke=True)
    for _ in range(2):
        refused(401, "valid access token", client("sim-bot-gone").people.me)


run(errors, broken_connections, odd_lists, dead_token)
