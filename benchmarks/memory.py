"""Growth of resident memory while huge bodies stream."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.harness.consumer import Job, run_alone
from benchmarks.harness.figures import Figure, Setup, at_most

__all__ = ["memory"]

_MIB = 1024 * 1024


def memory(setup: Setup) -> Iterator[Figure]:
    """Measure one body of about 1 GB of JSON, and four at once."""
    work, _ = setup.servers.work(330 if setup.quick else 33_000, 31)
    for at_once, most in ((1, 32), (4, 100)):
        name = "one body" if at_once == 1 else f"{at_once} bodies at once"
        report = run_alone(Job(work, at_once=at_once))
        yield Figure(f"{name}: memory growth", report.growth / _MIB, "MiB", at_most(most))
        rate = at_once * work.records / report.wall
        yield Figure(f"{name}: records per second", rate, "1/s")
