"""Many accounts of one tiny body each: against as many requests of one account, and by credential.

Many accounts may have one credential, or each its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace

from benchmarks.harness.consumer import Job, run_alone
from benchmarks.harness.figures import Figure, Setup, at_least, at_most
from benchmarks.harness.servers import Work
from benchmarks.harness.stopwatch import Rounds, in_turn
from cfbilling import ApiToken, BillingClient

__all__ = ["fanout"]

_IN_FLIGHT = 16
_MIB = 1024 * 1024


async def _measured(work: Work, requests: int, rounds: int) -> dict[str, Rounds]:
    """Time both ways to make so many requests; each chunk of the one account is one day."""
    days, ids = work.over(requests), list(work.account_ids(requests))
    async with BillingClient(
        ApiToken(work.api_token), base_url=work.base_url, concurrency=_IN_FLIGHT, chunk_days=1
    ) as client:

        async def many() -> None:
            count = 0
            async for _, records in client.fan_out(ids, work.start, work.end).batches():
                count += len(records)
            assert count == requests, count

        async def one() -> None:
            count = 0
            async for records in client.usage(days.account_id, days.start, days.end).batches():
                count += len(records)
            assert count == requests, count

        return await in_turn(rounds, {"many": many, "one": one})


def _by_credential(work: Work, accounts: int, rounds: int) -> Iterator[Figure]:
    """Measure the same accounts with one credential for all, and with one for each."""
    cpu: dict[bool, float] = {}
    for own in (False, True):
        name = f"{accounts:,} credentials" if own else "one credential"
        job = Job(work, accounts=accounts, own_credentials=own, concurrency=_IN_FLIGHT)
        cpu[own] = min(run_alone(job).cpu for _ in range(rounds)) / accounts
        yield Figure(f"{name}: CPU per request", cpu[own] * 1e6, "us")
        report = run_alone(replace(job, watch=True))
        yield Figure(f"{name}: longest stall", report.longest_stall * 1e3, "ms")
        yield Figure(f"{name}: most CPU in one turn", report.longest_work * 1e3, "ms")
    yield Figure("CPU of a credential for each against one", cpu[True] / cpu[False], "x")


def fanout(setup: Setup) -> Iterator[Figure]:
    """Measure a fan-out's request rate, and its memory as the accounts become more."""
    requests = 500 if setup.quick else 10_000
    sizes = (100, 500, 2500) if setup.quick else (1000, 10_000, 100_000)
    work = setup.servers.many_accounts(sizes[-1], tokens=requests)
    costs = asyncio.run(_measured(work, requests, rounds=3))
    many, one = costs["many"], costs["one"]
    yield Figure(f"{requests:,} accounts, requests per second", requests / many.wall, "1/s")
    yield Figure("one account, as many requests per second", requests / one.wall, "1/s")
    yield Figure("many accounts, CPU per request", many.cpu / requests * 1e6, "us")
    yield Figure("one account, CPU per request", one.cpu / requests * 1e6, "us")
    yield Figure("rate of many against one", one.times(many), "x", at_least(0.9))
    yield Figure("CPU of many against one", many.times(one, "cpu"), "x", at_most(1.2))
    yield from _by_credential(work, requests, rounds=1 if setup.quick else 2)
    growth: list[int] = []
    for accounts in sizes:
        report = run_alone(Job(work, accounts=accounts, concurrency=_IN_FLIGHT))
        growth.append(report.growth)
        yield Figure(f"{accounts:,} accounts: memory growth", report.growth / _MIB, "MiB")
    more = (growth[-1] - growth[0]) / _MIB
    yield Figure(f"{sizes[-1]:,} accounts more than {sizes[0]:,}", more, "MiB", at_most(1))
