"""What a record costs as the body that holds it grows."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.harness.consumer import Job, run_alone
from benchmarks.harness.figures import Figure, Setup, at_most
from benchmarks.harness.servers import Work

__all__ = ["growth"]

# Records per day and days: about a kilobyte each.
_SIZES = {
    "10 KB": (1, 10),
    "100 KB": (10, 10),
    "1 MB": (100, 10),
    "10 MB": (330, 31),
    "100 MB": (3300, 31),
    "1 GB": (33_000, 31),
}
_QUICK = ("10 KB", "100 KB", "1 MB")
_RECORDS = 100_000
_MOST_REQUESTS = 1000
_SMALL_SHARE = 0.05


def _cpu_per_request(work: Work, rounds: int) -> float:
    times = min(_MOST_REQUESTS, max(1, _RECORDS // max(1, work.records)))
    job = Job(work, warm_ups=0 if times == 1 else 1, times=times)
    return min(run_alone(job).cpu for _ in range(rounds)) / times


def growth(setup: Setup) -> Iterator[Figure]:
    """Measure the processor time of one record, in bodies of about 10 KB to 1 GB of JSON."""
    rounds = 1 if setup.quick else 3
    sizes = {size: _SIZES[size] for size in (_QUICK if setup.quick else _SIZES)}
    nothing, _ = setup.servers.work(0, 1)
    fixed = _cpu_per_request(nothing, rounds)
    yield Figure("a request for nothing", fixed * 1e6, "us")
    costs: dict[str, float] = {}
    shares: dict[str, float] = {}
    for size, (records_per_day, days) in sizes.items():
        work, _ = setup.servers.work(records_per_day, days)
        cpu = _cpu_per_request(work, rounds)
        costs[size], shares[size] = cpu / work.records, fixed / cpu
        yield Figure(f"{size}: CPU per record", costs[size] * 1e6, "us")
    reference = next((size for size in sizes if shares[size] < _SMALL_SHARE), list(sizes)[-1])
    larger = list(sizes)[list(sizes).index(reference) :]
    for size in larger[1:]:
        yield Figure(f"{size} against {reference}", costs[size] / costs[reference], "x")
    dearest = max(costs[size] for size in larger) / costs[reference]
    yield Figure(f"dearest against {reference}", dearest, "x", at_most(1.2))
