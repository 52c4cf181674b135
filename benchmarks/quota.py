"""Twenty quotas in no more than their time, alone with the token and beside another consumer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import perf_counter

import aiohttp

from benchmarks.harness.figures import Figure, Setup, at_most
from benchmarks.harness.servers import Quota, Work
from cfbilling import ApiToken, BillingClient, RateLimited
from cfbilling.events import Event, RetryScheduled

__all__ = ["quota"]

_WINDOWS = 20
_SHARED_WINDOWS = 8
_OTHERS_SHARE = 0.25


@dataclass(frozen=True)
class _Outcome:
    """What a job took.

    Attributes:
        wall: Seconds that passed.
        refusals: How many of its requests were answered 429.
    """

    wall: float
    refusals: int


async def _job(work: Work, requests: int) -> _Outcome:
    refusals = 0

    def note(event: Event) -> None:
        nonlocal refusals
        refusals += isinstance(event, RetryScheduled) and isinstance(event.error, RateLimited)

    async with BillingClient(
        ApiToken(work.api_token), base_url=work.base_url, observer=note
    ) as client:
        began, count = perf_counter(), 0
        ids = work.account_ids(requests)
        async for _, records in client.fan_out(ids, work.start, work.end).batches():
            count += len(records)
        assert count == requests, count
        return _Outcome(perf_counter() - began, refusals)


@asynccontextmanager
async def _other_consumer(work: Work, interval: float) -> AsyncIterator[None]:
    """Spend the same token's quota steadily, whatever is answered."""

    async def spend(session: aiohttp.ClientSession) -> None:
        while True:
            async with session.get(work.url, headers=work.headers) as response:
                await response.read()
            await asyncio.sleep(interval)

    async with aiohttp.ClientSession() as session:
        spending = asyncio.create_task(spend(session))
        try:
            yield
        finally:
            spending.cancel()
            await asyncio.gather(spending, return_exceptions=True)


async def _beside_another(work: Work, requests: int, interval: float) -> _Outcome:
    async with _other_consumer(work, interval):
        # It is somewhere in its window when we come.
        await asyncio.sleep(5 * interval)
        return await _job(work, requests)


def quota(setup: Setup) -> Iterator[Figure]:
    """Measure jobs of many quotas in windows of a few seconds."""
    limit = Quota(requests=100, window=1 if setup.quick else 2)
    windows, shared_windows = (4, 3) if setup.quick else (_WINDOWS, _SHARED_WINDOWS)
    accounts = windows * limit.requests
    one_quota = asyncio.run(_job(setup.servers.many_accounts(accounts), limit.requests)).wall
    least = (windows - 1) * limit.window + one_quota
    # Each job has a server of its own, so that it begins with a whole window.
    alone = asyncio.run(_job(setup.servers.many_accounts(accounts, limit), accounts))
    yield Figure(f"{windows} quotas of {limit.requests} in {limit.window} s", alone.wall, "s")
    yield Figure("the least possible", least, "s")
    yield Figure("time against the least possible", alone.wall / least, "x", at_most(1.05))
    yield Figure("refusals, alone with the token", alone.refusals, "", at_most(0))
    requests = shared_windows * limit.requests
    shared = asyncio.run(
        _beside_another(
            setup.servers.many_accounts(accounts + 1, limit),
            requests,
            limit.window / (_OTHERS_SHARE * limit.requests),
        )
    )
    passed = shared.wall / limit.window
    yield Figure(f"{shared_windows} quotas beside another consumer: windows", passed, "")
    per_window = shared.refusals / max(1, passed)
    yield Figure("refusals per window, beside it", per_window, "", at_most(1))
