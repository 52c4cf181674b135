from datetime import UTC, datetime

import pytest

from cfbilling.sandbox import Clock, Fault, Sandbox
from tests.sandbox.conftest import Fetch


class Stopwatch:
    """A monotonic clock that moves only when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def clock(self) -> Clock:
        """Return a clock that shows these seconds."""
        return Clock(now=lambda: datetime(2025, 5, 20, tzinfo=UTC), monotonic=lambda: self.seconds)


async def test_quota_is_announced_and_then_enforced(fetch: Fetch) -> None:
    """Each answer says what is left; after the last comes 429 until the window ends."""
    watch = Stopwatch()
    async with Sandbox(quota=2, window=30, clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Ratelimit"]) == (200, '"default";r=1;t=30')
        assert headers["Ratelimit-Policy"] == '"default";q=2;w=30'
        assert "Retry-After" not in headers
        watch.seconds += 9.5
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Ratelimit"]) == (200, '"default";r=0;t=21')
        watch.seconds += 10
        for _ in range(3):
            status, headers, body = await fetch(sandbox, path)
            assert (status, headers["Retry-After"]) == (429, "11")
            assert headers["Ratelimit"] == '"default";r=0;t=11'
            assert b"10040" in body
        watch.seconds += 10.5
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Ratelimit"]) == (200, '"default";r=1;t=30')
        assert sandbox.statuses == {200: 3, 429: 3}


async def test_quota_is_counted_for_each_credential(fetch: Fetch) -> None:
    """A locked-out token does not lock out another one, nor the key."""
    watch = Stopwatch()
    async with Sandbox(quota=5, tokens=2, clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        first, second = sandbox.api_tokens
        legacy = {"X-Auth-Email": sandbox.email, "X-Auth-Key": sandbox.api_key}
        sandbox.consume(4)
        sandbox.consume(7, token=second)
        assert (await fetch(sandbox, path))[1]["Ratelimit"] == '"default";r=0;t=300'
        assert (await fetch(sandbox, path, None, {"Authorization": f"Bearer {first}"}))[0] == 429
        assert (await fetch(sandbox, path, None, {"Authorization": f"Bearer {second}"}))[0] == 429
        assert (await fetch(sandbox, path, None, legacy))[0] == 200
        sandbox.consume(5, token=sandbox.api_key)
        assert (await fetch(sandbox, path, None, legacy))[0] == 429


async def test_a_stranger_uses_no_quota(fetch: Fetch) -> None:
    """Requests without a valid credential see the headers and are never locked out."""
    watch = Stopwatch()
    async with Sandbox(quota=1, clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        for _ in range(3):
            status, headers, _ = await fetch(sandbox, path, None, {})
            assert (status, headers["Ratelimit"]) == (401, '"default";r=1;t=300')


async def test_a_window_may_be_shorter_than_a_second(fetch: Fetch) -> None:
    """A window of milliseconds works, announced as one whole second."""
    watch = Stopwatch()
    async with Sandbox(quota=1, window=0.05, clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        _, headers, _ = await fetch(sandbox, path)
        assert headers["Ratelimit-Policy"] == '"default";q=1;w=1'
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Retry-After"]) == (429, "1")
        watch.seconds += 0.05
        assert (await fetch(sandbox, path))[0] == 200


async def test_without_quota_nothing_is_said(fetch: Fetch) -> None:
    """A sandbox without quota sends no rate limit headers and ignores other consumers."""
    async with Sandbox(quota=None) as sandbox:
        sandbox.consume(5000)
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        status, headers, _ = await fetch(sandbox, path)
        assert status == 200
        assert not [name for name in headers if name.lower().startswith("ratelimit")]


async def test_a_lock_out_uses_up_no_fault(fetch: Fetch) -> None:
    """What was scripted waits until the client is let in again."""
    watch = Stopwatch()
    async with Sandbox(quota=1, window=10, clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.consume(1)
        sandbox.faults.add(Fault(status=500))
        assert (await fetch(sandbox, path))[0] == 429
        watch.seconds += 10
        assert (await fetch(sandbox, path))[0] == 500


async def test_consuming_for_nobody_is_a_mistake() -> None:
    """A token that does not exist cannot have used anything."""
    with pytest.raises(KeyError):
        Sandbox().consume(1, token="no such token")
