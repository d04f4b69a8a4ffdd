"""Rate limits: the SDK waits as long as it is told to and goes on, or hands the refusal to who asked."""

import time
import warnings

from sdk import SDK, client, control, run


def waiting():
    alice = client("sim-alice")
    control("POST", "/rules", {"email": "alice@example.com", "path": "/people", "status": 429, "retry_after": "1"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        began = time.monotonic()
        assert alice.people.me().emails == ["alice@example.com"]
        took = time.monotonic() - began
    assert [warning.category for warning in caught] == [SDK.RateLimitWarning], caught
    assert took >= 1, took
    assert control("GET", "/rules") == [], "it was asked a second time"


def not_waiting():
    alice = client("sim-alice", wait_on_rate_limit=False)
    # Two requests and no more, in the minute that begins with the first.
    control("PUT", "/budget", {"email": "alice@example.com", "requests_per_minute": 2})
    alice.people.me()
    alice.people.me()
    error = limited(alice.people.me)
    assert 1 <= error.retry_after <= 60 and error.tracking_id, error
    # One person's limit is nobody else's.
    client("sim-bob", wait_on_rate_limit=False).people.me()
    # As long as it says, by the simulator's clock, and not a whole second less.
    control("PUT", "/clock", {"freeze": True})
    wait = limited(alice.people.me).retry_after
    control("PUT", "/clock", {"advance_ms": (wait - 1) * 1000})
    assert limited(alice.people.me).retry_after == 1
    control("PUT", "/clock", {"advance_ms": 1000})
    alice.people.me()
    control("PUT", "/clock", {"run": True})
    control("PUT", "/budget", {"email": "alice@example.com", "requests_per_minute": 0})


def not_told_how_long():
    alice = client("sim-alice", wait_on_rate_limit=False)
    control("POST", "/rules", {"email": "alice@example.com", "status": 429})
    assert limited(alice.people.me).retry_after == 15, "what the SDK takes for granted"
    control("POST", "/rules", {"email": "alice@example.com", "status": 429, "html": True, "retry_after": "3600"})
    error = limited(alice.people.me)
    assert error.retry_after == 3600 and error.message is None, error


def limited(call):
    try:
        call()
    except SDK.RateLimitError as error:
        return error
    raise AssertionError("there was no limit")


run(waiting, not_waiting, not_told_how_long)
