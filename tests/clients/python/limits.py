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
    control("PUT", "/budget", {"email": "alice@example.com", "requests_per_minute": 0})
    alice.people.me()


def not_told_how_long():
    alice = client("sim-alice", wait_on_rate_limit=False)
    control("POST", "/rules", {"email": "alice@example.com", "status": 429})
    assert limited(alice.people.me).retry_after == 15, "what the SDK takes for granted"


def limited(call):
    try:
        call()
    except SDK.RateLimitError as error:
        return error
    raise AssertionError("there was no limit")


run(waiting, not_waiting, not_told_how_long)
