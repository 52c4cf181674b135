"""Three workers with one token on a queue, two of them killed, by each reading of the quota."""

from __future__ import annotations

import asyncio
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import get_args

from benchmarks.harness.figures import Figure, Setup, at_most
from benchmarks.harness.queue.job import QueueJob, stored_alone
from benchmarks.harness.queue.run import QueueOutcome, run_queue
from benchmarks.harness.redis import REDIS_SERVER
from cfbilling.sandbox.rules.rate_limits import Lockout, QuotaKind

__all__ = ["workers"]

_APART = 5.0
"""Seconds between the beginnings of jobs, so that the processors are busy with one at a time."""
_TOLD = ("window", "bucket")
_RECIPES_RESERVE = 12
# They do not fill their last window: what a killed worker had fetched is fetched again.
_UNITS = 228


def _job(kind: QuotaKind, lockout: Lockout, *, quick: bool) -> QueueJob:
    if quick:
        return QueueJob(kind, lockout, requests=24, seconds=5, units=30, kills=False)
    job = QueueJob(kind, lockout, requests=96, seconds=40, units=_UNITS)
    if kind in _TOLD:
        return replace(job, unused=_RECIPES_RESERVE)
    # Where nothing is told, each leaves the two others their share.
    return replace(job, reserve=2 * job.requests // 3)


async def _run(jobs: list[QueueJob]) -> list[QueueOutcome]:
    """Run jobs side by side: most of their time they wait."""
    ready = asyncio.Barrier(len(jobs))

    async def turn(number: int) -> None:
        await ready.wait()
        await asyncio.sleep(number * _APART)

    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(run_queue(job, partial(turn, number)))
            for number, job in enumerate(jobs)
        ]
    return [task.result() for task in tasks]


def workers(setup: Setup) -> Iterator[Figure]:
    """Measure the README's recipe for SAQ, by each reading of the quota and with each lock-out."""
    if shutil.which(REDIS_SERVER) is None or importlib.util.find_spec("saq") is None:
        print(f"workers: needs {REDIS_SERVER} and the extra recipes", file=sys.stderr)
        return
    jobs = [
        _job(kind, lockout, quick=setup.quick)
        for lockout in get_args(Lockout)
        for kind in get_args(QuotaKind)
    ]
    alone = asyncio.run(stored_alone(jobs[0].units))
    for job, outcome in zip(jobs, asyncio.run(_run(jobs)), strict=True):
        yield from _figures(job, outcome, alone)


def _figures(job: QueueJob, outcome: QueueOutcome, alone: dict[str, bytes]) -> Iterator[Figure]:
    name = f"{job.kind}, {job.lockout}"
    lost = len(alone.keys() - outcome.objects.keys())
    other = sum(1 for key, found in outcome.objects.items() if found != alone.get(key))
    yield Figure(f"{name}: time against the least", outcome.wall / job.least, "x", at_most(1.05))
    yield Figure(f"{name}: refusals", outcome.told.refusals, "")
    yield Figure(f"{name}: workers killed", outcome.killed, "")
    yield Figure(f"{name}: units fetched twice", outcome.told.doubled, "")
    yield Figure(f"{name}: units lost", lost, "", at_most(0))
    yield Figure(f"{name}: objects unlike one process's", other, "", at_most(0))
