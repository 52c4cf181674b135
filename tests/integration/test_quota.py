"""The quota, end to end: used to the last request, and never exceeded."""

from __future__ import annotations

import asyncio
from datetime import date

import pytest

from cfbilling import ApiToken, BillingClient, Clock, RateLimited, RetryPolicy
from cfbilling.events import Event, QuotaPaused
from cfbilling.sandbox import Clock as SandboxClock
from cfbilling.sandbox import Fault, Sandbox
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
