"""The quota, end to end: used to the last request, and never exceeded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import date

import pytest

from cfbilling import (
    AccountFailure,
    ApiToken,
    BillingClient,
    Clock,
    RateLimited,
    RetryPolicy,
)
from cfbilling.events import Event, QuotaPaused
from cfbilling.sandbox import Clock as SandboxClock
from cfbilling.sandbox import Fault, Limit, Sandbox
from tests.conftest import ClientMaker


class SharedTime:
    """One time for client and sandbox, which moves when everybody waits."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.client = Clock(monotonic=lambda: self.seconds, sleep=self._sleep)
        self.sandbox = SandboxClock(monotonic=lambda: self.seconds)

    async def _sleep(self, seconds: float) -> None:
        until = self.seconds + seconds
        # What is under way is answered before time goes on.
        for _ in range(200):
            await asyncio.sleep(0)
        self.seconds = max(self.seconds, until)


@pytest.mark.parametrize("concurrency", [1, 3, 8])
async def test_twenty_quotas_take_nineteen_windows(concurrency: int) -> None:
    """Alone with its token, a job uses every request of every window and is never refused."""
    time = SharedTime()
    async with (
        Sandbox(accounts=200, quota=10, window=60, clock=time.sandbox) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token),
            base_url=sandbox.base_url,
            clock=time.client,
            concurrency=concurrency,
        ) as client,
    ):
        day = date(2025, 1, 1), date(2025, 1, 2)
        seen = {account async for account, _ in client.fan_out(sandbox.account_ids, *day)}
        assert set(sandbox.account_ids) == seen
        assert {200: 200} == dict(sandbox.statuses)
        assert time.seconds <= 19 * 60 * 1.05
        assert client.stats.paused <= 19 * 60 * 1.05


async def test_a_token_that_others_use_is_refused_about_once_a_window() -> None:
    """When somebody else spends the same quota, nothing is lost, and refusals stay few.

    The first window may refuse all that was in flight; after that it is one in a window.
    """
    time = SharedTime()
    async with (
        Sandbox(accounts=120, quota=20, window=60, clock=time.sandbox) as sandbox,
        BillingClient(
            ApiToken(sandbox.api_token), base_url=sandbox.base_url, clock=time.client
        ) as client,
    ):
        day = date(2025, 1, 1), date(2025, 1, 2)
        seen = set()
        async for account, _ in client.fan_out(sandbox.account_ids, *day):
            if account not in seen:
                sandbox.consume(1)
            seen.add(account)
        assert set(sandbox.account_ids) == seen
        windows = time.seconds / 60 + 1
        assert sandbox.statuses[429] <= windows + 8


async def test_a_lock_out_is_waited_for_together(client_for: ClientMaker) -> None:
    """After one refusal, everything under the credential waits once, and one goes ahead."""
    events: list[Event] = []
    time = SharedTime()
    async with (
        Sandbox(accounts=30, quota=None, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client, observer=events.append) as client,
    ):
        sandbox.faults.add(Fault(status=429, retry_after=120))
        day = date(2025, 1, 1), date(2025, 1, 2)
        seen = {account async for account, _ in client.fan_out(sandbox.account_ids, *day)}
        assert set(sandbox.account_ids) == seen
        assert sandbox.statuses[429] == 1
        assert len([event for event in events if isinstance(event, QuotaPaused)]) == 1


async def test_a_lock_out_beyond_the_budget_fails_everything_at_once(
    client_for: ClientMaker,
) -> None:
    """A lock-out longer than the budget is an error for all, not a wait."""
    time = SharedTime()
    policy = RetryPolicy(attempts=2, budget=100)
    async with (
        Sandbox(accounts=3, quota=None, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client, retry=policy) as client,
    ):
        sandbox.faults.add(Fault(status=429, retry_after=5000))
        for account in sandbox.account_ids:
            with pytest.raises(RateLimited) as caught:
                await client.billing_profile(account)
            assert caught.value.retry_after in {5000, 300}
        assert len(sandbox.requests) == 1
        assert time.seconds == 0


