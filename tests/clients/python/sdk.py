"""What the programs here begin with: a client for a token, a refusal that must come, the simulator's own API.

Usage of each: PROGRAM.py SDK BASE_URL. SDK is `webexpythonsdk` or `webexteamssdk`, as it was called before; both
have the same shape. BASE_URL is that of a simulator as it is at its first start, as in http://127.0.0.1:7070/v1:
with the people admin, alice, bob and carol, and a bot for every token that begins with `sim-bot-`.

Each ends with `all is well`, or with the assertion that does not hold.
"""

import importlib
import json
import sys
import urllib.request

SDK = importlib.import_module(sys.argv[1])
OLDER = SDK.__name__ == "webexteamssdk"
BASE_URL = sys.argv[2]
CONTROL_URL = BASE_URL.removesuffix("/v1") + "/sim"

# Seconds to wait for what must come. Nothing waits so long but a test that fails.
PATIENCE = 30


def client(token, **options):
    """The SDK, speaking to the simulator as whoever has this token."""
    api = SDK.WebexTeamsAPI if OLDER else SDK.WebexAPI
    # The slash at the end is needed: without it the SDK replaces the `v1` instead of going on behind it.
    return api(access_token=token, base_url=BASE_URL + "/", **options)


def refused(status, words, call, *arguments, **named):
    """The call must be refused with this status, in these words; the SDK's error."""
    try:
        answer = call(*arguments, **named)
    except SDK.ApiError as error:
        assert error.status_code == status, error
        assert words in error.message, error
        assert error.tracking_id, error
        return error
    raise AssertionError(f"not refused with {status}, but answered: {answer}")


def control(method, path, body=None):
    """Asks the simulator's control API, which is no part of Webex."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(CONTROL_URL + path, data, {"Content-Type": "application/json"}, method=method)
    # Straight to the simulator, whatever proxy the environment names.
    straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with straight.open(request, timeout=PATIENCE) as answer:
        return json.load(answer)


def room_of_kind(person, title, **kind):
    """A room that is locked, public, ... The older SDK does not send these on creation: there they are set after."""
    if not OLDER:
        return person.rooms.create(title, **kind)
    return person.rooms.update(person.rooms.create(title).id, title=title, **kind)


def ids(items):
    return [item.id for item in items]


def run(*steps):
    for step in steps:
        step()
    print("all is well")
