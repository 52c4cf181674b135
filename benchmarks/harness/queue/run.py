"""A job from its queue to the store, and what came of it."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from benchmarks.harness.queue.job import QueueJob, count_stored, stored, units_of
from benchmarks.harness.queue.service import Told, service
from benchmarks.harness.queue.workers import working
from benchmarks.harness.recipes import recipe
from benchmarks.harness.redis import redis_server
from cfbilling import WorkUnit

__all__ = ["QueueOutcome", "run_queue"]

_LOOK = 0.1
_PATIENCE = 90.0


@dataclass(frozen=True)
class QueueOutcome:
    """What came of a job.

    Attributes:
        wall: Seconds from the first unit in the queue to the last in the store.
        told: What the service was asked.
        killed: Workers that were killed.
        objects: What is in the store.
    """

    wall: float
    told: Told
    killed: int
    objects: dict[str, bytes]


async def _at_once() -> None:
    pass


async def run_queue(job: QueueJob, turn: Callable[[], Awaitable[None]] = _at_once) -> QueueOutcome:
    """Have three workers do a job by the README's recipe for SAQ, to its end.

    Args:
        job: The job.
        turn: Waited for when all is ready.

    Raises:
        FileNotFoundError: If there is no Redis.
    """
    with redis_server() as url, tempfile.TemporaryDirectory() as folder:
        async with service(job) as asked:
            async with working(job, asked.where, url, folder) as workers:
                await turn()
                units = units_of(asked.where.account_ids, job.units)
                wall = await _done(job, units, url, Path(folder, "costs"))
                killed = workers.killed
            return QueueOutcome(wall, await asked.told(), killed, stored(Path(folder, "costs")))


async def _done(job: QueueJob, units: Sequence[WorkUnit], url: str, folder: Path) -> float:
    """Queue the units, wait until nothing is queued, and return the seconds of the last write."""
    with patch.dict(os.environ, REDIS_URL=url):
        jobs = recipe("SAQ")
    began, wall = time.perf_counter(), 0.0
    await asyncio.gather(*map(jobs.enqueue, units))
    ends = began + 2 * job.least + _PATIENCE
    try:
        # What is being delivered anew is counted nowhere, so the queue alone does not tell.
        while time.perf_counter() < ends and (not wall or await jobs.queue.count("incomplete")):
            await asyncio.sleep(_LOOK)
            if not wall and count_stored(folder) == len(units):
                wall = time.perf_counter() - began
    finally:
        await jobs.queue.disconnect()
    return wall or time.perf_counter() - began