@pytest.mark.parametrize("accounts", [8, 24])
@pytest.mark.parametrize("retry_after", [300, None])
async def test_a_lock_out_for_good_ends_with_the_budget(
    client_for: ClientMaker, accounts: int, retry_after: int | None
) -> None:
    """However many wait for a token that is never let in again, each gives up within its budget."""
    time = SharedTime()
    async with (
        Sandbox(accounts=accounts, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client, retry=RetryPolicy()) as client,
    ):
        sandbox.lock_out(retry_after=retry_after)
        calls = map(client.billing_profile, sandbox.account_ids)
        errors = await asyncio.gather(*calls, return_exceptions=True)
        assert {RateLimited} == set(map(type, errors))
        assert time.seconds <= 600


async def test_a_fan_out_under_a_lock_out_for_good_names_everyone(client_for: ClientMaker) -> None:
    """A fan-out over a token that is never let in again ends, and has named every account."""
    time = SharedTime()
    async with (
        Sandbox(accounts=40, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client, retry=RetryPolicy()) as client,
    ):
        sandbox.lock_out(retry_after=300)
        day = date(2025, 1, 1), date(2025, 1, 2)
        items = client.fan_out(sandbox.account_ids, *day, on_error="yield")
        failed = [item.account_id async for item in items if isinstance(item, AccountFailure)]
        assert sorted(sandbox.account_ids) == sorted(failed)
        assert time.seconds <= 600 * 40 / 4
        assert client._opened().fetcher.limiter(ApiToken(sandbox.api_token))._unanswered == 0


async def _settled() -> None:
    """Let everything happen that needs no event: also the waits of a `SharedTime`."""
    for _ in range(1_000):
        await asyncio.sleep(0)


async def test_a_refusal_counts_from_its_head_on(client_for: ClientMaker) -> None:
    """A 429 whose body is yet to come closes for everybody, and then one goes ahead."""
    time, body, probe = SharedTime(), asyncio.Event(), asyncio.Event()
    async with (
        Sandbox(accounts=8, quota=None, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client) as client,
    ):
        sandbox.faults.add(
            Fault(status=429, retry_after=30, hold_at=0, until=body), Fault(until=probe)
        )
        first, *others = sandbox.account_ids
        calls = [asyncio.ensure_future(client.billing_profile(first))]
        await _settled()
        calls += [asyncio.ensure_future(client.billing_profile(other)) for other in others]
        await _settled()
        assert (2, 30) == (len(sandbox.requests), time.seconds)
        body.set()
        await _settled()
        assert (2, 30) == (len(sandbox.requests), time.seconds)
        probe.set()
        await asyncio.gather(*calls)
        assert {429: 1, 200: 8} == dict(sandbox.statuses)
        assert time.seconds == 30


async def test_a_refusal_by_code_alone_lets_nobody_follow(client_for: ClientMaker) -> None:
    """When the one that goes ahead gets a 403, its body decides whether the others may follow."""
    time, body = SharedTime(), asyncio.Event()
    async with (
        Sandbox(accounts=8, quota=None, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client) as client,
    ):
        sandbox.faults.add(
            Fault(status=429, retry_after=30),
            Fault(status=403, error_codes=(10040,), retry_after=20, hold_at=0, until=body),
        )
        first, *others = sandbox.account_ids
        calls = [asyncio.ensure_future(client.billing_profile(first))]
        for _ in range(50):
            await asyncio.sleep(0)
        calls += [asyncio.ensure_future(client.billing_profile(other)) for other in others]
        await _settled()
        assert (2, 30) == (len(sandbox.requests), time.seconds)
        body.set()
        await asyncio.gather(*calls)
        assert {429: 1, 403: 1, 200: 8} == dict(sandbox.statuses)
        assert time.seconds == 50


@pytest.mark.parametrize("told", [{}, {"Ratelimit": '"default";r=50;t=60'}], ids=["200", "quota"])
async def test_a_straggler_opens_nothing(client_for: ClientMaker, told: dict[str, str]) -> None:
    """While one goes ahead, an answer to what was sent before the refusal lets nobody follow."""
    time, late, probe = SharedTime(), asyncio.Event(), asyncio.Event()
    async with (
        Sandbox(accounts=8, quota=None, clock=time.sandbox) as sandbox,
        client_for(sandbox, clock=time.client) as client,
    ):
        straggler, refused, *others = sandbox.account_ids
        sandbox.faults.add(
            Fault(scope_id=straggler, until=late, headers=told),
            Fault(scope_id=refused, status=429, retry_after=30),
            Fault(until=probe),
        )
        calls = []
        for account in (straggler, refused, *others):
            calls.append(asyncio.ensure_future(client.billing_profile(account)))
            for _ in range(50):
                await asyncio.sleep(0)
        await _settled()
        assert (3, 30) == (len(sandbox.requests), time.seconds)
        late.set()
        await calls[0]
        await _settled()
        assert (3, 30) == (len(sandbox.requests), time.seconds)
        probe.set()
        await asyncio.gather(*calls)
        assert {429: 1, 200: 8} == dict(sandbox.statuses)


