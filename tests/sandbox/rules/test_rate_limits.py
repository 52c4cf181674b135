from datetime import UTC, datetime
from typing import get_args

import pytest

from cfbilling.sandbox import Clock, Fault, Limit, Sandbox
from cfbilling.sandbox.rules.rate_limits import Lockout, QuotaKind
from tests.sandbox.conftest import Fetch, Raw


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


BURST, DEFAULT = Limit("burst", 2, 1.0), Limit("default", 3, 300.0)


async def test_of_several_limits_any_refuses(fetch: Fetch) -> None:
    """Each answer tells every limit, and the one that is used up says how long to wait."""
    watch = Stopwatch()
    async with Sandbox(limits=[BURST, DEFAULT], clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        _, headers, _ = await fetch(sandbox, path)
        assert headers["Ratelimit"] == '"burst";r=1;t=1, "default";r=2;t=300'
        assert headers["Ratelimit-Policy"] == '"burst";q=2;w=1, "default";q=3;w=300'
        await fetch(sandbox, path)
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Retry-After"]) == (429, "1")
        assert headers["Ratelimit"] == '"burst";r=0;t=1, "default";r=1;t=300'
        watch.seconds += 1
        assert (await fetch(sandbox, path))[0] == 200
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Retry-After"]) == (429, "299")
        assert headers["Ratelimit"] == '"burst";r=1;t=1, "default";r=0;t=299'


async def test_limits_may_come_in_separate_lines(raw: Raw) -> None:
    """Every limit can have a header line of its own, also beside a fault's other fields."""
    async with Sandbox(limits=[BURST, DEFAULT], separate_ratelimit_lines=True) as sandbox:
        sandbox.faults.add(Fault(headers={"X-More": "yes"}))
        head, _, _ = await raw(sandbox, f"/accounts/{sandbox.account_ids[0]}/billing/profile")
        lines = [line for line in head.decode().split("\r\n") if line.startswith("Ratelimit")]
        assert lines == [
            'Ratelimit: "burst";r=1;t=1',
            'Ratelimit: "default";r=2;t=300',
            'Ratelimit-Policy: "burst";q=2;w=1',
            'Ratelimit-Policy: "default";q=3;w=300',
        ]
        assert b"X-More: yes" in head


async def test_another_consumer_is_bound_by_every_limit(fetch: Fetch) -> None:
    """Another process cannot use more at once than the smallest limit lets through."""
    watch = Stopwatch()
    async with Sandbox(limits=[BURST, DEFAULT], clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.consume(100)
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Ratelimit"]) == (429, '"burst";r=0;t=1, "default";r=1;t=300')


def test_the_name_of_a_limit_needs_no_escape() -> None:
    """A name that a quoted string could not hold as it is, is a mistake of the test."""
    with pytest.raises(ValueError, match="name"):
        Limit('"', 1, 1)


async def test_a_lock_out_ends_only_with_its_release(fetch: Fetch) -> None:
    """One credential is refused with the same seconds however long it waits; others are not."""
    watch = Stopwatch()
    async with Sandbox(tokens=2, clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        other = {"Authorization": f"Bearer {sandbox.api_tokens[1]}"}
        sandbox.lock_out()
        for _ in range(3):
            status, headers, body = await fetch(sandbox, path)
            assert (status, headers["Retry-After"]) == (429, "300")
            assert headers["Ratelimit"] == '"default";r=1200;t=300'
            assert b"10040" in body
            watch.seconds += 300
        assert (await fetch(sandbox, path, None, other))[0] == 200
        sandbox.release()
        sandbox.release()
        assert (await fetch(sandbox, path))[0] == 200


@pytest.mark.parametrize("quota", [1200, None])
async def test_a_lock_out_may_say_nothing(fetch: Fetch, quota: int | None) -> None:
    """A 429 may come with neither `Retry-After` nor a quota, for the legacy credential too."""
    async with Sandbox(quota=quota) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        legacy = {"X-Auth-Email": sandbox.email, "X-Auth-Key": sandbox.api_key}
        sandbox.lock_out(sandbox.api_key, retry_after=None)
        status, headers, _ = await fetch(sandbox, path, None, legacy)
        assert status == 429
        assert not {"Retry-After", "Ratelimit", "Ratelimit-Policy"} & set(headers)
        assert (await fetch(sandbox, path))[0] == 200


@pytest.mark.parametrize(
    ("skew", "shown", "moment"),
    [
        (0.0, "Tue, 20 May 2025 00:00:00 GMT", "Tue, 20 May 2025 00:05:00 GMT"),
        (3600.5, "Tue, 20 May 2025 01:00:00 GMT", "Tue, 20 May 2025 01:05:00 GMT"),
        (-86400, "Mon, 19 May 2025 00:00:00 GMT", "Mon, 19 May 2025 00:05:00 GMT"),
    ],
)
async def test_retry_after_may_be_a_date_of_a_skewed_clock(
    fetch: Fetch, skew: float, shown: str, moment: str
) -> None:
    """`Retry-After` and `Date` agree with each other, whatever the clock behind them says."""
    clock = Stopwatch().clock()
    async with Sandbox(retry_after_dates=True, clock_skew=skew, clock=clock) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.lock_out()
        _, headers, _ = await fetch(sandbox, path)
        assert (headers["Date"], headers["Retry-After"]) == (shown, moment)
        sandbox.release()
        sandbox.faults.add(Fault(status=503, retry_after=300), Fault(retry_after="soon"))
        assert (await fetch(sandbox, path))[1]["Retry-After"] == moment
        assert (await fetch(sandbox, path))[1]["Retry-After"] == "soon"


async def test_a_bucket_refills_steadily(fetch: Fetch) -> None:
    """A bucket is full at first, gives one request back after each share of the window."""
    watch = Stopwatch()
    async with Sandbox(quota=4, window=60, quota_kind="bucket", clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        told = []
        for _ in range(4):
            status, headers, _ = await fetch(sandbox, path)
            told.append((status, headers["Ratelimit"]))
        expected = [(3, 15), (2, 30), (1, 45), (0, 60)]
        assert told == [(200, f'"default";r={r};t={t}') for r, t in expected]
        watch.seconds += 10
        status, headers, _ = await fetch(sandbox, path)
        assert (status, headers["Retry-After"]) == (429, "5")
        assert headers["Ratelimit"] == '"default";r=0;t=60'
        watch.seconds += 5
        assert (await fetch(sandbox, path))[0] == 200
        watch.seconds += 3600
        assert (await fetch(sandbox, path))[1]["Ratelimit"] == '"default";r=3;t=15'


async def test_another_consumer_takes_from_the_bucket(fetch: Fetch) -> None:
    """What another process uses is gone until it is refilled."""
    watch = Stopwatch()
    async with Sandbox(quota=10, window=60, quota_kind="bucket", clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.consume(7)
        assert (await fetch(sandbox, path))[1]["Ratelimit"] == '"default";r=2;t=48'
        sandbox.consume(5)
        assert (await fetch(sandbox, path))[0] == 429


@pytest.mark.parametrize("tells", [True, False])
async def test_a_window_may_be_told_by_no_header(fetch: Fetch, *, tells: bool) -> None:
    """The quota is enforced all the same; whether a refusal says for how long can be chosen."""
    watch = Stopwatch()
    async with Sandbox(
        quota=2, quota_kind="no_header", quota_retry_after=tells, clock=watch.clock()
    ) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        answers = [await fetch(sandbox, path) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        names = {name for _, headers, _ in answers for name in headers}
        assert not {"Ratelimit", "Ratelimit-Policy"} & names
        assert answers[2][1].get("Retry-After") == ("300" if tells else None)


async def test_a_header_may_tell_nothing(fetch: Fetch) -> None:
    """A silent header says each time that all but one is left, also when all is refused."""
    watch = Stopwatch()
    async with Sandbox(quota=2, quota_kind="silent", clock=watch.clock()) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        answers = [await fetch(sandbox, path) for _ in range(3)]
        assert [status for status, _, _ in answers] == [200, 200, 429]
        assert {headers["Ratelimit"] for _, headers, _ in answers} == {'"default";r=1;t=1'}
        policies = {headers["Ratelimit-Policy"] for _, headers, _ in answers}
        assert policies == {'"default";q=2;w=300'}


@pytest.mark.parametrize("kind", ["window", "bucket"])
async def test_a_lock_out_may_last_a_window_from_the_refusal(fetch: Fetch, kind: QuotaKind) -> None:
    """Every call is refused until then, the refused ones make it no longer, then all is back."""
    watch = Stopwatch()
    async with Sandbox(
        quota=2, window=60, quota_kind=kind, lockout="five_minutes", clock=watch.clock()
    ) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        sandbox.consume(2)
        watch.seconds += 20
        for wait in ("60", "10"):
            status, headers, _ = await fetch(sandbox, path)
            assert (status, headers["Retry-After"]) == (429, wait)
            watch.seconds += 50
        watch.seconds -= 40
        assert (await fetch(sandbox, path))[0] == 200
        sandbox.consume(1)
        assert (await fetch(sandbox, path))[0] == 429
        sandbox.release()
        watch.seconds += 60
        assert (await fetch(sandbox, path))[0] == 200


@pytest.mark.parametrize("kind", get_args(QuotaKind))
@pytest.mark.parametrize("lockout", get_args(Lockout))
async def test_a_stranger_is_never_locked_out(
    fetch: Fetch, kind: QuotaKind, lockout: Lockout
) -> None:
    """However the quota is counted, it is counted for credentials only."""
    async with Sandbox(quota=1, quota_kind=kind, lockout=lockout) as sandbox:
        path = f"/accounts/{sandbox.account_ids[0]}/billing/profile"
        assert [(await fetch(sandbox, path, None, {}))[0] for _ in range(3)] == [401] * 3
