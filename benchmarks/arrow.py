"""One large body into Arrow: against its records, and against columns made of those."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from statistics import median

from benchmarks.harness.consumer import Job, run_alone
from benchmarks.harness.contenders import Ours
from benchmarks.harness.figures import Figure, Setup, at_least, at_most
from benchmarks.harness.servers import Work
from benchmarks.harness.stopwatch import Rounds, in_turn
from cfbilling import UsageRecord
from cfbilling.arrow import RecordColumns

__all__ = ["arrow"]

_WAYS = ("arrow()", "records", "records to columns")


@dataclass(frozen=True)
class _Columns:
    """The ways to columns of one request."""

    ours: Ours

    async def arrow(self) -> None:
        """Take them from the stream."""
        work, rows = self.ours.work, 0
        async for batch in self.ours.client.usage(work.account_id, work.start, work.end).arrow():
            rows += batch.num_rows
        assert rows == work.records

    async def by_records(self) -> None:
        """Make them of records, as Parquet files were written before."""
        work, rows, columns = self.ours.work, 0, RecordColumns(UsageRecord)
        async for records in self.ours.client.usage(
            work.account_id, work.start, work.end
        ).batches():
            rows += columns.batch(records).num_rows
        assert rows == work.records

    async def check(self) -> None:
        """Assert that both are the same."""
        work = self.ours.work
        table = await self.ours.client.usage(work.account_id, work.start, work.end).table()
        expected = RecordColumns(UsageRecord).batch(await self.ours.collect())
        assert [expected] == table.combine_chunks().to_batches()


async def _measured(work: Work, rounds: int) -> dict[str, Rounds]:
    async with Ours.client_for(work) as client:
        ours = Ours(client, work)
        columns = _Columns(ours)
        await columns.check()
        ways: tuple[Callable[[], Awaitable[object]], ...]
        ways = columns.arrow, ours.batches, columns.by_records
        return await in_turn(rounds, dict(zip(_WAYS, ways, strict=True)))


def arrow(setup: Setup) -> Iterator[Figure]:
    """Measure one body of about 10 MB of JSON, and the loop's stalls with one of 100 MB."""
    work, _ = setup.servers.work(33 if setup.quick else 330, 31)
    costs = asyncio.run(_measured(work, rounds=3 if setup.quick else 12))
    for way, cost in costs.items():
        yield Figure(f"{way}, records per second", work.records / cost.wall, "1/s")
        yield Figure(f"{way}, CPU per record", cost.cpu / work.records * 1e6, "µs")
    ours, records, before = (costs[way] for way in _WAYS)
    aim = at_least(1.5)
    yield Figure("arrow() against records to columns", before.times(ours), "x", aim)
    yield Figure("the same, CPU", before.times(ours, "cpu"), "x")
    yield Figure("arrow() against records alone, time", ours.times(records), "x")
    large, _ = setup.servers.work(330 if setup.quick else 3300, 31)
    times = 1 if setup.quick else 3
    # A busy thread beside an idle loop, as the reader's is: what the machine alone does to a loop.
    busy = [run_alone(Job(large, "busy", watch=True)) for _ in range(times)]
    stall = median(report.longest_stall for report in busy)
    yield Figure("idle loop beside a busy thread: longest stall", stall * 1e3, "ms")
    # The first stream of a process also pays for the import of pyarrow.
    job = Job(large, "arrow", warm_ups=1, watch=True)
    reports = [run_alone(job) for _ in range(times)]
    stall = median(report.longest_stall for report in reports)
    yield Figure("arrow(): longest stall, median", stall * 1e3, "ms", at_most(5))
    work_of = median(report.longest_work for report in reports)
    yield Figure("arrow(): most CPU in one turn, median", work_of * 1e3, "ms")
    peak = max(report.growth for report in reports)
    yield Figure("arrow(): memory growth from one stream to the next", peak / 2**20, "MiB")
    first = run_alone(Job(large, "arrow"))
    yield Figure("arrow(): memory growth, import of pyarrow included", first.growth / 2**20, "MiB")