@pytest.mark.parametrize("separate_lines", [False, True])
async def test_all_limits_are_kept(client_for: ClientMaker, *, separate_lines: bool) -> None:
    """With a short and a long limit, in one header line or two, neither is ever exceeded."""
    time = SharedTime()
    limits = [Limit("burst", 5, 10), Limit("long", 20, 60)]
    async with (
        Sandbox(
            accounts=60,
            limits=limits,
            separate_ratelimit_lines=separate_lines,
            clock=time.sandbox,
        ) as sandbox,
        client_for(sandbox, clock=time.client, concurrency=4) as client,
    ):
        day = date(2025, 1, 1), date(2025, 1, 2)
        seen = {account async for account, _ in client.fan_out(sandbox.account_ids, *day)}
        assert set(sandbox.account_ids) == seen
        assert {200: 60} == dict(sandbox.statuses)
        # Two long windows, and three short ones in the third.
        assert time.seconds <= 2 * 60 + 3 * 10


def _releasing(sandbox: Sandbox, after: int, pauses: list[float]) -> Callable[[Event], None]:
    def observe(event: Event) -> None:
        if isinstance(event, QuotaPaused):
            pauses.append(event.seconds)
            if len(pauses) == after:
                sandbox.release()

    return observe


async def test_a_refusal_that_tells_nothing_is_followed_by_one_at_a_time(
    client_for: ClientMaker,
) -> None:
    """After 429 with no wish and no quota, pauses double, and one request tries after each."""
    time, pauses = SharedTime(), list[float]()
    sandbox = Sandbox(accounts=30, clock=time.sandbox)
    observer = _releasing(sandbox, 4, pauses)
    retry = RetryPolicy(initial_wait=8)
    async with (
        sandbox,
        client_for(sandbox, clock=time.client, observer=observer, retry=retry) as client,
    ):
        assert (await client.billing_profile(sandbox.account_ids[0])).id
        sandbox.lock_out(retry_after=None)
        day = date(2025, 1, 1), date(2025, 1, 2)
        seen = {account async for account, _ in client.fan_out(sandbox.account_ids, *day)}
        assert set(sandbox.account_ids) == seen
        assert len(pauses) == 4
        most = [8, 16, 30, 30]
        assert all(m / 2 <= pause <= m for m, pause in zip(most, pauses, strict=True))
        # What was in flight when the lock-out began, and then one after each pause.
        assert sandbox.statuses[429] <= 8 + 3


@pytest.mark.parametrize("skew", [-3600, 0, 3600])
async def test_a_date_is_counted_from_the_service_s_clock(
    client_for: ClientMaker, skew: float
) -> None:
    """A Retry-After that is a date is waited for as long as the service means."""
    time, pauses = SharedTime(), list[float]()
    sandbox = Sandbox(retry_after_dates=True, clock_skew=skew, clock=time.sandbox)
    observer = _releasing(sandbox, 1, pauses)
    async with sandbox, client_for(sandbox, clock=time.client, observer=observer) as client:
        sandbox.lock_out(retry_after=120)
        assert (await client.billing_profile(sandbox.account_ids[0])).id
        # A date has whole seconds.
        assert 119 <= time.seconds <= 121
        assert {429: 1, 200: 1} == dict(sandbox.statuses)


async def test_the_client_counts_what_it_does(client_for: ClientMaker) -> None:
    """The counters tell requests, retries, pauses, bytes, chunks and records."""
    async with Sandbox() as sandbox, client_for(sandbox) as client:
        sandbox.faults.add(Fault(status=503))
        account = sandbox.account_ids[0]
        records = await client.usage(account, "2025-01-01", "2025-03-01").collect()
        stats = client.stats
        assert (3, 1, 2) == (stats.requests, stats.retries, stats.chunks)
        assert len(records) == stats.records
        assert stats.body_bytes > stats.wire_bytes > 0
        assert stats.longest_slice > 0
        assert stats.paused == 0
