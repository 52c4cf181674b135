"""The longest that the event loop stands still while a large body streams."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.harness.consumer import Job, Report, Way, run_alone
from benchmarks.harness.figures import Figure, Setup, at_most
from benchmarks.harness.servers import Work

__all__ = ["stall"]

_AIM = at_most(5)

_WAYS: dict[str, Way] = {"batches()": "batches", "async for": "one_by_one"}


def _watched(work: Work, way: Way, times: int, *, warm: bool = False) -> list[Report]:
    job = Job(work, way, warm_ups=int(warm), watch=True)
    return [run_alone(job) for _ in range(times)]


def stall(setup: Setup) -> Iterator[Figure]:
    """Measure a body of about 100 MB of JSON with default settings, in new processes.

    The first stream of a process also pays for what is made once; it is measured by itself. Then a
    year of 31-day chunks, each of about 20 MB, of which as many arrive at once as are in flight.
    """
    work, _ = setup.servers.work(330 if setup.quick else 3300, 31)
    times = 1 if setup.quick else 3
    idle = _ms(_watched(work, "idle", times), "longest_stall")
    yield Figure("idle loop: longest stall, the machine's own", median(idle), "ms")
    for name, way in _WAYS.items():
        for which in ("first", "second"):
            reports = _watched(work, way, times, warm=which == "second")
            yield from _figures(f"{name}, {which} stream", reports)
    year, _ = setup.servers.work(60 if setup.quick else 600, 365)
    yield from _figures("12 chunks, 8 at once", _watched(year, "batches", times))


def _figures(what: str, reports: list[Report]) -> Iterator[Figure]:
    times, stalls = len(reports), _ms(reports, "longest_stall")
    yield Figure(f"{what}: longest stall, median of {times}", median(stalls), "ms", _AIM)
    yield Figure(f"{what}: longest stall, worst of {times}", max(stalls), "ms")
    works = _ms(reports, "longest_work")
    yield Figure(f"{what}: most CPU in one turn, median", median(works), "ms")
    yield Figure(f"{what}: p99, median", median(_ms(reports, "p99_stall")), "ms")


def _ms(reports: list[Report], name: str) -> list[float]:
    return [getattr(report, name) * 1e3 for report in reports]
